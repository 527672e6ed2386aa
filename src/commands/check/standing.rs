//! How findings stand to what is known already, and what the scenario's verdict is then.

use super::Check;
use crate::outcome::{ScenarioResult, Verdict};

/// Settles the verdict by what fails the gate.
pub(super) fn settle(result: &mut ScenarioResult, check: &Check) {
    result.verdict =
        Verdict::of(result.error.as_ref(), &result.findings, result.growth.as_ref(), check.fail_on);
}
