//! Programs that nobody here wrote: of the standard library, and packages of the package index. They behave as they do
//! alone, nothing of theirs is lost, and what they allocate has their own lines.

use std::fs;
use std::path::Path;

use leakgate::profile::model::{Frame, Profile};

use crate::harness::{Recording, Run, folder};
use crate::python::{self, Python};

/// Bytes at the peak under any line of a file with this name.
fn under(profile: &Profile, file: &str) -> u64 {
    let is_of_file =
        |frame: &Frame| matches!(frame, Frame::Python { file: path, .. } if path.ends_with(file));
    let sites = profile.sites.iter().filter(|site| profile.frames_of(site.stack).any(is_of_file));
    sites.map(|site| site.total.bytes).sum()
}

/// Records a run, and compares all that its user sees with the run alone.
fn unchanged(python: &Python, run: &Run) -> Recording {
    let (plain, recording) = (run.plain(), run.record());
    let text = |bytes: &[u8]| without_times(&String::from_utf8_lossy(bytes));
    assert_eq!(recording.output.status.code(), plain.status.code(), "{python}");
    assert_eq!(text(&recording.output.stdout), text(&plain.stdout), "{python}");
    assert_eq!(text(&recording.output.stderr), text(&plain.stderr), "{python}");
    recording
}

/// unittest and pytest tell how long they took.
fn without_times(text: &str) -> String {
    let times = regex::Regex::new(r"in \d+\.\d+s").unwrap();
    times.replace_all(text, "in TIME").into_owned()
}

#[test]
fn json_tool_formats_a_large_file_as_it_does_alone() {
    let input = format!("[{}]", vec![r#"{"name": "row", "value": 1.5}"#; 20_000].join(","));
    for python in python::all() {
        let run = python.run(&["-m", "json.tool"]).input(input.as_bytes());
        let recording = unchanged(&python, &run);
        let decoded = under(recording.first(), "json/decoder.py");
        // Each row is a dictionary of its own.
        assert!(decoded > 20_000 * 200, "{python}: {decoded}");
    }
}

#[test]
fn compileall_compiles_a_folder_as_it_does_alone() {
    for python in python::all() {
        let folder = folder();
        for number in 0..20 {
            let source = "def f(a):\n    return [a, {'x': a}]\n".repeat(50);
            fs::write(folder.path().join(format!("m{number}.py")), source).unwrap();
        }
        fs::write(folder.path().join("broken.py"), "def f(:\n").unwrap();
        let target = folder.path().to_str().unwrap().to_owned();
        let recording = unchanged(&python, &python.run(&["-m", "compileall", "-f", &target]));
        assert_eq!(recording.output.status.code(), Some(1), "{python}");
        assert!(under(recording.first(), "py_compile.py") > 100_000, "{python}");
    }
}

#[test]
fn unittest_fails_and_passes_tests_as_it_does_alone() {
    const TESTS: &str = "import unittest\n\
         class Orders(unittest.TestCase):\n    \
             def test_total(self):\n        self.assertEqual(sum(range(5)), 10)\n    \
             def test_wrong(self):\n        self.assertEqual('a', 'b')\n    \
             def test_keeps(self):\n        Orders.kept = bytearray(1_000_000)\n";
    for python in python::all() {
        let folder = folder();
        fs::write(folder.path().join("test_orders.py"), TESTS).unwrap();
        let run = python.run(&["-m", "unittest", "-v", "test_orders"]).cwd(folder.path());
        let recording = unchanged(&python, &run);
        assert_eq!(recording.output.status.code(), Some(1), "{python}");
        let profile = recording.first();
        let kept: u64 = profile
            .sites
            .iter()
            .filter(|site| {
                let place = profile.frames_of(site.stack).next().map(python::place).unwrap_or_default();
                place.ends_with("test_keeps test_orders.py:8")
            })
            .map(|site| site.end.bytes)
            .sum();
        // The buffer has one byte more than its contents; the object stands beside it, and the class's dictionary may
        // grow for the new attribute.
        assert!((1_000_001..1_001_000).contains(&kept), "{python}: {kept}");
    }
}

/// Packages with code in C, Rust and Cython, and with allocators of their own; run by `.ci/full`.
#[test]
#[ignore = "installs packages from the package index"]
fn packages_behave_as_they_do_alone() {
    const WORK: &str = "\
import numpy, sqlalchemy, requests, lxml.etree, pyarrow
a = numpy.ones(1_000_000)
table = pyarrow.table({'x': list(range(100_000))})
engine = sqlalchemy.create_engine('sqlite://')
with engine.connect() as c:
    rows = c.execute(sqlalchemy.text('select 1')).all()
tree = lxml.etree.fromstring('<a>' + '<b/>' * 50_000 + '</a>')
print(a.sum(), table.num_rows, rows, len(tree), requests.Request('GET', 'http://localhost/').prepare().url)
";
    let python = python::newest();
    let folder = folder();
    for package in ["numpy", "sqlalchemy", "requests", "lxml", "pyarrow"] {
        python.install(package, folder.path()).unwrap();
    }
    let work = folder.path().join("work.py");
    fs::write(&work, WORK).unwrap();
    let run = python.run(&[work.to_str().unwrap()]).env("PYTHONPATH", folder.path());
    let recording = unchanged(&python, &run);
    let profile = recording.first();
    assert_eq!(at_line(profile, &work, 2, "numpy"), 8_000_000);
    assert!(at_line(profile, &work, 7, "libxml2") + at_line(profile, &work, 7, "etree") > 50_000 * 60);
}

/// Bytes live at the end that a line of a script allocated through a module.
fn at_line(profile: &Profile, script: &Path, line: u32, module: &str) -> u64 {
    let is_line = |frame: &Frame| matches!(frame, Frame::Python { file, line: at, .. } if Path::new(file) == script && *at == line);
    let is_module =
        |frame: &Frame| matches!(frame, Frame::Native { module: path, .. } if path.contains(module));
    let meant = |stack| {
        profile.frames_of(stack).any(is_line) && profile.frames_of(stack).next().is_some_and(is_module)
    };
    profile.sites.iter().filter(|site| meant(site.stack)).map(|site| site.end.bytes).sum()
}
