//! The protocol between threads in this process: its lock, the header's figures, the threads' records, and `membarrier`.
//! Also what a signal handler and a fork must not meet.

use core::sync::atomic::{AtomicU32, Ordering, compiler_fence, fence};

use leakgate_capture::NOTE_STUCK;

use crate::capture::{header, note};
use crate::lock::{Guard, Lock};
use crate::protocol::{EXACT, FAST, Figures, Member, OUTSIDE, Protocol, SLOW, Shared};
use crate::sync::{self, Word};
use crate::sys;
use crate::thread::{self, Thread};

/// This process's threads.
pub(crate) struct Process;

pub(crate) static WORLD: Protocol<Process> = Protocol {
    shared: Process,
    mode: AtomicU32::new(EXACT),
    granted: Word::new(0),
    patience: Word::new(0),
    dwell: Word::new(Process::SHORTEST),
    free_since: Word::new(0),
};
static LOCK: Lock<()> = Lock::new(());
/// Kernel id of the thread that stopped the world: a signal handler on it must not wait for itself.
static STOPPER: AtomicU32 = AtomicU32::new(0);

/// Finds out how threads can be fenced. Called once, before there are events.
pub(crate) fn begin() {
    sync::set_fenced(!sys::register_barrier());
}

impl Shared for Process {
    type Locked = Locked;

    fn lock(&self, known: bool) -> Locked {
        let guard = LOCK.lock();
        STOPPER.store(if known { 0 } else { sys::gettid() }, Ordering::Relaxed);
        Locked { _guard: guard }
    }

    #[inline(always)]
    fn figures(&self) -> Figures<'_> {
        let header = header();
        // SAFETY: the header is mapped for the process's life; these are aligned words, reached as atomics only.
        unsafe {
            Figures {
                live: &*(&raw const (*header).live_bytes).cast(),
                peak: &*(&raw const (*header).peak_bytes).cast(),
                epoch: &*(&raw const (*header).epoch).cast(),
            }
        }
    }

    fn active(&self) -> i64 {
        thread::active() as i64
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        thread::all().map(|thread| &thread.member)
    }

    fn fence_all(&self) {
        if sys::barrier() {
            return;
        }
        // Every thread fences by itself where the kernel could not do it at the start; a filter that came later
        // leaves the time that stores take to become visible.
        fence(Ordering::SeqCst);
        for _ in 0..64 {
            sys::yield_now();
        }
    }

    fn wait_for(&self, member: &Member) {
        if member.in_event.load(Ordering::Acquire) == FAST {
            wait_long(&member.in_event);
        }
    }

    fn now(&self) -> i64 {
        sys::now_ns() as i64
    }
}

#[cold]
fn wait_long(in_event: &AtomicU32) {
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

/// Runs `f` while no thread counts anything; the events of this thread's signal handlers wait until afterwards.
pub(crate) fn with_world_stopped_by<T>(thread: &mut Thread, f: impl FnOnce() -> T) -> T {
    uninterrupted(thread, |_| WORLD.stopped(f))
}

/// Runs `f`, which takes locks: the events of the thread's signal handlers wait for its next ordinary one, and take none.
pub(crate) fn uninterrupted<T>(thread: &mut Thread, f: impl FnOnce(&mut Thread) -> T) -> T {
    let before = thread.member.in_event.swap(SLOW, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    let result = f(thread);
    compiler_fence(Ordering::SeqCst);
    thread.member.in_event.store(before, Ordering::Release);
    result
}

/// Whether a signal handler has interrupted an event of this thread, or something that takes locks.
pub(crate) fn is_in_event(thread: &Thread) -> bool {
    thread.member.in_event.load(Ordering::Relaxed) != OUTSIDE
}

/// Whether the calling thread is counted and is in the middle of nothing: it may take locks.
pub(crate) fn is_at_ease() -> bool {
    thread::current().is_some_and(|thread| !is_in_event(thread) && !thread.in_step && thread.inside == 0)
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
    thread.member.in_event.store(SLOW, Ordering::Relaxed);
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
        thread.member.in_event.store(OUTSIDE, Ordering::Release);
        thread.forks = false;
    }
}

/// Before a fork: the child must find no lock taken and no record half written.
pub(crate) fn before_fork() {
    LOCK.acquire();
}

/// After a fork, in the parent.
pub(crate) fn after_fork() {
    LOCK.release();
}

/// In a forked child, alone, whether it will be recorded or not.
pub(crate) fn leave_locks_in_child() {
    LOCK.release();
    STOPPER.store(0, Ordering::Relaxed);
}

/// In a forked child that is recorded, alone.
pub(crate) fn restart() {
    WORLD.mode.store(EXACT, Ordering::Relaxed);
    WORLD.granted.set(0);
    WORLD.patience.set(0);
}
