//! The entries of a dictionary, read from its table.

use super::super::super::frames::{self, word};
use super::super::super::objects::LOWEST;

const TABLE: usize = 32;
const VALUES: usize = 40;

/// A table that no instance's values belong to: of keys of any kind, or of strings.
const STRINGS: u8 = 1;
const SHARED: u8 = 2;

/// Versions from which on tables and values are laid out in other ways.
const NEW_TABLES: u8 = 11;
const NEW_VALUES: u8 = 13;

/// Where entries stand.
#[derive(Clone, Copy)]
pub(super) struct Table {
    entries: usize,
    count: usize,
    /// Bytes of an entry, and where in it the key is; the value follows.
    step: usize,
    key: usize,
    /// Where values stand that are not in the entries; 0: they are.
    values: usize,
    /// Whether other dictionaries have the same keys.
    pub(super) is_shared: bool,
    /// Whether the values are inside of an instance.
    pub(super) are_inside: bool,
    /// Whether all keys are strings, so that the collector is not told of them.
    pub(super) has_strings_only: bool,
}

/// The table of a dictionary. `None`: it has none of its own.
///
/// # Safety
/// `dictionary` must be a live one.
pub(super) unsafe fn of(dictionary: usize) -> Option<Table> {
    // SAFETY: the caller's promise; both fields are there in all versions.
    let (keys, values) = unsafe { (word(dictionary + TABLE), word(dictionary + VALUES)) };
    // SAFETY: the table of a live dictionary.
    unsafe { of_keys(keys, values) }
}

/// As `of`, of what is a dictionary if it is an address at all: a field may be empty.
pub(super) fn at(dictionary: usize) -> Option<Table> {
    // SAFETY: a live dictionary.
    if dictionary < LOWEST { None } else { unsafe { of(dictionary) } }
}

/// The table at an address, with values at another; 0: in its entries.
///
/// # Safety
/// Both must belong to a live dictionary or object.
pub(super) unsafe fn of_keys(keys: usize, values: usize) -> Option<Table> {
    if keys == 0 {
        return None;
    }
    if frames::layout().minor < NEW_TABLES {
        // SAFETY: the caller's promise.
        return Some(unsafe { old(keys, values) });
    }
    // SAFETY: a table has at least that many bytes.
    let (log_index_bytes, kind, count) =
        unsafe { (((keys + 9) as *const u8).read(), ((keys + 10) as *const u8).read(), word(keys + 24)) };
    let first = if frames::layout().minor >= NEW_VALUES { 8 } else { 0 };
    let (step, key) = if kind == 0 { (24, 8) } else { (16, 0) };
    Some(Table {
        entries: keys + 32 + (1usize << log_index_bytes),
        count,
        step,
        key,
        values: if values == 0 { 0 } else { values + first },
        is_shared: kind == SHARED,
        are_inside: are_inside(values),
        has_strings_only: kind == STRINGS || kind == SHARED,
    })
}

/// # Safety
/// As `of_keys`.
unsafe fn old(keys: usize, values: usize) -> Table {
    // SAFETY: the caller's promise: a table of CPython before 3.11.
    let (size, count) = unsafe { (word(keys + 8), word(keys + 32)) };
    let index_bytes = match size {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    let entries = keys + 40 + size * index_bytes;
    let is_shared = values != 0;
    let has_strings_only = is_shared;
    Table { entries, count, step: 24, key: 8, values, is_shared, are_inside: false, has_strings_only }
}

/// Values begin with four bytes since 3.13, the third of which tells whether they are part of an instance.
fn are_inside(values: usize) -> bool {
    // SAFETY: values of a live dictionary or instance.
    let is_set = || unsafe { ((values + 2) as *const u8).read() } != 0;
    values != 0 && frames::layout().minor >= NEW_VALUES && is_set()
}

impl Table {
    /// The keys and values, in order; places without a value are left out.
    pub(super) fn entries(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.count).filter_map(move |index| {
            let entry = self.entries + index * self.step + self.key;
            let value = if self.values == 0 { entry + 8 } else { self.values + index * 8 };
            // SAFETY: a table has `count` entries, and values of its own for so many.
            let (key, value) = unsafe { (word(entry), word(value)) };
            (key != 0 && value != 0).then_some((key, value))
        })
    }
}
