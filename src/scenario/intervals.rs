//! The iterations of a command that are so much time or so many bytes: what its processes have live is looked at from
//! outside, again and again.
//!
//! An interval has four parts. Of each part the lowest figures of each site are kept, so that what comes and goes within it
//! counts as gone; in each the process is asked to collect its garbage, and where it does, only parts in which it did are
//! judged. The process is not stopped for it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leakgate_capture::read::{self, Now, ReadError};
use leakgate_capture::{ASKED_SNAPSHOT, OFFSET_ASKED};

use super::processes::Reading;
use super::series::Series;
use crate::config::Checkpoints;
use crate::profile::{Amount, Checkpoint, CheckpointKind, ProgramId};

/// A look reads the figures so often, and takes of each site the most: one that is reallocated is gone for a moment.
const READS: u32 = 3;
/// Parts of an interval.
const PARTS: u64 = 4;
/// Of one process's time, looking at it takes at most this part.
const SHARE: u32 = 10;
/// A process that has taken no snapshot after this time is asked again.
const LONGEST_SNAPSHOT: Duration = Duration::from_secs(10);
/// After so many kept parts, twice as many are taken for one: a long run takes no more memory than a short one.
const MOST: usize = 4096;
/// Processes that are looked at; of more of them, those that come later are not.
const MOST_PROCESSES: usize = 64;

/// The intervals of all processes of a command.
#[derive(Debug)]
pub struct Intervals {
    every: Every,
    folder: PathBuf,
    /// After which iterations each process takes a snapshot of its heap, the last one first.
    snapshots: Vec<u32>,
    processes: Vec<Process>,
}

/// How long an interval is.
#[derive(Debug, Clone, Copy)]
enum Every {
    Milliseconds(u64),
    Bytes(u64),
}

#[derive(Debug)]
struct Process {
    id: ProgramId,
    /// `None` where it cannot be read.
    file: Option<File>,
    /// Where in time or traffic its first interval begins.
    origin: Option<u64>,
    part: Part,
    /// How many parts are kept as one.
    span: u64,
    kept: Vec<Checkpoint>,
    /// Of each of them, whether garbage was collected in it.
    clean: Vec<bool>,
    /// What each site had in the part that was kept last.
    last: Vec<Amount>,
    answers: Vec<(u32, u32)>,
    asked: u32,
    /// Iterations after which it is still to take a snapshot, the last one first.
    wanted: Vec<u32>,
    /// When it was asked for the one that is due.
    snapshot_asked: Option<Instant>,
    /// Whether it was asked and has not been seen to have done it.
    is_asked: bool,
    looked: Option<Instant>,
    took: Duration,
}

/// A part of an interval that has begun.
#[derive(Debug, Default)]
struct Part {
    number: u64,
    /// The lowest of each site, and of all of them together.
    lowest: Vec<Amount>,
    live: Option<Amount>,
    /// Whether garbage was collected in it, and what it had is from then on.
    is_clean: bool,
}

impl Intervals {
    /// Those of the processes that record into `capture`; `None` where iterations are something else.
    /// After some iterations each process is to take a snapshot of its heap.
    pub fn of(checkpoints: Checkpoints, capture: &Path, snapshots: &[u32]) -> Option<Intervals> {
        let every = match checkpoints {
            Checkpoints::Time(time) => Every::Milliseconds(time.as_millis() as u64),
            Checkpoints::Traffic(bytes) => Every::Bytes(bytes),
            Checkpoints::Program | Checkpoints::Processes(_) => return None,
        };
        let snapshots = snapshots.iter().rev().copied().collect();
        Some(Intervals { every, folder: capture.to_path_buf(), snapshots, processes: Vec::new() })
    }

    /// Looks at the processes that run.
    pub(super) fn look(&mut self, elapsed: Duration, readings: &[Reading]) {
        for reading in readings.iter().filter(|reading| reading.rss.is_some()) {
            let Some(index) = self.index_of(reading) else { continue };
            self.processes[index].look(self.every, elapsed);
        }
    }

    /// What was seen of each process. A part that is not over is left out: the end of a program is none of its iterations.
    pub(super) fn finish(self) -> Vec<Series> {
        self.processes.into_iter().map(Process::finish).collect()
    }

    fn index_of(&mut self, reading: &Reading) -> Option<usize> {
        if let Some(index) = self.processes.iter().position(|process| process.id == reading.id) {
            return Some(index);
        }
        (self.processes.len() < MOST_PROCESSES).then(|| {
            let path = self.folder.join(reading.file());
            let file = OpenOptions::new().read(true).write(true).open(path);
            self.processes.push(Process::new(reading.id, file.ok(), self.snapshots.clone()));
            self.processes.len() - 1
        })
    }
}

impl Process {
    fn new(id: ProgramId, file: Option<File>, wanted: Vec<u32>) -> Process {
        Process {
            id,
            file,
            origin: None,
            part: Part::default(),
            span: 1,
            kept: Vec::new(),
            clean: Vec::new(),
            last: Vec::new(),
            answers: Vec::new(),
            asked: 0,
            wanted,
            snapshot_asked: None,
            is_asked: false,
            looked: None,
            took: Duration::ZERO,
        }
    }

    fn look(&mut self, every: Every, elapsed: Duration) {
        if self.looked.is_some_and(|looked| looked.elapsed() < self.took * SHARE) {
            return;
        }
        let began = Instant::now();
        // Before it is looked at: what is seen then is what was left.
        let (answer, has_snapshot) = if self.is_asked { self.new_answer() } else { (None, false) };
        // A file that cannot be read now may be read the next time; one that never can leaves no iterations, which is told.
        // Of a process that answers, the figures that it froze are judged, and these hardly count.
        let reads = if self.answers.is_empty() { READS } else { 1 };
        let Some(Ok(sites)) = self.file.as_ref().map(|file| sites(file, reads)) else { return };
        let at = match every {
            Every::Milliseconds(_) => elapsed.as_millis() as u64,
            Every::Bytes(_) => traffic(&sites),
        };
        let length = match every {
            Every::Milliseconds(length) | Every::Bytes(length) => length,
        };
        let passed = at.saturating_sub(*self.origin.get_or_insert(at));
        let part = (u128::from(passed) * u128::from(PARTS) / u128::from(length)) as u64;
        if self.part.live.is_some() && part >= self.part.number + self.span {
            self.keep();
        }
        let begins = self.part.live.is_none();
        if begins {
            self.part = Part { number: part, is_clean: answer.is_some(), ..Part::default() };
        } else if answer.is_some() {
            // What waited for the collector is gone.
            self.part = Part { number: self.part.number, is_clean: true, ..Part::default() };
        }
        self.answers.extend(answer.map(|number| (number, iteration_of(part))));
        // Parts that are over with each look: the next one is asked for ahead.
        let passed = iteration_of(part) - 1;
        if has_snapshot {
            self.wanted.retain(|wanted| *wanted > passed);
        }
        let is_due = self.wanted.last().is_some_and(|wanted| *wanted <= passed);
        self.is_asked = begins || !self.part.is_clean || is_due;
        if is_due {
            self.ask_for_snapshot();
        } else if self.is_asked {
            self.ask(0);
        }
        self.part.add(&sites);
        self.looked = Some(Instant::now());
        self.took = began.elapsed();
    }

    /// Asks the process to collect its garbage: it has an odd number for that. Again at each look, as it may rest from it.
    fn ask(&mut self, besides: u32) {
        self.asked = (self.asked | 1).wrapping_add(2) & !ASKED_SNAPSHOT;
        let word = self.asked | besides;
        // Without an answer the figures are what they are.
        let _ = self.file.as_ref().map(|file| file.write_all_at(&word.to_le_bytes(), OFFSET_ASKED));
    }

    /// As `ask`, but not again before it had the time to do it.
    fn ask_for_snapshot(&mut self) {
        if self.snapshot_asked.is_none_or(|asked| asked.elapsed() > LONGEST_SNAPSHOT) {
            self.snapshot_asked = Some(Instant::now());
            self.ask(ASKED_SNAPSHOT);
        }
    }

    /// The number of the question that it answered since it was asked, `None` where it has not; and whether that was
    /// for a snapshot.
    fn answer(&self) -> (Option<u32>, bool) {
        let mut word = [0; 4];
        let read = self.file.as_ref().map(|file| file.read_exact_at(&mut word, OFFSET_ASKED));
        let word = u32::from_le_bytes(word);
        if !matches!(read, Some(Ok(()))) || word & 1 == 1 {
            return (None, false);
        }
        (Some((word & !ASKED_SNAPSHOT).wrapping_sub(1) >> 1), word & ASKED_SNAPSHOT != 0)
    }

    /// The answer, where it was not seen before; one that is not for the snapshot that was asked for means that it has to be
    /// asked for again.
    fn new_answer(&mut self) -> (Option<u32>, bool) {
        let (answer, has_snapshot) = self.answer();
        let last = self.answers.last().map(|(number, _)| *number);
        if answer.is_none() || answer <= last {
            return (None, false);
        }
        self.snapshot_asked = None;
        (answer, has_snapshot)
    }

    fn keep(&mut self) {
        let Part { number, lowest, live, is_clean } = std::mem::take(&mut self.part);
        let Some(live) = live else { return };
        self.last.resize(lowest.len().max(self.last.len()), Amount::default());
        let is_first = self.kept.is_empty();
        let mut changes = Vec::new();
        for (site, (last, now)) in self.last.iter_mut().zip(&lowest).enumerate() {
            if is_first || last != now {
                changes.push((site as u32, *now));
                *last = *now;
            }
        }
        self.kept.push(Checkpoint {
            kind: CheckpointKind::Iteration,
            iteration: iteration_of(number),
            live,
            window_peak: 0,
            fds: entries(self.id.pid, "fd"),
            threads: entries(self.id.pid, "task"),
            children: children(self.id.pid),
            collected: 0,
            changes,
        });
        self.clean.push(is_clean);
        if self.kept.len().is_multiple_of(MOST) {
            self.span *= 2;
        }
    }

    fn finish(mut self) -> Series {
        // The part that had begun: what is before it is over.
        let whole = self.part.number / PARTS;
        let iterations = u32::try_from(whole).unwrap_or(u32::MAX);
        self.kept.retain(|checkpoint| checkpoint.iteration <= iterations);
        let iterations = if self.kept.is_empty() { 0 } else { iterations };
        self.clean.truncate(self.kept.len());
        self.answers.retain(|(_, iteration)| *iteration <= iterations);
        Series { id: self.id, iterations, checkpoints: self.kept, clean: self.clean, answers: self.answers }
    }
}

/// The interval that a part belongs to, from 1.
fn iteration_of(part: u64) -> u32 {
    u32::try_from(part / PARTS + 1).unwrap_or(u32::MAX)
}

impl Part {
    fn add(&mut self, sites: &[Now]) {
        let is_first = self.live.is_none();
        let mut sum = Amount::default();
        for (index, site) in sites.iter().enumerate() {
            let now = amount(site);
            if site.counts {
                sum += now;
            }
            match self.lowest.get_mut(index) {
                Some(lowest) => *lowest = least(*lowest, now),
                // It was not there when the part began.
                None => self.lowest.push(if is_first { now } else { Amount::default() }),
            }
        }
        self.live = Some(self.live.map_or(sum, |lowest| least(lowest, sum)));
    }
}

/// What is live of each site, the most of so many readings.
fn sites(file: &File, reads: u32) -> Result<Vec<Now>, Failed> {
    let mut sites = read_once(file)?;
    for _ in 1..reads {
        let again = read_once(file)?;
        for (site, again) in sites.iter_mut().zip(&again) {
            site.live_bytes = site.live_bytes.max(again.live_bytes);
            site.live_blocks = site.live_blocks.max(again.live_blocks);
        }
        // A site that is new meanwhile has no first reading; the next look has it.
    }
    Ok(sites)
}

fn read_once(file: &File) -> Result<Vec<Now>, Failed> {
    read::now(&mut |at, into: &mut [u8]| file.read_exact_at(into, at).map_err(Failed::from))
}

/// Why the sites cannot be read at this moment.
#[derive(Debug)]
struct Failed;

impl From<io::Error> for Failed {
    fn from(_: io::Error) -> Failed {
        Failed
    }
}

impl From<ReadError> for Failed {
    fn from(_: ReadError) -> Failed {
        Failed
    }
}

/// All bytes that were ever allocated.
fn traffic(sites: &[Now]) -> u64 {
    sites.iter().filter(|site| site.counts).fold(0, |sum, site| sum.saturating_add(site.total_bytes))
}

fn amount(site: &Now) -> Amount {
    // Figures of several threads are not of one moment: for that long their sum may be below zero.
    let above_zero = |figure: i64| u64::try_from(figure).unwrap_or(0);
    Amount { bytes: above_zero(site.live_bytes), blocks: above_zero(site.live_blocks) }
}

fn least(one: Amount, other: Amount) -> Amount {
    Amount { bytes: one.bytes.min(other.bytes), blocks: one.blocks.min(other.blocks) }
}

/// How many child processes a process has, those that are over and not waited for, too; `None` where they cannot be seen.
fn children(pid: u32) -> Option<u32> {
    let mut count = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let list = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        count += list.split_ascii_whitespace().count();
    }
    u32::try_from(count).ok()
}

/// How many descriptors or threads a process has; `None` where they cannot be seen.
fn entries(pid: u32, what: &str) -> Option<u32> {
    let count = fs::read_dir(format!("/proc/{pid}/{what}")).ok()?.count();
    u32::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(bytes: i64) -> Now {
        Now { counts: true, live_bytes: bytes, live_blocks: bytes / 10, total_bytes: 0 }
    }

    #[test]
    fn of_a_part_the_lowest_is_kept_and_what_is_new_in_it_counts_from_the_next_on() {
        let mut part = Part::default();
        part.add(&[site(100), site(50)]);
        part.add(&[site(70), site(90), site(10)]);
        part.add(&[site(80), site(20), site(30)]);
        let lowest: Vec<u64> = part.lowest.iter().map(|amount| amount.bytes).collect();
        assert_eq!(lowest, [70, 20, 0]);
        assert_eq!(part.live, Some(Amount { bytes: 130, blocks: 13 }));
    }

    #[test]
    fn the_interval_that_was_not_over_is_left_out() {
        let mut process = Process::new(ProgramId::default(), None, Vec::new());
        for number in 0..6 {
            process.part = Part { number, ..Part::default() };
            process.part.add(&[site(1_000 * number as i64)]);
            process.keep();
        }
        process.part.number = 6;
        let series = process.finish();
        assert_eq!(series.iterations, 1);
        let live: Vec<u64> = series.checkpoints.iter().map(|checkpoint| checkpoint.live.bytes).collect();
        assert_eq!(live, [0, 1_000, 2_000, 3_000]);
        assert!(series.checkpoints.iter().all(|checkpoint| checkpoint.iteration == 1));
    }

    #[test]
    fn a_long_run_is_kept_in_longer_parts() {
        let mut process = Process::new(ProgramId::default(), None, Vec::new());
        for number in 0..MOST as u64 {
            process.part = Part { number, ..Part::default() };
            process.part.add(&[site(1)]);
            process.keep();
        }
        assert_eq!((process.kept.len(), process.span), (MOST, 2));
        // Only what changes is kept.
        assert!(process.kept[1..].iter().all(|checkpoint| checkpoint.changes.is_empty()));
    }
}
