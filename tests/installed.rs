//! What an installed program tells about itself and its machine: `doctor`, `completions`, `man`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::Path;
use std::process::{Command, Output};

fn leakgate(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leakgate")).args(words).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn doctor_tracks_a_program_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = leakgate(folder.path(), &["doctor"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    let words: Vec<(&str, &str)> = out.lines().map(|line| (line[..4].trim(), line[6..18].trim())).collect();
    let expected = ["platform", "python", "tracking", "results", "surroundings"].map(|what| ("ok", what));
    assert_eq!(words, expected, "{out}");
    let tracked = out.lines().find(|line| line.contains("tracking")).unwrap();
    assert!(tracked.contains("a program of ") && tracked.contains(" MiB at its peak"), "{out}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn doctor_says_what_does_not_work_and_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".leakgate"), "in the way").unwrap();
    let output = leakgate(folder.path(), &["doctor", "--python", "no-such-python"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    let failing: Vec<&str> = out.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!(failing.len(), 2, "{out}");
    assert!(
        failing[0].contains("python        no Python to run: ") && failing[0].contains("no-such-python"),
        "{out}"
    );
    assert!(failing[1].contains("results") && failing[1].contains(".leakgate"), "{out}");
    assert_eq!(std::fs::read_to_string(folder.path().join(".leakgate")).unwrap(), "in the way");
}

#[test]
fn completions_know_the_commands_and_their_options() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = leakgate(folder.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = text(&output.stdout);
        for word in ["check", "comment", "baseline", "no-annotations"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(leakgate(folder.path(), &["completions", "sh"]).status.code(), Some(2));
    // What bash makes of it.
    let ask = "source <(\"$0\" completions bash); COMP_WORDS=(leakgate che); COMP_CWORD=1; _leakgate leakgate che leakgate; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", ask, env!("CARGO_BIN_EXE_leakgate")]).output().unwrap();
    assert_eq!(text(&output.stdout), "check\n", "{}", text(&output.stderr));
}

#[test]
fn manual_pages_are_of_the_program_and_of_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let page = text(&leakgate(folder.path(), &["man"]).stdout);
    assert!(page.contains(".TH leakgate 1") && page.contains("SUBCOMMANDS"), "{page}");
    let page = text(&leakgate(folder.path(), &["man", "check"]).stdout);
    assert!(page.contains(".TH leakgate-check 1") && page.contains("no\\-annotations"), "{page}");
    let unknown = leakgate(folder.path(), &["man", "chekc"]);
    assert_eq!(
        (unknown.status.code(), text(&unknown.stderr)),
        (Some(2), "leakgate: error: there is no command `chekc`\n".to_owned())
    );
}
