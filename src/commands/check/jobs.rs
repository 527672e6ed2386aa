//! Several scenarios at the same time, each on a thread of its own; what is `exclusive` alone, after all others. The
//! results come in the order of the configuration, whichever ends first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::live::Display;
use super::{Check, confirm};
use crate::config::Scenario;
use crate::outcome::ScenarioResult;
use crate::scenario::Failure;

/// Time between two looks of the display at what runs.
const TICK: Duration = Duration::from_millis(100);

/// What a thread tells of its scenario, by its place in the order.
enum Event {
    Began(usize),
    Ended(usize, Box<ScenarioResult>),
}

/// How many scenarios run at the same time where nobody says: half the cores that the program may use. Each scenario
/// is a program with the tracker and, beside it, what watches it.
pub(super) fn automatic() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// Runs all, at most `jobs` at a time.
///
/// # Errors
/// When the user interrupted it, and when the progress cannot be written.
pub(super) fn run(
    chosen: &[&Scenario],
    check: &Check,
    jobs: usize,
    display: &mut Display<'_>,
) -> anyhow::Result<Vec<ScenarioResult>> {
    let mut results: Vec<Option<ScenarioResult>> = chosen.iter().map(|_| None).collect();
    for (order, jobs) in rounds(chosen, jobs) {
        round(&order, chosen, check, jobs, &mut |event| match event {
            None => display.tick(),
            Some(Event::Began(index)) => display.began(index, &chosen[index].name),
            Some(Event::Ended(index, result)) => {
                let shown = display.ended(index, &result);
                results[index] = Some(*result);
                shown
            }
        })?;
    }
    display.erase()?;
    match check.interruption.signal() {
        Some(number) => Err(Failure::Interrupted(number).into()),
        None => Ok(results.into_iter().flatten().collect()),
    }
}

/// What runs after one another, and how many of it at a time. One at a time is alone in any order.
fn rounds(chosen: &[&Scenario], jobs: usize) -> Vec<(Vec<usize>, usize)> {
    let (alone, others): (Vec<usize>, Vec<usize>) =
        (0..chosen.len()).partition(|index| jobs > 1 && chosen[*index].exclusive);
    [(others, jobs), (alone, 1)].into_iter().filter(|(order, _)| !order.is_empty()).collect()
}

/// Runs those of `order` until all have ended or the user interrupted. `on_event` is told on this thread; nothing
/// happened: `None`.
fn round(
    order: &[usize],
    chosen: &[&Scenario],
    check: &Check,
    jobs: usize,
    on_event: &mut dyn FnMut(Option<Event>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let next = AtomicUsize::new(0);
    let (sender, events) = channel();
    let work = |sender: Sender<Event>| {
        while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            // The receiver has gone when the progress could not be written: then nobody wants the results.
            if check.interruption.signal().is_some() || sender.send(Event::Began(index)).is_err() {
                return;
            }
            let Ok(result) = confirm::run(chosen[index], check) else { return };
            let _ = sender.send(Event::Ended(index, Box::new(result)));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(order.len()) {
            let sender = sender.clone();
            scope.spawn(|| work(sender));
        }
        // It has ended when the last thread has.
        drop(sender);
        tell(&events, on_event)
    })
}

fn tell(
    events: &Receiver<Event>,
    on_event: &mut dyn FnMut(Option<Event>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    loop {
        match events.recv_timeout(TICK) {
            Ok(event) => on_event(Some(event))?,
            Err(RecvTimeoutError::Timeout) => on_event(None)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}
