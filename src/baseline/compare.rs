//! What is accepted: whether a finding is no worse than it was, how much more a figure may be, and what changed.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{AcceptedFigure, Identity, Level, Section};
use crate::config::Increase;
use crate::finding::{PartKind, Rate, RateUnit, Unit};

/// A share of a percent is counted in hundredths.
const WHOLE: i128 = 10_000;

/// A difference between two sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Of a figure.
    Figure {
        /// Its name.
        name: String,
        /// What it was; `None`: it is new.
        before: Option<AcceptedFigure>,
        /// What it is; `None`: it is gone.
        now: Option<AcceptedFigure>,
    },
    /// Of a finding.
    Finding {
        /// Which.
        identity: Identity,
        /// Its rule.
        rule: String,
        /// How bad it was; `None`: it is new.
        before: Option<Level>,
        /// How bad it is; `None`: it is gone.
        now: Option<Level>,
    },
    /// Of a part of a finding.
    Part {
        /// The finding's rule.
        rule: String,
        /// What the part is.
        kind: PartKind,
        /// Which.
        identity: Identity,
        /// Where it is, for people.
        about: String,
        /// What it added; `None`: it is new.
        before: Option<Rate>,
        /// What it adds; `None`: it is gone.
        now: Option<Rate>,
    },
}

/// Whether a finding is at or below what was accepted of it, with a little room for what is not the program's doing.
///
/// Room: of a rate of bytes a tenth or 16 B an iteration, whichever is more, because a list or a dictionary does not grow
/// evenly; of other rates a tenth or one in all; of a figure in bytes a hundredth or 64 KiB; of a count a hundredth.
pub fn accepts(accepted: Level, now: Level) -> bool {
    match (accepted, now) {
        (Level::Rate(accepted), Level::Rate(now)) => accepts_rate(accepted, now),
        (Level::Figure(accepted), Level::Figure(now)) => {
            accepted.unit == now.unit && i128::from(now.value) <= i128::from(accepted.value) + room(accepted)
        }
        // Nothing was measured when it was accepted.
        (Level::Present, _) => true,
        _ => false,
    }
}

fn room(accepted: AcceptedFigure) -> i128 {
    let value = i128::from(accepted.value.unsigned_abs());
    match accepted.unit {
        Unit::Bytes => (value / 100).max(64 << 10),
        Unit::BytesPerIteration => (value / 10).max(16),
        Unit::Count => value / 100,
    }
}

/// Whether a part of a leak adds no more than was accepted of it. With as many iterations as then a list or a dictionary gets
/// larger at the same ones: what is left of the room is 2 B an iteration, or what its own windows differ by (`spread`), whichever is
/// more; of what is counted, one in all.
pub fn accepts_part(accepted: Rate, now: Rate, spread: Option<u64>) -> bool {
    let is_comparable = accepted.iterations == now.iterations;
    let Some(spread) = spread.filter(|_| is_comparable) else { return accepts_rate(accepted, now) };
    let slack = if accepted.unit == RateUnit::Bytes { now.iterations.saturating_mul(2) } else { 1 };
    let most = i128::from(accepted.total) + i128::from(slack.max(spread));
    accepts_rate(accepted, now) && i128::from(now.total) <= most
}

/// Both rates are brought to the same number of iterations, in exact arithmetic.
fn accepts_rate(accepted: Rate, now: Rate) -> bool {
    let (before, after) = (i128::from(accepted.iterations), i128::from(now.iterations));
    let slack = if accepted.unit == RateUnit::Bytes { after.saturating_mul(16) } else { 1 };
    let scaled = i128::from(accepted.total).saturating_mul(after);
    let room = (scaled.abs() / 10).max(slack.saturating_mul(before));
    accepted.unit == now.unit && i128::from(now.total).saturating_mul(before) <= scaled.saturating_add(room)
}

/// The most that a figure may be by its increase over the baseline: inclusive.
pub fn allowed(increase: Increase, baseline: i64) -> i64 {
    let base = i128::from(baseline);
    let by_share = increase.share.map(|share| base + base.abs() * i128::from(share) / WHOLE);
    let by_amount = increase.amount.map(|amount| base + i128::from(amount));
    // Both must be exceeded: the larger one counts.
    let most = by_share.max(by_amount).unwrap_or(base);
    i64::try_from(most).unwrap_or(if most > 0 { i64::MAX } else { i64::MIN })
}

/// What differs from one section to another: figures, then findings.
pub fn changes(before: &Section, now: &Section) -> Vec<Change> {
    let names =
        before.figures.keys().chain(now.figures.keys().filter(|name| !before.figures.contains_key(*name)));
    let figures = names.filter_map(|name| {
        let (before, now) = (before.figures.get(name).copied(), now.figures.get(name).copied());
        (before != now).then(|| Change::Figure { name: name.clone(), before, now })
    });
    let known = |identity: &&Identity| !before.findings.contains_key(*identity);
    let identities = before.findings.keys().chain(now.findings.keys().filter(known));
    let findings = identities.filter_map(|identity| {
        let (before, now) = (before.findings.get(identity), now.findings.get(identity));
        let rule = now.or(before).map(|accepted| accepted.rule.clone()).unwrap_or_default();
        let (before, now) = (before.map(|accepted| accepted.level), now.map(|accepted| accepted.level));
        (before != now).then(|| Change::Finding { identity: identity.clone(), rule, before, now })
    });
    figures.chain(findings).chain(changed_parts(before, now)).collect()
}

/// Parts of leaks that are new or gone. How much they add is a matter of their finding.
fn changed_parts(before: &Section, now: &Section) -> Vec<Change> {
    let (before, now) = (parts(before), parts(now));
    let keys: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let changed = keys.into_iter().filter(|key| {
        let count = |of: &Parts| of.get(*key).map(|parts| parts.count);
        count(&before) != count(&now)
    });
    let change = |key: &(Identity, String, PartKind)| {
        let rate = |of: &Parts| of.get(key).map(|parts| parts.rate);
        let about = now.get(key).or(before.get(key)).map(|parts| parts.about.clone()).unwrap_or_default();
        let (identity, rule, kind) = key.clone();
        Change::Part { rule, kind, identity, about, before: rate(&before), now: rate(&now) }
    };
    changed.map(change).collect()
}

/// The parts of a rule's findings by their identity.
type Parts = BTreeMap<(Identity, String, PartKind), Together>;

/// Parts with the same identity.
struct Together {
    count: usize,
    /// What they add together.
    rate: Rate,
    about: String,
}

/// The parts of a section, but for those that have the fingerprint of their finding.
fn parts(section: &Section) -> Parts {
    let mut parts = Parts::new();
    for (of, accepted) in &section.findings {
        for part in accepted.parts.iter().filter(|part| part.identity != of.value) {
            let identity = Identity { scheme: of.scheme, value: part.identity.clone() };
            let key = (identity, accepted.rule.clone(), part.kind);
            let nothing = Rate { total: 0, ..part.rate };
            let nothing = Together { count: 0, rate: nothing, about: part.about.clone() };
            let together = parts.entry(key).or_insert(nothing);
            together.count += 1;
            together.rate.total = together.rate.total.saturating_add(part.rate.total);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(total: i64, iterations: u64, unit: RateUnit) -> Level {
        Level::Rate(Rate { total, iterations, unit })
    }

    fn figure(value: i64, unit: Unit) -> Level {
        Level::Figure(AcceptedFigure { value, unit })
    }

    #[test]
    fn a_rate_is_accepted_up_to_a_tenth_more_whatever_the_number_of_iterations() {
        let accepted = rate(8_000 * 80, 80, RateUnit::Bytes);
        assert!(accepts(accepted, rate(8_800 * 160, 160, RateUnit::Bytes)));
        assert!(!accepts(accepted, rate(8_800 * 160 + 1, 160, RateUnit::Bytes)));
        assert!(accepts(accepted, rate(1, 160, RateUnit::Bytes)));
        assert!(!accepts(accepted, rate(1, 160, RateUnit::Blocks)), "blocks are no bytes");
    }

    #[test]
    fn a_small_rate_has_sixteen_bytes_of_room_and_a_count_one_in_all() {
        let accepted = rate(8 * 80, 80, RateUnit::Bytes);
        assert!(accepts(accepted, rate(24 * 80, 80, RateUnit::Bytes)));
        assert!(!accepts(accepted, rate(24 * 80 + 1, 80, RateUnit::Bytes)));
        let accepted = rate(8, 80, RateUnit::Threads);
        assert!(accepts(accepted, rate(9, 80, RateUnit::Threads)));
        assert!(!accepts(accepted, rate(10, 80, RateUnit::Threads)));
    }

    #[test]
    fn a_part_has_two_bytes_of_room_where_both_runs_had_as_many_iterations() {
        let bytes = |total, iterations| Rate { total, iterations, unit: RateUnit::Bytes };
        let accepted = bytes(8_000 * 80, 80);
        let more = |by: i64| accepts_part(accepted, bytes(8_000 * 80 + by, 80), Some(0));
        assert!(more(160) && !more(161));
        // Random sizes differ by more, and a tenth is the most in any case.
        assert!(accepts_part(accepted, bytes(8_010 * 80, 80), Some(800)));
        assert!(!accepts_part(accepted, bytes(8_801 * 80, 80), Some(u64::MAX)));
        // Tables are caught at another size; nothing is known of how even it is.
        assert!(accepts_part(accepted, bytes(8_800 * 160, 160), Some(0)));
        assert!(accepts_part(accepted, bytes(8_800 * 80, 80), None));
        let entries = |total| Rate { total, iterations: 80, unit: RateUnit::Entries };
        assert!(accepts_part(entries(800), entries(801), Some(0)));
        assert!(!accepts_part(entries(800), entries(802), Some(0)));
    }

    #[test]
    fn a_figure_has_a_hundredth_of_room_and_small_sizes_64_kib() {
        let accepted = figure(100 << 20, Unit::Bytes);
        assert!(accepts(accepted, figure(101 << 20, Unit::Bytes)));
        assert!(!accepts(accepted, figure((101 << 20) + 1, Unit::Bytes)));
        assert!(accepts(figure(0, Unit::Bytes), figure(64 << 10, Unit::Bytes)));
        assert!(accepts(figure(3, Unit::Count), figure(3, Unit::Count)));
        assert!(!accepts(figure(3, Unit::Count), figure(4, Unit::Count)));
        assert!(!accepts(figure(3, Unit::Count), figure(3, Unit::Bytes)));
        assert!(!accepts(figure(3, Unit::Count), Level::Present));
        assert!(accepts(Level::Present, figure(i64::MAX, Unit::Bytes)));
    }

    #[test]
    fn extreme_figures_are_compared_without_overflow() {
        for unit in [RateUnit::Bytes, RateUnit::Entries] {
            assert!(!accepts(rate(1, u64::MAX, unit), rate(i64::MAX, 1, unit)));
            assert!(accepts(rate(i64::MAX, 1, unit), rate(i64::MIN, u64::MAX, unit)));
        }
        let all = Increase { share: Some(u32::MAX), amount: Some(u64::MAX) };
        assert_eq!(allowed(all, i64::MAX), i64::MAX);
    }

    #[test]
    fn an_increase_fails_when_both_its_parts_are_exceeded() {
        let both = |share, amount| Increase { share, amount };
        assert_eq!(allowed(both(Some(500), Some(16)), 1_000), 1_050, "5 % of 1,000 is more than 16");
        assert_eq!(allowed(both(Some(500), Some(16)), 100), 116, "16 is more than 5 % of 100");
        assert_eq!(allowed(both(Some(500), None), 99), 103, "a part of a byte is none");
        assert_eq!(allowed(both(None, Some(0)), 7), 7);
        assert_eq!(allowed(both(Some(500), None), -100), -95, "what shrinks may shrink a little less");
    }
}
