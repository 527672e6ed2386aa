//! `leakgate baseline diff`: what is accepted against what was measured last.

use std::io::Write;
use std::path::PathBuf;

use super::{Wanted, chosen, last_result, read_lock, section, tell_problems, undeclared};
use crate::baseline::{Lock, Section, changed, changes, steadied, words};
use crate::commands::{lock_file, results};
use crate::exit::Exit;
use crate::outcome::{Outcome, ScenarioResult};

/// Compare what is accepted with the last result
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    wanted: Wanted,
    /// The result to compare with [default: .leakgate/result.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Runs it.
/// Exit code 2 where a part of the lock cannot be read; what can is compared.
pub(super) fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let read = read_lock(&lock_file::beside(&args.wanted.config))?;
    let from = args.from.clone().unwrap_or_else(|| last_result(&args.wanted.config));
    let outcome = results::load(&from)?;
    for result in chosen(&outcome, &args.wanted.names)? {
        compared(&outcome, result, &read.lock).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    if let Some(note) = undeclared(&read.lock, &args.wanted.config) {
        writeln!(messages, "leakgate: note: {note}")?;
    }
    Ok(tell_problems(&read.problems, messages)?)
}

/// The lines about one scenario.
fn compared(outcome: &Outcome, result: &ScenarioResult, lock: &Lock) -> Vec<String> {
    let (key, now) = match section(outcome, result, lock) {
        Ok(section) => section,
        Err(why) => return vec![format!("{}: cannot be compared, {why}", result.name)],
    };
    let Some(before) = lock.sections.get(&key) else {
        return vec![format!("{key}: not in the baseline")];
    };
    // As an update would write it.
    let now = steadied(before, now);
    let mut lines: Vec<String> =
        changes(before, &now).iter().map(|change| format!("  {}", words::change(change))).collect();
    if let Some(packages) = changed_packages(outcome, before, &now, lock) {
        lines.push(format!("  packages: {packages}"));
    }
    if lines.is_empty() {
        return vec![format!("{key}: no difference")];
    }
    lines.insert(0, key.to_string());
    lines
}

fn changed_packages(outcome: &Outcome, before: &Section, now: &Section, lock: &Lock) -> Option<String> {
    // Without a digest they are not known.
    now.packages.as_ref()?;
    let before = lock.packages.get(before.packages.as_ref()?)?;
    words::packages(&changed(before, &outcome.packages))
}
