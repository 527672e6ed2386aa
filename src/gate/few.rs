//! Too few iterations of a command for a verdict on its growth: undecided, and never passed over.

use crate::finding::{Finding, Severity};
use crate::gate::budgets::finding;
use crate::gate::holders::Held;
use crate::gate::leak::{Growing, RULE};
use crate::gate::measurement::{Measurement, Needs};
use crate::gate::place::ScenarioFacts;
use crate::gate::steps::Steps;
use crate::gate::verdict::{Outcome, WINDOWS};
use crate::gate::wording;
use crate::outcome::GrowthReport;

/// A command that was to be judged by its iterations and had too few of them: that is told, and never passed over.
pub(super) fn judge(scenario: &ScenarioFacts, measurement: &Measurement) -> Option<Growing> {
    let is_enough = |needs: &Needs| needs.seen >= needs.iterations && needs.looks >= WINDOWS;
    let needs = measurement.needs.filter(|needs| !is_enough(needs))?;
    let judged = measurement.iterations.len() as u64;
    let report = GrowthReport {
        outcome: Outcome::Undecided,
        warmup: u64::from(needs.seen) - judged,
        iterations: judged,
        floors: Vec::new(),
        steps: Steps::default(),
    };
    let plural = if needs.seen == 1 { "" } else { "s" };
    let finding = Finding {
        severity: Severity::Warning,
        title: if needs.seen < needs.iterations {
            let Needs { seen, each, iterations, .. } = needs;
            format!(
                "undecided whether memory leaks: {seen} iteration{plural} of `checkpoints: {each}`, at least \
                 {iterations} are needed"
            )
        } else {
            format!(
                "undecided whether memory leaks: in the judged iterations the command could be looked at {} times, at \
                 least {WINDOWS} are needed",
                needs.looks
            )
        },
        help: wording::too_few(needs.each).to_owned(),
        ..finding(scenario, RULE.to_owned(), Held::default())
    };
    Some(Growing { report: Some(report), findings: vec![finding], notes: Vec::new() })
}
