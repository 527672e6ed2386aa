//! Python objects of each kind: their bytes, their blocks, and the line that made them, on every version.

use std::collections::BTreeMap;

use leakgate::profile::model::{Domain, Frame, Profile, Site};

use crate::harness::{amount, figures};
use crate::python;

const COUNT: u64 = 1000;

/// Each function makes `COUNT` objects on its second line, into a list that is there already.
///
/// It runs as `warm.py` until the interpreter's free lists are empty, which hand out blocks without asking for memory,
/// and then once as `measured.py`. At the end the name, the line and the size of what was made are printed.
const OBJECTS: &str = r#"
import sys
SOURCE = '''
def make_bytes(kept):
    for index in NUMBERS: kept[index] = bytes(1000)
def make_small_bytes(kept):
    for index in NUMBERS: kept[index] = b"%4d" % index
def make_bytearray(kept):
    for index in NUMBERS: kept[index] = bytearray(5000)
def make_str(kept):
    for index in NUMBERS: kept[index] = "x" * SIZE
def make_wide_str(kept):
    for index in NUMBERS: kept[index] = FACE * SIZE
def make_int(kept):
    for index in NUMBERS: kept[index] = ONE << 3000
def make_list(kept):
    for index in NUMBERS: kept[index] = [None] * 50
def make_empty_list(kept):
    for index in NUMBERS: kept[index] = []
def make_tuple(kept):
    for index in NUMBERS: kept[index] = (index, index, index)
def make_large_tuple(kept):
    for index in NUMBERS: kept[index] = (index,) * 200
def make_dict(kept):
    for index in NUMBERS: kept[index] = {index: None}
def make_large_dict(kept):
    for index in NUMBERS: kept[index] = dict.fromkeys(HUNDRED)
def make_set(kept):
    for index in NUMBERS: kept[index] = {index}
def make_large_set(kept):
    for index in NUMBERS: kept[index] = set(HUNDRED)
def make_slots(kept):
    for index in NUMBERS: kept[index] = Slots()
def make_float(kept):
    for index in NUMBERS: kept[index] = index / 7
'''
class Slots:
    __slots__ = ("a", "b", "c")
common = dict(NUMBERS=list(range(1000)), HUNDRED=list(range(100)), Slots=Slots, SIZE=300, ONE=1, FACE="\U0001F600")
warm, measured = dict(common), dict(common)
exec(compile(SOURCE, "warm.py", "exec"), warm)
exec(compile(SOURCE, "measured.py", "exec"), measured)
names = [name for name in measured if name.startswith("make_")]
spares = [[[None] * 1000 for _ in range(3)] for _ in names]
kept = [[None] * 1000 for _ in names]
for name, spare, objects in zip(names, spares, kept):
    for each in spare: warm[name](each)
    measured[name](objects)
for name, objects in zip(names, kept):
    print(name, measured[name].__code__.co_firstlineno + 1, sum(map(sys.getsizeof, objects)))
"#;

/// Blocks of one object.
const BLOCKS: [(&str, u64); 16] = [
    ("make_bytes", 1),
    ("make_small_bytes", 1),
    ("make_bytearray", 2),
    ("make_str", 1),
    ("make_wide_str", 1),
    ("make_int", 1),
    ("make_list", 2),
    ("make_empty_list", 1),
    ("make_tuple", 1),
    ("make_large_tuple", 1),
    ("make_dict", 2),
    ("make_large_dict", 2),
    ("make_set", 1),
    ("make_large_set", 2),
    ("make_slots", 1),
    ("make_float", 1),
];

/// Bytes of one object, where they are the same in every version.
const BYTES: [(&str, u64); 6] = [
    ("make_bytes", 33 + 1000),
    ("make_small_bytes", 33 + 4),
    ("make_bytearray", 56 + 5001),
    ("make_int", 24 + 101 * 4),
    ("make_list", 56 + 50 * 8),
    ("make_float", 24),
];

fn is_of_python(site: &Site) -> bool {
    matches!(site.allocator.domain, Domain::PythonObject | Domain::PythonMemory)
}

fn is_on_top(profile: &Profile, site: &Site, name: &str, line: u32) -> bool {
    matches!(profile.frames_of(site.stack).next(), Some(Frame::Python { function, file, line: at })
        if function == name && file == "measured.py" && *at == line)
}

#[test]
fn python_objects_have_their_size_and_the_line_that_made_them() {
    let blocks = BTreeMap::from(BLOCKS);
    let bytes = BTreeMap::from(BYTES);
    for python in python::all() {
        let recording = python.run(&["-c", OBJECTS]).record().ended_well();
        let profile = recording.first();
        let stdout = recording.stdout();
        assert_eq!(stdout.lines().count(), BLOCKS.len(), "{python}");
        for line in stdout.lines() {
            let [name, line, size] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let (line, size): (u32, u64) = (line.parse().unwrap(), size.parse().unwrap());
            let made = figures(profile, |site| is_of_python(site) && is_on_top(profile, site, name, line));
            assert_eq!(made.end, amount(size, blocks[name] * COUNT), "{python}: {name}");
            if let Some(each) = bytes.get(name) {
                // From 3.15 on a bytearray has its bytes in an object, with a header.
                let more = if name == "make_bytearray" && python.minor >= 15 { 40 } else { 0 };
                assert_eq!(made.end.bytes, (each + more) * COUNT, "{python}: {name}");
            }
            // Nothing of it went around the interpreter's domains.
            let heap = figures(profile, |site| !is_of_python(site) && is_on_top(profile, site, name, line));
            assert_eq!(heap.total, amount(0, 0), "{python}: {name}");
        }
    }
}
