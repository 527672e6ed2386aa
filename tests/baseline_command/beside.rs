//! A new leak beside one that is accepted is a finding of its own, however small; the old one stays accepted.

use serde_json::Value;

use crate::project::Project;
use crate::{FIXED, section, updated};

/// One list that keeps 20,033 B a call, made on line 1 and filled on line 5.
const OLD: &str = "\
A = []
B = []

def olda():
    A.append(bytes(20000))

def work():
    olda()
";

/// The same with a function that puts something into the other list, on line 8, and is called on line 12.
fn with_new(what: &str) -> String {
    let new = format!("def newb():\n    B.append({what})\n\ndef work():\n    newb()\n");
    OLD.replace("def work():\n", &new)
}

fn old() -> Project {
    Project::new(&format!("defaults: {{ {FIXED} }}\nscenarios:\n  work: {{ call: \"app:work\" }}\n"), OLD)
}

fn accepted() -> Project {
    let project = old();
    updated(&project, &[]);
    project
}

/// The findings by how they stand, with what names them: standing, fingerprint, function of the place.
fn findings(project: &Project) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = project.scenario("work")["findings"].as_array().unwrap().clone();
    let of = |finding: &Value| {
        (
            text(&finding["standing"]["is"]),
            text(&finding["fingerprint"]["value"]),
            text(&finding["place"]["function"]),
        )
    };
    findings.iter().map(of).collect()
}

fn standings(project: &Project) -> Vec<(String, String)> {
    findings(project).into_iter().map(|(standing, _, function)| (standing, function)).collect()
}

fn pair(standing: &str, function: &str) -> (String, String) {
    (standing.to_owned(), function.to_owned())
}

#[test]
fn the_lock_has_what_a_leak_is_made_of() {
    let project = accepted();
    let lines = section(&project, "work");
    let parts: Vec<&String> = lines.iter().filter(|line| line.starts_with("part ")).collect();
    let fingerprint = &findings(&project)[0].1;
    assert_eq!(parts.len(), 2, "{lines:?}");
    assert!(parts[0].starts_with(&format!("part 1:{fingerprint} site {fingerprint} = ")), "{parts:?}");
    assert!(parts[0].ends_with(" B in 20 iterations  # app.py in olda"), "{parts:?}");
    assert!(parts[1].starts_with(&format!("part 1:{fingerprint} container ")), "{parts:?}");
    let (_, rate) = parts[1].split_once(" = ").unwrap();
    // A container is looked at from some iteration on: an entry in each one since.
    let (entries, rest) = rate.split_once(" entries in ").unwrap();
    assert_eq!(rest, format!("{entries} iterations  # list made in app.py in <module>"));
}

#[test]
fn a_new_leak_that_is_small_beside_the_accepted_one_fails_at_its_own_line() {
    let project = accepted();
    let old = findings(&project)[0].1.clone();
    project.write("app.py", &with_new("bytes(1467)"));
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    let found = findings(&project);
    assert_eq!(standings(&project), [pair("new", "newb"), pair("accepted", "olda")], "{}", checked.whole());
    assert_eq!(found[1].1, old, "the old one stays what it was");
    assert_ne!(found[0].1, old);
    let new = &project.scenario("work")["findings"][0];
    assert_eq!(new["place"]["line"], 8);
    assert_eq!(new["rate"]["iterations"], 20);
    let total = new["rate"]["total"].as_i64().unwrap();
    // 20 objects of 1,500 B, and the table of the list.
    assert!((30_000..=30_000 + 20 * 16).contains(&total), "{total}");
    assert!(checked.out.contains("NEW") && checked.out.contains("app.py:8 in newb"), "{}", checked.out);
}

#[test]
fn eight_bytes_into_another_list_fail_beside_twenty_thousand() {
    let project = accepted();
    // A second process says who keeps it.
    let asked = project.read("leakgate.yaml").replace("confirm: false", "confirm: true");
    project.write("leakgate.yaml", &asked);
    project.write("app.py", &with_new("None"));
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    assert_eq!(standings(&project), [pair("new", "newb"), pair("accepted", "olda")], "{}", checked.whole());
    let new = &project.scenario("work")["findings"][0];
    assert_eq!(new["title"], "`app.B` (list) keeps 1 more entry after every iteration");
    assert_eq!((&new["place"]["line"], &new["owners"][0]["name"]), (&8.into(), &"app.B".into()));
}

#[test]
fn a_new_leak_that_is_larger_than_the_accepted_one_leaves_that_accepted() {
    let project = accepted();
    project.write("app.py", &with_new("bytes(50000)"));
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    assert_eq!(standings(&project), [pair("new", "newb"), pair("accepted", "olda")], "{}", checked.whole());
    assert!(!checked.out.contains("WORSE"), "{}", checked.out);
}

#[test]
fn an_old_leak_that_got_worse_is_named_as_the_old_one() {
    let project = accepted();
    let old = findings(&project)[0].1.clone();
    project.write("app.py", &OLD.replace("20000", "25000"));
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    assert_eq!(findings(&project), [("new".to_owned(), old, "olda".to_owned())], "{}", checked.whole());
    assert!(checked.out.contains("WORSE"), "{}", checked.out);
}

#[test]
fn lines_that_move_and_a_leak_that_goes_leave_the_rest_accepted() {
    let project = accepted();
    assert_eq!(project.check().code, Some(0), "the same code");
    project.write("app.py", &format!("# one\n# two\n{}", OLD.replace("def olda", "\n\ndef olda")));
    let moved = project.check();
    assert_eq!(moved.code, Some(0), "{}", moved.whole());
    assert_eq!(standings(&project), [pair("accepted", "olda")]);

    project.write("app.py", &with_new("bytes(1467)"));
    updated(&project, &[]);
    assert_eq!(project.check().code, Some(0), "both are accepted");
    project.write("app.py", &with_new("bytes(1467)").replace("    olda()\n", "    pass\n"));
    let mended = project.check();
    assert_eq!(mended.code, Some(0), "{}", mended.whole());
    assert_eq!(standings(&project), [pair("accepted", "newb")], "{}", mended.whole());
}

#[test]
fn a_result_with_a_new_leak_is_accepted_as_one() {
    let project = accepted();
    project.write("app.py", &with_new("bytes(1467)"));
    assert_eq!(project.check().code, Some(1));
    let differs = project.run(&["baseline", "diff"]);
    assert_eq!(differs.out.matches(" an iteration is new").count(), 1, "{}", differs.whole());
    assert!(differs.out.contains(": 1 entry an iteration → 2 entries an iteration"), "{}", differs.whole());
    assert!(differs.out.contains("growth, container "), "{}", differs.whole());
    updated(&project, &["--from", ".leakgate/result.json"]);
    let lines = section(&project, "work");
    let count = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("accepted "), count("part ")), (1, 4), "{lines:?}");
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
}

#[test]
fn a_ratchet_takes_nothing_new() {
    let project = accepted();
    let before = section(&project, "work");
    project.write("app.py", &with_new("bytes(1467)"));
    project.run(&["baseline", "update", "--ratchet"]);
    let parts =
        |lines: &[String]| lines.iter().filter(|line| line.starts_with("part ")).cloned().collect::<Vec<_>>();
    assert_eq!(parts(&section(&project, "work")), parts(&before));
    assert_eq!(project.check().code, Some(1));
}

#[test]
fn a_lock_without_parts_is_read_as_before_and_an_update_adds_them() {
    let project = accepted();
    let lock = project.read("leakgate.lock");
    let without: String = lock.split_inclusive('\n').filter(|line| !line.starts_with("part ")).collect();
    project.write("leakgate.lock", &without);
    project.write("app.py", &with_new("bytes(1467)"));
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    project.write("app.py", OLD);
    updated(&project, &[]);
    assert_eq!(project.read("leakgate.lock"), lock);
}

#[test]
fn a_second_process_confirms_what_is_new_and_says_who_keeps_it() {
    let project = accepted();
    let config = project.read("leakgate.yaml");
    project.write("leakgate.yaml", &config.replace("confirm: false", "confirm: true"));
    project.write("app.py", &with_new("bytes(1467)"));
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    assert_eq!(standings(&project), [pair("new", "newb"), pair("accepted", "olda")], "{}", checked.whole());
    let new = &project.scenario("work")["findings"][0];
    assert_eq!(new["owners"][0]["name"], "app.B", "{new}");
    assert_eq!(new["owners"].as_array().unwrap().len(), 1, "{new}");
}

#[test]
fn an_allowance_covers_the_parts_that_it_was_written_for() {
    for most in [&[][..], &["--at-most", "30 KiB/iteration"]] {
        let project = old();
        assert_eq!(project.check().code, Some(1));
        let old = findings(&project)[0].1.clone();
        let allowed = project.run(&[&["allow", old.as_str(), "--reason", "SHOP-412"], most].concat());
        assert_eq!(allowed.code, Some(0), "{}", allowed.whole());
        let same = project.check();
        assert_eq!(same.code, Some(0), "{}", same.whole());
        for what in ["bytes(1467)", "None", "bytes(50000)"] {
            project.write("app.py", &with_new(what));
            let checked = project.check();
            assert_eq!(checked.code, Some(1), "{what}: {}", checked.whole());
            let found = findings(&project);
            assert_eq!((found[0].0.as_str(), found[1].0.as_str()), ("new", "allowed"), "{}", checked.whole());
            assert_eq!((found[1].1.as_str(), found[1].2.as_str()), (old.as_str(), "olda"));
        }
    }
}
