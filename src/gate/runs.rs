//! Several runs of one command, each in a process of its own: what differs between them, and whether each needs more than
//! the one before. Budgets hold in every run; this is what no single run shows.

use std::cmp::Reverse;

use crate::finding::{Figure, Finding, Rate, RateUnit, Unit};
use crate::gate::budgets::finding;
use crate::gate::holders::Held;
use crate::gate::place::ScenarioFacts;
use crate::units::{Bytes, grouped};

/// Rule of what grows from run to run.
pub const RULE: &str = "growth-processes";
/// Fewer runs say nothing: four steps that go up by chance are one in 120.
const LEAST: usize = 5;

/// The finding, where each run retains more than the one before it, and the growth does not fade.
pub fn judge(scenario: &ScenarioFacts, retained: &[i64]) -> Option<Finding> {
    let (first, last) = (*retained.first()?, *retained.last()?);
    let middle = retained[retained.len() / 2];
    let total = last - first;
    let rises = retained.windows(2).all(|pair| pair[1] > pair[0]);
    if retained.len() < LEAST || !rises || last - middle < total / 4 {
        return None;
    }
    let steps = retained.len() as u64 - 1;
    let each = Bytes(total.unsigned_abs() / steps);
    Some(Finding {
        title: format!("every run retains more than the one before it, {each} on average"),
        evidence: vec![format!("+{} B in {} runs, exact", grouped(total.unsigned_abs()), retained.len())],
        rate: Some(Rate { total, iterations: steps, unit: RateUnit::Bytes }),
        series: retained.iter().map(|bytes| bytes.max(&0).unsigned_abs()).collect(),
        help: "a run leaves something behind that the next one loads: a cache, a log or a database on disk. Bound it, or \
               give each run a place of its own"
            .to_owned(),
        ..finding(scenario, RULE.to_owned(), Held::default())
    })
}

/// What the runs had of each figure: `peak 2.3 MiB to 2.4 MiB, median 2.3 MiB`. A figure is that of each run, in their order.
/// `None` where no figure is known.
pub fn ranges(runs: &[Vec<Figure>]) -> Option<String> {
    let first = runs.first().map(Vec::as_slice).unwrap_or_default();
    let told: Vec<String> =
        first.iter().filter_map(|figure| range(&of(runs, &figure.name), figure)).collect();
    (!told.is_empty()).then(|| format!("{} processes: {}", runs.len(), told.join("; ")))
}

/// The values of one figure, in the order of the runs.
pub fn of(runs: &[Vec<Figure>], name: &str) -> Vec<i64> {
    let value = |run: &Vec<Figure>| Some(run.iter().find(|figure| figure.name == name)?.measured);
    runs.iter().filter_map(value).collect()
}

fn range(values: &[i64], figure: &Figure) -> Option<String> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    let show = |value: i64| figure.unit.show(value);
    let name = &figure.name;
    if least == most {
        return Some(format!("{name} {} in each", show(least)));
    }
    let median = show(sorted[sorted.len() / 2]);
    let unit = if figure.unit == Unit::Count { "" } else { " B" };
    // What differs by less than is shown is told by its difference.
    let spread = if show(least) == show(most) {
        format!(" ({}{unit} apart)", grouped(most.abs_diff(least)))
    } else {
        String::new()
    };
    Some(format!("{name} {} to {}{spread}, median {median}", show(least), show(most)))
}

/// Index of the run with the largest figure of this name; of equals the first.
pub fn largest(runs: &[Vec<Figure>], name: &str) -> usize {
    let values = of(runs, name);
    (0..values.len()).min_by_key(|index| (Reverse(values[*index]), *index)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn judged(retained: &[i64]) -> Option<Finding> {
        let facts = ScenarioFacts { name: "report", cwd: Path::new("/work"), driver: None };
        judge(&facts, retained)
    }

    fn figure(name: &str, measured: i64, unit: Unit) -> Figure {
        Figure { name: name.to_owned(), measured, exact: None, limit: None, baseline: None, unit }
    }

    #[test]
    fn what_every_run_adds_to_is_a_finding_with_its_rate() {
        let finding = judged(&[1_000, 2_024, 3_048, 4_072, 5_096]).unwrap();
        assert_eq!(finding.title, "every run retains more than the one before it, 1.0 KiB on average");
        assert_eq!(finding.rate, Some(Rate { total: 4_096, iterations: 4, unit: RateUnit::Bytes }));
        assert_eq!(finding.series, [1_000, 2_024, 3_048, 4_072, 5_096]);
    }

    #[test]
    fn equal_fading_and_few_runs_are_none() {
        for retained in
            [&[5; 5][..], &[1, 2, 3, 4], &[5, 4, 3, 2, 1], &[0, 100, 101, 102, 103], &[1, 2, 2, 3, 4], &[]]
        {
            assert_eq!(judged(retained), None, "{retained:?}");
        }
    }

    #[test]
    fn figures_that_differ_are_a_range_with_their_median() {
        let runs: Vec<Vec<Figure>> = [(1 << 20, 10), (3 << 20, 10), (2 << 20, 10)]
            .map(|(peak, blocks)| {
                vec![figure("peak", peak, Unit::Bytes), figure("blocks", blocks, Unit::Count)]
            })
            .into();
        let told = "3 processes: peak 1.0 MiB to 3.0 MiB, median 2.0 MiB; blocks 10 in each";
        assert_eq!(ranges(&runs).as_deref(), Some(told));
        assert_eq!(ranges(&[vec![], vec![]]), None, "no figure is known");
        assert_eq!(largest(&runs, "peak"), 1);
        let near = [1 << 20, (1 << 20) + 8].map(|peak| vec![figure("peak", peak, Unit::Bytes)]);
        let told = "2 processes: peak 1.0 MiB to 1.0 MiB (8 B apart), median 1.0 MiB";
        assert_eq!(ranges(&near).as_deref(), Some(told));
    }
}
