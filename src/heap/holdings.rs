//! What each owner of a snapshot holds, so that snapshots of different processes can be compared: addresses mean nothing
//! there, names do.
//!
//! An owner is the first container on the way to an object, or the variable that the way begins with where there is none:
//! `app.SEEN`, `app.WORKER._seen`, `app.Row`. What is below it is its own, however deep.

use std::collections::{BTreeMap, HashMap};

use super::model::{Known, Label, NodeId, NodeKind, Snapshot};
use super::owners::{entries_of, is_container};
use super::reach::{Hold, Reach};
use super::shape::Shapes;

/// What tells owners apart: the way with `*` for indices and keys, and the name of the type.
pub type OwnerName = (String, String);

/// What an owner holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holding {
    /// Bytes of it and of all that is below.
    pub bytes: u64,
    /// Objects, likewise.
    pub objects: u64,
    /// Entries of it, where it is a container.
    pub entries: Option<u64>,
}

/// What stands on the way to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    /// Not asked for yet.
    Unknown,
    /// Modules only: the owner is the last of them.
    Module(NodeId),
    /// A variable, and no container.
    Variable(NodeId),
    /// A container.
    Container(NodeId),
}

/// What each owner holds; what leakgate's own driver holds is left out.
pub fn holdings(snapshot: &Snapshot, reach: &Reach) -> BTreeMap<OwnerName, Holding> {
    let mut by_node: HashMap<NodeId, Holding> = HashMap::new();
    for (node, owner) in snapshot.ids().zip(owners(snapshot, reach)) {
        if reach.hold(node) != Hold::Own {
            let holding = by_node.entry(owner).or_default();
            holding.bytes = holding.bytes.saturating_add(snapshot.bytes(node));
            holding.objects += 1;
        }
    }
    let mut shapes = Shapes::new(snapshot, reach);
    // All first: whether there are longer ways that count as the same is known then.
    let shaped: Vec<_> =
        by_node.into_iter().map(|(owner, holding)| (owner, shapes.of(owner), holding)).collect();
    let mut named: BTreeMap<OwnerName, Holding> = BTreeMap::new();
    for (owner, shape, holding) in shaped {
        let name = (shapes.text(shape), snapshot.type_name(owner).to_owned());
        let sum = named.entry(name).or_default();
        sum.bytes = sum.bytes.saturating_add(holding.bytes);
        sum.objects += holding.objects;
        if let Some(entries) = entries_of(snapshot, owner).filter(|_| is_container(snapshot.kind(owner))) {
            sum.entries = Some(sum.entries.unwrap_or(0).saturating_add(entries));
        }
    }
    named
}

/// The owner of each object.
fn owners(snapshot: &Snapshot, reach: &Reach) -> Vec<NodeId> {
    let mut above = vec![Above::Unknown; snapshot.len()];
    let mut way = Vec::new();
    for node in snapshot.ids() {
        let mut at = node;
        while above[at.index()] == Above::Unknown {
            way.push(at);
            match reach.parent(snapshot, at) {
                Some((parent, _)) => at = parent,
                None => break,
            }
        }
        while let Some(node) = way.pop() {
            above[node.index()] = of(snapshot, reach, &above, node);
        }
    }
    let owner = |(node, above): (NodeId, Above)| match above {
        Above::Module(owner) | Above::Variable(owner) | Above::Container(owner) => owner,
        Above::Unknown => node,
    };
    snapshot.ids().zip(above).map(owner).collect()
}

/// The owner of an object, that of the object before being known.
fn of(snapshot: &Snapshot, reach: &Reach, above: &[Above], node: NodeId) -> Above {
    let kind = snapshot.kind(node);
    let Some((parent, edge)) = reach.parent(snapshot, node) else {
        use super::model::RootKind::Modules;
        let is_modules = reach.root(node).is_some_and(|root| root.kind == Modules);
        return match kind {
            _ if is_modules => Above::Module(node),
            kind if is_container(kind) => Above::Container(node),
            _ => Above::Variable(node),
        };
    };
    let is_names = matches!(edge.label, Label::Known(Known::Dictionary | Known::Cache));
    match above[parent.index()] {
        Above::Container(owner) => Above::Container(owner),
        Above::Module(_) if kind == NodeKind::Module => Above::Module(node),
        Above::Module(owner) if is_names => Above::Module(owner),
        _ if is_container(kind) && !is_names => Above::Container(node),
        Above::Variable(owner) => Above::Variable(owner),
        Above::Module(_) | Above::Unknown => Above::Variable(node),
    }
}
