//! `allow`: what a project has decided to live with, for how long and up to how much.

use super::ceiling::Ceiling;
use super::fields::Fields;
use super::problem::{Problems, quotable};
use super::schema::Section;
use super::tree::{Entry, Node, Value};
use super::values;
use crate::date::Date;
use crate::pattern::Pattern;

/// The keys that say which findings an entry covers: at least one of them is needed.
const SELECTORS: [&str; 6] = ["rule", "owner", "site", "package", "fingerprint", "scenario"];
/// Digits of a whole fingerprint.
const FINGERPRINT: usize = 12;
/// The fewest digits of a fingerprint that still mean one finding.
pub const SHORTEST_FINGERPRINT: usize = 4;

/// An entry of `allow`. What it does not say, it does not ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Allowance {
    /// Line in the configuration, from 1.
    pub line: u32,
    /// The rule of the finding.
    pub rule: Option<Pattern>,
    /// The owner of the memory.
    pub owner: Option<Pattern>,
    /// A place that most of the memory came through: a file, or `file:function`.
    pub site: Option<Pattern>,
    /// The installed distribution that most of the memory was allocated in.
    pub package: Option<Pattern>,
    /// The beginning of the finding's fingerprint, or all of it, in lower case.
    pub fingerprint: Option<String>,
    /// The identities of the parts of a leak that it is about, where it says; several containers may have the same.
    pub parts: Vec<String>,
    /// The scenario's name.
    pub scenario: Option<Pattern>,
    /// More than this is not covered.
    pub at_most: Option<Ceiling>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Option<Date>,
}

/// The entries that are well formed.
pub(super) fn read(problems: &mut Problems<'_>, entry: &Entry) -> Vec<Allowance> {
    match &entry.value.value {
        // All entries are commented out.
        Value::Null => Vec::new(),
        Value::List(items) => items.iter().filter_map(|item| allowance(problems, item)).collect(),
        _ => {
            values::wrong_kind(problems, "`allow`", &entry.value, "a list of allowances");
            Vec::new()
        }
    }
}

fn allowance(problems: &mut Problems<'_>, node: &Node) -> Option<Allowance> {
    let fields = Fields::read(problems, node, Section::Allowance, "an entry of `allow`")?;
    let mut pattern = |name: &str| fields.get(name).and_then(|entry| pattern(problems, entry));
    let (rule, owner, site) = (pattern("rule"), pattern("owner"), pattern("site"));
    let (package, scenario) = (pattern("package"), pattern("scenario"));
    let fingerprint = fields.get("fingerprint").and_then(|entry| fingerprint(problems, entry));
    let parts = fields.get("parts").and_then(|entry| parts(problems, entry));
    let at_most = fields.get("at_most").and_then(|entry| ceiling(problems, entry));
    let expires = fields.get("expires").and_then(|entry| expires(problems, entry));
    let reason = reason(problems, node, &fields);
    if SELECTORS.iter().all(|name| fields.get(name).is_none()) {
        let names = SELECTORS.map(|name| format!("`{name}`")).join(", ");
        let message =
            format!("an entry of `allow` does not say what it allows; expected at least one of {names}");
        problems.add(&place(node), message);
    }
    Some(Allowance {
        line: problems.line_at(place(node).start),
        rule,
        owner,
        site,
        package,
        fingerprint,
        parts: parts.unwrap_or_default(),
        scenario,
        at_most,
        reason: reason?,
        expires,
    })
}

/// Where the entry begins: its first key.
fn place(node: &Node) -> std::ops::Range<usize> {
    match &node.value {
        Value::Map(entries) => entries.first().map_or(node.span.clone(), |entry| entry.key_span.clone()),
        _ => node.span.clone(),
    }
}

fn pattern(problems: &mut Problems<'_>, entry: &Entry) -> Option<Pattern> {
    let label = values::label(&entry.key);
    let expected = "a text, a glob, or a regular expression between slashes";
    let mut text = values::text(problems, &label, &entry.value, expected)?;
    if entry.key == "package" && !(text.starts_with('/') && text.ends_with('/')) {
        text = crate::distributions::normal(&text);
    }
    match Pattern::parse(&text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            problems.add(&entry.value.span, format!("{label}: {error}"));
            None
        }
    }
}

fn fingerprint(problems: &mut Problems<'_>, entry: &Entry) -> Option<String> {
    let expected = "4 to 12 hexadecimal digits, as reports print them";
    let text = values::text(problems, "`fingerprint`", &entry.value, expected)?;
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hexadecimal && (SHORTEST_FINGERPRINT..=FINGERPRINT).contains(&text.len()) {
        return Some(text.to_lowercase());
    }
    let message = format!("`fingerprint` is `{}`; expected {expected}", quotable(&text));
    problems.add(&entry.value.span, message);
    None
}

fn parts(problems: &mut Problems<'_>, entry: &Entry) -> Option<Vec<String>> {
    let expected = "the identities of parts, 12 hexadecimal digits each, with spaces between";
    let text = values::text(problems, "`parts`", &entry.value, expected)?;
    let parts: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let is_identity =
        |part: &String| part.len() == FINGERPRINT && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !parts.is_empty() && parts.iter().all(is_identity) {
        return Some(parts);
    }
    problems.add(&entry.value.span, format!("`parts` is `{}`; expected {expected}", quotable(&text)));
    None
}

fn ceiling(problems: &mut Problems<'_>, entry: &Entry) -> Option<Ceiling> {
    let text = values::text(problems, "`at_most`", &entry.value, "an amount such as 64 B/iteration")?;
    parsed(problems, entry, &text)
}

fn expires(problems: &mut Problems<'_>, entry: &Entry) -> Option<Date> {
    let text = values::text(problems, "`expires`", &entry.value, "a day such as 2027-03-31")?;
    parsed(problems, entry, &text)
}

/// The value of a text, or a problem that quotes it.
fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    problems: &mut Problems<'_>,
    entry: &Entry,
    text: &str,
) -> Option<T> {
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            let message = format!("`{}` is `{}`; {error}", entry.key, quotable(text));
            problems.add(&entry.value.span, message);
            None
        }
    }
}

fn reason(problems: &mut Problems<'_>, node: &Node, fields: &Fields<'_>) -> Option<String> {
    let expected = "why it is allowed, in words";
    let Some(entry) = fields.get("reason") else {
        let message = format!("an entry of `allow` has no `reason`; expected {expected}");
        problems.add(&place(node), message);
        return None;
    };
    let text = values::text(problems, "`reason`", &entry.value, expected)?;
    if text.trim().is_empty() {
        problems.add(&entry.value.span, format!("`reason` is empty; expected {expected}"));
        return None;
    }
    Some(text.trim().to_owned())
}
