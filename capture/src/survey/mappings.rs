//! Goes through the mappings, and cuts the anonymous ones where stacks, tracked mappings and zeroed data of libraries
//! lie in them: the kernel joins neighbours, and counts them as one.

use super::blocks::Blocks;
use super::heap::{Found, look, untouched};
use super::smaps::{Mapping, Reader};
use super::{Buffers, Failed, PAGE, Part, Places, Process, RangesHead, Sink, Surveyed, is_present, word};
use crate::PartKind;

/// Bytes of a range as the tracker keeps it.
const RANGE: usize = 24;
/// Ranges that are read at once.
const AT_ONCE: usize = 128;

/// What the parts of a survey work with.
pub(super) struct Work<'a, P, S> {
    pub process: &'a mut P,
    pub sink: &'a mut S,
    pub pages: &'a mut [u8],
    pub shadow_pages: &'a mut [u8],
    pub slots: &'a mut [u8],
    pub is_partial: bool,
}

/// Surveys `process`. `stacks` are those of its running threads but the first, sorted, without overlap.
///
/// # Errors
/// See [`Failed`].
pub fn survey<P: Process, S: Sink>(
    process: &mut P,
    places: Places,
    stacks: &[(u64, u64)],
    buffers: &mut Buffers,
    sink: &mut S,
) -> Result<Surveyed, Failed> {
    let Buffers { text, pages, shadow_pages, slots, ranges, name } = buffers;
    let mut next_name = [0; 1024];
    let mut reader = Reader::new(text, &mut next_name);
    let head = ranges_head(process, places)?;
    let mut work = Work { process, sink, pages, shadow_pages, slots, is_partial: false };
    let mut cuts = Cuts {
        ranges: Ranges { head, buffer: ranges, first: 0, filled: 0, at: 0 },
        stacks,
        blocks: Blocks::new(places.shadow),
        library: Library::default(),
    };
    let mut resident = 0;
    while let Some(mapping) = reader.next(work.process, name).ok_or(Failed::Unreadable)? {
        let name = name.get(..mapping.name).unwrap_or_default();
        cuts.library.pass(work.process, &mapping, name);
        resident += mapping.resident;
        match kind(&mapping, name) {
            Some(kind) if mapping.resident > 0 => whole(work.sink, kind, name, mapping.resident)?,
            Some(_) => {}
            None => cuts.anonymous(&mut work, &mapping)?,
        }
    }
    if ranges_head(work.process, places)? != head {
        return Err(Failed::Changed);
    }
    Ok(Surveyed { resident, is_partial: work.is_partial || cuts.blocks.is_exhausted() })
}

fn ranges_head<P: Process>(process: &mut P, places: Places) -> Result<RangesHead, Failed> {
    let mut bytes = [0; 24];
    process.memory(places.ranges, &mut bytes).ok_or(Failed::Unreadable)?;
    let head = RangesHead { list: word(&bytes, 0), count: word(&bytes, 1), changes: word(&bytes, 2) };
    if head.changes % 2 == 1 { Err(Failed::Changed) } else { Ok(head) }
}

/// What a mapping is as a whole; `None` for anonymous memory, which is looked into.
fn kind(mapping: &Mapping, name: &[u8]) -> Option<PartKind> {
    let is_shared_memory = name == b"/dev/zero (deleted)";
    let contains = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    if name == b"[stack]" {
        Some(PartKind::Stack)
    } else if name.ends_with(b".lgp") || contains(b"/libleakgate.so") || name == b"[anon:leakgate]" {
        Some(PartKind::Tracker)
    } else if mapping.has_file && !is_shared_memory || name.starts_with(b"[v") {
        Some(PartKind::File)
    } else {
        None
    }
}

fn whole<S: Sink>(sink: &mut S, kind: PartKind, name: &[u8], bytes: u64) -> Result<(), Failed> {
    let name = if kind == PartKind::File { name } else { b"" };
    sink.part(Part { kind, name, site: 0, bytes }).ok_or(Failed::Unreadable)
}

/// Whose a piece of anonymous memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Zeroed data of the library before it.
    Library,
    Stack,
    Mapping(u32),
    Nobody,
}

/// What anonymous mappings are cut by.
struct Cuts<'a> {
    ranges: Ranges<'a>,
    stacks: &'a [(u64, u64)],
    blocks: Blocks,
    library: Library,
}

impl Cuts<'_> {
    fn anonymous<P: Process, S: Sink>(
        &mut self,
        work: &mut Work<'_, P, S>,
        mapping: &Mapping,
    ) -> Result<(), Failed> {
        let (mut at, mut left) = (mapping.start, mapping.resident);
        // The kernel counts in pages, and so do the pieces: what it does not count is the page of zeros.
        while at < mapping.end {
            let (owner, end) = self.owner(work.process, at, mapping)?;
            let is_whole = at == mapping.start && end == mapping.end;
            if owner == Owner::Nobody && !mapping.is_marked {
                let found = look(work, &mut self.blocks, at, end)?;
                let present = if is_whole { left } else { found.present.min(left) };
                heap(work.sink, mapping, (found, present), end - at)?;
                left -= present;
            } else if left > 0 {
                let present = if is_whole { left } else { present(work, at, end)?.min(left) };
                self.owned(work.sink, owner, present)?;
                left -= present;
            }
            at = end;
        }
        // Touched since the kernel counted, or huge pages that came and went.
        if left > 0 { whole(work.sink, PartKind::Heap, b"", left) } else { Ok(()) }
    }

    /// Whose the memory at `at` is, and where that ends.
    fn owner<P: Process>(
        &mut self,
        process: &mut P,
        at: u64,
        mapping: &Mapping,
    ) -> Result<(Owner, u64), Failed> {
        if at < self.library.end && mapping.start < self.library.end && self.library.is_before(mapping) {
            return Ok((Owner::Library, self.library.end.min(mapping.end)));
        }
        let range = self.ranges.from(process, at)?;
        let stack = self.stacks.iter().find(|(_, end)| *end > at).copied();
        let mut end = mapping.end;
        if let Some((from, to, site)) = range {
            if from <= at {
                return Ok((Owner::Mapping(site), to.min(end)));
            }
            end = end.min(from);
        }
        if let Some((from, to)) = stack {
            if from <= at {
                return Ok((Owner::Stack, to.min(end)));
            }
            end = end.min(from);
        }
        Ok((Owner::Nobody, end))
    }

    fn owned<S: Sink>(&self, sink: &mut S, owner: Owner, bytes: u64) -> Result<(), Failed> {
        if bytes == 0 {
            return Ok(());
        }
        let (kind, name, site) = match owner {
            Owner::Library if self.library.is_tracker => (PartKind::Tracker, &b""[..], 0),
            Owner::Library => (PartKind::File, self.library.name(), 0),
            Owner::Stack => (PartKind::Stack, &b""[..], 0),
            Owner::Mapping(site) => (PartKind::Mapping, &b""[..], site),
            // Marked, and not the program's.
            Owner::Nobody => (PartKind::Tracker, &b""[..], 0),
        };
        sink.part(Part { kind, name, site, bytes }).ok_or(Failed::Unreadable)
    }
}

/// Tells what a piece that belongs to nobody in particular is: the allocators', where blocks are or were; else unknown.
fn heap<S: Sink>(
    sink: &mut S,
    mapping: &Mapping,
    (found, present): (Found, u64),
    length: u64,
) -> Result<(), Failed> {
    let is_break = mapping.name == b"[heap]".len();
    // What `malloc` maps for threads: nothing else begins at such an address by chance.
    let is_arena = mapping.start.is_multiple_of(64 << 20) && length <= 64 << 20;
    let unknown = match (is_break || is_arena, found.is_used) {
        (true, _) => 0,
        (false, true) => found.blank.min(present),
        (false, false) => present,
    };
    // The page of zeros is in the page table and in no count: a large block that was only read.
    if found.large != 0 {
        untouched(sink, found.large, found.present.saturating_sub(present))?;
    }
    for (kind, bytes) in [(PartKind::Heap, present - unknown), (PartKind::Unknown, unknown)] {
        if bytes > 0 {
            whole(sink, kind, b"", bytes)?;
        }
    }
    Ok(())
}

/// Bytes of `from..to` that are in memory.
fn present<P: Process, S>(work: &mut Work<'_, P, S>, from: u64, to: u64) -> Result<u64, Failed> {
    let (mut at, mut sum) = (from, 0);
    while at < to {
        let count = ((to - at) / PAGE).min(512) as usize;
        if count == 0 {
            break;
        }
        let pages = work.pages.get_mut(..count * 8).ok_or(Failed::Unreadable)?;
        work.process.pagemap(at / PAGE, pages).ok_or(Failed::Unreadable)?;
        sum += (0..count).filter(|index| is_present(word(pages, *index))).count() as u64 * PAGE;
        at += count as u64 * PAGE;
    }
    Ok(sum)
}

/// The tracker's list of mappings, read as addresses go up.
struct Ranges<'a> {
    head: RangesHead,
    buffer: &'a mut [u8],
    /// Number of the first in the buffer, and how many there are.
    first: u64,
    filled: u64,
    at: u64,
}

impl Ranges<'_> {
    /// The first range that ends behind `address`: start, end, site, in whole pages.
    fn from<P: Process>(&mut self, process: &mut P, address: u64) -> Result<Option<(u64, u64, u32)>, Failed> {
        while self.at < self.head.count {
            if self.at >= self.first + self.filled {
                self.fill(process)?;
            }
            let record = (self.at - self.first) as usize * 3;
            let end = word(self.buffer, record + 1).next_multiple_of(PAGE);
            if end > address {
                let start = word(self.buffer, record) / PAGE * PAGE;
                return Ok(Some((start, end, word(self.buffer, record + 2) as u32)));
            }
            self.at += 1;
        }
        Ok(None)
    }

    fn fill<P: Process>(&mut self, process: &mut P) -> Result<(), Failed> {
        self.first = self.at;
        self.filled = (self.head.count - self.at).min(AT_ONCE as u64);
        let bytes = self.buffer.get_mut(..self.filled as usize * RANGE).ok_or(Failed::Unreadable)?;
        process.memory(self.head.list + self.first * RANGE as u64, bytes).ok_or(Failed::Unreadable)
    }
}

/// The library whose mappings are passed at the moment: its zeroed data follow them without a name.
struct Library {
    name: [u8; 1024],
    length: usize,
    /// Where its file is mapped from its beginning; 0: nowhere.
    base: u64,
    /// Where its last mapping ends, and where its data do.
    mapped: u64,
    end: u64,
    is_tracker: bool,
}

impl Default for Library {
    fn default() -> Self {
        Library { name: [0; 1024], length: 0, base: 0, mapped: 0, end: 0, is_tracker: false }
    }
}

impl Library {
    fn name(&self) -> &[u8] {
        self.name.get(..self.length).unwrap_or_default()
    }

    /// Whether the mapping follows the library's own without a gap.
    fn is_before(&self, mapping: &Mapping) -> bool {
        self.mapped == mapping.start
    }

    fn pass<P: Process>(&mut self, process: &mut P, mapping: &Mapping, name: &[u8]) {
        if !mapping.has_file || name.len() > self.name.len() {
            return;
        }
        if name != self.name() {
            self.name[..name.len()].copy_from_slice(name);
            self.length = name.len();
            self.base = 0;
            self.is_tracker = kind(mapping, name) == Some(PartKind::Tracker);
        }
        if mapping.offset == 0 {
            self.base = mapping.start;
        }
        self.mapped = mapping.end;
        self.end = 0;
        if mapping.is_writable && self.base != 0 {
            self.end = end_of_data(process, self.base).unwrap_or(0);
        }
    }
}

/// Where the data of the ELF file that is mapped at `base` end in memory.
fn end_of_data<P: Process>(process: &mut P, base: u64) -> Option<u64> {
    const ENTRY: usize = 56;
    const MOST: usize = 32;
    const LOAD: u64 = 1;
    let mut head = [0; 64];
    process.memory(base, &mut head)?;
    if head.get(..4)? != b"\x7fELF" {
        return None;
    }
    let count = usize::from(u16::from_le_bytes([head[56], head[57]])).min(MOST);
    let mut entries = [0; ENTRY * MOST];
    let entries = entries.get_mut(..count * ENTRY)?;
    process.memory(base.checked_add(word(&head, 4))?, entries)?;
    let (mut first, mut last) = (u64::MAX, 0);
    for entry in entries.chunks_exact(ENTRY) {
        if word(entry, 0) & 0xffff_ffff == LOAD {
            let address = word(entry, 2);
            first = first.min(address / PAGE * PAGE);
            last = last.max(address.checked_add(word(entry, 5))?);
        }
    }
    let length = last.checked_sub(first)?;
    base.checked_add(length)?.checked_next_multiple_of(PAGE)
}
