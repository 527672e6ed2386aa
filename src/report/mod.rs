//! An outcome delivered to a person's terminal, a machine or a pull request; one file a format.
//!
//! Every format takes the same `Outcome`, opens no file (source lines come through a function that is passed in) and
//! decides nothing. What all of them share: `clean` makes text of the program under test harmless, `excerpt` and
//! `sparkline` show evidence, `summary` orders and counts, `problems` lists what formats with an entry a problem have.

mod bill;
mod clean;
mod excerpt;
pub(crate) mod github;
mod gitlab;
mod json;
mod junit;
mod markdown;
mod problems;
mod prometheus;
mod sarif;
mod sources;
mod sparkline;
mod summary;
mod terminal;

pub use json::{
    Carried, LARGEST as LARGEST_JSON, ReadError, VERSION as JSON_VERSION, carried, read as read_json,
    written_by,
};
pub use sources::{Review, Sources, encoded, lines_of};

use crate::outcome::Outcome;

/// Text of a stranger in one line of at most `longest` characters, without control or invisible ones.
pub fn harmless(text: &str, longest: usize) -> String {
    clean::line(text, longest)
}

/// The first line of a pull request's comment on an outcome, by which it is found again.
pub fn comment_marker(outcome: &Outcome, options: &Options) -> String {
    markdown::marker(outcome, options)
}

/// Whether a pull request's comment can have that name.
pub fn is_comment_name(text: &str) -> bool {
    markdown::is_name(text)
}

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
    /// For code scanning.
    Sarif,
    /// Annotations: commands that a GitHub runner reads from the log.
    Github,
    /// For GitLab's Code Quality.
    Gitlab,
    /// For charts of the figures over time.
    Prometheus,
}

impl Format {
    /// All formats, in the order in which help lists them.
    pub const ALL: [Format; 8] = [
        Format::Terminal,
        Format::Markdown,
        Format::Junit,
        Format::Json,
        Format::Sarif,
        Format::Github,
        Format::Gitlab,
        Format::Prometheus,
    ];

    /// The name that the user types.
    pub fn name(self) -> &'static str {
        match self {
            Format::Terminal => "text",
            Format::Markdown => "markdown",
            Format::Junit => "junit",
            Format::Json => "json",
            Format::Sarif => "sarif",
            Format::Github => "github",
            Format::Gitlab => "gitlab",
            Format::Prometheus => "prometheus",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its file in the results folder; `None` for what is only printed.
    pub fn file_name(self) -> Option<&'static str> {
        match self {
            Format::Terminal | Format::Github => None,
            Format::Markdown => Some("report.md"),
            Format::Junit => Some("report.xml"),
            Format::Json => Some("result.json"),
            Format::Sarif => Some("report.sarif"),
            Format::Gitlab => Some("code-quality.json"),
            Format::Prometheus => Some("report.prom"),
        }
    }
}

/// The name of a pull request's comment where nobody gives it another: one for each configuration.
pub const DEFAULT_COMMENT: &str = "default";

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
    /// The files that findings name.
    pub source: &'a dyn Sources,
    /// Name of the comment in a pull request; `DEFAULT_COMMENT` is one for each configuration.
    pub comment: &'a str,
}

/// The report for a job's summary that takes so many bytes.
pub fn job_summary(outcome: &Outcome, options: &Options, bytes: usize) -> String {
    markdown::render(outcome, options, markdown::Room::Summary(bytes))
}

/// The whole report in a format; ends with a line break, unless it is empty.
pub fn render(format: Format, outcome: &Outcome, options: &Options) -> String {
    match format {
        Format::Terminal => terminal::render(outcome, options),
        Format::Markdown => markdown::render(outcome, options, markdown::Room::Comment),
        Format::Junit => junit::render(outcome, options),
        Format::Json => json::render(outcome, options),
        Format::Sarif => sarif::render(outcome, options),
        Format::Github => github::render(outcome, options),
        Format::Gitlab => gitlab::render(outcome, options),
        Format::Prometheus => prometheus::render(outcome),
    }
}
