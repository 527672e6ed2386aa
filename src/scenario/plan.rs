//! What to run: a scenario after its configuration was read and its interpreter chosen.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::driver::Compiled;
use super::memory_limit::MemoryLimit;
use super::python::Python;
use super::tracker::{Follow, Moments};
use super::values::Values;
use crate::config::{self, CallTarget, Checkpoints, HeapSnapshot, Repeats, Scenario};

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
    /// Whether the processes that it starts are recorded.
    pub follow: Follow,
    /// Whether its snapshots have examples of what it keeps.
    pub values: Values,
}

/// The two kinds of work.
#[allow(clippy::large_enum_variant, reason = "a scenario has one")]
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
    /// What an iteration of it is; `None`: it has none.
    pub checkpoints: Option<Checkpoints>,
    /// When its processes take snapshots of their heap, which explain who keeps what.
    pub snapshots: Moments,
}

/// A function to call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The interpreter.
    pub python: PathBuf,
    /// The driver, compiled by it.
    pub driver: Compiled,
    /// The function.
    pub target: CallTarget,
    /// Arguments: an object gives keywords, an array positions, null none.
    pub arguments: serde_json::Value,
    /// Called once before the work.
    pub setup: Option<CallTarget>,
    /// Called once after the work.
    pub teardown: Option<CallTarget>,
    /// Called after every iteration.
    pub between: Option<CallTarget>,
    /// Whether the last result is held while `retained` is measured.
    pub result: KeepResult,
    /// How often it is called.
    pub repeats: Repeats,
    /// How many more calls explain what grows, by snapshots of the heap before and after them; 0: none.
    pub explain: u32,
    /// Where the snapshots are taken.
    pub snapshot: HeapSnapshot,
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
    /// The plan of a declared scenario, which uses `python` where it calls a function or its command begins with the
    /// bare word `python` or `python3`.
    ///
    /// # Errors
    /// When the working directory is relative and the program's own is gone.
    pub fn of(scenario: &Scenario, python: Option<&Python>) -> io::Result<Plan> {
        Ok(Plan {
            work: Work::of(scenario, python),
            cwd: std::path::absolute(&scenario.cwd)?,
            env: scenario.env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            timeout: Some(scenario.timeout),
            memory_limit: match scenario.memory_limit {
                config::MemoryLimit::Auto => MemoryLimit::Auto,
                config::MemoryLimit::Bytes(bytes) => MemoryLimit::Bytes(bytes),
            },
            follow: if scenario.follow { Follow::Children } else { Follow::Nothing },
            values: if scenario.values { Values::Shown } else { Values::Hidden },
        })
    }

    /// What an iteration of the command is; `None` for a function, and where it has none.
    pub fn checkpoints(&self) -> Option<Checkpoints> {
        match &self.work {
            Work::Run(command) => command.checkpoints,
            Work::Call(_) => None,
        }
    }

    /// How often the function is called; `None` for a command.
    pub fn repeats(&self) -> Option<Repeats> {
        match &self.work {
            Work::Call(call) => Some(call.repeats),
            Work::Run(_) => None,
        }
    }

    /// What is run, where the command does not tell: `call shop.quotes:quote`.
    pub fn title(&self) -> Option<String> {
        match &self.work {
            Work::Run(_) => None,
            Work::Call(call) => Some(format!("call {}", call.target)),
        }
    }
}

impl Work {
    fn of(scenario: &Scenario, python: Option<&Python>) -> Work {
        let (python, driver) = match python {
            Some(python) => (python.path.as_path(), python.driver.clone()),
            None => (Path::new("python"), Compiled::default()),
        };
        match &scenario.work {
            config::Work::Run { argv, until, exit_codes, checkpoints } => Work::Run(Command {
                argv: with_chosen_python(argv, python),
                until: *until,
                exit_codes: exit_codes.iter().map(|code| i32::from(*code)).collect(),
                checkpoints: *checkpoints,
                snapshots: Moments::default(),
            }),
            config::Work::Call { target, arguments, setup, teardown, between, keep_result, repeats } => {
                Work::Call(Call {
                    python: python.to_path_buf(),
                    driver,
                    target: target.clone(),
                    arguments: serde_json::Value::Object(arguments.clone()),
                    setup: setup.clone(),
                    teardown: teardown.clone(),
                    result: if *keep_result { KeepResult::Keep } else { KeepResult::Drop },
                    between: between.clone(),
                    repeats: *repeats,
                    explain: 0,
                    snapshot: scenario.snapshot,
                })
            }
        }
    }
}

/// Whether the work cannot be done without an interpreter that leakgate chooses.
pub fn needs_python(work: &config::Work) -> bool {
    match work {
        config::Work::Run { argv, .. } => argv.first().is_some_and(|word| is_python(word)),
        config::Work::Call { .. } => true,
    }
}

fn is_python(word: &str) -> bool {
    matches!(word, "python" | "python3")
}

/// What a scenario means by `python` is the interpreter that was chosen for all, on `PATH` or not.
fn with_chosen_python(argv: &[String], python: &Path) -> Vec<OsString> {
    let chosen = |(index, word): (usize, &String)| match index == 0 && is_python(word) {
        true => python.into(),
        false => word.into(),
    };
    argv.iter().enumerate().map(chosen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_begins_with_python_uses_the_chosen_one() {
        let argv = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            with_chosen_python(&words, Path::new("/venv/bin/python"))
        };
        assert_eq!(argv(&["python", "python"]), ["/venv/bin/python", "python"]);
        assert_eq!(argv(&["python3", "-V"]), ["/venv/bin/python", "-V"]);
        assert_eq!(argv(&["python3.9"]), ["python3.9"]);
        assert_eq!(argv(&["./python"]), ["./python"]);
    }

    #[test]
    fn a_declared_call_is_planned_as_declared() {
        let scenario = Scenario::for_call("shop.quotes:quote").unwrap();
        let plan = Plan::of(&scenario, None).unwrap();
        assert_eq!(plan.title().as_deref(), Some("call shop.quotes:quote"));
        assert!(plan.cwd.is_absolute());
        let Work::Call(call) = plan.work else { panic!("not a call") };
        assert_eq!((call.repeats, call.result), (Repeats::default(), KeepResult::Drop));
    }
}
