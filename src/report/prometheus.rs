//! Figures for people who chart them over time: a text file that Prometheus' node exporter and OpenMetrics readers take.

use super::clean;
use crate::finding::{Figure, Standing, Unit};
use crate::outcome::{Outcome, ScenarioResult, Verdict};

/// A metric: name without the prefix `leakgate_`, what it is, and its samples.
struct Metric {
    name: &'static str,
    help: &'static str,
    samples: Vec<String>,
}

/// The whole report.
pub(super) fn render(outcome: &Outcome) -> String {
    let mut out = String::new();
    for Metric { name, help, samples } in metrics(outcome) {
        if !samples.is_empty() {
            out.push_str(&format!("# HELP leakgate_{name} {help}\n# TYPE leakgate_{name} gauge\n"));
            samples.iter().for_each(|sample| out.push_str(&format!("leakgate_{name}{sample}\n")));
        }
    }
    out.push_str("# EOF\n");
    out
}

fn metrics(outcome: &Outcome) -> Vec<Metric> {
    let metric = |name, help, samples| Metric { name, help, samples };
    let limits = |unit| figures(outcome, unit, |figure| Some(figure.limit?.to_string()));
    let measured = |unit| figures(outcome, unit, |figure| Some(exactly(figure)));
    let started = format!(" {}.{:03}", outcome.started_ms / 1000, outcome.started_ms % 1000);
    vec![
        metric("check_start_timestamp_seconds", "When the check began.", vec![started]),
        metric("figure_bytes", "A measured figure in bytes.", measured(Unit::Bytes)),
        metric("limit_bytes", "The budget of a figure in bytes.", limits(Unit::Bytes)),
        metric("figure_bytes_per_iteration", "What an iteration keeps.", measured(Unit::BytesPerIteration)),
        metric("limit_bytes_per_iteration", "What an iteration may keep.", limits(Unit::BytesPerIteration)),
        metric("figure_count", "A measured number of blocks, descriptors or threads.", measured(Unit::Count)),
        metric("limit_count", "The budget of such a number.", limits(Unit::Count)),
        metric("scenario_verdict", "1 for the verdict that a scenario has.", verdicts(outcome)),
        metric("scenario_findings", "Findings by how they stand.", findings(outcome)),
        metric("scenario_duration_seconds", "Wall time of a scenario.", durations(outcome)),
    ]
}

/// What an iteration adds has decimals where it is no whole number.
fn exactly(figure: &Figure) -> String {
    match figure.exact.filter(|exact| exact.total.unsigned_abs() % exact.iterations != 0) {
        Some(exact) => format!("{:.6}", exact.total as f64 / exact.iterations as f64),
        None => figure.measured.to_string(),
    }
}

fn figures(outcome: &Outcome, unit: Unit, value: impl Fn(&Figure) -> Option<String>) -> Vec<String> {
    let mut samples = Vec::new();
    for scenario in &outcome.scenarios {
        let all = scenario.budgets.iter().map(|judged| &judged.figure).chain(&scenario.figures);
        for figure in all.filter(|figure| figure.unit == unit) {
            let labels = [("scenario", scenario.name.as_str()), ("figure", figure.name.as_str())];
            samples.extend(value(figure).map(|value| sample(&labels, value)));
        }
    }
    distinct(samples)
}

/// A series may have one sample: a figure with two budgets (`max` and `increase`) is measured once.
fn distinct(samples: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let labels = |sample: &String| sample.rsplit_once(' ').map(|(labels, _)| labels.to_owned());
    samples.into_iter().filter(|sample| seen.insert(labels(sample))).collect()
}

fn verdicts(outcome: &Outcome) -> Vec<String> {
    let one = |scenario: &ScenarioResult| {
        let word = match scenario.verdict {
            Verdict::Pass => "pass",
            Verdict::Skipped => "skipped",
            Verdict::Undecided => "undecided",
            Verdict::Unstable => "unstable",
            Verdict::Fail => "fail",
            Verdict::Error => "error",
        };
        sample(&[("scenario", &scenario.name), ("verdict", word)], 1)
    };
    distinct(outcome.scenarios.iter().map(one).collect())
}

fn findings(outcome: &Outcome) -> Vec<String> {
    let mut samples = Vec::new();
    for scenario in &outcome.scenarios {
        for word in ["new", "accepted", "allowed", "known"] {
            let count =
                scenario.findings.iter().filter(|finding| standing(&finding.standing) == word).count();
            let labels = [("scenario", scenario.name.as_str()), ("standing", word)];
            samples.push(sample(&labels, count as i64));
        }
    }
    distinct(samples)
}

fn standing(standing: &Standing) -> &'static str {
    match standing {
        Standing::New => "new",
        Standing::Accepted => "accepted",
        Standing::Allowed { .. } => "allowed",
        Standing::Known { .. } => "known",
    }
}

fn durations(outcome: &Outcome) -> Vec<String> {
    let one = |scenario: &ScenarioResult| {
        let elapsed = scenario.elapsed;
        format!(
            "{} {}.{:03}",
            labels(&[("scenario", &scenario.name)]),
            elapsed.as_secs(),
            elapsed.subsec_millis()
        )
    };
    distinct(outcome.scenarios.iter().map(one).collect())
}

fn sample(of: &[(&str, &str)], value: impl std::fmt::Display) -> String {
    format!("{} {value}", labels(of))
}

/// `{scenario="quote",figure="peak"}`
fn labels(of: &[(&str, &str)]) -> String {
    let label = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
    format!("{{{}}}", of.iter().map(label).collect::<Vec<_>>().join(","))
}

fn escaped(value: &str) -> String {
    clean::line(value, clean::NAME).replace('\\', "\\\\").replace('"', "\\\"")
}
