//! What is left to do when this program is killed before it could clean up: a process of its own sees to it, the guard.
//!
//! The guard is this program again, by a hidden command. It is told over a pipe what runs and which folders go with it; the
//! pipe closes with this program, however it ends. What was not taken back by then is ended and removed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::processes::{running_with, started_at};
use super::tracker::Unpacked;

/// The hidden command that is the guard.
pub const COMMAND: &str = "guard-of-scenarios";

/// How long processes are given to be gone after they were killed.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// The guard, from this program's side.
#[derive(Debug)]
pub struct Guard {
    process: Child,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    pipe: Option<ChildStdin>,
    next: u64,
}

/// A scenario that the guard knows of, until it is dropped: then nothing of it is left to do.
#[derive(Debug)]
pub struct Guarded<'a> {
    guard: &'a Guard,
    id: u64,
}

/// What the guard is told. Paths as bytes: they need not be text.
#[derive(Debug, Serialize, Deserialize)]
enum Message {
    /// A scenario is about to start, with these folders, which go with it, and this library in its processes.
    Begin { id: u64, folders: Vec<Vec<u8>>, library: Vec<u8> },
    /// Its process group.
    Group { id: u64, pid: i32 },
    /// It has ended and was cleaned up.
    Done { id: u64 },
}

impl Guard {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start() -> io::Result<Guard> {
        let mut command = Command::new(std::env::current_exe()?);
        // A group of its own: what is sent to this program's whole group, from a terminal or by a time limit, spares it.
        command.arg(COMMAND).process_group(0);
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let told = Mutex::new(Told { pipe: process.stdin.take(), next: 0 });
        Ok(Guard { process, told })
    }

    /// Tells it of a scenario that is about to start.
    pub fn begin(&self, unpacked: &Unpacked) -> Guarded<'_> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let id = told.next;
        told.next += 1;
        told.tell(&Message::Begin {
            id,
            folders: unpacked.folders().map(|folder| folder.as_os_str().as_bytes().to_vec()).collect(),
            library: unpacked.mapped_as().into_os_string().into_vec(),
        });
        Guarded { guard: self, id }
    }

    fn tell(&self, message: &Message) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).tell(message);
    }
}

impl Told {
    fn tell(&mut self, message: &Message) {
        let Ok(mut line) = serde_json::to_vec(message) else { return };
        line.push(b'\n');
        // A guard that was killed guards nothing more; what it is for may never be needed.
        let _ = self.pipe.as_mut().map(|pipe| pipe.write_all(&line));
    }
}

impl Guarded<'_> {
    /// Tells the process that was started, which leads a group of its own.
    pub fn started(&self, process: &Child) {
        self.guard.tell(&Message::Group { id: self.id, pid: process.id().cast_signed() });
    }
}

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        self.guard.tell(&Message::Done { id: self.id });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.told.get_mut().unwrap_or_else(PoisonError::into_inner).pipe = None;
        let _ = self.process.wait();
    }
}

/// What is known of one scenario.
#[derive(Debug, Default)]
struct Scenario {
    folders: Vec<PathBuf>,
    library: PathBuf,
    group: Option<Leader>,
}

/// The first process of a group, and when it was started: its number alone may come to mean another.
#[derive(Debug)]
struct Leader {
    pid: i32,
    started: u64,
}

/// The guard itself: listens until the pipe is closed, and cleans up what is left.
pub fn run(input: impl BufRead) {
    let mut scenarios: BTreeMap<u64, Scenario> = BTreeMap::new();
    // A line that is cut off is the last one: its writer was killed.
    for line in input.split(b'\n').map_while(Result::ok) {
        match serde_json::from_slice(&line) {
            Ok(Message::Begin { id, folders, library }) => {
                let path = |bytes| PathBuf::from(std::ffi::OsString::from_vec(bytes));
                let folders = folders.into_iter().map(path).collect();
                scenarios.insert(id, Scenario { folders, library: path(library), group: None });
            }
            Ok(Message::Group { id, pid }) => {
                let group = started_at(pid.cast_unsigned()).map(|started| Leader { pid, started });
                scenarios.entry(id).or_default().group = group;
            }
            Ok(Message::Done { id }) => {
                scenarios.remove(&id);
            }
            Err(_) => {}
        }
    }
    scenarios.into_values().for_each(Scenario::clean_up);
}

impl Scenario {
    fn clean_up(self) {
        if let Some(leader) = &self.group
            && started_at(leader.pid.cast_unsigned()) == Some(leader.started)
        {
            let _ = killpg(Pid::from_raw(leader.pid), Signal::SIGKILL);
        }
        end_recorded(&self.library);
        for folder in &self.folders {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Ends what has the library in its memory, whichever group it is in, and waits until it is gone: it might write into
/// the folders, or start others. The processes that were there.
pub(super) fn end_recorded(library: &Path) -> Vec<u32> {
    let mut ended = Vec::new();
    let began = Instant::now();
    while began.elapsed() < PATIENCE && !library.as_os_str().is_empty() {
        let alive = running_with(library, None).unwrap_or_default();
        if alive.is_empty() {
            break;
        }
        for pid in alive {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            if !ended.contains(&pid) {
                ended.push(pid);
            }
        }
        std::thread::sleep(PAUSE);
    }
    ended
}
