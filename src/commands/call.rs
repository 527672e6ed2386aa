//! `leakgate call`: records one Python function without any configuration, and prints its figures.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, anyhow};

use super::place::default_place;
use super::summary;
use crate::config::{CallTarget, HeapSnapshot, Repeats};
use crate::exit::Exit;
use crate::gate::measurement::Measurement;
use crate::outcome::ScenarioError;
use crate::profile::{Capture, load};
use crate::scenario::drive::{Failure, ScenarioRun};
use crate::scenario::guard::Guard;
use crate::scenario::memory_limit::MemoryLimit;
use crate::scenario::plan::{Call, KeepResult, Plan, Work};
use crate::scenario::python::{self, Python};
use crate::scenario::signals::{ENDING, Interruption};
use crate::scenario::tracker::Follow;
use crate::scenario::{Values, environment, measure, run_scenario};
use crate::units::{Bytes, grouped};

/// Record a Python function, without any configuration
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `module:function`, as in `shop.model:load`
    #[arg(value_name = "MODULE:FUNCTION", value_parser = CallTarget::from_str)]
    target: CallTarget,
    /// Arguments: a JSON object gives keywords, an array positions
    #[arg(long, value_name = "JSON", value_parser = arguments)]
    with: Option<serde_json::Value>,
    /// Judged calls
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    iterations: u32,
    /// Calls before them, which are not judged
    #[arg(long, value_name = "N", default_value_t = 0)]
    warmup: u32,
    /// The interpreter [default: the active or the project's environment, else python3]
    #[arg(long, value_name = "PATH")]
    python: Option<OsString>,
}

/// Runs it; the figures go to `out`, errors of the function to `messages`.
pub fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let cwd = std::env::current_dir().context("failed to find the current folder")?;
    let variables = environment::inherited(&[]);
    let python = python::choose(args.python.as_deref().map(OsStr::new), &cwd, &variables)?;
    python.supported()?;
    writeln!(out, "call {} with {}", args.target, python.describe())?;
    let plan = plan_of(args, python, &cwd);
    let (folder, shown) = default_place(&cwd, &args.target.folder_name())?;
    let interruption = Interruption::listen(&ENDING).context("failed to listen to signals")?;
    let run = match run_scenario(&plan, &folder, &interruption, Guard::start().ok().as_ref()) {
        Err(Failure::Interrupted(number)) => return Ok(Exit::Signal(number)),
        run => run?,
    };
    if let Some(error) = &run.failure {
        return failed(error, messages);
    }
    let capture = load::capture(&folder).with_context(|| format!("failed to load the capture `{shown}`"))?;
    let measurement = measured(&run, &capture)?;
    for note in run.notes.iter().chain(&capture.notes) {
        writeln!(out, "note: {note}")?;
    }
    figures(out, &measurement)?;
    summary::write(out, &capture, &shown)?;
    if let Some(limit) = run.memory_limit_reached {
        writeln!(messages, "leakgate: error: ended at the memory limit of {}", Bytes(limit))?;
        return Ok(Exit::ScenarioError);
    }
    Ok(Exit::Passed)
}

fn arguments(text: &str) -> Result<serde_json::Value, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value.is_object() || value.is_array() {
        return Ok(value);
    }
    Err("expected a JSON object (keywords) or array (positions)".to_owned())
}

fn plan_of(args: &Args, python: Python, cwd: &Path) -> Plan {
    Plan {
        work: Work::Call(Call {
            python: python.path,
            driver: python.driver,
            target: args.target.clone(),
            arguments: args.with.clone().unwrap_or_default(),
            setup: None,
            teardown: None,
            result: KeepResult::Keep,
            between: None,
            repeats: Repeats::Fixed { warmup: args.warmup, iterations: args.iterations },
            explain: 0,
            snapshot: HeapSnapshot::InProcess,
        }),
        cwd: cwd.to_path_buf(),
        env: Vec::new(),
        timeout: None,
        values: Values::Shown,
        memory_limit: MemoryLimit::Auto,
        follow: Follow::Children,
    }
}

fn failed(error: &ScenarioError, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    writeln!(messages, "leakgate: error: {}", error.title)?;
    if !error.details.is_empty() {
        writeln!(messages, "{}", error.details)?;
    }
    Ok(Exit::ScenarioError)
}

fn measured(run: &ScenarioRun, capture: &Capture) -> anyhow::Result<Measurement> {
    let profile = capture.last_of(run.root_pid);
    let profile = profile.ok_or_else(|| anyhow!("the capture does not hold process {}", run.root_pid))?;
    Ok(measure(run, profile.clone())?)
}

fn figures(out: &mut dyn Write, measurement: &Measurement) -> anyhow::Result<()> {
    writeln!(out, "  peak        {}", Bytes(measurement.peak))?;
    if let Some(added) = measurement.peak_added {
        writeln!(out, "  peak added  {} by one call", Bytes(added))?;
    }
    writeln!(out, "  retained    {} while the result is held", Bytes(measurement.retained))?;
    if let Some(left) = measurement.left {
        writeln!(out, "  left        {} B after it was dropped", signed(left))?;
    }
    if let (Some(start), [_, .., last]) = (measurement.start, measurement.iterations.as_slice()) {
        let count = measurement.iterations.len() as i64;
        let grown = last.live_bytes as i64 - start.live_bytes as i64;
        writeln!(
            out,
            "  growth      {} B in {count} calls, {} B a call",
            signed(grown),
            signed(grown / count)
        )?;
    }
    let count = |value: Option<i64>| value.map_or_else(|| "unknown".to_owned(), signed);
    let (fds, threads) = (count(measurement.fds), count(measurement.threads));
    writeln!(out, "  blocks      {}   fds {fds}   threads {threads}", signed(measurement.blocks))?;
    writeln!(out, "  rss         {}", Bytes(measurement.rss))?;
    Ok(())
}

fn signed(value: i64) -> String {
    let sign = if value < 0 { '-' } else { '+' };
    format!("{sign}{}", grouped(value.unsigned_abs()))
}
