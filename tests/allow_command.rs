//! `leakgate allow` through the real binary: what it writes, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "check_command/project.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest of it")]
mod project;

use project::{Checked, Project};

const APP: &str =
    "KEPT = [None] * 1000\nAT = iter(range(1000))\n\ndef keep():\n    KEPT[next(AT)] = bytes(967)\n";
const SCENARIOS: &str = "defaults: { warmup: 8, iterations: 80, confirm: false }\nscenarios:\n  keeps: { call: app:keep } # leaks\n";

/// A result of a check with these findings: fingerprint, rule, scenario.
fn result(findings: &[(&str, &str, &str)]) -> String {
    let scenario = |(value, rule, scenario): &(&str, &str, &str)| {
        let fingerprint = serde_json::json!({"scheme": 1, "value": value});
        let finding = serde_json::json!({"rule": rule, "title": "memory grows", "fingerprint": fingerprint});
        serde_json::json!({"name": scenario, "findings": [finding]})
    };
    let scenarios: Vec<serde_json::Value> = findings.iter().map(scenario).collect();
    serde_json::json!({"version": 1, "scenarios": scenarios}).to_string()
}

fn with_result(config: &str) -> Project {
    let project = Project::new(config, APP);
    let findings = [
        ("7f3a9c01d2e4", "growth", "keeps"),
        ("7f3a11111111", "budget-peak", "keeps"),
        ("abcdabcdabcd", "growth", "api"),
    ];
    project.write(".leakgate/result.json", &result(&findings));
    project
}

fn allow(project: &Project, words: &[&str]) -> Checked {
    project.run(&[&["allow"], words].concat())
}

#[test]
fn the_command_that_a_report_prints_makes_the_check_pass() {
    let project = Project::new(SCENARIOS, APP);
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    let printed = checked.out.lines().find_map(|line| line.strip_prefix("  accept  leakgate ")).unwrap();
    let words = shlex::split(&printed.replace('…', "SHOP-412, next SDK")).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let before = project.read("leakgate.yaml");
    let allowed =
        project.run(&[&words[..], &["--at-most", "1000 B/iteration", "--expires", "2999-12-31"]].concat());
    assert_eq!(allowed.code, Some(0), "{}", allowed.whole());
    let wanted = "leakgate.yaml:6: allowed up to 1000 B/iteration until 2999-12-31: memory grows by 1000 B after every \
                  iteration (growth, scenario keeps)\n";
    assert_eq!(allowed.out, wanted);
    let entry = format!(
        "allow:\n  - fingerprint: {}\n    rule: growth\n    scenario: keeps\n    parts: 16c57c3cb0f4\n    at_most: 1000 B/iteration\n    \
         reason: SHOP-412, next SDK\n    expires: 2999-12-31\n",
        words[1]
    );
    assert_eq!(project.read("leakgate.yaml"), format!("{before}{entry}"));
    assert_eq!(project.check().code, Some(0));
}

#[test]
fn the_first_digits_are_enough_and_those_of_several_are_listed() {
    let project = with_result(SCENARIOS);
    let several = allow(&project, &["7f3a", "--reason", "x"]);
    assert_eq!(several.code, Some(2));
    assert_eq!(
        several.errors,
        "leakgate: error: 7f3a is the beginning of 2 fingerprints in .leakgate/result.json:\n\
         \x20 7f3a11111111  memory grows (budget-peak, scenario keeps)\n\
         \x20 7f3a9c01d2e4  memory grows (growth, scenario keeps)\n"
    );
    let one = allow(&project, &["7F3A9", "--reason", "x"]);
    assert_eq!(
        one.out,
        "leakgate.yaml:6: allowed: memory grows (growth, scenario keeps)\n",
        "{}",
        one.whole()
    );
    let again = allow(&project, &["7f3a9c01", "--reason", "y"]);
    assert_eq!(again.code, Some(2));
    assert!(
        again.errors.contains("leakgate.yaml:6 is an allowance for 7f3a9c01d2e4 already"),
        "{}",
        again.errors
    );
    let other = allow(&project, &["abcd", "--reason", "z", "--scenario", "keeps"]);
    assert!(
        other.errors.contains("no finding of scenario `keeps` in .leakgate/result.json"),
        "{}",
        other.errors
    );
    assert_eq!(allow(&project, &["abcd", "--reason", "z", "--scenario", "api"]).code, Some(0));
    assert!(project.read("leakgate.yaml").contains("  - fingerprint: abcdabcdabcd\n"));
}

#[test]
fn nothing_else_of_the_file_changes() {
    let config = "scenarios: # all of them\r\n  keeps: {call: 'app:keep'}   # odd   spaces\r\nallow: []  # none yet\r\n# the end";
    let project = with_result(config);
    let before = project.read("leakgate.yaml");
    assert_eq!(allow(&project, &["7f3a9", "--reason", "a: \"b\""]).code, Some(0));
    let entry = "allow:  # none yet\r\n  - fingerprint: 7f3a9c01d2e4\r\n    rule: growth\r\n    scenario: keeps\r\n    reason: \"a: \\\"b\\\"\"\r\n";
    assert_eq!(project.read("leakgate.yaml"), before.replace("allow: []  # none yet\r\n", entry));
}

#[test]
fn what_cannot_be_added_to_is_refused_with_the_text_to_paste() {
    let project = with_result("");
    project.write("leakgate.yaml", "{ version: 1, scenarios: { keeps: { call: 'app:keep' } } }\n");
    let refused = allow(&project, &["7f3a9", "--reason", "x"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.errors.contains("nothing was changed"), "{}", refused.errors);
    assert!(
        refused.errors.contains("  - fingerprint: 7f3a9c01d2e4\n    rule: growth\n"),
        "{}",
        refused.errors
    );
    assert_eq!(project.read("leakgate.yaml"), "{ version: 1, scenarios: { keeps: { call: 'app:keep' } } }\n");
}

#[test]
fn bad_input_is_one_clear_message() {
    let project = with_result(SCENARIOS);
    let before = project.read("leakgate.yaml");
    let cases: [(&[&str], &str); 8] = [
        (&["7f3", "--reason", "x"], "expected 4 to 12 hexadecimal digits"),
        (&["quote", "--reason", "x"], "expected 4 to 12 hexadecimal digits"),
        (
            &["1234", "--reason", "x"],
            "no finding in .leakgate/result.json has a fingerprint that begins with 1234",
        ),
        (&["7f3a9", "--reason", " "], "expected why it is allowed"),
        (&["7f3a9", "--reason", "…"], "expected why it is allowed"),
        (&["7f3a9", "--reason", "x", "--expires", "2027-02-30"], "expected a day that exists"),
        (&["7f3a9", "--reason", "x", "--expires", "2020-01-01"], "this day is over"),
        (&["7f3a9", "--reason", "x", "--at-most", "64 apples"], "expected an amount such as 64 B/iteration"),
    ];
    for (words, message) in cases {
        let refused = allow(&project, words);
        assert_eq!(refused.code, Some(2), "{words:?}: {}", refused.whole());
        assert!(refused.errors.contains(message), "{words:?}: {}", refused.errors);
    }
    assert_eq!(project.read("leakgate.yaml"), before);
    project.write(".leakgate/result.json", "{\"version\": 2}");
    let refused = allow(&project, &["7f3a9", "--reason", "x"]);
    assert!(refused.errors.contains("is of version 2; this leakgate reads version 1"), "{}", refused.errors);
    project.write(".leakgate/result.json", "<html>");
    let refused = allow(&project, &["7f3a9", "--reason", "x"]);
    assert!(refused.errors.contains("is no result of `leakgate check`"), "{}", refused.errors);
    std::fs::remove_file(project.path().join(".leakgate/result.json")).unwrap();
    let refused = allow(&project, &["7f3a9", "--reason", "x"]);
    assert!(refused.errors.contains("run `leakgate check` first"), "{}", refused.errors);
}

#[test]
fn a_ceiling_of_another_unit_is_refused_with_what_the_finding_has() {
    let project = Project::new(SCENARIOS, APP);
    let fingerprint = serde_json::json!({"scheme": 1, "value": "7f3a9c01d2e4"});
    let measured = |unit: &str, total: u64| {
        let rate = serde_json::json!({"total": total, "iterations": 80, "unit": unit});
        let finding = serde_json::json!({"rule": "growth", "title": "it grows", "fingerprint": fingerprint, "rate": rate});
        let scenario = serde_json::json!({"name": "keeps", "findings": [finding]});
        let result = serde_json::json!({"version": 1, "scenarios": [scenario]});
        project.write(".leakgate/result.json", &result.to_string());
    };
    let before = project.read("leakgate.yaml");
    let told = |most: &str| allow(&project, &["7f3a", "--reason", "known", "--at-most", most]);
    let cases = [
        ("descriptors", 80, "64 B/iteration", "1 descriptor/iteration"),
        ("threads", 40, "1 fd/iteration", "40 threads/80 iterations"),
        ("children", 160, "3", "2 children/iteration"),
        ("bytes", 80_000, "1 thread/iteration", "1000 B/iteration"),
    ];
    for (unit, total, most, has) in cases {
        measured(unit, total);
        let refused = told(most);
        assert_eq!(refused.code, Some(2), "{}", refused.whole());
        let wanted = format!("which is measured in {unit} an iteration: it has {has}\n");
        assert!(refused.whole().contains(&wanted), "{}", refused.whole());
        assert_eq!(project.read("leakgate.yaml"), before, "nothing is written");
    }
    measured("entries", 80);
    let allowed = told("1 entry/iteration");
    assert_eq!(allowed.code, Some(0), "{}", allowed.whole());
}
