//! What a person asked for: which moment, threads merged or apart, how many rows. And figures that cannot overflow.

use std::cmp::Ordering;
use std::iter::Sum;
use std::ops::AddAssign;

use serde::Serialize;

use crate::profile::{Amount, Site, Totals};

/// The moment whose live memory a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum At {
    /// The high-water mark.
    #[default]
    Peak,
    /// The end of the process.
    End,
    /// No moment: what was temporary since the start. For the views that offer it by an option of their own.
    #[value(skip)]
    Temporary,
}

impl At {
    /// What the site held at that moment.
    pub fn of_site(self, site: &Site) -> Size {
        match self {
            At::Peak => site.peak.into(),
            At::End => site.end.into(),
            At::Temporary => site.temporary.into(),
        }
    }

    /// What the process held at that moment.
    pub fn of_totals(self, totals: &Totals) -> Size {
        match self {
            At::Peak => totals.peak.into(),
            At::End => totals.end.into(),
            At::Temporary => totals.temporary.into(),
        }
    }

    /// For headings: `at the peak`.
    pub fn phrase(self) -> &'static str {
        match self {
            At::Peak => "at the peak",
            At::End => "at the end",
            At::Temporary => "temporary, since the start",
        }
    }
}

impl At {
    /// For headings, with what it was: `live at the peak`.
    pub fn state(self) -> String {
        match self {
            At::Peak | At::End => format!("live {}", self.phrase()),
            At::Temporary => self.phrase().into(),
        }
    }
}

/// Whether the same stack in two threads is one row or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Threads {
    /// One row.
    #[default]
    Merged,
    /// A row a thread.
    Apart,
}

/// What a view is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The moment.
    pub at: At,
    /// Threads merged or apart.
    pub threads: Threads,
    /// Most rows to show; `None` leaves it to the view.
    pub limit: Option<usize>,
}

/// Bytes and blocks as views print them; sums saturate, so that a damaged capture gives a wrong figure and no panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Size {
    /// Requested bytes.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
}

impl Size {
    /// Neither bytes nor blocks.
    pub fn is_zero(self) -> bool {
        self == Size::default()
    }

    /// What is left after `part` is taken away.
    pub fn without(self, part: Size) -> Size {
        Size { bytes: self.bytes.saturating_sub(part.bytes), blocks: self.blocks.saturating_sub(part.blocks) }
    }
}

impl From<Amount> for Size {
    fn from(amount: Amount) -> Size {
        Size { bytes: amount.bytes, blocks: amount.blocks }
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Size) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.blocks = self.blocks.saturating_add(other.blocks);
    }
}

impl Sum for Size {
    fn sum<I: Iterator<Item = Size>>(sizes: I) -> Size {
        sizes.fold(Size::default(), |mut sum, size| {
            sum += size;
            sum
        })
    }
}

/// Sorts the first `limit` rows and cuts off the others, unsorted: most of a large profile is never shown.
pub fn cut<T>(rows: &mut Vec<T>, limit: usize, mut order: impl FnMut(&T, &T) -> Ordering) -> Vec<T> {
    if limit < rows.len() {
        rows.select_nth_unstable_by(limit, &mut order);
    }
    let rest = rows.split_off(limit.min(rows.len()));
    rows.sort_by(order);
    rest
}

/// A part of a whole in percent, rounded to hundredths; 0 of an empty whole.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 100.0
}

/// The parts of a whole in tenths of a percent that add up: what rounding down loses goes to the parts that lost most.
///
/// The parts must not overlap; where they make up the whole, the shares make up 1,000.
pub fn shares(parts: &[u64], whole: u64) -> Vec<u32> {
    if whole == 0 {
        return vec![0; parts.len()];
    }
    let whole = u128::from(whole);
    let scaled = |part: &u64| u128::from(*part) * 1000;
    let mut tenths: Vec<u32> = parts.iter().map(|part| (scaled(part) / whole).min(1000) as u32).collect();
    let covered: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    let wanted = ((covered * 1000 + whole / 2) / whole).min(1000) as usize;
    let given: usize = tenths.iter().map(|share| *share as usize).sum();
    let mut by_loss: Vec<usize> = (0..parts.len()).collect();
    by_loss.sort_by_key(|at| std::cmp::Reverse(scaled(&parts[*at]) % whole));
    for at in by_loss.into_iter().take(wanted.saturating_sub(given)) {
        tenths[at] += 1;
    }
    tenths
}

/// Tenths of a percent as people read them: `12.3%`.
pub fn share_text(tenths: u32) -> String {
    format!("{}.{}%", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_divided_whole_add_up_to_a_hundred_percent() {
        for parts in [vec![1, 1, 1], vec![1; 7], vec![5, 0, 995, 1], vec![u64::MAX / 4; 4]] {
            let whole = parts.iter().sum();
            assert_eq!(shares(&parts, whole).iter().sum::<u32>(), 1000, "{parts:?}");
        }
    }

    #[test]
    fn what_rounding_loses_goes_to_the_first_of_those_that_lost_most() {
        assert_eq!(shares(&[1, 1, 1], 3), [334, 333, 333]);
        assert_eq!(shares(&[2, 1], 3), [667, 333]);
        assert_eq!(shares(&[1, 1], 4), [250, 250]);
    }

    #[test]
    fn a_whole_of_nothing_has_shares_of_nothing() {
        assert_eq!(shares(&[0, 0], 0), [0, 0]);
        assert_eq!(percent(0, 0), 0.0);
    }

    #[test]
    fn sums_saturate() {
        let huge = Size { bytes: u64::MAX, blocks: 1 };
        assert_eq!([huge, huge].into_iter().sum::<Size>(), Size { bytes: u64::MAX, blocks: 2 });
    }
}
