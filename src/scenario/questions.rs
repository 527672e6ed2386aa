//! Answers the driver: whether the function is called further. Asked by a file and answered by one, because a program
//! under test may close any descriptor.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::processes;
use crate::config::Repeats;
use crate::gate::verdict::{self, Evidence, Outcome, Round};
use crate::profile::follow::Follower;

/// The questions of one driver.
#[derive(Debug)]
pub struct Questions {
    folder: PathBuf,
    repeats: Repeats,
    answered: u32,
    followed: Option<Followed>,
}

/// What was read of the process until now: at each question only what is new is read.
#[derive(Debug)]
struct Followed {
    sequence: u32,
    file: File,
    follower: Follower,
}

impl Questions {
    /// Those that the driver of a function that is called as `repeats` says asks in the private `folder`.
    pub fn of(folder: &Path, repeats: Repeats) -> Questions {
        Questions { folder: folder.to_path_buf(), repeats, answered: 0, followed: None }
    }

    /// Answers the next question if it is there; process `pid` records into `capture`.
    ///
    /// # Errors
    /// When the answer cannot be written.
    pub fn answer(&mut self, capture: &Path, pid: u32) -> io::Result<()> {
        let number = self.answered + 1;
        let Ok(question) = fs::read_to_string(self.folder.join(format!("question-{number}"))) else {
            return Ok(());
        };
        let next = read(&question)
            .and_then(|done| verdict::next(self.repeats, done, self.outcome(capture, pid, done)?));
        let answer = match next {
            Some(round) => format!("go {} {}\n", round.iterations, round.milliseconds),
            None => "stop\n".to_owned(),
        };
        let place = self.folder.join(format!("answer-{number}"));
        let part = self.folder.join("answer.part");
        fs::write(&part, answer)?;
        fs::rename(&part, place)?;
        self.answered = number;
        Ok(())
    }

    /// `None` where the capture cannot be read: what comes after the run says why.
    fn outcome(&mut self, capture: &Path, pid: u32, done: Round) -> Option<Outcome> {
        let warmup = verdict::warmup(self.repeats, done.iterations);
        let followed = self.follow(capture, pid)?;
        followed.follower.read(&followed.file).ok()?;
        let history = followed.follower.history();
        let evidence = Evidence {
            checkpoints: &history.checkpoints,
            sites: &history.sites,
            containers: &history.containers,
            warmup,
        };
        Some(verdict::judge(&evidence).map_or(Outcome::Undecided, |verdict| verdict.so_far()))
    }

    /// The newest file of the process: one that executes another program goes on in another.
    fn follow(&mut self, capture: &Path, pid: u32) -> Option<&mut Followed> {
        let sequence = newest(capture, pid)?;
        if self.followed.as_ref().is_none_or(|followed| followed.sequence != sequence) {
            let file = File::open(capture.join(processes::name(pid, sequence))).ok()?;
            self.followed = Some(Followed { sequence, file, follower: Follower::default() });
        }
        self.followed.as_mut()
    }
}

/// The highest number of a file of process `pid`.
fn newest(capture: &Path, pid: u32) -> Option<u32> {
    let entries = fs::read_dir(capture).ok()?.flatten();
    let names = entries.filter_map(|entry| processes::parse_name(&entry.file_name().to_string_lossy()));
    names.filter(|(of, _)| *of == pid).map(|(_, sequence)| sequence).max()
}

/// `ITERATIONS MILLISECONDS`.
fn read(question: &str) -> Option<Round> {
    let (iterations, milliseconds) = question.trim_end().split_once(' ')?;
    Some(Round { iterations: iterations.parse().ok()?, milliseconds: milliseconds.parse().ok()? })
}
