//! Leaves that were mapped next to each other before they are needed: one that lies alone between the program's mappings
//! would cover itself, and half of the table's address space with it.
//!
//! One word, without a lock: a signal handler may come in between.

use core::sync::atomic::{AtomicU64, Ordering};

use super::LEAF_BYTES;
use crate::sys;

/// Leaves that are mapped in one step where the process may have less than so much space: the last of a step may never be
/// needed.
const STEPS: [(u64, usize); 2] = [(128 << 20, 1), (1 << 30, 4)];
/// Where it may have more.
const STEP: usize = 16;
const COUNT: u64 = 0xfff;

/// The address of the next one, and below it how many there are.
static SPARE: AtomicU64 = AtomicU64::new(0);

/// A leaf of its own for the caller, zeroed.
pub(super) fn take() -> Option<*mut u8> {
    loop {
        let spare = SPARE.load(Ordering::Acquire);
        if spare & COUNT == 0 {
            return more(spare);
        }
        let next = spare + LEAF_BYTES as u64 - 1;
        if SPARE.compare_exchange(spare, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return Some((spare & !COUNT) as *mut u8);
        }
    }
}

/// Maps some, of which the first is the caller's. Where another thread was faster, the others are not needed.
fn more(seen: u64) -> Option<*mut u8> {
    let space = sys::most_space();
    let count = STEPS.iter().find(|(limit, _)| space < *limit).map_or(STEP, |(_, count)| *count);
    let first = map(count * LEAF_BYTES)?;
    if count == 1 {
        return Some(first);
    }
    let others = first.wrapping_add(LEAF_BYTES);
    let spare = others as u64 | (count - 1) as u64;
    if SPARE.compare_exchange(seen, spare, Ordering::AcqRel, Ordering::Acquire).is_err() {
        sys::unmap(others, (count - 1) * LEAF_BYTES);
    }
    Some(first)
}

/// Maps memory that the program can do without.
pub(super) fn map(length: usize) -> Option<*mut u8> {
    if sys::leaves_room(length) { sys::map(length) } else { None }
}
