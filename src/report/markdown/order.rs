//! What a reviewer has to see first: findings on lines of the change under review, then new ones.

use super::heading::News;
use crate::finding::Finding;
use crate::outcome::{Outcome, ScenarioResult, Verdict};
use crate::report::{Options, summary};

/// What is not for the reviewer before all else.
const LAST: u8 = 3;

/// Scenarios as every report orders them, the failed ones among each other by their first finding.
pub(super) fn scenarios<'a>(outcome: &'a Outcome, options: &Options) -> Vec<&'a ScenarioResult> {
    let mut scenarios = summary::ordered(outcome);
    scenarios.sort_by_cached_key(|scenario| {
        let ranks = outcome.open(scenario).map(|finding| rank(outcome, scenario, finding, options));
        if scenario.verdict == Verdict::Fail { ranks.min().unwrap_or(LAST) } else { LAST + 1 }
    });
    scenarios
}

/// The findings of a scenario that somebody has to look at.
pub(super) fn findings<'a>(
    outcome: &'a Outcome,
    scenario: &'a ScenarioResult,
    options: &Options,
) -> Vec<&'a Finding> {
    let mut findings: Vec<&Finding> = outcome.open(scenario).collect();
    findings.sort_by_cached_key(|finding| rank(outcome, scenario, finding, options));
    findings
}

fn rank(outcome: &Outcome, scenario: &ScenarioResult, finding: &Finding, options: &Options) -> u8 {
    let place = finding.place.as_ref().filter(|place| place.line > 0);
    let is_changed = || place.and_then(|at| options.source.is_changed(&at.file, at.line)) == Some(true);
    match News::of(scenario, finding) {
        _ if !finding.fails(outcome.fail_on) => LAST,
        _ if is_changed() => 0,
        Some(News::New | News::Worse) => 1,
        _ => 2,
    }
}
