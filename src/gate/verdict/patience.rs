//! When enough iterations were seen: what is decided too early is decided wrongly.

use super::Outcome;
use crate::config::Repeats;

/// How far the iterations go until the next question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Up to this number of iterations, warm-up included.
    pub iterations: u32,
    /// Or until this many milliseconds after the first one began.
    pub milliseconds: u64,
}

/// No leak is said after this round at the earliest: what leaks once in a hundred iterations has then done so in every
/// window of the second half.
const ENOUGH_TO_CLEAR: Round = Round { iterations: 1_600, milliseconds: 5_000 };
/// A leak, after this one: the longest plateaus of healthy programs (asyncio's free lists: 2,500 iterations) are over.
const ENOUGH_TO_ACCUSE: Round = Round { iterations: 5_120, milliseconds: 10_000 };
/// Fewer iterations than these say nothing, however long they take: eight windows with two each, after as many.
const LEAST_ITERATIONS: u32 = 32;

/// The first round of a function that is called as `repeats` says.
pub fn first(repeats: Repeats) -> Round {
    match repeats {
        Repeats::Fixed { warmup, iterations } => {
            Round { iterations: warmup.saturating_add(iterations), milliseconds: u64::MAX >> 1 }
        }
        Repeats::Auto { .. } => bounded(repeats, ENOUGH_TO_CLEAR),
    }
}

/// The round after `done`, or `None` where that was enough, or all that is allowed.
pub fn next(repeats: Repeats, done: Round, outcome: Outcome) -> Option<Round> {
    let Repeats::Auto { most, time, .. } = repeats else { return None };
    if done.iterations >= most || u128::from(done.milliseconds) >= time.as_millis() {
        return None;
    }
    let goal = match outcome {
        Outcome::NoLeak => ENOUGH_TO_CLEAR,
        Outcome::Leak => ENOUGH_TO_ACCUSE,
        Outcome::Undecided => Round {
            iterations: done.iterations.saturating_mul(2),
            milliseconds: (done.milliseconds * 2).max(ENOUGH_TO_ACCUSE.milliseconds),
        },
    };
    let is_reached = done.iterations >= goal.iterations || done.milliseconds >= goal.milliseconds;
    if is_reached && done.iterations >= LEAST_ITERATIONS {
        return None;
    }
    let goal = if is_reached { Round { milliseconds: done.milliseconds * 2, ..goal } } else { goal };
    Some(bounded(repeats, goal))
}

/// The iterations that are not judged, of `total` that were run.
pub fn warmup(repeats: Repeats, total: u32) -> u32 {
    match repeats {
        Repeats::Fixed { warmup, .. } => warmup.min(total),
        Repeats::Auto { warmup, .. } => warmup.max(total / 2).min(total.saturating_sub(1)),
    }
}

fn bounded(repeats: Repeats, round: Round) -> Round {
    let Repeats::Auto { warmup, most, time } = repeats else { return round };
    let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX >> 1);
    let least = warmup.saturating_mul(2).max(round.iterations);
    Round { iterations: least.min(most), milliseconds: round.milliseconds.min(time) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn round(iterations: u32, milliseconds: u64) -> Round {
        Round { iterations, milliseconds }
    }

    fn next_of(iterations: u32, milliseconds: u64, outcome: Outcome) -> Option<Round> {
        next(Repeats::default(), round(iterations, milliseconds), outcome)
    }

    #[test]
    fn a_fast_function_is_cleared_after_1600_and_accused_after_5120_iterations() {
        assert_eq!(first(Repeats::default()), round(1_600, 5_000));
        assert_eq!(next_of(1_600, 900, Outcome::NoLeak), None);
        assert_eq!(next_of(1_600, 900, Outcome::Leak), Some(round(5_120, 10_000)));
        assert_eq!(next_of(5_120, 3_000, Outcome::Leak), None);
    }

    #[test]
    fn a_slow_function_is_judged_by_time_but_not_by_a_handful_of_iterations() {
        assert_eq!(next_of(50, 5_050, Outcome::NoLeak), None);
        assert_eq!(next_of(100, 10_010, Outcome::Leak), None);
        assert_eq!(next_of(5, 5_500, Outcome::NoLeak), Some(round(1_600, 11_000)));
    }

    #[test]
    fn what_is_open_is_doubled_until_it_is_decided_or_the_limits_are_reached() {
        assert_eq!(next_of(1_600, 900, Outcome::Undecided), Some(round(3_200, 10_000)));
        assert_eq!(next_of(6_400, 9_000, Outcome::Undecided), Some(round(10_240, 18_000)));
        assert_eq!(next_of(10_240, 900, Outcome::Undecided), None);
        assert_eq!(next_of(600, 60_001, Outcome::Undecided), None);
    }

    #[test]
    fn limits_of_the_user_hold() {
        let repeats = Repeats::Auto { warmup: 100, most: 150, time: Duration::from_secs(1) };
        assert_eq!(first(repeats), round(150, 1_000));
        assert_eq!(next(repeats, round(150, 20), Outcome::Undecided), None);
        assert_eq!((warmup(repeats, 150), warmup(repeats, 40)), (100, 39));
        let fixed = Repeats::Fixed { warmup: 5, iterations: 20 };
        assert_eq!((first(fixed).iterations, warmup(fixed, 25)), (25, 5));
        assert_eq!(next(fixed, round(25, 1), Outcome::Undecided), None);
    }
}
