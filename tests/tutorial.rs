//! `docs/tutorial.md`, word by word: its files are written, its commands run, in their order.
//!
//! `LEAKGATE_WRITE_DOCS=1 cargo test --test tutorial` writes what the commands print anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::Path;
use std::process::Command;

use regex::Regex;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tutorial.md");
/// The Python whose figures the page shows.
const PYTHON: &str = "3.11.";

/// A command's exit code, and what it printed without times, versions and what the interpreter itself has.
fn run(folder: &Path, command: &str) -> (i32, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_leakgate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("set -o pipefail; {command}")]).current_dir(folder).env("PATH", path);
    for name in ["VIRTUAL_ENV", "CONDA_PREFIX", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE"] {
        bash.env_remove(name);
    }
    let output = bash.env("COLUMNS", "100").env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
    let scrubs = [
        (r"\d+\.\d s\b", "0.9 s"),
        (r"leakgate \d+\.\d+\.\d+", "leakgate 0.1"),
        (r"CPython 3\.\d+\.\d+", "CPython 3.11"),
        // What an interpreter has at its start depends on its installation.
        (r"(retained|peak) \d\.\d MiB", "$1 4.7 MiB"),
        (r"\| \d\.\d MiB \| \d\.\d MiB", "| 4.7 MiB | 4.7 MiB"),
    ];
    let text =
        scrubs.iter().fold(String::from_utf8_lossy(&output.stdout).into_owned(), |text, (pattern, with)| {
            Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
        });
    (output.status.code().unwrap(), text)
}

/// The text between a fence's first line and its end, and what follows.
fn block(rest: &str) -> (&str, &str, &str) {
    let (fence, rest) = rest.split_once('\n').unwrap();
    let (text, rest) = rest.split_once("\n```\n").unwrap();
    (fence, text, rest)
}

#[test]
fn the_tutorial_is_true_word_by_word() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, version) = run(folder.path(), "python3 -c 'import platform; print(platform.python_version())'");
    let marker = Regex::new(r"<!-- (file|run): (\S+) -->\n").unwrap();
    let (mut written, mut rest, mut commands) = (String::new(), page.as_str(), 0);
    while let Some(found) = marker.captures(rest) {
        let end = found.get(0).unwrap().end();
        let (fence, text, after) = block(&rest[end..]);
        let shown = if &found[1] == "file" {
            std::fs::write(folder.path().join(&found[2]), format!("{text}\n")).unwrap();
            text.to_owned()
        } else {
            let command = text.lines().next().unwrap();
            let (code, output) = run(folder.path(), command.strip_prefix("$ ").unwrap());
            assert_eq!(code.to_string(), found[2], "{command}\n{output}");
            commands += 1;
            format!("{command}\n{}", output.trim_end())
        };
        written.push_str(&format!("{}{fence}\n{shown}\n```\n", &rest[..end]));
        rest = after;
    }
    written.push_str(rest);
    assert_eq!(commands, 5);
    if std::env::var_os("LEAKGATE_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &written).unwrap();
    }
    if !version.starts_with(PYTHON) {
        eprintln!("skipped: what is printed is compared on CPython {PYTHON}x, and this is {version}");
        return;
    }
    assert_eq!(std::fs::read_to_string(PAGE).unwrap(), written);
}
