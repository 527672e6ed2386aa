//! What is counted and grows: descriptors, threads and child processes, each a finding of its own, and the series of what grows where bytes
//! do not tell it.

use crate::finding::{Counted, Finding, Part, PartKind, Place, Rate, RateUnit};
use crate::gate::budgets::finding;
use crate::gate::growth::sureness;
use crate::gate::holders::Held;
use crate::gate::leak::{CHILDREN, RULES, Told, bytes_each};
use crate::gate::pace::{more, when};
use crate::gate::verdict::{Leak, WINDOWS, lengths};
use crate::gate::{threads, wording};
use crate::profile::{Checkpoint, Container, Frame};
use crate::units::grouped;

/// Threads that may be noted a moment later.
const FEW: u64 = 8;

/// Threads that leak.
struct Leaking<'a> {
    /// Where they are started.
    start: Option<&'a Place>,
    /// How many there are.
    count: i64,
}

impl Leaking<'_> {
    /// Whether a part of what grows comes with them.
    fn bring(&self, part: &Part) -> bool {
        let is_as_many = |count: i64| count.abs_diff(self.count) <= FEW;
        if part.kind == PartKind::Container {
            // Made before the program was tracked, or what an event of the program notes of who waits for it; one of its
            // sets is made by a class of the library's.
            let frames = part.frames.iter().filter(|frame| matches!(frame, Frame::Python { .. }));
            let is_of_threading = frames.take(2).any(threads::is_of_threading);
            return (part.place.is_none() || is_of_threading) && is_as_many(part.rate.total);
        }
        let Some(holder) = &part.holder else { return false };
        match (&part.place, self.start) {
            // A stack comes without a line.
            (None, _) if is_as_many(i64::try_from(holder.blocks).unwrap_or(i64::MAX)) => true,
            (Some(place), Some(start))
                if (&place.file, &place.function) == (&start.file, &start.function) =>
            {
                true
            }
            _ => holder.frames.last().is_some_and(threads::is_of_threading),
        }
    }
}

impl Told<'_> {
    /// Descriptors, threads or child processes; `None` where they were not counted.
    pub(super) fn counted(
        &self,
        unit: RateUnit,
        noun: &str,
        count: &dyn Fn(&Checkpoint) -> Option<u32>,
    ) -> Option<Finding> {
        let at = |index: usize| count(self.measurement.profile.checkpoints.get(index)?);
        let first = at(self.measurement.start?.checkpoint)?;
        let last = at(self.measurement.iterations.last()?.checkpoint)?;
        let iterations = self.measurement.iterations.len() as u64;
        let rate = Rate { total: i64::from(last) - i64::from(first), iterations, unit };
        let [_, fds, threads] = RULES;
        let (name, help) = match unit {
            RateUnit::Threads => (threads.0, wording::help(threads.1)),
            RateUnit::Children => (CHILDREN, wording::CHILDREN_HELP),
            _ => (fds.0, wording::help(fds.1)),
        };
        // Of descriptors and processes it is not recorded where they came from.
        let started = (unit == RateUnit::Threads)
            .then(|| threads::most_started(self.scenario, &self.measurement.profile));
        let (place, running) = started.flatten().unzip();
        Some(Finding {
            title: format!("{} {}", more(rate.total, iterations, noun), when(rate)),
            place,
            evidence: vec![
                format!(
                    "{first} at the start, {last} after {} iterations, {}",
                    grouped(iterations),
                    sureness(self.measurement)
                ),
                format!("{WINDOWS} windows, never back"),
            ]
            .into_iter()
            .chain(running)
            .collect(),
            rate: Some(rate),
            counted: self.series_of(unit, count),
            help: help.to_owned(),
            ..finding(self.scenario, name.to_owned(), Held::default())
        })
    }

    /// The finding about memory, unless all of it is that of threads which leak: what they are started with, and where `threading`
    /// notes them. Then theirs says how much it is.
    pub(super) fn unless_of_threads(&self, memory: Finding, counted: &mut [Finding]) -> Option<Finding> {
        let is_of_threads =
            |finding: &&mut Finding| finding.rate.is_some_and(|rate| rate.unit == RateUnit::Threads);
        let Some(threads) = counted.iter_mut().find(is_of_threads) else { return Some(memory) };
        let leaking =
            Leaking { start: threads.place.as_ref(), count: threads.rate.map_or(0, |rate| rate.total) };
        let certain = || memory.parts.iter().filter(|part| part.is_certain);
        let in_bytes = certain().filter(|part| part.rate.unit == RateUnit::Bytes);
        let bytes: i128 = in_bytes.map(|part| i128::from(part.rate.total)).sum();
        let is_all = |rate: &Rate| {
            rate.unit == RateUnit::Bytes && rate.total > 0 && bytes * 10 >= i128::from(rate.total) * 9
        };
        match memory.rate.filter(is_all).filter(|_| certain().all(|part| leaking.bring(part))) {
            Some(rate) => {
                threads.evidence.push(format!("with them memory grows by {} an iteration", bytes_each(rate)));
                None
            }
            None => Some(memory),
        }
    }

    /// What grows of memory where its bytes do not: the entries of a container, or blocks.
    pub(super) fn counted_memory(&self, container: Option<&Container>) -> Option<Counted> {
        let leaks = &self.verdict.leaks;
        match container {
            _ if leaks.contains(&Leak::Bytes) => None,
            Some(container) => Some(self.entries_of(container)),
            None => {
                let count = |at: &Checkpoint| u32::try_from(at.live.blocks).ok();
                leaks.contains(&Leak::Blocks).then(|| self.series_of(RateUnit::Blocks, &count))?
            }
        }
    }

    /// The length of a container at the start and after each judged iteration.
    pub(super) fn entries_of(&self, container: &Container) -> Counted {
        let values = lengths(container, &self.moments());
        let values = values.into_iter().map(|length| length.max(0).unsigned_abs()).collect();
        Counted { unit: RateUnit::Entries, values }
    }

    /// What is counted, at the start and after each judged iteration; `None` where it was not counted at one of them.
    pub(super) fn series_of(
        &self,
        unit: RateUnit,
        count: &dyn Fn(&Checkpoint) -> Option<u32>,
    ) -> Option<Counted> {
        let checkpoints = &self.measurement.profile.checkpoints;
        let at = |index: usize| count(checkpoints.get(index)?).map(u64::from);
        let values: Option<Vec<u64>> = self.moments().into_iter().map(at).collect();
        values.map(|values| Counted { unit, values })
    }

    /// The checkpoints of the start and of the judged iterations.
    fn moments(&self) -> Vec<usize> {
        let start = self.measurement.start.iter();
        start.chain(&self.measurement.iterations).map(|figures| figures.checkpoint).collect()
    }
}
