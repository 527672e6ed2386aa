//! The lines of source around a place.

use super::{Options, clean};
use crate::finding::Place;

/// Lines shown before the place.
const BEFORE: u32 = 2;

/// A line of source, with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u32,
    /// The text, cleaned and bounded.
    pub(super) text: String,
}

/// The place's line and those before it, the place last; empty where there is no such line to show.
pub(super) fn around(place: &Place, longest: usize, options: &Options) -> Vec<Line> {
    if place.line == 0 {
        return Vec::new();
    }
    let first = place.line.saturating_sub(BEFORE).max(1);
    let wanted = (place.line - first + 1) as usize;
    let Some(texts) = options.source.lines(&place.file, first, wanted) else { return Vec::new() };
    let lines: Vec<Line> = texts
        .iter()
        .zip(first..)
        .map(|(text, number)| Line { number, text: clean::source_line(text, longest) })
        .collect();
    // A file that is shorter is not the one that ran: better nothing than other lines.
    if lines.len() == wanted { lines } else { Vec::new() }
}

/// A line with its number and a mark on the place: `> 14 | _SEEN.append(large)`.
pub(super) fn numbered(line: &Line, place: &Place) -> String {
    let digits = place.line.to_string().len();
    let mark = if line.number == place.line { ">" } else { " " };
    format!("{mark} {:>digits$} | {}", line.number, line.text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Color;

    fn shown(source: Option<&str>, line: u32) -> Vec<String> {
        let lookup = |_: &str| source.map(str::to_owned);
        let options = Options { width: 80, color: Color::Plain, source: &lookup, comment: "default" };
        let place = Place { file: "app.py".into(), line, function: "f".into() };
        around(&place, 20, &options).iter().map(|line| numbered(line, &place)).collect()
    }

    #[test]
    fn two_lines_lead_to_the_place() {
        let source = "import x\n\n\ndef f():\n    a = 1\n    \treturn a\n";
        assert_eq!(shown(Some(source), 6), ["  4 | def f():", "  5 |     a = 1", "> 6 |         return a"]);
        assert_eq!(shown(Some(source), 1), ["> 1 | import x"]);
        assert_eq!(shown(Some(source), 2), ["  1 | import x", "> 2 |"]);
    }

    #[test]
    fn numbers_line_up_and_long_or_hostile_lines_are_cut() {
        let source = format!("{}a\nb\n\u{1b}[31m{}", "\n".repeat(7), "x".repeat(50));
        assert_eq!(shown(Some(&source), 10), ["   8 | a", "   9 | b", "> 10 | xxxxxxxxxxxxxxxxxxx…"]);
    }

    #[test]
    fn a_missing_file_or_line_shows_nothing() {
        assert!(shown(None, 3).is_empty());
        assert!(shown(Some("one\n"), 3).is_empty());
        assert!(shown(Some("one\n"), 0).is_empty());
    }
}
