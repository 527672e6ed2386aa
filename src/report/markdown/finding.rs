//! A finding in a pull request: its sentence, and what backs it.

use std::collections::HashSet;

use super::escape::{advice, code, code_cell, fenced, prose, sentence};
use super::heading::{News, is_leak};
use super::{name, order};
use crate::baseline::words;
use crate::finding::{Finding, Holder, Place, Severity, Unit};
use crate::outcome::{Outcome, ScenarioResult, Verdict};
use crate::report::sparkline::sparkline;
use crate::report::{Options, bill, clean, excerpt, summary};
use crate::units::{Bytes, grouped};

/// Reasons that are shown; what else backs a finding is folded away.
const REASONS: usize = 3;
/// Iterations that a leak is projected to.
const MANY: u64 = 100_000;

/// The sentence that a reader sees first: of the first scenario that has something to say.
pub(super) fn lead(outcome: &Outcome, shown: &[&ScenarioResult], options: &Options) -> String {
    let Some(first) = shown.first() else { return String::new() };
    if let Some(error) = &first.error {
        return format!("**{}: {}**\n\n", name(first), sentence(&error.title));
    }
    match order::findings(outcome, first, options).first() {
        Some(finding) => {
            let rate = projection(finding).map(|rate| format!(": {rate}")).unwrap_or_default();
            let title = sentence(&finding.title);
            format!("**{title}**{rate}\n{}\n\n", standing_and_place(first, finding, options))
        }
        None => String::new(),
    }
}

/// The heading of a further finding, with its place.
pub(super) fn head(outcome: &Outcome, of: &ScenarioResult, finding: &Finding, options: &Options) -> String {
    let at = standing_and_place(of, finding, options);
    // What fails nothing is no cross, as with `fail_on: never`.
    let mark = if finding.fails(outcome.fail_on) { "❌" } else { "⚠️" };
    format!("\n#### {mark} {}\n\n{at}\n", sentence(&finding.title))
}

/// How to mend it.
pub(super) fn short(finding: &Finding) -> String {
    fix(finding).map(|fix| format!("\n{fix}\n")).unwrap_or_default()
}

/// What the leak comes to: `about 769.0 MiB per 100,000 iterations`.
fn projection(finding: &Finding) -> Option<String> {
    let figure = finding.figure.as_ref().filter(|figure| figure.unit == Unit::BytesPerIteration)?;
    let each = figure.measured.max(0).unsigned_abs();
    let all = Bytes(each.saturating_mul(MANY));
    (each > 0 && is_leak(finding)).then(|| format!("about {all} per {} iterations", grouped(MANY)))
}

/// Why a scenario is listed, in one line.
pub(super) fn reason(scenario: &ScenarioResult) -> String {
    if let Some(reason) = &scenario.skipped {
        return format!("skipped: {}", sentence(reason));
    }
    match (&scenario.error, scenario.open().next()) {
        (Some(error), _) => format!("could not be measured: {}", sentence(&error.title)),
        (None, Some(finding)) => sentence(&finding.title),
        (None, None) if scenario.verdict == Verdict::Pass => "passed".to_owned(),
        (None, None) => "failed".to_owned(),
    }
}

/// A finding that is lived with, as a line of a list: its sentence, and why.
pub(super) fn covered(finding: &Finding) -> String {
    let (how, why) = summary::covered(finding).unwrap_or_default();
    format!("- {} · {how}: {}", title(finding), sentence(&why))
}

fn title(finding: &Finding) -> String {
    format!("**{}: {}**", code(&finding.scenario, clean::NAME), sentence(&finding.title))
}

/// Three things, a reader's first questions: is it mine, where is it, what is it called.
fn standing_and_place(scenario: &ScenarioResult, finding: &Finding, options: &Options) -> String {
    let mut parts = vec![format!("Scenario {}", name(scenario))];
    parts.extend(standing(scenario, finding, options));
    if let Some(at) = &finding.place {
        parts.push(what_happens_at(finding, at, options));
        parts.extend(in_diff(at, options));
    }
    parts.push(format!("rule {}", code(finding.pattern(), clean::NAME)));
    parts.join(" · ")
}

/// `**new in this pull request**`; what the baseline has of it, too.
fn standing(scenario: &ScenarioResult, finding: &Finding, options: &Options) -> Option<String> {
    if finding.severity != Severity::Error {
        return None;
    }
    let news = News::of(scenario, finding)?;
    let before = match (news, finding.accepted, finding.figure.as_ref()) {
        (News::Worse | News::Old, Some(level), _) => Some(format!("accepted: {}", words::level(level))),
        (News::New, _, Some(figure)) => {
            figure.baseline.map(|before| format!("before: {}", summary::limit(figure.unit, before)))
        }
        _ => None,
    };
    let before = before.map(|before| format!(" ({})", sentence(&before))).unwrap_or_default();
    Some(format!("**{}**{before}", news.words(options)))
}

fn what_happens_at(finding: &Finding, at: &Place, options: &Options) -> String {
    if at.line == 0 {
        return place(at);
    }
    let verb = if is_filled_at(finding, at) { "filled at" } else { "at" };
    let Some(link) = options.source.link(&at.file, at.line) else { return format!("{verb} {}", place(at)) };
    let function = code(&at.function, clean::NAME);
    let function = if function.is_empty() { function } else { format!(" in {function}") };
    format!("{verb} [{}]({link}){function}", file_and_line(at))
}

/// Whether that is the line by which something is kept, and not one where it is only made.
fn is_filled_at(finding: &Finding, at: &Place) -> bool {
    let filled = finding.owners.first().and_then(|owner| owner.place.as_ref());
    filled.is_some_and(|filled| (&filled.file, filled.line) == (&at.file, at.line))
}

/// Whether the change under review has the line, where that is known.
fn in_diff(at: &Place, options: &Options) -> Option<String> {
    let is_changed = (at.line > 0).then(|| options.source.is_changed(&at.file, at.line)).flatten()?;
    let verb = if is_changed { "line changed" } else { "line not changed" };
    // A push, or a group of a merge queue.
    let review = options.source.review();
    let by = review.map_or("by these commits".to_owned(), |review| format!("in this {}", review.noun));
    Some(format!("{verb} {by}"))
}

fn file_and_line(at: &Place) -> String {
    let file = clean::line(&at.file, clean::FRAME);
    code(&format!("{file}:{}", at.line), clean::FRAME + 12)
}

fn place(at: &Place) -> String {
    let file = clean::line(&at.file, clean::FRAME);
    let function = code(&at.function, clean::NAME);
    match (at.line, function.is_empty()) {
        (0, true) => format!("in {}", code(&file, clean::FRAME)),
        (0, false) => format!("in {} ({function})", code(&file, clean::FRAME)),
        (_, true) => file_and_line(at),
        (_, false) => format!("{} in {function}", file_and_line(at)),
    }
}

/// Excerpt, evidence, holders, path and fix; what was said of another finding of the scenario is not said again.
pub(super) fn body(finding: &Finding, options: &Options, said: &mut HashSet<String>) -> String {
    let parts = [
        excerpt(finding, options),
        why(finding),
        kept_by(finding),
        allocated_at(finding),
        called_from(finding),
        resident(finding),
        fix(finding),
        more_evidence(finding),
    ];
    let parts = parts.into_iter().flatten().filter(|part| said.insert(part.clone()));
    parts.map(|part| format!("\n{}\n", part.trim_end())).collect()
}

/// The lines up to the place, each with what happens there.
fn excerpt(finding: &Finding, options: &Options) -> Option<String> {
    let at = finding.place.as_ref()?;
    let lines = excerpt::around(at, clean::FRAME, options);
    let shown: Vec<String> = lines
        .iter()
        .map(|line| format!("{}{}", excerpt::numbered(line, at), happening(finding, at, line.number)))
        .collect();
    (!shown.is_empty()).then(|| fenced(&shown))
}

fn happening(finding: &Finding, at: &Place, line: u32) -> String {
    let is_there = |place: &Place| (&place.file, place.line) == (&at.file, line);
    let holder = finding.holders.iter().find(|holder| holder.place.as_ref().is_some_and(is_there));
    if line == at.line && is_filled_at(finding, at) {
        return "   ← kept here".to_owned();
    }
    holder.map(|holder| format!("   ← holds {}", amount(holder))).unwrap_or_default()
}

/// The line on why: the series and the first reasons.
fn why(finding: &Finding) -> Option<String> {
    let evidence: Vec<String> = finding.evidence.iter().take(REASONS).map(|text| sentence(text)).collect();
    let (what, series) = summary::series(finding);
    let what = if what.is_empty() { String::new() } else { format!("{what} ") };
    let spark = sparkline(series);
    let spark = if spark.is_empty() { String::new() } else { format!("{what}`{spark}` ") };
    let again = sparkline(&finding.series_again);
    let again = if again.is_empty() { again } else { format!("; the second process: `{again}`") };
    let text = format!("{spark}{}{again}", evidence.join("; "));
    let label = if is_leak(finding) { "Why this is a leak" } else { "Why" };
    (!text.is_empty()).then(|| format!("**{label}**: {text}"))
}

/// What else backs it, folded away.
fn more_evidence(finding: &Finding) -> Option<String> {
    let more: Vec<String> =
        finding.evidence.iter().skip(REASONS).map(|text| format!("- {}", sentence(text))).collect();
    let more = (!more.is_empty()).then(|| more.join("\n"))?;
    Some(format!("<details><summary>More evidence</summary>\n\n{more}\n\n</details>"))
}

/// The way to what grows, and who else keeps something.
fn kept_by(finding: &Finding) -> Option<String> {
    let (first, others) = finding.owners.split_first()?;
    let steps: Vec<String> = first.path.iter().map(|step| code(step, clean::FRAME)).collect();
    let mut text = format!("**Held by**: {}", steps.join(" → "));
    for owner in others {
        text.push_str(&format!("\n- also {}", sentence(&owner.sentence)));
    }
    Some(text)
}

fn allocated_at(finding: &Finding) -> Option<String> {
    let mut lines: Vec<String> = finding.holders.iter().map(holder).collect();
    if lines.is_empty() {
        return None;
    }
    lines.extend(summary::more(finding.more_holders).map(|more| format!("- {more}")));
    Some(format!("**Allocated**:\n\n{}", lines.join("\n")))
}

fn holder(holder: &Holder) -> String {
    let at = match (&holder.place, holder.stack.first()) {
        (Some(at), _) if at.line == 0 => place(at),
        (Some(at), _) => format!("at {}", place(at)),
        (None, Some(frame)) => format!("by {}", code(frame, clean::FRAME)),
        (None, None) => "at an unknown place".to_owned(),
    };
    let kind = prose(&clean::line(&holder.domain, clean::NAME));
    let kind = if kind.is_empty() { kind } else { format!(" ({kind})") };
    format!("- {} {at}{kind}", amount(holder))
}

/// `157.3 KiB in 20 blocks`; a table that got larger is no block more.
fn amount(holder: &Holder) -> String {
    match holder.blocks {
        0 => holder.bytes.to_string(),
        blocks => {
            let blocks = summary::counted(usize::try_from(blocks).unwrap_or(usize::MAX), "block");
            format!("{} in {blocks}", holder.bytes)
        }
    }
}

fn called_from(finding: &Finding) -> Option<String> {
    let path = summary::path(finding);
    if path.is_empty() {
        return None;
    }
    let frames: Vec<String> = path.iter().map(|frame| code(frame, clean::FRAME)).collect();
    let more = finding.holders.first().and_then(|holder| summary::more(holder.more_frames));
    let more = more.map(|more| format!(" ({more} frames)")).unwrap_or_default();
    Some(format!("**Called from**: {}{more}", frames.join(" → ")))
}

fn resident(finding: &Finding) -> Option<String> {
    let bill = bill::shown(finding.bill.as_ref()?);
    let mut out = format!("**The bill**: {}\n\n| resident | |\n| --: | --- |", sentence(&bill.title));
    for (label, bytes) in &bill.lines {
        out.push_str(&format!("\n| {bytes} | {} |", code_cell(label, clean::FRAME)));
    }
    let remarks: Vec<String> = bill.remarks.iter().map(|text| sentence(text)).collect();
    if !remarks.is_empty() {
        out.push_str(&format!("\n\n{}", remarks.join("; ")));
    }
    Some(out)
}

fn fix(finding: &Finding) -> Option<String> {
    (!finding.help.is_empty()).then(|| format!("**Fix**: {}", advice(&finding.help)))
}
