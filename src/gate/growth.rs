//! Growth: retained bytes added per iteration, once warm; an exact difference, never an estimate.

use std::ops::Range;

use crate::config::Checkpoints;
use crate::finding::{Holder, Rate, RateUnit};
use crate::gate::measurement::{Garbage, Measurement};
use crate::gate::verdict::{Floors, WINDOWS, window};
use crate::units::{Bytes, grouped};

/// What the judged iterations added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// Live bytes after the last judged iteration above those at the start.
    pub total: i64,
    /// Live blocks, likewise.
    pub blocks: i64,
    /// How many iterations were judged; not 0.
    pub iterations: u64,
    /// Live bytes at the start and after each judged iteration.
    pub series: Vec<u64>,
    /// Number of the first judged iteration, as the program counts it (warm-up included).
    first: u32,
    /// How sure the figures are: `exact`, or how they were seen.
    pub(super) sureness: &'static str,
}

/// Figures that the process froze itself.
pub(super) const EXACT: &str = "exact";
/// Figures of a process that went on while it was looked at.
const SEEN: &str = "the lowest that was seen of each";

/// The growth of a measurement; `None` where there is no start or no judged iteration.
pub fn growth(measurement: &Measurement) -> Option<Growth> {
    let start = measurement.start?;
    let last = measurement.iterations.last()?;
    let first = measurement.iterations.first()?.iteration;
    let live = measurement.iterations.iter().map(|figures| figures.live_bytes);
    Some(Growth {
        total: difference(start.live_bytes, last.live_bytes),
        blocks: difference(start.live_blocks, last.live_blocks),
        iterations: measurement.iterations.len() as u64,
        series: std::iter::once(start.live_bytes).chain(live).collect(),
        first,
        sureness: sureness(measurement),
    })
}

/// How sure the figures of a measurement's iterations are.
pub(super) fn sureness(measurement: &Measurement) -> &'static str {
    match measurement.needs.filter(|needs| needs.garbage != Garbage::Frozen).map(|needs| needs.each) {
        Some(Checkpoints::Time(_) | Checkpoints::Traffic(_)) => SEEN,
        _ => EXACT,
    }
}

fn difference(before: u64, after: u64) -> i64 {
    let exact = i128::from(after) - i128::from(before);
    exact.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

impl Growth {
    /// Whether the rate is above the limit. Compared without dividing: 1,281 bytes in 20 iterations break 64 bytes.
    pub fn exceeds(&self, limit: u64) -> bool {
        let (total, iterations) = self.trend();
        i128::from(total) > i128::from(limit) * i128::from(iterations)
    }

    /// Bytes that a number of iterations added, told from what comes and goes: where the series falls at times, the
    /// lowest point of its last window above that of the first, and the iterations between the two. What goes up and
    /// down from window to window as well does not grow; it may shrink.
    pub fn trend(&self) -> (i64, u64) {
        let whole = (self.total, self.iterations);
        if self.series.is_sorted() || self.series.len() <= WINDOWS {
            return whole;
        }
        let judged = &self.series[1..];
        let at = |of: Range<usize>| {
            let of = |index: &usize| of.contains(&window(*index, judged.len()));
            (0..judged.len()).filter(of).min_by_key(|index| judged[*index])
        };
        let between = |first: Range<usize>, last: Range<usize>| {
            let (first, last) = (at(first)?, at(last)?);
            Some((difference(judged[first], judged[last]), (last - first) as u64))
        };
        let signed: Vec<i64> = judged.iter().map(|live| difference(0, *live)).collect();
        if Floors::of(&signed).is_some_and(|floors| floors.fluctuate()) {
            // One turn of it may take longer than a window.
            let (total, iterations) = between(0..WINDOWS / 2, WINDOWS / 2..WINDOWS).unwrap_or(whole);
            return (total.min(0), iterations);
        }
        between(0..1, WINDOWS - 1..WINDOWS).unwrap_or(whole)
    }

    /// Bytes per iteration, rounded up, so that what breaks a limit also reads as more than it.
    pub fn rate(&self) -> i64 {
        let (total, iterations) = self.trend();
        let (total, iterations) = (i128::from(total), i128::from(iterations));
        let up = i128::from(total > 0 && total % iterations != 0);
        (total / iterations + up) as i64
    }

    /// Bytes per iteration, exactly.
    pub fn exact(&self) -> Rate {
        let (total, iterations) = self.trend();
        Rate { total, iterations, unit: RateUnit::Bytes }
    }

    /// Bytes per iteration for people: `7.9 KiB`, and below 1 KiB with the hundredths that it has: `64.05 B`.
    pub fn rate_in_words(&self) -> String {
        let (total, iterations) = self.trend();
        if total.unsigned_abs() / iterations >= 1024 {
            return Bytes(total.unsigned_abs() / iterations).to_string();
        }
        let hundredths = u128::from(total.unsigned_abs()) * 100 / u128::from(iterations);
        match (hundredths / 100, hundredths % 100) {
            (0, 0) => "less than 0.01 B".to_owned(),
            (whole, 0) => format!("{whole} B"),
            (whole, part) => format!("{} B", format!("{whole}.{part:02}").trim_end_matches('0')),
        }
    }

    /// Whether every iteration added the same.
    pub fn is_even(&self) -> bool {
        let mut steps = self.steps();
        steps.next().is_none_or(|first| steps.all(|step| step == first))
    }

    fn steps(&self) -> impl Iterator<Item = i64> {
        self.series.windows(2).map(|pair| difference(pair[0], pair[1]))
    }

    /// The iteration in which all of the growth came, where it came in one of several.
    fn lone_step(&self) -> Option<u32> {
        let mut moved = self.steps().enumerate().filter(|(_, step)| *step != 0);
        let (index, _) = moved.next()?;
        let alone = moved.next().is_none() && self.iterations > 1;
        alone.then(|| self.first.saturating_add(index as u32))
    }

    /// What the growth comes to, in sentences: total, projection, and what one iteration leaves behind.
    pub fn evidence(&self, largest: Option<&Holder>) -> Vec<String> {
        let mut sentences = vec![format!("{}, {}", self.in_words(), self.sureness)];
        if !self.series.is_sorted() && self.series.len() > WINDOWS {
            let (total, iterations) = self.trend();
            sentences.push(format!(
                "it comes and goes: its lowest points went up by {} B in {} iterations",
                grouped(total.max(0).unsigned_abs()),
                grouped(iterations)
            ));
        }
        match self.lone_step() {
            Some(iteration) if iteration == self.last() => sentences.push(format!(
                "all of it came in the last iteration, {iteration}: only more iterations can tell whether it goes on"
            )),
            Some(iteration) => sentences.push(format!(
                "all of it came in iteration {iteration} and nothing since: one-time growth, such as a cache or a \
                 buffer that was made late, rather than a leak"
            )),
            None => sentences.push(self.projection()),
        }
        sentences.extend(largest.and_then(|holder| self.pattern(holder)));
        sentences
    }

    /// `+645,088 B and +80 blocks in 80 iterations`.
    pub fn in_words(&self) -> String {
        let signed = |quantity: i64| {
            let sign = if quantity < 0 { '-' } else { '+' };
            format!("{sign}{}", grouped(quantity.unsigned_abs()))
        };
        let plural = if self.blocks.unsigned_abs() == 1 { "" } else { "s" };
        let (bytes, blocks) = (signed(self.total), signed(self.blocks));
        format!("{bytes} B and {blocks} block{plural} in {}", self.iterations_in_words())
    }

    fn last(&self) -> u32 {
        let judged = u32::try_from(self.iterations).unwrap_or(u32::MAX);
        self.first.saturating_add(judged).saturating_sub(1)
    }

    /// `20 iterations`.
    pub fn iterations_in_words(&self) -> String {
        let plural = if self.iterations == 1 { "" } else { "s" };
        format!("{} iteration{plural}", grouped(self.iterations))
    }

    fn projection(&self) -> String {
        let (total, iterations) = self.trend();
        let after = |count: u128| {
            let bytes = u128::from(total.unsigned_abs()) * count / u128::from(iterations);
            Bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
        };
        format!("at this rate {} after 1,000 iterations, {} after 100,000", after(1_000), after(100_000))
    }

    /// `one block of 8,056 B per iteration at shop/quotes.py:13 in remember`, where blocks and bytes come out even.
    fn pattern(&self, holder: &Holder) -> Option<String> {
        let place = holder.place.as_ref()?;
        let bytes = holder.bytes.0;
        if holder.blocks == 0 {
            return Some(format!("no new blocks: what grows is a block that is there already, at {place}"));
        }
        let even = holder.blocks.is_multiple_of(self.iterations) && bytes.is_multiple_of(self.iterations);
        if !even {
            return None;
        }
        let each = grouped(bytes / self.iterations);
        match holder.blocks / self.iterations {
            1 => Some(format!("one block of {each} B per iteration at {place}")),
            blocks => {
                Some(format!("{} blocks, {each} B together, per iteration at {place}", grouped(blocks)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Place;
    use crate::gate::measurement::IterationFigures;

    fn of(start: u64, after: &[u64]) -> Growth {
        let figures = |(index, live): (usize, &u64)| IterationFigures {
            iteration: 6 + index as u32,
            live_bytes: *live,
            live_blocks: 3 + index as u64,
            ..Default::default()
        };
        growth(&Measurement {
            start: Some(IterationFigures {
                iteration: 5,
                live_bytes: start,
                live_blocks: 2,
                ..Default::default()
            }),
            iterations: after.iter().enumerate().map(figures).collect(),
            ..Default::default()
        })
        .unwrap()
    }

    fn holder(bytes: u64, blocks: u64) -> Holder {
        Holder {
            bytes: Bytes(bytes),
            blocks,
            stack: vec![],
            more_frames: 0,
            frames: vec![],
            place: Some(Place { file: "app.py".into(), line: 4, function: "keep".into() }),
            domain: "Python objects".into(),
        }
    }

    #[test]
    fn the_rate_is_compared_exactly_and_read_rounded_up() {
        let growth = of(1_000, &[1_500, 2_281]);
        assert_eq!((growth.total, growth.iterations, growth.rate()), (1_281, 2, 641));
        assert!(growth.exceeds(640));
        assert!(!growth.exceeds(641));
        assert_eq!(growth.rate_in_words(), "640.5 B");
    }

    #[test]
    fn a_rate_that_is_exactly_the_limit_is_within_it() {
        let growth = of(0, &[64, 128, 192]);
        assert!(!growth.exceeds(64));
        assert!(growth.exceeds(63));
    }

    #[test]
    fn shrinking_exceeds_no_limit_and_has_a_negative_rate() {
        let growth = of(1_000, &[900, 800]);
        assert!(!growth.exceeds(0));
        assert_eq!(growth.rate(), -100);
    }

    #[test]
    fn small_rates_keep_their_hundredths() {
        let words: Vec<String> = [(1, 20), (1, 1_000), (1_025, 20), (20_480, 20), (161_280, 20)]
            .map(|(total, iterations)| {
                Growth { total, blocks: 0, iterations, series: vec![], first: 1, sureness: EXACT }
                    .rate_in_words()
            })
            .into();
        assert_eq!(words, ["0.05 B", "less than 0.01 B", "51.25 B", "1.0 KiB", "7.9 KiB"]);
    }

    #[test]
    fn evidence_gives_total_projection_and_what_one_iteration_leaves() {
        let growth = of(0, &[8_064, 16_128]);
        assert!(growth.is_even());
        assert_eq!(
            growth.evidence(Some(&holder(16_128, 2))),
            [
                "+16,128 B and +2 blocks in 2 iterations, exact",
                "at this rate 7.7 MiB after 1,000 iterations, 769.0 MiB after 100,000",
                "one block of 8,064 B per iteration at app.py:4 in keep",
            ]
        );
        let two = growth.evidence(Some(&holder(16_128, 4)));
        assert_eq!(two[2], "2 blocks, 8,064 B together, per iteration at app.py:4 in keep");
        let grown = growth.evidence(Some(&holder(16, 0)));
        assert_eq!(
            grown[2],
            "no new blocks: what grows is a block that is there already, at app.py:4 in keep"
        );
        assert_eq!(growth.evidence(Some(&holder(16_128, 3))).len(), 2);
    }

    #[test]
    fn a_lone_step_is_told_from_a_rate() {
        let growth = of(100, &[100, 4_196, 4_196, 4_196]);
        assert!(!growth.is_even());
        assert_eq!(
            growth.evidence(None),
            [
                "+4,096 B and +4 blocks in 4 iterations, exact",
                "all of it came in iteration 7 and nothing since: one-time growth, such as a cache or a buffer that \
                 was made late, rather than a leak"
            ]
        );
        assert_eq!(
            of(0, &[0, 0, 9]).evidence(None)[1],
            "all of it came in the last iteration, 8: only more iterations can tell whether it goes on"
        );
        assert_eq!(
            of(0, &[10]).evidence(None)[1],
            "at this rate 9.8 KiB after 1,000 iterations, 976.6 KiB after 100,000"
        );
    }

    #[test]
    fn what_comes_and_goes_is_no_part_of_the_trend() {
        let sawtooth = |index: u64| 1_000 * (index % 5) + 10 * (index / 5);
        let series: Vec<u64> = (0..40).map(sawtooth).collect();
        let growth = of(0, &series);
        assert_eq!((growth.total, growth.iterations), (4_070, 40));
        assert_eq!(growth.trend(), (70, 35));
        assert_eq!(of(0, &[8, 16, 24, 32, 40, 48, 56, 64]).trend(), (64, 8));
        assert_eq!(of(9, &[1, 2, 1]).trend(), (-8, 3));
    }

    #[test]
    fn a_sawtooth_grows_by_its_floor() {
        // 37 entries of 56 B each, then none.
        let series: Vec<u64> = (40..120).map(|index| 5_000 + 56 * (index % 37)).collect();
        let growth = of(5_000 + 56 * (39 % 37), &series);
        assert!(growth.total > 0 && !growth.exceeds(0));
        assert_eq!(
            (growth.trend().0, growth.rate(), growth.rate_in_words().as_str()),
            (0, 0, "less than 0.01 B")
        );
        let shrinking: Vec<u64> = (0..80).map(|index| 100_000 - 100 * index).collect();
        assert_eq!(of(100_100, &shrinking).rate(), -100);
    }

    #[test]
    fn a_dip_does_not_change_an_exact_rate() {
        let mut series: Vec<u64> = (1..=80).map(|index| 1_000 * index).collect();
        series[43] -= 5_000;
        assert_eq!(of(0, &series).rate(), 1_000);
    }

    #[test]
    fn without_a_start_or_iterations_there_is_no_growth() {
        assert_eq!(growth(&Measurement::default()), None);
        let only_start = Measurement { start: Some(IterationFigures::default()), ..Default::default() };
        assert_eq!(growth(&only_start), None);
    }
}
