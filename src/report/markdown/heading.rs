//! The heading: what was found, whether the change under review brought it, and how many scenarios failed.

use super::escape::code;
use super::subject;
use crate::finding::{Finding, Standing};
use crate::outcome::{Compared, Outcome, ScenarioResult, Verdict};
use crate::report::{Options, clean, summary};

/// Rule of the limit at which a scenario is ended.
const LIMIT: &str = "memory-limit";

/// `❌ leakgate: 1 leak, new in this pull request · 1 of 2 scenarios failed`.
pub(super) fn heading(outcome: &Outcome, options: &Options) -> String {
    format!("{}{}", verdict(outcome, options), subject::distinction(outcome, options))
}

fn verdict(outcome: &Outcome, options: &Options) -> String {
    let (failed, errors) = (outcome.count(Verdict::Fail), outcome.count(Verdict::Error));
    let all = summary::counted(outcome.scenarios.len(), "scenario");
    match (outcome.scenarios.len(), failed, errors) {
        (0, ..) if outcome.verdict() == Verdict::Pass => format!("✅ leakgate: {}", summary::counts(outcome)),
        (0, ..) => "❌ leakgate: no scenario was run".to_owned(),
        (_, 0, 0) => passed(outcome, &all),
        (_, 0, errors) => format!("❌ leakgate: {errors} of {all} could not be measured"),
        (_, failed, errors) => {
            let errors = (errors > 0).then(|| format!(", {errors} could not be measured"));
            let found = found(outcome, options);
            format!("❌ leakgate: {found} · {failed} of {all} failed{}", errors.unwrap_or_default())
        }
    }
}

fn passed(outcome: &Outcome, all: &str) -> String {
    let all = if outcome.scenarios.len() == 1 { all.to_owned() } else { format!("all of {all}") };
    if outcome.baseline.as_ref().is_some_and(|baseline| !baseline.problems.is_empty()) {
        return format!(
            "❌ leakgate: the baseline is damaged; by what else they are judged by, {all} passed"
        );
    }
    match outcome.scenarios.iter().filter(|scenario| scenario.warned()).count() {
        0 => format!("✅ leakgate: {all} passed"),
        warned => {
            format!("⚠️ leakgate: {all} passed, {} with a warning", summary::counted(warned, "scenario"))
        }
    }
}

/// `2 leaks, 1 budget exceeded, new in this pull request`.
fn found(outcome: &Outcome, options: &Options) -> String {
    let failed = outcome.scenarios.iter().filter(|scenario| scenario.verdict == Verdict::Fail);
    let findings: Vec<(&ScenarioResult, &Finding)> = failed
        .flat_map(|scenario| scenario.findings.iter().map(move |finding| (scenario, finding)))
        .filter(|(_, finding)| finding.fails(outcome.fail_on))
        .collect();
    let count = |is: fn(&Finding) -> bool| findings.iter().filter(|(_, finding)| is(finding)).count();
    let parts = [
        (count(is_leak), "leak", ""),
        (count(Finding::is_budget), "budget", " exceeded"),
        (count(|finding| finding.rule == LIMIT), "memory limit", " reached"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(count, noun, word)| format!("{}{word}", summary::counted(count, noun))).collect();
    let news: Vec<News> = findings.iter().filter_map(|(of, finding)| News::of(of, finding)).collect();
    format!("{}{}", parts.join(", "), all_news(&news, findings.len(), options))
}

/// `, new in this pull request` where that goes for all of them, else how many are what.
fn all_news(news: &[News], findings: usize, options: &Options) -> String {
    let counts = [News::New, News::Worse, News::Old].map(|kind| (kind, count(news, kind)));
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| match count == findings {
            true => kind.words(options),
            false => format!("{count} {}", kind.words(options)),
        })
        .collect();
    match parts.as_slice() {
        [] => String::new(),
        [one] if news.len() == findings => format!(", {one}"),
        parts => format!(" ({})", parts.join(", ")),
    }
}

fn count(news: &[News], kind: News) -> usize {
    news.iter().filter(|news| **news == kind).count()
}

/// Whether a finding is about something that is never given back.
pub(super) fn is_leak(finding: &Finding) -> bool {
    !finding.is_budget() && finding.rule != LIMIT
}

/// What a finding that fails is to what was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It was not there.
    New,
    /// It was accepted, and is worse now.
    Worse,
    /// It was there, and fails all the same.
    Old,
}

impl News {
    /// `None` where there is nothing to compare with.
    pub(super) fn of(scenario: &ScenarioResult, finding: &Finding) -> Option<News> {
        match (&finding.standing, finding.accepted) {
            (Standing::Accepted, _) => Some(News::Old),
            (Standing::New, Some(_)) => Some(News::Worse),
            (Standing::New, None) => (scenario.baseline == Compared::Compared).then_some(News::New),
            (Standing::Allowed { .. } | Standing::Known { .. }, _) => None,
        }
    }

    /// `new in this pull request`.
    pub(super) fn words(self, options: &Options) -> String {
        match (self, options.source.review()) {
            (News::New, None) => "new since the baseline".to_owned(),
            (News::New, Some(review)) => format!("new in this {}", review.noun),
            (News::Worse, _) => "worse than accepted".to_owned(),
            (News::Old, Some(review)) if !review.target.is_empty() => {
                format!("already on {}", code(&review.target, clean::NAME))
            }
            (News::Old, _) => "already in the baseline".to_owned(),
        }
    }
}
