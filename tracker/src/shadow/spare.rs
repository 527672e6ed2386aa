//! Leaves that were mapped next to each other before they are needed: one that lies alone between the program's mappings
//! would cover itself, and half of the table's address space with it.
//!
//! One word, without a lock: a signal handler may come in between.

use core::sync::atomic::{AtomicU64, Ordering};

use super::{LEAF_BYTES, map_if_there_is_room};
use crate::sys;

/// Leaves that are mapped in one step.
const STEP: usize = 16;
/// Where address space is limited.
const SMALL_STEP: usize = 4;
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
    let count = if sys::has_limited_space() { SMALL_STEP } else { STEP };
    let first = map_if_there_is_room(count * LEAF_BYTES)?;
    let others = first.wrapping_add(LEAF_BYTES);
    let spare = others as u64 | (count - 1) as u64;
    if SPARE.compare_exchange(seen, spare, Ordering::AcqRel, Ordering::Acquire).is_err() {
        sys::unmap(others, (count - 1) * LEAF_BYTES);
    }
    Some(first)
}
