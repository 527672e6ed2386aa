//! `leakgate baseline`: writes, shows and compares what is accepted.

mod diff;
mod prune;
mod show;
mod update;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

use super::{check_args, lock_file};
use crate::baseline::{self, Key, Lock, Mend, Problem, Section, digest};
use crate::config::{self, Paint};
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
    #[arg(short, long, value_name = "FILE", default_value = check_args::CONFIG)]
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
    /// Remove what is accepted of scenarios that the configuration does not declare any more
    Prune(prune::Args),
}

/// Runs it.
///
/// # Errors
/// When the lock or a result cannot be read or written.
pub fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    match &args.action {
        Action::Update(args) => update::run(args, out, messages),
        Action::Show(args) => show::run(args, out, messages),
        Action::Diff(args) => diff::run(args, out, messages),
        Action::Prune(args) => prune::run(args, out, messages),
    }
}

/// A lock's text, and what is in it.
struct Read {
    text: String,
    lock: Lock,
    /// Messages about what is wrong with it.
    problems: Vec<String>,
    /// Those of them that no update mends.
    by_hand: Vec<String>,
}

/// Reads the lock; an empty one where there is none.
fn read_lock(path: &Path) -> anyhow::Result<Read> {
    let text = lock_file::text(path)?;
    let parsed = text.as_ref().map(|text| baseline::parse(text)).unwrap_or_default();
    let by_hand: Vec<Problem> =
        parsed.problems.iter().filter(|problem| problem.mend == Mend::ByHand).cloned().collect();
    Ok(Read {
        problems: lock_file::problems(path, &parsed.problems),
        by_hand: lock_file::problems(path, &by_hand),
        text: text.unwrap_or_default(),
        lock: parsed.lock,
    })
}

/// Reads the lock, which has to be sound but for sections that an update can write anew.
fn mendable_lock(path: &Path) -> anyhow::Result<Read> {
    let read = read_lock(path)?;
    if !read.by_hand.is_empty() {
        bail!("the baseline is damaged, and nothing was changed:\n{}", read.by_hand.join("\n"));
    }
    Ok(read)
}

/// Says what is wrong with the lock still: exit code 2 where something is.
fn tell_problems(problems: &[String], messages: &mut dyn Write) -> std::io::Result<Exit> {
    problems.iter().try_for_each(|problem| writeln!(messages, "leakgate: error: {problem}"))?;
    Ok(if problems.is_empty() { Exit::Passed } else { Exit::BadInput })
}

/// The names of the scenarios that a configuration declares.
///
/// # Errors
/// With all that is wrong with it.
fn declared(config: &Path) -> anyhow::Result<BTreeSet<String>> {
    let config = config::load(config).map_err(|errors| {
        // The word is printed before every message.
        anyhow!("{}", errors.render(Paint::Plain).trim_start_matches("error: ").trim_end())
    })?;
    Ok(config.scenarios.into_iter().map(|scenario| scenario.name).collect())
}

/// What is said of scenarios of the lock that the configuration does not declare; nothing where that cannot be read, which is
/// for `leakgate check` to tell.
fn undeclared(lock: &Lock, config: &Path) -> Option<String> {
    let declared = declared(config).ok()?;
    let names = lock.sections.keys().map(|key| &key.scenario).filter(|name| !declared.contains(*name));
    let names: Vec<&str> = names.map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
    (!names.is_empty()).then(|| {
        let (config, names) = (config.display(), names.join(", "));
        format!("{config} does not declare {names} any more: `leakgate baseline prune` removes what is accepted of it")
    })
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
