//! From a position in a code object to a line: the three formats of CPython 3.8 to 3.15. Pure functions on bytes.
//!
//! Sources: `Objects/lnotab_notes.txt` (3.8–3.10) and `Objects/locations.md` (3.11+) of CPython.

use super::layout::Lines;

/// The line at byte offset `position` (below 0: before the first instruction); 0 where there is none.
pub(super) fn line(format: Lines, table: &[u8], first: i32, position: i64) -> u32 {
    if position < 0 {
        return first.max(0) as u32;
    }
    let line = match format {
        Lines::Table38 => lnotab(table, first, position),
        Lines::Table310 => linetable(table, first, position),
        Lines::Table311 => locations(table, first, position),
    };
    line.unwrap_or(0).max(0) as u32
}

fn lnotab(table: &[u8], first: i32, position: i64) -> Option<i32> {
    let (mut line, mut address) = (first, 0i64);
    for pair in table.chunks_exact(2) {
        address += i64::from(pair[0]);
        if address > position {
            break;
        }
        line += i32::from(pair[1] as i8);
    }
    Some(line)
}

fn linetable(table: &[u8], first: i32, position: i64) -> Option<i32> {
    const NO_LINE: i8 = -128;
    let (mut line, mut end, mut here) = (first, 0i64, None);
    for pair in table.chunks_exact(2) {
        let delta = pair[1] as i8;
        here = if delta == NO_LINE {
            None
        } else {
            line += i32::from(delta);
            Some(line)
        };
        end += i64::from(pair[0]);
        if position < end {
            break;
        }
    }
    here
}

fn locations(table: &[u8], first: i32, position: i64) -> Option<i32> {
    let (mut line, mut end, mut at) = (first, 0i64, 0);
    while let Some(entry) = table.get(at) {
        let kind = entry >> 3 & 15;
        end += (i64::from(entry & 7) + 1) * 2;
        at += 1;
        let here = match kind {
            15 => None,
            13 | 14 => {
                line += signed(table.get(at..).unwrap_or_default());
                Some(line)
            }
            10..=12 => {
                line += i32::from(kind) - 10;
                Some(line)
            }
            _ => Some(line),
        };
        if position < end {
            return here;
        }
        // The rest of the entry: columns, which nobody asks for.
        while table.get(at).is_some_and(|byte| byte & 128 == 0) {
            at += 1;
        }
    }
    None
}

/// A signed number in groups of six bits, the lowest first; bit 6 says that more follow.
fn signed(bytes: &[u8]) -> i32 {
    let (mut value, mut shift) = (0u32, 0);
    for byte in bytes {
        value |= u32::from(byte & 63) << shift;
        shift += 6;
        if byte & 64 == 0 || shift > 30 {
            break;
        }
    }
    let magnitude = (value >> 1) as i32;
    if value & 1 == 1 { -magnitude } else { magnitude }
}
