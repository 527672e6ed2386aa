//! The configuration as it is used: every value checked, every default filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::allow::Allowance;
use super::rules::Rules;
use crate::finding::Unit;
use crate::units::{Bytes, duration_text};

/// How long a scenario may take unless it says so.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// Iterations that are run and not judged before a fixed number of others, unless the scenario says so.
pub const DEFAULT_WARMUP: u32 = 5;
/// The most iterations of a scenario that goes on until it is decided, unless it says so.
pub const DEFAULT_MOST_ITERATIONS: u32 = 10_240;
/// The longest time for them, unless it says so.
pub const DEFAULT_TIME: Duration = Duration::from_secs(60);

/// The shortest time that can be an iteration: a running program is looked at so often.
pub(super) const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// The fewest bytes that can be one.
pub(super) const SMALLEST_TRAFFIC: u64 = 64 << 10;
/// The most runs that can be asked for.
pub(super) const MOST_PROCESSES: u32 = 1_000;

/// A whole `leakgate.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// What tells its text from another: 16 hexadecimal digits.
    pub digest: String,
    /// The folder of the file: relative paths in it start here.
    pub dir: PathBuf,
    /// Which Python runs the scenarios.
    pub python: PythonChoice,
    /// Which findings fail the gate.
    pub fail_on: FailOn,
    /// What is allowed, in the order of the file.
    pub allow: Vec<Allowance>,
    /// What it says of rules.
    pub rules: Rules,
    /// How many scenarios run at the same time; `None`: as the machine has cores for.
    pub jobs: Option<u32>,
    /// The scenarios, in the order of the file; never empty.
    pub scenarios: Vec<Scenario>,
}

/// Which findings fail the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailOn {
    /// Those that are not accepted in the baseline.
    #[default]
    New,
    /// Those too.
    Any,
    /// None.
    Never,
}

impl FailOn {
    /// All, in the order in which documentation lists them.
    pub const ALL: [FailOn; 3] = [FailOn::New, FailOn::Any, FailOn::Never];

    /// The word as it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            FailOn::New => "new",
            FailOn::Any => "any",
            FailOn::Never => "never",
        }
    }
}

/// Which Python runs the scenarios.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PythonChoice {
    /// Found from the environment and the project.
    Auto,
    /// This executable file; symbolic links not resolved, because a virtual environment is one.
    Path(PathBuf),
}

/// A declared piece of work and what it may cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Letters, digits, `-`, `_` and `.`: safe as the name of a folder.
    pub name: String,
    /// Line in the configuration, from 1; 0 for a scenario that no file declares.
    pub line: u32,
    /// What is done.
    pub work: Work,
    /// The folder to run in.
    pub cwd: PathBuf,
    /// Variables added to the environment, the defaults' included.
    pub env: BTreeMap<String, String>,
    /// When it is ended as hanging.
    pub timeout: Duration,
    /// How much memory it may use before it is ended.
    pub memory_limit: MemoryLimit,
    /// Whether the processes that it starts are recorded.
    pub follow: bool,
    /// Whether undecided and unstable fail, and a process that ran without the tracker is an error.
    pub strict: bool,
    /// Whether a failure is confirmed in a fresh process.
    pub confirm: bool,
    /// Where snapshots of the heap are taken, which explain a leak.
    pub snapshot: HeapSnapshot,
    /// Whether reports may show examples of what is kept, such as the keys of a cache.
    pub values: bool,
    /// Whether nothing else may run at the same time.
    pub exclusive: bool,
    /// What it is judged by: first its own, in the order of the file, then those of the defaults.
    pub budgets: Vec<Budget>,
}

/// Where snapshots of the heap are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeapSnapshot {
    /// In the process itself.
    InProcess,
    /// In a copy of it: a broken type of an extension ends the copy alone.
    Forked,
}

/// What a scenario does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// A command.
    Run {
        /// Program and arguments; never empty.
        argv: Vec<String>,
        /// Ended with SIGTERM after this time and judged as it stood.
        until: Option<Duration>,
        /// Exit codes that are no error; never empty.
        exit_codes: Vec<u8>,
        /// What an iteration of it is; `None`: it has none.
        checkpoints: Option<Checkpoints>,
    },
    /// A Python function, called once per iteration.
    Call {
        /// The function.
        target: CallTarget,
        /// Keyword arguments of every call.
        arguments: serde_json::Map<String, serde_json::Value>,
        /// Called once before the first iteration.
        setup: Option<CallTarget>,
        /// Called once after the last iteration.
        teardown: Option<CallTarget>,
        /// Called after every iteration.
        between: Option<CallTarget>,
        /// Whether the result lives while `retained` is measured.
        keep_result: bool,
        /// How often.
        repeats: Repeats,
    },
}

/// What an iteration of a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpoints {
    /// What lies between two calls of `leakgate_memory.checkpoint()`.
    Program,
    /// So much time; at least 10 ms.
    Time(Duration),
    /// So many bytes that are allocated, freed or not; at least 64 KiB.
    Traffic(u64),
    /// A run of the whole command, of so many; at least 2.
    Processes(u32),
}

impl Checkpoints {
    /// Whether a process goes through several of them.
    pub const fn are_in_a_process(self) -> bool {
        !matches!(self, Checkpoints::Processes(_))
    }
}

impl fmt::Display for Checkpoints {
    /// As it is typed, but for `processes`: `every 16.0 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Checkpoints::Program => f.write_str("program"),
            Checkpoints::Time(time) => write!(f, "every {}", duration_text(*time)),
            Checkpoints::Traffic(bytes) => write!(f, "every {}", Bytes(*bytes)),
            Checkpoints::Processes(number) => write!(f, "processes: {number}"),
        }
    }
}

/// How often a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// Until it is decided whether memory grows.
    Auto {
        /// The least number of iterations that are not judged.
        warmup: u32,
        /// The most iterations, warm-up included; at least 1.
        most: u32,
        /// The longest time for all of them.
        time: Duration,
    },
    /// As often as said.
    Fixed {
        /// Iterations that are run and not judged.
        warmup: u32,
        /// Iterations that are judged; at least 1.
        iterations: u32,
    },
}

impl Default for Repeats {
    fn default() -> Repeats {
        Repeats::Auto { warmup: 0, most: DEFAULT_MOST_ITERATIONS, time: DEFAULT_TIME }
    }
}

/// A Python function by name: `module:function`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallTarget {
    /// The module, with dots.
    pub module: String,
    /// The function, with dots where it is an attribute of a class or an object.
    pub function: String,
}

/// Why a text is not `module:function`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{typed}` is not a function to call; expected `module:function`, for example `shop.quotes:quote`")]
pub struct CallTargetError {
    /// What was typed, control characters removed, shortened.
    pub typed: String,
    /// What was probably meant.
    pub help: Option<String>,
}

/// How much memory a scenario may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// From what the machine or the container has.
    Auto,
    /// This many bytes.
    Bytes(u64),
}

/// A limit on a measured figure; inclusive. At least one of `max`, `warn` and `increase` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Which figure.
    pub key: BudgetKey,
    /// Above this the scenario fails.
    pub max: Option<u64>,
    /// Above this the report warns.
    pub warn: Option<u64>,
    /// How much more than in the baseline it may be.
    pub increase: Option<Increase>,
    /// Of which processes it is.
    pub of: Of,
    /// Line in the configuration, from 1.
    pub line: u32,
}

/// How much more than in the baseline a figure may be: above all that is set, the scenario fails. At least one is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Increase {
    /// A share of the baseline's figure, in hundredths of a percent.
    pub share: Option<u32>,
    /// An amount, in the figure's own unit.
    pub amount: Option<u64>,
}

/// Of which of a scenario's processes a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Of {
    /// Of each process by itself; figures that need iterations are of the process that calls the function.
    #[default]
    Each,
    /// Of all processes together, what forked ones share counted once.
    Tree,
}

impl Of {
    /// Both, in the order in which documentation lists them.
    pub const ALL: [Of; 2] = [Of::Each, Of::Tree];

    /// The word as it is typed and printed.
    pub const fn name(self) -> &'static str {
        match self {
            Of::Each => "each",
            Of::Tree => "tree",
        }
    }
}

/// The figures that can have a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetKey {
    /// Most live bytes since the start.
    Peak,
    /// Most live bytes above the start of an iteration.
    PeakAdded,
    /// Live bytes after the work and a collection.
    Retained,
    /// Live bytes above the start, after the result was dropped.
    Left,
    /// Largest resident set.
    Rss,
    /// Retained bytes added per iteration, once warm.
    Growth,
    /// Live blocks.
    Blocks,
    /// File descriptors left open.
    Fds,
    /// Threads left alive.
    Threads,
}

impl BudgetKey {
    /// All keys, in the order in which documentation lists them.
    pub const ALL: [BudgetKey; 9] = [
        BudgetKey::Peak,
        BudgetKey::PeakAdded,
        BudgetKey::Retained,
        BudgetKey::Left,
        BudgetKey::Rss,
        BudgetKey::Growth,
        BudgetKey::Blocks,
        BudgetKey::Fds,
        BudgetKey::Threads,
    ];

    /// The key as it is typed and printed.
    pub const fn name(self) -> &'static str {
        match self {
            BudgetKey::Peak => "peak",
            BudgetKey::PeakAdded => "peak_added",
            BudgetKey::Retained => "retained",
            BudgetKey::Left => "left",
            BudgetKey::Rss => "rss",
            BudgetKey::Growth => "growth",
            BudgetKey::Blocks => "blocks",
            BudgetKey::Fds => "fds",
            BudgetKey::Threads => "threads",
        }
    }

    /// What the figure counts.
    pub const fn unit(self) -> Unit {
        match self {
            BudgetKey::Growth => Unit::BytesPerIteration,
            BudgetKey::Blocks | BudgetKey::Fds | BudgetKey::Threads => Unit::Count,
            _ => Unit::Bytes,
        }
    }

    /// Whether the figure is in bytes (else a count).
    pub const fn is_bytes(self) -> bool {
        !matches!(self.unit(), Unit::Count)
    }

    /// Whether there is a figure of all processes together.
    pub const fn has_tree(self) -> bool {
        matches!(self, BudgetKey::Peak | BudgetKey::Retained | BudgetKey::Rss)
    }

    /// Whether the figure needs iterations. Descriptors and threads do: of a command whose process has ended none is left.
    pub const fn needs_iterations(self) -> bool {
        use BudgetKey::{Fds, Growth, Left, PeakAdded, Threads};
        matches!(self, PeakAdded | Left | Growth | Fds | Threads)
    }
}

impl BudgetKey {
    /// Whether a command whose iterations are these has the figure.
    pub const fn is_of_command(self, checkpoints: Option<Checkpoints>) -> bool {
        match checkpoints {
            _ if !self.needs_iterations() => true,
            // There is no result that could be dropped.
            Some(Checkpoints::Program) => !matches!(self, BudgetKey::Left),
            // What is looked at now and then is not seen at its peak.
            Some(Checkpoints::Time(_) | Checkpoints::Traffic(_)) => {
                !matches!(self, BudgetKey::Left | BudgetKey::PeakAdded)
            }
            Some(Checkpoints::Processes(_)) | None => false,
        }
    }
}

impl fmt::Display for CallTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.module, self.function)
    }
}

impl FromStr for CallTarget {
    type Err = CallTargetError;

    fn from_str(text: &str) -> Result<CallTarget, CallTargetError> {
        match text.split_once(':') {
            Some((module, function)) if is_dotted_name(module) && is_dotted_name(function) => {
                Ok(CallTarget { module: module.to_owned(), function: function.to_owned() })
            }
            _ => Err(CallTargetError { typed: super::problem::quotable(text), help: meant(text) }),
        }
    }
}

fn is_dotted_name(text: &str) -> bool {
    text.len() <= 1_000 && text.split('.').all(is_identifier)
}

/// Python's identifiers, close enough: what is not one fails when it is imported.
fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
}

fn meant(text: &str) -> Option<String> {
    let bare = text.split('(').next().unwrap_or(text).trim();
    let guess = match bare.split_once(':') {
        Some((module, function)) => {
            let module = module.trim().trim_end_matches(".py").replace('/', ".");
            format!("{module}:{}", function.trim())
        }
        None => bare.rsplit_once('.').map(|(module, function)| format!("{module}:{function}"))?,
    };
    let (module, function) = guess.split_once(':')?;
    if guess == text || !is_dotted_name(module) || !is_dotted_name(function) {
        return None;
    }
    let arguments = if text.contains('(') { ", with the arguments under `with`" } else { "" };
    Some(format!("did you mean `{}`{arguments}?", super::problem::quotable(&guess)))
}

impl Scenario {
    /// The scenario of `leakgate call module:function`: all defaults, no budgets, the current folder.
    pub fn for_call(target: &str) -> Result<Scenario, CallTargetError> {
        let target: CallTarget = target.parse()?;
        Ok(Scenario {
            name: target.folder_name(),
            line: 0,
            work: Work::Call {
                target,
                arguments: serde_json::Map::new(),
                setup: None,
                teardown: None,
                between: None,
                keep_result: false,
                repeats: Repeats::default(),
            },
            cwd: PathBuf::from("."),
            env: BTreeMap::new(),
            timeout: DEFAULT_TIMEOUT,
            memory_limit: MemoryLimit::Auto,
            follow: true,
            strict: false,
            confirm: true,
            snapshot: HeapSnapshot::InProcess,
            values: true,
            exclusive: false,
            budgets: Vec::new(),
        })
    }
}

impl CallTarget {
    /// `shop.quotes.quote`: at most 100 letters, none that a scenario's name may not have.
    pub fn folder_name(&self) -> String {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '_' };
        format!("{}.{}", self.module, self.function).chars().map(plain).take(100).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_by_module_and_dotted_attribute() {
        let target: CallTarget = "shop.quotes:Quote.total".parse().expect("well formed");
        assert_eq!((target.module.as_str(), target.function.as_str()), ("shop.quotes", "Quote.total"));
        assert_eq!(target.to_string(), "shop.quotes:Quote.total");
    }

    #[test]
    fn what_was_probably_meant_is_offered() {
        let help = |text: &str| text.parse::<CallTarget>().expect_err("malformed").help;
        assert_eq!(help("shop.quotes.quote").as_deref(), Some("did you mean `shop.quotes:quote`?"));
        assert_eq!(help("shop/quotes.py:quote").as_deref(), Some("did you mean `shop.quotes:quote`?"));
        assert_eq!(
            help("shop.quotes:quote(3)").as_deref(),
            Some("did you mean `shop.quotes:quote`, with the arguments under `with`?")
        );
        for hopeless in ["", ":", "a:", ":b", "a b", "a::b", "1a:b", "a:b:c", "..:x", "é"] {
            assert_eq!(help(hopeless), None, "for {hopeless:?}");
        }
    }

    #[test]
    fn a_call_without_configuration_has_the_defaults_and_a_name_fit_for_a_folder() {
        let scenario = Scenario::for_call("app.modèle:load_all").expect("well formed");
        assert_eq!(scenario.name, "app.mod_le.load_all");
        assert!(matches!(
            scenario.work,
            Work::Call { repeats: Repeats::Auto { .. }, keep_result: false, .. }
        ));
        assert_eq!(scenario.timeout, Duration::from_secs(300));
        assert!(Scenario::for_call("app.load").is_err());
    }
}
