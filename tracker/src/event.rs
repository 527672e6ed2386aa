//! An allocation or a free: which site changes by how much, on which thread. `protocol` does the counting.

use core::mem::offset_of;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering, compiler_fence};

use leakgate_capture::{
    Function, Header, NOTE_DEBUG_OFF, NOTE_FORKED, NOTE_OTHER_MALLOC, Section, SiteRecord, TemporaryRecord,
};

use crate::capture::{self, header, header_word, place};
use crate::cells::Cells;
use crate::protocol::{Change, Counts, SINGLE, Shared};
use crate::shadow::Slot;
use crate::thread::{self, PENDING, Thread};
use crate::world::{self, WORLD};
use crate::{fork, python, shadow, stack};

/// Functions from this number on do not count as memory (file mappings, reserved space).
const FIRST_UNCOUNTED: u8 = 40;

/// A change of a site. Two words, which travel in registers.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    bytes: i64,
    /// From the lowest bit on: the site (32), blocks (16), `TEMPORARY` and `MEMORY`.
    what: u64,
}

/// It is the free of the block that the thread allocated last.
const TEMPORARY: u64 = 1 << 48;
/// It counts as memory. All blocks do, and mappings that are writable.
const MEMORY: u64 = 1 << 49;

/// Counts a block that was just handed out.
#[inline(always)]
pub(crate) fn allocated(address: usize, size: usize, function: Function, caller: usize) {
    match thread::current() {
        Some(thread) => allocated_on(thread, address, size, (function, caller)),
        None => allocated_by_nobody(address, size, function),
    }
}

/// As `allocated`, on a thread whose record is at hand.
#[inline(always)]
pub(crate) fn allocated_on(thread: &mut Thread, address: usize, size: usize, by: (Function, usize)) {
    if address == 0 {
        return;
    }
    if thread.inside | thread.suppressed != 0 {
        return uncounted(thread, address);
    }
    let Some(slot) = shadow::slot_for(&thread.leaves, address) else {
        return lost();
    };
    // The walk takes its time: the slot, which is written afterwards, is here by then.
    slot.prefetch();
    let site = stack::site(thread, by.0, by.1);
    tally(thread, size);
    if !shadow::try_set(&slot, size as u64, site) {
        replaced(thread, slot, (address, size), site);
    }
    thread.last = address;
    count(thread, allocating(site, size));
}

/// What is allocated inside another call belongs to that call; what the driver's own code allocates, to nobody.
#[cold]
#[inline(never)]
fn uncounted(thread: &mut Thread, address: usize) {
    if thread.inside == 0 {
        freed_on(thread, address);
    }
}

/// A block that is very large, or stands where another one stood that was freed where no hook saw it.
#[cold]
#[inline(never)]
fn replaced(thread: &mut Thread, slot: Slot, (address, size): (usize, usize), site: u32) {
    let Some(stale) = shadow::set(&slot, address, size as u64, site) else {
        return;
    };
    if fork::is_inherited(stale.site) {
        inheritance_changed(stale.site, -(stale.size as i64));
    }
    count(thread, freeing(stale));
}

/// Counts the free of a block, before it is really freed. Blocks that are not tracked are ignored.
#[inline(always)]
pub(crate) fn freed(address: usize) {
    match thread::current() {
        Some(thread) => freed_on(thread, address),
        None => freed_by_nobody(address),
    }
}

#[inline(always)]
fn freed_on(thread: &mut Thread, address: usize) {
    let Some(slot) = shadow::slot_of(&thread.leaves, address) else {
        return;
    };
    if let Some(block) = shadow::take(&slot, address) {
        gone_on(thread, address, block);
    }
}

#[cold]
#[inline(never)]
fn freed_by_nobody(address: usize) {
    if let Some(block) = shadow::take_at(address) {
        gone(address, block);
    }
}

/// Takes a block out of the shadow table. A fresh child is set up first: it counts what the table holds as inherited.
#[inline(always)]
pub(crate) fn take(address: usize) -> Option<shadow::Block> {
    match thread::current() {
        Some(thread) => take_on(thread, address),
        None => shadow::take_at(address),
    }
}

/// As `take`, on a thread whose record is at hand.
#[inline(always)]
pub(crate) fn take_on(thread: &Thread, address: usize) -> Option<shadow::Block> {
    shadow::take(&*shadow::slot_of(&thread.leaves, address)?, address)
}

/// Counts a block that `take` took as freed.
#[inline(always)]
pub(crate) fn gone(address: usize, block: shadow::Block) {
    match thread::current() {
        Some(thread) => gone_on(thread, address, block),
        None => {
            if block.code {
                python::code_freed(address, block.size);
            }
            if fork::is_inherited(block.site) {
                inheritance_changed(block.site, -(block.size as i64));
            }
            by_nobody(freeing(block));
        }
    }
}

/// As `gone`, on a thread whose record is at hand.
#[inline(always)]
pub(crate) fn gone_on(thread: &mut Thread, address: usize, block: shadow::Block) {
    if block.code {
        python::code_freed(address, block.size);
    }
    if fork::is_inherited(block.site) {
        inheritance_changed(block.site, -(block.size as i64));
    }
    let is_temporary = thread.last == address;
    count(thread, freeing(block).with(TEMPORARY, is_temporary));
}

#[inline(always)]
fn allocating(site: u32, size: usize) -> Event {
    Event::new(site, size as i64, 1).with(MEMORY, true)
}

#[inline(always)]
fn freeing(block: shadow::Block) -> Event {
    Event::new(block.site, -(block.size as i64), -1).with(MEMORY, true)
}

/// Counts a mapping that is there now.
pub(crate) fn mapped(site: u32, start: usize, length: usize) {
    if let Some(thread) = thread::current() {
        thread.last = start;
    }
    changed(site, length as i64, 1);
}

/// Counts a mapping that is not there any more, as a whole.
pub(crate) fn unmapped(site: u32, start: usize, length: usize) {
    let is_temporary = thread::current().is_some_and(|thread| thread.last == start);
    told(mapping(site, -(length as i64), -1).with(TEMPORARY, is_temporary));
}

/// A mapping has lost a part: what is left of it is not what was allocated last.
pub(crate) fn forget_last(start: usize) {
    if let Some(thread) = thread::current()
        && thread.last == start
    {
        thread.last = 0;
    }
}

/// Counts a change of a site that has no slot (a mapping).
pub(crate) fn changed(site: u32, bytes: i64, blocks: i16) {
    told(mapping(site, bytes, blocks));
}

fn mapping(site: u32, bytes: i64, blocks: i16) -> Event {
    Event::new(site, bytes, blocks).with(MEMORY, is_memory(site))
}

/// Whether what a site hands out counts as memory.
fn is_memory(site: u32) -> bool {
    // SAFETY: a mapped record; its function never changes.
    unsafe { (*site_record(site)).function < FIRST_UNCOUNTED }
}

fn told(event: Event) {
    if fork::is_inherited(event.site()) {
        inheritance_changed(event.site(), event.bytes);
    }
    match thread::current() {
        Some(thread) => count(thread, event),
        None => by_nobody(event),
    }
}

/// In a forked child: something that it inherited was freed. A figure of its own, beside those of the site.
#[cold]
pub(crate) fn inheritance_changed(site: u32, bytes: i64) {
    if is_memory(site) {
        // SAFETY: the header is mapped; this field is an aligned word written with atomics only.
        let live = unsafe { &*(&raw mut (*header()).inherited_live).cast::<AtomicI64>() };
        live.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Counts a request in the thread's histogram of sizes.
#[inline(always)]
pub(crate) fn tally(thread: &Thread, size: usize) {
    // As many bits as `size` has: no block has all 64.
    let class = 63 - (size << 1 | 1).leading_zeros() as usize;
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

/// Counts a change of a site. What is ordinary with one thread stands here; all else in `count_among_others`.
#[inline(always)]
fn count(thread: &mut Thread, event: Event) {
    if world::is_in_event(thread) {
        return defer(thread, event);
    }
    let mode = WORLD.begin(&thread.member);
    if mode == SINGLE {
        WORLD.count_alone(own_counts(site_record(event.site())), event.change());
        if event.has(TEMPORARY) {
            temporary(event);
        }
    } else {
        count_among_others(thread, mode, event);
    }
    WORLD.end(&thread.member);
    if thread.pending_count.load(Ordering::Relaxed) != 0 {
        drain(thread);
    }
}

/// Where a site may be another thread's: this one counts in a record of its own.
#[inline(never)]
fn count_among_others(thread: &mut Thread, mode: u32, event: Event) {
    let record = site_record(event.site());
    let is_own = is_of(thread.id, record);
    let counts = if is_own { Some(own_counts(record)) } else { thread.cells.find(event.site()) };
    if !counts.is_some_and(|counts| WORLD.try_count(&thread.member, mode, counts, event.change())) {
        slow(thread, event);
    }
    if event.has(TEMPORARY) && is_own {
        temporary(event);
    }
}

impl Event {
    #[inline(always)]
    fn new(site: u32, bytes: i64, blocks: i16) -> Event {
        Event { bytes, what: u64::from(site) | u64::from(blocks as u16) << 32 }
    }

    #[inline(always)]
    fn with(self, flag: u64, is_set: bool) -> Event {
        Event { what: if is_set { self.what | flag } else { self.what }, ..self }
    }

    #[inline(always)]
    fn has(self, flag: u64) -> bool {
        self.what & flag != 0
    }

    #[inline(always)]
    fn site(self) -> u32 {
        self.what as u32
    }

    #[inline(always)]
    fn change(self) -> Change {
        let blocks = i64::from((self.what >> 32) as i16);
        Change { bytes: self.bytes, blocks, is_memory: self.has(MEMORY) }
    }
}

/// The record of a site that was interned.
#[inline(always)]
fn site_record(site: u32) -> *const SiteRecord {
    // SAFETY: a site has its number since its record was stored.
    unsafe { capture::stored(Section::Sites, site as usize * size_of::<SiteRecord>()) }.cast()
}

#[inline(always)]
fn is_of(thread: u16, record: *const SiteRecord) -> bool {
    // SAFETY: a mapped record; its thread never changes.
    unsafe { (*record).thread == thread }
}

#[inline(always)]
fn own_counts(record: *const SiteRecord) -> &'static Counts {
    // SAFETY: the first fields of a mapped record are these; they are reached as atomics only.
    unsafe { &*record.cast() }
}

/// Counts a block of this thread's own that it freed before it allocated anything else. Where there is no space for
/// that any more, a note says so.
#[cold]
#[inline(never)]
fn temporary(event: Event) {
    if let Some(record) = place(Section::Temporary, event.site() as usize * size_of::<TemporaryRecord>()) {
        // SAFETY: a mapped record, which only the site's own thread writes, or the only thread there is.
        let record = unsafe { &mut *record.cast::<TemporaryRecord>() };
        record.bytes += event.bytes.unsigned_abs();
        record.blocks += 1;
    }
}

/// The ordinary event's other way: under the lock.
#[cold]
#[inline(never)]
fn slow(thread: &mut Thread, event: Event) {
    let (id, site, change) = (thread.id, event.site(), event.change());
    let cells = &mut thread.cells;
    let counts = || counts_of(cells, id, site).or_else(|| counts_of_nobody(site));
    WORLD.count_slowly(&thread.member, change, counts).unwrap_or_else(lost);
}

/// What a thread counts of a site: the site's own record, or another one, which is made. Under the lock.
fn counts_of(cells: &mut Cells, thread: u16, site: u32) -> Option<&'static Counts> {
    let record = site_record(site);
    if is_of(thread, record) {
        return Some(own_counts(record));
    }
    cells.make(site, thread)
}

/// What threads that are not told apart count of a site. Under the lock.
fn counts_of_nobody(site: u32) -> Option<&'static Counts> {
    counts_of(&mut thread::nobody().cells, 0, site)
}

#[cold]
#[inline(never)]
fn allocated_by_nobody(address: usize, size: usize, function: Function) {
    if address == 0 || !thread::is_ready() {
        return;
    }
    if world::is_stopped_by_this_thread() {
        return lost();
    }
    let site = stack::overflow(function);
    // Under the lock, since whoever stopped the world may give pages of the table back.
    let set = {
        let _locked = WORLD.shared.lock(false);
        shadow::set_at(address, size as u64, site)
    };
    match set {
        Ok(None) => {}
        Ok(Some(stale)) => by_nobody(freeing(stale)),
        Err(()) => return lost(),
    }
    by_nobody(allocating(site, size));
}

/// An event on a thread that has no record: always under the lock.
#[cold]
#[inline(never)]
fn by_nobody(event: Event) {
    if !thread::is_ready() {
        return;
    }
    if world::is_stopped_by_this_thread() {
        return lost();
    }
    let _locked = WORLD.shared.lock(false);
    match counts_of_nobody(event.site()) {
        Some(counts) => WORLD.count_locked(None, counts, event.change()),
        None => lost(),
    }
}

/// An event of a signal handler in the middle of another event: left for the next ordinary one. Its place is taken
/// first, since another handler may come in between.
#[cold]
#[inline(never)]
fn defer(thread: &mut Thread, event: Event) {
    let place = thread.pending_count.fetch_add(1, Ordering::SeqCst);
    if place >= PENDING {
        thread.pending_count.fetch_sub(1, Ordering::SeqCst);
        return lost();
    }
    thread.pending[place] = event;
}

/// Counts what was left. A handler that comes meanwhile takes nothing out: it only adds, which the exchange notices.
#[cold]
#[inline(never)]
fn drain(thread: &mut Thread) {
    if core::mem::replace(&mut thread.draining, true) {
        return;
    }
    compiler_fence(Ordering::SeqCst);
    loop {
        let left = thread.pending_count.load(Ordering::SeqCst);
        let Some(event) = left.checked_sub(1).map(|last| thread.pending[last]) else {
            break;
        };
        let taken = thread.pending_count.compare_exchange(left, left - 1, Ordering::SeqCst, Ordering::SeqCst);
        if taken.is_ok() {
            count(thread, event);
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
    let notes = header_word(offset_of!(Header, notes));
    notes.store(
        notes.load(Ordering::Relaxed) & (NOTE_OTHER_MALLOC | NOTE_DEBUG_OFF) | NOTE_FORKED,
        Ordering::Relaxed,
    );
}
