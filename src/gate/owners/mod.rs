//! Who keeps what grows, from pictures of a process's heap before and after some iterations, and what the rules call it.
//!
//! `held_by` says what the way to an owner begins with, `gains` how much it keeps, in words; `garbage` what only the collector
//! frees, `native` what a library keeps or loses; `kept` what kind of thing an owner keeps and what is known of it: `open` where
//! descriptors lead, `running` what threads do, `cached` the keys of a cache. `draft` makes the sentence.

mod cached;
mod draft;
mod gains;
mod garbage;
mod held_by;
mod kept;
mod large;
mod native;
mod open;
mod running;

pub use gains::Judged;
pub use garbage::cycles;
pub use large::largest;
pub use native::native;
pub use open::descriptors;
pub use running::{callbacks, children, native_threads};

pub use crate::scenario::Values;

use std::collections::{BTreeMap, BTreeSet};

use self::draft::Draft;
use self::gains::Gains;
use self::held_by::held_by;
use self::kept::Kept;
use crate::finding::{Owner, Place};
use crate::gate::place::ScenarioFacts;
use crate::gate::{holders, threads};
use crate::heap::compare::Changes;
use crate::heap::lengths::{Longer, longer};
use crate::heap::model::{Known, Label, NodeKind, RootKind};
use crate::heap::path::{Detail, Path};
use crate::heap::reach::Hold;
use crate::heap::{self, NodeId, Reach, Snapshot};
use crate::profile::Profile;
use crate::rules::{Evidence, HeldBy, Kind, RuleSet};
use crate::scenario::around::Around;

/// What grows fewer times than this may be chance.
const LEAST: i64 = 3;
/// Owners that a finding names.
const MOST: usize = 4;
/// Types on the way from an owner to what it keeps that are told.
const BEYOND: usize = 2;
/// The type of a function with a cache.
const LRU_CACHE: &str = "functools._lru_cache_wrapper";
/// Where the interpreter notes the threads that run.
const THREADS: [&str; 3] = ["threading._active", "threading._limbo", "threading._dangling"];

/// A process before and after some iterations.
pub struct Heaps<'a> {
    /// Before them and after them. Those in between tell whether an address was taken by another object meanwhile.
    pub snapshots: &'a [Snapshot],
    /// How many there were.
    pub iterations: u32,
    /// What the judged iterations before them added to the one container that grows, if there is one.
    pub judged: Option<Judged>,
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
    /// Whether examples of what is kept may be told.
    pub values: Values,
    /// What came beside objects; `None`: it was not looked at.
    pub around: Option<&'a Around>,
}

impl Told<'_> {
    /// How much of a way may be written out: keys are values of the program.
    fn detail(&self) -> Detail {
        if self.values == Values::Hidden { Detail::Shape } else { Detail::Exact }
    }
}

/// An owner with the kind of what it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What kind of evidence it is.
    pub kind: Kind,
    /// Whether descriptors are open with what it keeps.
    pub is_open: bool,
    /// The owner.
    pub owner: Owner,
}

impl Found {
    /// Whether it stands for child processes.
    pub fn is_of_children(&self) -> bool {
        self.kind == Kind::Thread && self.owner.path.iter().any(|step| running::is_child(step))
    }
}

/// Who keeps more than before, the largest first.
pub fn owners(told: Told, heaps: &Heaps) -> Vec<Found> {
    let (Some(changes), [before, .., after]) = (Changes::along(heaps.snapshots), heaps.snapshots) else {
        return Vec::new();
    };
    let (reach_before, reach_after) = (Reach::of(before), Reach::of(after));
    let mut looked = Looked {
        told,
        iterations: heaps.iterations,
        after,
        reach: &reach_after,
        changes: &changes,
        judged: None,
    };
    let all = heap::owners((before, &reach_before), (after, &reach_after), &changes);
    let mut nodes: BTreeSet<NodeId> = BTreeSet::new();
    let mut candidates: Vec<Candidate> = Vec::new();
    for owner in all.iter().filter(|owner| counts(owner)) {
        nodes.extend(owner.node);
        candidates.push(looked.candidate(owner));
    }
    for longer in longer(before, (after, &reach_after), &changes) {
        let around = reach_after.parent(after, longer.node).map(|(around, _)| around);
        let is_known = nodes.contains(&longer.node) || around.is_some_and(|around| nodes.contains(&around));
        if longer.entries >= LEAST.unsigned_abs() && !is_known {
            nodes.insert(longer.node);
            candidates.push(Candidate::Longer(longer));
        }
    }
    if candidates.is_empty() {
        let larger = all.iter().filter(|owner| gets_larger(owner, heaps.iterations));
        candidates.extend(larger.map(|owner| looked.candidate(owner)));
    }
    // What got longer is an owner for certain; an object may be shared with a cache that is nearer.
    candidates.sort_by_key(|candidate| !candidate.is_longer());
    looked.judged = heaps.judged.filter(|_| candidates.len() == 1);
    looked.named_of(&candidates)
}

/// What may be an owner to be told of: to name one takes a look at the whole heap.
enum Candidate<'a> {
    /// New objects are held by it.
    Holder(&'a heap::Owner, Kept<'a>),
    /// A container to which something came that is no new object.
    Longer(Longer),
}

impl Candidate<'_> {
    fn is_longer(&self) -> bool {
        match self {
            Candidate::Holder(owner, _) => is_longer(owner),
            Candidate::Longer(_) => true,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Candidate::Holder(_, kept) => kept.kind,
            Candidate::Longer(_) => Kind::Growth,
        }
    }
}

fn is_longer(owner: &heap::Owner) -> bool {
    owner.length.is_some() && owner.entries >= LEAST
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

/// Whether a variable of a running function holds the objects.
fn is_variable(owner: &heap::Owner) -> bool {
    owner.node.is_none() && matches!(owner.root, Some(RootKind::Local { .. }))
}

/// Whether the interpreter itself holds the first of the objects, and each of them the next.
fn is_registered(owner: &heap::Owner) -> bool {
    owner.node.is_none() && matches!(owner.root, Some(RootKind::Registry(_)))
}

struct Looked<'a> {
    told: Told<'a>,
    iterations: u32,
    after: &'a Snapshot,
    reach: &'a Reach,
    changes: &'a Changes,
    /// Of the only owner that there is.
    judged: Option<Judged>,
}

impl<'a> Looked<'a> {
    fn candidate(&self, owner: &'a heap::Owner) -> Candidate<'a> {
        let (name, _) = self.names(owner);
        Candidate::Holder(owner, self.kept(owner, &name))
    }

    /// The first of them, named, but for what is said already: the interpreter notes a thread in several places.
    fn named_of(&self, candidates: &[Candidate]) -> Vec<Found> {
        let has_threads = candidates.iter().any(|candidate| candidate.kind() == Kind::Thread);
        let mut found: Vec<Found> = Vec::new();
        for candidate in candidates {
            if found.len() == MOST {
                break;
            }
            let next = match candidate {
                Candidate::Holder(owner, kept) if has_threads && self.comes_with_thread(owner, kept) => {
                    continue;
                }
                Candidate::Holder(owner, kept) => self.found(owner, kept),
                Candidate::Longer(longer) => self.longer(longer),
            };
            if found.iter().all(|found| found.owner.sentence != next.owner.sentence) {
                found.push(next);
            }
        }
        found
    }

    /// Whether a thread brings it with it: its variables, and what the interpreter's own C code holds for it.
    fn comes_with_thread(&self, owner: &heap::Owner, kept: &Kept) -> bool {
        kept.kind == Kind::Lost || self.held_by(owner) == Some(HeldBy::Local)
    }

    fn held_by(&self, owner: &heap::Owner) -> Option<HeldBy> {
        match owner.node {
            Some(node) => Some(held_by(self.after, self.reach, node)),
            None => held_by::of_root(owner.root).filter(|_| owner.hold == Hold::Named),
        }
    }

    fn found(&self, owner: &heap::Owner, kept: &Kept) -> Found {
        let (name, type_name) = self.names(owner);
        let kind = kept.kind;
        let gains = self.gains(owner, kept, &type_name);
        // A thread, or what is to be closed, is known by where it was made itself.
        let entry = match (kind, kept.of) {
            (Kind::Thread, None) => owner.beyond.split(" → ").next(),
            (_, of) => of.map(|(of, _)| of),
        };
        let made = entry.and_then(|of| self.made_at(of));
        let started = || self.started_at().filter(|_| kind == Kind::Thread && kept.of.is_none());
        let place = made.or_else(started).or_else(|| self.best_place(owner, kind));
        let path = self.path(owner, (&name, &type_name), kind);
        // Functions that have caches make no cache of what keeps them.
        let kept_types = owner.types.iter().map(|(name, _)| name).filter(|name| *name != LRU_CACHE);
        let types = std::iter::once(type_name).chain(kept_types.cloned()).collect();
        let facts = self.facts(owner, kept);
        let is_open = !self.descriptors(owner).is_empty();
        let held_by = self.held_by(owner);
        let is_thread = kind == Kind::Thread && kept.of.is_none();
        let pool = self.told.around.filter(|_| is_thread).and_then(running::pool);
        self.named(kind, Draft { name, held_by, is_open, pool, types, gains, path, place, facts })
    }

    fn gains(&self, owner: &heap::Owner, kept: &Kept, type_name: &str) -> String {
        let gains = Gains {
            // What the interpreter calls first is one object, and not one more. Of what is lost, that which nothing refers to.
            entries: if is_registered(owner) { 0 } else { owner.entries.max(0).unsigned_abs() },
            objects: owner.held.objects.max(0).unsigned_abs(),
            bytes: owner.held.bytes.max(0).unsigned_abs(),
            iterations: self.iterations,
        };
        match (kept.kind, kept.of, kept.noun) {
            (_, Some((_, count)), Some(noun)) => gains.counted(count, noun),
            (_, Some((of, count)), None) => gains.counted(count, &format!("`{of}` is open")),
            (Kind::Thread, ..) => gains.counted(gains.entries, "thread is alive"),
            (Kind::Lost, ..) => gains.lost(type_name),
            (Kind::Cycle, ..) => gains.counted(gains.objects, "object is kept"),
            _ if is_variable(owner) => gains.counted(gains.entries, &format!("`{type_name}` is kept")),
            _ => gains.over(self.judged).in_words(),
        }
    }

    fn path(&self, owner: &heap::Owner, (name, type_name): (&str, &str), kind: Kind) -> Vec<String> {
        if kind == Kind::Lost {
            return vec![format!("nothing in Python, {type_name}")];
        }
        let first = match owner.length {
            Some(length) => self.with_length(name, type_name, length),
            None => format!("{name} ({type_name})"),
        };
        // A variable's value is named with it.
        let is_said = usize::from(owner.kind == NodeKind::Module && !owner.keys.is_empty());
        let beyond = owner.beyond.split(" → ").skip(is_said).take(BEYOND).map(str::to_owned);
        std::iter::once(first).chain(beyond).collect()
    }

    /// How people name an owner, and its type. The dictionary inside of a cache is the cache.
    fn names(&self, owner: &heap::Owner) -> (String, String) {
        let is_shape = owner.count > 1 || owner.node.is_none() || self.told.detail() == Detail::Shape;
        let name = if is_shape { &owner.shape } else { &owner.path };
        if let (NodeKind::Module, [variable]) = (owner.kind, &owner.keys[..]) {
            // A text that got longer; a chain that hangs on a variable: each new object is its value, and holds the one before.
            let of = owner.beyond.split(" → ").next().filter(|of| !of.is_empty()).unwrap_or(&owner.type_name);
            return (format!("{name}.{variable}"), of.to_owned());
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

    /// Where most of the threads were started that came.
    fn started_at(&self) -> Option<Place> {
        let number = self.told.around?.threads.len();
        let started = threads::most_started_of_newest(self.told.scenario, self.told.profile, number);
        started.map(|(place, _)| place)
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
        let name = Path::to(after, self.reach, longer.node).text(after, self.told.detail());
        let gains = Gains { entries: longer.entries, objects: 0, bytes: 0, iterations: self.iterations };
        let filled = after.filled_at(longer.node).and_then(|site| self.place(site));
        let entries = i64::try_from(longer.entries).unwrap_or(i64::MAX);
        let keys = heap::owners::keys(after, self.changes, longer.node);
        self.named(
            Kind::Growth,
            Draft {
                facts: cached::facts(after.kind(longer.node), &keys, entries, self.told.values),
                is_open: false,
                pool: None,
                path: vec![self.with_length(&name, &type_name, longer.length)],
                held_by: Some(held_by(after, self.reach, longer.node)),
                types: vec![type_name],
                gains: gains.over(self.judged).in_words(),
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
        let Draft { name, types, path, place, facts, is_open, .. } = draft;
        let type_name = types.into_iter().next().unwrap_or_default();
        Found { kind, is_open, owner: Owner { pattern, sentence, name, type_name, path, place, facts, help } }
    }
}
