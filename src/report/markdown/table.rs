//! The tables of the pull request's report: a line a scenario, and all figures.

use std::collections::BTreeSet;

use super::escape::{code, code_cell, prose, sentence};
use crate::finding::Figure;
use crate::outcome::{BudgetState, Compared, JudgedBudget, Outcome, ScenarioResult, Verdict};
use crate::report::{Options, clean, summary};

/// Figures that have a column of their own; all others share one.
const COLUMNS: [(&str, &str); 3] =
    [("growth", "growth / iteration"), ("retained", "retained"), ("peak", "peak")];

/// A line a scenario. Columns in which nobody has a figure are left out.
pub(super) fn scenarios(shown: &[&ScenarioResult], options: &Options) -> String {
    if shown.is_empty() {
        return String::new();
    }
    let columns: Vec<(&str, &str)> = COLUMNS
        .into_iter()
        .filter(|(key, _)| shown.iter().any(|scenario| cell(scenario, key).is_some()))
        .collect();
    let compared = shown.iter().any(|scenario| scenario.baseline == Compared::Compared);
    let others = shown.iter().any(|scenario| !other_cells(scenario).is_empty());
    let mut heads = vec!["scenario"];
    heads.extend(columns.iter().map(|(_, head)| *head));
    heads.extend(others.then_some("other budgets"));
    let against_what =
        target(options).map_or("against the baseline".to_owned(), |on| format!("against {on}"));
    heads.extend(compared.then_some(against_what.as_str()));
    heads.extend(["time", ""]);
    let mut rows = vec![row(&heads), row(&vec!["---"; heads.len()])];
    for scenario in shown {
        let mut cells = vec![code_cell(&scenario.name, clean::NAME)];
        cells.extend(columns.iter().map(|(key, _)| cell(scenario, key).unwrap_or_else(|| "–".to_owned())));
        cells.extend(others.then(|| match other_cells(scenario) {
            cells if cells.is_empty() => "–".to_owned(),
            cells => cells.join(", "),
        }));
        cells.extend(compared.then(|| against(scenario)));
        cells.extend([summary::seconds(scenario.elapsed), mark(scenario).to_owned()]);
        rows.push(row(&cells));
    }
    format!("{}\n", rows.join("\n"))
}

/// The branch that a change under review is to be merged into.
fn target(options: &Options) -> Option<String> {
    let review = options.source.review().filter(|review| !review.target.is_empty())?;
    Some(code_cell(&review.target, clean::NAME))
}

fn row<T: AsRef<str>>(cells: &[T]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |", cells.join(" | "))
}

fn mark(scenario: &ScenarioResult) -> &'static str {
    match scenario.verdict {
        Verdict::Fail => "❌",
        Verdict::Error => "❗ error",
        Verdict::Unstable => "⚠️ unstable",
        Verdict::Undecided => "⚠️ undecided",
        Verdict::Pass if scenario.warned() => "⚠️",
        Verdict::Skipped => "skipped",
        Verdict::Pass => "✅",
    }
}

/// `**96.2 MiB** (allowed: 80.0 MiB)`, `61.3 MiB of 80.0 MiB`, or the bare figure where there is no budget.
fn cell(scenario: &ScenarioResult, key: &str) -> Option<String> {
    let judged = scenario.budgets.iter().find(|judged| judged.figure.name == key);
    let figure = scenario.figures.iter().find(|figure| figure.name == key);
    judged.map(judged_cell).or_else(|| figure.map(summary::measured))
}

fn judged_cell(judged: &JudgedBudget) -> String {
    let figure = &judged.figure;
    let measured = summary::measured(figure);
    let limit = |limit: i64| match limit {
        0 => "none".to_owned(),
        limit => summary::limit(figure.unit, limit),
    };
    match (judged.state, figure.limit, judged.warn) {
        (BudgetState::Broken, Some(max), _) => format!("**{measured}** (allowed: {})", limit(max)),
        (BudgetState::Warned, _, Some(warn)) => format!("**{measured}** (warns above {})", limit(warn)),
        (_, Some(max), _) if max != 0 => format!("{measured} of {}", summary::limit(figure.unit, max)),
        _ => measured,
    }
}

/// What changed since the baseline: `peak +0.1 MiB`, `growth was none`.
fn against(scenario: &ScenarioResult) -> String {
    if scenario.baseline != Compared::Compared {
        return "not compared".to_owned();
    }
    let judged = scenario.budgets.iter().map(|judged| &judged.figure);
    let mut figures: Vec<&Figure> = judged.chain(&scenario.figures).collect();
    // What a reader looks for first: those with columns, in their order.
    let rank = |figure: &Figure| COLUMNS.iter().position(|(key, _)| *key == figure.name);
    figures.sort_by_key(|figure| rank(figure).unwrap_or(COLUMNS.len()));
    let changes: Vec<String> =
        figures.into_iter().filter(|figure| rank(figure).is_some()).filter_map(change).collect();
    if changes.is_empty() { "same".to_owned() } else { changes.join(", ") }
}

fn change(figure: &Figure) -> Option<String> {
    let baseline = figure.baseline?;
    let difference = figure.measured.checked_sub(baseline).filter(|difference| *difference != 0)?;
    if baseline == 0 {
        return Some(format!("{} was none", figure_name(figure)));
    }
    let sign = if difference > 0 { "+" } else { "" };
    Some(format!("{} {sign}{}", figure_name(figure), figure.unit.show(difference)))
}

/// Budgets without a column of their own, those with something to say first.
fn other_cells(scenario: &ScenarioResult) -> Vec<String> {
    let mut others: Vec<&JudgedBudget> = scenario
        .budgets
        .iter()
        .filter(|judged| COLUMNS.iter().all(|(key, _)| *key != judged.figure.name))
        .collect();
    others.sort_by_key(|judged| judged.state == BudgetState::Kept);
    let limit = scenario.findings.iter().find(|finding| finding.rule == "memory-limit");
    let ended = limit.map(|_| "**memory limit reached**".to_owned());
    let cells =
        others.iter().map(|judged| format!("{} {}", figure_name(&judged.figure), judged_cell(judged)));
    ended.into_iter().chain(cells).collect()
}

fn figure_name(figure: &Figure) -> String {
    prose(&clean::line(&figure.name, clean::NAME))
}

/// Every figure, exactly, with what was measured on, folded away.
pub(super) fn all_figures(outcome: &Outcome, shown: &[&ScenarioResult], options: &Options) -> String {
    let compared = shown.iter().any(|scenario| scenario.baseline == Compared::Compared);
    let mut heads = vec!["scenario", "figure", "measured", "exact", "limit"];
    let on = target(options).map_or("baseline".to_owned(), |on| format!("on {on}"));
    heads.extend(compared.then_some(on.as_str()));
    let mut rows = vec![row(&heads), row(&vec!["---"; heads.len()])];
    for scenario in shown {
        let budgets = scenario.budgets.iter().map(|judged| &judged.figure);
        let cells = budgets.chain(&scenario.figures).map(|figure| figure_cells(scenario, figure));
        rows.extend(cells.map(|cells| row(&cells[..heads.len()])));
    }
    let mut out = String::from("\n<details><summary>All figures, notes, environment</summary>\n\n");
    if rows.len() > 2 {
        out.push_str(&format!("{}\n\n", rows.join("\n")));
    }
    let notes: Vec<String> = shown.iter().flat_map(|scenario| notes(scenario)).collect();
    if !notes.is_empty() {
        out.push_str(&format!("{}\n\n", notes.join("\n")));
    }
    out.push_str(&format!(
        "leakgate {} · {} · python {}{} · {}\n\n</details>\n",
        env!("CARGO_PKG_VERSION"),
        code(&outcome.config, clean::FRAME),
        code(&outcome.python, clean::FRAME),
        environments(shown),
        summary::seconds(outcome.elapsed)
    ));
    out
}

/// Where it was measured, each once: ` · cpython-3.11-x86_64-glibc`.
fn environments(shown: &[&ScenarioResult]) -> String {
    let all: BTreeSet<String> =
        shown.iter().filter_map(|scenario| Some(scenario.environment.as_ref()?.to_string())).collect();
    all.iter().map(|environment| format!(" · {}", code(environment, clean::NAME))).collect()
}

fn notes(scenario: &ScenarioResult) -> impl Iterator<Item = String> {
    let name = code(&scenario.name, clean::NAME);
    let skipped = scenario.not_judged.iter().map(|key| format!("{} was not judged", code(key, clean::NAME)));
    scenario
        .notes
        .iter()
        .map(|note| sentence(note))
        .chain(skipped)
        .map(move |note| format!("- {name}: {note}"))
}

fn figure_cells(scenario: &ScenarioResult, figure: &Figure) -> [String; 6] {
    let count = |value| crate::finding::Unit::Count.show(value);
    [
        code_cell(&scenario.name, clean::NAME),
        figure_name(figure),
        summary::measured(figure),
        count(figure.measured),
        figure.limit.map(|max| summary::limit(figure.unit, max)).unwrap_or_else(|| "–".to_owned()),
        figure.baseline.map(count).unwrap_or_else(|| "–".to_owned()),
    ]
}
