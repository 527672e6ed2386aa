//! `leakgate baseline update`: accepts what scenarios show.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::prune::as_it_was;
use super::{Read, chosen, declared, mendable_lock, read_lock, section, tell_problems, undeclared};
use crate::baseline::{Change, Lock, Section, Update, changes, digest, ratcheted, steadied, update, words};
#[cfg(target_os = "linux")]
use crate::commands::check;
#[cfg(not(target_os = "linux"))]
use crate::commands::elsewhere::check;
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

/// Runs it: exit code 3 where a scenario could not be accepted, 2 where a part of the lock is damaged still; all others are
/// accepted.
pub(super) fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let path = lock_file::beside(&args.check.config);
    // Before anything is run: its result would have no place.
    mendable_lock(&path)?;
    let outcome = match &args.from {
        Some(file) => results::load(file)?,
        None => match check::attempt(&args.check, out, messages)? {
            check::Attempt::Judged(_) => {
                writeln!(out)?;
                results::load(&args.check.results())?
            }
            check::Attempt::Stopped(exit) => return Ok(exit),
        },
    };
    let read = mendable_lock(&path)?;
    let declared = declared(&args.check.config)?;
    let mut accepting = Accepting::new(&outcome, &read, args.ratchet);
    let mut refused = false;
    for result in chosen(&outcome, &args.check.names)? {
        let why = match declared.contains(&result.name) {
            true => section(&outcome, result, &read.lock).map(|(key, section)| Update { key, section }),
            false => Err(format!("{} does not declare it", args.check.config.display())),
        };
        match why {
            Ok(update) => accepting.accept(update),
            Err(why) => {
                refused = true;
                accepting.lines.push(format!("{}: left as it was, {why}", result.name));
            }
        }
    }
    let (updates, lines) = (accepting.updates, accepting.lines);
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    if !updates.is_empty() {
        let packages = BTreeMap::from([(digest(&outcome.packages), outcome.packages.clone())]);
        lock_file::write(&path, &update(&read.text, &updates, &packages))?;
    }
    let path = path.display().to_string();
    writeln!(out, "{}", said(&path, updates.len(), &read.text))?;
    let left = read_lock(Path::new(&path))?;
    if let Some(note) = undeclared(&left.lock, &args.check.config) {
        writeln!(messages, "leakgate: note: {note}")?;
    }
    let damaged = tell_problems(&left.problems, messages)?;
    Ok(if refused && damaged == Exit::Passed { Exit::ScenarioError } else { damaged })
}

/// What was written.
fn said(path: &str, sections: usize, text: &str) -> String {
    match sections {
        0 => as_it_was(path, text),
        1 => format!("{path}: 1 section written; commit it"),
        many => format!("{path}: {many} sections written; commit it"),
    }
}

/// What is being accepted.
struct Accepting<'a> {
    outcome: &'a Outcome,
    lock: &'a Lock,
    /// Headings in its text, those of damaged sections, too.
    headings: BTreeSet<String>,
    is_ratchet: bool,
    updates: Vec<Update>,
    /// What is told about it.
    lines: Vec<String>,
}

impl<'a> Accepting<'a> {
    fn new(outcome: &'a Outcome, read: &'a Read, is_ratchet: bool) -> Self {
        let headings = read.text.lines().filter(|line| line.starts_with('['));
        let headings = headings.map(|line| line.trim_end().to_owned()).collect();
        Accepting { outcome, lock: &read.lock, headings, is_ratchet, updates: Vec::new(), lines: Vec::new() }
    }

    fn accept(&mut self, new: Update) {
        let before = self.lock.sections.get(&new.key);
        let is_damaged = before.is_none() && self.headings.contains(&format!("[{}]", new.key));
        let (section, above) = match (self.is_ratchet, before) {
            (false, Some(before)) => (steadied(before, new.section), Vec::new()),
            (false, None) => (new.section, Vec::new()),
            (true, Some(before)) => {
                let ratcheted = ratcheted(before, &steadied(before, new.section));
                (ratcheted.section, ratcheted.above)
            }
            (true, None) if is_damaged => {
                return self.lines.push(format!(
                    "{}: what is accepted cannot be read, and `--ratchet` accepts nothing new",
                    new.key
                ));
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
        let said = match before {
            None if is_damaged => format!("was damaged, written anew: {}", in_words(true, &changed)),
            _ => in_words(before.is_none(), &changed),
        };
        self.lines.push(format!("{}: {said}", new.key));
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
        let figures = changes.iter().filter(|change| matches!(change, Change::Figure { .. })).count();
        let findings = changes.iter().filter(|change| matches!(change, Change::Finding { .. })).count();
        let plural = if findings == 1 { "" } else { "s" };
        return format!("new, {figures} figures, {findings} accepted finding{plural}");
    }
    let mut words: Vec<String> = changes.iter().take(LISTED).map(words::change).collect();
    if changes.len() > LISTED {
        words.push(format!("+{} more", changes.len() - LISTED));
    }
    if words.is_empty() { "other packages are installed".to_owned() } else { words.join(", ") }
}
