//! `leakgate check`: runs the declared scenarios, judges them, reports.

mod confirm;
mod deliver;
mod one;
mod standing;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};

use self::standing::Register;
use crate::config::{self, Config, ConfigErrors, FailOn, Paint, PythonChoice, Scenario};
use crate::exit::Exit;
use crate::outcome::{Outcome, Verdict};
use crate::report::Format;
use crate::scenario::Failure;
use crate::scenario::capture_dir;
use crate::scenario::environment;
use crate::scenario::plan;
use crate::scenario::python::{self, Python};
use crate::scenario::signals::{ENDING, Signals};

/// Name of the configuration where none is given.
const CONFIG: &str = "leakgate.yaml";
/// Folder of results beside the configuration.
const RESULTS: &str = ".leakgate";

/// Run the declared scenarios and judge them by their budgets
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenarios to run [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// List the scenarios and run nothing
    #[arg(long)]
    list: bool,
    /// Where captures and reports go [default: .leakgate beside the configuration]
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// What to print; all reports are written to the output folder in any case
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format)]
    format: Format,
}

fn format(name: &str) -> Result<Format, String> {
    let names = || Format::ALL.map(Format::name).join(", ");
    Format::named(name).ok_or_else(|| format!("unknown format; expected one of {}", names()))
}

/// Runs it. The report goes to `out`, problems of the configuration and the progress to `messages`.
///
/// # Errors
/// When something outside of the scenarios fails: the results cannot be written, no interpreter is found.
pub fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let config = match config::load(&args.config) {
        Ok(config) => config,
        Err(errors) => return refuse(&errors, messages),
    };
    let chosen = choose(&config, &args.names)?;
    if args.list {
        return list(&chosen, out);
    }
    let mut check = Check::new(args, &config, &chosen)?;
    let mut results = Vec::new();
    let (began, started_ms) = (Instant::now(), now_ms());
    for (index, scenario) in chosen.iter().enumerate() {
        check.progress(messages, &format!("{}/{} {}", index + 1, chosen.len(), scenario.name))?;
        let result = confirm::run(scenario, &mut check);
        check.progress(messages, "")?;
        match result {
            Ok(result) => results.push(result),
            Err(Failure::Interrupted(number)) => return Ok(Exit::Signal(number)),
            Err(failure) => return Err(failure.into()),
        }
    }
    // An entry may be of a scenario that was not chosen.
    let notes = if args.names.is_empty() { check.register.stale(&results) } else { Vec::new() };
    let outcome = Outcome {
        notes,
        config: args.config.display().to_string(),
        python: check.python.as_ref().map_or_else(|| "not found and not needed".to_owned(), Python::describe),
        scenarios: results,
        started_ms,
        elapsed: began.elapsed(),
        results_dir: format!("{}/", check.results.display()),
    };
    deliver::write(&outcome, &check, args.format, out)?;
    Ok(match outcome.verdict() {
        Verdict::Pass | Verdict::Undecided | Verdict::Unstable => Exit::Passed,
        Verdict::Fail => Exit::GateFailed,
        Verdict::Error => Exit::ScenarioError,
    })
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
    /// What is allowed or known.
    register: Register,
    /// Where results go, as the user would type it.
    results: PathBuf,
    /// The configuration's folder.
    folder: PathBuf,
    signals: Signals,
    is_watched: bool,
}

impl Check {
    fn new(args: &Args, config: &Config, chosen: &[&Scenario]) -> anyhow::Result<Check> {
        let folder = match config.dir.as_os_str().is_empty() {
            true => Path::new("."),
            false => &config.dir,
        };
        let home = std::path::absolute(folder).context("failed to find the configuration's folder")?;
        let python = python_of(config, &home, chosen)?;
        let beside = || match folder == Path::new(".") {
            true => PathBuf::from(RESULTS),
            false => folder.join(RESULTS),
        };
        let results = args.output_dir.clone().unwrap_or_else(beside);
        // Before anything is run: its reports would have no place.
        capture_dir::prepare_results(&results)?;
        Ok(Check {
            python,
            fail_on: config.fail_on,
            register: Register::of(config),
            folder: home,
            results,
            signals: Signals::listen(&ENDING).context("failed to listen to signals")?,
            is_watched: std::io::stderr().is_terminal(),
        })
    }

    /// Shows what is being run, where a person looks on; empty: takes it away.
    fn progress(&self, messages: &mut dyn Write, text: &str) -> std::io::Result<()> {
        if !self.is_watched {
            return Ok(());
        }
        // A line that wraps could not be taken away.
        let text: String = text.chars().take(deliver::width().saturating_sub(1)).collect();
        write!(messages, "\r\x1b[K{text}")?;
        messages.flush()
    }
}

/// The Python that was asked for, or the one that is found; that there is none matters only to what needs it.
fn python_of(config: &Config, home: &Path, chosen: &[&Scenario]) -> anyhow::Result<Option<Python>> {
    let inherited = environment::inherited(&[]);
    match &config.python {
        PythonChoice::Path(path) => Ok(Some(python::choose(Some(path.as_os_str()), home, &inherited)?)),
        PythonChoice::Auto => match python::choose(None, home, &inherited) {
            Err(_) if !chosen.iter().any(|scenario| plan::needs_python(&scenario.work)) => Ok(None),
            found => Ok(Some(found?)),
        },
    }
}

fn refuse(errors: &ConfigErrors, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let paint = if coloured { Paint::Coloured } else { Paint::Plain };
    write!(messages, "{}", errors.render(paint))?;
    Ok(Exit::BadInput)
}

fn choose<'a>(config: &'a Config, names: &[String]) -> anyhow::Result<Vec<&'a Scenario>> {
    let known =
        || config.scenarios.iter().map(|scenario| scenario.name.as_str()).collect::<Vec<_>>().join(", ");
    for name in names {
        if !config.scenarios.iter().any(|scenario| scenario.name == *name) {
            let file = config.path.display();
            return Err(anyhow!("{file} declares no scenario `{name}`; expected one of {}", known()));
        }
    }
    let is_chosen = |scenario: &&Scenario| names.is_empty() || names.contains(&scenario.name);
    Ok(config.scenarios.iter().filter(is_chosen).collect())
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
