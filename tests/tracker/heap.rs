//! Heap snapshots of real processes: who holds what came between two of them, by the name that Python has for it, on every
//! version; what only the collector frees, and what C code has lost.

use leakgate::heap::load;
use leakgate::heap::model::{RootKind, Snapshot};
use leakgate::heap::owners::Owner;
use leakgate::heap::reach::Hold;
use leakgate::heap::{Changes, NodeId, Reach, cycles, owners};

use crate::harness::Recording;
use crate::python::{self, Python};

/// `between` takes a snapshot, calls `step` ten times, and takes another.
const PRELUDE: &str = "\
import gc, sys
_tracker = sys.modules['_leakgate']
class Row:
    def __init__(self): self.data = [1]
def between(step):
    gc.collect()
    first = _tracker.snapshot()
    for number in range(10): step(number)
    gc.collect()
    assert (first, _tracker.snapshot()) == (1, 2)
";

fn record(python: &Python, program: &str) -> Recording {
    python.run(&["-c", &format!("{PRELUDE}{program}")]).record().ended_well()
}

/// The two snapshots of a recorded program, and how their objects are held.
struct Pair {
    before: (Snapshot, Reach),
    after: (Snapshot, Reach),
    changes: Changes,
}

impl Pair {
    fn of(recording: &Recording) -> Pair {
        let found = load::find(&recording.path()).unwrap();
        let [before, after] = &found[..] else { panic!("{found:?}") };
        let load = |path| {
            let snapshot = load::snapshot(path).unwrap();
            let reach = Reach::of(&snapshot);
            (snapshot, reach)
        };
        let (before, after) = (load(&before.path), load(&after.path));
        let changes = Changes::between(&before.0, &after.0);
        Pair { before, after, changes }
    }

    fn owners(&self) -> Vec<Owner> {
        owners((&self.before.0, &self.before.1), (&self.after.0, &self.after.1), &self.changes)
    }
}

/// What grows, and how it is called.
const HOLDERS: &str = r#"
import collections, contextvars, functools, threading
prices, nested, seen, waiting = {}, {"eu": []}, set(), collections.deque()
class Registry: rows = []
class Slots:
    __slots__ = ("left", "right")
    def __init__(self): self.left, self.right = 0, []
class Service:
    def __init__(self): self.inner, self.slots = Row(), Slots()
class Names(dict): pass
class Rows(list): pass
service, names, rows = Service(), Names(), Rows()
names["all"] = []
def closure():
    kept = []
    return lambda row: kept.append(row)
fill = closure()
def default(row, count=0, rows=[]): rows.append(row)
def keyword(row, *, rows=[]): rows.append(row)
@functools.lru_cache(maxsize=None)
def cached(number): return Row()
local, variable = threading.local(), contextvars.ContextVar("current")
local.rows = []
variable.set([])
begin, end = threading.Semaphore(0), threading.Semaphore(0)
def work():
    mine = []
    while True:
        begin.acquire()
        mine.append(Row())
        end.release()
threading.Thread(target=work, daemon=True).start()
replaced = None
def step(number):
    global replaced
    prices["k%d" % number] = Row()
    nested["eu"].append(Row())
    seen.add(Row())
    waiting.append(Row())
    Registry.rows.append(Row())
    service.inner.data.append(Row())
    service.slots.right.append(Row())
    names["all"].append(Row())
    names[number] = Row()
    rows.append(Row())
    fill(Row())
    default(Row())
    keyword(Row())
    cached(number)
    local.rows.append(Row())
    variable.get().append(Row())
    begin.release()
    end.acquire()
    replaced = Row()
def main():
    held = []
    def both(number):
        step(number)
        held.append(Row())
    between(both)
main()
"#;

/// How each is called, its type, and its length.
const EXPECTED: [(&str, &str, u64); 18] = [
    ("__main__.prices", "dict", 10),
    ("__main__.nested['eu']", "list", 10),
    ("__main__.seen", "set", 10),
    ("__main__.waiting", "collections.deque", 10),
    ("__main__.Registry.rows", "list", 10),
    ("__main__.service.inner.data", "list", 11),
    ("__main__.service.slots.right", "list", 10),
    ("__main__.names['all']", "list", 10),
    ("__main__.names", "__main__.Names", 11),
    ("__main__.rows", "__main__.Rows", 10),
    ("__main__.fill.__closure__['kept']", "list", 10),
    ("__main__.default.__defaults__['rows']", "list", 10),
    ("__main__.keyword.__kwdefaults__['rows']", "list", 10),
    ("__main__.cached", "functools._lru_cache_wrapper", 10),
    ("__main__.local.rows", "list", 10),
    ("(a thread's context)['current']", "list", 10),
    ("work().mine", "list", 10),
    ("main().held", "list", 10),
];

#[test]
fn what_grows_is_called_as_python_would_call_it() {
    for python in python::all() {
        let recording = record(&python, HOLDERS);
        let pair = Pair::of(&recording);
        let found = pair.owners();
        for (path, type_name, length) in EXPECTED {
            let owner = found.iter().find(|owner| without_thread(&owner.path) == without_thread(path));
            let Some(owner) = owner else { panic!("{python}: no {path} among {:?}", paths(&found)) };
            let case = format!("{python}: {owner:?}");
            assert_eq!(
                (owner.type_name.as_str(), owner.length, owner.entries),
                (type_name, Some(length), 10),
                "{case}"
            );
            assert_eq!((owner.hold, owner.count), (Hold::Named, 1), "{case}");
            let rows = owner.types.iter().find(|(name, _)| name == "__main__.Row");
            assert_eq!(rows.map(|(_, change)| change.objects), Some(10), "{case}");
        }
        // What replaces its value holds no more than before.
        assert!(!found.iter().any(|owner| owner.path.contains("replaced")), "{python}: {:?}", paths(&found));
    }
}

fn paths(owners: &[Owner]) -> Vec<&str> {
    owners.iter().map(|owner| owner.path.as_str()).collect()
}

/// Threads are told in no order.
fn without_thread(path: &str) -> String {
    path.replace(char::is_numeric, "")
}

/// Each kind of owner has a line in the program that filled it, and one that made it.
#[test]
fn an_owner_knows_where_it_was_made_and_filled_and_what_its_keys_are() {
    const PROGRAM: &str = "\
prices = {}
def add(number):
    prices['k%d' % number] = Row()
between(add)
";
    for python in python::all() {
        let recording = record(&python, PROGRAM);
        let found = Pair::of(&recording).owners();
        let owner = found.iter().find(|owner| owner.path == "__main__.prices").unwrap();
        let profile = recording.first();
        let place = |site: Option<usize>| {
            let stack = profile.sites[site.unwrap()].stack;
            profile.frames_of(stack).next().map(python::place).unwrap_or_default()
        };
        assert_eq!(place(owner.made_at), "<module> <string>:11", "{python}");
        assert_eq!(place(owner.filled_at), "add <string>:13", "{python}");
        assert_eq!(owner.keys, ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"], "{python}");
        assert!(owner.beyond.starts_with("__main__.Row → "), "{python}: {}", owner.beyond);
    }
}

const GARBAGE: &str = "\
gc.disable()
class Node: pass
class Lost: pass
import ctypes
keep = ctypes.pythonapi.Py_IncRef
collect, gc.collect = gc.collect, lambda: None
def step(number):
    one, other = Node(), Node()
    one.other, other.back, one.payload = other, one, bytearray(1000)
    keep(ctypes.py_object(Lost()))
between(step)
assert collect() >= 20
";

#[test]
fn garbage_in_rings_and_objects_that_c_code_lost_are_told_apart() {
    for python in python::all() {
        let recording = record(&python, GARBAGE);
        let pair = Pair::of(&recording);
        let (after, reach) = &pair.after;
        let of_type = |name: &str| -> Vec<NodeId> {
            after.ids().filter(|node| after.type_name(*node) == name).collect()
        };
        let (nodes, lost) = (of_type("__main__.Node"), of_type("__main__.Lost"));
        assert_eq!((nodes.len(), lost.len()), (20, 10), "{python}");
        assert!(nodes.iter().all(|node| reach.hold(*node) == Hold::Cycle), "{python}");
        assert!(lost.iter().all(|node| reach.root(*node).unwrap().kind == RootKind::Native), "{python}");

        let found = pair.owners();
        let of_hold =
            |hold: Hold| found.iter().find(|owner| owner.hold == hold && owner.node.is_none()).unwrap();
        let (ring, native) = (of_hold(Hold::Cycle), of_hold(Hold::Native));
        assert_eq!((ring.path.as_str(), ring.entries), ("(garbage: __main__.Node)", 10), "{python}");
        assert_eq!(
            (native.path.as_str(), native.entries),
            ("(held by C code: __main__.Lost)", 10),
            "{python}"
        );

        let rings = cycles(after, reach, |node| pair.changes.is_new(node));
        let [cycle] = &rings[..] else { panic!("{python}: {rings:?}") };
        assert_eq!(cycle.path, "__main__.Node.other → __main__.Node.back → __main__.Node", "{python}");
        assert_eq!((cycle.count, cycle.has_frame), (10, false), "{python}");
        // With their dictionaries where they have some, and the buffers.
        assert!(cycle.held.bytes > 10 * 1000, "{python}: {:?}", cycle.held);
    }
}

/// No code of the program runs, and it sees nothing: not by what its classes do, not by audit events, not by the objects
/// that the collector knows.
const UNSEEN: &str = "\
class Liar:
    def _lie(self, *arguments): raise SystemExit('called')
    __repr__ = __len__ = __eq__ = __getattr__ = __iter__ = __bool__ = __del__ = _lie
    __hash__ = None
    @property
    def __class__(self): raise SystemExit('asked')
class Strict(type):
    def __getattribute__(cls, name): raise SystemExit('looked up')
class Odd(metaclass=Strict): __slots__ = ('value',)
liars = [Liar.__new__(Liar) for _ in range(10)]
events = []
sys.addaudithook(lambda event, arguments: events.append(event))
gc.collect()
fds = __import__('os').listdir('/proc/self/fd')
counts = [sys.getrefcount(liars[0]), sys.getrefcount(Liar)]
known = len(gc.get_objects())
del events[:]
number = _tracker.snapshot()
seen = list(events)
assert number == 1 and not seen, (number, seen)
del seen
assert len(gc.get_objects()) == known
assert counts == [sys.getrefcount(liars[0]), sys.getrefcount(Liar)]
assert __import__('os').listdir('/proc/self/fd') == fds
__import__('os')._exit(0)
";

#[test]
fn nothing_of_the_program_runs_and_nothing_of_it_changes() {
    for python in python::all() {
        let recording = record(&python, UNSEEN);
        let found = load::find(&recording.path()).unwrap();
        let snapshot = load::snapshot(&found[0].path).unwrap();
        let liars = snapshot.ids().filter(|node| snapshot.type_name(*node) == "__main__.Liar");
        assert_eq!(liars.count(), 10, "{python}");
    }
}

/// Sizes are those of the blocks, with what a container owns alone.
#[test]
fn sizes_are_those_that_were_allocated() {
    const PROGRAM: &str = "\
buffer, numbers, text = bytearray(10000), [None] * 1000, 'x' * 5000
table = dict.fromkeys(range(1000))
_tracker.snapshot()
";
    for python in python::all() {
        let recording = record(&python, PROGRAM);
        let found = load::find(&recording.path()).unwrap();
        let snapshot = load::snapshot(&found[0].path).unwrap();
        let reach = Reach::of(&snapshot);
        let bytes = |name: &str| {
            let path = |node: &NodeId| leakgate::heap::path::Path::to(&snapshot, &reach, *node);
            let is_it = |node: &NodeId| {
                path(node).text(&snapshot, leakgate::heap::path::Detail::Exact) == format!("__main__.{name}")
            };
            let node = snapshot.ids().filter(|node| snapshot.bytes(*node) >= 5000).find(is_it);
            snapshot.bytes(node.unwrap_or_else(|| panic!("{python}: no {name}")))
        };
        assert!((10_000..10_100).contains(&bytes("buffer")), "{python}: {}", bytes("buffer"));
        assert!((8000..8100).contains(&bytes("numbers")), "{python}: {}", bytes("numbers"));
        assert!((5000..5100).contains(&bytes("text")), "{python}: {}", bytes("text"));
        assert!((30_000..70_000).contains(&bytes("table")), "{python}: {}", bytes("table"));
    }
}

/// A snapshot that cannot be written leaves no file, and is told of; the program goes on.
#[test]
fn a_snapshot_that_there_is_no_room_for_leaves_no_file_and_a_note() {
    const PROGRAM: &str = "\
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
assert _tracker.snapshot() is None
";
    for python in python::all() {
        let recording = record(&python, PROGRAM);
        assert!(load::find(&recording.path()).unwrap().is_empty(), "{python}");
        let files = std::fs::read_dir(recording.path()).unwrap().map(|file| file.unwrap().file_name());
        let files: Vec<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
        assert!(!files.iter().any(|name| name.starts_with("heap")), "{python}: {files:?}");
        let notes = &recording.first().notes;
        assert!(
            notes.iter().any(|note| note.starts_with("a snapshot of the heap could not")),
            "{python}: {notes:?}"
        );
    }
}

/// Threads that change dictionaries, lists and sets all the time do not disturb it.
#[test]
fn snapshots_are_whole_while_other_threads_change_everything() {
    const PROGRAM: &str = "\
import threading
table, rows, seen, over = {}, [], set(), False
begun = threading.Semaphore(0)
def change():
    number = 0
    begun.release()
    while not over:
        number += 1
        table[number % 1000] = [number]
        table.pop((number * 7) % 1000, None)
        rows.append({'number': number})
        if len(rows) > 1000: del rows[:500]
        seen.add(str(number))
        if len(seen) > 1000: seen.clear()
threads = [threading.Thread(target=change) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: begun.acquire()
taken = [_tracker.snapshot() for _ in range(20)]
over = True
for thread in threads: thread.join()
assert taken == list(range(1, 21)), taken
";
    for python in python::all() {
        let recording = record(&python, PROGRAM);
        let found = load::find(&recording.path()).unwrap();
        assert_eq!(found.len(), 20, "{python}");
        for found in found {
            let snapshot = load::snapshot(&found.path).unwrap();
            let threads = snapshot
                .frames
                .iter()
                .filter(|frame| snapshot.text(frame.function) == Some(("change", false)));
            assert_eq!(threads.count(), 4, "{python}");
            // The collector's own view of things: what is held is not garbage.
            let reach = Reach::of(&snapshot);
            let is_of_thread = |node: &NodeId| snapshot.type_name(*node) == "threading.Thread";
            assert!(
                snapshot.ids().filter(is_of_thread).all(|node| reach.hold(node) == Hold::Named),
                "{python}"
            );
        }
    }
}
