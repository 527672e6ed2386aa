//! A lock that somebody edited: each time a message with its line, exit code 2, and everything else judged and reported.

use crate::project::{Checked, Project};
use crate::{line, project, updated};

const TWO: [&str; 2] = ["first: { call: \"app:keeps\" }", "second: { call: \"app:keeps\" }"];

/// A project whose lock accepts both leaks, and the text of the lock.
fn adopted() -> (Project, String) {
    let project = project(&TWO);
    updated(&project, &[]);
    let lock = project.read("leakgate.lock");
    (project, lock)
}

/// Checks with a lock of that text.
fn check_with(project: &Project, lock: &str) -> Checked {
    project.write("leakgate.lock", lock);
    let checked = project.check();
    assert_eq!(checked.code, Some(2), "{}", checked.whole());
    checked
}

fn verdicts(project: &Project) -> [String; 2] {
    ["first", "second"].map(|name| project.scenario(name)["verdict"].as_str().unwrap().to_owned())
}

fn problems(project: &Project) -> Vec<String> {
    let problems = project.result()["baseline"]["problems"].clone();
    problems.as_array().unwrap().iter().map(|problem| problem.as_str().unwrap().to_owned()).collect()
}

/// Line of the first line that begins with a text, from 1.
fn line_of(lock: &str, start: &str) -> usize {
    lock.lines().position(|line| line.starts_with(start)).unwrap() + 1
}

#[test]
fn conflict_marks_spoil_their_section_and_no_other() {
    let (project, lock) = adopted();
    let (before, after) = lock.split_once("growth = 1000 B/iteration\n").unwrap();
    let conflict =
        "<<<<<<< HEAD\ngrowth = 1000 B/iteration\n=======\ngrowth = 900 B/iteration\n>>>>>>> topic\n";
    let lock = format!("{before}{conflict}{after}");
    let checked = check_with(&project, &lock);
    assert_eq!(verdicts(&project), ["fail", "pass"], "{}", checked.whole());
    assert_eq!(project.scenario("first")["baseline"], "unreadable");
    let note = "not compared with the baseline: its section in leakgate.lock is damaged; judged by its other budgets alone";
    assert_eq!(project.scenario("first")["notes"][0], note);
    let line = line_of(&lock, "<<<<<<<");
    let expected = format!("leakgate.lock:{line}: a mark of a merge conflict: keep the lines of one side");
    assert!(problems(&project)[0].starts_with(&expected), "{:?}", problems(&project));
    assert!(checked.out.contains(&format!("ERROR   leakgate.lock:{line}: ")), "{}", checked.out);
    assert!(project.read(".leakgate/report.xml").contains("classname=\"leakgate.baseline\""));
    assert!(project.read(".leakgate/report.md").contains(&format!("- ❌ leakgate.lock:{line}: ")));
}

#[test]
fn an_accepted_rate_below_zero_is_a_problem_of_its_line() {
    let (project, lock) = adopted();
    let line = line_of(&lock, "accepted ");
    let text = lock.lines().nth(line - 1).unwrap();
    let (left, right) = text.split_once(" = ").unwrap();
    check_with(&project, &lock.replace(text, &format!("{left} = -{right}")));
    let expected = format!("leakgate.lock:{line}: `{left} = -");
    assert!(problems(&project)[0].starts_with(&expected), "{:?}", problems(&project));
}

#[test]
fn a_lock_that_was_cut_off_says_so_and_its_last_section_does_not_count() {
    let (project, lock) = adopted();
    let end = lock.find("[packages").unwrap_or(lock.len());
    let cut = &lock[..lock[..end].rfind("accepted").unwrap()];
    check_with(&project, cut);
    assert_eq!(verdicts(&project), ["pass", "fail"]);
    let said = problems(&project);
    let last = cut.lines().count() + 1;
    let expected = format!(
        "leakgate.lock:{last}: the file ends without its last line, `end`: it was cut off. Restore it"
    );
    assert!(said.iter().any(|problem| problem.starts_with(&expected)), "{said:?}");
}

#[test]
fn a_folder_in_place_of_the_lock_is_an_error_of_the_baseline_alone() {
    let (project, _) = adopted();
    std::fs::remove_file(project.path().join("leakgate.lock")).unwrap();
    project.write("leakgate.lock/file", "");
    let checked = project.check();
    assert_eq!(checked.code, Some(2), "{}", checked.whole());
    assert_eq!(verdicts(&project), ["fail", "fail"]);
    let said = "baseline `leakgate.lock` is a folder, expected a file: remove it, and `leakgate baseline update` writes one";
    assert_eq!(problems(&project), [said]);
    let without = project.run(&["check", "--baseline", "none"]);
    assert_eq!(without.code, Some(1), "{}", without.whole());
}

#[test]
fn a_lock_of_a_newer_version_is_not_guessed_at() {
    let (project, lock) = adopted();
    let newer = lock.replace("leakgate-lock 1", "leakgate-lock 2");
    check_with(&project, &newer);
    assert_eq!(verdicts(&project), ["fail", "fail"]);
    let line = line_of(&newer, "leakgate-lock");
    assert_eq!(
        problems(&project),
        [format!(
            "leakgate.lock:{line}: version 2 is of a newer leakgate; this one reads version 1: use the leakgate that wrote it"
        )]
    );
}

#[test]
fn hand_edits_are_told_each_with_its_line_and_what_is_expected() {
    let (project, lock) = adopted();
    let first = lock.split("\n\n").find(|part| part.starts_with("[first on ")).unwrap().to_owned();
    let edited = [
        (
            lock.replacen("growth = 1000 B/iteration", "grwoth = 1000 B/iteration", 1),
            "grwoth",
            "unknown key `grwoth`; expected one of packages, accepted, part, peak",
        ),
        (
            lock.replacen("growth = 1000 B/iteration", "growth = 1 KiB", 1),
            "growth = 1 KiB",
            "`growth = 1 KiB` is no figure; expected a whole number and B/iteration",
        ),
        (lock.replacen("20000 B in 20", "20000 B in no", 1), "accepted", "`accepted 1:"),
        (lock.replacen("[first on cpython", "[first at cpython", 1), "[first at", "`[first at"),
        (lock.replacen("[packages ", &format!("{first}\n\n[packages "), 1), "", "[first on"),
    ];
    for (text, start, expected) in edited {
        assert_ne!(text, lock);
        check_with(&project, &text);
        let said = problems(&project);
        assert!(said.iter().any(|problem| problem.contains(expected)), "{said:?}");
        if !start.is_empty() {
            let line = line_of(&text, start);
            assert!(
                said.iter().any(|problem| problem.starts_with(&format!("leakgate.lock:{line}: "))),
                "{said:?}"
            );
        }
        assert_eq!(verdicts(&project), ["fail", "pass"], "{said:?}");
    }
}

#[test]
fn a_file_of_another_kind_is_refused_and_nothing_is_written_over_it() {
    let (project, _) = adopted();
    for text in ["", "{\"version\": 1}\n", "version: 1\n", "\u{0}\u{1}"] {
        check_with(&project, text);
        assert!(
            problems(&project)[0].starts_with("leakgate.lock:1: no line `leakgate-lock 1`"),
            "{:?}",
            problems(&project)
        );
        let update = project.run(&["baseline", "update"]);
        assert_eq!(update.code, Some(2), "{}", update.whole());
        assert!(
            update.errors.contains("the baseline is damaged, and nothing was changed"),
            "{}",
            update.errors
        );
        assert_eq!(project.read("leakgate.lock"), text);
    }
}

#[test]
fn conflict_marks_around_a_section_leave_the_one_above_as_it_is() {
    let (project, lock) = adopted();
    let end = lock.find("[packages").unwrap_or(lock.len());
    let at = lock.find("[second on ").unwrap();
    let around = format!("<<<<<<< HEAD\n{}=======\n>>>>>>> topic\n", &lock[at..end]);
    check_with(&project, &format!("{}{around}{}", &lock[..at], &lock[end..]));
    assert_eq!(verdicts(&project), ["pass", "fail"], "{:?}", problems(&project));
    assert_eq!(problems(&project).len(), 3, "a mark each: {:?}", problems(&project));
    let update = project.run(&["baseline", "update"]);
    assert_eq!(update.code, Some(2), "{}", update.whole());
    assert!(update.errors.contains("the baseline is damaged, and nothing was changed"), "{}", update.errors);
}

#[test]
fn a_mark_that_was_left_behind_spoils_its_section() {
    let (project, lock) = adopted();
    let at = lock.find("[second on ").unwrap();
    check_with(&project, &format!("{}>>>>>>> topic\n{}", &lock[..at], &lock[at..]));
    assert_eq!(verdicts(&project), ["fail", "pass"], "{:?}", problems(&project));
}

#[test]
fn an_update_writes_a_damaged_section_anew_and_names_what_is_damaged_still() {
    let (project, lock) = adopted();
    let damaged = lock.replacen("growth = 1000 B/iteration", "grwoth = 1000 B/iteration", 1);
    let message = "unknown key `grwoth`; expected one of packages, accepted, part, peak";
    project.write("leakgate.lock", &damaged);
    for words in [&["second"][..], &["first", "--ratchet"]] {
        let words = [&["baseline", "update", "--from", ".leakgate/result.json"], words].concat();
        let other = project.run(&words);
        assert_eq!(other.code, Some(2), "{}", other.whole());
        assert!(other.errors.contains(message), "{}", other.errors);
        assert_eq!(project.read("leakgate.lock"), damaged);
    }
    let update = project.run(&["baseline", "update"]);
    assert_eq!(update.code, Some(0), "{}", update.whole());
    assert!(update.out.contains(": was damaged, written anew: new, "), "{}", update.out);
    assert_eq!(line(&project, "first", "growth"), "growth = 1000 B/iteration");
    assert_eq!(project.check().code, Some(0));
}

#[test]
fn an_update_writes_a_damaged_list_of_packages_anew() {
    let (project, lock) = adopted();
    let Some(at) = lock.find("[packages ") else { return };
    let first = at + lock[at..].find(" = ").unwrap();
    project.write("leakgate.lock", &format!("{}{}", &lock[..first], &lock[first + 3..]));
    let update = project.run(&["baseline", "update", "--from", ".leakgate/result.json"]);
    assert_eq!(update.code, Some(0), "{}", update.whole());
    assert_eq!(project.read("leakgate.lock"), lock);
}

#[test]
fn show_prints_what_is_sound_and_fails_for_what_is_not() {
    let (project, lock) = adopted();
    project.write("leakgate.lock", &lock.replacen("growth = 1000 B/iteration", "nonsense", 1));
    let shown = project.run(&["baseline", "show"]);
    assert_eq!(shown.code, Some(2), "{}", shown.whole());
    assert!(shown.out.contains("second on ") && !shown.out.contains("first on "), "{}", shown.out);
    assert!(shown.errors.contains("unknown key `nonsense`"), "{}", shown.errors);
}
