//! The shadow table: size and site of every live block, by address.
//!
//! One slot of 8 bytes for each 16 bytes of address space, in three levels that are mapped as they are needed; a leaf
//! is 2 MiB and covers 4 MiB. A slot is `code:1 seen:1 told:1 size:37 site:24`; 0 means that no tracked block begins there.
//! Whoever owns a block owns its slot: it is written between the real allocation and the return to the program, and
//! cleared before the real free, so no lock is needed. Sizes of 128 GiB and more stand in a side table.

mod spare;

use core::ops::Deref;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use leakgate_capture::survey;

use crate::lock::Lock;
use crate::{checkpoint, sys};

const LEAF_BITS: u32 = 18;
const MIDDLE_BITS: u32 = 13;
const TOP_BITS: u32 = 12;
const LEAF_LEN: usize = 1 << LEAF_BITS;
/// Bytes of a leaf.
pub(crate) const LEAF_BYTES: usize = LEAF_LEN * 8;
const SITE_BITS: u32 = 24;
const SIZE_BITS: u32 = 37;
const SIZE_MASK: u64 = (1 << SIZE_BITS) - 1;
const LARGE: u64 = SIZE_MASK;
const CODE: u64 = 1 << 63;
/// Marks a block that was looked at: another block at its address does not have the mark.
const SEEN: u64 = 1 << 62;
/// Marks a block that was in a snapshot of the heap, likewise.
const TOLD: u64 = 1 << 61;
/// Sizes below this one, of blocks that are no code objects, are what the ordinary event knows.
const SMALL: u64 = 1 << 32;

// The survey reads the table from outside.
const _: () = assert!(
    LEAF_BITS == survey::LEAF_BITS
        && MIDDLE_BITS == survey::MIDDLE_BITS
        && TOP_BITS == survey::TOP_BITS
        && SITE_BITS == survey::SITE_BITS
        && SIZE_BITS == survey::SIZE_BITS
);

/// Slots of 4 MiB of address space.
pub(crate) type Leaf = [AtomicU64; LEAF_LEN];
type Middle = [AtomicPtr<Leaf>; 1 << MIDDLE_BITS];

static TOP: [AtomicPtr<Middle>; 1 << TOP_BITS] = [const { AtomicPtr::new(null_mut()) }; 1 << TOP_BITS];
static LARGE_SIZES: Lock<[(usize, u64); 64]> = Lock::new([(0, 0); 64]);
static LEAVES: AtomicUsize = AtomicUsize::new(0);
/// The number of leaves at which the tracker's own size is measured again.
static MEASURED_AT: AtomicUsize = AtomicUsize::new(1);

/// Where the first level is, for a reader outside.
pub(crate) fn table() -> *const u8 {
    TOP.as_ptr().cast()
}

/// A tracked block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its site.
    pub site: u32,
    /// Requested bytes.
    pub size: u64,
    /// Whether it is a code object that stacks were named by.
    pub code: bool,
}

fn decode(address: usize, slot: u64) -> Block {
    let mut size = slot >> SITE_BITS & SIZE_MASK;
    if size == LARGE {
        size = large_size(address);
    }
    Block { site: (slot & ((1 << SITE_BITS) - 1)) as u32, size, code: slot & CODE != 0 }
}

/// Leaves that a thread used last: most of its blocks lie together, and leaves are never unmapped.
///
/// Each is one word, so that a signal handler in between changes all of it: the leaf's page, and below it the number
/// of the 4 MiB that it stands for.
pub(crate) struct Near([AtomicU64; NEAR]);

const NEAR: usize = 4;

const KEY_BITS: u32 = 28;

/// A slot. Not a reference, of which the compiler asks twice whether it is there.
#[derive(Clone, Copy)]
pub(crate) struct Slot(*const AtomicU64);

impl Slot {
    /// Has the processor fetch it.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint, which every x86-64 has.
        unsafe {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.0.cast());
        }
    }
}

impl Deref for Slot {
    type Target = AtomicU64;

    #[inline(always)]
    fn deref(&self) -> &AtomicU64 {
        // SAFETY: a slot of a published leaf, and these live for ever.
        unsafe { &*self.0 }
    }
}

/// The slot of an address, made if it is not there. `None`: no memory could be had for it.
#[inline(always)]
pub(crate) fn slot_for(near: &Near, address: usize) -> Option<Slot> {
    match near_slot(near, address) {
        Some(slot) => Some(slot),
        None => far_slot(near, address, true),
    }
}

/// The slot of an address, where its leaf is there.
#[inline(always)]
pub(crate) fn slot_of(near: &Near, address: usize) -> Option<Slot> {
    match near_slot(near, address) {
        Some(slot) => Some(slot),
        None => far_slot(near, address, false),
    }
}

#[inline(always)]
fn near_slot(near: &Near, address: usize) -> Option<Slot> {
    let granule = address >> 4;
    let word = near.0[(granule >> LEAF_BITS) % NEAR].load(Ordering::Relaxed);
    if (word ^ key(granule)) & ((1 << KEY_BITS) - 1) != 0 {
        return None;
    }
    let leaf = (word >> KEY_BITS << 12) as *const Leaf;
    // SAFETY: `far_slot` stored the address of a leaf there, which has that many slots.
    Some(Slot(unsafe { leaf.cast::<AtomicU64>().add(granule & (LEAF_LEN - 1)) }))
}

#[inline(never)]
fn far_slot(near: &Near, address: usize, make: bool) -> Option<Slot> {
    let found = match slot(address) {
        None if make => create(address),
        found => found,
    }?;
    let granule = address >> 4;
    let leaf = core::ptr::from_ref(found) as u64 - (granule & (LEAF_LEN - 1)) as u64 * 8;
    near.0[(granule >> LEAF_BITS) % NEAR].store(leaf >> 12 << KEY_BITS | key(granule), Ordering::Relaxed);
    Some(Slot(found))
}

/// Never 0, which is what a thread begins with.
#[inline(always)]
fn key(granule: usize) -> u64 {
    (granule >> LEAF_BITS) as u64 + 1
}

/// Sets the slot of a block that was just handed out, if it is empty, and the block is not very large.
#[inline(always)]
pub(crate) fn try_set(slot: &AtomicU64, size: u64, site: u32) -> bool {
    let is_usual = slot.load(Ordering::Relaxed) == 0 && size < SMALL;
    if is_usual {
        slot.store(size << SITE_BITS | u64::from(site), Ordering::Relaxed);
    }
    is_usual
}

/// Sets the slot of a block that was just handed out. Gives what stood there: a block that was freed unseen.
#[cold]
#[inline(never)]
pub(crate) fn set(slot: &AtomicU64, address: usize, size: u64, site: u32) -> Option<Block> {
    let old = slot.load(Ordering::Relaxed);
    let stale = if old == 0 { None } else { Some(decode(address, old)) };
    let stored = if size < LARGE { size } else { remember_large(address, size) };
    slot.store(stored << SITE_BITS | u64::from(site), Ordering::Relaxed);
    stale
}

/// The site of a tracked block.
#[inline(always)]
pub(crate) fn site(address: usize) -> Option<u32> {
    let value = slot(address)?.load(Ordering::Relaxed);
    (value != 0).then_some((value & ((1 << SITE_BITS) - 1)) as u32)
}

/// Clears the slot of a block that is about to be freed. `None`: the block is not tracked.
#[inline(always)]
pub(crate) fn take(slot: &AtomicU64, address: usize) -> Option<Block> {
    let value = slot.load(Ordering::Relaxed);
    if value == 0 {
        return None;
    }
    if value >> SITE_BITS >= SMALL {
        return Some(take_unusual(slot, address));
    }
    slot.store(0, Ordering::Relaxed);
    Some(Block { site: (value & ((1 << SITE_BITS) - 1)) as u32, size: value >> SITE_BITS, code: false })
}

#[cold]
#[inline(never)]
fn take_unusual(slot: &AtomicU64, address: usize) -> Block {
    let block = decode(address, slot.load(Ordering::Relaxed));
    if block.size >= LARGE {
        forget_large(address);
    }
    slot.store(0, Ordering::Relaxed);
    block
}

/// As `set`, on a thread without a record. `Err` when no memory could be had for the slot.
pub(crate) fn set_at(address: usize, size: u64, site: u32) -> Result<Option<Block>, ()> {
    let slot = slot(address).or_else(|| create(address)).ok_or(())?;
    Ok(set(slot, address, size, site))
}

/// As `take`, on a thread without a record.
pub(crate) fn take_at(address: usize) -> Option<Block> {
    take(slot(address)?, address)
}

/// Puts back what `take` took, when the real function then failed.
pub(crate) fn restore(address: usize, block: Block) {
    if let Some(slot) = slot(address) {
        let stored = if block.size < LARGE { block.size } else { remember_large(address, block.size) };
        let code = if block.code { CODE } else { 0 };
        slot.store(code | stored << SITE_BITS | u64::from(block.site), Ordering::Relaxed);
    }
}

/// Marks the block of a code object whose names stand in the capture: its free retires them.
pub(crate) fn mark_code(address: usize) {
    if let Some(slot) = slot(address) {
        let value = slot.load(Ordering::Relaxed);
        if value != 0 {
            slot.fetch_or(CODE, Ordering::Relaxed);
        }
    }
}

/// Marks a block as seen; whether it was marked before. `None`: the block is not tracked.
#[inline(always)]
pub(crate) fn see(address: usize) -> Option<bool> {
    let slot = slot(address)?;
    let value = slot.load(Ordering::Relaxed);
    if value == 0 {
        return None;
    }
    if value & SEEN == 0 {
        slot.store(value | SEEN, Ordering::Relaxed);
    }
    Some(value & SEEN != 0)
}

/// Whether a block still is the one that was marked.
pub(crate) fn is_seen(address: usize) -> bool {
    slot(address).is_some_and(|slot| slot.load(Ordering::Relaxed) & SEEN != 0)
}

/// A tracked block, which is marked as told from now on; whether it was before.
#[inline(always)]
pub(crate) fn tell(address: usize) -> Option<(Block, bool)> {
    let slot = slot(address)?;
    if slot.load(Ordering::Relaxed) == 0 {
        return None;
    }
    // Another thread may mark the block of a code object at the same time.
    let value = slot.fetch_or(TOLD, Ordering::Relaxed);
    Some((decode(address, value), value & TOLD != 0))
}

/// Marks all tracked blocks as told, while other threads may go on.
pub(crate) fn tell_all() {
    each_slot(|_, slot, value| {
        // A block that goes in this moment takes its slot with it.
        let _ = slot.compare_exchange(value, value | TOLD, Ordering::Relaxed, Ordering::Relaxed);
    });
}

/// The tracked block that begins at an address.
pub(crate) fn block_at(address: usize) -> Option<Block> {
    let value = slot(address)?.load(Ordering::Relaxed);
    (value != 0).then(|| decode(address, value))
}

#[inline(always)]
fn parts(address: usize) -> (usize, usize, usize) {
    let granule = address >> 4;
    let top = granule >> (LEAF_BITS + MIDDLE_BITS);
    (top, granule >> LEAF_BITS & ((1 << MIDDLE_BITS) - 1), granule & (LEAF_LEN - 1))
}

fn slot(address: usize) -> Option<&'static AtomicU64> {
    let (top, middle, leaf) = parts(address);
    let middles = TOP.get(top)?.load(Ordering::Acquire);
    if middles.is_null() {
        return None;
    }
    // SAFETY: middles and leaves are mapped whole before they are published and never unmapped.
    let leaves = unsafe { &*middles }[middle].load(Ordering::Acquire);
    if leaves.is_null() {
        return None;
    }
    // SAFETY: as above.
    Some(&unsafe { &*leaves }[leaf])
}

#[cold]
#[inline(never)]
fn create(address: usize) -> Option<&'static AtomicU64> {
    let (top, middle, _) = parts(address);
    let middles = publish(TOP.get(top)?)?;
    // SAFETY: `publish` gives a mapping that lives for ever.
    publish_leaf(&unsafe { &*middles }[middle])?;
    // The sampler outside takes the tracker's own memory off what is resident.
    let leaves = LEAVES.fetch_add(1, Ordering::Relaxed) + 1;
    if leaves >= MEASURED_AT.load(Ordering::Relaxed) {
        MEASURED_AT.store(leaves + leaves / 16 + 1, Ordering::Relaxed);
        checkpoint::measure_self_outside_events();
    }
    slot(address)
}

/// Maps a part of the first level, unless it is there.
fn publish(place: &AtomicPtr<Middle>) -> Option<*mut Middle> {
    publish_with(place, || spare::map(size_of::<Middle>()))
}

fn publish_leaf(place: &AtomicPtr<Leaf>) -> Option<*mut Leaf> {
    publish_with(place, || spare::take().or_else(|| spare::map(LEAF_BYTES)))
}

/// Makes what a pointer of the table stands for, unless another thread was faster.
fn publish_with<T>(place: &AtomicPtr<T>, make: impl FnOnce() -> Option<*mut u8>) -> Option<*mut T> {
    let present = place.load(Ordering::Acquire);
    if !present.is_null() {
        return Some(present);
    }
    let fresh = make()?;
    match place.compare_exchange(null_mut(), fresh.cast(), Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Some(fresh.cast()),
        Err(other) => {
            sys::unmap(fresh, size_of::<T>());
            Some(other)
        }
    }
}

/// Calls `visit` for each tracked block. Exact only while no other thread runs, as in a forked child.
pub(crate) fn each(mut visit: impl FnMut(Block)) {
    each_slot(|address, _, value| visit(decode(address, value)));
}

/// Calls `visit` for the slot of each tracked block, with its address and value.
fn each_slot(mut visit: impl FnMut(usize, &AtomicU64, u64)) {
    let mut pages = [0u8; LEAF_BYTES / 4096];
    each_leaf(|first, leaf| {
        let at = core::ptr::from_ref(leaf) as usize;
        pages.fill(0);
        sys::resident_pages(at, LEAF_BYTES, &mut pages);
        for (page, resident) in pages.iter().enumerate() {
            if resident & 1 == 0 {
                continue;
            }
            for (index, slot) in leaf.iter().enumerate().skip(page * 512).take(512) {
                let value = slot.load(Ordering::Relaxed);
                if value != 0 {
                    visit((first + index) << 4, slot, value);
                }
            }
        }
    });
}

/// Where the slot of an address stands, whose leaf is there.
pub(crate) fn page_of(address: usize) -> Option<usize> {
    slot(address).map(|slot| core::ptr::from_ref(slot) as usize)
}

/// The first address beyond the leaf of an address.
pub(crate) fn end_of_leaf(address: usize) -> usize {
    ((address >> 4 >> LEAF_BITS) + 1) << LEAF_BITS << 4
}

/// Whether so many slots from a place on are not in use.
pub(crate) fn is_empty(at: usize, slots: usize) -> bool {
    // SAFETY: the place is inside a leaf, with so many slots behind it; leaves live for ever.
    let slots = unsafe { core::slice::from_raw_parts(at as *const AtomicU64, slots) };
    slots.iter().all(|slot| slot.load(Ordering::Relaxed) == 0)
}

/// Bytes of the table that are resident.
pub(crate) fn resident() -> usize {
    let (mut pages, mut sum) = ([0u8; LEAF_BYTES / 4096], 0);
    each_leaf(|_, leaf| {
        sum += sys::resident_pages(core::ptr::from_ref(leaf) as usize, LEAF_BYTES, &mut pages)
    });
    sum * 4096
}

/// Calls `visit` with the first granule of each leaf, and the leaf.
pub(crate) fn each_leaf(mut visit: impl FnMut(usize, &'static Leaf)) {
    for (top, middles) in TOP.iter().enumerate() {
        let middles = middles.load(Ordering::Acquire);
        if middles.is_null() {
            continue;
        }
        // SAFETY: published mappings live for ever.
        for (middle, leaf) in unsafe { &*middles }.iter().enumerate() {
            let leaf = leaf.load(Ordering::Acquire);
            if !leaf.is_null() {
                // SAFETY: as above.
                visit((top << MIDDLE_BITS | middle) << LEAF_BITS, unsafe { &*leaf });
            }
        }
    }
}

#[cold]
fn remember_large(address: usize, size: u64) -> u64 {
    let mut sizes = LARGE_SIZES.lock();
    let place = sizes.iter().position(|(at, _)| *at == address || *at == 0);
    if let Some(place) = place {
        sizes[place] = (address, size);
        return LARGE;
    }
    // 64 live blocks of 128 GiB each: the 65th counts as one byte less than 128 GiB.
    LARGE - 1
}

#[cold]
fn large_size(address: usize) -> u64 {
    let sizes = LARGE_SIZES.lock();
    sizes.iter().find(|(at, _)| *at == address).map_or(LARGE, |(_, size)| *size)
}

#[cold]
fn forget_large(address: usize) {
    let mut sizes = LARGE_SIZES.lock();
    if let Some(entry) = sizes.iter_mut().find(|(at, _)| *at == address) {
        *entry = (0, 0);
    }
}
