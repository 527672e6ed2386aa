//! What one iteration leaves to the collector.

use std::collections::BTreeMap;

use super::Told;
use crate::finding::{Finding, Owner, Severity};
use crate::gate::budgets::finding;
use crate::gate::holders::{self, Held};
use crate::heap::compare::Changes;
use crate::heap::cycles::Cycle;
use crate::heap::model::{NodeKind, RootKind};
use crate::heap::reach::Hold;
use crate::heap::{self, NodeId, Reach, Snapshot};
use crate::rules::{self, Evidence, Kind};
use crate::units::{Bytes, grouped};

/// Types that are told.
const TYPES: usize = 5;
/// Shapes of cycles that are told.
const CYCLES: usize = 3;
/// The class of leakgate's driver: a variable of each of its functions is one.
const DRIVER: &str = "leakgate_driver.Driver";

/// The finding about what only the collector frees of one iteration, between these two snapshots; `None`: there is nothing, or
/// the rule is off.
pub fn cycles(told: Told, (before, snapshot): (&Snapshot, &Snapshot)) -> Option<Finding> {
    let reach = Reach::of(snapshot);
    let changes = Changes::between(before, snapshot);
    // What a program sets aside for the collector stays, and is none of this iteration.
    let garbage = Garbage::of(snapshot, &reach, |node| changes.is_new(node));
    let first = garbage.cycles.first()?;
    // Of what is part of the cycle the user's own lines come first.
    let sites: Vec<_> = first
        .sites
        .iter()
        .filter_map(|(site, _)| told.profile.sites.get(*site))
        .map(|site| site.stack)
        .collect();
    let users = sites.iter().find_map(|stack| holders::users_place(told.scenario, told.profile, *stack));
    let any = || sites.iter().find_map(|stack| holders::best_place(told.scenario, told.profile, *stack));
    let place = users.or_else(any);
    let plural = if garbage.objects == 1 { "" } else { "s" };
    let gains = format!("{} object{plural}, {},", grouped(garbage.objects), Bytes(garbage.bytes));
    let types: Vec<String> = garbage.types.iter().map(|(name, _)| name.clone()).collect();
    let named = told.rules.name(&Evidence {
        kind: Kind::Cycle,
        owner: first.path.clone(),
        held_by: None,
        types: types.clone(),
        gains,
    })?;
    let path = first.path.split(" → ").map(str::to_owned).collect();
    let owner = Owner {
        pattern: Some(named.rule.clone()),
        sentence: named.message.clone(),
        name: first.path.clone(),
        type_name: types.into_iter().next().unwrap_or_default(),
        path,
        place: place.clone(),
        facts: Vec::new(),
        help: named.fix.clone(),
    };
    Some(Finding {
        severity: if named.severity == rules::Severity::Error { Severity::Error } else { Severity::Warning },
        title: named.message,
        place,
        evidence: evidence(&garbage),
        owners: vec![owner],
        help: named.fix,
        ..finding(told.scenario, named.rule, Held::default())
    })
}

/// What only the collector frees.
struct Garbage {
    objects: u64,
    bytes: u64,
    /// Types with how many there are of each, those that take most first.
    types: Vec<(String, u64)>,
    cycles: Vec<Cycle>,
}

impl Garbage {
    fn of(snapshot: &Snapshot, reach: &Reach, is_new: impl Fn(NodeId) -> bool) -> Garbage {
        let mut of_type: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for node in of_program(snapshot, reach).into_iter().filter(|node| is_new(*node)) {
            let (bytes, count) = of_type.entry(snapshot.type_name(node)).or_default();
            *bytes += snapshot.bytes(node);
            *count += 1;
        }
        let (bytes, objects) =
            of_type.values().fold((0, 0), |all, (bytes, count)| (all.0 + bytes, all.1 + count));
        let mut types: Vec<(&str, (u64, u64))> = of_type.into_iter().collect();
        types.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
        Garbage {
            objects,
            bytes,
            types: types.into_iter().take(TYPES).map(|(name, (_, count))| (name.to_owned(), count)).collect(),
            cycles: heap::cycles::cycles(snapshot, reach, is_new),
        }
    }
}

/// The rings and what hangs on them, but for what leakgate brings: a frame refers to the frames that called it, and the outermost
/// of them are its driver's.
fn of_program(snapshot: &Snapshot, reach: &Reach) -> Vec<NodeId> {
    let is_drivers = |node: NodeId| {
        snapshot.kind(node) == NodeKind::Frame
            && snapshot.edges_of(node).any(|edge| snapshot.type_name(edge.to) == DRIVER)
    };
    let heads = reach.roots.iter().filter(|root| root.kind == RootKind::Cycle);
    let mut open: Vec<NodeId> = heads.map(|root| root.node).collect();
    let mut is_seen = vec![false; snapshot.len()];
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut is_seen[node.index()], true) || is_drivers(node) {
            continue;
        }
        found.push(node);
        open.extend(snapshot.edges_of(node).map(|edge| edge.to).filter(|to| reach.hold(*to) == Hold::Cycle));
    }
    found
}

fn evidence(garbage: &Garbage) -> Vec<String> {
    let types: Vec<String> =
        garbage.types.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    let mut evidence = vec![format!("of one iteration: {}", types.join(", "))];
    for cycle in garbage.cycles.iter().take(CYCLES) {
        let plural = if cycle.count == 1 { "" } else { "s" };
        evidence.push(format!("{} cycle{plural} of {}", grouped(cycle.count as u64), cycle.path));
    }
    if garbage.cycles.len() > CYCLES {
        evidence.push(format!("+{} more shapes of cycles", garbage.cycles.len() - CYCLES));
    }
    evidence
}
