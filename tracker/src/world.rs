//! How threads count without a lock, and how they are stopped where that would not be exact.
//!
//! The peak must be exact, and so must its composition, without a lock on the ordinary event. Three modes:
//!
//! ```text
//!            a second thread comes                 near the peak
//!   SINGLE ─────────────────────────► EXACT ◄──────────────────────────► FREE
//!     ▲                                 │          far below the peak
//!     └─────────────────────────────────┘
//!            one thread is left (that thread itself goes back)
//! ```
//!
//! - SINGLE: one thread; it counts and raises the peak with plain stores.
//! - EXACT: every event is counted under the lock, and the peak is raised there.
//! - FREE: published live bytes plus `SLACK` for each thread stay below the peak, so no new peak can come: each thread
//!   counts on its own sites and keeps up to `SLACK` bytes unpublished. Frees of other threads' blocks take the lock.
//!
//! Leaving SINGLE or FREE, the lock's holder sets the mode, has the kernel fence all threads (`membarrier`), and
//! waits until no thread is in an event that began under the old mode; then it takes in what they kept. A thread that
//! begins later sees the new mode: it marks itself before it reads the mode.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence, fence};

use leakgate_capture::NOTE_STUCK;

use crate::capture::{header, note};
use crate::lock::{Guard, Lock};
use crate::sys;
use crate::thread::{self, FAST, OUTSIDE, SLOW, Thread};

/// One thread counts.
pub(crate) const SINGLE: u32 = 0;
/// Every event is under the lock.
pub(crate) const EXACT: u32 = 1;
/// Far below the peak: each thread counts by itself.
pub(crate) const FREE: u32 = 2;
/// Bytes that a thread may keep unpublished in `FREE`.
pub(crate) const SLACK: i64 = 64 * 1024;

/// The mode, and `EACH_FENCES` where that is so.
static MODE: AtomicU32 = AtomicU32::new(EXACT);
/// Set with the mode where `membarrier` is missing: the quick look at the mode then finds none that it knows.
const EACH_FENCES: u32 = 4;
static WORLD: Lock<()> = Lock::new(());
/// Kernel id of the thread that stopped the world: a signal handler on it must not wait for itself.
static STOPPER: AtomicU32 = AtomicU32::new(0);
/// Without `membarrier` each event carries its own fence.
static FENCED: AtomicBool = AtomicBool::new(false);

/// Finds out how threads can be fenced. Called once, before there are events.
pub(crate) fn begin() {
    FENCED.store(!sys::register_barrier(), Ordering::Relaxed);
    set_mode(EXACT, Ordering::Relaxed);
}

/// The present mode.
#[inline(always)]
pub(crate) fn mode() -> u32 {
    MODE.load(Ordering::Relaxed) & !EACH_FENCES
}

/// Whether the calling thread is the only one, and needs no fence between its mark and this look.
#[inline(always)]
pub(crate) fn is_single_unfenced() -> bool {
    MODE.load(Ordering::Relaxed) == SINGLE
}

fn set_mode(mode: u32, ordering: Ordering) {
    MODE.store(if is_fenced() { mode | EACH_FENCES } else { mode }, ordering);
}

/// Whether each event carries its own fence.
#[inline(always)]
pub(crate) fn is_fenced() -> bool {
    FENCED.load(Ordering::Relaxed)
}

/// The lock of `EXACT`, for one event of this thread. `known`: the thread has a record.
pub(crate) fn lock(known: bool) -> Locked {
    let guard = WORLD.lock();
    STOPPER.store(if known { 0 } else { sys::gettid() }, Ordering::Relaxed);
    Locked { _guard: guard }
}

/// Holds the lock until dropped.
pub(crate) struct Locked {
    _guard: Guard<'static, ()>,
}

impl Drop for Locked {
    fn drop(&mut self) {
        STOPPER.store(0, Ordering::Relaxed);
    }
}

/// Whether the calling thread holds the lock already, as a signal handler's thread may.
pub(crate) fn is_stopped_by_this_thread() -> bool {
    STOPPER.load(Ordering::Relaxed) == sys::gettid()
}

/// How far all threads together may be ahead of what is published.
pub(crate) fn reach() -> i64 {
    thread::active() as i64 * SLACK
}

/// From EXACT back to a mode without the lock, when that is right. `known`: the caller has a record.
pub(crate) fn relax(known: bool) {
    // SAFETY: the header is mapped; the lock is held.
    let header = unsafe { &*header() };
    if known && thread::active() == 1 {
        set_mode(SINGLE, Ordering::Relaxed);
    } else if header.live_bytes + 2 * reach() < header.peak_bytes {
        set_mode(FREE, Ordering::Relaxed);
    }
}

/// Goes to EXACT: no thread is in an event of its own any more, and all that they kept is published. Under the lock.
pub(crate) fn stop() {
    set_mode(EXACT, Ordering::SeqCst);
    if !sys::barrier() {
        // Every thread fences by itself where the kernel could not do it at the start; a filter that came later
        // leaves the time that stores take to become visible.
        fence(Ordering::SeqCst);
        for _ in 0..64 {
            sys::yield_now();
        }
    }
    for thread in thread::all() {
        wait_for(&thread.in_event);
        let delta = thread.delta.swap(0, Ordering::Relaxed);
        // SAFETY: the header is mapped; the lock is held.
        unsafe { (*header()).live_bytes += delta };
    }
}

fn wait_for(in_event: &AtomicU32) {
    let start = sys::now_ms();
    let mut tries = 0u32;
    while in_event.load(Ordering::Acquire) == FAST {
        tries += 1;
        if tries.is_multiple_of(256) {
            sys::yield_now();
            // A signal handler that left with longjmp in the middle of an event never comes back.
            if sys::now_ms() > start + 1000 {
                note(NOTE_STUCK);
                return;
            }
        }
        core::hint::spin_loop();
    }
}

/// Runs `f` while no thread counts anything; the figures in the header are exact then.
pub(crate) fn with_world_stopped<T>(f: impl FnOnce() -> T) -> T {
    let _guard = WORLD.lock();
    STOPPER.store(sys::gettid(), Ordering::Relaxed);
    if mode() != EXACT {
        stop();
    }
    let result = f();
    STOPPER.store(0, Ordering::Relaxed);
    result
}

/// As `with_world_stopped`, for a thread with a record: its signal handlers' events wait until afterwards.
pub(crate) fn with_world_stopped_by<T>(thread: &mut Thread, f: impl FnOnce() -> T) -> T {
    uninterrupted(thread, |_| with_world_stopped(f))
}

/// Runs `f`, which takes locks: the events of the thread's signal handlers wait for its next ordinary one, and take none.
pub(crate) fn uninterrupted<T>(thread: &mut Thread, f: impl FnOnce(&mut Thread) -> T) -> T {
    let before = thread.in_event.swap(SLOW, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    let result = f(thread);
    compiler_fence(Ordering::SeqCst);
    thread.in_event.store(before, Ordering::Release);
    result
}

/// Whether a signal handler has interrupted an event of this thread, or something that takes locks.
pub(crate) fn is_in_event(thread: &Thread) -> bool {
    thread.in_event.load(Ordering::Relaxed) != OUTSIDE
}

/// A fork begins on this thread, which is about to take all locks: events of its signal handlers wait. False for a
/// signal handler that forks, and may have interrupted one who holds them: it must do without.
pub(crate) fn leave_to_fork() -> bool {
    let Some(thread) = thread::current() else {
        return true;
    };
    if is_in_event(thread) || thread.in_step {
        return false;
    }
    thread.forks = true;
    thread.in_event.store(SLOW, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    true
}

/// The fork is about to be over, and this is the parent. Whether it took the locks.
pub(crate) fn took_locks() -> bool {
    thread::current().is_none_or(|thread| thread.forks)
}

/// The fork is over, and this is the parent.
pub(crate) fn return_from_fork() {
    if let Some(thread) = thread::current() {
        compiler_fence(Ordering::SeqCst);
        thread.in_event.store(OUTSIDE, Ordering::Release);
        thread.forks = false;
    }
}

/// Before a fork: the child must find no lock taken and no record half written.
pub(crate) fn before_fork() {
    WORLD.acquire();
}

/// After a fork, in the parent.
pub(crate) fn after_fork() {
    WORLD.release();
}

/// In a forked child, alone.
pub(crate) fn restart() {
    WORLD.release();
    STOPPER.store(0, Ordering::Relaxed);
    set_mode(EXACT, Ordering::Relaxed);
}
