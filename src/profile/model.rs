//! Sites, stacks, frames, threads, checkpoints and the time line of one recorded process.

use std::path::PathBuf;

use super::bill::{Bill, BillMoment};
use super::untracked::Untracked;

/// Everything that one capture folder holds.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    /// The capture folder.
    pub dir: PathBuf,
    /// The recorded processes; the one the command line started is first.
    pub processes: Vec<Profile>,
    /// The time line, sampled from outside every 10 ms; empty when nothing sampled it.
    pub timeline: Vec<Sample>,
    /// Most live bytes of all processes together that a sample saw, what forked ones share counted once.
    pub sampled_peak: Option<u64>,
    /// Programs that ran without the tracker and are in no figure.
    pub untracked: Vec<Untracked>,
    /// Files that were changed or damaged since, where it was loaded all the same: see [`super::load::readable`].
    pub damaged: Vec<PathBuf>,
    /// What the capture could not hold, in sentences for the reader.
    pub notes: Vec<String>,
}

impl Capture {
    /// The process that a view shows when none is named: the one with the largest peak (the first of equals).
    pub fn main(&self) -> Option<&Profile> {
        self.processes.iter().rev().max_by_key(|profile| profile.totals.peak.bytes)
    }
}

impl Capture {
    /// The last of the programs that process `pid` executed one after the other: a version switcher leaves a profile of
    /// its own before it becomes the interpreter.
    pub fn last_of(&self, pid: u32) -> Option<&Profile> {
        let of_process = self.processes.iter().filter(|profile| profile.process.pid == pid);
        of_process.max_by_key(|profile| (profile.process.started_ms, profile.process.sequence))
    }
}

/// A recorded program by its file: a process has one for each program that it executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProgramId {
    /// Process id.
    pub pid: u32,
    /// Number of the program in its process, from 0.
    pub sequence: u32,
}

/// Where a recorded program comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Birth {
    /// It is the first, or whoever started it was not recorded.
    #[default]
    Unknown,
    /// A copy of this program's process, made by a fork. If one in between has no file, the nearest that has.
    Forked(ProgramId),
    /// Started in a process of its own by this program.
    Started(ProgramId),
    /// It took the place of this program in the same process.
    Executed(ProgramId),
}

impl Birth {
    /// The program that it comes from.
    pub fn from(self) -> Option<ProgramId> {
        match self {
            Birth::Unknown => None,
            Birth::Forked(from) | Birth::Started(from) | Birth::Executed(from) => Some(from),
        }
    }
}

/// What a forked process inherited, in its own figures: live in its parent when it was forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inherited {
    /// At the fork.
    pub fork: Amount,
    /// Of this, what was still live at the process's own peak.
    pub peak: Amount,
    /// Of this, what was still live at the end.
    pub end: Amount,
    /// How many of the first sites hold it, and nothing else.
    pub sites: usize,
}

/// One sample of the time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// Milliseconds since the command started.
    pub at_ms: u64,
    /// The process.
    pub pid: u32,
    /// Live tracked bytes (heap, Python objects, anonymous mappings).
    pub live: u64,
    /// Resident set size, the tracker's own memory not subtracted.
    pub rss: u64,
}

/// What was recorded of one process.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Which process this is.
    pub process: Process,
    /// All frames; `FrameId` is an index.
    pub frames: Vec<Frame>,
    /// All stacks as a tree: a node is a frame and the node of its caller; `StackId` is an index. Node 0 is the empty stack.
    pub stacks: Vec<StackNode>,
    /// All sites, in the order in which they were first seen.
    pub sites: Vec<Site>,
    /// Threads; `ThreadId` is an index.
    pub threads: Vec<Thread>,
    /// Sums over the sites that count as the process's own memory (not file mappings, not reserved space).
    pub totals: Totals,
    /// What of it was inherited at a fork.
    pub inherited: Inherited,
    /// Allocations by size class: entry `n` counts requests of `2^(n-1) <= size < 2^n` bytes; entry 0 those of 0 bytes.
    pub histogram: Vec<u64>,
    /// Moments at which all sites were frozen, in order.
    pub checkpoints: Vec<Checkpoint>,
    /// The containers that grew at some time.
    pub containers: Vec<Container>,
    /// What was resident at some moments, at most one bill a moment.
    pub bills: Vec<Bill>,
    /// What is not exact or not recorded, in sentences for the reader.
    pub notes: Vec<String>,
}

/// Identity and fate of a recorded process.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Process id while it ran.
    pub pid: u32,
    /// Number of the program in its process: one that executes others has a file for each.
    pub sequence: u32,
    /// Parent's process id; of a recorded parent also where it had ended when recording began.
    pub parent: u32,
    /// Where it comes from.
    pub birth: Birth,
    /// Whether it executed another program, which took its place.
    pub replaced: bool,
    /// The command line.
    pub command: Vec<String>,
    /// What it was started for, where the command does not tell: `call shop.quotes:quote`.
    pub title: Option<String>,
    /// `CPython 3.11.7`, or `None` for a program without a known interpreter.
    pub interpreter: Option<String>,
    /// Whether the process reached its own exit (false: killed, crashed, or still running).
    pub ended: bool,
    /// Milliseconds since the Unix epoch at which recording began.
    pub started_ms: u64,
    /// Events that could not be recorded; other than 0 makes figures a lower bound.
    pub lost: u64,
    /// Bytes that the tracker itself has resident (shadow table, stacks, this capture's mapping).
    pub tracker_bytes: u64,
}

/// Bytes and blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Requested bytes.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
}

impl Amount {
    /// What is left without a part of it.
    pub fn less(self, part: Amount) -> Amount {
        Amount {
            bytes: self.bytes.saturating_sub(part.bytes),
            blocks: self.blocks.saturating_sub(part.blocks),
        }
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        // A damaged capture can hold any figures.
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.blocks = self.blocks.saturating_add(other.blocks);
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::default(), |mut sum, amount| {
            sum += amount;
            sum
        })
    }
}

/// Sums over the sites that count as memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Live at the high-water mark.
    pub peak: Amount,
    /// Live at the end: before the interpreter is torn down for Python, at exit or death for others, and where more is live
    /// there than at the end of an interpreter.
    pub end: Amount,
    /// All that was ever allocated.
    pub total: Amount,
    /// Of that, what the thread that allocated it freed before it allocated anything else.
    pub temporary: Amount,
}

/// Index into `Profile::frames`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FrameId(pub u32);
/// Index into `Profile::stacks`; 0 is the empty stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StackId(pub u32);
/// Index into `Profile::threads`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ThreadId(pub u32);

/// A node of the stack tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackNode {
    /// The caller's stack.
    pub caller: StackId,
    /// The frame on top of it.
    pub frame: FrameId,
}

/// One frame of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Frame {
    /// A Python function at a line.
    Python {
        /// Qualified name where CPython has it (3.11+), else the plain name.
        function: String,
        /// `co_filename`.
        file: String,
        /// Line; 0 where the bytecode has none.
        line: u32,
    },
    /// A place in a shared library or the program.
    Native {
        /// Path of the module; empty where unknown.
        module: String,
        /// Symbol, demangled; empty where unknown.
        symbol: String,
        /// Offset in the module's file image.
        offset: u64,
    },
    /// Something without a place, in words: `interpreter start-up`.
    Note(String),
}

impl Frame {
    /// Whether this is the import system at work, between the module that imports and the one that is imported.
    pub fn is_import_system(&self) -> bool {
        matches!(self, Frame::Python { file, .. } if file.starts_with("<frozen importlib._bootstrap"))
    }
}

/// A distinct allocating call stack, function and thread, with its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The allocating stack; its node's frame is the innermost.
    pub stack: StackId,
    /// Which allocating function.
    pub allocator: Allocator,
    /// The allocating thread.
    pub thread: ThreadId,
    /// Live at the peak.
    pub peak: Amount,
    /// Live at the end.
    pub end: Amount,
    /// All that was ever allocated.
    pub total: Amount,
    /// Of that, what the thread freed before it allocated anything else.
    pub temporary: Amount,
}

/// A thread of the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thread {
    /// Name, as given by the program; `main` for the first.
    pub name: String,
    /// Kernel thread id; 0 where unknown.
    pub tid: u32,
    /// Whether it runs, or ran when the process ended; not known of the first.
    pub runs: bool,
    /// Where it was started; `None` where that is not known.
    pub started: Option<StackId>,
    /// Whether Python waits for it at the program's end; `None` where that is not known.
    pub is_waited_for: Option<bool>,
}

/// What kind of memory a site's blocks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// CPython's object domain.
    PythonObject,
    /// CPython's mem domain.
    PythonMemory,
    /// The C heap (malloc family), CPython's raw domain included.
    Heap,
    /// Anonymous mappings that are or were writable, and `brk`.
    Anonymous,
    /// Mappings of files; not counted as the process's own memory.
    File,
    /// Address space reserved without access; not counted as memory.
    Reserved,
}

impl Domain {
    /// All domains, in the order in which people read them.
    pub const ALL: [Domain; 6] = [
        Domain::PythonObject,
        Domain::PythonMemory,
        Domain::Heap,
        Domain::Anonymous,
        Domain::File,
        Domain::Reserved,
    ];

    /// Whether the domain counts as the process's own memory.
    pub fn counts(self) -> bool {
        !matches!(self, Domain::File | Domain::Reserved)
    }

    /// The name that reports print.
    pub fn label(self) -> &'static str {
        match self {
            Domain::PythonObject => "Python objects",
            Domain::PythonMemory => "Python memory",
            Domain::Heap => "native heap",
            Domain::Anonymous => "anonymous mappings",
            Domain::File => "file mappings",
            Domain::Reserved => "reserved",
        }
    }
}

/// The function that allocated, as the capture numbers it (`leakgate_capture::Function`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Allocator {
    /// The function's name: `malloc`, `PyObject_Malloc`, `mmap` …
    pub name: &'static str,
    /// Its domain.
    pub domain: Domain,
}

/// A moment at which all sites were frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What the moment is.
    pub kind: CheckpointKind,
    /// The iteration it closes, where there are iterations; else 0.
    pub iteration: u32,
    /// Live memory at that moment, sites that count only.
    pub live: Amount,
    /// Live at the peak since the previous checkpoint (or the start).
    pub window_peak: u64,
    /// Open file descriptors, where they were counted.
    pub fds: Option<u32>,
    /// Threads, likewise.
    pub threads: Option<u32>,
    /// Child processes, those that are over and not waited for, too; likewise.
    pub children: Option<u32>,
    /// Objects that only the garbage collector freed since the previous checkpoint.
    pub collected: u64,
    /// The sites that differ from the previous checkpoint, by index, and what is live of them now; sorted.
    pub changes: Vec<(u32, Amount)>,
}

/// What of a process tells whether it grows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Its checkpoints, in order.
    pub checkpoints: Vec<Checkpoint>,
    /// Stack and allocator of each site, by index.
    pub sites: Vec<(StackId, Allocator)>,
    /// The containers that grew at some time.
    pub containers: Vec<Container>,
}

/// A list, dictionary, set or the like that grew at some time while it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its type: `list`, `collections.deque`, a subclass's name.
    pub type_name: String,
    /// Where it is in memory.
    pub address: u64,
    /// The site that made it, by index, where it is known.
    pub site: Option<u32>,
    /// The length that it never exceeds, where it has one of its own.
    pub bound: Option<u64>,
    /// The length that it does not exceed as an attribute says (`maxsize`, `capacity`) of what holds it, where one does.
    pub said_bound: Option<u64>,
    /// The checkpoint, by index, at which it was there no more.
    pub gone_at: Option<usize>,
    /// Its lengths, by index of the checkpoint after which they were read: the first, and each that is another; not empty.
    pub lengths: Vec<(usize, u64)>,
}

/// Which moment a checkpoint froze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointKind {
    /// Before the work starts (setup done).
    Start,
    /// After an iteration and a garbage collection.
    Iteration,
    /// In the midst of a command's work, after a garbage collection, because leakgate asked for it; `iteration` is the
    /// number of its question.
    Asked,
    /// After all work and a garbage collection, result still held.
    Retained,
    /// After the result was dropped and garbage collected again.
    Left,
    /// The interpreter is about to be torn down.
    Exit,
}

impl Process {
    /// The program by its file.
    pub fn id(&self) -> ProgramId {
        ProgramId { pid: self.pid, sequence: self.sequence }
    }

    /// The program that it was forked from, if it was.
    pub fn origin(&self) -> Option<ProgramId> {
        match self.birth {
            Birth::Forked(from) => Some(from),
            _ => None,
        }
    }
}

impl Profile {
    /// The bill of the first of these moments that has one.
    pub fn bill(&self, moments: &[BillMoment]) -> Option<&Bill> {
        moments.iter().find_map(|moment| self.bills.iter().find(|bill| bill.moment == *moment))
    }

    /// What was live of each site at a checkpoint, by site index; empty for one that there is not.
    pub fn live_at(&self, checkpoint: usize) -> Vec<Amount> {
        let Some(until) = self.checkpoints.get(..=checkpoint) else { return Vec::new() };
        let mut live = vec![Amount::default(); self.sites.len()];
        for (site, amount) in until.iter().flat_map(|checkpoint| &checkpoint.changes) {
            if let Some(of_site) = live.get_mut(*site as usize) {
                *of_site = *amount;
            }
        }
        live
    }

    /// The frames of a stack, innermost first.
    pub fn frames_of(&self, stack: StackId) -> impl Iterator<Item = &Frame> {
        let mut at = stack;
        std::iter::from_fn(move || {
            if at.0 == 0 {
                return None;
            }
            let node = self.stacks.get(at.0 as usize)?;
            at = node.caller;
            self.frames.get(node.frame.0 as usize)
        })
    }
}
