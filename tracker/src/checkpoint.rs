//! Freezing all sites: a record in the capture with the sites that changed since the last one.

use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use leakgate_capture::{
    CHECKPOINT_MARK, CheckpointEntry, CheckpointRecord, Domain, Function, Header, KIND_PEAK, LAST_KIND,
    Section, SiteRecord,
};

use crate::capture::{self, header, header_word, place, present};
use crate::children;
use crate::intern::INTERNER;
use crate::protocol::{Counts, Shared};
use crate::world::WORLD;
use crate::{cells, containers, event, shadow, sys, thread, trim, world};

const SITES_A_CHUNK: usize = 1024;
type Chunk = [(i64, i64); SITES_A_CHUNK];

/// What each site had at the last checkpoint.
static LAST: [AtomicPtr<Chunk>; 16384] = [const { AtomicPtr::new(null_mut()) }; 16384];

/// Checkpoints of kinds 0–4 that were written.
static WRITTEN: AtomicU32 = AtomicU32::new(0);

/// The sums of a checkpoint.
#[derive(Clone, Copy, Default)]
pub(crate) struct Frozen {
    pub bytes: i64,
    pub blocks: i64,
    pub window_peak: i64,
}

/// What a checkpoint is, and what its caller saw of the process.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub kind: u32,
    pub iteration: u32,
    /// Open file descriptors; `u32::MAX` where they were not counted.
    pub fds: u32,
    /// Threads, likewise.
    pub threads: u32,
    /// Objects that only the garbage collector freed.
    pub collected: u64,
}

impl Moment {
    /// A moment of which nothing more is known.
    pub(crate) fn of(kind: u32, iteration: u32) -> Moment {
        Moment { kind, iteration, fds: u32::MAX, threads: u32::MAX, collected: 0 }
    }
}

/// Freezes all sites, and begins a new window for the peak.
pub(crate) fn take(moment: &Moment) -> Frozen {
    let Some(thread) = thread::current() else {
        return Frozen::default();
    };
    measure_self();
    let children = children::count().map_or(u16::MAX, few);
    world::with_world_stopped_by(thread, || {
        // Not from the interner: a fork takes its lock before it stops the world.
        let sites = header_word(offset_of!(Header, sites)).load(Ordering::Acquire);
        // SAFETY: the header is mapped, and the world is stopped.
        let head = unsafe { &mut *header() };
        let window_peak = head.peak_bytes;
        let composition = Moment { kind: KIND_PEAK, ..*moment };
        let is_highest = window_peak > head.best_peak;
        let is_kept = !is_highest || write(&composition, sites, (window_peak, u16::MAX)).is_some();
        if is_highest && is_kept {
            head.best_peak = window_peak;
        }
        let frozen = write(moment, sites, (window_peak, children)).unwrap_or_else(|| {
            event::lost();
            Frozen { bytes: head.live_bytes, blocks: 0, window_peak }
        });
        trim::search_stopped_if_due();
        // A peak that could not be written stays where it is: in the sites' own records.
        if is_kept {
            WORLD.begin_window(head.live_bytes);
        }
        frozen
    })
}

/// The ordinal of the last checkpoint, from 1 on; 0: there was none.
pub(crate) fn ordinal() -> u32 {
    WRITTEN.load(Ordering::Relaxed)
}

/// Updates the tracker's own size, exactly.
pub(crate) fn measure_self() {
    let Some(thread) = thread::current() else {
        return;
    };
    let tables = world::uninterrupted(thread, |_| INTERNER.lock().bytes())
        + thread::cache_bytes()
        + containers::bytes();
    let used =
        header_word(offset_of!(Header, chunks)).load(Ordering::Relaxed) as usize * leakgate_capture::CHUNK;
    let sum = tables + used.min(capture::mapped()) + shadow::resident();
    // SAFETY: the header is mapped; one aligned store.
    unsafe { (&raw mut (*header()).tracker_bytes).write_volatile(sum as u64) };
}

/// As `measure_self`, where a signal handler may have come in between: it must not wait for a lock.
#[cold]
pub(crate) fn measure_self_outside_events() {
    if thread::current().is_some_and(|thread| !world::is_in_event(thread)) {
        measure_self();
    }
}

/// In a forked child: its checkpoints begin anew.
pub(crate) fn restart() {
    // SAFETY: the header is mapped, and this is the only thread.
    unsafe { (*header()).checkpoints = 0 };
    WRITTEN.store(0, Ordering::Relaxed);
    for chunk in &LAST {
        let chunk = chunk.load(Ordering::Relaxed);
        if !chunk.is_null() {
            // SAFETY: chunks are mapped for ever.
            unsafe { chunk.write_bytes(0, 1) };
        }
    }
}

/// A place in a section that is a stream, filled word by word: no word crosses a chunk.
pub(crate) struct Stream {
    section: Section,
    at: usize,
}

impl Stream {
    /// The place `at` bytes from the section's beginning.
    pub(crate) fn of(section: Section, at: usize) -> Stream {
        Stream { section, at }
    }

    /// Bytes from the section's beginning.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Writes a record. `None`: no more space.
    pub(crate) fn put<T: Copy>(&mut self, record: &T) -> Option<()> {
        let words = size_of::<T>() / 8;
        let from = core::ptr::from_ref(record).cast::<u64>();
        for index in 0..words {
            let to = place(self.section, self.at)?;
            // SAFETY: the record has that many aligned words, and so has the stream.
            unsafe { to.cast::<u64>().write(from.add(index).read()) };
            self.at += 8;
        }
        Some(())
    }
}

/// A count in the room that it has; the largest number says that there is none.
fn few(count: u32) -> u16 {
    count.min(u32::from(u16::MAX) - 1) as u16
}

fn write(moment: &Moment, sites: u32, (window_peak, children): (i64, u16)) -> Option<Frozen> {
    // SAFETY: the header is mapped.
    let start = unsafe { (*header()).checkpoints } as usize;
    let mut stream = Stream::of(Section::Checkpoints, start + size_of::<CheckpointRecord>());
    let mut record = CheckpointRecord {
        mark: CHECKPOINT_MARK,
        kind: moment.kind,
        iteration: moment.iteration,
        window_peak,
        at_ms: sys::now_ms(),
        fds: moment.fds,
        threads: if moment.threads == u32::MAX { u16::MAX } else { few(moment.threads) },
        children,
        collected: moment.collected,
        ..CheckpointRecord::default()
    };
    let is_peak = moment.kind == KIND_PEAK;
    let epoch = WORLD.shared.figures().epoch.get();
    for site in 1..sites {
        let figures = |counts: &Counts| if is_peak { counts.at_peak(epoch) } else { counts.now() };
        let (bytes, blocks) = cells::sum(site, figures)?;
        if counts(site) {
            record.live_bytes += bytes;
            record.live_blocks += blocks;
        }
        let is_news = if is_peak { bytes != 0 || blocks != 0 } else { is_changed(site, (bytes, blocks))? };
        if is_news {
            record.entries += 1;
            stream.put(&CheckpointEntry { site: u64::from(site), bytes, blocks })?;
        }
    }
    let end = stream.position();
    Stream::of(Section::Checkpoints, start).put(&record)?;
    // SAFETY: the header is mapped; the stream is counted after it was written.
    unsafe { (&raw mut (*header()).checkpoints).write_volatile(end as u64) };
    if moment.kind <= LAST_KIND {
        WRITTEN.fetch_add(1, Ordering::Relaxed);
    }
    Some(Frozen { bytes: record.live_bytes, blocks: record.live_blocks, window_peak })
}

fn own(site: u32) -> Option<&'static SiteRecord> {
    let at = present(Section::Sites, site as usize * size_of::<SiteRecord>())?;
    // SAFETY: a mapped record, and the world is stopped.
    Some(unsafe { &*at.cast() })
}

fn counts(site: u32) -> bool {
    let function = own(site).and_then(|site| Function::from_number(site.function));
    function
        .is_some_and(|function| function.domain() != Domain::File && function.domain() != Domain::Reserved)
}

/// Whether a site differs from the last checkpoint; remembers it.
fn is_changed(site: u32, amount: (i64, i64)) -> Option<bool> {
    let slot = &LAST[site as usize / SITES_A_CHUNK];
    if slot.load(Ordering::Relaxed).is_null() {
        slot.store(sys::map(size_of::<Chunk>())?.cast(), Ordering::Relaxed);
    }
    // SAFETY: chunks are mapped for ever, and the world is stopped.
    let last = unsafe { &mut (&mut *slot.load(Ordering::Relaxed))[site as usize % SITES_A_CHUNK] };
    let changed = *last != amount;
    *last = amount;
    Some(changed)
}
