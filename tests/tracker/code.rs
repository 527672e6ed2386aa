//! Code objects that die and are replaced at the same address.

use std::collections::BTreeMap;

use leakgate::profile::model::{Amount, Frame};

use crate::harness::amount;
use crate::python;

/// Each function lives for one call, and keeps one object; names, files and lines differ between neighbours in time.
const REPLACED: &str = r#"
import sys
kept = []
for number in range(int(sys.argv[1])):
    source = "\n" * (number % 50) + "def f%d():\n    kept.append(bytes(%d))\nf%d()" % (number, 600 + number % 400, number)
    exec(compile(source, "file%d.py" % (number % 7), "exec"), {"kept": kept})
addresses = set()
for number in range(1000):
    addresses.add(id(compile("def f(): pass", "x", "exec").co_consts[0]))
print(len(addresses))
"#;

#[test]
fn functions_at_the_address_of_a_dead_one_have_their_own_name_file_and_line() {
    let newest = python::newest().minor;
    for python in python::all() {
        let count = if python.minor == newest { 20_000 } else { 4000 };
        let recording = python.run(&["-c", REPLACED, &count.to_string()]).record().ended_well();
        let profile = recording.first();
        let reused = 1000 - recording.stdout().trim().parse::<u64>().unwrap();
        assert!(reused > 500, "{python}: this interpreter reuses only {reused} of 1,000 addresses");
        let mut found = BTreeMap::<Vec<String>, Amount>::new();
        for site in profile.sites.iter().filter(|site| site.allocator.name == "PyObject_Calloc") {
            let stack: Vec<String> = profile.frames_of(site.stack).map(python::place).collect();
            if stack[0].contains(" file") {
                *found.entry(stack).or_default() += site.end;
            }
        }
        for number in 0..count {
            let (file, line) = (format!("file{}.py", number % 7), number % 50 + 2);
            let stack = vec![
                format!("f{number} {file}:{line}"),
                format!("<module> {file}:{}", line + 1),
                "<module> <string>:6".to_owned(),
            ];
            let expected = amount(33 + 600 + number % 400, 1);
            assert_eq!(found.remove(&stack), Some(expected), "{python}: {stack:?}");
        }
        assert!(found.is_empty(), "{python}: {found:?}");
    }
}

/// The same function, called from lines that are executed anew: the callers die, the callee stays.
const CALLERS: &str = r#"
kept = []
def callee(size): kept.append(bytes(size))
for number in range(1000):
    exec(compile("\n" * (number % 3) + "callee(%d)" % (1000 + number), "caller%d.py" % number, "exec"))
"#;

#[test]
fn callers_that_are_replaced_are_told_apart() {
    for python in python::all() {
        let recording = python.run(&["-c", CALLERS]).record().ended_well();
        let profile = recording.first();
        let mut found = BTreeMap::new();
        for site in profile.sites.iter().filter(|site| site.allocator.name == "PyObject_Calloc") {
            let frames: Vec<&Frame> = profile.frames_of(site.stack).collect();
            if frames.len() == 3 && python::place(frames[0]) == "callee <string>:3" {
                found.insert(python::place(frames[1]), site.end);
            }
        }
        for number in 0..1000 {
            let place = format!("<module> caller{number}.py:{}", number % 3 + 1);
            assert_eq!(found.remove(&place), Some(amount(33 + 1000 + number, 1)), "{python}: {place}");
        }
        assert!(found.is_empty(), "{python}: {found:?}");
    }
}
