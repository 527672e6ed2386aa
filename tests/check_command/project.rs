//! A project in a folder of its own, and what `leakgate check` says about it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use regex::Regex;
use tempfile::TempDir;

/// A project with a configuration and a module `app`.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    pub(crate) fn new(config: &str, app: &str) -> Project {
        let project = Project { folder: tempfile::tempdir().unwrap() };
        project.write("leakgate.yaml", &format!("version: 1\n{config}"));
        project.write("app.py", app);
        project
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    /// `leakgate WORDS` in the project, in an environment that does not depend on who runs the test.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        command.args(words).current_dir(self.path());
        for name in ["VIRTUAL_ENV", "CONDA_PREFIX", "COLUMNS", "NO_COLOR", "PYTHONMALLOC", "PYTHONDEVMODE"] {
            command.env_remove(name);
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Checked {
        Checked::of(self.command(words).output().unwrap(), self)
    }

    pub(crate) fn check(&self) -> Checked {
        self.run(&["check"])
    }

    /// The figures of `result.json`.
    pub(crate) fn result(&self) -> serde_json::Value {
        serde_json::from_str(&self.read(".leakgate/result.json")).unwrap()
    }

    /// A scenario in `result.json`.
    pub(crate) fn scenario(&self, name: &str) -> serde_json::Value {
        let result = self.result();
        let scenarios = result["scenarios"].as_array().unwrap();
        scenarios.iter().find(|scenario| scenario["name"] == name).unwrap().clone()
    }
}

/// What `leakgate` printed, without times, paths of this machine, and versions.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

impl Checked {
    pub(crate) fn of(output: Output, project: &Project) -> Checked {
        let text = |bytes: &[u8]| scrub(&String::from_utf8_lossy(bytes), project);
        Checked { code: output.status.code(), out: text(&output.stdout), errors: text(&output.stderr) }
    }

    /// Everything, for a snapshot; without the lines of progress, which are in the order of finishing.
    pub(crate) fn whole(&self) -> String {
        let code = self.code.map_or("by a signal".to_owned(), |code| format!("exit {code}"));
        let errors = Regex::new(r"(?m)^\[\d+/\d+\] .*\n").unwrap().replace_all(&self.errors, "");
        format!("{}{errors}[{code}]", self.out)
    }
}

fn scrub(text: &str, project: &Project) -> String {
    let text = text.replace(&*project.path().to_string_lossy(), "[project]");
    let rules = [
        (r"leakgate \d+\.\d+\.\d+ ·", "leakgate [version] ·"),
        (r"CPython 3\.\d+\.\d+", "CPython [version]"),
        (r" +\d+\.\d s  (call|run)", "  [time]  $1"),
        (r"in \d+\.\d s ·", "in [time] ·"),
        // Which ones are free is the matter of whoever runs the tests.
        (r"descriptors [\d, ]+…", "descriptors [numbers], …"),
        (r"(?m)^(pass  \S+) +\d+\.\d s  ", "$1  [time]  "),
        (r"\(pid \d+\)", "(pid [pid])"),
        // What the interpreter itself needs differs between its versions.
        (r"(peak|retained) \d\.\d MiB", "$1 [size]"),
        // Carets below a line of a traceback: CPython 3.11 and later.
        (r"(?m)^ +[~^]+\n", ""),
    ];
    rules.iter().fold(text, |text, (pattern, with)| {
        Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}
