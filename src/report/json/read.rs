//! Reads a `result.json` back. The file may come from anywhere: it is bounded, its text is cleaned as that of a program
//! under test, and whatever contradicts itself or the format is refused with the place where.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::error::Category;
use thiserror::Error;

use super::document::{
    AcceptedEntry, BaselineEntry, BillEntry, BillLineEntry, BudgetEntry, ErrorEntry, FigureEntry,
    FindingEntry, Fingerprint, GrowthEntry, HolderEntry, OwnerEntry, PartEntry, PartitionEntry, PlaceEntry,
    RateEntry, Report, Scenario, StandingEntry, StandingWord, StepEntry,
};
use super::{DETAIL, DETAILS, SCHEME, VERSION, sentences};
use crate::baseline::{AcceptedFigure, Environment, Level, Package};
use crate::config::is_scenario_name;
use crate::finding::{Counted, Figure, Finding, Holder, Owner, Part, PartKind, Place, Rate, Standing};
use crate::gate::steps::{Step, Steps};
use crate::outcome::{
    BaselineFile, CapturePlace, GrowthReport, JudgedBudget, Outcome, Partition, ScenarioError, ScenarioResult,
};
use crate::profile::{Bill, BillLine};
use crate::report::clean;
use crate::units::Bytes;

/// A file is at most this large.
pub const LARGEST: u64 = 256 << 20;

/// Digits of a fingerprint.
const FINGERPRINT: usize = 12;
/// Digits of a configuration's digest.
const DIGEST: usize = 16;

/// Why a file is no result that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is larger than anything that is written.
    #[error("it is larger than {}, which is the most that is read", Bytes(LARGEST))]
    TooLarge,
    /// It ends before its JSON does.
    #[error("it ends in the middle, at line {line}: it was not written or copied whole")]
    CutOff {
        /// The last line.
        line: usize,
    },
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It is JSON of something else.
    #[error("it is not a result of `leakgate check`: it has no number `version` at its top")]
    Foreign,
    /// Another leakgate wrote it.
    #[error(
        "its format has version {version}{}, and this leakgate reads version {VERSION}; use the same leakgate for all",
        .leakgate.as_ref().map(|version| format!(" (written by leakgate {version})")).unwrap_or_default()
    )]
    OtherVersion {
        /// The format's version.
        version: u64,
        /// The program's.
        leakgate: Option<String>,
    },
    /// A value is missing, or of the wrong kind.
    #[error("{0}")]
    Wrong(String),
    /// It says two things that cannot both be.
    #[error("it contradicts itself: {0}")]
    Contradiction(String),
}

/// The part that every version has.
#[derive(Deserialize)]
struct Head {
    version: Option<serde_json::Value>,
    leakgate: Option<serde_json::Value>,
}

/// The outcome that a `result.json` has. Times are in whole milliseconds, texts as they were written.
///
/// # Errors
/// When it is not one, or not whole.
pub fn read(bytes: &[u8]) -> Result<Outcome, ReadError> {
    if bytes.len() as u64 > LARGEST {
        return Err(ReadError::TooLarge);
    }
    if bytes.trim_ascii().is_empty() {
        return Err(ReadError::Empty);
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => ReadError::Foreign,
        _ => explained(&error),
    })?;
    // A list would do for the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ReadError::Foreign);
    }
    let version = head.version.and_then(|version| version.as_u64()).ok_or(ReadError::Foreign)?;
    if version != u64::from(VERSION) {
        let leakgate = head.leakgate.as_ref().and_then(|version| version.as_str());
        let leakgate = leakgate.map(|version| clean::line(version, clean::NAME));
        return Err(ReadError::OtherVersion { version, leakgate });
    }
    let report: Report = serde_json::from_slice(bytes).map_err(|error| explained(&error))?;
    outcome(report)
}

/// The version of leakgate that wrote a `result.json`; `None` where it does not say.
pub fn written_by(bytes: &[u8]) -> Option<String> {
    let head: Head = serde_json::from_slice(bytes).ok()?;
    Some(clean::line(head.leakgate?.as_str()?, clean::NAME))
}

fn explained(error: &serde_json::Error) -> ReadError {
    // It may quote the file.
    let text = clean::line(&error.to_string(), clean::SENTENCE);
    match error.classify() {
        Category::Eof => ReadError::CutOff { line: error.line() },
        Category::Data => ReadError::Wrong(text),
        Category::Syntax | Category::Io => ReadError::NotJson(text),
    }
}

fn outcome(report: Report) -> Result<Outcome, ReadError> {
    let verdict = report.verdict;
    let scenarios: Vec<ScenarioResult> =
        report.scenarios.into_iter().map(scenario).collect::<Result<_, _>>()?;
    let mut names = HashSet::new();
    if let Some(twice) = scenarios.iter().find(|scenario| !names.insert(&scenario.name)) {
        return contradiction(format!("scenario `{}` is there twice", twice.name));
    }
    let outcome = Outcome {
        config: sentence(&report.config),
        config_digest: digits(&report.config_digest, DIGEST, "config_digest")?,
        partition: report.partition.map(|entry| partition(&entry, scenarios.len())).transpose()?,
        left_out: report.left_out,
        python: sentence(&report.python),
        packages: report.packages.iter().map(package).collect::<Result<_, _>>()?,
        arguments: sentences(&report.arguments),
        fail_on: report.fail_on,
        baseline: report.baseline.as_ref().map(baseline),
        scenarios,
        notes: sentences(&report.notes),
        started_ms: report.started_ms,
        elapsed: Duration::from_millis(report.elapsed_ms),
        results_dir: sentence(&report.results_dir),
    };
    if outcome.verdict() != verdict {
        let (said, is) = (format!("{verdict:?}").to_lowercase(), format!("{:?}", outcome.verdict()));
        return contradiction(format!(
            "its `verdict` is `{said}`, and that of its scenarios is `{}`",
            is.to_lowercase()
        ));
    }
    Ok(outcome)
}

fn package((name, version): (&String, &String)) -> Result<Package, ReadError> {
    let is_word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+!-".contains(c))
    };
    if !is_word(name) || !is_word(version) {
        let shown = self::name(&format!("{name} {version}"));
        return Err(ReadError::Wrong(format!("`{shown}` is no package with its version")));
    }
    Ok(Package { name: name.clone(), version: version.clone() })
}

fn baseline(entry: &BaselineEntry) -> BaselineFile {
    BaselineFile { path: sentence(&entry.path), problems: sentences(&entry.problems) }
}

fn contradiction<T>(text: String) -> Result<T, ReadError> {
    Err(ReadError::Contradiction(text))
}

fn partition(entry: &PartitionEntry, scenarios: usize) -> Result<Partition, ReadError> {
    let &PartitionEntry { index, of, scenarios: all } = entry;
    if index == 0 || index > of || scenarios > all {
        return contradiction(format!("part {index} of {of} cannot have {scenarios} of {all} scenarios"));
    }
    Ok(Partition { index, of, scenarios: all })
}

fn scenario(entry: Scenario) -> Result<ScenarioResult, ReadError> {
    if !is_scenario_name(&entry.name) {
        let name = clean::line(&entry.name, clean::NAME);
        return Err(ReadError::Wrong(format!("`{name}` cannot be the name of a scenario")));
    }
    let environment = entry.environment.as_deref().map(environment).transpose()?;
    let findings = entry.findings.into_iter().map(|finding| self::finding(finding, &entry.name));
    Ok(ScenarioResult {
        findings: findings.collect::<Result<_, _>>()?,
        name: entry.name,
        config_line: entry.config_line,
        what: sentence(&entry.what),
        environment,
        baseline: entry.baseline,
        verdict: entry.verdict,
        elapsed: Duration::from_millis(entry.elapsed_ms),
        budgets: entry.budgets.into_iter().map(budget).collect(),
        not_judged: sentences(&entry.not_judged),
        skipped: entry.skipped.as_deref().map(sentence),
        figures: entry.figures.iter().map(figure).collect(),
        growth: entry.growth.map(growth),
        error: entry.error.as_ref().map(error),
        notes: sentences(&entry.notes),
        capture: capture(entry.capture.as_deref()),
    })
}

fn capture(folder: Option<&str>) -> CapturePlace {
    match folder {
        None => CapturePlace::Results,
        Some("") => CapturePlace::Unknown,
        Some(folder) => CapturePlace::Folder(sentence(folder)),
    }
}

fn environment(text: &str) -> Result<Environment, ReadError> {
    text.parse().map_err(|error| ReadError::Wrong(format!("`{}` {error}", name(text))))
}

fn error(entry: &ErrorEntry) -> ScenarioError {
    let details = clean::last_lines(&entry.details, DETAILS, DETAIL).1.join("\n");
    ScenarioError { title: sentence(&entry.title), details }
}

fn growth(entry: GrowthEntry) -> GrowthReport {
    let GrowthEntry { verdict, warmup, iterations, floors, startup, once } = entry;
    let step = |entry: &StepEntry| Step {
        iteration: entry.iteration,
        bytes: entry.bytes,
        place: entry.place.as_ref().map(place),
    };
    let steps = Steps { startup, once: once.iter().map(step).collect() };
    GrowthReport { outcome: verdict, warmup, iterations, floors, steps }
}

fn budget(entry: BudgetEntry) -> JudgedBudget {
    JudgedBudget { figure: figure(&entry.figure), warn: entry.warn, state: entry.state }
}

fn figure(entry: &FigureEntry) -> Figure {
    let &FigureEntry { unit, measured, limit, baseline, .. } = entry;
    let exact = entry.exact.as_ref().and_then(|exact| rate(exact).ok());
    Figure { name: name(&entry.name), measured, exact, limit, baseline, unit }
}

fn finding(entry: FindingEntry, scenario: &str) -> Result<Finding, ReadError> {
    Ok(Finding {
        rule: name(&entry.rule),
        severity: entry.severity,
        title: sentence(&entry.title),
        scenario: scenario.to_owned(),
        place: entry.place.as_ref().map(place),
        holders: entry.holders.iter().map(holder).collect(),
        more_holders: entry.more_holders,
        entries: None,
        evidence: sentences(&entry.evidence),
        figure: entry.figure.as_ref().map(figure),
        series: entry.series,
        series_again: entry.series_again,
        counted: entry.counted.map(|entry| Counted { unit: entry.unit, values: entry.values }),
        bill: entry.bill.as_ref().map(bill),
        help: clean::line(&entry.help, clean::ADVICE),
        containers: Vec::new(),
        parts: entry.parts.iter().map(part).collect::<Result<_, _>>()?,
        owners: entry.owners.iter().map(owner).collect(),
        standing: standing(&entry.standing)?,
        accepted: entry.accepted.as_ref().map(accepted).transpose()?,
        rate: entry.rate.as_ref().map(rate).transpose()?,
        fingerprint: fingerprint(&entry.fingerprint)?,
    })
}

fn part(entry: &PartEntry) -> Result<Part, ReadError> {
    let kind = PartKind::ALL.into_iter().find(|kind| kind.word() == entry.kind);
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let is_identity = entry.identity.len() == 12 && entry.identity.chars().all(is_digit);
    let Some(kind) = kind.filter(|_| is_identity) else {
        return Err(ReadError::Wrong("a part of a finding has no kind or no identity".to_owned()));
    };
    Ok(Part {
        kind,
        identity: entry.identity.clone(),
        rate: rate(&entry.rate)?,
        spread: None,
        is_certain: entry.leaks,
        type_name: clean::line(&entry.type_name, clean::FRAME),
        what: String::new(),
        place: entry.place.as_ref().map(place),
        holder: None,
        frames: Vec::new(),
    })
}

fn owner(entry: &OwnerEntry) -> Owner {
    Owner {
        pattern: entry.pattern.as_deref().map(name),
        sentence: sentence(&entry.sentence),
        name: clean::line(&entry.name, clean::FRAME),
        type_name: clean::line(&entry.type_name, clean::FRAME),
        path: sentences(&entry.path),
        place: entry.place.as_ref().map(place),
        facts: sentences(&entry.facts),
        help: clean::line(&entry.help, clean::ADVICE),
    }
}

fn standing(entry: &StandingEntry) -> Result<Standing, ReadError> {
    let because = entry.because.as_ref().map(|text| sentence(text));
    let see = entry.see.as_ref().map(|text| sentence(text));
    Ok(match (entry.is, because, see) {
        (StandingWord::New, None, None) => Standing::New,
        (StandingWord::Accepted, None, None) => Standing::Accepted,
        (StandingWord::Allowed, Some(reason), expires) => Standing::Allowed { reason, expires },
        (StandingWord::Known, Some(package), Some(reference)) => Standing::Known { package, reference },
        (word, ..) => {
            let word = format!("{word:?}").to_lowercase();
            return Err(ReadError::Wrong(format!("a finding's `standing` does not go with `{word}`")));
        }
    })
}

fn accepted(entry: &AcceptedEntry) -> Result<Level, ReadError> {
    Ok(match (&entry.rate, &entry.figure) {
        (Some(rate), None) => Level::Rate(self::rate(rate)?),
        (None, Some(figure)) => Level::Figure(AcceptedFigure { value: figure.value, unit: figure.unit }),
        (None, None) => Level::Present,
        (Some(_), Some(_)) => {
            return contradiction("a finding is accepted by its rate and by its figure".to_owned());
        }
    })
}

fn rate(entry: &RateEntry) -> Result<Rate, ReadError> {
    if entry.iterations == 0 {
        return Err(ReadError::Wrong(
            "a finding's `rate` is of 0 iterations; expected at least 1".to_owned(),
        ));
    }
    Ok(Rate { total: entry.total, iterations: entry.iterations, unit: entry.unit })
}

fn fingerprint(entry: &Fingerprint) -> Result<String, ReadError> {
    if entry.scheme != SCHEME {
        return Err(ReadError::Wrong(format!(
            "fingerprints of scheme {} do not compare with those of this leakgate, which have scheme {SCHEME}",
            entry.scheme
        )));
    }
    digits(&entry.value, FINGERPRINT, "fingerprint")
}

fn digits(text: &str, count: usize, what: &str) -> Result<String, ReadError> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == count && text.bytes().all(is_digit) {
        return Ok(text.to_owned());
    }
    let shown = name(text);
    Err(ReadError::Wrong(format!("`{shown}` is no `{what}`; expected {count} hexadecimal digits")))
}

fn place(entry: &PlaceEntry) -> Place {
    Place { file: sentence(&entry.file), line: entry.line.unwrap_or(0), function: sentence(&entry.function) }
}

fn holder(entry: &HolderEntry) -> Holder {
    Holder {
        bytes: Bytes(entry.bytes),
        blocks: entry.blocks,
        stack: sentences(&entry.stack),
        more_frames: entry.more_frames,
        frames: Vec::new(),
        place: entry.place.as_ref().map(place),
        domain: name(&entry.domain),
    }
}

fn bill(entry: &BillEntry) -> Bill {
    let line = |line: &BillLineEntry| BillLine {
        kind: line.line,
        name: line.name.as_ref().map(|name| sentence(name)).unwrap_or_default(),
        bytes: line.bytes,
    };
    Bill {
        moment: entry.at,
        sampled: entry.sampled.as_ref().map(|text| sentence(text)),
        resident: entry.resident,
        counted: entry.counted,
        lines: entry.lines.iter().map(line).collect(),
        not_resident: entry.not_resident,
        notes: sentences(&entry.notes),
    }
}

fn sentence(text: &str) -> String {
    clean::line(text, clean::SENTENCE)
}

fn name(text: &str) -> String {
    clean::line(text, clean::NAME)
}
