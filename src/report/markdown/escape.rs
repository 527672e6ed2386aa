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
    let parts: Vec<&str> = text.split('`').collect();
    // An even number of parts means a backtick without its partner: nothing in it is code then.
    if parts.len().is_multiple_of(2) {
        return prose(text);
    }
    let part = |(index, part): (usize, &&str)| match (index % 2, part.is_empty()) {
        (_, true) => String::new(),
        (0, false) => prose(part),
        (_, false) => code(part, clean::SENTENCE),
    };
    parts.iter().enumerate().map(part).collect()
}

/// Text outside of code, with nothing left that Markdown or GitHub reads as more than text.
///
/// A mention or a reference survives backslashes and entities, since GitHub looks for it in the rendered text: an empty
/// comment after its first character takes it apart.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' => {
                out.push(c);
                out.push_str("<!-- -->");
            }
            // `https:` and `www.` make links by themselves.
            ':' if after == '/' => out.push_str(":<!-- -->"),
            '.' if before == 'w' || before == 'W' => out.push_str("<!-- -->."),
            // `snake_case` is no emphasis; at the edge of a word it would be.
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => out.push('_'),
            '`' | '|' | '*' | '_' | '[' | ']' | '\\' | '~' | '$' => {
                out.push_str(&format!("&#{};", u32::from(c)))
            }
            c => out.push(c),
        }
        before = c;
    }
    out
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
