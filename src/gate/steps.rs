//! One-time growth: what an iteration left for good and later ones did not leave again, such as a lazy import, a table
//! that was made larger, a pool that was started. Not a leak, and part of the figures: so it is told, with its line.

use crate::finding::Place;
use crate::gate::growth;
use crate::gate::holders;
use crate::gate::measurement::Measurement;
use crate::gate::place::ScenarioFacts;
use crate::gate::verdict::WINDOWS;
use crate::profile::{Checkpoint, CheckpointKind};
use crate::units::{Bytes, grouped};

/// Growth below this is not worth a line of a report.
const LEAST: i64 = 1024;
/// Steps that are told.
const MOST: usize = 3;
/// What is left again and again is no step: so many times the ordinary one must it be.
const ABOVE_ORDINARY: i64 = 8;

/// What one iteration left for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Number of the iteration, from 1, warm-up included.
    pub iteration: u32,
    /// Live bytes that were there after it and never went away again, above those that an ordinary iteration keeps.
    pub bytes: u64,
    /// The line that holds most of them, where one is known.
    pub place: Option<Place>,
}

impl std::fmt::Display for Step {
    /// `64.0 KiB in iteration 37 at app.py:12 in load`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in iteration {}", Bytes(self.bytes), grouped(u64::from(self.iteration)))?;
        match &self.place {
            Some(place) if place.line > 0 => write!(f, " at {place}"),
            Some(place) => write!(f, " {place}"),
            None => Ok(()),
        }
    }
}

/// What the iterations left for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// What the first iteration left, in bytes.
    pub startup: u64,
    /// The largest steps of later ones, in order of their iterations.
    pub once: Vec<Step>,
}

impl Steps {
    /// Those of the judged iterations that came once: with no other one near, as what comes and goes has, and not in the
    /// last window, where nothing tells yet that they stay.
    pub(super) fn lone(&self, warmup: u32, judged: usize) -> Vec<&Step> {
        let judged = u32::try_from(judged).unwrap_or(u32::MAX);
        let near = judged.div_ceil(WINDOWS as u32);
        let is_alone = |step: &&Step| {
            let others = self.once.iter().filter(|other| other.iteration != step.iteration);
            others.map(|other| other.iteration.abs_diff(step.iteration)).all(|distance| distance > near)
        };
        let last = warmup.saturating_add(judged);
        let is_judged = |step: &&Step| (warmup + 1..=last - near).contains(&step.iteration);
        self.once.iter().filter(is_judged).filter(is_alone).collect()
    }
}

/// Looks for the steps of a function that was called again and again.
pub(super) fn steps(scenario: &ScenarioFacts, measurement: &Measurement) -> Steps {
    if growth::sureness(measurement) != growth::EXACT {
        // Looks from outside do not tell what one iteration did.
        return Steps::default();
    }
    let moments = moments(&measurement.profile.checkpoints);
    let live: Vec<i64> = moments.iter().map(|(_, checkpoint)| signed(checkpoint.live.bytes)).collect();
    let kept = kept(&live);
    // A command that marks its iterations itself has no moment before them.
    let has_start = moments.first().is_some_and(|(_, first)| first.kind == CheckpointKind::Start);
    let before = usize::from(has_start);
    let Some(later) = kept.get(before..) else { return Steps::default() };
    let (ordinary, largest) = largest(later);
    let once = largest.into_iter().map(|index| {
        // `later` begins with the second iteration.
        let ((before, _), (at, checkpoint)) = (moments[index + before], moments[index + before + 1]);
        let last = moments[moments.len() - 1].0;
        Step {
            iteration: checkpoint.iteration,
            bytes: (later[index] - ordinary).unsigned_abs(),
            place: holders::kept(scenario, measurement, before, at, last).place().cloned(),
        }
    });
    let startup = kept.first().filter(|_| has_start).map_or(0, |first| first.unsigned_abs());
    Steps { startup, once: once.collect() }
}

/// The moment before all iterations and that after each, with their index.
fn moments(checkpoints: &[Checkpoint]) -> Vec<(usize, &Checkpoint)> {
    let counts = |checkpoint: &Checkpoint| match checkpoint.kind {
        CheckpointKind::Start => true,
        // Of a command that was looked at, what it marks itself is none of its iterations.
        CheckpointKind::Iteration => checkpoint.iteration > 0,
        _ => false,
    };
    checkpoints.iter().enumerate().filter(|(_, checkpoint)| counts(checkpoint)).collect()
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What each moment after the first has above the one before and never loses again: how much the lowest of all that
/// follow goes up.
fn kept(live: &[i64]) -> Vec<i64> {
    let mut lowest: Vec<i64> = live.to_vec();
    for index in (1..lowest.len()).rev() {
        lowest[index - 1] = lowest[index - 1].min(lowest[index]);
    }
    lowest.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// What an ordinary iteration keeps, and the indices of the largest that stand out, in order.
fn largest(kept: &[i64]) -> (i64, Vec<usize>) {
    let mut sorted = kept.to_vec();
    sorted.sort_unstable();
    let ordinary = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    let least = LEAST.max(ordinary.saturating_mul(ABOVE_ORDINARY));
    let mut found: Vec<usize> = (0..kept.len()).filter(|index| kept[*index] >= least).collect();
    found.sort_by_key(|index| std::cmp::Reverse(kept[*index]));
    found.truncate(MOST);
    found.sort_unstable();
    (ordinary, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_goes_away_again_was_kept_by_the_iteration_that_brought_it() {
        assert_eq!(kept(&[100, 5_100, 5_100, 9_100, 9_100]), [5_000, 0, 4_000, 0]);
        // A sawtooth keeps nothing; what stands below its lowest point came after the last time that it was lower.
        assert_eq!(kept(&[0, 50, 90, 0, 50, 90, 10]), [0, 0, 0, 10, 0, 0]);
        assert_eq!(kept(&[7]), [] as [i64; 0]);
    }

    #[test]
    fn a_step_stands_out_from_what_every_iteration_leaves() {
        assert_eq!(largest(&[0, 2_048, 0, 0, 1_023, 0]), (0, vec![1]));
        assert_eq!(largest(&[8_064; 20]), (8_064, vec![]));
        let mut leak_with_a_step = [8_064; 20];
        leak_with_a_step[4] += 100_000;
        assert_eq!(largest(&leak_with_a_step), (8_064, vec![4]));
        assert_eq!(largest(&[0, 3_000, 0, 5_000, 0, 4_000, 0, 6_000, 0]), (0, vec![3, 5, 7]));
    }

    #[test]
    fn steps_near_each_other_or_at_the_end_are_no_one_time_growth() {
        let lone = |iterations: &[u32]| {
            let step = |iteration: &u32| Step { iteration: *iteration, bytes: 1_024, place: None };
            let steps = Steps { startup: 0, once: iterations.iter().map(step).collect() };
            steps.lone(800, 800).iter().map(|step| step.iteration).collect::<Vec<_>>()
        };
        assert_eq!(lone(&[1_597, 1_598, 1_599]), [] as [u32; 0]);
        assert_eq!(lone(&[1_000, 1_500, 1_501]), [1_000]);
        assert_eq!(lone(&[801, 1_000, 1_100]), [801]);
        assert_eq!(lone(&[700, 900, 1_500]), [900, 1_500]);
    }

    #[test]
    fn a_step_is_said_with_its_line() {
        let place = Place { file: "app.py".into(), line: 12, function: "load".into() };
        let step = Step { iteration: 1_037, bytes: 65_536, place: Some(place) };
        assert_eq!(step.to_string(), "64.0 KiB in iteration 1,037 at app.py:12 in load");
        assert_eq!(Step { place: None, ..step }.to_string(), "64.0 KiB in iteration 1,037");
    }
}
