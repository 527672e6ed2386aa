//! Quantities with their units: sizes and durations as people write and read them. Never guesses a unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes. `Display` prints binary units with one decimal (`7.9 KiB`, `22.5 MiB`), exact below 1 KiB (`512 B`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&human(self.0))
    }
}

fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would print as "1024.0 KiB": it belongs to the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Groups the digits of an exact count by thousands: `645,088`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The units of a size, each with its bytes. Case counts: `MB` and `MiB` differ, `mb` is neither.
pub const SIZE_UNITS: [(&str, u64); 13] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("EiB", 1 << 60),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("EB", 1_000_000_000_000_000_000),
];

/// The units of a duration, each with its milliseconds.
pub const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)];

/// Largest size that is accepted: figures and differences of them are compared as signed numbers.
const LARGEST_SIZE: u64 = i64::MAX as u64;

/// Longest duration that is accepted: a year. Far above any use, far below where clocks overflow.
const LONGEST_MS: u64 = 365 * 24 * 3_600_000;

/// Why a text is not a quantity; the message says what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A number stands alone.
    #[error("a {0} needs a unit: {examples}", examples = .0.examples())]
    MissingUnit(Quantity),
    /// What follows the number is no unit of this quantity.
    #[error("unknown unit `{unit}` of a {quantity}; expected one of {units}", units = .quantity.units())]
    UnknownUnit {
        /// What was typed, control characters removed, at most 20 characters.
        unit: String,
        /// What was wanted.
        quantity: Quantity,
    },
    /// There is no plain decimal number in front.
    #[error("not a {0}; expected a number and a unit: {examples}", examples = .0.examples())]
    NotANumber(Quantity),
    /// Below zero.
    #[error("a {0} cannot be negative")]
    Negative(Quantity),
    /// Larger than the type holds.
    #[error("too large for a {0}; at most {most}", most = .0.most())]
    TooLarge(Quantity),
    /// Not a whole number of the smallest unit.
    #[error("not a whole number of {smallest}; a {0} has no smaller parts", smallest = .0.smallest())]
    Fraction(Quantity),
}

impl UnitError {
    /// The unit that is not known; empty for other errors.
    pub fn unit(&self) -> &str {
        match self {
            UnitError::UnknownUnit { unit, .. } => unit,
            _ => "",
        }
    }
}

/// The quantities that have units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Bytes.
    Size,
    /// Time.
    Duration,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quantity::Size => "size",
            Quantity::Duration => "duration",
        })
    }
}

impl Quantity {
    fn table(self) -> &'static [(&'static str, u64)] {
        match self {
            Quantity::Size => &SIZE_UNITS,
            Quantity::Duration => &DURATION_UNITS,
        }
    }

    fn units(self) -> String {
        self.table().iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join(", ")
    }

    fn examples(self) -> &'static str {
        match self {
            Quantity::Size => "512 B, 512 KiB, 80 MiB",
            Quantity::Duration => "500 ms, 10 s, 5 min",
        }
    }

    fn smallest(self) -> &'static str {
        match self {
            Quantity::Size => "bytes",
            Quantity::Duration => "milliseconds",
        }
    }

    fn most(self) -> &'static str {
        match self {
            Quantity::Size => "8 EiB less one byte",
            Quantity::Duration => "8760 h",
        }
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    /// Reads `80 MiB`, `1.6 GiB`, `64 B`, `100 kB` or `0`. A part of a byte that a larger unit leaves over is dropped.
    fn from_str(text: &str) -> Result<Bytes, UnitError> {
        let bytes = parse(text, Quantity::Size)?;
        if bytes > LARGEST_SIZE {
            return Err(UnitError::TooLarge(Quantity::Size));
        }
        Ok(Bytes(bytes))
    }
}

/// Reads `500 ms`, `10 s`, `5 min`, `1.5 h` or `0`; at most a year.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let ms = parse(text, Quantity::Duration)?;
    if ms > LONGEST_MS {
        return Err(UnitError::TooLarge(Quantity::Duration));
    }
    Ok(Duration::from_millis(ms))
}

/// Prints a duration in the largest unit that keeps it whole: `5 min`, `90 s`, `1500 ms`.
pub fn duration_text(duration: Duration) -> String {
    let ms = duration.as_millis();
    let (unit, size) = DURATION_UNITS
        .iter()
        .rev()
        .find(|(_, size)| ms >= u128::from(*size) && ms.is_multiple_of(u128::from(*size)))
        .unwrap_or(&DURATION_UNITS[0]);
    format!("{} {unit}", ms / u128::from(*size))
}

/// A number and a unit, in the quantity's smallest unit. Decimal arithmetic, so that nothing depends on floats.
fn parse(text: &str, quantity: Quantity) -> Result<u64, UnitError> {
    let text = text.trim();
    if text.starts_with('-') && text[1..].trim_start().starts_with(|c: char| c.is_ascii_digit()) {
        return Err(UnitError::Negative(quantity));
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    let (digits, places) = decimal(number).ok_or(UnitError::NotANumber(quantity))?;
    if unit.is_empty() && digits.bytes().all(|digit| digit == b'0') {
        return Ok(0);
    }
    if unit.is_empty() {
        return Err(UnitError::MissingUnit(quantity));
    }
    let size = quantity.table().iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
    let size = size.ok_or_else(|| UnitError::UnknownUnit { unit: short(unit), quantity })?;
    scale(&digits, places, size, quantity)
}

/// The digits of a decimal number without its point, and how many of them stood behind it.
fn decimal(number: &str) -> Option<(String, usize)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    Some((format!("{whole}{fraction}"), fraction.len()))
}

fn scale(digits: &str, places: usize, size: u64, quantity: Quantity) -> Result<u64, UnitError> {
    // 18 decimal places and a 20-digit whole part keep the product below 2^128.
    let digits = digits.trim_start_matches('0');
    if places > 18 {
        return Err(UnitError::Fraction(quantity));
    }
    if digits.len() > places + 20 {
        return Err(UnitError::TooLarge(quantity));
    }
    let number: u128 =
        if digits.is_empty() { 0 } else { digits.parse().map_err(|_| UnitError::TooLarge(quantity))? };
    let divisor = 10u128.pow(u32::try_from(places).unwrap_or(18));
    let product = number.checked_mul(u128::from(size)).ok_or(UnitError::TooLarge(quantity))?;
    let result = product / divisor;
    if number != 0 && result == 0 || size == 1 && !product.is_multiple_of(divisor) {
        return Err(UnitError::Fraction(quantity));
    }
    u64::try_from(result).map_err(|_| UnitError::TooLarge(quantity))
}

fn short(unit: &str) -> String {
    unit.chars().filter(|c| !c.is_control()).take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_in_the_largest_binary_unit_that_keeps_them_above_one() {
        let shown: Vec<String> =
            [0, 1023, 1024, 8064, 1_048_575, 22_500_000, u64::MAX].map(|n| Bytes(n).to_string()).into();
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "7.9 KiB", "1.0 MiB", "21.5 MiB", "16.0 EiB"]);
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(grouped(645_088), "645,088");
        assert_eq!(grouped(12), "12");
        assert_eq!(grouped(1_000), "1,000");
    }

    #[test]
    fn sizes_are_read_in_binary_and_decimal_units() {
        let read = |text: &str| text.parse::<Bytes>().map(|bytes| bytes.0);
        assert_eq!(read("80 MiB"), Ok(80 << 20));
        assert_eq!(read("1.6 GiB"), Ok(1_717_986_918));
        assert_eq!(read("64 B"), Ok(64));
        assert_eq!(read("100 kB"), Ok(100_000));
        assert_eq!(read("80MiB"), Ok(80 << 20));
        assert_eq!(read("1.50 KiB"), Ok(1_536));
        assert_eq!(read("0"), Ok(0));
        assert_eq!(read("0 MiB"), Ok(0));
        assert_eq!(read("9223372036854775807 B"), Ok(i64::MAX as u64));
        assert_eq!(read("7.999999999999999999 EiB"), Ok(i64::MAX as u64 - 1));
    }

    #[test]
    fn what_is_not_a_size_is_refused_with_what_is_accepted() {
        let refused = |text: &str| text.parse::<Bytes>().map_err(|error| error.to_string()).unwrap_err();
        assert_eq!(refused("512"), "a size needs a unit: 512 B, 512 KiB, 80 MiB");
        assert_eq!(refused("-1 MiB"), "a size cannot be negative");
        assert_eq!(refused("-1"), "a size cannot be negative");
        assert_eq!(refused("9223372036854775808 B"), "too large for a size; at most 8 EiB less one byte");
        assert_eq!(refused("8 EiB"), "too large for a size; at most 8 EiB less one byte");
        assert_eq!(
            refused(&format!("{} B", "9".repeat(400))),
            "too large for a size; at most 8 EiB less one byte"
        );
        assert_eq!(refused("0.5 B"), "not a whole number of bytes; a size has no smaller parts");
        assert_eq!(refused("0.0001 KiB"), "not a whole number of bytes; a size has no smaller parts");
        assert_eq!(
            refused("80 MiBs"),
            "unknown unit `MiBs` of a size; expected one of B, KiB, MiB, GiB, TiB, PiB, EiB, kB, MB, GB, TB, PB, EB"
        );
        for text in
            ["", "MiB", ".5 MiB", "1. MiB", "1..2 MiB", "nan", ".nan", "inf", "+5 MiB", "-", "\u{661} B"]
        {
            assert_eq!(
                refused(text),
                "not a size; expected a number and a unit: 512 B, 512 KiB, 80 MiB",
                "for {text:?}"
            );
        }
        for text in ["1e3 B", "1_000 B", "1,000 B", "80 mib", "80 M", "5 MiB 3", "5 s"] {
            assert!(refused(text).starts_with("unknown unit `"), "for {text:?}");
        }
    }

    #[test]
    fn a_size_that_overflows_by_any_route_is_refused_and_none_panics() {
        for (unit, bytes) in SIZE_UNITS {
            let most = LARGEST_SIZE / bytes;
            assert_eq!(format!("{most} {unit}").parse::<Bytes>(), Ok(Bytes(most * bytes)));
            let over = u128::from(most) + 1;
            assert_eq!(
                format!("{over} {unit}").parse::<Bytes>(),
                Err(UnitError::TooLarge(Quantity::Size)),
                "{over} {unit}"
            );
        }
    }

    #[test]
    fn durations_are_read_with_their_units() {
        let read = |text: &str| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(read("500 ms"), Ok(500));
        assert_eq!(read("10 s"), Ok(10_000));
        assert_eq!(read("5 min"), Ok(300_000));
        assert_eq!(read("1.5 h"), Ok(5_400_000));
        assert_eq!(read("8760 h"), Ok(31_536_000_000));
        assert_eq!(read("8761 h"), Err(UnitError::TooLarge(Quantity::Duration)));
        assert_eq!(read("10"), Err(UnitError::MissingUnit(Quantity::Duration)));
        assert_eq!(read("-3 s"), Err(UnitError::Negative(Quantity::Duration)));
        assert_eq!(read("0.5 ms"), Err(UnitError::Fraction(Quantity::Duration)));
        assert_eq!(
            read("5 m").map_err(|error| error.to_string()),
            Err("unknown unit `m` of a duration; expected one of ms, s, min, h".to_owned())
        );
    }

    #[test]
    fn durations_print_in_the_largest_whole_unit() {
        let shown: Vec<String> = [0, 1, 1_500, 90_000, 300_000, 7_200_000]
            .map(|ms| duration_text(Duration::from_millis(ms)))
            .into();
        assert_eq!(shown, ["0 ms", "1 ms", "1500 ms", "90 s", "5 min", "2 h"]);
    }
}
