//! A command that is run several times, anew each time: every run must hold the budgets, and what differs is told.

use std::path::PathBuf;

use super::{Check, one, standing};
use crate::config::Scenario;
use crate::difference::{Moment, Sites};
use crate::finding::{Figure, Finding};
use crate::gate::budgets::ScenarioFacts;
use crate::gate::runs;
use crate::outcome::{JudgedBudget, ScenarioError, ScenarioResult, Verdict};
use crate::profile::load;
use crate::scenario::{Failure, capture_dir};
use crate::units::grouped;

/// The figure by which runs are compared.
const RETAINED: &str = "retained";

/// Runs and judges the scenario so often. The first run is recorded into the capture of that name.
///
/// # Errors
/// Only when the user interrupted it.
pub(super) fn run(
    scenario: &Scenario,
    (capture, number): (&str, u32),
    check: &Check,
) -> Result<ScenarioResult, Failure> {
    let mut results: Vec<ScenarioResult> = Vec::new();
    for run in 1..=number {
        let name = if run == 1 { capture.to_owned() } else { place(capture, run) };
        let result = one::run(scenario, &name, check)?;
        // The last but one is kept for the comparison of the last with the first.
        if run > 2 && results.last().is_some_and(|last| last.findings.is_empty()) {
            let _ = capture_dir::remove(&check.results, &place(capture, run - 1));
        }
        if let Some(error) = &result.error {
            let title = format!("run {run} of {number}: {}", error.title);
            let error = ScenarioError { title, details: error.details.clone() };
            return Ok(ScenarioResult { error: Some(error), ..result });
        }
        results.push(result);
    }
    let figures: Vec<Vec<Figure>> = results.iter().map(figures).collect();
    let growing = growing(scenario, &figures, (capture, number), check);
    let mut all = together(results, &figures);
    if let (Some(finding), Some(cwd)) = (growing, folder(scenario)) {
        add(&mut all, finding, (scenario, cwd), check);
    }
    Ok(all)
}

/// Name of a later run's capture: one that no scenario can have.
fn place(capture: &str, run: u32) -> String {
    format!("{capture}~run{run}")
}

fn folder(scenario: &Scenario) -> Option<PathBuf> {
    std::path::absolute(&scenario.cwd).ok()
}

/// All figures of a run, those with budgets too.
fn figures(result: &ScenarioResult) -> Vec<Figure> {
    let judged = result.budgets.iter().map(|budget| budget.figure.clone());
    judged.chain(result.figures.iter().cloned()).collect()
}

/// What is shown of all runs: of each figure and of each finding the worst.
fn together(results: Vec<ScenarioResult>, figures: &[Vec<Figure>]) -> ScenarioResult {
    let mut all = results[0].clone();
    all.elapsed = results.iter().map(|result| result.elapsed).sum();
    for budget in &mut all.budgets {
        let worst = &results[runs::largest(figures, &budget.figure.name)];
        let same = |other: &&JudgedBudget| other.figure.name == budget.figure.name;
        if let Some(other) = worst.budgets.iter().find(same) {
            *budget = other.clone();
        }
    }
    for figure in &mut all.figures {
        figure.measured = runs::of(figures, &figure.name).into_iter().max().unwrap_or(figure.measured);
    }
    all.findings = findings(&results, figures);
    for note in results.iter().flat_map(|result| &result.notes) {
        if !all.notes.contains(note) {
            all.notes.push(note.clone());
        }
    }
    all.notes.splice(0..0, runs::ranges(figures));
    let rank = |verdict: Verdict| {
        [Verdict::Error, Verdict::Fail, Verdict::Unstable, Verdict::Undecided, Verdict::Pass]
            .iter()
            .position(|other| *other == verdict)
    };
    let worst = results.iter().map(|result| result.verdict).min_by_key(|verdict| rank(*verdict));
    all.verdict = worst.unwrap_or(all.verdict);
    all
}

/// Of each rule the finding of the run with the largest figure, and how many runs have it.
fn findings(results: &[ScenarioResult], figures: &[Vec<Figure>]) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for finding in results.iter().flat_map(|result| &result.findings) {
        if all.iter().any(|known| known.rule == finding.rule) {
            continue;
        }
        let has = |result: &&ScenarioResult| result.findings.iter().any(|other| other.rule == finding.rule);
        let count = results.iter().filter(has).count();
        let worst = finding.figure.as_ref().map(|figure| &results[runs::largest(figures, &figure.name)]);
        let worst = worst.and_then(|worst| worst.findings.iter().find(|other| other.rule == finding.rule));
        let mut shown = worst.unwrap_or(finding).clone();
        let total = results.len();
        shown.evidence.push(match count {
            _ if count == total => format!("in every run of {total}; this is the largest"),
            _ => format!("in {count} of {total} runs; this is the largest"),
        });
        all.push(shown);
    }
    all.sort_by_key(Finding::rank);
    all
}

/// What grows from run to run, and where.
fn growing(
    scenario: &Scenario,
    figures: &[Vec<Figure>],
    (capture, number): (&str, u32),
    check: &Check,
) -> Option<Finding> {
    let cwd = folder(scenario)?;
    let facts = ScenarioFacts { name: &scenario.name, cwd: &cwd, driver: None };
    let mut finding = runs::judge(&facts, &runs::of(figures, RETAINED))?;
    let load = |name: &str| load::capture(&capture_dir::place_in(&check.results, name).ok()?).ok();
    if let (Some(first), Some(last)) = (load(capture), load(&place(capture, number))) {
        let sites = Sites::of(first.main()?, last.main()?, Moment::End, &cwd);
        let most = sites.changes.iter().find(|change| change.bytes() > 0);
        finding.evidence.extend(most.map(|change| {
            format!(
                "most of it at {}: {} B more in the last run than in the first",
                change.place,
                grouped(u64::try_from(change.bytes()).unwrap_or(u64::MAX))
            )
        }));
    }
    Some(finding)
}

/// Adds a finding of all runs; how it stands is settled by itself, as that of the others is already.
fn add(all: &mut ScenarioResult, finding: Finding, (scenario, cwd): (&Scenario, PathBuf), check: &Check) {
    let mut alone = ScenarioResult { findings: vec![finding], notes: Vec::new(), ..all.clone() };
    if let Some(environment) = alone.environment.clone() {
        check.against.compare(&mut alone, scenario, environment);
    }
    standing::settle(&mut alone, &cwd, check);
    all.findings.append(&mut alone.findings);
    all.findings.sort_by_key(Finding::rank);
    all.verdict = Verdict::of(all.error.as_ref(), &all.findings, all.growth.as_ref(), check.fail_on);
}
