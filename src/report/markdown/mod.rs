//! The report in a pull request: the first failure's sentence, then the table, then what backs it.
//!
//! GitHub takes 65,536 characters: a longer report leaves out parts by tiers, the least needed first, and says so.
//! What is left of the room then goes to the findings, those of the change under review first.

mod escape;
mod finding;
mod fit;
mod heading;
mod order;
mod room;
mod subject;
mod table;

use std::collections::HashSet;

use self::escape::{code, fenced, sentence};
pub(super) use self::room::Room;
pub(super) use self::subject::is_name;
use super::{Options, clean, summary};
use crate::finding::Finding;
use crate::outcome::{Outcome, ScenarioResult, Verdict};

/// Lines of an error's details that are shown.
const DETAILS: usize = 30;
/// Problems of the baseline that are shown.
const PROBLEMS: usize = 5;
/// Accepted findings of a scenario that are shown.
const ACCEPTED: usize = 10;

/// How much a report leaves out; each tier leaves out what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// Nothing.
    Whole,
    /// Scenarios that passed.
    WithoutPasses,
    /// All figures, and the details of findings for which there is no room.
    WithoutDetails,
    /// Everything but a line each for as many scenarios as fit.
    Lines,
}

impl Tier {
    /// What to tell the reader.
    fn left_out(self) -> &'static str {
        match self {
            Tier::Whole => "",
            Tier::WithoutPasses => "scenarios that passed are left out",
            Tier::WithoutDetails => "scenarios that passed and some of the details are left out",
            Tier::Lines => "only a line for each scenario is shown, for as many as fit",
        }
    }
}

/// The first line, by which a later run finds its comment again.
pub(super) fn marker(outcome: &Outcome, options: &Options) -> String {
    format!("<!-- leakgate:{} -->", subject::name(outcome, options))
}

/// The whole report, or as much of it as there is room for.
pub(super) fn render(outcome: &Outcome, options: &Options, room: Room) -> String {
    for tier in [Tier::Whole, Tier::WithoutPasses] {
        let report = render_tier(outcome, options, tier, room);
        if room.has(&report) {
            return report;
        }
    }
    let filled = fit::filled(outcome, options, room);
    filled.unwrap_or_else(|| room.cut(&only_lines(outcome, options, room)))
}

fn render_tier(outcome: &Outcome, options: &Options, tier: Tier, room: Room) -> String {
    let shown = shown(outcome, options, tier);
    let mut out = top(outcome, options, &shown);
    out.push_str(&tabled(outcome, options, &shown));
    out.push_str(&bodies(outcome, &shown, options, room));
    out.push_str(&aside(outcome, &summary::ordered(outcome)));
    out.push_str(&table::all_figures(outcome, &shown, options));
    out.push_str(&shortened(outcome, tier, room));
    out
}

/// Names and sentences are bounded and the lines are counted, so that this is never too long but for absurd names.
fn only_lines(outcome: &Outcome, options: &Options, room: Room) -> String {
    let shown = shown(outcome, options, Tier::Lines);
    let mut out = top(outcome, options, &shown);
    let end = shortened(outcome, Tier::Lines, room);
    let left = room.left(&out).saturating_sub(room.size(&end));
    out.push_str(&lines(&shown, left, room));
    out + &end
}

/// Marker, heading, what is wrong with the baseline, and the sentence that a reader sees first.
fn top(outcome: &Outcome, options: &Options, shown: &[&ScenarioResult]) -> String {
    let heading = heading::heading(outcome, options);
    let lead = finding::lead(outcome, shown, options);
    format!("{}\n### {heading}\n\n{}{lead}", marker(outcome, options), problems(outcome))
}

/// The table of the scenarios, and how many are not in it.
fn tabled(outcome: &Outcome, options: &Options, shown: &[&ScenarioResult]) -> String {
    let left_out = outcome.scenarios.len() - shown.len();
    let passed = match left_out {
        0 => String::new(),
        _ => format!("\n+{} passed\n", summary::counted(left_out, "scenario")),
    };
    format!("{}{passed}", table::scenarios(shown, options))
}

fn shortened(outcome: &Outcome, tier: Tier, room: Room) -> String {
    if tier == Tier::Whole {
        return String::new();
    }
    let file = format!("{}/result.json", outcome.results_dir.trim_end_matches('/'));
    format!(
        "\n*Shortened to fit into {}: {}. Everything is in {}.*\n",
        room.name(),
        tier.left_out(),
        code(&file, clean::FRAME)
    )
}

/// Why the baseline, or a part of it, was not compared with.
fn problems(outcome: &Outcome) -> String {
    let all = outcome.baseline.as_ref().map_or(&[][..], |baseline| &baseline.problems);
    let mut lines: Vec<String> =
        all.iter().take(PROBLEMS).map(|problem| format!("- ❌ {}", sentence(problem))).collect();
    lines.extend(summary::more(all.len().saturating_sub(PROBLEMS) as u64).map(|more| format!("- {more}")));
    if lines.is_empty() { String::new() } else { format!("{}\n\n", lines.join("\n")) }
}

fn shown<'a>(outcome: &'a Outcome, options: &Options, tier: Tier) -> Vec<&'a ScenarioResult> {
    let mut scenarios = order::scenarios(outcome, options);
    if tier > Tier::Whole {
        scenarios.retain(|scenario| !scenario.is_quiet());
    }
    scenarios
}

/// What backs the findings, scenario by scenario.
fn bodies(outcome: &Outcome, shown: &[&ScenarioResult], options: &Options, room: Room) -> String {
    let mut out = String::new();
    let mut is_first = true;
    for scenario in shown {
        let mut said = HashSet::new();
        // This does not fit: what more it would say is not looked at.
        if room.is_far_below(out.len()) {
            break;
        }
        if let Some(error) = &scenario.error {
            if !is_first {
                out.push_str(&error_head(scenario, &error.title));
            }
            out.push_str(&error_details(&error.details));
            is_first = false;
        }
        for found in order::findings(outcome, scenario, options) {
            if !is_first {
                out.push_str(&finding::head(outcome, scenario, found, options));
            }
            out.push_str(&finding::body(found, options, &mut said));
            out.push_str(&accept(outcome, scenario, found));
            is_first = false;
        }
        out.push_str(&accepted(outcome, scenario));
        out.push_str(&commands(outcome, scenario));
    }
    out
}

fn error_head(scenario: &ScenarioResult, title: &str) -> String {
    format!("\n#### ❗ {}\n\n{}\n", name(scenario), sentence(title))
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

fn error_details(details: &str) -> String {
    if details.trim().is_empty() {
        return String::new();
    }
    let (before, mut lines) = clean::last_lines(details, DETAILS, clean::SENTENCE);
    if before > 0 {
        lines.insert(0, format!("… {} before", summary::counted(before, "line")));
    }
    format!("\n{}", fenced(&lines))
}

/// How to see it again, of what is not as it should be.
fn commands(outcome: &Outcome, scenario: &ScenarioResult) -> String {
    if matches!(scenario.verdict, Verdict::Pass | Verdict::Skipped) {
        return String::new();
    }
    let check = summary::check_command(outcome, &[&scenario.name]);
    let look = summary::look_command(outcome, scenario);
    let look = look.map(|look| format!(" · **look**: {}", code(&look, clean::SENTENCE))).unwrap_or_default();
    format!("\n**Try it**: {}{look}\n", code(&check, clean::SENTENCE))
}

/// A line for each scenario, as many as fit into what is left.
fn lines(shown: &[&ScenarioResult], left: usize, room: Room) -> String {
    // Kept free for the line that says how many are missing.
    const RESERVED: usize = 60;
    let mut left = left.saturating_sub(RESERVED);
    let mut out = String::new();
    for (index, scenario) in shown.iter().enumerate() {
        let line = format!("- {} {}\n", name(scenario), finding::reason(scenario));
        let Some(rest) = left.checked_sub(room.size(&line)) else {
            let more = summary::counted(shown.len() - index, "scenario");
            out.push_str(&format!("- +{more} more\n"));
            break;
        };
        left = rest;
        out.push_str(&line);
    }
    out
}

fn name(scenario: &ScenarioResult) -> String {
    code(&scenario.name, clean::NAME)
}
