//! What was resident, in lines that add up, as a part of the statistics.

use std::io::{self, Write};

use serde::Serialize;

use super::super::moment::{share_text, shares};
use super::super::screen::{Column, Fit, Screen, column};
use super::super::text::clean;
use crate::profile::{Bill, BillMoment, Profile};
use crate::units::Bytes;

/// Files that are named.
const FILES: usize = 5;

/// The bill of one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BillView {
    /// The moment: `peak`, `retained`, `left`, `end`, `largest` or `last`.
    pub at: &'static str,
    /// How far a sample is from its moment; `null` where the process itself stood still for it.
    pub sampled: Option<String>,
    /// Resident bytes: the sum of the lines.
    pub resident: u64,
    /// The lines.
    pub lines: Vec<BillLineView>,
    /// Live bytes that are not resident; not in the sum.
    pub not_resident: u64,
    /// What is less than exact.
    pub notes: Vec<String>,
    #[serde(skip)]
    shown: Shown,
}

/// A line of a bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BillLineView {
    /// What it is: `native-heap`, `own-allocator`, `file` …
    pub line: &'static str,
    /// Path of the library or the file; `null` for lines that are no one's.
    pub name: Option<String>,
    /// Resident bytes.
    pub bytes: u64,
}

/// What a person reads.
#[derive(Debug, Clone, PartialEq, Default)]
struct Shown {
    when: String,
    lines: Vec<(String, u64)>,
    remarks: Vec<String>,
}

/// The bills of a process, the peak's first.
pub(super) fn of(profile: &Profile) -> Vec<BillView> {
    use BillMoment::{End, Largest, Last, Left, Peak, Retained};
    let moments = [Peak, Largest, Retained, Left, End, Last];
    let bills = moments.iter().filter_map(|moment| profile.bill(&[*moment]));
    bills.map(BillView::of).collect()
}

impl BillView {
    fn of(bill: &Bill) -> BillView {
        let line = |line: &crate::profile::BillLine| BillLineView {
            line: line.kind.key(),
            name: (!line.name.is_empty()).then(|| clean(&line.name).into_owned()),
            bytes: line.bytes,
        };
        let lines = bill.shown(FILES).into_iter();
        BillView {
            at: bill.moment.key(),
            sampled: bill.sampled.clone(),
            resident: bill.resident,
            lines: bill.lines.iter().map(line).collect(),
            not_resident: bill.not_resident,
            notes: bill.notes.clone(),
            shown: Shown {
                when: bill.when(),
                lines: lines.map(|(label, bytes)| (clean(&label).into_owned(), bytes)).collect(),
                remarks: bill.remarks(),
            },
        }
    }

    /// Whether it is one of the two that a person is shown: of the peak, and of the end.
    pub(super) fn is_printed(&self) -> bool {
        ["peak", "end", "last"].contains(&self.at)
    }

    pub(super) fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let title = format!("{} resident {}", Bytes(self.resident), self.shown.when);
        writeln!(out, "\n{}", screen.strong(&title))?;
        let parts: Vec<u64> = self.shown.lines.iter().map(|(_, bytes)| *bytes).collect();
        let shares = shares(&parts, self.resident);
        let rows: Vec<Vec<String>> = (self.shown.lines.iter().zip(shares))
            .map(|((label, bytes), share)| vec![Bytes(*bytes).to_string(), share_text(share), label.clone()])
            .collect();
        screen.table(&COLUMNS, &rows, out)?;
        self.shown.remarks.iter().try_for_each(|remark| writeln!(out, "{}", screen.faint(remark)))
    }
}

const COLUMNS: [Column; 3] =
    [column("bytes", Fit::Number), column("share", Fit::Number), column("resident", Fit::Name)];
