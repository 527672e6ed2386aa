//! The report at a person's terminal: the sentence first, what failed before what passed, a screen at most a finding.

mod page;

use self::page::{Page, Style};
use super::{Options, bill, clean, excerpt, sparkline::sparkline, summary};
use crate::finding::{Finding, Holder, Place, Severity};
use crate::gate::{leak, runs, threads};
use crate::outcome::{Outcome, ScenarioResult, Verdict};

/// Findings of a scenario that are shown; the first in full.
const FINDINGS: usize = 4;
/// Lines of an error's details that are shown: the end, where a traceback says what happened.
const DETAILS: usize = 15;
/// Accepted findings of a scenario that are shown.
const ACCEPTED: usize = 3;
/// Problems of the baseline that are shown.
const PROBLEMS: usize = 5;
/// Notes of a scenario that are shown.
const NOTES: usize = 3;
/// Columns of the words at the margin: `  over  `.
const MARGIN: usize = 8;
/// Columns of the words inside a finding: `held    `.
const LABEL: usize = 8;

/// The whole report.
pub(super) fn render(outcome: &Outcome, options: &Options) -> String {
    let mut page = Page::new(options.width, options.color);
    header(&mut page, outcome);
    let names = name_width(outcome);
    let mut in_block = true;
    for scenario in summary::ordered(outcome) {
        let block = !scenario.is_quiet();
        if block || in_block {
            page.blank();
        }
        in_block = block;
        scenario_line(&mut page, scenario, names);
        if block {
            details(&mut page, outcome, scenario, options);
        } else {
            accepted(&mut page, outcome, scenario);
            covered(&mut page, scenario);
            notes(&mut page, scenario);
        }
    }
    page.blank();
    baseline_problems(&mut page, outcome);
    notes_of_all(&mut page, outcome);
    footer(&mut page, outcome);
    page.finish()
}

fn header(page: &mut Page, outcome: &Outcome) {
    let parts = [
        format!("leakgate {}", env!("CARGO_PKG_VERSION")),
        clean::line(&outcome.config, clean::FRAME),
        format!("python {}", clean::line(&outcome.python, clean::FRAME)),
        summary::scenarios(outcome),
    ];
    page.text(0, Style::Plain, &parts.join(" · "));
}

/// Columns of the longest name, within reason.
fn name_width(outcome: &Outcome) -> usize {
    let widths =
        outcome.scenarios.iter().map(|scenario| page::width(&clean::line(&scenario.name, clean::NAME)));
    widths.max().unwrap_or(0).min(30)
}

/// `FAIL  quote       4.1 s  call shop.quotes:quote, 20 iterations`; of a pass, with its figures instead.
fn scenario_line(page: &mut Page, scenario: &ScenarioResult, names: usize) {
    let (word, style) = match scenario.verdict {
        Verdict::Fail => ("FAIL ", Style::Bad),
        Verdict::Error => ("ERROR", Style::Bad),
        Verdict::Unstable => ("UNST ", Style::Warning),
        Verdict::Undecided => ("open ", Style::Warning),
        Verdict::Pass if scenario.warned() => ("WARN ", Style::Warning),
        Verdict::Skipped => ("skip ", Style::Faint),
        Verdict::Pass => ("pass ", Style::Good),
    };
    let name = page::padded(&clean::line(&scenario.name, clean::NAME), names);
    let time = format!("{:>8}", summary::seconds(scenario.elapsed));
    let head = [
        (style, word),
        (Style::Plain, " "),
        (Style::Strong, &name),
        (Style::Plain, &time),
        (Style::Plain, "  "),
    ];
    if scenario.is_quiet() {
        page.row_filled(&head, &passed_in_words(scenario));
    } else {
        let what = clean::line(&scenario.what, clean::SENTENCE);
        page.row_cut(&[&head[..], &[(Style::Plain, &what)]].concat());
    }
}

fn passed_in_words(scenario: &ScenarioResult) -> Vec<String> {
    if let Some(reason) = &scenario.skipped {
        return vec![clean::line(&format!("skipped: {reason}"), clean::SENTENCE)];
    }
    let is_without = scenario.budgets.is_empty() && scenario.not_judged.is_empty();
    let none = is_without.then(|| "no budgets".to_owned());
    none.into_iter().chain(summary::kept(scenario)).collect()
}

fn details(page: &mut Page, outcome: &Outcome, scenario: &ScenarioResult, options: &Options) {
    if let Some(error) = &scenario.error {
        page.labelled(
            MARGIN,
            ("  error ", Style::Bad),
            &clean::line(&error.title, clean::SENTENCE),
            Style::Strong,
        );
        let (before, lines) = clean::last_lines(&error.details, DETAILS, clean::SENTENCE);
        if before > 0 {
            page.text(
                MARGIN,
                Style::Faint,
                &format!("… {} before, in result.json", summary::counted(before, "line")),
            );
        }
        for line in lines {
            page.cut(MARGIN, Style::Plain, &line);
        }
    }
    let open: Vec<&Finding> = outcome.open(scenario).collect();
    for (index, found) in open.iter().take(FINDINGS).enumerate() {
        finding_head(page, scenario, found);
        if index == 0 {
            found.place.iter().for_each(|place| excerpt_of(page, place, options));
            evidence_in_full(page, found);
        } else {
            evidence_in_short(page, found);
        }
    }
    if let Some(more) = summary::more(open.len().saturating_sub(FINDINGS) as u64) {
        page.text(MARGIN, Style::Faint, &format!("{more}, in result.json"));
    }
    accepted(page, outcome, scenario);
    let kept = summary::kept(scenario);
    if scenario.error.is_none() && !kept.is_empty() {
        // Without a budget nothing was kept: a figure is then no more than that.
        let label =
            if scenario.budgets.is_empty() { ("  also  ", Style::Faint) } else { ("  ok    ", Style::Good) };
        page.labelled(MARGIN, label, &kept.join("   "), Style::Plain);
    }
    covered(page, scenario);
    notes(page, scenario);
}

/// What the baseline accepts, a line each.
fn accepted(page: &mut Page, outcome: &Outcome, scenario: &ScenarioResult) {
    let accepted: Vec<&Finding> =
        scenario.findings.iter().filter(|finding| outcome.is_accepted(finding)).collect();
    for finding in accepted.iter().take(ACCEPTED) {
        let standing = summary::standing(scenario, finding).unwrap_or_default();
        let title = clean::line(&finding.title, clean::SENTENCE);
        page.labelled(MARGIN, ("  old   ", Style::Faint), &format!("{title}   {standing}"), Style::Plain);
    }
    if let Some(more) = summary::more(accepted.len().saturating_sub(ACCEPTED) as u64) {
        page.text(MARGIN, Style::Faint, &format!("{more} accepted, in result.json"));
    }
}

/// Why the baseline, or a part of it, was not compared with.
fn baseline_problems(page: &mut Page, outcome: &Outcome) {
    let problems = outcome.baseline.iter().flat_map(|baseline| &baseline.problems);
    let mut has_any = false;
    for problem in problems.take(PROBLEMS) {
        has_any = true;
        page.labelled(MARGIN, ("ERROR   ", Style::Bad), &clean::line(problem, clean::SENTENCE), Style::Plain);
    }
    let all = outcome.baseline.as_ref().map_or(0, |baseline| baseline.problems.len());
    if let Some(more) = summary::more(all.saturating_sub(PROBLEMS) as u64) {
        page.text(MARGIN, Style::Faint, &format!("{more}, in result.json"));
    }
    if has_any {
        page.blank();
    }
}

/// What is lived with, a sentence each and why.
fn covered(page: &mut Page, scenario: &ScenarioResult) {
    for found in scenario.covered().take(FINDINGS) {
        let Some((how, why)) = summary::covered(found) else { continue };
        let title = clean::line(&found.title, clean::SENTENCE);
        let label = if how == "known" { "  known " } else { "  allow " };
        page.labelled(MARGIN, (label, Style::Faint), &title, Style::Plain);
        page.text(MARGIN, Style::Faint, &why);
    }
    if let Some(more) = summary::more(scenario.covered().count().saturating_sub(FINDINGS) as u64) {
        page.text(MARGIN, Style::Faint, &format!("{more}, in result.json"));
    }
}

/// The sentence, the rule, and the place to look at.
fn finding_head(page: &mut Page, scenario: &ScenarioResult, finding: &Finding) {
    let (word, style) = match (finding.severity, finding.rule.as_str()) {
        (Severity::Warning, _) => ("  warn  ", Style::Warning),
        (Severity::Error, "memory-limit") => ("  limit ", Style::Bad),
        (Severity::Error, threads::UNSTOPPED) => ("  hangs ", Style::Bad),
        (Severity::Error, runs::RULE) => ("  leak  ", Style::Bad),
        (Severity::Error, rule) if leak::is_of_verdict(rule) => ("  leak  ", Style::Bad),
        (Severity::Error, _) => ("  over  ", Style::Bad),
    };
    page.labelled(MARGIN, (word, style), &clean::line(&finding.title, clean::SENTENCE), Style::Strong);
    let standing = summary::standing(scenario, finding).map(|standing| format!("   {standing}"));
    let rule = format!("{}{}", clean::line(finding.pattern(), clean::NAME), standing.unwrap_or_default());
    match &finding.place {
        Some(place) => page.text(MARGIN, Style::Plain, &format!("{}   {rule}", at(place))),
        None => page.text(MARGIN, Style::Faint, &rule),
    }
}

/// `at shop/quotes.py:14 in remember`; a native place says `in libfoo.so (symbol)` by itself.
fn at(place: &Place) -> String {
    let words = clean::line(&place.to_string(), clean::FRAME);
    if place.line == 0 { words } else { format!("at {words}") }
}

fn excerpt_of(page: &mut Page, place: &Place, options: &Options) {
    for line in excerpt::around(place, clean::FRAME, options) {
        let style = if line.number == place.line { Style::Strong } else { Style::Faint };
        page.cut(MARGIN, style, &excerpt::numbered(&line, place));
    }
}

fn evidence_in_full(page: &mut Page, finding: &Finding) {
    let (mut label, spark) = growth_of(finding);
    let first = finding.evidence.first().map(String::as_str).unwrap_or_default();
    let head =
        [spark.as_str(), first].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    for sentence in std::iter::once(head.as_str()).chain(finding.evidence.iter().skip(1).map(String::as_str))
    {
        if !sentence.is_empty() {
            inside(page, label, &clean::line(sentence, clean::SENTENCE));
            label = "";
        }
    }
    if !finding.series_again.is_empty() {
        inside(page, "again", &sparkline(&finding.series_again));
    }
    owners(page, finding);
    holders(page, finding);
    bill_of(page, finding);
    let path = summary::path(finding);
    if !path.is_empty() {
        let more = finding.holders.first().and_then(|holder| summary::more(holder.more_frames));
        let more = more.map(|more| format!(" ({more} frames)")).unwrap_or_default();
        inside(page, "stack", &format!("{}{more}", path.join(" → ")));
    }
    fix(page, finding);
}

/// What grows and how, `facts` where nothing does.
fn growth_of(finding: &Finding) -> (&'static str, String) {
    let (what, series) = summary::series(finding);
    let label = match what {
        _ if series.is_empty() => "facts",
        "" => "growth",
        what => what,
    };
    (label, sparkline(series))
}

/// One line of evidence, for findings after the first.
fn evidence_in_short(page: &mut Page, finding: &Finding) {
    match (finding.evidence.first(), finding.holders.first()) {
        (Some(sentence), _) => {
            let (label, spark) = growth_of(finding);
            inside(page, label, clean::line(&format!("{spark}  {sentence}"), clean::SENTENCE).trim_start());
        }
        (None, Some(holder)) => inside(page, "held", &holder_in_words(holder)),
        (None, None) => {}
    }
    owners(page, finding);
    fix(page, finding);
}

/// The way to what grows, and who else keeps something.
fn owners(page: &mut Page, finding: &Finding) {
    let Some((first, others)) = finding.owners.split_first() else { return };
    let steps: Vec<String> = first.path.iter().map(|step| clean::line(step, clean::FRAME)).collect();
    inside(page, "path", &steps.join(" → "));
    for owner in others {
        inside(page, "also", &clean::line(&owner.sentence, clean::SENTENCE));
    }
}

fn holders(page: &mut Page, finding: &Finding) {
    for (index, holder) in finding.holders.iter().enumerate() {
        inside(page, if index == 0 { "held" } else { "" }, &holder_in_words(holder));
    }
    if let Some(more) = summary::more(finding.more_holders) {
        inside(page, "", &more);
    }
}

fn bill_of(page: &mut Page, finding: &Finding) {
    let Some(bill) = finding.bill.as_ref().map(bill::shown) else { return };
    inside(page, "bill", &bill.title);
    for (label, bytes) in &bill.lines {
        inside(page, "", &format!("{bytes:>9}   {label}"));
    }
    bill.remarks.iter().for_each(|remark| inside(page, "", remark));
}

/// `157.5 KiB in 20 blocks   shop/quotes.py:14 in remember   Python objects`.
fn holder_in_words(holder: &Holder) -> String {
    let blocks = summary::counted(usize::try_from(holder.blocks).unwrap_or(usize::MAX), "block");
    let amount = format!("{:>9} in {blocks}", holder.bytes);
    let place = holder.place.as_ref().map(Place::to_string).or_else(|| holder.stack.first().cloned());
    let place = clean::line(place.as_deref().unwrap_or("an unknown place"), clean::FRAME);
    format!("{amount}   {place}   {}", clean::line(&holder.domain, clean::NAME))
}

fn fix(page: &mut Page, finding: &Finding) {
    if !finding.help.is_empty() {
        inside(page, "fix", &clean::line(&finding.help, clean::ADVICE));
    }
}

/// A labelled line inside a finding; further lines align with the text.
fn inside(page: &mut Page, label: &str, text: &str) {
    let label = format!("{}{label:<LABEL$}", " ".repeat(MARGIN));
    page.labelled(MARGIN + LABEL, (&label, Style::Faint), text, Style::Plain);
}

fn notes(page: &mut Page, scenario: &ScenarioResult) {
    if !scenario.not_judged.is_empty() {
        let keys = clean::line(&scenario.not_judged.join(", "), clean::SENTENCE);
        page.labelled(MARGIN, ("  note  ", Style::Faint), &format!("not judged: {keys}"), Style::Plain);
    }
    for note in scenario.notes.iter().take(NOTES) {
        page.labelled(MARGIN, ("  note  ", Style::Faint), &clean::line(note, clean::SENTENCE), Style::Plain);
    }
    if let Some(more) = summary::more(scenario.notes.len().saturating_sub(NOTES) as u64) {
        page.text(MARGIN, Style::Faint, &format!("{more} notes, in result.json"));
    }
}

/// What is worth knowing about the check as a whole.
fn notes_of_all(page: &mut Page, outcome: &Outcome) {
    for note in outcome.notes.iter().take(NOTES) {
        page.labelled(
            MARGIN,
            ("note    ", Style::Warning),
            &clean::line(note, clean::SENTENCE),
            Style::Plain,
        );
    }
    if let Some(more) = summary::more(outcome.notes.len().saturating_sub(NOTES) as u64) {
        page.text(MARGIN, Style::Faint, &format!("{more} notes, in result.json"));
    }
    if !outcome.notes.is_empty() {
        page.blank();
    }
}

/// Counts, where the reports are, and what to type next.
fn footer(page: &mut Page, outcome: &Outcome) {
    let reports = clean::line(&outcome.results_dir, clean::FRAME);
    let counts = summary::counts(outcome);
    let style = match outcome.verdict() {
        Verdict::Pass | Verdict::Skipped => Style::Good,
        Verdict::Undecided | Verdict::Unstable => Style::Warning,
        Verdict::Fail | Verdict::Error => Style::Bad,
    };
    let sentence = format!("{counts} in {} · reports in {reports}", summary::seconds(outcome.elapsed));
    let accepted = summary::accepted(outcome).map(|accepted| format!(" · {accepted}")).unwrap_or_default();
    let sentence = format!("{sentence}{accepted}");
    page.text(0, style, &sentence);
    let failing: Vec<&ScenarioResult> = summary::ordered(outcome)
        .into_iter()
        .filter(|scenario| !matches!(scenario.verdict, Verdict::Pass | Verdict::Skipped))
        .collect();
    // All of them where they fit; otherwise the first, so that the line can be copied.
    const TOGETHER: usize = 4;
    let again: Vec<&str> = failing
        .iter()
        .take(if failing.len() > TOGETHER { 1 } else { TOGETHER })
        .map(|s| s.name.as_str())
        .collect();
    if let Some(first) = failing.first() {
        page.whole(&format!("  again   {}", summary::check_command(outcome, &again)));
        if let Some(look) = summary::look_command(outcome, first) {
            page.whole(&format!("  look    {look}"));
        }
    }
    let new = failing.iter().flat_map(|scenario| summary::acceptable(scenario));
    // Findings of one place may share a fingerprint: one entry covers them.
    let mut accept: Vec<String> = Vec::new();
    for command in new.map(|finding| summary::allow_command(outcome, finding)) {
        if !accept.contains(&command) {
            accept.push(command);
        }
    }
    for command in accept.iter().take(TOGETHER) {
        page.whole(&format!("  accept  {command}"));
    }
    if let Some(more) = summary::more(accept.len().saturating_sub(TOGETHER) as u64) {
        page.text(MARGIN + 2, Style::Faint, &format!("{more}, in report.md"));
    }
}
