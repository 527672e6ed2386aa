//! `leakgate baseline update`: accepts what scenarios show.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{chosen, section, sound_lock};
use crate::baseline::{Change, Lock, Section, Update, changes, digest, ratcheted, update, words};
use crate::commands::check;
use crate::commands::{lock_file, results};
use crate::exit::Exit;
use crate::outcome::Outcome;

/// Accept what the scenarios show now: run them, or take a result
#[derive(Debug, clap::Args)]
// The flattened arguments have a group of the same name.
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    check: check::Args,
    /// Take this result.json instead of running anything
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Only downwards: lower figures and rates, findings that are gone; nothing new is accepted
    #[arg(long)]
    ratchet: bool,
}

/// Runs it: exit code 3 where a scenario could not be accepted; all others are.
pub(super) fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let path = lock_file::beside(args.check.config());
    // Before anything is run: its result would have no place.
    sound_lock(&path)?;
    let outcome = match &args.from {
        Some(file) => results::load(file)?,
        None => match check::run(&args.check, out, messages)? {
            Exit::Passed | Exit::GateFailed | Exit::ScenarioError => {
                writeln!(out)?;
                results::load(&args.check.results())?
            }
            exit => return Ok(exit),
        },
    };
    let read = sound_lock(&path)?;
    let mut accepting = Accepting {
        outcome: &outcome,
        lock: &read.lock,
        is_ratchet: args.ratchet,
        updates: Vec::new(),
        lines: Vec::new(),
    };
    let mut refused = false;
    for result in chosen(&outcome, args.check.names())? {
        match section(&outcome, result, &read.lock) {
            Ok((key, section)) => accepting.accept(Update { key, section }),
            Err(why) => {
                refused = true;
                accepting.lines.push(format!("{}: left as it was, {why}", result.name));
            }
        }
    }
    let (updates, mut lines) = (accepting.updates, accepting.lines);
    if !updates.is_empty() {
        let packages = BTreeMap::from([(digest(&outcome.packages), outcome.packages.clone())]);
        lock_file::write(&path, &update(&read.text, &updates, &packages))?;
    }
    lines.extend(unknown(&read.lock, &outcome, args));
    let end = match updates.len() {
        0 => format!("{} is as it was", path.display()),
        1 => format!("{}: 1 section written; commit it", path.display()),
        many => format!("{}: {many} sections written; commit it", path.display()),
    };
    tell(out, &lines, &end)?;
    Ok(if refused { Exit::ScenarioError } else { Exit::Passed })
}

fn tell(out: &mut dyn Write, lines: &[String], end: &str) -> std::io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out, "{end}")
}

/// What is being accepted.
struct Accepting<'a> {
    outcome: &'a Outcome,
    lock: &'a Lock,
    is_ratchet: bool,
    updates: Vec<Update>,
    /// What is told about it.
    lines: Vec<String>,
}

impl Accepting<'_> {
    fn accept(&mut self, new: Update) {
        let before = self.lock.sections.get(&new.key);
        let (section, above) = match (self.is_ratchet, before) {
            (false, _) => (new.section, Vec::new()),
            (true, Some(before)) => {
                let ratcheted = ratcheted(before, &new.section);
                (ratcheted.section, ratcheted.above)
            }
            (true, None) => {
                return self.lines.push(format!(
                    "{}: not in the baseline yet, and `--ratchet` accepts nothing new",
                    new.key
                ));
            }
        };
        if !above.is_empty() {
            self.lines.push(format!("{}: above what is accepted, and left: {}", new.key, above.join(", ")));
        }
        if before == Some(&section) && self.knows(&section) {
            return;
        }
        let changed = changes(before.unwrap_or(&Section::default()), &section);
        self.lines.push(format!("{}: {}", new.key, in_words(before.is_none(), &changed)));
        self.updates.push(Update { key: new.key, section });
    }

    /// Whether the list of packages that it refers to is there.
    fn knows(&self, section: &Section) -> bool {
        let digest = section.packages.as_ref();
        digest.is_none_or(|digest| self.lock.packages.contains_key(digest))
            || self.outcome.packages.is_empty()
    }
}

/// Changes that are listed.
const LISTED: usize = 6;

fn in_words(is_new: bool, changes: &[Change]) -> String {
    if is_new {
        let findings = changes.iter().filter(|change| matches!(change, Change::Finding { .. })).count();
        let plural = if findings == 1 { "" } else { "s" };
        return format!("new, {} figures, {findings} accepted finding{plural}", changes.len() - findings);
    }
    let mut words: Vec<String> = changes.iter().take(LISTED).map(words::change).collect();
    if changes.len() > LISTED {
        words.push(format!("+{} more", changes.len() - LISTED));
    }
    if words.is_empty() { "other packages are installed".to_owned() } else { words.join(", ") }
}

/// Scenarios of the baseline that the configuration does not declare, where all of it was run.
fn unknown(lock: &Lock, outcome: &Outcome, args: &Args) -> Option<String> {
    if args.from.is_some() || !args.check.names().is_empty() || outcome.partition.is_some() {
        return None;
    }
    let declared: BTreeSet<&str> = outcome.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let unknown: BTreeSet<&str> = lock
        .sections
        .keys()
        .map(|key| key.scenario.as_str())
        .filter(|scenario| !declared.contains(scenario))
        .collect();
    let config = Path::new(&outcome.config).display();
    (!unknown.is_empty()).then(|| {
        let names = unknown.into_iter().collect::<Vec<_>>().join(", ");
        format!("{config} does not declare {names} any more: remove the sections of it from the baseline")
    })
}
