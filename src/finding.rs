//! A broken budget or rule, with its place and its evidence: the currency between gate and reports.

mod part;

use std::cmp::Reverse;

use crate::baseline::Level;
use crate::config::FailOn;
use crate::gate::budgets;
use crate::profile::{Bill, Frame};
use crate::units::{Bytes, grouped};

pub use part::{Part, PartKind};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Shown; does not fail the gate.
    Warning,
    /// Fails the gate.
    Error,
}

/// One broken budget or rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which rule: `budget-peak`, `budget-growth`, `memory-limit` …
    pub rule: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The sentence a person reads first, without a full stop: `peak 96.2 MiB is over its budget of 80.0 MiB by 16.2 MiB`.
    pub title: String,
    /// The scenario's name.
    pub scenario: String,
    /// The line that holds most of the memory, where one is known.
    pub place: Option<Place>,
    /// Who held the memory, largest first; at most five.
    pub holders: Vec<Holder>,
    /// How many more held a part of it and are not listed.
    pub more_holders: u64,
    /// What backs the finding, in sentences without a full stop: the rate, its projection, what one iteration leaves.
    pub evidence: Vec<String>,
    /// Measured figure and limit, in the budget's own unit.
    pub figure: Option<Figure>,
    /// Live bytes at the start and after each judged iteration (growth), for the sparkline and the reader's own check.
    pub series: Vec<u64>,
    /// The series of a second process, where it shows something else.
    pub series_again: Vec<u64>,
    /// What grows where bytes do not tell it: entries, descriptors, threads.
    pub counted: Option<Counted>,
    /// What was resident at the moment of the figure, for budgets of memory.
    pub bill: Option<Bill>,
    /// How to go on, one or two sentences.
    pub help: String,
    /// Where the containers that grow were made: a stack each, innermost first; empty where that is not known.
    pub containers: Vec<Vec<Frame>>,
    /// What a leak of memory is made of: empty where that is not known.
    pub parts: Vec<Part>,
    /// Who keeps what grows, by the heap of a second process: the largest first. Empty where that is not known.
    pub owners: Vec<Owner>,
    /// How it stands to what is known already.
    pub standing: Standing,
    /// How bad the baseline says it may be; also where it is worse.
    pub accepted: Option<Level>,
    /// What an iteration adds, for findings of growth.
    pub rate: Option<Rate>,
    /// What it adds to the container that gains most, where `rate` counts something else.
    pub entries: Option<Rate>,
    /// Stable identity: rule, scenario and function names, no line numbers; 12 hexadecimal digits.
    pub fingerprint: String,
}

impl Finding {
    /// The name of the leak: the pattern that it was found to be, else the rule; of a budget the rule.
    pub fn pattern(&self) -> &str {
        let pattern = self.owners.first().and_then(|owner| owner.pattern.as_deref());
        pattern.filter(|_| budgets::key_of(&self.rule).is_none()).unwrap_or(&self.rule)
    }

    /// Whether it is about a limit that somebody set, or an increase.
    pub fn is_budget(&self) -> bool {
        [budgets::BUDGET, budgets::INCREASE].iter().any(|kind| self.rule.starts_with(kind))
    }

    /// The place of a finding in a report: what is new first, what is lived with last, errors before warnings.
    pub fn rank(&self) -> (bool, bool, Reverse<Severity>) {
        let is_accepted = self.standing == Standing::Accepted;
        (self.standing.is_covered(), is_accepted, Reverse(self.severity))
    }

    /// Whether it fails the gate. Nothing else decides it.
    pub fn fails(&self, fail_on: FailOn) -> bool {
        let counts = match self.standing {
            Standing::New => fail_on != FailOn::Never,
            Standing::Accepted => fail_on == FailOn::Any,
            Standing::Allowed { .. } | Standing::Known { .. } => false,
        };
        counts && self.severity == Severity::Error
    }
}

/// Who keeps what grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The rule that names the leak: `growing-global`; `None` where no rule does.
    pub pattern: Option<String>,
    /// The sentence that says who keeps what, without a full stop.
    pub sentence: String,
    /// Its name: `shop.quotes._SEEN`.
    pub name: String,
    /// Its type: `list`, `functools._lru_cache_wrapper`.
    pub type_name: String,
    /// How one gets to what grows, from what lives as long as the program: `module shop.quotes`, `_SEEN (list, 90 entries)`,
    /// `list of 1,000`.
    pub path: Vec<String>,
    /// The line that fills it, where one is known.
    pub place: Option<Place>,
    /// What else is known of what it keeps, in sentences: where connections lead, what threads do, keys of a cache.
    pub facts: Vec<String>,
    /// How to mend it, by the rule that names it; may be empty.
    pub help: String,
}

/// How a finding stands to what is known already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nobody has accepted it.
    #[default]
    New,
    /// It is in the baseline, and not worse than there.
    Accepted,
    /// An entry of `allow` covers it.
    Allowed {
        /// Why, in the words of the entry.
        reason: String,
        /// The last day of the entry, `2027-03-31`.
        expires: Option<String>,
    },
    /// A leak of a third-party package that is known, and not the project's to mend.
    Known {
        /// The package and its version: `sentry-sdk 1.40.0`.
        package: String,
        /// Where it is described.
        reference: String,
    },
}

impl Standing {
    /// Whether it is nobody's to mend now: allowed, or known of a third-party package.
    pub fn is_covered(&self) -> bool {
        matches!(self, Standing::Allowed { .. } | Standing::Known { .. })
    }
}

/// What an iteration adds, as an exact fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// What all judged iterations added.
    pub total: i64,
    /// How many there were; not 0.
    pub iterations: u64,
    /// What is counted.
    pub unit: RateUnit,
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateUnit {
    /// Bytes.
    Bytes,
    /// Blocks.
    Blocks,
    /// Entries of a container.
    Entries,
    /// File descriptors.
    Descriptors,
    /// Threads.
    Threads,
    /// Child processes.
    Children,
}

/// A series of something that is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// What is counted.
    pub unit: RateUnit,
    /// How many there were at the start and after each judged iteration.
    pub values: Vec<u64>,
}

impl RateUnit {
    /// All of them.
    pub const ALL: [RateUnit; 6] = [
        RateUnit::Bytes,
        RateUnit::Blocks,
        RateUnit::Entries,
        RateUnit::Descriptors,
        RateUnit::Threads,
        RateUnit::Children,
    ];

    /// Its word in reports.
    pub fn word(self) -> &'static str {
        if self == RateUnit::Bytes { "bytes" } else { self.many() }
    }

    /// What stands after the number one.
    pub fn one(self) -> &'static str {
        match self {
            RateUnit::Bytes => "B",
            RateUnit::Blocks => "block",
            RateUnit::Entries => "entry",
            RateUnit::Descriptors => "descriptor",
            RateUnit::Threads => "thread",
            RateUnit::Children => "child",
        }
    }

    /// What stands after other numbers.
    pub fn many(self) -> &'static str {
        match self {
            RateUnit::Bytes => "B",
            RateUnit::Blocks => "blocks",
            RateUnit::Entries => "entries",
            RateUnit::Descriptors => "descriptors",
            RateUnit::Threads => "threads",
            RateUnit::Children => "children",
        }
    }
}

/// A line of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path as the interpreter has it, relative to the working directory where it is below it.
    pub file: String,
    /// Line number, from 1; 0 where only the library is known (`file` is its name then).
    pub line: u32,
    /// Function, or the library's symbol; may be empty.
    pub function: String,
}

/// A site's share of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    /// Bytes held.
    pub bytes: Bytes,
    /// Blocks held.
    pub blocks: u64,
    /// The allocating stack, innermost first, at most 8 frames: places with words for frames without a line.
    pub stack: Vec<String>,
    /// How many frames of the stack are not listed.
    pub more_frames: u64,
    /// The whole stack, innermost first, as it was recorded: what allowances are matched with.
    pub frames: Vec<Frame>,
    /// The line that a reader should look at first.
    pub place: Option<Place>,
    /// Kind of memory: `Python objects`, `native heap` …
    pub domain: String,
}

/// A measured figure with the limit it is judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The budget's key: `peak`, `retained`, `fds` …
    pub name: String,
    /// What was measured; bytes or a count.
    pub measured: i64,
    /// What an iteration adds, exactly: `measured` is that, rounded up. `None` for what is no rate.
    pub exact: Option<Rate>,
    /// The limit, inclusive; `None` for a figure that has none (only a warning, or no budget).
    pub limit: Option<i64>,
    /// The figure in the baseline, where that has it.
    pub baseline: Option<i64>,
    /// Whether `measured` is in bytes (else a count).
    pub unit: Unit,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes per iteration.
    BytesPerIteration,
    /// Blocks, descriptors, threads.
    Count,
}

impl Unit {
    /// The quantity as people read it: `96.2 MiB`, `-512 B`, `1,024`.
    pub fn show(self, quantity: i64) -> String {
        let sign = if quantity < 0 { "-" } else { "" };
        let amount = quantity.unsigned_abs();
        match self {
            Unit::Bytes | Unit::BytesPerIteration => format!("{sign}{}", Bytes(amount)),
            Unit::Count => format!("{sign}{}", grouped(amount)),
        }
    }
}

impl std::fmt::Display for Place {
    /// `shop/quotes.py:14 in remember`, or `in libfoo.so (make_rows)` where no line is known.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.function.as_str()) {
            (0, "") => write!(f, "in {}", self.file),
            (0, symbol) => write!(f, "in {} ({symbol})", self.file),
            (line, "") => write!(f, "{}:{line}", self.file),
            (line, function) => write!(f, "{}:{line} in {function}", self.file),
        }
    }
}
