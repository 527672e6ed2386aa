//! What to run: a scenario after its configuration was read and its interpreter chosen.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::memory_limit::MemoryLimit;

/// One scenario, ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The work.
    pub work: Work,
    /// Working directory; absolute.
    pub cwd: PathBuf,
    /// Variables on top of the program's own environment.
    pub env: Vec<(OsString, OsString)>,
    /// Longest wall time; `None` for no limit.
    pub timeout: Option<Duration>,
    /// Most memory of one process before the scenario is ended.
    pub memory_limit: MemoryLimit,
}

/// The two kinds of work.
#[derive(Debug, Clone)]
pub enum Work {
    /// A command.
    Run(Command),
    /// A Python function, called again and again.
    Call(Call),
}

/// A command to run once.
#[derive(Debug, Clone)]
pub struct Command {
    /// Program and arguments; not empty.
    pub argv: Vec<OsString>,
    /// End it after this time, and judge it as it stood.
    pub until: Option<Duration>,
    /// Exit codes that are no error.
    pub exit_codes: Vec<i32>,
}

/// A function to call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The interpreter.
    pub python: PathBuf,
    /// `module:function`; the function may be dotted.
    pub target: String,
    /// Arguments: an object gives keywords, an array positions, null none.
    pub arguments: serde_json::Value,
    /// `module:function` called once before the work.
    pub setup: Option<String>,
    /// `module:function` called once after the work.
    pub teardown: Option<String>,
    /// Whether the last result is held while `retained` is measured.
    pub result: KeepResult,
    /// Iterations that are not judged.
    pub warmup: u32,
    /// Iterations that are judged; at least 1.
    pub iterations: u32,
}

/// What becomes of a call's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepResult {
    /// It is dropped before the collection.
    Drop,
    /// The last one is held while `retained` is measured.
    Keep,
}

impl Plan {
    /// What is run, for people: `call shop.quotes:quote, 25 iterations` or the command line.
    pub fn describe(&self) -> String {
        match &self.work {
            Work::Run(command) => {
                let words: Vec<_> = command.argv.iter().map(|word| word.to_string_lossy()).collect();
                format!("run {}", words.join(" "))
            }
            Work::Call(call) => format!("call {}, {}", call.target, counted(call.iterations, "iteration")),
        }
    }
}

fn counted(number: u32, noun: &str) -> String {
    if number == 1 { format!("{number} {noun}") } else { format!("{number} {noun}s") }
}
