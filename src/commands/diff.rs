//! `leakgate diff`: what differs between two captures or two results.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;

use crate::commands::{results, view};
use crate::difference::{Heaps, Moment, Results, Sites};
use crate::exit::Exit;
use crate::heap::Snapshot;
use crate::outcome::Outcome;
use crate::profile::{Capture, Profile, load};
use crate::view::text::clean;

/// The result in a folder of results.
const RESULT: &str = "result.json";
/// Where `leakgate check` leaves its captures, below the current folder.
const CAPTURES: &str = ".leakgate/captures";

/// Compare two captures or two results: what grew, what is new, what went away
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A capture's folder, a scenario's name, or a result.json: what was
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The same kind again: what is
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Which moment's live memory, of captures [default: retained where both have iterations, else peak]
    #[arg(long, value_enum)]
    at: Option<Moment>,
    /// Show at most N sites of each kind, owners, and types
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON, with exact figures and everything that differs
    #[arg(long)]
    json: bool,
}

/// Runs it. A difference is no failure.
///
/// # Errors
/// When one of them cannot be read, or they are of different kinds.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match (open(&args.before)?, open(&args.after)?) {
        (Opened::Capture(before), Opened::Capture(after)) => captures(args, (&before, &after), out)?,
        (Opened::Result(before), Opened::Result(after)) => {
            let results = Results::of(&before, &after);
            match args.json {
                true => json(&Document { kind: "results", difference: &results }, out)?,
                false => write!(out, "{}", results.text())?,
            }
        }
        _ => bail!("one of them is a capture and the other a result; expected two of a kind"),
    }
    Ok(Exit::Passed)
}

/// What a path names.
enum Opened {
    Capture(Capture),
    Result(Box<Outcome>),
}

fn open(path: &Path) -> anyhow::Result<Opened> {
    let scenario = Path::new(CAPTURES).join(path);
    let is_bare = path.components().count() == 1 && !path.exists();
    let path = if is_bare && scenario.is_dir() { scenario } else { path.to_owned() };
    let name = path.display();
    let metadata = fs::metadata(&path)
        .with_context(|| format!("failed to open `{name}`; expected a capture or a result"))?;
    if metadata.is_dir() && !path.join(RESULT).is_file() {
        return Ok(Opened::Capture(load::capture(&path)?));
    }
    Ok(Opened::Result(Box::new(results::load(&path)?)))
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a, T: Serialize> {
    /// `captures` or `results`.
    kind: &'static str,
    #[serde(flatten)]
    difference: &'a T,
}

/// The document of two captures.
#[derive(Serialize)]
struct Captures<'a> {
    #[serde(flatten)]
    sites: &'a Sites,
    /// `null` where not both have heap snapshots.
    heap: Option<&'a Heaps>,
}

fn captures(args: &Args, (before, after): (&Capture, &Capture), out: &mut dyn Write) -> anyhow::Result<()> {
    let profile = |capture: &Capture| -> anyhow::Result<Profile> {
        let main = capture.main().cloned();
        main.ok_or_else(|| anyhow!("{}: this capture holds no process", capture.dir.display()))
    };
    let (old, new) = (profile(before)?, profile(after)?);
    let folder = std::env::current_dir().context("failed to find the current folder")?;
    let at = args.at.unwrap_or_else(|| Moment::best(&old, &new));
    let sites = Sites::of(&old, &new, at, &folder);
    let snapshots = (view::last_snapshot(&before.dir)?, view::last_snapshot(&after.dir)?);
    let heaps = match &snapshots {
        (Some(before), Some(after)) => Some(Heaps::of(before, after)),
        _ => None,
    };
    if args.json {
        let difference = &Captures { sites: &sites, heap: heaps.as_ref() };
        return json(&Document { kind: "captures", difference }, out);
    }
    writeln!(out, "before  {}", described(before, &old))?;
    writeln!(out, "after   {}", described(after, &new))?;
    write!(out, "{}", sites.text(args.limit as usize))?;
    match heaps {
        Some(heaps) => write!(out, "{}", heaps.text(args.limit as usize))?,
        None => write!(out, "{}", without_heaps((before, after), &snapshots))?,
    }
    Ok(())
}

/// What is said where owners and types cannot be compared; nothing where neither capture knows them.
fn without_heaps(
    (before, after): (&Capture, &Capture),
    snapshots: &(Option<Snapshot>, Option<Snapshot>),
) -> String {
    let (without, with) = match snapshots {
        (None, Some(_)) => (before, after),
        (Some(_), None) => (after, before),
        _ => return String::new(),
    };
    let (without, with) = (without.dir.display(), with.dir.display());
    format!(
        "\nnot compared by owner and by type: {without} has no heap snapshot; `leakgate view owners {with}` shows the \
         other one alone\n"
    )
}

/// A capture with the process that is compared.
fn described(capture: &Capture, profile: &Profile) -> String {
    let interpreter = profile.process.interpreter.as_deref().unwrap_or("no Python");
    let others = match capture.processes.len() {
        0 | 1 => String::new(),
        count => format!(" · the largest of {count} recorded programs"),
    };
    let command = clean(&profile.process.name()).into_owned();
    format!("{} · {command} · {interpreter}{others}", capture.dir.display())
}

fn json(value: &impl Serialize, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}
