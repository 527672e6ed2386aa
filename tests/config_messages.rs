//! Each bad configuration gets one clear message: every file in `tests/config/bad` with the whole of what is printed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::{Path, PathBuf};

use leakgate::config::{ConfigErrors, Paint, load};

fn rejected(path: &Path) -> ConfigErrors {
    match load(path) {
        Ok(_) => panic!("{} was accepted", path.display()),
        Err(errors) => errors,
    }
}

fn temporary(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("leakgate.yaml");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

/// What is printed, with the folder of this machine taken out.
fn printed(errors: &ConfigErrors) -> String {
    errors.render(Paint::Plain).replace(env!("CARGO_MANIFEST_DIR"), "PROJECT")
}

#[test]
fn every_bad_file_gets_its_message() {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir("tests/config/bad").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() >= 30, "only {} bad files found", files.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("config/bad");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let snapshots = std::fs::read_dir("tests/config/bad").unwrap().map(|entry| entry.unwrap().path());
    let snapshots =
        snapshots.filter(|path| path.extension().is_some_and(|extension| extension == "snap")).count();
    assert_eq!(snapshots, files.len(), "each bad file has one snapshot, and each snapshot a file");
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        settings.bind(|| insta::assert_snapshot!(name, printed(&rejected(&path))));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    insta::assert_snapshot!(printed(&rejected(Path::new("no/such/leakgate.yaml"))), @r#"
    error: cannot read the configuration: it does not exist
    --> no/such/leakgate.yaml
    "#);
}

#[test]
fn a_folder_is_not_a_configuration() {
    insta::assert_snapshot!(printed(&rejected(Path::new("tests/config"))), @r#"
    error: cannot read the configuration: it is a folder; expected a file
    --> tests/config
    "#);
}

#[test]
fn a_device_is_not_read() {
    insta::assert_snapshot!(printed(&rejected(Path::new("/dev/zero"))), @r#"
    error: cannot read the configuration: it is not a regular file
    --> /dev/zero
    "#);
}

#[test]
fn a_file_of_one_mebibyte_is_read_and_one_byte_more_is_not() {
    let mut text = b"version: 1\nscenarios: { app: { run: python } }\n#".to_vec();
    text.resize(1024 * 1024, b' ');
    let (_dir, path) = temporary(&text);
    assert!(load(&path).is_ok());
    text.push(b' ');
    let (dir, path) = temporary(&text);
    let text = rejected(&path).render(Paint::Plain).replace(dir.path().to_str().unwrap(), "DIR");
    insta::assert_snapshot!(text, @r#"
    error: the configuration is larger than 1 MiB, which is the most that is read
    --> DIR/leakgate.yaml
    "#);
}

#[test]
fn a_folder_outside_the_project_is_refused_and_one_beside_the_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    for folder in ["project/.git", "project/ci", "project/app", "elsewhere"] {
        std::fs::create_dir_all(base.join(folder)).unwrap();
    }
    std::os::unix::fs::symlink(base.join("elsewhere"), base.join("project/link")).unwrap();
    let path = base.join("project/ci/leakgate.yaml");
    let text = "version: 1\nscenarios:\n  inside: { run: python, cwd: ../app }\n  outside: { run: python, cwd: ../../elsewhere }\n  link: { run: python, cwd: ../link }\n";
    std::fs::write(&path, text).unwrap();
    let text = rejected(&path).render(Paint::Plain).replace(base.to_str().unwrap(), "DIR");
    insta::assert_snapshot!(text, @r#"
    error: `cwd`: `../../elsewhere` is outside the project; expected a folder in `DIR/project`
     --> DIR/project/ci/leakgate.yaml:4:32
      |
    4 |   outside: { run: python, cwd: ../../elsewhere }
      |                                ^^^^^^^^^^^^^^^

    error: `cwd`: `../link` is outside the project; expected a folder in `DIR/project`
     --> DIR/project/ci/leakgate.yaml:5:29
      |
    5 |   link: { run: python, cwd: ../link }
      |                             ^^^^^^^
    "#);
}

#[test]
fn without_a_repository_the_project_is_the_folder_of_the_file() {
    let (dir, path) = temporary(b"version: 1\nscenarios: { app: { run: python, cwd: .. } }\n");
    let base = dir.path().canonicalize().unwrap();
    let text = rejected(&path).to_string().replace(path.to_str().unwrap(), "leakgate.yaml");
    assert_eq!(
        text,
        format!(
            "leakgate.yaml:2:39: `cwd`: `..` is outside the project; expected a folder in `{}`",
            base.display()
        )
    );
}

#[test]
fn thousands_of_problems_are_counted_and_a_hundred_are_shown() {
    let mut text = String::from("version: 1\nscenarios: { app: { run: python } }\n");
    for number in 0..5_000 {
        text.push_str(&format!("key{number}: 1\n"));
    }
    let (_dir, path) = temporary(text.as_bytes());
    let errors = rejected(&path);
    assert_eq!((errors.problems.len(), errors.more), (100, 4_900));
    assert!(errors.render(Paint::Plain).ends_with("\n\n+4900 more\n"));
}

#[test]
fn colours_and_plain_text_say_the_same() {
    let errors = rejected(Path::new("tests/config/bad/unknown_keys.yaml"));
    let coloured = errors.render(Paint::Coloured);
    let escapes = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
    assert!(escapes.is_match(&coloured));
    assert_eq!(escapes.replace_all(&coloured, ""), errors.render(Paint::Plain));
}

#[test]
fn control_characters_of_the_file_reach_no_terminal() {
    let escaped = "version: 1\n\"\\e[2J\": 1\nscenarios:\n  app: { run: python, cwd: \"\\e]0;x\\a\" }\n  b: { call: \"\\x9b31m\" }\n";
    for text in [
        escaped,
        "version: 1\n\u{9b}31m: 2\n",
        "version: 1\n# \u{1b}[2J\nversion: 1\n",
        "a: \u{202e}: \u{7}\n",
    ] {
        let (_dir, path) = temporary(text.as_bytes());
        let errors = rejected(&path);
        let shown = format!("{errors}{}", errors.render(Paint::Plain));
        let unsafe_letter = |letter: char| letter.is_control() && letter != '\n' || letter == '\u{202e}';
        assert!(!shown.contains(unsafe_letter), "{shown:?}");
    }
}
