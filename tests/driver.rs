//! The Python driver on every supported CPython, against a tracker that only writes down what it is asked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use leakgate::config::{HeapSnapshot, Repeats};
use leakgate::scenario::driver::{Compiled, Driver, DriverResult};
use leakgate::scenario::plan::{Call, KeepResult};
use leakgate::scenario::{environment, python};
use serde_json::{Value, json};

const MINORS: [u32; 6] = [8, 9, 10, 11, 12, 13];

/// Stands in for the tracker's module: writes its calls to `calls.txt` when the process ends or is asked to.
const TRACKER: &str = r#"
import os
_path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "calls.txt")
_file = os.open(_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
_inside = [False]
def _note(text):
    file = os.open(_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, (text + "\n").encode())
    os.close(file)
os.close(_file)
def suppress():
    _note("suppress")
def call(function, args, kwargs):
    name = getattr(function, "__name__", type(function).__name__)
    if name not in ("flush", "getattr"):
        _note("call " + name)
    return function(*args, **kwargs)
def checkpoint(kind, iteration, fds, threads, collected):
    if kind == 2 and os.environ.get("TELL_RETAINED"): print("retained", flush=True)
    _note("checkpoint %d %d" % (kind, iteration))
    _note("seen %d %d %d" % (fds, threads, collected))
    return (1000 * kind + iteration, 10 * kind + iteration, 5000)
def containers():
    import gc
    _note("containers with %d" % gc.get_freeze_count())
def snapshot():
    import gc
    _note("snapshot, %d frozen, collector %s" % (gc.get_freeze_count() > 1000, gc.isenabled()))
"#;

const PROGRAM: &str = r#"
import os, sys
KEPT = []
def nothing(): pass
def freezes():
    import gc
    KEPT.append([]); gc.freeze()
class Result:
    def __del__(self): print("dropped")
def makes(): return Result()
def positional(a, b): assert (a, b) == (1, "é\u2028\U0001F600\\\"\n"), (a, b)
def keyword(*, on, off, none, deep): assert (on, off, none, deep) == (True, False, None, {"a": [1.5, -2]}), deep
def fresh(rows): rows.append(1); assert rows == [1], rows
def warm(): print("warm")
def cool(): print("cool")
async def coroutine(): return "done"
class Shop:
    @classmethod
    def open(cls): assert cls is Shop
def fails(): raise ValueError("no\nsuch \x1b model \U0001F600 \udc80")
def fails_late():
    KEPT.append(1)
    if len(KEPT) == 3: raise KeyError("third")
def leaves(): sys.exit(4)
def vanishes(): os._exit(5)
def closes(): os.closerange(0, 1000)
def moves(): os.chdir("/"); sys.stdout = None; sys.path.clear(); sys.argv.clear()
def opens(): KEPT.append(os.open("/dev/null", os.O_RDONLY))
def exhausts():
    while True: KEPT.append(os.open("/dev/null", os.O_RDONLY))
def forks():
    child = os.fork()
    if child: assert os.waitpid(child, 0)[1] == 0
def forks_and_fails():
    child = os.fork()
    if not child: raise ValueError("in the child")
    assert os.waitpid(child, 0)[1] == 0
def starts_thread():
    import threading
    threading.Thread(target=threading.Event().wait).start()
def starts_and_joins():
    import threading
    thread = threading.Thread(target=nothing); thread.start(); thread.join()
def cycles():
    for _ in range(10):
        cycle = []; cycle.append(cycle)
def replaces_time():
    import time; time.sleep = time.monotonic = None; os.listdir = None
def square(number): return number * number
def spawns():
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(1) as pool: assert pool.map(square, [3]) == [9]
def looks_around():
    assert sys.argv == ["leakgate"], sys.argv
    assert sys.path[0] == os.getcwd(), sys.path
    assert "json" not in sys.modules and "traceback" not in sys.modules
    assert not hasattr(sys.modules["__main__"], "__file__")
"#;

struct Python {
    minor: u32,
    path: PathBuf,
}

/// Names interpreters to test with in place of those that are looked for: paths, a colon between two.
const EXTRA: &str = "LEAKGATE_TEST_PYTHONS";

/// Every interpreter that is there. One that is not is a visible skip here and a failure in CI.
fn pythons() -> Vec<Python> {
    if let Some(extra) = std::env::var_os(EXTRA) {
        return std::env::split_paths(&extra).map(|path| Python { minor: minor_of(&path), path }).collect();
    }
    let mut found = Vec::new();
    for minor in MINORS {
        match find(minor) {
            Some(path) => found.push(Python { minor, path }),
            None if std::env::var_os("CI").is_some() => panic!("CPython 3.{minor} is missing"),
            None => skip(minor),
        }
    }
    assert!(!found.is_empty(), "no CPython to test with");
    found
}

/// Of pyenv, else on `PATH`. A shim of pyenv is there for versions that are not chosen, and fails.
fn find(minor: u32) -> Option<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| Some(std::env::home_dir()?.join(".pyenv")));
    let prefix = format!("3.{minor}.");
    let is_wanted = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&prefix);
    let installed = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let installed = installed.into_iter().flatten().flatten().map(|version| version.path()).filter(is_wanted);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(format!("python3.{minor}")));
    let works =
        |python: &PathBuf| Command::new(python).arg("-V").output().is_ok_and(|it| it.status.success());
    installed.map(|folder| folder.join("bin/python")).chain(on_path).find(works)
}

fn minor_of(python: &Path) -> u32 {
    let output =
        Command::new(python).args(["-c", "import sys; print(sys.version_info[1])"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn skip(minor: u32) {
    let mut errors = std::io::stderr();
    writeln!(errors, "skipped: CPython 3.{minor} is not installed").unwrap();
}

struct Run {
    output: Output,
    report: Option<DriverResult>,
    /// What the tracker was asked, and for each checkpoint what the driver saw: descriptors, threads, objects that only
    /// the collector freed.
    calls: Vec<String>,
    seen: Vec<[i64; 3]>,
}

impl Run {
    fn report(&self) -> &DriverResult {
        self.report.as_ref().unwrap_or_else(|| panic!("no report: {:?}", self.output))
    }

    fn succeeded(&self, context: &str) -> &DriverResult {
        let report = self.report();
        assert_eq!(report.error, None, "{context}");
        assert!(self.output.status.success(), "{context}: {:?}", self.output);
        report
    }
}

fn call(function: &str) -> Call {
    Call {
        python: PathBuf::new(),
        driver: Compiled::default(),
        target: format!("program:{function}").parse().unwrap(),
        arguments: Value::Null,
        setup: None,
        teardown: None,
        result: KeepResult::Drop,
        between: None,
        repeats: Repeats::Fixed { warmup: 1, iterations: 2 },
        explain: 0,
        snapshot: HeapSnapshot::InProcess,
    }
}

fn run(python: &Python, call: &Call) -> Run {
    run_as_it_is(python, &Call { driver: compiled(python), ..call.clone() })
}

/// The driver as this interpreter compiles it.
fn compiled(python: &Python) -> Compiled {
    let variables = environment::inherited(&[]);
    python::choose(Some(python.path.as_os_str()), Path::new("/"), &variables).unwrap().driver
}

fn run_as_it_is(python: &Python, call: &Call) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let cwd = folder.path().join("project");
    std::fs::create_dir(&cwd).unwrap();
    std::fs::write(cwd.join("program.py"), PROGRAM).unwrap();
    let modules = folder.path().join("modules");
    std::fs::create_dir(&modules).unwrap();
    std::fs::write(modules.join("_leakgate.py"), TRACKER).unwrap();
    start(python, call, folder.path(), &modules)
}

fn start(python: &Python, call: &Call, folder: &Path, modules: &Path) -> Run {
    let driver = Driver::write(call, folder).unwrap();
    let argv = driver.argv(&python.path);
    let output = Command::new(&argv[0])
        .args(&argv[1..])
        .current_dir(folder.join("project"))
        .env("PYTHONPATH", modules)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs((call.result == KeepResult::Keep).then_some(("TELL_RETAINED", "1")))
        .output()
        .unwrap();
    let calls = std::fs::read_to_string(modules.join("calls.txt")).unwrap_or_default();
    let (seen, calls): (Vec<&str>, Vec<&str>) = calls.lines().partition(|call| call.starts_with("seen "));
    let numbers = |line: &&str| {
        let numbers: Vec<i64> = line.split(' ').skip(1).map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    };
    Run {
        output,
        report: driver.read_result().unwrap(),
        calls: calls.into_iter().map(str::to_owned).collect(),
        seen: seen.iter().map(numbers).collect(),
    }
}

#[test]
fn a_driver_that_was_not_compiled_or_for_another_version_is_compiled_where_it_runs() {
    let all = pythons();
    let drivers: Vec<Compiled> = all.iter().map(compiled).collect();
    assert!(drivers.iter().all(|driver| *driver != Compiled::default()), "not compiled");
    for (index, python) in all.iter().enumerate() {
        for driver in [&Compiled::default(), &drivers[(index + 1) % drivers.len()]] {
            let run = run_as_it_is(python, &Call { driver: driver.clone(), ..call("looks_around") });
            assert_eq!(run.succeeded(&format!("3.{}", python.minor)).iterations, 3);
        }
    }
}

#[test]
fn the_protocol_is_the_same_on_every_version() {
    for python in pythons() {
        let minor = python.minor;
        let mut call = call("nothing");
        call.setup = Some("program:warm".parse().unwrap());
        call.teardown = Some("program:cool".parse().unwrap());
        let run = run(&python, &call);
        let report = run.succeeded(&format!("3.{minor}"));
        let iteration = ["call eval", "call nothing", "call collect"];
        let expected: Vec<String> =
            ["suppress", "call __import__", "call __import__", "call __import__", "call warm"]
                .into_iter()
                .map(str::to_owned)
                .chain(["call collect".to_owned(), "checkpoint 0 0".to_owned()])
                .chain((1..=3).flat_map(|number| {
                    iteration.map(str::to_owned).into_iter().chain([format!("checkpoint 1 {number}")])
                }))
                .chain(["call collect", "checkpoint 2 3", "checkpoint 3 3", "call cool"].map(str::to_owned))
                .collect();
        assert_eq!(without_repeated_collections(&run.calls), expected, "3.{minor}");
        assert_eq!(run.output.stdout, b"warm\ncool\n", "3.{minor}");
        assert_eq!(report.iterations, 3);
        let [first, .., last] = run.seen[..] else { panic!("nothing was seen") };
        assert_eq!((last[0], last[1]), (first[0], 1), "3.{minor}");
    }
}

#[test]
fn what_grows_is_explained_when_all_figures_are_taken_and_the_last_call_is_not_collected() {
    for python in pythons() {
        let minor = python.minor;
        let explained =
            Call { explain: 9, teardown: Some("program:cool".parse().unwrap()), ..call("nothing") };
        let run = run(&python, &explained);
        assert_eq!(run.succeeded(&format!("3.{minor}")).explained, 9, "3.{minor}");
        let calls = without_repeated_collections(&run.calls);
        let start = calls.iter().position(|call| call == "checkpoint 3 3").unwrap() + 1;
        let one = ["call eval", "call nothing", "call collect"];
        let mut expected = vec!["snapshot, 0 frozen, collector True"];
        expected.extend(one.repeat(9));
        expected.extend(["snapshot, 0 frozen, collector True", "call eval", "call nothing"]);
        expected.extend(["snapshot, 0 frozen, collector False", "call cool"]);
        assert_eq!(calls[start..], expected, "3.{minor}");
    }
}

#[test]
fn a_kept_result_is_held_while_retained_is_frozen_and_gone_before_the_iteration_is() {
    for python in pythons() {
        let call = Call {
            result: KeepResult::Keep,
            repeats: Repeats::Fixed { warmup: 0, iterations: 2 },
            ..call("makes")
        };
        let run = run(&python, &call);
        run.succeeded(&format!("3.{}", python.minor));
        let seen: Vec<&str> =
            run.calls.iter().map(String::as_str).filter(|call| call.contains("point")).collect();
        assert_eq!(
            seen,
            ["checkpoint 0 0", "checkpoint 1 1", "checkpoint 2 2", "checkpoint 1 2", "checkpoint 3 2"]
        );
        assert_eq!(run.output.stdout, b"dropped\nretained\ndropped\n", "3.{}", python.minor);
    }
}

/// A collection is repeated while it frees something, which differs between versions.
fn without_repeated_collections(calls: &[String]) -> Vec<String> {
    let mut calls = calls.to_vec();
    calls.dedup_by(|next, previous| next == previous && next == "call collect");
    calls
}

#[test]
fn functions_that_treat_the_process_badly_do_not_confuse_the_driver() {
    let functions = [
        "coroutine",
        "Shop.open",
        "closes",
        "moves",
        "forks",
        "forks_and_fails",
        "starts_thread",
        "starts_and_joins",
        "replaces_time",
        "spawns",
        "looks_around",
        "nothing",
    ];
    for python in pythons() {
        for function in functions {
            let run = run(&python, &call(function));
            let report = run.succeeded(&format!("3.{} {function}", python.minor));
            assert_eq!(report.iterations, 3);
        }
    }
}

#[test]
fn containers_are_looked_at_ever_more_rarely_with_the_heap_set_aside() {
    for python in pythons() {
        let looks = looks(&python, "nothing");
        let iterations: Vec<u32> = looks.iter().map(|(iteration, _)| *iteration).collect();
        assert_eq!(iterations, [8, 10, 12, 14, 16], "3.{}", python.minor);
        for (iteration, frozen) in looks {
            // After the eighth, everything is collected, and so was thawed. CPython 3.12 keeps a few hundred of its own.
            assert_eq!(frozen < 1_000, iteration == 8, "3.{}: {frozen}", python.minor);
        }
    }
}

#[test]
fn what_the_program_freezes_itself_is_never_thawed() {
    for python in pythons() {
        let looks = looks(&python, "freezes");
        assert_eq!(looks.len(), 5, "3.{}", python.minor);
        assert!(looks.iter().all(|(_, frozen)| *frozen > 1_000), "3.{}: {looks:?}", python.minor);
    }
}

/// After which of 17 iterations containers were looked at, and how many objects were frozen then.
fn looks(python: &Python, function: &str) -> Vec<(u32, u32)> {
    let repeats = Repeats::Fixed { warmup: 0, iterations: 17 };
    let run = run(python, &Call { repeats, ..call(function) });
    run.succeeded(&format!("3.{}", python.minor));
    let (mut iteration, mut looks) = (0, Vec::new());
    for call in &run.calls {
        if let Some(number) = call.strip_prefix("checkpoint 1 ") {
            iteration = number.parse().unwrap();
        }
        if let Some(frozen) = call.strip_prefix("containers with ") {
            looks.push((iteration, frozen.parse().unwrap()));
        }
    }
    looks
}

#[test]
fn json_arguments_arrive_unchanged_and_fresh_for_every_call() {
    let arguments = [
        ("positional", json!([1, "é\u{2028}😀\\\"\n"])),
        ("keyword", json!({"on": true, "off": false, "none": null, "deep": {"a": [1.5, -2]}})),
        ("fresh", json!([[]])),
    ];
    for python in pythons() {
        for (function, arguments) in &arguments {
            let run = run(&python, &Call { arguments: arguments.clone(), ..call(function) });
            run.succeeded(&format!("3.{} {function}", python.minor));
        }
    }
}

#[test]
fn descriptors_threads_and_garbage_are_counted_per_iteration() {
    for python in pythons() {
        let context = format!("3.{}", python.minor);
        let seen = |function: &str, which: usize| -> Vec<i64> {
            let run = run(&python, &call(function));
            run.succeeded(&context);
            run.seen.iter().take(4).map(|seen| seen[which]).collect()
        };
        let fds = seen("opens", 0);
        assert_eq!(fds, [fds[0], fds[0] + 1, fds[0] + 2, fds[0] + 3], "{context}");
        assert_eq!(seen("starts_thread", 1), [1, 2, 3, 4], "{context}");
        assert_eq!(seen("cycles", 2)[1..], [10, 10, 10], "{context}");
    }
}

#[test]
fn what_the_function_raises_is_reported_with_its_phase_and_without_the_drivers_frames() {
    for python in pythons() {
        let minor = python.minor;
        let fails = run(&python, &call("fails"));
        let error = fails.report().error.clone().unwrap();
        assert_eq!((error.phase.as_str(), error.iteration, error.class.as_str()), ("call", 1, "ValueError"));
        assert_eq!(error.message, "no\nsuch \x1b model 😀 \u{fffd}");
        assert!(
            error.traceback.contains("in fails") && !error.traceback.contains("<leakgate driver>"),
            "3.{minor}"
        );
        let late = run(&python, &call("fails_late")).report().error.clone().unwrap();
        assert_eq!((late.iteration, late.class.as_str(), late.message.as_str()), (3, "KeyError", "'third'"));
        let exits = run(&python, &call("leaves")).report().error.clone().unwrap();
        assert_eq!((exits.class.as_str(), exits.message.as_str()), ("SystemExit", "4"));
        let full = run(&python, &call("exhausts")).report().error.clone().unwrap();
        assert_eq!((full.class.as_str(), full.phase.as_str()), ("OSError", "call"), "3.{minor}");
    }
}

#[test]
fn each_phase_is_named_when_it_fails() {
    let with = |setup: Option<&str>, teardown: Option<&str>| Call {
        setup: setup.map(|target| target.parse().unwrap()),
        teardown: teardown.map(|target| target.parse().unwrap()),
        ..call("nothing")
    };
    let cases = BTreeMap::from([
        ("setup", with(Some("program:fails"), None)),
        ("teardown", with(None, Some("program:fails"))),
        ("import", Call { target: "program:not_there".parse().unwrap(), ..call("nothing") }),
    ]);
    for python in pythons() {
        for (phase, call) in &cases {
            let error = run(&python, call).report().error.clone().unwrap();
            assert_eq!(error.phase, *phase, "3.{}", python.minor);
        }
        let missing = run(&python, &Call { target: "no_such.module:f".parse().unwrap(), ..call("nothing") });
        let error = missing.report().error.clone().unwrap();
        assert_eq!((error.phase.as_str(), error.class.as_str()), ("import", "ModuleNotFoundError"));
    }
}

#[test]
fn a_process_that_ends_inside_the_function_leaves_no_report() {
    for python in pythons() {
        let run = run(&python, &call("vanishes"));
        assert!(run.report.is_none());
        assert_eq!(run.output.status.code(), Some(5));
    }
}

#[test]
fn without_the_tracker_the_driver_says_so_and_does_nothing() {
    for python in pythons() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("project")).unwrap();
        let run = start(&python, &call("nothing"), folder.path(), folder.path());
        assert!(run.report.is_none());
        assert_eq!(run.output.status.code(), Some(70));
        assert_eq!(run.output.stderr, b"leakgate: the tracker is not active in this interpreter\n");
    }
}
