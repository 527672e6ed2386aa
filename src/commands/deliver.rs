//! The reports of a check or a merge: one printed, all written to the results folder.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::Context;

use super::surroundings::Surroundings;
use crate::exit::Exit;
use crate::outcome::{Outcome, Verdict};
use crate::report::{Color, DEFAULT_COMMENT, Format, Options, Sources, render};

const PLAIN_WIDTH: usize = 100;
/// Larger source files are not excerpted.
const MAX_SOURCE: u64 = 4 << 20;

/// What a check or a merge delivers, beside its outcome.
#[derive(Clone, Copy)]
pub(super) struct Delivery<'a> {
    /// The results folder.
    pub(super) results: &'a Path,
    /// The files that findings name.
    pub(super) source: &'a dyn Sources,
    /// What is printed.
    pub(super) printed: Format,
    /// Where it runs, with `--ci`.
    pub(super) surroundings: Option<&'a Surroundings>,
}

impl Delivery<'_> {
    /// Writes the reports into the results folder and prints one of them; tells the CI system.
    pub(super) fn write(&self, outcome: &Outcome, out: &mut dyn Write) -> anyhow::Result<()> {
        let color = if self.surroundings.is_some() { Color::Plain } else { color() };
        let options = Options { width: width(), color, source: self.source, comment: DEFAULT_COMMENT };
        let written = write_files(outcome, self.results, &options);
        // Also where a file could not be written: the verdict is seen all the same.
        match self.surroundings {
            None => out.write_all(render(self.printed, outcome, &options).as_bytes())?,
            Some(surroundings) => surroundings.tell(outcome, &options, self, out)?,
        }
        written
    }
}

fn write_files(outcome: &Outcome, results: &Path, options: &Options) -> anyhow::Result<()> {
    for format in Format::ALL {
        if let Some(name) = format.file_name() {
            let path = results.join(name);
            let text = render(format, outcome, options);
            fs::write(&path, text).with_context(|| format!("failed to write report `{}`", path.display()))?;
        }
    }
    Ok(())
}

/// The value of `--format`.
pub(super) fn format(name: &str) -> Result<Format, String> {
    let names = || Format::ALL.map(Format::name).join(", ");
    Format::named(name).ok_or_else(|| format!("unknown format; expected one of {}", names()))
}

/// Columns of the terminal.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.or_else(terminal).unwrap_or(PLAIN_WIDTH)
}

fn color() -> Color {
    let wanted =
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted { Color::Ansi } else { Color::Plain }
}

/// The text of a source file, unless it is too large to be one.
pub(super) fn text_of(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_SOURCE {
        return None;
    }
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// What the program ends with.
pub(super) fn exit_of(outcome: &Outcome) -> Exit {
    if outcome.baseline.as_ref().is_some_and(|baseline| !baseline.problems.is_empty()) {
        return Exit::BadInput;
    }
    match outcome.verdict() {
        Verdict::Pass | Verdict::Skipped | Verdict::Undecided | Verdict::Unstable => Exit::Passed,
        Verdict::Fail => Exit::GateFailed,
        Verdict::Error => Exit::ScenarioError,
    }
}
