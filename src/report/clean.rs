//! Text that comes from the program under test, made harmless: no terminal sequences, no control or invisible
//! characters, bounded. Each format escapes on top of this.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// Longest name of a scenario, function or kind of memory.
pub(super) const NAME: usize = 80;
/// Longest path, place or stack frame.
pub(super) const FRAME: usize = 160;
/// Longest sentence.
pub(super) const SENTENCE: usize = 400;

/// Longest advice on how to mend something: a rule may say more than a sentence.
pub(super) const ADVICE: usize = 2_000;

/// Terminal sequences: CSI (colours, cursor), OSC and its like up to their end, and two-character escapes.
static SEQUENCES: LazyLock<Regex> = LazyLock::new(|| {
    let csi = r"(?:\x1b\[|\u{9b})[0-?]*[ -/]*[@-~]";
    let strings =
        r"(?:\x1b[\]PX^_]|[\u{9d}\u{90}\u{98}\u{9e}\u{9f}])[^\x07\x1b\u{9c}\n]*(?:\x07|\x1b\\|\u{9c})";
    let short = r"\x1b[ -/]*[0-~]";
    Regex::new(&format!("{csi}|{strings}|{short}")).expect("a valid expression")
});

/// One line of at most `longest` characters; line breaks and tabs become spaces.
pub(super) fn line(text: &str, longest: usize) -> String {
    let visible: String = without_sequences(start_of(text, longest))
        .chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
            c if is_invisible(c) => None,
            c => Some(c),
        })
        .collect();
    bounded(visible.trim_end(), longest)
}

fn without_sequences(text: &str) -> Cow<'_, str> {
    // Nearly no text has any, and looking is much cheaper than matching.
    match text.contains(|c| matches!(c, '\u{1b}' | '\u{80}'..='\u{9f}')) {
        true => SEQUENCES.replace_all(text, ""),
        false => Cow::Borrowed(text),
    }
}

/// A line of source or of a traceback: tabs become four spaces.
pub(super) fn source_line(text: &str, longest: usize) -> String {
    line(&start_of(text, longest).replace('\t', "    "), longest)
}

/// The last `count` lines, where a traceback says what happened, and how many there are before them.
pub(super) fn last_lines(text: &str, count: usize, longest: usize) -> (usize, Vec<String>) {
    let text = text.trim_end();
    let before = text.lines().count().saturating_sub(count);
    (before, text.lines().skip(before).map(|text| source_line(text, longest)).collect())
}

/// As much of a text as can matter: cleaning megabytes to show a line of them would take longer than the check.
fn start_of(text: &str, longest: usize) -> &str {
    // A character has at most four bytes; the rest is room for sequences that are taken out.
    let enough = text.len().min(longest * 16 + 1_024);
    let end = (0..=enough).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

fn bounded(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Characters that show nothing, reorder what is around them, or are not allowed in XML.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' |
            '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' |
            '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_leave_with_all_their_parts() {
        let cases = [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]8;;http://evil\u{7}link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}2Jcleared", "cleared"),
            ("\u{1b}(Bcharset", "charset"),
            ("\u{1b}]0;a title without an end", "0;a title without an end"),
            ("a lone \u{1b}", "a lone"),
        ];
        for (text, cleaned) in cases {
            assert_eq!(line(text, 80), cleaned);
        }
    }

    #[test]
    fn control_bidi_and_zero_width_characters_leave_and_breaks_become_spaces() {
        assert_eq!(line("a\0b\u{202e}c\u{200b}d\u{feff}e\u{7f}f\u{ffff}g", 80), "abcdefg");
        assert_eq!(line("a\nb\tc\u{2028}d", 80), "a b c d");
    }

    #[test]
    fn lines_are_bounded_in_characters_and_say_so() {
        assert_eq!(line("ääääää", 6), "ääääää");
        assert_eq!(line("äääääää", 6), "äääää…");
    }

    #[test]
    fn the_end_of_a_long_text_is_what_is_kept() {
        assert_eq!(last_lines("1\n2\n\t3\n", 2, 80), (1, vec!["2".to_owned(), "    3".to_owned()]));
        assert_eq!(last_lines("", 2, 80), (0, vec![]));
    }
}
