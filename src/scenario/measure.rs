//! Makes of a run and its profile what the gate judges.

use thiserror::Error;

use super::drive::ScenarioRun;
use super::script;
use crate::gate::measurement::{IterationFigures, Measurement};
use crate::profile::{Capture, CheckpointKind, Profile};

/// Why a run cannot be judged though it ended well.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MeasureError {
    /// The driver reported a checkpoint that the capture does not hold.
    #[error("the capture does not hold the checkpoint of {0}: it is damaged, or recording stopped early")]
    Missing(String),
}

/// The figures of `run`, whose capture is `capture`; `main` is the index of the process that calls the function, or of a
/// command's processes the one with the highest peak.
///
/// # Errors
/// When the capture lacks what the driver of a `call` reported.
pub fn measure_all(
    run: &ScenarioRun,
    mut capture: Capture,
    main: usize,
) -> Result<Measurement, MeasureError> {
    let mut tree = capture.together();
    let profile = capture.processes.remove(main);
    let at_its_end = profile.totals.end.bytes;
    let others = capture.processes.into_iter().map(|profile| of_process(run, profile)).collect();
    // What a sample of all saw is never below what one of them had.
    let tree_rss = run.sampled.rss.max(run.sampled.max_rss());
    let measurement = measure(run, profile)?;
    if run.driver.is_some() {
        // Of the process that calls the function it is what was live after the work.
        tree.end = tree.end.saturating_sub(at_its_end).saturating_add(measurement.retained);
    }
    Ok(Measurement { others, tree, tree_rss, ..measurement })
}

/// The figures of a process without iterations.
fn of_process(run: &ScenarioRun, profile: Profile) -> Measurement {
    // What it inherited at a fork is kept by the process that it comes from, and was live there only for the moment.
    let kept = profile.totals.end.less(profile.inherited.end);
    Measurement {
        peak: profile.totals.peak.bytes,
        retained: kept.bytes,
        rss: run.sampled.rss_of.get(&profile.process.id()).copied().unwrap_or(0),
        blocks: i64::try_from(kept.blocks).unwrap_or(i64::MAX),
        profile,
        ..Measurement::default()
    }
}

/// The figures of the process that left `profile`.
///
/// For a `call`, `left`, `blocks`, `fds` and `threads` compare with the end of warm-up, because caches and pools fill
/// there; without warm-up, with the state before the first iteration.
pub fn measure(run: &ScenarioRun, profile: Profile) -> Result<Measurement, MeasureError> {
    let mut measurement =
        Measurement { memory_limit_reached: run.memory_limit_reached, ..of_process(run, profile) };
    measurement.repeats = run.repeats;
    if let Some(report) = &run.driver {
        let profile = std::mem::take(&mut measurement.profile);
        add_call(&mut measurement, (run.warmup, report.iterations), &profile)?;
        measurement.profile = profile;
    } else if let Some(checkpoints) = run.checkpoints {
        script::add_iterations(&mut measurement, checkpoints, &run.series);
    }
    Ok(measurement)
}

/// `iterations` were run, of which `warmup` are not judged.
fn add_call(
    measurement: &mut Measurement,
    (warmup, iterations): (u32, u32),
    profile: &Profile,
) -> Result<(), MeasureError> {
    let start = last(profile, CheckpointKind::Start, "the start")?;
    let mut all = vec![figures(start, 0, profile)];
    for (index, checkpoint) in profile.checkpoints.iter().enumerate().skip(start + 1) {
        if checkpoint.kind == CheckpointKind::Iteration {
            let before = all.last().map_or(start, |last| last.checkpoint);
            all.push(figures(index, peak_added(profile, before, index), profile));
        }
    }
    let recorded = all.len() as u32 - 1;
    if recorded != iterations {
        return Err(MeasureError::Missing(format!("iteration {}", recorded + 1)));
    }
    let judged = all.split_off((warmup as usize + 1).min(all.len()));
    let zero = all.last().copied().unwrap_or_default();
    let retained = &profile.checkpoints[last(profile, CheckpointKind::Retained, "the end of the work")?];
    let left = &profile.checkpoints[last(profile, CheckpointKind::Left, "what is left")?];
    measurement.peak_added = judged.iter().map(|iteration| iteration.peak_added).max();
    measurement.retained = retained.live.bytes;
    measurement.left = Some(difference(left.live.bytes, zero.live_bytes));
    measurement.blocks = judged.last().map_or(0, |last| difference(last.live_blocks, zero.live_blocks));
    let zero_checkpoint = &profile.checkpoints[zero.checkpoint];
    measurement.fds = added(zero_checkpoint.fds, left.fds);
    measurement.threads = added(zero_checkpoint.threads, left.threads);
    measurement.iterations = judged;
    measurement.start = Some(zero);
    Ok(())
}

/// The highest peak between two checkpoints, above the live bytes of the first.
pub(super) fn peak_added(profile: &Profile, start: usize, end: usize) -> u64 {
    let windows = profile.checkpoints.get(start + 1..=end).unwrap_or_default();
    let peak = windows.iter().map(|checkpoint| checkpoint.window_peak).max().unwrap_or(0);
    peak.saturating_sub(profile.checkpoints[start].live.bytes)
}

/// Index of the last checkpoint of a kind.
fn last(profile: &Profile, kind: CheckpointKind, name: &str) -> Result<usize, MeasureError> {
    let found = profile.checkpoints.iter().rposition(|checkpoint| checkpoint.kind == kind);
    found.ok_or_else(|| MeasureError::Missing(name.to_owned()))
}

pub(super) fn figures(checkpoint: usize, peak_added: u64, profile: &Profile) -> IterationFigures {
    let frozen = &profile.checkpoints[checkpoint];
    IterationFigures {
        iteration: frozen.iteration,
        checkpoint,
        live_bytes: frozen.live.bytes,
        live_blocks: frozen.live.blocks,
        peak_added,
    }
}

pub(super) fn added(before: Option<u32>, after: Option<u32>) -> Option<i64> {
    Some(i64::from(after?) - i64::from(before?))
}

pub(super) fn difference(after: u64, before: u64) -> i64 {
    let clamped = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    clamped(after) - clamped(before)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    use super::*;
    use crate::profile::{Amount, Checkpoint, ProgramId, Totals};
    use crate::scenario::driver::DriverResult;
    use crate::scenario::together::Sampled;
    use crate::scenario::watch::End;

    /// One warm-up and two judged iterations; the result is kept.
    fn run() -> ScenarioRun {
        let report = DriverResult {
            version: 1,
            pid: 7,
            iterations: 3,
            explained: 0,
            uncollected: 0,
            left_threads: Vec::new(),
            has_returned_child: false,
            around: None,
            died: 0,
            error: None,
        };
        ScenarioRun {
            capture: "capture".into(),
            root_pid: 7,
            end: End::ByItself,
            status: ExitStatus::from_raw(0),
            elapsed: Duration::ZERO,
            recorded: true,
            driver: Some(report),
            warmup: 1,
            output_tail: String::new(),
            sampled: sampled(),
            checkpoints: None,
            repeats: None,
            series: Vec::new(),
            untracked: Vec::new(),
            memory_limit_reached: None,
            escaped: false,
            notes: Vec::new(),
            failure: None,
        }
    }

    fn sampled() -> Sampled {
        let mut sampled = Sampled::default();
        sampled.rss_of.insert(ProgramId::default(), 4096);
        sampled
    }

    fn profile() -> Profile {
        use CheckpointKind::{Iteration, Left, Retained, Start};
        let checkpoint = |kind, iteration, bytes, blocks, window_peak| Checkpoint {
            kind,
            iteration,
            live: Amount { bytes, blocks },
            window_peak,
            fds: Some(iteration + if kind == Retained { 6 } else { 3 }),
            threads: Some(if iteration == 1 { 2 } else { 1 }),
            children: None,
            collected: 0,
            changes: Vec::new(),
        };
        Profile {
            totals: Totals {
                peak: Amount { bytes: 9000, blocks: 90 },
                end: Amount { bytes: 500, blocks: 5 },
                total: Amount::default(),
                temporary: Amount::default(),
            },
            checkpoints: vec![
                checkpoint(Start, 0, 1000, 10, 9000),
                checkpoint(Iteration, 1, 2000, 20, 8000),
                checkpoint(Iteration, 2, 2100, 21, 2900),
                checkpoint(Retained, 3, 4000, 22, 4500),
                checkpoint(Iteration, 3, 2200, 23, 4000),
                checkpoint(Left, 3, 2150, 22, 2200),
            ],
            ..Profile::default()
        }
    }

    #[test]
    fn figures_of_a_call_compare_with_the_end_of_warm_up() {
        let measured = measure(&run(), profile()).unwrap();
        assert_eq!((measured.peak, measured.retained, measured.rss), (9000, 4000, 4096));
        assert_eq!((measured.left, measured.blocks), (Some(150), 3));
        assert_eq!((measured.fds, measured.threads), (Some(2), Some(-1)));
        let start = measured.start.unwrap();
        assert_eq!((start.iteration, start.checkpoint, start.live_bytes), (1, 1, 2000));
        let judged: Vec<_> =
            measured.iterations.iter().map(|i| (i.iteration, i.checkpoint, i.live_bytes)).collect();
        assert_eq!(judged, [(2, 2, 2100), (3, 4, 2200)]);
    }

    #[test]
    fn the_peak_of_an_iteration_is_above_its_own_start_and_warm_up_does_not_count() {
        let measured = measure(&run(), profile()).unwrap();
        let added: Vec<_> = measured.iterations.iter().map(|iteration| iteration.peak_added).collect();
        assert_eq!(added, [900, 2400]);
        assert_eq!(measured.peak_added, Some(2400));
    }

    #[test]
    fn without_warm_up_the_start_is_compared_with() {
        let measured = measure(&ScenarioRun { warmup: 0, ..run() }, profile()).unwrap();
        assert_eq!((measured.left, measured.fds, measured.iterations.len()), (Some(1150), Some(3), 3));
        assert_eq!(measured.start.unwrap().iteration, 0);
    }

    #[test]
    fn figures_of_a_command_are_those_of_its_process() {
        let measured = measure(&ScenarioRun { driver: None, ..run() }, profile()).unwrap();
        assert_eq!((measured.retained, measured.blocks, measured.left), (500, 5, None));
        assert!(measured.iterations.is_empty() && measured.start.is_none());
    }

    #[test]
    fn a_capture_that_lacks_a_checkpoint_is_an_error() {
        let mut profile = profile();
        profile.checkpoints.remove(4);
        assert_eq!(measure(&run(), profile).unwrap_err(), MeasureError::Missing("iteration 3".to_owned()));
    }
}
