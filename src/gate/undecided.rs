//! What is said where it is undecided whether something leaks: what grows, and why that does not tell.

use std::cmp::Reverse;

use crate::config::Checkpoints;
use crate::finding::{Counted, Finding, RateUnit, Severity};
use crate::gate::budgets::finding;
use crate::gate::growth::growth;
use crate::gate::holders::{By, Moment, held};
use crate::gate::leak::{RULE, Told};
use crate::gate::measurement::Garbage;
use crate::gate::verdict::{Direction, Floors, Leak, WINDOWS, containers_of};
use crate::gate::wording;
use crate::profile::{Checkpoint, Container};
use crate::units::{Bytes, grouped};

impl Told<'_> {
    pub(super) fn undecided(&self) -> Finding {
        let iterations = self.measurement.iterations.len() as u64;
        let growth = growth(self.measurement);
        let mut evidence: Vec<String> =
            growth.iter().map(|growth| format!("{}, {}", growth.in_words(), growth.sureness)).collect();
        evidence.extend(self.open_counts());
        let needs = self.measurement.needs;
        let is_seldom = needs.is_some_and(|needs| needs.garbage == Garbage::Seldom);
        let is_time = needs.is_some_and(|needs| matches!(needs.each, Checkpoints::Time(_)));
        let (slowing, counted) = self.slowing().unzip();
        let why = match &slowing {
            _ if is_seldom => wording::GARBAGE_SELDOM,
            Some(_) if self.is_said_to_stop() => wording::SAID_TO_STOP,
            Some(_) if is_time => wording::SLOWING_IN_TIME,
            Some(_) => wording::SLOWING,
            None => wording::OPEN,
        };
        evidence.push(why.to_owned());
        let after = format!("undecided after {} iterations whether memory leaks", grouped(iterations));
        Finding {
            severity: Severity::Warning,
            title: slowing.map_or(after.clone(), |slowing| format!("{after}: {slowing}")),
            evidence,
            series: growth.map(|growth| growth.series).unwrap_or_default(),
            counted: counted.flatten(),
            help: wording::undecided(self.kind()).to_owned(),
            ..finding(
                self.scenario,
                RULE.to_owned(),
                held(self.scenario, self.measurement, Moment::Growth, By::Bytes),
            )
        }
    }

    /// Whether all that may stop to grow is said to do so.
    fn is_said_to_stop(&self) -> bool {
        let containers = &self.verdict.series.containers;
        let has_bound = |index: usize| {
            self.measurement.profile.containers[containers[index].container].said_bound.is_some()
        };
        let mut growing = containers_of(&self.verdict.slowing).peekable();
        growing.peek().is_some() && growing.all(has_bound)
    }

    /// What is counted, and why it is undecided: the series is of bytes.
    fn open_counts(&self) -> Vec<String> {
        let series = &self.verdict.series;
        let counts = [
            ("open file descriptors", &series.fds),
            ("threads", &series.threads),
            ("child processes", &series.children),
        ];
        let is_open = |floors: &&Floors| floors.direction_of_count() == Direction::Open;
        let open =
            counts.into_iter().filter_map(|(what, floors)| Some((what, floors.as_ref().filter(is_open)?)));
        let said = |(what, floors): (&str, &Floors)| {
            let lowest: Vec<String> = floors.lowest.iter().map(ToString::to_string).collect();
            format!("{what}, the fewest of each window: {}", lowest.join(", "))
        };
        open.map(said).collect()
    }

    /// The one of what slows down that tells most, in words, with its series where that is not of bytes: a container before
    /// counts, these before blocks.
    fn slowing(&self) -> Option<(String, Option<Counted>)> {
        let series = &self.verdict.series;
        let slowing = &self.verdict.slowing;
        let containers = containers_of(slowing).map(|index| &series.containers[index]);
        if let Some(of) = containers.max_by_key(|of| (of.floors.growth(), Reverse(of.container))) {
            let container = &self.measurement.profile.containers[of.container];
            let named = self.named(container);
            let said = match container.said_bound.filter(|bound| of.length < *bound) {
                Some(bound) => self.has_room(&named, container, (of.length, bound)),
                None => self.slower(&named, RateUnit::Entries, &of.floors),
            };
            return Some((said, Some(self.entries_of(container))));
        }
        type Count = fn(&Checkpoint) -> Option<u32>;
        let counts: [(Leak, RateUnit, &str, &Option<Floors>, Count); 3] = [
            (Leak::Descriptors, RateUnit::Descriptors, "open file descriptors", &series.fds, |at| at.fds),
            (Leak::Threads, RateUnit::Threads, "threads", &series.threads, |at| at.threads),
            (Leak::Children, RateUnit::Children, "child processes", &series.children, |at| at.children),
        ];
        for (leak, unit, what, floors, count) in counts {
            if let Some(floors) = floors.as_ref().filter(|_| slowing.contains(&leak)) {
                let said = self.slower(&format!("the number of {what}"), unit, floors);
                return Some((said, self.series_of(unit, &count)));
            }
        }
        let sites = slowing.iter().filter_map(|leak| match leak {
            Leak::Site(index) => Some(&series.sites[*index]),
            _ => None,
        });
        let said = match sites.max_by_key(|site| (site.blocks.growth(), site.bytes.growth())) {
            Some(site) if site.blocks.growth() <= 0 => {
                self.slower("what one line keeps", RateUnit::Bytes, &site.bytes)
            }
            Some(site) => self.slower("what one line keeps", RateUnit::Blocks, &site.blocks),
            None if slowing.is_empty() => return None,
            None => self.slower("the number of live blocks", RateUnit::Blocks, &series.blocks),
        };
        Some((said, None))
    }

    /// `a dict made at app.py:3 in <module> has 5,120 entries, and an attribute of what holds it says 10,000 …`.
    fn has_room(&self, named: &str, container: &Container, (length, bound): (u64, u64)) -> String {
        format!(
            "{named} has {} entries, and an attribute of what holds it says that it has at most {}{}",
            grouped(length),
            grouped(bound),
            self.full_in_words(container, bound)
        )
    }

    /// `a dict made at app.py:3 in <module> grows ever slower, by 0.26 entries an iteration …`.
    fn slower(&self, what: &str, unit: RateUnit, floors: &Floors) -> String {
        let iterations = self.measurement.iterations.len();
        let step = |from: usize| (floors.lowest[from + 1] - floors.lowest[from]).max(0).unsigned_abs();
        let each = |step: u64| hundredths(step, (iterations / WINDOWS).max(1) as u64);
        let full = floors.would_end_at();
        let (first, last) = (each(step(0)), each(step(WINDOWS - 2)));
        let (counted, end) = match unit {
            RateUnit::Bytes => ("B", Bytes(about(full)).to_string()),
            RateUnit::Entries => ("entries", grouped(about(full))),
            RateUnit::Blocks => ("blocks", grouped(about(full))),
            RateUnit::Descriptors | RateUnit::Threads | RateUnit::Children => ("more", grouped(about(full))),
        };
        format!(
            "{what} grows ever slower, by {first} {counted} an iteration at first and {last} at last; going on \
             like this it would end at about {end}"
        )
    }
}

/// `0.26`, `3`: two decimals at the most; `less than 0.01`.
fn hundredths(total: u64, count: u64) -> String {
    if total > 0 && u128::from(total) * 100 < u128::from(count) {
        return "less than 0.01".to_owned();
    }
    let hundredths = (u128::from(total) * 100 + u128::from(count) / 2) / u128::from(count);
    let said = format!("{}.{:02}", grouped((hundredths / 100) as u64), hundredths % 100);
    said.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// With two digits that say something: more of them would be made up.
fn about(number: i64) -> u64 {
    let number = number.max(0).unsigned_abs();
    let mut unit = 1;
    while number / unit >= 100 {
        unit *= 10;
    }
    (number + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_ends_are_rounded() {
        let said = [(83, 320), (960, 320), (1, 1_000), (400_000, 320)]
            .map(|(total, count)| hundredths(total, count));
        assert_eq!(said, ["0.26", "3", "less than 0.01", "1,250"]);
        assert_eq!([7, 99, 1_994, 2_049, -3].map(about), [7, 99, 2_000, 2_000, 0]);
    }
}
