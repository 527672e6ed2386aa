//! The records, field by field. All are plain integers: any bytes are a valid value.

/// The first bytes of a file. Offsets in bytes are given with each field.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Header {
    /// 0: [`crate::MAGIC`].
    pub magic: [u8; 8],
    /// 8: [`crate::VERSION`].
    pub version: u32,
    /// 12: one of the `STATE_` values.
    pub state: u32,
    /// 16: process id.
    pub pid: u32,
    /// 20: parent's process id.
    pub parent: u32,
    /// 24: milliseconds since the Unix epoch when recording began.
    pub started_ms: u64,
    /// 32: live bytes that count as memory, as published; the exact figure is the sum over sites.
    pub live_bytes: i64,
    /// 40: most live bytes in the present window.
    pub peak_bytes: i64,
    /// 48: highest peak of an earlier window, whose composition is the last checkpoint of kind `KIND_PEAK`; 0 if none.
    pub best_peak: i64,
    /// 56: bytes that the tracker has mapped and touched (an upper bound of what is resident).
    pub tracker_bytes: u64,
    /// 64: events that could not be recorded.
    pub lost: u64,
    /// 72: the present peak's number.
    pub epoch: u32,
    /// 76: `NOTE_` bits.
    pub notes: u32,
    /// 80: chunks in use, header and directory included.
    pub chunks: u32,
    /// 84: sites in use, id 0 included.
    pub sites: u32,
    /// 88: nodes in use, id 0 included.
    pub nodes: u32,
    /// 92: frames in use, id 0 included.
    pub frames: u32,
    /// 96: threads in use, id 0 included.
    pub threads: u32,
    /// 100: modules in use.
    pub modules: u32,
    /// 104: bytes of strings in use.
    pub strings: u64,
    /// 112: bytes of the checkpoint stream in use.
    pub checkpoints: u64,
    /// 120: CPython's `PY_VERSION_HEX`, as far as its version text tells (major, minor, micro); 0 without an interpreter.
    pub python: u32,
    /// 124: bytes of the command line that follow the header.
    pub command_len: u32,
    /// 128: bytes inherited at a fork, live at that moment.
    pub inherited_bytes: u64,
    /// 136: blocks inherited at a fork.
    pub inherited_blocks: u64,
    /// 144: bytes of bills in use.
    pub bills: u64,
    /// 152: address, in the process, of the shadow table's first level.
    pub shadow: u64,
    /// 160: address, in the process, of the list of tracked mappings ([`crate::survey::RangesHead`]).
    pub ranges: u64,
    /// 168: process id of the process that this one was forked from, the nearest that has a file; 0: not forked.
    pub origin: u32,
    /// 172: number in the name of that process's file.
    pub origin_sequence: u32,
    /// 176: bytes inherited at a fork that are still live in this process.
    pub inherited_live: i64,
    /// 184: sites below this id hold inherited blocks only; 0: not forked.
    pub inherited_sites: u32,
    /// 188: number in the name of this file.
    pub sequence: u32,
    /// 192: bytes of lengths in use.
    pub lengths: u64,
    /// 200: containers in use, id 0 included; 0 or 1: none.
    pub containers: u32,
    /// 204: odd, written from outside: the process is asked to collect its garbage. It adds 1 when it has.
    pub asked: u32,
    /// 208: processes that are not recorded and could not say so in the journal; those that share this header's memory,
    /// which forked children and `vfork` children do, write themselves down here.
    pub unrecorded: [Unrecorded; 16],
}

/// A process that is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Unrecorded {
    /// Its process id; 0: not in use.
    pub pid: u32,
    /// The end of the name of the program that it executed, filled with 0 bytes; empty where it goes on as a forked child.
    pub name: [u8; 28],
}

/// In [`Header::asked`]: the process is to take a snapshot of its heap, too.
pub const ASKED_SNAPSHOT: u32 = 1 << 31;

/// Set in the number of an iteration that the process froze because it was asked: the rest is half the word that asked,
/// without [`ASKED_SNAPSHOT`].
pub const ASKED_ITERATION: u32 = 1 << 31;
/// Where [`Header::asked`] stands in a file.
pub const OFFSET_ASKED: u64 = 204;

pub(crate) const OFFSET_LIVE: usize = 32;
pub(crate) const OFFSET_PEAK: usize = 40;
pub(crate) const OFFSET_BEST_PEAK: usize = 48;
pub(crate) const OFFSET_TRACKER: usize = 56;
pub(crate) const OFFSET_SHADOW: usize = 152;
pub(crate) const OFFSET_RANGES: usize = 160;
pub(crate) const OFFSET_ORIGIN: usize = 168;
pub(crate) const OFFSET_INHERITED: usize = 176;

/// The file is being set up.
pub const STATE_STARTING: u32 = 0;
/// The process runs, or ended without telling (killed, crashed, `_exit`).
pub const STATE_RECORDING: u32 = 1;
/// The process reached its own exit.
pub const STATE_ENDED: u32 = 2;

/// The capture could not grow (disk full, file size limit): new sites were not told apart from then on.
pub const NOTE_FULL: u32 = 1;
/// The interpreter's version has no known layout: Python stacks were not recorded.
pub const NOTE_UNKNOWN_PYTHON: u32 = 2;
/// The debug allocator was on, or another took the place of the hooks: Python objects and stacks were not recorded.
pub const NOTE_DEBUG_ALLOCATOR: u32 = 4;
/// More threads at once than can be told apart.
pub const NOTE_THREADS: u32 = 8;
/// A thread did not leave the tracker within a second: the peak's composition may miss its last event.
pub const NOTE_STUCK: u32 = 16;
/// Space in the capture could not be reserved ahead (the file system has no fallocate).
pub const NOTE_NOT_RESERVED: u32 = 32;
/// Some stacks were deeper than 65,536 frames; their outermost frames are missing.
pub const NOTE_DEEP: u32 = 64;
/// A forked child could not be given a capture of its own and was not recorded.
pub const NOTE_CHILD: u32 = 128;
/// What was resident at the end could not be read (`/proc` is restricted, or the capture could not grow).
pub const NOTE_NO_BILL: u32 = 1 << 20;
/// For a time the program traced references itself: reused objects may have an earlier line.
pub const NOTE_TRACER: u32 = 512;
/// The process is a forked child: sites seen before the fork belong to its parent.
pub const NOTE_FORKED: u32 = 256;
/// The interpreter is a free-threaded build: native memory only.
pub const NOTE_FREE_THREADED: u32 = 1024;
/// The interpreter's own table of offsets is not that of its version: native memory only.
pub const NOTE_OTHER_LAYOUT: u32 = 2048;
/// A trial of reading a stack gave another than the interpreter's own: Python objects have no stacks.
pub const NOTE_WRONG_WALK: u32 = 4096;
/// Some stacks could not be stored: their allocations are those of `stack not recorded`.
pub const NOTE_STACKS: u32 = 8192;
/// More containers grew, or changed more often, than there is room for: some lengths are missing.
pub const NOTE_CONTAINERS: u32 = 1 << 14;
/// Live containers could not be looked for in this build of CPython.
pub const NOTE_NO_CONTAINERS: u32 = 1 << 15;
/// A snapshot of the heap could not be taken or written.
pub const NOTE_NO_HEAP: u32 = 1 << 16;
/// Another `malloc` comes before the tracker's: the native heap is not seen.
pub const NOTE_OTHER_MALLOC: u32 = 1 << 17;
/// `PYTHONMALLOC` is `default`, which leakgate sets where a debug allocator was asked for: its checks are not made.
pub const NOTE_DEBUG_OFF: u32 = 1 << 18;

/// A distinct allocating stack, function and thread, and what the owning thread counted of it: what it allocated minus what
/// it freed.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct SiteRecord {
    /// 0: bytes.
    pub live_bytes: i64,
    /// 8: blocks.
    pub live_blocks: i64,
    /// 16: all bytes ever allocated.
    pub total_bytes: u64,
    /// 24: all blocks ever allocated.
    pub total_blocks: u64,
    /// 32: `live_bytes` at the peak, if `epoch` is the header's.
    pub peak_bytes: i64,
    /// 40: `live_blocks` at the peak, likewise.
    pub peak_blocks: i64,
    /// 48: the peak that `peak_*` belong to.
    pub epoch: u32,
    /// 52: stack id.
    pub stack: u32,
    /// 56: thread id.
    pub thread: u16,
    /// 58: [`crate::Function`].
    pub function: u8,
    /// 59: unused.
    pub unused: u8,
    /// 60: the foreign record of the site that was made last; 0 if there is none.
    pub foreign: u32,
}

/// What a thread counted of a site that another one owns. The first seven fields are as in [`SiteRecord`].
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct ForeignRecord {
    /// 0: bytes allocated minus bytes freed.
    pub live_bytes: i64,
    /// 8: blocks allocated minus blocks freed.
    pub live_blocks: i64,
    /// 16: all bytes ever allocated.
    pub total_bytes: u64,
    /// 24: all blocks ever allocated.
    pub total_blocks: u64,
    /// 32: `live_bytes` at the peak, if `epoch` is the header's.
    pub peak_bytes: i64,
    /// 40: `live_blocks` at the peak, likewise.
    pub peak_blocks: i64,
    /// 48: the peak that `peak_*` belong to.
    pub epoch: u32,
    /// 52: site id; 0 where the record is not in use. Written last.
    pub site: u32,
    /// 56: the foreign record of the same site that was made before; 0 at the end. Record 0 is not used.
    pub next: u32,
    /// 60: the thread that counts here.
    pub thread: u16,
    /// 62: unused.
    pub unused: u16,
}

/// Temporary blocks of a site: freed by the thread that allocated them, before its next allocation.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct TemporaryRecord {
    /// 0: bytes.
    pub bytes: u64,
    /// 8: blocks.
    pub blocks: u64,
}

/// A node of the stack tree.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct NodeRecord {
    /// 0: the caller's stack id.
    pub caller: u32,
    /// 4: frame id.
    pub frame: u32,
}

/// `name` is a note in words; no place.
pub const FRAME_NOTE: u32 = 1;
/// `name`, `file` and `line` of a Python function.
pub const FRAME_PYTHON: u32 = 2;
/// `address` is a return address; the module is found in the module records.
pub const FRAME_NATIVE: u32 = 3;

/// A frame.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct FrameRecord {
    /// 0: one of the `FRAME_` values.
    pub kind: u32,
    /// 4: string id of the function's name.
    pub name: u32,
    /// 8: string id of the file.
    pub file: u32,
    /// 12: line, 0 where there is none.
    pub line: u32,
    /// 16: return address of a native frame.
    pub address: u64,
    /// 24: unused.
    pub unused: u64,
}

/// A thread.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ThreadRecord {
    /// 0: kernel thread id.
    pub tid: u32,
    /// 4: threads that used this record one after the other.
    pub used: u32,
    /// 8: name, ended by a 0 byte.
    pub name: [u8; 56],
    /// 64: requests by size class: class 0 is size 0, class n is 2^(n-1) <= size < 2^n.
    pub histogram: [u64; 64],
    /// 576: where its stack begins while it runs; 0 where that is not known (the first thread's has a name in `smaps`).
    pub stack_start: u64,
    /// 584: where it ends.
    pub stack_end: u64,
    /// 592: the site whose stack is where it was started; 0 where that is not known.
    pub started: u32,
    /// 596: one of the `WAITED_` values.
    pub waited: u32,
    /// 600: unused.
    pub unused: [u64; 53],
}

/// It is not known whether the program waits for the thread at its end.
pub const WAITED_UNKNOWN: u32 = 0;
/// Python waits for it: it is no daemon.
pub const WAITED_FOR: u32 = 1;
/// It is a daemon of Python's.
pub const WAITED_NOT: u32 = 2;

/// The head of a checkpoint.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct CheckpointRecord {
    /// 0: [`crate::CHECKPOINT_MARK`].
    pub mark: u32,
    /// 4: 0 start, 1 iteration, 2 retained, 3 left, 4 exit; 16 composition of the highest peak.
    pub kind: u32,
    /// 8: iteration.
    pub iteration: u32,
    /// 12: entries that follow.
    pub entries: u32,
    /// 16: live bytes that count.
    pub live_bytes: i64,
    /// 24: live blocks that count.
    pub live_blocks: i64,
    /// 32: most live bytes since the previous checkpoint of kinds 0–4.
    pub window_peak: i64,
    /// 40: milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// 48: open file descriptors; `u32::MAX` where they were not counted.
    pub fds: u32,
    /// 52: threads; `u16::MAX` where they were not counted, one less where there are more.
    pub threads: u16,
    /// 54: child processes, those that are over and not waited for, too; likewise.
    pub children: u16,
    /// 56: objects that only the garbage collector freed before the checkpoint, since the one before.
    pub collected: u64,
}

/// A site in a checkpoint.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct CheckpointEntry {
    /// 0: site id.
    pub site: u64,
    /// 8: live bytes.
    pub bytes: i64,
    /// 16: live blocks.
    pub blocks: i64,
}

/// An executable mapping of a file.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct ModuleRecord {
    /// 0: first address.
    pub start: u64,
    /// 8: address behind the last.
    pub end: u64,
    /// 16: offset in the file of the first address.
    pub offset: u64,
    /// 24: string id of the path.
    pub path: u32,
    /// 28: unused.
    pub unused: u32,
}

const _: () = assert!(size_of::<Header>() == 208 + 16 * 32);
const _: () = assert!(size_of::<SiteRecord>() == 64);
const _: () = assert!(size_of::<ForeignRecord>() == 64);
const _: () = assert!(size_of::<TemporaryRecord>() == 16);
const _: () = assert!(size_of::<NodeRecord>() == 8);
const _: () = assert!(size_of::<FrameRecord>() == 32);
const _: () = assert!(size_of::<ThreadRecord>() == 1024);
const _: () = assert!(size_of::<CheckpointRecord>() == 64);
const _: () = assert!(size_of::<CheckpointEntry>() == 24);
const _: () = assert!(size_of::<ModuleRecord>() == 32);
