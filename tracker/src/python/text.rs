//! Reading a Python string as UTF-8, without calling CPython.

use super::frames;

pub(super) const LENGTH: usize = 16;
pub(super) const STATE: usize = 32;

/// Writes a string's text; the number of bytes. Empty for what is not a compact string.
pub(super) fn read(string: usize, into: &mut [u8]) -> usize {
    if string == 0 {
        return 0;
    }
    // SAFETY: a live string object: its length and state stand at the same place in all versions (GIL builds).
    let (length, state) = unsafe { (frames::word(string + LENGTH), ((string + STATE) as *const u32).read()) };
    let (kind, compact, ascii) = (state >> 2 & 7, state >> 5 & 1, state >> 6 & 1);
    if compact == 0 || !matches!(kind, 1 | 2 | 4) {
        return 0;
    }
    let (header_ascii, header) = frames::text_header();
    let data = string + if ascii == 1 { header_ascii } else { header };
    let mut written = 0;
    for index in 0..length {
        let character =
            char::from_u32(unit(data, kind as usize, index)).unwrap_or(char::REPLACEMENT_CHARACTER);
        let size = character.len_utf8();
        let Some(place) = into.get_mut(written..written + size) else {
            break;
        };
        character.encode_utf8(place);
        written += size;
    }
    written
}

/// Whether a string has more than what was read of it.
pub(super) fn is_longer(string: usize, read: usize, text: &[u8]) -> bool {
    // SAFETY: a live string object.
    let length = unsafe { frames::word(string + LENGTH) };
    let begins = text[..read].iter().filter(|byte| **byte & 0xc0 != 0x80);
    begins.count() < length
}

/// Whether a string is the one of its text that the interpreter uses for names.
pub(super) fn is_interned(string: usize) -> bool {
    // SAFETY: a live string object: the lowest bits of its state tell, in all versions (GIL builds).
    let state = unsafe { ((string + STATE) as *const u32).read() };
    state & 3 != 0
}

/// Bytes of an ASCII string before its text.
pub(super) fn ascii_header() -> usize {
    frames::text_header().0
}

fn unit(data: usize, kind: usize, index: usize) -> u32 {
    let at = data + index * kind;
    // SAFETY: the string has `length` units of `kind` bytes behind its header, and `index` is below `length`.
    unsafe {
        match kind {
            1 => u32::from((at as *const u8).read()),
            2 => u32::from((at as *const u16).read()),
            _ => (at as *const u32).read(),
        }
    }
}
