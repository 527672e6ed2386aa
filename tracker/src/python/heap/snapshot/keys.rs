//! What keys of dictionaries are that have no name: integers, bytes, and tuples of these and of strings.

use core::sync::atomic::{AtomicBool, Ordering};

use super::super::super::frames::{self, word};
use super::super::super::objects::{LOWEST, Type};
use super::super::super::text;
use super::ids::Ids;

/// `Py_TPFLAGS_LONG_SUBCLASS`, `Py_TPFLAGS_TUPLE_SUBCLASS`, `Py_TPFLAGS_BYTES_SUBCLASS`.
const IS_INTEGER: usize = 1 << 24;
const IS_TUPLE: usize = 1 << 26;
const IS_BYTES: usize = 1 << 27;

/// Entries of a tuple whose values are read.
const MOST_ENTRIES: usize = 4;
const LENGTH: usize = 16;
const DIGITS: usize = 24;
const BYTES: usize = 32;
/// An integer is in digits of so many bits; those with more digits are not read.
const DIGIT_BITS: usize = 30;
const MOST_DIGITS: usize = 4;
/// The first version in which the number of an integer's digits has tags beside it.
const FIRST_WITH_TAGS: u8 = 12;
const TAG_BITS: usize = 3;

/// Whether snapshots have only what names things in the code.
static ONLY_NAMES: AtomicBool = AtomicBool::new(false);

/// From now on no value of the program is written.
pub(crate) fn hide_values() {
    ONLY_NAMES.store(true, Ordering::Relaxed);
}

/// Whether a string in a key may be written: those that the interpreter has interned name things in the code, but for the
/// few that a program interns itself.
pub(super) fn is_name(string: usize) -> bool {
    !ONLY_NAMES.load(Ordering::Relaxed) || text::is_interned(string)
}

/// The value of this key will be written, as far as it is one that is read.
pub(super) fn want(ids: &mut Ids, key: usize, tuple_header: usize) {
    if ONLY_NAMES.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: a live object.
    if unsafe { Type::of(key) }.has(IS_TUPLE) {
        // SAFETY: a live tuple.
        let length = unsafe { word(key + LENGTH) };
        for index in 0..length.min(MOST_ENTRIES) {
            // SAFETY: it has so many entries.
            let entry = unsafe { word(key + tuple_header + index * 8) };
            if entry >= LOWEST {
                want_one(ids, entry);
            }
        }
    } else {
        want_one(ids, key);
    }
}

fn want_one(ids: &mut Ids, object: usize) {
    // SAFETY: a live object.
    let of = unsafe { Type::of(object) };
    if (of.is_text() || of.has(IS_BYTES) || of.has(IS_INTEGER) && integer(object).is_some())
        && let Some(id) = ids.of(object)
    {
        ids.want(id);
    }
}

/// Writes a string's text, or what a key is; how many bytes those are, and whether there would be more.
pub(super) fn read(object: usize, into: &mut [u8]) -> (usize, bool) {
    // SAFETY: a live object.
    let of = unsafe { Type::of(object) };
    if of.has(IS_INTEGER) {
        return (integer(object).map_or(0, |value| decimal(value, into)), false);
    }
    if of.has(IS_BYTES) {
        return escaped(object, into);
    }
    let length = text::read(object, into);
    (length, text::is_longer(object, length, &into[..length]))
}

/// `None`: it has too many digits.
fn integer(object: usize) -> Option<i128> {
    // SAFETY: a live integer: its length stands at the same place in all versions.
    let length = unsafe { word(object + LENGTH) };
    let (is_negative, count) = if frames::layout().minor >= FIRST_WITH_TAGS {
        (length & 3 == 2, length >> TAG_BITS)
    } else {
        ((length as isize) < 0, (length as isize).unsigned_abs())
    };
    let digit = |index: usize| {
        // SAFETY: it has so many digits of 4 bytes.
        let digit = unsafe { ((object + DIGITS) as *const u32).add(index).read() };
        i128::from(digit) << (DIGIT_BITS * index)
    };
    let distance = (count <= MOST_DIGITS).then(|| (0..count).fold(0, |value, index| value | digit(index)))?;
    Some(if is_negative { -distance } else { distance })
}

fn decimal(number: i128, into: &mut [u8]) -> usize {
    let mut digits = [0; 40];
    let (mut at, mut value) = (digits.len(), number.unsigned_abs());
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    let sign: &[u8] = if number < 0 { b"-" } else { b"" };
    let length = sign.len() + digits.len() - at;
    let Some(place) = into.get_mut(..length) else { return 0 };
    place[..sign.len()].copy_from_slice(sign);
    place[sign.len()..].copy_from_slice(&digits[at..]);
    length
}

/// As Python writes bytes, but that quotes are always escaped.
fn escaped(object: usize, into: &mut [u8]) -> (usize, bool) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    // SAFETY: a live object of bytes.
    let length = unsafe { word(object + LENGTH) };
    let mut written = 0;
    let mut put = |piece: &[u8]| {
        let Some(place) = into.get_mut(written..written + piece.len()) else { return false };
        place.copy_from_slice(piece);
        written += piece.len();
        true
    };
    let mut is_whole = put(b"b'");
    for index in 0..length {
        // SAFETY: it has so many bytes.
        let byte = unsafe { ((object + BYTES) as *const u8).add(index).read() };
        is_whole = is_whole
            && match byte {
                b'\'' | b'\\' => put(&[b'\\', byte]),
                b' '..=b'~' => put(&[byte]),
                _ => put(&[b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
            };
        if !is_whole {
            break;
        }
    }
    is_whole = is_whole && put(b"'");
    (written, !is_whole)
}
