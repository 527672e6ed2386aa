//! What a thread counts of sites that other threads own: a record in the capture for each such pair, found by site.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, Ordering};

use leakgate_capture::{ForeignRecord, Section, SiteRecord};

use crate::capture::{self, place, present};
use crate::protocol::Counts;
use crate::sys;

/// Most records: 16 MiB of them. Of further pairs a site's changes are counted under the lock, in one record a site.
const MOST: u32 = 1 << 18;
/// The number of the next record. Changed under the world's lock.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A thread's records, by site, in memory of our own. All zeros is an empty one.
pub(crate) struct Cells {
    entries: *mut Entry,
    mask: usize,
    used: usize,
}

/// Site 0 is empty.
#[derive(Clone, Copy)]
struct Entry {
    site: u32,
    counts: *const Counts,
}

impl Cells {
    /// What the thread counts of a site, if it has a record of it.
    #[inline(always)]
    pub(crate) fn find(&self, site: u32) -> Option<&'static Counts> {
        if self.entries.is_null() {
            return None;
        }
        let mut at = start(site) & self.mask;
        loop {
            // SAFETY: `at` is at most `mask`, and the mapping has `mask + 1` entries.
            let entry = unsafe { self.entries.add(at).read() };
            if entry.site == site {
                // SAFETY: a record of the capture, which is mapped for the process's life.
                return Some(unsafe { &*entry.counts });
            }
            if entry.site == 0 {
                return None;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// As `find`, and makes the record. Under the world's lock. `None`: no space, or too many.
    pub(crate) fn make(&mut self, site: u32, thread: u16) -> Option<&'static Counts> {
        if let Some(counts) = self.find(site) {
            return Some(counts);
        }
        // Thread 0 counts for all that have no place: it needs one for every site.
        if thread != 0 && NEXT.load(Ordering::Relaxed) >= MOST {
            return None;
        }
        if self.entries.is_null() || self.used * 2 > self.mask {
            self.grow()?;
        }
        let counts = store(site, thread)?;
        self.put(Entry { site, counts });
        self.used += 1;
        Some(counts)
    }

    fn put(&mut self, entry: Entry) {
        let mut at = start(entry.site) & self.mask;
        // SAFETY: `at` is at most `mask`, and the mapping has `mask + 1` entries.
        while unsafe { self.entries.add(at).read() }.site != 0 {
            at = (at + 1) & self.mask;
        }
        // SAFETY: as above.
        unsafe { self.entries.add(at).write(entry) };
    }

    fn grow(&mut self) -> Option<()> {
        let length = if self.entries.is_null() { 256 } else { (self.mask + 1) * 2 };
        let fresh = sys::map(length * size_of::<Entry>())?.cast::<Entry>();
        let (old, old_length) = (self.entries, self.mask + 1);
        (self.entries, self.mask) = (fresh, length - 1);
        if old.is_null() {
            return Some(());
        }
        for at in 0..old_length {
            // SAFETY: the old mapping has that many entries.
            let entry = unsafe { old.add(at).read() };
            if entry.site != 0 {
                self.put(entry);
            }
        }
        sys::unmap(old.cast(), old_length * size_of::<Entry>());
        Some(())
    }
}

/// Where the search for a site begins.
#[inline(always)]
fn start(site: u32) -> usize {
    (u64::from(site).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

/// Stores a new record, and links it into its site's list.
fn store(site: u32, thread: u16) -> Option<&'static Counts> {
    let owner = present(Section::Sites, site as usize * size_of::<SiteRecord>())?;
    // SAFETY: a mapped record; this word is written under the world's lock only.
    let first = unsafe { owner.add(offset_of!(SiteRecord, foreign)).cast::<u32>() };
    let index = NEXT.load(Ordering::Relaxed);
    let record =
        place(Section::Foreign, index as usize * size_of::<ForeignRecord>())?.cast::<ForeignRecord>();
    // SAFETY: a mapped record that is not in use.
    unsafe {
        record.write(ForeignRecord { next: first.read(), thread, ..ForeignRecord::default() });
        // Last: it is in use with this.
        AtomicU32::from_ptr(&raw mut (*record).site).store(site, Ordering::Release);
        first.write(index);
    }
    NEXT.store(index + 1, Ordering::Relaxed);
    // SAFETY: the record lives as long as the process; its first fields are these.
    Some(unsafe { &*record.cast::<Counts>() })
}

/// Adds up `figures` over all records of a site. With the world stopped.
pub(crate) fn sum(site: u32, figures: impl Fn(&Counts) -> (i64, i64)) -> Option<(i64, i64)> {
    let owner = present(Section::Sites, site as usize * size_of::<SiteRecord>())?.cast::<SiteRecord>();
    // SAFETY: a mapped record.
    let (mut bytes, mut blocks) = figures(unsafe { &*owner.cast::<Counts>() });
    // SAFETY: as above.
    let mut next = unsafe { (*owner).foreign };
    while next != 0 {
        let at = present(Section::Foreign, next as usize * size_of::<ForeignRecord>())?;
        // SAFETY: records in a list were written whole.
        let (more_bytes, more_blocks) = figures(unsafe { &*at.cast::<Counts>() });
        (bytes, blocks) = (bytes + more_bytes, blocks + more_blocks);
        // SAFETY: as above.
        next = unsafe { (*at.cast::<ForeignRecord>()).next };
    }
    Some((bytes, blocks))
}

/// In a forked child, alone: no record is in use. The lists of the sites are ended by whoever resets the sites.
pub(crate) fn restart() {
    NEXT.store(1, Ordering::Relaxed);
    capture::clear(Section::Foreign);
}

const _: () = {
    assert!(offset_of!(Counts, live_blocks) == offset_of!(SiteRecord, live_blocks));
    assert!(offset_of!(Counts, total_bytes) == offset_of!(SiteRecord, total_bytes));
    assert!(offset_of!(Counts, peak_bytes) == offset_of!(SiteRecord, peak_bytes));
    assert!(offset_of!(Counts, epoch) == offset_of!(SiteRecord, epoch));
    assert!(offset_of!(Counts, live_blocks) == offset_of!(ForeignRecord, live_blocks));
    assert!(offset_of!(Counts, total_bytes) == offset_of!(ForeignRecord, total_bytes));
    assert!(offset_of!(Counts, peak_bytes) == offset_of!(ForeignRecord, peak_bytes));
    assert!(offset_of!(Counts, epoch) == offset_of!(ForeignRecord, epoch));
};
