//! Mappings by the kernel's rules, to the page.

use leakgate::profile::model::{Amount, Domain, Profile};

use crate::harness::{Figures, Program, Recording, amount, figures, of_domain};

const PAGE: u64 = 4096;

fn record(course: &[&str]) -> Recording {
    Program::of("mappings").record(course)
}

/// Pages and mappings of a function that are there at the end, and all that there ever were.
fn pages(profile: &Profile, function: &str, domain: Domain) -> [(u64, u64); 2] {
    let Figures { end, total, .. } = of_domain(profile, function, domain);
    [end, total].map(|Amount { bytes, blocks }| {
        assert_eq!(bytes % PAGE, 0, "{function}");
        (bytes / PAGE, blocks)
    })
}

fn all_of(profile: &Profile, domain: Domain) -> Figures {
    figures(profile, |site| site.allocator.domain == domain)
}

#[test]
fn anonymous_mappings_count_whole_pages() {
    let recording = record(&["anonymous"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "map", Domain::Anonymous), [(11, 2), (31, 3)]);
    assert_eq!(profile.totals.end, amount(11 * PAGE, 2));
    assert_eq!(profile.totals.peak, amount(30 * PAGE, 2));
}

#[test]
fn unmapping_a_part_leaves_the_rest_and_the_middle_makes_two() {
    let recording = record(&["partial"]);
    // 10..35 and 65..90 are left of 0..100.
    assert_eq!(pages(recording.first(), "map", Domain::Anonymous), [(50, 2), (100, 1)]);
}

#[test]
fn one_unmapping_takes_from_all_neighbours() {
    let recording = record(&["across"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "map_again", Domain::Anonymous), [(10, 2), (30, 3)]);
    assert_eq!(pages(profile, "reserve", Domain::Reserved), [(0, 0), (30, 1)]);
}

#[test]
fn a_fixed_mapping_takes_the_place_of_what_was_there() {
    let recording = record(&["over"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "map", Domain::Anonymous), [(0, 0), (32, 1)]);
    // The last of five in 0..8 and 16..32, and the sixth in 8..16.
    assert_eq!(pages(profile, "map_again", Domain::Anonymous), [(32, 3), (168, 6)]);
    assert_eq!(profile.totals.peak, amount(32 * PAGE, profile.totals.peak.blocks));
}

#[test]
fn reserved_space_is_memory_from_when_it_is_made_writable() {
    let recording = record(&["reserved"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "make_writable", Domain::Anonymous), [(80, 2), (80, 2)]);
    let all = (16 << 30) / PAGE;
    assert_eq!(pages(profile, "reserve", Domain::Reserved), [(all - 80, 2), (all, 1)]);
    assert_eq!(profile.totals.end, amount(80 * PAGE, 2));
}

#[test]
fn reserved_space_is_memory_too_when_its_protection_is_changed_with_a_key() {
    let recording = record(&["reserved by key"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "make_writable_by_key", Domain::Anonymous), [(300, 1), (300, 1)]);
    assert_eq!(pages(profile, "reserve", Domain::Reserved), [(100, 1), (400, 1)]);
    assert_eq!(profile.totals.peak, amount(300 * PAGE, 1));
}

#[test]
fn file_mappings_stand_apart() {
    let program = Program::of("mappings");
    let file = program.folder().join("file");
    let recording = program.record(&["files", file.to_str().unwrap()]);
    let profile = recording.first();
    assert_eq!(pages(profile, "map_file", Domain::File), [(80, 2), (100, 3)]);
    assert_eq!(all_of(profile, Domain::Anonymous).end, amount(7 * PAGE, 1));
    assert_eq!(profile.totals.end, amount(7 * PAGE, 1));
    assert_eq!(profile.totals.peak, amount(7 * PAGE, 1));
}

#[test]
fn a_mapping_that_grows_moves_and_shrinks_is_counted_once() {
    let recording = record(&["moving"]);
    let profile = recording.first();
    // What grew belongs to the site that made it grow; what shrank or only moved stays with its own.
    assert_eq!(pages(profile, "remap", Domain::Anonymous)[0], (500, 1));
    assert_eq!(pages(profile, "map", Domain::Anonymous)[0], (4, 1));
    assert_eq!(pages(profile, "reserve", Domain::Reserved)[0], (4, 1));
    assert_eq!(profile.totals.peak, amount(16384 * PAGE, 1));
}

#[test]
fn system_calls_that_fail_change_nothing() {
    let recording = record(&["failing"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "map", Domain::Anonymous), [(10, 1), (10, 1)]);
    assert_eq!(profile.totals.total, amount(10 * PAGE, 1));
}

#[test]
fn the_break_counts_to_the_byte() {
    let recording = record(&["break"]);
    let profile = recording.first();
    let grown = of_domain(profile, "grow_break", Domain::Anonymous);
    assert_eq!(grown.end.bytes, 80_000);
    assert_eq!(grown.total, amount(150_000, 2));
    assert_eq!(profile.totals.peak, amount(150_000, 2));
}

#[test]
fn a_mapping_of_one_mebibyte_that_grows_to_64_and_is_unmapped_leaves_nothing() {
    let recording = record(&["growing"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "map", Domain::Anonymous), [(0, 0), (256, 1)]);
    assert_eq!(pages(profile, "remap", Domain::Anonymous), [(0, 0), (16_384, 1)]);
    assert_eq!((profile.totals.peak, profile.totals.end), (amount(64 << 20, 1), amount(0, 0)));
}

#[test]
fn five_fixed_mappings_over_one_range_of_32_mebibytes_are_32_mebibytes() {
    let recording = record(&["over again"]);
    let profile = recording.first();
    assert_eq!((profile.totals.peak, profile.totals.end), (amount(32 << 20, 1), amount(32 << 20, 1)));
    assert_eq!(of_domain(profile, "map", Domain::Anonymous).end, amount(0, 0));
    assert_eq!(of_domain(profile, "map_again", Domain::Anonymous).end, amount(32 << 20, 1));
}

#[test]
fn a_mapping_that_moves_and_leaves_its_place_mapped_is_there_twice() {
    let recording = record(&["left behind"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "map", Domain::Anonymous), [(20, 1), (20, 1)]);
    assert_eq!(pages(profile, "left_behind", Domain::Anonymous), [(10, 1), (20, 1)]);
    assert_eq!(profile.totals.peak, amount(40 * PAGE, 2));
}

#[test]
fn what_moves_over_another_mapping_takes_its_place() {
    let recording = record(&["onto"]);
    let profile = recording.first();
    // 5..10 and 20..30 of the first are left where they were, and its 10..20 lie in the second, of which 0..5 and 15..40
    // are left. Its 0..5 grew to 12, which is the site's that made it grow.
    assert_eq!(pages(profile, "map", Domain::Anonymous)[0], (5 + 10 + 10, 3));
    assert_eq!(pages(profile, "map_more", Domain::Anonymous)[0], (30, 2));
    assert_eq!(pages(profile, "onto", Domain::Anonymous), [(12, 1), (12, 1)]);
    assert_eq!(profile.totals.end, amount(67 * PAGE, 6));
    assert_eq!(profile.totals.peak.bytes, 70 * PAGE);
}

#[test]
fn a_second_mapping_of_shared_pages_counts_as_one_more() {
    let recording = record(&["doubled"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "doubled", Domain::Anonymous), [(6, 1), (6, 1)]);
    assert_eq!(pages(profile, "remap", Domain::Anonymous), [(6, 1), (6, 1)]);
    assert_eq!(profile.totals.end, amount(12 * PAGE, 2));
}

#[test]
fn pages_given_back_or_protected_are_still_mapped() {
    let recording = record(&["given back"]);
    let profile = recording.first();
    assert_eq!(pages(profile, "map", Domain::Anonymous), [(40, 1), (50, 1)]);
    assert_eq!(profile.totals.peak, amount(50 * PAGE, 1));
    assert_eq!(all_of(profile, Domain::Reserved), Figures::default());
}
