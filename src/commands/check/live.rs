//! What a person sees while scenarios run: on a terminal a block of lines, one for each that runs, which is drawn anew
//! and taken away in the end; elsewhere a line for each that has ended, where there are several.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::outcome::{ScenarioResult, Verdict};

/// To the first column and back over so many lines, and nothing below.
const UP: &str = "\r\x1b[";
const CLEAR: &str = "\x1b[J";
/// Most lines of scenarios that are drawn.
const MOST: usize = 8;
/// Columns of the bar.
const CELLS: usize = 20;
/// Shortest time between two drawings.
const INTERVAL: Duration = Duration::from_millis(100);

/// Where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    /// On a terminal of so many columns.
    Terminal(usize),
    /// In a file or a pipe, a log of CI for example.
    Lines,
}

/// The scenarios that run, and how many have ended.
pub(super) struct Display<'a> {
    out: &'a mut dyn Write,
    screen: Screen,
    total: usize,
    ended: usize,
    failed: usize,
    running: BTreeMap<usize, (String, Instant)>,
    began: Instant,
    /// Lines that are on the terminal now.
    drawn: usize,
    drawn_at: Option<Instant>,
}

impl<'a> Display<'a> {
    /// Of `total` scenarios, on `out`.
    pub(super) fn new(out: &'a mut dyn Write, screen: Screen, total: usize) -> Display<'a> {
        let began = Instant::now();
        Display {
            out,
            screen,
            total,
            ended: 0,
            failed: 0,
            running: BTreeMap::new(),
            began,
            drawn: 0,
            drawn_at: None,
        }
    }

    /// The scenario at place `index` runs.
    pub(super) fn began(&mut self, index: usize, name: &str) -> io::Result<()> {
        self.running.insert(index, (name.to_owned(), Instant::now()));
        self.tick()
    }

    /// It has ended.
    pub(super) fn ended(&mut self, index: usize, result: &ScenarioResult) -> io::Result<()> {
        let began = self.running.remove(&index).map_or(self.began, |(_, began)| began);
        self.ended += 1;
        self.failed += usize::from(matches!(result.verdict, Verdict::Fail | Verdict::Error));
        match self.screen {
            Screen::Terminal(_) => self.tick(),
            Screen::Lines if self.total < 2 => Ok(()),
            Screen::Lines => {
                let (word, seconds) = (word(result), began.elapsed().as_secs_f64());
                writeln!(self.out, "[{}/{}] {word} {} {seconds:.1} s", self.ended, self.total, result.name)?;
                self.out.flush()
            }
        }
    }

    /// Draws anew, where there is a terminal and the last drawing is some time ago.
    pub(super) fn tick(&mut self) -> io::Result<()> {
        let Screen::Terminal(columns) = self.screen else { return Ok(()) };
        if self.drawn_at.is_some_and(|at| at.elapsed() < INTERVAL) {
            return Ok(());
        }
        self.take_away()?;
        let lines = self.lines();
        for line in &lines {
            // A line that wraps could not be taken away.
            let line: String = line.chars().take(columns.saturating_sub(1)).collect();
            writeln!(self.out, "{line}")?;
        }
        (self.drawn, self.drawn_at) = (lines.len(), Some(Instant::now()));
        self.out.flush()
    }

    /// Takes away what is drawn.
    pub(super) fn erase(&mut self) -> io::Result<()> {
        self.take_away()?;
        self.drawn_at = None;
        self.out.flush()
    }

    fn take_away(&mut self) -> io::Result<()> {
        if self.drawn > 0 {
            write!(self.out, "{UP}{}A{CLEAR}", self.drawn)?;
        }
        self.drawn = 0;
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        let seconds = |began: &Instant| format!("{:.1} s", began.elapsed().as_secs_f64());
        let (ended, total) = (self.ended, self.total);
        let mut head = format!("{} {ended}/{total}  {}", bar(ended, total), seconds(&self.began));
        if self.failed > 0 {
            head.push_str(&format!(", {} failed", self.failed));
        }
        let longest = self.running.values().map(|(name, _)| name.len()).max().unwrap_or(0);
        let running = self.running.values().take(MOST);
        let mut lines = vec![head];
        lines.extend(running.map(|(name, began)| format!("  {name:longest$}  {}", seconds(began))));
        if let Some(more @ 1..) = self.running.len().checked_sub(MOST) {
            lines.push(format!("  +{more} more"));
        }
        lines
    }
}

/// How much of all has ended.
fn bar(ended: usize, total: usize) -> String {
    let full = ended * CELLS / total.max(1);
    format!("{}{}", "█".repeat(full.min(CELLS)), "░".repeat(CELLS.saturating_sub(full)))
}

/// The verdict as the report begins its line with.
fn word(result: &ScenarioResult) -> &'static str {
    match result.verdict {
        Verdict::Pass if result.warned() => "warn",
        Verdict::Pass => "pass",
        Verdict::Skipped => "skip",
        Verdict::Undecided => "undecided",
        Verdict::Unstable => "unstable",
        Verdict::Fail => "FAIL",
        Verdict::Error => "ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str, verdict: Verdict) -> ScenarioResult {
        ScenarioResult {
            name: name.to_owned(),
            config_line: 1,
            what: String::new(),
            verdict,
            elapsed: Duration::ZERO,
            findings: vec![],
            budgets: vec![],
            not_judged: vec![],
            skipped: None,
            figures: vec![],
            growth: None,
            environment: None,
            baseline: crate::outcome::Compared::default(),
            error: None,
            notes: vec![],
            capture: crate::outcome::CapturePlace::default(),
        }
    }

    fn shown(screen: Screen, total: usize, work: impl FnOnce(&mut Display<'_>)) -> String {
        let mut out = Vec::new();
        work(&mut Display::new(&mut out, screen, total));
        let text = String::from_utf8(out).unwrap();
        regex::Regex::new(r"\d+\.\d s").unwrap().replace_all(&text, "[time]").into_owned()
    }

    #[test]
    fn in_a_log_there_is_a_line_for_each_that_has_ended() {
        let text = shown(Screen::Lines, 3, |display| {
            display.began(0, "quote").unwrap();
            display.began(1, "report").unwrap();
            display.ended(1, &result("report", Verdict::Fail)).unwrap();
            display.ended(0, &result("quote", Verdict::Pass)).unwrap();
            display.erase().unwrap();
        });
        assert_eq!(text, "[1/3] FAIL report [time]\n[2/3] pass quote [time]\n");
    }

    #[test]
    fn a_single_scenario_needs_no_line_in_a_log() {
        let text = shown(Screen::Lines, 1, |display| {
            display.began(0, "quote").unwrap();
            display.ended(0, &result("quote", Verdict::Pass)).unwrap();
            display.erase().unwrap();
        });
        assert_eq!(text, "");
    }

    #[test]
    fn on_a_terminal_each_running_one_has_a_line_that_is_cut_and_taken_away() {
        let text = shown(Screen::Terminal(40), 12, |display| {
            display.began(0, "a-name-that-is-longer-than-the-whole-terminal").unwrap();
            (display.ended, display.failed, display.drawn_at) = (3, 1, None);
            display.began(1, "b").unwrap();
            display.erase().unwrap();
        });
        let name = "  a-name-that-is-longer-than-the-whole-\n";
        let first = format!("░░░░░░░░░░░░░░░░░░░░ 0/12  [time]\n{name}");
        let second = format!("█████░░░░░░░░░░░░░░░ 3/12  [time], 1 fai\n{name}  b{}\n", " ".repeat(36));
        assert_eq!(text, format!("{first}\r\x1b[2A\x1b[J{second}\r\x1b[3A\x1b[J"));
    }

    #[test]
    fn of_many_that_run_some_are_drawn_and_the_rest_counted() {
        let text = shown(Screen::Terminal(80), 100, |display| {
            (0..11).for_each(|index| {
                display.running.insert(index, (format!("s{index}"), Instant::now()));
            });
            display.tick().unwrap();
        });
        assert_eq!(text.lines().count(), 10);
        assert!(text.ends_with("  s7   [time]\n  +3 more\n"), "{text}");
    }
}
