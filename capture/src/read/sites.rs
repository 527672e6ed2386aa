//! A site's figures, added up from its records.

use super::{File, ReadError, u32_at, u64_at};
use crate::{SiteRecord, TemporaryRecord};

/// A site with its figures worked out.
#[derive(Debug, Clone, Copy)]
pub struct SiteEntry {
    /// The record.
    pub record: SiteRecord,
    /// Live bytes now.
    pub live_bytes: i64,
    /// Live blocks now.
    pub live_blocks: i64,
    /// Live bytes at the peak of the present window.
    pub peak_bytes: i64,
    /// Live blocks at the peak of the present window.
    pub peak_blocks: i64,
    /// All bytes ever allocated.
    pub total_bytes: u64,
    /// All blocks ever allocated.
    pub total_blocks: u64,
    /// Temporary blocks and their bytes.
    pub temporary: TemporaryRecord,
}

fn signed(bytes: &[u8], offset: usize) -> i64 {
    u64_at(bytes, offset).unwrap_or(0) as i64
}

pub(super) fn site(
    id: usize,
    own: &[u8],
    temporary: &[u8],
    epoch: u32,
    file: &File,
) -> Result<SiteEntry, ReadError> {
    let record = SiteRecord {
        live_bytes: signed(own, 0),
        live_blocks: signed(own, 8),
        total_bytes: signed(own, 16) as u64,
        total_blocks: signed(own, 24) as u64,
        peak_bytes: signed(own, 32),
        peak_blocks: signed(own, 40),
        epoch: u32_at(own, 48).unwrap_or(0),
        stack: u32_at(own, 52).unwrap_or(0),
        thread: u16::from_le_bytes([own[56], own[57]]),
        function: own[58],
        unused: 0,
        foreign: u32_at(own, 60).unwrap_or(0),
    };
    let broken = record.stack as usize >= file.nodes.len()
        || record.thread as usize >= file.threads.len()
        || crate::Function::from_number(record.function).is_none();
    if id > 0 && broken {
        return Err(ReadError::Corrupt("a site refers to a stack, thread or function that is not there"));
    }
    let temporary = TemporaryRecord {
        bytes: u64_at(temporary, 0).unwrap_or(0),
        blocks: u64_at(temporary, 8).unwrap_or(0),
    };
    let mut entry = SiteEntry {
        record,
        live_bytes: 0,
        live_blocks: 0,
        peak_bytes: 0,
        peak_blocks: 0,
        total_bytes: 0,
        total_blocks: 0,
        temporary,
    };
    entry.add(own, epoch);
    Ok(entry)
}

impl SiteEntry {
    /// Adds the figures of one of the site's records: they lie alike in its own and in foreign ones.
    pub(super) fn add(&mut self, record: &[u8], epoch: u32) {
        let at_peak = u32_at(record, 48) == Some(epoch);
        let peak = |now: usize, frozen: usize| signed(record, if at_peak { frozen } else { now });
        self.live_bytes = self.live_bytes.wrapping_add(signed(record, 0));
        self.live_blocks = self.live_blocks.wrapping_add(signed(record, 8));
        self.peak_bytes = self.peak_bytes.wrapping_add(peak(0, 32));
        self.peak_blocks = self.peak_blocks.wrapping_add(peak(8, 40));
        self.total_bytes = self.total_bytes.wrapping_add(signed(record, 16) as u64);
        self.total_blocks = self.total_blocks.wrapping_add(signed(record, 24) as u64);
    }
}
