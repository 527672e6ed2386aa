//! What would be freed with an object: its retained size. An object dominates another if every way to that one from
//! outside goes through it; what it retains is itself and all that it dominates.
//!
//! The immediate dominators are found by semi-dominators and nearest common ancestors (Semi-NCA; Georgiadis, "Linear-Time
//! Algorithms for Dominators and Related Problems", 2005).

use super::model::{NodeId, Root, Snapshot};

/// Immediate dominators and retained sizes.
#[derive(Debug, Clone)]
pub struct Dominators {
    /// By object: the number of its immediate dominator plus 1; 0: it is held from outside in several ways, or directly.
    dominators: Vec<u32>,
    /// By object: bytes.
    retained: Vec<u64>,
    /// By object: how many objects.
    objects: Vec<u32>,
}

/// The place outside that holds the roots, and stands before all objects.
const OUTSIDE: u32 = 0;
const UNSEEN: u32 = u32::MAX;

impl Dominators {
    /// Works them out. `roots`: what holds objects from outside.
    pub fn of(snapshot: &Snapshot, roots: &[Root]) -> Dominators {
        let tree = Tree::of(snapshot, roots);
        let before = Before::of(snapshot, roots, &tree);
        let places = dominators(&tree, &before);
        let count = snapshot.len();
        let mut found =
            Dominators { dominators: vec![0; count], retained: vec![0; count], objects: vec![0; count] };
        for (place, node) in tree.nodes.iter().enumerate().skip(1) {
            let dominator = places[place];
            found.dominators[node.index()] =
                if dominator == OUTSIDE { 0 } else { tree.nodes[dominator as usize].0 + 1 };
        }
        // A dominator has a smaller place than what it dominates.
        for (place, node) in tree.nodes.iter().enumerate().skip(1).rev() {
            found.retained[node.index()] += snapshot.bytes(*node);
            found.objects[node.index()] += 1;
            if places[place] != OUTSIDE {
                let to = tree.nodes[places[place] as usize].index();
                found.retained[to] += found.retained[node.index()];
                found.objects[to] += found.objects[node.index()];
            }
        }
        found
    }

    /// The object without which another would not be held.
    pub fn dominator(&self, node: NodeId) -> Option<NodeId> {
        self.dominators[node.index()].checked_sub(1).map(NodeId)
    }

    /// Bytes that would be freed with an object, its own included.
    pub fn retained(&self, node: NodeId) -> u64 {
        self.retained[node.index()]
    }

    /// The objects that each dominates directly: where they begin, by object, with one more; and the objects.
    pub(super) fn tree(&self) -> (Vec<u32>, Vec<NodeId>) {
        let mut starts = vec![0u32; self.dominators.len() + 1];
        // A number plus 1 is the place behind.
        self.dominators
            .iter()
            .filter(|dominator| **dominator != 0)
            .for_each(|dominator| starts[*dominator as usize] += 1);
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let (mut next, mut below) =
            (starts.clone(), vec![NodeId(0); starts.last().map_or(0, |last| *last as usize)]);
        for (node, dominator) in self.dominators.iter().enumerate() {
            let Some(dominator) = dominator.checked_sub(1) else { continue };
            below[next[dominator as usize] as usize] = NodeId(node as u32);
            next[dominator as usize] += 1;
        }
        (starts, below)
    }

    /// How many objects would be freed with one, itself included.
    pub fn objects(&self, node: NodeId) -> u64 {
        self.objects[node.index()].into()
    }
}

/// The objects in the order in which a search in depth meets them; place 0 is outside.
struct Tree {
    nodes: Vec<NodeId>,
    /// By object.
    places: Vec<u32>,
    /// By place: the place that it was met from.
    parents: Vec<u32>,
}

impl Tree {
    fn of(snapshot: &Snapshot, roots: &[Root]) -> Tree {
        let count = snapshot.len();
        let mut tree = Tree {
            nodes: Vec::with_capacity(count + 1),
            places: vec![UNSEEN; count],
            parents: Vec::with_capacity(count + 1),
        };
        tree.nodes.push(NodeId(u32::MAX));
        tree.parents.push(OUTSIDE);
        // What is left to follow of each object on the way: a place, and where its next reference stands.
        let mut way: Vec<(u32, u32)> = Vec::new();
        for root in roots {
            tree.meet(root.node, OUTSIDE, snapshot, &mut way);
            while let Some((place, next)) = way.last_mut() {
                let from = *place;
                if *next == snapshot.edges.starts[tree.nodes[from as usize].index() + 1] {
                    way.pop();
                    continue;
                }
                let to = snapshot.edges.to[*next as usize];
                *next += 1;
                tree.meet(to, from, snapshot, &mut way);
            }
        }
        tree
    }

    #[inline(always)]
    fn meet(&mut self, node: NodeId, from: u32, snapshot: &Snapshot, way: &mut Vec<(u32, u32)>) {
        if self.places[node.index()] != UNSEEN {
            return;
        }
        let place = self.nodes.len() as u32;
        self.places[node.index()] = place;
        self.nodes.push(node);
        self.parents.push(from);
        way.push((place, snapshot.edges.starts[node.index()]));
    }
}

/// By place, the places that refer to it.
struct Before {
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Before {
    fn of(snapshot: &Snapshot, roots: &[Root], tree: &Tree) -> Before {
        let mut starts = vec![0u32; tree.nodes.len() + 1];
        each(snapshot, roots, tree, |_, to| starts[to as usize + 1] += 1);
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let (mut next, mut places) =
            (starts.clone(), vec![0; starts.last().map_or(0, |last| *last as usize)]);
        each(snapshot, roots, tree, |from, to| {
            places[next[to as usize] as usize] = from;
            next[to as usize] += 1;
        });
        Before { starts, places }
    }

    fn of_place(&self, place: usize) -> &[u32] {
        &self.places[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// Calls `tell` with each reference, in places.
fn each(snapshot: &Snapshot, roots: &[Root], tree: &Tree, mut tell: impl FnMut(u32, u32)) {
    roots.iter().for_each(|root| tell(OUTSIDE, tree.places[root.node.index()]));
    for (place, node) in tree.nodes.iter().enumerate().skip(1) {
        for to in &snapshot.edges.to[snapshot.edges.range(*node)] {
            tell(place as u32, tree.places[to.index()]);
        }
    }
}

/// By place, the place of its immediate dominator.
fn dominators(tree: &Tree, before: &Before) -> Vec<u32> {
    let count = tree.nodes.len();
    let mut semi: Vec<u32> = (0..count as u32).collect();
    let mut links = Links { best: semi.clone(), ancestors: tree.parents.clone(), way: Vec::new() };
    for place in (1..count as u32).rev() {
        let mut least = tree.parents[place as usize];
        for from in before.of_place(place as usize) {
            // What is not done yet is its own semi-dominator.
            let found = if *from <= place { *from } else { semi[links.least(*from, place, &semi) as usize] };
            least = least.min(found);
        }
        semi[place as usize] = least;
    }
    let mut dominators = tree.parents.clone();
    for place in 1..count {
        let mut dominator = dominators[place];
        while dominator > semi[place] {
            dominator = dominators[dominator as usize];
        }
        dominators[place] = dominator;
    }
    dominators
}

/// The tree as far as it is done, with its ways made shorter.
struct Links {
    /// By place: of those on the way that was cut short, the one with the least semi-dominator.
    best: Vec<u32>,
    ancestors: Vec<u32>,
    way: Vec<u32>,
}

impl Links {
    /// Of the places on the way up that are larger than `last`, the one with the least semi-dominator.
    fn least(&mut self, from: u32, last: u32, semi: &[u32]) -> u32 {
        let mut at = from;
        while self.ancestors[at as usize] > last {
            self.way.push(at);
            at = self.ancestors[at as usize];
        }
        while let Some(below) = self.way.pop() {
            let above = self.ancestors[below as usize] as usize;
            if semi[self.best[above] as usize] < semi[self.best[below as usize] as usize] {
                self.best[below as usize] = self.best[above];
            }
            self.ancestors[below as usize] = self.ancestors[above];
        }
        self.best[from as usize]
    }
}
