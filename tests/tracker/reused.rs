//! Objects that CPython makes in blocks which it kept from dead ones: each has the line that made it, and not the one
//! before.

use leakgate::profile::model::{Profile, Site};

use crate::harness::{Program, Recording, amount, figures};
use crate::python::{self, Python};

const COUNT: u64 = 1000;

/// `churn` makes objects of each kind and drops them; each `leak_…` keeps one of the blocks that came free.
const OBJECTS: &str = r#"
import sys
class Own(dict): pass
def churn(n):
    for _ in range(3):
        [n, n]; {}; {"a": n}; {n: n}; (n, _); (n,); (n, _, n, _, n); []; Own(); Own(a=n)
def leak_list(kept, n):
    kept.append([])
def leak_items(kept, n):
    kept.append([n, n])
def leak_dict(kept, n):
    kept.append({})
def leak_pair(kept, n):
    kept.append((n, kept))
def leak_tuple(kept, n):
    kept.append((n, n, n, n, kept))
leaks = [leak_list, leak_items, leak_dict, leak_pair, leak_tuple]
"#;

const LEAK_ALL: &str = r#"
def leak_all(leaks, churn):
    kept = [[] for _ in leaks]
    for n in range(1000):
        for leak, into in zip(leaks, kept):
            churn(n)
            leak(into, n)
    for leak, into in zip(leaks, kept):
        print(leak.__name__, sum(map(sys.getsizeof, into)))
    return kept
"#;

/// What a function holds at the end, less the growing list that it appends to.
fn held(profile: &Profile, function: &str, thread: Option<&str>) -> (u64, u64) {
    let is_meant = |site: &Site| {
        let top = profile.frames_of(site.stack).next().map(python::place).unwrap_or_default();
        top.starts_with(&format!("{function} "))
            && !site.allocator.name.ends_with("Realloc")
            && thread.is_none_or(|name| profile.threads[site.thread.0 as usize].name == name)
    };
    let end = figures(profile, is_meant).end;
    (end.bytes, end.blocks)
}

/// Compares what the functions hold with what the program printed of its objects.
fn each_has_its_line(profile: &Profile, printed: &str, thread: Option<&str>, python: &Python) {
    assert!(printed.lines().count() >= 5, "{python}: {printed}");
    for line in printed.lines() {
        let (function, bytes) = line.split_once(' ').unwrap();
        let bytes: u64 = bytes.parse().unwrap();
        let blocks = if matches!(function, "leak_items" | "leak_filled") { 2 } else { 1 };
        assert_eq!(held(profile, function, thread), (bytes, blocks * COUNT), "{python}: {function}");
    }
}

fn record(python: &Python, program: &str) -> Recording {
    python.run(&["-c", program]).record().ended_well()
}

#[test]
fn leaked_lists_dictionaries_and_tuples_have_the_line_that_made_them() {
    for python in python::all() {
        let program = format!("{OBJECTS}{LEAK_ALL}kept = leak_all(leaks, churn)\n");
        let recording = record(&python, &program);
        each_has_its_line(recording.first(), &recording.stdout(), Some("main"), &python);
    }
}

/// The table of a dictionary's keys is a block of its own.
const FILLED: &str = r#"
def leak_filled(kept, n):
    kept.append({"b": 1})
leaks.append(leak_filled)
"#;

#[test]
fn tables_of_leaked_dictionaries_have_the_line_that_made_them() {
    for python in python::all() {
        let program = format!("{OBJECTS}{FILLED}{LEAK_ALL}kept = leak_all(leaks, churn)\n");
        let recording = record(&python, &program);
        assert!(recording.stdout().contains("leak_filled"));
        each_has_its_line(recording.first(), &recording.stdout(), Some("main"), &python);
    }
}

/// The blocks come from one thread, and another thread frees them: its lists are what the third one leaks.
const THREADS: &str = r#"
import queue, threading
made, dropped = queue.Queue(1), queue.Queue(1)
def make():
    while made.put([[[n, n], {}, (n, made), (n, n, n, n, made), []] for n in range(20)]) or next(rounds, None) is not None: pass
    made.put(None)
def drop():
    for _ in iter(made.get, None): pass
rounds = iter(range(200))
threads = [threading.Thread(target=make, name="make"), threading.Thread(target=drop, name="drop")]
kept = []
leaker = threading.Thread(target=lambda: kept.append(leak_all(leaks, churn)), name="leak")
for thread in threads + [leaker]: thread.start()
for thread in threads + [leaker]: thread.join()
"#;

#[test]
fn blocks_that_threads_pass_on_have_the_line_and_the_thread_that_made_them() {
    for python in python::all() {
        let recording = record(&python, &format!("{OBJECTS}{LEAK_ALL}{THREADS}"));
        each_has_its_line(recording.first(), &recording.stdout(), Some("leak"), &python);
    }
}

/// A child finds what its parent's dead objects left, and leaks in it.
const FORK: &str = r#"
import os
for n in range(2000): churn(n)
if os.fork() == 0:
    kept = leak_all(leaks, churn)
    sys.stdout.flush()
    os._exit(0)
os.wait()
"#;

#[test]
fn a_forked_child_has_its_own_lines() {
    for python in python::all() {
        let recording = record(&python, &format!("{OBJECTS}{LEAK_ALL}{FORK}"));
        let parent = recording.first().process.pid;
        let child = recording.capture.processes.iter().find(|profile| profile.process.pid != parent).unwrap();
        each_has_its_line(child, &recording.stdout(), None, &python);
        assert_eq!(held(recording.first(), "leak_list", Some("main")), (0, 0), "{python}");
    }
}

/// What dies in `churn` is gone at once: nothing of it is live, and each round is counted.
const ROUNDS: &str = "\
def work():
    for n in range(10_000): ([], {}, (n, n))
work()
";

#[test]
fn what_was_dropped_is_not_live_and_every_object_is_counted() {
    for python in python::all() {
        let recording = record(&python, ROUNDS);
        let profile = recording.first();
        let of_work = figures(profile, |site| {
            let top = profile.frames_of(site.stack).next().map(python::place).unwrap_or_default();
            top == "work <string>:2" && site.allocator.name == "PyObject_Malloc"
        });
        assert_eq!(of_work.end, amount(0, 0), "{python}");
        // A list, a dictionary and two tuples a round; numbers are further blocks.
        assert!(of_work.total.blocks >= 40_000, "{python}: {:?}", of_work.total);
    }
}

/// Nests deeper than the C stack could follow: CPython takes them apart in another way. Objects that look around while
/// a container around them dies see nothing but what is always there.
const LOOK: &str = r#"
import collections, gc, pickle, sys, weakref
for make in (lambda inner: [inner], lambda inner: {"a": inner}, lambda inner: (inner,), lambda inner: ({"a": [inner]},),
             lambda inner: collections.OrderedDict(a=inner), lambda inner: collections.defaultdict(list, a=inner)):
    nest = None
    # Those of `collections` are taken apart one in another: that deep CPython itself crashes.
    for _ in range(1000 if type(make(None)).__module__ == "collections" else 100_000): nest = make(nest)
    del nest
class Own(dict): pass
class Items(list): pass
class Pair(tuple): pass
class Looks:
    def __del__(self):
        builtin = {"dict": dict, "list": list, "tuple": tuple}
        wrong = [each for each in gc.get_objects() if builtin.get(type(each).__name__, type(each)) is not type(each)]
        print("dies", len(wrong), len(gc.get_referrers(self)))
for container in ([Looks()], {"a": Looks()}, (Looks(), 1), Own(a=Looks()), Items([Looks()]), Pair([Looks()])):
    del container
class Back:
    def __del__(self): back.append(self)
back = []
for make in (lambda: [Back()], lambda: {"a": Back()}, lambda: (Back(), 2)): make()
print([type(each).__name__ for each in back], sys.getrefcount(back), [sys.getrefcount(each) for each in back])
item = Own(); alive = weakref.ref(item); del item; print(alive())
for each in ([1, (2, {"a": None})], {"b": []}, ()):
    print(type(each) is type(pickle.loads(pickle.dumps(each))), type(each).__flags__, type(each).__basicsize__, hash(type(each)) == hash(type(each)))
    print(sorted(vars(type(each))), type(each).__mro__, [each for each in type(each).__subclasses__() if each.__module__ == "__main__"])
d = {number: number for number in range(20)}
for number in range(20): del d[number]
for size in range(9):
    d = {str(number): Back() if number == 3 else number for number in range(size)}
    if size % 2: d.popitem(); d.pop("0", 0)
    del d
    d = {(number, size): [number] for number in range(size)}; del d
print(len(back))
d = {1: 1}; d.clear(); d["a"] = 1; e = d.copy(); del d; print(e, {**e, "b": 2}, dict.fromkeys("abc"))
print(len(gc.get_objects()) > 100, gc.collect() >= 0, gc.garbage)
"#;

#[test]
fn programs_see_no_difference_in_their_objects() {
    for python in python::all() {
        let run = python.run(&["-c", LOOK]);
        let plain = String::from_utf8(run.plain().stdout).unwrap();
        let recording = run.record().ended_well();
        assert_eq!(recording.stdout(), plain, "{python}");
        assert!(plain.contains("dies 0 "), "{python}: {plain}");
    }
}

/// An object that comes back to life is still the one that its line made.
const BACK: &str = "\
kept = []
class Back:
    __slots__ = ()
    def __del__(self): kept.append(self)
def make():
    Back()
# The first call of a function may leave a frame behind, which belongs to the caller.
def once(): Back()
once()
for _ in range(1000): make()
";

#[test]
fn what_comes_back_to_life_keeps_its_line() {
    for python in python::all() {
        let recording = record(&python, &format!("{BACK}import os; os.write(1, b'ok')"));
        assert_eq!(held(recording.first(), "make", Some("main")).1, COUNT, "{python}");
    }
}

const SLICES: &str = "\
def drop(n):
    slice(n)
def leak_slice(kept, n):
    kept.append(slice(n, None))
def leak(kept):
    for n in range(1000):
        drop(n)
        leak_slice(kept, n)
";

#[test]
fn since_3_13_other_kinds_have_the_line_that_made_them() {
    for python in python::all().into_iter().filter(|python| python.minor >= 13) {
        let recording = record(&python, &format!("{SLICES}kept = []\nleak(kept)\n"));
        assert_eq!(held(recording.first(), "leak_slice", Some("main")), (56 * COUNT, COUNT), "{python}");
        assert_eq!(recording.first().notes, [] as [&str; 0], "{python}");
    }
}

const NOTE: &str = "the program traced references itself for a time (tracemalloc does): reused objects may have an earlier line";

/// tracemalloc takes the tracer's place; `compile` is one of the events after which ours comes back.
const TRACEMALLOC: &str = "\
import tracemalloc
tracemalloc.start()
compile('1', 'x', 'eval')
kept = []
leak(kept)
lines = [tracemalloc.get_object_traceback(each) for each in kept]
# The block that was kept before is not known to it.
lines = [each[0].lineno for each in lines if each]
tracemalloc.stop()
compile('1', 'x', 'eval')
leak(kept)
print(set(lines), len(lines) >= 999, tracemalloc.is_tracing())
";

#[test]
fn tracemalloc_is_right_and_so_are_we() {
    for python in python::all().into_iter().filter(|python| python.minor >= 13) {
        let run = python.run(&["-c", &format!("{SLICES}{TRACEMALLOC}")]);
        let plain = String::from_utf8(run.plain().stdout).unwrap();
        assert_eq!(plain, "{4} True False\n", "{python}");
        let recording = run.record().ended_well();
        assert_eq!(recording.stdout(), plain, "{python}");
        assert_eq!(
            held(recording.first(), "leak_slice", Some("main")),
            (56 * 2 * COUNT, 2 * COUNT),
            "{python}"
        );
        assert_eq!(recording.first().notes, [NOTE], "{python}");
    }
}

/// A tracer of the program's own: it stays, and its place is taken again when it is gone.
const OWN_TRACER: &str = "
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
api = ctypes.pythonapi
api.PyRefTracer_GetTracer.restype = ctypes.c_void_p
own = ctypes.cast(library.tracer, ctypes.c_void_p)
compile('1', 'x', 'eval')
api.PyRefTracer_SetTracer(own, None)
compile('1', 'x', 'eval')
leak([])
print(api.PyRefTracer_GetTracer(None) == own.value, library.count_created() >= 2000)
api.PyRefTracer_SetTracer(None, None)
compile('1', 'x', 'eval')
kept = []
leak(kept)
";

#[test]
fn a_tracer_of_the_programs_own_is_left_alone() {
    let library = Program::with("tracer", &["-shared".as_ref(), "-fPIC".as_ref()]);
    let path = library.folder().join("tracer");
    for python in python::all().into_iter().filter(|python| python.minor >= 13) {
        let arguments = ["-c", &format!("{SLICES}{OWN_TRACER}"), path.to_str().unwrap()];
        let recording = python.run(&arguments).record().ended_well();
        assert_eq!(recording.stdout(), "True True\n", "{python}");
        assert_eq!(held(recording.first(), "leak_slice", Some("main")), (56 * COUNT, COUNT), "{python}");
        assert_eq!(recording.first().notes, [NOTE], "{python}");
    }
}
