//! What a lock holds.

use std::collections::BTreeMap;
use std::fmt;

use super::environment::Environment;
use super::packages::Package;
use crate::config::{BudgetKey, Of};
use crate::finding::{PartKind, Rate, Unit};
use crate::gate::fingerprint::SCHEME;
use crate::gate::processes::figure_name;

/// All that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// What is accepted of a scenario in an environment.
    pub sections: BTreeMap<Key, Section>,
    /// Lists of installed packages by their digests, which sections refer to.
    pub packages: BTreeMap<String, Vec<Package>>,
}

/// What a section is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The scenario's name.
    pub scenario: String,
    /// Where the figures were measured.
    pub environment: Environment,
}

impl fmt::Display for Key {
    /// `quote on cpython-3.11-x86_64-glibc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.scenario, self.environment)
    }
}

/// What is accepted of one scenario in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Digest of the packages that were installed; `None` where they are not known.
    pub packages: Option<String>,
    /// Figures, by the names that reports print.
    pub figures: BTreeMap<String, AcceptedFigure>,
    /// Findings.
    pub findings: BTreeMap<Identity, Accepted>,
}

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedFigure {
    /// The value.
    pub value: i64,
    /// What it counts.
    pub unit: Unit,
}

/// The identity of a finding: its fingerprint, and how that was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Number of the way of making fingerprints.
    pub scheme: u32,
    /// The fingerprint.
    pub value: String,
}

impl Identity {
    /// Of a fingerprint that this version made.
    pub fn of(fingerprint: &str) -> Identity {
        Identity { scheme: SCHEME, value: fingerprint.to_owned() }
    }
}

/// An accepted finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its rule.
    pub rule: String,
    /// How bad it may be.
    pub level: Level,
    /// What it is about, for people; not a part of the lock's meaning, and not read back.
    pub about: String,
    /// What a leak of memory is made of, sorted; empty where that is not known.
    pub parts: Vec<AcceptedPart>,
}

/// A part of an accepted leak.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AcceptedPart {
    /// What it is.
    pub kind: PartKind,
    /// Its identity; several containers may have the same.
    pub identity: String,
    /// What an iteration adds.
    pub rate: Rate,
    /// Where it is, for people.
    pub about: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What an iteration adds.
    Rate(Rate),
    /// A measured figure.
    Figure(AcceptedFigure),
    /// It is there, and nothing is measured.
    Present,
}

/// All figures that a lock can hold, with what they count.
pub(super) fn figure_names() -> impl Iterator<Item = (String, Unit)> {
    let of = |key: BudgetKey| Of::ALL.into_iter().filter(move |of| *of == Of::Each || key.has_tree());
    BudgetKey::ALL.into_iter().flat_map(move |key| of(key).map(move |of| (figure_name(key, of), key.unit())))
}

/// What a figure counts; `None` where there is no such figure.
pub(super) fn unit_of(name: &str) -> Option<Unit> {
    figure_names().find(|(known, _)| known == name).map(|(_, unit)| unit)
}
