//! Threads: nothing is lost between them, and each figure stands with the thread that allocated.

use leakgate::profile::model::{Amount, Frame, Profile, Site};

use crate::harness::{Figures, Program, Recording, amount, figures, of_function, symbol};

const THREADS: u64 = 4;
const ROUNDS: u64 = 100;
const BATCH: u64 = 250;

const NO_STACK: &str = "stack not recorded";

fn record(course: &str) -> Recording {
    Program::of("threads").record(&[course])
}

/// The same course twice: near the peak all the time, and far below one of before, where threads count by themselves.
fn near_and_far(course: &str) -> [Recording; 2] {
    let program = Program::of("threads");
    [program.record(&[course]), program.record(&[course, "after a peak"])]
}

/// What is left of a peak that the sites of the course are not in.
fn peak_is_brief(recording: &Recording) -> bool {
    let brief = of_function(recording.first(), "brief_peak");
    assert_eq!(brief.end, amount(0, 0));
    brief.peak == amount(1 << 30, 1)
}

/// The figures of a C function on the threads of one name.
fn on_thread(profile: &Profile, function: &str, thread: &str) -> Figures {
    figures(profile, |site| {
        symbol(profile, site) == function && profile.threads[site.thread.0 as usize].name == thread
    })
}

#[test]
fn four_threads_free_each_others_blocks_and_nothing_is_lost() {
    for recording in near_and_far("exchange") {
        let profile = recording.first();
        for thread in 0..THREADS {
            let size = 100 * (thread + 1);
            // At each end of an allocating phase all four batches are alive: the first time is the peak.
            let at_peak = if peak_is_brief(&recording) { 0 } else { BATCH };
            let expected = Figures {
                peak: amount(size * at_peak, at_peak),
                end: amount(0, 0),
                total: amount(size * ROUNDS * BATCH, ROUNDS * BATCH),
            };
            assert_eq!(on_thread(profile, "allocate", &format!("worker-{thread}")), expected);
        }
        assert_eq!(of_function(profile, "allocate").total.blocks, 100_000);
    }
}

#[test]
fn blocks_that_another_thread_reallocates_become_its_own() {
    for recording in near_and_far("remainder") {
        let profile = recording.first();
        for thread in 0..THREADS {
            let (name, size) = (format!("worker-{thread}"), 100 * (thread + 1));
            let made = on_thread(profile, "allocate", &name);
            assert_eq!(made.total, amount(size * ROUNDS * BATCH, ROUNDS * BATCH));
            assert_eq!(made.end, amount(0, 0));
            let changed = on_thread(profile, "reallocate", &name);
            assert_eq!(changed.total, amount(1000 * ROUNDS * 100, ROUNDS * 100));
            assert_eq!(changed.end, amount(1000 * ROUNDS * 10, ROUNDS * 10));
        }
    }
}

#[test]
fn a_million_blocks_passed_on_without_any_order_are_exact() {
    for recording in near_and_far("anarchy") {
        let printed = recording.stdout();
        let counted: Vec<u64> = printed.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let made = of_function(recording.first(), "put");
        assert_eq!(made.total, amount(counted[0], counted[1]));
        assert_eq!(made.end, amount(counted[2], counted[3]));
        assert_eq!(counted[1], 1_000_000);
        assert!(made.peak.bytes >= made.end.bytes || peak_is_brief(&recording));
    }
}

#[test]
fn eight_threads_that_change_200_000_blocks_of_each_other_lose_none() {
    let program = Program::of("contention");
    for recording in [program.record(&[]), program.record(&["after a peak"])] {
        let printed = recording.stdout();
        let counted: Vec<u64> = printed.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let profile = recording.first();
        let [filled, replaced, changed] =
            ["fill", "replace", "change"].map(|function| of_function(profile, function));
        let sum = |part: fn(&Figures) -> Amount| [filled, replaced, changed].iter().map(part).sum::<Amount>();
        assert_eq!(sum(|figures| figures.total), amount(counted[0], counted[1]));
        assert_eq!(sum(|figures| figures.end), amount(counted[2], 200_000));
        assert_eq!(filled.total.blocks, 200_000);
        if peak_is_brief(&recording) {
            continue;
        }
        // When all have ended one more block makes a peak that is known, of which the sites of each thread are a part.
        assert_eq!(of_function(profile, "crown").peak, amount(64 << 20, 1));
        assert_eq!(sum(|figures| figures.peak), amount(counted[2], 200_000));
        let end_is_peak = |site: &&Site| site.peak == site.end || symbol(profile, site) == "crown";
        assert!(profile.sites.iter().filter(|site| site.peak.blocks > 0).all(|site| end_is_peak(&site)));
    }
}

#[test]
fn a_peak_that_four_threads_climb_to_again_and_again_is_exact() {
    let recording = record("waves");
    let profile = recording.first();
    for thread in 0..THREADS {
        // The peak is the end of the last of 20 rounds, which is the highest.
        let expected = Figures {
            peak: amount(1024 * 2020, 2020),
            end: amount(0, 0),
            total: amount(1024 * (2000 * 20 + 210), 2000 * 20 + 210),
        };
        assert_eq!(on_thread(profile, "rise", &format!("worker-{thread}")), expected);
    }
}

#[test]
fn two_thousand_short_threads_leave_exact_figures() {
    let recording = record("come_and_go");
    let profile = recording.first();
    let made = of_function(profile, "brief");
    assert_eq!(made.total, amount(64 * 6000, 6000));
    assert_eq!(made.end, amount(64 * 2000, 2000));
    // Records of ended threads are used again: eight at once, and the first.
    assert!(profile.threads.len() <= 2 + 16, "{} thread records", profile.threads.len());
    assert_eq!(profile.notes, [] as [&str; 0]);
}

#[test]
fn what_the_last_destructors_of_a_thread_allocate_is_counted() {
    let recording = record("late");
    let profile = recording.first();
    // Four rounds of destructors: each frees the block before and makes one, of which the last one stays. In the last
    // round the thread's record is given back already: its block has no stack.
    assert_eq!(of_function(profile, "late").total, amount(200 * 400, 400));
    assert_eq!(of_function(profile, "late").end, amount(0, 0));
    let is_unknown =
        |site: &Site| profile.frames_of(site.stack).any(|frame| *frame == Frame::Note(NO_STACK.to_owned()));
    let unknown = figures(profile, is_unknown);
    assert_eq!((unknown.total, unknown.end), (amount(200 * 100, 100), amount(200 * 100, 100)));
}
