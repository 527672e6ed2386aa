//! A growing hash table of ids in memory of our own: 8 bytes an entry, open addressing, at most half full.

use core::ptr::null_mut;

use crate::sys;

/// Maps a 64-bit hash to the ids that have it; the caller compares what the ids stand for.
pub(crate) struct Table {
    /// Entries `hash's upper half << 32 | id`; 0 is empty, so id 0 is never stored.
    entries: *mut u64,
    mask: usize,
    used: usize,
}

const FIRST: usize = 1024;

impl Table {
    pub(crate) const fn new() -> Self {
        Table { entries: null_mut(), mask: 0, used: 0 }
    }

    /// Bytes that the table takes.
    pub(crate) fn bytes(&self) -> usize {
        if self.entries.is_null() { 0 } else { (self.mask + 1) * 8 }
    }

    /// The id with this hash that `is_it` accepts.
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.entries.is_null() {
            return None;
        }
        let mut at = place(hash >> 32) & self.mask;
        loop {
            let entry = self.entry(at);
            if entry == 0 {
                return None;
            }
            if entry >> 32 == hash >> 32 && is_it(entry as u32) {
                return Some(entry as u32);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds an id. `None` when no memory can be had.
    pub(crate) fn insert(&mut self, hash: u64, id: u32) -> Option<()> {
        if self.entries.is_null() || self.used * 2 > self.mask {
            self.grow()?;
        }
        self.put(hash >> 32 << 32 | u64::from(id));
        self.used += 1;
        Some(())
    }

    fn put(&mut self, entry: u64) {
        let mut at = place(entry >> 32) & self.mask;
        while self.entry(at) != 0 {
            at = (at + 1) & self.mask;
        }
        // SAFETY: `at` is at most `mask`, and the mapping has `mask + 1` entries.
        unsafe { self.entries.add(at).write(entry) }
    }

    fn entry(&self, at: usize) -> u64 {
        // SAFETY: `at` is at most `mask`, and the mapping has `mask + 1` entries.
        unsafe { self.entries.add(at).read() }
    }

    fn grow(&mut self) -> Option<()> {
        let length = if self.entries.is_null() { FIRST } else { (self.mask + 1) * 2 };
        let fresh = sys::map_filled(length * 8)?;
        let old =
            core::mem::replace(self, Table { entries: fresh.cast(), mask: length - 1, used: self.used });
        if !old.entries.is_null() {
            for at in 0..=old.mask {
                if old.entry(at) != 0 {
                    self.put(old.entry(at));
                }
            }
            sys::unmap(old.entries.cast(), old.bytes());
        }
        Some(())
    }
}

/// Where the search for a hash's upper half begins.
fn place(upper: u64) -> usize {
    (upper.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

/// Hashes bytes (FNV-1a, mixed once more so that the upper half is good).
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    mix(hash, 0)
}

/// Mixes one more word into a hash.
#[inline(always)]
pub(crate) fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25);
    hash ^ hash >> 32
}
