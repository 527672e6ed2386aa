//! A finding in a pull request: its sentence, and what backs it.

use super::escape::{code, code_cell, fenced, prose, sentence};
use super::name;
use crate::finding::{Finding, Holder, Place, Severity};
use crate::outcome::{Outcome, ScenarioResult, Verdict};
use crate::report::sparkline::sparkline;
use crate::report::{Options, bill, clean, excerpt, summary};

/// The sentence that a reader sees first: of the first scenario that has something to say.
pub(super) fn lead(outcome: &Outcome, shown: &[&ScenarioResult], options: &Options) -> String {
    let Some(first) = shown.first() else { return String::new() };
    if let Some(error) = &first.error {
        return format!("**{}: {}**\n\n", name(first), sentence(&error.title));
    }
    match outcome.open(first).next() {
        Some(finding) => format!("{}\n{}\n\n", title(finding), where_and_rule(first, finding, options)),
        None => String::new(),
    }
}

/// The heading of a further finding, with its place.
pub(super) fn head(of: &ScenarioResult, finding: &Finding, options: &Options) -> String {
    let mark = mark(finding.severity);
    let scenario = code(&finding.scenario, clean::NAME);
    let at = where_and_rule(of, finding, options);
    format!("\n#### {mark} {scenario}: {}\n\n{at}\n", sentence(&finding.title))
}

/// Why a scenario is listed, in one line.
pub(super) fn reason(scenario: &ScenarioResult) -> String {
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

/// The mark of a severity.
pub(super) fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "❌",
        Severity::Warning => "⚠️",
    }
}

/// `At shop/quotes.py:14 in remember · line changed in this pull request · rule budget-growth`.
fn where_and_rule(scenario: &ScenarioResult, finding: &Finding, options: &Options) -> String {
    let standing = summary::standing(scenario, finding).map(|standing| format!(" · {}", sentence(&standing)));
    let rule = format!("rule {}{}", code(finding.pattern(), clean::NAME), standing.unwrap_or_default());
    match &finding.place {
        Some(at) => format!("{}{} · {rule}", capitalised_place(at, options), in_diff(at, options)),
        None => rule,
    }
}

fn capitalised_place(at: &Place, options: &Options) -> String {
    if at.line == 0 {
        return place(at).replacen("in ", "In ", 1);
    }
    let Some(link) = options.source.link(&at.file, at.line) else { return format!("At {}", place(at)) };
    let function = code(&at.function, clean::NAME);
    let function = if function.is_empty() { function } else { format!(" in {function}") };
    format!("At [{}]({link}){function}", file_and_line(at))
}

/// Whether the change under review has the line, where that is known.
fn in_diff(at: &Place, options: &Options) -> &'static str {
    let is_changed = (at.line > 0).then(|| options.source.is_changed(&at.file, at.line)).flatten();
    match is_changed {
        Some(true) => " · line changed in this pull request",
        Some(false) => " · line not changed in this pull request",
        None => "",
    }
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

/// Excerpt, evidence, holders, path and fix.
pub(super) fn body(finding: &Finding, options: &Options) -> String {
    let mut out = String::from("\n");
    if let Some(at) = &finding.place {
        let lines = excerpt::around(at, clean::FRAME, options);
        let numbered: Vec<String> = lines.iter().map(|line| excerpt::numbered(line, at)).collect();
        if !numbered.is_empty() {
            out.push_str(&format!("{}\n", fenced(&numbered)));
        }
    }
    let parts = [
        why(finding),
        kept_by(finding),
        allocated_at(finding),
        called_from(finding),
        resident(finding),
        fix(finding),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    out.push_str(&parts.join("\n\n"));
    out.push('\n');
    out
}

fn why(finding: &Finding) -> Option<String> {
    let evidence: Vec<String> = finding.evidence.iter().map(|text| sentence(text)).collect();
    let spark = sparkline(&finding.series);
    let spark = if spark.is_empty() { String::new() } else { format!("`{spark}` ") };
    let again = sparkline(&finding.series_again);
    let again = if again.is_empty() { again } else { format!("; the second process: `{again}`") };
    let text = format!("{spark}{}{again}", evidence.join("; "));
    (!text.is_empty()).then(|| format!("**Why**: {text}"))
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
    let blocks = summary::counted(usize::try_from(holder.blocks).unwrap_or(usize::MAX), "block");
    let at = match (&holder.place, holder.stack.first()) {
        (Some(at), _) if at.line == 0 => place(at),
        (Some(at), _) => format!("at {}", place(at)),
        (None, Some(frame)) => format!("by {}", code(frame, clean::FRAME)),
        (None, None) => "at an unknown place".to_owned(),
    };
    let kind = prose(&clean::line(&holder.domain, clean::NAME));
    let kind = if kind.is_empty() { kind } else { format!(" ({kind})") };
    format!("- {} in {blocks} {at}{kind}", holder.bytes)
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
    (!finding.help.is_empty()).then(|| format!("**Fix**: {}", sentence(&finding.help)))
}
