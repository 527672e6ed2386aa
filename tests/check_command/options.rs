//! The command line of `check`: names, `--list`, where results go, formats, wrong input, interruption.

use std::io::Read;
use std::process::Stdio;

use insta::assert_snapshot;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use crate::project::Project;

const CONFIG: &str = "\
scenarios:
  quote: { call: \"app:quote\", budgets: { growth: 0, peak: 80 MiB } }
  other: { call: \"app:quote\", iterations: 1 }
  import-app: { run: [python3, -c, \"import app\"] }
";
const APP: &str = "def quote(): return [1]\n";

fn project() -> Project {
    Project::new(CONFIG, APP)
}

#[test]
fn list_shows_the_scenarios_and_runs_nothing() {
    let project = project();
    assert_snapshot!(project.run(&["check", "--list"]).whole(), @r#"
    quote       call app:quote  (growth, peak)
    other       call app:quote, 1 iteration  (no budgets)
    import-app  run python3 -c 'import app'  (no budgets)
    [exit 0]
    "#);
    assert_snapshot!(project.run(&["check", "--list", "other"]).whole(), @r#"
    other  call app:quote, 1 iteration  (no budgets)
    [exit 0]
    "#);
    assert!(!project.has(".leakgate"));
}

#[test]
fn named_scenarios_alone_are_run_and_the_captures_of_the_others_stay() {
    let project = project();
    assert_eq!(project.check().code, Some(0));
    let before = project.read(".leakgate/captures/quote/run.json");
    assert_snapshot!(project.run(&["check", "other"]).whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    pass  other  [time]  no budgets   growth 0 B   retained [size]   peak [size]

    1 passed in [time] · reports in .leakgate/
    [exit 0]
    "#);
    assert_eq!(project.read(".leakgate/captures/quote/run.json"), before);
    assert_eq!(project.result()["scenarios"].as_array().unwrap().len(), 1);
}

#[test]
fn an_unknown_name_is_exit_2_and_nothing_is_run() {
    let project = project();
    let checked = project.run(&["check", "quote", "qoute"]);
    assert_snapshot!(checked.whole(), @r#"
    leakgate: error: leakgate.yaml declares no scenario `qoute`; expected one of quote, other, import-app
    [exit 2]
    "#);
    assert!(!project.has(".leakgate"));
}

#[test]
fn a_wrong_configuration_is_exit_2_and_nothing_is_overwritten() {
    let project = project();
    assert_eq!(project.check().code, Some(0));
    let before = project.read(".leakgate/result.json");
    project.write(
        "leakgate.yaml",
        "version: 1\nscenarios:\n  quote: { call: \"app:quote\", budgets: { peek: 80 MB } }\n",
    );
    assert_snapshot!(project.check().whole(), @r#"
    error: unknown budget `peek`; expected one of peak, peak_added, retained, left, rss, growth, blocks, fds, threads
     --> leakgate.yaml:3:42
      |
    3 |   quote: { call: "app:quote", budgets: { peek: 80 MB } }
      |                                          ^^^^
      |
      = help: did you mean `peak`?
    [exit 2]
    "#);
    assert_eq!(project.read(".leakgate/result.json"), before);
}

#[test]
fn no_configuration_and_no_scenarios_are_exit_2() {
    let project = Project::new("scenarios: {}\n", "");
    assert_snapshot!(project.check().whole(), @r#"
    error: `scenarios` is empty; expected at least one scenario
     --> leakgate.yaml:2:1
      |
    2 | scenarios: {}
      | ^^^^^^^^^
    [exit 2]
    "#);
    assert_snapshot!(project.run(&["check", "--config", "nothing.yaml"]).whole(), @r#"
    error: cannot read the configuration: it does not exist
    --> nothing.yaml
    [exit 2]
    "#);
    assert!(!project.has(".leakgate"));
}

#[test]
fn results_go_where_they_are_wanted_and_every_report_is_written() {
    let project = project();
    let checked = project.run(&["check", "quote", "--output-dir", "out/results"]);
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    assert!(checked.out.ends_with(" · reports in out/results/\n"), "{}", checked.out);
    for name in ["report.md", "report.xml", "result.json", ".gitignore", "captures/quote/run.json"] {
        assert!(project.has(&format!("out/results/{name}")), "{name}");
    }
    assert!(!project.has(".leakgate"));
}

#[test]
fn a_place_that_cannot_take_results_is_exit_2_before_anything_is_run() {
    let project = Project::new("scenarios:\n  work: { run: [touch, ran] }\n", "");
    let checked = project.run(&["check", "--output-dir", "app.py"]);
    assert_snapshot!(checked.whole(), @r#"
    leakgate: error: failed to create `app.py`: File exists (os error 17)
    [exit 2]
    "#);
    assert!(!project.has("ran"));
}

#[test]
fn what_is_printed_in_a_format_is_the_report_of_that_format() {
    let project = project();
    for (format, file) in [("json", "result.json"), ("junit", "report.xml"), ("markdown", "report.md")] {
        let output = project.command(&["check", "quote", "--format", format]).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            project.read(&format!(".leakgate/{file}")),
            "{format}"
        );
        assert_eq!(output.stderr, b"", "{format}");
    }
    let unknown = project.run(&["check", "--format", "html"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.errors.contains("unknown format; expected one of "), "{}", unknown.errors);
}

#[test]
fn a_configuration_elsewhere_has_its_folder_as_the_place_of_everything() {
    let project = project();
    let mut command = project.command(&[
        "check",
        "quote",
        "--config",
        &project.path().join("leakgate.yaml").to_string_lossy(),
    ]);
    let elsewhere = tempfile::tempdir().unwrap();
    let output = command.current_dir(elsewhere.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(project.has(".leakgate/captures/quote/run.json"));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn the_capture_of_a_call_is_called_by_its_function() {
    let project = project();
    project.run(&["check", "quote"]);
    let view = project.run(&["view", "summary", "quote"]);
    assert!(view.out.starts_with("call app:quote (pid "), "{}", view.out);
    let json: serde_json::Value =
        serde_json::from_str(&project.run(&["view", "tree", "quote", "--json"]).out).unwrap();
    assert_eq!(json["process"]["name"], "call app:quote");
}

#[test]
fn an_interruption_ends_the_scenario_and_the_check_by_the_same_signal() {
    let app = "\
import threading
def waits():
    with open('started', 'w') as file: file.write('x')
    threading.Event().wait()
";
    let project = Project::new("scenarios:\n  waits: { call: \"app:waits\" }\n", app);
    mkfifo(&project.path().join("started"), Mode::S_IRWXU).unwrap();
    let mut command = project.command(&["check"]);
    let mut check = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut started = String::new();
    // Opening it waits for the function, which then writes and closes it.
    std::fs::File::open(project.path().join("started")).unwrap().read_to_string(&mut started).unwrap();
    assert_eq!(started, "x");
    // Not SIGINT: a test run in the background inherits that one ignored.
    kill(Pid::from_raw(check.id() as i32), Signal::SIGTERM).unwrap();
    let status = check.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::SIGTERM as i32));
    let mut printed = String::new();
    check.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    check.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(printed, "");
    assert!(!project.has(".leakgate/result.json"));
    let run: serde_json::Value =
        serde_json::from_str(&project.read(".leakgate/captures/waits/run.json")).unwrap();
    let pid = run["root_pid"].as_u64().unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the function's process still runs");
}
