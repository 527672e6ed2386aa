//! The verdict on made-up histories whose answer is known.

use super::*;
use crate::profile::{Amount, CheckpointKind, Domain};

/// Iterations of a history, all of them judged.
const ITERATIONS: u64 = 80;

/// What is live after each iteration, from 0.
type Live<'a> = &'a dyn Fn(u64) -> (u64, u64);

fn checkpoints(sites: &[Live]) -> Vec<Checkpoint> {
    checkpoints_of(ITERATIONS, sites)
}

fn checkpoints_of(iterations: u64, sites: &[Live]) -> Vec<Checkpoint> {
    let live = |iteration: u64| sites.iter().map(move |site| site(iteration));
    (0..iterations)
        .map(|iteration| {
            let changes = live(iteration).enumerate();
            let amount = |(bytes, blocks)| Amount { bytes, blocks };
            Checkpoint {
                kind: CheckpointKind::Iteration,
                iteration: iteration as u32 + 1,
                live: Amount {
                    bytes: live(iteration).map(|(bytes, _)| bytes).sum(),
                    blocks: live(iteration).map(|(_, blocks)| blocks).sum(),
                },
                window_peak: 0,
                fds: Some(5),
                threads: Some(1),
                children: Some(0),
                collected: 0,
                changes: changes.map(|(site, live)| (site as u32, amount(live))).collect(),
            }
        })
        .collect()
}

fn stacks(count: usize) -> Vec<(StackId, Allocator)> {
    let of = |index: usize| {
        (StackId(index as u32 + 1), Allocator { name: "PyObject_Malloc", domain: Domain::PythonObject })
    };
    (0..count).map(of).collect()
}

fn container(bound: Option<u64>, length: impl Fn(u64) -> u64) -> Container {
    Container {
        type_name: "dict".into(),
        address: 0x1000,
        site: None,
        bound,
        said_bound: None,
        gone_at: None,
        lengths: (0..ITERATIONS).map(|iteration| (iteration as usize, length(iteration))).collect(),
    }
}

fn judged(sites: &[Live], containers: &[Container]) -> Verdict {
    judged_from(&checkpoints(sites), sites.len(), containers)
}

fn judged_from(checkpoints: &[Checkpoint], sites: usize, containers: &[Container]) -> Verdict {
    let sites = stacks(sites);
    judge(&Evidence { checkpoints, sites: &sites, containers, warmup: 0 }).unwrap()
}

#[test]
fn a_site_that_keeps_a_block_leaks_and_so_does_the_process() {
    let verdict = judged(&[&|i| (100 * i, i), &|_| (5_000, 7)], &[]);
    assert_eq!(verdict.outcome, Outcome::Leak);
    assert_eq!(verdict.leaks, [Leak::Bytes, Leak::Blocks, Leak::Site(0)]);
}

#[test]
fn what_one_site_gains_and_another_loses_is_a_move_and_no_leak() {
    let moves = judged(&[&|i| (100 * i, i), &|i| (100 * (ITERATIONS - i), ITERATIONS - i)], &[]);
    assert_eq!((moves.outcome, moves.leaks), (Outcome::NoLeak, vec![]));
}

#[test]
fn what_one_site_gains_above_what_another_loses_is_a_leak() {
    let verdict = judged(&[&|i| (400 * i, 4 * i), &|i| (100 * (ITERATIONS - i), ITERATIONS - i)], &[]);
    assert_eq!(verdict.outcome, Outcome::Leak);
    assert!(verdict.leaks.contains(&Leak::Site(0)), "{:?}", verdict.leaks);
}

#[test]
fn a_leak_below_the_noise_of_another_site_is_that_sites_own() {
    // The process as a whole goes up and down by a thousand times of what is kept.
    let noise: Live = &|i| (1_000_000 + (i * 7_919) % 9_973 * 80, 50);
    let verdict = judged(&[noise, &|i| (80 * i, i)], &[]);
    assert_eq!(verdict.outcome, Outcome::Leak);
    assert!(
        verdict
            .leaks
            .contains(&Leak::Site(verdict.series.sites.iter().position(|s| s.stack == StackId(2)).unwrap()))
    );
}

#[test]
fn a_cache_below_its_bound_explains_what_it_holds() {
    let cache = container(Some(1_000), |i| i);
    let verdict = judged(&[&|i| (90 * i, 2 * i), &|i| (1 << (10 + i / 30), 1)], &[cache]);
    assert_eq!((verdict.outcome, &verdict.leaks[..]), (Outcome::NoLeak, &[][..]));
    assert_eq!(verdict.filling, [0]);
}

#[test]
fn a_deque_below_its_bound_explains_the_pieces_that_it_is_made_of() {
    let deque = container(Some(100_000), |i| 40 * i);
    let pieces = |i: u64| 40 * i / 64;
    let verdict = judged(
        &[&|i| (133 * 40 * i, 40 * i), &|i| (528 * pieces(i), pieces(i))],
        std::slice::from_ref(&deque),
    );
    assert_eq!((verdict.outcome, &verdict.leaks[..]), (Outcome::NoLeak, &[][..]));
    let others = judged(&[&|i| (133 * 40 * i, 40 * i), &|i| (520 * pieces(i), pieces(i))], &[deque]);
    assert_eq!((others.outcome, &others.leaks[..]), (Outcome::Leak, &[Leak::Site(1)][..]));
}

#[test]
fn what_an_attribute_bounds_is_undecided_until_it_stops_there() {
    let said = |bound: u64, length: &dyn Fn(u64) -> u64| {
        let cache = Container { said_bound: Some(bound), ..container(None, length) };
        judged(&[&|i| (90 * i, 2 * i)], &[cache])
    };
    let filling = said(1_000, &|i| i);
    assert_eq!((filling.outcome, &filling.slowing[..]), (Outcome::Undecided, &[Leak::Container(0)][..]));
    assert_eq!(said(ITERATIONS - 1, &|i| i).outcome, Outcome::NoLeak);
    // It goes on beyond.
    let leak = said(ITERATIONS / 2, &|i| i);
    assert_eq!(leak.outcome, Outcome::Leak);
    assert!(leak.leaks.contains(&Leak::Container(0)));
}

#[test]
fn a_cache_below_its_bound_does_not_explain_what_grows_otherwise() {
    let cache = container(Some(1_000), |i| i / 8);
    let verdict = judged(&[&|i| (90 * i, i + i / 3)], &[cache]);
    assert_eq!(verdict.outcome, Outcome::Leak);
    assert_eq!(verdict.leaks, [Leak::Site(0)]);
}

#[test]
fn a_dictionary_without_a_bound_leaks_by_its_length_alone() {
    let verdict = judged(&[&|_| (64, 1)], &[container(None, |i| i)]);
    assert_eq!((verdict.outcome, &verdict.leaks[..]), (Outcome::Leak, &[Leak::Container(0)][..]));
    let full = judged(&[&|_| (64, 1)], &[container(None, |i| i.min(9))]);
    assert_eq!(full.outcome, Outcome::NoLeak);
}

#[test]
fn a_container_that_is_gone_or_was_met_too_late_says_nothing() {
    let gone = Container { gone_at: Some(40), ..container(None, |i| i) };
    let mut late = container(None, |i| i);
    late.lengths.retain(|(at, _)| *at > 60);
    assert_eq!(judged(&[&|_| (64, 1)], &[gone, late]).outcome, Outcome::NoLeak);
}

#[test]
fn descriptors_and_threads_are_counted() {
    let mut counted = checkpoints(&[&|_| (64, 1)]);
    for (index, checkpoint) in counted.iter_mut().enumerate() {
        checkpoint.fds = Some(5 + index as u32);
        checkpoint.threads = Some(1 + index as u32 / 10);
    }
    assert_eq!(judged_from(&counted, 1, &[]).leaks, [Leak::Descriptors, Leak::Threads]);
    counted[70].fds = None;
    counted.iter_mut().for_each(|checkpoint| checkpoint.threads = Some(1));
    let verdict = judged_from(&counted, 1, &[]);
    assert_eq!((verdict.outcome, verdict.series.fds), (Outcome::NoLeak, None));
}

#[test]
fn some_steps_leave_it_undecided() {
    assert_eq!(judged(&[&|i| (4_096 * (i / 25), i / 25)], &[]).outcome, Outcome::Undecided);
}

#[test]
fn fewer_iterations_than_windows_are_not_judged() {
    let all = checkpoints(&[&|i| (100 * i, i)]);
    let sites = stacks(1);
    let evidence =
        Evidence { checkpoints: &all, sites: &sites, containers: &[], warmup: ITERATIONS as u32 - 7 };
    assert_eq!(judge(&evidence), None);
}

/// Whole numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const SLOTS: usize = 50;
const SEEDS: u64 = 200;

/// Live bytes and blocks of two sites, the one that filled all slots before and the one that fills one of them in each
/// iteration with something of 100 to 9,999 B; after so many iterations of warm-up.
fn slots(seed: u64, warmup: usize, filled: impl Fn(&mut Random) -> u64) -> [Vec<(u64, u64)>; 2] {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
    let mut slots: Vec<(usize, u64)> = (0..SLOTS).map(|_| (0, filled(&mut random))).collect();
    let mut live = [Vec::new(), Vec::new()];
    for _ in 0..warmup + ITERATIONS as usize {
        let slot = random.below(SLOTS as u64) as usize;
        slots[slot] = (1, 100 + random.below(9_900));
        for (site, live) in live.iter_mut().enumerate() {
            let of = slots.iter().filter(|(by, _)| *by == site);
            live.push(of.fold((0, 0), |(bytes, blocks), (_, size)| (bytes + size, blocks + 1)));
        }
    }
    live.map(|live| live[warmup..].to_vec())
}

/// How many of the seeds are a leak when the first of the judged iterations are so many.
fn leaks_of_slots(judged: usize, filled: impl Fn(&mut Random) -> u64) -> usize {
    let is_leak = |seed: &u64| {
        let [before, since] = slots(*seed, 40, &filled);
        let of = [&|i: u64| before[i as usize] as (u64, u64), &|i: u64| since[i as usize]] as [Live; 2];
        let all = checkpoints(&of);
        judged_from(&all[..judged], 2, &[]).outcome == Outcome::Leak
    };
    (0..SEEDS).filter(is_leak).count()
}

#[test]
fn random_sizes_with_a_stable_mean_are_no_leak() {
    for judged in [16, 40, 80] {
        assert_eq!(leaks_of_slots(judged, |random| 100 + random.below(9_900)), 0, "{judged}");
    }
}

#[test]
fn slots_that_were_filled_with_small_things_are_no_leak_while_larger_ones_take_their_place() {
    for judged in [16, 40, 80] {
        // They do grow meanwhile: one in a hundred may look like a leak.
        let leaks = leaks_of_slots(judged, |_| 100);
        assert!(leaks <= 2, "{judged}: {leaks}");
    }
}

#[test]
fn whatever_is_kept_regularly_leaks_in_forty_iterations() {
    for bytes in [8, 9, 16, 64, 1_000, 100_000] {
        for every in [1, 2, 3, 5] {
            let all = checkpoints(&[&|i| (5_000 + bytes * (i / every), 3 + i / every)]);
            assert_eq!(judged_from(&all[..40], 1, &[]).outcome, Outcome::Leak, "{bytes} every {every}");
            // One block that gets longer.
            let all = checkpoints(&[&|i| (5_000 + bytes * (i / every), 3)]);
            assert_eq!(judged_from(&all[..40], 1, &[]).outcome, Outcome::Leak, "{bytes} every {every}");
        }
        let longer = judged(&[&|i| (5_000 + bytes * (i / 10), 3)], &[]);
        assert_eq!((longer.outcome, longer.leaks), (Outcome::Leak, vec![Leak::Bytes, Leak::Site(0)]));
    }
}

#[test]
fn a_regular_leak_beside_random_sizes_is_found_by_its_site() {
    for seed in 0..SEEDS {
        let [before, since] = slots(seed, 40, |random| 100 + random.below(9_900));
        let verdict = judged(&[&|i| before[i as usize], &|i| since[i as usize], &|i| (8 * (i / 10), 1)], &[]);
        assert_eq!(verdict.outcome, Outcome::Leak, "{seed}");
        let leaks =
            |leak: &Leak| matches!(leak, Leak::Site(site) if verdict.series.sites[*site].stack == StackId(3));
        assert!(verdict.leaks.iter().any(leaks), "{seed}: {:?}", verdict.leaks);
    }
}

#[test]
fn a_leak_below_what_comes_and_goes_at_its_own_line_is_even() {
    let mut random = Random(7);
    let noise: Vec<u64> = (0..ITERATIONS).map(|_| random.below(1_000)).collect();
    let verdict = judged(&[&|i| (400 * i + noise[i as usize], 1)], &[]);
    assert_eq!(verdict.outcome, Outcome::Leak);
}

/// Of how many seeds what is said.
#[derive(Debug, Default, PartialEq)]
struct Said {
    /// A leak.
    leaks: usize,
    /// A leak, for which no more iterations are needed.
    accused: usize,
    /// That something slows down.
    slower: usize,
}

/// What is said of forty histories with so many iterations, of which the second half is judged: `entries` are in a container after
/// each, and in a site as one block of 100 B each.
fn said_of(total: usize, entries: &dyn Fn(u64) -> Vec<u64>) -> Said {
    let mut said = Said::default();
    for seed in 0..40u64 {
        let entries = entries(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        let judged: Vec<u64> = entries[total / 2..total].to_vec();
        let all = checkpoints_of(judged.len() as u64, &[&|i| (100 * judged[i as usize], judged[i as usize])]);
        let lengths = judged.iter().copied().enumerate().collect();
        let verdict = judged_from(&all, 1, &[Container { lengths, ..container(None, |_| 0) }]);
        assert_eq!(verdict.outcome == Outcome::Leak, !verdict.leaks.is_empty());
        said.leaks += usize::from(verdict.outcome == Outcome::Leak);
        said.accused += usize::from(verdict.so_far() == Outcome::Leak);
        said.slower += usize::from(!verdict.slowing.is_empty());
    }
    said
}

/// The size of a cache after each iteration, that is given one of so many keys in each.
fn cache(keys: u64) -> impl Fn(u64) -> Vec<u64> {
    move |seed| {
        let mut random = Random(seed);
        let mut seen = std::collections::HashSet::new();
        (0..10_240)
            .map(|_| {
                seen.insert(random.below(keys));
                seen.len() as u64
            })
            .collect()
    }
}

/// What is kept after each iteration, where one keeps `most` at the most, at random, in `often` of 1,000.
fn kept(often: u64, most: u64) -> impl Fn(u64) -> Vec<u64> {
    move |seed| {
        let mut random = Random(seed);
        let mut kept = 0;
        (0..10_240)
            .map(|_| {
                kept += if random.below(1_000) < often { 1 + random.below(most) } else { 0 };
                kept
            })
            .collect()
    }
}

#[test]
fn a_cache_of_random_keys_that_is_not_full_yet_slows_down_and_is_no_leak() {
    for keys in [1_000, 2_000, 4_000, 8_000] {
        let said = said_of(5_120, &cache(keys));
        assert!(said.accused <= 1, "{keys}: {said:?}");
    }
    for keys in [2_000, 4_000, 8_000, 10_000] {
        let said = said_of(10_240, &cache(keys));
        assert!(said.leaks <= 2, "{keys}: {said:?}");
    }
}

#[test]
fn what_is_kept_at_a_steady_rate_does_not_slow_down() {
    for total in [640, 1_600, 5_120, 10_240] {
        for (often, most) in [(1_000, 1), (1_000, 3), (500, 1), (500, 1_000), (100, 1), (100, 20)] {
            let said = said_of(total, &kept(often, most));
            assert!(said.slower <= 1, "{often} {most} after {total}: {said:?}");
            // With fewer it is undecided by chance: a window may have none.
            let is_enough = total * often as usize > 160_000;
            assert!(!is_enough || said.leaks >= 39, "{often} {most} after {total}: {said:?}");
        }
    }
}

#[test]
fn a_leak_at_the_square_root_of_the_calls_is_one() {
    let root = |_: u64| (0..10_240).map(|i| (20.0 * f64::from(i).sqrt()) as u64).collect();
    let said = said_of(10_240, &root);
    assert_eq!((said.leaks, said.slower), (40, 0));
}

#[test]
fn a_steady_leak_beside_a_cache_that_fills_is_found_and_the_cache_is_none() {
    let entries = cache(2_000)(1);
    let judged = &entries[2_560..5_120];
    let fills: Live = &|i| (100 * judged[i as usize], judged[i as usize]);
    let all = checkpoints_of(2_560, &[fills, &|i| (64 * (i / 10), i / 10)]);
    let lengths = judged.iter().copied().enumerate().collect();
    let verdict = judged_from(&all, 2, &[Container { lengths, ..container(None, |_| 0) }]);
    let site = |stack| verdict.series.sites.iter().position(|site| site.stack == StackId(stack)).unwrap();
    assert_eq!(verdict.leaks, [Leak::Bytes, Leak::Blocks, Leak::Site(site(2))]);
    assert_eq!(verdict.slowing[..2], [Leak::Container(0), Leak::Site(site(1))]);
}

#[test]
fn a_line_that_makes_a_few_of_a_caches_entries_belongs_to_it() {
    let entries = cache(2_000)(1);
    let judged = &entries[2_560..5_120];
    let fills: Live = &|i| (100 * judged[i as usize], judged[i as usize]);
    let few: Live = &|i| (28 * (judged[i as usize] / 40), judged[i as usize] / 40);
    let all = checkpoints_of(2_560, &[fills, few]);
    let lengths = judged.iter().copied().enumerate().collect();
    let verdict = judged_from(&all, 2, &[Container { lengths, ..container(None, |_| 0) }]);
    assert_eq!((verdict.outcome, &verdict.leaks[..]), (Outcome::Undecided, &[][..]));
}

#[test]
fn a_leak_that_may_slow_down_asks_for_more_iterations() {
    let said = said_of(5_120, &cache(10_000));
    assert!(said.leaks >= 30 && said.accused <= 2, "{said:?}");
    assert_eq!(said_of(5_120, &|_| (0..10_240).collect()), Said { leaks: 40, accused: 40, slower: 0 });
}

#[test]
fn where_a_slowing_series_ends_is_known_from_its_steps() {
    let of = |floors: [i64; WINDOWS]| Floors { lowest: floors, never_falls: true }.would_end_at();
    // Each step is half of the one before: 1,000 less 1,024 / 2^n.
    assert_eq!(of([0, 512, 768, 896, 960, 992, 1_008, 1_016]), 1_024);
    assert_eq!(of([0, 8, 16, 24, 32, 40, 48, 56]), i64::MAX);
}
