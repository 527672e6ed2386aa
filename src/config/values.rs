//! Single values: texts, counts, sizes, durations, paths. Each reader notes what is wrong and gives `None`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fields;
use super::model::CallTarget;
use super::problem::{Problems, quotable};
use super::tree::{Entry, Node, Value};
use crate::units::{self, Bytes};

/// Figures are compared as signed 64-bit numbers.
const LARGEST: u64 = i64::MAX as u64;

/// Notes that a value is of the wrong kind, and why that happens to `{port}`.
pub(super) fn wrong_kind(problems: &mut Problems<'_>, label: &str, node: &Node, expected: &str) {
    let message = match node.value {
        Value::Null => format!("{label} has no value; expected {expected}"),
        _ => format!("{label} is {}; expected {expected}", node.value.kind()),
    };
    let line = problems.line_from(node.span.start);
    let unquoted = line.starts_with('{') && is_braced_word(&node.value);
    let problem = problems.add(&node.span, message);
    if unquoted {
        let end = line.find('}').map_or(line.len(), |end| end + 1);
        problem.help(format!("a text that begins with `{{` needs quotes: \"{}\"", quotable(&line[..end])));
    }
}

/// Whether a mapping is only words in braces: what `{port}` means without quotes.
fn is_braced_word(value: &Value) -> bool {
    let Value::Map(entries) = value else { return false };
    !entries.is_empty() && entries.iter().all(|entry| matches!(entry.value.value, Value::Null))
}

/// A text. Numbers and booleans are taken as they are typed.
pub(super) fn text(problems: &mut Problems<'_>, label: &str, node: &Node, expected: &str) -> Option<String> {
    let text = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::NonFinite => problems.text_at(&node.span).to_owned(),
        Value::Null | Value::List(_) | Value::Map(_) => {
            wrong_kind(problems, label, node, expected);
            return None;
        }
    };
    if text.contains('\0') {
        problems.add(&node.span, format!("{label} contains a NUL character, which no program can be given"));
        return None;
    }
    Some(text)
}

/// `key` in backquotes, fit for a message.
pub(super) fn label(key: &str) -> String {
    format!("`{}`", quotable(key))
}

/// A duration above zero.
pub(super) fn duration(problems: &mut Problems<'_>, entry: &Entry) -> Option<Duration> {
    let label = label(&entry.key);
    let text = text(problems, &label, &entry.value, "a duration such as 10 s or 5 min")?;
    match units::parse_duration(&text) {
        Ok(Duration::ZERO) => {
            problems.add(&entry.value.span, format!("{label} must be more than 0"));
            None
        }
        Ok(duration) => Some(duration),
        Err(error) => {
            problems.add(&entry.value.span, format!("{label}: {error}"));
            None
        }
    }
}

/// `true` or `false`.
pub(super) fn flag(problems: &mut Problems<'_>, entry: &Entry) -> Option<bool> {
    if let Value::Bool(value) = entry.value.value {
        return Some(value);
    }
    wrong_kind(problems, &label(&entry.key), &entry.value, "`true` or `false`");
    None
}

/// A size in bytes.
pub(super) fn size(problems: &mut Problems<'_>, label: &str, node: &Node, expected: &str) -> Option<u64> {
    let text = text(problems, label, node, expected)?;
    let (message, unit) = match text.parse::<Bytes>() {
        Ok(Bytes(size)) => return Some(size),
        Err(error) => (error.to_string(), error.unit().to_lowercase()),
    };
    let problem = problems.add(&node.span, format!("{label}: {message}"));
    if let Some((meant, _)) = units::SIZE_UNITS.iter().find(|(name, _)| name.to_lowercase() == unit) {
        problem.help(format!("upper and lower case count: did you mean {meant}?"));
    }
    None
}

/// A whole number in a range.
pub(super) fn count(
    problems: &mut Problems<'_>,
    label: &str,
    node: &Node,
    range: std::ops::RangeInclusive<u64>,
) -> Option<u64> {
    let (least, most) = (*range.start(), *range.end());
    let typed = quotable(problems.text_at(&node.span));
    let message = match &node.value {
        Value::Number(number) => match number.as_u64() {
            Some(count) if range.contains(&count) => return Some(count),
            Some(count) if count < least => format!("{label} is {count}; it must be at least {least}"),
            _ if number.as_f64().is_some_and(|number| number < 0.0) => format!("{label} cannot be negative"),
            _ if number.as_f64().is_some_and(|number| number > most as f64) => {
                format!("{label} is too large; at most {}", units::grouped(most))
            }
            _ => format!("{label} is {typed}; expected a whole number"),
        },
        Value::Text(text) if text.parse::<Bytes>().is_ok() => {
            format!("{label} is a count and has no unit; expected a whole number")
        }
        Value::Text(text) => format!("{label} is `{}`; expected a whole number", quotable(text)),
        Value::NonFinite => format!("{label} is {typed}; expected a whole number"),
        Value::Bool(_) | Value::Null | Value::List(_) | Value::Map(_) => {
            wrong_kind(problems, label, node, "a whole number");
            return None;
        }
    };
    problems.add(&node.span, message);
    None
}

/// The largest count of a budget.
pub(super) const LARGEST_COUNT: u64 = LARGEST;

/// `module:function`.
pub(super) fn target(problems: &mut Problems<'_>, entry: &Entry) -> Option<CallTarget> {
    let label = label(&entry.key);
    let text = text(problems, &label, &entry.value, "`module:function`")?;
    match text.parse() {
        Ok(target) => Some(target),
        Err(super::model::CallTargetError { help, .. }) => {
            let message = format!(
                "{label}: `{}` is not a function to call; expected `module:function`",
                quotable(&text)
            );
            let problem = problems.add(&entry.value.span, message);
            help.map(|help| problem.help(help));
            None
        }
    }
}

/// Environment variables; those that are well formed.
pub(super) fn environment(problems: &mut Problems<'_>, entry: &Entry) -> BTreeMap<String, String> {
    let Value::Map(variables) = &entry.value.value else {
        wrong_kind(problems, "`env`", &entry.value, "a mapping from names to texts");
        return BTreeMap::new();
    };
    fields::report_duplicates(problems, variables);
    let mut environment = BTreeMap::new();
    for variable in variables {
        let name = &variable.key;
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!(
                "`{}` cannot be the name of a variable; expected letters, digits and `_`",
                quotable(name)
            );
            problems.add(&variable.key_span, message);
            continue;
        }
        let label = format!("variable `{}`", quotable(name));
        let expected = "a text; \"\" sets it to nothing";
        if let Some(value) = text(problems, &label, &variable.value, expected) {
            environment.insert(name.clone(), value);
        }
    }
    environment
}

/// Exit codes; at least one.
pub(super) fn exit_codes(problems: &mut Problems<'_>, entry: &Entry) -> Option<Vec<u8>> {
    let Value::List(codes) = &entry.value.value else {
        wrong_kind(problems, "`exit_codes`", &entry.value, "a list of numbers from 0 to 255, such as [0]");
        return None;
    };
    if codes.is_empty() {
        problems.add(&entry.value.span, "`exit_codes` is empty; expected at least one number from 0 to 255");
        return None;
    }
    let read = |node| {
        count(problems, "a number of `exit_codes`", node, 0..=255).and_then(|code| u8::try_from(code).ok())
    };
    Some(codes.iter().filter_map(read).collect())
}
