//! Who holds what came between two snapshots: for each new object the nearest older one on the way to it.
//!
//! ```text
//!   module ─► dict ─► PRICES ─► [Row, Row, Row]        older │ new
//!                        │         └──── dict …
//!                      owner      its entries, and what hangs on them
//! ```
//!
//! What went away is taken off in the same way, so that a container which replaces its entries does not grow. Owners whose
//! ways are alike but for indices and keys count as one.

use std::collections::HashMap;

use super::compare::Changes;
use super::model::{Edge, Known, Label, NodeId, NodeKind, RootKind, Snapshot};
use super::path::{CONTEXT, Detail, IS_CONTEXT, Path, key_text, own_name, shown};
use super::reach::{Hold, Reach};
use super::shape::{Shape, Shapes};

/// Most entries of each list of an owner.
const MOST_LISTED: usize = 8;

/// Objects and bytes, more or fewer than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Change {
    /// Bytes.
    pub bytes: i64,
    /// Objects.
    pub objects: i64,
}

impl Change {
    pub(super) fn add(&mut self, bytes: u64, sign: i64) {
        self.bytes += sign * bytes as i64;
        self.objects += sign;
    }
}

/// What holds memory that came between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// How it is held itself.
    pub hold: Hold,
    /// What it is: the first of those that count as one. An object of the later snapshot. `None`: there is none, the objects
    /// are held by nobody.
    pub node: Option<NodeId>,
    /// The name of its type.
    pub type_name: String,
    /// What holds it from outside, or the first of the objects.
    pub root: Option<RootKind>,
    /// What kind of object it is.
    pub kind: NodeKind,
    /// The way to it, as Python would write it: `app.cache.PRICES`.
    pub path: String,
    /// The same with `*` for indices and keys, which is what tells owners apart.
    pub shape: String,
    /// How many count as this one.
    pub count: usize,
    /// All that count as this one.
    pub nodes: Vec<NodeId>,
    /// Entries that it has more than before: of a container its length, of others the names that it has; where nobody holds
    /// the objects, how many of them nobody refers to.
    pub entries: i64,
    /// Entries that it has now, where it has a length.
    pub length: Option<u64>,
    /// What it holds more than before.
    pub held: Change,
    /// Of the objects that came, the types, most bytes first.
    pub types: Vec<(String, Change)>,
    /// The sites that allocated them, as indices into `Profile::sites`, most bytes first.
    pub sites: Vec<(usize, Change)>,
    /// The site that last made its table of entries longer.
    pub filled_at: Option<usize>,
    /// The site that allocated the owner.
    pub made_at: Option<usize>,
    /// Keys of new entries, as far as they are known.
    pub keys: Vec<String>,
    /// From the owner to the first of its new entries and beyond: types, as `list → app.Row`.
    pub beyond: String,
}

/// Finds the owners, those that hold most bytes more than before first; those that hold nothing more are left out.
pub fn owners(before: (&Snapshot, &Reach), after: (&Snapshot, &Reach), changes: &Changes) -> Vec<Owner> {
    let mut groups = Groups::default();
    let held = Held::of(after, |node| changes.is_new(node));
    held.each(|node, key| groups.add(after.0, node, key, 1));
    let lost = Held::of(before, |node| changes.is_gone(node));
    lost.each(|node, key| groups.add(before.0, node, key, -1));
    let mut owners: Vec<Owner> = groups
        .0
        .into_values()
        .filter(|group| group.held.bytes > 0 || group.held.objects > 0)
        .filter_map(|group| group.owner(after, before.0, changes))
        .collect();
    owners.sort_by(|a, b| b.held.cmp(&a.held).then_with(|| a.shape.cmp(&b.shape)));
    owners
}

/// What tells owners apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    hold: Hold,
    /// Whether an object that was there before holds what came.
    is_held: bool,
    shape: String,
    type_name: String,
}

/// Which objects of a snapshot that are in it alone belong to which object that is not.
struct Held<'a> {
    snapshot: &'a Snapshot,
    reach: &'a Reach,
    /// By object: its owner plus 1; 0: it is not in question.
    owner: Vec<u32>,
    is_alone: Vec<bool>,
}

/// In `Held::owner`: held by no object.
const NOBODY: u32 = u32::MAX;

impl<'a> Held<'a> {
    fn of((snapshot, reach): (&'a Snapshot, &'a Reach), is_alone: impl Fn(NodeId) -> bool) -> Self {
        let is_alone: Vec<bool> = snapshot.ids().map(is_alone).collect();
        let mut held = Held { snapshot, reach, owner: vec![0; snapshot.len()], is_alone };
        let mut way = Vec::new();
        for node in snapshot.ids() {
            held.find(node, &mut way);
        }
        held
    }

    /// Goes up to the nearest object that is not in question, and gives all on the way the same owner.
    fn find(&mut self, node: NodeId, way: &mut Vec<NodeId>) {
        let mut at = node;
        let owner = loop {
            if !self.is_alone[at.index()] {
                break at.0 + 1;
            }
            if self.owner[at.index()] != 0 {
                break self.owner[at.index()];
            }
            way.push(at);
            match self.reach.parent(self.snapshot, at) {
                Some((parent, _)) => at = parent,
                None => break NOBODY,
            }
        };
        for node in way.drain(..) {
            self.owner[node.index()] = owner;
        }
    }

    /// Calls `tell` with each object in question and its owner, if it has one.
    fn each(&self, mut tell: impl FnMut(NodeId, (&Key, Option<NodeId>, bool))) {
        let (snapshot, reach) = (self.snapshot, self.reach);
        let tops = if self.owner.contains(&NOBODY) { reach.tops(snapshot) } else { Vec::new() };
        let in_question = || snapshot.ids().filter(|node| self.is_alone[node.index()]);
        let owner = |node: NodeId| match self.owner[node.index()] {
            NOBODY => (None, tops[node.index()]),
            owner => (Some(self.meant(NodeId(owner - 1))), self.meant(NodeId(owner - 1))),
        };
        // All shapes first: whether there are longer ways is known then.
        let mut shapes = Shapes::new(snapshot, reach);
        in_question().for_each(|node| {
            shapes.of(owner(node).1);
        });
        let mut keys: HashMap<(Shape, u32), Key> = HashMap::new();
        for node in in_question() {
            let (named, meant) = owner(node);
            let shape = shapes.of(meant);
            let about = (shape, snapshot.nodes.types[meant.index()]);
            let key = keys.entry(about).or_insert_with(|| Key {
                hold: reach.hold(meant),
                is_held: named.is_some(),
                shape: shapes.text(shape),
                type_name: snapshot.type_name(meant).to_owned(),
            });
            let is_entry =
                reach.parent(snapshot, node).is_none_or(|(parent, _)| !self.is_alone[parent.index()]);
            tell(node, (key, named, is_entry));
        }
    }

    fn meant(&self, owner: NodeId) -> NodeId {
        meant(self.snapshot, self.reach, owner)
    }
}

/// The object that people mean: the instance, module or class, not the dictionary of its attributes; the function, not the
/// dictionary of its cache.
pub fn meant(snapshot: &Snapshot, reach: &Reach, owner: NodeId) -> NodeId {
    match reach.parent(snapshot, owner) {
        Some((parent, edge)) if matches!(edge.label, Label::Known(Known::Dictionary | Known::Cache)) => {
            parent
        }
        _ => owner,
    }
}

/// What is known of owners that count as one.
#[derive(Default)]
struct Group {
    hold: Option<Hold>,
    shape: String,
    type_name: String,
    /// Of the later snapshot, and what came to each.
    nodes: HashMap<NodeId, Change>,
    entries: i64,
    held: Change,
    types: HashMap<u32, Change>,
    sites: HashMap<u32, Change>,
    first: Option<NodeId>,
    /// Of a context: something that a variable of it has.
    value: Option<NodeId>,
}

#[derive(Default)]
struct Groups(HashMap<Key, Group>);

impl Groups {
    fn add(
        &mut self,
        snapshot: &Snapshot,
        node: NodeId,
        (key, named, is_entry): (&Key, Option<NodeId>, bool),
        sign: i64,
    ) {
        let group = match self.0.get_mut(key) {
            Some(group) => group,
            None => self.0.entry(key.clone()).or_insert_with(|| Group {
                hold: Some(key.hold),
                shape: key.shape.clone(),
                type_name: key.type_name.clone(),
                ..Group::default()
            }),
        };
        let bytes = snapshot.bytes(node);
        group.held.add(bytes, sign);
        if is_entry {
            group.entries += sign;
        }
        if sign < 0 {
            return;
        }
        if let Some(named) = named {
            group.nodes.entry(named).or_default().add(bytes, 1);
        }
        group.types.entry(snapshot.nodes.types[node.index()]).or_default().add(bytes, 1);
        group.sites.entry(snapshot.nodes.sites[node.index()]).or_default().add(bytes, 1);
        if is_entry {
            group.first.get_or_insert(node);
        }
        if key.type_name == CONTEXT && !IS_CONTEXT.contains(&snapshot.type_name(node)) {
            group.value.get_or_insert(node);
        }
    }
}

impl Group {
    fn owner(
        self,
        (after, reach): (&Snapshot, &Reach),
        before: &Snapshot,
        changes: &Changes,
    ) -> Option<Owner> {
        let most = self.nodes.iter().max_by_key(|(node, change)| (**change, std::cmp::Reverse(**node)));
        let node = most.map(|(node, _)| *node);
        let (first, hold) = (self.first?, self.hold?);
        let grown: i64 = self.nodes.keys().filter_map(|node| grown(after, before, changes, *node)).sum();
        let has_length = node.is_some_and(|node| is_container(after.kind(node)));
        // What a context has is known by its variable.
        let value = self.value.map(|value| of_context(after, reach, value));
        let path = Path::to(after, reach, value.or(node).unwrap_or(first));
        Some(Owner {
            hold,
            node,
            root: path.root.as_ref().map(|root| root.kind),
            kind: node.map_or(NodeKind::Other, |node| after.kind(node)),
            type_name: match value {
                Some(value) => after.type_name(value).to_owned(),
                None => self.type_name,
            },
            path: path.text(after, Detail::Exact),
            shape: self.shape,
            count: self.nodes.len().max(1),
            nodes: self.nodes.keys().copied().collect(),
            entries: if node.is_some() { grown } else { self.entries },
            length: node.filter(|_| has_length).and_then(|node| entries_of(after, node)),
            held: self.held,
            types: listed(self.types, |number| after.type_names.get(number as usize).cloned()),
            sites: listed(self.sites, |site| (site as usize).checked_sub(1)),
            filled_at: node.and_then(|node| after.filled_at(node)),
            made_at: node.and_then(|node| after.site(node)),
            keys: node.map_or_else(Vec::new, |node| match after.kind(node) {
                NodeKind::Module => variable(after, before, changes, node).into_iter().collect(),
                _ => keys(after, changes, node),
            }),
            beyond: beyond(after, reach, changes, first),
        })
    }
}

/// What a variable of a context has, on the way to one of its objects.
fn of_context(after: &Snapshot, reach: &Reach, value: NodeId) -> NodeId {
    let mut at = value;
    while let Some((parent, _)) = reach.parent(after, at) {
        if IS_CONTEXT.contains(&after.type_name(parent)) {
            break;
        }
        at = parent;
    }
    at
}

fn grown(after: &Snapshot, before: &Snapshot, changes: &Changes, node: NodeId) -> Option<i64> {
    let length = |snapshot: &Snapshot, node| {
        let length = if is_container(snapshot.kind(node)) {
            entries_of(snapshot, node)?
        } else {
            names_of(snapshot, node)
        };
        Some(length as i64)
    };
    Some(length(after, node)? - changes.before(node).and_then(|node| length(before, node)).unwrap_or(0))
}

/// Names that an object has, in its dictionary or beside it.
fn names_of(snapshot: &Snapshot, node: NodeId) -> u64 {
    let names = snapshot.edges_of(node).map(|edge| match edge.label {
        Label::Known(Known::Dictionary) => snapshot.length(edge.to).unwrap_or(0),
        Label::Attribute(_) => 1,
        _ => 0,
    });
    names.sum()
}

/// Entries of a container, or of a function's cache.
pub fn entries_of(snapshot: &Snapshot, node: NodeId) -> Option<u64> {
    if snapshot.kind(node) != NodeKind::Cache {
        return snapshot.length(node);
    }
    let cache = snapshot.edges_of(node).find(|edge| edge.label == Label::Known(Known::Cache))?;
    snapshot.length(cache.to)
}

/// The keys of new entries of a dictionary or cache, in its order; what is written alike once.
pub fn keys(after: &Snapshot, changes: &Changes, node: NodeId) -> Vec<String> {
    let cache = after.edges_of(node).find(|edge| edge.label == Label::Known(Known::Cache));
    let is_new = |value, key| changes.is_new(value) || changes.is_new(NodeId(key));
    let key = |edge: Edge| match edge.label {
        Label::Key(name) if is_new(edge.to, name) => Some(shown(after, NodeId(name))),
        Label::KeyObject(key) if is_new(edge.to, key) => Some(key_text(after, NodeId(key))),
        _ => None,
    };
    let new = after.edges_of(cache.map_or(node, |cache| cache.to)).filter_map(key);
    let mut keys: Vec<String> = Vec::new();
    for key in new {
        if keys.len() == MOST_LISTED {
            break;
        }
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The variable of a module whose value is new or larger than before: the only one, or the one that gained nearly all.
fn variable(after: &Snapshot, before: &Snapshot, changes: &Changes, module: NodeId) -> Option<String> {
    let names = after.edges_of(module).find(|edge| edge.label == Label::Known(Known::Dictionary));
    let was = |node| changes.before(node).map_or(0, |old| before.bytes(old));
    let gained = after.edges_of(names.map_or(module, |names| names.to)).filter_map(|edge| match edge.label {
        Label::Key(name) => Some((after.bytes(edge.to).saturating_sub(was(edge.to)), name)),
        _ => None,
    });
    let gained: Vec<(u64, u32)> = gained.filter(|(bytes, _)| *bytes > 0).collect();
    let all: u64 = gained.iter().map(|(bytes, _)| *bytes).sum();
    let (most, name) = gained.iter().copied().max_by_key(|(bytes, _)| *bytes)?;
    (gained.len() == 1 || most > all / 10 * 9).then(|| shown(after, NodeId(name)))
}

/// Whether an object has entries.
pub(super) fn is_container(kind: NodeKind) -> bool {
    use NodeKind::{Array, ByteArray, Cache, Deque, Dictionary, List, OrderedDictionary, Set};
    matches!(kind, Array | ByteArray | Cache | Deque | Dictionary | List | OrderedDictionary | Set)
}

/// The largest of what is counted by number; those without a name are left out.
fn listed<T: Ord>(counted: HashMap<u32, Change>, name: impl Fn(u32) -> Option<T>) -> Vec<(T, Change)> {
    let mut listed: Vec<(T, Change)> =
        counted.into_iter().filter_map(|(number, change)| Some((name(number)?, change))).collect();
    listed.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    listed.truncate(MOST_LISTED);
    listed
}

/// Types on the way from an entry to the largest of what hangs on it.
fn beyond(after: &Snapshot, reach: &Reach, changes: &Changes, entry: NodeId) -> String {
    const LONGEST: usize = 4;
    let (mut text, mut at) = (after.type_name(entry).to_owned(), entry);
    for _ in 0..LONGEST {
        let is_below = |to: &NodeId| {
            changes.is_new(*to) && reach.parent(after, *to).is_some_and(|(parent, _)| parent == at)
        };
        let below = after.edges_of(at).map(|edge| edge.to).filter(is_below);
        let Some(next) = below
            .filter(|to| after.site(*to).is_some())
            .max_by_key(|to| (after.bytes(*to), std::cmp::Reverse(*to)))
        else {
            break;
        };
        text.push_str(" → ");
        text.push_str(&own_name(after, next));
        at = next;
    }
    text
}

/// Whether an owner holds more only because C code holds it, or has lost it.
pub fn is_lost(owner: &Owner) -> bool {
    owner.node.is_none() && owner.hold == Hold::Native
}
