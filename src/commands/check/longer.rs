//! A leak in a small number of calls that the configuration says, looked at in a longer run: what grows for a few hundred calls
//! and stops then, such as the table of weak references of a library or a small cache, is none.

use std::time::Duration;

use super::{Check, one};
use crate::config::{FailOn, Repeats, Scenario, Work};
use crate::finding::Finding;
use crate::gate::leak;
use crate::gate::verdict::Outcome;
use crate::outcome::{BudgetState, JudgedBudget, ScenarioResult, Verdict};
use crate::scenario::{Failure, capture_dir};
use crate::units::grouped;

/// Calls of the longer run and how long they may take, as many as clear a function whose number of calls is not said; where it
/// shows something else that grows, as many as accuse one.
const RUNS: [(u32, Duration); 2] = [(1_600, Duration::from_secs(5)), (5_120, Duration::from_secs(10))];
/// Fewer times as many calls say nothing new.
const TIMES: u64 = 2;
/// What grows faster than this in so many calls is no table that a library keeps, and would fill the machine.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// The figure of the budget that asks the same.
const GROWTH: &str = "growth";

/// Takes the leak of memory back that a longer run does not show.
///
/// # Errors
/// Only when the user interrupted it.
pub(super) fn doubted(
    scenario: &Scenario,
    mut result: ScenarioResult,
    check: &Check,
) -> Result<ScenarioResult, Failure> {
    for run in RUNS {
        let Some(longer) = longer(scenario, &result, (check.fail_on, run)) else { break };
        // A name that no scenario can have.
        let capture = format!("{}~3", scenario.name);
        let seen = one::run(&longer, &capture, check)?;
        let _ = capture_dir::remove(&check.results, &capture);
        result.elapsed += seen.elapsed;
        if shows_none(&result, &seen) {
            take_back(&mut result, seen, check.fail_on);
            break;
        }
        if !shows_other(&result, &seen) {
            break;
        }
    }
    Ok(result)
}

/// Whether a container grew, and in the longer run what is there already gets larger, as the keys of a full cache do.
fn shows_other(result: &ScenarioResult, seen: &ScenarioResult) -> bool {
    let of_memory =
        |result: &ScenarioResult| result.findings.iter().find(|finding| finding.rule == leak::RULE).cloned();
    let has_no_more = |finding: Finding| {
        finding.entries.is_none() && finding.holders.iter().all(|holder| holder.blocks == 0)
    };
    seen.growth.as_ref().is_some_and(|growth| growth.outcome == Outcome::Leak)
        && of_memory(result).is_some_and(|finding| finding.entries.is_some())
        && of_memory(seen).is_some_and(has_no_more)
}

/// The scenario with more calls, where its own are so few that memory may have grown by what stops.
fn longer(
    scenario: &Scenario,
    result: &ScenarioResult,
    (fail_on, (most, time)): (FailOn, (u32, Duration)),
) -> Option<Scenario> {
    let Work::Call { repeats: Repeats::Fixed { warmup, iterations }, .. } = &scenario.work else {
        return None;
    };
    let mut failing = result.findings.iter().filter(|finding| finding.fails(fail_on));
    // Descriptors and threads run out.
    let is_counted = |finding: &Finding| leak::is_of_verdict(&finding.rule) && finding.rule != leak::RULE;
    if result.verdict != Verdict::Fail || failing.clone().any(is_counted) {
        return None;
    }
    let leaking = failing.find(|finding| finding.rule == leak::RULE)?;
    // Its budget is a limit, leak or not.
    let is_broken =
        |budget: &JudgedBudget| budget.figure.name == GROWTH && budget.state == BudgetState::Broken;
    let calls = calls((warmup.saturating_add(*iterations), most), leaking)?;
    let mut longer = scenario.clone();
    longer.budgets.clear();
    if let Work::Call { repeats, .. } = &mut longer.work {
        *repeats = Repeats::Auto { warmup: *warmup, most: calls, time };
    }
    (!result.budgets.iter().any(is_broken)).then_some(longer)
}

/// How many calls the longer run has, where that is enough more than `done`.
fn calls((done, most): (u32, u32), leaking: &Finding) -> Option<u32> {
    let rate = leaking.figure.as_ref().and_then(|figure| figure.exact).filter(|rate| rate.total > 0);
    let by_bytes = rate.map_or(u64::MAX, |rate| {
        let total = u128::from(rate.total.unsigned_abs()).max(1);
        u64::try_from(u128::from(MOST_BYTES) * u128::from(rate.iterations) / total).unwrap_or(u64::MAX)
    });
    let calls = by_bytes.min(most.into());
    (calls >= TIMES * u64::from(done)).then(|| u32::try_from(calls).unwrap_or(most))
}

/// Whether the longer run is one, and memory does not leak in it.
fn shows_none(result: &ScenarioResult, seen: &ScenarioResult) -> bool {
    let (Some(few), Some(many)) = (&result.growth, &seen.growth) else { return false };
    let is_longer = many.warmup + many.iterations >= TIMES * (few.warmup + few.iterations);
    let leaks = many.outcome == Outcome::Leak;
    // A limit that was reached ended it.
    let is_ended = seen.findings.iter().any(|finding| !leak::is_of_verdict(&finding.rule));
    seen.error.is_none() && seen.skipped.is_none() && is_longer && !leaks && !is_ended
}

/// A note where growth stopped; where it slows down, the longer run's finding, which says so.
fn take_back(result: &mut ScenarioResult, seen: ScenarioResult, fail_on: FailOn) {
    let Some(many) = seen.growth else { return };
    let calls = grouped(many.warmup + many.iterations);
    let is_it = |finding: &Finding| finding.rule == leak::RULE && finding.fails(fail_on);
    let few: Vec<Finding> = result.findings.iter().filter(|finding| is_it(finding)).cloned().collect();
    result.findings.retain(|finding| !is_it(finding));
    let open = seen.findings.into_iter().filter(|finding| finding.rule == leak::RULE);
    if many.outcome == Outcome::Undecided {
        result.findings.extend(open.map(|mut finding| {
            finding
                .evidence
                .extend(few.iter().map(|few| format!("in the calls that were said: {}", few.title)));
            finding
        }));
    } else {
        result.notes.extend(few.iter().map(|few| {
            format!("growth that stopped in a longer run of {calls} calls, which is no leak: {}", few.title)
        }));
    }
    if let Some(growth) = &mut result.growth {
        growth.outcome =
            if many.outcome == Outcome::Undecided { Outcome::Undecided } else { Outcome::NoLeak };
    }
    result.findings.sort_by_key(Finding::rank);
    result.verdict = Verdict::of(result.error.as_ref(), &result.findings, result.growth.as_ref(), fail_on);
}
