//! The analysis against the definitions, on graphs that are made up at random, and on small ones that are written out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use super::compare::Changes;
use super::cycles::cycles;
use super::dominators::Dominators;
use super::model::{Edges, IS_OLD, Known, Label, NodeId, NodeKind, Root, RootKind, Snapshot};
use super::reach::{Hold, Reach};
use super::referrers::{Extent, referrers};
use super::ways::ways;

/// Numbers without a pattern, the same ones in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }
}

/// Objects 0, 1, 2 … of 1, 2, 4 … bytes, with these references and these of them held by modules. Each has as many references as there are.
fn graph(count: u32, references: &[(u32, u32)], roots: &[u32]) -> Snapshot {
    let mut snapshot = Snapshot { type_names: vec!["object".into()], ..Snapshot::default() };
    let nodes = &mut snapshot.nodes;
    let all = count as usize;
    nodes.addresses = (0..u64::from(count)).map(|node| node * 16).collect();
    nodes.kinds = vec![NodeKind::Other; all];
    nodes.types = vec![0; all];
    nodes.bytes = (0..count).map(|node| 1 << (node % 60)).collect();
    (nodes.sites, nodes.filled) = (vec![1; all], vec![0; all]);
    nodes.lengths = vec![u64::MAX; all];
    nodes.flags = vec![0; all];
    nodes.references = vec![0; all];
    references.iter().for_each(|(_, to)| nodes.references[*to as usize] += 1);
    snapshot.edges = edges(count, references);
    for node in roots {
        snapshot.nodes.references[*node as usize] += 1;
        snapshot.roots.push(Root { node: NodeId(*node), kind: RootKind::Modules });
    }
    snapshot
}

fn edges(count: u32, references: &[(u32, u32)]) -> Edges {
    let mut edges = Edges::default();
    for node in 0..count {
        edges.starts.push(edges.to.len() as u32);
        edges.to.extend(references.iter().filter(|(from, _)| *from == node).map(|(_, to)| NodeId(*to)));
    }
    edges.starts.push(edges.to.len() as u32);
    edges.labels = vec![Label::None; edges.to.len()];
    edges
}

fn random(numbers: &mut Numbers) -> (u32, Vec<(u32, u32)>, Vec<u32>) {
    let count = 1 + numbers.below(14);
    let references =
        (0..numbers.below(3 * count)).map(|_| (numbers.below(count), numbers.below(count))).collect();
    let roots = (0..1 + numbers.below(3)).map(|_| numbers.below(count)).collect();
    (count, references, roots)
}

/// What is reached from the roots when one object is taken away.
fn reached_without(snapshot: &Snapshot, roots: &[Root], without: Option<NodeId>) -> Vec<bool> {
    let mut reached = vec![false; snapshot.len()];
    let mut waiting: Vec<NodeId> = roots.iter().map(|root| root.node).collect();
    while let Some(node) = waiting.pop() {
        if Some(node) == without || std::mem::replace(&mut reached[node.index()], true) {
            continue;
        }
        waiting.extend(snapshot.edges_of(node).map(|edge| edge.to));
    }
    reached
}

#[test]
fn an_object_retains_what_is_not_reached_without_it() {
    let mut numbers = Numbers(7);
    for _ in 0..3000 {
        let (count, references, roots) = random(&mut numbers);
        let snapshot = graph(count, &references, &roots);
        let roots = &snapshot.roots;
        let dominators = Dominators::of(&snapshot, roots);
        let all = reached_without(&snapshot, roots, None);
        for node in snapshot.ids() {
            let left = reached_without(&snapshot, roots, Some(node));
            let lost = |other: &NodeId| all[other.index()] && !left[other.index()];
            let bytes: u64 = snapshot.ids().filter(lost).map(|other| snapshot.bytes(other)).sum();
            let case = format!("{references:?} {roots:?} {node:?}");
            assert_eq!(dominators.retained(node), bytes, "{case}");
            assert_eq!(dominators.objects(node), snapshot.ids().filter(lost).count() as u64, "{case}");
            let dominated = |other: NodeId| {
                let mut way =
                    std::iter::successors(dominators.dominator(other), |at| dominators.dominator(*at));
                way.any(|at| at == node)
            };
            for other in snapshot.ids().filter(|other| *other != node) {
                assert_eq!(dominated(other), lost(&other), "{case} {other:?}");
            }
        }
    }
}

#[test]
fn what_nothing_holds_is_a_ring_or_hangs_on_one() {
    let mut numbers = Numbers(11);
    for _ in 0..3000 {
        let (count, references, roots) = random(&mut numbers);
        let snapshot = graph(count, &references, &roots);
        let reach = Reach::of(&snapshot);
        let held = reached_without(&snapshot, &snapshot.roots, None);
        let tops = reach.tops(&snapshot);
        for node in snapshot.ids() {
            // What has no reference at all would be freed at once; here it stands for one that is held by nobody.
            let expected = if held[node.index()] { Hold::Named } else { Hold::Cycle };
            assert_eq!(reach.hold(node), expected, "{references:?} {roots:?} {node:?}");
            assert!(reach.root(tops[node.index()]).is_some(), "{references:?} {roots:?} {node:?}");
        }
    }
}

#[test]
fn more_references_than_objects_have_are_held_by_c_code() {
    // 0 ─► 1 ─► 2, and 3 ─► 4 ─► 3.
    let mut snapshot = graph(5, &[(0, 1), (1, 2), (3, 4), (4, 3)], &[]);
    snapshot.nodes.references[0] = 1;
    let reach = Reach::of(&snapshot);
    let holds: Vec<Hold> = snapshot.ids().map(|node| reach.hold(node)).collect();
    assert_eq!(holds, [Hold::Native, Hold::Native, Hold::Native, Hold::Cycle, Hold::Cycle]);
    assert_eq!(reach.root(NodeId(0)).unwrap().kind, RootKind::Native);
    assert_eq!(reach.tops(&snapshot)[2], NodeId(0));
}

#[test]
fn rings_that_are_alike_count_as_one_with_all_that_hangs_on_them() {
    // 0 ─► 1 ─► 0, with 2 hanging on it; 3 ─► 4 ─► 3.
    let snapshot = graph(5, &[(0, 1), (1, 0), (1, 2), (3, 4), (4, 3)], &[]);
    let reach = Reach::of(&snapshot);
    let found = cycles(&snapshot, &reach, |_| true);
    let [cycle] = &found[..] else { panic!("{found:?}") };
    assert_eq!((cycle.count, cycle.held.objects, cycle.held.bytes), (2, 5, 31));
    assert_eq!(cycle.ring, [NodeId(0), NodeId(1)]);
    assert_eq!(cycle.path, "object → object → object");
    assert_eq!(cycle.sites.iter().map(|(_, change)| change.objects).collect::<Vec<_>>(), [4]);
}

#[test]
fn referrers_stand_where_they_are_nearest_and_alike_ones_count_as_one() {
    // 1 and 2 refer to 0, 3 refers to 1 and 2, and 0 to 3.
    let snapshot = graph(4, &[(1, 0), (2, 0), (3, 1), (3, 2), (0, 3)], &[3]);
    let reach = Reach::of(&snapshot);
    let found = referrers(&snapshot, &reach, &[NodeId(0)], Extent { depth: 5, groups: 5 });
    let [first] = &found.referrers[..] else { panic!("{found:?}") };
    assert_eq!((first.objects, first.references, first.bytes), (2, 2, 6));
    let [second] = &first.referrers[..] else { panic!("{first:?}") };
    assert_eq!((second.objects, second.references), (1, 2));
    assert_eq!(second.roots, [("sys.modules".to_owned(), 1)]);
    assert!(second.referrers.is_empty());
}

#[test]
fn an_address_that_was_taken_by_another_object_meanwhile_is_that_of_a_new_one() {
    let (first, second, mut third) = (graph(1, &[], &[0]), graph(1, &[], &[0]), graph(1, &[], &[0]));
    // The block of the second was not seen before, that of the third was.
    third.nodes.flags[0] |= IS_OLD;
    assert!(Changes::between(&first, &second).is_new(NodeId(0)));
    assert_eq!(Changes::between(&second, &third).before(NodeId(0)), Some(NodeId(0)));
    let changes = Changes::along(&[first, second, third]).unwrap();
    assert!(changes.is_new(NodeId(0)) && changes.is_gone(NodeId(0)));
}

#[test]
fn all_of_a_linked_list_is_alike_however_long_it_is() {
    let count = 300_000;
    let links: Vec<(u32, u32)> = (1..count).map(|node| (node - 1, node)).collect();
    let mut snapshot = graph(1, &[], &[0]);
    let mut nodes = graph(count, &[], &[0]).nodes;
    // Together they are no more than a process can have.
    (nodes.references, nodes.bytes) = (vec![1; count as usize], vec![16; count as usize]);
    (snapshot.nodes, snapshot.edges.starts) = (nodes, (0..count).chain([count - 1]).collect());
    snapshot.edges.to = links.iter().map(|(_, to)| NodeId(*to)).collect();
    snapshot.edges.labels = vec![Label::Known(Known::Wrapped); links.len()];
    let reach = Reach::of(&snapshot);
    let dominators = Dominators::of(&snapshot, &reach.roots);
    let all: Vec<NodeId> = snapshot.ids().collect();
    let ways = ways(&snapshot, &reach, &dominators, &all);
    let shapes: Vec<(&str, u64)> = ways.iter().map(|way| (way.shape.as_str(), way.objects)).collect();
    assert_eq!(shapes, [("sys.modules.__wrapped__ …", u64::from(count) - 1), ("sys.modules", 1)]);
    assert_eq!(dominators.objects(NodeId(0)), u64::from(count));
}
