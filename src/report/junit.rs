//! The report for CI systems that read JUnit XML: a test case a budget.
//!
//! What readers make of it: GitLab shows the text of a failure, not its message; Jenkins shows both; a class name is
//! split at its last dot; files are looked for from the top of the repository. So the text carries everything, and names never hold a measured figure: they are a history.

use junit_report::{
    Duration, OffsetDateTime, ReportBuilder, TestCase, TestCaseBuilder, TestSuite, TestSuiteBuilder,
};

use super::problems::path;
use super::{Options, bill, clean, excerpt, sparkline::sparkline, summary};
use crate::finding::{Finding, Severity, Standing};
use crate::gate::leak;
use crate::outcome::{Outcome, ScenarioResult, Verdict};
use crate::units::grouped;

/// Figures of a series that are listed at each end.
const SERIES: usize = 20;
/// Lines of an error's details that are listed.
const DETAILS: usize = 100;

/// The whole report.
pub(super) fn render(outcome: &Outcome, options: &Options) -> String {
    let report = ReportBuilder::new().add_testsuite(suite(outcome, options)).build();
    let mut xml = Vec::new();
    // Writing to memory does not fail, and all text is plain: an error has nowhere to come from.
    report.write_xml(&mut xml).expect("memory takes what is written to it");
    xml.push(b'\n');
    String::from_utf8_lossy(&xml).into_owned()
}

/// What is wrong with the baseline.
fn baseline(outcome: &Outcome, options: &Options) -> Option<TestCase> {
    let baseline = outcome.baseline.as_ref().filter(|baseline| !baseline.problems.is_empty())?;
    let lines: Vec<String> =
        baseline.problems.iter().take(DETAILS).map(|text| clean::line(text, clean::SENTENCE)).collect();
    let kind = "leakgate.baseline-error";
    let mut case =
        finished(TestCaseBuilder::error("is-sound", Duration::ZERO, kind, &lines[0]), &lines.join("\n"));
    case.set_classname("leakgate.baseline");
    case.set_filepath(&path(&baseline.path, options));
    Some(case)
}

fn suite(outcome: &Outcome, options: &Options) -> TestSuite {
    let started = i64::try_from(outcome.started_ms / 1000).unwrap_or_default();
    TestSuiteBuilder::new("leakgate")
        .set_timestamp(OffsetDateTime::from_unix_timestamp(started).unwrap_or(OffsetDateTime::UNIX_EPOCH))
        .add_testcases(
            outcome
                .scenarios
                .iter()
                .flat_map(|scenario| cases(outcome, scenario, options))
                .chain(baseline(outcome, options)),
        )
        .build()
}

/// The cases of a scenario: its budgets, rules that have none, and `completes` where there is nothing else to say.
fn cases(outcome: &Outcome, scenario: &ScenarioResult, options: &Options) -> Vec<TestCase> {
    let mut cases = Vec::new();
    if let Some(error) = &scenario.error {
        let (before, lines) = clean::last_lines(&error.details, DETAILS, clean::SENTENCE);
        let before = if before > 0 {
            format!("… {} before\n", summary::counted(before, "line"))
        } else {
            String::new()
        };
        let title = clean::line(&error.title, clean::SENTENCE);
        let text = format!("{title}\n\n{before}{}", lines.join("\n"));
        let case = TestCaseBuilder::error("completes", Duration::ZERO, "leakgate.scenario-error", &title);
        cases.push(finished(case, &text));
    }
    if let Some(reason) = &scenario.skipped {
        let reason = safe(&clean::line(reason, clean::SENTENCE));
        cases.push(TestCaseBuilder::skipped_with_cause("completes", "leakgate.skipped", &reason).build());
    }
    for judged in &scenario.budgets {
        let finding = scenario.findings.iter().find(|finding| is_about(finding, &judged.figure.name));
        cases.push(case((outcome, options), &judged.figure.name, finding, scenario.verdict));
    }
    let has_budget =
        |finding: &&Finding| scenario.budgets.iter().any(|judged| is_about(finding, &judged.figure.name));
    let others = scenario.findings.iter().filter(|finding| !has_budget(finding));
    cases.extend(
        others.map(|finding| case((outcome, options), &finding.rule, Some(finding), scenario.verdict)),
    );
    // The verdict on growth has its case also where there is nothing to say: names are a history.
    if scenario.growth.is_some() && !cases.iter().any(|case| case.name == "growth") {
        cases.push(case((outcome, options), "growth", None, scenario.verdict));
    }
    cases.extend(scenario.not_judged.iter().map(|key| not_judged(key, scenario)));
    if cases.is_empty() {
        cases.push(TestCaseBuilder::success("completes", Duration::ZERO).build());
    }
    // One run gives all cases: its time counts once, so that the suite's sum is right.
    if let Some(first) = cases.first_mut() {
        first.time = Duration::try_from(scenario.elapsed).unwrap_or(Duration::ZERO);
    }
    for case in &mut cases {
        case.set_classname(&format!("leakgate.{}", clean::line(&scenario.name, clean::NAME)));
        if case.filepath.is_none() {
            case.set_filepath(&path(&outcome.config, options));
        }
    }
    cases
}

/// Whether a finding is of a figure's budget, of its increase, or of the verdict on the growth of that figure.
fn is_about(finding: &Finding, figure: &str) -> bool {
    // A budget of a tree has the rule of any other.
    if let Some(of) = &finding.figure
        && of.name == figure
    {
        return true;
    }
    leak::figure_of(&finding.rule).is_some_and(|key| key.name() == figure)
}

fn case(
    (outcome, options): (&Outcome, &Options),
    name: &str,
    finding: Option<&Finding>,
    verdict: Verdict,
) -> TestCase {
    let name = clean::line(name, clean::NAME);
    let Some(finding) = finding else { return TestCaseBuilder::success(&name, Duration::ZERO).build() };
    let title = clean::line(&finding.title, clean::SENTENCE);
    if finding.severity == Severity::Warning && matches!(verdict, Verdict::Undecided | Verdict::Unstable) {
        let rule = format!("leakgate.{}", clean::line(&finding.rule, clean::NAME));
        return TestCaseBuilder::skipped_with_cause(&name, &rule, &safe(&text(finding, options))).build();
    }
    let fails = finding.fails(outcome.fail_on);
    let mut builder = if fails {
        let rule = format!("leakgate.{}", clean::line(&finding.rule, clean::NAME));
        TestCaseBuilder::failure(&name, Duration::ZERO, &rule, &title)
    } else {
        // It passes; its text is there for whoever looks.
        TestCaseBuilder::success(&name, Duration::ZERO)
    };
    if let Some(place) = finding.place.as_ref().filter(|place| place.line > 0) {
        builder.set_filepath(&path(&place.file, options));
    }
    if !fails {
        builder.set_system_out(&safe(&format!("{}\n{}", why_it_passes(finding), text(finding, options))));
    }
    finished(builder, &text(finding, options))
}

fn why_it_passes(finding: &Finding) -> String {
    match summary::covered(finding) {
        Some((how, why)) => format!("{how}: {why}"),
        None if finding.severity == Severity::Warning => "warning:".to_owned(),
        None if finding.standing == Standing::Accepted => "accepted in the baseline:".to_owned(),
        None => "shown, not failed:".to_owned(),
    }
}

fn finished(mut builder: TestCaseBuilder, text: &str) -> TestCase {
    builder.set_trace(&safe(text)).build()
}

fn not_judged(key: &str, scenario: &ScenarioResult) -> TestCase {
    let skipped = scenario.skipped.as_ref().map(|reason| safe(&clean::line(reason, clean::SENTENCE)));
    let ended = "the scenario ended before this could be judged, or there is no baseline to compare with";
    TestCaseBuilder::skipped_with_cause(
        &clean::line(key, clean::NAME),
        "leakgate.not-judged",
        skipped.as_deref().unwrap_or(ended),
    )
    .build()
}

/// The end of a CDATA section may not occur inside of it.
fn safe(text: &str) -> String {
    text.replace("]]>", "]] >")
}

/// Everything that is known about a finding.
fn text(finding: &Finding, options: &Options) -> String {
    let mut lines = vec![clean::line(&finding.title, clean::SENTENCE)];
    if let Some(place) = &finding.place {
        let at = if place.line == 0 { "" } else { "at " };
        lines.push(format!("{at}{}", clean::line(&place.to_string(), clean::FRAME)));
        let source = excerpt::around(place, clean::FRAME, options);
        lines.extend(source.iter().map(|line| format!("    {}", excerpt::numbered(line, place))));
    }
    if finding.pattern() != finding.rule {
        lines.push(format!("pattern {}", clean::line(finding.pattern(), clean::NAME)));
    }
    if let Some(figure) = &finding.figure {
        let limit = figure.limit.map(|limit| format!(", limit {}", grouped_signed(limit)));
        lines.push(format!("measured {}{}", grouped_signed(figure.measured), limit.unwrap_or_default()));
    }
    lines.extend(finding.evidence.iter().map(|sentence| clean::line(sentence, clean::SENTENCE)));
    let (what, values) = summary::series(finding);
    if !values.is_empty() {
        let what = if what.is_empty() { String::new() } else { format!("{what} ") };
        lines.push(format!("series {what}{}", sparkline(values)));
        lines.push(format!("       {}", series(values)));
    }
    for (index, owner) in finding.owners.iter().enumerate() {
        lines.push(format!("kept by: {}", clean::line(&owner.sentence, clean::SENTENCE)));
        lines.extend(owner.path.iter().map(|step| format!("    {}", clean::line(step, clean::FRAME))));
        // Those of the first are evidence.
        let facts = owner.facts.iter().filter(|_| index > 0);
        lines.extend(facts.map(|fact| format!("    {}", clean::line(fact, clean::SENTENCE))));
    }
    lines.extend(holders(finding));
    lines.extend(resident(finding));
    if !finding.help.is_empty() {
        lines.push(format!("fix: {}", clean::line(&finding.help, clean::ADVICE)));
    }
    lines.push(format!("fingerprint {}", clean::line(&finding.fingerprint, clean::NAME)));
    lines.join("\n")
}

fn grouped_signed(figure: i64) -> String {
    crate::finding::Unit::Count.show(figure)
}

/// All figures of a short series, both ends of a long one.
fn series(series: &[u64]) -> String {
    let shown = |part: &[u64]| part.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
    match series.len().checked_sub(2 * SERIES) {
        Some(left_out) if left_out > 0 => format!(
            "{} … {} more … {}",
            shown(&series[..SERIES]),
            grouped(left_out as u64),
            shown(&series[series.len() - SERIES..])
        ),
        _ => shown(series),
    }
}

/// `resident: 96.2 MiB resident at the peak`, and its lines.
fn resident(finding: &Finding) -> Vec<String> {
    let Some(bill) = finding.bill.as_ref().map(bill::shown) else { return Vec::new() };
    let mut lines = vec![format!("bill: {}", bill.title)];
    lines.extend(
        bill.lines.iter().map(|(label, bytes)| format!("    {bytes} ({} B) {label}", grouped(bytes.0))),
    );
    lines.extend(bill.remarks.iter().map(|remark| format!("    {remark}")));
    lines
}

fn holders(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    for holder in &finding.holders {
        let blocks = summary::counted(usize::try_from(holder.blocks).unwrap_or(usize::MAX), "block");
        let kind = clean::line(&holder.domain, clean::NAME);
        lines.push(format!("held: {} ({} B) in {blocks}, {kind}", holder.bytes, grouped(holder.bytes.0)));
        lines.extend(holder.stack.iter().map(|frame| format!("    {}", clean::line(frame, clean::FRAME))));
        lines.extend(summary::more(holder.more_frames).map(|more| format!("    {more} frames")));
    }
    lines.extend(summary::more(finding.more_holders).map(|more| format!("held: {more}")));
    lines
}
