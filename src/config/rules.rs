//! `rules`: how much each rule weighs, and files of rules of the project's own.

use super::problem::{Problems, quotable};
use super::tree::{Entry, Node, Value};
use super::values;
use crate::rules::Severity;

/// The key that is no rule.
const INCLUDE: &str = "include";
/// The words for how much a rule weighs.
const LEVELS: [Severity; 3] = [Severity::Error, Severity::Warn, Severity::Off];

/// What a configuration says of rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    /// Globs of files, relative to the configuration, each with its line from 1.
    pub include: Vec<(u32, String)>,
    /// Rule, how much it weighs, and the line, from 1.
    pub levels: Vec<(u32, String, Severity)>,
}

/// What is well formed.
pub(super) fn read(problems: &mut Problems<'_>, entry: &Entry) -> Rules {
    let mut rules = Rules::default();
    match &entry.value.value {
        Value::Null => {}
        Value::Map(entries) => {
            for entry in entries {
                if entry.key == INCLUDE {
                    rules.include.extend(includes(problems, &entry.value));
                } else if let Some(level) = level(problems, entry) {
                    let line = problems.line_at(entry.key_span.start);
                    if rules.levels.iter().any(|(_, id, _)| *id == entry.key) {
                        let message = format!("`{}` is there twice under `rules`", quotable(&entry.key));
                        problems.add(&entry.key_span, message);
                    }
                    rules.levels.push((line, entry.key.clone(), level));
                }
            }
        }
        _ => values::wrong_kind(problems, "`rules`", &entry.value, "a mapping from rules to levels"),
    }
    rules
}

fn includes(problems: &mut Problems<'_>, node: &Node) -> Vec<(u32, String)> {
    let expected = "a list of files of rules, such as [ci/leak-rules/*.toml]";
    let Value::List(items) = &node.value else {
        values::wrong_kind(problems, "`include`", node, expected);
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in items {
        if let Some(text) = values::text(problems, "`include`", item, expected) {
            found.push((problems.line_at(item.span.start), text));
        }
    }
    found
}

fn level(problems: &mut Problems<'_>, entry: &Entry) -> Option<Severity> {
    let label = values::label(&entry.key);
    let expected = "`error`, `warn` or `off`";
    // A YAML 1.1 writer turns `off` into `false`.
    if let Value::Bool(false) = entry.value.value {
        return Some(Severity::Off);
    }
    let text = values::text(problems, &label, &entry.value, expected)?;
    let level = LEVELS.into_iter().find(|level| level.word() == text);
    if level.is_none() {
        let message = format!("{label} is `{}`; expected {expected}", quotable(&text));
        problems.add(&entry.value.span, message);
    }
    level
}
