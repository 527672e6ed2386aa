//! Arrays of numpy's: the collector does not know them, so that their type tells nobody what they hold. The fields are
//! those of numpy's C API (`PyArrayObject_fields`, `PyArray_Descr`), the same in numpy 1 and 2.

use super::super::super::frames::word;
use super::super::super::objects::LOWEST;

/// Bytes of an array, at least.
pub(super) const SIZE: usize = 80;
/// Its buffer.
pub(super) const BUFFER: usize = 16;
const DIMENSIONS_COUNT: usize = 24;
const DIMENSIONS: usize = 32;
const BASE: usize = 48;
const DESCRIPTION: usize = 56;
const FLAGS: usize = 64;
/// Flags: its items lie side by side in one order or the other; its buffer is its own.
const IN_ORDER: u32 = 1 | 2;
const OWNS: u32 = 4;
/// In a description of items: the letter of their kind.
const KIND: usize = 24;
const OBJECTS: u8 = b'O';
/// Most dimensions of an array.
const MOST_DIMENSIONS: usize = 64;
/// Most items that are looked at.
const MOST_ITEMS: usize = 1 << 32;

/// Whether the buffer is the array's own. `array` must be a live one, here and below.
pub(super) fn owns(array: usize) -> bool {
    flags(array) & OWNS != 0
}

/// The object whose memory an array shows; 0: none.
pub(super) fn base(array: usize) -> usize {
    // SAFETY: a live array.
    Some(unsafe { word(array + BASE) }).filter(|base| *base >= LOWEST).unwrap_or(0)
}

/// Where the objects stand that are an array's own items, and how many there are.
pub(super) fn objects(array: usize) -> Option<(usize, usize)> {
    // SAFETY: a live array has a buffer and a description.
    let (buffer, description) = unsafe { (word(array + BUFFER), word(array + DESCRIPTION)) };
    if buffer == 0 || description < LOWEST || !owns(array) || flags(array) & IN_ORDER == 0 {
        return None;
    }
    // SAFETY: a live description.
    let kind = unsafe { ((description + KIND) as *const u8).read() };
    let count = length(array)?;
    (kind == OBJECTS).then_some((buffer, count))
}

/// Whether an item has one index.
pub(super) fn is_flat(array: usize) -> bool {
    dimensions(array) == 1
}

fn flags(array: usize) -> u32 {
    // SAFETY: a live array.
    unsafe { word(array + FLAGS) as u32 }
}

fn dimensions(array: usize) -> usize {
    // SAFETY: a live array.
    unsafe { word(array + DIMENSIONS_COUNT) as u32 as usize }
}

/// The product of its dimensions. `None`: it can be none.
fn length(array: usize) -> Option<usize> {
    let count = dimensions(array);
    if count > MOST_DIMENSIONS {
        return None;
    }
    // SAFETY: a live array with so many dimensions.
    let at = unsafe { word(array + DIMENSIONS) };
    // SAFETY: as above.
    let mut lengths = (0..count).map(|index| unsafe { word(at + index * 8) });
    lengths.try_fold(1usize, |all, length| all.checked_mul(length)).filter(|length| *length <= MOST_ITEMS)
}
