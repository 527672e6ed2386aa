//! Who keeps what grows, from pictures of a process's heap before and after some iterations, and what the rules call it.
//!
//! `held_by` says what the way to an owner begins with, `gains` how much it keeps, in words; `garbage` what only the collector
//! frees, `native` what a library keeps or loses.

mod gains;
mod garbage;
mod held_by;
mod large;
mod native;

pub use garbage::cycles;
pub use large::largest;
pub use native::native;

use std::collections::{BTreeMap, BTreeSet};

use self::gains::Gains;
use self::held_by::held_by;
use crate::finding::{Owner, Place};
use crate::gate::holders;
use crate::gate::place::ScenarioFacts;
use crate::heap::compare::Changes;
use crate::heap::lengths::{Longer, longer};
use crate::heap::model::{Known, Label, NodeKind};
use crate::heap::path::{Detail, Path};
use crate::heap::reach::Hold;
use crate::heap::{self, NodeId, Reach, Snapshot};
use crate::profile::Profile;
use crate::rules::{Evidence, HeldBy, Kind, RuleSet};

/// What grows fewer times than this may be chance.
const LEAST: i64 = 3;
/// Owners that a finding names.
const MOST: usize = 4;
/// Types on the way from an owner to what it keeps that are told.
const BEYOND: usize = 2;
/// Where the interpreter notes the threads that run.
const THREADS: [&str; 3] = ["threading._active", "threading._limbo", "threading._dangling"];

/// A process before and after some iterations.
pub struct Heaps<'a> {
    /// Before them and after them. Those in between tell whether an address was taken by another object meanwhile.
    pub snapshots: &'a [Snapshot],
    /// How many there were.
    pub iterations: u32,
}

/// What belongs to the process.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The scenario.
    pub scenario: &'a ScenarioFacts<'a>,
    /// The process's own profile: its sites are those of the snapshots.
    pub profile: &'a Profile,
    /// The rules that hold.
    pub rules: &'a RuleSet,
}

/// An owner with the kind of what it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What kind of evidence it is.
    pub kind: Kind,
    /// What the way to it begins with.
    pub held_by: Option<HeldBy>,
    /// Whether it is a container that got longer.
    pub is_longer: bool,
    /// The owner.
    pub owner: Owner,
}

/// Who keeps more than before, the largest first.
pub fn owners(told: Told, heaps: &Heaps) -> Vec<Found> {
    let (Some(changes), [before, .., after]) = (Changes::along(heaps.snapshots), heaps.snapshots) else {
        return Vec::new();
    };
    let (reach_before, reach_after) = (Reach::of(before), Reach::of(after));
    let looked = Looked { told, iterations: heaps.iterations, after, reach: &reach_after, changes: &changes };
    let all = heap::owners((before, &reach_before), (after, &reach_after), &changes);
    let mut found: Vec<(Option<NodeId>, Found)> =
        all.iter().filter(|owner| counts(owner)).map(|owner| (owner.node, looked.found(owner))).collect();
    for longer in longer(before, (after, &reach_after), &changes) {
        let around = reach_after.parent(after, longer.node).map(|(around, _)| around);
        let is_of = |node: NodeId| node == longer.node || around == Some(node);
        let is_known = found.iter().any(|(node, _)| node.is_some_and(is_of));
        if longer.entries >= LEAST.unsigned_abs() && !is_known {
            found.push((Some(longer.node), looked.longer(&longer)));
        }
    }
    if found.is_empty() {
        let larger = all.iter().filter(|owner| gets_larger(owner, heaps.iterations));
        found.extend(larger.map(|owner| (owner.node, looked.found(owner))));
    }
    // What got longer is an owner for certain; an object may be shared with a cache that is nearer.
    found.sort_by_key(|(_, found)| !found.is_longer);
    let found: Vec<Found> = found.into_iter().map(|(_, found)| found).collect();
    let mut leading = leading(found);
    // The interpreter notes a thread in several places.
    let mut said = BTreeSet::new();
    leading.retain(|found| said.insert(found.owner.sentence.clone()));
    leading.truncate(MOST);
    leading
}

/// Without what a thread brings with it: its variables, and what the interpreter's own C code holds for it.
fn leading(found: Vec<Found>) -> Vec<Found> {
    if !found.iter().any(|found| found.kind == Kind::Thread) {
        return found;
    }
    let comes_with_it = |found: &Found| found.kind == Kind::Lost || found.held_by == Some(HeldBy::Local);
    found.into_iter().filter(|found| !comes_with_it(found)).collect()
}

/// Whether it grew often enough, and is not leakgate's.
fn counts(owner: &heap::Owner) -> bool {
    is_programs(owner) && (owner.entries >= LEAST || owner.held.objects >= LEAST)
}

fn is_programs(owner: &heap::Owner) -> bool {
    !matches!(owner.hold, Hold::Own | Hold::Working)
}

/// Whether what it holds got larger, and not more: a text that is replaced by a longer one.
fn gets_larger(owner: &heap::Owner, iterations: u32) -> bool {
    is_programs(owner) && owner.held.bytes >= i64::from(iterations)
}

struct Looked<'a> {
    told: Told<'a>,
    iterations: u32,
    after: &'a Snapshot,
    reach: &'a Reach,
    changes: &'a Changes,
}

impl Looked<'_> {
    fn found(&self, owner: &heap::Owner) -> Found {
        let gains = Gains {
            entries: owner.entries.max(0).unsigned_abs(),
            objects: owner.held.objects.max(0).unsigned_abs(),
            bytes: owner.held.bytes.max(0).unsigned_abs(),
            iterations: self.iterations,
        };
        let is_lost = owner.node.is_none() && owner.hold == Hold::Native;
        let is_variable = owner.node.is_none() && owner.hold == Hold::Named;
        let (name, type_name) = self.names(owner);
        let kind = match owner.hold {
            _ if is_lost => Kind::Lost,
            Hold::Cycle => Kind::Cycle,
            _ if THREADS.iter().any(|threads| name.starts_with(threads)) => Kind::Thread,
            _ => Kind::Growth,
        };
        let resource = owner.types.iter().find(|(of, _)| kind == Kind::Growth && self.is_resource(of));
        let count = |change: &heap::owners::Change| change.objects.max(0).unsigned_abs();
        let (kind, gains) = match resource {
            Some((of, change)) => (Kind::Resource, gains.counted(count(change), &format!("`{of}` is open"))),
            None if kind == Kind::Thread => (kind, gains.counted(gains.entries, "thread is alive")),
            None if is_lost => (kind, gains.counted(gains.objects, &format!("`{type_name}` is kept"))),
            None if kind == Kind::Cycle => (kind, gains.counted(gains.objects, "object is kept")),
            None if is_variable => (kind, gains.counted(gains.entries, &format!("`{type_name}` is kept"))),
            None => (kind, gains.in_words()),
        };
        // A thread, or what is to be closed, is known by where it was made itself.
        let entry = match (kind, resource) {
            (Kind::Thread, _) => owner.beyond.split(" → ").next(),
            (_, resource) => resource.map(|(of, _)| of.as_str()),
        };
        let made = entry.and_then(|of| self.made_at(of));
        let place = made.or_else(|| self.best_place(owner, kind));
        let path = self.path(owner, (&name, &type_name), kind);
        let types =
            std::iter::once(type_name).chain(owner.types.iter().map(|(name, _)| name.clone())).collect();
        let held_by = match owner.node {
            Some(node) => Some(held_by(self.after, self.reach, node)),
            None => is_variable.then_some(HeldBy::Local),
        };
        let is_longer = owner.length.is_some() && owner.entries >= LEAST;
        self.named(kind, Draft { name, held_by, is_longer, types, gains, path, place })
    }

    fn path(&self, owner: &heap::Owner, (name, type_name): (&str, &str), kind: Kind) -> Vec<String> {
        if kind == Kind::Lost {
            return vec![format!("nothing in Python, {type_name}")];
        }
        let first = match owner.length {
            Some(length) => self.with_length(name, type_name, length),
            None => format!("{name} ({type_name})"),
        };
        let beyond = owner.beyond.split(" → ").take(BEYOND).map(str::to_owned);
        std::iter::once(first).chain(beyond).collect()
    }

    /// How people name an owner, and its type. The dictionary inside of a cache is the cache.
    fn names(&self, owner: &heap::Owner) -> (String, String) {
        let name = if owner.count > 1 || owner.node.is_none() { &owner.shape } else { &owner.path };
        if let (NodeKind::Module, [variable]) = (owner.kind, &owner.keys[..]) {
            // A chain that hangs on a variable: each new object is its value, and holds the one before.
            return (format!("{name}.{variable}"), owner.type_name.clone());
        }
        let parent = owner.node.and_then(|node| self.reach.parent(self.after, node));
        match parent.filter(|(_, edge)| edge.label == Label::Known(Known::Cache)) {
            Some((cache, _)) => {
                let name = name.strip_suffix(".cache").unwrap_or(name);
                (name.to_owned(), self.after.type_name(cache).to_owned())
            }
            None => (name.clone(), owner.type_name.clone()),
        }
    }

    /// Whether objects of this type are to be closed.
    fn is_resource(&self, type_name: &str) -> bool {
        let evidence = Evidence {
            kind: Kind::Resource,
            owner: String::new(),
            held_by: None,
            types: vec![type_name.to_owned()],
            gains: String::new(),
        };
        self.told.rules.name(&evidence).is_some()
    }

    /// The line that made most of the new objects of a type, if it is the user's own.
    fn made_at(&self, type_name: &str) -> Option<Place> {
        let after = self.after;
        let number = after.type_names.iter().position(|name| name == type_name)?;
        let mut sites: BTreeMap<usize, u64> = BTreeMap::new();
        for node in after.ids().filter(|node| self.changes.is_new(*node)) {
            if after.nodes.types[node.index()] as usize == number {
                after.site(node).into_iter().for_each(|site| *sites.entry(site).or_default() += 1);
            }
        }
        let (site, _) = sites.into_iter().max_by_key(|(_, count)| *count)?;
        let site = self.told.profile.sites.get(site)?;
        holders::users_place(self.told.scenario, self.told.profile, site.stack)
    }

    /// Where an owner is filled, or what it keeps is made: the user's own lines before all others.
    fn best_place(&self, owner: &heap::Owner, kind: Kind) -> Option<Place> {
        // Its table was made longer for the last time when it got longer for the last time.
        let filled = owner.filled_at.filter(|_| kind == Kind::Growth && owner.entries >= LEAST);
        let sites: Vec<usize> = filled.into_iter().chain(owner.sites.iter().map(|(site, _)| *site)).collect();
        let users = sites.iter().find_map(|site| {
            let site = self.told.profile.sites.get(*site)?;
            holders::users_place(self.told.scenario, self.told.profile, site.stack)
        });
        users.or_else(|| sites.iter().find_map(|site| self.place(*site)))
    }

    /// A container to which something came that is no new object.
    fn longer(&self, longer: &Longer) -> Found {
        let after = self.after;
        let type_name = after.type_name(longer.node).to_owned();
        let name = Path::to(after, self.reach, longer.node).text(after, Detail::Exact);
        let gains = Gains { entries: longer.entries, objects: 0, bytes: 0, iterations: self.iterations };
        let filled = after.filled_at(longer.node).and_then(|site| self.place(site));
        self.named(
            Kind::Growth,
            Draft {
                is_longer: true,
                path: vec![self.with_length(&name, &type_name, longer.length)],
                held_by: Some(held_by(after, self.reach, longer.node)),
                types: vec![type_name],
                gains: gains.in_words(),
                place: filled,
                name,
            },
        )
    }

    fn with_length(&self, name: &str, type_name: &str, length: u64) -> String {
        format!("{name} ({type_name}, {} entries)", crate::units::grouped(length))
    }

    fn place(&self, site: usize) -> Option<Place> {
        let site = self.told.profile.sites.get(site)?;
        holders::best_place(self.told.scenario, self.told.profile, site.stack)
    }

    /// What the rules call it.
    fn named(&self, kind: Kind, draft: Draft) -> Found {
        let evidence = |kind| Evidence {
            kind,
            owner: draft.shown(kind),
            held_by: draft.held_by,
            types: draft.types.clone(),
            gains: draft.gains.clone(),
        };
        let (sentence, pattern, help) = match self.told.rules.name(&evidence(kind)) {
            // The rule's message is about garbage that the collector does free.
            Some(named) if kind == Kind::Cycle => (draft.stuck(), Some(named.rule), named.fix),
            Some(named) => (named.message, Some(named.rule), named.fix),
            None => (draft.sentence(), None, String::new()),
        };
        let Draft { name, types, path, place, held_by, is_longer, .. } = draft;
        let type_name = types.into_iter().next().unwrap_or_default();
        Found {
            kind,
            held_by,
            is_longer,
            owner: Owner { pattern, sentence, name, type_name, path, place, help },
        }
    }
}

/// An owner before it has a name.
struct Draft {
    name: String,
    held_by: Option<HeldBy>,
    is_longer: bool,
    types: Vec<String>,
    gains: String,
    path: Vec<String>,
    place: Option<Place>,
}

impl Draft {
    /// The owner as a message of that kind of rule says it.
    fn shown(&self, kind: Kind) -> String {
        let made = |what: &str| match &self.place {
            Some(place) => format!("{what} at {place}"),
            None => format!("{what} at a place that is not known"),
        };
        match kind {
            Kind::Growth => self.name.clone(),
            Kind::Resource => format!("kept by `{}`, {}", self.name, made("opened")),
            Kind::Thread => made("started"),
            Kind::Lost => made("made"),
            Kind::Cycle => made("made"),
        }
    }

    /// Of garbage that stays.
    fn stuck(&self) -> String {
        format!(
            "{} in reference cycles that the collector does not free, {}",
            self.gains,
            self.shown(Kind::Cycle)
        )
    }

    fn sentence(&self) -> String {
        match self.gains.strip_prefix("keeps ") {
            Some(_) => format!("`{}` ({}) {}", self.name, self.types[0], self.gains),
            // A variable keeps one object, and every running function has its own.
            None => format!("{}, by `{}`", self.gains, self.name),
        }
    }
}
