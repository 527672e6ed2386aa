//! Text from the program under test, made safe to print and short enough to read.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest name that any view shows, in characters; what is longer loses its middle.
const LONGEST: usize = 400;

/// Makes hidden and steering characters visible (`\n`, `\x1b`, `\u{202e}`) and bounds the length.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(4 * LONGEST));
    let length = text.chars().count();
    for (position, character) in text.chars().enumerate() {
        if length > LONGEST && position == LONGEST / 2 {
            out.push('…');
        }
        if length > LONGEST && (LONGEST / 2..length - LONGEST / 2).contains(&position) {
            continue;
        }
        push_visible(&mut out, character);
    }
    Cow::Owned(out)
}

/// Makes hidden and steering characters visible, however long the text is.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|character| push_visible(&mut out, character));
    out
}

fn push_visible(out: &mut String, character: char) {
    if !is_hidden(character) {
        return out.push(character);
    }
    let code = character as u32;
    // Writing to a String cannot fail.
    let _ = match character {
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        _ if code < 0x100 => write!(out, "\\x{code:02x}"),
        _ => write!(out, "\\u{{{code:x}}}"),
    };
}

/// Control characters, line separators, marks without width, changes of direction, tags, and what XML forbids.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Columns that the text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `most` columns, its end cut.
pub fn shorten_end<'a>(text: &'a str, most: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    Cow::Owned(first_columns(text, most.saturating_sub(width(ellipsis))).to_string() + ellipsis)
}

/// The text in at most `most` columns, its middle cut.
pub fn shorten_middle<'a>(text: &'a str, most: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    let room = most.saturating_sub(width(ellipsis));
    let (head, tail) = (first_columns(text, room / 2), last_columns(text, room - room / 2));
    Cow::Owned(format!("{head}{ellipsis}{tail}"))
}

/// The path in at most `most` columns: whole folders in the middle are cut, the file's name is kept as long as it fits.
pub fn shorten_path<'a>(path: &'a str, most: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(path) <= most {
        return Cow::Borrowed(path);
    }
    let first =
        path.char_indices().skip(1).find(|(_, character)| *character == '/').map_or(0, |(at, _)| at + 1);
    let tails = || path.match_indices('/').map(|(at, _)| &path[at..]);
    for head in [&path[..first], ""] {
        let room = most.saturating_sub(width(head) + width(ellipsis));
        if let Some(tail) = tails().find(|tail| width(tail) <= room) {
            return Cow::Owned(format!("{head}{ellipsis}{tail}"));
        }
    }
    shorten_middle(path, most, ellipsis)
}

fn first_columns(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > columns
    });
    end.map_or(text, |(at, _)| &text[..at])
}

fn last_columns(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let start = text.char_indices().rev().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > columns
    });
    start.map_or(text, |(at, character)| &text[at + character.len_utf8()..])
}

/// The path as a person in `folder` would type it: relative below that folder, else unchanged.
pub fn relative<'a>(path: &'a str, folder: &Path) -> &'a str {
    match Path::new(path).strip_prefix(folder) {
        Ok(below) => below.to_str().filter(|below| !below.is_empty()).unwrap_or(path),
        Err(_) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_changes_of_direction_become_visible() {
        assert_eq!(clean("a\x1b[31mred\nb\u{202e}c\u{9b}\t"), "a\\x1b[31mred\\nb\\u{202e}c\\x9b\\t");
        assert_eq!(clean("größe 数据"), "größe 数据");
    }

    #[test]
    fn a_text_without_bound_loses_its_middle() {
        let long = clean(&"x".repeat(100_000)).into_owned();
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.contains("x…x"));
    }

    #[test]
    fn paths_lose_whole_folders_from_their_middle() {
        let path = "/usr/lib/python3/dist-packages/numpy/core/numeric.py:12";
        assert_eq!(shorten_path(path, 40, "…"), "/usr/…/numpy/core/numeric.py:12");
        assert_eq!(shorten_path(path, 20, "…"), "/usr/…/numeric.py:12");
        assert_eq!(shorten_path(path, 18, "…"), "…/numeric.py:12");
        assert_eq!(shorten_path(path, 10, "..."), "/us...y:12");
        assert_eq!(shorten_path(path, 80, "…"), path);
    }

    #[test]
    fn wide_characters_count_twice_and_are_never_split() {
        assert_eq!(shorten_end("数据处理", 5, "…"), "数据…");
        assert_eq!(shorten_middle("数据处理", 6, "…"), "数…理");
        assert_eq!(width(&shorten_path("/数/据/处/理", 5, "…")), 4);
    }

    #[test]
    fn nothing_fits_into_nothing_without_a_panic() {
        for most in 0..4 {
            shorten_end("abcdef", most, "...");
            shorten_middle("abcdef", most, "...");
            shorten_path("/a/b/c.py:1", most, "...");
            shorten_path("", most, "...");
        }
    }

    #[test]
    fn paths_below_the_folder_are_shown_relative_to_it() {
        let folder = Path::new("/srv/app");
        assert_eq!(relative("/srv/app/shop/main.py", folder), "shop/main.py");
        assert_eq!(relative("/srv/application/main.py", folder), "/srv/application/main.py");
        assert_eq!(relative("<string>", folder), "<string>");
    }
}
