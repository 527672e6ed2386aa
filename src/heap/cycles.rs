//! What only the collector frees: the objects that nothing else holds, and the circles in which they hold each other.

use std::collections::{HashMap, VecDeque};

use super::model::{Edge, Known, Label, NodeId, Snapshot};
use super::path::shown;
use super::reach::{Hold, Reach};

/// Most steps of a circle that are written out.
const SHOWN: usize = 8;
/// An instance's attributes.
const DICTIONARY: Label = Label::Known(Known::Dictionary);
/// Types that are listed.
const TYPES: usize = 5;

/// The garbage of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Garbage {
    /// How many objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their types with how many there are of each, those with the most bytes first.
    pub types: Vec<(String, u64)>,
    /// The circles of one shape, those that hold the most bytes first.
    pub cycles: Vec<Cycle>,
}

/// Circles of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The way around: `Node.child → Node.parent → Node`.
    pub around: String,
    /// How many there are.
    pub count: u64,
    /// Bytes of the objects that are part of them.
    pub bytes: u64,
    /// The site that made the largest object of the first one, as an index into `Profile::sites`.
    pub made_at: Option<usize>,
}

/// Looks for it.
pub fn garbage(snapshot: &Snapshot, reach: &Reach) -> Garbage {
    let is_garbage: Vec<bool> = snapshot.ids().map(|node| reach.hold(node) == Hold::Cycle).collect();
    let nodes: Vec<NodeId> = snapshot.ids().filter(|node| is_garbage[node.index()]).collect();
    let mut of_type: HashMap<&str, (u64, u64)> = HashMap::new();
    for node in &nodes {
        let (bytes, count) = of_type.entry(snapshot.type_name(*node)).or_default();
        *bytes += snapshot.bytes(*node);
        *count += 1;
    }
    let mut types: Vec<(&str, (u64, u64))> = of_type.into_iter().collect();
    types.sort_by_key(|(name, amount)| (std::cmp::Reverse(*amount), *name));
    Garbage {
        objects: nodes.len() as u64,
        bytes: nodes.iter().map(|node| snapshot.bytes(*node)).sum(),
        types: types.into_iter().take(TYPES).map(|(name, (_, count))| (name.to_owned(), count)).collect(),
        cycles: cycles(snapshot, &nodes, &is_garbage),
    }
}

fn cycles(snapshot: &Snapshot, nodes: &[NodeId], is_garbage: &[bool]) -> Vec<Cycle> {
    let mut found: HashMap<String, Cycle> = HashMap::new();
    for part in parts(snapshot, nodes, is_garbage) {
        let bytes: u64 = part.iter().map(|node| snapshot.bytes(*node)).sum();
        let Some(around) = around(snapshot, &part) else { continue };
        let largest = part.iter().filter(|node| snapshot.site(**node).is_some());
        let largest = largest.max_by_key(|node| (snapshot.bytes(**node), std::cmp::Reverse(**node)));
        let cycle = found.entry(around.clone()).or_insert_with(|| Cycle {
            around,
            count: 0,
            bytes: 0,
            made_at: largest.and_then(|node| snapshot.site(*node)),
        });
        cycle.count += 1;
        cycle.bytes += bytes;
    }
    let mut cycles: Vec<Cycle> = found.into_values().collect();
    cycles.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.around.cmp(&other.around)));
    cycles
}

/// The parts in which every object can be reached from every other: Tarjan's algorithm, without recursion.
fn parts(snapshot: &Snapshot, nodes: &[NodeId], is_garbage: &[bool]) -> Vec<Vec<NodeId>> {
    const UNSEEN: u32 = u32::MAX;
    let mut walk = Walk {
        number: vec![UNSEEN; is_garbage.len()],
        lowest: vec![0; is_garbage.len()],
        is_open: vec![false; is_garbage.len()],
        open: Vec::new(),
        next: 0,
    };
    let mut parts = Vec::new();
    for root in nodes {
        if walk.number[root.index()] != UNSEEN {
            continue;
        }
        walk.enter(*root);
        let mut way = vec![(*root, snapshot.edges.range(*root))];
        while let Some((node, edges)) = way.last_mut() {
            let node = *node;
            let Some(at) = edges.next() else {
                way.pop();
                if let Some((caller, _)) = way.last() {
                    walk.lower(*caller, walk.lowest[node.index()]);
                }
                parts.extend(walk.close(snapshot, node));
                continue;
            };
            let to = snapshot.edges.to[at];
            if !is_garbage[to.index()] {
                continue;
            }
            if walk.number[to.index()] == UNSEEN {
                walk.enter(to);
                way.push((to, snapshot.edges.range(to)));
            } else if walk.is_open[to.index()] {
                walk.lower(node, walk.number[to.index()]);
            }
        }
    }
    parts
}

struct Walk {
    number: Vec<u32>,
    lowest: Vec<u32>,
    is_open: Vec<bool>,
    open: Vec<NodeId>,
    next: u32,
}

impl Walk {
    fn enter(&mut self, node: NodeId) {
        self.number[node.index()] = self.next;
        self.lowest[node.index()] = self.next;
        self.is_open[node.index()] = true;
        self.open.push(node);
        self.next += 1;
    }

    fn lower(&mut self, node: NodeId, to: u32) {
        let lowest = &mut self.lowest[node.index()];
        *lowest = (*lowest).min(to);
    }

    /// The part that ends with this object, if one does and it is a circle.
    fn close(&mut self, snapshot: &Snapshot, node: NodeId) -> Option<Vec<NodeId>> {
        if self.lowest[node.index()] != self.number[node.index()] {
            return None;
        }
        let start = self.open.iter().rposition(|open| *open == node)?;
        let part = self.open.split_off(start);
        part.iter().for_each(|node| self.is_open[node.index()] = false);
        let is_own = |node: &NodeId| snapshot.edges_of(*node).any(|edge| edge.to == *node);
        (part.len() > 1 || part.iter().any(is_own)).then_some(part)
    }
}

/// The shortest way around from the object of a part that tells most: an instance before a dictionary or a tuple.
fn around(snapshot: &Snapshot, part: &[NodeId]) -> Option<String> {
    let inside: std::collections::HashSet<NodeId> = part.iter().copied().collect();
    let tells = |node: &&NodeId| (is_plain(snapshot, **node), **node);
    let start = *part.iter().min_by_key(tells)?;
    let mut from: HashMap<NodeId, (NodeId, Edge)> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for edge in snapshot.edges_of(at).filter(|edge| inside.contains(&edge.to)) {
            if edge.to == start {
                return Some(written(snapshot, start, (at, edge), &from));
            }
            if !from.contains_key(&edge.to) {
                from.insert(edge.to, (at, edge));
                queue.push_back(edge.to);
            }
        }
    }
    None
}

/// Whether it is a builtin container, which says less than what it belongs to.
fn is_plain(snapshot: &Snapshot, node: NodeId) -> bool {
    !snapshot.type_name(node).contains('.')
}

fn written(
    snapshot: &Snapshot,
    start: NodeId,
    last: (NodeId, Edge),
    from: &HashMap<NodeId, (NodeId, Edge)>,
) -> String {
    let mut steps = vec![last];
    while let Some(step) = from.get(&steps[steps.len() - 1].0) {
        steps.push(*step);
    }
    steps.reverse();
    let mut text = snapshot.type_name(start).to_owned();
    for (index, (_, edge)) in steps.iter().enumerate() {
        if index == SHOWN && steps.len() > SHOWN + 1 {
            text.push_str(&format!(" → … {} more → {}", steps.len() - SHOWN, snapshot.type_name(start)));
            return text;
        }
        let before = index.checked_sub(1).map(|before| steps[before].1.label);
        match (before, edge.label) {
            (Some(DICTIONARY), Label::Key(name)) => text.push_str(&named(snapshot, Label::Attribute(name))),
            (_, label) => text.push_str(&named(snapshot, label)),
        }
        // The dictionary of an instance's attributes is not what people see.
        if edge.label != DICTIONARY {
            text.push_str(" → ");
            text.push_str(snapshot.type_name(edge.to));
        }
    }
    text
}

/// A reference, as Python would write it.
fn named(snapshot: &Snapshot, label: Label) -> String {
    match label {
        Label::Attribute(name) | Label::Variable(name) => format!(".{}", shown(snapshot, NodeId(name))),
        Label::Key(name) => format!("['{}']", shown(snapshot, NodeId(name))),
        Label::Item(_) => "[…]".to_owned(),
        Label::KeyObject(_) => "[…]".to_owned(),
        Label::DictionaryKey => ".keys()".to_owned(),
        Label::Element => "{…}".to_owned(),
        DICTIONARY | Label::None => String::new(),
        Label::Known(known) => format!(".{}", known.text()),
    }
}
