//! Hashing the calling thread's stack: the walk that every event makes, compiled once for each row of the layouts.

use core::mem::transmute;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::frames::word;
use super::layout::{LAYOUTS, Layout, Position};
use super::{api, frames, generation};
use crate::stack::MAX_DEPTH;
use crate::thread::Thread;

type Walk = fn(&Thread, u64) -> u64;

/// The walk of the present interpreter, or `nothing` before it is armed.
static WALK: AtomicPtr<()> = AtomicPtr::new(nothing as *mut ());

const WALKS: [Walk; LAYOUTS.len()] =
    [row::<0>, row::<1>, row::<2>, row::<3>, row::<4>, row::<5>, row::<6>, row::<7>];

/// From now on stacks are walked. The layout was chosen before.
pub(super) fn arm() {
    let chosen = LAYOUTS.iter().position(|layout| layout.minor == frames::layout().minor);
    if let Some(walk) = chosen.map(|row| WALKS[row]) {
        WALK.store(walk as *mut (), Ordering::Release);
    }
}

/// Mixes the stack into a hash, without storing it.
#[inline(always)]
pub(super) fn hash(thread: &Thread, seed: u64) -> u64 {
    // SAFETY: only functions of this type are stored there.
    let walk = unsafe { transmute::<*mut (), Walk>(WALK.load(Ordering::Relaxed)) };
    walk(thread, seed)
}

/// The same as of no frames: what has none later on is the interpreter's own work too.
fn nothing(_: &Thread, seed: u64) -> u64 {
    seed ^ seed >> 32
}

/// The hash of the frames down to the driver's, by the layout of one row.
fn row<const ROW: usize>(thread: &Thread, seed: u64) -> u64 {
    let layout: &Layout = const { &LAYOUTS[ROW] };
    let (mut hash, mut left) = (seed, MAX_DEPTH);
    let state = api::thread_state_of(layout, thread.handle);
    let mut at = if state == 0 { 0 } else { frames::top_of(layout, state) };
    while at != 0 && at != thread.floor {
        // SAFETY: a frame of this thread's chain, laid out as its version's row says.
        if unsafe { is_function(layout, at) } {
            // An addition and a multiplication: each frame waits for them, and for nothing else. The multiplication
            // comes last, since a table compares the upper bits only: what the outermost frame adds must reach those.
            // SAFETY: as above.
            hash = hash.wrapping_add(unsafe { place(layout, at) }).wrapping_mul(0x9fb2_1c65_1e98_df25);
            left -= 1;
            if left == 0 {
                break;
            }
        }
        // SAFETY: as above.
        at = unsafe { word(at + layout.frame_previous) };
    }
    // The lower bits choose the place in a table.
    hash ^ hash >> 32
}

/// # Safety
/// `frame` must be a frame of this thread's chain, laid out as the row says.
#[inline(always)]
unsafe fn is_function(layout: &Layout, frame: usize) -> bool {
    match layout.frame_owner {
        None => true,
        // SAFETY: the caller's promise.
        Some(offset) => unsafe { ((frame + offset) as *const u8).read() < 3 },
    }
}

/// What tells one place in the code from all others. A pointer to an instruction lies inside its code object, so the
/// code object itself has nothing to add.
///
/// # Safety
/// As for `is_function`.
#[inline(always)]
unsafe fn place(layout: &Layout, frame: usize) -> u64 {
    // SAFETY: the caller's promise.
    let (code, position) = unsafe {
        match layout.position {
            Position::Pointer => (word(frame + layout.frame_position), 0),
            Position::Index(_) => {
                let index = ((frame + layout.frame_position) as *const i32).read();
                (word(frame + layout.frame_code), (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            }
        }
    };
    (code as u64).wrapping_add(position) ^ generation(code)
}
