//! By what name an object of a snapshot is reached that no dictionary of a module leads to at once: attributes of instances
//! with a dictionary, variables of suspended functions, items of arrays.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use leakgate::heap::path::{Detail, Path};
use leakgate::heap::{Reach, load};

use crate::harness::Recording;
use crate::python::{self, Python};

/// `mark(name)` is an object of a class of that name.
const PRELUDE: &str = "\
import sys
def mark(name): return type(name, (), {})()
";
const END: &str = "\nsys.modules['_leakgate'].snapshot()\n";

/// Records a program that takes a snapshot at its end: by the names of marked objects, the ways to them.
fn paths(python: &Python, program: &str, packages: &FilePath) -> BTreeMap<String, String> {
    let program = format!("{PRELUDE}{program}{END}");
    let run = python.run(&["-c", &program]).env("PYTHONPATH", packages);
    let recording: Recording = run.record().ended_well();
    let found = load::find(&recording.path()).unwrap();
    let snapshot = load::snapshot(&found[0].path).unwrap();
    let reach = Reach::of(&snapshot);
    let marked = snapshot.ids().filter_map(|node| {
        let name = snapshot.type_name(node).strip_prefix("__main__.")?.to_owned();
        let path = Path::to(&snapshot, &reach, node).text(&snapshot, Detail::Exact);
        Some((name, path.replace("__main__.", "")))
    });
    marked.collect()
}

fn expect(python: &Python, found: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, path) in expected {
        assert_eq!(found.get(*name).map(String::as_str), Some(*path), "{python}: {name}: {found:#?}");
    }
}

#[test]
fn attributes_of_instances_whose_dictionary_was_asked_for_keep_their_names() {
    const PROGRAM: &str = "\
import functools
class Plain: pass
class Cached:
    @functools.cached_property
    def value(self): return mark('Property')
cached, by_key, asked, updated, listed = Cached(), Plain(), Plain(), Plain(), Plain()
cached.value
by_key.__dict__['key'] = mark('ByKey')
asked.first = mark('First'); asked.__dict__; asked.second = mark('Second')
updated.__dict__.update(late=mark('Late'))
vars(listed)['items'] = [mark('Listed')]
";
    const EXPECTED: [(&str, &str); 6] = [
        ("Property", "cached.value"),
        ("ByKey", "by_key.key"),
        ("First", "asked.first"),
        ("Second", "asked.second"),
        ("Late", "updated.late"),
        ("Listed", "listed.items[0]"),
    ];
    for python in python::all() {
        expect(&python, &paths(&python, PROGRAM, FilePath::new("")), &EXPECTED);
    }
}

#[test]
fn variables_of_suspended_functions_items_of_tuples_and_keys_have_names() {
    const PROGRAM: &str = "\
import collections
def numbers():
    pending = mark('Pending')
    yield
async def task():
    waiting = mark('Waiting')
    await Suspend()
async def stream():
    buffered = mark('Buffered')
    yield
class Suspend:
    def __await__(self): yield
generator, coroutine, streamed = numbers(), task(), stream()
next(generator); coroutine.send(None)
first = streamed.__anext__()
try: first.send(None)
except StopIteration: pass
over = numbers()
list(over)
Pair = collections.namedtuple('Pair', 'left right')
pair = Pair(1, mark('Right'))
by_key = {-5: mark('ByNumber'), b'\\x00k': mark('ByBytes'), ('eu', 2 ** 40, None): mark('ByTuple')}
by_key[True] = mark('ByTruth')
import contextvars
variable = contextvars.ContextVar('current')
contexts = [contextvars.Context()]
contexts[0].run(variable.set, mark('InContext'))
";
    const EXPECTED: [(&str, &str); 9] = [
        ("InContext", "contexts[0]['current']"),
        ("Pending", "generator.gi_frame.pending"),
        ("Waiting", "coroutine.cr_frame.waiting"),
        ("Buffered", "streamed.ag_frame.buffered"),
        ("Right", "pair[1]"),
        ("ByNumber", "by_key[-5]"),
        ("ByBytes", "by_key[b'\\x00k']"),
        ("ByTuple", "by_key[('eu', 1099511627776, None)]"),
        ("ByTruth", "by_key[True]"),
    ];
    for python in python::all() {
        expect(&python, &paths(&python, PROGRAM, FilePath::new("")), &EXPECTED);
    }
}

/// A package that may not be had for every version: the tests go on with the others.
fn with_package(package: &str, test: impl Fn(&Python, &FilePath)) {
    let mut tested = 0;
    for python in python::all() {
        let folder = crate::harness::folder();
        match python.install(package, folder.path()) {
            Ok(()) => {
                test(&python, folder.path());
                tested += 1;
            }
            Err(reason) => eprintln!("skipped: {package} for {python}: {reason}"),
        }
    }
    assert!(tested > 0 || std::env::var_os("CI").is_none(), "{package} could not be installed anywhere");
}

#[test]
fn items_of_numpys_arrays_of_objects_and_what_a_view_shows_have_names() {
    const PROGRAM: &str = "\
import numpy
flat = numpy.empty(10, dtype=object)
flat[3] = mark('Flat')
square = numpy.empty((2, 2), dtype=object)
square[1, 1] = mark('Square')
def viewed():
    hidden = numpy.empty(10, dtype=object)
    hidden[7] = mark('Viewed')
    return hidden[:1]
view = viewed()
";
    const EXPECTED: [(&str, &str); 3] =
        [("Flat", "flat[3]"), ("Square", "square{…}"), ("Viewed", "view.base[7]")];
    with_package("numpy", |python, folder| expect(python, &paths(python, PROGRAM, folder), &EXPECTED));
}

/// What stands where a module or a type should be is left alone.
#[test]
fn what_only_has_the_name_of_greenlets_library_harms_nothing() {
    const STANDS_IN: [&str; 4] = [
        "stub = None",
        "stub = type(sys)('greenlet._greenlet')",
        "stub = type(sys)('greenlet._greenlet'); stub.greenlet = len",
        "stub = type(sys)('greenlet._greenlet'); stub.greenlet = type('greenlet', (), {'gr_frame': 1})",
    ];
    for python in python::all() {
        for stands_in in STANDS_IN {
            let program =
                format!("{stands_in}\nsys.modules['greenlet._greenlet'] = stub\nkept = [mark('Kept')]\n");
            expect(&python, &paths(&python, &program, FilePath::new("")), &[("Kept", "kept[0]")]);
        }
    }
}

#[test]
fn variables_of_suspended_greenlets_have_names() {
    const PROGRAM: &str = "\
import greenlet
main = greenlet.getcurrent()
def inner():
    deep = [mark('Deep')]
    main.switch()
def outer():
    kept = mark('Kept')
    inner()
suspended = greenlet.greenlet(outer)
suspended.switch()
fresh, over = greenlet.greenlet(outer), greenlet.greenlet(lambda: None)
over.switch()
";
    const EXPECTED: [(&str, &str); 2] = [("Deep", "inner().deep[0]"), ("Kept", "outer().kept")];
    with_package("greenlet", |python, folder| {
        expect(python, &paths(python, PROGRAM, folder), &EXPECTED);
        // It goes on as if nothing had been.
        let goes_on =
            format!("{PROGRAM}sys.modules['_leakgate'].snapshot(); suspended.switch(); fresh.switch()\n");
        paths(python, &goes_on, folder);
    });
}
