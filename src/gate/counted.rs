//! What is counted and grows: descriptors and threads, each a finding of its own, and the series of what grows where bytes
//! do not tell it.

use crate::finding::{Counted, Finding, Rate, RateUnit};
use crate::gate::budgets::finding;
use crate::gate::growth::sureness;
use crate::gate::holders::Held;
use crate::gate::leak::{RULES, Told, more, when};
use crate::gate::verdict::{Leak, WINDOWS, lengths};
use crate::gate::{threads, wording};
use crate::profile::{Checkpoint, Container};
use crate::units::grouped;

impl Told<'_> {
    /// Descriptors or threads; `None` where they were not counted.
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
        let (name, key) = if unit == RateUnit::Threads { threads } else { fds };
        // Of descriptors it is not recorded who opened them.
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
            help: wording::help(key).to_owned(),
            ..finding(self.scenario, name.to_owned(), Held::default())
        })
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
