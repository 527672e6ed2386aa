//! Makes of a run and its profile what the gate judges.

use thiserror::Error;

use super::drive::ScenarioRun;
use super::driver::{DriverResult, Figures, IterationRow};
use crate::gate::measurement::{IterationFigures, Measurement};
use crate::profile::{Checkpoint, CheckpointKind, Profile};

/// Why a run cannot be judged though it ended well.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MeasureError {
    /// The driver reported a checkpoint that the capture does not hold.
    #[error("the capture does not hold the checkpoint of {0}: it is damaged, or recording stopped early")]
    Missing(String),
}

/// The figures of `run`, whose root process left `profile`.
///
/// For a `call`: `left` compares with the state before the first iteration, warm-up included, because it asks what the
/// whole work leaves; `blocks`, `fds` and `threads` compare with the end of warm-up, because pools fill there.
pub fn measure(run: &ScenarioRun, profile: Profile) -> Result<Measurement, MeasureError> {
    let mut measurement = Measurement {
        peak: profile.totals.peak.bytes,
        retained: profile.totals.end.bytes,
        rss: run.max_rss,
        blocks: i64::try_from(profile.totals.end.blocks).unwrap_or(i64::MAX),
        memory_limit_reached: run.memory_limit_reached,
        ..Measurement::default()
    };
    if let Some(report) = &run.driver {
        add_call(&mut measurement, run.warmup as usize, report, &profile)?;
    }
    measurement.profile = profile;
    Ok(measurement)
}

fn add_call(
    measurement: &mut Measurement,
    warmup: usize,
    report: &DriverResult,
    profile: &Profile,
) -> Result<(), MeasureError> {
    let (first, _) = checkpoint(profile, CheckpointKind::Start, 0, "the start")?;
    let start = report.start.unwrap_or(Figures(0, 0, 0, None, None));
    let mut all = vec![figures(0, first, 0, profile, start)];
    for (row, iteration) in report.iterations.iter().zip(1..) {
        let (index, at) =
            checkpoint(profile, CheckpointKind::Iteration, iteration, &format!("iteration {iteration}"))?;
        let before = all.last().map_or(0, |last| last.live_bytes);
        let added = at.window_peak.saturating_sub(before);
        all.push(figures(iteration, index, added, profile, IterationRow::figures(row)));
    }
    let judged = all.split_off((warmup + 1).min(all.len()));
    let zero = all.last().copied().unwrap_or_default();
    let (_, retained) = checkpoint(profile, CheckpointKind::Retained, 0, "the end of the work")?;
    let (_, left) = checkpoint(profile, CheckpointKind::Left, 0, "what is left")?;
    let before_all = all.first().map_or(0, |first| first.live_bytes);
    measurement.peak_added = judged.iter().map(|iteration| iteration.peak_added).max();
    measurement.retained = retained.live.bytes;
    measurement.left = Some(difference(left.live.bytes, before_all));
    measurement.blocks = judged.last().map_or(0, |last| difference(last.live_blocks, zero.live_blocks));
    let zero_row =
        warmup.checked_sub(1).and_then(|row| report.iterations.get(row)).map_or(start, IterationRow::figures);
    measurement.fds = added(zero_row.fds(), report.left.and_then(|left| left.fds()));
    measurement.threads = added(zero_row.threads(), report.left.and_then(|left| left.threads()));
    measurement.iterations = judged;
    measurement.start = Some(zero);
    Ok(())
}

fn checkpoint<'a>(
    profile: &'a Profile,
    kind: CheckpointKind,
    iteration: u32,
    name: &str,
) -> Result<(usize, &'a Checkpoint), MeasureError> {
    let wanted = |checkpoint: &Checkpoint| {
        checkpoint.kind == kind && (kind != CheckpointKind::Iteration || checkpoint.iteration == iteration)
    };
    let found = profile.checkpoints.iter().enumerate().find(|(_, checkpoint)| wanted(checkpoint));
    found.ok_or_else(|| MeasureError::Missing(name.to_owned()))
}

fn figures(
    iteration: u32,
    checkpoint: usize,
    peak_added: u64,
    profile: &Profile,
    system: Figures,
) -> IterationFigures {
    let live = profile.checkpoints[checkpoint].live;
    IterationFigures {
        iteration,
        checkpoint,
        live_bytes: live.bytes,
        live_blocks: live.blocks,
        peak_added,
        fds: system.fds().unwrap_or(0),
        threads: system.threads().unwrap_or(0),
    }
}

fn added(before: Option<u32>, after: Option<u32>) -> Option<i64> {
    Some(i64::from(after?) - i64::from(before?))
}

fn difference(after: u64, before: u64) -> i64 {
    let clamped = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    clamped(after) - clamped(before)
}
