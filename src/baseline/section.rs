//! A scenario's result as a section of the lock, and sections that only go down.

use super::compare::accepts;
use super::model::{Accepted, AcceptedFigure, Identity, Level, Section, unit_of};
use super::words;
use crate::finding::{Figure, Finding, Rate, Severity, Standing};
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
        findings: result.findings.iter().filter(|finding| is_accepted(finding)).map(accepted).collect(),
    };
    if result.growth.as_ref().is_some_and(|growth| growth.outcome == Growth::Undecided) {
        let is_growth = |accepted: &Accepted| leak::figure_of(&accepted.rule).is_some();
        let kept = before.into_iter().flat_map(|before| &before.findings);
        section.findings.extend(
            kept.filter(|(_, accepted)| is_growth(accepted))
                .map(|(identity, accepted)| (identity.clone(), accepted.clone())),
        );
    }
    Ok(section)
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
    let place = finding.place.as_ref().map(|place| match place.function.as_str() {
        // Without the line: it moves, and this is read in a diff.
        "" => format!(", {}", short(&place.file)),
        function => format!(", {} in {}", short(&place.file), short(function)),
    });
    let about = format!("{}{}", words::level(level), place.unwrap_or_default());
    (Identity::of(&finding.fingerprint), Accepted { rule: finding.rule.clone(), level, about })
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
                above.extend((!accepts(accepted.level, finding.level)).then(|| finding.rule.clone()));
                let level = accepted.level.lower(finding.level);
                if level != accepted.level {
                    *accepted = finding.clone();
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
