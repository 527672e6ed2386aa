//! A broken budget or rule, with its place and its evidence: the currency between gate and reports.

use crate::units::Bytes;

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
    /// Who held the memory, largest first.
    pub holders: Vec<Holder>,
    /// Measured figure and limit, in the budget's own unit.
    pub figure: Option<Figure>,
    /// The figure after each iteration (growth), for the sparkline and the reader's own check.
    pub series: Vec<u64>,
    /// How to go on, one or two sentences.
    pub help: String,
    /// Stable identity: rule, scenario and function names, no line numbers; 12 hexadecimal digits.
    pub fingerprint: String,
}

/// A line of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path as the interpreter has it, relative to the working directory where it is below it.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
    /// Function.
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
    /// The limit, inclusive.
    pub limit: i64,
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
