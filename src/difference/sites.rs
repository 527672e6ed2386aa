//! Two processes, site by site. A site is known by the functions of its stack and the line that allocates; a line that
//! moved is the same site where nothing else has these functions, or where it holds the same as before.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::Fate;
use super::moment::{Live, Moment};
use crate::gate::place::{Origin, ScenarioFacts};
use crate::profile::{Amount, Frame, Profile, Site, StackId};

/// Bytes and blocks that are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Held {
    /// Requested bytes.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
}

/// A site that holds something else than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What became of it.
    pub fate: Fate,
    /// The line to look at.
    pub place: String,
    /// The line that it had before, where it moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<u32>,
    /// The allocating stack, innermost first.
    pub stack: Vec<String>,
    /// What it held.
    pub before: Held,
    /// What it holds.
    pub after: Held,
}

impl Change {
    /// By how many bytes it changed.
    pub fn bytes(&self) -> i128 {
        i128::from(self.after.bytes) - i128::from(self.before.bytes)
    }

    /// By how many blocks it changed.
    pub fn blocks(&self) -> i128 {
        i128::from(self.after.blocks) - i128::from(self.before.blocks)
    }
}

/// The difference between two processes at one moment of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sites {
    /// The moment.
    pub at: Moment,
    /// When that was, in words, of the first and of the second.
    pub when: [String; 2],
    /// Iterations that they had run, where there are any.
    pub iterations: [Option<u32>; 2],
    /// All that the first held.
    pub before: Held,
    /// All that the second holds.
    pub after: Held,
    /// The sites that differ, the largest difference in bytes first.
    pub changes: Vec<Change>,
}

/// What a site is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Plain names, innermost first.
    functions: Vec<String>,
    /// Line of the innermost Python frame; 0 where there is none.
    line: u32,
}

/// A site, summed over threads and allocators.
#[derive(Debug, Clone, Default)]
struct Known {
    place: String,
    stack: Vec<String>,
    held: Held,
}

impl Sites {
    /// Compares two processes; places are shown as seen from `folder`.
    pub fn of(before: &Profile, after: &Profile, at: Moment, folder: &Path) -> Sites {
        let (was, is) = (at.of(before), at.of(after));
        let changes = changes(known(before, &was, folder), known(after, &is, folder));
        Sites {
            at,
            before: was.total.into(),
            after: is.total.into(),
            when: [was.when, is.when],
            iterations: [was.iterations, is.iterations],
            changes,
        }
    }
}

impl From<Amount> for Held {
    fn from(amount: Amount) -> Held {
        Held { bytes: amount.bytes, blocks: amount.blocks }
    }
}

/// The sites that differ, the largest difference first.
fn changes(mut old: BTreeMap<Key, Known>, new: BTreeMap<Key, Known>) -> Vec<Change> {
    let new_names = names(&new);
    let mut changes = Vec::new();
    let mut unmatched = Vec::new();
    for (key, new) in new {
        match old.remove(&key) {
            Some(old) => changes.extend(change(Some(old), Some(new), None)),
            None => unmatched.push((key, new)),
        }
    }
    unmatched.retain(|(key, new)| !took_equal(&mut old, key, new));
    let old_names = names(&old);
    for (key, new) in unmatched {
        // It and one of before are the only ones with these functions.
        let is_alone = new_names.get(&key.functions).is_some_and(|(count, _)| *count == 1);
        let was = old_names.get(&key.functions).filter(|(count, _)| is_alone && *count == 1);
        match was.map(|(_, line)| Key { line: *line, ..key }) {
            Some(was) => {
                let old = old.remove(&was);
                changes.extend(change(old, Some(new), Some(was.line)));
            }
            None => changes.extend(change(None, Some(new), None)),
        }
    }
    changes.extend(old.into_values().filter_map(|old| change(Some(old), None, None)));
    changes.sort_by(|one, other| {
        let size = |change: &Change| (change.bytes().abs(), change.blocks().abs());
        size(other).cmp(&size(one)).then_with(|| one.stack.cmp(&other.stack))
    });
    changes
}

/// Takes away the first of before that has the same functions and held the same: most likely its line moved.
fn took_equal(old: &mut BTreeMap<Key, Known>, key: &Key, new: &Known) -> bool {
    let first = Key { functions: key.functions.clone(), line: 0 };
    let alike = old.range(first..).take_while(|(was, _)| was.functions == key.functions);
    let equal = alike.into_iter().find(|(_, was)| was.held == new.held).map(|(was, _)| was.clone());
    equal.is_some_and(|equal| old.remove(&equal).is_some())
}

/// How many sites have the same functions, and the line of the last of them.
fn names(sites: &BTreeMap<Key, Known>) -> BTreeMap<Vec<String>, (usize, u32)> {
    let mut names: BTreeMap<Vec<String>, (usize, u32)> = BTreeMap::new();
    for key in sites.keys() {
        let entry = names.entry(key.functions.clone()).or_default();
        *entry = (entry.0 + 1, key.line);
    }
    names
}

fn known(profile: &Profile, live: &Live, folder: &Path) -> BTreeMap<Key, Known> {
    let facts = ScenarioFacts { name: "", cwd: folder, driver: None };
    let mut known: BTreeMap<Key, Known> = BTreeMap::new();
    let counted = profile.sites.iter().zip(&live.sites).filter(|(site, _)| site.allocator.domain.counts());
    for (site, size) in counted.filter(|(_, size)| **size != Amount::default()) {
        let frames = frames(profile, site, &facts);
        let entry = known.entry(key(&frames)).or_insert_with(|| described(&frames, &facts));
        entry.held.bytes = entry.held.bytes.saturating_add(size.bytes);
        entry.held.blocks = entry.held.blocks.saturating_add(size.blocks);
    }
    known
}

/// The frames of a site, innermost first, without those of leakgate itself.
fn frames<'a>(profile: &'a Profile, site: &Site, facts: &ScenarioFacts) -> Vec<&'a Frame> {
    let mut frames = Vec::new();
    let mut stack = site.stack;
    while stack != StackId(0) && frames.len() < profile.stacks.len() {
        let Some(node) = profile.stacks.get(stack.0 as usize) else { break };
        let frame = profile.frames.get(node.frame.0 as usize);
        frames.extend(frame.filter(|frame| facts.origin(frame) != Origin::Driver));
        stack = node.caller;
    }
    frames
}

fn key(frames: &[&Frame]) -> Key {
    let name = |frame: &&Frame| match frame {
        // Before CPython 3.11 a code object knows no more than the last part.
        Frame::Python { function, .. } => function.rsplit('.').next().unwrap_or(function).to_owned(),
        Frame::Native { module, symbol, .. } if symbol.is_empty() => module.clone(),
        Frame::Native { symbol, .. } => symbol.clone(),
        Frame::Note(words) => words.clone(),
    };
    let line = frames.iter().find_map(|frame| match frame {
        Frame::Python { line, .. } => Some(*line),
        _ => None,
    });
    Key { functions: frames.iter().map(name).collect(), line: line.unwrap_or(0) }
}

fn described(frames: &[&Frame], facts: &ScenarioFacts) -> Known {
    // The first of equals: the innermost.
    let best = frames.iter().min_by_key(|frame| facts.origin(frame));
    Known {
        place: best.map_or_else(|| "an unknown place".to_owned(), |frame| facts.words(frame)),
        stack: frames.iter().map(|frame| facts.words(frame)).collect(),
        held: Held::default(),
    }
}

/// The change of a site; `None` where it holds the same.
fn change(before: Option<Known>, after: Option<Known>, moved_from: Option<u32>) -> Option<Change> {
    let held = |known: &Option<Known>| known.as_ref().map(|known| known.held).unwrap_or_default();
    let (was, is) = (held(&before), held(&after));
    let fate = match (&before, &after) {
        (None, _) => Fate::New,
        (_, None) => Fate::Gone,
        _ if was == is => return None,
        _ if (is.bytes, is.blocks) > (was.bytes, was.blocks) => Fate::Grew,
        _ => Fate::Shrank,
    };
    let Known { place, stack, .. } = after.or(before)?;
    Some(Change { fate, place, moved_from, stack, before: was, after: is })
}
