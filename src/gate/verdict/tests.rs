//! The verdict on made-up histories whose answer is known.

use super::*;
use crate::profile::{Amount, CheckpointKind, Domain};

/// Iterations of a history, all of them judged.
const ITERATIONS: u64 = 80;

/// What is live after each iteration, from 0.
type Live<'a> = &'a dyn Fn(u64) -> (u64, u64);

fn checkpoints(sites: &[Live]) -> Vec<Checkpoint> {
    let live = |iteration: u64| sites.iter().map(move |site| site(iteration));
    (0..ITERATIONS)
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
