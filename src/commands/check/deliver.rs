//! The reports of a check: one printed, all written to the results folder.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Check;
use crate::outcome::Outcome;
use crate::report::{Color, Format, Options, render};

const PLAIN_WIDTH: usize = 100;
/// Larger source files are not excerpted.
const MAX_SOURCE: u64 = 4 << 20;

/// Writes the reports and prints one of them.
pub(super) fn write(
    outcome: &Outcome,
    check: &Check,
    printed: Format,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let root = std::env::current_dir().context("failed to find the current folder")?;
    let source = |file: &str| source_of(file, &root, &check.folder);
    let options = Options { width: width(), color: color(), source: &source };
    let written = write_files(outcome, check, &options);
    // Also where a file could not be written: the verdict is seen all the same.
    out.write_all(render(printed, outcome, &options).as_bytes())?;
    written
}

fn write_files(outcome: &Outcome, check: &Check, options: &Options) -> anyhow::Result<()> {
    for format in Format::ALL {
        if let Some(name) = format.file_name() {
            let path = check.results.join(name);
            let text = render(format, outcome, options);
            fs::write(&path, text).with_context(|| format!("failed to write report `{}`", path.display()))?;
        }
    }
    Ok(())
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

/// The text of a source file that a finding names: relative to the configuration's folder, or absolute.
fn source_of(file: &str, root: &Path, config: &Path) -> Option<String> {
    let candidates: [PathBuf; 2] = [config.join(file), root.join(file)];
    let path = candidates.into_iter().find(|path| path.is_file())?;
    let metadata = fs::metadata(&path).ok()?;
    if metadata.len() > MAX_SOURCE {
        return None;
    }
    fs::read(&path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
