//! What a lock says to people.

use super::compare::Change;
use super::model::Level;
use super::packages::PackageChange;
use crate::finding::{Rate, RateUnit, Unit};
use crate::units::{Bytes, grouped};

/// Packages that are named.
const NAMED: usize = 4;

/// The unit of a figure as a lock has it; empty for counts.
pub(super) fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "B",
        Unit::BytesPerIteration => "B/iteration",
        Unit::Count => "",
    }
}

/// `7.9 KiB an iteration`, `96.2 MiB`, `12`.
pub fn level(level: Level) -> String {
    match level {
        Level::Rate(rate) => self::rate(rate),
        Level::Figure(figure) if figure.unit == Unit::BytesPerIteration => {
            format!("{} an iteration", figure.unit.show(figure.value))
        }
        Level::Figure(figure) => figure.unit.show(figure.value),
        Level::Present => "present".to_owned(),
    }
}

/// `12 B an iteration more`, where both were rounded to the same; `None` where what they are tells.
pub fn more(before: Rate, now: Rate) -> Option<String> {
    let is_comparable =
        before.iterations == now.iterations && before.unit == now.unit && now.total > before.total;
    let more = Rate { total: now.total - before.total, ..now };
    (is_comparable && rate(before) == rate(now)).then(|| format!("{} more", rate(more)))
}

/// `7.9 KiB an iteration`, `0.1 entries an iteration`.
fn rate(rate: Rate) -> String {
    let sign = if rate.total < 0 { "-" } else { "" };
    let hundredths = u128::from(rate.total.unsigned_abs()) * 100 / u128::from(rate.iterations.max(1));
    let whole = u64::try_from(hundredths / 100).unwrap_or(u64::MAX);
    let rest = hundredths % 100;
    let parts = match rest {
        0 => String::new(),
        _ => format!(".{}", format!("{rest:02}").trim_end_matches('0')),
    };
    if rate.unit == RateUnit::Bytes && (whole >= 1024 || rest == 0) {
        return format!("{sign}{} an iteration", Bytes(whole));
    }
    let unit = if hundredths == 100 { rate.unit.one() } else { rate.unit.many() };
    format!("{sign}{}{parts} {unit} an iteration", grouped(whole))
}

/// `requests 2.31.0 → 2.32.0, +2 more`; `None` where nothing changed.
pub fn packages(changes: &[PackageChange]) -> Option<String> {
    let one = |change: &PackageChange| match (&change.before, &change.now) {
        (Some(before), Some(now)) => format!("{} {before} → {now}", change.name),
        (None, Some(now)) => format!("{} {now} is new", change.name),
        (Some(before), None) => format!("{} {before} is gone", change.name),
        (None, None) => change.name.clone(),
    };
    let named: Vec<String> = changes.iter().take(NAMED).map(one).collect();
    let more = match changes.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", +{} more", grouped(more as u64)),
    };
    (!named.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}

/// A line a change: `peak 61.2 MiB → 61.3 MiB (+1,024 B)`.
pub fn change(change: &Change) -> String {
    match change {
        Change::Figure { name, before: Some(before), now: Some(now) } => {
            let difference = now.value.saturating_sub(before.value);
            let sign = if difference > 0 { "+" } else { "" };
            let unit = format!(" {}", unit_word(now.unit));
            format!(
                "{name} {} → {} ({sign}{}{})",
                before.unit.show(before.value),
                now.unit.show(now.value),
                Unit::Count.show(difference),
                unit.trim_end()
            )
        }
        Change::Figure { name, before: None, now: Some(now) } => {
            format!("{name} {} is new", now.unit.show(now.value))
        }
        Change::Figure { name, before: Some(before), .. } => {
            format!("{name} {} is gone", before.unit.show(before.value))
        }
        Change::Figure { name, .. } => name.clone(),
        Change::Finding { identity, rule, before, now } => {
            format!("{rule} {}: {}", identity.value, levels(*before, *now))
        }
        Change::Part { rule, kind, identity, about, before, now } => {
            let about = if about.is_empty() { String::new() } else { format!(" ({about})") };
            let levels = levels(before.map(Level::Rate), now.map(Level::Rate));
            format!("{rule}, {} {}{about}: {levels}", kind.word(), identity.value)
        }
    }
}

fn levels(before: Option<Level>, now: Option<Level>) -> String {
    match (before, now) {
        (Some(before), Some(now)) => format!("{} → {}", level(before), level(now)),
        (None, Some(now)) => format!("{} is new", level(now)),
        (Some(before), None) => format!("{} is gone", level(before)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_said_as_people_count() {
        let said = |total, iterations, unit| rate(Rate { total, iterations, unit });
        assert_eq!(said(645_120, 80, RateUnit::Bytes), "7.9 KiB an iteration");
        assert_eq!(said(640, 80, RateUnit::Bytes), "8 B an iteration");
        assert_eq!(said(25, 80, RateUnit::Bytes), "0.31 B an iteration");
        assert_eq!(said(8, 80, RateUnit::Entries), "0.1 entries an iteration");
        assert_eq!(said(80, 80, RateUnit::Threads), "1 thread an iteration");
        assert_eq!(said(-80, 80, RateUnit::Blocks), "-1 block an iteration");
    }
}
