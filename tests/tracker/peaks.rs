//! The peak and its composition, where it is known when it is and what it is made of.

use leakgate::profile::model::{Amount, CheckpointKind, Site};

use crate::harness::{Program, amount, figures, of_function};
use crate::python;

const KIB: u64 = 1024;

/// Bytes and blocks of `first`, `second` and `third` at the peak.
fn composition(course: &str) -> [(u64, u64); 3] {
    let recording = Program::of("peaks").record(&[course]);
    let profile = recording.first();
    let parts = ["first", "second", "third"].map(|function| of_function(profile, function).peak);
    let sum: (u64, u64) = parts.iter().fold((0, 0), |sum, part| (sum.0 + part.bytes, sum.1 + part.blocks));
    assert_eq!(profile.totals.peak, amount(sum.0, sum.1), "{course}");
    parts.map(|part| (part.bytes, part.blocks))
}

#[test]
fn a_peak_in_the_middle_has_the_composition_of_that_moment() {
    assert_eq!(composition("middle"), [(300 * KIB, 1), (200 * KIB, 1), (0, 0)]);
}

#[test]
fn a_peak_at_the_end_has_the_composition_of_the_end() {
    assert_eq!(composition("end"), [(10 * KIB, 1), (20 * KIB, 1), (30 * KIB, 1)]);
}

#[test]
fn of_two_equal_peaks_the_first_counts() {
    assert_eq!(composition("twice"), [(60 * KIB, 1), (40 * KIB, 1), (0, 0)]);
}

#[test]
fn one_byte_more_is_a_new_peak() {
    assert_eq!(composition("one_more"), [(0, 0), (0, 0), (100 * KIB + 1, 1)]);
}

#[test]
fn a_peak_among_a_thousand_waves_is_found() {
    assert_eq!(composition("waves"), [(32 * KIB, 32), (64 * KIB, 32), (64 * KIB, 1)]);
}

#[test]
fn blocks_without_bytes_are_in_the_composition_of_their_time() {
    // `third(0)` came after the last byte: it raised no peak.
    assert_eq!(composition("empty"), [(0, 1), (KIB, 1), (0, 0)]);
}

const SPIKE: &str = "\
kept = [bytes(1000) for _ in range(100)]
def spike():
    return [bytes(100000) for _ in range(50)]
def stays():
    return bytes(70000)
spike()
kept.append(stays())
";

#[test]
fn a_peak_of_python_objects_in_the_middle_has_the_composition_of_that_moment() {
    for python in python::all() {
        let recording = python.run(&["-c", SPIKE]).record().ended_well();
        let profile = recording.first();
        let of = |function: &str| {
            figures(profile, |site| {
                let mut places = profile.frames_of(site.stack).map(python::place);
                site.allocator.name == "PyObject_Calloc" && places.any(|place| place.starts_with(function))
            })
        };
        assert_eq!(
            (of("spike ").peak, of("spike ").end),
            (amount(50 * 100_033, 50), amount(0, 0)),
            "{python}"
        );
        assert_eq!((of("stays ").peak, of("stays ").end), (amount(0, 0), amount(70_033, 1)), "{python}");
    }
}

/// Three windows between checkpoints, of which the second has the highest peak.
const WINDOWS: &str = "\
import _leakgate
kept = []
def lasting(): kept.append(bytes(10000))
def spike(size): return bytes(size)
figures = []
for window, size in enumerate([2000000, 5000000, 3000000]):
    lasting()
    spike(size)
    figures.append(_leakgate.checkpoint(1, window))
print(*[number for each in figures for number in each])
";

#[test]
fn the_highest_of_several_windows_is_the_peak_and_each_has_its_own() {
    for python in python::all() {
        let recording = python.run(&["-c", WINDOWS]).record().ended_well();
        let profile = recording.first();
        let of = |site: &Site, function: &str| {
            let top = profile.frames_of(site.stack).next().map(python::place).unwrap_or_default();
            site.allocator.name == "PyObject_Calloc" && top.starts_with(function)
        };
        let (spike, lasting) =
            (figures(profile, |site| of(site, "spike ")), figures(profile, |site| of(site, "lasting ")));
        assert_eq!((spike.peak, spike.end), (amount(5_000_033, 1), amount(0, 0)), "{python}");
        assert_eq!((lasting.peak, lasting.end), (amount(20_066, 2), amount(30_099, 3)), "{python}");
        let moments: Vec<_> = profile
            .checkpoints
            .iter()
            .enumerate()
            .filter(|(_, moment)| moment.kind == CheckpointKind::Iteration)
            .collect();
        assert_eq!(moments.len(), 3, "{python}");
        let text = recording.stdout();
        let told: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        for (number, ((index, moment), size)) in
            moments.iter().zip([2_000_033, 5_000_033, 3_000_033]).enumerate()
        {
            assert_eq!(moment.iteration, number as u32, "{python}");
            let live = profile.live_at(*index).into_iter().zip(&profile.sites);
            let live: Amount = live.filter(|(_, site)| of(site, "lasting ")).map(|(amount, _)| amount).sum();
            assert_eq!(live, amount(10_033 * (number as u64 + 1), number as u64 + 1), "{python}");
            // The peak stands that much above what is live now, but for a few small objects.
            let above = moment.window_peak - moment.live.bytes;
            assert!(above + 2_000 >= size && above < size + 20_000, "{python}: {above} in window {number}");
            assert_eq!(told[number * 3..][..3], [moment.live.bytes, moment.live.blocks, moment.window_peak]);
        }
    }
}
