//! CPython: its allocator domains, its frames and lines, and the builtin module `_leakgate`.

pub(crate) mod agent;
mod api;
mod deallocation;
mod dictionaries;
mod domains;
mod frames;
mod layout;
mod lines;
mod names;
mod objects;
mod references;
mod text;

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use leakgate_capture::{FRAME_NOTE, FRAME_PYTHON, FrameRecord, NOTE_DEBUG_ALLOCATOR, NOTE_UNKNOWN_PYTHON};

use crate::capture::note;
use crate::intern::Interner;
use crate::lock::Lock;
use crate::stack::Cache;
use crate::table::mix;
use crate::{modules, start};

pub(crate) use frames::RawFrame;

/// Set when the user's code starts: before it, all stacks are one ("interpreter start-up").
static ARMED: AtomicBool = AtomicBool::new(false);
/// Set when there is an interpreter whose frames are not walked yet, or at all.
static PRESENT: AtomicBool = AtomicBool::new(false);

/// The last minor version that cannot tell when it makes an object in a block that it had kept.
const LAST_WITHOUT_TRACER: u8 = 12;

const GENERATIONS: usize = 1024;
/// Counts the code objects that died, by address: part of every stack's hash, so that a code object at the address of
/// a dead one never passes for it.
static GENERATION: [AtomicU32; GENERATIONS] = [const { AtomicU32::new(0) }; GENERATIONS];

/// Frames already named, by code, position and generation.
static NAMED: Lock<Cache> = Lock::new(Cache::new());

/// Finds the interpreter in this process, if there is one, and hooks its domains.
pub(crate) fn begin() {
    let Some(version) = api::find() else {
        return;
    };
    start::write_python(version.hex());
    if !version.may_be_known() || !frames::set_layout(version.minor) {
        // Its own functions are named then, as those of any program.
        note(NOTE_UNKNOWN_PYTHON);
        return;
    }
    modules::set_interpreter(api::code_address());
    PRESENT.store(true, Ordering::Relaxed);
    if agent::debug_allocator_is_certain() {
        // A C audit hook registered now would make the debug allocator abort at the end.
        note(NOTE_DEBUG_ALLOCATOR);
        return;
    }
    domains::hook();
    dictionaries::begin(version.minor);
    if version.minor <= LAST_WITHOUT_TRACER {
        deallocation::begin();
    }
    agent::begin();
}

/// The user's code starts: stacks are walked from now on. With the GIL.
pub(crate) fn arm() {
    deallocation::arm();
    references::arm();
    ARMED.store(true, Ordering::Release);
}

/// Mixes the present Python stack of this thread, down to the frame `floor`, into a hash.
#[inline(always)]
pub(crate) fn hash_stack(floor: usize, seed: u64) -> u64 {
    if ARMED.load(Ordering::Relaxed) { frames::hash(floor, seed) } else { seed }
}

/// Writes the name of the Python thread that the calling thread is about to start; its length, 0 if there is none.
pub(crate) fn name_of_starting_thread(into: &mut [u8]) -> usize {
    if !ARMED.load(Ordering::Relaxed) {
        return 0;
    }
    agent::uncounted(|| names::of_starting_thread(into)).unwrap_or(0)
}

/// The number of deaths at a code object's address.
#[inline(always)]
pub(crate) fn generation(code: usize) -> u32 {
    GENERATION[code >> 4 & (GENERATIONS - 1)].load(Ordering::Relaxed)
}

/// A code object that stacks were named by is about to be freed.
#[cold]
pub(crate) fn code_freed(address: usize) {
    GENERATION[address >> 4 & (GENERATIONS - 1)].fetch_add(1, Ordering::Relaxed);
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
    let hash = mix(mix(mix(1, raw.code as u64), raw.position as u64), u64::from(generation(raw.code)));
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
}
