//! Objects that refer to each other in a ring, and that nothing else holds: only the collector frees them.

use std::collections::HashMap;

use super::model::{Known, Label, NodeId, NodeKind, RootKind, Snapshot};
use super::owners::Change;
use super::path::shown;
use super::reach::{Hold, Reach};

/// Rings that are alike: the same types, referring to each other by the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Once around, from the object that the way begins with: `app.Node.other → app.Node.back → app.Node`.
    pub path: String,
    /// The objects of the first of them, once around.
    pub ring: Vec<NodeId>,
    /// How many there are.
    pub count: usize,
    /// What they take together, with all that hangs on them.
    pub held: Change,
    /// The sites that allocated the objects of the rings, as indices into `Profile::sites`, with what each takes.
    pub sites: Vec<(usize, Change)>,
    /// Whether a frame, a traceback or an exception is part of the ring.
    pub has_frame: bool,
}

/// The rings of a snapshot, those that take most first. `is_meant`: which of the objects count.
pub fn cycles(snapshot: &Snapshot, reach: &Reach, is_meant: impl Fn(NodeId) -> bool) -> Vec<Cycle> {
    let mut groups: HashMap<String, Cycle> = HashMap::new();
    let mut head_of: HashMap<NodeId, String> = HashMap::new();
    for root in reach.roots.iter().filter(|root| root.kind == RootKind::Cycle && is_meant(root.node)) {
        let ring = ring(snapshot, reach, root.node);
        let path = text(snapshot, &ring);
        let nodes: Vec<NodeId> = ring.iter().map(|(node, _)| *node).collect();
        let group = groups.entry(path.clone()).or_insert_with(|| Cycle {
            path: path.clone(),
            has_frame: nodes.iter().any(|node| is_of_frame(snapshot, *node)),
            ring: nodes.clone(),
            count: 0,
            held: Change::default(),
            sites: Vec::new(),
        });
        group.count += 1;
        nodes.iter().for_each(|node| add_site(snapshot, *node, &mut group.sites));
        head_of.insert(root.node, path);
    }
    let tops = if groups.is_empty() { Vec::new() } else { reach.tops(snapshot) };
    for (node, head) in snapshot.ids().zip(tops).filter(|(node, _)| reach.hold(*node) == Hold::Cycle) {
        if let Some(group) = head_of.get(&head).and_then(|path| groups.get_mut(path)) {
            group.held.add(snapshot.bytes(node), 1);
        }
    }
    let mut cycles: Vec<Cycle> = groups.into_values().collect();
    for cycle in &mut cycles {
        cycle.sites.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    }
    cycles.sort_by(|a, b| b.held.cmp(&a.held).then_with(|| a.path.cmp(&b.path)));
    cycles
}

fn add_site(snapshot: &Snapshot, node: NodeId, sites: &mut Vec<(usize, Change)>) {
    let Some(site) = snapshot.site(node) else { return };
    let bytes = snapshot.bytes(node);
    match sites.iter_mut().find(|(known, _)| *known == site) {
        Some((_, change)) => change.add(bytes, 1),
        None => {
            let mut change = Change::default();
            change.add(bytes, 1);
            sites.push((site, change));
        }
    }
}

/// Whether an object is there because a function raised.
fn is_of_frame(snapshot: &Snapshot, node: NodeId) -> bool {
    snapshot.kind(node) == NodeKind::Frame || snapshot.type_name(node) == "traceback"
}

/// The shortest way from an object back to itself, and by which name each refers to the next.
fn ring(snapshot: &Snapshot, reach: &Reach, head: NodeId) -> Vec<(NodeId, Label)> {
    let mut by: HashMap<NodeId, (NodeId, Label)> = HashMap::new();
    let (mut queue, mut next) = (vec![head], 0);
    while let Some(node) = queue.get(next).copied() {
        next += 1;
        for edge in snapshot.edges_of(node).filter(|edge| reach.hold(edge.to) == Hold::Cycle) {
            if edge.to == head {
                let mut ring = vec![(node, edge.label)];
                let mut at = node;
                while at != head {
                    let (before, label) = by[&at];
                    ring.push((before, label));
                    at = before;
                }
                ring.reverse();
                return ring;
            }
            by.entry(edge.to).or_insert_with(|| {
                queue.push(edge.to);
                (node, edge.label)
            });
        }
    }
    vec![(head, Label::None)]
}

fn text(snapshot: &Snapshot, ring: &[(NodeId, Label)]) -> String {
    let mut text = String::new();
    let mut is_attribute = false;
    for (index, (node, label)) in ring.iter().enumerate() {
        if !is_attribute {
            text.push_str(if index == 0 { "" } else { " → " });
            text.push_str(snapshot.type_name(*node));
        }
        match label {
            Label::Known(Known::Dictionary) => {
                is_attribute = true;
                continue;
            }
            Label::Key(name) if is_attribute => {
                text.push_str(&format!(".{}", shown(snapshot, NodeId(*name))))
            }
            Label::Attribute(name) | Label::Variable(name) => {
                text.push_str(&format!(".{}", shown(snapshot, NodeId(*name))))
            }
            Label::Known(known) => text.push_str(&format!(".{}", known.text())),
            Label::Item(_) | Label::Key(_) | Label::KeyObject(_) => text.push_str("[*]"),
            Label::Element => text.push_str("{…}"),
            Label::DictionaryKey => text.push_str(".keys()"),
            Label::None => {}
        }
        is_attribute = false;
    }
    if let Some((first, _)) = ring.first() {
        text.push_str(" → ");
        text.push_str(snapshot.type_name(*first));
    }
    text
}

/// Of the objects that are in question, one of each group that refers to each other in a ring and that none of the others
/// refers to: all of the others hang on these.
pub(super) fn heads(snapshot: &Snapshot, is_left: &dyn Fn(NodeId) -> bool) -> Vec<NodeId> {
    let left: Vec<NodeId> = snapshot.ids().filter(|node| is_left(*node)).collect();
    if left.is_empty() {
        return Vec::new();
    }
    let components = Components::of(snapshot, &left);
    let mut is_held = vec![false; components.count];
    let mut best: Vec<Option<NodeId>> = vec![None; components.count];
    for (place, node) in left.iter().enumerate() {
        let own = components.of[place];
        for edge in snapshot.edges_of(*node) {
            if let Some(to) = components.place(edge.to)
                && components.of[to] != own
            {
                is_held[components.of[to] as usize] = true;
            }
        }
        // An instance says more than its dictionary.
        let rank = |node: NodeId| (snapshot.kind(node) != NodeKind::Other, node);
        let best = &mut best[own as usize];
        if best.is_none_or(|known| rank(*node) < rank(known)) {
            *best = Some(*node);
        }
    }
    let mut heads: Vec<NodeId> =
        best.into_iter().zip(is_held).filter(|(_, is_held)| !is_held).filter_map(|(best, _)| best).collect();
    heads.sort_unstable();
    heads
}

/// Groups of objects each of which can be reached from each other one.
struct Components {
    /// By object, its place among those in question plus 1; 0: it is not one of them.
    places: Vec<u32>,
    /// By place.
    of: Vec<u32>,
    count: usize,
}

const OPEN: u32 = u32::MAX;

impl Components {
    /// Tarjan's way, without recursion: chains of objects can be as long as there is memory.
    fn of(snapshot: &Snapshot, nodes: &[NodeId]) -> Components {
        let mut components =
            Components { places: vec![0; snapshot.len()], of: vec![OPEN; nodes.len()], count: 0 };
        for (place, node) in nodes.iter().enumerate() {
            components.places[node.index()] = place as u32 + 1;
        }
        let mut search =
            Search { order: vec![0; nodes.len()], low: vec![0; nodes.len()], next: 0, open: Vec::new() };
        for place in 0..nodes.len() {
            if search.order[place] == 0 {
                components.search(snapshot, nodes, place, &mut search);
            }
        }
        components
    }

    fn place(&self, node: NodeId) -> Option<usize> {
        (self.places[node.index()] as usize).checked_sub(1)
    }

    fn search(&mut self, snapshot: &Snapshot, nodes: &[NodeId], first: usize, search: &mut Search) {
        let mut way = vec![(first, snapshot.edges.range(nodes[first]))];
        search.enter(first);
        while let Some((place, rest)) = way.last_mut() {
            let place = *place;
            if let Some(at) = rest.next() {
                let Some(to) = self.place(snapshot.edges.to[at]) else { continue };
                if search.order[to] == 0 {
                    search.enter(to);
                    way.push((to, snapshot.edges.range(nodes[to])));
                } else if self.of[to] == OPEN {
                    search.low[place] = search.low[place].min(search.order[to]);
                }
                continue;
            }
            way.pop();
            if let Some((before, _)) = way.last() {
                search.low[*before] = search.low[*before].min(search.low[place]);
            }
            if search.low[place] == search.order[place] {
                self.close(place, search);
            }
        }
    }

    fn close(&mut self, place: usize, search: &mut Search) {
        while let Some(member) = search.open.pop() {
            self.of[member] = self.count as u32;
            if member == place {
                break;
            }
        }
        self.count += 1;
    }
}

struct Search {
    /// In which order places were entered, from 1.
    order: Vec<u32>,
    low: Vec<u32>,
    next: u32,
    open: Vec<usize>,
}

impl Search {
    fn enter(&mut self, place: usize) {
        self.next += 1;
        (self.order[place], self.low[place]) = (self.next, self.next);
        self.open.push(place);
    }
}
