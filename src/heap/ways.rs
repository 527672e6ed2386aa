//! The ways to objects, those that are alike but for indices and keys as one.

use std::collections::HashMap;

use super::dominators::Dominators;
use super::model::{NodeId, Snapshot};
use super::path::{Detail, Path};
use super::reach::{Hold, Reach};
use super::shape::{Shape, Shapes};

/// Ways that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// With `*` for indices and keys.
    pub shape: String,
    /// The first of them as it is.
    pub example: String,
    /// How the objects are held.
    pub hold: Hold,
    /// Objects that are reached so.
    pub objects: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Bytes that would be freed with them, as far as each alone holds them.
    pub retained: u64,
    /// The first of the objects.
    pub first: NodeId,
}

/// The ways to these objects, those of most objects first.
pub fn ways(snapshot: &Snapshot, reach: &Reach, dominators: &Dominators, nodes: &[NodeId]) -> Vec<Way> {
    let mut shapes = Shapes::new(snapshot, reach);
    let mut ways: HashMap<Shape, Way> = HashMap::new();
    for node in nodes {
        let way = ways.entry(shapes.of(*node)).or_insert_with(|| Way {
            shape: String::new(),
            example: String::new(),
            hold: reach.hold(*node),
            objects: 0,
            bytes: 0,
            retained: 0,
            first: *node,
        });
        way.objects += 1;
        way.bytes += snapshot.bytes(*node);
        way.retained += dominators.retained(*node);
    }
    for (shape, way) in &mut ways {
        way.shape = shapes.text(*shape);
        way.example = Path::to(snapshot, reach, way.first).text(snapshot, Detail::Exact);
    }
    let mut ways: Vec<Way> = ways.into_values().collect();
    ways.sort_by(|a, b| (b.objects, b.bytes).cmp(&(a.objects, a.bytes)).then_with(|| a.shape.cmp(&b.shape)));
    ways
}
