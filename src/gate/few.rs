//! Too few iterations for a verdict on growth: that is told, and never passed over.

use crate::config::Repeats;
use crate::finding::{Finding, Severity};
use crate::gate::budgets::finding;
use crate::gate::holders::Held;
use crate::gate::leak::{Growing, RULE};
use crate::gate::measurement::{Measurement, Needs};
use crate::gate::place::ScenarioFacts;
use crate::gate::steps::Steps;
use crate::gate::verdict::{Outcome, WINDOWS};
use crate::gate::wording::{self, Undecided};
use crate::outcome::GrowthReport;

/// A command that was to be judged by its iterations and had too few of them: that is told, and never passed over.
pub(super) fn judge(scenario: &ScenarioFacts, measurement: &Measurement) -> Option<Growing> {
    let is_enough = |needs: &Needs| needs.seen >= needs.iterations && needs.looks >= WINDOWS;
    let needs = measurement.needs.filter(|needs| !is_enough(needs))?;
    let plural = if needs.seen == 1 { "" } else { "s" };
    let title = if needs.seen < needs.iterations {
        let Needs { seen, each, iterations, .. } = needs;
        format!(
            "undecided whether memory leaks: {seen} iteration{plural} of `checkpoints: {each}`, at least {iterations} \
             are needed"
        )
    } else {
        format!(
            "undecided whether memory leaks: in the judged iterations the command could be looked at {} times, at least \
             {WINDOWS} are needed",
            needs.looks
        )
    };
    let warmup = u64::from(needs.seen) - measurement.iterations.len() as u64;
    Some(undecided(scenario, (warmup, measurement), title, wording::too_few(needs.each)))
}

/// A function that was called too seldom. Where it was to be called until that is decided, it is not; where a number was
/// said, a note tells what that leaves out. A single call is not meant for it.
pub(super) fn of_call(scenario: &ScenarioFacts, measurement: &Measurement) -> Growing {
    let judged = measurement.iterations.len();
    match measurement.repeats {
        Some(Repeats::Auto { most: 2.., .. }) if measurement.memory_limit_reached.is_none() => {
            called_too_seldom(scenario, measurement)
        }
        Some(Repeats::Fixed { .. }) if judged > 1 => Growing {
            notes: vec![format!(
                "whether memory leaks was not judged: {judged} judged iterations, at least {WINDOWS} are needed"
            )],
            ..Growing::default()
        },
        _ => Growing::default(),
    }
}

fn called_too_seldom(scenario: &ScenarioFacts, measurement: &Measurement) -> Growing {
    let warmup = measurement.start.map_or(0, |start| u64::from(start.iteration));
    let calls = warmup + measurement.iterations.len() as u64;
    let times = if calls == 1 { "once".to_owned() } else { format!("{calls} times") };
    let title = format!(
        "undecided whether memory leaks: the function was called {times}, at least {} calls are needed",
        2 * WINDOWS
    );
    undecided(scenario, (warmup, measurement), title, wording::undecided(Undecided::Call))
}

fn undecided(
    scenario: &ScenarioFacts,
    (warmup, measurement): (u64, &Measurement),
    title: String,
    help: &str,
) -> Growing {
    let report = GrowthReport {
        outcome: Outcome::Undecided,
        warmup,
        iterations: measurement.iterations.len() as u64,
        floors: Vec::new(),
        steps: Steps::default(),
    };
    let finding = Finding {
        severity: Severity::Warning,
        title,
        help: help.to_owned(),
        ..finding(scenario, RULE.to_owned(), Held::default())
    };
    Growing { report: Some(report), findings: vec![finding], notes: Vec::new() }
}
