//! The lengths of containers that grow: each kind of them, wherever it is held, on every version; read natively, unseen by
//! the program.

use leakgate::profile::model::{Container, Profile};

use crate::harness::Recording;
use crate::python::{self, Python};

/// `run` calls `step` and takes a checkpoint, 16 times; after each fourth one it looks at all containers.
const PRELUDE: &str = "\
import gc, sys
_tracker = sys.modules['_leakgate']
def run(step, look=_tracker.containers, iterations=range(16)):
    for index in iterations:
        step(index)
        _tracker.checkpoint(1, index + 1)
        if index % 4 == 3: seen = look()
    return seen
";

fn record(python: &Python, program: &str) -> Recording {
    python.run(&["-c", &format!("{PRELUDE}{program}")]).record().ended_well()
}

/// The containers that the function of this name made.
fn made_by<'a>(profile: &'a Profile, function: &str) -> Vec<&'a Container> {
    let is_meant = |container: &&Container| {
        let site = container.site.map(|site| profile.sites[site as usize].stack);
        let top = site.and_then(|stack| profile.frames_of(stack).next());
        top.map(python::place).unwrap_or_default().starts_with(&format!("{function} "))
    };
    profile.containers.iter().filter(is_meant).collect()
}

/// The one container that the function made.
fn only<'a>(profile: &'a Profile, function: &str, python: &Python) -> &'a Container {
    let made = made_by(profile, function);
    let [container] = made[..] else { panic!("{python}: {function}: {made:?}") };
    container
}

/// Lengths of a container that grows by `step` with each iteration: as the first look saw it, as the second did, and then
/// as each checkpoint did.
fn growing_by(step: u64) -> Vec<(usize, u64)> {
    let first_look = (3, 4 * step);
    [first_look].into_iter().chain((7..16).map(|at| (at, (at as u64 + 1) * step))).collect()
}

/// Each `make_…` makes a container; beside it how it grows by some entries, and the entries.
const KINDS: &str = r#"
import array, collections
class Registry(list): pass
class Names(dict): pass
class Pending(set): pass
class Queue(collections.deque): pass
class Buffer(bytearray): pass
class Recent(collections.OrderedDict): pass
class Samples(array.array): pass
def make_list(): return []
def make_registry(): return Registry()
def make_dict(): return {}
def make_names(): return Names()
def make_set(): return set()
def make_pending(): return Pending()
def make_deque(): return collections.deque()
def make_queue(): return Queue()
def make_bytearray(): return bytearray()
def make_buffer(): return Buffer()
def make_ordered(): return collections.OrderedDict()
def make_recent(): return Recent()
def make_array(): return array.array("i")
def make_samples(): return Samples("i")
lists = [make_list(), make_registry(), make_deque(), make_queue(), make_array(), make_samples()]
dicts = [make_dict(), make_names(), make_ordered(), make_recent()]
sets = [make_set(), make_pending()]
buffers = [make_bytearray(), make_buffer()]
def step(index):
    for place, each in enumerate(lists): each.extend([index] * (place + 1))
    for place, each in enumerate(dicts): each.update({(index, n): n for n in range(place + 1)})
    for place, each in enumerate(sets): each.update((index, n) for n in range(place + 1))
    for place, each in enumerate(buffers): each.extend(bytes(place + 1))
run(step)
"#;

const MADE: [(&str, &str, u64); 14] = [
    ("make_list", "list", 1),
    ("make_registry", "__main__.Registry", 2),
    ("make_deque", "collections.deque", 3),
    ("make_queue", "__main__.Queue", 4),
    ("make_array", "array.array", 5),
    ("make_samples", "__main__.Samples", 6),
    ("make_dict", "dict", 1),
    ("make_names", "__main__.Names", 2),
    ("make_ordered", "collections.OrderedDict", 3),
    ("make_recent", "__main__.Recent", 4),
    ("make_set", "set", 1),
    ("make_pending", "__main__.Pending", 2),
    ("make_bytearray", "bytearray", 1),
    ("make_buffer", "__main__.Buffer", 2),
];

#[test]
fn each_kind_of_container_and_a_subclass_of_each_has_its_lengths() {
    for python in python::all() {
        let recording = record(&python, KINDS);
        let profile = recording.first();
        for (function, type_name, step) in MADE {
            // A subclass of these has its initialiser in C as well: the place is the one that called it.
            let container = only(profile, function, &python);
            assert_eq!(container.type_name, type_name, "{python}: {function}");
            assert_eq!(container.lengths, growing_by(step), "{python}: {function}");
            assert_eq!((container.bound, container.gone_at), (None, None), "{python}: {function}");
        }
        assert_eq!(profile.containers.len(), MADE.len(), "{python}: {:?}", profile.containers);
    }
}

/// All that grows is made of numbers that exist anyway, and is held where containers are held.
const HOLDERS: &str = r#"
def make_set(): return set()
def make_untracked(): return {}
def make_in_instance(): return {}
def make_in_closure(): return {}
def make_in_class(): return {}
def make_default(): return {}
def make_nested(): return {}
def make_buffer(): return bytearray()
class Holder: pass
holder, Class = Holder(), Holder
holder.names = make_in_instance()
Class.names = make_in_class()
def closure():
    names = make_in_closure()
    def fill(index): names[index] = index
    return fill
fill = closure()
def fill_default(index, names=make_default()): names[index] = index
numbers, untracked = make_set(), make_untracked()
nested = {0: {1: make_nested()}}
buried = {0: ((make_buffer(),),)}
assert not gc.is_tracked(untracked) or sys.version_info >= (3, 14)
def step(index):
    numbers.add(index)
    fill(index)
    fill_default(index)
    for each in (untracked, holder.names, Class.names, nested[0][1]): each[index] = index
    buried[0][0][0].append(index)
run(step)
"#;

#[test]
fn containers_are_found_wherever_they_are_held() {
    const HELD: [&str; 8] = [
        "make_set",
        "make_untracked",
        "make_in_instance",
        "make_in_closure",
        "make_in_class",
        "make_default",
        "make_nested",
        "make_buffer",
    ];
    for python in python::all() {
        let recording = record(&python, HOLDERS);
        for function in HELD {
            let container = only(recording.first(), function, &python);
            assert_eq!(container.lengths, growing_by(1), "{python}: {function}");
        }
        assert_eq!(recording.first().containers.len(), HELD.len(), "{python}");
    }
}

/// Dictionaries of numbers, and a byte array, that only variables of running functions know: of another thread, of a
/// generator, and of the function that looks.
const RUNNING: &str = r#"
import threading
def make_in_thread(): return {}
def make_in_cell(): return bytearray()
def make_in_generator(): return {}
def make_in_caller(): return {}
turns, ends = threading.Semaphore(0), threading.Semaphore(0)
def work():
    names, cell = make_in_thread(), make_in_cell()
    def fill(index): cell.append(index)
    for index in iter(lambda: turns.acquire() and len(names), 16):
        names[index] = index
        fill(index)
        ends.release()
def generate():
    names = make_in_generator()
    for index in range(16):
        names[index] = index
        yield
def caller():
    names, generator = make_in_caller(), generate()
    def step(index):
        turns.release(), ends.acquire(), next(generator)
        sys._getframe(2).f_locals["names"][index] = index
    run(step)
thread = threading.Thread(target=work)
thread.start()
caller()
turns.release()
thread.join()
"#;

#[test]
fn containers_that_only_running_functions_know_are_found() {
    for python in python::all() {
        let recording = record(&python, RUNNING);
        for function in ["make_in_thread", "make_in_cell", "make_in_generator", "make_in_caller"] {
            let container = only(recording.first(), function, &python);
            assert_eq!(container.lengths, growing_by(1), "{python}: {function}");
        }
    }
}

/// The list grows, dies, and another one of the same size is made at its address, which grows, too; in between the
/// checkpoint after the death has seen that it is gone.
const REUSED: &str = r#"
def make_first(): return [0]
def make_second(): return [0]
kept, addresses = [make_first()], []
def step(index):
    if index == 9:
        addresses.append(id(kept.pop()))
    elif index == 10:
        kept.append(make_second())
        addresses.append(id(kept[0]))
    else:
        kept[0].append(index)
spare = []
def step_until_same(index):
    step(index)
    while index == 10 and id(kept[0]) != addresses[0]:
        spare.append(kept.pop())
        kept.append(make_second())
run(step_until_same, iterations=range(24))
print(id(kept[0]) == addresses[0])
"#;

#[test]
fn another_container_at_the_address_of_a_dead_one_is_another() {
    for python in python::all() {
        let recording = record(&python, REUSED);
        assert_eq!(recording.stdout(), "True\n", "{python}");
        let first = only(recording.first(), "make_first", &python);
        let second = only(recording.first(), "make_second", &python);
        assert_eq!(first.address, second.address, "{python}");
        assert_eq!((first.gone_at, second.gone_at), (Some(9), None), "{python}");
        assert_eq!(first.lengths, [(3, 5), (7, 9), (8, 10)], "{python}");
        let expected: Vec<(usize, u64)> =
            [(11, 2)].into_iter().chain((15..24).map(|at| (at, at as u64 - 9))).collect();
        assert_eq!(second.lengths, expected, "{python}");
    }
}

const FROZEN: &str = "\
def make_list(): return []
def make_untracked(): return {}
kept = [make_list(), make_untracked()]
gc.collect()
gc.freeze()
frozen = gc.get_freeze_count()
def step(index):
    kept[0].append(index)
    kept[1][index] = index
run(step)
print(frozen == gc.get_freeze_count() > 0)
";

#[test]
fn what_the_program_froze_is_found_and_stays_frozen() {
    for python in python::all() {
        let recording = record(&python, FROZEN);
        assert_eq!(recording.stdout(), "True\n", "{python}");
        for function in ["make_list", "make_untracked"] {
            assert_eq!(only(recording.first(), function, &python).lengths, growing_by(1), "{python}");
        }
    }
}

const BOUNDED: &str = "\
import collections, functools
def make_bounded(): return collections.deque(maxlen=10)
def make_free(): return collections.deque()
bounded, free = make_bounded(), make_free()
def make_caches():
    few = functools.lru_cache(maxsize=10)(lambda n: n)
    all = functools.lru_cache(maxsize=None)(lambda n: n)
    return few, all
few, all = make_caches()
def step(index):
    bounded.append(index)
    free.append(index)
    few(index)
    all(index)
run(step)
";

#[test]
fn deques_and_caches_that_are_bounded_have_their_bound() {
    for python in python::all() {
        let recording = record(&python, BOUNDED);
        let profile = recording.first();
        let bounded: Vec<(usize, u64)> =
            growing_by(1).into_iter().filter(|(_, length)| *length <= 10).collect();
        let deque = only(profile, "make_bounded", &python);
        assert_eq!((deque.bound, &deque.lengths), (Some(10), &bounded), "{python}");
        let free = only(profile, "make_free", &python);
        assert_eq!((free.bound, &free.lengths), (None, &growing_by(1)), "{python}");
        let caches: Vec<&Container> =
            profile.containers.iter().filter(|each| each.type_name == "dict").collect();
        let bounds: Vec<Option<u64>> = caches.iter().map(|cache| cache.bound).collect();
        assert!(
            bounds.contains(&Some(10)) && bounds.contains(&None) && bounds.len() == 2,
            "{python}: {caches:?}"
        );
        for cache in caches {
            let expected = if cache.bound.is_some() { &bounded } else { &growing_by(1) };
            assert_eq!(&cache.lengths, expected, "{python}");
        }
    }
}

/// What the program could see of a look: events, calls of its own code, counts of references, of the collector, and of what
/// is live; the same as around a call that does nothing. The collection before it keeps the collector's count small: an
/// integer above 256 is an object of its own, and a count that passes it between the two calls is a block more in one.
const UNSEEN: &str = r#"
kept = [[], {}, set(), (1, [2])]
events = []
sys.addaudithook(lambda event, arguments: events.append(event))
class Own:
    def __getattribute__(self, name): events.append(name)
    def __del__(self): events.append("del")
    def __len__(self): events.append("len")
own = Own()
def seen_by_program():
    return [sys.getrefcount(each) for each in kept + [own]] + list(gc.get_count()) + [
        sum(each["collections"] for each in gc.get_stats()), sum(map(gc.is_tracked, kept)), len(gc.get_objects()),
        *_tracker.checkpoint(1, 0)[:2]]
def around(call):
    before = seen_by_program()
    del events[:]
    call()
    heard = list(events)
    return heard, [after - earlier for earlier, after in zip(before, seen_by_program())]
def nothing(): pass
def look(): _tracker.containers()
gc.collect()
gc.disable()
run(kept[0].append, look)
for call in [nothing, look] * 2: around(call)
calm, looked = around(nothing), around(look)
print(calm == looked, calm[0], len(calm[1]))
"#;

#[test]
fn the_program_sees_nothing_of_a_look() {
    for python in python::all() {
        let recording = record(&python, UNSEEN);
        assert_eq!(recording.stdout(), "True [] 13\n", "{python}");
        assert!(
            recording.first().containers.iter().any(|container| container.type_name == "list"),
            "{python}"
        );
    }
}

/// Many containers, of which one grows.
const MANY: &str = "\
def make_growing(): return [0]
many = [[index] for index in range(100_000)] + [{index: index} for index in range(100_000)]
growing = make_growing()
many.insert(100_000, growing)
print(run(growing.append) > 200_000)
";

#[test]
fn one_container_that_grows_is_found_among_two_hundred_thousand() {
    for python in python::all() {
        let recording = record(&python, MANY);
        assert_eq!(recording.stdout(), "True\n", "{python}");
        let growing = only(recording.first(), "make_growing", &python);
        let expected: Vec<(usize, u64)> =
            growing_by(1).into_iter().map(|(at, length)| (at, length + 1)).collect();
        assert_eq!(growing.lengths, expected, "{python}");
        assert_eq!(recording.first().containers.len(), 1, "{python}");
    }
}

/// More containers grow than are followed: those that grew last are, all others have the lengths that the looks saw.
const CROWD: &str = "\
def make_early(): return [[] for _ in range(5000)]
def make_late(): return [[] for _ in range(100)]
early, late = make_early(), make_late()
def step(index):
    for each in (early if index < 6 else late): each.append(index)
run(step, iterations=range(32))
";

#[test]
fn containers_that_stand_still_make_room_for_those_that_grow() {
    for python in python::all() {
        let recording = record(&python, CROWD);
        let profile = recording.first();
        let early: Vec<&Container> =
            profile.containers.iter().filter(|each| each.lengths[0].0 == 3).collect();
        let is_whole = |each: &&Container| each.lengths.last().unwrap().1 == 6;
        assert_eq!(early.iter().filter(|each| is_whole(each)).count(), 5000, "{python}");
        let late: Vec<&Container> =
            profile.containers.iter().filter(|each| each.lengths.last().unwrap().1 == 26).collect();
        assert_eq!(late.len(), 100, "{python}");
        assert!(
            profile.notes.iter().any(|note| note.contains("more containers grew")),
            "{python}: {:?}",
            profile.notes
        );
    }
}

const FORKED: &str = "\
import os
def make_list(): return []
kept = make_list()
run(kept.append)
if os.fork() == 0:
    run(kept.append)
    sys.stdout.flush()
    os._exit(0)
os.wait()
";

#[test]
fn a_forked_child_has_lengths_of_its_own() {
    for python in python::all() {
        let recording = record(&python, FORKED);
        let parent = recording.first().process.pid;
        let child = recording.capture.processes.iter().find(|profile| profile.process.pid != parent).unwrap();
        assert_eq!(only(recording.first(), "make_list", &python).lengths, growing_by(1), "{python}");
        let expected: Vec<(usize, u64)> =
            growing_by(1).iter().map(|(at, length)| (*at, length + 16)).collect();
        assert_eq!(only(child, "make_list", &python).lengths, expected, "{python}");
    }
}
