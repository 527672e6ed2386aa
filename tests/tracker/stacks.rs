//! Python stacks: function, file and line of every frame, as the interpreter itself tells them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leakgate::profile::model::{Amount, Frame, Profile, StackId};

use crate::harness::{Program, Recording, amount, of_function};
use crate::python;

/// `(function, file, line)`, innermost first.
type Stack = Vec<(String, String, u32)>;

/// Bytes, stack and thread of an allocation as the program itself saw it.
type Marks = Vec<(u64, Stack, String)>;

/// Header of a `bytes` object, and its last 0 byte.
const BYTES_HEADER: u64 = 33;

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name)
}

/// What `bytes(mark())` allocated, by stack. Nothing else in these programs asks for zeroed objects.
fn recorded(profile: &Profile) -> BTreeMap<Stack, Amount> {
    let mut by_stack = BTreeMap::<Stack, Amount>::new();
    for site in profile.sites.iter().filter(|site| site.allocator.name == "PyObject_Calloc") {
        *by_stack.entry(places(profile, site.stack)).or_default() += site.total;
    }
    by_stack
}

fn places(profile: &Profile, stack: StackId) -> Stack {
    let frames = profile.frames_of(stack).map(|frame| match frame {
        Frame::Python { function, file, line } => (function.clone(), file.clone(), *line),
        other => (format!("{other:?}"), String::new(), 0),
    });
    frames.collect()
}

fn expected(marks: &Marks) -> BTreeMap<Stack, Amount> {
    let mut by_stack = BTreeMap::<Stack, Amount>::new();
    for (bytes, stack, _) in marks {
        *by_stack.entry(stack.clone()).or_default() += Amount { bytes: bytes + BYTES_HEADER, blocks: 1 };
    }
    by_stack
}

fn marks(recording: &Recording) -> Marks {
    serde_json::from_slice(&recording.output.stdout).unwrap()
}

/// Compares every stack that the program saw with what was recorded, to the byte.
fn compare(python: &str, recording: &Recording) -> usize {
    let (found, marks) = (recorded(recording.first()), marks(recording));
    let mut wrong = Vec::new();
    for (stack, amount) in expected(&marks) {
        if found.get(&stack) != Some(&amount) {
            let line = stack[0].2;
            let near: Vec<_> = found
                .iter()
                .filter(|(stack, _)| stack.first().is_some_and(|top| top.2.abs_diff(line) < 3))
                .collect();
            wrong.push(format!("{amount:?} at\n  {stack:?}\nfound near\n  {near:?}"));
        }
    }
    assert!(wrong.is_empty(), "{python}: {} stacks differ, the first:\n{}", wrong.len(), wrong[0]);
    marks.len()
}

#[test]
fn stacks_are_those_of_the_interpreter_in_every_context() {
    for python in python::all() {
        let recording = python.run(&[program("stacks.py")]).record().ended_well();
        let count = compare(&python.to_string(), &recording);
        assert!(count > 200, "{python}: only {count} allocations");
    }
}

const THREADS: &str = r#"
import threading
kept, barrier, ended = [], threading.Barrier(5), threading.Event()
def work(size):
    kept.append(bytes(size))
    barrier.wait()
    if size == 400000: ended.wait()
class Own(threading.Thread):
    def run(self): work(300000)
threads = [threading.Thread(target=work, args=(100000,), name="loader"), threading.Thread(target=work, args=(200000,)),
           Own(name="gr\u00f6\u00dfe"), threading.Thread(target=work, args=(400000,), daemon=True, name="x" * 100)]
threads[1].name = "renamed"
for thread in threads: thread.start()
kept.append(bytes(500000))
barrier.wait()
for thread in threads[:3]: thread.join()
"#;

/// Stacks of one frame each that are only a few bytes of code apart: the hashes by which they are known must be far apart.
#[test]
fn every_line_of_a_long_module_is_told_from_the_others() {
    const LINES: u32 = 3000;
    let size = |line: u32| 1000 + u64::from(line);
    let calls: String = (1..=LINES).map(|line| format!("bytes({})\n", size(line))).collect();
    for python in python::all() {
        let recording = python.run(&["-c", &calls]).record().ended_well();
        let found = recorded(recording.first());
        for line in 1..=LINES {
            let stack = vec![("<module>".to_owned(), "<string>".to_owned(), line)];
            let expected = Amount { bytes: size(line) + BYTES_HEADER, blocks: 1 };
            assert_eq!(found.get(&stack), Some(&expected), "{python}: line {line}");
        }
    }
}

#[test]
fn threads_have_the_names_that_python_has_for_them_also_when_they_are_over() {
    for python in python::all() {
        let recording = python.run(&["-c", THREADS]).record().ended_well();
        let profile = recording.first();
        let mut names = BTreeMap::new();
        for site in profile
            .sites
            .iter()
            .filter(|site| site.allocator.name == "PyObject_Calloc" && site.end.bytes > 99_999)
        {
            names.insert(site.end.bytes - BYTES_HEADER, profile.threads[site.thread.0 as usize].name.clone());
        }
        let long = "x".repeat(55);
        let expected = [(1, "loader"), (2, "renamed"), (3, "größe"), (4, &long), (5, "main")];
        let expected = expected.map(|(size, name)| (size * 100_000, name.to_owned()));
        assert_eq!(names, BTreeMap::from(expected), "{python}");
    }
}

#[test]
fn stacks_of_greenlets_are_their_own() {
    let mut recorded = 0;
    // One version of each way to keep frames.
    for python in python::all().into_iter().filter(|python| [8, 11, 12, 13].contains(&python.minor)) {
        let folder = crate::harness::folder();
        if let Err(reason) = python.install("greenlet", folder.path()) {
            eprintln!("skipped: greenlet for {python}: {reason}");
            continue;
        }
        let run = python.run(&[program("greenlets.py")]).env("PYTHONPATH", folder.path());
        let count = compare(&python.to_string(), &run.record().ended_well());
        assert!(count > 40, "{python}: only {count} allocations");
        recorded += 1;
    }
    assert!(recorded > 0 || std::env::var_os("CI").is_none(), "greenlet could not be installed anywhere");
}

#[test]
fn an_unknown_version_gets_a_notice_and_the_names_of_its_own_functions() {
    for version in ["3.99.0", "2.7.18"] {
        let define = format!("-DVERSION={version}");
        let recording = Program::with("interpreter", &["-rdynamic".as_ref(), define.as_ref()]).record(&[]);
        let profile = recording.first();
        let said = profile.notes.iter().filter(|note| note.contains("no known layout")).count();
        assert_eq!(said, 1, "{version}: {:?}", profile.notes);
        assert_eq!(of_function(profile, "PyObject_Malloc").peak, amount(1000, 1), "{version}");
    }
}
