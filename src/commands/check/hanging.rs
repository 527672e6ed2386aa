//! A command that was ended at its `timeout`: what grows without end, and what waits for a thread that never stops, is
//! found all the same.

use super::{Check, one, standing};
use crate::baseline::Environment;
use crate::config::{Checkpoints, Scenario};
use crate::finding::{Finding, Severity};
use crate::gate::budgets::{ScenarioFacts, judge};
use crate::gate::{leak, threads};
use crate::outcome::ScenarioResult;
use crate::profile::{Profile, load};
use crate::scenario::plan::Work;
use crate::scenario::watch::End;
use crate::scenario::{Plan, ScenarioRun};
use crate::units;

/// The result with what was found; `None` where it ended otherwise, and where nothing was found: then it is an error.
pub(super) fn judged(
    mut result: ScenarioResult,
    scenario: &Scenario,
    (run, plan): (&ScenarioRun, &Plan),
    check: &Check,
) -> Option<ScenarioResult> {
    if run.end != End::TimedOut || !matches!(plan.work, Work::Run(_)) {
        return None;
    }
    let facts = ScenarioFacts { name: &scenario.name, cwd: &plan.cwd, driver: None };
    let environment = match at_its_end(&facts, run) {
        Some((finding, environment)) => {
            result.findings = vec![finding];
            environment
        }
        None => growing(&mut result, &facts, run, plan)?,
    };
    result.notes.push(format!(
        "its `timeout` of {} was over and it was ended: its budgets were not judged",
        units::duration_text(plan.timeout.unwrap_or(run.elapsed))
    ));
    check.against.compare(&mut result, scenario, environment);
    standing::settle(&mut result, &plan.cwd, check);
    Some(result)
}

/// A program at its end, and what it waits for.
fn at_its_end(facts: &ScenarioFacts, run: &ScenarioRun) -> Option<(Finding, Environment)> {
    let capture = load::capture(&run.capture).ok()?;
    let found = |profile: &Profile| Some((threads::unstopped(facts, profile)?, environment(profile)));
    capture.processes.iter().find_map(found)
}

/// Adds what leaks. Where nothing does, `None`.
fn growing(
    result: &mut ScenarioResult,
    facts: &ScenarioFacts,
    run: &ScenarioRun,
    plan: &Plan,
) -> Option<Environment> {
    plan.checkpoints().filter(|checkpoints: &Checkpoints| checkpoints.are_in_a_process())?;
    let measurement = one::measured(run, plan, &mut result.notes).ok()?;
    let mut judgement = judge(facts, &[], &measurement);
    let leaks =
        |finding: &Finding| leak::figure_of(&finding.rule).is_some() && finding.severity == Severity::Error;
    judgement.findings.retain(leaks);
    if judgement.findings.is_empty() {
        return None;
    }
    result.findings = judgement.findings;
    result.growth = judgement.growth;
    result.notes.extend(judgement.notes);
    Some(environment(&measurement.profile))
}

fn environment(profile: &Profile) -> Environment {
    Environment::here(profile.process.interpreter.as_deref())
}
