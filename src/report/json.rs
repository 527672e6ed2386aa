//! The report for programs: versioned structs of its own, so that the inside can change and the format does not.
//!
//! All quantities are exact integers, in bytes or counts. Fields are added without a new version; a field that
//! changes its meaning or goes gets one.

use serde::Serialize;

use super::clean;
use crate::finding::{Figure, Finding, Holder, Place, Rate, RateUnit, Severity, Standing, Unit};
use crate::gate::fingerprint::SCHEME;
use crate::gate::verdict::Outcome as Growth;
use crate::outcome::{BudgetState, GrowthReport, Outcome, ScenarioResult, Verdict};
use crate::profile::{Bill, BillLine};

/// The format's version.
pub const VERSION: u32 = 1;

/// Longest text of an error's details.
const DETAILS: usize = 1_000;
/// Longest line of it.
const DETAIL: usize = 2_000;

/// The whole report.
pub(super) fn render(outcome: &Outcome) -> String {
    // Only a map with keys that are no strings could fail, and there is none.
    let mut json = serde_json::to_string_pretty(&Report::of(outcome)).expect("plain structs become JSON");
    json.push('\n');
    json
}

/// The document.
#[derive(Debug, Serialize)]
struct Report {
    /// Version of this format.
    version: u32,
    /// Version of leakgate.
    leakgate: &'static str,
    /// The configuration file, as the user named it.
    config: String,
    /// The Python that the scenarios use.
    python: String,
    /// Milliseconds since the Unix epoch at which the check began.
    started_ms: u64,
    /// Wall time of everything.
    elapsed_ms: u64,
    /// Where captures and reports are.
    results_dir: String,
    /// As of a scenario, the worst of all; `error` where any scenario could not be measured, or none was run.
    verdict: &'static str,
    /// How many scenarios had which verdict.
    counts: Counts,
    /// What is worth knowing about the check as a whole, such as allowances that match nothing any more.
    notes: Vec<String>,
    /// One entry a scenario, in the order of the configuration.
    scenarios: Vec<Scenario>,
}

/// How many scenarios had which verdict.
#[derive(Debug, Serialize)]
struct Counts {
    /// Passed, those with warnings included.
    passed: usize,
    /// Passed with at least one warning.
    warned: usize,
    /// Could not be decided.
    undecided: usize,
    /// Failed in one process and not in a second one.
    unstable: usize,
    /// Broke a budget or a rule.
    failed: usize,
    /// Could not be run or measured.
    errors: usize,
}

/// One scenario.
#[derive(Debug, Serialize)]
struct Scenario {
    /// Name in the configuration.
    name: String,
    /// Line in the configuration, from 1.
    config_line: u32,
    /// What was run, for people.
    what: String,
    /// `pass`, `undecided`, `unstable`, `fail` or `error`.
    verdict: &'static str,
    /// Wall time.
    elapsed_ms: u64,
    /// Why it could not be run or measured; `null` unless the verdict is `error`.
    error: Option<ErrorEntry>,
    /// What is wrong, errors before warnings.
    findings: Vec<FindingEntry>,
    /// The budgets that were judged, in the order of the configuration.
    budgets: Vec<BudgetEntry>,
    /// Keys of budgets that could not be judged.
    not_judged: Vec<String>,
    /// Figures that have no budget.
    figures: Vec<FigureEntry>,
    /// Whether memory grows with every iteration; `null` where there were too few.
    growth: Option<GrowthEntry>,
    /// What else is worth knowing about the measurement.
    notes: Vec<String>,
}

/// The verdict on growth.
#[derive(Debug, Serialize)]
struct GrowthEntry {
    /// `no-leak`, `undecided` or `leak`.
    verdict: &'static str,
    /// Iterations that were not judged.
    warmup: u64,
    /// Iterations that were judged.
    iterations: u64,
    /// Lowest live bytes in each window of them, in order.
    floors: Vec<u64>,
}

/// How a finding stands to what is known already.
#[derive(Debug, Serialize)]
struct StandingEntry {
    /// `new`, `accepted`, `allowed` or `known`.
    is: &'static str,
    /// The reason of an allowance; the package of a known leak.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    /// The last day of an allowance; where a known leak is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    see: Option<String>,
}

/// What an iteration adds: an exact fraction.
#[derive(Debug, Serialize)]
struct RateEntry {
    /// What all judged iterations added.
    total: i64,
    /// How many there were.
    iterations: u64,
    /// `bytes`, `blocks`, `entries`, `descriptors` or `threads`.
    unit: &'static str,
}

/// Why a scenario has no verdict.
#[derive(Debug, Serialize)]
struct ErrorEntry {
    /// One sentence.
    title: String,
    /// A traceback or the end of the output, bounded at its beginning; may be empty.
    details: String,
}

/// One broken budget or rule.
#[derive(Debug, Serialize)]
struct FindingEntry {
    /// Which rule: `budget-peak`, `memory-limit` …
    rule: String,
    /// `error` fails the gate, `warning` does not.
    severity: &'static str,
    /// The sentence that people read first.
    title: String,
    /// The identity of the finding, the same while lines move.
    fingerprint: Fingerprint,
    /// Whether it is new.
    standing: StandingEntry,
    /// What an iteration adds; `null` unless it is about growth.
    rate: Option<RateEntry>,
    /// The line to look at first; `null` where none is known.
    place: Option<PlaceEntry>,
    /// The figure and its limit; `null` for rules that have none.
    figure: Option<FigureEntry>,
    /// Who held the memory, largest first.
    holders: Vec<HolderEntry>,
    /// How many more there are.
    more_holders: u64,
    /// What backs the finding, in sentences.
    evidence: Vec<String>,
    /// Live bytes at the start and after each judged iteration; empty unless it is about growth.
    series: Vec<u64>,
    /// The same of a second process, where it shows something else.
    series_again: Vec<u64>,
    /// What was resident at the moment of the figure, in lines that add up; `null` unless a budget of memory is broken
    /// and it is known.
    bill: Option<BillEntry>,
    /// How to go on.
    help: String,
}

/// What was resident at one moment.
#[derive(Debug, Serialize)]
struct BillEntry {
    /// The moment: `peak`, `largest`, `retained`, `left`, `end` or `last`.
    at: &'static str,
    /// How far a sample is from its moment; `null` where the process itself stood still for it.
    sampled: Option<String>,
    /// Resident bytes: the sum of the lines.
    resident: u64,
    /// The lines; none is empty.
    lines: Vec<BillLineEntry>,
    /// Live bytes that are not resident; not in the sum.
    not_resident: u64,
    /// What is less than exact.
    notes: Vec<String>,
}

/// A line of a bill.
#[derive(Debug, Serialize)]
struct BillLineEntry {
    /// `python-objects`, `python-memory`, `native-heap`, `free-but-held`, `own-allocator`, `anonymous-mappings`, `file`,
    /// `stacks`, `tracker` or `not-attributed`.
    line: &'static str,
    /// Path of the library or the file; `null` for other lines.
    name: Option<String>,
    /// Resident bytes.
    bytes: u64,
}

/// The identity of a finding.
#[derive(Debug, Serialize)]
struct Fingerprint {
    /// How it is made; values of different schemes do not compare.
    scheme: u32,
    /// Twelve hexadecimal digits.
    value: String,
}

/// A line of the program.
#[derive(Debug, Serialize)]
struct PlaceEntry {
    /// Path, relative to the working directory where it is below it; a library's name where `line` is `null`.
    file: String,
    /// Line, from 1; `null` for native code.
    line: Option<u32>,
    /// Function or symbol; may be empty.
    function: String,
}

/// A measured figure.
#[derive(Debug, Serialize)]
struct FigureEntry {
    /// The budget's key.
    name: String,
    /// `bytes`, `bytes-per-iteration` or `count`.
    unit: &'static str,
    /// What was measured; bytes per iteration are rounded up.
    measured: i64,
    /// The limit, inclusive; `null` where there is none.
    limit: Option<i64>,
}

/// A judged budget.
#[derive(Debug, Serialize)]
struct BudgetEntry {
    /// Figure and limit.
    #[serde(flatten)]
    figure: FigureEntry,
    /// The threshold of a warning, inclusive; `null` where there is none.
    warn: Option<i64>,
    /// `kept`, `warned` or `broken`.
    state: &'static str,
}

/// A share of a figure.
#[derive(Debug, Serialize)]
struct HolderEntry {
    /// Bytes held.
    bytes: u64,
    /// Blocks held.
    blocks: u64,
    /// Kind of memory.
    domain: String,
    /// The line to look at; `null` where none is known.
    place: Option<PlaceEntry>,
    /// The allocating stack, innermost first, in words.
    stack: Vec<String>,
    /// How many frames of it are not listed.
    more_frames: u64,
}

impl Report {
    fn of(outcome: &Outcome) -> Report {
        Report {
            version: VERSION,
            leakgate: env!("CARGO_PKG_VERSION"),
            config: clean::line(&outcome.config, clean::SENTENCE),
            python: clean::line(&outcome.python, clean::SENTENCE),
            started_ms: outcome.started_ms,
            elapsed_ms: milliseconds(outcome.elapsed),
            results_dir: clean::line(&outcome.results_dir, clean::SENTENCE),
            verdict: verdict(outcome.verdict()),
            counts: Counts {
                passed: outcome.count(Verdict::Pass),
                warned: outcome.scenarios.iter().filter(|scenario| scenario.warned()).count(),
                undecided: outcome.count(Verdict::Undecided),
                unstable: outcome.count(Verdict::Unstable),
                failed: outcome.count(Verdict::Fail),
                errors: outcome.count(Verdict::Error),
            },
            notes: sentences(&outcome.notes),
            scenarios: outcome.scenarios.iter().map(Scenario::of).collect(),
        }
    }
}

impl Scenario {
    fn of(scenario: &ScenarioResult) -> Scenario {
        let budget = |judged: &crate::outcome::JudgedBudget| BudgetEntry {
            figure: FigureEntry::of(&judged.figure),
            warn: judged.warn,
            state: match judged.state {
                BudgetState::Kept => "kept",
                BudgetState::Warned => "warned",
                BudgetState::Broken => "broken",
            },
        };
        Scenario {
            name: clean::line(&scenario.name, clean::SENTENCE),
            config_line: scenario.config_line,
            what: clean::line(&scenario.what, clean::SENTENCE),
            verdict: verdict(scenario.verdict),
            elapsed_ms: milliseconds(scenario.elapsed),
            error: scenario.error.as_ref().map(|error| ErrorEntry {
                title: clean::line(&error.title, clean::SENTENCE),
                details: clean::last_lines(&error.details, DETAILS, DETAIL).1.join("\n"),
            }),
            findings: scenario.findings.iter().map(FindingEntry::of).collect(),
            budgets: scenario.budgets.iter().map(budget).collect(),
            not_judged: sentences(&scenario.not_judged),
            figures: scenario.figures.iter().map(FigureEntry::of).collect(),
            growth: scenario.growth.as_ref().map(GrowthEntry::of),
            notes: sentences(&scenario.notes),
        }
    }
}

impl GrowthEntry {
    fn of(growth: &GrowthReport) -> GrowthEntry {
        GrowthEntry {
            verdict: match growth.outcome {
                Growth::NoLeak => "no-leak",
                Growth::Undecided => "undecided",
                Growth::Leak => "leak",
            },
            warmup: growth.warmup,
            iterations: growth.iterations,
            floors: growth.floors.clone(),
        }
    }
}

impl StandingEntry {
    fn of(standing: &Standing) -> StandingEntry {
        let entry = |is, because: Option<&String>, see: Option<&String>| StandingEntry {
            is,
            because: because.map(|text| clean::line(text, clean::SENTENCE)),
            see: see.map(|text| clean::line(text, clean::SENTENCE)),
        };
        match standing {
            Standing::New => entry("new", None, None),
            Standing::Accepted => entry("accepted", None, None),
            Standing::Allowed { reason, expires } => entry("allowed", Some(reason), expires.as_ref()),
            Standing::Known { package, reference } => entry("known", Some(package), Some(reference)),
        }
    }
}

impl RateEntry {
    fn of(rate: &Rate) -> RateEntry {
        RateEntry {
            total: rate.total,
            iterations: rate.iterations,
            unit: match rate.unit {
                RateUnit::Bytes => "bytes",
                RateUnit::Blocks => "blocks",
                RateUnit::Entries => "entries",
                RateUnit::Descriptors => "descriptors",
                RateUnit::Threads => "threads",
            },
        }
    }
}

impl FindingEntry {
    fn of(finding: &Finding) -> FindingEntry {
        FindingEntry {
            rule: clean::line(&finding.rule, clean::NAME),
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            title: clean::line(&finding.title, clean::SENTENCE),
            fingerprint: Fingerprint {
                scheme: SCHEME,
                value: clean::line(&finding.fingerprint, clean::NAME),
            },
            standing: StandingEntry::of(&finding.standing),
            rate: finding.rate.as_ref().map(RateEntry::of),
            place: finding.place.as_ref().map(PlaceEntry::of),
            figure: finding.figure.as_ref().map(FigureEntry::of),
            holders: finding.holders.iter().map(HolderEntry::of).collect(),
            more_holders: finding.more_holders,
            evidence: sentences(&finding.evidence),
            series: finding.series.clone(),
            series_again: finding.series_again.clone(),
            bill: finding.bill.as_ref().map(BillEntry::of),
            help: clean::line(&finding.help, clean::SENTENCE),
        }
    }
}

impl BillEntry {
    fn of(bill: &Bill) -> BillEntry {
        let line = |line: &BillLine| BillLineEntry {
            line: line.kind.key(),
            name: (!line.name.is_empty()).then(|| clean::line(&line.name, clean::SENTENCE)),
            bytes: line.bytes,
        };
        BillEntry {
            at: bill.moment.key(),
            sampled: bill.sampled.as_ref().map(|text| clean::line(text, clean::SENTENCE)),
            resident: bill.resident,
            lines: bill.lines.iter().map(line).collect(),
            not_resident: bill.not_resident,
            notes: sentences(&bill.notes),
        }
    }
}

impl PlaceEntry {
    fn of(place: &Place) -> PlaceEntry {
        PlaceEntry {
            file: clean::line(&place.file, clean::SENTENCE),
            line: (place.line > 0).then_some(place.line),
            function: clean::line(&place.function, clean::SENTENCE),
        }
    }
}

impl FigureEntry {
    fn of(figure: &Figure) -> FigureEntry {
        FigureEntry {
            name: clean::line(&figure.name, clean::NAME),
            unit: match figure.unit {
                Unit::Bytes => "bytes",
                Unit::BytesPerIteration => "bytes-per-iteration",
                Unit::Count => "count",
            },
            measured: figure.measured,
            limit: figure.limit,
        }
    }
}

impl HolderEntry {
    fn of(holder: &Holder) -> HolderEntry {
        HolderEntry {
            bytes: holder.bytes.0,
            blocks: holder.blocks,
            domain: clean::line(&holder.domain, clean::NAME),
            place: holder.place.as_ref().map(PlaceEntry::of),
            stack: sentences(&holder.stack),
            more_frames: holder.more_frames,
        }
    }
}

fn sentences(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| clean::line(text, clean::SENTENCE)).collect()
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Undecided => "undecided",
        Verdict::Unstable => "unstable",
        Verdict::Fail => "fail",
        Verdict::Error => "error",
    }
}

fn milliseconds(elapsed: std::time::Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
