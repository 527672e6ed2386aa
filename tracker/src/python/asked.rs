//! Garbage is collected when that is asked for from outside: what waits for the collector is told from what is held. And a
//! snapshot of the heap is taken where that is asked for, too.
//!
//! The word that asks stands in the capture, and is looked at with each block that Python allocates; only in programs whose
//! settings say that they may be asked. The collection itself is left to the interpreter's own next moment for such
//! things, on its main thread, where it might have collected by itself. Where the program has
//! switched its collector off, none is done: its garbage is held. What is live is frozen then, between two steps: nothing
//! is made or moved at that moment, which a look from outside may meet.

use core::ffi::{c_int, c_void};
use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use leakgate_capture::{ASKED_ITERATION, ASKED_SNAPSHOT, Header};

use super::{agent, api, containers, domains, heap, program};
use crate::capture::{header, header_word};
use crate::{sys, thread};

/// A collection is followed by this many times its own length without one.
const REST: u64 = 4;
/// Containers are looked at from this time on, and each time that is twice as many.
const FIRST_LOOK: u32 = 8;
/// Bytes of checkpoints in the capture from which on nothing is frozen: a long run takes no more.
const MOST_BYTES: u64 = 64 << 20;

/// Whether the settings say that the program may be asked.
static MAY_BE: AtomicBool = AtomicBool::new(false);
/// The word as it was when it was looked at last.
static SEEN: AtomicU32 = AtomicU32::new(0);
/// No collection before this time, in nanoseconds.
static NOT_BEFORE: AtomicU64 = AtomicU64::new(0);
/// Whether the interpreter was told already and has not come to it: its list of such things is short, and the program's.
static IS_TOLD: AtomicBool = AtomicBool::new(false);
/// How often it was frozen.
static TIMES: AtomicU32 = AtomicU32::new(0);

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
    IS_TOLD.store(false, Ordering::Relaxed);
    TIMES.store(0, Ordering::Relaxed);
}

/// Looks at the word. Inside an allocation of Python's, with the GIL.
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
    if IS_TOLD.swap(true, Ordering::Relaxed) {
        return;
    }
    // SAFETY: may be called at any time, and allocates nothing; the function lives for ever.
    let added = api::Py_AddPendingCall().is_some_and(|add| unsafe { add(collect, null_mut()) } == 0);
    // A full list is no harm: the next word asks again.
    IS_TOLD.store(added, Ordering::Relaxed);
}

/// The interpreter calls it between two steps of the program, on its main thread.
extern "C" fn collect(_: *mut c_void) -> c_int {
    IS_TOLD.store(false, Ordering::Relaxed);
    let (began, word) = (sys::now_ns(), header_word(offset_of!(Header, asked)));
    let asked = word.load(Ordering::Relaxed);
    let wants_snapshot = asked & ASKED_SNAPSHOT != 0;
    let rests = began < NOT_BEFORE.load(Ordering::Relaxed) && !wants_snapshot;
    if rests || asked & 1 == 0 || !thread::is_ready() {
        // Who asks asks again.
        return 0;
    }
    let collected = if agent::collects_itself() { agent::collect_at_most(1) } else { Some(0) };
    // SAFETY: the header is mapped; one aligned load.
    let is_frozen = unsafe { (&raw const (*header()).checkpoints).read_volatile() } < MOST_BYTES;
    if is_frozen {
        let times = TIMES.fetch_add(1, Ordering::Relaxed) + 1;
        let number = (asked & !ASKED_SNAPSHOT) >> 1;
        program::freeze(ASKED_ITERATION | number, collected.unwrap_or(0));
        // Seldom, as it takes its time where there are many.
        if times >= FIRST_LOOK && times.is_power_of_two() {
            agent::uncounted(containers::look);
        }
        if wants_snapshot {
            agent::uncounted(heap::take_snapshot);
        }
    }
    // There was none when this was called, and the program must not meet one of ours.
    api::clear_error();
    let ended = sys::now_ns();
    NOT_BEFORE.store(ended + REST * ended.saturating_sub(began), Ordering::Relaxed);
    // Whoever asked again meanwhile did so because this took its time: that is answered with it, unless it is for a
    // snapshot, which is still to be taken.
    let answer = (if is_frozen { asked } else { asked & !ASKED_SNAPSHOT }).wrapping_add(1);
    let mut seen = asked;
    while let Err(now) = word.compare_exchange(seen, answer, Ordering::Release, Ordering::Relaxed) {
        if now & ASKED_SNAPSHOT != 0 && !wants_snapshot {
            break;
        }
        seen = now;
    }
    0
}
