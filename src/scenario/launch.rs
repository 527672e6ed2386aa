//! Starts a command with the tracker in it.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::personality::{self, Persona};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::capture_dir::OUTPUT_FILES;
use super::environment::Variables;
use super::limits;
use super::output::Drained;
use super::signals;

/// A command, ready to start: its program is resolved and its environment complete.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The file to execute.
    pub program: PathBuf,
    /// All words, the first as the user typed it.
    pub argv: Vec<OsString>,
    /// Working directory.
    pub cwd: PathBuf,
    /// The whole environment.
    pub variables: Variables,
}

/// A command that was started.
#[derive(Debug)]
pub struct Running {
    /// The command; not reaped before `ended` has told, so its process id stays its own.
    pub child: Child,
    /// When it was started.
    pub started: Instant,
    /// Tells once that it has ended.
    pub ended: Receiver<()>,
    /// Its drained output, where it is captured: stdout, stderr.
    pub output: Vec<Drained>,
    /// What could not be set up, in sentences.
    pub notes: Vec<String>,
}

impl Launch {
    /// Starts it as a part of the program's own process group, with the program's own input and output.
    pub fn transparent(&self) -> io::Result<Running> {
        limits::with_users(|| self.command().spawn()).map(Running::new)
    }

    /// Executes it in the place of this program. Returns only the reason why it cannot be.
    pub fn in_place(&self) -> io::Error {
        limits::with_users(|| self.command().exec())
    }

    /// Starts it in a process group of its own, without input, its output drained into `folder`, its addresses and
    /// so the order of its sets the same every time.
    pub fn isolated(&self, folder: &Path) -> io::Result<Running> {
        let mut command = self.command();
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (child, note) = with_fixed_addresses(|| limits::with_users(|| command.spawn()));
        let mut running = Running::new(child?);
        running.notes.extend(note);
        let [stdout, stderr] = OUTPUT_FILES.map(|name| folder.join(name));
        if let Some(stream) = running.child.stdout.take() {
            running.output.push(Drained::start(stream, &stdout)?);
        }
        if let Some(stream) = running.child.stderr.take() {
            running.output.push(Drained::start(stream, &stderr)?);
        }
        Ok(running)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.argv.iter().skip(1)).current_dir(&self.cwd).env_clear().envs(&self.variables);
        if let Some(word) = self.argv.first() {
            command.arg0(word);
        }
        command
    }
}

impl Running {
    fn new(child: Child) -> Running {
        let started = Instant::now();
        let (sender, ended) = channel();
        let pid = pid_of(&child);
        signals::spawn_deaf(move || {
            // Not reaped here: until the watcher does it, the process id cannot come to mean another process.
            while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
            // The watcher gave up if nobody listens.
            let _ = sender.send(());
        });
        Running { child, started, ended, output: Vec::new(), notes: Vec::new() }
    }

    /// The process id.
    pub fn pid(&self) -> Pid {
        pid_of(&self.child)
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// Runs `spawn` while this thread asks for addresses that are not randomised, which the command inherits. Without
/// the permission (containers may forbid it) the command is started all the same, with a note.
fn with_fixed_addresses<T>(spawn: impl FnOnce() -> T) -> (T, Option<String>) {
    let changed = personality::get()
        .and_then(|before| personality::set(before | Persona::ADDR_NO_RANDOMIZE).map(|_| before));
    let result = spawn();
    let note = match changed {
        // It cannot fail when setting it could.
        Ok(before) => personality::set(before).err().map(|error| error.desc().to_owned()),
        Err(error) => Some(format!(
            "addresses are randomised, so the order of sets of objects may differ from run to run ({})",
            error.desc()
        )),
    };
    (result, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_inherits_fixed_addresses_and_the_program_does_not_keep_them() {
        let before = personality::get().unwrap();
        let (output, note) =
            with_fixed_addresses(|| Command::new("cat").arg("/proc/self/personality").output().unwrap());
        let inherited = u32::from_str_radix(String::from_utf8(output.stdout).unwrap().trim(), 16).unwrap();
        assert_eq!(note, None);
        assert_ne!(inherited & Persona::ADDR_NO_RANDOMIZE.bits() as u32, 0);
        assert_eq!(personality::get().unwrap(), before);
    }
}
