//! An allocation or a free: the counters and the peak. `world` tells when a thread may count by itself.
//!
//! A site's composition of the peak is brought up to date only when the site changes: if its `epoch` is not the
//! present peak's, its value has not changed since that peak and is copied first.

use core::mem::offset_of;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering, compiler_fence, fence};

use leakgate_capture::{ForeignRecord, Function, Header, NOTE_FORKED, Section, SiteRecord};

use crate::capture::{header, header_word, place, present};
use crate::thread::{self, FAST, OUTSIDE, PENDING, SLOW, Thread};
use crate::world::{self, EXACT, FREE, SINGLE, SLACK};
use crate::{fork, python, shadow, stack};

/// Functions from this number on do not count as memory (file mappings, reserved space).
const FIRST_UNCOUNTED: u8 = 40;

/// Counts a block that was just handed out.
#[inline(always)]
pub(crate) fn allocated(address: usize, size: usize, function: Function, caller: usize) {
    if address == 0 {
        return;
    }
    let Some(thread) = thread::current() else {
        return allocated_by_nobody(address, size, function);
    };
    if thread.inside != 0 {
        return;
    }
    if thread.suppressed != 0 {
        return freed(address);
    }
    let site = stack::site(thread, function, caller);
    match shadow::set(address, size as u64, site) {
        Ok(None) => {}
        // The block that stood there was freed where no hook saw it.
        Ok(Some(stale)) => replaced(thread, &stale),
        Err(()) => return lost(),
    }
    tally(thread, size);
    count(thread, site, size as i64, 1);
}

#[cold]
fn replaced(thread: &mut Thread, stale: &shadow::Block) {
    if fork::is_inherited(stale.site) {
        inheritance_changed(stale.site, -(stale.size as i64));
    }
    count(thread, stale.site, -(stale.size as i64), -1);
}

/// Counts the free of a block, before it is really freed. Blocks that are not tracked are ignored.
#[inline(always)]
pub(crate) fn freed(address: usize) {
    if let Some(block) = take(address) {
        gone(address, block);
    }
}

/// Takes a block out of the shadow table. A fresh child is set up first: it counts what the table holds as inherited.
#[inline(always)]
pub(crate) fn take(address: usize) -> Option<shadow::Block> {
    thread::current();
    shadow::take(address)
}

/// Counts a block that `take` took as freed.
#[inline(always)]
pub(crate) fn gone(address: usize, block: shadow::Block) {
    if block.code {
        python::code_freed(address);
    }
    if fork::is_inherited(block.site) {
        inheritance_changed(block.site, -(block.size as i64));
    }
    match thread::current() {
        Some(thread) => count(thread, block.site, -(block.size as i64), -1),
        None => by_nobody(block.site, -(block.size as i64), -1),
    }
}

/// Counts a change of a site that has no slot (a mapping).
pub(crate) fn changed(site: u32, bytes: i64, blocks: i64) {
    if fork::is_inherited(site) {
        inheritance_changed(site, bytes);
    }
    match thread::current() {
        Some(thread) => count(thread, site, bytes, blocks),
        None => by_nobody(site, bytes, blocks),
    }
}

/// In a forked child: something that it inherited was freed. A figure of its own, beside those of the site.
#[cold]
pub(crate) fn inheritance_changed(site: u32, bytes: i64) {
    if counts(site_record(site)) {
        // SAFETY: the header is mapped; this field is an aligned word written with atomics only.
        let live = unsafe { &*(&raw mut (*header()).inherited_live).cast::<AtomicI64>() };
        live.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Counts a request in the thread's histogram of sizes.
#[inline(always)]
pub(crate) fn tally(thread: &Thread, size: usize) {
    let class = ((usize::BITS - size.leading_zeros()) as usize).min(63);
    // SAFETY: the record is mapped for the process's life; only its own thread writes the histogram.
    unsafe { (*thread.record).histogram[class] += 1 };
}

/// Notes an event that could not be recorded.
#[cold]
pub(crate) fn lost() {
    // SAFETY: the header is mapped; this field is an aligned word written with atomics only.
    let lost = unsafe { &*(&raw mut (*header()).lost).cast::<AtomicU64>() };
    lost.fetch_add(1, Ordering::Relaxed);
}

#[inline(always)]
fn count(thread: &mut Thread, site: u32, bytes: i64, blocks: i64) {
    if world::is_in_event(thread) {
        return defer(thread, site, bytes, blocks);
    }
    thread.in_event.store(FAST, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    if world::is_fenced() {
        fence(Ordering::SeqCst);
    }
    let mode = world::mode();
    let record = site_record(site);
    if mode == SINGLE {
        single(thread, record, site, (bytes, blocks));
    } else if mode == FREE && is_own(thread, record) && fits(thread, record, bytes) {
        apply(record, bytes, blocks);
    } else {
        slow(Some(thread), site, bytes, blocks);
    }
    compiler_fence(Ordering::SeqCst);
    thread.in_event.store(OUTSIDE, Ordering::Release);
    if thread.pending_count.load(Ordering::Relaxed) != 0 {
        drain(thread);
    }
}

/// The record of a site that was interned, so its chunk is there.
#[inline(always)]
pub(crate) fn site_record(site: u32) -> *mut SiteRecord {
    present(Section::Sites, site as usize * size_of::<SiteRecord>())
        .map_or_else(|| header().cast(), |record| record.cast())
}

#[inline(always)]
pub(crate) fn is_own(thread: &Thread, record: *mut SiteRecord) -> bool {
    // SAFETY: a mapped record; its thread never changes.
    unsafe { (*record).thread == thread.id }
}

#[inline(always)]
fn counts(record: *mut SiteRecord) -> bool {
    // SAFETY: a mapped record; its function never changes.
    unsafe { (*record).function < FIRST_UNCOUNTED }
}

/// In FREE: whether the thread may keep this event unpublished; keeps it then.
#[inline(always)]
fn fits(thread: &Thread, record: *mut SiteRecord, bytes: i64) -> bool {
    if !counts(record) {
        return true;
    }
    let delta = thread.delta.load(Ordering::Relaxed) + bytes;
    if !(-SLACK..=SLACK).contains(&delta) {
        return false;
    }
    thread.delta.store(delta, Ordering::Relaxed);
    true
}

#[inline(always)]
fn single(thread: &Thread, record: *mut SiteRecord, site: u32, change: (i64, i64)) {
    if is_own(thread, record) {
        apply(record, change.0, change.1);
    } else {
        apply_foreign(record, site, change.0, change.1);
    }
    if counts(record) {
        publish(change.0);
    }
}

/// Changes the site's own half. The order of the stores keeps the record right if the process is killed between them.
#[inline(always)]
pub(crate) fn apply(record: *mut SiteRecord, bytes: i64, blocks: i64) {
    let epoch = epoch();
    // SAFETY: a mapped record; its own half is written by its thread, or under the lock when it has none.
    let record = unsafe { &mut *record };
    if record.epoch != epoch {
        record.peak_bytes = record.live_bytes;
        record.peak_blocks = record.live_blocks;
        compiler_fence(Ordering::SeqCst);
        record.epoch = epoch;
        compiler_fence(Ordering::SeqCst);
    }
    record.live_bytes += bytes;
    record.live_blocks += blocks;
    if is_allocation(bytes, blocks) {
        record.total_bytes += bytes as u64;
        record.total_blocks += blocks as u64;
    }
}

/// Changes the half of a site that threads other than its own write: under the lock, or in SINGLE.
#[inline(never)]
pub(crate) fn apply_foreign(own: *mut SiteRecord, site: u32, bytes: i64, blocks: i64) {
    let Some(record) = place(Section::Foreign, site as usize * size_of::<ForeignRecord>()) else {
        return lost();
    };
    let epoch = epoch();
    // SAFETY: a mapped record, written under the lock or by the only thread.
    let record = unsafe { &mut *record.cast::<ForeignRecord>() };
    if record.epoch != epoch {
        record.peak_bytes = record.freed_bytes;
        record.peak_blocks = record.freed_blocks;
        compiler_fence(Ordering::SeqCst);
        record.epoch = epoch;
        compiler_fence(Ordering::SeqCst);
    }
    record.freed_bytes -= bytes;
    record.freed_blocks -= blocks;
    if is_allocation(bytes, blocks) {
        // SAFETY: a mapped record, whose own thread counts nothing now, or is none: see `under_lock`.
        let own = unsafe { &mut *own };
        own.total_bytes += bytes as u64;
        own.total_blocks += blocks as u64;
    }
}

/// Whether a change hands something out: a mapping that an unmapping splits has fewer bytes in more parts.
#[inline(always)]
fn is_allocation(bytes: i64, blocks: i64) -> bool {
    blocks > 0 && bytes >= 0
}

#[inline(always)]
fn epoch() -> u32 {
    // SAFETY: the header is mapped; the epoch changes in SINGLE or under the lock in EXACT only.
    unsafe { (*header()).epoch }
}

/// Adds to the published live bytes, and raises the peak. In SINGLE or under the lock.
#[inline(always)]
fn publish(bytes: i64) {
    // SAFETY: the header is mapped; see above for who writes.
    let header = unsafe { &mut *header() };
    header.live_bytes += bytes;
    if header.live_bytes > header.peak_bytes {
        header.peak_bytes = header.live_bytes;
        header.epoch = header.epoch.wrapping_add(1);
    }
}

/// The ordinary event's other way: under the lock.
#[cold]
#[inline(never)]
fn slow(thread: Option<&mut Thread>, site: u32, bytes: i64, blocks: i64) {
    if let Some(thread) = thread.as_deref() {
        thread.in_event.store(SLOW, Ordering::Release);
    }
    let _locked = world::lock(thread.is_some());
    under_lock(thread.as_deref(), site, bytes, blocks);
}

/// An event under the lock, which the caller holds.
pub(crate) fn under_lock(thread: Option<&Thread>, site: u32, bytes: i64, blocks: i64) {
    if world::mode() == SINGLE {
        world::stop();
    }
    let record = site_record(site);
    // SAFETY: a mapped record; its thread never changes.
    if unsafe { (*record).thread } == thread.map_or(0, |thread| thread.id) {
        apply(record, bytes, blocks);
    } else {
        // What was allocated is counted in the half of the site's own thread: a mapping that another one moved.
        // SAFETY: as above.
        let has_owner = unsafe { (*record).thread } != 0;
        if has_owner && is_allocation(bytes, blocks) && world::mode() == FREE {
            world::stop();
        }
        apply_foreign(record, site, bytes, blocks);
    }
    let bytes = if counts(record) { bytes } else { 0 };
    if world::mode() == EXACT {
        publish(bytes);
        world::relax(thread.is_some());
        return;
    }
    let delta = thread.map_or(0, |thread| thread.delta.swap(0, Ordering::Relaxed));
    // SAFETY: the header is mapped; the lock is held.
    let header = unsafe { &mut *header() };
    header.live_bytes += delta;
    if header.live_bytes + bytes + world::reach() >= header.peak_bytes {
        world::stop();
    }
    publish(bytes);
}

#[cold]
#[inline(never)]
fn allocated_by_nobody(address: usize, size: usize, function: Function) {
    if !thread::is_ready() {
        return;
    }
    let site = stack::overflow(function);
    match shadow::set(address, size as u64, site) {
        Ok(None) => {}
        Ok(Some(stale)) => by_nobody(stale.site, -(stale.size as i64), -1),
        Err(()) => return lost(),
    }
    by_nobody(site, size as i64, 1);
}

/// An event on a thread that has no record: always under the lock.
#[cold]
#[inline(never)]
fn by_nobody(site: u32, bytes: i64, blocks: i64) {
    if !thread::is_ready() {
        return;
    }
    if world::is_stopped_by_this_thread() {
        return lost();
    }
    slow(None, site, bytes, blocks);
}

/// An event of a signal handler in the middle of another event: left for the next ordinary one. Its place is taken
/// first, since another handler may come in between.
#[cold]
#[inline(never)]
fn defer(thread: &mut Thread, site: u32, bytes: i64, blocks: i64) {
    let place = thread.pending_count.fetch_add(1, Ordering::SeqCst);
    if place >= PENDING {
        thread.pending_count.fetch_sub(1, Ordering::SeqCst);
        return lost();
    }
    thread.pending[place] = (site, bytes, blocks);
}

/// Counts what was left. A handler that comes meanwhile takes nothing out: it only adds, which the exchange notices.
#[cold]
#[inline(never)]
pub(crate) fn drain(thread: &mut Thread) {
    if core::mem::replace(&mut thread.draining, true) {
        return;
    }
    compiler_fence(Ordering::SeqCst);
    loop {
        let left = thread.pending_count.load(Ordering::SeqCst);
        let Some((site, bytes, blocks)) = left.checked_sub(1).map(|last| thread.pending[last]) else {
            break;
        };
        let taken = thread.pending_count.compare_exchange(left, left - 1, Ordering::SeqCst, Ordering::SeqCst);
        if taken.is_ok() {
            count(thread, site, bytes, blocks);
        }
    }
    compiler_fence(Ordering::SeqCst);
    thread.draining = false;
}

/// In a forked child, alone: sets live figures to what the shadow table and the mappings hold.
pub(crate) fn restart(live_bytes: i64) {
    world::restart();
    // SAFETY: the header is mapped, and this is the only thread.
    let header = unsafe { &mut *header() };
    header.live_bytes = live_bytes;
    header.peak_bytes = live_bytes;
    header.best_peak = 0;
    header.epoch = header.epoch.wrapping_add(1);
    header_word(offset_of!(Header, notes)).store(NOTE_FORKED, Ordering::Relaxed);
}
