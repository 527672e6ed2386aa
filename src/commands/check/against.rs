//! Compares results with the baseline: what was accepted, and what is new.

use std::collections::BTreeSet;
use std::path::Path;

use crate::baseline::{
    self, Accepted, AcceptedPart, Environment, Identity, Key, Level, Lock, Package, Section, accepts,
    accepts_part, words,
};
use crate::commands::lock_file;
use crate::config::Scenario;
use crate::finding::{Finding, Place, Rate, Severity, Standing};
use crate::gate::leak::RULE;
use crate::gate::parts::{self, KnownPart};
use crate::outcome::{BaselineFile, Compared, ScenarioResult};

/// A baseline, as far as it can be read.
pub(super) struct Against {
    /// As the user would type it.
    path: String,
    /// `None` where there is no file.
    lock: Option<Lock>,
    problems: Vec<String>,
    /// Sections that are there and are not sound.
    damaged: BTreeSet<Key>,
    /// What is installed now.
    pub(super) packages: Vec<Package>,
}

impl Against {
    /// Reads a lock; `None` is none.
    ///
    /// # Errors
    /// When it is there and cannot be read at all.
    pub(super) fn read(path: Option<&Path>, packages: Vec<Package>) -> anyhow::Result<Against> {
        let Some(path) = path else {
            let (problems, damaged) = (Vec::new(), BTreeSet::new());
            return Ok(Against { path: String::new(), lock: None, problems, damaged, packages });
        };
        let (lock, problems, damaged) = match lock_file::text(path) {
            Ok(Some(text)) => {
                let parsed = baseline::parse(&text);
                (Some(parsed.lock), lock_file::problems(path, &parsed.problems), parsed.damaged)
            }
            Ok(None) => (None, Vec::new(), BTreeSet::new()),
            // Everything is judged without it, and the check says that it was.
            Err(error) => (Some(Lock::default()), vec![format!("{error:#}")], BTreeSet::new()),
        };
        Ok(Against { path: path.display().to_string(), lock, problems, damaged, packages })
    }

    /// The file, where there is one.
    pub(super) fn file(&self) -> Option<BaselineFile> {
        let file = || BaselineFile { path: self.path.clone(), problems: self.problems.clone() };
        self.lock.is_some().then(file)
    }

    /// What is accepted of a scenario here.
    pub(super) fn section(&self, scenario: &str, environment: &Environment) -> Option<&Section> {
        let key = Key { scenario: scenario.to_owned(), environment: environment.clone() };
        self.lock.as_ref()?.sections.get(&key)
    }

    /// Tells what was accepted of each figure and finding; where there is nothing to compare with, that.
    pub(super) fn compare(&self, result: &mut ScenarioResult, scenario: &Scenario, environment: Environment) {
        let section = self.section(&scenario.name, &environment);
        result.baseline = match (&self.lock, section) {
            (None, _) => Compared::NoBaseline,
            (Some(_), Some(_)) => Compared::Compared,
            (Some(_), None) if !self.problems.is_empty() => Compared::Unreadable,
            (Some(_), None) if self.others(&scenario.name).is_empty() => Compared::Missing,
            (Some(_), None) => Compared::OtherEnvironment,
        };
        let has_increase = scenario.budgets.iter().any(|budget| budget.increase.is_some());
        result.notes.extend(self.note(result, &environment, has_increase));
        result.environment = Some(environment);
        if let Some(section) = section {
            self.add_figures(result, section);
            self.add_standings(result, section);
        }
    }

    /// The other environments in which the baseline has the scenario.
    fn others(&self, scenario: &str) -> BTreeSet<String> {
        let keys = self.lock.iter().flat_map(|lock| lock.sections.keys());
        keys.filter(|key| key.scenario == scenario).map(|key| key.environment.to_string()).collect()
    }

    fn note(&self, result: &ScenarioResult, environment: &Environment, has_increase: bool) -> Option<String> {
        let (path, name) = (&self.path, &result.name);
        let only = "judged by its other budgets alone";
        match result.baseline {
            Compared::Compared => None,
            Compared::OtherEnvironment => {
                let others = self.others(name).into_iter().collect::<Vec<_>>().join(", ");
                Some(format!(
                    "not compared with the baseline: {path} has it on {others}, and this is {environment}; {only}. \
                     `leakgate baseline update {name}` adds this environment"
                ))
            }
            Compared::Unreadable => {
                let key = Key { scenario: name.clone(), environment: environment.clone() };
                let is_whole = self.lock.as_ref().is_some_and(|lock| lock.sections.is_empty());
                let what = match self.damaged.contains(&key) {
                    true => format!("its section in {path} is damaged"),
                    false if is_whole => format!("{path} cannot be read"),
                    false => format!("{path} is damaged, and has no sound section of it"),
                };
                Some(format!("not compared with the baseline: {what}; {only}"))
            }
            Compared::NoBaseline if has_increase && path.is_empty() => Some(
                "`increase` was not judged: there is no baseline to compare with (`--baseline none`)"
                    .to_owned(),
            ),
            Compared::Missing | Compared::NoBaseline if has_increase => Some(format!(
                "`increase` was not judged: {path} does not have this scenario yet; `leakgate baseline update {name}` \
                 writes it"
            )),
            Compared::Missing | Compared::NoBaseline => None,
        }
    }

    fn add_figures(&self, result: &mut ScenarioResult, section: &Section) {
        let judged = result.budgets.iter_mut().map(|judged| &mut judged.figure);
        let of_findings = result.findings.iter_mut().filter_map(|finding| finding.figure.as_mut());
        for figure in judged.chain(&mut result.figures).chain(of_findings) {
            let accepted = section.figures.get(&figure.name).filter(|accepted| accepted.unit == figure.unit);
            figure.baseline = accepted.map(|accepted| accepted.value);
        }
    }

    fn add_standings(&self, result: &mut ScenarioResult, section: &Section) {
        let cause = self.likely_cause(result, section);
        let leak = self.tell_apart(result, section);
        for finding in &mut result.findings {
            let known = section.findings.get(&Identity::of(&finding.fingerprint));
            if finding.severity != Severity::Error {
                // A leak that is accepted, and this time could not be told from growth that stops.
                if known.is_some_and(|known| known.rule == RULE && finding.rule == RULE) {
                    finding.standing = Standing::Accepted;
                }
                continue;
            }
            finding.accepted = known.map(|known| known.level);
            let now = Level::of(finding);
            let leak =
                leak.as_ref().filter(|leak| leak.fingerprint == finding.fingerprint && finding.rule == RULE);
            match finding.accepted {
                Some(accepted) if is_accepted(leak, accepted, now) => {
                    finding.standing = Standing::Accepted;
                    continue;
                }
                // In all it is no more: only its parts tell.
                Some(accepted) if leak.is_some() && accepts(accepted, now) => {
                    finding.evidence.extend(leak.iter().flat_map(|leak| leak.worse.iter().cloned()));
                }
                Some(accepted) => finding.evidence.push(format!(
                    "worse than accepted: {} in {}, now {}",
                    words::level(accepted),
                    self.path,
                    words::level(now)
                )),
                None => {}
            }
            finding.evidence.extend(cause.clone());
        }
    }

    /// Tells what leaks beside what is accepted apart, as a finding of its own; `None` where parts of the leak are not
    /// known, then or now.
    fn tell_apart(&self, result: &mut ScenarioResult, section: &Section) -> Option<OldLeak> {
        let is_leak = |accepted: &&Accepted| accepted.rule == RULE && !accepted.parts.is_empty();
        let known = section.findings.iter().find(|(_, accepted)| is_leak(accepted));
        let leaks = |finding: &Finding| finding.rule == RULE && finding.severity == Severity::Error;
        let index = result.findings.iter().position(leaks);
        let ((identity, accepted), index) = (known?, index?);
        let finding = &mut result.findings[index];
        let parts: Vec<KnownPart> = accepted.parts.iter().map(known_part).collect();
        let known = parts::known(&finding.parts, &parts);
        if !finding.parts.iter().zip(&known).any(|(part, known)| part.is_certain && known.is_some()) {
            return None;
        }
        // Which of the parts is the largest may have changed.
        finding.fingerprint.clone_from(&identity.value);
        let worse = finding.parts.iter().zip(&known).filter_map(|(part, known)| {
            let accepted = accepted.parts[(*known)?].rate;
            let is_worse = part.is_certain && !accepts_part(accepted, part.rate, part.spread);
            is_worse.then(|| self.worse((accepted, part.rate), part.place.as_ref()))
        });
        let worse = worse.collect();
        let beside = format!("what {} accepts: {}", self.path, words::level(accepted.level));
        let new = parts::split(finding, &known, &beside);
        let is_part = new.is_some();
        result.findings.extend(new);
        Some(OldLeak { fingerprint: identity.value.clone(), worse, is_part })
    }

    fn worse(&self, (accepted, now): (Rate, Rate), place: Option<&Place>) -> String {
        let at = place.map(|place| format!(" at {place}")).unwrap_or_default();
        let more = words::more(accepted, now).map(|more| format!(", {more}")).unwrap_or_default();
        let (accepted, now) = (words::level(Level::Rate(accepted)), words::level(Level::Rate(now)));
        format!("worse than accepted{at}: {accepted} in {}, now {now}{more}", self.path)
    }

    /// The packages that are not those of the baseline.
    fn likely_cause(&self, result: &ScenarioResult, section: &Section) -> Option<String> {
        let before = self.lock.as_ref()?.packages.get(section.packages.as_ref()?)?;
        let is_of = baseline::are_of(&self.packages, result.environment.as_ref()?);
        let changes = is_of.then(|| baseline::changed(before, &self.packages))?;
        let said = words::packages(&changes)?;
        Some(format!("a likely cause: packages changed since the baseline: {said}"))
    }
}

/// A leak of which parts are accepted.
struct OldLeak {
    fingerprint: String,
    /// What became worse of it, in sentences.
    worse: Vec<String>,
    /// Whether something was told of apart: what is left is judged by its parts alone.
    is_part: bool,
}

fn is_accepted(leak: Option<&OldLeak>, accepted: Level, now: Level) -> bool {
    match leak {
        Some(leak) => leak.worse.is_empty() && (leak.is_part || accepts(accepted, now)),
        None => accepts(accepted, now),
    }
}

fn known_part(part: &AcceptedPart) -> KnownPart<'_> {
    KnownPart { kind: part.kind, identity: &part.identity, rate: Some(part.rate) }
}
