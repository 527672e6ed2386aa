//! The program's own part of a capture while a command is recorded: its description, and the seal at the end.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::launch::{Launch, Running};
use super::processes;
use super::run_file::{RunFile, UntrackedProgram};
use super::tracker::Follow;
use super::tracker::Unpacked;
use super::watch::Watched;
use crate::profile::seal;

/// How long a recorded process may go on by itself before it is said that it still runs.
const PATIENCE: Duration = Duration::from_millis(300);

/// A capture that is being written.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
    run: RunFile,
    /// When the command was started, in the kernel's own count.
    started: Option<u64>,
}

impl Recording {
    /// Describes the run in `folder` before it starts; `title` says what it is for, where the command does not tell.
    pub fn begin(
        launch: &Launch,
        title: Option<String>,
        follow: Follow,
        folder: &Path,
    ) -> io::Result<Recording> {
        let command = launch.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut run = RunFile::starting(command, launch.cwd.display().to_string(), now.as_millis() as u64);
        run.title = title;
        run.follow = follow == Follow::Children;
        run.write(folder)?;
        // Processes write into it only where it is there.
        std::fs::write(folder.join(leakgate_capture::JOURNAL), "")?;
        Ok(Recording { folder: folder.to_path_buf(), run, started: None })
    }

    /// Notes which process it is. What is not written now is written at the end: the process must be watched in any case.
    pub fn started(&mut self, running: &Running) {
        self.run.root_pid = running.child.id();
        self.started = processes::started_at(running.child.id());
        let _ = self.run.write(&self.folder);
    }

    /// Describes how it ended. Seals the capture and removes the library, unless a recorded process still runs, which
    /// needs both. What the reader must know of it, in sentences.
    pub fn finish(mut self, watched: &Watched, unpacked: Unpacked) -> Vec<String> {
        self.run.elapsed_ms = Some(watched.elapsed.as_millis() as u64);
        self.run.exit_code = watched.status.code();
        self.run.signal = watched.status.signal();
        self.run.sampled_peak = Some(watched.sampled.live);
        self.run.untracked = watched.untracked.iter().filter_map(UntrackedProgram::of).collect();
        let described = self.run.write(&self.folder);
        let library = unpacked.mapped_as();
        let alive = processes::running_with(&library, self.started).unwrap_or_default();
        let alive = processes::that_stay(alive, PATIENCE, |pid| processes::runs_with(pid, &library));
        let mut notes = Vec::new();
        if alive.is_empty() {
            // The disk may have been full before the seal cut the files to what is used of them.
            let completed = described.and_then(|()| seal::write(&self.folder)).or_else(|_| {
                seal::write(&self.folder)?;
                self.run.write(&self.folder)?;
                seal::write(&self.folder)
            });
            notes.extend(completed.err().map(|error| format!("the capture could not be completed: {error}")));
            return notes;
        }
        let what =
            if alive.len() == 1 { "a recorded process still runs" } else { "recorded processes still run" };
        notes.push(format!("{what}: figures may change after this: {}", processes::described(&alive)));
        notes.extend(unpacked.leave().map(str::to_owned));
        notes
    }
}
