//! Budgets of several processes: each by itself, or all together.

use serde_json::Value;

use crate::project::Project;

/// The parent keeps 8 MiB and forks two children, each with 16 MiB of its own; all are there until the parent has
/// seen in the time line that a sample saw them all.
const APP: &str = r#"
import glob, os, sys
def hold(mebibytes): return bytearray(mebibytes << 20)
def wait_for_samples(pids):
    path = max(glob.glob(os.path.join(os.path.dirname(__file__), ".leakgate", "captures", "*", "timeline.csv")), key=os.path.getmtime)
    while True:
        with open(path) as file:
            rows = [row.split(",") for row in file.read().splitlines()[1:]]
        seen = {int(row[1]) for row in rows if len(row) == 4 and row[3] and int(row[2]) > 24 << 20}
        if seen.issuperset(pids): return
def main():
    kept = hold(8)
    ready, go = os.pipe(), os.pipe()
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            own = hold(16)
            os.write(ready[1], b"r")
            os.close(go[1])
            os.read(go[0], 1)
            os._exit(0)
        pids.append(pid)
    for _ in pids: os.read(ready[0], 1)
    wait_for_samples(pids)
    os.close(go[1])
    for pid in pids: assert os.waitpid(pid, 0)[1] == 0
    return kept
if __name__ == "__main__":
    main()
"#;

const MIB: i64 = 1 << 20;

fn figure(result: &Value, name: &str) -> i64 {
    let scenario = &result["scenarios"][0];
    let lists = ["budgets", "figures"].map(|list| scenario[list].as_array().unwrap());
    let figure = lists.into_iter().flatten().find(|figure| figure["name"] == name);
    figure.unwrap_or_else(|| panic!("no {name} in {scenario:#}"))["measured"].as_i64().unwrap()
}

fn check(scenario: &str, app: &str) -> (crate::project::Checked, Value) {
    let project = Project::new(&format!("scenarios:\n  tree:\n{scenario}"), app);
    let checked = project.check();
    let result = serde_json::from_str(&project.read(".leakgate/result.json")).unwrap();
    (checked, result)
}

#[test]
fn each_process_must_hold_the_budget_and_the_one_that_breaks_it_is_named() {
    let (checked, result) = check("    run: [python3, app.py]\n    budgets: { peak: 20 MiB }\n", APP);
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    // A child: 8 MiB inherited, 16 MiB of its own.
    assert!((24 * MIB..29 * MIB).contains(&figure(&result, "peak")), "{}", checked.whole());
    let finding = &result["scenarios"][0]["findings"][0];
    let evidence = finding["evidence"][0].as_str().unwrap();
    assert!(
        evidence.starts_with("of `")
            && evidence.contains("python3 app.py` (pid ")
            && evidence.ends_with("one of 3 recorded programs"),
        "{evidence}"
    );
    assert!(finding["place"]["function"] == "hold", "{finding:#}");
    let note = "3 processes were recorded, each is judged by itself, shown is the largest: peak of `";
    let notes = result["scenarios"][0]["notes"].as_array().unwrap();
    assert!(notes.iter().any(|said| said.as_str().unwrap().starts_with(note)), "{notes:#?}");
}

#[test]
fn all_processes_together_are_judged_with_shared_memory_counted_once() {
    let (checked, result) =
        check("    run: [python3, app.py]\n    budgets: { peak: { max: 39 MiB, of: tree } }\n", APP);
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    // 8 MiB once and 16 MiB twice; three times 8 MiB would be 56 MiB and more.
    assert!((40 * MIB..50 * MIB).contains(&figure(&result, "peak of tree")), "{}", checked.whole());
    let finding = &result["scenarios"][0]["findings"][0];
    assert!(
        finding["title"]
            .as_str()
            .unwrap()
            .contains("of all 3 processes together is over its budget of 39.0 MiB"),
        "{finding:#}"
    );
    assert!(finding["evidence"][0].as_str().unwrap().starts_with("sampled every 10 ms"), "{finding:#}");
    let by_itself = finding["evidence"][1].as_str().unwrap();
    assert!(by_itself.starts_with("by itself: "), "{finding:#}");
    assert_eq!(by_itself.matches("app.py` (pid ").count(), 1, "{finding:#}");
    let one = finding["evidence"][2].as_str().unwrap();
    assert!(one.starts_with("who held it, and the bill, are of one of them alone: `"), "{finding:#}");
}

/// A forked child that is being set up still has its parent's figures in its file: with many blocks that takes long
/// enough for samples.
#[test]
fn children_that_are_just_being_forked_are_not_counted_twice() {
    let app = r#"
import os, time
kept = [str(number) * 3 for number in range(400_000)]
pids = []
for _ in range(6):
    pid = os.fork()
    if pid == 0:
        time.sleep(0.1)
        os._exit(0)
    pids.append(pid)
for pid in pids: assert os.waitpid(pid, 0)[1] == 0
"#;
    let scenario = "    run: [python3, app.py]\n    budgets: { peak: 1 GiB, retained: { max: 1 GiB, of: tree } }\n    \
         scope: tree\n";
    let (checked, result) = check(scenario, app);
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    let together = figure(&result, "peak of tree");
    assert!((20 * MIB..figure(&result, "peak") + MIB).contains(&together), "{}", checked.whole());
}

#[test]
fn a_broken_budget_of_memory_without_a_bill_says_so() {
    let app = "import os\nif os.fork() == 0:\n    kept = bytearray(30 << 20)\n    os._exit(0)\nos.wait()\n";
    let (checked, result) = check("    run: [python3, app.py]\n    budgets: { retained: 20 MiB }\n", app);
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    let finding = &result["scenarios"][0]["findings"][0];
    let said = finding["evidence"].as_array().unwrap().iter();
    let says =
        said.filter(|text| text.as_str().unwrap().starts_with("what was resident is not known")).count();
    assert_eq!(says == 1, finding["bill"].is_null(), "{finding:#}");
}

#[test]
fn the_scope_of_a_scenario_is_that_of_its_budgets() {
    let scenario = "    run: [python3, app.py]\n    scope: tree\n    \
                    budgets: { peak: 50 MiB, retained: 50 MiB, rss: 1 GiB, blocks: 1000000 }\n";
    let (checked, result) = check(scenario, APP);
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    // A child ends with what it holds; the parent has dropped nothing either.
    assert!((40 * MIB..50 * MIB).contains(&figure(&result, "retained of tree")), "{}", checked.whole());
    assert!(figure(&result, "rss of tree") > 3 * 8 * MIB, "{}", checked.whole());
    // What each has is told beside it.
    assert!((24 * MIB..29 * MIB).contains(&figure(&result, "peak")), "{}", checked.whole());
}

#[test]
fn a_process_that_a_function_starts_must_hold_the_budget_too() {
    let (checked, result) = check(
        "    call: app:main\n    iterations: 1\n    warmup: 0\n    budgets: { peak: 20 MiB, peak_added: 20 MiB }\n",
        APP,
    );
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    assert!((24 * MIB..29 * MIB).contains(&figure(&result, "peak")), "{}", checked.whole());
    // Of the calling process alone.
    assert!((8 * MIB..10 * MIB).contains(&figure(&result, "peak_added")), "{}", checked.whole());
}

#[test]
fn without_following_the_children_are_in_no_figure() {
    let app = "import os\ndef hold(): return bytearray(16 << 20)\n\
               if os.fork() == 0:\n    kept = hold()\n    os._exit(0)\nos.wait()\n";
    let (checked, result) =
        check("    run: [python3, app.py]\n    follow: false\n    budgets: { peak: 14 MiB }\n", app);
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    assert!(figure(&result, "peak") < 14 * MIB);
    assert!(checked.out.contains("only the command itself was recorded"), "{}", checked.whole());
}

#[test]
fn a_child_that_can_write_nothing_at_all_is_named_and_an_error_where_that_is_not_allowed() {
    let executes = "\
import resource, subprocess, sys
limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
subprocess.run([sys.executable, '-c', 'x = bytearray(40_000_000)'], preexec_fn=limit, check=True)
";
    let forks = "\
import os, resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
if os.fork() == 0:
    x = bytearray(40_000_000)
    os._exit(0)
os.wait()
";
    for app in [executes, forks] {
        let (checked, _) = check("    run: [python3, app.py]\n    strict: true\n", app);
        assert_eq!(checked.code, Some(3), "{}", checked.whole());
        assert!(checked.out.contains("which `strict` does not allow"), "{}", checked.whole());
        let (checked, result) = check("    run: [python3, app.py]\n", app);
        assert_eq!(checked.code, Some(0), "{}", checked.whole());
        let notes = result["scenarios"][0]["notes"].to_string();
        assert!(notes.contains("limit of file sizes"), "{notes}");
    }
}
