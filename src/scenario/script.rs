//! The iterations of a command: what it marks itself, or the intervals that were looked at from outside.

use super::drive::ScenarioRun;
use super::measure::{added, difference, figures, peak_added};
use super::series::Series;
use crate::config::{Checkpoints, Repeats};
use crate::gate::measurement::{Garbage, IterationFigures, Measurement, Needs};
use crate::gate::verdict::{self, WINDOWS};
use crate::outcome::ScenarioError;
use crate::profile::{Capture, Checkpoint, CheckpointKind, Profile};

/// Fewer intervals say nothing, however often each was looked at: a program that starts grows.
const LEAST_INTERVALS: u32 = 8;

/// How a program calls it whether it is tracked or not.
const HOW_TO_CALL: &str = "the module is there in every tracked Python; `checkpoint()` is to be called after each piece of \
     work:\n    try:\n        from leakgate_memory import checkpoint\n    except ImportError:  # not tracked\n        \
     def checkpoint(): pass";

/// Index of the process whose iterations are judged: of those that have most of them, the one with the highest peak.
pub fn main(run: &ScenarioRun, capture: &Capture) -> Option<usize> {
    let iterations = |profile: &Profile| match run.checkpoints {
        Some(Checkpoints::Program) => own_iterations(profile),
        Some(_) => {
            let series = run.series.iter().find(|series| series.id == profile.process.id());
            series.map_or(0, |series| series.iterations.min(LEAST_INTERVALS) as usize)
        }
        None => 0,
    };
    let rank = |profile: &Profile| (iterations(profile), profile.totals.peak.bytes);
    let all = capture.processes.iter().enumerate().rev();
    all.max_by_key(|(_, profile)| rank(profile)).map(|(index, _)| index)
}

fn own_iterations(profile: &Profile) -> usize {
    profile.checkpoints.iter().filter(|checkpoint| checkpoint.kind == CheckpointKind::Iteration).count()
}

/// Why a command that marks its iterations itself cannot be judged: it marked none.
pub fn unmarked(run: &ScenarioRun, profile: &Profile) -> Option<ScenarioError> {
    let is_marked = run.checkpoints != Some(Checkpoints::Program) || own_iterations(profile) > 0;
    (!is_marked && run.memory_limit_reached.is_none()).then(|| ScenarioError {
        title: "`leakgate_memory.checkpoint()` was never called, so the command has no iterations to judge"
            .to_owned(),
        details: HOW_TO_CALL.to_owned(),
    })
}

/// Adds the iterations to the figures of their process. The first half of them is the warm-up.
pub(super) fn add_iterations(measurement: &mut Measurement, checkpoints: Checkpoints, all: &[Series]) {
    let (iterations, garbage) = match checkpoints {
        Checkpoints::Processes(_) => return,
        Checkpoints::Program => (marked(&measurement.profile), Garbage::Collected),
        Checkpoints::Time(_) | Checkpoints::Traffic(_) => {
            let id = measurement.profile.process.id();
            let series = all.iter().find(|series| series.id == id);
            series.map_or((Vec::new(), Garbage::Kept), |series| looked_at(series, &mut measurement.profile))
        }
    };
    let least = if checkpoints == Checkpoints::Program { 2 * WINDOWS as u32 } else { LEAST_INTERVALS };
    let total = u32::try_from(iterations.len()).unwrap_or(u32::MAX);
    let warmup = verdict::warmup(Repeats::default(), total) as usize;
    let looks = looks(&measurement.profile, warmup as u32);
    measurement.needs = Some(Needs { iterations: least, seen: total, looks, garbage, each: checkpoints });
    let Some(start) = warmup.checked_sub(1).and_then(|last| iterations.get(last)).copied() else { return };
    let judged = &iterations[warmup..];
    let Some(last) = judged.last() else { return };
    let at = |figures: &IterationFigures| measurement.profile.checkpoints.get(figures.checkpoint);
    if let (Some(before), Some(after)) = (at(&start), at(last)) {
        measurement.fds = added(before.fds, after.fds);
        measurement.threads = added(before.threads, after.threads);
    }
    if checkpoints == Checkpoints::Program {
        measurement.peak_added = judged.iter().map(|iteration| iteration.peak_added).max();
    }
    measurement.blocks = difference(last.live_blocks, start.live_blocks);
    measurement.iterations = judged.to_vec();
    measurement.start = Some(start);
}

/// How many moments there are of iterations after the warm-up.
fn looks(profile: &Profile, warmup: u32) -> usize {
    let is_judged = |checkpoint: &&Checkpoint| {
        checkpoint.kind == CheckpointKind::Iteration && checkpoint.iteration > warmup
    };
    profile.checkpoints.iter().filter(is_judged).count()
}

/// What the program marked itself.
fn marked(profile: &Profile) -> Vec<IterationFigures> {
    let mut iterations: Vec<IterationFigures> = Vec::new();
    for (index, checkpoint) in profile.checkpoints.iter().enumerate() {
        if checkpoint.kind == CheckpointKind::Iteration {
            let peak = iterations.last().map_or(0, |last| peak_added(profile, last.checkpoint, index));
            iterations.push(figures(index, peak, profile));
        }
    }
    iterations
}

/// One for each interval: what the last of its moments had that is judged. An interval without one has what the one before had.
fn looked_at(series: &Series, profile: &mut Profile) -> (Vec<IterationFigures>, Garbage) {
    let warmup = verdict::warmup(Repeats::default(), series.iterations);
    let (garbage, begin) = match series.take_frozen(profile, warmup) {
        true => (Garbage::Frozen, 0),
        false => {
            let garbage = series.garbage(warmup);
            (garbage, series.add_to(profile, garbage))
        }
    };
    let is_judged = |at: &usize| {
        let checkpoint = &profile.checkpoints[*at];
        checkpoint.kind == CheckpointKind::Iteration && checkpoint.iteration > 0
    };
    let mut moments = (begin..profile.checkpoints.len()).filter(is_judged).peekable();
    let (mut iterations, mut last) = (Vec::new(), None);
    for iteration in 1..=series.iterations {
        while let Some(at) = moments.next_if(|at| profile.checkpoints[*at].iteration <= iteration) {
            last = Some(at);
        }
        // Before the first moment there is nothing to tell: it stands for what is before it.
        if let Some(at) = last.or_else(|| moments.peek().copied()) {
            iterations.push(IterationFigures { iteration, ..figures(at, 0, profile) });
        }
    }
    (iterations, garbage)
}
