//! The CPythons that reports about objects are tested with.

#![allow(clippy::print_stderr, reason = "what is skipped is told")]

use std::path::PathBuf;
use std::process::Command;

/// Minor versions that are to be there.
const MINORS: [u32; 3] = [9, 11, 13];

/// Each as a line of the configuration. One that is not there is a visible skip here and a failure in CI.
pub(crate) fn each_python() -> Vec<String> {
    let mut found = Vec::new();
    for minor in MINORS {
        match find(minor) {
            Some(path) => found.push(format!("python: {}\n", path.display())),
            None if std::env::var_os("CI").is_some() => panic!("CPython 3.{minor} is missing"),
            None => eprintln!("skipped: there is no CPython 3.{minor}"),
        }
    }
    if found.is_empty() {
        // The one that leakgate chooses.
        found.push(String::new());
    }
    found
}

/// Of pyenv, else on `PATH`. A shim of pyenv is there for versions that are not chosen, and fails.
fn find(minor: u32) -> Option<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| Some(std::env::home_dir()?.join(".pyenv")));
    let versions = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let prefix = format!("3.{minor}.");
    let installed = versions.into_iter().flatten().flatten().filter_map(|version| {
        let is_wanted = version.file_name().to_string_lossy().starts_with(&prefix);
        is_wanted.then(|| version.path().join("bin/python"))
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(format!("python3.{minor}")));
    let works =
        |python: &PathBuf| Command::new(python).arg("-V").output().is_ok_and(|it| it.status.success());
    installed.chain(on_path).find(works)
}
