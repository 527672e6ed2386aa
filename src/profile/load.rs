//! Fills the model from a capture folder.
//!
//! A capture that is damaged is an error with its reason, or has its damaged files left out where a person looks at the rest;
//! one that is merely cut off by a crash is complete.

use std::fs;
use std::path::{Path, PathBuf};

use leakgate_capture::read::{self, ReadError};

use super::model::{Capture, Profile, ProgramId, Sample};
use super::resident::ResidentFile;
use super::tree::{self, Journal};
use super::untracked::{Obstacle, Untracked};
use super::{decode, seal};

/// Version of the description of a run, `run.json`, that is written and read.
pub const RUN_VERSION: u32 = 1;

/// Why a capture cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder cannot be read.
    #[error("failed to read capture `{path}`: {error}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// There is no process in it.
    #[error("`{path}` holds no recorded process (no process-*.lgp); is it a capture?", path = .0.display())]
    Empty(PathBuf),
    /// A process file cannot be read.
    #[error("failed to read `{path}`: {error}", path = path.display())]
    Process {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ReadError,
    },
    /// The description of the run is of another version of leakgate.
    #[error("`{path}` is version {found}; this leakgate reads version {RUN_VERSION}: use the one that recorded it", path = path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A file is not what it was when the recording ended.
    #[error("`{path}` was changed or damaged after it was recorded ({what})", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
}

impl LoadError {
    /// The file or the folder that it is about.
    pub fn path(&self) -> &Path {
        match self {
            LoadError::Empty(path)
            | LoadError::Folder { path, .. }
            | LoadError::Process { path, .. }
            | LoadError::Version { path, .. }
            | LoadError::Damaged { path, .. } => path,
        }
    }
}

/// Loads a capture folder: all its processes, the one that the command line started first.
///
/// # Errors
/// See [`LoadError`].
pub fn capture(path: &Path) -> Result<Capture, LoadError> {
    let mut damage = Vec::new();
    let capture = load(path, &mut damage);
    // What is damaged explains what else is wrong.
    damage.into_iter().next().map_or(capture, Err)
}

/// As [`capture`], for a person to look at: what is damaged is left out, and stands in `damaged` and in the notes.
///
/// # Errors
/// When nothing of it can be shown.
pub fn readable(path: &Path) -> Result<Capture, LoadError> {
    let mut damage = Vec::new();
    let mut capture = match load(path, &mut damage) {
        Err(LoadError::Empty(path)) => {
            return Err(damage.into_iter().next().unwrap_or(LoadError::Empty(path)));
        }
        loaded => loaded?,
    };
    capture.notes.splice(0..0, damage.iter().map(left_out));
    capture.damaged = damage.iter().map(|error| error.path().to_owned()).collect();
    Ok(capture)
}

fn left_out(error: &LoadError) -> String {
    let is_process = error.path().extension().is_some_and(|extension| extension == "lgp");
    let what = if is_process { "this process is left out" } else { "what is shown of it may be wrong" };
    format!("{error}: {what}")
}

/// Loads what of a capture is whole; why the rest is not goes to `damage`.
fn load(path: &Path, damage: &mut Vec<LoadError>) -> Result<Capture, LoadError> {
    let folder = |error| LoadError::Folder { path: path.to_owned(), error };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).map_err(folder)? {
        let file = entry.map_err(folder)?.path();
        if file.extension().is_some_and(|extension| extension == "lgp") {
            files.push(file);
        }
    }
    files.sort();
    let sealed = seal::check(path);
    damage.extend(sealed.damage);
    let mut notes = Vec::from_iter(sealed.note);
    files.retain(|file| !damage.iter().any(|error| error.path() == file));
    let mut processes = Vec::new();
    let resident = ResidentFile::read(path);
    for file in &files {
        match process(file) {
            Ok(Some(mut profile)) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                resident.iter().for_each(|resident| resident.add_to(&mut profile, &name));
                processes.push(profile);
            }
            Ok(None) => notes.push(format!("{}: the process ended before recording began", file.display())),
            Err(error) => damage.push(error),
        }
    }
    if processes.is_empty() {
        return Err(LoadError::Empty(path.to_owned()));
    }
    let run = run_description(path).unwrap_or_default();
    if let Some(found) = run.get("version").and_then(|version| version.as_u64())
        && found != u64::from(RUN_VERSION)
    {
        return Err(LoadError::Version { path: path.join("run.json"), found });
    }
    let root = run.get("root_pid").and_then(|pid| u32::try_from(pid.as_u64()?).ok());
    if let Some(title) = run.get("title").and_then(|title| title.as_str()) {
        add_title(&mut processes, root, title);
    }
    processes.sort_by_key(|profile| {
        let process = &profile.process;
        (Some(process.pid) != root, process.started_ms, process.sequence)
    });
    if run.get("follow").is_some_and(|follow| follow == false) {
        notes.push("only the command itself was recorded, not the processes that it started".to_owned());
    }
    let journal = journal(path, &mut notes);
    tree::link(&mut processes, &journal, root);
    let sampled_peak = run.get("sampled_peak").and_then(|peak| peak.as_u64());
    let mut untracked = journal.untracked;
    add_seen(&mut untracked, &run);
    let (dir, damaged) = (path.to_owned(), Vec::new());
    Ok(Capture { dir, processes, timeline: timeline(path), sampled_peak, untracked, damaged, notes })
}

/// Loads one process file. `None`: the process ended before recording began.
fn process(path: &Path) -> Result<Option<Profile>, LoadError> {
    let bytes = fs::read(path).map_err(|error| LoadError::Folder { path: path.to_owned(), error })?;
    match read::file(&bytes) {
        Ok(file) => Ok(Some(decode::profile(&file))),
        Err(ReadError::NotStarted) => Ok(None),
        Err(error) => Err(LoadError::Process { path: path.to_owned(), error }),
    }
}

/// What the journal tells; what of it cannot be read is told.
fn journal(path: &Path, notes: &mut Vec<String>) -> Journal {
    let text = fs::read(path.join(leakgate_capture::JOURNAL)).unwrap_or_default();
    let (events, broken) = leakgate_capture::journal::events(&text);
    if broken > 0 {
        notes.push(format!(
            "{broken} lines of the journal of processes cannot be read: some may not be known"
        ));
    }
    Journal::of(events)
}

/// Adds the untracked programs that were only seen from outside: the children of untracked ones.
fn add_seen(untracked: &mut Vec<Untracked>, run: &serde_json::Map<String, serde_json::Value>) {
    let seen = run.get("untracked").and_then(|seen| seen.as_array()).into_iter().flatten();
    for program in seen {
        let pid = program.get("pid").and_then(|pid| u32::try_from(pid.as_u64()?).ok());
        let name = program.get("program").and_then(|name| name.as_str());
        let (Some(pid), Some(name)) = (pid, name) else { continue };
        if !untracked.iter().any(|known| known.pid == Some(pid)) {
            let why = program.get("unable").and_then(|why| u32::try_from(why.as_u64()?).ok());
            let (owner, obstacle) = (ProgramId::default(), why.map_or(Obstacle::NotLoaded, Obstacle::of));
            untracked.push(Untracked { pid: Some(pid), owner, program: name.to_owned(), obstacle });
        }
    }
}

/// What `run.json` says.
fn run_description(path: &Path) -> Option<serde_json::Map<String, serde_json::Value>> {
    let text = fs::read_to_string(path.join("run.json")).ok()?;
    serde_json::from_str(&text).ok()
}

/// Gives the title to the process that was started and to those that it forked, which have its command.
fn add_title(processes: &mut [Profile], root: Option<u32>, title: &str) {
    let commands: Vec<Vec<String>> = processes
        .iter()
        .filter(|profile| Some(profile.process.pid) == root)
        .map(|profile| profile.process.command.clone())
        .collect();
    for process in processes.iter_mut().map(|profile| &mut profile.process) {
        if commands.contains(&process.command) {
            process.title = Some(title.to_owned());
        }
    }
}

/// The time line; rows that are not whole (the sampler was killed) are left out.
fn timeline(path: &Path) -> Vec<Sample> {
    let text = fs::read_to_string(path.join("timeline.csv")).unwrap_or_default();
    text.lines().filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let mut fields = line.split(',').map(|field| field.trim().parse::<u64>().ok());
    let mut next = || fields.next().flatten();
    Some(Sample { at_ms: next()?, pid: next()?.try_into().ok()?, live: next()?, rss: next()? })
}
