//! What was seen of one process of a command from outside, and what is judged of it.

use crate::gate::measurement::Garbage;
use crate::gate::verdict::WINDOWS;
use crate::profile::{Amount, Checkpoint, CheckpointKind, Profile, ProgramId};

/// Moments without garbage that must go up for the growth between them to be none of it.
const LEAST_RISING: usize = 3;
/// The part of the judged intervals that may be without a moment that the process froze.
const LONGEST_GAP: u32 = 4;

/// What was seen of one process.
#[derive(Debug)]
pub struct Series {
    /// The process.
    pub id: ProgramId,
    /// Iterations that it went through.
    pub iterations: u32,
    /// The lowest figures of each part, as checkpoints of these iterations: each has several.
    pub checkpoints: Vec<Checkpoint>,
    /// Of each of them, whether garbage was collected in it.
    pub(super) clean: Vec<bool>,
    /// The number of each question that the process answered by freezing its figures, with the iteration it was in.
    pub(super) answers: Vec<(u32, u32)>,
}

impl Series {
    /// What became of garbage in the iterations after `warmup`.
    pub(super) fn garbage(&self, warmup: u32) -> Garbage {
        let all = self.checkpoints.iter().zip(&self.clean);
        let judged: Vec<(u64, bool)> = all
            .filter(|(checkpoint, _)| checkpoint.iteration > warmup)
            .map(|(checkpoint, is_clean)| (checkpoint.live.bytes, *is_clean))
            .collect();
        let clean: Vec<u64> =
            judged.iter().filter(|(_, is_clean)| *is_clean).map(|(live, _)| *live).collect();
        match clean.len() {
            0 => Garbage::Kept,
            WINDOWS.. => Garbage::Collected,
            _ if is_most_of_growth(&clean, &judged) => Garbage::Refuted,
            _ => Garbage::Seldom,
        }
    }

    /// The iteration in which the process answered the question of that number.
    pub fn iteration_of_answer(&self, number: u32) -> Option<u32> {
        let at = self.answers.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(self.answers[at].1)
    }

    /// Makes iterations of the moments at which the process froze its figures, where it did so all the time after
    /// `warmup`; else nothing is changed. These are of one moment between two steps of the program, and tell the lengths of
    /// its containers.
    pub(super) fn take_frozen(&self, profile: &mut Profile, warmup: u32) -> bool {
        let iteration = |checkpoint: &Checkpoint| {
            let is_asked = checkpoint.kind == CheckpointKind::Asked;
            self.iteration_of_answer(checkpoint.iteration).filter(|_| is_asked)
        };
        let all: Vec<Option<u32>> = profile.checkpoints.iter().map(iteration).collect();
        let judged: Vec<u32> =
            all.iter().flatten().copied().filter(|iteration| *iteration > warmup).collect();
        let most = (self.iterations.saturating_sub(warmup) / LONGEST_GAP).max(1);
        let ends = [warmup + 1].into_iter().chain(judged.iter().copied()).chain([self.iterations]);
        let ends: Vec<u32> = ends.collect();
        if judged.len() < WINDOWS || ends.windows(2).any(|pair| pair[1].saturating_sub(pair[0]) > most) {
            return false;
        }
        forget_own(profile);
        for (checkpoint, iteration) in profile.checkpoints.iter_mut().zip(all) {
            if let Some(iteration) = iteration {
                (checkpoint.kind, checkpoint.iteration) = (CheckpointKind::Iteration, iteration);
            }
        }
        true
    }

    /// Puts the checkpoints behind those of the profile, and gives the index of the first of them. Where garbage was
    /// collected in enough of them, all others are of no iteration: what waits for the collector is in their figures.
    pub(super) fn add_to(&self, profile: &mut Profile, garbage: Garbage) -> usize {
        forget_own(profile);
        let begin = profile.checkpoints.len();
        let judged = |(checkpoint, is_clean): (&Checkpoint, &bool)| {
            let is_judged = *is_clean || garbage != Garbage::Collected;
            Checkpoint { iteration: if is_judged { checkpoint.iteration } else { 0 }, ..checkpoint.clone() }
        };
        profile.checkpoints.extend(self.checkpoints.iter().zip(&self.clean).map(judged));
        if let Some(first) = profile.checkpoints.get_mut(begin) {
            // It says of each site what it has: nothing of what the profile has before is left.
            let known = first.changes.len() as u32;
            let others = known..profile.sites.len() as u32;
            first.changes.extend(others.map(|site| (site, Amount::default())));
        }
        begin
    }
}

/// What the program marked as its iterations is not what was asked for.
fn forget_own(profile: &mut Profile) {
    let own =
        profile.checkpoints.iter_mut().filter(|checkpoint| checkpoint.kind == CheckpointKind::Iteration);
    own.for_each(|checkpoint| checkpoint.iteration = 0);
}

/// Whether what was live without garbage went up each time, by at least half of what all of the moments went up by.
fn is_most_of_growth(clean: &[u64], judged: &[(u64, bool)]) -> bool {
    let growth = |first: Option<u64>, last: Option<u64>| last.unwrap_or(0).saturating_sub(first.unwrap_or(0));
    let all = growth(judged.first().map(|(live, _)| *live), judged.last().map(|(live, _)| *live));
    let rises = clean.windows(2).all(|pair| pair[1] > pair[0]);
    clean.len() >= LEAST_RISING && rises && growth(clean.first().copied(), clean.last().copied()) >= all / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_moments_without_garbage_tell_growth_from_garbage() {
        let garbage = |live: &[(u64, bool)]| {
            let checkpoint = |(bytes, _): &(u64, bool)| Checkpoint {
                kind: CheckpointKind::Iteration,
                iteration: 9,
                live: Amount { bytes: *bytes, blocks: 1 },
                window_peak: 0,
                fds: None,
                threads: None,
                children: None,
                collected: 0,
                changes: Vec::new(),
            };
            let checkpoints = live.iter().map(checkpoint).collect();
            let clean = live.iter().map(|(_, is_clean)| *is_clean).collect();
            Series { id: ProgramId::default(), iterations: 9, checkpoints, clean, answers: Vec::new() }
                .garbage(8)
        };
        let (clean, other) = (true, false);
        assert_eq!(garbage(&[(10, other), (90, other)]), Garbage::Kept);
        assert_eq!(
            garbage(&[(10, clean), (30, other), (40, clean), (60, other), (70, clean)]),
            Garbage::Refuted
        );
        // What grows goes when it is collected.
        assert_eq!(
            garbage(&[(10, clean), (30, other), (11, clean), (60, other), (12, clean), (99, other)]),
            Garbage::Seldom
        );
        assert_eq!(garbage(&[(10, clean), (50, other), (90, clean)]), Garbage::Seldom);
    }
}
