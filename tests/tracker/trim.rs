//! What the tracker itself takes: in proportion to the heap, and given back with it.

use crate::harness::Program;
use crate::python;

const MIB: u64 = 1 << 20;
/// 2^20 blocks of 40 bytes, as the allocator rounds them up.
const HEAP: u64 = 48 * MIB;

fn tracker_bytes(course: &str) -> u64 {
    Program::of("heap").record(&[course]).first().process.tracker_bytes
}

#[test]
fn the_tracker_takes_half_of_the_heap_and_gives_it_back_when_that_is_freed() {
    let (kept, freed) = (tracker_bytes("keep"), tracker_bytes("free"));
    assert!((HEAP / 2..HEAP / 2 + 4 * MIB).contains(&kept), "{kept} bytes for a heap of {HEAP}");
    assert!(freed < 4 * MIB, "{freed} bytes after it was freed");
}

/// The first figure is what the tracker has with a million objects alive, the second without them: MiB, from the
/// header of the capture that the process has mapped.
const OBJECTS: &str = "\
import _leakgate
capture = [line.split()[-1] for line in open('/proc/self/maps') if line.rstrip().endswith('.lgp')][0]
def tracker():
    _leakgate.checkpoint(1, 0)
    with open(capture, 'rb') as file:
        return int.from_bytes(file.read(64)[56:], 'little') >> 20
objects = [float(n) for n in range(2000000)]
before = tracker()
del objects
print(before, tracker())
";

#[test]
fn unmapped_arenas_of_python_objects_take_their_part_of_the_table_with_them() {
    for python in python::all() {
        let recording = python.run(&["-c", OBJECTS]).record().ended_well();
        let told = recording.stdout();
        let figures: Vec<u64> = told.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
        // 2,000,000 blocks of 24 bytes take 8 bytes of the table for each 16.
        assert!(figures[0] >= 24 && figures[1] <= figures[0] - 20, "{python}: {told} MiB before and after");
    }
}

/// So many rounds of 1,000 allocations, each from a line of its own.
const SITES: &str = "\
import sys
names = {'rounds': int(sys.argv[1])}
text = 'def work():\\n for _ in range(rounds):\\n' + '  object()\\n' * 1000 + 'work()\\n'
exec(compile(text, 'sites', 'exec'), names)
";

#[test]
fn a_capture_grows_with_the_sites_and_not_with_the_allocations() {
    let python = python::newest();
    let sizes = ["1", "1000"].map(|rounds| {
        let recording = python.run(&["-c", SITES, rounds]).record().ended_well();
        assert!(recording.first().sites.len() > 1000);
        std::fs::metadata(&recording.files()[0]).unwrap().len()
    });
    assert_eq!(sizes[0], sizes[1]);
    assert!(sizes[0] < 8 * MIB, "{} bytes", sizes[0]);
}
