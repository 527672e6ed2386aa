//! The exit codes of the program, each with what it means. The only place that maps results to codes.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: everything passed (warnings included).
    Passed,
    /// 1: the gate failed: a budget was broken or a leak was found.
    GateFailed,
    /// 2: the configuration or the command line is wrong, and nothing was run; or the baseline is damaged, and scenarios were
    /// judged without its damaged parts.
    BadInput,
    /// 3: a scenario could not be run or measured (crashed, timed out, raised, tracker silent).
    ScenarioError,
    /// 125: `leakgate run` itself failed before the command started.
    RunFailed,
    /// 126: the command of `leakgate run` was found and cannot be executed or tracked.
    NotExecutable,
    /// 127: the command of `leakgate run` was not found.
    NotFound,
    /// The recorded command's own exit code (`leakgate run`).
    Command(u8),
    /// A signal ended the recorded command, or the program: it is raised again; a shell shows 128 and its number.
    Signal(i32),
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Passed => 0,
            Exit::GateFailed => 1,
            Exit::BadInput => 2,
            Exit::ScenarioError => 3,
            Exit::RunFailed => 125,
            Exit::NotExecutable => 126,
            Exit::NotFound => 127,
            Exit::Command(code) => code,
            Exit::Signal(number) => u8::try_from(number).unwrap_or(0).saturating_add(128),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
