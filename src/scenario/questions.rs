//! Answers the driver: whether the function is called further. Asked by a file and answered by one, because a program
//! under test may close any descriptor.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Repeats;
use crate::gate::verdict::{self, Evidence, Outcome, Round};
use crate::profile::load;

/// The questions of one driver.
#[derive(Debug)]
pub struct Questions {
    folder: PathBuf,
    repeats: Repeats,
    answered: u32,
}

impl Questions {
    /// Those that the driver of a function that is called as `repeats` says asks in the private `folder`.
    pub fn of(folder: &Path, repeats: Repeats) -> Questions {
        Questions { folder: folder.to_path_buf(), repeats, answered: 0 }
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
    fn outcome(&self, capture: &Path, pid: u32, done: Round) -> Option<Outcome> {
        let history = load::history(capture, pid).ok()??;
        let evidence = Evidence {
            checkpoints: &history.checkpoints,
            sites: &history.sites,
            containers: &history.containers,
            warmup: verdict::warmup(self.repeats, done.iterations),
        };
        Some(verdict::judge(&evidence).map_or(Outcome::Undecided, |verdict| verdict.outcome))
    }
}

/// `ITERATIONS MILLISECONDS`.
fn read(question: &str) -> Option<Round> {
    let (iterations, milliseconds) = question.trim_end().split_once(' ')?;
    Some(Round { iterations: iterations.parse().ok()?, milliseconds: milliseconds.parse().ok()? })
}
