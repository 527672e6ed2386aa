//! Finds programs of a scenario that ran without the tracker: static ones, setuid ones, those of another C library. Their
//! memory is in no figure, so the report must name them. What a recorded process executed stands in the journal, however
//! short it lived; what an untracked one executed in turn is seen from outside, unless it comes and goes between two samples.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::elf;
use super::processes;
use crate::profile::tree::Journal;
use crate::profile::{Obstacle, ProgramId, Untracked};

/// Most programs that are kept of what is seen from outside.
const SEEN: usize = 1000;

/// What was seen of one process.
struct Seen {
    program: PathBuf,
    is_settled: bool,
}

/// The processes below one that was started.
pub(super) struct Descendants {
    root: u32,
    /// This program, which a child still is until it executes the command.
    own: Option<PathBuf>,
    seen: BTreeMap<u32, Seen>,
    untracked: Vec<(u32, String)>,
}

impl Descendants {
    /// Of process `root`, itself included.
    pub(super) fn of(root: u32) -> Descendants {
        let own = std::env::current_exe().ok();
        Descendants { root, own, seen: BTreeMap::new(), untracked: Vec::new() }
    }

    /// Looks at all that are there now.
    pub(super) fn look(&mut self) {
        let mut left = vec![self.root];
        while let Some(pid) = left.pop() {
            left.extend(children(pid));
            self.look_at(pid);
        }
    }

    fn look_at(&mut self, pid: u32) {
        // A process that is gone, or not ours to see, has no link.
        let Ok(program) = fs::read_link(format!("/proc/{pid}/exe")) else { return };
        let is_known = self.seen.get(&pid).is_some_and(|seen| seen.is_settled && seen.program == program);
        if is_known || Some(&program) == self.own.as_ref() {
            return;
        }
        let tracked = tracked(pid);
        if tracked == Some(false) && self.untracked.len() < SEEN {
            let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.untracked.push((pid, name));
        }
        self.seen.insert(pid, Seen { program, is_settled: tracked.is_some() });
    }
}

fn journal(folder: &Path) -> Journal {
    let text = fs::read(folder.join(leakgate_capture::JOURNAL)).unwrap_or_default();
    Journal::of(leakgate_capture::journal::events(&text).0)
}

/// Processes that could not even write into the journal, by the empty files that they left, and why.
fn marked(folder: &Path) -> Vec<(u32, Obstacle)> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let parsed = |name: std::ffi::OsString| {
        let (pid, why) = name.to_str()?.strip_prefix(leakgate_capture::UNABLE_NAME)?.split_once('-')?;
        Some((pid.parse().ok()?, Obstacle::of(why.parse().ok()?)))
    };
    let mut marked: Vec<(u32, Obstacle)> = names.filter_map(parsed).collect();
    marked.sort_by_key(|(pid, _)| *pid);
    marked
}

/// Processes that wrote themselves down in the file of one that shares its memory with them, as they may not write anywhere
/// else: a child that gave its privileges away.
fn written_down(folder: &Path) -> Vec<Untracked> {
    let files = processes::list(folder).unwrap_or_default();
    let mut found = Vec::new();
    for (owner, sequence) in files.iter().copied() {
        let header = first_bytes(&folder.join(processes::name(owner, sequence))).unwrap_or_default();
        for (pid, name) in leakgate_capture::unrecorded(&header) {
            // What it executed could be recorded after all.
            let is_recorded =
                files.iter().any(|(of, later)| *of == pid && (pid != owner || *later > sequence));
            let name = String::from_utf8_lossy(name);
            let program = if name.is_empty() { "a forked child".to_owned() } else { name.into_owned() };
            let owner = ProgramId { pid: owner, sequence };
            found.extend((!is_recorded).then_some(Untracked {
                pid: Some(pid),
                owner,
                program,
                obstacle: Obstacle::NoFile,
            }));
        }
    }
    found
}

fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut header = Vec::new();
    File::open(path)?.take(leakgate_capture::HEADER_LEN as u64).read_to_end(&mut header)?;
    Ok(header)
}

/// Why process `pid`, which loaded the tracker, could not record into `folder`; `None` where it did not say.
pub fn obstacle(folder: &Path, pid: u32) -> Option<Obstacle> {
    journal(folder).unable.get(&pid).copied()
}

/// What ran without the tracker: what the journal in `folder` tells, and what was seen besides.
pub(super) fn all(seen: Descendants, folder: &Path) -> Vec<Untracked> {
    // One that still runs may not have come to its beginning.
    let is_loading =
        |pid: u32| Path::new(&format!("/proc/{pid}/exe")).exists() && tracked(pid) != Some(false);
    let mut untracked = journal(folder).untracked;
    for (pid, obstacle) in marked(folder) {
        if !untracked.iter().any(|known| known.pid == Some(pid)) {
            let (owner, program) = (ProgramId::default(), format!("a program in process {pid}"));
            untracked.push(Untracked { pid: Some(pid), owner, program, obstacle });
        }
    }
    untracked.retain(|program| !program.pid.is_some_and(is_loading));
    for program in written_down(folder) {
        if !untracked.iter().any(|known| known.pid == program.pid) {
            untracked.push(program);
        }
    }
    for (pid, program) in seen.untracked {
        if !untracked.iter().any(|known| known.pid == Some(pid)) {
            let owner = ProgramId::default();
            untracked.push(Untracked { pid: Some(pid), owner, program, obstacle: Obstacle::NotLoaded });
        }
    }
    untracked
}

/// Whether the tracker is in process `pid`; `None` while that cannot be told: a later look tells. Mappings are read in
/// several steps while the process goes on, so that it is not in there must be seen twice.
fn tracked(pid: u32) -> Option<bool> {
    let mappings = || fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    let has_loader = || elf::has_loader(Path::new(&format!("/proc/{pid}/exe")));
    let first = is_tracked(&mappings(), has_loader)?;
    if first { Some(true) } else { is_tracked(&mappings(), has_loader) }
}

/// Whether the tracker is in a process with these mappings; `None` while its loader is still at work, or when it has no
/// memory any more. The loader maps preloaded libraries before the C library; a static program has no loader.
/// `has_loader`: what the program's file says, `None` when it cannot be read.
fn is_tracked(maps: &[u8], has_loader: impl FnOnce() -> Option<bool>) -> Option<bool> {
    let has = |name: &str| maps.windows(name.len()).any(|window| window == name.as_bytes());
    if has(super::tracker::LIBRARY_NAME) {
        return Some(true);
    }
    // The stack is there from the beginning of a program and among the last lines: without it the list was cut off,
    // as it is when the process executes another program or ends while it is read.
    if !has("[stack]") {
        return None;
    }
    if has("/libc.so.6") || has("/libc-2.") || has("/ld-musl-") {
        return Some(false);
    }
    // The kernel maps a program before its loader: that no loader is there yet makes it no static one.
    (!has("/ld-") && has_loader() == Some(false)).then_some(false)
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_judged_by_its_mappings_once_its_loader_is_done() {
        let line = |path: &str| format!("7f0000000000-7f0000001000 r-xp 00000000 08:01 7 {path}\n");
        let (loader, libc) = (line("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"), line("/lib/libc.so.6"));
        let (program, tracker) = (line("/usr/bin/app"), line("/tmp/leakgate-1/libleakgate.so"));
        let stack = line("[stack]");
        let judged = |parts: &[&String], has_loader: Option<bool>| {
            let maps = parts.iter().map(|part| part.as_str()).collect::<String>();
            is_tracked(maps.as_bytes(), || has_loader)
        };
        assert_eq!(judged(&[&program, &loader, &libc, &tracker, &stack], Some(true)), Some(true));
        assert_eq!(judged(&[&program, &loader, &stack], Some(true)), None, "still loading");
        assert_eq!(
            judged(&[&program, &loader, &libc, &stack], Some(true)),
            Some(false),
            "a scrubbed environment"
        );
        assert_eq!(judged(&[&program, &stack], Some(false)), Some(false), "static");
        assert_eq!(judged(&[&program, &stack], Some(true)), None, "its loader is not mapped yet");
        assert_eq!(judged(&[&program, &stack], None), None, "its file cannot be read");
        assert_eq!(judged(&[&program, &loader, &libc], Some(true)), None, "cut off");
        assert_eq!(judged(&[], Some(true)), None, "gone");
    }
}
