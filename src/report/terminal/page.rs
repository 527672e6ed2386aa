//! Lines of a terminal: wrapped or cut to its width by what characters really measure, coloured when asked.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::report::Color;

/// Below this nothing sensible can be laid out: lines are then longer than the terminal.
const NARROWEST: usize = 60;

/// What a part of a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Ordinary text.
    Plain,
    /// What to read first.
    Strong,
    /// What to read last.
    Faint,
    /// A failure.
    Bad,
    /// A warning.
    Warning,
    /// A pass.
    Good,
}

impl Style {
    fn sequence(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Strong => "\u{1b}[1m",
            Style::Faint => "\u{1b}[2m",
            Style::Bad => "\u{1b}[1;31m",
            Style::Warning => "\u{1b}[1;33m",
            Style::Good => "\u{1b}[32m",
        }
    }
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text, filled with spaces up to so many columns.
pub(super) fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The lines so far.
pub(super) struct Page {
    text: String,
    width: usize,
    color: Color,
}

impl Page {
    /// An empty page.
    pub(super) fn new(width: usize, color: Color) -> Page {
        Page { text: String::new(), width: width.max(NARROWEST), color }
    }

    /// All lines.
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// An empty line.
    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Text of one style, wrapped at words.
    pub(super) fn text(&mut self, indent: usize, style: Style, text: &str) {
        self.labelled(indent, (&" ".repeat(indent), Style::Plain), text, style);
    }

    /// A label at the margin and text beside it, wrapped at words; `indent` is the label's width.
    pub(super) fn labelled(&mut self, indent: usize, label: (&str, Style), text: &str, style: Style) {
        let (mut margin, mut margin_style) = (label.0.to_owned(), label.1);
        for line in wrapped(text, self.width - indent) {
            self.row(&[(margin_style, &margin), (style, &line)]);
            (margin, margin_style) = (" ".repeat(indent), Style::Plain);
        }
    }

    /// Text that may not be broken (source, tracebacks): what is too long is cut.
    pub(super) fn cut(&mut self, indent: usize, style: Style, text: &str) {
        let text = shortened(text, self.width - indent);
        self.row(&[(Style::Plain, &" ".repeat(indent)), (style, &text)]);
    }

    /// Text that is there to be copied: never cut, whatever the width.
    pub(super) fn whole(&mut self, text: &str) {
        self.row(&[(Style::Plain, text)]);
    }

    /// Parts of several styles on one line, cut where the terminal ends.
    pub(super) fn row_cut(&mut self, parts: &[(Style, &str)]) {
        let mut left = self.width;
        let mut kept = Vec::new();
        for (style, part) in parts {
            let part = shortened(part, left);
            left -= width(&part).min(left);
            kept.push((*style, part));
        }
        let kept: Vec<(Style, &str)> = kept.iter().map(|(style, part)| (*style, part.as_str())).collect();
        self.row(&kept);
    }

    /// A head and phrases beside it, as many on each line as fit; none is broken.
    pub(super) fn row_filled(&mut self, head: &[(Style, &str)], phrases: &[String]) {
        const GAP: &str = "   ";
        let indent: usize = head.iter().map(|(_, part)| width(part)).sum();
        let mut lines: Vec<String> = vec![String::new()];
        for phrase in phrases {
            match lines.last_mut() {
                Some(line) if line.is_empty() => line.push_str(phrase),
                Some(line) if indent + width(line) + width(GAP) + width(phrase) <= self.width => {
                    line.push_str(GAP);
                    line.push_str(phrase);
                }
                _ => lines.push(phrase.clone()),
            }
        }
        let margin = " ".repeat(indent);
        let mut head = head.to_vec();
        for line in &lines {
            head.push((Style::Plain, line));
            self.row_cut(&head);
            head = vec![(Style::Plain, &margin)];
        }
    }

    /// Parts of several styles on one line, none of which is left as a command to GitHub's runner: it reads `::name::` at
    /// the start of a line, spaces before it included, and `##[name]` anywhere, from whatever a job prints.
    fn row(&mut self, parts: &[(Style, &str)]) {
        let mut line = String::new();
        for (style, part) in parts.iter().filter(|(_, part)| !part.is_empty()) {
            let starts = line.trim_start().is_empty() && part.trim_start().starts_with("::");
            let part = if starts { part.replacen("::", ": :", 1) } else { (*part).to_owned() };
            let part = part.replace("##[", "## [");
            match (self.color, style.sequence()) {
                (Color::Plain, _) | (Color::Ansi, "") => line.push_str(&part),
                (Color::Ansi, sequence) => line.push_str(&format!("{sequence}{part}\u{1b}[0m")),
            }
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// The text in at most so many columns, with `…` where something was cut.
fn shortened(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// The text in lines of at most so many columns, broken at spaces; a longer word (a path) stays whole on a line of its
/// own.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line: Option<String> = None;
    for word in text.split(' ') {
        line = Some(match line.take() {
            None => word.to_owned(),
            // Spaces at the start are columns, not words.
            Some(full) if width(&full) + 1 + width(word) > columns && !full.trim().is_empty() => {
                lines.push(full.trim_end().to_owned());
                word.to_owned()
            }
            Some(line) => format!("{line} {word}"),
        });
    }
    lines.extend(line.map(|line| line.trim_end().to_owned()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wrap_below_their_own_column() {
        let mut page = Page::new(60, Color::Plain);
        let text = "one two three four five six seven eight nine ten eleven twelve thirteen";
        page.labelled(8, ("  over  ", Style::Bad), text, Style::Plain);
        let lines: Vec<String> = page.finish().lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            ["  over  one two three four five six seven eight nine ten", "        eleven twelve thirteen"]
        );
    }

    #[test]
    fn spaces_between_columns_stay_when_nothing_wraps() {
        assert_eq!(wrapped("  1.5 KiB in 2 blocks   a.py:1", 60), ["  1.5 KiB in 2 blocks   a.py:1"]);
        assert_eq!(wrapped("", 60), [""]);
    }

    #[test]
    fn wide_characters_count_as_two_columns() {
        assert_eq!(shortened("漢字漢字", 8), "漢字漢字");
        assert_eq!(shortened("漢字漢字", 7), "漢字漢…");
        assert_eq!(shortened("漢字漢字", 6), "漢字…");
        assert_eq!(shortened("abc", 0), "");
        assert_eq!(padded("漢", 4), "漢  ");
    }

    #[test]
    fn nothing_printed_is_a_command_to_the_runner() {
        let mut page = Page::new(60, Color::Plain);
        page.cut(8, Style::Plain, "::add-mask::x");
        page.cut(8, Style::Plain, "a ##[error]b::c");
        assert_eq!(page.finish(), "        : :add-mask::x\n        a ## [error]b::c\n");
    }

    #[test]
    fn phrases_beside_a_head_stay_whole() {
        let mut page = Page::new(60, Color::Plain);
        let phrases =
            ["peak 97.7 MiB of 900.0 MiB", "rss 103.4 MiB of 1.0 GiB", "growth 0 B"].map(str::to_owned);
        page.row_filled(&[(Style::Good, "pass "), (Style::Strong, "quote  ")], &phrases);
        page.row_filled(&[(Style::Good, "pass "), (Style::Strong, "report ")], &[]);
        assert_eq!(
            page.finish(),
            "pass quote  peak 97.7 MiB of 900.0 MiB\n            rss 103.4 MiB of 1.0 GiB   growth 0 B\npass report\n"
        );
    }

    #[test]
    fn colours_end_on_the_line_where_they_begin() {
        let mut page = Page::new(60, Color::Ansi);
        page.row_cut(&[(Style::Bad, "FAIL"), (Style::Plain, " x")]);
        assert_eq!(page.finish(), "\u{1b}[1;31mFAIL\u{1b}[0m x\n");
    }
}
