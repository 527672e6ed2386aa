//! The tracker's shadow table, read in the process's memory. The layout is the tracker's, which checks these numbers.

use super::{Process, word};

/// Slots of a leaf, as a power of two; a slot of 8 bytes for each 16 bytes of address space.
pub const LEAF_BITS: u32 = 18;
/// Leaves of a middle table.
pub const MIDDLE_BITS: u32 = 13;
/// Middle tables of the first level.
pub const TOP_BITS: u32 = 12;
/// Bits of a slot that name the site.
pub const SITE_BITS: u32 = 24;
/// Bits above them that hold the size.
pub const SIZE_BITS: u32 = 37;

/// A live block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub start: u64,
    pub end: u64,
    pub site: u32,
}

/// Bytes of address space that a leaf covers.
const COVERED: u64 = 16 << LEAF_BITS;

/// Where the table is, and the leaf that was looked at last.
pub(super) struct Shadow {
    top: u64,
    leaf: Option<(u64, u64)>,
}

impl Shadow {
    pub(super) fn new(top: u64) -> Self {
        Shadow { top, leaf: None }
    }

    /// Address of the slot of a data address; `Some(None)` where the table has no leaf.
    pub(super) fn slot<P: Process>(&mut self, process: &mut P, address: u64) -> Option<Option<u64>> {
        let number = address / COVERED;
        let leaf = match self.leaf {
            Some((known, leaf)) if known == number => leaf,
            _ => self.find(process, number)?,
        };
        self.leaf = Some((number, leaf));
        Some((leaf != 0).then(|| leaf + address % COVERED / 2))
    }

    fn find<P: Process>(&self, process: &mut P, number: u64) -> Option<u64> {
        let (top, middle) = (number >> MIDDLE_BITS, number & ((1 << MIDDLE_BITS) - 1));
        if top >> TOP_BITS != 0 {
            return Some(0);
        }
        let mut bytes = [0; 8];
        process.memory(self.top + top * 8, &mut bytes)?;
        let middles = u64::from_le_bytes(bytes);
        if middles == 0 {
            return Some(0);
        }
        process.memory(middles + middle * 8, &mut bytes)?;
        Some(u64::from_le_bytes(bytes))
    }
}

/// The block of the `index`-th of the slots in `bytes`, of which the first is that of address `base`.
pub(super) fn block(bytes: &[u8], base: u64, index: usize) -> Option<Block> {
    let slot = word(bytes, index);
    let start = base + index as u64 * 16;
    let size = slot >> SITE_BITS & ((1 << SIZE_BITS) - 1);
    let site = (slot & ((1 << SITE_BITS) - 1)) as u32;
    (slot != 0).then(|| Block { start, end: start.saturating_add(size), site })
}
