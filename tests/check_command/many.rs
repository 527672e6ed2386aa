//! Several scenarios at the same time: order of the report, what runs alone, a hang beside others, temporary folders,
//! interruption.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use crate::project::Project;

/// What the functions of these tests use: it is known of another scenario's run that it has ended.
const APP: &str = "\
import glob, json, os, subprocess, tempfile, threading

def ended(name):
    try:
        with open(f'.leakgate/captures/{name}/run.json') as file: run = json.load(file)
    except (OSError, ValueError):
        return False
    return run.get('exit_code') is not None or run.get('signal') is not None

def first():
    while not ended('second'): pass

def second():
    pass
";

fn project(config: &str, app: &str) -> Project {
    let defaults = "defaults: { iterations: 1, warmup: 0, confirm: false }\n";
    Project::new(&format!("{defaults}{config}"), &format!("{APP}\n{app}"))
}

fn names(project: &Project) -> Vec<String> {
    let scenarios = project.result()["scenarios"].as_array().unwrap().clone();
    scenarios.iter().map(|scenario| scenario["name"].as_str().unwrap().to_owned()).collect()
}

/// Whether a process runs: what has ended and was not yet waited for does not.
fn runs(pid: u64) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z') && !line.contains('X'))
}

#[test]
fn the_report_has_the_order_of_the_configuration_whichever_ends_first() {
    // The first ends only when the second has ended, so this ends only when both run at the same time.
    let project =
        project("scenarios:\n  first: { call: \"app:first\" }\n  second: { call: \"app:second\" }\n", "");
    let checked = project.run(&["check", "--jobs", "2"]);
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    assert_eq!(names(&project), ["first", "second"]);
    let mut lines: Vec<&str> =
        checked.errors.lines().map(|line| line.rsplit_once(' ').map_or(line, |(line, _)| line)).collect();
    assert_eq!(lines.len(), 2, "{}", checked.errors);
    assert!(lines[0].starts_with("[1/2] pass ") && lines[1].starts_with("[2/2] pass "), "{}", checked.errors);
    lines.sort_by_key(|line| line.contains("second"));
    assert!(lines[0].contains(" first ") && lines[1].contains(" second "), "{}", checked.errors);
}

#[test]
fn the_number_of_jobs_can_stand_in_the_configuration() {
    let project = Project::new(
        "defaults: { iterations: 1, warmup: 0, jobs: 2 }\n\
         scenarios:\n  first: { call: \"app:first\" }\n  second: { call: \"app:second\" }\n",
        APP,
    );
    assert_eq!(project.check().code, Some(0));
    let none = project.run(&["check", "--jobs", "0"]);
    assert_eq!(none.code, Some(2));
    assert!(none.errors.contains("invalid value '0' for '--jobs <N>'"), "{}", none.errors);
}

#[test]
fn an_exclusive_scenario_runs_when_no_other_does() {
    let app = "\
def others():
    open(f'done-{os.getpid()}', 'x').close()

def alone():
    assert len(glob.glob('done-*')) == 3, 'another one is not done'
    os.mkdir('alone')  # fails where it is
    assert glob.glob('done-*'), 'nothing'
    os.rmdir('alone')
";
    let config = "scenarios:\n  x: { call: \"app:alone\", exclusive: true }\n  a: { call: \"app:others\" }\n  \
                  b: { call: \"app:others\" }\n  y: { call: \"app:alone\", exclusive: true }\n  c: { call: \"app:others\" }\n";
    let project = project(config, app);
    let checked = project.run(&["check", "--jobs", "3"]);
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    assert_eq!(names(&project), ["x", "a", "b", "y", "c"]);
}

#[test]
fn a_hang_is_killed_with_what_it_started_while_another_goes_on() {
    let app = "\
def hangs():
    child = subprocess.Popen(['sleep', '1000'])
    with open('child', 'w') as file: file.write(str(child.pid))
    threading.Event().wait()

def goes_on():
    while not ended('hangs'): pass
";
    let config =
        "scenarios:\n  hangs: { call: \"app:hangs\", timeout: 2 s }\n  goes-on: { call: \"app:goes_on\" }\n";
    let project = project(config, app);
    let checked = project.run(&["check", "--jobs", "2"]);
    assert_eq!(checked.code, Some(3), "{}", checked.whole());
    let error = project.scenario("hangs")["error"]["title"].clone();
    assert!(error.as_str().unwrap().contains("2 s"), "{error}");
    assert_eq!(project.scenario("goes-on")["verdict"], "pass");
    assert!(!runs(project.read("child").parse().unwrap()), "its child still runs");
    assert!(project.run(&["view", "summary", "hangs"]).out.starts_with("call app:hangs (pid "));
}

#[test]
fn every_scenario_has_a_temporary_folder_of_its_own_that_goes_with_it() {
    let app = "\
def leaves(name):
    with open(os.path.join(tempfile.gettempdir(), 'left'), 'x') as file: file.write('x')
    with open(name, 'w') as file: file.write(tempfile.gettempdir())
";
    let config = "scenarios:\n  a: { call: \"app:leaves\", with: { name: a } }\n  b: { call: \"app:leaves\", with: { name: b } }\n  \
                  c: { call: \"app:leaves\", with: { name: c }, env: { TMPDIR: kept } }\n";
    let project = project(config, app);
    project.write("kept/there", "");
    let mut command = project.command(&["check", "--jobs", "2"]);
    let temporary = project.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let output = command.env("TMPDIR", &temporary).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let (a, b) = (project.read("a"), project.read("b"));
    assert_ne!(a, b);
    for folder in [a, b].map(std::path::PathBuf::from) {
        assert_eq!(folder.parent(), Some(temporary.as_path()));
    }
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "nothing is left");
    assert!(project.has("kept/left"), "a folder that the configuration names is the user's");
}

#[test]
fn an_interruption_ends_all_that_run() {
    let app = "\
def waits(name):
    with open(name, 'w') as file: file.write(str(os.getpid()))
    threading.Event().wait()
";
    let config = "scenarios:\n  a: { call: \"app:waits\", with: { name: a } }\n  b: { call: \"app:waits\", with: { name: b } }\n  \
                  c: { call: \"app:waits\", with: { name: c } }\n";
    let project = project(config, app);
    ["a", "b"].iter().for_each(|name| mkfifo(&project.path().join(name), Mode::S_IRWXU).unwrap());
    let mut command = project.command(&["check", "--jobs", "2"]);
    let mut check = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pids = ["a", "b"].map(|name| {
        let mut pid = String::new();
        // Opening it waits for the function, which then writes and closes it.
        std::fs::File::open(project.path().join(name)).unwrap().read_to_string(&mut pid).unwrap();
        pid.parse::<u64>().unwrap()
    });
    // Not SIGINT: a test run in the background inherits that one ignored.
    kill(Pid::from_raw(check.id() as i32), Signal::SIGTERM).unwrap();
    let status = check.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
    assert!(pids.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()));
    assert!(!project.has("c"), "nothing more was started");
    assert!(!project.has(".leakgate/result.json"));
}
