//! A command that was ended at its `timeout`: what grows without end, and what waits for a thread that never stops, is
//! found all the same. Where neither is, the error says what was seen, and how to go on.

use super::{Check, explain, one, standing};
use crate::baseline::Environment;
use crate::config::{Checkpoints, Scenario};
use crate::finding::{Finding, Severity};
use crate::gate::budgets::{Judgement, ScenarioFacts, judge};
use crate::gate::measurement::Measurement;
use crate::gate::verdict::Outcome;
use crate::gate::{leak, threads};
use crate::outcome::{ScenarioError, ScenarioResult};
use crate::profile::{Capture, CheckpointKind, Profile, load};
use crate::scenario::plan::Work;
use crate::scenario::watch::End;
use crate::scenario::{Plan, ScenarioRun};
use crate::units::{self, grouped};

/// A program that had less is not thought to grow without end.
const LEAST_GROWN: u64 = 64 << 20;

/// The result of a run that ended badly: what was found of it, or the error.
pub(super) fn judged(
    mut result: ScenarioResult,
    scenario: &Scenario,
    (run, plan): (&ScenarioRun, &Plan),
    (error, check): (&ScenarioError, &Check),
) -> ScenarioResult {
    if run.end != End::TimedOut || matches!(plan.work, Work::Call(_)) {
        result.error = Some(of_call(error, run, plan));
        return result;
    }
    let facts = ScenarioFacts { name: &scenario.name, cwd: &plan.cwd, driver: None };
    // Where it cannot be read, `seen` does not see anything either.
    let capture = load::capture(&run.capture).ok();
    let waiting = capture.as_ref().and_then(|capture| at_its_end(&facts, capture));
    let seen = seen(&facts, run, plan, &mut result.notes);
    let mut environment = None;
    if let Some((finding, of)) = waiting {
        result.findings.push(finding);
        environment = Some(of);
    }
    let mut advice = Vec::new();
    if let Some((judgement, measurement)) = seen {
        match leaking(&mut result, judgement, &measurement) {
            Ok(of) => {
                environment = environment.or(Some(of));
                let rules = (&check.rules, one::values(scenario, check));
                explain::add_owners(&mut result, &facts, (run, &measurement), rules);
            }
            Err(told) => advice.push(told),
        }
    }
    let Some(environment) = environment else {
        advice.extend(capture.as_ref().and_then(|capture| at_its_highest(capture, plan)));
        advice.push(until_help(plan));
        result.error = Some(with_advice(error, &advice));
        return result;
    };
    let alone = if is_certain(&result) {
        ", and it was not run again, for as long, to confirm what was seen"
    } else {
        ""
    };
    result.notes.push(format!(
        "its `timeout` of {} was over and it was ended: its budgets were not judged{alone}",
        units::duration_text(plan.timeout.unwrap_or(run.elapsed))
    ));
    check.against.compare(&mut result, scenario, environment);
    standing::settle(&mut result, &plan.cwd, check);
    result
}

/// A program that `until` ended, and that was at its end before: it may be meant so, and is told.
pub(super) fn waits(facts: &ScenarioFacts, run: &ScenarioRun, profile: &Profile) -> Option<Finding> {
    let finding = (run.end == End::Until).then(|| threads::unstopped(facts, profile)).flatten()?;
    let mut evidence = finding.evidence;
    evidence.push("no failure, as `until` says that the program does not end by itself".to_owned());
    Some(Finding { severity: Severity::Warning, evidence, ..finding })
}

/// Whether another process could show no more than the first did, and would take all of its `timeout` again.
pub(super) fn is_certain(result: &ScenarioResult) -> bool {
    let waits = |finding: &Finding| finding.rule == threads::UNSTOPPED && finding.severity == Severity::Error;
    result.findings.iter().any(waits)
}

/// A program at its end, and what it waits for.
fn at_its_end(facts: &ScenarioFacts, capture: &Capture) -> Option<(Finding, Environment)> {
    let found = |profile: &Profile| Some((threads::unstopped(facts, profile)?, environment(profile)));
    capture.processes.iter().find_map(found)
}

/// The iterations of a command as they stood when it was ended, judged without budgets; `None` where it has none.
fn seen(
    facts: &ScenarioFacts,
    run: &ScenarioRun,
    plan: &Plan,
    notes: &mut Vec<String>,
) -> Option<(Judgement, Measurement)> {
    plan.checkpoints().filter(|checkpoints: &Checkpoints| checkpoints.are_in_a_process())?;
    let measurement = one::measured(run, plan, notes).ok()?;
    Some((judge(facts, &[], &measurement), measurement))
}

/// Adds what leaks; where nothing does, says what was seen.
fn leaking(
    result: &mut ScenarioResult,
    mut judgement: Judgement,
    measurement: &Measurement,
) -> Result<Environment, String> {
    let is_of_growth = |finding: &&Finding| leak::is_of_verdict(&finding.rule);
    let undecided = judgement.findings.iter().find(is_of_growth).cloned();
    judgement.findings.retain(|finding| is_of_growth(&finding) && finding.severity == Severity::Error);
    if judgement.findings.is_empty() {
        return Err(told(undecided, &judgement, measurement));
    }
    result.findings.extend(judgement.findings);
    result.growth = judgement.growth;
    result.notes.extend(judgement.notes);
    Ok(environment(&measurement.profile))
}

/// What the iterations showed of a command that is no leak by them.
fn told(undecided: Option<Finding>, judgement: &Judgement, measurement: &Measurement) -> String {
    let Some(needs) = measurement.needs else { return String::new() };
    let plural = if needs.seen == 1 { "" } else { "s" };
    let seen = format!("{} iteration{plural} of `checkpoints: {}` seen by then", needs.seen, needs.each);
    match (undecided, judgement.growth.as_ref().map(|growth| growth.outcome)) {
        // Too few: the title says how many there were.
        (Some(finding), _) if needs.seen < needs.iterations => format!("{}; {}", finding.title, finding.help),
        (Some(finding), _) => format!("{seen}: {}; {}", finding.title, finding.help),
        (None, Some(Outcome::NoLeak)) => format!("{seen}: memory did not grow for good"),
        _ => seen,
    }
}

/// The error of a function that did not come to its end, with how far it came.
fn of_call(error: &ScenarioError, run: &ScenarioRun, plan: &Plan) -> ScenarioError {
    match (&plan.work, run.end) {
        (Work::Call(_), End::TimedOut) => {
            let (seen, calls) = calls_seen(run);
            let help = if calls == 0 { FIRST_HELP } else { CALL_HELP };
            with_advice(error, &[seen, help.to_owned()])
        }
        (Work::Call(_), End::ByItself) if run.recorded && run.driver.is_none() => {
            with_advice(error, &[calls_seen(run).0])
        }
        _ => error.clone(),
    }
}

const CALL_HELP: &str =
    "raise `timeout`, or have it called less: lower `iterations`, or `time` where that is `auto`";

/// Where no call came to its end fewer of them would not help.
const FIRST_HELP: &str = "raise `timeout`, or find what it waits for";

/// How far a function came, and how many calls of it were done.
fn calls_seen(run: &ScenarioRun) -> (String, u64) {
    let main = load::capture(&run.capture).ok();
    let profile = main.as_ref().and_then(|capture| capture.last_of(run.root_pid));
    let of = |kind: CheckpointKind| {
        let all = profile.iter().flat_map(|profile| &profile.checkpoints);
        all.filter(|checkpoint| checkpoint.kind == kind).count() as u64
    };
    let (calls, has_ended) = (of(CheckpointKind::Iteration), of(CheckpointKind::Left) > 0);
    let seen = match (of(CheckpointKind::Start), calls) {
        (0, _) => "the function was not called yet: it was being imported, or `setup` was at work".to_owned(),
        _ if has_ended => {
            format!("all {} calls were done, and what is done after them was at work", grouped(calls))
        }
        (_, 0) => "the first call of the function did not return".to_owned(),
        (_, 1) => "1 call of the function was done, and the next one was at work".to_owned(),
        (_, calls) => {
            format!("{} calls of the function were done, and the next one was at work", grouped(calls))
        }
    };
    (seen, calls)
}

/// A command without iterations that had as much memory at its end as ever: it may grow without end.
fn at_its_highest(capture: &Capture, plan: &Plan) -> Option<String> {
    if plan.checkpoints().is_some() {
        return None;
    }
    let totals = capture.main()?.totals;
    if totals.peak.bytes < LEAST_GROWN {
        return None;
    }
    let is_highest = u128::from(totals.end.bytes) * 20 >= u128::from(totals.peak.bytes) * 19;
    is_highest.then(|| {
        format!(
            "{} were live when it was ended, about as much as ever: with `checkpoints: every 1 s` it is judged whether \
             that grows, and where",
            units::Bytes(totals.end.bytes)
        )
    })
}

fn until_help(plan: &Plan) -> String {
    let timeout = plan.timeout.unwrap_or_default();
    let until = units::duration_text(timeout / 2);
    format!(
        "if it is not meant to end by itself, say `until: {until}`, or more with a longer `timeout`: it is ended then and \
         judged as it stands; else raise `timeout`, or find what it waits for"
    )
}

fn with_advice(error: &ScenarioError, advice: &[String]) -> ScenarioError {
    advice.iter().fold(error.clone(), |error, advice| error.advised(advice))
}

fn environment(profile: &Profile) -> Environment {
    Environment::here(profile.process.interpreter.as_deref())
}
