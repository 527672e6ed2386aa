//! The processes of a capture: who started whom, and what each holds, by itself and together.

use std::io::{self, Write};

use serde::Serialize;

use super::screen::{Column, Fit, Screen, column};
use super::text::clean;
use crate::profile::{Birth, Capture, Profile, ProgramId};
use crate::units::{Bytes, grouped};

/// Rows that a person is shown.
const ROWS: usize = 12;
/// Deeper ones are not set in further.
const DEEPEST: usize = 8;

/// All processes of a capture that has several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Processes {
    /// How many there are; one that executed other programs has a row for each.
    pub count: usize,
    /// What they have together.
    pub together: Together,
    /// The programs, parents before their children.
    pub rows: Vec<Row>,
}

/// What all processes have together; what forked ones share is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Together {
    /// Most live bytes that a sample saw.
    pub peak_sampled: u64,
    /// The sum of the exact peaks: the true peak is between the two.
    pub peak_at_most: u64,
    /// Live at the ends.
    pub end: u64,
}

/// A recorded program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its process.
    pub pid: u32,
    /// Number of the program in its process, from 0.
    pub program: u32,
    /// The parent process.
    pub parent: u32,
    /// How it came to be.
    pub birth: &'static str,
    /// What it was started for, else its command.
    pub name: String,
    /// Its exact peak.
    pub peak: u64,
    /// Live at its end.
    pub end: u64,
    /// Of this, inherited at a fork.
    pub end_inherited: u64,
    /// Whether another program took its place.
    pub replaced: bool,
    /// How deep it stands in the tree.
    #[serde(skip)]
    depth: usize,
}

impl Processes {
    /// Of a capture; `None` where there is only one.
    pub fn of(capture: &Capture) -> Option<Processes> {
        if capture.processes.len() < 2 {
            return None;
        }
        let together = capture.together();
        let row = |(index, depth): (usize, usize)| row(&capture.processes[index], depth);
        Some(Processes {
            count: together.processes,
            together: Together {
                peak_sampled: together.peak,
                peak_at_most: together.peak_at_most,
                end: together.end,
            },
            rows: capture.tree().into_iter().map(row).collect(),
        })
    }

    /// Prints them; `shown` is the one that the rest of the view is about.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print(&self, shown: ProgramId, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{}", screen.strong(&format!("{} processes", grouped(self.count as u64))))?;
        let kept = self.largest(shown);
        let mut rows: Vec<Vec<String>> = kept.iter().map(|row| cells(row, shown, screen)).collect();
        if kept.len() < self.rows.len() {
            let more = format!("+{} more", grouped((self.rows.len() - kept.len()) as u64));
            let empty = String::new;
            rows.push(vec![empty(), empty(), empty(), empty(), more]);
        }
        screen.table(&COLUMNS, &rows, out)?;
        let Together { peak_sampled, peak_at_most, end } = self.together;
        let text = format!(
            "together: peak {} (sampled; at most {}), {} live at the ends; `--process PID` shows another one",
            Bytes(peak_sampled),
            Bytes(peak_at_most),
            Bytes(end)
        );
        writeln!(out, "{}", screen.faint(&text))
    }

    /// Those with the highest peaks and the one that is shown, in the order of the tree.
    fn largest(&self, shown: ProgramId) -> Vec<&Row> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|index| {
            let row = &self.rows[*index];
            (row.id() != shown, std::cmp::Reverse(row.peak), *index)
        });
        order.truncate(ROWS);
        order.sort_unstable();
        order.into_iter().map(|index| &self.rows[index]).collect()
    }
}

impl Row {
    fn id(&self) -> ProgramId {
        ProgramId { pid: self.pid, sequence: self.program }
    }
}

fn row(profile: &Profile, depth: usize) -> Row {
    let process = &profile.process;
    Row {
        pid: process.pid,
        program: process.sequence,
        parent: process.parent,
        birth: match process.birth {
            Birth::Unknown => "first",
            Birth::Forked(_) => "forked",
            Birth::Started(_) => "started",
            Birth::Executed(_) => "executed",
        },
        name: clean(&process.name()).into_owned(),
        peak: profile.totals.peak.bytes,
        end: profile.totals.end.bytes,
        end_inherited: profile.inherited.end.bytes,
        replaced: process.replaced,
        depth,
    }
}

const COLUMNS: [Column; 5] = [
    column("peak", Fit::Number),
    column("at the end", Fit::Number),
    column("inherited", Fit::Number),
    column("pid", Fit::Word),
    column("command", Fit::Trail),
];

fn cells(row: &Row, shown: ProgramId, screen: &Screen) -> Vec<String> {
    let pid = if row.program == 0 { row.pid.to_string() } else { format!("{}.{}", row.pid, row.program) };
    let mut facts = match row.birth {
        "forked" => vec!["forked"],
        _ => Vec::new(),
    };
    facts.extend(row.replaced.then_some("executed another program"));
    facts.extend((row.id() == shown).then_some("shown here"));
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
    let indent = screen.glyph("- ", "· ").repeat(row.depth.min(DEEPEST));
    let inherited = if row.end_inherited > 0 { Bytes(row.end_inherited).to_string() } else { String::new() };
    vec![
        Bytes(row.peak).to_string(),
        Bytes(row.end).to_string(),
        inherited,
        pid,
        format!("{indent}{}{facts}", row.name),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Amount, Inherited, Process, Totals};

    fn program(
        (pid, sequence): (u32, u32),
        birth: Birth,
        (peak, end, inherited): (u64, u64, u64),
    ) -> Profile {
        let amount = |bytes| Amount { bytes, blocks: 1 };
        Profile {
            process: Process {
                pid,
                sequence,
                birth,
                command: vec!["python".into(), format!("{pid}.py")],
                ..Process::default()
            },
            totals: Totals { peak: amount(peak), end: amount(end), total: amount(peak), ..Totals::default() },
            inherited: Inherited { end: amount(inherited), ..Inherited::default() },
            ..Profile::default()
        }
    }

    fn capture(children: u32) -> Capture {
        let (first, second) = (ProgramId { pid: 7, sequence: 0 }, ProgramId { pid: 7, sequence: 1 });
        let mut processes = vec![
            program((7, 0), Birth::Unknown, (2048, 1024, 0)),
            program((7, 1), Birth::Executed(first), (10 << 20, 9 << 20, 0)),
        ];
        processes[0].process.replaced = true;
        processes.extend((1..=children).map(|number| {
            let bytes = u64::from(number) << 20;
            program((100 + number, 0), Birth::Forked(second), ((9 << 20) + bytes, bytes + 4096, 4096))
        }));
        Capture { processes, sampled_peak: Some(12 << 20), ..Capture::default() }
    }

    fn printed(capture: &Capture) -> String {
        let mut out = Vec::new();
        let shown = ProgramId { pid: 7, sequence: 1 };
        Processes::of(capture).unwrap().print(shown, &Screen::pipe("/".into()), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn processes_are_a_tree_with_what_each_holds() {
        insta::assert_snapshot!(printed(&capture(2)), @r"

        3 processes
            peak  at the end  inherited  pid  command
         2.0 KiB     1.0 KiB             7    python 7.py (executed another program)
        10.0 MiB     9.0 MiB             7.1  - python 7.py (shown here)
        10.0 MiB     1.0 MiB    4.0 KiB  101  - - python 101.py (forked)
        11.0 MiB     2.0 MiB    4.0 KiB  102  - - python 102.py (forked)
        together: peak 12.0 MiB (sampled; at most 31.0 MiB), 12.0 MiB live at the ends; `--process PID` shows another one
        ");
    }

    #[test]
    fn of_many_processes_the_largest_are_shown() {
        let text = printed(&capture(500));
        assert_eq!(text.lines().count(), 1 + 1 + 1 + ROWS + 1 + 1, "{text}");
        assert!(text.contains("python 600.py (forked)") && text.contains("+490 more"), "{text}");
        assert!(text.contains("python 7.py (shown here)"), "{text}");
        assert_eq!(Processes::of(&capture(500)).unwrap().rows.len(), 502);
    }

    #[test]
    fn one_process_needs_no_tree() {
        let mut one = capture(0);
        one.processes.truncate(1);
        assert_eq!(Processes::of(&one), None);
    }
}
