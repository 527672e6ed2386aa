//! The peak and its composition, where it is known when it is and what it is made of.

use crate::harness::{Program, amount, of_function};

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
