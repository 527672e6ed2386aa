//! Objects counted by type, and by the site that allocated them: how many there are, and how many more than before.

use std::collections::HashMap;
use std::hash::Hash;

use super::compare::{Changes, same_types};
use super::dominators::Dominators;
use super::model::{NodeId, Snapshot};
use super::owners::Change;

/// The objects of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeCount {
    /// Its name, with its module.
    pub name: String,
    /// Objects.
    pub objects: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Bytes that would be freed with them: what they retain, none counted twice.
    pub retained: u64,
}

/// All types, those that retain most first.
pub fn types(snapshot: &Snapshot, dominators: &Dominators) -> Vec<TypeCount> {
    let empty = |name: &String| TypeCount { name: name.clone(), objects: 0, bytes: 0, retained: 0 };
    let mut counts: Vec<TypeCount> = snapshot.type_names.iter().map(empty).collect();
    let inside = inside_own_type(snapshot, dominators);
    for node in snapshot.ids() {
        let count = &mut counts[snapshot.nodes.types[node.index()] as usize];
        count.objects += 1;
        count.bytes += snapshot.bytes(node);
        if !inside[node.index()] {
            count.retained += dominators.retained(node);
        }
    }
    counts.retain(|count| count.objects > 0);
    counts
        .sort_by(|a, b| (b.retained, b.bytes).cmp(&(a.retained, a.bytes)).then_with(|| a.name.cmp(&b.name)));
    counts
}

/// By object: whether another of its type retains it.
fn inside_own_type(snapshot: &Snapshot, dominators: &Dominators) -> Vec<bool> {
    let mut inside = vec![false; snapshot.len()];
    let (starts, below) = dominators.tree();
    // How many objects of each type are on the way to the present one.
    let mut open = vec![0u32; snapshot.type_names.len()];
    let type_of = |node: NodeId| snapshot.nodes.types[node.index()] as usize;
    let mut way: Vec<(NodeId, usize)> = Vec::new();
    for top in snapshot.ids().filter(|node| dominators.dominator(*node).is_none()) {
        way.push((top, starts[top.index()] as usize));
        open[type_of(top)] += 1;
        while let Some((node, next)) = way.last_mut() {
            if *next == starts[node.index() + 1] as usize {
                open[type_of(*node)] -= 1;
                way.pop();
                continue;
            }
            let child = below[*next];
            *next += 1;
            inside[child.index()] = open[type_of(child)] > 0;
            open[type_of(child)] += 1;
            way.push((child, starts[child.index()] as usize));
        }
    }
    inside
}

/// What of a kind there was, and is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown<T> {
    /// The kind: a type's name, or a site as an index into `Profile::sites`.
    pub of: T,
    /// Objects before and after.
    pub objects: (u64, u64),
    /// Bytes before and after.
    pub bytes: (u64, u64),
    /// Objects that came, and those that went.
    pub came: u64,
    /// Objects that went.
    pub went: u64,
}

impl<T> Grown<T> {
    /// What there is more than before.
    pub fn change(&self) -> Change {
        let less = |(before, after): (u64, u64)| after as i64 - before as i64;
        Change { bytes: less(self.bytes), objects: less(self.objects) }
    }
}

/// Growth by type, most bytes first; what is as before is left out.
pub fn growth_by_type(before: &Snapshot, after: &Snapshot, changes: &Changes) -> Vec<Grown<String>> {
    // Types that are not there any more get numbers behind the others.
    let known = after.type_names.len() as u32;
    let same: Vec<u32> = same_types(before, after)
        .iter()
        .enumerate()
        .map(|(number, same)| if *same == u32::MAX { known + number as u32 } else { *same })
        .collect();
    let name = |number: u32| match after.type_names.get(number as usize) {
        Some(name) => name.clone(),
        None => before.type_names[(number - known) as usize].clone(),
    };
    let grown = growth(
        (before, |node| Some(same[before.nodes.types[node.index()] as usize])),
        (after, |node| Some(after.nodes.types[node.index()])),
        changes,
    );
    sorted(grown.into_iter().map(|grown| with(grown, name)).collect())
}

/// Growth by the site that allocated the objects, likewise.
pub fn growth_by_site(before: &Snapshot, after: &Snapshot, changes: &Changes) -> Vec<Grown<usize>> {
    sorted(growth((before, |node| before.site(node)), (after, |node| after.site(node)), changes))
}

fn growth<T: Hash + Eq + Copy>(
    before: (&Snapshot, impl Fn(NodeId) -> Option<T>),
    after: (&Snapshot, impl Fn(NodeId) -> Option<T>),
    changes: &Changes,
) -> Vec<Grown<T>> {
    let mut grown: HashMap<T, Grown<T>> = HashMap::new();
    let empty = |of| Grown { of, objects: (0, 0), bytes: (0, 0), came: 0, went: 0 };
    for node in before.0.ids() {
        let Some(of) = before.1(node) else { continue };
        let entry = grown.entry(of).or_insert_with(|| empty(of));
        entry.objects.0 += 1;
        entry.bytes.0 += before.0.bytes(node);
        entry.went += u64::from(changes.is_gone(node));
    }
    for node in after.0.ids() {
        let Some(of) = after.1(node) else { continue };
        let entry = grown.entry(of).or_insert_with(|| empty(of));
        entry.objects.1 += 1;
        entry.bytes.1 += after.0.bytes(node);
        entry.came += u64::from(changes.is_new(node));
    }
    grown.into_values().filter(|grown| grown.change() != Change::default()).collect()
}

fn with<T, U>(grown: Grown<T>, name: impl Fn(T) -> U) -> Grown<U> {
    let Grown { of, objects, bytes, came, went } = grown;
    Grown { of: name(of), objects, bytes, came, went }
}

fn sorted<T: Ord>(mut grown: Vec<Grown<T>>) -> Vec<Grown<T>> {
    grown.sort_by(|a, b| b.change().cmp(&a.change()).then_with(|| a.of.cmp(&b.of)));
    grown
}
