//! `allow` and known leaks: what no longer fails, what fails again, and what is out of date.

use std::fs;

use crate::project::Project;

/// 1,000 bytes and an entry after every call, and nothing else.
const LEAKY: &str = "KEPT = [None] * 1000\nAT = iter(range(1000))\n\ndef keep():\n    KEPT[next(AT)] = bytes(967)\n\n\
                     def clean():\n    return bytes(967)\n";
const SCENARIOS: &str = "defaults: { warmup: 8, iterations: 80 }\nscenarios:\n  keeps: { call: app:keep }\n  clean: { call: app:clean }\n";

fn project(allow: &str) -> Project {
    Project::new(&format!("{SCENARIOS}{allow}"), LEAKY)
}

/// The evidence of the one finding, as one text.
fn evidence(project: &Project) -> String {
    project.scenario("keeps")["findings"][0]["evidence"].to_string()
}

#[test]
fn a_finding_that_an_entry_covers_passes_and_is_shown_with_its_reason() {
    for selector in
        ["rule: growth", "site: \"app.py:keep\"", "site: app.py", "site: /ap+\\.py:ke/", "scenario: kee*"]
    {
        let allow =
            format!("allow:\n  - {{ {selector}, reason: \"SHOP-412, next SDK\", expires: 2999-12-31 }}\n");
        let project = project(&allow);
        let checked = project.check();
        assert_eq!(checked.code, Some(0), "{selector}: {}", checked.whole());
        assert!(checked.out.contains("\n  allow "), "{}", checked.whole());
        assert!(checked.out.contains("SHOP-412, next SDK · until 2999-12-31"), "{}", checked.whole());
        assert!(!checked.out.contains("accept"), "{}", checked.whole());
        let standing = &project.scenario("keeps")["findings"][0]["standing"];
        let wanted =
            serde_json::json!({"is": "allowed", "because": "SHOP-412, next SDK", "see": "2999-12-31"});
        assert_eq!(*standing, wanted);
        let junit = project.read(".leakgate/report.xml");
        assert!(junit.contains("failures=\"0\"") && junit.contains("allowed: SHOP-412"), "{junit}");
        let markdown = project.read(".leakgate/report.md");
        assert!(markdown.contains("Allowed or known, not failing: 1 finding"), "{markdown}");
        assert!(markdown.contains("✅ leakgate: all of 2 scenarios passed"), "{markdown}");
    }
}

#[test]
fn an_entry_that_asks_for_something_else_covers_nothing_and_is_stale() {
    for selector in [
        "rule: budget-*",
        "site: other.py",
        "site: \"app.py:clean\"",
        "owner: app.OTHER",
        "package: \"*\"",
        "fingerprint: \"000000\"",
        "rule: growth, scenario: clean",
    ] {
        let project = project(&format!("allow: [{{ {selector}, reason: why not }}]\n"));
        let checked = project.check();
        assert_eq!(checked.code, Some(1), "{selector}: {}", checked.whole());
        let note = "the allowance at leakgate.yaml:6 (why not) matched nothing: remove it if what it covered is mended";
        assert_eq!(project.result()["notes"], serde_json::json!([note]), "{selector}");
        assert!(
            checked.out.contains("\nnote    the allowance at leakgate.yaml:6 (why not) matched"),
            "{}",
            checked.whole()
        );
        assert!(project.read(".leakgate/report.md").contains("**Note**: the allowance at leakgate.yaml:6"));
    }
}

#[test]
fn no_entry_is_stale_where_not_everything_was_run_and_measured() {
    let broken = "allow: [{ rule: nothing, reason: x }, { rule: nothing, scenario: clean, reason: y }]\n";
    let project = project(broken);
    assert_eq!(project.run(&["check", "clean"]).code, Some(0));
    assert_eq!(project.result()["notes"], serde_json::json!([]));
    project.write("app.py", "def clean():\n    pass\n");
    assert_eq!(project.check().code, Some(3));
    let notes = project.result()["notes"].to_string();
    assert!(notes.contains("(y) matched nothing") && !notes.contains("(x)"), "{notes}");
}

#[test]
fn more_than_the_ceiling_fails_again_and_exactly_as_much_passes() {
    let checked = |at_most: &str| {
        let project = project(&format!("allow: [{{ rule: growth, at_most: {at_most}, reason: SHOP-7 }}]\n"));
        (project.check().code, evidence(&project))
    };
    for enough in ["1000 B/iteration", "2000 B/2 iterations", "1 KiB/iteration"] {
        assert_eq!(checked(enough).0, Some(0), "{enough}: {}", checked(enough).1);
    }
    let (code, evidence) = checked("999 B/iteration");
    assert_eq!(code, Some(1));
    assert!(
        evidence.contains("this is more than the 999 B/iteration that leakgate.yaml:6 allows (SHOP-7)"),
        "{evidence}"
    );
    let (code, evidence) = checked("1 thread/iteration");
    assert_eq!(code, Some(1));
    assert!(
        evidence.contains("1 thread/iteration cannot be compared with bytes per iteration"),
        "{evidence}"
    );
}

#[test]
fn a_leak_that_is_told_in_entries_and_bytes_can_be_allowed_in_either() {
    let app = "KEPT = []\n\ndef keep():\n    KEPT.append(bytes(967))\n    KEPT.append(None)\n\ndef clean():\n    return 1\n";
    for (at_most, code) in [("2 entries/iteration", 0), ("1 entry/iteration", 1), ("2 KiB/iteration", 0)] {
        let allow = format!("allow: [{{ rule: growth, at_most: {at_most}, reason: SHOP-7 }}]\n");
        let project = Project::new(&format!("{SCENARIOS}{allow}"), app);
        let checked = project.check();
        assert_eq!(checked.code, Some(code), "{at_most}: {}", checked.whole());
        let says = format!("this is more than the {at_most} that leakgate.yaml:");
        assert_eq!(evidence(&project).contains(&says), code == 1, "{}", evidence(&project));
    }
}

#[test]
fn a_budget_is_allowed_up_to_a_size_or_a_count() {
    let checked = |at_most: &str| {
        let work = "scenarios: { big: { run: [python, -c, \"x = b'x' * (64 << 20)\"], confirm: false, budgets: { peak: 1 MiB } } }\n";
        let allow = format!("allow: [{{ rule: budget-peak, at_most: {at_most}, reason: known }}]\n");
        Project::new(&format!("{work}{allow}"), "").check().code
    };
    assert_eq!((checked("80 MiB"), checked("60 MiB"), checked("3")), (Some(0), Some(1), Some(1)));
}

#[test]
fn an_entry_that_is_over_fails_with_its_line_and_its_day() {
    let project = project("allow:\n  - rule: growth\n    reason: SHOP-9\n    expires: 2020-02-29\n");
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    let wanted =
        "the allowance at leakgate.yaml:7 (SHOP-9) expired on 2020-02-29: renew it, or mend what it covers";
    assert!(evidence(&project).contains(wanted), "{}", evidence(&project));
    assert_eq!(project.result()["notes"], serde_json::json!([]), "it matches, so it is not stale");
}

/// A project with a package `leaky_pkg` that is installed as `Leaky.Pkg` 1.2, and this `app`.
fn packaged(allow: &str, app: &str) -> Project {
    let env =
        "defaults: { warmup: 8, iterations: 80, confirm: false, env: { PYTHONPATH: lib/site-packages } }\n";
    let project = Project::new(&format!("{env}scenarios: {{ keeps: {{ call: app:keep }} }}\n{allow}"), app);
    let package =
        "KEPT = []\n\ndef keep():\n    KEPT.append(bytes(967))\n\ndef make():\n    return bytes(967)\n";
    project.write("lib/site-packages/leaky_pkg/__init__.py", package);
    project.write("lib/site-packages/Leaky.Pkg-1.2.dist-info/RECORD", "leaky_pkg/__init__.py,,\n");
    project.write("lib/site-packages/Leaky.Pkg-1.2.dist-info/METADATA", "Name: Leaky.Pkg\nVersion: 1.2\n");
    project
}

#[test]
fn a_leak_of_a_package_is_covered_by_its_name_and_one_of_the_users_with_it_is_not() {
    let own = "import leaky_pkg\n\ndef keep():\n    leaky_pkg.keep()\n";
    let users = "import leaky_pkg\nKEPT = []\n\ndef keep():\n    KEPT.append(leaky_pkg.make())\n";
    for package in ["leaky-pkg", "Leaky_Pkg", "leaky*", "/^leaky/"] {
        let allow = format!("allow: [{{ package: {package}, reason: known }}]\n");
        let checked = packaged(&allow, own).check();
        assert_eq!(checked.code, Some(0), "{package}: {}", checked.whole());
        let checked = packaged(&allow, users).check();
        assert_eq!(checked.code, Some(1), "{package}: {}", checked.whole());
    }
    assert_eq!(packaged("allow: [{ package: other, reason: known }]\n", own).check().code, Some(1));
}

#[test]
fn a_known_leak_of_an_installed_package_is_shown_apart_and_passes() {
    // What matters is what is installed under which name and version: the leak itself is made here.
    let known = |version: &str| {
        let app = "import ijson\n\ndef keep():\n    ijson.items()\n";
        let env = "defaults: { warmup: 8, iterations: 80, env: { PYTHONPATH: lib/site-packages } }\n";
        let project = Project::new(&format!("{env}scenarios: {{ keeps: {{ call: app:keep }} }}\n"), app);
        let package =
            "LOST = [None] * 1000\nAT = iter(range(1000))\n\ndef items():\n    LOST[next(AT)] = bytes(967)\n";
        project.write("lib/site-packages/ijson/__init__.py", package);
        let folder = format!("lib/site-packages/ijson-{version}.dist-info");
        project.write(&format!("{folder}/RECORD"), "ijson/__init__.py,sha256=x,1\n");
        project.write(&format!("{folder}/METADATA"), &format!("Name: ijson\nVersion: {version}\n"));
        (project.check(), project)
    };
    let (checked, project) = known("3.1.1");
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    assert!(
        checked.out.contains("\n  known memory grows by 1000 B after every iteration\n"),
        "{}",
        checked.whole()
    );
    let reference = "https://github.com/ICRAR/ijson/issues/34";
    assert!(checked.out.contains(&format!("ijson 3.1.1 · {reference}")), "{}", checked.whole());
    let wanted = serde_json::json!({"is": "known", "because": "ijson 3.1.1", "see": reference});
    assert_eq!(project.scenario("keeps")["findings"][0]["standing"], wanted);
    assert!(project.read(".leakgate/report.xml").contains("known: ijson 3.1.1"));
    let (checked, _) = known("3.2.1");
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
}

#[test]
fn every_new_failure_comes_with_the_command_that_accepts_it() {
    let project = project("");
    let checked = project.check();
    let digits =
        project.scenario("keeps")["findings"][0]["fingerprint"]["value"].as_str().unwrap().to_owned();
    let command = format!("leakgate allow {digits} --reason \"…\"");
    assert!(checked.out.ends_with(&format!("  accept  {command}\n")), "{}", checked.whole());
    let markdown = project.read(".leakgate/report.md");
    assert!(
        markdown.contains("<summary>Accept it for now</summary>") && markdown.contains(&command),
        "{markdown}"
    );
    fs::rename(project.path().join("leakgate.yaml"), project.path().join("other.yaml")).unwrap();
    let checked = project.run(&["check", "--config", "other.yaml", "--output-dir", "out"]);
    let command =
        format!("leakgate allow {digits} --config other.yaml --from out/result.json --reason \"…\"");
    assert!(checked.out.contains(&command), "{}", checked.whole());
}
