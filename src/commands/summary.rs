//! The five lines at the end of a recording.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::profile::{Capture, Frame, Profile};
use crate::scenario::plain::plain;
use crate::units::{Bytes, grouped};

/// Longest name of a place.
const LONGEST_PLACE: usize = 120;

/// Writes the summary of `capture`, which the user calls `path`.
pub(super) fn write(out: &mut dyn Write, capture: &Capture, path: &str) -> io::Result<()> {
    let Some(profile) = capture.main() else {
        return writeln!(out, "leakgate: capture    {path} holds no process");
    };
    let totals = &profile.totals;
    let place = biggest_place(profile).map(|(place, bytes)| format!(", {} of it at {place}", Bytes(bytes)));
    writeln!(out, "leakgate: peak       {}{}", Bytes(totals.peak.bytes), place.unwrap_or_default())?;
    let (end, blocks) = (Bytes(totals.end.bytes), grouped(totals.end.blocks));
    writeln!(out, "leakgate: at the end {end} live in {blocks} blocks")?;
    let (count, total) = (grouped(totals.total.blocks), Bytes(totals.total.bytes));
    writeln!(out, "leakgate: allocated  {count} blocks, {total} in all")?;
    let together = capture.together();
    writeln!(out, "leakgate: processes  {}{}", together.processes, which(capture, profile))?;
    if together.processes > 1 {
        let (peak, end) = (Bytes(together.peak), Bytes(together.end));
        writeln!(out, "leakgate: together   peak {peak}, sampled; {end} live at the ends")?;
    }
    writeln!(out, "leakgate: capture    {path}   look: leakgate view tree {}", shell_word(path))?;
    for note in capture.notes.iter().chain(&profile.notes) {
        writeln!(out, "leakgate: note       {}", plain(note))?;
    }
    Ok(())
}

/// Which of several processes the other lines are about.
fn which(capture: &Capture, profile: &Profile) -> String {
    if capture.processes.len() < 2 {
        return String::new();
    }
    let (name, pid) = (one_line(&profile.process.name()), profile.process.pid);
    format!(" (the figures are those with the highest peak: {name}, pid {pid})")
}

/// The place that held most at the peak, and how much. Equals are told apart by name, so the answer is always the same.
fn biggest_place(profile: &Profile) -> Option<(String, u64)> {
    let mut held: HashMap<&Frame, u64> = HashMap::new();
    for site in profile.sites.iter().filter(|site| site.allocator.domain.counts() && site.peak.bytes > 0) {
        let is_users = |frame: &&Frame| matches!(frame, Frame::Python { .. }) && !frame.is_import_system();
        let python = profile.frames_of(site.stack).find(is_users);
        if let Some(frame) = python.or_else(|| profile.frames_of(site.stack).next()) {
            *held.entry(frame).or_default() += site.peak.bytes;
        }
    }
    let most = held.values().copied().max()?;
    let names = held.into_iter().filter(|(_, bytes)| *bytes == most).map(|(frame, _)| name(frame));
    names.min().map(|name| (name, most))
}

fn name(frame: &Frame) -> String {
    let name = match frame {
        Frame::Python { function, file, line } => format!("{file}:{line} in {function}"),
        Frame::Native { module, symbol, offset } if symbol.is_empty() => format!("{module}+{offset:#x}"),
        Frame::Native { module, symbol, .. } => format!("{symbol} in {module}"),
        Frame::Note(note) => note.clone(),
    };
    one_line(&name)
}

fn one_line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ").chars().take(LONGEST_PLACE).collect()
}

fn shell_word(path: &str) -> String {
    shlex::try_quote(path).map_or_else(|_| path.to_owned(), |word| word.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{
        Allocator, Amount, Domain, FrameId, Process, Site, StackId, StackNode, ThreadId, Totals,
    };

    fn python(function: &str, line: u32) -> Frame {
        Frame::Python { function: function.to_owned(), file: "shop/quotes.py".to_owned(), line }
    }

    fn site(stack: u32, domain: Domain, bytes: u64) -> Site {
        let peak = Amount { bytes, blocks: 1 };
        Site {
            stack: StackId(stack),
            allocator: Allocator { name: "malloc", domain },
            thread: ThreadId(0),
            peak,
            end: Amount::default(),
            total: peak,
            temporary: Amount::default(),
        }
    }

    fn capture() -> Capture {
        let node = |caller, frame| StackNode { caller: StackId(caller), frame: FrameId(frame) };
        let native = Frame::Native { module: "libc.so.6".to_owned(), symbol: "strdup".to_owned(), offset: 0 };
        let profile = Profile {
            process: Process {
                pid: 12,
                command: vec!["python".into(), "app.py".into()],
                ..Process::default()
            },
            frames: vec![python("quote", 31), python("remember\x1b[31m", 13), native],
            stacks: vec![node(0, 0), node(0, 0), node(1, 1), node(2, 2)],
            sites: vec![
                site(1, Domain::Heap, 3000),
                site(2, Domain::PythonObject, 2000),
                site(3, Domain::Heap, 2000),
                site(1, Domain::File, 1 << 30),
            ],
            totals: Totals {
                peak: Amount { bytes: 7000, blocks: 3 },
                end: Amount { bytes: 512, blocks: 1 },
                total: Amount { bytes: 1 << 20, blocks: 12_345 },
                temporary: Amount::default(),
            },
            ..Profile::default()
        };
        Capture { processes: vec![profile], ..Capture::default() }
    }

    #[test]
    fn the_summary_has_five_lines_and_names_the_python_line_that_held_most() {
        let mut out = Vec::new();
        write(&mut out, &capture(), "out dir").unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        leakgate: peak       6.8 KiB, 3.9 KiB of it at shop/quotes.py:13 in remember
        leakgate: at the end 512 B live in 1 blocks
        leakgate: allocated  12,345 blocks, 1.0 MiB in all
        leakgate: processes  1
        leakgate: capture    out dir   look: leakgate view tree 'out dir'
        ");
    }

    #[test]
    fn of_several_processes_the_summary_tells_which_it_is_about() {
        let mut capture = capture();
        capture.processes.push(Profile::default());
        let mut out = Vec::new();
        write(&mut out, &capture, "c").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains(
                "processes  2 (the figures are those with the highest peak: python app.py, pid 12)\n"
            ),
            "{text}"
        );
    }
}
