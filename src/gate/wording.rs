//! What the gate says to people: the sentence of a finding, how to go on, and why a figure has no value.

use crate::config::{BudgetKey, Checkpoints};
use crate::finding::Unit;
use crate::gate::budgets::MostIncrease;
use crate::gate::growth::Growth;
use crate::gate::measurement::Measurement;
use crate::units::{Bytes, grouped};

/// Which threshold a figure went over, and where that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// `max`.
    Max(u64),
    /// `warn`.
    Warn(u64),
    /// `increase` over the baseline.
    Increase(MostIncrease),
}

impl Threshold {
    /// The most that would not have gone over it.
    pub fn value(self) -> i64 {
        match self {
            Threshold::Max(value) | Threshold::Warn(value) => i64::try_from(value).unwrap_or(i64::MAX),
            Threshold::Increase(increase) => increase.most,
        }
    }
}

/// `, +3 more`.
pub fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", +{} more", grouped(count as u64)) }
}

/// The sentence of the finding of a budget of all processes.
pub fn title_of_tree(key: BudgetKey, measured: i64, over: Threshold, processes: usize) -> String {
    let shown = key.unit().show(measured);
    let all = match processes {
        1 => "the one process there is".to_owned(),
        count => format!("all {} processes together", grouped(count as u64)),
    };
    let subject = match key {
        BudgetKey::Retained => format!("{shown} is retained by {all}:"),
        BudgetKey::Rss => format!("resident memory of {shown} of {all} is"),
        _ => format!("peak {shown} of {all} is"),
    };
    format!("{subject} {}", over_by(key, measured, over))
}

/// The sentence of a budget's finding.
pub fn title(key: BudgetKey, measured: i64, over: Threshold, measurement: &Measurement) -> String {
    let shown = key.unit().show(measured);
    let subject = match key {
        BudgetKey::Peak => format!("peak {shown} is"),
        BudgetKey::PeakAdded => format!("an iteration adds {shown} at its peak:"),
        BudgetKey::Retained => format!("{shown} is retained after the work:"),
        BudgetKey::Left => format!("{shown} is left after the result was dropped:"),
        BudgetKey::Rss => format!("resident memory of {shown} is"),
        BudgetKey::Blocks if measurement.start.is_some() => {
            format!("the judged iterations added {}:", counted(measured, "block"))
        }
        BudgetKey::Blocks => format!("{} {} live at the end:", counted(measured, "block"), verb(measured)),
        BudgetKey::Fds => format!("{} left open:", counted(measured, "file descriptor")),
        BudgetKey::Threads => format!("{} left running:", counted(measured, "thread")),
        BudgetKey::Growth => "growth is".to_owned(),
    };
    format!("{subject} {}", over_by(key, measured, over))
}

/// `over its budget of 80.0 MiB by 16.2 MiB`.
fn over_by(key: BudgetKey, measured: i64, over: Threshold) -> String {
    let excess = key.unit().show(measured.saturating_sub(over.value()));
    let limit = key.unit().show(over.value());
    match over {
        Threshold::Max(0) => "its budget allows none".to_owned(),
        Threshold::Max(_) => format!("over its budget of {limit} by {excess}"),
        Threshold::Warn(_) => format!("over its warning threshold of {limit} by {excess}"),
        Threshold::Increase(increase) => over_baseline(key.unit(), measured, increase),
    }
}

/// `16.2 MiB more than in the baseline (80.0 MiB; up to 84.0 MiB is allowed)`.
fn over_baseline(unit: Unit, measured: i64, increase: MostIncrease) -> String {
    let MostIncrease { baseline, most } = increase;
    let (more, most) = (unit.show(measured.saturating_sub(baseline)), unit.show(most));
    format!("{more} more than in the baseline ({}; up to {most} is allowed)", unit.show(baseline))
}

/// The sentence of a growth finding: whether every iteration keeps the same, or some do.
pub fn growth_title(growth: &Growth, measured: i64, over: Threshold) -> String {
    let rate = growth.rate_in_words();
    let subject = if growth.is_even() {
        format!("every iteration keeps {rate} more")
    } else {
        format!("an iteration keeps {rate} more on average")
    };
    match over {
        Threshold::Max(0) => format!("{subject}: its budget allows none"),
        Threshold::Max(limit) => format!("{subject}, over its budget of {}", Bytes(limit)),
        Threshold::Warn(limit) => format!("{subject}, over its warning threshold of {}", Bytes(limit)),
        Threshold::Increase(increase) => {
            format!("{subject}: {}", over_baseline(Unit::BytesPerIteration, measured, increase))
        }
    }
}

/// `3 threads`, `1 thread`.
pub fn counted(count: i64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", Unit::Count.show(count))
}

fn verb(count: i64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// How to go on, as a senior colleague would put it.
pub fn help(key: BudgetKey) -> &'static str {
    match key {
        BudgetKey::Peak => {
            "do not hold it all at once: read and write in pieces, use generators instead of lists, and drop what is \
             no longer needed before the next big step. If this size is intended, raise `peak` in the same change"
        }
        BudgetKey::PeakAdded => {
            "one call needs this much on top of what was there: work on pieces instead of whole copies, and drop \
             intermediate results with `del` before the next step"
        }
        BudgetKey::Retained => {
            "see what is still referred to when the work is done: caches, module globals, a result that holds more \
             than its caller needs. If it has to stay, raise `retained` in the same change"
        }
        BudgetKey::Left => {
            "the result is gone and this stayed: something else still refers to it, usually a cache, a registry or a \
             callback. Clear it, or bound it"
        }
        BudgetKey::Rss => {
            "the tracked memory is only a part of it: compare with `peak`. If that is much smaller, look at file \
             mappings, loaded libraries, and heap that was freed but not returned"
        }
        BudgetKey::Blocks => {
            "blocks count what is small and many: look for objects that are made per item and never dropped, and for \
             lists or dictionaries that only ever grow"
        }
        BudgetKey::Fds => {
            "close what was opened: use `with` for files, sockets, connections and sessions, and wait for \
             subprocesses so that their pipes are closed"
        }
        BudgetKey::Threads => {
            "tell the threads to stop and join them before returning: use `with` for an executor, and an event or a \
             sentinel that ends a worker's loop"
        }
        BudgetKey::Growth => {
            "find what keeps a reference after the work is done: drop the entry when it is no longer needed, or bound \
             the container with `deque(maxlen=…)` or `lru_cache(maxsize=…)`"
        }
    }
}

/// How to go on where child processes are left.
pub const CHILDREN_HELP: &str = "wait for each process that is started: `with subprocess.Popen(...)`, `process.wait()`, or `os.waitpid` \
     after `os.fork` and `os.posix_spawn`; end those that are to live no longer than the work";

/// How to go on where a command has too few iterations.
pub fn too_few(each: Checkpoints) -> &'static str {
    match each {
        Checkpoints::Program => "let the command do more pieces of work, each with a call of `checkpoint()`",
        _ => "let the command run longer, or say less than that after `every`",
    }
}

/// How to go on where it could not be told whether something leaks.
pub fn undecided(work: Undecided) -> &'static str {
    match work {
        Undecided::Call => {
            "give it more calls: raise `time` or `max_iterations`, or `iterations` where that is a number; or make an \
             iteration do less"
        }
        Undecided::Command => "let the command run longer",
    }
}

/// What is said where figures may contain what only waits for the collector.
pub const GARBAGE_KEPT: &str =
    "garbage could not be collected meanwhile: what waits for the collector counts as held";

/// What is said where that may be all that grows.
pub const GARBAGE_SELDOM: &str = "garbage could be collected only now and then, as the main thread mostly waits: what grew \
     may be waiting for the collector";

/// Why a series does not tell.
pub const OPEN: &str = "it grew in some windows and not in others: more iterations would be needed to tell a leak from \
     growth that stops";

/// Why growth that slows down does not tell.
pub const SLOWING: &str = "what grows less and less may be a cache that fills, or things that come more and more seldom: only \
     more iterations can tell";

/// The same, where an iteration is a time.
pub const SLOWING_IN_TIME: &str = "what grows less and less may be a cache that fills, things that come more and more seldom, or \
     work whose steps take longer and longer, as `text += line` does: more iterations can tell, or iterations of the program's \
     own (`checkpoints: program`)";

/// Why growth does not tell that is said to stop.
pub const SAID_TO_STOP: &str =
    "it is no leak if it stops there: only more iterations can tell, or a smaller bound while it is checked";

/// What it is that is undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// A function.
    Call,
    /// A command.
    Command,
}

/// Why a broken budget of memory has no bill.
pub const NO_BILL: &str = "what was resident is not known: the process was never looked at, because it was too short, \
     ended without its interpreter's end, or still runs";

/// How to go on when a memory limit ended a scenario.
pub const MEMORY_LIMIT_HELP: &str = "the scenario was ended before the machine had to do it. If it needs this much, \
     raise `memory_limit`; if not, start with whoever holds most";

/// Why a figure has no value, for the error's details.
pub fn not_measured(key: BudgetKey) -> &'static str {
    match key {
        BudgetKey::PeakAdded | BudgetKey::Growth => {
            "needs judged iterations: those of `call`, or of `run` with `checkpoints`, and too few were seen"
        }
        BudgetKey::Left => "needs a result that is dropped; only `call` scenarios have one",
        BudgetKey::Fds => "the open file descriptors of the process could not be seen",
        BudgetKey::Threads => "the threads of the process could not be seen",
        BudgetKey::Peak | BudgetKey::Retained | BudgetKey::Rss | BudgetKey::Blocks => {
            "the tracker gave no figure"
        }
    }
}

/// What resident memory is made of besides what was tracked.
pub fn beside_tracked(rss: u64, peak: u64) -> String {
    match rss.checked_sub(peak) {
        Some(rest) => format!(
            "tracked memory had its peak at {}; up to {} more is resident: code, thread stacks, file mappings, freed \
             heap that was not returned",
            Bytes(peak),
            Bytes(rest)
        ),
        None => format!("{} was allocated at the peak, of which not all was ever touched", Bytes(peak)),
    }
}

/// The threads that still hold memory, largest first.
pub fn threads_in_words(threads: &[(String, u64)]) -> Option<String> {
    const LISTED: usize = 5;
    let listed: Vec<String> =
        threads.iter().take(LISTED).map(|(name, bytes)| format!("{name} ({})", Bytes(*bytes))).collect();
    let more = more(threads.len().saturating_sub(LISTED));
    (!listed.is_empty())
        .then(|| format!("memory allocated by other threads is still live: {}{more}", listed.join(", ")))
}
