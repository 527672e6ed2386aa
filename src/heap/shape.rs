//! Which ways are alike: the same names, whatever the indices and keys. Worked out from object to object, without writing
//! the ways: there can be as many as objects, and each as long as there are objects.
//!
//! A step that is the same as the one before it, or as the one before that, adds nothing: all of a linked list is alike.

use std::collections::HashMap;

use super::model::{Known, Label, NodeId, Snapshot};
use super::path::{Detail, Path};
use super::reach::Reach;

/// Steps after which ways are not told apart.
const DEEPEST: u32 = 16;

/// Ways that are alike have the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape(u32);

/// The shapes of the ways to the objects of a snapshot.
pub struct Shapes<'a> {
    snapshot: &'a Snapshot,
    reach: &'a Reach,
    /// By object, its shape; [`UNKNOWN`]: not asked for yet.
    of: Vec<u32>,
    known: HashMap<(u32, Step), u32>,
    shapes: Vec<Steps>,
}

const UNKNOWN: u32 = u32::MAX;

/// What is known of a shape.
struct Steps {
    /// The first object of that shape.
    first: NodeId,
    /// The shape of the object before.
    before: u32,
    last: Step,
    depth: u32,
    /// Whether there are longer ways that count as this one.
    is_longer: bool,
}

/// What a step is, for comparison: the kind of its label, the name that it has, and where it leads to if that says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Step(u8, u32);

impl<'a> Shapes<'a> {
    /// None is known yet.
    pub fn new(snapshot: &'a Snapshot, reach: &'a Reach) -> Self {
        let of = vec![UNKNOWN; snapshot.len()];
        Shapes { snapshot, reach, of, known: HashMap::new(), shapes: Vec::new() }
    }

    /// The shape of the way to an object.
    pub fn of(&mut self, node: NodeId) -> Shape {
        let (mut way, mut at) = (Vec::new(), node);
        while self.of[at.index()] == UNKNOWN {
            way.push(at);
            match self.reach.parent(self.snapshot, at) {
                Some((parent, _)) => at = parent,
                None => break,
            }
        }
        while let Some(node) = way.pop() {
            self.of[node.index()] = self.next(node);
        }
        Shape(self.of[node.index()])
    }

    /// A shape as Python would write it, with `*` for indices and keys, and `…` where longer ways count as the same.
    pub fn text(&self, shape: Shape) -> String {
        let known = &self.shapes[shape.0 as usize];
        let text = Path::to(self.snapshot, self.reach, known.first).text(self.snapshot, Detail::Shape);
        if known.is_longer { text + " …" } else { text }
    }

    /// The shape of an object, that of the object before being known.
    fn next(&mut self, node: NodeId) -> u32 {
        let Some((parent, edge)) = self.reach.parent(self.snapshot, node) else {
            return self.add(node, UNKNOWN, Step(ROOT, self.root(node)));
        };
        let before = self.of[parent.index()];
        let step = self.step(before, edge.label, node);
        let known = &self.shapes[before as usize];
        let earlier = self.shapes.get(known.before as usize);
        let same = match earlier {
            _ if known.depth >= DEEPEST || known.last == step => Some(before),
            // The two steps before were this one and the last one.
            Some(earlier) if earlier.last == step && self.is_repeated(earlier, known) => Some(known.before),
            _ => None,
        };
        if let Some(same) = same {
            self.shapes[same as usize].is_longer = true;
            return same;
        }
        self.add(node, before, step)
    }

    fn is_repeated(&self, earlier: &Steps, known: &Steps) -> bool {
        self.shapes.get(earlier.before as usize).is_some_and(|first| first.last == known.last)
    }

    fn add(&mut self, node: NodeId, before: u32, step: Step) -> u32 {
        let fresh = self.shapes.len() as u32;
        let shape = *self.known.entry((before, step)).or_insert(fresh);
        if shape == fresh {
            let depth = self.shapes.get(before as usize).map_or(0, |before| before.depth + 1);
            self.shapes.push(Steps { first: node, before, last: step, depth, is_longer: false });
        }
        shape
    }

    /// What an object is held by: each of those that have names by itself, the others by type.
    fn root(&self, node: NodeId) -> u32 {
        use super::model::RootKind::{Cycle, Native, Working};
        match self.reach.root(node).map(|root| root.kind) {
            Some(Native | Working | Cycle) | None => self.snapshot.nodes.types[node.index()] | 1 << 31,
            Some(_) => node.0,
        }
    }

    fn step(&self, before: u32, label: Label, to: NodeId) -> Step {
        let last = self.shapes[before as usize].last;
        match label {
            Label::None => Step(0, self.snapshot.nodes.types[to.index()]),
            Label::Attribute(name) | Label::Variable(name) => Step(1, name),
            Label::Key(name) if last == known(Known::Dictionary) || self.is_below_modules(before) => {
                Step(1, name)
            }
            // Variables and arguments have names of their own.
            Label::Item(_) if last == known(Known::Closure) || last == known(Known::Defaults) => {
                Step(2, to.0)
            }
            Label::Key(_) | Label::KeyObject(_) | Label::Item(_) => Step(3, 0),
            Label::DictionaryKey => Step(4, 0),
            Label::Element => Step(5, 0),
            Label::Known(about) => known(about),
        }
    }

    /// Whether the object is the dictionary of imported modules.
    fn is_below_modules(&self, shape: u32) -> bool {
        let first = self.shapes[shape as usize].first;
        self.reach.root(first).is_some_and(|root| root.kind == super::model::RootKind::Modules)
    }
}

const ROOT: u8 = 255;

fn known(about: Known) -> Step {
    Step(6, about as u32)
}
