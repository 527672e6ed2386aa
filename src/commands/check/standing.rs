//! How findings stand to what is known already, and what the scenario's verdict is then.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Check;
use crate::config::{Allowance, Config};
use crate::date::Date;
use crate::distributions::{self, Distribution};
use crate::finding::Finding;
use crate::gate::allow::{self, Allowances, Seen};
use crate::gate::known::{self, KnownLeak};
use crate::gate::sites;
use crate::outcome::{ScenarioResult, Verdict};
use crate::profile::Frame;

/// What is known before anything is run, and which of it was met. Scenarios that run at the same time share it.
pub(super) struct Register {
    entries: Vec<Allowance>,
    /// For each entry, whether a finding matched it.
    met: Vec<AtomicBool>,
    known: Vec<KnownLeak>,
    file: String,
    today: Date,
}

impl Register {
    /// What the configuration allows, and the leaks that the program knows of.
    pub(super) fn of(config: &Config) -> Register {
        Register {
            met: config.allow.iter().map(|_| AtomicBool::new(false)).collect(),
            entries: config.allow.clone(),
            known: known::all(),
            file: config.path.display().to_string(),
            today: Date::today(),
        }
    }

    /// Says of each finding of a scenario that ran in this folder how it stands.
    fn apply(&self, result: &mut ScenarioResult, cwd: &Path) {
        let looked_up = RefCell::new(HashMap::new());
        let distribution = |frame: &Frame| distribution_of(frame, cwd, &looked_up);
        let allowances = Allowances {
            entries: &self.entries,
            file: &self.file,
            today: self.today,
            distribution: &distribution,
        };
        for index in allow::apply(&allowances, &mut result.findings) {
            self.met[index].store(true, Ordering::Relaxed);
        }
        known::apply(&self.known, &distribution, &mut result.findings);
    }

    /// Sentences on entries that match nothing any more; of a check of all scenarios only.
    pub(super) fn stale(&self, results: &[ScenarioResult]) -> Vec<String> {
        let is_certain =
            |result: &ScenarioResult| !matches!(result.verdict, Verdict::Error | Verdict::Unstable);
        let seen: Vec<Seen> = results
            .iter()
            .map(|result| Seen { scenario: &result.name, is_certain: is_certain(result) })
            .collect();
        let met = self.met.iter().enumerate().filter(|(_, met)| met.load(Ordering::Relaxed));
        let met: BTreeSet<usize> = met.map(|(index, _)| index).collect();
        allow::stale(&self.entries, &self.file, &met, &seen)
    }
}

/// The installed distribution that a frame's code belongs to; each file is looked up once.
fn distribution_of(
    frame: &Frame,
    cwd: &Path,
    looked_up: &RefCell<HashMap<String, Option<Distribution>>>,
) -> Option<Distribution> {
    let file = sites::file(frame)?;
    let mut looked_up = looked_up.borrow_mut();
    if let Some(known) = looked_up.get(file) {
        return known.clone();
    }
    let found = distributions::of_file(&cwd.join(file));
    looked_up.insert(file.to_owned(), found.clone());
    found
}

/// Settles how the findings stand, and the verdict by what fails the gate.
pub(super) fn settle(result: &mut ScenarioResult, cwd: &Path, check: &Check) {
    check.register.apply(result, cwd);
    result.findings.sort_by_key(Finding::rank);
    let (error, growth) = (result.error.as_ref(), result.growth.as_ref());
    result.verdict = Verdict::of(error, &result.findings, growth, check.fail_on);
}
