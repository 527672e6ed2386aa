//! Two heap snapshots, of two processes, owner by owner and type by type. They are known by their names.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Fate;
use crate::heap::holdings::{Holding, holdings};
use crate::heap::reach::Hold;
use crate::heap::{Reach, Snapshot};
use crate::view::text::clean;

/// Objects that are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct HeldObjects {
    /// Bytes that they take.
    pub bytes: u64,
    /// How many.
    pub objects: u64,
    /// Entries of the owner, where it is a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
}

/// An owner or a type that has something else than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectChange {
    /// What became of it.
    pub fate: Fate,
    /// An owner's name, `app.SEEN`, with `*` for indices and keys; a type's with its module.
    pub name: String,
    /// The name of an owner's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// What it held.
    pub before: HeldObjects,
    /// What it holds.
    pub after: HeldObjects,
}

impl ObjectChange {
    /// By how many bytes it changed.
    pub fn bytes(&self) -> i128 {
        i128::from(self.after.bytes) - i128::from(self.before.bytes)
    }

    fn objects(&self) -> i128 {
        i128::from(self.after.objects) - i128::from(self.before.objects)
    }
}

/// The difference between two heap snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heaps {
    /// The owners that differ, the largest difference in bytes first.
    pub owners: Vec<ObjectChange>,
    /// The types that differ, likewise.
    pub types: Vec<ObjectChange>,
}

impl Heaps {
    /// Compares two snapshots.
    pub fn of(before: &Snapshot, after: &Snapshot) -> Heaps {
        let owners = |(snapshot, reach)| -> BTreeMap<(String, Option<String>), HeldObjects> {
            let held = holdings(snapshot, reach).into_iter();
            held.map(|((name, of), holding)| ((name, Some(of)), holding.into())).collect()
        };
        let (reach_before, reach_after) = (Reach::of(before), Reach::of(after));
        let (before, after) = ((before, &reach_before), (after, &reach_after));
        Heaps { owners: changes(owners(before), owners(after)), types: changes(types(before), types(after)) }
    }
}

impl From<Holding> for HeldObjects {
    fn from(holding: Holding) -> HeldObjects {
        HeldObjects { bytes: holding.bytes, objects: holding.objects, entries: holding.entries }
    }
}

fn types((snapshot, reach): (&Snapshot, &Reach)) -> BTreeMap<(String, Option<String>), HeldObjects> {
    let mut counted = vec![HeldObjects::default(); snapshot.type_names.len()];
    for node in snapshot.ids().filter(|node| reach.hold(*node) != Hold::Own) {
        let count = &mut counted[snapshot.nodes.types[node.index()] as usize];
        count.bytes = count.bytes.saturating_add(snapshot.bytes(node));
        count.objects += 1;
    }
    let names = snapshot.type_names.iter().map(|name| (name.clone(), None));
    names.zip(counted).filter(|(_, count)| count.objects > 0).collect()
}

fn changes(
    mut before: BTreeMap<(String, Option<String>), HeldObjects>,
    after: BTreeMap<(String, Option<String>), HeldObjects>,
) -> Vec<ObjectChange> {
    let mut changes = Vec::new();
    for (name, is) in after {
        let was = before.remove(&name);
        changes.extend(change(name, was, Some(is)));
    }
    changes.extend(before.into_iter().filter_map(|(name, was)| change(name, Some(was), None)));
    changes.sort_by(|one, other| {
        let size = |change: &ObjectChange| (change.bytes().abs(), change.objects().abs());
        size(other)
            .cmp(&size(one))
            .then_with(|| (&one.name, &one.type_name).cmp(&(&other.name, &other.type_name)))
    });
    changes
}

/// `None` where it holds the same.
fn change(
    (name, type_name): (String, Option<String>),
    was: Option<HeldObjects>,
    is: Option<HeldObjects>,
) -> Option<ObjectChange> {
    let order = |held: HeldObjects| (held.bytes, held.objects, held.entries);
    let fate = match (was, is) {
        (None, _) => Fate::New,
        (_, None) => Fate::Gone,
        (Some(was), Some(is)) if was == is => return None,
        (Some(was), Some(is)) if order(is) > order(was) => Fate::Grew,
        _ => Fate::Shrank,
    };
    let type_name = type_name.map(|name| clean(&name).into_owned());
    let (before, after) = (was.unwrap_or_default(), is.unwrap_or_default());
    Some(ObjectChange { fate, name: clean(&name).into_owned(), type_name, before, after })
}
