//! Scenarios with real processes: how they end, what is kept of them, and what is cleaned up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use leakgate::config::{HeapSnapshot, Repeats};
use leakgate::gate::measurement::Measurement;
use leakgate::scenario::memory_limit::MemoryLimit;
use leakgate::scenario::plan::{Call, Command, KeepResult, Plan, Work};
use leakgate::scenario::signals::Interruption;
use leakgate::scenario::tracker::{Follow, Moments};
use leakgate::scenario::watch::End;
use leakgate::scenario::{Failure, ScenarioRun, Values, measure, run_scenario};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("capture")).unwrap();
        Place { folder }
    }

    fn cwd(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    fn capture(&self) -> PathBuf {
        self.cwd().join("capture")
    }

    fn plan(&self, argv: &[&str]) -> Plan {
        Plan {
            work: Work::Run(Command {
                argv: argv.iter().map(OsString::from).collect(),
                until: None,
                exit_codes: vec![0],
                checkpoints: None,
                snapshots: Moments::default(),
            }),
            cwd: self.cwd(),
            env: Vec::new(),
            timeout: Some(Duration::from_secs(300)),
            memory_limit: MemoryLimit::Unlimited,
            follow: Follow::Children,
            values: Values::Shown,
        }
    }

    fn run(&self, plan: &Plan) -> Result<ScenarioRun, Failure> {
        run_scenario(plan, &self.capture(), &Interruption::listen(&[]).unwrap(), None)
    }

    fn shell(&self, script: &str) -> ScenarioRun {
        self.run(&self.plan(&["sh", "-c", script])).unwrap()
    }

    /// Removes the library that was left for a process that outlived the scenario.
    fn remove_library(&self) {
        let settings = format!("capture={}\n", self.capture().display());
        for entry in fs::read_dir(std::env::temp_dir()).unwrap() {
            let folder = entry.unwrap().path();
            if fs::read_to_string(folder.join("settings")).is_ok_and(|text| text == settings) {
                fs::remove_dir_all(folder).unwrap();
            }
        }
    }

    /// A pipe that the scenario's processes hold open for writing: reading it ends when the last of them has.
    fn lifeline(&self) -> File {
        let path = self.cwd().join("lifeline");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        // Opened for both, it does not wait for a writer.
        fs::OpenOptions::new().read(true).write(true).open(path).unwrap()
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn until(plan: Plan, time: Duration) -> Plan {
    let Work::Run(command) = plan.work else { panic!("not a command") };
    Plan { work: Work::Run(Command { until: Some(time), ..command }), ..plan }
}

/// A call of `function` of this module, with `source` as the module.
fn call(place: &Place, source: &str, function: &str) -> (Plan, Call) {
    fs::write(place.cwd().join("shop.py"), source).unwrap();
    let variables = leakgate::scenario::environment::inherited(&[]);
    let python = leakgate::scenario::python::choose(None, &place.cwd(), &variables).unwrap();
    let call = Call {
        python: python.path,
        driver: python.driver,
        target: format!("shop:{function}").parse().unwrap(),
        arguments: serde_json::Value::Null,
        setup: None,
        teardown: None,
        result: KeepResult::Drop,
        between: None,
        repeats: Repeats::Fixed { warmup: 3, iterations: 10 },
        explain: 0,
        snapshot: HeapSnapshot::InProcess,
    };
    (place.plan(&[]), call)
}

/// Runs the call and measures its process.
fn measured(place: &Place, (plan, call): (Plan, Call)) -> Measurement {
    let run = place.run(&Plan { work: Work::Call(call), ..plan }).unwrap();
    assert_eq!(run.failure, None);
    let capture = leakgate::profile::load::capture(&place.capture()).unwrap();
    let profile = capture.processes.iter().find(|profile| profile.process.pid == run.root_pid).unwrap();
    measure(&run, profile.clone()).unwrap()
}

#[test]
fn a_call_that_keeps_a_block_of_known_size_grows_by_exactly_that() {
    let place = Place::new();
    // A bytes object of n characters takes n + 33 bytes.
    let source = "KEPT = []\nSLOTS = [None] * 100\n\
        def quote():\n    SLOTS[SLOTS.index(None)] = bytes(1000)\n";
    let measurement = measured(&place, call(&place, source, "quote"));
    let live: Vec<u64> = measurement.iterations.iter().map(|iteration| iteration.live_bytes).collect();
    let start = measurement.start.unwrap().live_bytes;
    assert_eq!(live, (1..=10).map(|number| start + number * 1033).collect::<Vec<_>>());
    assert_eq!((measurement.blocks, measurement.left), (10, Some(10 * 1033)));
    assert_eq!((measurement.fds, measurement.threads), (Some(0), Some(0)));
}

#[test]
fn a_kept_result_is_retained_and_not_left_and_no_growth() {
    let place = Place::new();
    let (plan, mut load) = call(&place, "def load(): return bytes(1 << 20)", "load");
    load.result = KeepResult::Keep;
    let measurement = measured(&place, (plan, load));
    let start = measurement.start.unwrap().live_bytes;
    assert_eq!(measurement.retained, start + (1 << 20) + 33);
    assert_eq!((measurement.left, measurement.blocks), (Some(0), 0));
    assert!(measurement.iterations.iter().all(|iteration| iteration.live_bytes == start));
    let added = measurement.peak_added.unwrap();
    assert!(((1 << 20) + 33..(1 << 20) + 4096).contains(&added), "{added}");
}

#[test]
fn what_a_function_raises_is_the_failure_with_its_traceback() {
    let place = Place::new();
    let (plan, call) = call(&place, "def quote():\n    raise ValueError('no such model')\n", "quote");
    let run = place.run(&Plan { work: Work::Call(call), ..plan }).unwrap();
    let failure = run.failure.unwrap();
    assert_eq!(failure.title, "the function raised ValueError: no such model (iteration 1)");
    assert!(
        failure.details.starts_with("Traceback (most recent call last):\n  File "),
        "{}",
        failure.details
    );
    assert!(failure.details.contains("shop.py\", line 2, in quote\n"), "{}", failure.details);
}

#[test]
fn a_process_that_ends_inside_the_function_is_a_failure() {
    let place = Place::new();
    let (plan, call) =
        call(&place, "import os\ndef quote():\n    print('bye', flush=True); os._exit(5)\n", "quote");
    let failure = place.run(&Plan { work: Work::Call(call), ..plan }).unwrap().failure.unwrap();
    assert_eq!(failure.title, "the process ended with exit code 5 before the function's work was done");
    let details = failure.details;
    assert!(
        details.starts_with("the end of its output:\nbye\n`os._exit`, or C's `exit`, was called"),
        "{details}"
    );
}

/// Ends when nobody has the pipe open for writing any more. Hangs, and fails by its own time limit, if someone has.
fn await_end_of_all(lifeline: File, place: &Place) {
    let mut reader = File::open(place.cwd().join("lifeline")).unwrap();
    drop(lifeline);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
}

#[test]
fn a_scenario_that_ends_well_has_no_failure_and_its_output_is_kept() {
    let place = Place::new();
    let run = place.shell("echo out; echo err >&2; read line || echo no input");
    assert_eq!((run.end, run.failure), (End::ByItself, None));
    assert_eq!(text(&place.capture().join("stdout.txt")), "out\nno input\n");
    assert_eq!(text(&place.capture().join("stderr.txt")), "err\n");
    assert!(run.recorded);
}

#[test]
fn an_unexpected_exit_code_is_a_failure_that_shows_the_end_of_the_output() {
    let failure = Place::new().shell("echo '\x1b[31mred'; exit 3").failure.unwrap();
    assert_eq!(failure.title, "the command ended with exit code 3");
    assert_eq!(failure.details, "the end of its output:\nred");
    let failure = Place::new().shell("kill -SEGV $$").failure.unwrap();
    assert_eq!(failure.title, "the command was ended by SIGSEGV");
    assert_eq!(failure.details, "it printed nothing");
}

#[test]
fn an_expected_exit_code_is_no_failure() {
    let place = Place::new();
    let mut plan = place.plan(&["sh", "-c", "exit 3"]);
    let Work::Run(command) = &mut plan.work else { panic!("not a command") };
    command.exit_codes = vec![3];
    assert_eq!(place.run(&plan).unwrap().failure, None);
}

#[test]
fn at_the_timeout_the_whole_group_is_killed() {
    let place = Place::new();
    let lifeline = place.lifeline();
    let script = "trap '' TERM; exec 3>lifeline; echo begun; sh -c 'while :; do sleep 1000; done' & wait";
    let plan = Plan { timeout: Some(Duration::from_millis(300)), ..place.plan(&["sh", "-c", script]) };
    let run = place.run(&plan).unwrap();
    assert_eq!(run.end, End::TimedOut);
    let failure = run.failure.unwrap();
    assert_eq!(failure.title, "not done within its timeout of 0.3 s; it was ended");
    assert_eq!(failure.details, "the end of its output:\nbegun");
    await_end_of_all(lifeline, &place);
}

#[test]
fn what_a_scenario_leaves_running_in_its_group_is_ended_with_it() {
    let place = Place::new();
    let lifeline = place.lifeline();
    let run = place.shell("exec 3>lifeline; sleep 1000 & exit 0");
    assert_eq!((run.end, run.failure), (End::ByItself, None));
    await_end_of_all(lifeline, &place);
}

#[test]
fn a_process_that_left_the_group_and_holds_the_output_open_does_not_block() {
    let place = Place::new();
    for name in ["gate", "begun"] {
        mkfifo(&place.cwd().join(name), Mode::S_IRWXU).unwrap();
    }
    let run = place.shell("setsid sh -c 'echo >begun; read line <gate' & read line <begun; echo done");
    assert_eq!(run.failure, None);
    assert_eq!(text(&place.capture().join("stdout.txt")), "done\n");
    assert!(run.notes.iter().any(|note| note.contains("still runs")), "{:?}", run.notes);
    drop(fs::OpenOptions::new().write(true).open(place.cwd().join("gate")).unwrap());
    place.remove_library();
}

#[test]
fn until_ends_a_program_that_never_ends_and_that_is_no_failure() {
    let place = Place::new();
    let lifeline = place.lifeline();
    let plan = until(
        place.plan(&["sh", "-c", "exec 3>lifeline; while :; do sleep 1000; done"]),
        Duration::from_millis(200),
    );
    let run = place.run(&plan).unwrap();
    assert_eq!((run.end, run.failure), (End::Until, None));
    await_end_of_all(lifeline, &place);
}

#[test]
fn until_kills_what_does_not_end_when_asked() {
    let place = Place::new();
    let script = "trap '' TERM; while :; do sleep 1000; done";
    let run = place.run(&until(place.plan(&["sh", "-c", script]), Duration::from_millis(200))).unwrap();
    assert_eq!((run.end, run.failure), (End::Until, None));
    assert!(run.elapsed >= Duration::from_secs(5), "{:?}", run.elapsed);
}

#[test]
fn a_scenario_that_prints_a_gigabyte_is_neither_blocked_nor_stored() {
    let place = Place::new();
    let run = place.run(&place.plan(&["head", "-c", "1G", "/dev/zero"])).unwrap();
    assert_eq!(run.failure, None);
    let kept = fs::metadata(place.capture().join("stdout.txt")).unwrap().len();
    assert!((128 * 1024..130 * 1024).contains(&kept), "{kept}");
}

#[test]
fn at_the_memory_limit_the_scenario_is_ended_and_that_is_no_failure() {
    const LIMIT: u64 = 100 << 20;
    let place = Place::new();
    let script = "import signal; data = b'x' * (200 << 20); signal.pause()";
    let plan = Plan { memory_limit: MemoryLimit::Bytes(LIMIT), ..place.plan(&["python3", "-c", script]) };
    let run = place.run(&plan).unwrap();
    assert_eq!(run.end, End::MemoryLimit);
    assert_eq!((run.memory_limit_reached, run.failure), (Some(LIMIT), None));
    let capture = leakgate::profile::load::capture(&place.capture()).unwrap();
    assert!(capture.main().unwrap().totals.peak.bytes >= LIMIT);
}

#[test]
fn a_command_in_which_the_tracker_stays_silent_is_a_failure_with_the_reason() {
    let place = Place::new();
    let run = place.run(&place.plan(&["/lib64/ld-linux-x86-64.so.2", "--list", "/bin/true"])).unwrap();
    let title = run.failure.unwrap().title;
    assert!(title.starts_with("the tracker did not start in the command"), "{title}");
    assert!(title.ends_with("(it ended with exit code 0)"), "{title}");
}

#[test]
fn addresses_and_hashes_are_the_same_every_time() {
    let script = "print(id(object()), hash('a'))";
    let outputs = [(); 2].map(|()| {
        let place = Place::new();
        assert_eq!(place.run(&place.plan(&["python3", "-c", script])).unwrap().failure, None);
        text(&place.capture().join("stdout.txt"))
    });
    assert_eq!(outputs[0].split(' ').nth(1), outputs[1].split(' ').nth(1));
    let personality = Place::new();
    personality.run(&personality.plan(&["cat", "/proc/self/personality"])).unwrap();
    let value = u32::from_str_radix(text(&personality.capture().join("stdout.txt")).trim(), 16).unwrap();
    assert_ne!(value & 0x004_0000, 0, "{value:x}");
}

#[test]
fn the_plans_environment_comes_on_top() {
    let place = Place::new();
    let mut plan = place.plan(&["sh", "-c", "echo $SHOP $PYTHONHASHSEED"]);
    plan.env = vec![("SHOP".into(), "open".into()), ("PYTHONHASHSEED".into(), "7".into())];
    place.run(&plan).unwrap();
    assert_eq!(text(&place.capture().join("stdout.txt")), "open 7\n");
}

#[test]
fn a_program_that_is_not_there_is_an_error_before_anything_runs() {
    let place = Place::new();
    let error = place.run(&place.plan(&["no-such-program"])).unwrap_err();
    assert_eq!(error.to_string(), "`no-such-program` was not found on PATH");
    assert_eq!(fs::read_dir(place.capture()).unwrap().count(), 0);
}
