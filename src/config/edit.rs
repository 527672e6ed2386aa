//! Adds an entry to `allow` in the text of a configuration, and touches nothing else of it: comments, order, line ends
//! and formatting stay. What comes out is read again and compared, so that a guess that was wrong changes nothing.

use std::ops::Range;

use super::tree::{self, Node, Value};

/// An entry to add; all values as they are typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAllowance {
    /// Keys and values, in the order in which they are written; a value has no line break.
    pub fields: Vec<(&'static str, String)>,
}

/// The text with the entry in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The whole text.
    pub source: String,
    /// The line of the entry, from 1.
    pub line: u32,
}

/// Adds the entry at the end of `allow`; `None` where that cannot be done without a risk to what is there.
pub fn add_allowance(source: &str, entry: &NewAllowance) -> Option<Edited> {
    let before = tree::parse(source).ok()?;
    let (place, text) = insertion(source, &before, entry)?;
    let mut edited = source.to_owned();
    edited.replace_range(place.clone(), &text);
    let after = tree::parse(&edited).ok()?;
    let wanted = with_entry(before, entry)?;
    let lines_before = source[..place.start].matches('\n').count();
    let breaks =
        text.find("- ").or_else(|| text.find("{ ")).map_or(0, |start| text[..start].matches('\n').count());
    let line = u32::try_from(lines_before + breaks + 1).ok()?;
    is_same(&wanted, &after).then_some(Edited { source: edited, line })
}

impl NewAllowance {
    /// The entry as an item of a block list whose dash stands so far in.
    pub fn as_block(&self, indent: usize, newline: &str) -> String {
        let margin = " ".repeat(indent);
        let line = |(index, (key, value)): (usize, &(&str, String))| {
            let dash = if index == 0 { "- " } else { "  " };
            format!("{margin}{dash}{key}: {}{newline}", scalar(value))
        };
        self.fields.iter().enumerate().map(line).collect()
    }

    /// The entry as an item of a flow list.
    fn as_flow(&self) -> String {
        let fields: Vec<String> =
            self.fields.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();
        format!("{{ {} }}", fields.join(", "))
    }
}

/// A value as YAML has it: bare where nothing in it can be read as anything but text.
fn scalar(value: &str) -> String {
    const WORDS: [&str; 8] = ["true", "false", "null", "yes", "no", "on", "off", "y"];
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " ._/,()-".contains(letter);
    let is_text = value.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !value.ends_with(' ')
        && value.chars().all(is_plain)
        && value.chars().any(|letter| letter.is_ascii_alphabetic() || letter == '-')
        && value.parse::<f64>().is_err()
        && !value.starts_with("0x")
        && !value.starts_with("0o")
        && !WORDS.contains(&value.to_lowercase().as_str());
    if is_text { value.to_owned() } else { quoted(value) }
}

/// A text in double quotes, as JSON and YAML both read it.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// What to replace, and by what.
fn insertion(source: &str, root: &Node, entry: &NewAllowance) -> Option<(Range<usize>, String)> {
    let Value::Map(keys) = &root.value else { return None };
    let newline = if source.contains("\r\n") { "\r\n" } else { "\n" };
    let Some(index) = keys.iter().position(|key| key.key == "allow") else {
        let margin = column(source, keys.first()?.key_span.start);
        let end = source.len();
        let gap = if source.ends_with('\n') { "" } else { newline };
        let allow = " ".repeat(margin);
        return Some((
            end..end,
            format!("{gap}{allow}allow:{newline}{}", entry.as_block(margin + 2, newline)),
        ));
    };
    let allow = &keys[index];
    let start = allow.key_span.end;
    let end = keys.get(index + 1).map_or(source.len(), |next| line_start(source, next.key_span.start));
    let body = start..end.max(start);
    match &allow.value.value {
        Value::Null => {
            let indent = column(source, allow.key_span.start) + 2;
            Some(after_last_line(source, &body, &entry.as_block(indent, newline), newline))
        }
        Value::List(items) if source[body.clone()].trim_start_matches([':', ' ', '\t']).starts_with('[') => {
            match items.is_empty() {
                true => {
                    instead_of_brackets(source, &body, column(source, allow.key_span.start), entry, newline)
                }
                false => before_bracket(source, &body, entry),
            }
        }
        Value::List(_) => {
            let indent = dash(&source[body.clone()])?;
            Some(after_last_line(source, &body, &entry.as_block(indent, newline), newline))
        }
        _ => None,
    }
}

/// How far in the first dash at the beginning of a line stands.
fn dash(body: &str) -> Option<usize> {
    let lines = body.lines().skip(1);
    lines
        .filter_map(|line| line.find(|letter| letter != ' ').filter(|at| line[*at..].starts_with('-')))
        .next()
}

/// After the last line that belongs to the list: blank lines and comments at the margin are of what comes next.
fn after_last_line(source: &str, body: &Range<usize>, text: &str, newline: &str) -> (Range<usize>, String) {
    let mut end = body.start;
    let mut at = body.start;
    for line in source[body.clone()].split_inclusive('\n') {
        at += line.len();
        let is_next = line.trim().is_empty() || line.starts_with('#') || line.trim_end() == "...";
        if !is_next {
            end = at;
        }
    }
    let gap = if source[..end].ends_with('\n') { "" } else { newline };
    (end..end, format!("{gap}{text}"))
}

/// `allow: []` becomes a list of lines; a comment behind it stays.
fn instead_of_brackets(
    source: &str,
    body: &Range<usize>,
    margin: usize,
    entry: &NewAllowance,
    newline: &str,
) -> Option<(Range<usize>, String)> {
    let text = &source[body.clone()];
    let open = text.find('[')?;
    let close = open + text[open..].find(']')?;
    let rest = text[close + 1..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let end = close + 1 + rest.len();
    let kept = rest.trim_end();
    let item = entry.as_block(margin + 2, newline);
    let item = match text[end..].is_empty() {
        true => item.as_str(),
        false => item.trim_end_matches(['\r', '\n']),
    };
    let colon = text[..open].trim_end();
    let text = format!("{colon}{kept}{newline}{item}");
    Some((body.start..body.start + end, text))
}

/// Before the bracket that ends a list in brackets.
fn before_bracket(source: &str, body: &Range<usize>, entry: &NewAllowance) -> Option<(Range<usize>, String)> {
    let text = &source[body.clone()];
    let close = text.rfind(']')?;
    let inside = text[..close].trim_end();
    let at = body.start + inside.len();
    let comma = if inside.ends_with(',') { " " } else { ", " };
    Some((at..at, format!("{comma}{}", entry.as_flow())))
}

fn line_start(source: &str, at: usize) -> usize {
    source[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Bytes before a key on its line; a byte order mark is none.
fn column(source: &str, at: usize) -> usize {
    source[line_start(source, at)..at].trim_start_matches('\u{feff}').len()
}

/// The tree as it has to be afterwards.
fn with_entry(mut root: Node, entry: &NewAllowance) -> Option<Node> {
    let node = |value: Value| Node { value, span: 0..0 };
    let text = |value: &String| node(Value::Text(value.clone()));
    let fields = entry.fields.iter();
    let fields =
        fields.map(|(key, value)| tree::Entry { key: (*key).to_owned(), key_span: 0..0, value: text(value) });
    let item = node(Value::Map(fields.collect()));
    let Value::Map(keys) = &mut root.value else { return None };
    match keys.iter_mut().find(|key| key.key == "allow").map(|allow| &mut allow.value.value) {
        Some(Value::List(items)) => items.push(item),
        Some(value @ Value::Null) => *value = Value::List(vec![item]),
        Some(_) => return None,
        None => {
            let value = node(Value::List(vec![item]));
            keys.push(tree::Entry { key: "allow".to_owned(), key_span: 0..0, value });
        }
    }
    Some(root)
}

/// Whether two trees mean the same, wherever their values stand.
fn is_same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Null, Value::Null) | (Value::NonFinite, Value::NonFinite) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Number(one), Value::Number(other)) => one == other,
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            let same = |(one, other): (&tree::Entry, &tree::Entry)| {
                one.key == other.key && is_same(&one.value, &other.value)
            };
            one.len() == other.len() && one.iter().zip(other).all(same)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> NewAllowance {
        let fields = [
            ("fingerprint", "7f3a9c01d2e4"),
            ("reason", "SHOP-412, next \"SDK\""),
            ("expires", "2027-03-31"),
        ];
        NewAllowance { fields: fields.map(|(key, value)| (key, value.to_owned())).into() }
    }

    const BLOCK: &str = "  - fingerprint: 7f3a9c01d2e4\n    reason: \"SHOP-412, next \\\"SDK\\\"\"\n    expires: 2027-03-31\n";
    const BASE: &str = "version: 1 # one\nscenarios: { a: { run: x } }\n";

    #[track_caller]
    fn becomes(source: &str, wanted: &str, line: u32) {
        let edited = add_allowance(source, &entry()).unwrap_or_else(|| panic!("refused: {source}"));
        assert_eq!(edited.source, wanted);
        assert_eq!(edited.line, line);
    }

    #[test]
    fn without_the_key_it_is_added_at_the_end() {
        becomes(BASE, &format!("{BASE}allow:\n{BLOCK}"), 4);
        becomes(BASE.trim_end(), &format!("{BASE}allow:\n{BLOCK}"), 4);
        let comment = format!("{BASE}# the end\n\n");
        becomes(&comment, &format!("{comment}allow:\n{BLOCK}"), 6);
    }

    #[test]
    fn an_entry_goes_after_the_last_and_before_what_belongs_to_the_next_key() {
        let head = "version: 1\nallow: # known\n- rule: growth # old\n\n  reason: |\n    two\n    # lines\n  # of it\n";
        let tail = "\n# the scenarios\nscenarios: { a: { run: x } }\n";
        let block = BLOCK.lines().map(|line| format!("{}\n", &line[2..])).collect::<String>();
        becomes(&format!("{head}{tail}"), &format!("{head}{block}{tail}"), 9);
        let at_end = format!("{BASE}allow:\n    - {{ rule: a, reason: b }}");
        let block = BLOCK.lines().map(|line| format!("  {line}\n")).collect::<String>();
        becomes(&at_end, &format!("{at_end}\n{block}"), 5);
    }

    #[test]
    fn an_empty_list_becomes_one_of_lines_and_keeps_its_comment() {
        becomes(&format!("allow: [ ]  # none\n{BASE}"), &format!("allow:  # none\n{BLOCK}{BASE}"), 2);
        becomes(&format!("{BASE}allow: []"), &format!("{BASE}allow:\n{BLOCK}"), 4);
        becomes(&format!("{BASE}allow: []\n"), &format!("{BASE}allow:\n{BLOCK}"), 4);
        becomes(
            &format!("allow:\n  # - rule: x\n{BASE}"),
            &format!("allow:\n  # - rule: x\n{BLOCK}{BASE}"),
            3,
        );
    }

    #[test]
    fn a_list_in_brackets_stays_one() {
        let flow = "{ fingerprint: \"7f3a9c01d2e4\", reason: \"SHOP-412, next \\\"SDK\\\"\", expires: \"2027-03-31\" }";
        becomes(
            &format!("allow: [{{ rule: a, reason: \"]\" }}]\n{BASE}"),
            &format!("allow: [{{ rule: a, reason: \"]\" }}, {flow}]\n{BASE}"),
            1,
        );
        becomes(
            &format!("{BASE}allow: [\n  {{ rule: a, reason: b }},\n]\n"),
            &format!("{BASE}allow: [\n  {{ rule: a, reason: b }}, {flow}\n]\n"),
            4,
        );
    }

    #[test]
    fn windows_line_ends_stay_windows_line_ends() {
        let windows = |text: &str| text.replace('\n', "\r\n");
        becomes(&windows(BASE), &windows(&format!("{BASE}allow:\n{BLOCK}")), 4);
        becomes(
            &windows(&format!("allow: [] # x\n{BASE}")),
            &windows(&format!("allow: # x\n{BLOCK}{BASE}")),
            2,
        );
    }

    #[test]
    fn what_cannot_be_done_safely_is_refused() {
        for source in [
            "{ version: 1, scenarios: { a: { run: x } } }\n",
            "version: 1\nscenarios: { a: { run: x } }\n...\n",
            "version: 1\nx: &x [{ rule: a, reason: b }]\nallow: *x\nscenarios: {}\n",
            "version: 1\nallow: 7\n",
            "version: 1\nallow:\n  - rule: a\n    reason: |+\n      kept\n\nscenarios: {}\n",
            "just a text\n",
            "a: [\n",
        ] {
            assert_eq!(add_allowance(source, &entry()), None, "{source}");
        }
    }

    #[test]
    fn values_that_would_be_read_as_something_else_are_quoted() {
        let cases = ["1e5", "123456789012", "true", "a: b", "x # y", "-x", "16 MiB", "64 B/iteration", "é"];
        let written = cases.map(scalar);
        assert_eq!(
            written,
            [
                "\"1e5\"",
                "\"123456789012\"",
                "\"true\"",
                "\"a: b\"",
                "\"x # y\"",
                "\"-x\"",
                "16 MiB",
                "64 B/iteration",
                "\"é\""
            ]
        );
    }
}
