//! Replaces sections of a lock's text and leaves all others byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::layout;
use super::model::{Key, Section};
use super::packages::Package;
use super::parse::{Heading, heading, parse};
use super::print::{end, head, packages_text, section_text};

/// A section to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Which.
    pub key: Key,
    /// What it is to say.
    pub section: Section,
}

/// The text of a lock with these sections written anew; lists of packages that nothing refers to any more are left out.
/// `text` has no problems, or is empty.
pub fn update(text: &str, updates: &[Update], packages: &BTreeMap<String, Vec<Package>>) -> String {
    let parts = layout(text);
    let mut chunks: Vec<(Option<Heading>, String)> =
        parts.chunks.iter().map(|chunk| (heading(chunk.heading()).ok(), chunk.text.to_owned())).collect();
    for Update { key, section } in updates {
        put(&mut chunks, Heading::Scenario(key.clone()), section_text(key, section));
    }
    let used = used(&chunks);
    for digest in &used {
        let is_there = |chunk: &(Option<Heading>, String)| chunk.0 == Some(Heading::Packages(digest.clone()));
        if let (Some(list), false) = (packages.get(digest), chunks.iter().any(is_there)) {
            put(&mut chunks, Heading::Packages(digest.clone()), packages_text(digest, list));
        }
    }
    chunks
        .retain(|(heading, _)| !matches!(heading, Some(Heading::Packages(digest)) if !used.contains(digest)));
    let head = if text.is_empty() { head() } else { parts.head.to_owned() };
    let tail = if text.is_empty() { end() } else { parts.tail.to_owned() };
    let chunks: String = chunks.into_iter().map(|(_, text)| text).collect();
    format!("{head}{chunks}{tail}")
}

/// Replaces the section of that heading, or adds it where the order wants it.
fn put(chunks: &mut Vec<(Option<Heading>, String)>, heading: Heading, text: String) {
    if let Some(chunk) = chunks.iter_mut().find(|chunk| chunk.0.as_ref() == Some(&heading)) {
        chunk.1 = text;
        return;
    }
    let next = chunks.iter().position(|chunk| chunk.0.as_ref().is_some_and(|other| *other > heading));
    chunks.insert(next.unwrap_or(chunks.len()), (Some(heading), text));
}

/// The lists of packages that sections refer to.
fn used(chunks: &[(Option<Heading>, String)]) -> BTreeSet<String> {
    let text: String = chunks.iter().map(|(_, text)| text.as_str()).collect();
    let lock = parse(&format!("{}{text}{}", head(), end())).lock;
    lock.sections.into_values().filter_map(|section| section.packages).collect()
}
