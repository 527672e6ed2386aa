//! The document: structs of its own, which are written and read.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::source::SourceEntry;
use crate::config::FailOn;
use crate::finding::{RateUnit, Severity, Unit};
use crate::gate::verdict::Outcome as Growth;
use crate::outcome::{BudgetState, Compared, Verdict};
use crate::profile::{BillMoment, LineKind};

/// The document.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// Version of this format.
    pub(super) version: u32,
    /// Version of leakgate.
    pub(super) leakgate: String,
    /// The configuration file, as the user named it.
    pub(super) config: String,
    /// Its path from the top of the repository, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) config_path: Option<String>,
    /// What tells one text of that file from another: 16 hexadecimal digits.
    pub(super) config_digest: String,
    /// Which part of the scenarios this is; `null` where all that were asked for were run.
    pub(super) partition: Option<PartitionEntry>,
    /// How many scenarios of the configuration were not asked for: `check` was given the names of others. Left out where
    /// all were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) left_out: usize,
    /// The Python that the scenarios use.
    pub(super) python: String,
    /// The packages that are installed for it, with their versions; the interpreter is one of them.
    pub(super) packages: BTreeMap<String, String>,
    /// The options that `check` was called with, which another one needs for the same result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) arguments: Vec<String>,
    /// Which findings fail the gate: `new`, `any` or `never`.
    #[serde(with = "FailOnWord")]
    pub(super) fail_on: FailOn,
    /// The file that results were compared with; `null` where there is none.
    pub(super) baseline: Option<BaselineEntry>,
    /// Milliseconds since the Unix epoch at which the check began.
    pub(super) started_ms: u64,
    /// Wall time of everything.
    pub(super) elapsed_ms: u64,
    /// Where captures and reports are.
    pub(super) results_dir: String,
    /// As of a scenario, the worst of all; `error` where any scenario could not be measured, or none was run.
    #[serde(with = "VerdictWord")]
    pub(super) verdict: Verdict,
    /// How many scenarios had which verdict.
    pub(super) counts: Counts,
    /// What is worth knowing about the check as a whole, such as allowances that match nothing any more.
    pub(super) notes: Vec<String>,
    /// One entry a scenario, in the order of the configuration.
    pub(super) scenarios: Vec<Scenario>,
}

/// The file that results were compared with.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BaselineEntry {
    /// The file, as the user would type it.
    pub(super) path: String,
    /// What is wrong with it, each with its line.
    pub(super) problems: Vec<String>,
}

/// A part of the scenarios, of those that `check --partition` makes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartitionEntry {
    /// Which, from 1.
    pub(super) index: u32,
    /// How many there are.
    pub(super) of: u32,
    /// How many scenarios all of them have together.
    pub(super) scenarios: usize,
}

/// How many scenarios had which verdict.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Passed, those with warnings included.
    pub(super) passed: usize,
    /// Passed with at least one warning.
    pub(super) warned: usize,
    /// Said themselves that they are not to be run here.
    #[serde(default)]
    pub(super) skipped: usize,
    /// Could not be decided.
    pub(super) undecided: usize,
    /// Failed in one process and not in a second one.
    pub(super) unstable: usize,
    /// Broke a budget or a rule.
    pub(super) failed: usize,
    /// Could not be run or measured.
    pub(super) errors: usize,
}

/// One scenario.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Scenario {
    /// Name in the configuration.
    pub(super) name: String,
    /// Line in the configuration, from 1.
    pub(super) config_line: u32,
    /// What was run, for people.
    pub(super) what: String,
    /// Where it was measured, `cpython-3.11-x86_64-glibc`; `null` where it was not.
    pub(super) environment: Option<String>,
    /// `no-baseline`, `missing`, `other-environment`, `unreadable` or `compared`.
    #[serde(with = "ComparedWord")]
    pub(super) baseline: Compared,
    /// `pass`, `undecided`, `unstable`, `fail` or `error`.
    #[serde(with = "VerdictWord")]
    pub(super) verdict: Verdict,
    /// Wall time.
    pub(super) elapsed_ms: u64,
    /// Why it was not to be run here, in its own words; left out unless the verdict is `skipped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) skipped: Option<String>,
    /// Why it could not be run or measured; `null` unless the verdict is `error`.
    pub(super) error: Option<ErrorEntry>,
    /// What is wrong, errors before warnings.
    pub(super) findings: Vec<FindingEntry>,
    /// The budgets that were judged, in the order of the configuration.
    pub(super) budgets: Vec<BudgetEntry>,
    /// Keys of budgets that could not be judged.
    pub(super) not_judged: Vec<String>,
    /// Figures that have no budget.
    pub(super) figures: Vec<FigureEntry>,
    /// Whether memory grows with every iteration; `null` where there were too few.
    pub(super) growth: Option<GrowthEntry>,
    /// What else is worth knowing about the measurement.
    pub(super) notes: Vec<String>,
    /// The folder of its capture, where that is not below `results_dir`; empty where the result came without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) capture: Option<String>,
}

/// The verdict on growth.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GrowthEntry {
    /// `no-leak`, `undecided` or `leak`.
    #[serde(with = "GrowthWord")]
    pub(super) verdict: Growth,
    /// Iterations that were not judged.
    pub(super) warmup: u64,
    /// Iterations that were judged.
    pub(super) iterations: u64,
    /// Lowest live bytes in each window of them, in order.
    pub(super) floors: Vec<u64>,
    /// What the first iteration left for good, in bytes.
    #[serde(default)]
    pub(super) startup: u64,
    /// What single later iterations left for good, the largest of them.
    #[serde(default)]
    pub(super) once: Vec<StepEntry>,
}

/// One-time growth.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StepEntry {
    /// The iteration that left it.
    pub(super) iteration: u32,
    /// How much, in bytes.
    pub(super) bytes: u64,
    /// The line that holds most of it.
    pub(super) place: Option<PlaceEntry>,
}

/// How a finding stands to what is known already.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StandingEntry {
    /// `new`, `accepted`, `allowed` or `known`.
    pub(super) is: StandingWord,
    /// The reason of an allowance; the package of a known leak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) because: Option<String>,
    /// The last day of an allowance; where a known leak is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) see: Option<String>,
}

/// What an iteration adds: an exact fraction.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RateEntry {
    /// What all judged iterations added.
    pub(super) total: i64,
    /// How many there were.
    pub(super) iterations: u64,
    /// `bytes`, `blocks`, `entries`, `descriptors`, `threads` or `children`.
    #[serde(with = "RateUnitWord")]
    pub(super) unit: RateUnit,
}

/// A series of something that is counted.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CountedEntry {
    /// `blocks`, `entries`, `descriptors`, `threads` or `children`.
    #[serde(with = "RateUnitWord")]
    pub(super) unit: RateUnit,
    /// How many there were at the start and after each judged iteration.
    pub(super) values: Vec<u64>,
}

/// How bad the baseline says a finding may be; both are `null` where nothing is measured of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AcceptedEntry {
    /// What an iteration may add.
    pub(super) rate: Option<RateEntry>,
    /// What may be measured.
    pub(super) figure: Option<AmountEntry>,
}

/// A figure of the baseline.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AmountEntry {
    /// `bytes`, `bytes-per-iteration` or `count`.
    #[serde(with = "UnitWord")]
    pub(super) unit: Unit,
    /// The figure.
    pub(super) value: i64,
}

/// Why a scenario has no verdict.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ErrorEntry {
    /// One sentence.
    pub(super) title: String,
    /// A traceback or the end of the output, bounded at its beginning; may be empty.
    pub(super) details: String,
}

/// One broken budget or rule.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FindingEntry {
    /// Which rule: `budget-peak`, `memory-limit` …
    pub(super) rule: String,
    /// `error` fails the gate, `warning` does not.
    #[serde(with = "SeverityWord")]
    pub(super) severity: Severity,
    /// The sentence that people read first.
    pub(super) title: String,
    /// The identity of the finding, the same while lines move.
    pub(super) fingerprint: Fingerprint,
    /// Whether it is new.
    pub(super) standing: StandingEntry,
    /// How bad the baseline says it may be; `null` where it does not have it.
    pub(super) accepted: Option<AcceptedEntry>,
    /// What an iteration adds; `null` unless it is about growth.
    pub(super) rate: Option<RateEntry>,
    /// The line to look at first; `null` where none is known.
    pub(super) place: Option<PlaceEntry>,
    /// The lines up to that place; `null` where they cannot be shown.
    #[serde(default)]
    pub(super) source: Option<SourceEntry>,
    /// The figure and its limit; `null` for rules that have none.
    pub(super) figure: Option<FigureEntry>,
    /// Who held the memory, largest first.
    pub(super) holders: Vec<HolderEntry>,
    /// How many more there are.
    pub(super) more_holders: u64,
    /// What backs the finding, in sentences.
    pub(super) evidence: Vec<String>,
    /// Live bytes at the start and after each judged iteration; empty unless it is about growth.
    pub(super) series: Vec<u64>,
    /// The same of a second process, where it shows something else.
    pub(super) series_again: Vec<u64>,
    /// What grows where bytes do not tell it; left out where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counted: Option<CountedEntry>,
    /// What was resident at the moment of the figure, in lines that add up; `null` unless a budget of memory is broken
    /// and it is known.
    pub(super) bill: Option<BillEntry>,
    /// What a leak of memory is made of; left out where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<PartEntry>,
    /// Who keeps what grows, the largest first; empty where that is not known.
    #[serde(default)]
    pub(super) owners: Vec<OwnerEntry>,
    /// How to go on.
    pub(super) help: String,
}

/// A part of a leak.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartEntry {
    /// `site` or `container`.
    pub(super) kind: String,
    /// Its identity: of a site the fingerprint of a finding about it alone.
    pub(super) identity: String,
    /// What an iteration adds.
    pub(super) rate: RateEntry,
    /// Whether it leaks by itself; others went up, and may stop.
    pub(super) leaks: bool,
    /// The type of a container; left out for a site.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub(super) type_name: String,
    /// Where a site allocates, or a container was made.
    pub(super) place: Option<PlaceEntry>,
}

/// Who keeps what grows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OwnerEntry {
    /// The rule that names the leak; `null` where none does.
    pub(super) pattern: Option<String>,
    /// Who keeps what, in a sentence.
    pub(super) sentence: String,
    /// Its name.
    pub(super) name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub(super) type_name: String,
    /// How one gets to what grows.
    pub(super) path: Vec<String>,
    /// The line that fills it.
    pub(super) place: Option<PlaceEntry>,
    /// What else is known of what it keeps.
    #[serde(default)]
    pub(super) facts: Vec<String>,
    /// How to mend it.
    pub(super) help: String,
}

/// What was resident at one moment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BillEntry {
    /// The moment: `peak`, `largest`, `retained`, `left`, `end` or `last`.
    #[serde(serialize_with = "write_moment", deserialize_with = "read_moment")]
    pub(super) at: BillMoment,
    /// How far a sample is from its moment; `null` where the process itself stood still for it.
    pub(super) sampled: Option<String>,
    /// Resident bytes: the sum of the lines.
    pub(super) resident: u64,
    /// The kernel's own count at the same moment, which may lag behind by some pages.
    pub(super) counted: u64,
    /// The lines; none is empty.
    pub(super) lines: Vec<BillLineEntry>,
    /// Live bytes that are not resident; not in the sum.
    pub(super) not_resident: u64,
    /// What is less than exact.
    pub(super) notes: Vec<String>,
}

/// A line of a bill.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BillLineEntry {
    /// `python-objects`, `python-memory`, `native-heap`, `free-but-held`, `own-allocator`, `anonymous-mappings`, `file`,
    /// `stacks`, `tracker` or `not-attributed`.
    #[serde(serialize_with = "write_kind", deserialize_with = "read_kind")]
    pub(super) line: LineKind,
    /// Path of the library or the file; `null` for other lines.
    pub(super) name: Option<String>,
    /// Resident bytes.
    pub(super) bytes: u64,
}

/// The identity of a finding.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// How it is made; values of different schemes do not compare.
    pub(super) scheme: u32,
    /// Twelve hexadecimal digits.
    pub(super) value: String,
}

/// A line of the program.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlaceEntry {
    /// Path, relative to the working directory where it is below it; a library's name where `line` is `null`.
    pub(super) file: String,
    /// Line, from 1; `null` for native code.
    pub(super) line: Option<u32>,
    /// Function or symbol; may be empty.
    pub(super) function: String,
}

/// A measured figure.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FigureEntry {
    /// The budget's key.
    pub(super) name: String,
    /// `bytes`, `bytes-per-iteration` or `count`.
    #[serde(with = "UnitWord")]
    pub(super) unit: Unit,
    /// What was measured; bytes per iteration are rounded up.
    pub(super) measured: i64,
    /// What an iteration adds, exactly, where `measured` is rounded; left out for what is no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exact: Option<RateEntry>,
    /// The limit, inclusive; `null` where there is none.
    pub(super) limit: Option<i64>,
    /// The figure in the baseline; `null` where that does not have it.
    pub(super) baseline: Option<i64>,
}

/// A judged budget.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BudgetEntry {
    /// What was measured, and by what it is judged.
    #[serde(flatten)]
    pub(super) figure: FigureEntry,
    /// The threshold of a warning, inclusive; `null` where there is none.
    pub(super) warn: Option<i64>,
    /// `kept`, `warned` or `broken`.
    #[serde(with = "BudgetStateWord")]
    pub(super) state: BudgetState,
}

/// A share of a figure.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HolderEntry {
    /// Bytes held.
    pub(super) bytes: u64,
    /// Blocks held.
    pub(super) blocks: u64,
    /// Kind of memory.
    pub(super) domain: String,
    /// The line to look at; `null` where none is known.
    pub(super) place: Option<PlaceEntry>,
    /// The allocating stack, innermost first, in words.
    pub(super) stack: Vec<String>,
    /// How many frames of it are not listed.
    pub(super) more_frames: u64,
}

/// How a finding stands, as a word.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StandingWord {
    New,
    Accepted,
    Allowed,
    Known,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Verdict", rename_all = "kebab-case")]
enum VerdictWord {
    Pass,
    Skipped,
    Undecided,
    Unstable,
    Fail,
    Error,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FailOn", rename_all = "kebab-case")]
enum FailOnWord {
    New,
    Any,
    Never,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Compared", rename_all = "kebab-case")]
enum ComparedWord {
    NoBaseline,
    Missing,
    OtherEnvironment,
    Unreadable,
    Compared,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Growth", rename_all = "kebab-case")]
enum GrowthWord {
    NoLeak,
    Undecided,
    Leak,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RateUnit", rename_all = "kebab-case")]
enum RateUnitWord {
    Bytes,
    Blocks,
    Entries,
    Descriptors,
    Threads,
    Children,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Severity", rename_all = "kebab-case")]
enum SeverityWord {
    Warning,
    Error,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Unit", rename_all = "kebab-case")]
enum UnitWord {
    Bytes,
    BytesPerIteration,
    Count,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "BudgetState", rename_all = "kebab-case")]
enum BudgetStateWord {
    Kept,
    Warned,
    Broken,
}

fn write_moment<S: Serializer>(moment: &BillMoment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(moment.key())
}

fn read_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BillMoment, D::Error> {
    let word = String::deserialize(deserializer)?;
    let known = BillMoment::ALL.into_iter().find(|moment| moment.key() == word);
    known.ok_or_else(|| unknown(&word, &BillMoment::ALL.map(BillMoment::key)))
}

fn write_kind<S: Serializer>(kind: &LineKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.key())
}

fn read_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LineKind, D::Error> {
    let word = String::deserialize(deserializer)?;
    let known = LineKind::ALL.into_iter().find(|kind| kind.key() == word);
    known.ok_or_else(|| unknown(&word, &LineKind::ALL.map(LineKind::key)))
}

fn unknown<E: serde::de::Error>(word: &str, known: &[&str]) -> E {
    E::custom(format!("unknown word `{word}`; expected one of {}", known.join(", ")))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
