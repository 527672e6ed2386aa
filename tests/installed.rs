//! What an installed program tells about itself and its machine: `doctor`, `completions`, `man`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::os::unix::fs::PermissionsExt;
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
    let expected =
        ["platform", "python", "tracking", "bill", "results", "surroundings"].map(|what| ("ok", what));
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

/// A Python that says it is of this version, and does nothing else.
fn pretended(folder: &Path, version: &str) -> String {
    let python = folder.join(format!("python{version}"));
    let script = format!(
        "#!/bin/sh\necho\necho cpython\necho {version}\necho \"$0\"\necho\n# reads what it is sent\n"
    );
    std::fs::write(&python, script).unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    python.to_str().unwrap().to_owned()
}

#[test]
fn a_python_that_is_too_old_is_said_to_be_by_doctor_check_and_call() {
    let folder = tempfile::tempdir().unwrap();
    let config = "version: 1\nscenarios:\n  quote: { call: \"shop:quote\" }\n";
    std::fs::write(folder.path().join("leakgate.yaml"), config).unwrap();
    for version in ["2.7.18", "3.6.15", "3.7.16"] {
        let python = pretended(folder.path(), version);
        let said =
            format!("`python{version}` is CPython {version}, which is too old; expected CPython 3.8 to 3.15");
        let doctor = leakgate(folder.path(), &["doctor", "--python", &python]);
        assert_eq!(doctor.status.code(), Some(1));
        let out = text(&doctor.stdout);
        assert!(out.contains(&format!("FAIL  python        {said}\n")), "{out}");
        assert!(!out.contains("tracking"), "{out}");
        for words in [&["check", "--python", &python][..], &["call", "shop:quote", "--python", &python]] {
            let refused = leakgate(folder.path(), words);
            assert_eq!(refused.status.code(), Some(2), "{words:?}");
            assert_eq!(text(&refused.stderr), format!("leakgate: error: {said}\n"));
        }
    }
    let python = pretended(folder.path(), "3.8.0");
    let out = text(&leakgate(folder.path(), &["doctor", "--python", &python]).stdout);
    assert!(out.contains("ok    python        "), "{out}");
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
    // What a page refers to can be printed, by either name.
    let page = text(&leakgate(folder.path(), &["man", "baseline"]).stdout);
    let named: Vec<&str> = page.lines().filter_map(|line| line.strip_suffix("(1)")).collect();
    assert_eq!(named.len(), 4, "{page}");
    for name in named {
        let name = name.replace("\\-", "-");
        let words: Vec<&str> = name.split('-').skip(1).collect();
        let page = leakgate(folder.path(), &[&["man"], &words[..]].concat());
        assert!(text(&page.stdout).contains(&format!(".TH {name} 1 ")), "{}", text(&page.stdout));
        assert_eq!(leakgate(folder.path(), &["man", &words.join("-")]).stdout, page.stdout);
    }
    let unknown = leakgate(folder.path(), &["man", "chekc"]);
    assert_eq!(
        (unknown.status.code(), text(&unknown.stderr)),
        (Some(2), "leakgate: error: there is no command `chekc`\n".to_owned())
    );
}
