//! What `leakgate baseline update`, `show` and `diff` write and say.

use crate::{APP, line, project, section, updated};

const TWO: [&str; 2] = ["first: { call: \"app:keeps\" }", "second: { call: \"app:keeps\" }"];

#[test]
fn a_named_scenario_is_written_anew_and_all_else_stays_byte_for_byte() {
    let project = project(&TWO);
    updated(&project, &[]);
    let remark = "# the cache of quotes, see the plan for May\n[second on ";
    let before = project.read("leakgate.lock").replace("[second on ", remark);
    project.write("leakgate.lock", &before);
    project.write("app.py", &APP.replace("967", "467"));
    let told = updated(&project, &["second"]);
    assert!(told.contains("growth 1000 B → 500 B (-500 B/iteration)"), "{told}");
    assert!(told.ends_with("leakgate.lock: 1 section written; commit it\n"), "{told}");
    let after = project.read("leakgate.lock");
    assert_eq!(line(&project, "first", "growth"), "growth = 1000 B/iteration");
    assert_eq!(line(&project, "second", "growth"), "growth = 500 B/iteration");
    let parts = |text: &str| text.split("\n\n").map(str::to_owned).collect::<Vec<_>>();
    let changed: Vec<String> =
        parts(&after).into_iter().filter(|part| !parts(&before).contains(part)).collect();
    assert_eq!(changed.len(), 1, "{after}");
    assert!(changed[0].starts_with(remark), "{changed:?}");
}

#[test]
fn an_update_that_changes_nothing_leaves_the_file_alone() {
    let project = project(&["fine: { call: \"app:healthy\" }"]);
    updated(&project, &[]);
    let before = project.read("leakgate.lock");
    // The result of the run that was accepted.
    let told = updated(&project, &["--from", ".leakgate/result.json"]);
    assert_eq!(told, "leakgate.lock is as it was\n");
    assert_eq!(project.read("leakgate.lock"), before);
}

#[test]
fn a_result_from_elsewhere_is_taken_without_running_anything() {
    let project = project(&TWO);
    assert_eq!(project.check().code, Some(1));
    let result = project.read(".leakgate/result.json");
    let elsewhere = result.replace("\"environment\": \"cpython-3.", "\"environment\": \"cpython-9.");
    assert_ne!(elsewhere, result);
    project.write("from-ci.json", &elsewhere);
    project.write("app.py", "raise SystemExit('not to be run')\n");
    let told = updated(&project, &["first", "--from", "from-ci.json"]);
    assert!(told.contains("new, "), "{told}");
    assert!(line(&project, "first", "[first on ").starts_with("[first on cpython-9."));
    assert_eq!(line(&project, "first", "growth"), "growth = 1000 B/iteration");
    assert!(!project.read("leakgate.lock").contains("second"));
}

#[test]
fn a_result_that_cannot_be_read_is_an_error_with_its_reason() {
    let project = project(&TWO);
    let missing = project.run(&["baseline", "update", "--from", "nowhere.json"]);
    assert_eq!(missing.code, Some(2), "{}", missing.whole());
    assert!(missing.errors.contains("failed to read `nowhere.json`"), "{}", missing.errors);
    project.write("cut.json", "{\"version\": 1, ");
    let cut = project.run(&["baseline", "update", "--from", "cut.json"]);
    assert_eq!(cut.code, Some(2), "{}", cut.whole());
    assert!(!project.has("leakgate.lock"));
}

#[test]
fn what_could_not_be_measured_is_never_accepted_and_everything_else_is() {
    let project = project(&["good: { call: \"app:healthy\" }", "bad: { call: \"app:fails\" }"]);
    let update = project.run(&["baseline", "update"]);
    assert_eq!(update.code, Some(3), "{}", update.whole());
    assert!(update.out.contains("bad: left as it was, it could not be measured: "), "{}", update.out);
    assert!(update.out.ends_with("leakgate.lock: 1 section written; commit it\n"), "{}", update.out);
    assert!(!project.read("leakgate.lock").contains("bad"));
}

#[test]
fn an_unstable_result_is_never_accepted() {
    let project = project(&["first: { call: \"app:keeps\" }"]);
    assert_eq!(project.check().code, Some(1));
    let result = project.read(".leakgate/result.json");
    project.write("unstable.json", &result.replace("\"verdict\": \"fail\"", "\"verdict\": \"unstable\""));
    let update = project.run(&["baseline", "update", "--from", "unstable.json"]);
    assert_eq!(update.code, Some(3), "{}", update.whole());
    assert!(update.out.contains("first: left as it was, it is unstable"), "{}", update.out);
    assert!(!project.has("leakgate.lock"));
}

#[test]
fn a_scenario_that_was_ended_at_its_memory_limit_is_never_accepted() {
    let scenario = "work: { run: [python3, -c, \"x = bytearray(300 << 20)\"], memory_limit: 100 MiB }";
    let project = project(&[scenario]);
    let update = project.run(&["baseline", "update"]);
    assert_eq!(update.code, Some(3), "{}", update.whole());
    assert!(update.out.contains("work: left as it was, it reached its memory limit"), "{}", update.out);
    assert!(!project.has("leakgate.lock"));
}

#[test]
fn a_ratchet_goes_only_down() {
    let project = project(&TWO);
    updated(&project, &["first"]);
    project.write("app.py", &APP.replace("967", "2967"));
    let told = updated(&project, &["--ratchet"]);
    assert!(told.contains("above what is accepted, and left: "), "{told}");
    assert!(told.contains("not in the baseline yet, and `--ratchet` accepts nothing new"), "{told}");
    assert_eq!(line(&project, "first", "growth"), "growth = 1000 B/iteration");
    assert!(!project.read("leakgate.lock").contains("second"));

    project.write("app.py", &APP.replace("967", "467"));
    updated(&project, &["--ratchet"]);
    assert_eq!(line(&project, "first", "growth"), "growth = 500 B/iteration");
    assert!(line(&project, "first", "accepted").contains(" growth = 10000 B in 20 iterations"));

    project.write("app.py", &APP.replace("    keep(size)", "    return bytes(size)"));
    updated(&project, &["--ratchet"]);
    assert_eq!(line(&project, "first", "growth"), "growth = 0 B/iteration");
    assert!(!section(&project, "first").iter().any(|line| line.starts_with("accepted")));
    project.write("app.py", APP);
    assert_eq!(project.check().code, Some(1), "it may not come back");
}

#[test]
fn what_is_accepted_can_be_shown_and_compared_with_the_last_result() {
    let project = project(&TWO);
    let none = project.run(&["baseline", "show"]);
    assert_eq!(none.code, Some(2), "{}", none.whole());
    assert!(none.errors.contains("there is no baseline `leakgate.lock`"), "{}", none.errors);
    updated(&project, &[]);
    let shown = project.run(&["baseline", "show", "second"]);
    assert_eq!(shown.code, Some(0), "{}", shown.whole());
    assert!(
        shown.out.starts_with("second on cpython-3.") && !shown.out.contains("first on"),
        "{}",
        shown.out
    );
    assert!(shown.out.contains("  growth      1000 B an iteration\n"), "{}", shown.out);
    assert!(shown.out.contains("1000 B an iteration, app.py in keep\n"), "{}", shown.out);
    let unknown = project.run(&["baseline", "show", "third"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.whole());

    let same = project.run(&["baseline", "diff"]);
    assert_eq!(same.code, Some(0), "{}", same.whole());
    assert_eq!(same.out.matches(": no difference\n").count(), 2, "{}", same.out);
    project.write("app.py", &APP.replace("967", "1967"));
    project.run(&["check", "first"]);
    let differs = project.run(&["baseline", "diff"]);
    assert_eq!(differs.code, Some(0), "{}", differs.whole());
    assert!(differs.out.contains("  growth 1000 B → 2.0 KiB (+1,000 B/iteration)\n"), "{}", differs.out);
    assert!(differs.out.contains(": 1000 B an iteration → 2.0 KiB an iteration\n"), "{}", differs.out);
}

#[test]
fn a_scenario_that_is_not_declared_any_more_is_named() {
    let project = project(&TWO);
    updated(&project, &[]);
    let config = project.read("leakgate.yaml");
    let without: String =
        config.lines().filter(|line| !line.contains("second")).map(|line| format!("{line}\n")).collect();
    project.write("leakgate.yaml", &without);
    let says =
        "leakgate: note: leakgate.yaml does not declare second any more: `leakgate baseline prune` removes";
    for words in [&["baseline", "update"][..], &["baseline", "show"], &["baseline", "diff"]] {
        let told = project.run(words);
        assert_eq!(told.code, Some(0), "{}", told.whole());
        assert!(told.errors.contains(says), "{words:?}: {}", told.whole());
    }
    assert!(project.read("leakgate.lock").contains("[second on "));
}

#[test]
fn what_is_accepted_of_scenarios_that_are_gone_is_removed_with_the_remark_above_it_and_nothing_else() {
    let project = project(&[
        "first: { call: \"app:keeps\" }",
        "gone: { call: \"app:healthy\" }",
        "last: { call: \"app:keeps\" }",
    ]);
    let none = project.run(&["baseline", "prune"]);
    assert_eq!(none.whole(), "there is no baseline `leakgate.lock`\n[exit 0]");
    updated(&project, &[]);
    let lock = project.read("leakgate.lock");
    let remarks = [("[gone on ", "# of old\n[gone on "), ("[last on ", "# see the plan\n[last on ")];
    let remarked = remarks.iter().fold(lock, |text, (from, to)| text.replacen(from, to, 1));
    project.write("leakgate.lock", &remarked);
    let whole = project.run(&["baseline", "prune"]);
    assert_eq!(whole.whole(), "leakgate.lock is as it was\n[exit 0]");
    project.write(
        "leakgate.yaml",
        &project.read("leakgate.yaml").replace("  gone: { call: \"app:healthy\" }\n", ""),
    );
    let pruned = project.run(&["baseline", "prune"]);
    assert_eq!(pruned.code, Some(0), "{}", pruned.whole());
    assert!(
        pruned.out.starts_with("gone on cpython-3.")
            && pruned.out.ends_with(": removed\nleakgate.lock: commit it\n"),
        "{}",
        pruned.out
    );
    let (start, rest) = remarked.split_once("# of old\n").unwrap();
    let (_, end) = rest.split_once("# see the plan\n").unwrap();
    assert_eq!(project.read("leakgate.lock"), format!("{start}# see the plan\n{end}"));
}

#[test]
fn a_result_of_scenarios_that_the_configuration_does_not_have_is_not_taken() {
    let project = project(&TWO);
    assert_eq!(project.check().code, Some(1));
    project.write("from-ci.json", &project.read(".leakgate/result.json"));
    let config = project.read("leakgate.yaml").replace("  second: { call: \"app:keeps\" }\n", "");
    project.write("leakgate.yaml", &config);
    let update = project.run(&["baseline", "update", "--from", "from-ci.json"]);
    assert_eq!(update.code, Some(3), "{}", update.whole());
    assert!(
        update.out.contains("second: left as it was, leakgate.yaml does not declare it\n"),
        "{}",
        update.out
    );
    let lock = project.read("leakgate.lock");
    assert!(lock.contains("[first on ") && !lock.contains("second"), "{lock}");
}

#[test]
fn figures_that_differ_by_noise_keep_their_lines_and_others_do_not() {
    let project = project(&TWO);
    updated(&project, &[]);
    let lock = project.read("leakgate.lock");
    let value =
        |name: &str| -> i64 { line(&project, name, "peak = ").split(' ').nth(2).unwrap().parse().unwrap() };
    let (first, second) = (value("first"), value("second"));
    let (near, far) = (format!("peak = {} B", first - 4_000), format!("peak = {} B", second - 40_000));
    let edited = lock.replacen(&format!("peak = {first} B"), &near, 1);
    let at = edited.find("[second on ").unwrap();
    let edited =
        format!("{}{}", &edited[..at], edited[at..].replacen(&format!("peak = {second} B"), &far, 1));
    project.write("leakgate.lock", &edited);
    let told = updated(&project, &["--from", ".leakgate/result.json"]);
    assert!(told.contains("leakgate.lock: 1 section written; commit it\n"), "{told}");
    assert!(line(&project, "first", "peak = ").starts_with(&near), "{told}");
    assert_eq!(value("second"), second);
}

#[test]
fn a_list_of_scenarios_updates_nothing() {
    let project = project(&TWO);
    assert_eq!(project.check().code, Some(1));
    let listed = project.run(&["baseline", "update", "--list"]);
    assert_eq!(listed.code, Some(0), "{}", listed.whole());
    assert!(!project.has("leakgate.lock"));
}
