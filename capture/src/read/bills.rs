//! Bills, and what a survey from outside needs of a file whose process still runs.

use alloc::vec;
use alloc::vec::Vec;

use super::{ReadError, u32_at, u64_at};
use crate::{
    BILL_MARK, BillPart, BillRecord, CHUNK, Domain, Function, HEADER_LEN, MAX_CHUNKS, PartKind, Section,
};

/// What was resident at one moment.
#[derive(Debug, Clone)]
pub struct Bill {
    /// The head.
    pub head: BillRecord,
    /// Its parts.
    pub parts: Vec<BillPart>,
}

/// Decodes the stream of bills of a file with so many sites.
pub(super) fn decode(bytes: &[u8], sites: usize) -> Result<Vec<Bill>, ReadError> {
    let (mut bills, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let cut = ReadError::Corrupt("a bill is cut short");
        let head = head(bytes.get(at..).unwrap_or_default()).ok_or(cut.clone())?;
        at += size_of::<BillRecord>();
        let end = at + head.parts as usize * 24;
        let parts: Vec<BillPart> = bytes.get(at..end).ok_or(cut)?.chunks_exact(24).map(part).collect();
        let is_known =
            |part: &BillPart| PartKind::from_number(part.kind).is_some() && (part.site as usize) < sites;
        if head.mark != BILL_MARK || !parts.iter().all(is_known) {
            return Err(ReadError::Corrupt("a bill has a part of an unknown kind or site"));
        }
        bills.push(Bill { head, parts });
        at = end;
    }
    Ok(bills)
}

fn head(bytes: &[u8]) -> Option<BillRecord> {
    Some(BillRecord {
        mark: u32_at(bytes, 0)?,
        kind: u32_at(bytes, 4)?,
        iteration: u32_at(bytes, 8)?,
        parts: u32_at(bytes, 12)?,
        flags: u32_at(bytes, 16)?,
        unused: u32_at(bytes, 20)?,
        resident: u64_at(bytes, 24)?,
        objects: u64_at(bytes, 32)? as i64,
        memory: u64_at(bytes, 40)? as i64,
        heap: u64_at(bytes, 48)? as i64,
        at_ms: u64_at(bytes, 56)?,
        counted: u64_at(bytes, 64)?,
    })
}

fn part(bytes: &[u8]) -> BillPart {
    let half = |offset| u32_at(bytes, offset).unwrap_or(0);
    BillPart {
        kind: half(0),
        name: half(4),
        site: half(8),
        unused: half(12),
        bytes: u64_at(bytes, 16).unwrap_or(0),
    }
}

/// What a file tells of its process while that runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Running {
    /// Live bytes of CPython's object domain.
    pub objects: i64,
    /// Live bytes of CPython's mem domain.
    pub memory: i64,
    /// Live bytes of the C heap.
    pub heap: i64,
    /// The stacks of running threads, sorted, without those that overlap.
    pub stacks: Vec<(u64, u64)>,
}

/// Reads only what is needed, piece by piece: `read_at` fills a buffer from an offset on. `None`: it cannot be read.
pub fn running(read_at: &mut dyn FnMut(u64, &mut [u8]) -> Option<()>) -> Option<Running> {
    let mut header = vec![0; HEADER_LEN];
    read_at(0, &mut header)?;
    let (chunks, sites) = (u32_at(&header, 80)? as usize, u32_at(&header, 84)? as usize);
    let threads = u32_at(&header, 96)? as usize;
    if chunks > MAX_CHUNKS {
        return None;
    }
    let mut directory = vec![0; chunks * 4];
    read_at(CHUNK as u64, &mut directory)?;
    let mut section = |section: Section, length: usize| -> Option<Vec<u8>> {
        let mut bytes = vec![0; length.min(chunks * CHUNK)];
        for chunk in 2..chunks {
            let entry = u32_at(&directory, chunk * 4)?;
            let start = (entry & 0xff_ffff) as usize * CHUNK;
            if entry >> 24 == section as u32 && start < bytes.len() {
                let end = bytes.len().min(start + CHUNK);
                read_at((chunk * CHUNK) as u64, bytes.get_mut(start..end)?)?;
            }
        }
        Some(bytes)
    };
    let mut running = Running::default();
    running.add_sites(&section(Section::Sites, sites * 64)?, &section(Section::Foreign, sites * 64)?);
    running.add_stacks(&section(Section::Threads, threads * 1024)?);
    Some(running)
}

impl Running {
    fn add_sites(&mut self, own: &[u8], foreign: &[u8]) {
        for (own, foreign) in own.chunks_exact(64).zip(foreign.chunks_exact(64)) {
            let sum = match Function::from_number(own[58]).map(Function::domain) {
                Some(Domain::PythonObject) => &mut self.objects,
                Some(Domain::PythonMemory) => &mut self.memory,
                Some(Domain::Heap) => &mut self.heap,
                _ => continue,
            };
            let live = |bytes| u64_at(bytes, 0).unwrap_or(0) as i64;
            *sum = sum.saturating_add(live(own)).saturating_sub(live(foreign));
        }
    }

    fn add_stacks(&mut self, threads: &[u8]) {
        let stack = |record: &[u8]| Some((u64_at(record, 576)?, u64_at(record, 584)?));
        self.stacks = threads.chunks_exact(1024).filter_map(stack).filter(|(start, _)| *start != 0).collect();
        self.stacks.sort_unstable();
        let mut behind = 0;
        self.stacks.retain(|(start, end)| {
            let is_apart = *start >= behind && end > start;
            behind = if is_apart { *end } else { behind };
            is_apart
        });
    }
}
