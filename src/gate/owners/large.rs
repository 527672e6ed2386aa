//! Who holds most of what is alive when the work is done: for budgets of memory.

use super::Told;
use crate::config::BudgetKey;
use crate::finding::{Finding, Owner};
use crate::gate::{budgets, holders};
use crate::heap::reach::Hold;
use crate::heap::{Holders, Large};
use crate::units::{Bytes, grouped};

/// What holds less than this part of a figure is not worth its line.
const LEAST_PART: u64 = 20;
/// Variables that a finding names.
const MOST: usize = 4;

/// The variables that hold most of what a budget of memory is about, the largest first.
pub fn largest(told: Told, holders: &Holders, finding: &Finding) -> Vec<Owner> {
    let key = budgets::key_of(&finding.rule);
    let Some(figure) = finding.figure.as_ref().filter(|_| key.is_some()) else { return Vec::new() };
    let least = u64::try_from(figure.measured).unwrap_or(0) / LEAST_PART;
    if least == 0 {
        return Vec::new();
    }
    // The figure of the end is what is held then; of a peak a part may be gone.
    let is_of_the_end = matches!(key, Some(BudgetKey::Retained | BudgetKey::Left));
    let when = if is_of_the_end { "" } else { " that are still alive after the work" };
    let all = holders.largest(told.detail(), (least, MOST));
    all.into_iter().map(|large| owner(told, large, when)).collect()
}

fn owner(told: Told, large: Large, when: &str) -> Owner {
    let is_result = large.hold == Hold::Own;
    let name = if is_result { RESULT.to_owned() } else { large.path.clone() };
    let shown = if is_result { name.clone() } else { format!("`{name}`") };
    let is_one = large.objects == 1;
    let sentence = format!(
        "{shown} ({}) holds {} in {} {}{}",
        large.type_name,
        Bytes(large.bytes),
        grouped(large.objects),
        if is_one { "object" } else { "objects" },
        if is_one { when.replace(" are ", " is ") } else { when.to_owned() }
    );
    let stacks = || large.sites.iter().filter_map(|(site, _)| Some(told.profile.sites.get(*site)?.stack));
    let users = stacks().find_map(|stack| holders::users_place(told.scenario, told.profile, stack));
    let any = || stacks().find_map(|stack| holders::best_place(told.scenario, told.profile, stack));
    Owner {
        pattern: None,
        sentence,
        path: path(&large, &name),
        name,
        type_name: large.type_name,
        place: users.or_else(any),
        facts: Vec::new(),
        help: String::new(),
    }
}

/// The variable, and what most of it is.
fn path(large: &Large, name: &str) -> Vec<String> {
    let first = match large.length {
        Some(length) => format!("{name} ({}, {} entries)", large.type_name, grouped(length)),
        None => format!("{name} ({})", large.type_name),
    };
    let most = large.types.iter().find(|(of, _)| *of != large.type_name);
    let most = most.map(|(of, count)| format!("{} × {of}", grouped(*count)));
    std::iter::once(first).chain(most).collect()
}

/// What the scenario's function returned, while the driver keeps it.
const RESULT: &str = "the result of the function";
