//! `run.json`: what was run, written by the program itself into a capture folder beside the processes' files.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::profile::Untracked;

/// Name of the description of the run; its presence makes a folder a capture.
pub const RUN_FILE: &str = "run.json";
/// Version of the file.
pub const VERSION: u32 = crate::profile::load::RUN_VERSION;
const FORMAT: &str = "leakgate-capture";

/// The description of a run. It is written when the run starts and again when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Always `leakgate-capture`.
    pub format: String,
    /// `VERSION` of the program that wrote it.
    pub version: u32,
    /// The command line, unreadable bytes replaced.
    pub command: Vec<String>,
    /// What it was started for, where the command does not tell: `call shop.quotes:quote`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its working directory.
    pub cwd: String,
    /// Milliseconds since the Unix epoch at the start.
    pub started_ms: u64,
    /// Wall time; absent while the command runs.
    pub elapsed_ms: Option<u64>,
    /// The command's exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal that ended the command, if one did.
    pub signal: Option<i32>,
    /// The process that the program started; 0 before it is started.
    pub root_pid: u32,
    /// Whether the processes that the command starts are recorded.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub follow: bool,
    /// Most live bytes of all processes together that a sample saw; absent while the command runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled_peak: Option<u64>,
    /// Programs that ran without the tracker, as far as their processes are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untracked: Vec<UntrackedProgram>,
}

/// A program that ran without the tracker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntrackedProgram {
    /// Its process.
    pub pid: u32,
    /// Its path.
    pub program: String,
    /// The number of the reason why it could not record, where it loaded the tracker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unable: Option<u32>,
}

impl UntrackedProgram {
    /// The program, where its process is known.
    pub fn of(untracked: &Untracked) -> Option<UntrackedProgram> {
        let (program, unable) = (untracked.program.clone(), untracked.obstacle.number());
        Some(UntrackedProgram { pid: untracked.pid?, program, unable })
    }
}

fn yes() -> bool {
    true
}

impl RunFile {
    /// The description of a run that has not ended.
    pub fn starting(command: Vec<String>, cwd: String, started_ms: u64) -> RunFile {
        RunFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            command,
            title: None,
            cwd,
            started_ms,
            elapsed_ms: None,
            exit_code: None,
            signal: None,
            root_pid: 0,
            follow: true,
            sampled_peak: None,
            untracked: Vec::new(),
        }
    }

    /// Writes it into `folder`, whole or not at all.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        // At once: the file has no buffer, and there is a write for each word otherwise.
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.persist(folder.join(RUN_FILE))?;
        Ok(())
    }

    /// Reads it from `folder`; an error also where the file is not one of ours.
    pub fn read(folder: &Path) -> io::Result<RunFile> {
        let run: RunFile = serde_json::from_slice(&fs::read(folder.join(RUN_FILE))?)?;
        if run.format == FORMAT {
            return Ok(run);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("{RUN_FILE} is not of a leakgate capture")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFile::starting(vec!["python".to_owned(), "é".to_owned()], "/work".to_owned(), 7);
        run.exit_code = Some(3);
        run.title = Some("call shop:quote".to_owned());
        run.write(folder.path()).unwrap();
        assert_eq!(RunFile::read(folder.path()).unwrap(), run);
    }
}
