//! The arguments of a call: YAML values that mean the same in JSON, and to whoever reads the file.

use serde_json::{Map, Value as Json};

use super::fields;
use super::problem::{Problems, quotable};
use super::tree::{Entry, Node, Value};
use super::values;

/// The arguments of `with`; those that are well formed.
pub(super) fn read(problems: &mut Problems<'_>, entry: &Entry) -> Map<String, Json> {
    let Value::Map(entries) = &entry.value.value else {
        values::wrong_kind(problems, "`with`", &entry.value, "a mapping of arguments, such as { sku: A-1 }");
        return Map::new();
    };
    for argument in entries {
        let name = &argument.key;
        let word = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        if !word || !name.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            let message =
                format!("`{}` cannot be the name of an argument; expected a Python name", quotable(name));
            problems.add(&argument.key_span, message);
        }
    }
    mapping(problems, entries)
}

fn mapping(problems: &mut Problems<'_>, entries: &[Entry]) -> Map<String, Json> {
    fields::report_duplicates(problems, entries);
    entries.iter().map(|entry| (entry.key.clone(), json(problems, &entry.value))).collect()
}

fn json(problems: &mut Problems<'_>, node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => {
            let typed = problems.text_at(&node.span);
            if number.is_f64() && typed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
                problems
                    .add(&node.span, "this number does not fit into 64 bits; pass it as a text in quotes");
            }
            Json::Number(number.clone())
        }
        Value::NonFinite => {
            problems.add(&node.span, "this is not a finite number; pass it as a text in quotes");
            Json::Null
        }
        Value::Text(text) => {
            refuse_ambiguous(problems, node, text);
            Json::String(text.clone())
        }
        Value::List(items) => Json::Array(items.iter().map(|item| json(problems, item)).collect()),
        Value::Map(entries) => Json::Object(mapping(problems, entries)),
    }
}

/// YAML 1.1 and 1.2 disagree about these; Python's usual reader follows 1.1, so either reading would be a guess.
fn refuse_ambiguous(problems: &mut Problems<'_>, node: &Node, text: &str) {
    if problems.text_at(&node.span) != text {
        return;
    }
    let write = match text.to_lowercase().as_str() {
        "yes" | "on" => "`true`",
        "no" | "off" => "`false`",
        _ if looks_like_a_number(text) => "it without `_` and leading zeros",
        _ => return,
    };
    let message =
        format!("YAML readers disagree about what `{text}` means; write {write}, or \"{text}\" for the text");
    problems.add(&node.span, message);
}

fn looks_like_a_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    plain && digits.starts_with(|first: char| first.is_ascii_digit())
}
