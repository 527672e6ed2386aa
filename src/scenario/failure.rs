//! Says why a run that ended badly cannot be judged.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::libc::{SIGABRT, SIGBUS, SIGSEGV};

use super::drive::ScenarioRun;
use super::driver::DriverError;
use super::plain::plain;
use super::plan::{Plan, Work};
use super::signals;
use super::untracked;
use super::watch::End;
use crate::config::HeapSnapshot;
use crate::outcome::ScenarioError;

/// The exception of a program that ends itself.
const EXIT: &str = "SystemExit";
const HOW_TO_RETURN: &str = "name a function that returns when its work is done, as it is called again and again; or measure \
     the whole program with `run` instead of `call`";
/// What a crash under leakgate alone may be.
const HOW_TO_LOOK: &str = "if it does not crash without leakgate: a type of an extension may break where it is asked for its \
     references; `snapshot: forked` looks at the heap in a copy of the process, and says so";
/// Longest message of an exception in a title.
const LONGEST_MESSAGE: usize = 300;

/// Why `run` has nothing to judge; `None` when it has.
pub(super) fn of(plan: &Plan, run: &ScenarioRun) -> Option<ScenarioError> {
    if run.memory_limit_reached.is_some() {
        return None;
    }
    if !run.recorded {
        return Some(silent(run));
    }
    if run.escaped {
        let why = match untracked::obstacle(&run.capture, run.root_pid) {
            Some(obstacle) => obstacle.to_string(),
            None => "a static one, or with an environment that lacks LD_PRELOAD".to_owned(),
        };
        let reason = format!(
            "the command executed a program without the tracker ({why}), so what it did was not measured"
        );
        return Some(with_output(run, reason));
    }
    match &plan.work {
        Work::Run(command) => match run.end {
            End::TimedOut => Some(timed_out(plan, run)),
            End::ByItself => match run.status.code() {
                Some(code) if command.exit_codes.contains(&code) => None,
                _ => Some(with_output(run, format!("the command {}", ended(run.status)))),
            },
            _ => None,
        },
        Work::Call(call) => match &run.driver {
            Some(report) => report.error.as_ref().map(raised),
            None if run.end == End::TimedOut => Some(timed_out(plan, run)),
            None => Some(ended_early(run, call.snapshot)),
        },
    }
}

fn silent(run: &ScenarioRun) -> ScenarioError {
    let reason = match untracked::obstacle(&run.capture, run.root_pid) {
        Some(obstacle) => format!("the tracker could not start in the command, so nothing was measured: {obstacle}"),
        None => "the tracker did not start in the command, so nothing was measured: the loader did not take the library"
            .to_owned(),
    };
    let title = match run.end {
        End::Silent => format!("{reason} (ended after {:.1} s)", run.elapsed.as_secs_f64()),
        _ => format!("{reason} (it {})", ended(run.status)),
    };
    with_output(run, title)
}

fn timed_out(plan: &Plan, run: &ScenarioRun) -> ScenarioError {
    let limit = plan.timeout.unwrap_or(run.elapsed).as_secs_f64();
    with_output(run, format!("not done within its timeout of {limit} s; it was ended"))
}

/// The process was gone before the driver could report.
fn ended_early(run: &ScenarioRun, snapshot: HeapSnapshot) -> ScenarioError {
    let how = ended(run.status);
    let error = with_output(run, format!("the process {how} before the function's work was done"));
    if run.status.code().is_none() {
        let has_crashed = matches!(run.status.signal(), Some(SIGSEGV | SIGBUS | SIGABRT));
        let is_in_process = snapshot == HeapSnapshot::InProcess;
        return if has_crashed && is_in_process { error.advised(HOW_TO_LOOK) } else { error };
    }
    let what = "`os._exit`, or C's `exit`, was called where the function was at work, and ended the process";
    error.advised(&format!("{what}: {HOW_TO_RETURN}"))
}

/// Why a function was not to be run here, by what it or its `setup` raised: `no database`.
pub fn skipped(run: &ScenarioRun) -> Option<String> {
    let error = run.driver.as_ref()?.error.as_ref().filter(|error| error.skips != 0)?;
    let message = plain(error.message.lines().next().unwrap_or_default());
    let message: String = message.chars().take(LONGEST_MESSAGE).collect();
    let raised = format!("it raised {}", plain(&error.class));
    Some(if message.is_empty() { raised } else { message })
}

fn raised(error: &DriverError) -> ScenarioError {
    if let Some(hook) = error.phase.strip_suffix(" generator") {
        return generator(error, hook);
    }
    let imported = error.phase.strip_suffix(" import");
    let message: String =
        plain(error.message.lines().next().unwrap_or("")).chars().take(LONGEST_MESSAGE).collect();
    let exception =
        if message.is_empty() { error.class.clone() } else { format!("{}: {message}", error.class) };
    let exception = plain(&exception);
    let title = match (error.phase.as_str(), error.iteration) {
        ("import", _) => format!("the function could not be imported: {exception}"),
        ("call", 0) => format!("the work failed between iterations: {exception}"),
        ("call", iteration) => format!("the function raised {exception} (iteration {iteration})"),
        (phase, _) => match imported {
            Some(hook) => format!("the {hook} function could not be imported: {exception}"),
            None => format!("the {phase} function raised {exception}"),
        },
    };
    let traceback = plain(&error.traceback).trim_end().to_owned();
    let is_exit = error.class == EXIT;
    let error = ScenarioError { title, details: traceback };
    if is_exit { error.advised(HOW_TO_RETURN) } else { error }
}

/// A generator function was named: nothing of its body is run by calling it.
fn generator(error: &DriverError, hook: &str) -> ScenarioError {
    let what = plain(&error.message);
    let article = if what.starts_with('a') { "an" } else { "a" };
    let subject = if hook == "call" { "the function" } else { &format!("the {hook} function") };
    let go_through =
        if what.starts_with('a') { "async for _ in NAME(): pass" } else { "for _ in NAME(): pass" };
    ScenarioError {
        title: format!(
            "{subject} is {article} {what} function: a call makes {article} {what}, and nothing of its body runs"
        ),
        details: format!("name a function that goes through it, with `{go_through}` in it"),
    }
}

fn with_output(run: &ScenarioRun, title: String) -> ScenarioError {
    let details = match run.output_tail.as_str() {
        "" => "it printed nothing".to_owned(),
        tail => format!("the end of its output:\n{tail}"),
    };
    ScenarioError { title, details }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(number)) => format!("was ended by {}", signals::name(number)),
        (None, None) => "ended".to_owned(),
    }
}
