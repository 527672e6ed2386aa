//! `leakgate baseline`: writes, shows and compares what is accepted.

mod diff;
mod show;
mod update;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{check, lock_file};
use crate::baseline::{self, Key, Lock, Section, digest};
use crate::exit::Exit;
use crate::outcome::{Outcome, ScenarioResult};

/// Work with the baseline, leakgate.lock: figures and findings that are accepted
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// Whose baseline, and of which scenarios.
#[derive(Debug, clap::Args)]
struct Wanted {
    /// Scenarios [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The configuration, whose baseline is beside it
    #[arg(short, long, value_name = "FILE", default_value = check::CONFIG)]
    config: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Accept what the scenarios show now: run them, or take a result
    Update(update::Args),
    /// Print what is accepted
    Show(show::Args),
    /// Compare what is accepted with the last result
    Diff(diff::Args),
}

/// Runs it.
///
/// # Errors
/// When the lock or a result cannot be read or written.
pub fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    match &args.action {
        Action::Update(args) => update::run(args, out, messages),
        Action::Show(args) => show::run(args, out, messages),
        Action::Diff(args) => diff::run(args, out),
    }
}

/// A lock's text, and what is in it.
struct Read {
    text: String,
    lock: Lock,
    /// Messages about what is wrong with it.
    problems: Vec<String>,
}

/// Reads the lock; an empty one where there is none.
fn read_lock(path: &Path) -> anyhow::Result<Read> {
    let Some(text) = lock_file::text(path)? else {
        return Ok(Read { text: String::new(), lock: Lock::default(), problems: Vec::new() });
    };
    let parsed = baseline::parse(&text);
    Ok(Read { problems: lock_file::problems(path, &parsed.problems), text, lock: parsed.lock })
}

/// Reads the lock, which has to be sound.
fn sound_lock(path: &Path) -> anyhow::Result<Read> {
    let read = read_lock(path)?;
    if !read.problems.is_empty() {
        bail!("the baseline is damaged, and nothing was changed:\n{}", read.problems.join("\n"));
    }
    Ok(read)
}

/// The scenarios of a result that were asked for; all where none is named.
fn chosen<'a>(outcome: &'a Outcome, names: &[String]) -> anyhow::Result<Vec<&'a ScenarioResult>> {
    let known =
        || outcome.scenarios.iter().map(|scenario| scenario.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(missing) =
        names.iter().find(|name| !outcome.scenarios.iter().any(|scenario| scenario.name == **name))
    {
        bail!("the result has no scenario `{missing}`; it has {}", known());
    }
    let is_chosen = |scenario: &&ScenarioResult| names.is_empty() || names.contains(&scenario.name);
    Ok(outcome.scenarios.iter().filter(is_chosen).collect())
}

/// A result as the section that would be written, and which one.
///
/// # Errors
/// Why it cannot be accepted.
fn section(outcome: &Outcome, result: &ScenarioResult, lock: &Lock) -> Result<(Key, Section), String> {
    let environment = result.environment.clone();
    let key = environment.map(|environment| Key { scenario: result.name.clone(), environment });
    let before = key.as_ref().and_then(|key| lock.sections.get(key));
    let is_of = |key: &Key| baseline::are_of(&outcome.packages, &key.environment);
    let packages = key.as_ref().filter(|key| is_of(key)).map(|_| digest(&outcome.packages));
    let section = baseline::section_of(result, packages.as_deref(), before)?;
    // Whatever was measured was measured somewhere.
    let key = key.ok_or("it does not say where it was measured")?;
    Ok((key, section))
}

/// The last result of a configuration.
fn last_result(config: &Path) -> PathBuf {
    config.parent().unwrap_or(Path::new("")).join(".leakgate/result.json")
}
