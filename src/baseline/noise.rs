//! What differs from run to run though nothing changed: a lock keeps its lines then.

use super::compare::accepts_part;
use super::model::{Accepted, AcceptedFigure, Level, Section};
use crate::finding::{Rate, RateUnit, Unit};

/// Bytes by which a size may differ: the table of names in which the interpreter keeps strings, or a list of files that was
/// read a moment later.
const SMALL: i128 = 4 << 10;

/// What is to be written of a scenario where `before` is what is accepted: what is within noise of it stays as it is there.
///
/// Noise: of a size a thousandth, or 4 KiB if that is more; of bytes an iteration a hundredth; of a count a thousandth; of
/// a rate a hundredth, and of one in bytes half a byte; of a part's, with as many iterations, what is accepted. A figure is always compared with what is accepted, so that small
/// steps do not add up unseen.
pub fn steadied(before: &Section, now: Section) -> Section {
    let mut section = now;
    for (name, figure) in &mut section.figures {
        if let Some(accepted) =
            before.figures.get(name).filter(|accepted| is_figure_alike(**accepted, *figure))
        {
            *figure = *accepted;
        }
    }
    for (identity, finding) in &mut section.findings {
        let known = before.findings.get(identity);
        if let Some(accepted) = known.filter(|accepted| is_alike(accepted, finding)) {
            *finding = accepted.clone();
        }
    }
    section
}

fn is_alike(accepted: &Accepted, now: &Accepted) -> bool {
    let parts =
        |of: &Accepted| of.parts.iter().map(|part| (part.kind, part.identity.clone())).collect::<Vec<_>>();
    let mut pairs = accepted.parts.iter().zip(&now.parts);
    let are_parts_alike =
        parts(accepted) == parts(now) && pairs.all(|(one, other)| is_part_alike(one.rate, other.rate));
    are_parts_alike && is_level_alike(accepted, now)
}

/// With as many iterations a part is compared nearly exactly: what would not be accepted of it is to be written.
fn is_part_alike(accepted: Rate, now: Rate) -> bool {
    let is_comparable = accepted.iterations == now.iterations;
    is_rate_alike(accepted, now) && (!is_comparable || accepts_part(accepted, now, Some(0)))
}

fn is_level_alike(accepted: &Accepted, now: &Accepted) -> bool {
    match (accepted.level, now.level) {
        (Level::Figure(accepted), Level::Figure(now)) => is_figure_alike(accepted, now),
        (Level::Rate(accepted), Level::Rate(now)) => is_rate_alike(accepted, now),
        _ => false,
    }
}

fn is_figure_alike(accepted: AcceptedFigure, now: AcceptedFigure) -> bool {
    let (before, value) = (i128::from(accepted.value), i128::from(now.value));
    let room = match accepted.unit {
        Unit::Bytes => (before.abs() / 1_000).max(SMALL),
        Unit::BytesPerIteration => before.abs() / 100,
        Unit::Count => before.abs() / 1_000,
    };
    // What was nothing and is something is never noise.
    let is_something = (before == 0) == (value == 0);
    accepted.unit == now.unit && is_something && (value - before).abs() <= room
}

/// Both are brought to the same number of iterations, in exact arithmetic.
fn is_rate_alike(accepted: Rate, now: Rate) -> bool {
    let (before, after) = (i128::from(accepted.iterations), i128::from(now.iterations));
    let scaled = i128::from(accepted.total).saturating_mul(after);
    let difference = i128::from(now.total).saturating_mul(before).saturating_sub(scaled).saturating_abs();
    let slack = if accepted.unit == RateUnit::Bytes { after.saturating_mul(before) / 2 } else { 0 };
    let is_something = (accepted.total == 0) == (now.total == 0);
    accepted.unit == now.unit && is_something && difference <= (scaled.saturating_abs() / 100).max(slack)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(unit: Unit, before: i64, now: i64) -> bool {
        let figure = |value| AcceptedFigure { value, unit };
        is_figure_alike(figure(before), figure(now))
    }

    #[test]
    fn a_size_is_alike_within_4_kib_or_a_thousandth_and_a_count_within_a_thousandth() {
        assert!(alike(Unit::Bytes, 1_000_000, 1_004_096));
        assert!(!alike(Unit::Bytes, 1_000_000, 1_004_097));
        assert!(alike(Unit::Bytes, 10_000_000, 9_990_000));
        assert!(!alike(Unit::Bytes, 10_000_000, 9_989_999));
        assert!(!alike(Unit::Bytes, 0, 1) && !alike(Unit::Bytes, 1, 0));
        assert!(alike(Unit::Count, 236_845, 236_850) && !alike(Unit::Count, 20, 21));
        assert!(alike(Unit::BytesPerIteration, 1_000, 1_010));
        assert!(!alike(Unit::BytesPerIteration, 1_000, 1_011));
    }

    #[test]
    fn a_rate_is_alike_whatever_the_number_of_iterations() {
        let alike = |unit, before: (i64, u64), now: (i64, u64)| {
            let rate = |(total, iterations)| Rate { total, iterations, unit };
            is_rate_alike(rate(before), rate(now))
        };
        assert!(alike(RateUnit::Bytes, (20_000, 20), (80_800, 80)));
        assert!(!alike(RateUnit::Bytes, (20_000, 20), (80_801, 80)));
        assert!(alike(RateUnit::Bytes, (20, 20), (120, 80)));
        assert!(!alike(RateUnit::Bytes, (20, 20), (121, 80)));
        assert!(alike(RateUnit::Threads, (20, 20), (80, 80)));
        assert!(!alike(RateUnit::Threads, (20, 20), (81, 80)));
        assert!(!alike(RateUnit::Bytes, (i64::MAX, 1), (i64::MIN, u64::MAX)));
    }
}
