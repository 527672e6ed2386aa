//! The capture is complete whatever ends the process.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use leakgate::gate::place::ScenarioFacts;
use leakgate::gate::threads;

use crate::harness::{Program, amount, figures, folder, of_function};
use crate::python;

#[test]
fn whatever_ends_a_program_its_figures_stand() {
    let program = Program::of("endings");
    let ways = [
        ("return", Ok(3)),
        ("exit", Ok(3)),
        ("_exit", Ok(3)),
        ("quick_exit", Ok(3)),
        ("raw", Ok(3)),
        ("abort", Err(libc_signal("SIGABRT"))),
        ("segv", Err(libc_signal("SIGSEGV"))),
        ("kill", Err(libc_signal("SIGKILL"))),
        ("term", Err(libc_signal("SIGTERM"))),
    ];
    for (way, ending) in ways {
        let recording = program.run(&[way]).record();
        let status = recording.output.status;
        assert_eq!(status.code().ok_or(status.signal().unwrap_or(0)), ending, "{way}");
        let profile = recording.first();
        let reached_its_exit = ["return", "exit"].contains(&way);
        assert_eq!(profile.process.ended, reached_its_exit, "{way}");
        let (kept, freed) = (of_function(profile, "kept"), of_function(profile, "freed"));
        assert_eq!((kept.end, kept.total), (amount(100_000, 100), amount(100_000, 100)), "{way}");
        assert_eq!((freed.peak, freed.end), (amount(1_500_000, 300), amount(0, 0)), "{way}");
        assert_eq!(freed.total, amount(1_500_000, 300), "{way}");
        let at_exit = if reached_its_exit { amount(70, 1) } else { amount(0, 0) };
        assert_eq!(of_function(profile, "at_exit").total, at_exit, "{way}");
    }
}

fn libc_signal(name: &str) -> i32 {
    name.parse::<nix::sys::signal::Signal>().unwrap() as i32
}

#[test]
fn a_capture_is_complete_at_whatever_moment_its_process_is_killed() {
    let program = Program::of("threads");
    for course in ["alone", "endless"] {
        for lines in 1..=20 {
            let capture = program.run(&[course]).record_and_kill(lines);
            let profile = &capture.processes[0];
            let put = of_function(profile, "put");
            assert!(put.total.blocks >= 2000 * (lines as u64 - 1), "{course}: {put:?}");
            // All slots but those that were not met yet hold a block; a thread has one more in its hands.
            assert!(put.end.blocks <= 512 + 4 && put.end.bytes <= (512 + 4) * 1003, "{course}: {put:?}");
            assert!(
                put.peak.bytes <= (512 + 4) * 1003 && put.total.bytes >= put.end.bytes,
                "{course}: {put:?}"
            );
            assert_eq!(profile.process.lost, 0, "{course}");
        }
    }
}

const ENDINGS: &str = r#"
import ctypes, gc, os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
kept = []
def work():
    for _ in range(100): kept.append(bytes(2000))
def over():
    for _ in range(300): bytes(2000)
def interrupt():
    # Where the test run ignores it (in the background), Python would not handle it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), signal.SIGINT)
over()
work()
ways = {
    "return": lambda: None,
    "exit": lambda: sys.exit(3),
    "raise": lambda: 1 / 0,
    "_exit": lambda: os._exit(3),
    "abort": os.abort,
    "segv": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "interrupt": interrupt,
    "exec": lambda: os.execv("/bin/true", ["true"]),
}
ways[sys.argv[1]]()
"#;

#[test]
fn whatever_ends_a_python_its_figures_stand() {
    let ways = [
        ("return", Ok(0)),
        ("exit", Ok(3)),
        ("raise", Ok(1)),
        ("_exit", Ok(3)),
        ("abort", Err(libc_signal("SIGABRT"))),
        ("segv", Err(libc_signal("SIGSEGV"))),
        ("kill", Err(libc_signal("SIGKILL"))),
        ("interrupt", Err(libc_signal("SIGINT"))),
        ("exec", Ok(0)),
    ];
    for python in python::all() {
        for (way, ending) in ways {
            let recording = python.run(&["-c", ENDINGS, way]).record();
            let status = recording.output.status;
            assert_eq!(status.code().ok_or(status.signal().unwrap_or(0)), ending, "{python}: {way}");
            let of_python =
                recording.capture.processes.iter().find(|each| each.process.interpreter.is_some());
            let profile = of_python.unwrap();
            for (function, live) in [("work", 100), ("over", 0)] {
                let made = figures(profile, |site| {
                    let top = profile.frames_of(site.stack).next().map(python::place).unwrap_or_default();
                    site.allocator.name == "PyObject_Calloc" && top.starts_with(&format!("{function} "))
                });
                let total = if function == "work" { 100 } else { 300 };
                assert_eq!(made.end, amount(live * 2033, live), "{python}: {way}: {function}");
                assert_eq!(made.total, amount(total * 2033, total), "{python}: {way}: {function}");
            }
        }
    }
}

const ALLOCATES: &str = "\
kept = []
def work():
    for _ in range(100): kept.append(bytes(300))
work()
";

#[test]
fn dev_mode_and_the_debug_allocator_are_recorded_or_it_is_said_that_they_are_not() {
    let modes: [(&[&str], Option<&str>); 7] = [
        (&["-X", "dev"], None),
        (&["-Xdev", "-O"], None),
        (&[], Some("debug")),
        (&[], Some("malloc")),
        (&[], Some("pymalloc")),
        (&[], Some("malloc_debug")),
        (&["-I", "-S", "-E", "-X", "dev"], None),
    ];
    for python in python::all() {
        for (options, allocator) in modes {
            let mut run = python.run(&[options, &["-c", ALLOCATES]].concat());
            if let Some(allocator) = allocator {
                run = run.env("PYTHONMALLOC", allocator);
            }
            let recording = run.record().ended_well();
            let profile = recording.first();
            let made = figures(profile, |site| {
                let top = profile.frames_of(site.stack).next().map(python::place).unwrap_or_default();
                site.allocator.name == "PyObject_Calloc" && top == "work <string>:3"
            });
            let said = profile.notes.iter().any(|note| note.contains("debug allocator was on"));
            let expected = if said { amount(0, 0) } else { amount(100 * 333, 100) };
            assert_eq!(made.end, expected, "{python}: {options:?} {allocator:?}: {:?}", profile.notes);
            let hides = options.contains(&"-E");
            assert_eq!(said, hides, "{python}: {options:?} {allocator:?}: {:?}", profile.notes);
        }
    }
}

/// Its main thread comes to its end; the other one tells when that is so.
const WAITS: &str = "\
import os, threading, time
def serve():
    while threading.main_thread().is_alive(): time.sleep(0.01)
    for _ in range(20): time.sleep(0.01)
    print(os.getpid(), flush=True)
    while True: time.sleep(0.01)
threading.Thread(target=serve, name='server').start()
threading.Thread(target=time.sleep, args=[1000], name='daemon', daemon=True).start()
";

#[test]
fn a_program_that_waits_at_its_end_is_told_with_the_thread_it_waits_for() {
    for python in python::all() {
        let folder = folder();
        let script = folder.path().join("waits.py");
        std::fs::write(&script, WAITS).unwrap();
        let capture = python.run(&[&script]).record_and_kill(1);
        let facts = ScenarioFacts { name: "waits", cwd: folder.path(), driver: None };
        let finding =
            threads::unstopped(&facts, python::profile(&capture)).unwrap_or_else(|| panic!("{python}"));
        let title = "the program is at its end and waits for thread `server`, which does not stop";
        assert_eq!(finding.title, title, "{python}");
        assert_eq!(
            finding.place.map(|place| (place.file, place.line)),
            Some(("waits.py".into(), 7)),
            "{python}"
        );
        let runs = finding.evidence.iter().find(|evidence| evidence.starts_with("`server` runs"));
        assert!(runs.is_some_and(|runs| runs.ends_with("in serve")), "{python}: {:?}", finding.evidence);
    }
}

#[test]
fn a_program_that_goes_on_is_not_at_its_end() {
    let source = WAITS.replace("threading.main_thread().is_alive()", "False") + "while True: time.sleep(1)\n";
    let python = python::newest();
    let capture = python.run(&["-c", &source]).record_and_kill(1);
    let facts = ScenarioFacts { name: "waits", cwd: Path::new("/"), driver: None };
    assert_eq!(threads::unstopped(&facts, python::profile(&capture)), None);
}
