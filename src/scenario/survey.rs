//! Looks from outside at what a running process has resident: near its peak, when most is resident, and now and then,
//! so that one that is killed has a bill too. The process is not stopped, and little of the time is spent on it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use leakgate_capture::read::{self, Running};
use leakgate_capture::survey::{self, Buffers, Failed, Part, Process, Sink};

use super::processes::Reading;
use crate::profile::ProgramId;
use crate::profile::resident::{Kept, KeptFor, ResidentFile};

/// Part of the time that surveys may take: the kernel keeps a process from changing its mappings meanwhile.
const SHARE: u32 = 50;
/// What may be spent before that part has come together, for each process, so that short programs and workers have a bill;
/// it is not all spent on their start.
const CREDIT: Duration = Duration::from_millis(3);
/// Until then it is this part of the time.
const FIRST_SHARE: u32 = 16;
/// Processes for which it may be.
const CREDITED: usize = 32;
/// A figure has risen noticeably when it rose by this part of itself.
const RISE: u64 = 50;
/// Or by as many bytes as this: small programs are looked at too.
const SMALL: u64 = 256 * 1024;
/// Without a rise, a process is looked at again after this time.
const QUIET: Duration = Duration::from_millis(500);
/// Samples are written this often.
const WRITTEN: Duration = Duration::from_secs(1);
/// Processes that are looked at; of more of them, those that come later have no samples.
const MOST: usize = 512;

/// The samples of all processes.
///
/// A full disk ends nothing but these.
#[derive(Debug, Default)]
pub(super) struct Surveyor {
    processes: Vec<Surveyed>,
    spent: Duration,
    longest: Duration,
    /// When the samples were written, and whether all of them were.
    written: Duration,
    is_written: bool,
}

/// Why a process is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Its peak or its resident set has risen.
    Rose,
    /// It was long ago.
    Quiet,
}

/// What was seen of one process.
#[derive(Debug)]
struct Surveyed {
    id: ProgramId,
    /// The highest peak that was seen, when, and that of the sample taken last.
    peak: (u64, u64),
    sampled_peak: u64,
    sampled_rss: u64,
    taken: Option<Instant>,
    seen_ms: u64,
    best: Option<Kept>,
    largest: Option<Kept>,
    last: Option<Kept>,
    is_unreadable: bool,
}

impl Surveyor {
    /// After each look at the processes: samples those whose figures have risen, as far as there is time.
    pub(super) fn look(&mut self, folder: &Path, elapsed: Duration, readings: &[Reading]) {
        for reading in readings {
            let Some(index) = self.index_of(reading) else { continue };
            let now = elapsed.as_millis() as u64;
            let process = &mut self.processes[index];
            process.see(reading, now);
            let Some(due) = process.due(reading) else { continue };
            let credit = CREDIT.min(elapsed / FIRST_SHARE) * self.processes.len().min(CREDITED) as u32;
            let allowance = credit + elapsed / SHARE;
            // Half of the time is kept for figures that rise.
            let allowance = if due == Due::Rose { allowance } else { allowance / 2 };
            if self.spent + self.longest / 2 <= allowance {
                let started = own_time();
                self.processes[index].sample(folder, now, reading);
                let took = own_time().saturating_sub(started);
                self.spent += took;
                self.longest = self.longest.max(took);
                self.is_written = false;
            }
        }
        // What is written survives this program.
        if !self.is_written && elapsed >= self.written + WRITTEN {
            self.written = elapsed;
            // A full disk may have room again at the end.
            let _ = self.write(folder);
        }
    }

    /// Writes all of it a last time. What is missing, in a sentence.
    pub(super) fn finish(mut self, folder: &Path) -> Option<String> {
        self.write(folder)
            .err()
            .map(|error| format!("what was resident near the peak is not recorded: {error}"))
    }

    /// Writes what is worth keeping of all of it.
    fn write(&mut self, folder: &Path) -> io::Result<()> {
        self.is_written = true;
        ResidentFile::of(self.processes.iter().flat_map(Surveyed::kept).collect()).write(folder)
    }

    fn index_of(&mut self, reading: &Reading) -> Option<usize> {
        let is_it = |process: &Surveyed| process.id == reading.id;
        if let Some(index) = self.processes.iter().position(is_it) {
            return Some(index);
        }
        (self.processes.len() < MOST).then(|| {
            self.processes.push(Surveyed::new(reading));
            self.processes.len() - 1
        })
    }
}

impl Surveyed {
    fn new(reading: &Reading) -> Surveyed {
        Surveyed {
            id: reading.id,
            peak: (0, 0),
            sampled_peak: 0,
            sampled_rss: 0,
            taken: None,
            seen_ms: 0,
            best: None,
            largest: None,
            last: None,
            is_unreadable: false,
        }
    }

    fn see(&mut self, reading: &Reading, now: u64) {
        if reading.live.peak_bytes > self.peak.0 {
            self.peak = (reading.live.peak_bytes, now);
        }
        self.seen_ms = now;
    }

    fn due(&self, reading: &Reading) -> Option<Due> {
        let rss = reading.rss.filter(|_| !self.is_unreadable)?;
        let rose = |now: u64, before: u64| now > before + (before / RISE).max(SMALL);
        // A sample far below the peak tells little about it.
        let is_near = reading.live.live_bytes >= reading.live.peak_bytes / 8 * 7;
        let is_quiet = self.taken.is_none_or(|taken| taken.elapsed() >= QUIET);
        if rose(rss, self.sampled_rss) || is_near && rose(self.peak.0, self.sampled_peak) {
            return Some(Due::Rose);
        }
        is_quiet.then_some(Due::Quiet)
    }

    fn sample(&mut self, folder: &Path, now: u64, reading: &Reading) {
        self.taken = Some(Instant::now());
        match take(folder, reading) {
            Ok(mut kept) => {
                kept.at_ms = now;
                self.sampled_peak = self.peak.0;
                self.sampled_rss = self.sampled_rss.max(kept.resident);
                let is_better = |old: &Option<Kept>, figure: fn(&Kept) -> u64| {
                    old.as_ref().is_none_or(|old| figure(&kept) >= figure(old))
                };
                if is_better(&self.best, |kept| kept.live) {
                    self.best = Some(kept.clone());
                }
                if is_better(&self.largest, |kept| kept.resident) {
                    self.largest = Some(kept.clone());
                }
                self.last = Some(kept);
            }
            Err(Failed::Changed) => {}
            Err(Failed::Unreadable) => self.is_unreadable = self.last.is_none(),
        }
    }

    fn kept(&self) -> impl Iterator<Item = Kept> {
        let (peak_ms, end_ms) = (self.peak.1, self.seen_ms);
        let of = |kept: &Option<Kept>, kept_for, moment_ms: Option<u64>| {
            let kept = kept.clone()?;
            Some(Kept { kept_for, moment_ms: moment_ms.unwrap_or(kept.at_ms), ..kept })
        };
        [
            of(&self.best, KeptFor::Peak, Some(peak_ms)),
            of(&self.largest, KeptFor::Largest, None),
            of(&self.last, KeptFor::Last, Some(end_ms)),
        ]
        .into_iter()
        .flatten()
    }
}

/// What this thread has computed so far: waiting for a processor costs the process nothing.
fn own_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn take(folder: &Path, reading: &Reading) -> Result<Kept, Failed> {
    let unreadable = |_| Failed::Unreadable;
    let record = File::open(folder.join(reading.file())).map_err(unreadable)?;
    let mut read_at = |offset, into: &mut [u8]| record.read_exact_at(into, offset).ok();
    let mut header = vec![0; leakgate_capture::HEADER_LEN];
    read_at(0, &mut header).ok_or(Failed::Unreadable)?;
    let places = leakgate_capture::places(&header).ok_or(Failed::Changed)?;
    let Running { objects, memory, heap, stacks } = read::running(&mut read_at).ok_or(Failed::Unreadable)?;
    let mut outside = Outside::open(reading.id.pid).map_err(unreadable)?;
    let mut parts = Parts(Vec::new());
    let surveyed = survey::survey(&mut outside, places, &stacks, &mut Buffers::default(), &mut parts)?;
    if surveyed.resident == 0 {
        return Err(Failed::Changed);
    }
    Ok(Kept {
        process: reading.file(),
        kept_for: KeptFor::Last,
        at_ms: 0,
        moment_ms: 0,
        live: reading.live.live_bytes,
        resident: surveyed.resident,
        counted: counted(reading.id.pid).ok_or(Failed::Unreadable)?,
        domains: (objects, memory, heap),
        partial: surveyed.is_partial,
        parts: parts.0,
    })
}

fn counted(pid: u32) -> Option<u64> {
    survey::counted(&std::fs::read(format!("/proc/{pid}/statm")).ok()?)
}

/// Gathers parts; neighbours of the same kind as one.
struct Parts(Vec<(u32, String, u32, u64)>);

impl Sink for Parts {
    fn part(&mut self, part: Part<'_>) -> Option<()> {
        let (kind, name) = (part.kind as u32, String::from_utf8_lossy(part.name));
        match self.0.last_mut() {
            Some(last) if (last.0, last.1.as_str(), last.2) == (kind, &*name, part.site) => {
                last.3 += part.bytes;
            }
            _ => self.0.push((kind, name.into_owned(), part.site, part.bytes)),
        }
        Some(())
    }
}

/// Another process, through its files in `/proc`.
struct Outside {
    smaps: File,
    pagemap: File,
    memory: File,
}

impl Outside {
    fn open(pid: u32) -> std::io::Result<Outside> {
        let open = |name: &str| File::open(format!("/proc/{pid}/{name}"));
        Ok(Outside { smaps: open("smaps")?, pagemap: open("pagemap")?, memory: open("mem")? })
    }
}

impl Process for Outside {
    fn smaps(&mut self, into: &mut [u8]) -> Option<usize> {
        self.smaps.read(into).ok()
    }

    fn pagemap(&mut self, page: u64, into: &mut [u8]) -> Option<()> {
        self.pagemap.read_exact_at(into, page.checked_mul(8)?).ok()
    }

    fn memory(&mut self, at: u64, into: &mut [u8]) -> Option<()> {
        self.memory.read_exact_at(into, at).ok()
    }
}
