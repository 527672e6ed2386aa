//! The report for programs: versioned structs of its own, so that the inside can change and the format does not.
//!
//! All quantities are exact integers, in bytes or counts. Fields are added without a new version; a field that
//! changes its meaning or goes gets one.

mod document;
mod read;
mod source;

pub use self::read::{LARGEST, ReadError, read, written_by};
pub use self::source::{Carried, carried};

use self::document::{
    AcceptedEntry, AmountEntry, BaselineEntry, BillEntry, BillLineEntry, BudgetEntry, CountedEntry, Counts,
    ErrorEntry, FigureEntry, FindingEntry, Fingerprint, GrowthEntry, HolderEntry, OwnerEntry, PartEntry,
    PartitionEntry, PlaceEntry, RateEntry, Report, Scenario, StandingEntry, StandingWord, StepEntry,
};
use self::source::SourceEntry;
use super::{Options, clean};
use crate::baseline::Level;
use crate::finding::{Counted, Figure, Finding, Holder, Owner, Part, Place, Rate, Standing};
use crate::gate::fingerprint::SCHEME;
use crate::gate::steps::Step;
use crate::outcome::{CapturePlace, GrowthReport, JudgedBudget, Outcome, Partition, ScenarioResult, Verdict};
use crate::profile::{Bill, BillLine};

/// The format's version.
pub const VERSION: u32 = 1;

/// Longest text of an error's details.
const DETAILS: usize = 1_000;
/// Longest line of it.
const DETAIL: usize = 2_000;

/// The whole report.
pub(super) fn render(outcome: &Outcome, options: &Options) -> String {
    // Only a map with keys that are no strings could fail, and there is none.
    let report = Report::of(outcome, options);
    let mut json = serde_json::to_string_pretty(&report).expect("plain structs become JSON");
    json.push('\n');
    json
}

impl Report {
    fn of(outcome: &Outcome, options: &Options) -> Report {
        Report {
            version: VERSION,
            leakgate: env!("CARGO_PKG_VERSION").to_owned(),
            config: clean::line(&outcome.config, clean::SENTENCE),
            config_path: options.source.path(&outcome.config).map(|path| clean::line(&path, clean::SENTENCE)),
            config_digest: clean::line(&outcome.config_digest, clean::NAME),
            partition: outcome.partition.as_ref().map(PartitionEntry::of),
            left_out: outcome.left_out,
            python: clean::line(&outcome.python, clean::SENTENCE),
            packages: outcome
                .packages
                .iter()
                .map(|package| (package.name.clone(), package.version.clone()))
                .collect(),
            arguments: sentences(&outcome.arguments),
            fail_on: outcome.fail_on,
            baseline: outcome.baseline.as_ref().map(|baseline| BaselineEntry {
                path: clean::line(&baseline.path, clean::SENTENCE),
                problems: sentences(&baseline.problems),
            }),
            started_ms: outcome.started_ms,
            elapsed_ms: milliseconds(outcome.elapsed),
            results_dir: clean::line(&outcome.results_dir, clean::SENTENCE),
            verdict: outcome.verdict(),
            counts: Counts {
                passed: outcome.count(Verdict::Pass),
                warned: outcome.scenarios.iter().filter(|scenario| scenario.warned()).count(),
                skipped: outcome.count(Verdict::Skipped),
                undecided: outcome.count(Verdict::Undecided),
                unstable: outcome.count(Verdict::Unstable),
                failed: outcome.count(Verdict::Fail),
                errors: outcome.count(Verdict::Error),
            },
            notes: sentences(&outcome.notes),
            scenarios: outcome.scenarios.iter().map(|scenario| Scenario::of(scenario, options)).collect(),
        }
    }
}

impl Scenario {
    fn of(scenario: &ScenarioResult, options: &Options) -> Scenario {
        Scenario {
            name: clean::line(&scenario.name, clean::SENTENCE),
            config_line: scenario.config_line,
            what: clean::line(&scenario.what, clean::SENTENCE),
            environment: scenario.environment.as_ref().map(ToString::to_string),
            baseline: scenario.baseline,
            verdict: scenario.verdict,
            elapsed_ms: milliseconds(scenario.elapsed),
            error: scenario.error.as_ref().map(|error| ErrorEntry {
                title: clean::line(&error.title, clean::SENTENCE),
                details: clean::last_lines(&error.details, DETAILS, DETAIL).1.join("\n"),
            }),
            findings: scenario.findings.iter().map(|finding| FindingEntry::of(finding, options)).collect(),
            budgets: scenario.budgets.iter().map(BudgetEntry::of).collect(),
            not_judged: sentences(&scenario.not_judged),
            skipped: scenario.skipped.as_ref().map(|reason| clean::line(reason, clean::SENTENCE)),
            figures: scenario.figures.iter().map(FigureEntry::of).collect(),
            growth: scenario.growth.as_ref().map(GrowthEntry::of),
            notes: sentences(&scenario.notes),
            capture: match &scenario.capture {
                CapturePlace::Results => None,
                CapturePlace::Folder(folder) => Some(clean::line(folder, clean::SENTENCE)),
                CapturePlace::Unknown => Some(String::new()),
            },
        }
    }
}

impl PartitionEntry {
    fn of(partition: &Partition) -> PartitionEntry {
        PartitionEntry { index: partition.index, of: partition.of, scenarios: partition.scenarios }
    }
}

impl BudgetEntry {
    fn of(judged: &JudgedBudget) -> BudgetEntry {
        BudgetEntry { figure: FigureEntry::of(&judged.figure), warn: judged.warn, state: judged.state }
    }
}

impl GrowthEntry {
    fn of(growth: &GrowthReport) -> GrowthEntry {
        GrowthEntry {
            verdict: growth.outcome,
            warmup: growth.warmup,
            iterations: growth.iterations,
            floors: growth.floors.clone(),
            startup: growth.steps.startup,
            once: growth.steps.once.iter().map(StepEntry::of).collect(),
        }
    }
}

impl StepEntry {
    fn of(step: &Step) -> StepEntry {
        let place = step.place.as_ref().map(PlaceEntry::of);
        StepEntry { iteration: step.iteration, bytes: step.bytes, place }
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
            Standing::New => entry(StandingWord::New, None, None),
            Standing::Accepted => entry(StandingWord::Accepted, None, None),
            Standing::Allowed { reason, expires } => {
                entry(StandingWord::Allowed, Some(reason), expires.as_ref())
            }
            Standing::Known { package, reference } => {
                entry(StandingWord::Known, Some(package), Some(reference))
            }
        }
    }
}

impl RateEntry {
    fn of(rate: &Rate) -> RateEntry {
        RateEntry { total: rate.total, iterations: rate.iterations, unit: rate.unit }
    }
}

impl CountedEntry {
    fn of(counted: &Counted) -> CountedEntry {
        CountedEntry { unit: counted.unit, values: counted.values.clone() }
    }
}

impl AcceptedEntry {
    fn of(level: Level) -> AcceptedEntry {
        let (rate, figure) = match level {
            Level::Rate(rate) => (Some(RateEntry::of(&rate)), None),
            Level::Figure(figure) => (None, Some(AmountEntry { unit: figure.unit, value: figure.value })),
            Level::Present => (None, None),
        };
        AcceptedEntry { rate, figure }
    }
}

impl FindingEntry {
    fn of(finding: &Finding, options: &Options) -> FindingEntry {
        FindingEntry {
            rule: clean::line(&finding.rule, clean::NAME),
            severity: finding.severity,
            title: clean::line(&finding.title, clean::SENTENCE),
            fingerprint: Fingerprint {
                scheme: SCHEME,
                value: clean::line(&finding.fingerprint, clean::NAME),
            },
            standing: StandingEntry::of(&finding.standing),
            accepted: finding.accepted.map(AcceptedEntry::of),
            rate: finding.rate.as_ref().map(RateEntry::of),
            place: finding.place.as_ref().map(PlaceEntry::of),
            source: finding.place.as_ref().and_then(|place| SourceEntry::of(place, options)),
            figure: finding.figure.as_ref().map(FigureEntry::of),
            holders: finding.holders.iter().map(HolderEntry::of).collect(),
            more_holders: finding.more_holders,
            evidence: sentences(&finding.evidence),
            series: finding.series.clone(),
            series_again: finding.series_again.clone(),
            counted: finding.counted.as_ref().map(CountedEntry::of),
            bill: finding.bill.as_ref().map(BillEntry::of),
            parts: finding.parts.iter().map(PartEntry::of).collect(),
            owners: finding.owners.iter().map(OwnerEntry::of).collect(),
            help: clean::line(&finding.help, clean::ADVICE),
        }
    }
}

impl PartEntry {
    fn of(part: &Part) -> PartEntry {
        PartEntry {
            kind: part.kind.word().to_owned(),
            identity: clean::line(&part.identity, clean::NAME),
            rate: RateEntry::of(&part.rate),
            leaks: part.is_certain,
            type_name: clean::line(&part.type_name, clean::FRAME),
            place: part.place.as_ref().map(PlaceEntry::of),
        }
    }
}

impl OwnerEntry {
    fn of(owner: &Owner) -> OwnerEntry {
        OwnerEntry {
            pattern: owner.pattern.as_ref().map(|rule| clean::line(rule, clean::NAME)),
            sentence: clean::line(&owner.sentence, clean::SENTENCE),
            name: clean::line(&owner.name, clean::FRAME),
            type_name: clean::line(&owner.type_name, clean::FRAME),
            path: sentences(&owner.path),
            place: owner.place.as_ref().map(PlaceEntry::of),
            facts: sentences(&owner.facts),
            help: clean::line(&owner.help, clean::ADVICE),
        }
    }
}

impl BillEntry {
    fn of(bill: &Bill) -> BillEntry {
        let line = |line: &BillLine| BillLineEntry {
            line: line.kind,
            name: (!line.name.is_empty()).then(|| clean::line(&line.name, clean::SENTENCE)),
            bytes: line.bytes,
        };
        BillEntry {
            at: bill.moment,
            sampled: bill.sampled.as_ref().map(|text| clean::line(text, clean::SENTENCE)),
            resident: bill.resident,
            counted: bill.counted,
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
            unit: figure.unit,
            measured: figure.measured,
            exact: figure.exact.as_ref().map(RateEntry::of),
            limit: figure.limit,
            baseline: figure.baseline,
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

fn milliseconds(elapsed: std::time::Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
