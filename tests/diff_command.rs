//! `leakgate diff` through the real binary, on captures and results whose differences are known by construction.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[allow(dead_code, reason = "shared with the tests of other commands")]
#[path = "check_command/project.rs"]
mod project;

use project::Project;
use serde_json::Value;

/// Holds 5 blocks of 1,033 B and what `more` adds, at module level.
fn program(more: &str) -> String {
    format!(
        "SLOTS = [None] * 100\n\
         def keep(start, count, size):\n    \
             for index in range(start, start + count):\n        \
                 SLOTS[index] = bytes(size)\n\
         def extra(count):\n    \
             SLOTS[90] = bytes(count)\n\
         keep(0, 5, 1000)\n{more}\n"
    )
}

fn recorded(project: &Project, name: &str, text: &str) {
    project.write("app.py", text);
    let run = project.run(&["run", "-o", name, "python3", "app.py"]);
    assert_eq!(run.code, Some(0), "{}", run.whole());
}

/// The changes of `--json` at a line of the program's own.
fn changes(project: &Project, words: &[&str]) -> Vec<Value> {
    let output = project.command(&[&["diff", "--json"], words].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kind"], "captures");
    let all = json["changes"].as_array().unwrap().clone();
    all.into_iter().filter(|change| change["place"].as_str().unwrap().starts_with("app.py:")).collect()
}

fn said(change: &Value) -> String {
    let amount = |side: &str| format!("{} B in {}", change[side]["bytes"], change[side]["blocks"]);
    let (fate, place) = (change["fate"].as_str().unwrap(), change["place"].as_str().unwrap());
    format!("{fate} {place}: {} → {}", amount("before"), amount("after"))
}

#[test]
fn sites_that_grew_are_new_shrank_and_are_gone_are_told_with_exact_bytes() {
    let project = Project::new("scenarios: {}\n", "");
    recorded(&project, "a.leakgate", &program(""));
    recorded(&project, "b.leakgate", &program("keep(5, 2, 1000); extra(50000)"));
    let kept = |change: &&Value| change["stack"][0].as_str().unwrap().ends_with("in keep");
    let there = changes(&project, &["a.leakgate", "b.leakgate", "--at", "end"]);
    let new: Vec<String> = there.iter().filter(|change| change["fate"] == "new").map(said).collect();
    assert!(new.contains(&"new app.py:6 in extra: 0 B in 0 → 50033 B in 1".to_owned()), "{new:?}");
    let total: u64 = there
        .iter()
        .filter(kept)
        .map(|change| {
            change["after"]["bytes"].as_u64().unwrap() - change["before"]["bytes"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(total, 2 * 1_033, "{there:?}");

    let back = changes(&project, &["b.leakgate", "a.leakgate", "--at", "end"]);
    let gone: Vec<String> = back.iter().filter(|change| change["fate"] == "gone").map(said).collect();
    assert!(gone.contains(&"gone app.py:6 in extra: 50033 B in 1 → 0 B in 0".to_owned()), "{gone:?}");

    let text = project.run(&["diff", "a.leakgate", "b.leakgate", "--at", "end"]);
    assert_eq!(text.code, Some(0), "{}", text.whole());
    assert!(text.out.contains("\nnew\n   +48.9 KiB   +1 block   app.py:6 in extra\n"), "{}", text.out);
    assert!(text.out.starts_with("before  a.leakgate · "), "{}", text.out);
}

#[test]
fn a_capture_has_no_difference_to_itself() {
    let project = Project::new("scenarios: {}\n", "");
    recorded(&project, "a.leakgate", &program(""));
    let same = project.run(&["diff", "a.leakgate", "a.leakgate"]);
    assert_eq!(same.code, Some(0), "{}", same.whole());
    assert!(
        same.out.contains("(0 B)") && same.out.ends_with("no difference: every site holds the same\n"),
        "{}",
        same.out
    );
}

#[test]
fn a_line_that_moved_is_the_same_site() {
    let project = Project::new("scenarios: {}\n", "");
    let more = "extra(50000)";
    recorded(&project, "a.leakgate", &program(more));
    recorded(&project, "b.leakgate", &format!("# moved\n{}", program(more).replace("50000", "60000")));
    let there = changes(&project, &["a.leakgate", "b.leakgate", "--at", "end"]);
    let moved = there.iter().find(|change| change["place"] == "app.py:7 in extra").unwrap();
    assert_eq!(said(moved), "grew app.py:7 in extra: 50033 B in 1 → 60033 B in 1");
    assert_eq!(moved["moved_from"], 6);
    let keeps = there.iter().any(|change| change["place"].as_str().unwrap().contains("in keep"));
    assert!(!keeps, "it moved and holds the same: {there:?}");
}

const APP: &str = "\
SLOTS = [None] * 1000
def keeps(size=967):
    SLOTS[SLOTS.index(None)] = bytes(size)
def healthy():
    return bytes(967)
";

/// A project and the result of a check of it, kept under another name.
fn checked(config: &str) -> Project {
    let project = Project::new(
        &format!("defaults: {{ iterations: 20, warmup: 5, confirm: false }}\nscenarios:\n{config}"),
        APP,
    );
    project.check();
    project.write("before.json", &project.read(".leakgate/result.json"));
    project
}

#[test]
fn results_differ_by_figures_findings_and_scenarios() {
    let project = checked("  work: { call: \"app:healthy\" }\n  old: { call: \"app:healthy\" }\n");
    let config = project.read("leakgate.yaml").replace("  old:", "  fresh:").replacen("healthy", "keeps", 1);
    project.write("leakgate.yaml", &config);
    assert_eq!(project.check().code, Some(1));
    let differs = project.run(&["diff", "before.json", ".leakgate/result.json"]);
    assert_eq!(differs.code, Some(0), "{}", differs.whole());
    for line in [
        "work\n  verdict pass → fail\n",
        "  grew   growth 0 B → 1000 B (+1,000 B/iteration)\n",
        "  new    memory grows by 1000 B after every iteration   growth\n",
        "\nfresh: new\n",
        "\nold: gone\n",
    ] {
        assert!(differs.out.contains(line), "{line}: {}", differs.out);
    }
    let output = project.command(&["diff", "--json", "before.json", ".leakgate"]).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kind"], "results");
    let growth =
        json["scenarios"][0]["figures"].as_array().unwrap().iter().find(|figure| figure["name"] == "growth");
    let growth = growth.unwrap();
    assert_eq!(
        (&growth["before"], &growth["after"], &growth["fate"]),
        (&0.into(), &1_000.into(), &"grew".into())
    );
}

#[test]
fn a_result_has_no_difference_to_itself() {
    let project = checked("  work: { call: \"app:keeps\" }\n");
    let same = project.run(&["diff", "before.json", ".leakgate/result.json"]);
    assert_eq!(same.whole(), "no difference: every figure and every finding is the same\n[exit 0]");
}

#[test]
fn what_cannot_be_compared_is_an_error_with_its_reason() {
    let project = checked("  work: { call: \"app:keeps\" }\n");
    let mixed = project.run(&["diff", "work", "before.json"]);
    assert_eq!(mixed.code, Some(2), "{}", mixed.whole());
    assert!(mixed.errors.contains("one of them is a capture and the other a result"), "{}", mixed.errors);
    let missing = project.run(&["diff", "nowhere", "before.json"]);
    assert_eq!(missing.code, Some(2), "{}", missing.whole());
    assert!(
        missing.errors.contains("failed to open `nowhere`; expected a capture or a result"),
        "{}",
        missing.errors
    );
    project.write("other.json", "[]");
    let other = project.run(&["diff", "other.json", "before.json"]);
    assert_eq!(other.code, Some(2), "{}", other.whole());
}

/// Keeps an object of 1,000 B an iteration in a list, and where `EXTRA` is there, one of 500 B in a dictionary.
const KEEPERS: &str = "\
SEEN = []
def work():
    SEEN.append(bytes(967))
";
const MORE_KEEPERS: &str = "\
SEEN = []
EXTRA = {}
def work():
    SEEN.append(bytes(967))
    EXTRA[len(EXTRA)] = bytes(467)
";

/// A project whose first check, kept beside, leaked less than its last one.
fn with_snapshots() -> Project {
    let config = "defaults: { iterations: 20, warmup: 5 }\nscenarios:\n  work: { call: \"app:work\" }\n";
    let project = Project::new(config, KEEPERS);
    assert_eq!(project.check().code, Some(1));
    project.write("before.json", &project.read(".leakgate/result.json"));
    for of in ["", "~2"] {
        let folder = |name: &str| project.path().join(format!("{name}{of}"));
        std::fs::rename(folder(".leakgate/captures/work"), folder("before.leakgate")).unwrap();
    }
    project.write("app.py", MORE_KEEPERS);
    assert_eq!(project.check().code, Some(1));
    project
}

#[test]
fn captures_with_heap_snapshots_differ_by_owner_and_by_type() {
    let project = with_snapshots();
    let output = project.command(&["diff", "--json", "before.leakgate", "work"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let named = |list: &str, name: &str| -> Value {
        let all = json["heap"][list].as_array().unwrap();
        all.iter().find(|change| change["name"] == name).unwrap_or(&Value::Null).clone()
    };
    let extra = named("owners", "app.EXTRA");
    let entries = extra["after"]["entries"].as_u64().unwrap();
    assert!(entries >= 25, "{extra}");
    assert_eq!((&extra["fate"], &extra["type"]), (&"new".into(), &"dict".into()), "{extra}");
    assert_eq!(named("owners", "app.SEEN"), Value::Null, "it holds the same");
    let bytes = named("types", "bytes");
    let number = |side: &str, of: &str| bytes[side][of].as_u64().unwrap();
    assert_eq!(number("after", "objects") - number("before", "objects"), entries, "{bytes}");
    // Code of functions that differ is in `bytes` objects, too.
    let more = number("after", "bytes") - number("before", "bytes");
    assert!((entries * 500..entries * 500 + 200).contains(&more), "{bytes}");

    let text = project.run(&["diff", "before.leakgate", "work"]);
    assert_eq!(text.code, Some(0), "{}", text.whole());
    assert!(text.out.contains("\nby owner\n  new "), "{}", text.out);
    assert!(text.out.contains(&format!(", +{entries} entries   app.EXTRA (dict)\n")), "{}", text.out);
    assert!(text.out.contains("\nby type\n  grew "), "{}", text.out);

    std::fs::remove_dir_all(project.path().join("before.leakgate~2")).unwrap();
    let half = project.run(&["diff", "before.leakgate", "work"]);
    let said = "not compared by owner and by type: before.leakgate has no heap snapshot;";
    assert!(half.out.contains(said), "{}", half.out);
}

#[test]
fn captures_with_iterations_are_compared_after_the_last_one_unless_another_moment_is_asked_for() {
    let project = with_snapshots();
    let grew = |words: &[&str]| -> Vec<u64> {
        let there = changes(&project, &[&["before.leakgate", "work"], words].concat());
        let new = there.iter().filter(|change| change["place"] == "app.py:5 in work");
        new.map(|change| change["after"]["bytes"].as_u64().unwrap()).collect()
    };
    // 25 objects of 500 B, and the dictionary's table.
    let kept: u64 = grew(&[]).iter().sum();
    assert!((12_500..14_500).contains(&kept), "{kept}");
    assert_eq!(grew(&["--at", "retained"]).iter().sum::<u64>(), kept);
    let text = project.run(&["diff", "before.leakgate", "work"]);
    assert!(text.out.contains("\nlive after 25 iterations: "), "{}", text.out);
    let text = project.run(&["diff", "before.leakgate", "work", "--at", "peak"]);
    assert!(text.out.contains("\nlive at the peak: "), "{}", text.out);

    project.write("leakgate.yaml", &project.read("leakgate.yaml").replace("20", "30"));
    assert_eq!(project.check().code, Some(1));
    let text = project.run(&["diff", "before.leakgate", "work"]);
    assert!(text.out.contains("\nlive after 25 iterations → after 35 iterations: "), "{}", text.out);
    assert!(text.out.contains("the numbers of iterations differ"), "{}", text.out);
}

#[test]
fn findings_of_results_differ_by_their_owners() {
    let project = with_snapshots();
    let differs = project.run(&["diff", "before.json", ".leakgate"]);
    assert_eq!(differs.code, Some(0), "{}", differs.whole());
    for line in ["         owner app.SEEN (list)\n", "         owner app.EXTRA (dict)\n"] {
        assert!(differs.out.contains(line), "{line}: {}", differs.out);
    }
    let output = project.command(&["diff", "--json", "before.json", ".leakgate"]).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let owners = &json["scenarios"][0]["findings"][0]["owners"];
    assert_eq!(owners["before"], serde_json::json!(["app.SEEN (list)"]), "{json}");
    assert!(owners["after"].as_array().unwrap().contains(&"app.EXTRA (dict)".into()), "{json}");

    // An owner that is known in one of them only is no difference, and other owners of as much are.
    let now = project.read(".leakgate/result.json");
    let mut changed: Value = serde_json::from_str(&now).unwrap();
    let owners = changed["scenarios"][0]["findings"][0]["owners"].take();
    changed["scenarios"][0]["findings"][0]["owners"] = serde_json::json!([]);
    project.write("without.json", &changed.to_string());
    for files in [["without.json", ".leakgate"], [".leakgate", "without.json"]] {
        assert!(project.run(&["diff", files[0], files[1]]).out.starts_with("no difference"));
    }
    changed["scenarios"][0]["findings"][0]["owners"] = owners;
    changed["scenarios"][0]["findings"][0]["owners"][0]["name"] = "app.OTHER".into();
    project.write("other.json", &changed.to_string());
    let other = project.run(&["diff", ".leakgate", "other.json"]).out;
    assert!(other.contains("\n  same   "), "{other}");
    assert!(other.contains("         owner app.OTHER ") && !other.contains("→"), "{other}");
}

#[test]
fn a_moved_line_that_holds_the_same_is_no_difference_beside_others_of_the_same_function() {
    let project = Project::new("scenarios: {}\n", "");
    let text = "A = bytes(7000)\nB = bytes(8000)\nC = bytes(9000)\n";
    recorded(&project, "a.leakgate", text);
    recorded(&project, "b.leakgate", &format!("\n\n\n{text}D = bytes(10000)\n"));
    let there = changes(&project, &["a.leakgate", "b.leakgate", "--at", "end"]);
    let large = |change: &&Value| {
        change["after"]["bytes"].as_u64().unwrap().max(change["before"]["bytes"].as_u64().unwrap()) > 5000
    };
    let said: Vec<String> = there.iter().filter(large).map(said).collect();
    assert_eq!(said, ["new app.py:7 in <module>: 0 B in 0 → 10033 B in 1"]);
}
