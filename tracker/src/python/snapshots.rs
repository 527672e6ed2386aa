//! The moments at which a snapshot of the heap is taken though the program does not ask for one: after iterations that it
//! marks, and at the interpreter's end. The settings name them.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::{agent, heap};

/// Most iterations that can be named.
const MOST: usize = 8;

/// The iterations; 0: none.
static ITERATIONS: [AtomicU32; MOST] = [const { AtomicU32::new(0) }; MOST];
/// Whether the interpreter's end is one.
static AT_EXIT: AtomicBool = AtomicBool::new(false);

/// Sets the moments, `12,18,24,exit`. Called by the constructor.
pub(crate) fn at(moments: &[u8]) {
    let mut free = ITERATIONS.iter();
    for moment in moments.split(|byte| *byte == b',') {
        match core::str::from_utf8(moment).ok().and_then(|digits| digits.parse().ok()) {
            Some(number) => free.by_ref().take(1).for_each(|place| place.store(number, Ordering::Relaxed)),
            None if moment == b"exit" => AT_EXIT.store(true, Ordering::Relaxed),
            None => {}
        }
    }
}

/// After an iteration of the program's own. With the GIL.
pub(super) fn after_iteration(iteration: u32) {
    if ITERATIONS.iter().any(|moment| moment.load(Ordering::Relaxed) == iteration) {
        agent::uncounted(heap::take_snapshot);
    }
}

/// Before the interpreter is torn down. With the GIL.
pub(super) fn at_exit() {
    if AT_EXIT.load(Ordering::Relaxed) {
        agent::uncounted(heap::take_snapshot);
    }
}
