//! What is resident in a process, part by part: its mappings as the kernel counts them, cut where the tracker knows more.
//!
//! The same code runs in the process itself (at its end) and in the program that watches it (near the peak): it reads
//! through [`Process`], tells what it finds to a [`Sink`], and allocates nothing. The parts add up to the resident set,
//! page by page, but for [`PartKind::Untouched`], which is what live blocks hold and the system does not.

mod blocks;
mod heap;
mod mappings;
mod shadow;
mod smaps;

pub use mappings::survey;
pub use shadow::{LEAF_BITS, MIDDLE_BITS, SITE_BITS, SIZE_BITS, TOP_BITS};

use crate::PartKind;

/// Bytes of a page. The tracker is built for systems with pages of this size.
pub const PAGE: u64 = 4096;

/// A process that can be looked at: this one, or another one through `/proc`.
pub trait Process {
    /// The next bytes of its `smaps`; 0 at the end.
    fn smaps(&mut self, into: &mut [u8]) -> Option<usize>;
    /// Its `pagemap` from a page number on, 8 bytes a page.
    fn pagemap(&mut self, page: u64, into: &mut [u8]) -> Option<()>;
    /// Its memory from an address on.
    fn memory(&mut self, at: u64, into: &mut [u8]) -> Option<()>;
}

/// Takes what is found. `None` from it ends the survey.
pub trait Sink {
    /// A part of what is resident (or is not, for `Untouched`).
    fn part(&mut self, part: Part<'_>) -> Option<()>;
}

/// A part of a process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it is.
    pub kind: PartKind,
    /// The file's path, for [`PartKind::File`].
    pub name: &'a [u8],
    /// The site that made it, for [`PartKind::Mapping`] and [`PartKind::Untouched`]; else 0.
    pub site: u32,
    /// Bytes.
    pub bytes: u64,
}

/// Where the tracker keeps what is asked for; from the capture's header.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places {
    /// Address of the shadow table's first level.
    pub shadow: u64,
    /// Address of the list of tracked mappings: [`RangesHead`].
    pub ranges: u64,
}

/// The head of the tracker's list of mappings, as it lies in the process's memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RangesHead {
    /// Address of the first of the sorted ranges, 24 bytes each: start, end (u64), site (u32), function (u8).
    pub list: u64,
    /// How many there are.
    pub count: u64,
    /// How often they changed; odd while they do.
    pub changes: u64,
}

/// Why there is no survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// Something cannot be read, or the sink takes no more.
    Unreadable,
    /// The mappings changed meanwhile: worth another try.
    Changed,
}

/// What a survey leaves beside its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surveyed {
    /// Resident bytes in all: the sum of the parts but `Untouched`.
    pub resident: u64,
    /// Whether some of the heap was too much to look at: what is live and not resident may be more.
    pub is_partial: bool,
}

/// Room that a survey works in: zeros are a valid value.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Buffers {
    text: [u8; 16384],
    pages: [u8; 4096],
    shadow_pages: [u8; 2048],
    slots: [u8; 4096],
    ranges: [u8; 3072],
    name: [u8; 4096],
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers {
            text: [0; 16384],
            pages: [0; 4096],
            shadow_pages: [0; 2048],
            slots: [0; 4096],
            ranges: [0; 3072],
            name: [0; 4096],
        }
    }
}

/// Resident bytes by the text of a `statm`.
pub fn counted(statm: &[u8]) -> Option<u64> {
    let pages = statm.split(|byte| *byte == b' ').nth(1)?;
    Some(
        pages.iter().try_fold(0u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from((*digit as char).to_digit(10)?))
        })? * PAGE,
    )
}

fn word(bytes: &[u8], index: usize) -> u64 {
    let at = index * 8;
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Whether a word of a pagemap is a page in memory, not swapped out and not absent.
fn is_present(entry: u64) -> bool {
    entry >> 63 == 1
}
