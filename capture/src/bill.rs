//! The records of a bill: what a process had resident at one moment, part by part.
//!
//! The section is a stream: a [`BillRecord`], then its [`BillPart`]s.

/// Mark at the start of each bill.
pub const BILL_MARK: u32 = 0x4c4c_4942;
/// [`BillRecord::kind`] of the process's own end; other values are those of the checkpoint that it was taken with.
pub const BILL_AT_EXIT: u32 = 16;
/// Bit of [`BillRecord::flags`]: some of the heap was too much to look at.
pub const BILL_PARTIAL: u32 = 1;

/// What a part of a process's memory is; the value is the number in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum PartKind {
    /// Resident pages of a file's mappings, private copies and zeroed data of a library included.
    File = 1,
    /// Resident pages of a thread's stack.
    Stack = 2,
    /// Resident pages of the tracker.
    Tracker = 3,
    /// Resident pages of a mapping that the program made, with the site that made it.
    Mapping = 4,
    /// Resident pages that `malloc` and CPython's allocator got from the system.
    Heap = 5,
    /// Resident anonymous pages that no call told of.
    Unknown = 6,
    /// Bytes of live blocks that are not resident, with their site: not a part of the sum.
    Untouched = 7,
}

impl PartKind {
    /// All kinds.
    pub const ALL: [PartKind; 7] = [
        PartKind::File,
        PartKind::Stack,
        PartKind::Tracker,
        PartKind::Mapping,
        PartKind::Heap,
        PartKind::Unknown,
        PartKind::Untouched,
    ];

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<PartKind> {
        PartKind::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// The head of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct BillRecord {
    /// 0: [`BILL_MARK`].
    pub mark: u32,
    /// 4: when: a checkpoint's kind, or [`BILL_AT_EXIT`].
    pub kind: u32,
    /// 8: iteration, as in the checkpoint.
    pub iteration: u32,
    /// 12: parts that follow.
    pub parts: u32,
    /// 16: `BILL_` bits.
    pub flags: u32,
    /// 20: unused.
    pub unused: u32,
    /// 24: resident bytes in all.
    pub resident: u64,
    /// 32: live bytes of CPython's object domain at that moment.
    pub objects: i64,
    /// 40: live bytes of CPython's mem domain.
    pub memory: i64,
    /// 48: live bytes of the C heap.
    pub heap: i64,
    /// 56: milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// 64: the resident set as `statm` has it at the same moment: the kernel's own count, which may lag behind.
    pub counted: u64,
}

/// A part of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct BillPart {
    /// 0: [`PartKind`].
    pub kind: u32,
    /// 4: string id of the file's path; 0 for other kinds.
    pub name: u32,
    /// 8: site id; 0 for kinds that have none.
    pub site: u32,
    /// 12: unused.
    pub unused: u32,
    /// 16: bytes.
    pub bytes: u64,
}

const _: () = assert!(size_of::<BillRecord>() == 72);
const _: () = assert!(size_of::<BillPart>() == 24);
