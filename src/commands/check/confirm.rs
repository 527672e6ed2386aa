//! A failure is confirmed in a fresh process: only what both show is one.

use super::{Check, explain, hanging, longer, one, runs};
use crate::config::{Checkpoints, FailOn, Scenario, Work};
use crate::finding::{Finding, Severity, Unit};
use crate::gate::leak;
use crate::outcome::{ScenarioResult, Verdict};
use crate::scenario::{Failure, capture_dir};

/// Runs and judges a scenario; a second time if it failed.
///
/// # Errors
/// Only when the user interrupted it.
pub(super) fn run(scenario: &Scenario, check: &Check) -> Result<ScenarioResult, Failure> {
    // A name that no scenario can have.
    let again = format!("{}~2", scenario.name);
    // Left by a check before this one, of an unstable run or of more processes. What cannot be removed is only more than
    // is needed.
    capture_dir::remove_later_runs(&check.results, &scenario.name);
    let first = measured(scenario, (&scenario.name, None), check)?;
    let is_to_confirm = first.verdict == Verdict::Fail && scenario.confirm && !hanging::is_certain(&first);
    let result = if is_to_confirm || explain::has_cycles_to_tell(scenario, &first, check) {
        longer::doubted(scenario, again_explained(scenario, (first, &again), check)?, check)?
    } else {
        first
    };
    Ok(if scenario.strict { strictly(result, check.fail_on) } else { result })
}

/// What a second process shows, too, and how it explains it.
fn again_explained(
    scenario: &Scenario,
    (first, again): (ScenarioResult, &str),
    check: &Check,
) -> Result<ScenarioResult, Failure> {
    let second = measured(scenario, (again, Some(&first)), check)?;
    let has_failed = first.verdict == Verdict::Fail;
    let mut result = if has_failed { agreed(first, &second, check.fail_on) } else { first };
    let is_explained = explain::has_snapshots(&check.results, again) || explain::says_why(&second);
    // Without a folder there was no run.
    if let (Ok(cwd), true) = (std::path::absolute(&scenario.cwd), is_explained) {
        explain::take_over(&mut result, &second, &cwd, check);
    }
    if result.verdict != Verdict::Unstable && !is_explained {
        // It shows the same again.
        let _ = capture_dir::remove(&check.results, again);
    }
    Ok(result)
}

/// Runs and judges it, as often as it is to be run for that. What a first process showed is explained.
fn measured(
    scenario: &Scenario,
    (capture, first): (&str, Option<&ScenarioResult>),
    check: &Check,
) -> Result<ScenarioResult, Failure> {
    match scenario.work {
        Work::Run { checkpoints: Some(Checkpoints::Processes(number)), .. } => {
            runs::run(scenario, (capture, number), check)
        }
        _ => one::run_explained(scenario, (capture, first), check),
    }
}

/// What both processes show.
fn agreed(mut first: ScenarioResult, second: &ScenarioResult, fail_on: FailOn) -> ScenarioResult {
    first.elapsed += second.elapsed;
    if let Some(error) = &second.error {
        // That nothing was seen is no second opinion.
        let told = format!("could not be confirmed: a second process could not be measured: {}", error.title);
        first
            .findings
            .iter_mut()
            .filter(|finding| finding.fails(fail_on))
            .for_each(|finding| finding.evidence.push(told.clone()));
        return first;
    }
    let mut is_confirmed = false;
    for finding in first.findings.iter_mut().filter(|finding| finding.fails(fail_on)) {
        let again = same(finding, second);
        match again.filter(|again| again.severity == Severity::Error) {
            Some(again) => {
                is_confirmed = true;
                confirm(finding, again);
            }
            None => doubt(finding, again, second),
        }
    }
    if !is_confirmed {
        first.verdict = Verdict::Unstable;
    }
    first.findings.sort_by_key(Finding::rank);
    first
}

/// The finding of a second process that is about the same: the one with its fingerprint, else one by its rule, of which
/// what leaks beside what is accepted is not the same as that.
pub(super) fn same<'a>(finding: &Finding, second: &'a ScenarioResult) -> Option<&'a Finding> {
    let mut of_rule = second.findings.iter().filter(|again| again.rule == finding.rule);
    let is_same = |again: &&Finding| again.fingerprint == finding.fingerprint;
    of_rule.clone().find(is_same).or_else(|| of_rule.find(|again| again.standing == finding.standing))
}

fn confirm(finding: &mut Finding, again: &Finding) {
    let is_same = finding.title == again.title && finding.series == again.series;
    let sentence = match again.evidence.first() {
        _ if is_same => "identical in a second process".to_owned(),
        Some(evidence) if !again.series.is_empty() => format!("in a second process {evidence}"),
        _ => format!("in a second process: {}", again.title),
    };
    // Beside the series where there is one.
    let place =
        if finding.series.is_empty() { finding.evidence.len() } else { finding.evidence.len().min(1) };
    finding.evidence.insert(place, sentence);
}

/// A finding of one process alone is shown, and does not fail.
fn doubt(finding: &mut Finding, again: Option<&Finding>, second: &ScenarioResult) {
    finding.severity = Severity::Warning;
    let shown = match again {
        Some(again) => format!("only warned: {}", again.title),
        None => match second.figures.iter().find(|figure| figure.name == "growth") {
            Some(growth) if leak::is_of_verdict(&finding.rule) => {
                format!("showed no leak: {} B an iteration", Unit::Count.show(growth.measured))
            }
            _ => "was within all limits".to_owned(),
        },
    };
    let floors = second.growth.as_ref().map(|growth| growth.floors.clone());
    if !finding.series.is_empty() {
        finding.series_again = again.map(|again| again.series.clone()).or(floors).unwrap_or_default();
    }
    finding.evidence.insert(
        usize::from(!finding.evidence.is_empty()),
        format!(
            "unstable: a second process {shown}. What may differ between two runs: threads that race, time, random \
             numbers, the network, files that the first run left"
        ),
    );
}

/// What is not certain fails where the scenario is strict.
fn strictly(mut result: ScenarioResult, fail_on: FailOn) -> ScenarioResult {
    if !matches!(result.verdict, Verdict::Undecided | Verdict::Unstable) {
        return result;
    }
    let is_unstable = result.verdict == Verdict::Unstable;
    let is_uncertain = |finding: &&mut Finding| {
        (is_unstable || leak::is_of_verdict(&finding.rule)) && !finding.standing.is_covered()
    };
    for finding in result.findings.iter_mut().filter(is_uncertain) {
        finding.severity = Severity::Error;
        finding.evidence.push("`strict` makes this a failure".to_owned());
    }
    if result.findings.iter().any(|finding| finding.fails(fail_on)) {
        result.verdict = Verdict::Fail;
    }
    result
}
