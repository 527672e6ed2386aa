//! Which live block an address lies in: looked for backwards, in the pages of the shadow table that were seen before.

use super::shadow::{Block, Shadow, block};
use super::{Failed, PAGE, Process};

/// Address space that a page of the shadow table stands for.
pub(super) const SHADOWED: u64 = 2 * PAGE;
/// Pages of the table that are searched for the start of a block.
const RECENT: usize = 64;
/// Pages of the table that one survey reads: more would take too long.
const MOST_READ: u32 = 16_384;

/// The pages of the table that were seen last, and the block found last.
pub(super) struct Blocks {
    pub shadow: Shadow,
    /// Data addresses, ascending, as a ring.
    recent: [u64; RECENT],
    seen: usize,
    /// The nearest block before the place searched last, and how many pages had been seen then.
    nearest: Option<Block>,
    searched: usize,
    read: u32,
    /// What stands in the buffer for slots.
    loaded: Option<u64>,
}

impl Blocks {
    pub(super) fn new(top: u64) -> Self {
        Blocks {
            shadow: Shadow::new(top),
            recent: [0; RECENT],
            seen: 0,
            nearest: None,
            searched: usize::MAX,
            read: 0,
            loaded: None,
        }
    }

    /// Whether there was more to read than is read.
    pub(super) fn is_exhausted(&self) -> bool {
        self.read >= MOST_READ
    }

    /// A page of the table is there for the data address `base`.
    pub(super) fn see(&mut self, base: u64) {
        self.recent[self.seen % RECENT] = base;
        self.seen += 1;
    }

    /// The block that begins before `address` and reaches beyond it.
    pub(super) fn cover<P: Process>(
        &mut self,
        process: &mut P,
        address: u64,
        slots: &mut [u8],
    ) -> Result<Option<Block>, Failed> {
        let reaches = |block: &Block| block.start < address && block.end > address;
        if self.nearest.is_some_and(|nearest| reaches(&nearest)) {
            return Ok(self.nearest);
        }
        if self.searched != self.seen {
            self.nearest = self.before(process, address, slots)?;
            // Behind the last page of the table nothing begins before the next one.
            let last = self.seen.checked_sub(1).map_or(0, |last| self.recent[last % RECENT] + SHADOWED);
            self.searched = if address >= last { self.seen } else { usize::MAX };
        }
        Ok(self.nearest.filter(reaches))
    }

    fn before<P: Process>(
        &mut self,
        process: &mut P,
        address: u64,
        slots: &mut [u8],
    ) -> Result<Option<Block>, Failed> {
        for back in 1..=self.seen.min(RECENT) {
            let base = self.recent[(self.seen - back) % RECENT];
            if base >= address || !self.read(process, base, slots)? {
                continue;
            }
            let before = ((address - base) / 16).min(512) as usize;
            let found = (0..before).rev().find_map(|index| block(slots, base, index));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Reads the page of the table for the data address `base`, a multiple of `SHADOWED`; false when enough was read.
    pub(super) fn read<P: Process>(
        &mut self,
        process: &mut P,
        base: u64,
        slots: &mut [u8],
    ) -> Result<bool, Failed> {
        if self.loaded == Some(base) {
            return Ok(true);
        }
        if self.is_exhausted() {
            return Ok(false);
        }
        self.read += 1;
        self.loaded = None;
        let Some(at) = self.shadow.slot(process, base).ok_or(Failed::Unreadable)? else {
            return Ok(false);
        };
        process.memory(at, slots).ok_or(Failed::Unreadable)?;
        self.loaded = Some(base);
        Ok(true)
    }

    /// Bytes of blocks that begin in `from..to`, up to `to`, by site; `from..to` is within one page of the table.
    pub(super) fn beginning_in<P: Process>(
        &mut self,
        process: &mut P,
        range: (u64, u64),
        slots: &mut [u8],
        mut found: impl FnMut(Block) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let base = range.0 / SHADOWED * SHADOWED;
        if !self.read(process, base, slots)? {
            return Ok(());
        }
        let first = ((range.0 - base) / 16) as usize;
        let last = ((range.1 - base) / 16) as usize;
        for index in first..last {
            if let Some(block) = block(slots, base, index) {
                found(block)?;
            }
        }
        Ok(())
    }
}
