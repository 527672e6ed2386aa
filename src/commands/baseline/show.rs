//! `leakgate baseline show`: what is accepted, as people read it.

use std::io::Write;

use anyhow::bail;

use super::{Wanted, read_lock, tell_problems, undeclared};
use crate::baseline::{Key, Lock, Section, words};
use crate::commands::lock_file;
use crate::exit::Exit;

/// Print what is accepted
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    wanted: Wanted,
}

/// Runs it: exit code 2 where a part of the lock cannot be read; what can is shown.
pub(super) fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let path = lock_file::beside(&args.wanted.config);
    let read = read_lock(&path)?;
    if read.text.is_empty() {
        bail!("there is no baseline `{}`; `leakgate baseline update` writes one", path.display());
    }
    let is_there = |name: &&String| !read.lock.sections.keys().any(|key| key.scenario == **name);
    if let (Some(missing), true) = (args.wanted.names.iter().find(is_there), read.problems.is_empty()) {
        bail!("{} has no scenario `{missing}`", path.display());
    }
    let is_chosen = |key: &Key| args.wanted.names.is_empty() || args.wanted.names.contains(&key.scenario);
    let chosen = read.lock.sections.iter().filter(|(key, _)| is_chosen(key));
    let shown: Vec<String> = chosen.map(|(key, section)| shown(key, section, &read.lock)).collect();
    write!(out, "{}", shown.join("\n"))?;
    if let Some(note) = undeclared(&read.lock, &args.wanted.config) {
        writeln!(messages, "leakgate: note: {note}")?;
    }
    Ok(tell_problems(&read.problems, messages)?)
}

fn shown(key: &Key, section: &Section, lock: &Lock) -> String {
    let mut rows: Vec<(&str, String)> = section
        .figures
        .iter()
        .map(|(name, figure)| (name.as_str(), words::level(crate::baseline::Level::Figure(*figure))))
        .collect();
    for (identity, accepted) in &section.findings {
        let about =
            if accepted.about.is_empty() { words::level(accepted.level) } else { accepted.about.clone() };
        rows.push(("accepted", format!("{} {}: {about}", accepted.rule, identity.value)));
    }
    if let Some(packages) = section.packages.as_ref().and_then(|digest| lock.packages.get(digest)) {
        rows.push((
            "packages",
            format!("{}, `{}`", packages.len(), section.packages.clone().unwrap_or_default()),
        ));
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = rows.iter().map(|(name, text)| format!("  {name:width$}  {text}\n"));
    format!("{key}\n{}", lines.collect::<String>())
}
