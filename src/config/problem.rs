//! What is wrong with a configuration: all of it, each with its place, the source line and what is accepted.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// At most this many problems are kept; the rest are counted.
const MOST: usize = 100;
/// A marked place is at most this many bytes long.
const LONGEST_MARK: usize = 400;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1; 0 where the file could not be read at all.
    pub line: u32,
    /// Column in characters, from 1; 0 where the file could not be read at all.
    pub column: u32,
    /// What is wrong and what is accepted: lower case, no full stop.
    pub message: String,
    /// How to go on.
    pub help: Option<String>,
    /// The bytes of the source that are wrong.
    pub(super) span: Range<usize>,
    /// A second place that belongs to the problem, with what it is.
    pub(super) related: Option<(Range<usize>, &'static str)>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            _ => write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message),
        }
    }
}

/// Everything that is wrong with a configuration, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The problems, at most 100.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
    /// The text of the file, for the snippets; empty where it could not be read.
    pub(super) source: String,
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    /// One line a problem, without source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n+{more} more"),
        }
    }
}

/// Whether messages are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Text only: for pipes and files.
    Plain,
    /// With ANSI colours: for terminals.
    Coloured,
}

impl ConfigErrors {
    /// All problems with their source lines, for a person; ends with a newline.
    pub fn render(&self, paint: Paint) -> String {
        let renderer = match paint {
            Paint::Plain => Renderer::plain(),
            Paint::Coloured => Renderer::styled(),
        };
        let mut out = String::new();
        for problem in &self.problems {
            out.push_str(renderer.render(&[self.group(problem)]).trim_end());
            out.push_str("\n\n");
        }
        if self.more > 0 {
            out.push_str(&format!("+{} more\n\n", self.more));
        }
        out.pop();
        out
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let group = Group::with_title(Level::ERROR.primary_title(&problem.message));
        let group = if problem.line == 0 || self.source.is_empty() {
            group.element(origin(problem))
        } else {
            group.element(self.snippet(problem))
        };
        match &problem.help {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }

    fn snippet<'a>(&'a self, problem: &'a Problem) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let related = problem.related.as_ref().map(|(span, _)| span.clone());
        let window = window(&self.source, &problem.span, related.as_ref());
        let first_line = self.source[..window.start].matches('\n').count() + 1;
        let inside = |span: &Range<usize>| span.start - window.start..span.end - window.start;
        let snippet = Snippet::source(&self.source[window.clone()])
            .line_start(first_line)
            .path(&problem.file)
            .annotation(AnnotationKind::Primary.span(inside(&problem.span)));
        match &problem.related {
            Some((span, label)) => {
                snippet.annotation(AnnotationKind::Context.span(inside(span)).label(*label))
            }
            None => snippet,
        }
    }
}

fn origin(problem: &Problem) -> Origin<'_> {
    let origin = Origin::path(&problem.file);
    match problem.line {
        0 => origin,
        line => origin.line(line as usize).char_column(problem.column as usize),
    }
}

/// Whole lines around the marked places: what the renderer scans for each problem stays small in a large file.
fn window(source: &str, span: &Range<usize>, related: Option<&Range<usize>>) -> Range<usize> {
    let start = related.map_or(span.start, |other| other.start.min(span.start));
    let end = related.map_or(span.end, |other| other.end.max(span.end));
    let start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = source[end..].find('\n').map_or(source.len(), |newline| end + newline + 1);
    start..end
}

/// Collects problems while a file is checked.
#[derive(Debug)]
pub(super) struct Problems<'s> {
    file: String,
    source: &'s str,
    line_starts: Vec<usize>,
    found: Vec<Problem>,
    /// How many were found beyond `MOST`.
    more: usize,
}

impl<'s> Problems<'s> {
    /// No problems yet in this file.
    pub(super) fn new(file: String, source: &'s str) -> Problems<'s> {
        let after_newlines = source.match_indices('\n').map(|(newline, _)| newline + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        Problems { file, source, line_starts, found: Vec::new(), more: 0 }
    }

    /// Notes a problem. The same one twice (a value behind several aliases) is kept once.
    pub(super) fn add(&mut self, span: &Range<usize>, message: impl Into<String>) -> &mut Problem {
        let span = self.visible(span);
        let (line, column) = self.position(span.start);
        let (file, message) = (self.file.clone(), message.into());
        let same = |other: &Problem| other.span == span && other.message == message;
        if let Some(index) = self.found.iter().position(same) {
            return &mut self.found[index];
        }
        if self.found.len() > MOST {
            self.found.truncate(MOST);
            self.more += 1;
        }
        self.found.push(Problem { file, line, column, message, help: None, span, related: None });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// The file's whole text.
    pub(super) fn source(&self) -> &'s str {
        self.source
    }

    /// The file's text at a place.
    pub(super) fn text_at(&self, span: &Range<usize>) -> &'s str {
        self.source.get(span.clone()).unwrap_or("")
    }

    /// The text from a place to the end of its line.
    pub(super) fn line_from(&self, byte: usize) -> &'s str {
        self.source.get(byte..).unwrap_or("").lines().next().unwrap_or("")
    }

    /// The line of a byte, from 1.
    pub(super) fn line_at(&self, byte: usize) -> u32 {
        self.position(byte).0
    }

    /// The byte of a line and a column, both from 1, as parsers count them.
    pub(super) fn byte_at(&self, line: usize, column: usize) -> usize {
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(self.source.len());
        let letters = self.source[start..].char_indices();
        letters.map(|(byte, _)| start + byte).nth(column.saturating_sub(1)).unwrap_or(self.source.len())
    }

    /// All that was found, in the order of the file; `None` when nothing is wrong.
    pub(super) fn finish(mut self) -> Option<ConfigErrors> {
        if self.found.is_empty() {
            return None;
        }
        if self.found.len() > MOST {
            self.found.truncate(MOST);
            self.more += 1;
        }
        self.found.sort_by_key(|problem| problem.span.start);
        let mut found = std::mem::take(&mut self.found);
        for (span, _) in found.iter_mut().filter_map(|problem| problem.related.as_mut()) {
            *span = self.visible(span);
        }
        Some(ConfigErrors { problems: found, more: self.more, source: harmless(self.source) })
    }

    /// Line and column (in characters) of a byte, both from 1.
    pub(super) fn position(&self, byte: usize) -> (u32, u32) {
        let byte = floor_boundary(self.source, byte);
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts[line - 1];
        let column = self.source[start..byte].chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// A range that is certainly inside the source and on character boundaries, at most one line long.
    fn visible(&self, span: &Range<usize>) -> Range<usize> {
        let start = floor_boundary(self.source, span.start);
        let end = floor_boundary(self.source, span.end.clamp(start, start.saturating_add(LONGEST_MARK)));
        let line_end = self.source[start..end].find(['\n', '\r']).map_or(end, |newline| start + newline);
        start..line_end
    }
}

/// The nearest character boundary at or before a byte.
fn floor_boundary(source: &str, byte: usize) -> usize {
    let byte = byte.min(source.len());
    (0..=byte).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
}

impl Problem {
    /// Says how to go on.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Problem {
        self.help = Some(help.into());
        self
    }

    /// Marks a second place.
    pub(super) fn also(&mut self, span: &Range<usize>, label: &'static str) -> &mut Problem {
        self.related = Some((span.clone(), label));
        self
    }
}

/// Whether a character changes what a terminal does, or the order in which it shows others.
fn rules_the_terminal(letter: char) -> bool {
    let turns = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns
}

/// The source with characters that rule the terminal replaced by others of the same length, so that spans stay true.
/// The renderer itself shows those of ASCII as pictures; the rest it lets through.
fn harmless(source: &str) -> String {
    let replace = |letter: char| match (rules_the_terminal(letter), letter.len_utf8()) {
        (true, 2) => '·',
        (true, 3) => char::REPLACEMENT_CHARACTER,
        _ => letter,
    };
    source.chars().map(replace).collect()
}

/// Text of the file, fit for a message: no control characters, at most 60 characters.
pub(super) fn quotable(text: &str) -> String {
    quotable_to(text, 60)
}

/// Text without control characters, cut after so many characters.
pub(super) fn quotable_to(text: &str, most: usize) -> String {
    let mut letters = text.chars().filter(|letter| !rules_the_terminal(*letter));
    let mut out: String = letters.by_ref().take(most).collect();
    if letters.next().is_some() {
        out.push('…');
    }
    out
}

/// The path as the user named it, without control characters.
pub(super) fn printable_path(path: &Path) -> String {
    path.display().to_string().chars().filter(|letter| !rules_the_terminal(*letter)).collect()
}
