//! How much an owner keeps with every iteration, as a sentence goes on.

use crate::finding::{Finding, Rate, RateUnit};
use crate::gate::leak::bytes_each;
use crate::gate::pace::{more, when};

/// A rate that was seen fewer times is about that.
const CERTAIN: i64 = 16;
/// What a few iterations show may be so many times as much as what many do, or as little.
const FAR: u128 = 4;

/// What the judged iterations added to the one container that grows: they are many more than those between two snapshots.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// Its entries.
    pub entries: Rate,
    /// Bytes of the whole process, where it is these that leak.
    pub bytes: Option<Rate>,
}

impl Judged {
    /// What a finding says of the one container that it is about.
    pub fn of(finding: &Finding) -> Option<Judged> {
        let entries = finding.entries.filter(|entries| finding.containers.len() == 1 && entries.total > 0)?;
        Some(Judged { entries, bytes: finding.rate.filter(|rate| rate.unit == RateUnit::Bytes) })
    }
}

/// What some iterations added to an owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gains {
    /// Entries.
    pub entries: u64,
    /// Objects, entries and what hangs on them.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes: u64,
    /// How many iterations there were; not 0.
    pub iterations: u32,
}

impl Gains {
    /// The same, as it was counted over the judged iterations. What every iteration adds is seen well enough in a few,
    /// and in those without what the table of the container takes; all else is not.
    pub(super) fn over(self, judged: Option<Judged>) -> Gains {
        let Some(Judged { entries, bytes }) = judged else { return self };
        let (total, seen) = (u128::from(entries.total.unsigned_abs()), u128::from(self.entries));
        let exact = total * u128::from(self.iterations);
        let about = seen * u128::from(entries.iterations);
        // Another container, if it is far from that.
        let is_it = seen > 0 && exact <= FAR * about && about <= FAR * exact;
        let Ok(iterations) = u32::try_from(entries.iterations) else { return self };
        let is_of_every = exact == about && entries.total.unsigned_abs().is_multiple_of(entries.iterations);
        if !is_it || is_of_every {
            return self;
        }
        let same = bytes.filter(|bytes| bytes.iterations == entries.iterations && bytes.total > 0);
        let bytes = match same {
            Some(bytes) => bytes.total.unsigned_abs(),
            None => u64::try_from(u128::from(self.bytes) * total / seen).unwrap_or(u64::MAX),
        };
        Gains { entries: entries.total.unsigned_abs(), bytes, iterations, ..self }
    }

    /// `1 more thread is alive after every iteration`.
    pub(super) fn counted(&self, count: u64, noun: &str) -> String {
        let total = i64::try_from(count).unwrap_or(i64::MAX);
        let rate = Rate { total, iterations: u64::from(self.iterations), unit: RateUnit::Entries };
        format!("{} {}", more(total, rate.iterations, noun), when(rate))
    }

    /// `1 more `x.Order`, 1.2 KiB with all it holds, is kept after every iteration`.
    pub(super) fn lost(&self, type_name: &str) -> String {
        let count = if self.entries > 0 { self.entries } else { self.objects };
        let said = self.counted(count, &format!("`{type_name}` is kept"));
        let total = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        let bytes = bytes_each(Rate { total, iterations: u64::from(self.iterations), unit: RateUnit::Bytes });
        let verb = if said.contains("` are kept") { " are kept" } else { " is kept" };
        let Some((what, when)) = said.split_once(verb).filter(|_| total > 0) else { return said };
        let all = match (self.objects > count, verb) {
            (false, _) => "",
            (true, " is kept") => " with all it holds",
            (true, _) => " with all they hold",
        };
        match when {
            " after every iteration" => format!("{what}, {bytes}{all},{verb}{when}"),
            _ => format!("{said}, {bytes} an iteration{all},"),
        }
    }

    /// `keeps 1 more entry, 7.9 KiB, after every iteration`.
    pub(super) fn in_words(&self) -> String {
        let iterations = u64::from(self.iterations);
        let (count, noun) = match (self.entries, self.objects) {
            (0, 0) => {
                let total = i64::try_from(self.bytes).unwrap_or(i64::MAX);
                return format!(
                    "keeps {} more an iteration",
                    bytes_each(Rate { total, iterations, unit: RateUnit::Bytes })
                );
            }
            (0, objects) => (objects, "object"),
            (entries, _) => (entries, "entry"),
        };
        let rate =
            Rate { total: i64::try_from(count).unwrap_or(i64::MAX), iterations, unit: RateUnit::Entries };
        let (more, mut when) = (more(rate.total, iterations, noun), when(rate));
        let is_even = rate.total > 0 && iterations.is_multiple_of(rate.total.unsigned_abs());
        if rate.total < CERTAIN && !is_even && when.starts_with("every ") {
            when = format!("about {when}");
        }
        let total = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        let bytes = bytes_each(Rate { total, iterations, unit: RateUnit::Bytes });
        match (total, when.as_str()) {
            (0, _) => format!("keeps {more} {when}"),
            (_, "after every iteration") => format!("keeps {more}, {bytes}, {when}"),
            _ => format!("keeps {more} {when}, {bytes} an iteration"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_over_the_judged_iterations_is_said_and_not_what_a_few_showed() {
        let rate = |total, iterations, unit| Rate { total, iterations, unit };
        let over = |entries, seen: u64, bytes: Option<i64>| {
            let bytes = bytes.map(|total| rate(total, 200, RateUnit::Bytes));
            let judged = Judged { entries: rate(entries, 200, RateUnit::Entries), bytes };
            Gains { entries: seen, objects: seen, bytes: 16 * seen, iterations: 40 }
                .over(Some(judged))
                .in_words()
        };
        assert_eq!(over(20, 3, Some(480)), "keeps 1 more entry every 10 iterations, 2.4 B an iteration");
        assert_eq!(over(20, 3, None), "keeps 1 more entry every 10 iterations, 1.6 B an iteration");
        assert_eq!(over(200, 40, Some(4_800)), "keeps 1 more entry, 16 B, after every iteration");
        assert_eq!(over(20, 20, Some(480)), "keeps 1 more entry every 2 iterations, 8 B an iteration");
    }

    #[test]
    fn of_what_is_lost_only_that_is_counted_which_nothing_refers_to() {
        let said = |entries, objects, bytes, iterations| {
            Gains { entries, objects, bytes, iterations }.lost("app.Order")
        };
        let one = "1 more `app.Order`, 100 B with all it holds, is kept after every iteration";
        assert_eq!(said(8, 32, 800, 8), one);
        assert_eq!(said(8, 8, 800, 8), "1 more `app.Order`, 100 B, is kept after every iteration");
        let two = "2 more `app.Order`, 200 B with all they hold, are kept after every iteration";
        assert_eq!(said(16, 32, 1_600, 8), two);
        let seldom = "1 more `app.Order` is kept every 10 iterations, 10 B an iteration with all it holds,";
        assert_eq!(said(4, 8, 400, 40), seldom);
        assert_eq!(said(8, 8, 0, 8), "1 more `app.Order` is kept after every iteration");
    }

    #[test]
    fn gains_are_said_as_people_count() {
        let said =
            |entries, objects, bytes, iterations| Gains { entries, objects, bytes, iterations }.in_words();
        assert_eq!(said(8, 8, 64_512, 8), "keeps 1 more entry, 7.9 KiB, after every iteration");
        assert_eq!(said(0, 16, 800, 8), "keeps 2 more objects, 100 B, after every iteration");
        assert_eq!(said(4, 0, 0, 40), "keeps 1 more entry every 10 iterations");
        assert_eq!(said(4, 4, 400, 40), "keeps 1 more entry every 10 iterations, 10 B an iteration");
        assert_eq!(said(30, 0, 0, 20), "keeps 3 more entries every 2 iterations");
        assert_eq!(said(4, 0, 0, 395), "keeps 1 more entry about every 99 iterations");
        assert_eq!(said(0, 0, 400, 10), "keeps 40 B more an iteration");
        let gains = Gains { entries: 16, objects: 40, bytes: 0, iterations: 8 };
        assert_eq!(gains.counted(8, "thread is alive"), "1 more thread is alive after every iteration");
    }
}
