//! `leakgate check`: runs the declared scenarios, judges them, reports.

mod against;
mod confirm;
mod explain;
mod hanging;
mod jobs;
mod live;
mod longer;
mod one;
mod runs;
mod standing;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;

use self::against::Against;
use self::live::{Display, Screen};
use self::standing::Register;
pub use super::check_args::Args;
use super::check_args::{NO_PYTHON, choose, refuse};
use super::deliver::{self, Delivery};
use super::rule_set;
use super::surroundings::{Surroundings, workspace};
use crate::config::{self, Config, FailOn, PythonChoice, Scenario};
use crate::exit::Exit;
use crate::outcome::{Outcome, ScenarioResult};
use crate::report::Format;
use crate::rules::RuleSet;
use crate::scenario::Failure;
use crate::scenario::capture_dir;
use crate::scenario::environment;
use crate::scenario::guard::Guard;
use crate::scenario::packages;
use crate::scenario::plan;
use crate::scenario::python::{self, Python};
use crate::scenario::signals::{ENDING, Interruption};

/// Runs it. The report goes to `out`, problems of the configuration and the progress to `messages`.
///
/// # Errors
/// When something outside of the scenarios fails: the results cannot be written, no interpreter is found.
pub fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    Ok(match attempt(args, out, messages)? {
        Attempt::Judged(exit) | Attempt::Stopped(exit) => exit,
    })
}

/// What became of a check.
pub(super) enum Attempt {
    /// All was run that could be, and the reports are written.
    Judged(Exit),
    /// Nothing was judged.
    Stopped(Exit),
}

/// Runs it, and says whether there is a result.
///
/// # Errors
/// As [`run`].
pub(super) fn attempt(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Attempt> {
    let surroundings = args.ci.surroundings();
    let surroundings = surroundings.as_ref();
    let config = match config::load(&args.config) {
        Ok(config) => config,
        Err(errors) => return refuse(&errors, &args.ci, messages).map(Attempt::Stopped),
    };
    let chosen = choose(&config, &args.names)?;
    let left_out = config.scenarios.len() - chosen.len();
    let (chosen, partition) = match args.partition {
        None => (chosen, None),
        Some(part) => {
            let (chosen, partition) = part.take(chosen);
            (chosen, Some(partition))
        }
    };
    if args.list {
        return list(&chosen, out).map(Attempt::Stopped);
    }
    let check = Check::new(args, &config, &chosen)?;
    let (began, started_ms) = (Instant::now(), now_ms());
    let results = match watched(&chosen, &check, (args.format, surroundings), (out, messages)) {
        Ok(results) => results,
        Err(error) => return interrupted(error).map(Attempt::Stopped),
    };
    // An entry may be of a scenario that was not chosen.
    let is_whole = args.names.is_empty() && partition.is_none();
    let notes = if is_whole { check.register.stale(&results) } else { Vec::new() };
    let root = std::env::current_dir().context("failed to find the current folder")?;
    let source = workspace([check.folder.clone(), root], &deliver::text_of, surroundings);
    let outcome = Outcome {
        notes: notes.into_iter().chain(super::surroundings::notes(surroundings, &source)).collect(),
        config: args.config.display().to_string(),
        config_digest: config.digest.clone(),
        partition,
        left_out,
        python: check.python.as_ref().map_or_else(|| NO_PYTHON.to_owned(), Python::describe),
        packages: check.against.packages.clone(),
        arguments: args.repeated(),
        fail_on: check.fail_on,
        baseline: check.against.file(),
        scenarios: results,
        started_ms,
        elapsed: began.elapsed(),
        results_dir: format!("{}/", check.results.display()),
    };
    let (results, printed) = (&check.results, args.format);
    Delivery { results, source: &source, printed, surroundings }.write(&outcome, out)?;
    Ok(Attempt::Judged(deliver::exit_of(&outcome)))
}

/// Runs all. A CI system's log has the progress in a part of its own, in the stream of the report, so that both stay in
/// their order; a document for a program is not to be mixed with it.
fn watched(
    chosen: &[&Scenario],
    check: &Check,
    (printed, surroundings): (Format, Option<&Surroundings>),
    (out, messages): (&mut dyn Write, &mut dyn Write),
) -> anyhow::Result<Vec<ScenarioResult>> {
    let Some(surroundings) = surroundings.filter(|_| printed == Format::Terminal) else {
        let screen = if surroundings.is_some() { Screen::Lines } else { screen() };
        return jobs::run(chosen, check, check.jobs, &mut Display::new(messages, screen, chosen.len()));
    };
    surroundings.begin(chosen.len(), out)?;
    let results = jobs::run(chosen, check, check.jobs, &mut Display::new(out, Screen::Lines, chosen.len()));
    surroundings.end(out)?;
    results
}

/// A signal ended it; any other error is one.
fn interrupted(error: anyhow::Error) -> anyhow::Result<Exit> {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Interrupted(number)) => Ok(Exit::Signal(*number)),
        _ => Err(error),
    }
}

/// Where a person looks on. A CI system may give its jobs a terminal, and keeps what is written as a log.
fn screen() -> Screen {
    if std::io::stderr().is_terminal() && !super::progress::is_ci() {
        Screen::Terminal(deliver::width())
    } else {
        Screen::Lines
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// What all scenarios of a check share.
struct Check {
    /// `None` where there is none and no scenario needs it.
    python: Option<Python>,
    /// Which findings fail the gate.
    fail_on: FailOn,
    /// What results are compared with.
    against: Against,
    /// What is allowed or known.
    register: Register,
    /// The rules that name leaks.
    rules: RuleSet,
    /// Whether examples of what is kept may be shown.
    values: bool,
    /// Where results go, as the user would type it.
    results: PathBuf,
    /// The configuration's folder.
    folder: PathBuf,
    interruption: Interruption,
    /// Cleans up if this program is killed; `None` where it could not be started.
    guard: Option<Guard>,
    /// How many scenarios run at the same time.
    jobs: usize,
}

impl Check {
    fn new(args: &Args, config: &Config, chosen: &[&Scenario]) -> anyhow::Result<Check> {
        let folder = match config.dir.as_os_str().is_empty() {
            true => Path::new("."),
            false => &config.dir,
        };
        let home = std::path::absolute(folder).context("failed to find the configuration's folder")?;
        let python = python_of(args, config, &home, chosen)?;
        let results = args.results();
        let jobs = args.jobs.or(config.jobs).map_or_else(jobs::automatic, |jobs| jobs as usize);
        // Before anything is run: its reports would have no place.
        capture_dir::prepare_results(&results)?;
        let packages = python.as_ref().map(packages::installed).unwrap_or_default();
        Ok(Check {
            against: Against::read(args.lock(config)?.as_deref(), packages)?,
            python,
            fail_on: args.fail_on.unwrap_or(config.fail_on),
            register: Register::of(config),
            rules: rule_set::of(config)?,
            values: !args.no_values,
            folder: home,
            results,
            interruption: Interruption::listen(&ENDING).context("failed to listen to signals")?,
            jobs: jobs.min(chosen.len()).max(1),
            guard: Guard::start().ok(),
        })
    }
}

/// The Python that was asked for, or the one that is found; that there is none matters only to what needs it.
fn python_of(
    args: &Args,
    config: &Config,
    home: &Path,
    chosen: &[&Scenario],
) -> anyhow::Result<Option<Python>> {
    let inherited = environment::inherited(&[]);
    // As it was typed: from the folder that this is typed in.
    let asked = args.python.as_ref().map(|python| match python.components().count() {
        0 | 1 => Ok(python.clone()),
        _ => std::path::absolute(python),
    });
    let asked = asked.transpose().context("failed to find the current folder")?.map(PythonChoice::Path);
    let python = match asked.as_ref().unwrap_or(&config.python) {
        PythonChoice::Path(path) => python::choose(Some(path.as_os_str()), home, &inherited)?,
        PythonChoice::Auto => match python::choose(None, home, &inherited) {
            Err(_) if !chosen.iter().any(|scenario| plan::needs_python(&scenario.work)) => return Ok(None),
            found => found?,
        },
    };
    // A program of an older one can be measured, without lines.
    if chosen.iter().any(|scenario| matches!(scenario.work, config::Work::Call { .. })) {
        python.supported()?;
    }
    Ok(Some(python))
}

fn list(scenarios: &[&Scenario], out: &mut dyn Write) -> anyhow::Result<Exit> {
    let width = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    for scenario in scenarios {
        let budgets: Vec<&str> = scenario.budgets.iter().map(|budget| budget.key.name()).collect();
        let what = one::describe(scenario);
        let budgets = if budgets.is_empty() { "no budgets".to_owned() } else { budgets.join(", ") };
        writeln!(out, "{:width$}  {what}  ({budgets})", scenario.name)?;
    }
    Ok(Exit::Passed)
}
