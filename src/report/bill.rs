//! A bill as the reports take it: its sentence, its lines and what stands under them, made harmless.

use super::clean;
use crate::profile::Bill;
use crate::units::Bytes;

/// Files that are named.
const FILES: usize = 3;

/// What a report shows.
pub(super) struct Shown {
    /// `96.2 MiB resident at the peak, sampled 4 ms after it`.
    pub title: String,
    /// Label and bytes; they add up to what is resident.
    pub lines: Vec<(String, Bytes)>,
    /// Sentences below.
    pub remarks: Vec<String>,
}

/// Prepares a bill.
pub(super) fn shown(bill: &Bill) -> Shown {
    let lines = bill.shown(FILES).into_iter();
    Shown {
        title: clean::line(&format!("{} resident {}", Bytes(bill.resident), bill.when()), clean::SENTENCE),
        lines: lines.map(|(label, bytes)| (clean::line(&label, clean::FRAME), Bytes(bytes))).collect(),
        remarks: bill.remarks().iter().map(|text| clean::line(text, clean::SENTENCE)).collect(),
    }
}
