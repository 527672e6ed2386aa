//! Two results, scenario by scenario: figures and findings.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Fate;
use crate::baseline::{AcceptedFigure, Level, PackageChange, changed, words};
use crate::finding::Finding;
use crate::outcome::{Outcome, ScenarioResult, Verdict};

/// The difference between two results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Results {
    /// Scenarios that differ, in the order of the second result, then those that are gone.
    pub scenarios: Vec<ScenarioChange>,
    /// Packages that changed.
    pub packages: Vec<PackageEntry>,
}

/// A package that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageEntry {
    /// Its name.
    pub name: String,
    /// The version before; `null`: it was not there.
    pub before: Option<String>,
    /// The version now; `null`: it is gone.
    pub after: Option<String>,
}

/// A scenario that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioChange {
    /// Its name.
    pub name: String,
    /// `null` where both results have it.
    pub fate: Option<Fate>,
    /// Verdicts, where they differ.
    pub verdict: Option<[&'static str; 2]>,
    /// Environments, where they differ: figures are then of different things.
    pub environment: Option<[String; 2]>,
    /// Figures that differ, the largest difference first within their unit.
    pub figures: Vec<FigureChange>,
    /// Findings that differ.
    pub findings: Vec<FindingChange>,
}

/// A figure that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FigureChange {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub fate: Fate,
    /// In its own unit: bytes, bytes an iteration, or a count.
    pub before: Option<i64>,
    /// The same now.
    pub after: Option<i64>,
    /// What it says to people.
    #[serde(skip)]
    pub said: String,
}

/// A finding that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingChange {
    /// Its rule.
    pub rule: String,
    /// Its identity.
    pub fingerprint: String,
    /// What became of it.
    pub fate: Fate,
    /// Its sentence.
    pub title: String,
    /// How bad it was, in words.
    pub before: Option<String>,
    /// How bad it is, in words.
    pub after: Option<String>,
    /// The line to look at.
    pub place: Both<Option<String>>,
    /// Who keeps what grows, with the types: `app.SEEN (list)`; empty where that is not known.
    pub owners: Both<Vec<String>>,
}

/// What was and what is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Both<T> {
    /// What was.
    pub before: T,
    /// What is.
    pub after: T,
}

impl<T> Both<T> {
    fn of<V>(of: [V; 2], part: impl Fn(V) -> T) -> Both<T> {
        let [before, after] = of.map(part);
        Both { before, after }
    }
}

impl Results {
    /// Compares two results.
    pub fn of(before: &Outcome, after: &Outcome) -> Results {
        let find = |outcome: &'_ Outcome, name: &str| {
            outcome.scenarios.iter().position(|scenario| scenario.name == name)
        };
        let mut scenarios: Vec<ScenarioChange> = Vec::new();
        for scenario in &after.scenarios {
            match find(before, &scenario.name) {
                Some(index) => scenarios.extend(both(&before.scenarios[index], scenario)),
                None => scenarios.push(one(scenario, Fate::New)),
            }
        }
        let gone = before.scenarios.iter().filter(|scenario| find(after, &scenario.name).is_none());
        scenarios.extend(gone.map(|scenario| one(scenario, Fate::Gone)));
        let package = |change: PackageChange| PackageEntry {
            name: change.name,
            before: change.before,
            after: change.now,
        };
        let packages = changed(&before.packages, &after.packages).into_iter().map(package).collect();
        Results { scenarios, packages }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.scenarios.is_empty() && self.packages.is_empty()
    }
}

fn one(scenario: &ScenarioResult, fate: Fate) -> ScenarioChange {
    ScenarioChange {
        name: scenario.name.clone(),
        fate: Some(fate),
        verdict: None,
        environment: None,
        figures: Vec::new(),
        findings: Vec::new(),
    }
}

fn both(before: &ScenarioResult, after: &ScenarioResult) -> Option<ScenarioChange> {
    let verdicts = [before, after].map(|scenario| word(scenario.verdict));
    let environments = [before, after].map(|scenario| {
        scenario.environment.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string)
    });
    let change = ScenarioChange {
        name: after.name.clone(),
        fate: None,
        verdict: (verdicts[0] != verdicts[1]).then_some(verdicts),
        environment: (environments[0] != environments[1]).then_some(environments),
        figures: figures(before, after),
        findings: findings(before, after),
    };
    let is_same = change.verdict.is_none()
        && change.environment.is_none()
        && change.figures.is_empty()
        && change.findings.is_empty();
    (!is_same).then_some(change)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Skipped => "skipped",
        Verdict::Undecided => "undecided",
        Verdict::Unstable => "unstable",
        Verdict::Fail => "fail",
        Verdict::Error => "error",
    }
}

/// A fate by what was and what is; `None` where both are the same.
fn fate<T: PartialOrd>(before: &Option<T>, after: &Option<T>) -> Option<Fate> {
    match (before, after) {
        (None, None) => None,
        (None, Some(_)) => Some(Fate::New),
        (Some(_), None) => Some(Fate::Gone),
        (Some(before), Some(after)) if before == after => None,
        (Some(before), Some(after)) if after > before => Some(Fate::Grew),
        _ => Some(Fate::Shrank),
    }
}

fn figures(before: &ScenarioResult, after: &ScenarioResult) -> Vec<FigureChange> {
    let all = |scenario: &ScenarioResult| -> BTreeMap<String, AcceptedFigure> {
        let judged = scenario.budgets.iter().map(|judged| &judged.figure);
        let figures = judged.chain(&scenario.figures);
        figures
            .map(|figure| (figure.name.clone(), AcceptedFigure { value: figure.measured, unit: figure.unit }))
            .collect()
    };
    let (before, after) = (all(before), all(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let change = |name: &String| {
        let (was, is) = (before.get(name).copied(), after.get(name).copied());
        let values = (was.map(|figure| figure.value), is.map(|figure| figure.value));
        let fate = fate(&values.0, &values.1)?;
        let said =
            words::change(&crate::baseline::Change::Figure { name: name.clone(), before: was, now: is });
        Some(FigureChange { name: name.clone(), fate, before: values.0, after: values.1, said })
    };
    let mut changes: Vec<FigureChange> = names.into_iter().filter_map(change).collect();
    let size = |change: &FigureChange| {
        (i128::from(change.after.unwrap_or(0)) - i128::from(change.before.unwrap_or(0))).abs()
    };
    changes.sort_by_key(|change| std::cmp::Reverse(size(change)));
    changes
}

fn findings(before: &ScenarioResult, after: &ScenarioResult) -> Vec<FindingChange> {
    let find = |scenario: &ScenarioResult, fingerprint: &str| {
        scenario.findings.iter().position(|finding| finding.fingerprint == fingerprint)
    };
    let change = |was: Option<usize>, is: Option<usize>| {
        let was = was.map(|index| &before.findings[index]);
        let is = is.map(|index| &after.findings[index]);
        let levels = (was.map(Level::of), is.map(Level::of));
        let owners = Both::of([was, is], |finding| finding.map(kept_by).unwrap_or_default());
        // Who is looked for in a second process may be found in one check and not in another.
        let is_known = !owners.before.is_empty() && !owners.after.is_empty();
        let fate = match levels {
            (Some(was), Some(is)) if was == is && (!is_known || owners.before == owners.after) => {
                return None;
            }
            (Some(was), Some(is)) if was == is => Fate::Same,
            (Some(was), Some(is)) if size(is) < size(was) => Fate::Shrank,
            (Some(_), Some(_)) => Fate::Grew,
            (None, _) => Fate::New,
            (_, None) => Fate::Gone,
        };
        let finding = is.or(was)?;
        Some(FindingChange {
            rule: finding.rule.clone(),
            fingerprint: finding.fingerprint.clone(),
            fate,
            title: finding.title.clone(),
            before: levels.0.map(words::level),
            after: levels.1.map(words::level),
            place: Both::of([was, is], |finding| Some(finding?.place.as_ref()?.to_string())),
            owners,
        })
    };
    let now = after.findings.iter().enumerate();
    let now = now.filter_map(|(index, finding)| change(find(before, &finding.fingerprint), Some(index)));
    let gone =
        before.findings.iter().enumerate().filter(|(_, finding)| find(after, &finding.fingerprint).is_none());
    now.chain(gone.filter_map(|(index, _)| change(Some(index), None))).collect()
}

/// Who keeps what grows.
fn kept_by(finding: &Finding) -> Vec<String> {
    finding.owners.iter().map(|owner| format!("{} ({})", owner.name, owner.type_name)).collect()
}

/// How large a level is, to be compared with one of the same kind.
fn size(level: Level) -> f64 {
    match level {
        Level::Rate(rate) => rate.total as f64 / rate.iterations as f64,
        Level::Figure(figure) => figure.value as f64,
        Level::Present => 0.0,
    }
}
