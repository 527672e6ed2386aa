//! The report in a pull request: the first failure's sentence, then the table, then what backs it.
//!
//! GitHub takes 65,536 characters: a longer report leaves out parts by tiers, the least needed first, and says so.

mod escape;
mod finding;
mod heading;
mod table;

use std::collections::HashSet;

use self::escape::{code, fenced, sentence};
use super::{Options, clean, summary};
use crate::finding::Finding;
use crate::outcome::{Outcome, ScenarioResult, Verdict};

/// Most that GitHub takes in one comment; counted in bytes, which are never fewer than characters.
/// Some of it is left for what is added when a comment is brought up to date.
const MOST: usize = 65_536 - 64;
/// Lines of an error's details that are shown.
const DETAILS: usize = 30;
/// Problems of the baseline that are shown.
const PROBLEMS: usize = 5;
/// Accepted findings of a scenario that are shown.
const ACCEPTED: usize = 10;
/// Findings that are shown with all that backs them, where the report has to be shortened.
const IN_FULL: usize = 5;

/// How much a report leaves out; each tier leaves out what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// Nothing.
    Whole,
    /// Scenarios that passed.
    WithoutPasses,
    /// All figures, and the evidence of all findings but the first few.
    WithoutDetails,
    /// Everything but a line each for as many scenarios as fit.
    Lines,
}

impl Tier {
    const ALL: [Tier; 4] = [Tier::Whole, Tier::WithoutPasses, Tier::WithoutDetails, Tier::Lines];

    /// What to tell the reader.
    fn left_out(self) -> &'static str {
        match self {
            Tier::Whole => "",
            Tier::WithoutPasses => "scenarios that passed are left out",
            Tier::WithoutDetails => "scenarios that passed and most of the details are left out",
            Tier::Lines => "only a line for each scenario is shown, for as many as fit",
        }
    }
}

/// The first line, by which a later run finds its comment again.
pub(super) fn marker(name: &str) -> String {
    format!("<!-- leakgate:{name} -->")
}

/// The whole report, or as much of it as a comment may have.
pub(super) fn render(outcome: &Outcome, options: &Options) -> String {
    let reports = Tier::ALL.into_iter().map(|tier| render_tier(outcome, options, tier));
    let mut shortest = String::new();
    for report in reports {
        if report.len() <= MOST {
            return report;
        }
        shortest = report;
    }
    // Names and sentences are bounded and the lines are counted, so this is not reached; a cut report is better than
    // one that is refused.
    let end = (0..=MOST).rev().find(|end| shortest.is_char_boundary(*end)).unwrap_or(0);
    shortest.truncate(end);
    shortest
}

fn render_tier(outcome: &Outcome, options: &Options, tier: Tier) -> String {
    let mut out = format!("{}\n### {}\n\n", marker(options.comment), heading::heading(outcome, options));
    let shown = shown(outcome, tier);
    out.push_str(&problems(outcome));
    out.push_str(&finding::lead(outcome, &shown, options));
    match tier {
        Tier::Lines => out.push_str(&lines(&shown, MOST - out.len())),
        _ => {
            out.push_str(&table::scenarios(&shown, options));
            let left_out = outcome.scenarios.len() - shown.len();
            if left_out > 0 {
                out.push_str(&format!("\n+{} passed\n", summary::counted(left_out, "scenario")));
            }
            out.push_str(&bodies(outcome, &shown, options, tier));
        }
    }
    if tier < Tier::Lines {
        out.push_str(&aside(outcome, &summary::ordered(outcome)));
    }
    if tier < Tier::WithoutDetails {
        out.push_str(&table::all_figures(outcome, &shown, options));
    }
    if tier > Tier::Whole {
        out.push_str(&format!(
            "\n*Shortened to fit into a comment: {}. Everything is in {}.*\n",
            tier.left_out(),
            code(&format!("{}/result.json", outcome.results_dir.trim_end_matches('/')), clean::FRAME)
        ));
    }
    out
}

/// Why the baseline, or a part of it, was not compared with.
fn problems(outcome: &Outcome) -> String {
    let all = outcome.baseline.as_ref().map_or(&[][..], |baseline| &baseline.problems);
    let mut lines: Vec<String> =
        all.iter().take(PROBLEMS).map(|problem| format!("- ❌ {}", sentence(problem))).collect();
    lines.extend(summary::more(all.len().saturating_sub(PROBLEMS) as u64).map(|more| format!("- {more}")));
    if lines.is_empty() { String::new() } else { format!("{}\n\n", lines.join("\n")) }
}

fn shown(outcome: &Outcome, tier: Tier) -> Vec<&ScenarioResult> {
    let mut scenarios = summary::ordered(outcome);
    if tier > Tier::Whole {
        scenarios.retain(|scenario| !scenario.is_quiet());
    }
    scenarios
}

/// What backs the findings, scenario by scenario.
fn bodies(outcome: &Outcome, shown: &[&ScenarioResult], options: &Options, tier: Tier) -> String {
    let mut out = String::new();
    let mut left = if tier < Tier::WithoutDetails { usize::MAX } else { IN_FULL };
    let mut is_first = true;
    for scenario in shown {
        let mut said = HashSet::new();
        // This tier does not fit: what more it would say is not looked at.
        if out.len() > MOST {
            break;
        }
        if let Some(error) = &scenario.error {
            if !is_first {
                out.push_str(&format!("\n#### ❗ {}\n\n{}\n", name(scenario), sentence(&error.title)));
            }
            out.push_str(&error_details(&error.details, left));
            is_first = false;
        }
        for found in outcome.open(scenario) {
            if !is_first {
                out.push_str(&finding::head(scenario, found, options));
            }
            if left > 0 {
                out.push_str(&finding::body(found, options, &mut said));
                out.push_str(&accept(outcome, scenario, found));
                left -= 1;
            }
            is_first = false;
        }
        out.push_str(&accepted(outcome, scenario));
        if !matches!(scenario.verdict, Verdict::Pass | Verdict::Skipped) && left > 0 {
            out.push_str(&commands(outcome, scenario));
        }
    }
    out
}

/// What the baseline accepts, a line each.
fn accepted(outcome: &Outcome, scenario: &ScenarioResult) -> String {
    let all: Vec<_> = scenario.findings.iter().filter(|finding| outcome.is_accepted(finding)).collect();
    let line = |finding: &&Finding| {
        let standing = summary::standing(scenario, finding).unwrap_or_default();
        format!("- {} · {}", sentence(&finding.title), sentence(&standing))
    };
    let mut lines: Vec<String> = all.iter().take(ACCEPTED).map(line).collect();
    lines.extend(summary::more(all.len().saturating_sub(ACCEPTED) as u64).map(|more| format!("- {more}")));
    if lines.is_empty() {
        return String::new();
    }
    format!("\n**Accepted in the baseline**, {}:\n\n{}\n", name(scenario), lines.join("\n"))
}

/// The command that makes a finding pass for now.
fn accept(outcome: &Outcome, scenario: &ScenarioResult, found: &Finding) -> String {
    if !summary::acceptable(scenario).any(|finding| finding.fingerprint == found.fingerprint) {
        return String::new();
    }
    let command = fenced(&[clean::line(&summary::allow_command(outcome, found), clean::SENTENCE)]);
    format!("\n<details><summary>Accept it for now</summary>\n\n{command}\n</details>\n")
}

/// What is lived with, and what is worth knowing about the check as a whole.
fn aside(outcome: &Outcome, shown: &[&ScenarioResult]) -> String {
    let mut out = String::new();
    let covered: Vec<&Finding> = shown.iter().flat_map(|scenario| scenario.covered()).collect();
    if !covered.is_empty() {
        let count = summary::counted(covered.len(), "finding");
        let lines: Vec<String> = covered.into_iter().map(finding::covered).collect();
        let lines = lines.join("\n");
        out.push_str(&format!(
            "\n<details><summary>Allowed or known, not failing: {count}</summary>\n\n{lines}\n\n</details>\n"
        ));
    }
    for note in &outcome.notes {
        out.push_str(&format!("\n**Note**: {}\n", sentence(note)));
    }
    out
}

fn error_details(details: &str, left: usize) -> String {
    if left == 0 || details.trim().is_empty() {
        return String::new();
    }
    let (before, mut lines) = clean::last_lines(details, DETAILS, clean::SENTENCE);
    if before > 0 {
        lines.insert(0, format!("… {} before", summary::counted(before, "line")));
    }
    format!("\n{}", fenced(&lines))
}

fn commands(outcome: &Outcome, scenario: &ScenarioResult) -> String {
    let check = summary::check_command(outcome, &[&scenario.name]);
    let look = summary::look_command(outcome, scenario);
    let look = look.map(|look| format!(" · **look**: {}", code(&look, clean::SENTENCE))).unwrap_or_default();
    format!("\n**Try it**: {}{look}\n", code(&check, clean::SENTENCE))
}

/// A line for each scenario, as many as fit into what is left of the comment.
fn lines(shown: &[&ScenarioResult], room: usize) -> String {
    // Kept free for the sentence that says what is missing.
    const RESERVED: usize = 600;
    let mut out = String::new();
    for (index, scenario) in shown.iter().enumerate() {
        let line = format!("- {} {}\n", name(scenario), finding::reason(scenario));
        if out.len() + line.len() + RESERVED > room {
            let left = shown.len() - index;
            out.push_str(&format!("- +{} more\n", summary::counted(left, "scenario")));
            break;
        }
        out.push_str(&line);
    }
    out
}

fn name(scenario: &ScenarioResult) -> String {
    code(&scenario.name, clean::NAME)
}
