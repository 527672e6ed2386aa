//! What formats with one entry a problem list: findings, scenarios that could not be measured, a damaged baseline, each
//! at a line of the repository.

use std::collections::HashSet;

use super::{Options, clean, summary};
use crate::finding::{Finding, Severity, Standing};
use crate::gate::fingerprint::fingerprint;
use crate::outcome::{Outcome, ScenarioResult};

/// Rule of a scenario that has no verdict.
pub(super) const SCENARIO_ERROR: &str = "scenario-error";
/// Rule of a damaged baseline.
pub(super) const BASELINE_ERROR: &str = "baseline-error";

/// How much an entry weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Weight {
    /// It fails the check.
    Fails,
    /// It is shown, and does not fail.
    Warns,
    /// Somebody accepted or allowed it.
    Accepted,
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct Problem<'a> {
    pub(super) weight: Weight,
    pub(super) rule: String,
    /// `None` for what is not of one scenario.
    pub(super) scenario: Option<&'a ScenarioResult>,
    /// `None` for what is no finding.
    pub(super) finding: Option<&'a Finding>,
    /// The sentence, clean and bounded.
    pub(super) title: String,
    /// From the top of the repository.
    pub(super) file: String,
    /// From 1.
    pub(super) line: u32,
    /// Whether the change under review has the line.
    pub(super) is_changed: Option<bool>,
    pub(super) fingerprint: String,
}

/// All, each fingerprint once: what fails first, and of that what is on changed lines; else in the order of all reports.
pub(super) fn problems<'a>(outcome: &'a Outcome, options: &Options) -> Vec<Problem<'a>> {
    let mut all = baseline(outcome, options);
    for scenario in summary::ordered(outcome) {
        all.extend(error(outcome, scenario, options));
        all.extend(scenario.findings.iter().map(|finding| found(outcome, scenario, finding, options)));
    }
    all.sort_by_key(|problem| (problem.weight, problem.is_changed != Some(true)));
    let mut seen = HashSet::new();
    all.retain(|problem| seen.insert(problem.fingerprint.clone()));
    all
}

fn baseline<'a>(outcome: &Outcome, options: &Options) -> Vec<Problem<'a>> {
    let Some(file) = &outcome.baseline else { return Vec::new() };
    let path = path(&file.path, options);
    let entry = |text: &String| Problem {
        weight: Weight::Fails,
        rule: BASELINE_ERROR.to_owned(),
        scenario: None,
        finding: None,
        title: clean::line(text, clean::SENTENCE),
        file: path.clone(),
        // Its problems begin with their place: `leakgate.lock:12: …`.
        line: text.strip_prefix(&format!("{}:", file.path)).and_then(number).unwrap_or(1),
        is_changed: None,
        fingerprint: fingerprint(BASELINE_ERROR, "", &[clean::line(text, clean::SENTENCE)]),
    };
    file.problems.iter().map(entry).collect()
}

fn number(text: &str) -> Option<u32> {
    text.split(':').next()?.parse().ok().filter(|line| *line > 0)
}

fn error<'a>(outcome: &Outcome, scenario: &'a ScenarioResult, options: &Options) -> Option<Problem<'a>> {
    let error = scenario.error.as_ref()?;
    let title = clean::line(&error.title, clean::SENTENCE);
    Some(Problem {
        weight: Weight::Fails,
        rule: SCENARIO_ERROR.to_owned(),
        scenario: Some(scenario),
        finding: None,
        title: format!("{} could not be measured: {title}", clean::line(&scenario.name, clean::NAME)),
        file: path(&outcome.config, options),
        line: scenario.config_line.max(1),
        is_changed: None,
        fingerprint: fingerprint(SCENARIO_ERROR, &scenario.name, &[]),
    })
}

fn found<'a>(
    outcome: &Outcome,
    scenario: &'a ScenarioResult,
    finding: &'a Finding,
    options: &Options,
) -> Problem<'a> {
    let (file, line) = line_of(outcome, scenario, finding, options);
    let at = finding.place.as_ref().filter(|place| place.line > 0);
    let title = clean::line(&finding.title, clean::SENTENCE);
    Problem {
        weight: weight(outcome, finding),
        rule: clean::line(finding.pattern(), clean::NAME),
        scenario: Some(scenario),
        finding: Some(finding),
        title: format!("{}: {title}", clean::line(&scenario.name, clean::NAME)),
        is_changed: at.and_then(|place| options.source.is_changed(&place.file, place.line)),
        file,
        line,
        fingerprint: clean::line(&finding.fingerprint, clean::NAME),
    }
}

fn weight(outcome: &Outcome, finding: &Finding) -> Weight {
    let is_open = finding.standing == Standing::New || finding.severity == Severity::Warning;
    match finding.fails(outcome.fail_on) {
        true => Weight::Fails,
        false if is_open && !finding.standing.is_covered() => Weight::Warns,
        false => Weight::Accepted,
    }
}

/// The finding's own line, and where that is not in the repository, its scenario's in the configuration.
fn line_of(
    outcome: &Outcome,
    scenario: &ScenarioResult,
    finding: &Finding,
    options: &Options,
) -> (String, u32) {
    let at = finding.place.as_ref().filter(|place| place.line > 0);
    let own = at.and_then(|place| Some((options.source.path(&place.file)?, place.line)));
    let (file, line) = own.unwrap_or_else(|| (path(&outcome.config, options), scenario.config_line.max(1)));
    (clean::line(&file, clean::FRAME), line)
}

/// A path that the user typed; as it is where it is not in the repository.
/// From the top of the repository, where it is in there.
pub(super) fn path(typed: &str, options: &Options) -> String {
    let inside = options.source.path(typed);
    clean::line(inside.as_deref().unwrap_or(typed), clean::FRAME)
}
