//! Every function of the malloc family, to the byte.

use crate::harness::{Figures, Program, Run, amount, figures, module, of_function, symbol};
use crate::python;

const FUNCTIONS: [&str; 9] = [
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "memalign",
    "posix_memalign",
    "aligned_alloc",
    "valloc",
    "pvalloc",
];
const SIZES: [u64; 9] = [0, 1, 15, 16, 512, 513, 4096, 1 << 20, 5 << 30];

#[test]
fn every_allocating_function_is_exact_at_every_size() {
    let recording = Program::of("allocators").record(&[]);
    let profile = recording.first();
    for size in SIZES {
        for function in FUNCTIONS {
            // The last five blocks are the peak; all others were three of five by then.
            let at_peak = if (function, size) == ("pvalloc", 5 << 30) { 5 } else { 3 };
            let name = format!("{function}_{size}");
            let expected = Figures {
                peak: amount(at_peak * size, at_peak),
                end: amount(3 * size, 3),
                total: amount(5 * size, 5),
            };
            assert_eq!(of_function(profile, &name), expected, "{name}");
            let names = profile.sites.iter().filter(|site| symbol(profile, site) == name);
            assert!(names.map(|site| site.allocator.name).all(|name| name == function), "{name}");
        }
    }
    let sizes: u64 = SIZES.iter().sum();
    assert_eq!(profile.totals.end, amount(3 * 9 * sizes, 3 * 81));
    assert_eq!(profile.totals.total, amount(5 * 9 * sizes, 5 * 81));
    assert_eq!(profile.totals.peak, amount(3 * 9 * sizes + 2 * (5 << 30), 3 * 81 + 2));
}

#[test]
fn the_histogram_counts_each_request_in_its_size_class() {
    let recording = Program::of("allocators").record(&[]);
    let mut expected = vec![0; 34];
    for size in SIZES {
        expected[(u64::BITS - size.leading_zeros()) as usize] += 5 * FUNCTIONS.len() as u64;
    }
    assert_eq!(recording.first().histogram, expected);
}

#[test]
fn alignments_change_nothing_and_what_fails_is_not_counted() {
    let recording = Program::of("aligned").record(&[]);
    let profile = recording.first();
    let kept = |blocks: u64| {
        let all = amount(1000 * blocks, blocks);
        Figures { peak: all, end: all, total: all }
    };
    for function in ["by_memalign", "by_posix_memalign", "by_aligned_alloc"] {
        assert_eq!(of_function(profile, function), kept(7), "{function}");
    }
    assert_eq!(of_function(profile, "by_valloc_and_pvalloc"), kept(2));
    assert_eq!(of_function(profile, "failing"), Figures::default());
    assert_eq!(profile.totals.total, kept(23).total);
}

/// `(name, live and total of the function that made the block, live and total of the one that changed it)`
const REALLOCATIONS: [(&str, [u64; 4], [u64; 4]); 12] = [
    ("grows", [0, 0, 100, 1], [5000, 1, 5000, 1]),
    ("grows_far", [0, 0, 100, 1], [64 << 20, 1, 65 << 20, 2]),
    ("shrinks", [0, 0, 5000, 1], [10, 1, 10, 1]),
    ("shrinks_far", [0, 0, 64 << 20, 1], [300_000, 1, 300_000, 1]),
    ("to_nothing", [0, 0, 333, 1], [0; 4]),
    ("array_to_nothing", [0, 0, 334, 1], [0; 4]),
    ("fails", [777, 1, 777, 1], [0; 4]),
    ("fails_and_goes", [0, 0, 778, 1], [0; 4]),
    ("overflows", [779, 1, 779, 1], [0; 4]),
    ("again", [0, 0, 64, 1], [64, 1, 64_000, 1000]),
    ("array", [0, 0, 10, 1], [91, 1, 91, 1]),
    ("forgotten", [0, 0, 10, 1], [0; 4]),
];

#[test]
fn a_reallocation_moves_the_block_to_its_own_site_and_a_failed_one_leaves_it() {
    let recording = Program::of("realloc").record(&[]);
    let profile = recording.first();
    for (name, first, then) in REALLOCATIONS {
        for (function, expected) in [(format!("{name}_first"), first), (format!("{name}_then"), then)] {
            let Figures { end, total, .. } = of_function(profile, &function);
            assert_eq!([end.bytes, end.blocks, total.bytes, total.blocks], expected, "{function}");
        }
    }
    let live: u64 = REALLOCATIONS.iter().map(|(_, first, then)| first[0] + then[0]).sum();
    assert_eq!(profile.totals.end, amount(live, 8));
}

#[test]
fn what_the_c_library_allocates_for_its_caller_is_counted() {
    let program = Program::of("library");
    let lines: Vec<u8> = (0..200).flat_map(|n| [vec![b'x'; 40 * n], vec![b'\n']].concat()).collect();
    for what in ["strdup", "getline", "asprintf"] {
        let recording = program.run(&[what]).input(&lines).record().ended_well();
        let held = recording.stdout();
        let held: Vec<u64> = held.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let profile = recording.first();
        let of_library = figures(profile, |site| module(profile, site).starts_with("libc."));
        assert_eq!(of_library.end, amount(held[0], held[1]), "{what}");
        assert_eq!(profile.totals.end, of_library.end, "{what}");
    }
}

#[test]
fn blocks_that_are_older_than_the_tracker_are_not_counted_until_they_are_changed() {
    let recording = Program::with_library("early", "early_library").record(&[]);
    let profile = recording.first();
    let kept = |bytes, blocks| {
        let all = amount(bytes, blocks);
        Figures { peak: all, end: all, total: all }
    };
    assert_eq!(of_function(profile, "construct"), Figures::default());
    assert_eq!(of_function(profile, "frees"), Figures::default());
    assert_eq!(of_function(profile, "enlarges"), kept(20_000, 100));
    assert_eq!(of_function(profile, "allocates"), kept(45_000, 900));
    assert_eq!(profile.totals.end, amount(65_000, 1000));
}

const CTYPES: &str = "\
import ctypes
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
def allocate():
    return library.malloc(123456)
kept = [allocate() for _ in range(100)]
for block in kept[:40]:
    library.free(block)
";

#[test]
fn malloc_through_ctypes_carries_the_python_stack() {
    for python in python::all() {
        let recording =
            Run::of([python.path.as_os_str(), "-c".as_ref(), CTYPES.as_ref()]).record().ended_well();
        let profile = recording.first();
        let by_ctypes = figures(profile, |site| {
            let mut frames = profile.frames_of(site.stack).map(python::place);
            site.allocator.name == "malloc"
                && frames.any(|place| place == "allocate <string>:6")
                && module(profile, site).contains("ffi")
        });
        assert_eq!(by_ctypes.end, amount(60 * 123_456, 60), "{python}");
        assert_eq!(by_ctypes.total, amount(100 * 123_456, 100), "{python}");
    }
}
