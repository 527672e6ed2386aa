//! Giving pages of the shadow table back to the system, once no live block has its slot there.
//!
//! A page may go only while nobody can be about to write into it. That is so for a range of addresses that is about to
//! be unmapped, whose owner is the caller; and for all others while the calling thread is the only one that counts.

use core::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use crate::capture::header;
use crate::thread::Thread;
use crate::{checkpoint, shadow, sys, thread, world};

const PAGE: usize = 4096;
/// Bytes of address space whose slots fill a page.
const COVERED: usize = PAGE / 8 * 16;
/// Ranges and heaps below this have too little to give.
const WORTHWHILE: i64 = 4 << 20;

/// Most live bytes that were seen since the table was searched last, and the peak that is in it already.
static HIGH: AtomicI64 = AtomicI64::new(0);
static SEEN_PEAK: AtomicI64 = AtomicI64::new(0);

/// Pages given back since the tracker's own size was measured last.
static GIVEN_BACK: AtomicUsize = AtomicUsize::new(0);
const MEASURED_AFTER: usize = (1 << 20) / PAGE;

/// The caller is about to unmap a range: what is in it has been freed, or is about to be lost.
pub(crate) fn unmapping(at: usize, length: usize) {
    let (first, end) = (at.next_multiple_of(COVERED), at.saturating_add(length) / COVERED * COVERED);
    let mut from = first;
    while from < end {
        let to = shadow::end_of_leaf(from).min(end);
        if let Some(slots) = shadow::page_of(from) {
            give_back(slots, (to - from) / COVERED * PAGE);
        }
        from = to;
    }
    if GIVEN_BACK.load(Ordering::Relaxed) >= MEASURED_AFTER {
        // The sampler outside takes it off what is resident.
        GIVEN_BACK.store(0, Ordering::Relaxed);
        checkpoint::measure_self_outside_events();
    }
}

/// Searches the whole table, where that is due: half of what was live is gone, and no other thread counts.
pub(crate) fn search_if_due(thread: &mut Thread) {
    if thread::active() != 1 || !is_due() {
        return;
    }
    world::with_world_stopped_by(thread, search);
    checkpoint::measure_self();
}

/// As `search_if_due`, with the world stopped.
pub(crate) fn search_stopped_if_due() {
    if thread::active() == 1 && is_due() {
        search();
    }
}

fn search() {
    if thread::active() == 1 {
        shadow::each_leaf(|_, leaf| give_back(core::ptr::from_ref(leaf) as usize, size_of_val(leaf)));
    }
}

fn is_due() -> bool {
    // SAFETY: the header is mapped; figures of a moment will do.
    let (live, peak) = unsafe { ((*header()).live_bytes, (*header()).peak_bytes) };
    let mut high = HIGH.load(Ordering::Relaxed).max(live);
    if SEEN_PEAK.swap(peak, Ordering::Relaxed) != peak {
        high = high.max(peak);
    }
    let is_due = high >= WORTHWHILE && live < high / 2;
    HIGH.store(if is_due { live } else { high }, Ordering::Relaxed);
    is_due
}

/// Gives back the pages of a part of a leaf that hold no slot in use.
fn give_back(at: usize, length: usize) {
    let mut pages = [0u8; shadow::LEAF_BYTES / PAGE];
    if sys::resident_pages(at, length, &mut pages) == 0 {
        return;
    }
    let (mut from, mut end) = (at, at);
    for (index, resident) in pages[..length / PAGE].iter().enumerate() {
        let page = at + index * PAGE;
        if resident & 1 == 1 && shadow::is_empty(page, PAGE / 8) {
            end = page + PAGE;
            continue;
        }
        discard(from, end);
        (from, end) = (page + PAGE, page + PAGE);
    }
    discard(from, end);
}

fn discard(from: usize, end: usize) {
    if from < end && sys::advise(from, end - from, libc::MADV_DONTNEED) {
        GIVEN_BACK.fetch_add((end - from) / PAGE, Ordering::Relaxed);
    }
}
