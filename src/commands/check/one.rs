//! One scenario: run it, load its capture, measure, judge. Whatever goes wrong with it is its result, not the program's end.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::Check;
use crate::config::{Budget, Scenario, Work};
use crate::gate::budgets::{Judgement, Limit, ScenarioFacts, judge};
use crate::gate::measurement::Measurement;
use crate::outcome::{ScenarioError, ScenarioResult, Verdict};
use crate::profile::{Capture, CheckpointKind, Process, Profile, command_line, load};
use crate::scenario::capture_dir::{self, Existing};
use crate::scenario::watch::End;
use crate::scenario::{Failure, Plan, ScenarioRun, measure, run_scenario};

/// Runs and judges a scenario.
///
/// # Errors
/// Only when the user interrupted it.
pub(super) fn run(scenario: &Scenario, check: &mut Check) -> Result<ScenarioResult, Failure> {
    let mut result = empty(scenario);
    let (plan, folder) = match prepare(scenario, check) {
        Ok(prepared) => prepared,
        Err(error) => return Ok(failed(result, error)),
    };
    let run = match run_scenario(&plan, &folder, &mut check.signals) {
        Ok(run) => run,
        Err(Failure::Interrupted(number)) => return Err(Failure::Interrupted(number)),
        Err(failure) => return Ok(failed(result, without_details(failure.to_string()))),
    };
    result.elapsed = run.elapsed;
    result.notes = run.notes.clone();
    if let Some(error) = &run.failure {
        return Ok(failed(result, error.clone()));
    }
    match measured(&run, &plan, &mut result.notes) {
        Ok(measurement) => Ok(judged(result, scenario, &plan.cwd, &measurement)),
        Err(error) => Ok(failed(result, error)),
    }
}

/// What a scenario runs, for people, as it was typed: `call shop.quotes:quote, 20 iterations`.
pub(super) fn describe(scenario: &Scenario) -> String {
    match &scenario.work {
        Work::Run { argv, .. } => format!("run {}", command_line(argv)),
        Work::Call { target, iterations: 1, .. } => format!("call {target}, 1 iteration"),
        Work::Call { target, iterations, .. } => format!("call {target}, {iterations} iterations"),
    }
}

fn empty(scenario: &Scenario) -> ScenarioResult {
    ScenarioResult {
        name: scenario.name.clone(),
        config_line: scenario.line,
        what: describe(scenario),
        verdict: Verdict::Error,
        elapsed: Duration::ZERO,
        findings: Vec::new(),
        budgets: Vec::new(),
        not_judged: scenario.budgets.iter().map(|budget| budget.key.name().to_owned()).collect(),
        figures: Vec::new(),
        error: None,
        notes: Vec::new(),
    }
}

fn failed(mut result: ScenarioResult, error: ScenarioError) -> ScenarioResult {
    result.error = Some(error);
    result
}

fn without_details(title: String) -> ScenarioError {
    ScenarioError { title, details: String::new() }
}

fn prepare(scenario: &Scenario, check: &Check) -> Result<(Plan, PathBuf), ScenarioError> {
    // What does not need Python is planned without it.
    let python = check.python.as_ref().map_or(Path::new("python"), |python| &python.path);
    let plan = Plan::of(scenario, python).map_err(|error| without_details(error.to_string()))?;
    let place = capture_dir::place_in(&check.results, &scenario.name);
    let folder = place.and_then(|place| capture_dir::prepare(&place, Existing::Replace));
    Ok((plan, folder.map_err(|error| without_details(error.to_string()))?))
}

fn measured(run: &ScenarioRun, plan: &Plan, notes: &mut Vec<String>) -> Result<Measurement, ScenarioError> {
    let capture = load::capture(&run.capture).map_err(|error| without_details(error.to_string()))?;
    notes.extend(capture.notes.iter().cloned());
    let profile = judged_process(run, plan, &capture)
        .ok_or_else(|| without_details("the tracker recorded nothing of the process to judge".to_owned()))?;
    notes.extend(other_process(run, profile));
    notes.extend(unusual_end(run, profile));
    notes.extend(profile.notes.iter().cloned());
    measure(run, profile.clone()).map_err(|error| without_details(error.to_string()))
}

/// How a command's process came to its end, where `retained` and `blocks` depend on it: they are figures of that moment.
fn unusual_end(run: &ScenarioRun, profile: &Profile) -> Option<String> {
    if run.driver.is_some() || run.memory_limit_reached.is_some() {
        return None;
    }
    let has_exit = profile.checkpoints.iter().any(|checkpoint| checkpoint.kind == CheckpointKind::Exit);
    let state = match (has_exit, profile.process.ended) {
        (true, _) => "the interpreter reached its exit, and `retained` is what was live there",
        (false, true) => "the process reached its exit, and `retained` is what was live there",
        (false, false) => {
            "the process did not reach its own exit, so `retained` is what was live when it died"
        }
    };
    let is_killed = run.status.signal() == Some(Signal::SIGKILL as i32);
    match run.end {
        End::Until if is_killed => {
            Some(format!("`until` was over; it did not end on SIGTERM and was killed: {state}"))
        }
        End::Until => Some(format!("`until` was over and SIGTERM was sent: {state}")),
        _ if !has_exit && !profile.process.ended => Some(state.to_owned()),
        _ => None,
    }
}

/// Of a command, a process is judged that the user did not name: the one with the highest peak.
fn other_process(run: &ScenarioRun, profile: &Profile) -> Option<String> {
    let Process { pid, .. } = profile.process;
    let name = profile.process.name();
    (pid != run.root_pid).then(|| {
        format!(
            "judged is the process with the highest peak, `{name}` (pid {pid}), which the command started"
        )
    })
}

/// A function is judged in the process that called it; of a command's processes the one with the highest peak.
fn judged_process<'a>(run: &ScenarioRun, plan: &Plan, capture: &'a Capture) -> Option<&'a Profile> {
    if matches!(plan.work, crate::scenario::plan::Work::Run(_)) {
        return capture.main();
    }
    let of_root = capture.processes.iter().filter(|profile| profile.process.pid == run.root_pid);
    // A version switcher leaves a profile of its own before it becomes the interpreter.
    of_root.max_by_key(|profile| profile.process.started_ms)
}

fn judged(
    mut result: ScenarioResult,
    scenario: &Scenario,
    cwd: &Path,
    measurement: &Measurement,
) -> ScenarioResult {
    let facts = ScenarioFacts { name: &scenario.name, cwd, driver: None };
    let judgement = judge(&facts, &limits(scenario), measurement);
    result.verdict = judgement.verdict();
    let Judgement { findings, budgets, not_judged, figures, error } = judgement;
    result.findings = findings;
    result.budgets = budgets;
    result.not_judged = not_judged;
    result.figures = figures;
    result.error = error;
    result
}

/// The budgets as the gate takes them.
fn limits(scenario: &Scenario) -> Vec<Limit> {
    let limit = |budget: &Budget| Limit { key: budget.key, max: budget.max, warn: budget.warn };
    scenario.budgets.iter().map(limit).collect()
}
