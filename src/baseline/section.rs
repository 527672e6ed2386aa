//! A scenario's result as a section of the lock, and sections that only go down.

use std::collections::BTreeMap;

use super::compare::accepts;
use super::model::{Accepted, AcceptedFigure, AcceptedPart, Identity, Level, Section, unit_of};
use super::words;
use crate::finding::{Figure, Finding, Part, PartKind, Place, Rate, RateUnit, Severity, Standing};
use crate::gate::budgets::INCREASE;
use crate::gate::leak;
use crate::gate::verdict::Outcome as Growth;
use crate::outcome::{ScenarioResult, Verdict};

/// A figure that differs from run to run: it is kept only where a budget asks for it.
const SAMPLED: &str = "rss";
/// Longest file and function that are shown beside a finding.
const LONGEST: usize = 100;

/// What a result says of the scenario, with what `before` accepted and could not be looked at again.
///
/// # Errors
/// Why a result is no measurement to go by.
pub fn section_of(
    result: &ScenarioResult,
    packages: Option<&str>,
    before: Option<&Section>,
) -> Result<Section, String> {
    match result.verdict {
        Verdict::Error => {
            let why = result.error.as_ref().map_or("no reason is known", |error| error.title.as_str());
            return Err(format!("it could not be measured: {why}"));
        }
        Verdict::Unstable => return Err("it is unstable: two processes showed different things".to_owned()),
        Verdict::Skipped => return Err("it was skipped: nothing was measured".to_owned()),
        Verdict::Pass | Verdict::Fail | Verdict::Undecided => {}
    }
    if result.findings.iter().any(|finding| finding.rule == "memory-limit") {
        return Err("it reached its memory limit and was ended: its figures are not final".to_owned());
    }
    let without_budget = result.figures.iter().filter(|figure| figure.name != SAMPLED);
    let figures = result.budgets.iter().map(|judged| &judged.figure).chain(without_budget);
    let mut section = Section {
        packages: packages.map(str::to_owned),
        figures: figures.filter_map(|figure| Some((figure.name.clone(), accepted_figure(figure)?))).collect(),
        findings: one_leak(
            result.findings.iter().filter(|finding| is_accepted(finding)).map(accepted),
            before,
        ),
    };
    if result.growth.as_ref().is_some_and(|growth| growth.outcome == Growth::Undecided) {
        let is_growth = |accepted: &Accepted| leak::is_of_verdict(&accepted.rule);
        let kept = before.into_iter().flat_map(|before| &before.findings);
        section.findings.extend(
            kept.filter(|(_, accepted)| is_growth(accepted))
                .map(|(identity, accepted)| (identity.clone(), accepted.clone())),
        );
    }
    Ok(section)
}

/// All findings, those about memory that leaks as one: what is new beside what is accepted was told of apart. It stays the
/// finding that it was before while it has a part of that, whichever is the largest now.
fn one_leak(
    findings: impl Iterator<Item = (Identity, Accepted)>,
    before: Option<&Section>,
) -> BTreeMap<Identity, Accepted> {
    let (leaks, others): (Vec<_>, Vec<_>) =
        findings.partition(|(_, accepted)| accepted.rule == leak::RULE && !accepted.parts.is_empty());
    let whole = leaks.into_iter().reduce(|(identity, whole), (_, other)| (identity, together(whole, other)));
    let whole = whole.map(|(identity, whole)| {
        let has_part = |known: &Accepted| known.parts.iter().any(|part| has(&whole.parts, part));
        let mut known = before.into_iter().flat_map(|before| &before.findings);
        let same = known.find(|(_, known)| known.rule == leak::RULE && has_part(known));
        (same.map_or(identity, |(known, _)| known.clone()), whole)
    });
    others.into_iter().chain(whole).collect()
}

fn has(parts: &[AcceptedPart], part: &AcceptedPart) -> bool {
    parts.iter().any(|other| other.kind == part.kind && other.identity == part.identity)
}

fn together(mut whole: Accepted, other: Accepted) -> Accepted {
    match (whole.level, other.level) {
        (Level::Rate(sum), Level::Rate(rate))
            if sum.unit == rate.unit && sum.iterations == rate.iterations =>
        {
            let sum = Level::Rate(Rate { total: sum.total.saturating_add(rate.total), ..sum });
            // What people read begins with the level.
            let place = whole.about.strip_prefix(&words::level(whole.level)).unwrap_or_default();
            whole.about = format!("{}{place}", words::level(sum));
            whole.level = sum;
        }
        // What takes no bytes does not change how many the other takes.
        (Level::Rate(Rate { unit: RateUnit::Entries | RateUnit::Blocks, .. }), _) => {
            (whole.level, whole.about) = (other.level, other.about);
        }
        _ => {}
    }
    whole.parts.extend(other.parts);
    whole.parts.sort();
    whole
}

/// Whether a baseline takes the finding: not what is allowed elsewhere, and not what a figure of it will say.
fn is_accepted(finding: &Finding) -> bool {
    finding.severity == Severity::Error
        && matches!(finding.standing, Standing::New | Standing::Accepted)
        && !finding.rule.starts_with(INCREASE)
}

fn accepted_figure(figure: &Figure) -> Option<AcceptedFigure> {
    // Figures of the user's own and of later versions are not in this format.
    unit_of(&figure.name)
        .filter(|unit| *unit == figure.unit)
        .map(|unit| AcceptedFigure { value: figure.measured, unit })
}

fn accepted(finding: &Finding) -> (Identity, Accepted) {
    let level = Level::of(finding);
    let place = finding.place.as_ref().map(|place| format!(", {}", without_line(place)));
    let about = format!("{}{}", words::level(level), place.unwrap_or_default());
    let parts = parts(&finding.parts);
    (Identity::of(&finding.fingerprint), Accepted { rule: finding.rule.clone(), level, about, parts })
}

fn parts(parts: &[Part]) -> Vec<AcceptedPart> {
    let about = |part: &Part| {
        let place = part.place.as_ref().map(without_line).unwrap_or_default();
        match part.kind {
            PartKind::Site => place,
            PartKind::Container if place.is_empty() => short(&part.type_name),
            PartKind::Container => format!("{} made in {place}", short(&part.type_name)),
        }
    };
    let accepted = |part: &Part| AcceptedPart {
        kind: part.kind,
        identity: part.identity.clone(),
        rate: part.rate,
        about: about(part),
    };
    let mut parts: Vec<AcceptedPart> = parts.iter().map(accepted).collect();
    parts.sort();
    parts
}

/// Without the line: it moves, and this is read in a diff.
fn without_line(place: &Place) -> String {
    match place.function.as_str() {
        "" => short(&place.file),
        function => format!("{} in {}", short(&place.file), short(function)),
    }
}

/// The end of a long path or name, without what could break a line.
fn short(text: &str) -> String {
    let clean: Vec<char> = text.chars().filter(|c| !c.is_control()).collect();
    clean[clean.len().saturating_sub(LONGEST)..].iter().collect()
}

impl Level {
    /// How bad a finding is: its rate, else its figure.
    pub fn of(finding: &Finding) -> Level {
        match (finding.rate, &finding.figure) {
            (Some(rate), _) => Level::Rate(rate),
            (None, Some(figure)) => {
                Level::Figure(AcceptedFigure { value: figure.measured, unit: figure.unit })
            }
            (None, None) => Level::Present,
        }
    }

    fn lower(self, now: Level) -> Level {
        let is_lower = match (self, now) {
            (Level::Rate(before), Level::Rate(now)) if before.unit == now.unit => per_iteration(now, before),
            (Level::Figure(before), Level::Figure(now)) if before.unit == now.unit => {
                now.value < before.value
            }
            _ => false,
        };
        if is_lower { now } else { self }
    }
}

/// Takes what became less of each part, and out what is gone; whether there are others that are not accepted. Where none
/// are known, those of now are taken: less is accepted then.
fn lower_parts(accepted: &mut Vec<AcceptedPart>, now: &[AcceptedPart]) -> bool {
    if accepted.is_empty() || now.is_empty() {
        *accepted = now.to_vec();
        return false;
    }
    let mut rest = now.to_vec();
    accepted.retain_mut(|part| {
        let is_same = |other: &AcceptedPart| other.kind == part.kind && other.identity == part.identity;
        let Some(at) = rest.iter().position(is_same) else { return false };
        let other = rest.remove(at);
        if other.rate.unit == part.rate.unit && per_iteration(other.rate, part.rate) {
            *part = other;
        }
        true
    });
    !rest.is_empty()
}

/// Whether the first rate is below the second.
fn per_iteration(one: Rate, other: Rate) -> bool {
    let scaled = |rate: Rate, by: Rate| i128::from(rate.total) * i128::from(by.iterations);
    scaled(one, other) < scaled(other, one)
}

/// What became of a section that may only go down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ratcheted {
    /// The section, no figure and no finding above what it was.
    pub section: Section,
    /// What is above, and stays as it was accepted: names of figures and rules.
    pub above: Vec<String>,
}

/// A section with each figure and rate at the lower of what was accepted and what is now, and without findings that are
/// gone.
pub fn ratcheted(before: &Section, now: &Section) -> Ratcheted {
    let mut section = Section { packages: now.packages.clone(), ..before.clone() };
    let mut above = Vec::new();
    for (name, figure) in &now.figures {
        match section.figures.get_mut(name) {
            Some(accepted) if figure.unit == accepted.unit && figure.value > accepted.value => {
                above.push(name.clone());
            }
            Some(accepted) => *accepted = *figure,
            // Without a figure everything was allowed.
            None => drop(section.figures.insert(name.clone(), *figure)),
        }
    }
    section.findings.retain(|identity, _| now.findings.contains_key(identity));
    for (identity, finding) in &now.findings {
        match section.findings.get_mut(identity) {
            Some(accepted) => {
                let has_new = lower_parts(&mut accepted.parts, &finding.parts);
                let is_above = has_new || !accepts(accepted.level, finding.level);
                above.extend(is_above.then(|| finding.rule.clone()));
                let level = accepted.level.lower(finding.level);
                if level != accepted.level {
                    *accepted = Accepted { parts: std::mem::take(&mut accepted.parts), ..finding.clone() };
                }
            }
            None => above.push(finding.rule.clone()),
        }
    }
    // Nothing went down: nothing is written, not even that other packages are installed.
    if section.figures == before.figures && section.findings == before.findings {
        section.packages.clone_from(&before.packages);
    }
    Ratcheted { section, above }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leak(total: i64, unit: RateUnit, place: &str) -> Accepted {
        let level = Level::Rate(Rate { total, iterations: 128, unit });
        let about = format!("{}, {place}", words::level(level));
        Accepted { rule: leak::RULE.to_owned(), level, about, parts: Vec::new() }
    }

    #[test]
    fn what_is_said_of_a_leak_of_two_is_of_both() {
        let entries = leak(128, RateUnit::Entries, "m.py in <module>");
        assert_eq!(entries.about, "1 entry an iteration, m.py in <module>");
        let bytes = leak(130_240, RateUnit::Bytes, "m.py in two");
        let whole = together(entries.clone(), bytes.clone());
        assert_eq!(whole.about, "1,017.5 B an iteration, m.py in two");
        assert_eq!(whole, together(bytes.clone(), entries));
        let whole = together(bytes, leak(64, RateUnit::Bytes, "m.py in three"));
        assert_eq!(whole.about, "1018 B an iteration, m.py in two");
    }
}
