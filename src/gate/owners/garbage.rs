//! What one iteration leaves to the collector.

use super::Told;
use crate::finding::{Finding, Owner, Severity};
use crate::gate::budgets::finding;
use crate::gate::holders::{self, Held};
use crate::heap::cycles::{Garbage, garbage};
use crate::heap::{Reach, Snapshot};
use crate::rules::{self, Evidence, Kind};
use crate::units::{Bytes, grouped};

/// Shapes of cycles that are told.
const CYCLES: usize = 3;

/// The finding about what only the collector frees of one iteration; `None`: there is nothing, or the rule is off.
pub fn cycles(told: Told, snapshot: &Snapshot) -> Option<Finding> {
    let garbage = garbage(snapshot, &Reach::of(snapshot));
    let first = garbage.cycles.first()?;
    let site = first.made_at.and_then(|site| told.profile.sites.get(site));
    let place = site.and_then(|site| holders::best_place(told.scenario, told.profile, site.stack));
    let plural = if garbage.objects == 1 { "" } else { "s" };
    let gains = format!("{} object{plural}, {},", grouped(garbage.objects), Bytes(garbage.bytes));
    let types: Vec<String> = garbage.types.iter().map(|(name, _)| name.clone()).collect();
    let named = told.rules.name(&Evidence {
        kind: Kind::Cycle,
        owner: first.around.clone(),
        held_by: None,
        types: types.clone(),
        gains,
    })?;
    let path = first.around.split(" → ").map(str::to_owned).collect();
    let owner = Owner {
        pattern: Some(named.rule.clone()),
        sentence: named.message.clone(),
        name: first.around.clone(),
        type_name: types.into_iter().next().unwrap_or_default(),
        path,
        place: place.clone(),
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

fn evidence(garbage: &Garbage) -> Vec<String> {
    let types: Vec<String> =
        garbage.types.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    let mut evidence = vec![format!("of one iteration: {}", types.join(", "))];
    for cycle in garbage.cycles.iter().take(CYCLES) {
        let plural = if cycle.count == 1 { "" } else { "s" };
        evidence.push(format!("{} cycle{plural} of {}", grouped(cycle.count), cycle.around));
    }
    if garbage.cycles.len() > CYCLES {
        evidence.push(format!("+{} more shapes of cycles", garbage.cycles.len() - CYCLES));
    }
    evidence
}
