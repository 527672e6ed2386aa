//! What a reader should know of a process file that its figures do not say, in sentences.

use leakgate_capture::read::File;
use leakgate_capture::{
    NOTE_CHILD, NOTE_CONTAINERS, NOTE_DEBUG_ALLOCATOR, NOTE_DEBUG_OFF, NOTE_DEEP, NOTE_FORKED,
    NOTE_FREE_THREADED, NOTE_FULL, NOTE_NO_BILL, NOTE_NO_CONTAINERS, NOTE_NO_HEAP, NOTE_NOT_RESERVED,
    NOTE_OTHER_LAYOUT, NOTE_OTHER_MALLOC, NOTE_STACKS, NOTE_STUCK, NOTE_THREADS, NOTE_TRACER,
    NOTE_UNKNOWN_PYTHON, NOTE_WRONG_WALK, STATE_ENDED,
};

use super::decode::kind;
use super::model::{Amount, CheckpointKind};

/// What each bit of the header's notes means.
const NOTES: &[(u32, &str)] = &[
    (
        NOTE_FULL,
        "the capture could not grow (disk full, no permission any more, or a limit of file size or address space): later stacks are not told apart",
    ),
    (
        NOTE_UNKNOWN_PYTHON,
        "this version of CPython has no known layout: native memory only, without Python stacks",
    ),
    (
        NOTE_DEBUG_ALLOCATOR,
        "Python's debug allocator was on, or one of the program's choice: no Python objects or stacks; small objects are in \
         anonymous mappings",
    ),
    (
        NOTE_FREE_THREADED,
        "a free-threaded CPython, which the tracker does not know: native memory only, without Python stacks",
    ),
    (
        NOTE_OTHER_LAYOUT,
        "this build of CPython is laid out otherwise than its version: native memory only, without Python stacks",
    ),
    (
        NOTE_WRONG_WALK,
        "a trial of reading Python's stacks went wrong on this build of CPython: its objects have no stacks",
    ),
    (NOTE_STACKS, "some stacks could not be stored, for want of space or memory: see `stack not recorded`"),
    (
        NOTE_THREADS,
        "more than 4,095 threads at once (255 where address space is limited): the others' allocations have no stack",
    ),
    (NOTE_STUCK, "a thread did not leave the tracker: the peak's composition may miss its last event"),
    (NOTE_NOT_RESERVED, "the file system cannot reserve space for the capture"),
    (
        NOTE_DEEP,
        "some stacks are deeper than 65,536 frames (4,096 where address space is limited): their outermost frames are missing",
    ),
    (
        NOTE_NO_BILL,
        "what was resident at the end is not known: `/proc` could not be read, or the capture not grow",
    ),
    (
        NOTE_TRACER,
        "the program traced references itself for a time (tracemalloc does): reused objects may have an earlier line",
    ),
    (
        NOTE_CONTAINERS,
        "more containers grew, or changed more often, than there is room for: some of their lengths are missing",
    ),
    (
        NOTE_NO_CONTAINERS,
        "live containers cannot be looked for in this build of CPython: their lengths are not known",
    ),
    (
        NOTE_NO_HEAP,
        "a snapshot of the heap could not be taken or written: who holds the objects is not known",
    ),
    (NOTE_CHILD, LOST_CHILD),
    (NOTE_OTHER_MALLOC, UNSEEN_HEAP),
    (NOTE_DEBUG_OFF, DEBUG_OFF),
];

/// The note of a process whose native heap is in no figure.
pub const UNSEEN_HEAP: &str = "the native heap is not seen: the `malloc` of another library comes before the tracker's (that of a preloaded \
     libasan does)";

/// The note of a process that runs with `PYTHONMALLOC=default`.
const DEBUG_OFF: &str = "`PYTHONMALLOC` is `default` here, whatever was asked for (`-X dev` asks for the debug allocator): what that one \
     checks, such as writes beyond the end of a block, is not checked";

/// The note of a process with a child that is in no figure.
pub const LOST_CHILD: &str = "a forked child could not be given a capture of its own (disk full, a limit of file sizes, no permission, or no \
     descriptor left) and was not recorded";

/// The header's notes, in sentences; `outlived`: what was live when an interpreter ended that the program outlived.
pub(super) fn notes(file: &File, outlived: Option<Amount>) -> Vec<String> {
    let mut notes: Vec<String> = NOTES
        .iter()
        .filter(|(bit, _)| file.head.notes & bit != 0)
        .map(|(_, text)| (*text).to_owned())
        .collect();
    if file.head.notes & NOTE_FORKED != 0 {
        notes.push(format!(
            "forked from process {}: {} in {} blocks were inherited at that moment",
            file.head.origin.0,
            crate::units::Bytes(file.head.inherited_bytes),
            crate::units::grouped(file.head.inherited_blocks)
        ));
    }
    if let Some(Amount { bytes, blocks }) = outlived {
        notes.push(format!(
            "the program went on after its interpreter had ended, when {} in {} blocks were live: the end is the \
             process's own",
            crate::units::Bytes(bytes),
            crate::units::grouped(blocks)
        ));
    }
    let head = &file.head;
    let has_exit = file.moments.iter().any(|moment| kind(moment.head.kind) == Some(CheckpointKind::Exit));
    if head.notes & NOTE_FULL != 0 && head.state == STATE_ENDED && head.python != 0 && !has_exit {
        notes.push("figures of the end are of after the interpreter was torn down: there was no space for those before".to_owned());
    }
    if file.head.lost > 0 {
        notes.push(format!("{} events could not be recorded: figures are lower bounds", file.head.lost));
    }
    notes
}
