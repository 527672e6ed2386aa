//! What every report counts, orders and says in the same words.

use std::path::Path;
use std::time::Duration;

use super::clean;
use crate::baseline::words;
use crate::finding::{Counted, Figure, Finding, Rate, RateUnit, Severity, Standing, Unit};
use crate::outcome::{
    BudgetState, CapturePlace, Compared, JudgedBudget, Outcome, Partition, ScenarioResult, Verdict,
};
use crate::units::grouped;

/// Scenarios with what the reader must act on first: failures, errors, what is not certain, warnings, passes; else as
/// configured.
pub(super) fn ordered(outcome: &Outcome) -> Vec<&ScenarioResult> {
    let mut scenarios: Vec<&ScenarioResult> = outcome.scenarios.iter().collect();
    scenarios.sort_by_key(|scenario| match scenario.verdict {
        Verdict::Fail => 0,
        Verdict::Error => 1,
        Verdict::Unstable => 2,
        Verdict::Undecided => 3,
        Verdict::Pass if scenario.warned() => 4,
        Verdict::Skipped => 5,
        Verdict::Pass => 6,
    });
    scenarios
}

/// `2 failed, 1 could not be measured, 3 passed (1 with a warning)`.
pub(super) fn counts(outcome: &Outcome) -> String {
    let mut parts = Vec::new();
    let mut add = |count: usize, words: &str| {
        if count > 0 {
            parts.push(format!("{} {words}", grouped(count as u64)));
        }
    };
    add(outcome.count(Verdict::Fail), "failed");
    add(outcome.count(Verdict::Error), "could not be measured");
    add(outcome.count(Verdict::Unstable), "unstable");
    add(outcome.count(Verdict::Undecided), "undecided");
    add(outcome.count(Verdict::Skipped), "skipped");
    add(outcome.count(Verdict::Pass), "passed");
    if parts.is_empty() {
        return match outcome.partition {
            Some(Partition { index, of, scenarios: 1.. }) => {
                format!("nothing to run in part {index} of {of}, passed")
            }
            _ => "no scenario was run".to_owned(),
        };
    }
    match outcome.scenarios.iter().filter(|scenario| scenario.warned()).count() {
        0 => parts.join(", "),
        1 => format!("{} (1 with a warning)", parts.join(", ")),
        warned => format!("{} ({} with warnings)", parts.join(", "), grouped(warned as u64)),
    }
}

/// `0.4 s`, `2 min 5 s`.
pub(super) fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0..100 => format!("{:.1} s", elapsed.as_secs_f64()),
        long => format!("{} min {} s", long / 60, long % 60),
    }
}

/// `1 scenario`, `5 scenarios`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as u64))
}

/// `5 scenarios`, `3 of 12 scenarios (part 2 of 4)`.
pub(super) fn scenarios(outcome: &Outcome) -> String {
    let count = outcome.scenarios.len();
    match outcome.partition {
        None => counted(count, "scenario"),
        Some(Partition { index, of, scenarios }) => {
            format!("{} of {} (part {index} of {of})", grouped(count as u64), counted(scenarios, "scenario"))
        }
    }
}

/// A figure as people read it; growth and counts of what an iteration adds with their sign: `+8,064 B`, `61.3 MiB`.
pub(super) fn measured(figure: &Figure) -> String {
    let sign = if figure.measured > 0 { "+" } else { "" };
    match figure.unit {
        Unit::Bytes => Unit::Bytes.show(figure.measured),
        Unit::BytesPerIteration => match figure.exact.and_then(tenths) {
            Some(exact) => format!("{sign}{exact} B"),
            None => format!("{sign}{} B", Unit::Count.show(figure.measured)),
        },
        Unit::Count => Unit::Count.show(figure.measured),
    }
}

/// A rate below 100 as people read it, with the tenth that it has: `25.9`; `None` for whole ones, and for larger ones, of which a
/// tenth says nothing.
fn tenths(rate: Rate) -> Option<String> {
    let (total, iterations) = (u128::from(rate.total.unsigned_abs()), u128::from(rate.iterations));
    let is_told = total % iterations != 0 && total < 100 * iterations;
    // Rounded up, as the whole figure is: what breaks a limit reads as more than it.
    let up = if rate.total > 0 { iterations - 1 } else { 0 };
    let tenths = (total * 10 + up) / iterations;
    let sign = if rate.total < 0 { "-" } else { "" };
    (is_told && tenths % 10 != 0).then(|| format!("{sign}{}.{}", tenths / 10, tenths % 10))
}

/// The series that shows what grows, with its name where that is not memory.
pub(super) fn series(finding: &Finding) -> (&'static str, &[u64]) {
    match &finding.counted {
        Some(Counted { unit: RateUnit::Descriptors, values }) => ("fds", values),
        Some(counted) => (counted.unit.word(), &counted.values),
        None => ("", &finding.series),
    }
}

/// A limit as people read it; of a growth exactly, so that it can be compared with the figure.
pub(super) fn limit(unit: Unit, limit: i64) -> String {
    match unit {
        Unit::BytesPerIteration => format!("{} B", Unit::Count.show(limit)),
        unit => unit.show(limit),
    }
}

/// `peak 61.3 MiB of 80.0 MiB`; where nothing is allowed, the figure says enough: `fds 0`.
pub(super) fn budget(judged: &JudgedBudget) -> String {
    let name = clean::line(&judged.figure.name, clean::NAME);
    let of = judged
        .figure
        .limit
        .filter(|max| *max != 0)
        .map(|max| format!(" of {}", limit(judged.figure.unit, max)));
    let baseline = baseline(&judged.figure).map(|baseline| format!(" (baseline: {baseline})"));
    format!("{name} {}{}{}", measured(&judged.figure), of.unwrap_or_default(), baseline.unwrap_or_default())
}

/// The figure in the baseline, where a reader sees a difference.
pub(super) fn baseline(figure: &Figure) -> Option<String> {
    let baseline = Figure { measured: figure.baseline?, ..figure.clone() };
    Some(measured(&baseline)).filter(|shown| *shown != measured(figure))
}

/// How a finding stands to the baseline; `None` where there is none to compare with.
pub(super) fn standing(scenario: &ScenarioResult, finding: &Finding) -> Option<String> {
    if finding.severity != Severity::Error {
        return None;
    }
    match (finding.accepted, &finding.standing) {
        (Some(level), Standing::Accepted) => Some(format!("accepted: {}", words::level(level))),
        (Some(level), _) => Some(format!("accepted: {}   WORSE", words::level(level))),
        (None, Standing::New) if scenario.baseline == Compared::Compared => {
            Some(format!("{}   NEW", in_baseline(finding)))
        }
        (None, _) => None,
    }
}

fn in_baseline(finding: &Finding) -> String {
    match finding.figure.as_ref().and_then(|figure| Some((figure.unit, figure.baseline?))) {
        Some((unit, baseline)) => format!("baseline: {}", limit(unit, baseline)),
        None => "baseline: none".to_owned(),
    }
}

/// `2 findings are accepted in leakgate.lock`; `None` where none is.
pub(super) fn accepted(outcome: &Outcome) -> Option<String> {
    let path = clean::line(outcome.baseline.as_ref().map_or("", |file| &file.path), clean::FRAME);
    match outcome.accepted() {
        0 => None,
        1 => Some(format!("1 finding is accepted in {path}")),
        many => Some(format!("{} findings are accepted in {path}", grouped(many as u64))),
    }
}

/// The budgets that were kept, and the figures to show where a scenario has no budget at all.
pub(super) fn kept(scenario: &ScenarioResult) -> Vec<String> {
    if scenario.budgets.is_empty() {
        let figures = scenario.figures.iter().filter(|figure| is_headline(figure));
        return figures
            .map(|figure| {
                let baseline = baseline(figure).map(|baseline| format!(" (baseline: {baseline})"));
                let name = clean::line(&figure.name, clean::NAME);
                format!("{name} {}{}", measured(figure), baseline.unwrap_or_default())
            })
            .collect();
    }
    scenario.budgets.iter().filter(|judged| judged.state == BudgetState::Kept).map(budget).collect()
}

/// Figures that people want to see even without a budget.
pub(super) fn is_headline(figure: &Figure) -> bool {
    matches!(figure.name.as_str(), "peak" | "retained" | "growth")
}

/// The finding's share that is listed after its holders: `+3 more`.
pub(super) fn more(count: u64) -> Option<String> {
    (count > 0).then(|| format!("+{} more", grouped(count)))
}

/// The stack of the largest holder as a path: `app.py:3 in main → shop/quotes.py:14 in remember`; empty where it says
/// no more than the place.
pub(super) fn path(finding: &Finding) -> Vec<String> {
    let Some(holder) = finding.holders.first() else { return Vec::new() };
    let frames: Vec<String> =
        holder.stack.iter().rev().map(|frame| clean::line(frame, clean::FRAME)).collect();
    let only_place =
        frames.len() == 1 && finding.place.as_ref().is_none_or(|place| place.to_string() == holder.stack[0]);
    if only_place { Vec::new() } else { frames }
}

/// What to type to see the scenarios again: `leakgate check quote import-app`.
pub(super) fn check_command(outcome: &Outcome, names: &[&str]) -> String {
    let mut words = vec!["leakgate".to_owned(), "check".to_owned()];
    // The default is found without being named.
    if outcome.config != "leakgate.yaml" {
        words.extend(["--config".to_owned(), argument(&outcome.config, clean::FRAME)]);
    }
    words.extend(outcome.arguments.iter().map(|word| argument(word, clean::FRAME)));
    words.extend(names.iter().map(|name| argument(name, clean::NAME)));
    words.join(" ")
}

/// The findings that a `leakgate allow` would make pass: those that fail, and that nobody has accepted.
pub(super) fn acceptable(scenario: &ScenarioResult) -> impl Iterator<Item = &Finding> {
    let is_failing = scenario.verdict == Verdict::Fail;
    let is_new = |finding: &&Finding| {
        finding.severity == Severity::Error
            && finding.standing == Standing::New
            && finding.rule != "memory-limit"
    };
    scenario.findings.iter().filter(move |_| is_failing).filter(is_new)
}

/// What to type to live with a finding: `leakgate allow 7f3a9c01d2e4 --reason "…"`.
pub(super) fn allow_command(outcome: &Outcome, finding: &Finding) -> String {
    let mut words = vec![format!("leakgate allow {}", argument(&finding.fingerprint, clean::NAME))];
    if outcome.config != "leakgate.yaml" {
        words.push(format!("--config {}", argument(&outcome.config, clean::FRAME)));
    }
    let beside = Path::new(&outcome.config).with_file_name(".leakgate");
    if Path::new(outcome.results_dir.trim_end_matches('/')) != beside {
        let result = format!("{}/result.json", outcome.results_dir.trim_end_matches('/'));
        words.push(format!("--from {}", argument(&result, clean::FRAME)));
    }
    words.push("--reason \"…\"".to_owned());
    words.join(" ")
}

/// How a finding that is lived with stands: a word, and why; `None` for one that is not.
pub(super) fn covered(finding: &Finding) -> Option<(&'static str, String)> {
    match &finding.standing {
        Standing::New | Standing::Accepted => None,
        Standing::Allowed { reason, expires } => {
            let until = expires.as_ref().map(|day| format!(" · until {day}")).unwrap_or_default();
            Some(("allowed", format!("{}{until}", clean::line(reason, clean::SENTENCE))))
        }
        Standing::Known { package, reference } => {
            let package = clean::line(package, clean::NAME);
            Some(("known", format!("{package} · {}", clean::line(reference, clean::FRAME))))
        }
    }
}

/// What to type to look at a scenario's memory: `leakgate view tree quote`.
/// `None` where nobody knows where that is.
pub(super) fn look_command(outcome: &Outcome, scenario: &ScenarioResult) -> Option<String> {
    // Where owners are known there are snapshots of the heap.
    let has_owners = scenario.findings.iter().any(|finding| !finding.owners.is_empty());
    let view = if has_owners { "owners" } else { "tree" };
    match &scenario.capture {
        CapturePlace::Results => Some(view_command(outcome, view, &scenario.name)),
        CapturePlace::Folder(folder) => {
            Some(format!("leakgate view {view} {}", argument(folder, clean::FRAME)))
        }
        CapturePlace::Unknown => None,
    }
}

fn view_command(outcome: &Outcome, view: &str, name: &str) -> String {
    // The default is found by the scenario's name.
    let capture = match outcome.results_dir.trim_end_matches('/') {
        ".leakgate" => name.to_owned(),
        folder => format!("{folder}/captures/{name}"),
    };
    format!("leakgate view {view} {}", argument(&capture, clean::FRAME))
}

fn argument(text: &str, longest: usize) -> String {
    let text = clean::line(text, longest);
    // Quoting fails only on NUL, which is gone.
    shlex::try_quote(&text).map(|quoted| quoted.into_owned()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_long_ones_are_in_minutes() {
        let shown = [0, 449, 99_949, 125_000].map(|ms| seconds(Duration::from_millis(ms)));
        assert_eq!(shown, ["0.0 s", "0.4 s", "99.9 s", "2 min 5 s"]);
    }

    #[test]
    fn captures_of_another_folder_are_named_by_their_path_and_quoted_for_the_shell() {
        let outcome = |folder: &str| Outcome {
            config: "leakgate.yaml".to_owned(),
            config_digest: String::new(),
            partition: None,
            left_out: 0,
            python: String::new(),
            packages: Vec::new(),
            arguments: Vec::new(),
            fail_on: crate::config::FailOn::New,
            baseline: None,
            scenarios: Vec::new(),
            started_ms: 0,
            notes: Vec::new(),
            elapsed: Duration::ZERO,
            results_dir: folder.to_owned(),
        };
        let (default, other) = (outcome(".leakgate"), outcome("my results"));
        assert_eq!(view_command(&default, "tree", "a b; rm x"), "leakgate view tree 'a b; rm x'");
        assert_eq!(view_command(&default, "tree", "import-app"), "leakgate view tree import-app");
        assert_eq!(
            view_command(&other, "tree", "import-app"),
            "leakgate view tree 'my results/captures/import-app'"
        );
    }
}
