//! What is known of a thread, and how it is found without a call.
//!
//! A pointer in the static TLS block leads to the thread's record. The records lie in memory that a fork wipes
//! (`MADV_WIPEONFORK`): a record without its mark means that this process is a child which has not got its own
//! capture yet. Neither a pid comparison nor `pthread_atfork` is right for every way to fork (traps 17).

use core::arch::{asm, global_asm};
use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use leakgate_capture::{Header, NOTE_THREADS, Section, ThreadRecord};

use crate::capture::{header_word, note, place};
use crate::cells::Cells;
use crate::event::Event;
use crate::protocol::Member;
use crate::shadow::Near;
use crate::stack::Cache;
use crate::world::WORLD;
use crate::{fork, sys};

// One word of initial-exec TLS: `__tls_get_addr` would cost 5–8 ns on every event (traps 9).
global_asm!(
    ".section .tbss,\"awT\",@nobits",
    ".type leakgate_thread, @object",
    ".size leakgate_thread, 8",
    ".hidden leakgate_thread",
    ".globl leakgate_thread",
    ".p2align 3",
    "leakgate_thread:",
    ".zero 8",
    ".text",
);

/// Most threads at once that are told apart; further ones share record 0.
const MAX_THREADS: usize = 4096;
/// The same where address space is short.
const FEW_THREADS: usize = 256;
/// Most bytes of a thread's name.
pub(crate) const NAME: usize = 55;
const MARK: u32 = 0x4c47_5448;
/// Marks a thread whose record was given back while it still runs (late destructors).
const LEAVING: *mut Thread = core::ptr::without_provenance_mut(1);
pub(crate) const PENDING: usize = 32;

/// A thread's record.
#[repr(C, align(64))]
pub(crate) struct Thread {
    // What each event reads stands in the first 64 bytes.
    mark: u32,
    /// Depth of real allocator calls: what they allocate belongs to the outer call.
    pub inside: u32,
    /// Not 0 while the driver's own code runs: nothing new is counted.
    pub suppressed: u32,
    /// Index of this record; the thread id in the capture.
    pub id: u16,
    /// Whether it is changing mappings: what its signal handlers map meanwhile is not counted.
    pub in_step: bool,
    /// Whether it has taken all locks for a fork.
    pub forks: bool,
    /// The frame at which stacks end (the driver's); 0: none.
    pub floor: usize,
    /// What the protocol keeps of it.
    pub member: Member,
    /// The block that it allocated last; 0 if there is none.
    pub last: usize,
    /// Block of CPython's object domain that was handed out last, until an object is made in it; 0: none.
    pub fresh: usize,
    /// Sites by hash of the stack.
    pub cache: Cache,
    /// The leaves of the shadow table that were used last.
    pub leaves: Near,
    /// The thread's record in the capture.
    pub record: *mut ThreadRecord,
    /// What it counts of sites that others own.
    pub cells: Cells,
    /// What `pthread_self` gives.
    pub handle: usize,
    /// Events of a signal handler that came while it was in another one.
    pub pending: [Event; PENDING],
    pub pending_count: AtomicUsize,
    /// Whether these are being counted.
    pub draining: bool,
    tid: u32,
    in_use: AtomicU32,
    /// Rounds of destructors at the thread's end.
    rounds: u32,
    /// Whether the program gave the name, and not the kernel.
    pub named: bool,
}

/// Records that there is room for.
static ROOM: AtomicUsize = AtomicUsize::new(MAX_THREADS);
static THREADS: AtomicPtr<Thread> = AtomicPtr::new(null_mut());
/// Records that were ever used, record 0 included.
static KNOWN: AtomicUsize = AtomicUsize::new(1);
/// Threads that have a record now.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
static KEY: AtomicU32 = AtomicU32::new(u32::MAX);

#[inline(always)]
fn tls() -> *mut *mut Thread {
    let at: *mut *mut Thread;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the offset of the block defined above, from the thread pointer.
    unsafe {
        asm!("mov {0}, qword ptr [rip + leakgate_thread@GOTTPOFF]", "add {0}, qword ptr fs:[0]", out(reg) at,
             options(pure, readonly, nostack));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        asm!("mrs {0}, tpidr_el0", "adrp {1}, :gottprel:leakgate_thread",
             "ldr {1}, [{1}, :gottprel_lo12:leakgate_thread]", "add {0}, {0}, {1}",
             out(reg) at, out(reg) _, options(pure, readonly, nostack));
    }
    at
}

/// What `tls` leads to: one instruction less than reading through it.
#[inline(always)]
fn tls_word() -> *mut Thread {
    #[cfg(target_arch = "x86_64")]
    {
        let word: *mut Thread;
        // SAFETY: reads the word defined above, which is this thread's own.
        unsafe {
            asm!("mov {0}, qword ptr [rip + leakgate_thread@GOTTPOFF]", "mov {0}, qword ptr fs:[{0}]", out(reg) word,
                 options(readonly, preserves_flags, nostack));
        }
        word
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the TLS word is this thread's own.
    unsafe {
        tls().read()
    }
}

impl Thread {
    /// Whether this record still is the calling thread's: in a child, which a signal handler may have forked, it is not.
    #[inline(always)]
    pub(crate) fn is_valid(&self) -> bool {
        // SAFETY: an aligned word of this record; the kernel may have wiped it.
        unsafe { (&raw const self.mark).read_volatile() == MARK }
    }
}

/// The calling thread's record; made at the first call. `None` where the thread cannot be told apart.
#[inline(always)]
pub(crate) fn current() -> Option<&'static mut Thread> {
    let thread = tls_word();
    if thread as usize > LEAVING as usize {
        // SAFETY: records live for ever, and this one is reached by its own thread only (others use its atomics).
        let thread = unsafe { &mut *thread };
        if thread.mark == MARK {
            return Some(thread);
        }
    }
    enter(thread)
}

/// Sets up the memory of the records and the hook at a thread's end. `None` when it cannot be had.
pub(crate) fn begin() -> Option<()> {
    if sys::has_little_space() {
        ROOM.store(FEW_THREADS, Ordering::Relaxed);
    }
    let length = (size_of::<Thread>() * ROOM.load(Ordering::Relaxed)).next_multiple_of(4096);
    let records = sys::map(length)?;
    // Without this advice a fork could not be recognised.
    if !sys::advise(records as usize, length, libc::MADV_WIPEONFORK) {
        return None;
    }
    THREADS.store(records.cast(), Ordering::Release);
    let mut key = 0;
    // SAFETY: `key` is valid; `leave` takes the value of the key.
    if unsafe { libc::pthread_key_create(&mut key, Some(leave)) } == 0 {
        KEY.store(key, Ordering::Release);
    }
    register(0)?;
    header_word(offset_of!(Header, threads)).store(1, Ordering::Release);
    Some(())
}

/// Whether recording has begun in this process, or in the one that it was forked from.
pub(crate) fn has_begun() -> bool {
    !THREADS.load(Ordering::Acquire).is_null()
}

/// Whether recording has begun in this process, and goes on.
pub(crate) fn is_ready() -> bool {
    !THREADS.load(Ordering::Acquire).is_null() && !fork::is_child() && !fork::is_lost()
}

/// Threads that have a record.
pub(crate) fn active() -> usize {
    ACTIVE.load(Ordering::Relaxed)
}

/// The record of threads that are not told apart. Under the world's lock.
pub(crate) fn nobody() -> &'static mut Thread {
    // SAFETY: the first record is made with the mapping; the lock's holder alone uses it.
    unsafe { &mut *THREADS.load(Ordering::Acquire) }
}

/// All records that were ever used; those not in use have nothing in them.
pub(crate) fn all() -> impl Iterator<Item = &'static Thread> {
    let threads = THREADS.load(Ordering::Acquire);
    // SAFETY: the mapping has room for ROOM records and KNOWN is at most that.
    (0..KNOWN.load(Ordering::Acquire)).map(move |index| unsafe { &*threads.add(index) })
}

/// Gives the thread with this kernel id the name that Python has for it.
pub(crate) fn name_by_tid(tid: u32, text: &[u8]) {
    if tid == sys::getpid() {
        // The first thread is `main` in every program.
        return;
    }
    if let Some(thread) = in_use(|thread| thread.tid == tid) {
        name(thread, text);
        thread.named = true;
    }
}

/// Gives the thread with this handle the name that the program set, unless Python has another for it.
pub(crate) fn name_by_handle(handle: usize, text: &[u8]) {
    if let Some(thread) = in_use(|thread| thread.handle == handle && !thread.named) {
        name(thread, text);
    }
}

fn in_use(is_it: impl Fn(&Thread) -> bool) -> Option<&'static mut Thread> {
    let threads = THREADS.load(Ordering::Acquire);
    (1..KNOWN.load(Ordering::Acquire)).find_map(|index| {
        // SAFETY: the index is below ROOM; the fields are written by a thread that registers, which shows
        // itself by `in_use` afterwards.
        let thread = unsafe { &mut *threads.add(index) };
        (thread.in_use.load(Ordering::Acquire) == 1 && is_it(thread)).then_some(thread)
    })
}

/// Bytes of all threads' caches.
pub(crate) fn cache_bytes() -> usize {
    all().map(|thread| thread.cache.bytes()).sum()
}

#[cold]
#[inline(never)]
fn enter(thread: *mut Thread) -> Option<&'static mut Thread> {
    if thread == LEAVING || THREADS.load(Ordering::Acquire).is_null() || fork::is_lost() {
        return None;
    }
    let survivor = index_of(thread);
    // SAFETY: the TLS word is this thread's own. A call from a signal handler sees a thread that is on its way out.
    unsafe { tls().write(LEAVING) };
    let thread = if fork::is_child() {
        fork::begin_child()?;
        after_fork(survivor)?
    } else {
        let Some(index) = WORLD.stopped(claim) else {
            note(NOTE_THREADS);
            return None;
        };
        register(index)?
    };
    // SAFETY: as above.
    unsafe { tls().write(thread) };
    let key = KEY.load(Ordering::Acquire);
    if key != u32::MAX {
        // SAFETY: the key was created; a low key needs no memory.
        unsafe { libc::pthread_setspecific(key, thread.cast_const().cast()) };
    }
    // SAFETY: `register` gave a valid record, which only this thread uses.
    Some(unsafe { &mut *thread })
}

/// Where a wiped record stood: its thread goes on with the same number in a forked child.
fn index_of(thread: *mut Thread) -> Option<usize> {
    if thread as usize <= LEAVING as usize {
        return None;
    }
    Some((thread as usize - THREADS.load(Ordering::Acquire) as usize) / size_of::<Thread>())
}

/// A free record's index. Called with the world stopped.
fn claim() -> Option<usize> {
    let known = KNOWN.load(Ordering::Relaxed);
    let free = all().skip(1).position(|thread| thread.in_use.load(Ordering::Relaxed) == 0);
    let index = match free {
        Some(position) => position + 1,
        None if known < ROOM.load(Ordering::Relaxed) => known,
        None => return None,
    };
    if index == known {
        KNOWN.store(known + 1, Ordering::Release);
    }
    // SAFETY: `index` is below ROOM.
    let thread = unsafe { &*THREADS.load(Ordering::Acquire).add(index) };
    thread.in_use.store(1, Ordering::Relaxed);
    ACTIVE.fetch_add(1, Ordering::Relaxed);
    Some(index)
}

/// Fills a claimed record. Record 0 stands for threads that are not told apart.
pub(crate) fn register(index: usize) -> Option<*mut Thread> {
    let record = place(Section::Threads, index * size_of::<ThreadRecord>())?.cast::<ThreadRecord>();
    // SAFETY: `index` is below ROOM.
    let thread = unsafe { THREADS.load(Ordering::Acquire).add(index) };
    // SAFETY: the record was claimed by this thread; nobody else looks at these fields.
    unsafe {
        (*thread).id = index as u16;
        (*thread).record = record;
        (*thread).tid = if index == 0 { 0 } else { sys::gettid() };
        (*thread).handle = if index == 0 { 0 } else { libc::pthread_self() as usize };
        (*thread).rounds = 0;
        (*thread).named = false;
        (*thread).inside = 0;
        (*thread).in_step = false;
        (*thread).forks = false;
        (*thread).suppressed = 0;
        (*thread).floor = 0;
        (*thread).last = 0;
        (*thread).fresh = 0;
        (*thread).pending_count = AtomicUsize::new(0);
        (*thread).draining = false;
        (*thread).mark = MARK;
        (*record).tid = (*thread).tid;
        (*record).used += 1;
    }
    let count = header_word(offset_of!(Header, threads));
    count.fetch_max(index as u32 + 1, Ordering::Release);
    if index > 0 {
        // SAFETY: the record was just filled.
        name(unsafe { &mut *thread }, &sys::thread_name());
    }
    Some(thread)
}

/// Gives a thread its name in the capture. Called by the thread itself, or with the world stopped.
pub(crate) fn name(thread: &Thread, name: &[u8]) {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len()).min(NAME);
    let mut stored = [0u8; NAME + 1];
    stored[..end].copy_from_slice(&name[..end]);
    // SAFETY: the record is mapped for the process's life.
    unsafe { (*thread.record).name = stored };
}

/// Notes the calling thread's stack in the capture.
pub(crate) fn note_stack(thread: &Thread, start: usize, end: usize) {
    // SAFETY: the record is mapped for the process's life; only its own thread writes these fields.
    unsafe { ((*thread.record).stack_start, (*thread.record).stack_end) = (start as u64, end as u64) };
}

/// Notes in the capture where the calling thread was started, and whether the program waits for it.
pub(crate) fn note_start(thread: &Thread, started: u32, waited: u32) {
    // SAFETY: as above.
    unsafe { ((*thread.record).started, (*thread.record).waited) = (started, waited) };
}

/// The end of a thread, as far as other destructors let us be the last.
extern "C" fn leave(value: *mut libc::c_void) {
    let thread = value.cast::<Thread>();
    // SAFETY: the TLS word is this thread's own.
    if unsafe { tls().read() } != thread {
        return;
    }
    // SAFETY: the key's value is this thread's record.
    let record = unsafe { &mut *thread };
    if record.mark != MARK {
        return;
    }
    // As many as the C library makes (`PTHREAD_DESTRUCTOR_ITERATIONS`).
    const ROUNDS: u32 = 4;
    record.rounds += 1;
    if record.rounds < ROUNDS {
        // Other destructors may still run: come back in the next round.
        // SAFETY: the key was created.
        unsafe { libc::pthread_setspecific(KEY.load(Ordering::Acquire), value) };
        return;
    }
    if !record.named {
        name(record, &sys::thread_name());
    }
    note_stack(record, 0, 0);
    // SAFETY: as above.
    unsafe { tls().write(LEAVING) };
    WORLD.stopped(|| {
        record.in_use.store(0, Ordering::Release);
        ACTIVE.fetch_sub(1, Ordering::Relaxed);
    });
}

/// In a forked child: all records were wiped; the forking thread keeps its number.
fn after_fork(survivor: Option<usize>) -> Option<*mut Thread> {
    ACTIVE.store(1, Ordering::Relaxed);
    register(0)?;
    let index = survivor.unwrap_or(1);
    KNOWN.fetch_max(index + 1, Ordering::Relaxed);
    // SAFETY: the index was that of a record.
    unsafe { (*THREADS.load(Ordering::Acquire).add(index)).in_use.store(1, Ordering::Relaxed) };
    register(index)
}
