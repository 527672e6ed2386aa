//! Which objects two snapshots of one process have in common.

use super::model::{IS_OLD, NodeId, Snapshot};

/// What changed from one snapshot to a later one of the same process.
#[derive(Debug, Clone)]
pub struct Changes {
    /// By object of the later one: the same object in the earlier one, or [`NEW`].
    before: Vec<u32>,
    /// By object of the earlier one: whether it is gone.
    gone: Vec<bool>,
}

const NEW: u32 = u32::MAX;

impl Changes {
    /// Compares the first of some snapshots with the last, where those in between tell whether an address was taken by another
    /// object meanwhile. `None`: there are fewer than two.
    pub fn along(snapshots: &[Snapshot]) -> Option<Changes> {
        let steps = snapshots.windows(2).map(|pair| Changes::between(&pair[0], &pair[1]));
        steps.reduce(|whole, step| whole.then(&step))
    }

    /// The changes from the first snapshot to the one after `next`.
    fn then(&self, next: &Changes) -> Changes {
        let mut changes = Changes { before: vec![NEW; next.before.len()], gone: vec![true; self.gone.len()] };
        for (node, between) in next.before.iter().enumerate().filter(|(_, between)| **between != NEW) {
            if let Some(first) = self.before(NodeId(*between)) {
                changes.before[node] = first.0;
                changes.gone[first.index()] = false;
            }
        }
        changes
    }

    /// Compares two that follow each other. An object is the same as one before if it stands at the same address and is of the same type, and if
    /// its block was seen by a snapshot before: another block at the address was not.
    pub fn between(before: &Snapshot, after: &Snapshot) -> Changes {
        let mut changes = Changes { before: vec![NEW; after.len()], gone: vec![true; before.len()] };
        let types = same_types(before, after);
        let (old, new) = (by_address(before), by_address(after));
        let mut old = old.iter().peekable();
        for (address, node) in &new {
            while old.next_if(|(at, _)| at < address).is_some() {}
            let Some((_, known)) = old.next_if(|(at, _)| at == address) else { continue };
            let (node, known) = (NodeId(*node), NodeId(*known));
            let is_same_type =
                types[before.nodes.types[known.index()] as usize] == after.nodes.types[node.index()];
            // What nobody saw being allocated is not marked.
            let was_there = after.has(node, IS_OLD) || after.site(node).is_none();
            if is_same_type && was_there {
                changes.before[node.index()] = known.0;
                changes.gone[known.index()] = false;
            }
        }
        changes
    }

    /// Whether an object of the later snapshot is not in the earlier one.
    #[inline(always)]
    pub fn is_new(&self, node: NodeId) -> bool {
        self.before[node.index()] == NEW
    }

    /// The same object in the earlier snapshot.
    pub fn before(&self, node: NodeId) -> Option<NodeId> {
        Some(self.before[node.index()]).filter(|before| *before != NEW).map(NodeId)
    }

    /// Whether an object of the earlier snapshot is not in the later one.
    #[inline(always)]
    pub fn is_gone(&self, node: NodeId) -> bool {
        self.gone[node.index()]
    }
}

/// By number of a type's name in the one snapshot, its number in the other.
pub(super) fn same_types(before: &Snapshot, after: &Snapshot) -> Vec<u32> {
    let known: std::collections::HashMap<&str, u32> =
        after.type_names.iter().enumerate().map(|(number, name)| (name.as_str(), number as u32)).collect();
    before.type_names.iter().map(|name| known.get(name.as_str()).copied().unwrap_or(NEW)).collect()
}

fn by_address(snapshot: &Snapshot) -> Vec<(u64, u32)> {
    let mut sorted: Vec<(u64, u32)> =
        snapshot.nodes.addresses.iter().enumerate().map(|(node, address)| (*address, node as u32)).collect();
    sorted.sort_unstable();
    sorted
}
