//! `timeline.csv`: live bytes and resident set of each process over time. Rows that change nothing are left out.
//!
//! A full disk ends the time line, and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::capture_dir::TIMELINE_FILE;
use super::processes::Reading;

/// A process that does not change has a row at least this often.
const LONGEST_GAP_MS: u64 = 1000;

/// Writes the time line; what it keeps in memory is one row a running process.
#[derive(Debug)]
pub struct Timeline {
    /// Where it is written, until that fails.
    out: io::Result<BufWriter<File>>,
    last: BTreeMap<u32, Row>,
    flushed_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    at_ms: u64,
    live: u64,
    rss: u64,
}

impl Timeline {
    /// Begins the time line of the capture in `folder`.
    pub fn create(folder: &Path) -> Timeline {
        let out = File::create(folder.join(TIMELINE_FILE)).map(BufWriter::new);
        let mut timeline = Timeline { out, last: BTreeMap::new(), flushed_ms: 0 };
        timeline.write(|out| out.write_all(b"at_ms,pid,live,rss\n"));
        timeline
    }

    fn write(&mut self, what: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let Ok(out) = &mut self.out else { return };
        if let Err(error) = what(out) {
            // What is still in its buffer cannot be written either.
            if let Ok(out) = std::mem::replace(&mut self.out, Err(error)) {
                drop(out.into_parts());
            }
        }
    }

    /// Adds what was read at `at_ms` after the start. A process that has ended gets a row with nothing resident.
    pub fn add(&mut self, at_ms: u64, readings: &[Reading]) {
        for reading in readings {
            let row = Row { at_ms, live: reading.live.live_bytes, rss: reading.rss.unwrap_or(0) };
            if self.is_news(reading.id.pid, &row) {
                self.write(|out| writeln!(out, "{at_ms},{},{},{}", reading.id.pid, row.live, row.rss));
                self.last.insert(reading.id.pid, row);
            }
            if reading.rss.is_none() {
                self.last.remove(&reading.id.pid);
            }
        }
        // What is written is seen by others, and survives the program, within a second.
        if at_ms >= self.flushed_ms + LONGEST_GAP_MS {
            self.flushed_ms = at_ms;
            self.write(BufWriter::flush);
        }
    }

    /// Writes what is left. What is missing, in a sentence.
    pub fn finish(mut self) -> Option<String> {
        self.write(BufWriter::flush);
        self.out.err().map(|error| format!("the time line is not complete: {error}"))
    }

    fn is_news(&self, pid: u32, row: &Row) -> bool {
        self.last.get(&pid).is_none_or(|last| {
            last.live != row.live || last.rss != row.rss || row.at_ms >= last.at_ms + LONGEST_GAP_MS
        })
    }
}

#[cfg(test)]
mod tests {
    use leakgate_capture::Live;

    use super::*;
    use crate::profile::ProgramId;

    fn reading(pid: u32, live_bytes: u64, rss: Option<u64>) -> Reading {
        let id = ProgramId { pid, sequence: 0 };
        Reading { id, live: Live { live_bytes, ..Live::default() }, rss }
    }

    #[test]
    fn a_full_disk_ends_the_time_line_and_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join(TIMELINE_FILE)).unwrap();
        let mut timeline = Timeline::create(folder.path());
        for at_ms in [0, 2000, 4000] {
            timeline.add(at_ms, &[reading(7, 100, Some(4096))]);
        }
        let note = timeline.finish().unwrap();
        assert!(note.starts_with("the time line is not complete: No space left"), "{note}");
    }

    #[test]
    fn rows_are_written_on_a_change_or_once_a_second_and_at_the_end_of_a_process() {
        let folder = tempfile::tempdir().unwrap();
        let mut timeline = Timeline::create(folder.path());
        timeline.add(0, &[reading(7, 100, Some(4096))]);
        for at_ms in (10..=1010).step_by(10) {
            timeline.add(at_ms, &[reading(7, 100, Some(4096))]);
        }
        timeline.add(1020, &[reading(7, 100, Some(8192)), reading(9, 1, Some(4096))]);
        timeline.add(1030, &[reading(7, 200, None), reading(9, 1, Some(4096))]);
        assert_eq!(timeline.finish(), None);
        let text = std::fs::read_to_string(folder.path().join(TIMELINE_FILE)).unwrap();
        assert_eq!(
            text,
            "at_ms,pid,live,rss\n0,7,100,4096\n1000,7,100,4096\n1020,7,100,8192\n1020,9,1,4096\n1030,7,200,0\n"
        );
    }
}
