//! The bill: what a process had resident at one moment, in lines that add up to what the system shows.
//!
//! A survey gives parts: pages by what they belong to, the allocators' pages as one. Live blocks, less what of them is
//! not resident, are taken out of those; what remains is free memory that the allocators hold.

use std::collections::BTreeMap;

use leakgate_capture::PartKind;

use super::model::{Domain, Frame, Profile};
use super::notes::UNSEEN_HEAP;
use crate::units::Bytes;

/// A deficit up to this part of what is resident is what a running process changes while it is looked at.
const TOLERANCE: u64 = 100;

/// What a survey found, as the tracker or the sampler wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Survey {
    /// Resident bytes in all.
    pub resident: u64,
    /// The kernel's own count of them.
    pub counted: u64,
    /// Live bytes of CPython's object domain.
    pub objects: i64,
    /// Live bytes of CPython's mem domain.
    pub memory: i64,
    /// Live bytes of the C heap.
    pub heap: i64,
    /// Whether some of the heap was too much to look at.
    pub is_partial: bool,
    /// The parts.
    pub parts: Vec<Part>,
}

/// A part of a survey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// What it is.
    pub kind: PartKind,
    /// The file, where it is one.
    pub name: String,
    /// The site id that made it, where one did; else 0.
    pub site: u32,
    /// Bytes.
    pub bytes: u64,
}

/// The moment of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BillMoment {
    /// The sample nearest to the peak.
    Peak,
    /// The sample with the largest resident set.
    Largest,
    /// After the work, with the result.
    Retained,
    /// After the result was dropped.
    Left,
    /// The end of the process.
    End,
    /// The last sample of a process that did not reach its end.
    Last,
}

/// What was resident at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The moment.
    pub moment: BillMoment,
    /// How far a sample is from its moment, in words; `None` where the process itself stood still for it.
    pub sampled: Option<String>,
    /// Resident bytes: the sum of the lines.
    pub resident: u64,
    /// The kernel's own count of what is resident at the same moment (`statm`), which may lag behind by some pages.
    pub counted: u64,
    /// The lines, in the order in which people read them; none is empty.
    pub lines: Vec<BillLine>,
    /// Live bytes that are not resident (never touched, or swapped out): not a part of the sum.
    pub not_resident: u64,
    /// What is less than exact, in sentences.
    pub notes: Vec<String>,
}

/// A line of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    /// What it is.
    pub kind: LineKind,
    /// The library or the file, where it is one's; else empty.
    pub name: String,
    /// Resident bytes.
    pub bytes: u64,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineKind {
    /// Live objects of CPython.
    Objects,
    /// Live memory of CPython's mem domain.
    PythonMemory,
    /// Live blocks of the C heap.
    Heap,
    /// What allocators hold and nobody uses.
    Held,
    /// Anonymous mappings of a library: an allocator of its own.
    OwnAllocator,
    /// Anonymous mappings of the program and of Python's `mmap`.
    Anonymous,
    /// A file's mappings.
    File,
    /// Stacks.
    Stacks,
    /// The tracker's own.
    Tracker,
    /// Nothing tells whose it is.
    Unknown,
}

impl LineKind {
    /// All, in the order in which people read them.
    pub const ALL: [LineKind; 10] = [
        LineKind::Objects,
        LineKind::PythonMemory,
        LineKind::Heap,
        LineKind::Held,
        LineKind::OwnAllocator,
        LineKind::Anonymous,
        LineKind::File,
        LineKind::Stacks,
        LineKind::Tracker,
        LineKind::Unknown,
    ];

    /// The name that machines read.
    pub fn key(self) -> &'static str {
        match self {
            LineKind::Objects => "python-objects",
            LineKind::PythonMemory => "python-memory",
            LineKind::Heap => "native-heap",
            LineKind::Held => "free-but-held",
            LineKind::OwnAllocator => "own-allocator",
            LineKind::Anonymous => "anonymous-mappings",
            LineKind::File => "file",
            LineKind::Stacks => "stacks",
            LineKind::Tracker => "tracker",
            LineKind::Unknown => "not-attributed",
        }
    }
}

impl BillMoment {
    /// All, in the order in which they are looked for.
    pub const ALL: [BillMoment; 6] = [
        BillMoment::Peak,
        BillMoment::Largest,
        BillMoment::Retained,
        BillMoment::Left,
        BillMoment::End,
        BillMoment::Last,
    ];

    /// For headings: `at the peak`.
    pub fn phrase(self) -> &'static str {
        match self {
            BillMoment::Peak => "at the peak",
            BillMoment::Largest => "when most was resident",
            BillMoment::Retained => "after the work",
            BillMoment::Left => "after the result was dropped",
            BillMoment::End => "at the end",
            BillMoment::Last => "at the last sample",
        }
    }

    /// The name that machines read.
    pub fn key(self) -> &'static str {
        match self {
            BillMoment::Peak => "peak",
            BillMoment::Largest => "largest",
            BillMoment::Retained => "retained",
            BillMoment::Left => "left",
            BillMoment::End => "end",
            BillMoment::Last => "last",
        }
    }
}

impl BillLine {
    /// What people read: `free but held by the allocators`.
    pub fn label(&self) -> String {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        match self.kind {
            LineKind::Objects => "Python objects".to_owned(),
            LineKind::PythonMemory => "Python memory".to_owned(),
            LineKind::Heap => "native heap".to_owned(),
            LineKind::Held => "free but held by the allocators".to_owned(),
            LineKind::OwnAllocator => format!("{file}: own allocator, bytes not exact"),
            LineKind::Anonymous => "anonymous mappings".to_owned(),
            LineKind::File => format!("file {file}"),
            LineKind::Stacks => "stacks".to_owned(),
            LineKind::Tracker => "the tracker's own".to_owned(),
            LineKind::Unknown => "cannot be attributed".to_owned(),
        }
    }
}

impl Bill {
    /// The lines as a person reads them: of the files, the `files` largest by name and the others in one line.
    pub fn shown(&self, files: usize) -> Vec<(String, u64)> {
        let is_file = |line: &&BillLine| line.kind == LineKind::File;
        let rest = self.lines.iter().filter(is_file).skip(files);
        let (count, bytes) = rest.fold((0u64, 0), |(count, sum), line| (count + 1, sum + line.bytes));
        let mut shown = Vec::new();
        let mut named = 0;
        for line in &self.lines {
            if line.kind == LineKind::File {
                named += 1;
                if named > files {
                    continue;
                }
            } else if named > 0 && count > 0 {
                shown.push((more_files(count, files), bytes));
                named = 0;
            }
            shown.push((line.label(), line.bytes));
        }
        if named > 0 && count > 0 {
            shown.push((more_files(count, files), bytes));
        }
        shown
    }

    /// `at the peak, sampled 4 ms after it (98 % of the peak was live)`.
    pub fn when(&self) -> String {
        match &self.sampled {
            Some(sampled) => format!("{}, {sampled}", self.moment.phrase()),
            None => self.moment.phrase().to_owned(),
        }
    }

    /// What stands under the lines.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.not_resident > 0 {
            remarks.push(format!(
                "{} more are allocated and not resident (never touched, or swapped out)",
                Bytes(self.not_resident)
            ));
        }
        remarks.extend(self.notes.iter().cloned());
        remarks
    }
}

fn more_files(count: u64, named: usize) -> String {
    match (count, named) {
        (1, 0) => "1 file".to_owned(),
        (count, 0) => format!("{} files", crate::units::grouped(count)),
        (1, _) => "1 more file".to_owned(),
        (count, _) => format!("{} more files", crate::units::grouped(count)),
    }
}

/// Makes the bill of a survey of this process.
pub(super) fn bill(profile: &Profile, survey: &Survey, moment: BillMoment, sampled: Option<String>) -> Bill {
    let mut lines: BTreeMap<(LineKind, String), u64> = BTreeMap::new();
    let mut untouched: BTreeMap<Domain, u64> = BTreeMap::new();
    let mut held = 0u64;
    for part in &survey.parts {
        let (kind, name) = match part.kind {
            PartKind::Heap => {
                held = held.saturating_add(part.bytes);
                continue;
            }
            PartKind::Untouched => {
                let sum = untouched.entry(domain_of(profile, part.site)).or_default();
                *sum = sum.saturating_add(part.bytes);
                continue;
            }
            PartKind::File => (LineKind::File, part.name.clone()),
            PartKind::Stack => (LineKind::Stacks, String::new()),
            PartKind::Tracker => (LineKind::Tracker, String::new()),
            PartKind::Mapping => mapping(profile, part.site),
            PartKind::Unknown => (LineKind::Unknown, String::new()),
        };
        let sum = lines.entry((kind, name)).or_default();
        *sum = sum.saturating_add(part.bytes);
    }
    let mut notes = Vec::new();
    let live = resident_live(survey, &untouched, held, &mut notes);
    let all_live = live.iter().map(|(_, bytes)| bytes).sum::<u64>();
    lines.extend(live.into_iter().map(|(kind, bytes)| ((kind, String::new()), bytes)));
    lines.insert((LineKind::Held, String::new()), held.saturating_sub(all_live));
    // Where the heap is not seen at all, what was too large to look at is not the heap.
    if survey.is_partial && !profile.notes.iter().any(|note| note == UNSEEN_HEAP) {
        notes.push(
            "the heap was too large to look at all of it: more of it may be allocated and not resident"
                .to_owned(),
        );
    }
    Bill {
        moment,
        sampled,
        resident: lines.values().fold(0, |sum, bytes| sum.saturating_add(*bytes)),
        counted: survey.counted,
        lines: sorted(lines),
        not_resident: untouched.values().fold(0, |sum, bytes| sum.saturating_add(*bytes)),
        notes,
    }
}

/// Live bytes that are resident, by kind; never more than the allocators' pages, which hold them.
fn resident_live(
    survey: &Survey,
    untouched: &BTreeMap<Domain, u64>,
    held: u64,
    notes: &mut Vec<String>,
) -> Vec<(LineKind, u64)> {
    let resident = |live: i64, domain| {
        let absent = untouched.get(&domain).copied().unwrap_or(0);
        u64::try_from(live).unwrap_or(0).saturating_sub(absent)
    };
    let mut live = vec![
        (LineKind::Heap, resident(survey.heap, Domain::Heap)),
        (LineKind::PythonMemory, resident(survey.memory, Domain::PythonMemory)),
        (LineKind::Objects, resident(survey.objects, Domain::PythonObject)),
    ];
    let sum = live.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    let mut over = sum.saturating_sub(held);
    if over > survey.resident / TOLERANCE {
        notes.push(format!(
            "{} of live blocks are not in memory that the allocators are known to have: they are left out of the lines",
            Bytes(over)
        ));
    }
    for (_, bytes) in &mut live {
        let cut = over.min(*bytes);
        *bytes -= cut;
        over -= cut;
    }
    live
}

fn domain_of(profile: &Profile, site: u32) -> Domain {
    let index = (site as usize).checked_sub(1);
    index.and_then(|index| profile.sites.get(index)).map_or(Domain::Heap, |site| site.allocator.domain)
}

/// Whose a mapping is: the library's that made it, or the program's own.
fn mapping(profile: &Profile, site: u32) -> (LineKind, String) {
    let index = (site as usize).checked_sub(1);
    let stack = index.and_then(|index| profile.sites.get(index)).map(|site| site.stack);
    match stack.and_then(|stack| profile.frames_of(stack).next()) {
        Some(Frame::Native { module, .. }) if is_extension(module) => {
            (LineKind::OwnAllocator, module.clone())
        }
        _ => (LineKind::Anonymous, String::new()),
    }
}

/// Whether a module is a library that Python does not bring itself: what such a one maps, it gives out again by itself.
fn is_extension(module: &str) -> bool {
    let name = module.rsplit('/').next().unwrap_or_default();
    name.contains(".so") && !name.starts_with("libpython") && !module.contains("/lib-dynload/")
}

/// By kind, and the largest of a kind first.
fn sorted(lines: BTreeMap<(LineKind, String), u64>) -> Vec<BillLine> {
    let lines = lines.into_iter().filter(|(_, bytes)| *bytes > 0);
    let mut lines: Vec<BillLine> =
        lines.map(|((kind, name), bytes)| BillLine { kind, name, bytes }).collect();
    lines.sort_by(|one, other| {
        one.kind.cmp(&other.kind).then(other.bytes.cmp(&one.bytes)).then_with(|| one.name.cmp(&other.name))
    });
    lines
}
