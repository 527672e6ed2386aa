//! Days of the calendar, as allowances end on them: `2027-03-31`, in UTC.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Why a text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a day that exists, such as 2027-03-31")]
pub struct DateError;

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Date, DateError> {
        let is_shaped = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !is_shaped {
            return Err(DateError);
        }
        let number = |range: std::ops::Range<usize>| text[range].parse::<u16>().map_err(|_| DateError);
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let days = days_of(year, month).ok_or(DateError)?;
        match (u8::try_from(month), u8::try_from(day)) {
            (Ok(month), Ok(day)) if (1..=days).contains(&day) => Ok(Date { year, month, day }),
            _ => Err(DateError),
        }
    }
}

/// How many days a month has.
fn days_of(year: u16, month: u16) -> Option<u8> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if is_leap => Some(29),
        2 => Some(28),
        _ => None,
    }
}

impl Date {
    /// The day that it is, in UTC.
    pub fn today() -> Date {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Date::of_day(since.as_secs() / 86_400)
    }

    /// The day so many days after 1970-01-01.
    fn of_day(mut days: u64) -> Date {
        // A year a step: a few dozen steps for any day that this program will see.
        for year in 1970..=9999u16 {
            for month in 1..=12u8 {
                let length = u64::from(days_of(year, u16::from(month)).unwrap_or(31));
                if days < length {
                    return Date { year, month, day: days as u8 + 1 };
                }
                days -= length;
            }
        }
        Date { year: 9999, month: 12, day: 31 }
    }
}

impl Date {
    /// Days since 1970-01-01; none for what was before.
    pub fn days(self) -> u64 {
        let years = (1970..self.year).flat_map(|year| (1..=12).map(move |month| (year, month)));
        let months = years.chain((1..u16::from(self.month)).map(|month| (self.year, month)));
        let days: u64 = months.filter_map(|(year, month)| days_of(year, month)).map(u64::from).sum();
        if self.year < 1970 { 0 } else { days + u64::from(self.day) - 1 }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_exist_are_read_and_no_others() {
        for day in ["2027-03-31", "2028-02-29", "2000-02-29"] {
            assert_eq!(day.parse::<Date>().map(|date| date.to_string()).as_deref(), Ok(day));
        }
        for wrong in [
            "2027-02-29",
            "2100-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-04-31",
            "2027-1-1",
            "27-01-01",
            "2027/01/01",
            "2027-01-00",
            "+027-01-01",
            "",
        ] {
            assert_eq!(wrong.parse::<Date>(), Err(DateError), "{wrong}");
        }
    }

    #[test]
    fn days_are_ordered_and_counted_from_1970() {
        let date = |text: &str| text.parse::<Date>().expect("a day");
        assert!(date("2027-03-31") < date("2027-04-01") && date("2026-12-31") < date("2027-01-01"));
        for (days, text) in
            [(0, "1970-01-01"), (11_016, "2000-02-29"), (11_017, "2000-03-01"), (20_832, "2027-01-14")]
        {
            assert_eq!(Date::of_day(days), date(text));
        }
    }
}
