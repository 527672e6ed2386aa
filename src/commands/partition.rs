//! `--partition hash:2/4`: the part of the scenarios that one of several machines runs. Which part a scenario is in
//! depends on its name alone, so that a new one moves no other.

use std::str::FromStr;

use crate::config::Scenario;
use crate::outcome::Partition;
use crate::stable_hash;

/// Most parts: more machines than anybody has.
const MOST: u32 = 10_000;

/// A part, as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Which, from 1.
    index: u32,
    /// How many there are.
    of: u32,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        let wrong = || "expected hash:INDEX/PARTS, for example hash:2/4 for the second of four".to_owned();
        let (index, of) =
            text.strip_prefix("hash:").and_then(|part| part.split_once('/')).ok_or_else(wrong)?;
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>().ok().filter(|_| is_plain).ok_or_else(wrong)
        };
        let (index, of) = (number(index)?, number(of)?);
        if of == 0 || of > MOST {
            return Err(format!("there can be 1 to {MOST} parts, not {of}"));
        }
        if index == 0 || index > of {
            return Err(format!("of {of} parts the first is 1 and the last {of}; there is no part {index}"));
        }
        Ok(Part { index, of })
    }
}

impl Part {
    /// Those of `chosen` that are in this part, in their order, and what the report says of it.
    pub(super) fn take(self, chosen: Vec<&Scenario>) -> (Vec<&Scenario>, Partition) {
        let partition = Partition { index: self.index, of: self.of, scenarios: chosen.len() };
        (chosen.into_iter().filter(|scenario| self.has(&scenario.name)).collect(), partition)
    }

    fn has(self, name: &str) -> bool {
        stable_hash::spread(name) % u64::from(self.of) == u64::from(self.index - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_exactly_one_part() {
        for of in [1, 2, 3, 16] {
            for name in (0..200).map(|index| format!("scenario-{index}")) {
                let parts = (1..=of).filter(|index| Part { index: *index, of }.has(&name));
                assert_eq!(parts.count(), 1, "{name} of {of}");
            }
        }
    }

    #[test]
    fn the_part_of_a_name_is_the_same_for_all_time() {
        let part = |name: &str| (1..=4).find(|index| Part { index: *index, of: 4 }.has(name));
        assert_eq!(
            ["quote", "import-app", "report", "load-model"].map(part),
            [Some(4), Some(3), Some(1), Some(3)]
        );
    }

    #[test]
    fn what_is_no_part_says_what_is_expected() {
        let expected = "expected hash:INDEX/PARTS, for example hash:2/4 for the second of four";
        for text in ["", "2/4", "hash:2", "hash:/4", "hash:2/", "hash:+1/4", "hash:1/4/4", "count:1/4"] {
            assert_eq!(text.parse::<Part>().expect_err(text), expected, "{text}");
        }
        assert_eq!(
            "hash:5/4".parse::<Part>().expect_err("5 of 4"),
            "of 4 parts the first is 1 and the last 4; there is no part 5"
        );
        assert_eq!(
            "hash:0/4".parse::<Part>().expect_err("0 of 4"),
            "of 4 parts the first is 1 and the last 4; there is no part 0"
        );
        assert_eq!("hash:1/0".parse::<Part>().expect_err("0"), "there can be 1 to 10000 parts, not 0");
        assert_eq!("hash:2/4".parse::<Part>(), Ok(Part { index: 2, of: 4 }));
    }
}
