//! Text of the program under test in Markdown: it may not make structure, links, images, mentions or references.

use crate::report::clean;

/// A sentence: what stands between backticks becomes code, the rest is escaped.
pub(super) fn sentence(text: &str) -> String {
    with_code(&clean::line(text, clean::SENTENCE))
}

/// How to mend something, likewise: it may be longer.
pub(super) fn advice(text: &str) -> String {
    with_code(&clean::line(text, clean::ADVICE))
}

fn with_code(text: &str) -> String {
    let text = text.trim_start();
    let parts: Vec<&str> = text.split('`').collect();
    // An even number of parts means a backtick without its partner: nothing in it is code then.
    if parts.len().is_multiple_of(2) {
        return no_block(text);
    }
    let part = |(index, part): (usize, &&str)| match (index, part.is_empty()) {
        (_, true) => String::new(),
        (0, false) => no_block(part),
        (even, false) if even % 2 == 0 => prose(part),
        (_, false) => code(part, clean::SENTENCE),
    };
    parts.iter().enumerate().map(part).collect()
}

/// Text that may stand at the start of a line: it begins no list, rule or heading there, and no quick action of GitLab's,
/// which is looked for before any Markdown is read.
fn no_block(text: &str) -> String {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    // The marker of a list is followed by a space or nothing.
    let is_marker = |rest: &str| rest.starts_with(['.', ')']) && !rest[1..].starts_with(|c| c != ' ');
    let mut letters = text.chars();
    let at = match (letters.next(), letters.next().unwrap_or(' ')) {
        (Some('/'), _) | (Some('-' | '+'), ' ') | (Some('-'), '-') | (Some('='), '=' | ' ') => 0,
        (Some('0'..='9'), _) if is_marker(&text[digits..]) => digits,
        _ => return prose(text),
    };
    // Each of these has one byte, and none is anything but text in prose.
    let (before, rest) = (&text[..at], &text[at + 1..]);
    format!("{before}&#{};{}", text.as_bytes()[at], prose(rest))
}

/// Text outside of code, with nothing left that Markdown or GitHub reads as more than text.
///
/// A mention or a reference survives backslashes and entities, since GitHub looks for it in the rendered text: an empty
/// comment after its first character takes it apart.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let after = rest.chars().next().unwrap_or(' ');
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' => {
                out.push(c);
                out.push_str(APART);
            }
            // `https:` and `www.` make links by themselves, and a word between colons a picture.
            ':' if after == '/' || is_picture(rest) => out.push_str(":<!-- -->"),
            '.' if before == 'w' || before == 'W' => out.push_str("<!-- -->."),
            // `snake_case` is no emphasis; at the edge of a word it would be.
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => out.push('_'),
            '`' | '|' | '*' | '_' | '[' | ']' | '\\' | '~' | '$' => {
                out.push_str(&format!("&#{};", u32::from(c)))
            }
            c => out.push(c),
        }
        if is_reference(&text[..at], c, rest) {
            out.push_str(APART);
        }
        before = c;
    }
    out
}

/// Takes apart what a forge would find in the rendered text.
const APART: &str = "<!-- -->";
/// A commit's name is linked from so many digits on.
const SHORTEST_COMMIT: usize = 7;

/// Names of pictures that are numbers: other numbers between colons are those of lines.
const NUMBERED: [&str; 3] = ["100", "1234", "8ball"];

/// Whether what follows a colon is the name of a picture: `smile:`.
fn is_picture(rest: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
    let Some((name, _)) = rest.split_once(':') else { return false };
    let is_number = name.starts_with(|c: char| c.is_ascii_digit());
    !name.is_empty() && name.chars().all(is_name) && (!is_number || NUMBERED.contains(&name))
}

/// Whether `c` begins a reference to something else of the forge: GitLab's `!5`, `%3`, `&4`, `$7` and `~bug`, GitHub's
/// `GH-1`, a commit of either.
fn is_reference(before: &str, c: char, rest: &str) -> bool {
    let (last, next) = (before.chars().next_back().unwrap_or(' '), rest.chars().next().unwrap_or(' '));
    match c {
        '!' | '%' | '&' | '$' | '~' => next.is_alphanumeric() || next == '"',
        'H' | 'h' => {
            let digit = rest.strip_prefix('-').and_then(|rest| rest.chars().next());
            let before_word = before.trim_end_matches(char::is_alphanumeric);
            before[before_word.len()..].eq_ignore_ascii_case("g") && digit.is_some_and(|c| c.is_ascii_digit())
        }
        c if c.is_ascii_hexdigit() && !last.is_alphanumeric() => {
            let word = rest.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default();
            let is_mixed = |is: fn(&char) -> bool| std::iter::once(c).chain(word.chars()).any(|c| is(&c));
            word.len() + 1 >= SHORTEST_COMMIT
                && is_mixed(char::is_ascii_digit)
                && is_mixed(char::is_ascii_alphabetic)
        }
        _ => false,
    }
}

/// Code within a line, its delimiter longer than any run of backticks inside.
pub(super) fn code(text: &str, longest: usize) -> String {
    let text = clean::line(text, longest);
    if text.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Code in a cell of a table, where a bar ends the cell even inside of code.
pub(super) fn code_cell(text: &str, longest: usize) -> String {
    code(text, longest).replace('|', "\\|")
}

/// Lines as a code block, its fence longer than any run of backticks inside.
pub(super) fn fenced(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_makes_no_structure_links_or_mentions() {
        assert_eq!(
            prose("a|b `c` <img> [x](y) *z*"),
            "a&#124;b &#96;c&#96; &lt;img&gt; &#91;x&#93;(y) &#42;z&#42;"
        );
        assert_eq!(prose("@team #12 owner/repo#3"), "@<!-- -->team #<!-- -->12 owner/repo#<!-- -->3");
        assert_eq!(prose("http://x.org www.x.org"), "http:<!-- -->//x.org www<!-- -->.x.org");
        assert_eq!(prose("snake_case __init__"), "snake_case &#95;&#95;init&#95;&#95;");
    }

    #[test]
    fn prose_refers_to_nothing_on_a_forge() {
        assert_eq!(prose("GH-1 high-5"), "GH<!-- -->-1 high-5");
        assert_eq!(prose("!5 &4 %3 60% a != b"), "!<!-- -->5 &amp;<!-- -->4 %<!-- -->3 60% a != b");
        assert_eq!(prose("~bug $7"), "&#126;<!-- -->bug &#36;<!-- -->7");
        assert_eq!(prose(":smile: a: b: app.py:3"), ":<!-- -->smile: a: b: app.py:3");
        assert_eq!(prose("leakgate.lock:12: x:100: y"), "leakgate.lock:12: x:<!-- -->100: y");
        assert_eq!(prose("a89018b5ac29 1234567 defaced"), "a<!-- -->89018b5ac29 1234567 defaced");
    }

    #[test]
    fn a_sentence_begins_no_block_and_no_quick_action() {
        let begun = ["/close", "- [ ] task", "---", "+ one", "===", "1. one", "12) x", "    code", "3."];
        let shown = [
            "&#47;close",
            "&#45; &#91; &#93; task",
            "&#45;--",
            "&#43; one",
            "&#61;==",
            "1&#46; one",
            "12&#41; x",
            "code",
            "3&#46;",
        ];
        assert_eq!(begun.map(sentence), shown);
        for text in ["1.5 MiB of `a` /b", "+161,280 B", "-5 B", "-x"] {
            assert_eq!(sentence(text), text);
        }
        assert_eq!(sentence("`/close` it"), "`/close` it");
    }

    #[test]
    fn sentences_keep_code_that_is_in_pairs_of_backticks() {
        assert_eq!(sentence("use `deque(maxlen=…)` <now>"), "use `deque(maxlen=…)` &lt;now&gt;");
        assert_eq!(sentence("one ` tick <b>"), "one &#96; tick &lt;b&gt;");
        assert_eq!(sentence("fence ```x``` end"), "fence `x` end");
    }

    #[test]
    fn code_is_delimited_by_more_backticks_than_it_holds() {
        assert_eq!(code("plain", 80), "`plain`");
        assert_eq!(code("a``b", 80), "```a``b```");
        assert_eq!(code("`x`", 80), "`` `x` ``");
        assert_eq!(code_cell("a|b", 80), "`a\\|b`");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert_eq!(fenced(&["````".to_owned(), "x".to_owned()]), "`````text\n````\nx\n`````\n");
        assert_eq!(fenced(&["x".to_owned()]), "```text\nx\n```\n");
    }
}
