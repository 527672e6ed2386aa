//! The table of keys of a dying dictionary: CPython would keep small ones for other dictionaries, which would carry the
//! line of this one.
//!
//! CPython keeps a table when its size is the smallest one. From 3.11 on it asks for nothing else of the size by then: its
//! entries are found and counted by other fields. So the table of a dying dictionary is called one size larger. Before 3.11
//! the entries are found behind the indices, by the size times the bytes of an index, which the size tells, too. So the
//! size becomes another one for which that product is the same: CPython is always built so that products wrap around.

use core::sync::atomic::{AtomicBool, Ordering};

use super::frames::word;

const WATCHERS: usize = 24;
const WATCHER_BITS: usize = 0xff;
const TABLE: usize = 32;
const VALUES: usize = 40;

/// Before 3.11 tables are laid out in another way.
static IS_OLD: AtomicBool = AtomicBool::new(false);
/// Since 3.12 a dictionary has bits for those who want to be told of its end.
static CAN_BE_WATCHED: AtomicBool = AtomicBool::new(false);

/// A table of keys, as far as it matters. Behind it, 2 to the power of `log_index_bytes` bytes further, its entries.
#[repr(C)]
struct Table {
    references: usize,
    log_size: u8,
    log_index_bytes: u8,
    kind: u8,
    _version: [u8; 5],
    usable: usize,
    entries: usize,
}

const SMALLEST_LOG_SIZE: u8 = 3;
/// Entries that a table of the smallest size has room for.
const SMALLEST_ROOM: usize = 5;
/// The kind of tables all of whose keys are strings.
const STRINGS: u8 = 1;

impl Table {
    fn would_be_kept(&self) -> bool {
        self.references == 1
            && self.log_size == SMALLEST_LOG_SIZE
            && self.log_index_bytes == SMALLEST_LOG_SIZE
            && self.kind == STRINGS
            && self.usable.wrapping_add(self.entries) == SMALLEST_ROOM
    }
}

/// A table of keys before 3.11. Behind it `size` indices, and behind these its entries.
#[repr(C)]
struct OldTable {
    references: usize,
    size: usize,
    _lookup: usize,
    usable: usize,
    entries: usize,
}

const SMALLEST_SIZE: usize = 8;
/// A size with indices of 8 bytes, which is so large that 8 times it is 8 again.
const OTHER_SIZE: usize = (1 << 61) + 1;
const _: () = assert!(OTHER_SIZE.wrapping_mul(8) == SMALLEST_SIZE && OTHER_SIZE > u32::MAX as usize);

impl OldTable {
    fn would_be_kept(&self) -> bool {
        // What `popitem` took away is in neither.
        self.references == 1
            && self.size == SMALLEST_SIZE
            && self.usable <= SMALLEST_ROOM
            && self.entries <= SMALLEST_ROOM
    }
}

/// Tells which version's dictionaries they are: CPython 3.`minor`.
pub(super) fn begin(minor: u8) {
    IS_OLD.store(minor < 11, Ordering::Relaxed);
    CAN_BE_WATCHED.store(minor >= 12, Ordering::Relaxed);
}

/// Whether something will be told of the dictionary's end: it could bring it back to life.
///
/// # Safety
/// `object` must be a dictionary.
#[inline(always)]
pub(super) unsafe fn is_watched(object: usize) -> bool {
    // SAFETY: the caller's promise; the field is there in all versions, and means this in those.
    CAN_BE_WATCHED.load(Ordering::Relaxed) && unsafe { word(object + WATCHERS) } & WATCHER_BITS != 0
}

/// Has the table of a dying dictionary freed and not kept.
///
/// # Safety
/// `object` must be a dictionary that nothing refers to any more, and that is not watched.
#[inline(always)]
pub(super) unsafe fn free_table(object: usize) {
    // SAFETY: the caller's promise; both fields are there in all versions.
    let (table, values) = unsafe { (word(object + TABLE) as *mut Table, word(object + VALUES)) };
    if table.is_null() || values != 0 {
        return;
    }
    if IS_OLD.load(Ordering::Relaxed) {
        // SAFETY: as below.
        return unsafe { free_old_table(table.cast()) };
    }
    // SAFETY: a table with at least that many bytes. It is changed only if the dictionary is the only one to have it:
    // then nobody else looks at it.
    unsafe {
        if (*table).would_be_kept() {
            (*table).log_size = SMALLEST_LOG_SIZE + 1;
        }
    }
}

/// # Safety
/// `table` must be that of a dying dictionary of CPython before 3.11.
unsafe fn free_old_table(table: *mut OldTable) {
    // SAFETY: a table with at least that many bytes, changed only if nobody else looks at it.
    unsafe {
        if (*table).would_be_kept() {
            (*table).size = OTHER_SIZE;
        }
    }
}
