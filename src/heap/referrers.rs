//! What refers to objects, level by level: those that refer to them, those that refer to these, and so on; what is of the
//! same type and refers by the same name counts as one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::model::{Label, NodeId, NodeKind, RootKind, Snapshot};
use super::path::{is_names, label_text, own_name};
use super::reach::Reach;

/// References in the other direction.
#[derive(Debug, Clone)]
pub struct Backwards {
    starts: Vec<u32>,
    /// Who refers, and which of its references it is.
    from: Vec<(NodeId, u32)>,
}

impl Backwards {
    /// Turns all references round.
    pub fn of(snapshot: &Snapshot) -> Backwards {
        let mut starts = vec![0u32; snapshot.len() + 1];
        snapshot.edges.to.iter().for_each(|to| starts[to.index() + 1] += 1);
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut from = vec![(NodeId(0), 0); snapshot.edges.to.len()];
        for node in snapshot.ids() {
            for at in snapshot.edges.range(node) {
                let place = &mut next[snapshot.edges.to[at].index()];
                from[*place as usize] = (node, at as u32);
                *place += 1;
            }
        }
        Backwards { starts, from }
    }

    /// Who refers to an object, and by what name.
    pub fn of_node<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        node: NodeId,
    ) -> impl Iterator<Item = (NodeId, Label)> + 'a {
        let range = self.starts[node.index()] as usize..self.starts[node.index() + 1] as usize;
        self.from[range].iter().map(|(from, at)| (*from, snapshot.edges.labels[*at as usize]))
    }
}

/// Objects that refer to others, by the same name and of the same type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// What they are: their type's name, or the name of the one module, function or class.
    pub name: String,
    /// Whether that is the name of one object.
    pub is_named: bool,
    /// By what name they refer: `.rows`, `[*]`; empty where it is not known, and for the objects that were asked for.
    pub label: String,
    /// How many objects.
    pub objects: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// References that they have to those that they are asked about.
    pub references: u64,
    /// What else holds some of them, from outside: variables, threads, C code; in words, with how many.
    pub roots: Vec<(String, u64)>,
    /// What refers to them; the largest groups first.
    pub referrers: Vec<Referrer>,
    /// Groups that are not shown.
    pub more: u64,
}

/// How far is looked.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Levels.
    pub depth: u32,
    /// Most groups that refer to one.
    pub groups: usize,
}

/// What refers to these objects.
pub fn referrers(snapshot: &Snapshot, reach: &Reach, nodes: &[NodeId], extent: Extent) -> Referrer {
    let backwards = Backwards::of(snapshot);
    let mut roots = HashMap::new();
    for root in &reach.roots {
        roots.entry(root.node).or_insert(root.kind);
    }
    let mut tree = Growing {
        snapshot,
        reach,
        backwards: &backwards,
        roots,
        seen: nodes.iter().copied().collect(),
        extent,
    };
    tree.grow(String::new(), nodes, nodes.len() as u64, 0)
}

struct Growing<'a> {
    snapshot: &'a Snapshot,
    reach: &'a Reach,
    backwards: &'a Backwards,
    roots: HashMap<NodeId, RootKind>,
    /// Each object stands once, where it is nearest.
    seen: HashSet<NodeId>,
    extent: Extent,
}

/// Objects of one group, and references that they have.
#[derive(Default)]
struct Members {
    nodes: Vec<NodeId>,
    known: HashSet<NodeId>,
    references: u64,
}

impl Growing<'_> {
    fn grow(&mut self, label: String, nodes: &[NodeId], references: u64, depth: u32) -> Referrer {
        let snapshot = self.snapshot;
        let (name, is_named) = name(snapshot, nodes);
        let mut group = Referrer {
            name,
            is_named,
            label,
            objects: nodes.len() as u64,
            bytes: nodes.iter().map(|node| snapshot.bytes(*node)).sum(),
            references,
            roots: self.roots_of(nodes),
            referrers: Vec::new(),
            more: 0,
        };
        if depth == self.extent.depth {
            return group;
        }
        let mut members = self.members(nodes);
        group.more = members.len().saturating_sub(self.extent.groups) as u64;
        members.truncate(self.extent.groups);
        members.iter().for_each(|(_, members)| self.seen.extend(&members.nodes));
        for (label, members) in members {
            let below = self.grow(label, &members.nodes, members.references, depth + 1);
            group.referrers.push(below);
        }
        group
    }

    /// Those that refer to these objects, by what they are and the name that they refer by.
    fn members(&self, nodes: &[NodeId]) -> Vec<(String, Members)> {
        let mut groups: HashMap<(u32, Label), Members> = HashMap::new();
        for node in nodes {
            for (from, label) in self.backwards.of_node(self.snapshot, *node) {
                if self.seen.contains(&from) {
                    continue;
                }
                let members = groups.entry((self.what(from), self.alike(from, label))).or_default();
                members.references += 1;
                if members.known.insert(from) {
                    members.nodes.push(from);
                }
            }
        }
        let text = |((_, label), members): ((u32, Label), Members)| {
            let first = members.nodes[0];
            (own_name(self.snapshot, first), label_text(self.snapshot, self.reach, first, label), members)
        };
        let mut groups: Vec<_> = groups.into_iter().map(text).collect();
        groups.sort_by(|(name, label, members), (other_name, other_label, other)| {
            (other.references, other.nodes.len())
                .cmp(&(members.references, members.nodes.len()))
                .then_with(|| (name, label).cmp(&(other_name, other_label)))
        });
        groups.into_iter().map(|(_, label, members)| (label, members)).collect()
    }

    /// What an object counts as: itself where it has a name, else its type.
    fn what(&self, node: NodeId) -> u32 {
        match self.snapshot.kind(node) {
            NodeKind::Module | NodeKind::Function | NodeKind::Type | NodeKind::Cell => node.0,
            _ => self.snapshot.nodes.types[node.index()] | 1 << 31,
        }
    }

    /// The same label for all indices and keys.
    fn alike(&self, from: NodeId, label: Label) -> Label {
        let is_names = || is_names(self.snapshot, self.reach, from);
        match label {
            Label::Key(_) if is_names() => label,
            Label::Key(_) | Label::KeyObject(_) | Label::Item(_) => Label::Item(0),
            _ => label,
        }
    }

    fn roots_of(&self, nodes: &[NodeId]) -> Vec<(String, u64)> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for kind in nodes.iter().filter_map(|node| self.roots.get(node)) {
            *counts.entry(super::path::root_text(self.snapshot, *kind)).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}

fn name(snapshot: &Snapshot, nodes: &[NodeId]) -> (String, bool) {
    let first = nodes.first().map_or_else(String::new, |node| own_name(snapshot, *node));
    let type_name = nodes.first().map_or("", |node| snapshot.type_name(*node));
    let is_named = first != type_name;
    if nodes.iter().any(|node| own_name(snapshot, *node) != first) {
        return (type_name.to_owned(), false);
    }
    (first, is_named)
}
