//! The table of keys of a dying dictionary: CPython 3.11 and later would keep small ones for other dictionaries, which
//! would carry the line of this one.
//!
//! CPython keeps a table when its size is the smallest one, and asks for nothing else of the size by then: its entries
//! are found and counted by other fields. So the table of a dying dictionary is called one size larger. Before 3.11 its
//! entries are found by the size.

use core::sync::atomic::{AtomicBool, Ordering};

use super::frames::word;

const WATCHERS: usize = 24;
const WATCHER_BITS: usize = 0xff;
const KEYS: usize = 32;
const VALUES: usize = 40;
const KEYS_LOG_SIZE: usize = 8;
const KEYS_KIND: usize = 10;
const SMALLEST_LOG_SIZE: u8 = 3;
/// Of tables all of whose keys are strings.
const KIND_STRINGS: u8 = 1;

static TABLES_ARE_KNOWN: AtomicBool = AtomicBool::new(false);
static CAN_BE_WATCHED: AtomicBool = AtomicBool::new(false);

/// Tells what dictionaries of CPython 3.`minor` look like.
pub(super) fn begin(minor: u8) {
    TABLES_ARE_KNOWN.store(minor >= 11, Ordering::Relaxed);
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
    if !TABLES_ARE_KNOWN.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: the caller's promise: nobody else looks at the dictionary, nor at a table that is only its own.
    unsafe {
        let (keys, values) = (word(object + KEYS), word(object + VALUES));
        if keys == 0 || values != 0 || word(keys) != 1 {
            return;
        }
        let log_size = (keys + KEYS_LOG_SIZE) as *mut u8;
        if log_size.read() == SMALLEST_LOG_SIZE && ((keys + KEYS_KIND) as *const u8).read() == KIND_STRINGS {
            log_size.write(SMALLEST_LOG_SIZE + 1);
        }
    }
}
