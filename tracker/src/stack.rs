//! The site of the present call stack: hashed frame by frame, looked up in the thread's own cache, and stored in the
//! capture when the thread meets it for the first time.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use leakgate_capture::{FRAME_NATIVE, FRAME_NOTE, FrameRecord, Function, NOTE_DEEP, NOTE_STACKS};

use crate::capture::note;
use crate::intern::{INTERNER, Interner, SiteKey};
use crate::python::{self, RawFrame};
use crate::table::mix;
use crate::thread::Thread;
use crate::{checkpoint, modules, shadow, start, sys, trim, world};

/// Deepest stack that is stored whole; of deeper ones the outermost frames are left out.
pub(crate) const MAX_DEPTH: usize = 65_536;
/// The same where address space is short.
const SMALL_DEPTH: usize = 4096;
static DEPTH: AtomicUsize = AtomicUsize::new(MAX_DEPTH);

/// Where address space is short, less of it is reserved. Called once, before there are stacks.
pub(crate) fn adapt() {
    if sys::has_little_space() {
        DEPTH.store(SMALL_DEPTH, Ordering::Relaxed);
    }
}

/// The room for the frames of one stack.
fn depth() -> usize {
    DEPTH.load(Ordering::Relaxed)
}

/// The id's bits of an entry.
const ID_MASK: u64 = (1 << 24) - 1;
/// An entry and its lower bits.
const ENTRY_BYTES: usize = size_of::<u64>() + size_of::<u32>();

/// A map from hashes to ids, in memory of our own: a thread's sites, and the frames already named.
#[repr(C)]
pub(crate) struct Cache {
    /// Entries `the hash's upper 40 bits | id`; 0 is empty. The lower bits chose the place, and stand behind all
    /// entries for the day when the table grows: a look-up reads 8 bytes.
    entries: *mut u64,
    mask: usize,
    used: usize,
    /// Code objects that had died when it was emptied last: what was stored with them is never found again.
    deaths: u32,
    /// Room for the frames of one stack.
    scratch: *mut RawFrame,
    /// The stack that was stored last, outermost frame first: the next one mostly shares its outer part.
    last: *mut Step,
    last_depth: usize,
}

/// A frame of the stack that was stored last, and the stack id that ends with it.
#[derive(Clone, Copy)]
struct Step {
    raw: RawFrame,
    generation: u64,
    stack: u32,
}

/// Sites of allocations whose stack could not be stored, by function number.
static OVERFLOW: [AtomicU32; 64] = [const { AtomicU32::new(0) }; 64];

/// The site of a function whose stack could not be stored, or whose thread is not told apart.
pub(crate) fn overflow(function: Function) -> u32 {
    OVERFLOW[function as usize].load(Ordering::Relaxed)
}

/// Makes the sites that `overflow` gives. `None` when the capture has no space.
pub(crate) fn begin(interner: &mut Interner) -> Option<()> {
    let name = interner.string(b"stack not recorded")?;
    let frame = interner.frame(FrameRecord { kind: FRAME_NOTE, name, ..FrameRecord::default() })?;
    let stack = interner.node(0, frame)?;
    for function in Function::ALL {
        let site = interner.site(SiteKey { stack, function: *function, thread: 0 })?;
        OVERFLOW[*function as usize].store(site, Ordering::Relaxed);
    }
    Some(())
}

/// The site of the calling thread's present stack. `caller` is the return address of the hook; 0: of no interest.
#[inline(always)]
pub(crate) fn site(thread: &mut Thread, function: Function, caller: usize) -> u32 {
    let leaf = if caller == 0 || modules::is_interpreter(caller) { 0 } else { caller };
    let seed = mix(mix(1, leaf as u64), function as u64);
    let hash = python::hash_stack(thread, seed);
    match thread.cache.find(hash) {
        Some(site) => site,
        None => learn(thread, hash, function, leaf),
    }
}

/// The site of the calling thread's present Python stack, by which it is told where a thread was started: nothing is
/// counted there. 0 where nothing of the thread is counted now.
pub(crate) fn of_start(thread: &mut Thread) -> u32 {
    if thread.inside | thread.suppressed != 0 { 0 } else { site(thread, Function::Malloc, 0) }
}

#[cold]
#[inline(never)]
fn learn(thread: &mut Thread, hash: u64, function: Function, leaf: usize) -> u32 {
    if world::is_in_event(thread) {
        // A signal handler, which may have interrupted one who holds a lock: a stack that is new now has no name.
        return overflow(function);
    }
    let site = world::uninterrupted(thread, |thread| {
        // Also what could not be stored is not tried again at each of its events.
        let site = store(thread, function, leaf).unwrap_or_else(|| {
            note(NOTE_STACKS);
            overflow(function)
        });
        thread.cache.insert(hash, site);
        trim::search_if_due(thread);
        site
    });
    if let Some(address) = modules::arrived_interpreter() {
        // Not in the middle of an event, for which others wait: this waits for the loader.
        start::begin_python_late(thread, address);
    }
    // The tables and the capture grow with the sites.
    if site.is_multiple_of(1024) {
        checkpoint::measure_self();
    }
    site
}

fn store(thread: &mut Thread, function: Function, leaf: usize) -> Option<u32> {
    let module_known = leaf == 0 || modules::learn(leaf);
    let scratch = thread.cache.scratch()?;
    let (depth, cut) = python::collect_stack(thread.floor, scratch);
    if cut {
        note(NOTE_DEEP);
    }
    let frames = &scratch[..depth];
    let mut interner = INTERNER.lock();
    let mut stack = thread.cache.store_frames(&mut interner, frames)?;
    if leaf != 0 && (module_known || depth == 0) {
        let frame = FrameRecord { kind: FRAME_NATIVE, address: leaf as u64, ..FrameRecord::default() };
        let frame = interner.frame(frame)?;
        stack = interner.node(stack, frame)?;
    }
    interner.site(SiteKey { stack, function, thread: thread.id })
}

impl Step {
    fn is(&self, raw: &RawFrame) -> bool {
        self.raw == *raw && self.generation == python::generation(raw.code)
    }
}

impl Cache {
    pub(crate) const fn new() -> Self {
        Cache {
            entries: null_mut(),
            mask: 0,
            used: 0,
            deaths: 0,
            scratch: null_mut(),
            last: null_mut(),
            last_depth: 0,
        }
    }

    /// The stack id of frames given innermost first. Frames that the stack before had too are not looked up again.
    fn store_frames(&mut self, interner: &mut Interner, frames: &[RawFrame]) -> Option<u32> {
        let last = self.last()?;
        let shared = frames.iter().rev().zip(&last[..self.last_depth]).take_while(|(raw, step)| step.is(raw));
        let shared = shared.count();
        // Until it is whole again, what is kept must not be taken for the new stack's.
        self.last_depth = shared;
        let mut stack = shared.checked_sub(1).map_or(0, |top| last[top].stack);
        for raw in frames.iter().rev().skip(shared) {
            let generation = python::generation(raw.code);
            let frame = python::frame(interner, raw)?;
            stack = interner.node(stack, frame)?;
            shadow::mark_code(raw.code);
            last[self.last_depth] = Step { raw: *raw, generation, stack };
            self.last_depth += 1;
        }
        Some(stack)
    }

    fn last(&mut self) -> Option<&'static mut [Step]> {
        if self.last.is_null() {
            self.last = sys::map(depth() * size_of::<Step>())?.cast();
        }
        // SAFETY: the mapping has that many entries, lives for ever, and is this thread's own.
        Some(unsafe { core::slice::from_raw_parts_mut(self.last, depth()) })
    }

    /// The id stored for a hash.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        if self.entries.is_null() {
            return None;
        }
        let mut at = hash as usize & self.mask;
        loop {
            // SAFETY: `at` is at most `mask`, and the mapping has `mask + 1` entries.
            let entry = unsafe { self.entries.add(at).read() };
            if (entry ^ hash) & !ID_MASK == 0 && entry != 0 {
                return Some((entry & ID_MASK) as u32);
            }
            if entry == 0 {
                return None;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Stores an id (not 0) for a hash. Left out when no memory can be had, and for ids beyond an entry's 24 bits.
    pub(crate) fn insert(&mut self, hash: u64, id: u32) {
        if u64::from(id) > ID_MASK || (self.used * 2 >= self.length() && !self.make_room()) {
            return;
        }
        self.put(hash, id);
        self.used += 1;
    }

    fn put(&mut self, hash: u64, id: u32) {
        let mut at = hash as usize & self.mask;
        // SAFETY: `at` is at most `mask`, and the mapping has `mask + 1` entries.
        while unsafe { self.entries.add(at).read() } != 0 {
            at = (at + 1) & self.mask;
        }
        // SAFETY: as above; as many lower bits stand behind the entries.
        unsafe {
            self.entries.add(self.mask + 1).cast::<u32>().add(at).write((hash & ID_MASK) as u32);
            self.entries.add(at).write(hash & !ID_MASK | u64::from(id));
        }
    }

    fn length(&self) -> usize {
        if self.entries.is_null() { 0 } else { self.mask + 1 }
    }

    /// Makes the table longer, or empties it where many code objects died since, as under a program that compiles all
    /// the time: nothing else would ever remove the stacks that they were in.
    fn make_room(&mut self) -> bool {
        let deaths = python::deaths();
        let died = deaths.wrapping_sub(self.deaths) as usize;
        self.deaths = deaths;
        if self.used != 0 && died * 16 > self.used {
            self.used = 0;
            // SAFETY: the mapping has that many entries.
            unsafe { self.entries.write_bytes(0, self.length()) };
            return true;
        }
        let (old, length) = (self.entries, self.length());
        let wanted = if length == 0 { 256 } else { length * 2 };
        let Some(fresh) = sys::map_filled(wanted * ENTRY_BYTES) else {
            return false;
        };
        (self.entries, self.mask) = (fresh.cast(), wanted - 1);
        for at in 0..length {
            // SAFETY: the old mapping has `length` entries, and as many lower bits behind them.
            let (entry, lower) =
                unsafe { (old.add(at).read(), old.add(length).cast::<u32>().add(at).read()) };
            if entry != 0 {
                self.put(entry & !ID_MASK | u64::from(lower), (entry & ID_MASK) as u32);
            }
        }
        if length != 0 {
            sys::unmap(old.cast(), length * ENTRY_BYTES);
        }
        true
    }

    /// Bytes that the cache takes.
    pub(crate) fn bytes(&self) -> usize {
        self.length() * ENTRY_BYTES
    }

    fn scratch(&mut self) -> Option<&'static mut [RawFrame]> {
        if self.scratch.is_null() {
            self.scratch = sys::map(depth() * size_of::<RawFrame>())?.cast();
        }
        // SAFETY: the mapping has that many entries, lives for ever, and is this thread's own.
        Some(unsafe { core::slice::from_raw_parts_mut(self.scratch, depth()) })
    }
}
