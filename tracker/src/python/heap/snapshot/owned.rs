//! What an object takes: its block, and the blocks that it owns alone.

use leakgate_capture::heap::NodeKind;

use super::super::super::frames::{self, word};
use super::super::super::objects::{LONGEST_HEADER, LOWEST, Type};
use super::numpy;
use super::shapes::{Attributes, Beside, How, Shape, beside};
use crate::shadow::{self, Block};

const LENGTH: usize = 16;
const LIST_ITEMS: usize = 24;
const DICTIONARY_TABLE: usize = 32;
const DICTIONARY_VALUES: usize = 40;
const SET_TABLE: usize = 40;
const BYTES_BUFFER: usize = 32;
const BYTES_HEADER: usize = 32;
const FIRST_WITH_BYTES: u8 = 15;
const ARRAY_ITEMS: usize = 24;
const DEQUE_FIRST: usize = 24;
const DEQUE_NEXT: usize = 65 * 8;
const DEQUE_ITEMS: usize = 64;
/// Versions from which on the values of an instance are in its own block.
const FIRST_INLINE: u8 = 13;
const FIRST_PREFIXED: u8 = 11;

/// Bytes and site.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) bytes: u64,
    /// Of the largest block.
    pub(super) site: u32,
    largest: u64,
}

impl Owned {
    fn add(&mut self, block: Option<Block>) {
        let Some(block) = block else { return };
        self.bytes += block.size;
        if block.size >= self.largest {
            (self.site, self.largest) = (block.site, block.size);
        }
    }
}

/// The block that an object is in, marked as told; whether it was before.
#[inline(always)]
pub(super) fn block(object: usize, shape: &Shape) -> Option<(Block, bool)> {
    // Nothing of a block is so small that another could begin between its start and the object.
    shadow::tell(object - shape.header).or_else(|| {
        let others = [0, 16, LONGEST_HEADER].into_iter().filter(|header| *header < shape.header);
        others.rev().find_map(|header| shadow::tell(object - header))
    })
}

/// The blocks that an object owns beside its own.
#[inline(always)]
pub(super) fn owned(object: usize, of: Type, shape: &Shape) -> Owned {
    let mut owned = Owned::default();
    if let Attributes::Managed { .. } = shape.attributes {
        values(&mut owned, object, of);
    }
    let field = |offset: usize| {
        // SAFETY: a live object of a type that has a pointer there.
        let at = unsafe { word(object + offset) };
        if at < LOWEST { None } else { shadow::block_at(at) }
    };
    match shape.kind {
        NodeKind::List => owned.add(field(LIST_ITEMS)),
        NodeKind::Dictionary | NodeKind::OrderedDictionary => dictionary(&mut owned, object),
        // A small set's table is part of it.
        NodeKind::Set | NodeKind::FrozenSet => owned.add(field(SET_TABLE)),
        NodeKind::ByteArray => owned.add(field(BYTES_BUFFER).or_else(|| inside_bytes(object))),
        NodeKind::Array => owned.add(field(ARRAY_ITEMS)),
        NodeKind::Deque => deque(&mut owned, object),
        _ if shape.is_numpy_array && numpy::owns(object) => owned.add(field(numpy::BUFFER)),
        _ => {}
    }
    owned
}

/// Since 3.15 the buffer of a byte array is inside a `bytes` object, which is its own.
fn inside_bytes(object: usize) -> Option<Block> {
    if frames::layout().minor < FIRST_WITH_BYTES {
        return None;
    }
    // SAFETY: a live byte array, which has a pointer there.
    let buffer = unsafe { word(object + BYTES_BUFFER) };
    shadow::block_at(buffer.checked_sub(BYTES_HEADER)?)
}

/// The values of an instance that has no dictionary.
fn values(owned: &mut Owned, object: usize, of: Type) {
    if frames::layout().minor >= FIRST_INLINE {
        return;
    }
    // SAFETY: an object of a type with such a dictionary.
    if let Beside::Values(values) = unsafe { beside(object, of) } {
        owned.add(prefixed(values));
    }
}

/// The block of values, whose last byte before them tells how many bytes stand before them.
fn prefixed(values: usize) -> Option<Block> {
    // SAFETY: live values of CPython 3.11 or 3.12.
    let prefix = unsafe { ((values - 1) as *const u8).read() };
    shadow::block_at(values - usize::from(prefix))
}

fn dictionary(owned: &mut Owned, object: usize) {
    // SAFETY: a live dictionary.
    let (table, values) = unsafe { (word(object + DICTIONARY_TABLE), word(object + DICTIONARY_VALUES)) };
    if values == 0 {
        owned.add(shadow::block_at(table));
        return;
    }
    // The keys are the type's.
    let minor = frames::layout().minor;
    let is_prefixed = (FIRST_PREFIXED..FIRST_INLINE).contains(&minor);
    owned.add(if is_prefixed { prefixed(values) } else { shadow::block_at(values) });
}

fn deque(owned: &mut Owned, object: usize) {
    // SAFETY: a live deque: its length, and the first of its blocks.
    let (length, mut block) = unsafe { (word(object + LENGTH), word(object + DEQUE_FIRST)) };
    // One more than needed where it begins in the middle of the first.
    for _ in 0..length / DEQUE_ITEMS + 2 {
        if block < LOWEST {
            return;
        }
        owned.add(shadow::block_at(block));
        let is_whole = shadow::block_at(block).is_some_and(|known| known.size as usize >= DEQUE_NEXT + 8);
        if !is_whole {
            return;
        }
        // SAFETY: a block of a deque, which has that many bytes.
        block = unsafe { word(block + DEQUE_NEXT) };
    }
}

/// How many entries a container has.
pub(super) fn length(object: usize, shape: &Shape) -> Option<u64> {
    let kind = match shape.container {
        None if shape.how == How::Tuple || shape.kind == NodeKind::Tuple => {
            // SAFETY: a live tuple.
            return Some(unsafe { word(object + LENGTH) } as u64);
        }
        kind => kind?,
    };
    // SAFETY: a live container of that kind; below 0 at most for a moment.
    let length = unsafe { word(object + super::super::types::length_offset(kind)) } as i64;
    Some(length.max(0) as u64)
}

/// In what has a descriptor: the descriptor, below 0 once it is closed.
const DESCRIPTOR: usize = 16;

/// The descriptor of what is open.
pub(super) fn descriptor(object: usize, shape: &Shape) -> Option<u64> {
    if shape.kind != NodeKind::Descriptor {
        return None;
    }
    // SAFETY: a live object that begins as a file, a socket or an epoll does.
    let descriptor = unsafe { ((object + DESCRIPTOR) as *const i32).read() };
    u64::try_from(descriptor).ok()
}
