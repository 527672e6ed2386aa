//! Writes a snapshot of the live objects: what each is and takes, what it refers to by which name, and what holds it.
//!
//! ```text
//!   imported modules, all that the collector tracks, what running functions hold ──► a number for each, in this order
//!                                                                     │
//!   one after the other, by number: its fields and its references ◄───┘
//!     what is referred to and has no number yet gets the next one: its turn comes later
//! ```
//!
//! With the GIL. Nothing of the interpreter is called but what visits an object's references, what looks up a few modules
//! and types by name, and the attribute of suspended greenlets that tells their frame; nothing of the program is.
//! The file is written by system calls from memory of our own, which goes when it is done.

mod attributes;
mod greenlets;
mod held;
mod ids;
mod keys;
mod names;
mod numpy;
mod out;
mod owned;
mod references;
mod shapes;
mod table;

use core::sync::atomic::{AtomicU32, Ordering};

use leakgate_capture::NOTE_NO_HEAP;
use leakgate_capture::heap::{
    FLAG_BLOCK, FLAG_DESCRIPTOR, FLAG_IMMORTAL, FLAG_LENGTH, FLAG_OLD, FLAG_OWNED, FLAG_TRACKED, HEAD_LEN,
    HEAP_CUT, HEAP_MAGIC, HEAP_SUBINTERPRETERS, HEAP_VERSION, HeapHead, LONGEST_TEXT, NodeKind,
    ROOT_STATIC_TYPE, TEXT_CUT, fold,
};

use super::super::objects::Type;
use super::super::{api, frames};
use super::enumerate::{each_tracked, is_known};
use super::types::Builtins;
use crate::capture::{header, note};
use crate::{checkpoint, fork, journal, shadow, start, sys, thread};
pub(in crate::python) use attributes::{each_attribute, entries};
use greenlets::Greenlets;
use held::Held;
use ids::Ids;
pub(crate) use keys::hide_values;
use names::Names;
pub(in crate::python) use names::type_name;
use out::{Later, Numbers, Out};
use references::{Met, References, Written, may_be_visited};
use shapes::Shapes;

/// Number of the last snapshot of this process.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// In a forked child: it has none of its own.
pub(in crate::python) fn after_fork() {
    NUMBER.store(0, Ordering::Relaxed);
}

/// Takes a snapshot; its number. `None`: it could not be had, or not be written, and a note says so.
pub(in crate::python) fn take() -> Option<u32> {
    // A fresh child is set up first; one that could not be has nothing of its own to write to.
    thread::current()?;
    let taken = if is_known() && !sys::is_restricted() { take_known() } else { None };
    if taken.is_none() {
        note(NOTE_NO_HEAP);
    }
    taken
}

/// As `take`, by a copy of the process, which alone comes to harm where a type breaks when it is asked for its references:
/// the snapshot's number, or the signal that ended the copy as a number below 0.
pub(in crate::python) fn take_forked() -> Option<i64> {
    thread::current()?;
    let taken = if is_known() && !sys::is_restricted() { take_apart() } else { None };
    if taken.is_none_or(|number| number <= 0) {
        note(NOTE_NO_HEAP);
    }
    taken
}

fn take_apart() -> Option<i64> {
    // The copy calls nothing of the interpreter that takes memory.
    let process = Process::find();
    let ending = sys::in_copy(SECONDS, || {
        fork::leave_unrecorded();
        take_of(&process).is_some()
    })?;
    match ending {
        sys::Ending::Code(0) => {
            // What the copy marked is marked in the copy alone.
            shadow::tell_all();
            Some(NUMBER.fetch_add(1, Ordering::Relaxed).into()).map(|number: i64| number + 1)
        }
        sys::Ending::Code(_) => None,
        sys::Ending::Signal(signal) => {
            remove_unfinished(process.pid);
            Some(-i64::from(signal))
        }
    }
}

/// Removes what a copy has left that could not.
fn remove_unfinished(pid: u32) {
    let number = NUMBER.load(Ordering::Relaxed) + 1;
    start::heap_path([pid, journal::sequence(), number], b".part\0", &mut |part| {
        sys::remove(part);
        true
    });
}

/// Longest time of a copy: a type may never come to an end, too.
const SECONDS: usize = 120;

/// The process that a snapshot is of, which the one that writes it may be a copy of.
struct Process {
    pid: u32,
    builtins: Builtins,
    greenlets: Option<Greenlets>,
}

impl Process {
    fn find() -> Process {
        Process { pid: sys::getpid(), builtins: Builtins::find(), greenlets: Greenlets::find() }
    }
}

fn take_known() -> Option<u32> {
    take_of(&Process::find())
}

fn take_of(process: &Process) -> Option<u32> {
    let number = NUMBER.load(Ordering::Relaxed) + 1;
    let name = |ending: &[u8], f: &mut dyn FnMut(&[u8]) -> bool| {
        start::heap_path([process.pid, journal::sequence(), number], ending, f)
    };
    let is_written = name(b".part\0", &mut |part| {
        let written = write(process, part, number).is_some();
        let is_moved = written && name(b".lgh\0", &mut |whole| sys::rename(part, whole));
        if !is_moved {
            sys::remove(part);
        }
        is_moved
    });
    is_written.then(|| {
        NUMBER.store(number, Ordering::Relaxed);
        number
    })
}

fn write(process: &Process, path: &[u8], number: u32) -> Option<()> {
    let began = sys::now_ns();
    let builtins = &process.builtins;
    names::begin();
    let mut ids = Ids::new()?;
    let (mut roots, mut names) = (Later::new(), Later::new());
    Held { ids: &mut ids, out: &mut roots }.modules();
    let mut is_cut = false;
    each_tracked(&mut |object| is_cut |= ids.of(object).is_none());
    let mut held = Held { ids: &mut ids, out: &mut roots };
    let threads = held.threads();
    if let Some(greenlets) = &process.greenlets {
        held.greenlets(greenlets, threads);
    }
    let mut objects = Objects {
        shapes: Shapes::new(builtins)?,
        references: References::new(builtins.tuple_header()),
        ids,
        out: Out::create(path)?,
        address: 0,
    };
    objects.write_all(&mut roots, &mut names, builtins)?;
    let nodes = objects.out.position();
    objects.write_texts();
    let texts = objects.out.position() - nodes;
    objects.out.bytes(names.written());
    objects.out.bytes(roots.written());
    let is_cut = is_cut || objects.references.left_out > 0 || names.failed || roots.failed;
    let head = HeapHead {
        magic: HEAP_MAGIC,
        version: HEAP_VERSION,
        pid: process.pid,
        sequence: journal::sequence(),
        number,
        checkpoint: checkpoint::ordinal(),
        // SAFETY: the header is mapped; the field is written once, before anything of the interpreter runs.
        python: unsafe { (*header()).python },
        notes: if is_cut { HEAP_CUT } else { 0 }
            | if has_subinterpreters() { HEAP_SUBINTERPRETERS } else { 0 },
        nodes: objects.ids.len() as u64,
        edges: objects.references.count,
        left_out: objects.references.left_out,
        bytes: [nodes, texts, names.written().len() as u64, roots.written().len() as u64],
        took_ns: sys::now_ns() - began,
        memory: objects.bytes() as u64,
        ..HeapHead::default()
    };
    let mut bytes = [0; HEAD_LEN];
    // SAFETY: plain integers without padding, and the room is larger.
    unsafe { bytes.as_mut_ptr().cast::<HeapHead>().write_unaligned(head) };
    objects.out.finish(&bytes).then_some(())
}

/// Whether there are interpreters beside the main one: their objects are theirs alone.
fn has_subinterpreters() -> bool {
    let (Some(head), Some(next)) = (api::PyInterpreterState_Head(), api::PyInterpreterState_Next()) else {
        return false;
    };
    // SAFETY: with the GIL; the list of interpreters has one at least.
    unsafe { !next(head()).is_null() }
}

struct Objects<'a> {
    shapes: Shapes<'a>,
    references: References,
    ids: Ids,
    out: Out,
    /// Of the object before, in units of 8 bytes.
    address: i64,
}

impl Objects<'_> {
    fn bytes(&self) -> usize {
        self.shapes.bytes() + self.references.bytes() + self.ids.bytes()
    }

    /// Each object in the order of their numbers, of which there are more and more.
    fn write_all(&mut self, roots: &mut Later, names: &mut Later, builtins: &Builtins) -> Option<()> {
        let mut own = 0;
        while (own as usize) < self.ids.len() {
            let object = self.ids.address(own);
            let kind = self.write(own, object)?;
            if kind == NodeKind::Type && !Type(object).is_made() {
                roots.number(ROOT_STATIC_TYPE);
                roots.number(own.into());
            }
            let (tuple, tuple_header) = builtins.tuple();
            Names { ids: &mut self.ids, out: names, tuple, tuple_header }.write(own, object, kind);
            own += 1;
        }
        Some(())
    }

    #[inline(always)]
    fn write(&mut self, own: u32, object: usize) -> Option<NodeKind> {
        // SAFETY: a live object.
        let of = unsafe { Type::of(object) };
        let shape = self.shapes.of(of, &mut self.ids)?;
        let type_id = self.ids.of_type(of.0)?;
        let is_tracked = may_be_visited(object, &shape, of);
        let block = owned::block(object, &shape);
        let owned = owned::owned(object, of, &shape);
        let length = owned::length(object, &shape);
        let descriptor = owned::descriptor(object, &shape);
        // SAFETY: a live object.
        let (references, is_immortal) = unsafe { frames::references(object) };
        let bits = [
            (is_immortal, FLAG_IMMORTAL),
            (block.is_some_and(|(_, was_told)| was_told), FLAG_OLD),
            (block.is_some(), FLAG_BLOCK),
            (owned.bytes > 0, FLAG_OWNED),
            (length.is_some(), FLAG_LENGTH),
            (is_tracked, FLAG_TRACKED),
            (descriptor.is_some(), FLAG_DESCRIPTOR),
        ];
        let address = object as i64 >> 3;
        self.out.number(bits.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, bit)| all | bit));
        self.out.number(shape.kind as u64);
        self.out.number(fold(address - core::mem::replace(&mut self.address, address)));
        self.out.number(type_id.into());
        self.out.number(references.into());
        if let Some((block, _)) = block {
            self.out.number(block.size);
            self.out.number(block.site.into());
        }
        if owned.bytes > 0 {
            self.out.number(owned.bytes);
            self.out.number(owned.site.into());
        }
        if let Some(length) = length {
            self.out.number(length);
        }
        if let Some(descriptor) = descriptor {
            self.out.number(descriptor);
        }
        let mut written = Written { ids: &mut self.ids, out: &mut self.out, own };
        self.references.write(&mut written, &self.shapes, &Met { object, shape, is_tracked });
        Some(shape.kind)
    }

    fn write_texts(&mut self) {
        let mut room = [0; LONGEST_TEXT];
        for (id, string) in self.ids.wanted() {
            let (length, is_cut) = keys::read(string, &mut room);
            let cut = if is_cut { TEXT_CUT } else { 0 };
            self.out.number(id.into());
            self.out.number(length as u64 | cut);
            self.out.bytes(&room[..length]);
        }
    }
}
