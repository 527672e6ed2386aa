//! The ceiling of an allowance: `64 B/iteration`, `1 entry/10 iterations`, `16 MiB`, `3 threads`.

use std::str::FromStr;

use crate::finding::RateUnit;
use crate::units::Bytes;

/// The most that an allowance covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// As it was typed.
    pub typed: String,
    /// How much.
    pub amount: u64,
    /// Of what; `None` for a plain number.
    pub unit: Option<RateUnit>,
    /// In how many iterations; `None` for a figure that is no rate.
    pub iterations: Option<u64>,
}

/// Why a text is no ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an amount such as 64 B/iteration, 1 entry/iteration, 2 blocks/10 iterations, 16 MiB or 3")]
pub struct CeilingError;

impl FromStr for Ceiling {
    type Err = CeilingError;

    fn from_str(typed: &str) -> Result<Ceiling, CeilingError> {
        let (amount, iterations) = match typed.split_once('/') {
            Some((amount, per)) => (amount.trim(), Some(iterations(per.trim())?)),
            None => (typed.trim(), None),
        };
        let (amount, unit) = quantity(amount).ok_or(CeilingError)?;
        if unit.is_none() && iterations.is_some() {
            return Err(CeilingError);
        }
        Ok(Ceiling { typed: typed.trim().to_owned(), amount, unit, iterations })
    }
}

/// `iteration`, `10 iterations`.
fn iterations(text: &str) -> Result<u64, CeilingError> {
    if text == "iteration" {
        return Ok(1);
    }
    let number = text.strip_suffix("iterations").or_else(|| text.strip_suffix("iteration"));
    let number = number.and_then(|number| whole(number.trim_end()));
    number.filter(|number| *number > 0).ok_or(CeilingError)
}

fn quantity(text: &str) -> Option<(u64, Option<RateUnit>)> {
    if let Some(number) = whole(text) {
        return Some((number, None));
    }
    let (number, word) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    if let Some(unit) = counted(word.trim()) {
        return Some((whole(number)?, Some(unit)));
    }
    let bytes = text.parse::<Bytes>().ok()?;
    (i64::try_from(bytes.0).is_ok()).then_some((bytes.0, Some(RateUnit::Bytes)))
}

/// What is counted, besides sizes, by its word.
fn counted(word: &str) -> Option<RateUnit> {
    if matches!(word, "fd" | "fds") {
        return Some(RateUnit::Descriptors);
    }
    let mut units = RateUnit::ALL.into_iter().filter(|unit| *unit != RateUnit::Bytes);
    units.find(|unit| [unit.one(), unit.many()].contains(&word))
}

/// A whole number that fits beside signed figures.
fn whole(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && i64::try_from(*number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_are_rates_sizes_and_counts() {
        let cases = [
            ("64 B/iteration", (64, Some(RateUnit::Bytes), Some(1))),
            ("1.5 KiB / iteration", (1_536, Some(RateUnit::Bytes), Some(1))),
            ("1 entry/iteration", (1, Some(RateUnit::Entries), Some(1))),
            ("2 blocks/10 iterations", (2, Some(RateUnit::Blocks), Some(10))),
            ("1 fd/1000 iterations", (1, Some(RateUnit::Descriptors), Some(1_000))),
            ("16 MiB", (16 << 20, Some(RateUnit::Bytes), None)),
            ("3 threads", (3, Some(RateUnit::Threads), None)),
            ("0", (0, None, None)),
        ];
        for (typed, wanted) in cases {
            let ceiling: Ceiling = typed.parse().expect(typed);
            assert_eq!((ceiling.amount, ceiling.unit, ceiling.iterations), wanted, "{typed}");
        }
        let wrong = [
            "",
            "x",
            "64 B/",
            "64/iteration",
            "1 entry/0 iterations",
            "-1",
            "1 apple/iteration",
            "B",
            "64 B/second",
            "99999999999999999999",
            "1 entry/iteration/iteration",
            "1.5 entries/iteration",
        ];
        for typed in wrong {
            assert_eq!(typed.parse::<Ceiling>(), Err(CeilingError), "{typed}");
        }
    }
}
