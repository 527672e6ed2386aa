//! `leakgate view`: finds a capture, takes a view of it, prints it or writes it to a file.

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::exit::Exit;
use crate::profile::{Capture, Profile, load};
use crate::scenario::unrecorded;
use crate::view::flamegraph::{self, Drawn};
use crate::view::moment::{At, Options, Threads};
use crate::view::processes::Processes;
use crate::view::screen::{Colour, Glyphs, Screen};
use crate::view::text::clean;
use crate::view::{View, stats, summary, table, tree};

mod heap;
mod snapshots;

use heap::HeapKind;
pub(super) use snapshots::last_snapshot;
use snapshots::with_snapshots;

/// Where `leakgate check` leaves its captures, below the current folder.
const CAPTURES: &str = ".leakgate/captures";
/// How the name of a capture ends that a scenario's second process recorded.
const SECOND: &str = "~2";
/// Captures that an error message lists.
const LISTED: usize = 20;

/// Look at a recorded capture
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Which question to answer.
    #[command(subcommand)]
    pub view: Kind,
}

/// The views.
#[derive(Debug, Subcommand)]
pub enum Kind {
    /// Which functions hold the memory: own and total bytes
    Summary(Common),
    /// What each allocating call stack holds
    Table(Common),
    /// Where the bytes come from: the call tree, biggest branches first
    Tree(Common),
    /// Totals, sizes, domains, allocating functions, top sites, modules, threads
    Stats(Common),
    /// The call tree as one SVG file to zoom and to search in
    Flamegraph(Flamegraph),
    /// Those of heap snapshots.
    #[command(flatten)]
    Heap(HeapKind),
}

/// What views of all kinds take.
#[derive(Debug, Args)]
pub struct Basic {
    /// A capture's folder or a scenario's name [default: the newest capture]
    pub capture: Option<PathBuf>,
    /// Show at most N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Print JSON, with exact figures
    #[arg(long)]
    pub json: bool,
    /// The process to look at, PID.N for its N-th further program [default: the one with the largest peak]
    #[arg(long, value_name = "PID")]
    pub process: Option<Chosen>,
}

impl Basic {
    fn limit(&self) -> Option<usize> {
        self.limit.map(|limit| limit as usize)
    }
}

/// What all views of allocations take.
#[derive(Debug, Args)]
pub struct Common {
    /// Which moment's live memory
    #[arg(long, value_enum, default_value_t = At::Peak)]
    pub at: At,
    /// What views of all kinds take.
    #[command(flatten)]
    pub basic: Basic,
    /// Keep threads apart
    #[arg(long)]
    pub threads: bool,
}

/// A process, or one of the programs that it executed one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pid: u32,
    program: Option<u32>,
}

impl FromStr for Chosen {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Chosen, Self::Err> {
        match text.split_once('.') {
            Some((pid, program)) => Ok(Chosen { pid: pid.parse()?, program: Some(program.parse()?) }),
            None => Ok(Chosen { pid: text.parse()?, program: None }),
        }
    }
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.program {
            Some(program) => write!(f, "{}.{program}", self.pid),
            None => write!(f, "{}", self.pid),
        }
    }
}

/// What the flame graph takes.
#[derive(Debug, Args)]
pub struct Flamegraph {
    /// What all views take.
    #[command(flatten)]
    pub common: Common,
    /// Draw what was temporary since the start: blocks freed before their thread's next allocation
    #[arg(long, conflicts_with = "at")]
    pub temporary: bool,
    /// The file to write [default: NAME.svg in the current folder]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long)]
    pub force: bool,
}

/// Why there is nothing to look at; all of them mean `Exit::BadInput`.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The named capture does not exist.
    #[error("no capture `{0}`; {1}")]
    NoSuchCapture(String, Existing),
    /// There is no capture at all.
    #[error("no capture here; record one with `leakgate run` or `leakgate check`, or name its folder")]
    NoCapture,
    /// The named process was not recorded.
    #[error("no process {0} in this capture; there are: {1}")]
    NoSuchProcess(Chosen, String),
    /// The capture holds no process.
    #[error("{0}: this capture holds no process")]
    NoProcess(String),
    /// The file is there already.
    #[error("{0}: exists already; `--force` overwrites it, `-o FILE` names another")]
    FileExists(String),
}

/// The captures that an error message offers.
#[derive(Debug)]
pub struct Existing(Vec<PathBuf>);

impl std::fmt::Display for Existing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return write!(f, "there are none here");
        }
        let names: Vec<String> = self.0.iter().take(LISTED).map(|path| shown(path)).collect();
        write!(f, "there are: {}", names.join(", "))?;
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, ", +{more} more"),
        }
    }
}

/// Runs the command; what it prints goes to `out`, what a view has no place for to `messages`.
///
/// # Errors
///
/// When there is no such capture, it cannot be read, or the output fails. All but the last mean `Exit::BadInput`.
pub fn run(args: &ViewArgs, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let folder = env::current_dir().context("failed to find the current folder")?;
    let mut path = find(args.view.capture(), &folder)?;
    if let Kind::Heap(_) = args.view {
        path = with_snapshots(path);
    }
    let capture = load::readable(&path)?;
    if let (Kind::Heap(_) | Kind::Flamegraph(_), false) = (&args.view, capture.damaged.is_empty()) {
        for note in capture.notes.iter().take(capture.damaged.len()) {
            writeln!(messages, "leakgate: note       {}", clean(note))?;
        }
    }
    show(&capture, &args.view, &screen(folder), out)?;
    Ok(Exit::Passed)
}

/// Takes the view of a loaded capture and prints it.
///
/// # Errors
///
/// When the capture lacks the process, the flame graph's file exists, or the output fails.
pub fn show(capture: &Capture, kind: &Kind, screen: &Screen, out: &mut dyn Write) -> anyhow::Result<()> {
    let common = match kind {
        Kind::Heap(kind) => return heap::show(capture, kind, screen, out),
        Kind::Summary(common) | Kind::Table(common) | Kind::Tree(common) | Kind::Stats(common) => common,
        Kind::Flamegraph(flamegraph) => &flamegraph.common,
    };
    let options = kind.options(common);
    let profile = process(capture, common.basic.process)?;
    let printed = Printed { capture, profile, common, screen };
    match kind {
        Kind::Summary(_) => printed.print(summary::of(profile, &options), out),
        Kind::Table(_) => printed.print(table::of(profile, &options), out),
        Kind::Tree(_) => printed.print(tree::of(profile, &options), out),
        Kind::Stats(_) => printed.print(stats::of(profile, &options, &screen.folder), out),
        Kind::Flamegraph(flamegraph) => printed.draw(flamegraph, &options, out),
        Kind::Heap(kind) => heap::show(capture, kind, screen, out),
    }
}

struct Printed<'a> {
    capture: &'a Capture,
    profile: &'a Profile,
    common: &'a Common,
    screen: &'a Screen,
}

impl Printed<'_> {
    fn print(&self, mut view: impl View, out: &mut dyn Write) -> anyhow::Result<()> {
        view.head().notes.extend(self.notes());
        view.head().processes = Processes::of(self.capture);
        if self.common.basic.json {
            return json(&view, out);
        }
        Ok(view.print(self.screen, out)?)
    }

    fn draw(&self, args: &Flamegraph, options: &Options, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut image = Vec::new();
        let drawn = flamegraph::draw(self.profile, options, &self.screen.folder, &mut image)?;
        let path =
            args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.svg", name(&self.capture.dir))));
        write_file(&self.screen.folder.join(&path), &path, &image, args.force)?;
        if self.common.basic.json {
            return json(&WrittenJson { drawn: &drawn, file: shown(&path) }, out);
        }
        Ok(writeln!(out, "{}", shown(&path))?)
    }

    /// What the capture says beside the profile.
    fn notes(&self) -> Vec<String> {
        let untracked = unrecorded::note(&self.capture.untracked);
        self.capture.notes.iter().chain(&untracked).map(|note| clean(note).into_owned()).collect()
    }
}

/// What `view flamegraph --json` prints: what was drawn, and where it is.
#[derive(Serialize)]
struct WrittenJson<'a> {
    #[serde(flatten)]
    drawn: &'a Drawn,
    file: String,
}

fn json(value: &impl Serialize, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

fn write_file(path: &Path, typed: &Path, content: &[u8], force: bool) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).truncate(true).create(force).create_new(!force);
    let failed = || format!("failed to write {}", shown(typed));
    match options.open(path) {
        Ok(mut file) => file.write_all(content).with_context(failed),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(ViewError::FileExists(shown(typed)).into())
        }
        Err(error) => Err(error).with_context(failed),
    }
}

fn process(capture: &Capture, chosen: Option<Chosen>) -> Result<&Profile, ViewError> {
    let Some(chosen) = chosen else {
        return capture.main().ok_or_else(|| ViewError::NoProcess(shown(&capture.dir)));
    };
    let is_chosen = |profile: &&Profile| {
        let process = &profile.process;
        process.pid == chosen.pid && chosen.program.is_none_or(|program| program == process.sequence)
    };
    // A process that became another program, as a wrapper script does, has a profile for each.
    let programs = capture.processes.iter().filter(is_chosen);
    programs
        .max_by_key(|profile| profile.totals.peak.bytes)
        .ok_or_else(|| ViewError::NoSuchProcess(chosen, pids(&recorded(capture))))
}

/// The processes of a capture, each once.
fn recorded(capture: &Capture) -> Vec<u32> {
    let mut recorded = Vec::new();
    for profile in &capture.processes {
        if !recorded.contains(&profile.process.pid) {
            recorded.push(profile.process.pid);
        }
    }
    recorded
}

fn pids(pids: &[u32]) -> String {
    let listed: Vec<String> = pids.iter().take(LISTED).map(u32::to_string).collect();
    match pids.len().saturating_sub(LISTED) {
        0 => listed.join(", "),
        more => format!("{}, +{more} more", listed.join(", ")),
    }
}

impl Kind {
    /// The capture that was named.
    fn capture(&self) -> Option<&Path> {
        let capture = match self {
            Kind::Summary(common) | Kind::Table(common) | Kind::Tree(common) | Kind::Stats(common) => {
                &common.basic.capture
            }
            Kind::Flamegraph(flamegraph) => &flamegraph.common.basic.capture,
            Kind::Heap(kind) => &kind.asked().basic.capture,
        };
        capture.as_deref()
    }

    fn options(&self, common: &Common) -> Options {
        let options = common.options();
        match self {
            Kind::Flamegraph(flamegraph) if flamegraph.temporary => Options { at: At::Temporary, ..options },
            _ => options,
        }
    }
}

impl Common {
    fn options(&self) -> Options {
        Options {
            at: self.at,
            threads: if self.threads { Threads::Apart } else { Threads::Merged },
            limit: self.basic.limit(),
        }
    }
}

/// The capture that the user means: a scenario's before a folder of the same name; the newest where none is named.
fn find(named: Option<&Path>, folder: &Path) -> Result<PathBuf, ViewError> {
    let Some(named) = named else {
        return newest(folder).ok_or(ViewError::NoCapture);
    };
    let is_bare = named.components().count() == 1 && named.file_name().is_some();
    let scenario = folder.join(CAPTURES).join(named);
    if is_bare && scenario.is_dir() {
        return Ok(scenario);
    }
    let path = folder.join(named);
    if path.exists() {
        return Ok(path);
    }
    let existing = existing(folder).into_iter().map(|path| below(&path, folder)).collect();
    Err(ViewError::NoSuchCapture(shown(named), Existing(existing)))
}

fn newest(folder: &Path) -> Option<PathBuf> {
    // What a scenario's second process recorded is beside what its first one did, and explains it.
    let is_second =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SECOND));
    existing(folder).into_iter().max_by_key(|path| (!is_second(path), changed(path), path.clone()))
}

/// The scenarios' captures and the `*.leakgate` folders, sorted by name.
fn existing(folder: &Path) -> Vec<PathBuf> {
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "leakgate");
    let mut found = folders_in(&folder.join(CAPTURES));
    found.extend(folders_in(folder).into_iter().filter(is_capture));
    found
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The latest change to the folder or a file in it: recording changes the files only.
fn changed(folder: &Path) -> Option<SystemTime> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let times =
        files.chain([folder.to_path_buf()]).filter_map(|path| fs::metadata(path).ok()?.modified().ok());
    times.max()
}

fn below(path: &Path, folder: &Path) -> PathBuf {
    path.strip_prefix(folder).unwrap_or(path).to_path_buf()
}

fn shown(path: &Path) -> String {
    clean(&path.to_string_lossy()).into_owned()
}

/// The capture's name, for the files made of it.
fn name(capture: &Path) -> String {
    match capture.file_stem() {
        Some(stem) => stem.to_string_lossy().into_owned(),
        None => "flamegraph".into(),
    }
}

/// What standard output is: `COLUMNS` and `NO_COLOR` count on a terminal only, a pipe is plain and as wide as needed.
fn screen(folder: PathBuf) -> Screen {
    if !io::stdout().is_terminal() {
        return Screen::pipe(folder);
    }
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let columns = set("COLUMNS").and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let width = columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)));
    let dumb = set("TERM").is_none_or(|term| term == "dumb");
    Screen {
        colour: if dumb || set("NO_COLOR").is_some() { Colour::Never } else { Colour::Ansi },
        glyphs: if dumb { Glyphs::Ascii } else { Glyphs::Unicode },
        ..Screen::terminal(width.unwrap_or(80), folder)
    }
}

#[cfg(test)]
mod tests;
