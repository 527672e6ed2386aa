//! How much an owner keeps with every iteration, as a sentence goes on.

use crate::finding::{Rate, RateUnit};
use crate::gate::leak::{bytes_each, more, when};

/// A rate that was seen fewer times is about that.
const CERTAIN: i64 = 16;

/// What some iterations added to an owner.
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
    /// `1 more thread is alive after every iteration`.
    pub(super) fn counted(&self, count: u64, noun: &str) -> String {
        let total = i64::try_from(count).unwrap_or(i64::MAX);
        let rate = Rate { total, iterations: u64::from(self.iterations), unit: RateUnit::Entries };
        format!("{} {}", more(total, rate.iterations, noun), when(rate))
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
    fn gains_are_said_as_people_count() {
        let said =
            |entries, objects, bytes, iterations| Gains { entries, objects, bytes, iterations }.in_words();
        assert_eq!(said(8, 8, 64_512, 8), "keeps 1 more entry, 7.9 KiB, after every iteration");
        assert_eq!(said(0, 16, 800, 8), "keeps 2 more objects, 100 B, after every iteration");
        assert_eq!(said(4, 0, 0, 40), "keeps 1 more entry every 10 iterations");
        assert_eq!(said(4, 4, 400, 40), "keeps 1 more entry every 10 iterations, 10 B an iteration");
        assert_eq!(said(4, 0, 0, 395), "keeps 1 more entry about every 99 iterations");
        assert_eq!(said(0, 0, 400, 10), "keeps 40 B more an iteration");
        let gains = Gains { entries: 16, objects: 40, bytes: 0, iterations: 8 };
        assert_eq!(gains.counted(8, "thread is alive"), "1 more thread is alive after every iteration");
    }
}
