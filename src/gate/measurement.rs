//! What a scenario's run gave to judge: the input of the gate.

use crate::config::{Checkpoints, Repeats};
use crate::profile::Profile;
use crate::profile::tree::Together;

/// The measured figures of one scenario, with the profile that explains them.
#[derive(Debug, Clone, Default)]
pub struct Measurement {
    /// The process that is judged.
    pub profile: Profile,
    /// Figures after each judged iteration (`call` scenarios), warm-up left out, in order.
    pub iterations: Vec<IterationFigures>,
    /// Figures at the end of warm-up, which judged iterations are compared with; `None` for `run` scenarios.
    pub start: Option<IterationFigures>,
    /// Most live bytes at any moment since the process's start.
    pub peak: u64,
    /// Most live bytes above the start of the iteration, over all judged iterations; `None` for `run` scenarios.
    pub peak_added: Option<u64>,
    /// Live bytes after the work and a collection.
    pub retained: u64,
    /// Live bytes after the result was dropped, above those at the end of warm-up; `None` for `run` scenarios.
    pub left: Option<i64>,
    /// Largest resident set, the tracker's own memory subtracted.
    pub rss: u64,
    /// File descriptors open at the end that were not open at the start; `None` where it could not be seen.
    pub fds: Option<i64>,
    /// Threads alive at the end that were not alive at the start; `None` where it could not be seen.
    pub threads: Option<i64>,
    /// Live blocks: at the end for `run`; added over the judged iterations for `call`.
    pub blocks: i64,
    /// The other recorded programs, of the same process or others: their memory is judged by itself.
    pub others: Vec<Measurement>,
    /// What all processes have together.
    pub tree: Together,
    /// Largest sum of the resident sets of all processes.
    pub tree_rss: u64,
    /// The fewest iterations, warm-up included, that growth is judged by, and what one of them is; `None` for `call` and
    /// where there are none.
    pub needs: Option<Needs>,
    /// How often the function was to be called; `None` for a command.
    pub repeats: Option<Repeats>,
    /// Set when the scenario was ended because it reached this `memory_limit` (bytes).
    pub memory_limit_reached: Option<u64>,
}

/// What a command needs for a verdict on its growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The fewest iterations, warm-up included.
    pub iterations: u32,
    /// How many there were.
    pub seen: u32,
    /// How often the process was frozen or looked at in those that are judged.
    pub looks: usize,
    /// What became of garbage meanwhile.
    pub garbage: Garbage,
    /// What one of them is.
    pub each: Checkpoints,
}

/// What became of garbage that only the collector frees, before figures were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbage {
    /// It was collected, unless the program has switched its collector off; and the process froze its figures itself.
    Frozen,
    /// It was collected, likewise; the figures are the lowest that were seen until it was again.
    Collected,
    /// It was, and not often enough to judge by that: the program's main thread mostly waits.
    Seldom,
    /// It was, as seldom; but what grew was there each time after it.
    Refuted,
    /// Nothing was done about it: the program is not Python, or its main thread ran none.
    Kept,
}

/// The state after one iteration and a garbage collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IterationFigures {
    /// Number of the iteration, from 1, warm-up included.
    pub iteration: u32,
    /// Index of its checkpoint in the profile.
    pub checkpoint: usize,
    /// Live bytes.
    pub live_bytes: u64,
    /// Live blocks.
    pub live_blocks: u64,
    /// Most live bytes above the iteration's start.
    pub peak_added: u64,
}
