//! The folder of a capture: where it is, and what may be replaced. It never deletes a file that is not its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use rustix::fs::{FallocateFlags, fallocate};
#[cfg(target_os = "linux")]
use rustix::io::Errno;
use thiserror::Error;

#[cfg(target_os = "linux")]
use super::processes::still_recorded;
use super::run_file::{RUN_FILE, RunFile};
use crate::heap;
use crate::profile::{resident, seal};

/// Names of the captured output of a scenario.
pub const OUTPUT_FILES: [&str; 2] = ["stdout.txt", "stderr.txt"];
/// Name of the time line in a capture.
pub const TIMELINE_FILE: &str = "timeline.csv";
/// The folder for results, in the project.
pub const RESULTS_FOLDER: &str = ".leakgate";

/// What to do with a capture that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Replace it.
    Replace,
    /// Leave it and fail.
    Refuse,
}

/// Why a folder cannot take a capture.
#[derive(Debug, Error)]
pub enum CaptureDirError {
    /// Something else is there.
    #[error("`{0}` is there and is not a capture of leakgate; it is left as it is: name another folder")]
    Foreign(PathBuf),
    /// A capture is there.
    #[error("`{0}` already holds a capture; --force replaces it")]
    Taken(PathBuf),
    /// A capture is there that is being written.
    #[error(
        "`{folder}` is a capture that process {pid} still writes to: end it (`kill {pid}`), or name another folder"
    )]
    Busy {
        /// The capture.
        folder: PathBuf,
        /// The recorded process.
        pid: u32,
    },
    /// The system said no.
    #[error("failed to {action} `{path}`: {error}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// Process id and sequence number of a process file's name: `process-<pid>-<n>.lgp`.
pub fn parse_name(name: &str) -> Option<(u32, u32)> {
    let (pid, sequence) = name.strip_prefix("process-")?.strip_suffix(".lgp")?.split_once('-')?;
    Some((pid.parse().ok()?, sequence.parse().ok()?))
}

/// Nothing records here.
#[cfg(not(target_os = "linux"))]
fn still_recorded(_: &Path) -> io::Result<Vec<u32>> {
    Ok(Vec::new())
}

impl CaptureDirError {
    /// Whether nothing is wrong with the folder but that nothing can be written there.
    pub fn is_unwritable(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let kinds = [FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
        self.system().is_some_and(|error| kinds.contains(&error.kind()))
    }

    /// What the system said.
    pub fn system(&self) -> Option<&io::Error> {
        if let CaptureDirError::Io { error, .. } = self { Some(error) } else { None }
    }
}

/// Whether the file of a process can be made in `folder`: no longer one is tried than each begins with.
///
/// # Errors
/// Why it cannot be.
#[cfg(target_os = "linux")]
pub fn try_room(folder: &Path) -> Result<(), CaptureDirError> {
    let failed = |error| CaptureDirError::Io { action: "write to", path: folder.to_path_buf(), error };
    // With the system's own error, which says nothing of the temporary name.
    let file = tempfile::Builder::new().make_in(folder, |path| fs::File::create_new(path)).map_err(failed)?;
    match fallocate(file.as_file(), FallocateFlags::empty(), 0, leakgate_capture::FIRST_LENGTH as u64) {
        // What such a file system has room for shows only when it is written.
        Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(failed(error.into())),
    }
}

/// Makes `folder` an empty folder for a capture and returns its absolute path.
pub fn prepare(folder: &Path, existing: Existing) -> Result<PathBuf, CaptureDirError> {
    let failed = |action| move |error| CaptureDirError::Io { action, path: folder.to_path_buf(), error };
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(failed("create"))?;
        }
        Err(error) => return Err(failed("look at")(error)),
        // Through a symbolic link, files of another place would be deleted.
        Ok(metadata) if !metadata.is_dir() => return Err(CaptureDirError::Foreign(folder.to_path_buf())),
        Ok(_) => clear(folder, existing)?,
    }
    folder.canonicalize().map_err(failed("resolve"))
}

/// `.leakgate/captures/<name>` in `project`, with the `.gitignore` that keeps results out of commits.
pub fn default_place(project: &Path, name: &str) -> Result<PathBuf, CaptureDirError> {
    place_in(&project.join(RESULTS_FOLDER), name)
}

/// `captures/<name>` in the results folder `results`, which is made.
///
/// # Errors
/// When the folder cannot be made.
pub fn place_in(results: &Path, name: &str) -> Result<PathBuf, CaptureDirError> {
    prepare_results(results)?;
    Ok(results.join("captures").join(name))
}

/// Removes the capture `captures/<name>` of `results`, if there is one.
///
/// # Errors
/// When something else is there, or the capture is still being written.
pub fn remove(results: &Path, name: &str) -> Result<(), CaptureDirError> {
    let folder = results.join("captures").join(name);
    if fs::symlink_metadata(&folder).is_err() {
        return Ok(());
    }
    prepare(&folder, Existing::Replace)?;
    let failed = |error| CaptureDirError::Io { action: "remove", path: folder.clone(), error };
    fs::remove_dir(&folder).map_err(failed)
}

/// Removes the captures of a scenario's later runs, `captures/<name>~…` of `results`: those that can be.
pub fn remove_later_runs(results: &Path, name: &str) {
    let start = format!("{name}~");
    let entries = fs::read_dir(results.join("captures")).into_iter().flatten();
    for entry in entries.flatten() {
        if let Some(run) = entry.file_name().to_str().filter(|run| run.starts_with(&start)) {
            let _ = remove(results, run);
        }
    }
}

/// Makes the folder of results, with the `.gitignore` that keeps it out of commits.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn prepare_results(results: &Path) -> Result<(), CaptureDirError> {
    let failed = |action, path: &Path| {
        let path = path.to_path_buf();
        move |error| CaptureDirError::Io { action, path, error }
    };
    fs::create_dir_all(results).map_err(failed("create", results))?;
    let ignore = results.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(failed("write", &ignore))?;
    }
    Ok(())
}

/// A folder name for a command: its script, module or program, safe characters only.
pub fn name_of(argv: &[String]) -> String {
    let base = |word: &str| {
        let name =
            Path::new(word).file_name().map_or(word.to_owned(), |name| name.to_string_lossy().into_owned());
        name.strip_suffix(".py").unwrap_or(&name).to_owned()
    };
    let program = argv.first().map(|word| base(word)).unwrap_or_default();
    let named =
        if program.starts_with("python") { python_work(&argv[1..]).map(|word| base(&word)) } else { None };
    safe(&named.unwrap_or(program))
}

fn python_work(arguments: &[String]) -> Option<String> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-m" => return arguments.next().cloned(),
            "-W" | "-X" => {
                arguments.next();
            }
            "-c" => return None,
            option if option.starts_with('-') => {}
            script => return Some(script.to_owned()),
        }
    }
    None
}

fn safe(name: &str) -> String {
    const LONGEST: usize = 64;
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(kept).take(LONGEST).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "capture".to_owned() } else { name.to_owned() }
}

fn clear(folder: &Path, existing: Existing) -> Result<(), CaptureDirError> {
    let failed = |action| move |error| CaptureDirError::Io { action, path: folder.to_path_buf(), error };
    let mut ours = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed("read"))? {
        let entry = entry.map_err(failed("read"))?;
        let is_file = entry.file_type().map_err(failed("read"))?.is_file();
        if !is_file || !is_our_name(&entry.file_name().to_string_lossy()) {
            return Err(CaptureDirError::Foreign(folder.to_path_buf()));
        }
        ours.push(entry.path());
    }
    if ours.is_empty() {
        return Ok(());
    }
    if RunFile::read(folder).is_err() {
        return Err(CaptureDirError::Foreign(folder.to_path_buf()));
    }
    if existing == Existing::Refuse {
        return Err(CaptureDirError::Taken(folder.to_path_buf()));
    }
    if let Some(pid) = still_recorded(folder).map_err(failed("read"))?.first() {
        return Err(CaptureDirError::Busy { folder: folder.to_path_buf(), pid: *pid });
    }
    // The description goes last: what is left after an interruption is still recognised as ours.
    ours.sort_by_key(|path| path.ends_with(RUN_FILE));
    ours.iter().try_for_each(fs::remove_file).map_err(failed("empty"))
}

fn is_our_name(name: &str) -> bool {
    [RUN_FILE, seal::NAME, TIMELINE_FILE, resident::NAME, leakgate_capture::JOURNAL].contains(&name)
        || OUTPUT_FILES.contains(&name)
        || parse_name(name).is_some()
        || heap::load::parse_name(name).is_some()
        || heap::load::is_unfinished(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        RunFile::starting(vec![], String::new(), 0).write(folder).unwrap();
        fs::write(folder.join("process-4000000-0.lgp"), b"old").unwrap();
    }

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_capture_is_replaced_only_when_asked() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a");
        capture(&folder);
        let refused = prepare(&folder, Existing::Refuse).unwrap_err();
        assert!(matches!(refused, CaptureDirError::Taken(_)), "{refused}");
        assert!(folder.join(RUN_FILE).exists());
        assert_eq!(prepare(&folder, Existing::Replace).unwrap(), folder.canonicalize().unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_capture_is_removed_whole_and_one_that_is_not_there_is_no_error() {
        let results = tempfile::tempdir().unwrap();
        let folder = place_in(results.path(), "a~2").unwrap();
        capture(&folder);
        remove(results.path(), "a~2").unwrap();
        assert!(!folder.exists());
        remove(results.path(), "a~2").unwrap();
    }

    #[test]
    fn nothing_foreign_is_ever_deleted() {
        let base = tempfile::tempdir().unwrap();
        let with_stranger = base.path().join("stranger");
        capture(&with_stranger);
        fs::write(with_stranger.join("thesis.txt"), b"precious").unwrap();
        let without_description = base.path().join("without");
        fs::create_dir(&without_description).unwrap();
        fs::write(without_description.join("timeline.csv"), b"precious").unwrap();
        let file = base.path().join("file");
        fs::write(&file, b"precious").unwrap();
        let real = base.path().join("real");
        capture(&real);
        let link = base.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        for folder in [&with_stranger, &without_description, &file, &link] {
            let error = prepare(folder, Existing::Replace).unwrap_err();
            assert!(matches!(error, CaptureDirError::Foreign(_)), "{error}");
        }
        assert_eq!(fs::read_dir(&with_stranger).unwrap().count(), 3);
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        assert!(real.join(RUN_FILE).exists());
    }

    #[test]
    fn the_default_place_is_ignored_by_git() {
        let project = tempfile::tempdir().unwrap();
        let place = default_place(project.path(), "app").unwrap();
        assert_eq!(place, project.path().join(".leakgate/captures/app"));
        assert_eq!(fs::read_to_string(project.path().join(".leakgate/.gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn the_name_is_that_of_the_work_and_not_of_the_interpreter() {
        let named = [
            ("python app.py --flag", "app"),
            ("/usr/bin/python3.11 -X dev -W error -m json.tool x", "json.tool"),
            ("python -c pass", "python"),
            ("./run me", "run"),
            ("../..", "capture"),
            ("gunicorn shop.wsgi", "gunicorn"),
        ];
        for (line, name) in named {
            assert_eq!(name_of(&words(line)), name, "{line}");
        }
    }
}
