//! `leakgate baseline prune`: removes what is accepted of scenarios that are not declared any more.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use super::{declared, mendable_lock, read_lock, tell_problems};
use crate::baseline::{Key, prune};
use crate::commands::{check_args, lock_file};
use crate::exit::Exit;

/// Remove what is accepted of scenarios that the configuration does not declare any more
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration, whose baseline is beside it
    #[arg(short, long, value_name = "FILE", default_value = check_args::CONFIG)]
    config: PathBuf,
}

/// Runs it. Remarks above a section go with it; all other sections stay byte for byte.
pub(super) fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let path = lock_file::beside(&args.config);
    let read = mendable_lock(&path)?;
    let declared = declared(&args.config)?;
    let is_kept = |key: &Key| declared.contains(&key.scenario);
    let text = prune(&read.text, &is_kept);
    if text == read.text {
        writeln!(out, "{}", as_it_was(&path.display().to_string(), &read.text))?;
        return Ok(tell_problems(&read.problems, messages)?);
    }
    lock_file::write(&path, &text)?;
    let left = read_lock(&path)?;
    let removed: BTreeSet<&Key> = read.lock.sections.keys().filter(|key| !is_kept(key)).collect();
    removed.iter().try_for_each(|key| writeln!(out, "{key}: removed"))?;
    writeln!(out, "{}: commit it", path.display())?;
    Ok(tell_problems(&left.problems, messages)?)
}

/// What is said where nothing is written.
pub(super) fn as_it_was(path: &str, text: &str) -> String {
    if text.is_empty() { format!("there is no baseline `{path}`") } else { format!("{path} is as it was") }
}
