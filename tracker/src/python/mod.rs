//! CPython: its allocator domains, its frames and lines, and the builtin module `_leakgate`.

pub(crate) mod agent;
mod api;
mod asked;
mod bounds;
mod containers;
mod deallocation;
mod dictionaries;
mod domains;
mod frames;
mod heap;
mod layout;
mod lines;
mod names;
mod objects;
mod options;
mod program;
mod references;
mod snapshots;
mod text;
mod told;
mod trial;
mod walk;

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use leakgate_capture::{
    FRAME_NOTE, FRAME_PYTHON, FrameRecord, NOTE_DEBUG_ALLOCATOR, NOTE_DEBUG_OFF, NOTE_FREE_THREADED,
    NOTE_OTHER_LAYOUT, NOTE_UNKNOWN_PYTHON, NOTE_WRONG_WALK, WAITED_UNKNOWN,
};

use crate::capture::note;
use crate::intern::Interner;
use crate::lock::Lock;
use crate::stack::Cache;
use crate::table::mix;
use crate::thread::Thread;
use crate::{modules, start};

pub(crate) use asked::allow as may_be_asked;
pub(crate) use domains::maps_for_objects;
pub(crate) use frames::RawFrame;
pub(crate) use heap::hide_values;
use options::Allocators;
pub(crate) use snapshots::at as take_snapshots_at;

/// Set when the user's code starts: before it, all stacks are one ("interpreter start-up").
static ARMED: AtomicBool = AtomicBool::new(false);
/// Set when there is an interpreter whose frames are not walked yet, or at all.
static PRESENT: AtomicBool = AtomicBool::new(false);

const GENERATIONS: usize = 1024;
const KIB: u32 = 10;
/// Changes with each death of a code object, by the KiB of memory that it took: part of every stack's hash, so that a
/// code object at the address of a dead one never passes for it.
static GENERATION: [AtomicU64; GENERATIONS] = [const { AtomicU64::new(0) }; GENERATIONS];
/// All deaths.
static DEATHS: AtomicU32 = AtomicU32::new(0);

/// Frames already named, by code, position and generation.
static NAMED: Lock<Cache> = Lock::new(Cache::new());

/// Finds the interpreter in this process, if there is one, and hooks its domains.
pub(crate) fn begin() {
    let Some(version) = api::find() else {
        modules::await_interpreter();
        return;
    };
    match layout_of(&version) {
        Ok(layout) => frames::set_layout(layout),
        Err(reason) => return note(reason),
    }
    PRESENT.store(true, Ordering::Relaxed);
    match options::allocators() {
        // An audit hook registered now would make the debug allocator abort at the end.
        Allocators::Debug => note(NOTE_DEBUG_ALLOCATOR),
        Allocators::Unknown => {
            domains::hook_until_ready();
            see_reuse(version.minor);
        }
        choice @ (Allocators::Usual | Allocators::Named | Allocators::Default) => {
            domains::hook();
            if choice != Allocators::Usual {
                domains::expect_replacement();
            }
            if choice == Allocators::Default {
                note(NOTE_DEBUG_OFF);
            }
            see_reuse(version.minor);
            agent::begin();
        }
    }
}

/// Sees to it that blocks which the interpreter keeps for later objects are not taken for those of the earlier ones.
fn see_reuse(minor: u8) {
    dictionaries::begin(minor);
    deallocation::begin();
}

/// The process ends: an interpreter that took other allocators than the usual ones before it was ready is told of.
pub(crate) fn end() {
    if domains::were_replaced() {
        note(NOTE_DEBUG_ALLOCATOR);
    }
}

/// The row to walk an interpreter by, or the note that says why there is none.
fn layout_of(version: &api::Version) -> Result<&'static layout::Layout, u32> {
    start::write_python(version.hex());
    if version.free_threaded {
        return Err(NOTE_FREE_THREADED);
    }
    let layout = layout::of(version.minor).filter(|_| version.is_third()).ok_or(NOTE_UNKNOWN_PYTHON)?;
    if !told::agrees(layout, api::data(c"_PyRuntime")) {
        return Err(NOTE_OTHER_LAYOUT);
    }
    // Its own code in a stack says less than its functions do; without those it says all there is.
    modules::set_interpreter(api::code_address());
    Ok(layout)
}

/// An interpreter was loaded while the program runs, and now allocates for the first time. It may be in the middle of
/// being set up: only the hooks of its domains may be put in place now, and those wait until it is ready.
pub(crate) fn begin_late(address: usize) {
    if !api::look_in(address) {
        return;
    }
    let Some(version) = api::find() else {
        return;
    };
    match layout_of(&version) {
        Ok(layout) => frames::set_layout(layout),
        Err(reason) => return note(reason),
    }
    PRESENT.store(true, Ordering::Relaxed);
    domains::hook_until_ready();
    see_reuse(version.minor);
}

/// The user's code starts: stacks are walked from now on, if a trial of it goes well. With the GIL.
pub(crate) fn arm() {
    if !agent::uncounted(trial::goes_well) {
        PRESENT.store(false, Ordering::Relaxed);
        return note(NOTE_WRONG_WALK);
    }
    agent::uncounted(heap::begin);
    deallocation::arm();
    references::arm();
    asked::arm();
    ARMED.store(true, Ordering::Release);
    walk::arm();
}

/// Mixes the present Python stack of this thread, down to the driver's frame, into a hash.
#[inline(always)]
pub(crate) fn hash_stack(thread: &Thread, seed: u64) -> u64 {
    walk::hash(thread, seed)
}

/// Writes the name of the Python thread that the calling thread is about to start; its length, 0 if there is none, and
/// one of the `WAITED_` values.
pub(crate) fn name_of_starting_thread(into: &mut [u8]) -> (usize, u32) {
    if !ARMED.load(Ordering::Relaxed) {
        return (0, WAITED_UNKNOWN);
    }
    agent::uncounted(|| names::of_starting_thread(into)).unwrap_or((0, WAITED_UNKNOWN))
}

/// What tells the code at an address from others that were there before.
#[inline(always)]
pub(crate) fn generation(address: usize) -> u64 {
    GENERATION[address >> KIB & (GENERATIONS - 1)].load(Ordering::Relaxed)
}

/// The number of code objects that died after stacks were named by them.
pub(crate) fn deaths() -> u32 {
    DEATHS.load(Ordering::Relaxed)
}

/// A code object that stacks were named by is about to be freed.
#[cold]
#[inline(never)]
pub(crate) fn code_freed(address: usize, size: u64) {
    let (first, last) = (address >> KIB, (address + size as usize) >> KIB);
    for block in (first..=last).take(GENERATIONS) {
        // An odd number with bits everywhere, so that each death tells in all of the hash.
        GENERATION[block & (GENERATIONS - 1)].fetch_add(0xd6e8_feb8_6659_fd93, Ordering::Relaxed);
    }
    DEATHS.fetch_add(1, Ordering::Relaxed);
}

/// Writes the present Python stack, innermost frame first; its depth, and whether it was cut.
pub(crate) fn collect_stack(floor: usize, into: &mut [RawFrame]) -> (usize, bool) {
    if ARMED.load(Ordering::Relaxed) {
        return frames::collect(floor, into);
    }
    if PRESENT.load(Ordering::Relaxed) {
        into[0] = RawFrame { code: 0, position: 0 };
        return (1, false);
    }
    (0, false)
}

/// The id of a frame: its names and its line are read now, while its code object is certainly alive.
pub(crate) fn frame(interner: &mut Interner, raw: &RawFrame) -> Option<u32> {
    if raw.code == 0 {
        let name = interner.string(b"interpreter start-up")?;
        return interner.frame(FrameRecord { kind: FRAME_NOTE, name, ..FrameRecord::default() });
    }
    // Each word is mixed by itself: code and position are close to each other, and would cancel out.
    let hash = mix(mix(mix(1, raw.code as u64), raw.position as u64), generation(raw.code));
    let mut named = NAMED.lock();
    if let Some(id) = named.find(hash) {
        return Some(id);
    }
    let mut buffer = [0u8; 2048];
    let length = text::read(frames::code_name(raw.code), &mut buffer);
    let name = interner.string(&buffer[..length])?;
    let length = text::read(frames::code_file(raw.code), &mut buffer);
    let file = interner.string(&buffer[..length])?;
    let line = frames::line(raw);
    let id =
        interner.frame(FrameRecord { kind: FRAME_PYTHON, name, file, line, ..FrameRecord::default() })?;
    named.insert(hash, id);
    Some(id)
}

/// In a forked child, whose other threads are gone.
pub(crate) fn after_fork() {
    NAMED.release();
    program::after_fork();
    heap::after_fork();
    asked::after_fork();
}
