//! Containers that got longer between two snapshots, whatever came into them: also what was there before, or nothing that is an
//! object of its own, as a `None`.

use super::compare::Changes;
use super::model::{NodeId, NodeKind, Snapshot};
use super::reach::{Hold, Reach};

/// A container that is longer than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Longer {
    /// It, in the later snapshot.
    pub node: NodeId,
    /// Entries that it has more.
    pub entries: u64,
    /// Entries that it has now.
    pub length: u64,
}

/// Those of the program, the longest gain first.
pub fn longer(before: &Snapshot, after: (&Snapshot, &Reach), changes: &Changes) -> Vec<Longer> {
    let (after, reach) = after;
    let gained = |node: NodeId| {
        let length = after.length(node)?;
        let known = before.length(changes.before(node)?)?;
        let entries = length.checked_sub(known).filter(|entries| *entries > 0)?;
        Some(Longer { node, entries, length })
    };
    let is_container = |node: &NodeId| {
        use NodeKind::{Array, ByteArray, Deque, Dictionary, List, OrderedDictionary, Set};
        let kind = after.kind(*node);
        matches!(kind, Array | ByteArray | Deque | Dictionary | List | OrderedDictionary | Set)
            && reach.hold(*node) != Hold::Own
    };
    let mut longer: Vec<Longer> = after.ids().filter(is_container).filter_map(gained).collect();
    longer.sort_by_key(|longer| (std::cmp::Reverse(longer.entries), longer.node));
    longer
}
