//! An outcome delivered to a person's terminal, a machine or a pull request; one file a format.
//!
//! Every format takes the same `Outcome`, opens no file (source lines come through a function that is passed in) and
//! decides nothing. What all of them share: `clean` makes text of the program under test harmless, `excerpt` and
//! `sparkline` show evidence, `summary` orders and counts.

mod bill;
mod clean;
mod excerpt;
mod json;
mod junit;
mod markdown;
mod sparkline;
mod summary;
mod terminal;

pub use json::{LARGEST as LARGEST_JSON, ReadError, VERSION as JSON_VERSION, read as read_json};

use crate::outcome::Outcome;

/// A format that `--format` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// For a person at a terminal.
    Terminal,
    /// For a pull request's comment or a job's summary.
    Markdown,
    /// For CI systems that read JUnit XML.
    Junit,
    /// For programs; versioned.
    Json,
}

impl Format {
    /// All formats, in the order in which help lists them.
    pub const ALL: [Format; 4] = [Format::Terminal, Format::Markdown, Format::Junit, Format::Json];

    /// The name that the user types.
    pub fn name(self) -> &'static str {
        match self {
            Format::Terminal => "text",
            Format::Markdown => "markdown",
            Format::Junit => "junit",
            Format::Json => "json",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its file in the results folder; `None` for what only goes to the terminal.
    pub fn file_name(self) -> Option<&'static str> {
        match self {
            Format::Terminal => None,
            Format::Markdown => Some("report.md"),
            Format::Junit => Some("report.xml"),
            Format::Json => Some("result.json"),
        }
    }
}

/// Whether the terminal report has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Plain text: a pipe, a file, `NO_COLOR`.
    Plain,
    /// ANSI sequences.
    Ansi,
}

/// What a report needs besides the outcome.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Columns of the terminal.
    pub width: usize,
    /// Colours of the terminal.
    pub color: Color,
    /// The text of a source file, by its path as findings have it; `None` where it cannot be shown.
    pub source: &'a dyn Fn(&str) -> Option<String>,
}

/// The whole report in a format; ends with a line break.
pub fn render(format: Format, outcome: &Outcome, options: &Options) -> String {
    match format {
        Format::Terminal => terminal::render(outcome, options),
        Format::Markdown => markdown::render(outcome, options),
        Format::Junit => junit::render(outcome),
        Format::Json => json::render(outcome),
    }
}
