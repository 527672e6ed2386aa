//! A table by address, for one look at the live objects: what was seen there, and how long it was.

use core::ptr::null_mut;

use crate::sys;

/// An entry: an address, and what is known of the object there; address 0 is empty.
#[repr(C)]
struct Entry {
    address: usize,
    value: u64,
}

const BYTES: usize = size_of::<Entry>();
const FIRST: usize = 1024;
/// Most entries: 512 MiB of them.
const MOST: usize = 1 << 25;

/// Open addressing, at most half full. Objects that lie together have entries that lie together: a look meets them in
/// about that order.
pub(super) struct Index {
    entries: *mut Entry,
    mask: usize,
    used: usize,
}

impl Index {
    pub(super) const fn new() -> Self {
        Index { entries: null_mut(), mask: 0, used: 0 }
    }

    /// An empty table with room for as many as this one has.
    pub(super) fn with_room_of(other: &Index) -> Self {
        let mut index = Index::new();
        let needed = (other.used * 2 + 1).next_power_of_two();
        // Without the room it grows later, or says then that it cannot.
        let _ = index.resize(needed.max(FIRST));
        index
    }

    /// Bytes that the table takes.
    pub(super) fn bytes(&self) -> usize {
        if self.entries.is_null() { 0 } else { (self.mask + 1) * BYTES }
    }

    /// What is known of the object at an address.
    pub(super) fn find(&self, address: usize) -> Option<u64> {
        if self.entries.is_null() {
            return None;
        }
        let entry = self.entry(self.place_of(address));
        // SAFETY: an entry of the table.
        let entry = unsafe { &*entry };
        (entry.address == address).then_some(entry.value)
    }

    /// Where what is known of the object at an address stands, 0 if it is new, and whether it is. `None`: no memory.
    #[inline(always)]
    pub(super) fn cell(&mut self, address: usize) -> Option<(&mut u64, bool)> {
        if self.used * 2 > self.mask || self.entries.is_null() {
            self.resize((self.mask + 1) * 2)?;
        }
        let entry = self.entry(self.place_of(address));
        // SAFETY: an entry of the table, which is borrowed as a whole.
        let entry = unsafe { &mut *entry };
        let is_new = entry.address == 0;
        if is_new {
            entry.address = address;
            self.used += 1;
        }
        Some((&mut entry.value, is_new))
    }

    fn entry(&self, at: usize) -> *mut Entry {
        // SAFETY: `at` is at most `mask`, and the mapping has `mask + 1` entries.
        unsafe { self.entries.add(at) }
    }

    /// The place of an address, or the empty one where it belongs.
    #[inline(always)]
    fn place_of(&self, address: usize) -> usize {
        let mut at = place(address) & self.mask;
        loop {
            // SAFETY: an entry of the table.
            let there = unsafe { (*self.entry(at)).address };
            if there == address || there == 0 {
                return at;
            }
            at = (at + 1) & self.mask;
        }
    }

    #[cold]
    fn resize(&mut self, length: usize) -> Option<()> {
        let length = length.max(FIRST);
        if length > MOST {
            return None;
        }
        let fresh =
            Index { entries: sys::map_filled(length * BYTES)?.cast(), mask: length - 1, used: self.used };
        for at in 0..if self.entries.is_null() { 0 } else { self.mask + 1 } {
            // SAFETY: an entry of the old table.
            let old = unsafe { self.entry(at).read() };
            if old.address != 0 {
                let to = fresh.entry(fresh.place_of(old.address));
                // SAFETY: an empty entry of the new table.
                unsafe { to.write(old) };
            }
        }
        // The old one goes with what takes its place.
        *self = fresh;
        Some(())
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        if !self.entries.is_null() {
            sys::unmap(self.entries.cast(), self.bytes());
        }
    }
}

const GRANULE: u32 = 4;
/// Granules of 16 bytes whose places lie side by side.
const TOGETHER: u32 = 5;

/// Where the search for an address begins.
#[inline(always)]
fn place(address: usize) -> usize {
    let (granule, region) = (address >> GRANULE, address >> (GRANULE + TOGETHER));
    (region.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).wrapping_add(granule & ((1 << TOGETHER) - 1))
}
