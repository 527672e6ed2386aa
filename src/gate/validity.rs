//! What cannot be judged: it ends as an error, never as a pass.

use crate::config::BudgetKey;
use crate::gate::measurement::Measurement;
use crate::gate::wording;
use crate::outcome::ScenarioError;
use crate::profile::UNSEEN_HEAP;
use crate::units::grouped;

/// Why the figures cannot be judged at all: a tracker that saw nothing or lost records is never a pass.
pub(super) fn invalid(measurement: &Measurement) -> Option<ScenarioError> {
    let all = || measurement.others.iter().chain([measurement]);
    let lost = all().map(|process| process.profile.process.lost).sum();
    if lost > 0 {
        return Some(ScenarioError {
            title: format!(
                "{} events could not be recorded, so the figures are a lower bound",
                grouped(lost)
            ),
            details: measurement.profile.notes.join("\n"),
        });
    }
    if all().any(|process| process.profile.notes.iter().any(|note| note == UNSEEN_HEAP)) {
        return Some(ScenarioError {
            title: "the native heap is not seen, so there is nothing to judge".to_owned(),
            details: UNSEEN_HEAP.to_owned(),
        });
    }
    let silent = measurement.profile.sites.is_empty() && measurement.peak == 0;
    silent.then(|| ScenarioError {
        title: "the tracker recorded nothing, so there is nothing to judge".to_owned(),
        details: measurement.profile.notes.join("\n"),
    })
}

/// What a budget asks for and was not measured.
pub(super) fn unmeasured_error(keys: &[BudgetKey]) -> ScenarioError {
    let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name())).collect();
    let plural = if keys.len() == 1 { "has a budget and" } else { "have budgets and" };
    let reasons: Vec<String> =
        keys.iter().map(|key| format!("{}: {}", key.name(), wording::not_measured(*key))).collect();
    ScenarioError {
        title: format!("{} {plural} could not be measured", names.join(", ")),
        details: reasons.join("\n"),
    }
}
