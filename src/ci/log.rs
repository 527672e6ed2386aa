//! The log of a job: parts that are folded away, and text that may not give commands.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Ci;
use crate::report::github::{data, property};

/// How a log is written.
#[derive(Debug, Clone)]
pub struct Log {
    ci: Ci,
    /// Seconds since the Unix epoch.
    now: u64,
}

impl Log {
    /// The log of a CI system.
    pub fn of(ci: Ci) -> Log {
        Log { ci, now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()) }
    }

    /// Begins a part that is folded away; `name` has letters and `_` only. A line, or nothing where there is no such thing.
    pub fn begin(&self, name: &str, title: &str) -> String {
        match self.ci {
            Ci::GitHub => format!("::group::{title}\n"),
            Ci::GitLab => {
                format!("\x1b[0Ksection_start:{}:{name}[collapsed=true]\r\x1b[0K{title}\n", self.now)
            }
            Ci::Buildkite => format!("--- {title}\n"),
            Ci::Jenkins | Ci::Other => String::new(),
        }
    }

    /// Ends it.
    pub fn end(&self, name: &str) -> String {
        match self.ci {
            Ci::GitHub => "::endgroup::\n".to_owned(),
            Ci::GitLab => format!("\x1b[0Ksection_end:{}:{name}\r\x1b[0K\n", self.now),
            // What follows is shown open.
            Ci::Buildkite => "+++ leakgate: the report\n".to_owned(),
            Ci::Jenkins | Ci::Other => String::new(),
        }
    }

    /// Something that went wrong and changes no verdict: a line.
    pub fn warning(&self, text: &str) -> String {
        match self.ci {
            Ci::GitHub => format!("::warning title=leakgate::{}\n", data(text)),
            _ => format!("leakgate: warning: {text}\n"),
        }
    }

    /// Why nothing came of a check, at a line of the repository where it has one; nothing where there are no annotations.
    pub fn error(&self, text: &str, place: Option<(&str, u32)>) -> String {
        if self.ci != Ci::GitHub {
            return String::new();
        }
        let place = place.map(|(file, line)| format!("file={},line={line},", property(file)));
        format!("::error {}title=leakgate::{}\n", place.unwrap_or_default(), data(&without_commands(text)))
    }

    /// Text of programs under test, which may hold what looks like a command.
    pub fn shielded(&self, text: &str) -> String {
        if self.ci != Ci::GitHub || text.is_empty() {
            return text.to_owned();
        }
        let (token, end) = (unguessable(), if text.ends_with('\n') { "" } else { "\n" });
        format!("::stop-commands::{token}\n{text}{end}::{token}::\n")
    }
}

/// A message without anything that a GitHub runner takes for a command: `::name::` at the start of a line, spaces before
/// it included, and `##[name]` anywhere.
pub fn without_commands(text: &str) -> String {
    let line = |line: &str| match line.trim_start().starts_with("::") {
        true => line.replacen("::", ": :", 1),
        false => line.to_owned(),
    };
    text.split_inclusive(['\n', '\r']).map(line).collect::<String>().replace("##[", "## [")
}

/// A word that nobody can guess: the keys of a `RandomState` are from the system's source of randomness.
pub(super) fn unguessable() -> String {
    format!("leakgate-{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_marks_of_its_ci_system() {
        let whole = |ci| {
            let log = Log { ci, now: 7 };
            format!("{}|{}", log.begin("run", "3 scenarios"), log.end("run"))
        };
        assert_eq!(whole(Ci::GitHub), "::group::3 scenarios\n|::endgroup::\n");
        let gitlab = "\x1b[0Ksection_start:7:run[collapsed=true]\r\x1b[0K3 scenarios\n|";
        assert_eq!(whole(Ci::GitLab), format!("{gitlab}\x1b[0Ksection_end:7:run\r\x1b[0K\n"));
        assert_eq!(whole(Ci::Buildkite), "--- 3 scenarios\n|+++ leakgate: the report\n");
        assert_eq!(whole(Ci::Jenkins), "|");
    }

    #[test]
    fn shielded_text_stands_between_two_lines_that_it_cannot_know() {
        let log = Log { ci: Ci::GitHub, now: 0 };
        let lines = |text: &str| log.shielded(text).lines().map(str::to_owned).collect::<Vec<_>>();
        let shown = lines("::set-output name=a::b");
        let token = shown[0].strip_prefix("::stop-commands::").unwrap();
        assert_eq!(shown[1..], ["::set-output name=a::b".to_owned(), format!("::{token}::")]);
        assert_ne!(lines("x")[0], lines("x")[0]);
        assert_eq!(Log { ci: Ci::GitLab, now: 0 }.shielded("x\n"), "x\n");
    }
}
