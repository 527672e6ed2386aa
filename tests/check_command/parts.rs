//! Parts of the scenarios on several machines, and `leakgate merge`, which joins their results.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use crate::project::Project;

const APP: &str = "\
_KEPT = []
_OPEN = []
def fine(): return None
def keeps(): _KEPT.append(bytearray(1000))
def opens(): _OPEN.append(open(__file__))
def fails(): raise ValueError('no')
";

/// Twelve scenarios, of which one keeps memory and one descriptors.
fn project() -> Project {
    let fine: String = (0..10).map(|index| format!("  fine-{index}: {{ call: \"app:fine\" }}\n")).collect();
    Project::new(
        &format!(
            "defaults: {{ iterations: 8, warmup: 2, confirm: false }}\nscenarios:\n  \
             keeps: {{ call: \"app:keeps\", budgets: {{ growth: 0 }} }}\n{fine}  \
             opens: {{ call: \"app:opens\", budgets: {{ fds: 0 }} }}\n"
        ),
        APP,
    )
}

fn part(project: &Project, index: usize, of: usize) -> String {
    let folder = format!("part-{index}");
    project.run(&["check", "--partition", &format!("hash:{index}/{of}"), "--output-dir", &folder]);
    folder
}

/// What must not depend on how the work was shared: all but times, places of results, and figures of the interpreter.
fn essence(project: &Project, file: &str) -> serde_json::Value {
    let mut result: serde_json::Value = serde_json::from_str(&project.read(file)).unwrap();
    for key in ["started_ms", "elapsed_ms", "results_dir"] {
        result[key] = serde_json::Value::Null;
    }
    for scenario in result["scenarios"].as_array_mut().unwrap() {
        scenario["elapsed_ms"] = serde_json::Value::Null;
        scenario.as_object_mut().unwrap().remove("capture");
        // Live bytes of the interpreter differ by a few from run to run.
        scenario["figures"] = serde_json::Value::Null;
        scenario["growth"]["floors"] = serde_json::Value::Null;
        scenario["findings"].as_array_mut().unwrap().iter_mut().for_each(|finding| {
            finding["series"] = serde_json::Value::Null;
        });
    }
    result
}

#[test]
fn the_parts_together_are_all_scenarios_and_each_is_in_one() {
    let project = project();
    let listed = |words: &[&str]| {
        let out = project.run(words).out;
        out.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<String>>()
    };
    let all = listed(&["check", "--list"]);
    let mut together = Vec::new();
    for part in ["hash:1/3", "hash:2/3", "hash:3/3"] {
        together.extend(listed(&["check", "--list", "--partition", part]));
    }
    assert_eq!(together.len(), all.len());
    assert_eq!(together.iter().collect::<BTreeSet<_>>(), all.iter().collect::<BTreeSet<_>>());
}

#[test]
fn merged_parts_are_what_one_check_of_all_says() {
    let project = project();
    let whole = project.check();
    assert_eq!(whole.code, Some(1), "{}", whole.whole());
    let files = [2, 1, 3].map(|index| format!("{}/result.json", part(&project, index, 3)));
    let merged = project.run(&["merge", &files[0], &files[1], &files[2], "--output-dir", "all"]);
    assert_eq!(merged.code, Some(1), "{}", merged.whole());
    assert_eq!(essence(&project, "all/result.json"), essence(&project, ".leakgate/result.json"));
    for name in ["report.md", "report.xml", ".gitignore"] {
        assert!(project.has(&format!("all/{name}")), "{name}");
    }
    assert!(merged.out.contains("_KEPT.append"), "the source is shown: {}", merged.out);
    let folder = (1..=3)
        .map(|index| format!("part-{index}"))
        .find(|folder| project.has(&format!("{folder}/captures/keeps")));
    let folder = folder.expect("one of the parts has the capture");
    let look = regex::Regex::new("\n  look    leakgate view [a-z]+ (.+)\n").unwrap();
    let shown = |text: &str| look.captures(text).map(|found| found[1].to_owned());
    assert_eq!(shown(&merged.out), Some(format!("{folder}/captures/keeps")), "{}", merged.out);
    // Results that came without their captures: nothing can be looked at.
    std::fs::remove_dir_all(project.path().join(&folder).join("captures")).unwrap();
    let merged = project.run(&["merge", "part-1", "part-2", "part-3", "--output-dir", "all"]);
    assert_eq!(shown(&merged.out), None, "{}", merged.out);
    assert!(!project.read("all/report.md").contains(&format!("{folder}/captures/keeps")));
    // Folders stand for the result in them, and a report can be had in any format.
    let json =
        project.command(&["merge", "part-1", "part-2", "part-3", "--format", "json"]).output().unwrap();
    assert_eq!(String::from_utf8(json.stdout).unwrap(), project.read(".leakgate/result.json"));
}

#[test]
fn what_does_not_belong_together_is_exit_2() {
    let project = project();
    (1..=3).for_each(|index| {
        part(&project, index, 3);
    });
    let refused = |words: &[&str]| {
        let checked = project.run(words);
        assert_eq!(checked.code, Some(2), "{}", checked.whole());
        assert!(!project.has(".leakgate"), "nothing is written");
        checked.whole()
    };
    assert_snapshot!(refused(&["merge", "part-1", "part-3"]), @r"
    leakgate: error: part 2 of 3 is missing: what is in there has no verdict
    [exit 2]
    ");
    assert_snapshot!(refused(&["merge", "part-2"]), @r"
    leakgate: error: parts 1, 3 of 3 are missing: what is in there has no verdict
    [exit 2]
    ");
    assert_snapshot!(refused(&["merge", "part-1", "part-2", "part-1", "part-3"]), @r"
    leakgate: error: part 1 of 3 is there twice: `part-1` and `part-1`
    [exit 2]
    ");
    project.write("empty.json", "");
    assert_snapshot!(refused(&["merge", "part-1", "empty.json"]), @r"
    leakgate: error: failed to read `empty.json`: it is empty
    [exit 2]
    ");
    assert_snapshot!(refused(&["merge", "part-1", "nothing"]), @r"
    leakgate: error: failed to read `nothing`: No such file or directory (os error 2)
    [exit 2]
    ");
    project.run(&["check", "fine-1", "--output-dir", "named"]);
    assert_snapshot!(refused(&["merge", "part-1", "named"]), @r"
    leakgate: error: `part-1` is a part and `named` is not: they do not belong together
    [exit 2]
    ");
    // One part is of another leakgate, one was judged by another measure.
    let whole = project.read("part-3/result.json");
    let version = format!("\"leakgate\": \"{}\"", env!("CARGO_PKG_VERSION"));
    project.write("part-3/result.json", &whole.replacen(&version, "\"leakgate\": \"99.1\"", 1));
    let other = refused(&["merge", "part-1", "part-2", "part-3"]);
    assert!(
        other.contains("and `part-3` by leakgate 99.1: all parts must be run with the same one\n"),
        "{other}"
    );
    project.write("part-3/result.json", &whole.replacen("\"fail_on\": \"new\"", "\"fail_on\": \"any\"", 1));
    assert_snapshot!(refused(&["merge", "part-1", "part-2", "part-3"]), @r"
    leakgate: error: `part-2` was judged with `fail_on: new` and `part-3` with `fail_on: any`: all parts must have the same
    [exit 2]
    ");
    project.write("part-3/result.json", &whole);
    // One part is of another text of the configuration.
    project.write("leakgate.yaml", &format!("{}# changed\n", project.read("leakgate.yaml")));
    part(&project, 2, 3);
    assert_snapshot!(refused(&["merge", "part-1", "part-2", "part-3"]), @r"
    leakgate: error: `part-1` and `part-2` are of different configurations: all parts must be run with the same text of `leakgate.yaml`
    [exit 2]
    ");
}

#[test]
fn results_of_named_scenarios_merge_when_no_scenario_is_in_two() {
    let project = project();
    for name in ["fine-1", "opens"] {
        project.run(&["check", name, "--output-dir", name]);
    }
    let merged = project.run(&["merge", "opens", "fine-1"]);
    assert_eq!(merged.code, Some(1), "{}", merged.whole());
    let end = "1 failed, 1 passed in [time] · reports in .leakgate/\n  again   leakgate check opens\n  look    leakgate view tree opens/captures/opens\n";
    assert!(merged.out.contains(end), "{}", merged.out);
    // Each says how many of the twelve it leaves out.
    let left_out = |file: &str| {
        serde_json::from_str::<serde_json::Value>(&project.read(file)).unwrap()["left_out"].clone()
    };
    assert_eq!((left_out("opens/result.json"), left_out("fine-1/result.json")), (11.into(), 11.into()));
    assert_eq!(left_out(".leakgate/result.json"), 10);
    let report = project.read(".leakgate/report.md");
    assert!(report.lines().nth(1).unwrap().ends_with(" · 1 of 2 scenarios failed · only 2 of 12 scenarios"));
    let marker = report.lines().next().unwrap().to_owned();
    project.run(&["check", "fine-1", "opens"]);
    assert_eq!(project.read(".leakgate/report.md").lines().next(), Some(marker.as_str()));
    // Parts of what was asked for are, together, that.
    for part in ["hash:1/2", "hash:2/2"] {
        project.run(&[
            "check",
            "opens",
            "fine-1",
            "--partition",
            part,
            "--output-dir",
            &part.replace('/', "-"),
        ]);
    }
    assert_eq!(project.run(&["merge", "hash:1-2", "hash:2-2"]).code, Some(1));
    assert_eq!(left_out(".leakgate/result.json"), 10);
    assert_eq!(project.read(".leakgate/report.md").lines().next(), Some(marker.as_str()));
}

#[test]
fn a_part_without_scenarios_passes_and_says_so() {
    let project = Project::new("scenarios:\n  only: { run: [\"true\"] }\n", "");
    let codes = [1, 2].map(|index| {
        let folder = format!("part-{index}");
        project.run(&["check", "--partition", &format!("hash:{index}/2"), "--output-dir", &folder])
    });
    let empty = codes.iter().find(|checked| checked.out.contains("0 of 1")).unwrap();
    assert_eq!(empty.code, Some(0));
    let index = if codes[0].out.contains("0 of 1") { 1 } else { 2 };
    assert!(empty.out.contains(&format!("nothing to run in part {index} of 2, passed")), "{}", empty.out);
    assert!(project.read(&format!("part-{index}/report.md")).contains("✅ leakgate: nothing to run in part"));
    assert_eq!(project.run(&["merge", "part-1", "part-2"]).code, Some(0));
}

#[test]
fn a_part_that_cannot_be_is_exit_2_with_what_is_expected() {
    let project = project();
    for wrong in ["2/4", "hash:5/4", "hash:0/4", "hash:1/0"] {
        let checked = project.run(&["check", "--partition", wrong]);
        assert_eq!(checked.code, Some(2), "{wrong}");
        assert!(checked.errors.starts_with(&format!("error: invalid value '{wrong}'")), "{}", checked.errors);
    }
    assert!(!project.has(".leakgate"));
}
