//! Numbers for objects, in the order in which they are met.

use super::super::room::Growing;
use crate::sys;

/// Most objects of a snapshot, and most types beyond: an object without a type could not be written.
const MOST: usize = 20_000_000;
const MOST_WITH_TYPES: usize = MOST + (1 << 20);
const FIRST: usize = 1 << 14;
/// Marks an object whose text, or value, is wanted; no address has this bit.
const WANTED: usize = 1 << 63;

/// Open addressing, at most half full: only numbers stand in the table, addresses in the order of the numbers.
pub(super) struct Ids {
    /// A number plus 1; 0: empty.
    table: *mut u32,
    mask: usize,
    order: Growing<usize>,
}

impl Ids {
    /// `None`: no memory could be had.
    pub(super) fn new() -> Option<Ids> {
        let table = sys::map_filled(FIRST * 4)?.cast();
        Some(Ids { table, mask: FIRST - 1, order: Growing::new() })
    }

    /// How many objects have a number.
    pub(super) fn len(&self) -> usize {
        self.order.items().len()
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        (self.mask + 1) * 4 + self.order.bytes()
    }

    /// The address of an object.
    #[inline(always)]
    pub(super) fn address(&self, id: u32) -> usize {
        self.order.items()[id as usize] & !WANTED
    }

    /// The number of the object at an address, if it has one.
    pub(super) fn find(&self, address: usize) -> Option<u32> {
        self.at(self.place_of(address)).checked_sub(1)
    }

    /// The number of the object at an address, which gets one. `None`: there are too many, or no memory.
    #[inline(always)]
    pub(super) fn of(&mut self, address: usize) -> Option<u32> {
        let place = self.place_of(address);
        match self.at(place) {
            0 => self.add(address, MOST),
            known => Some(known - 1),
        }
    }

    /// As `of`, of a type.
    pub(super) fn of_type(&mut self, address: usize) -> Option<u32> {
        self.find(address).or_else(|| self.add(address, MOST_WITH_TYPES))
    }

    #[inline(never)]
    fn add(&mut self, address: usize, most: usize) -> Option<u32> {
        let count = self.len();
        if count >= most {
            return None;
        }
        if count * 2 > self.mask {
            self.grow()?;
        }
        let place = self.place_of(address);
        self.order.push(address)?;
        // SAFETY: an empty entry of the table.
        unsafe { self.table.add(place).write(count as u32 + 1) };
        Some(count as u32)
    }

    /// The text of this string, or the value of this key, will be written.
    pub(super) fn want(&mut self, id: u32) {
        self.order.items_mut()[id as usize] |= WANTED;
    }

    /// The objects whose text or value is wanted, and where they are.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        let all = self.order.items().iter().enumerate();
        let wanted = all.filter(|(_, address)| **address & WANTED != 0);
        wanted.map(|(id, address)| (id as u32, address & !WANTED))
    }

    #[inline(always)]
    fn at(&self, place: usize) -> u32 {
        // SAFETY: the table has `mask + 1` entries, and places are at most `mask`.
        unsafe { self.table.add(place).read() }
    }

    /// The place of an address, or the empty one where it belongs.
    #[inline(always)]
    fn place_of(&self, address: usize) -> usize {
        let mut place = begin(address) & self.mask;
        loop {
            match self.at(place) {
                0 => return place,
                known if self.address(known - 1) == address => return place,
                _ => place = (place + 1) & self.mask,
            }
        }
    }

    #[cold]
    fn grow(&mut self) -> Option<()> {
        let length = (self.mask + 1) * 2;
        let fresh: *mut u32 = sys::map_filled(length * 4)?.cast();
        sys::unmap(self.table.cast(), (self.mask + 1) * 4);
        (self.table, self.mask) = (fresh, length - 1);
        for id in 0..self.len() as u32 {
            let mut place = begin(self.address(id)) & self.mask;
            while self.at(place) != 0 {
                place = (place + 1) & self.mask;
            }
            // SAFETY: an empty entry of the table.
            unsafe { self.table.add(place).write(id + 1) };
        }
        Some(())
    }
}

impl Drop for Ids {
    fn drop(&mut self) {
        sys::unmap(self.table.cast(), (self.mask + 1) * 4);
    }
}

const GRANULE: u32 = 4;
/// Granules of 16 bytes whose places lie side by side.
const TOGETHER: u32 = 5;

/// Where the search for an address begins: objects that lie together have places that lie together.
#[inline(always)]
fn begin(address: usize) -> usize {
    let (granule, region) = (address >> GRANULE, address >> (GRANULE + TOGETHER));
    (region.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 30).wrapping_add(granule & ((1 << TOGETHER) - 1))
}
