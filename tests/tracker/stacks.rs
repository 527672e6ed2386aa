//! Python stacks: function, file and line of every frame, as the interpreter itself tells them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leakgate::profile::model::{Amount, Frame, Profile};

use crate::harness::{Recording, Run};
use crate::python::{self, Python};

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
        let frames = profile.frames_of(site.stack).map(|frame| match frame {
            Frame::Python { function, file, line } => (function.clone(), file.clone(), *line),
            other => (format!("{other:?}"), String::new(), 0),
        });
        *by_stack.entry(frames.collect()).or_default() += site.total;
    }
    by_stack
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
