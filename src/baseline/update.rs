//! Replaces sections of a lock's text and leaves all others byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Layout, layout};
use super::model::{Key, Section};
use super::packages::Package;
use super::parse::{Heading, heading, parse, reference};
use super::print::{end, head, packages_text, section_text};

/// A section to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Which.
    pub key: Key,
    /// What it is to say.
    pub section: Section,
}

/// The sections of a text, each with its heading where that can be read.
type Chunks = Vec<(Option<Heading>, String)>;

/// The text of a lock with these sections written anew; lists of packages that nothing refers to any more are left out.
/// What is wrong with `text` is mended by an update, or it is empty.
pub fn update(text: &str, updates: &[Update], packages: &BTreeMap<String, Vec<Package>>) -> String {
    let parts = layout(text);
    let mut chunks = chunks(&parts);
    for Update { key, section } in updates {
        put(&mut chunks, Heading::Scenario(key.clone()), section_text(key, section));
    }
    let sound = parse(text).lock.packages;
    for digest in used(&chunks) {
        if let (Some(list), false) = (packages.get(&digest), sound.contains_key(&digest)) {
            put(&mut chunks, Heading::Packages(digest.clone()), packages_text(&digest, list));
        }
    }
    let head = if text.is_empty() { head() } else { parts.head.to_owned() };
    let tail = if text.is_empty() { end() } else { parts.tail.to_owned() };
    whole(&head, chunks, &tail)
}

/// The text of a lock without the sections that are not to be kept, and without the remarks above them.
pub fn prune(text: &str, is_kept: &dyn Fn(&Key) -> bool) -> String {
    let parts = layout(text);
    let mut head = parts.head.to_owned();
    let mut kept: Chunks = Vec::new();
    for (heading, text) in chunks(&parts) {
        if matches!(&heading, Some(Heading::Scenario(key)) if !is_kept(key)) {
            let above = kept.last_mut().map_or(&mut head, |(_, above)| above);
            above.truncate(above.len() - remark(above).len());
            above.push_str(remark(&text));
        } else {
            kept.push((heading, text));
        }
    }
    whole(&head, kept, parts.tail)
}

fn chunks(parts: &Layout) -> Chunks {
    parts.chunks.iter().map(|chunk| (heading(chunk.heading()).ok(), chunk.text.to_owned())).collect()
}

/// All parts in one, without lists of packages that nothing refers to.
fn whole(head: &str, mut chunks: Chunks, tail: &str) -> String {
    let used = used(&chunks);
    for (heading, text) in &mut chunks {
        if matches!(heading, Some(Heading::Packages(digest)) if !used.contains(digest)) {
            *text = remark(text).to_owned();
        }
    }
    let chunks: String = chunks.into_iter().map(|(_, text)| text).collect();
    format!("{head}{chunks}{tail}")
}

/// Replaces the section of that heading, or adds it where the order wants it.
fn put(chunks: &mut Chunks, heading: Heading, text: String) {
    if let Some(chunk) = chunks.iter_mut().find(|chunk| chunk.0.as_ref() == Some(&heading)) {
        chunk.1 = format!("{text}{}", remark(&chunk.1));
        return;
    }
    let next = chunks.iter().position(|chunk| chunk.0.as_ref().is_some_and(|other| *other > heading));
    chunks.insert(next.unwrap_or(chunks.len()), (Some(heading), text));
}

/// The lines of comments at the end of a section: they stand above the next one, and are about that.
fn remark(text: &str) -> &str {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let own = lines.iter().rposition(|line| !line.starts_with('#')).map_or(0, |last| last + 1);
    let length: usize = lines[..own].iter().map(|line| line.len()).sum();
    &text[length..]
}

/// The lists of packages that sections refer to, those that are damaged, too.
fn used(chunks: &Chunks) -> BTreeSet<String> {
    let sections = chunks.iter().filter(|(heading, _)| matches!(heading, Some(Heading::Scenario(_))));
    sections.flat_map(|(_, text)| text.lines()).filter_map(reference).map(str::to_owned).collect()
}
