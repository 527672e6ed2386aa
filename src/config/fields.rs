//! A mapping of the file, its keys checked against the table: unknown, later, misplaced and repeated ones are problems.

use std::ops::Range;

use super::problem::{Problems, quotable};
use super::schema::Section;
use super::tree::{Entry, Node, Value};
use super::values;

/// The entries of one mapping whose keys this version knows.
pub(super) struct Fields<'n> {
    entries: Vec<&'n Entry>,
}

impl<'n> Fields<'n> {
    /// Reads a mapping; `label` names it in messages. `None` when the node is no mapping.
    pub(super) fn read(
        problems: &mut Problems<'_>,
        node: &'n Node,
        section: Section,
        label: &str,
    ) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            values::wrong_kind(problems, label, node, "a mapping");
            return None;
        };
        report_duplicates(problems, entries);
        let known = |entry: &&'n Entry| section.keys().any(|key| key.name == entry.key);
        let (known, strange): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(known);
        for entry in strange {
            report_strange(problems, entry, section);
        }
        Some(Fields { entries: known })
    }

    /// The first entry with this key.
    pub(super) fn get(&self, name: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == name).copied()
    }

    /// All entries, in the order of the file, each key once.
    pub(super) fn each(&self) -> impl Iterator<Item = &'n Entry> {
        let first = |entry: &&Entry| self.get(&entry.key).is_some_and(|first| std::ptr::eq(first, *entry));
        self.entries.iter().copied().filter(move |entry| first(entry))
    }
}

/// Names every repeated key with the place where it was set first.
pub(super) fn report_duplicates(problems: &mut Problems<'_>, entries: &[Entry]) {
    let mut first_places = std::collections::HashMap::<&str, &Range<usize>>::new();
    for entry in entries {
        let Some(first) = first_places.get(entry.key.as_str()) else {
            first_places.insert(&entry.key, &entry.key_span);
            continue;
        };
        let line = problems.line_at(first.start);
        let message = format!("key `{}` is set twice; it was first set in line {line}", quotable(&entry.key));
        problems.add(&entry.key_span, message).also(first, "first set here");
    }
}

fn report_strange(problems: &mut Problems<'_>, entry: &Entry, section: Section) {
    let key = quotable(&entry.key);
    if section.later_keys().contains(&entry.key.as_str()) {
        problems.add(&entry.key_span, format!("`{key}` is not available in this version of leakgate"));
        return;
    }
    let names: Vec<&str> = section.keys().map(|key| key.name).collect();
    let what = if section == Section::Budgets { "budget" } else { "key" };
    let message = format!("unknown {what} `{key}`; expected one of {}", names.join(", "));
    let problem = problems.add(&entry.key_span, message);
    let help = misplaced(&entry.key)
        .or_else(|| misspelt(&entry.key, &names))
        .or_else(|| misspelt_later(&entry.key, section));
    if let Some(help) = help {
        problem.help(help);
    }
}

fn misplaced(key: &str) -> Option<String> {
    let homes = Section::ALL.into_iter().filter(|section| section.keys().any(|other| other.name == key));
    let places: Vec<&str> = homes.map(Section::place).collect();
    (!places.is_empty()).then(|| format!("`{key}` belongs {}", places.join(" or ")))
}

fn misspelt_later(key: &str, section: Section) -> Option<String> {
    let help = misspelt(key, section.later_keys())?;
    Some(format!("{help} It is not available in this version of leakgate"))
}

/// The name that was probably meant.
fn misspelt(key: &str, names: &[&str]) -> Option<String> {
    let typed = key.to_lowercase().replace('-', "_");
    if typed.len() > 40 {
        return None;
    }
    let (distance, name) =
        names.iter().map(|name| (strsim::damerau_levenshtein(&typed, name), name)).min()?;
    let tolerated = (name.len() / 3).clamp(1, 3);
    (distance <= tolerated).then(|| format!("did you mean `{name}`?"))
}
