//! The recorded processes of a capture, looked at from outside: their live figures and whether they still run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use leakgate_capture::Live;
use nix::errno::Errno;
use nix::unistd::{SysconfVar, sysconf};

pub use super::capture_dir::parse_name;
use super::plain::plain;
use super::tracker::LIBRARY_NAME;
use crate::profile::ProgramId;

/// Bytes of a process file that hold its live figures.
const HEADER: usize = 4096;
/// The folder is listed again this long after its time of change, because that time is coarse.
const SETTLED: Duration = Duration::from_millis(100);

/// One look at one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The process, and which of the programs that it executed.
    pub id: ProgramId,
    /// Its tracker's figures.
    pub live: Live,
    /// Its resident set in bytes; `None` once it has ended.
    pub rss: Option<u64>,
}

impl Reading {
    /// Its resident set without the tracker's own memory.
    pub fn own_rss(&self) -> Option<u64> {
        self.rss.map(|rss| rss.saturating_sub(self.live.tracker_bytes))
    }

    /// Name of its file in the capture.
    pub fn file(&self) -> String {
        name(self.id.pid, self.id.sequence)
    }
}

/// The processes that write into a capture folder.
#[derive(Debug)]
pub struct Processes {
    folder: PathBuf,
    page: u64,
    /// By process id: a program that a process became by `exec` takes the place of the one before.
    known: BTreeMap<u32, Known>,
    listed: Option<(SystemTime, Instant)>,
    unseen: usize,
}

#[derive(Debug)]
struct Known {
    sequence: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Both files stay open: a process id that is used again cannot be mistaken for the process.
    Running {
        record: File,
        statm: File,
    },
    Ended,
}

/// Name of a process's file in the capture.
pub(super) fn name(pid: u32, sequence: u32) -> String {
    format!("process-{pid}-{sequence}.lgp")
}

/// The processes with a file in `folder` that still run with a tracker in them.
pub fn still_recorded(folder: &Path) -> io::Result<Vec<u32>> {
    let mut pids: Vec<u32> =
        list(folder)?.into_iter().map(|(pid, _)| pid).filter(|pid| has_tracker(*pid)).collect();
    pids.dedup();
    Ok(pids)
}

/// The processes of the machine that run with `library` in them, as far as they can be seen; those that were started
/// before `since`, in the kernel's own count, are not looked at. A process that was just forked is found so, which has no
/// file yet.
pub fn running_with(library: &Path, since: Option<u64>) -> io::Result<Vec<u32>> {
    let library = library.as_os_str().as_bytes();
    let pids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // To see when a process was started takes a tenth of the time that its memory maps take.
    let may_be = |pid: &u32| since.is_none_or(|since| started_at(*pid).is_some_and(|at| at >= since));
    let mut pids: Vec<u32> = pids.filter(|pid| may_be(pid) && maps(*pid, library)).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// When a process was started, in the kernel's own count; `None`: there is none of that number.
pub(super) fn started_at(pid: u32) -> Option<u64> {
    after_name(pid)?.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// What `stat` says of a process after its name: the state, the parent, the process group and so on.
fn after_name(pid: u32) -> Option<String> {
    let mut text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may contain anything.
    let after = text.iter().rposition(|byte| *byte == b')')? + 1;
    String::from_utf8(text.split_off(after)).ok()
}

/// Of `pids`, those that do not end by themselves within `patience`: what multiprocessing starts for itself ends a moment
/// after the program that it is for.
pub(super) fn that_stay(mut pids: Vec<u32>, patience: Duration, runs: impl Fn(u32) -> bool) -> Vec<u32> {
    const STEP: Duration = Duration::from_millis(5);
    let started = Instant::now();
    loop {
        pids.retain(|pid| runs(*pid));
        if pids.is_empty() || started.elapsed() >= patience {
            return pids;
        }
        std::thread::sleep(STEP);
    }
}

/// The processes of process group `group` that run, without the process that the group is called by.
pub(super) fn others_of_group(group: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut others: Vec<u32> = pids.filter(|pid| *pid != group && is_of_group(*pid, group)).collect();
    others.sort_unstable();
    others
}

/// Whether process `pid` runs and is of the process group `group`.
pub(super) fn is_of_group(pid: u32, group: u32) -> bool {
    let stat = after_name(pid).unwrap_or_default();
    let mut fields = stat.split_ascii_whitespace();
    let (state, of) = (fields.next(), fields.nth(1));
    !matches!(state, None | Some("Z" | "X")) && of.and_then(|of| of.parse().ok()) == Some(group)
}

/// Process ids with command lines, for a sentence: `sleep 60` (pid 12).
pub(super) fn described(pids: &[u32]) -> String {
    const SHOWN: usize = 5;
    const LONGEST: usize = 100;
    let one = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ");
        let words = plain(&words).replace(['\n', '\t'], " ");
        match words.char_indices().nth(LONGEST) {
            _ if words.is_empty() => format!("pid {pid}"),
            Some((end, _)) => format!("`{}…` (pid {pid})", &words[..end]),
            None => format!("`{words}` (pid {pid})"),
        }
    };
    let mut shown: Vec<String> = pids.iter().take(SHOWN).map(one).collect();
    shown.extend((pids.len() > SHOWN).then(|| format!("+{} more", pids.len() - SHOWN)));
    shown.join(", ")
}

/// Whether the tracker's library is in the memory of process `pid`.
pub fn has_tracker(pid: u32) -> bool {
    maps(pid, LIBRARY_NAME.as_bytes())
}

/// Whether process `pid` runs with `library` in it, as far as it can be seen.
pub fn runs_with(pid: u32, library: &Path) -> bool {
    maps(pid, library.as_os_str().as_bytes())
}

/// Whether process `pid` has a mapping of a file whose path contains `name`; not for a process that cannot be seen.
fn maps(pid: u32, name: &[u8]) -> bool {
    // Bytes, not text: other mappings may have any name.
    let maps = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.windows(name.len()).any(|window| window == name)
}

/// The recorded processes of `folder`, by the names of their files.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(u32, u32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.extend(parse_name(&entry?.file_name().to_string_lossy()));
    }
    found.sort_unstable();
    Ok(found)
}

impl Processes {
    /// Watches `folder`.
    pub fn new(folder: &Path) -> Processes {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().map_or(4096, |page| page as u64);
        Processes { folder: folder.to_path_buf(), page, known: BTreeMap::new(), listed: None, unseen: 0 }
    }

    /// Looks at every process that has a file and has not ended; one that just ended is read a last time.
    pub fn read(&mut self) -> Vec<Reading> {
        // A folder that cannot be read now (no descriptor is left, it was taken away) has no news now; what is missing
        // in the end is told when the capture is loaded.
        let _ = self.find_new();
        let page = self.page;
        self.known.iter_mut().filter_map(|(pid, known)| known.read(*pid, page)).collect()
    }

    /// Whether process `pid` has ever had a file.
    pub fn has(&self, pid: u32) -> bool {
        self.known.contains_key(&pid)
    }

    /// Whether process `pid` left a file, also where no descriptor was left to watch it.
    pub fn has_file(&mut self, pid: u32) -> bool {
        let is_unseen = !self.has(pid) && self.folder.join(name(pid, 0)).exists();
        self.unseen += usize::from(is_unseen);
        is_unseen || self.has(pid)
    }

    /// How many processes had a file.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// How many processes could not be watched while they ran, because no descriptor was left.
    pub fn unseen(&self) -> usize {
        self.unseen
    }

    fn find_new(&mut self) -> io::Result<()> {
        let changed = fs::metadata(&self.folder)?.modified()?;
        if self.listed.is_some_and(|(seen, at)| seen == changed && at.elapsed() > SETTLED) {
            return Ok(());
        }
        if self.listed.is_none_or(|(seen, _)| seen != changed) {
            self.listed = Some((changed, Instant::now()));
        }
        for (pid, sequence) in list(&self.folder)? {
            if self.known.get(&pid).is_none_or(|known| known.sequence < sequence) {
                self.add(pid, sequence);
            }
        }
        Ok(())
    }

    fn add(&mut self, pid: u32, sequence: u32) {
        let record = File::open(self.folder.join(name(pid, sequence)));
        let statm = File::open(format!("/proc/{pid}/statm"));
        let state = match (record, statm) {
            (Ok(record), Ok(statm)) => State::Running { record, statm },
            // It has ended already, or no descriptor is left: what its file holds is loaded later.
            (record, statm) => {
                let is_full = [record.err(), statm.err()].into_iter().flatten().any(|error| is_limit(&error));
                self.unseen += usize::from(is_full);
                State::Ended
            }
        };
        self.known.insert(pid, Known { sequence, state });
    }
}

impl Known {
    fn read(&mut self, pid: u32, page: u64) -> Option<Reading> {
        let State::Running { record, statm } = &self.state else { return None };
        let rss = resident_pages(statm).map(|pages| pages * page);
        let mut header = [0; HEADER];
        let live =
            record.read_at(&mut header, 0).ok().and_then(|count| leakgate_capture::live(&header[..count]));
        if rss.is_none() {
            self.state = State::Ended;
        }
        // A file without figures is one that its process has just made.
        let id = ProgramId { pid, sequence: self.sequence };
        Some(Reading { id, live: live?, rss })
    }
}

/// Whether a file could not be opened because too many are open.
fn is_limit(error: &io::Error) -> bool {
    [Errno::EMFILE, Errno::ENFILE].iter().any(|limit| error.raw_os_error() == Some(*limit as i32))
}

/// The second number of a `statm` file; `None` for a process that has ended (a zombie has no pages).
fn resident_pages(statm: &File) -> Option<u64> {
    let mut text = [0; 128];
    let count = statm.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(&text[..count]).ok()?;
    text.split(' ').nth(1)?.parse().ok().filter(|pages| *pages > 0)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn only_names_of_process_files_are_taken() {
        assert_eq!(parse_name("process-12-3.lgp"), Some((12, 3)));
        for other in
            ["process-12.lgp", "process--1-3.lgp", "process-12-3.lgp.tmp", "run.json", "process-a-b.lgp"]
        {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_process_is_known_from_its_first_file_on_and_never_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut processes = Processes::new(folder.path());
        processes.read();
        assert_eq!(processes.count(), 0);
        let pid = std::process::id();
        fs::write(folder.path().join(format!("process-{pid}-0.lgp")), b"not yet begun").unwrap();
        assert_eq!(processes.read(), vec![]);
        assert!(processes.has(pid));
        assert!(!processes.has(pid + 1));
    }

    #[test]
    fn a_zombie_has_no_resident_pages_and_a_running_process_has() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let statm = File::open(format!("/proc/{}/statm", child.id())).unwrap();
        assert!(resident_pages(&statm).is_some());
        drop(child.stdin.take());
        let id = nix::sys::wait::Id::Pid(nix::unistd::Pid::from_raw(child.id() as i32));
        let ended = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
        nix::sys::wait::waitid(id, ended).unwrap();
        assert_eq!(resident_pages(&statm), None);
        child.wait().unwrap();
        assert_eq!(resident_pages(&statm), None);
    }
}
