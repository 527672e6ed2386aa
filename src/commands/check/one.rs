//! One scenario: run it, load its capture, measure, judge. Whatever goes wrong with it is its result, not the program's end.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Check, explain, hanging, standing};
use crate::baseline::{Environment, Section, allowed};
use crate::config::{Budget, BudgetKey, Checkpoints, Of, Repeats, Scenario, Work};
use crate::gate::budgets::{Judgement, Limit, MostIncrease, ScenarioFacts, judge};
use crate::gate::measurement::Measurement;
use crate::gate::owners::Values;
use crate::gate::processes::{self, figure_name};
use crate::outcome::{CapturePlace, Compared, ScenarioError, ScenarioResult, Verdict};
use crate::profile::{Capture, Checkpoint, CheckpointKind, LOST_CHILD, Profile, command_line, load};
use crate::scenario::capture_dir::{self, Existing};
use crate::scenario::memory_limit::MemoryLimit;
use crate::scenario::plan::Work as PlannedWork;
use crate::scenario::watch::End;
use crate::scenario::{Failure, Plan, ScenarioRun, measure_all, run_scenario, script, unrecorded};

/// Runs and judges a scenario, recorded into the capture of that name.
///
/// # Errors
/// Only when the user interrupted it.
pub(super) fn run(scenario: &Scenario, capture: &str, check: &Check) -> Result<ScenarioResult, Failure> {
    run_explained(scenario, (capture, None), check)
}

/// As [`run`]; what a first process showed is explained by this one.
pub(super) fn run_explained(
    scenario: &Scenario,
    (capture, first): (&str, Option<&ScenarioResult>),
    check: &Check,
) -> Result<ScenarioResult, Failure> {
    let mut result = empty(scenario);
    let (mut plan, folder) = match prepare(scenario, capture, check) {
        Ok(prepared) => prepared,
        Err(error) => return Ok(failed(result, error)),
    };
    if let Some(first) = first {
        explain::ask(&mut plan, first);
    }
    let run = match run_scenario(&plan, &folder, &check.interruption, check.guard.as_ref()) {
        Ok(run) => run,
        Err(Failure::Interrupted(number)) => return Err(Failure::Interrupted(number)),
        Err(failure) => return Ok(failed(result, without_details(failure.to_string()))),
    };
    result.elapsed = run.elapsed;
    result.notes = run.notes.clone();
    if let Some(reason) = crate::scenario::skipped(&run) {
        return Ok(ScenarioResult { verdict: Verdict::Skipped, skipped: Some(reason), ..result });
    }
    if let Some(error) = &run.failure {
        return Ok(hanging::judged(result, scenario, (&run, &plan), (error, check)));
    }
    match measured(&run, &plan, &mut result.notes) {
        Ok(measurement) => {
            let environment = Environment::here(measurement.profile.process.interpreter.as_deref());
            let accepted = check.against.section(&scenario.name, &environment);
            let mut result = judged(result, scenario, &plan.cwd, &measurement, accepted);
            let facts = ScenarioFacts { name: &scenario.name, cwd: &plan.cwd, driver: None };
            result.findings.extend(hanging::waits(&facts, &run, &measurement.profile));
            let rules = (&check.rules, values(scenario, check));
            explain::add_owners(&mut result, &facts, (&run, &measurement), rules);
            check.against.compare(&mut result, scenario, environment);
            standing::settle(&mut result, &plan.cwd, check);
            let keys: Vec<BudgetKey> = of_each(scenario).collect();
            result.notes.extend(processes::note(&keys, run.root_pid, &measurement));
            let lost = untracked(scenario, &run).or_else(|| without_child(scenario, &measurement));
            if let (None, Some(error)) = (&result.error, lost) {
                result.verdict = Verdict::Error;
                result.error = Some(error);
            }
            Ok(result)
        }
        Err(error) => Ok(failed(result, error)),
    }
}

/// Whether values of the program may be shown.
pub(super) fn values(scenario: &Scenario, check: &Check) -> Values {
    if scenario.values && check.values { Values::Shown } else { Values::Hidden }
}

/// What a scenario runs, for people, as it was typed: `call shop.quotes:quote, 20 iterations`.
pub(super) fn describe(scenario: &Scenario) -> String {
    match &scenario.work {
        Work::Run { argv, checkpoints, .. } => {
            let each = match checkpoints {
                None => String::new(),
                Some(Checkpoints::Processes(number)) => format!(", {number} processes"),
                Some(checkpoints) => format!(", checkpoints {checkpoints}"),
            };
            format!("run {}{each}", command_line(argv))
        }
        Work::Call { target, repeats: Repeats::Fixed { iterations: 1, .. }, .. } => {
            format!("call {target}, 1 iteration")
        }
        Work::Call { target, repeats: Repeats::Fixed { iterations, .. }, .. } => {
            format!("call {target}, {iterations} iterations")
        }
        Work::Call { target, repeats: Repeats::Auto { .. }, .. } => format!("call {target}"),
    }
}

fn empty(scenario: &Scenario) -> ScenarioResult {
    ScenarioResult {
        name: scenario.name.clone(),
        config_line: scenario.line,
        what: describe(scenario),
        environment: None,
        baseline: Compared::NoBaseline,
        verdict: Verdict::Error,
        elapsed: Duration::ZERO,
        findings: Vec::new(),
        budgets: Vec::new(),
        not_judged: scenario.budgets.iter().map(|budget| figure_name(budget.key, budget.of)).collect(),
        figures: Vec::new(),
        growth: None,
        error: None,
        skipped: None,
        notes: Vec::new(),
        capture: CapturePlace::Results,
    }
}

fn failed(mut result: ScenarioResult, error: ScenarioError) -> ScenarioResult {
    result.error = Some(error);
    result
}

fn without_details(title: String) -> ScenarioError {
    ScenarioError { title, details: String::new() }
}

fn prepare(scenario: &Scenario, capture: &str, check: &Check) -> Result<(Plan, PathBuf), ScenarioError> {
    // What does not need Python is planned without it.
    let mut plan =
        Plan::of(scenario, check.python.as_ref()).map_err(|error| without_details(error.to_string()))?;
    plan.values = values(scenario, check);
    if let (MemoryLimit::Auto, 2.., false) = (plan.memory_limit, check.jobs, scenario.exclusive) {
        plan.memory_limit = MemoryLimit::Part(check.jobs as u64);
    }
    let place = capture_dir::place_in(&check.results, capture);
    let folder = place.and_then(|place| capture_dir::prepare(&place, Existing::Replace));
    Ok((plan, folder.map_err(|error| without_details(error.to_string()))?))
}

pub(super) fn measured(
    run: &ScenarioRun,
    plan: &Plan,
    notes: &mut Vec<String>,
) -> Result<Measurement, ScenarioError> {
    let capture = load::capture(&run.capture).map_err(|error| without_details(error.to_string()))?;
    notes.extend(capture.notes.iter().cloned());
    let main = judged_process(run, plan, &capture)
        .ok_or_else(|| without_details("the tracker recorded nothing of the process to judge".to_owned()))?;
    let profile = &capture.processes[main];
    if let Some(error) = script::unmarked(run, profile) {
        return Err(error);
    }
    notes.extend(unusual_end(run, profile));
    notes.extend(profile.notes.iter().cloned());
    measure_all(run, capture, main).map_err(|error| without_details(error.to_string()))
}

/// How a command's process came to its end, where `retained` and `blocks` depend on it: they are figures of that moment.
fn unusual_end(run: &ScenarioRun, profile: &Profile) -> Option<String> {
    if run.driver.is_some() || run.memory_limit_reached.is_some() {
        return None;
    }
    // A program with an interpreter inside may go on after that one's exit, and take more.
    let end = profile.totals.end.bytes;
    let is_end =
        |checkpoint: &Checkpoint| checkpoint.kind == CheckpointKind::Exit && checkpoint.live.bytes >= end;
    let has_exit = profile.checkpoints.iter().any(is_end);
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

/// Index of the process that called the function; of a command's processes of the one with the highest peak, which
/// stands for what is told about the end.
fn judged_process(run: &ScenarioRun, plan: &Plan, capture: &Capture) -> Option<usize> {
    if plan.checkpoints().is_some_and(Checkpoints::are_in_a_process) {
        return script::main(run, capture);
    }
    let is_run = matches!(plan.work, PlannedWork::Run(_));
    let wanted = if is_run { capture.main() } else { capture.last_of(run.root_pid) }?.process.id();
    capture.processes.iter().position(|profile| profile.process.id() == wanted)
}

/// The budgets that each process must hold by itself.
fn of_each(scenario: &Scenario) -> impl Iterator<Item = BudgetKey> {
    scenario.budgets.iter().filter(|budget| budget.of == Of::Each).map(|budget| budget.key)
}

/// A process without the tracker is an error where the scenario is strict.
fn untracked(scenario: &Scenario, run: &ScenarioRun) -> Option<ScenarioError> {
    let details = unrecorded::lines(&run.untracked).filter(|_| scenario.strict)?;
    Some(ScenarioError {
        title: "programs ran without the tracker, which `strict` does not allow: the figures are not whole"
            .to_owned(),
        details,
    })
}

/// Likewise a forked child that could not be recorded.
fn without_child(scenario: &Scenario, measurement: &Measurement) -> Option<ScenarioError> {
    let all = std::iter::once(measurement).chain(&measurement.others);
    let is_lost = |process: &Measurement| process.profile.notes.iter().any(|note| note == LOST_CHILD);
    let process = all.into_iter().find(|process| is_lost(process)).filter(|_| scenario.strict)?;
    Some(ScenarioError {
        title: "a child process is in no figure, which `strict` does not allow".to_owned(),
        details: format!("of process {}: {LOST_CHILD}", process.profile.process.pid),
    })
}

fn judged(
    mut result: ScenarioResult,
    scenario: &Scenario,
    cwd: &Path,
    measurement: &Measurement,
    accepted: Option<&Section>,
) -> ScenarioResult {
    let facts = ScenarioFacts { name: &scenario.name, cwd, driver: None };
    let judgement = judge(&facts, &limits(scenario, accepted), measurement);
    result.verdict = judgement.verdict();
    let Judgement { findings, budgets, not_judged, figures, growth, notes, error } = judgement;
    result.findings = findings;
    result.budgets = budgets;
    result.not_judged = not_judged;
    result.figures = figures;
    result.growth = growth;
    result.notes.extend(notes);
    result.error = error;
    result
}

/// The budgets as the gate takes them, with what the baseline has.
fn limits(scenario: &Scenario, accepted: Option<&Section>) -> Vec<Limit> {
    let increase = |budget: &Budget| {
        let baseline = accepted?.figures.get(&figure_name(budget.key, budget.of))?.value;
        Some(MostIncrease { baseline, most: allowed(budget.increase?, baseline) })
    };
    let limit = |budget: &Budget| {
        let increase = increase(budget);
        Limit { key: budget.key, max: budget.max, warn: budget.warn, increase, of: budget.of }
    };
    scenario.budgets.iter().map(limit).collect()
}
