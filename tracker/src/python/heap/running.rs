//! What the local variables of running functions refer to, in all threads. The collector does not look there: what is
//! tracked is in its rings anyway, and what is not could be missed, as a dictionary of numbers that only a thread's own
//! function knows.

use core::ptr::null_mut;

use super::super::api;
use super::super::frames::{self, Running, word};

/// Most local variables of a function, and most functions that a thread runs: beyond, something else is read than was
/// meant.
const MOST_LOCALS: usize = 1 << 16;
const DEEPEST: usize = 1 << 20;

/// What is told of a running function.
pub(super) enum Local {
    /// A local variable's object.
    Object(usize),
    /// A frame that is an object itself, and visits its variables.
    Frame(usize),
}

/// Calls `tell` for what the functions of all threads refer to. With the GIL: no thread changes its own meanwhile.
pub(super) fn each_local(tell: &mut impl FnMut(Local)) {
    let mut state = first_state().unwrap_or(null_mut());
    while !state.is_null() {
        for frame in frames::of_state(state as usize).take(DEEPEST) {
            each_of_frame(frame, tell);
        }
        // SAFETY: with the GIL; a live thread state.
        state = api::PyThreadState_Next().map_or(null_mut(), |next| unsafe { next(state) });
    }
}

fn first_state() -> Option<*mut core::ffi::c_void> {
    // SAFETY: with the GIL; the first interpreter lives as long as its code runs.
    unsafe { Some(api::PyInterpreterState_ThreadHead()?(api::PyInterpreterState_Main()?())) }
}

fn each_of_frame(frame: usize, tell: &mut impl FnMut(Local)) {
    match frames::running(frame) {
        Running::Object => tell(Local::Frame(frame)),
        Running::Variables { first, count } if count < MOST_LOCALS => {
            for index in 0..count {
                // SAFETY: a running function has so many variables.
                let value = unsafe { word(first + index * 8) };
                if let Some(object) = frames::untagged(value) {
                    tell(Local::Object(object));
                }
            }
        }
        Running::Variables { .. } => {}
    }
}
