//! Other allocators: preloaded ones of the user's, and those that CPython has by other names.

use std::path::PathBuf;
use std::process::{Command, Output};

use leakgate::profile::UNSEEN_HEAP;
use leakgate::profile::model::{Domain, Site};

use crate::harness::{Program, Run, amount, figures, folder, of_function};
use crate::python;

const ALLOCATES: &str = "\
import threading
kept = []
def work():
    for _ in range(100): kept.append(bytes(2000))
thread = threading.Thread(target=lambda: [bytes(3000) for _ in range(100)])
thread.start(); thread.join()
work()
print('done')
raise SystemExit(5)
";

/// Names a jemalloc that is not installed in the system.
const JEMALLOC: &str = "LEAKGATE_TEST_JEMALLOC";

fn jemalloc() -> Option<PathBuf> {
    let named = std::env::var_os(JEMALLOC).map(PathBuf::from);
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let installed = folders.iter().map(|folder| PathBuf::from(folder).join("libjemalloc.so.2"));
    let found = named.into_iter().chain(installed).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: there is no libjemalloc.so.2 (`{JEMALLOC}` names one)");
    }
    found
}

#[test]
fn a_leak_that_is_suppressed_by_its_caller_stays_suppressed() {
    const LEAKS: &str = "\
#include <stdlib.h>
static void *volatile sink;
__attribute__((noinline)) void known_leak(void) { sink = malloc(100); sink = 0; }
int main(void) { known_leak(); return 0; }
";
    if libasan().is_none() {
        return;
    }
    let folder = folder();
    let (source, program) = (folder.path().join("leaks.c"), folder.path().join("leaks"));
    let suppressions = folder.path().join("suppressions");
    std::fs::write(&source, LEAKS).unwrap();
    std::fs::write(&suppressions, "leak:known_leak\n").unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-O0", "-g", "-fsanitize=address", "-o"]).arg(&program).arg(&source);
    assert!(gcc.status().unwrap().success());
    let run = Run::of([&program]);
    assert_eq!(run.record_with_losses().output.status.code(), Some(1), "it leaks");
    let run = run.env("LSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
    let recording = run.record_with_losses();
    assert_eq!(
        recording.output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&recording.output.stderr)
    );
}

/// The compiler's libasan.
fn libasan() -> Option<PathBuf> {
    let output = Command::new("gcc").arg("-print-file-name=libasan.so").output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()).canonicalize().ok()?;
    if !path.is_absolute() {
        eprintln!("skipped: gcc has no libasan");
    }
    path.is_absolute().then_some(path)
}

fn is_the_same_and_exact(run: &Run, what: &str) {
    let plain = run.plain();
    let recording = run.record();
    let stderr = String::from_utf8_lossy(&recording.output.stderr).into_owned();
    assert_eq!(plain.status.code(), Some(5), "{what}: {}", String::from_utf8_lossy(&plain.stderr));
    assert_eq!(recording.output.status, plain.status, "{what}: {stderr}");
    assert_eq!(recording.output.stdout, plain.stdout, "{what}: {stderr}");
    assert_eq!(stderr, String::from_utf8_lossy(&plain.stderr), "{what}");
    let profile = python::profile(&recording.capture);
    assert_eq!(python::held_by_work(profile), amount(100 * 2033, 100), "{what}: {:?}", profile.notes);
}

#[test]
fn a_preloaded_jemalloc_stays_the_allocator_and_its_blocks_are_counted() {
    let Some(jemalloc) = jemalloc() else { return };
    let program = Program::of("endings");
    let recording = program.run(&["return"]).env("LD_PRELOAD", &jemalloc).record();
    assert_eq!(recording.output.status.code(), Some(3));
    let profile = recording.first();
    assert_eq!(of_function(profile, "kept").end, amount(100_000, 100));
    assert_eq!(of_function(profile, "freed").peak, amount(1_500_000, 300));
    assert!(!profile.notes.iter().any(|note| note == UNSEEN_HEAP), "{:?}", profile.notes);
    for python in python::all() {
        let run = python.run(&["-c", ALLOCATES]).env("LD_PRELOAD", &jemalloc);
        is_the_same_and_exact(&run, &python.to_string());
    }
}

#[test]
fn a_preloaded_libasan_stays_first_and_its_blocks_are_counted() {
    let Some(libasan) = libasan() else { return };
    for python in python::all() {
        let run =
            python.run(&["-c", ALLOCATES]).env("LD_PRELOAD", &libasan).env("ASAN_OPTIONS", "detect_leaks=0");
        is_the_same_and_exact(&run, &python.to_string());
    }
}

#[test]
fn a_heap_that_is_not_seen_because_libasan_is_first_is_said_also_of_a_child() {
    const FORKS: &str =
        "import os\npid = os.fork()\nkept = bytes(9000)\nif not pid: os._exit(0)\nos.waitpid(pid, 0)";
    let Some(libasan) = libasan() else { return };
    // A system's own may be at a fixed address, with entries of its own for what is called from it.
    for python in python::all() {
        let run = python.run(&["-S", "-c", FORKS]);
        let recording =
            run.env("LD_PRELOAD", &libasan).env("ASAN_OPTIONS", "detect_leaks=0").record().ended_well();
        assert_eq!(recording.capture.processes.len(), 2);
        for process in &recording.capture.processes {
            assert!(process.notes.iter().any(|note| note == UNSEEN_HEAP), "{python}: {:?}", process.notes);
        }
    }
}

#[test]
fn a_program_built_with_libasan_still_has_it_first() {
    if libasan().is_none() {
        return;
    }
    let program =
        Program::with("pretended", &["-fsanitize=address".as_ref(), "-DVERSION=\"4.0.0\"".as_ref()]);
    let run = program.run(&[]).env("ASAN_OPTIONS", "detect_leaks=0");
    let (plain, recording) = (run.plain(), run.record());
    assert_eq!(plain.status.code(), Some(7));
    let stderr = String::from_utf8_lossy(&recording.output.stderr);
    assert_eq!((recording.output.status, stderr.as_ref()), (plain.status, ""));
    assert_eq!(of_function(recording.first(), "kept").end, amount(100_000, 100));
    assert_eq!(recording.first().notes.iter().find(|note| *note == UNSEEN_HEAP), None);
}

#[test]
fn what_objects_lie_in_is_no_mapping_where_the_allocator_is_asked_for_by_name() {
    for python in python::all() {
        let mapped = |variable: &str| {
            let recording = python.run(&["-S", "-c", ALLOCATES]).env("PYTHONMALLOC", variable).record();
            let anonymous = |site: &Site| site.allocator.domain == Domain::Anonymous;
            figures(python::profile(&recording.capture), anonymous).end
        };
        assert_eq!(mapped("default"), mapped(""), "{python}");
        assert_eq!(mapped("pymalloc"), mapped(""), "{python}");
    }
}

const OPTIONS: [&[&str]; 10] = [
    &[],
    &["-X", "dev"],
    &["-Xdev", "-O"],
    &["-W", "ignore", "-X", "dev"],
    &["-I", "-X", "dev"],
    &["-E", "-Xdev"],
    &["-S", "-X", "dev"],
    &["-ISX", "dev"],
    &["-I"],
    &["-E"],
];

const VARIABLES: [&str; 8] = [
    "",
    "PYTHONMALLOC=debug",
    "PYTHONMALLOC=malloc",
    "PYTHONMALLOC=pymalloc",
    "PYTHONMALLOC=default",
    "PYTHONMALLOC=malloc_debug",
    "PYTHONMALLOC=pymalloc_debug",
    "PYTHONDEVMODE=1",
];

/// Whether CPython takes its debug allocator, and whether the environment decides about it.
fn is_debug(options: &[&str], variable: &str) -> (bool, bool) {
    let ignores = options.iter().any(|option| option.starts_with("-I") || option.starts_with("-E"));
    let dev = options.iter().any(|option| option.ends_with("dev"));
    let debug = match variable.split_once('=') {
        Some(("PYTHONMALLOC", name)) if !ignores => name.ends_with("debug"),
        Some(("PYTHONDEVMODE", _)) if !ignores => true,
        _ => dev,
    };
    (debug, !ignores)
}

#[test]
fn dev_mode_and_every_allocator_by_name_leave_the_program_unharmed_and_what_is_missing_is_said() {
    for python in python::all() {
        for options in OPTIONS {
            for variable in VARIABLES {
                // All pairs would take minutes: each with the plain other, and those that ignore what the other says.
                let is_pair = !options.is_empty() && !variable.is_empty();
                if is_pair && !matches!(variable, "PYTHONMALLOC=debug" | "PYTHONDEVMODE=1") {
                    continue;
                }
                check_allocator(&python, options, variable);
            }
        }
    }
}

fn check_allocator(python: &python::Python, options: &[&str], variable: &str) {
    let words =
        [&["env", variable], &[python.path.to_str().unwrap()][..], options, &["-c", ALLOCATES]].concat();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let run = Run::of(words);
    let (plain, recording) = (run.plain(), run.record());
    let what = format!("{python} {options:?} {variable}");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(plain.status.code(), Some(5), "{what}: {}", text(&plain.stderr));
    let Output { status, stdout, stderr } = &recording.output;
    assert_eq!(
        (*status, text(stdout), text(stderr)),
        (plain.status, text(&plain.stdout), text(&plain.stderr)),
        "{what}"
    );
    let profile = python::profile(&recording.capture);
    let said = profile.notes.iter().any(|note| note.contains("debug allocator was on"));
    let (debug, by_environment) = is_debug(options, variable);
    // What the environment or the command line asks for is seen when `env` executes the interpreter, and another
    // allocator is named there; `-I` and `-E` do not listen to that.
    let is_helped = by_environment;
    assert_eq!(said, debug && !is_helped, "{what}: {:?}", profile.notes);
    // Its checks are not made then, which is said.
    let is_off = profile.notes.iter().any(|note| note.starts_with("`PYTHONMALLOC` is `default`"));
    let is_named = variable.ends_with("=default") || variable.ends_with("=pymalloc");
    assert_eq!(is_off, (debug || is_named) && is_helped, "{what}: {:?}", profile.notes);
    let expected = if said { amount(0, 0) } else { amount(100 * 2033, 100) };
    assert_eq!(python::held_by_work(profile), expected, "{what}: {:?}", profile.notes);
}
