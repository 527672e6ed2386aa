//! The file format of a capture: one file a process, written by the tracker through a shared mapping, read at any time.
//!
//! Version 1, little-endian, 64-bit. A file is a row of chunks of 65,536 bytes. It is complete at every instant: a
//! record is written first and counted in the header afterwards, so a reader that trusts the header's counts never
//! sees half a record, also after SIGKILL.
//!
//! ```text
//! chunk 0   bytes 0..4096      Header (below)
//!           bytes 4096..65536  command line: arguments, each ended by a 0 byte, `Header::command_len` bytes
//! chunk 1   directory: 16,384 entries of u32; entry n tells what chunk n holds: section << 24 | ordinal; 0 = not in use
//! chunk 2…  data: the k-th chunk of a section holds the section's bytes k*65536 .. (k+1)*65536
//! ```
//!
//! | section | number | record | indexed by |
//! |---|---|---|---|
//! | sites | 1 | [`SiteRecord`], 64 bytes | site id; 0 is not used |
//! | foreign | 2 | [`ForeignRecord`], 64 bytes; not in use where its site is 0 | order |
//! | nodes | 3 | [`NodeRecord`], 8 bytes: the stack tree | stack id; 0 is the empty stack |
//! | frames | 4 | [`FrameRecord`], 32 bytes | frame id; 0 is not used |
//! | strings | 5 | u32 length, the bytes (UTF-8), padded to 4; never across a chunk's end | offset / 4; 0 is the empty string |
//! | threads | 6 | [`ThreadRecord`], 1,024 bytes | thread id; 0 stands for threads that could not be told apart |
//! | checkpoints | 7 | a stream of [`CheckpointRecord`] (64 bytes), each followed by its [`CheckpointEntry`] (24 bytes) | order |
//! | modules | 8 | [`ModuleRecord`], 32 bytes: executable mappings | order |
//! | temporary | 9 | [`TemporaryRecord`], 16 bytes; chunks may be missing (zeros) | site id |
//! | bills | 10 | a stream of [`BillRecord`] (72 bytes), each followed by its [`BillPart`]s (24 bytes) | order |
//! | containers | 11 | [`ContainerRecord`], 32 bytes | container id; 0 is not used |
//! | lengths | 12 | a stream of [`LengthRecord`], 16 bytes | order |
//!
//! **The figures of a site** are sums: the thread that owns the site counts in the [`SiteRecord`], each other thread that
//! changes the site (frees its blocks) in a [`ForeignRecord`] of its own, where live figures are mostly below zero. So each
//! record has one writer. Threads without a record of their own count as thread 0, under the tracker's lock.
//! **At the peak**: each of these records has an `epoch`; if it equals `Header::epoch` the record's `peak_*` fields hold its
//! value at the peak, else it has not changed since and its present value is the value at the peak. The sum over sites
//! that count is then the peak of the present window. When a checkpoint ends a window whose peak is the highest so far, the
//! composition goes into the checkpoint stream as a record of kind [`KIND_PEAK`]; the peak of the process is the larger of
//! `Header::best_peak` and the present window's.
//!
//! **Temporary** blocks of a site are those that the thread which allocated them freed before it allocated anything else.
//!
//! **Checkpoints** of kinds 0–4 hold only the sites that changed since the previous checkpoint, with their new values.

//!
//! **Containers** are those that were seen to grow from one look at all live containers to a later one; such a look follows
//! a checkpoint. From then on each checkpoint reads their lengths, as long as they keep changing; one that stands still
//! for some looks may be left to the looks until it changes again. The first length of each is that of the look before.
//! Lengths and checkpoints are counted one after the other: a reader of a running process may meet lengths of a
//! checkpoint that it has not counted.
//!
//! **A forked child** goes on with a copy of its parent's file. Its sites below [`Header::inherited_sites`] hold what it
//! inherited, and only that: what it allocates itself has sites of its own, also where a stack was met before. So what
//! is inherited and still live is known at every moment, and can be counted once in a tree of processes.
//!
//! **Heap snapshots** are files of their own beside the processes' files: see [`heap`].
//!
//! **The journal**, a file called `journal` beside the processes' files, tells in the order in which it happened which
//! process began and which program one executed. The recorder makes it, empty; every process appends lines, each by
//! one write. Paths have control characters, `\` and 127 as `\xNN`, and of long ones the last [`MAX_JOURNAL_PATH`] bytes stand there.
//! OWNER and N name a process file: of the process itself, or of the nearest one above it that has a file.
//!
//! | line | meaning |
//! |---|---|
//! | `begin PID N` | process PID, after it was executed, began to record into `process-PID-N.lgp` |
//! | `exec PID OWNER N PATH` | process PID is about to execute PATH |
//! | `fail PID` | what its last `exec` line announced did not happen |
//! | `spawn PID OWNER N PATH` | OWNER started PATH as process PID, which may have begun before this line |
//! | `unable PID WHY` | process PID, after it was executed, cannot record: 1, its limit of file sizes is below a file's first length; 0, no file could be made |
//! | `escape 0 OWNER N PATH` | OWNER started PATH without the tracker; the process is not known |

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "read")]
extern crate alloc;

mod bill;
mod container;
mod function;
pub mod heap;
#[cfg(feature = "read")]
pub mod journal;
mod options;
#[cfg(feature = "read")]
pub mod read;
mod record;
pub mod survey;

pub use bill::*;
pub use container::*;
pub use function::{Domain, Function};
pub use options::{HIDING_ALLOCATORS, PythonOptions, is_python};
pub use record::*;

/// First eight bytes of a file.
pub const MAGIC: [u8; 8] = *b"LEAKGATE";
/// The version that this crate writes and reads.
pub const VERSION: u32 = 1;
/// Bytes of a chunk.
pub const CHUNK: usize = 65536;
/// Bytes of the header before the command line.
pub const HEADER_LEN: usize = 4096;
/// The length that a file begins with. A process that cannot have so much is not recorded.
pub const FIRST_LENGTH: usize = 16 * CHUNK;
/// Most chunks of a file: what the directory can list.
pub const MAX_CHUNKS: usize = CHUNK / 4;
/// Sites that a slot of the shadow table can name; the last id stands for all sites beyond.
pub const MAX_SITES: u32 = 1 << 24;
/// Name of the journal in a capture.
pub const JOURNAL: &str = "journal";
/// Most bytes of a path in the journal.
pub const MAX_JOURNAL_PATH: usize = 256;
/// Why a process cannot record, in the journal: no file could be made.
pub const UNABLE_FILE: u32 = 0;
/// The same: its limit of file sizes is below the length that a file begins with.
pub const UNABLE_FILE_SIZE: u32 = 1;
/// How the name of an empty file begins, `unable-PID-WHY`, that stands for such a line where none could be written.
pub const UNABLE_NAME: &str = "unable-";
/// Highest checkpoint kind of a moment of the process; these are what a checkpoint's ordinal counts.
pub const LAST_KIND: u32 = 4;
/// Checkpoint kind of the composition of the highest peak so far.
pub const KIND_PEAK: u32 = 16;
/// Mark at the start of each checkpoint record.
pub const CHECKPOINT_MARK: u32 = 0x5450_4b43;

/// The sections of a file; the value is the number in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Section {
    /// Counters and identity of sites.
    Sites = 1,
    /// What threads count of sites that others own.
    Foreign = 2,
    /// The stack tree.
    Nodes = 3,
    /// Frames.
    Frames = 4,
    /// Text.
    Strings = 5,
    /// Threads.
    Threads = 6,
    /// Frozen sites.
    Checkpoints = 7,
    /// Executable mappings.
    Modules = 8,
    /// Temporary blocks of sites.
    Temporary = 9,
    /// What was resident, part by part.
    Bills = 10,
    /// Containers that grew.
    Containers = 11,
    /// Their lengths.
    Lengths = 12,
}

impl Section {
    /// All sections.
    pub const ALL: [Section; 12] = [
        Section::Sites,
        Section::Foreign,
        Section::Nodes,
        Section::Frames,
        Section::Strings,
        Section::Threads,
        Section::Checkpoints,
        Section::Modules,
        Section::Temporary,
        Section::Bills,
        Section::Containers,
        Section::Lengths,
    ];

    /// The directory's entry for this section's chunk number `ordinal`.
    pub fn entry(self, ordinal: u32) -> u32 {
        (self as u32) << 24 | ordinal
    }
}

/// The figures that change all the time, for a sampler outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Live {
    /// Live bytes now; up to 64 KiB a thread off.
    pub live_bytes: u64,
    /// Most live bytes so far.
    pub peak_bytes: u64,
    /// Bytes that the tracker itself has mapped and touched.
    pub tracker_bytes: u64,
    /// Of the live bytes, those that were inherited at a fork.
    pub inherited_bytes: u64,
    /// The process that it was forked from, and the number of that process's file; process 0 if it was not.
    pub origin: (u32, u32),
}

/// Reads the live figures from the first 4,096 bytes of a file. `None` when they are not those of a capture of this
/// version, or its process has not begun: a forked child's file is a copy of its parent's until then.
pub fn live(header: &[u8]) -> Option<Live> {
    let word = |offset: usize| -> Option<u64> {
        Some(u64::from_le_bytes(header.get(offset..offset + 8)?.try_into().ok()?))
    };
    let begun = (word(8)? >> 32) as u32 != STATE_STARTING;
    if header.get(..8)? != MAGIC || word(8)? as u32 != VERSION || !begun {
        return None;
    }
    let window_peak = word(record::OFFSET_PEAK)?;
    Some(Live {
        live_bytes: (word(record::OFFSET_LIVE)? as i64).max(0) as u64,
        peak_bytes: window_peak.max(word(record::OFFSET_BEST_PEAK)?),
        tracker_bytes: word(record::OFFSET_TRACKER)?,
        inherited_bytes: (word(record::OFFSET_INHERITED)? as i64).max(0) as u64,
        origin: (word(record::OFFSET_ORIGIN)? as u32, (word(record::OFFSET_ORIGIN)? >> 32) as u32),
    })
}

/// The processes that wrote themselves down as not recorded, in the first 4,096 bytes of a file: each with the name of the
/// program that it executed, if it did.
pub fn unrecorded(header: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let from = core::mem::offset_of!(Header, unrecorded);
    let entries = header.get(from..size_of::<Header>()).filter(|_| header.starts_with(&MAGIC));
    entries.unwrap_or_default().chunks_exact(size_of::<Unrecorded>()).filter_map(|entry| {
        let (pid, name) = entry.split_first_chunk()?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        Some((u32::from_le_bytes(*pid), &name[..end])).filter(|(pid, _)| *pid != 0)
    })
}

/// Where a survey from outside finds what the tracker keeps in the process's memory, from the same bytes.
pub fn places(header: &[u8]) -> Option<survey::Places> {
    let word = |offset: usize| -> Option<u64> {
        Some(u64::from_le_bytes(header.get(offset..offset + 8)?.try_into().ok()?))
    };
    let places =
        survey::Places { shadow: word(record::OFFSET_SHADOW)?, ranges: word(record::OFFSET_RANGES)? };
    (live(header).is_some() && places.shadow != 0 && places.ranges != 0).then_some(places)
}
