//! Garbage is collected when that is asked for from outside: what waits for the collector is told from what is held. And a
//! snapshot of the heap is taken where that is asked for, too.
//!
//! The word that asks stands in the capture, and is looked at with each object that is allocated; only in programs whose
//! settings say that they may be asked. The collection itself is left to the interpreter's own next moment for such
//! things, on its main thread, where it might have collected by itself. Where the program has switched its collector
//! off, nothing is done: its garbage is held.

use core::ffi::{c_int, c_void};
use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use leakgate_capture::{ASKED_SNAPSHOT, Header};

use super::{agent, api, domains, heap};
use crate::capture::header_word;
use crate::{sys, thread};

/// A collection is followed by this many times its own length without one.
const REST: u64 = 4;

/// Whether the settings say that the program may be asked.
static MAY_BE: AtomicBool = AtomicBool::new(false);
/// The word as it was when it was looked at last.
static SEEN: AtomicU32 = AtomicU32::new(0);
/// No collection before this time, in nanoseconds.
static NOT_BEFORE: AtomicU64 = AtomicU64::new(0);

/// The program may be asked. Called by the constructor.
pub(crate) fn allow() {
    MAY_BE.store(true, Ordering::Relaxed);
}

/// The user's code starts. With the GIL.
pub(super) fn arm() {
    if MAY_BE.load(Ordering::Relaxed) && api::Py_AddPendingCall().is_some() {
        domains::listen();
    }
}

/// In a forked child, which has a word of its own.
pub(super) fn after_fork() {
    SEEN.store(0, Ordering::Relaxed);
}

/// Looks at the word. Inside the allocation of an object, with the GIL.
#[inline(always)]
pub(super) fn look() {
    let word = header_word(offset_of!(Header, asked)).load(Ordering::Relaxed);
    if word & 1 == 1 && word != SEEN.load(Ordering::Relaxed) {
        hear(word);
    }
}

#[cold]
#[inline(never)]
fn hear(word: u32) {
    if !thread::is_ready() {
        // A fresh child, or one without a capture of its own: the word is its parent's.
        return;
    }
    SEEN.store(word, Ordering::Relaxed);
    if let Some(add) = api::Py_AddPendingCall() {
        // SAFETY: may be called at any time, and allocates nothing; the function lives for ever. A full queue is no harm:
        // the next word asks again.
        unsafe { add(collect, null_mut()) };
    }
}

/// The interpreter calls it between two steps of the program, on its main thread.
extern "C" fn collect(_: *mut c_void) -> c_int {
    let (began, asked) = (sys::now_ns(), SEEN.load(Ordering::Relaxed));
    let wants_snapshot = asked & ASKED_SNAPSHOT != 0;
    let rests = began < NOT_BEFORE.load(Ordering::Relaxed) && !wants_snapshot;
    if rests || !thread::is_ready() {
        // Who asks asks again.
        return 0;
    }
    if agent::collects_itself() && agent::collect_at_most(1).is_none() {
        api::clear_error();
    }
    if wants_snapshot {
        agent::uncounted(heap::take_snapshot);
    }
    let ended = sys::now_ns();
    NOT_BEFORE.store(ended + REST * ended.saturating_sub(began), Ordering::Relaxed);
    // Where something else was asked meanwhile, that is still to be done.
    let word = header_word(offset_of!(Header, asked));
    let _ = word.compare_exchange(asked, asked.wrapping_add(1), Ordering::Release, Ordering::Relaxed);
    0
}
