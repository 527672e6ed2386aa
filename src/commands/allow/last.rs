//! The findings of the last check, as its result has them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;

use crate::config::Ceiling;
use crate::finding::RateUnit;
use crate::gate::fingerprint::SCHEME;
use crate::report::JSON_VERSION;

/// Findings that are listed where several are meant.
const LISTED: usize = 10;

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
struct Document {
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    name: String,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    rule: String,
    title: String,
    fingerprint: Fingerprint,
    #[serde(default)]
    parts: Vec<Part>,
    rate: Option<Rate>,
    figure: Option<Figure>,
}

/// What an iteration adds.
#[derive(Deserialize)]
struct Rate {
    total: i64,
    iterations: u64,
    unit: String,
}

#[derive(Deserialize)]
struct Figure {
    unit: String,
}

#[derive(Deserialize)]
struct Part {
    identity: String,
}

#[derive(Deserialize)]
struct Fingerprint {
    scheme: u32,
    value: String,
}

/// The finding that is meant.
pub(super) struct Found {
    /// Its whole fingerprint.
    pub(super) fingerprint: String,
    /// Its rule.
    pub(super) rule: String,
    /// The scenario that it is of.
    pub(super) scenario: String,
    /// The identities of what a leak is made of.
    pub(super) parts: Vec<String>,
    title: String,
    rate: Option<Rate>,
    figure: Option<Figure>,
}

impl Found {
    /// Refuses a ceiling that can never be compared with what the finding is measured in: the entry would not cover it.
    pub(super) fn refuse_other_unit(&self, most: &Ceiling) -> anyhow::Result<()> {
        let typed = &most.typed;
        let Some(rate) = &self.rate else {
            let is_count = self.figure.as_ref().is_some_and(|figure| figure.unit == "count");
            if is_count && most.iterations.is_some() {
                bail!("`--at-most {typed}`: {} is a count, and no rate: expected a plain number", self.rule);
            }
            return Ok(());
        };
        let Some(unit) = RateUnit::ALL.into_iter().find(|unit| unit.word() == rate.unit) else {
            return Ok(());
        };
        let fits = match (most.iterations, most.unit) {
            // Of memory that leaks the entries may be known, too.
            (Some(_), Some(typed)) => {
                typed == unit || (unit == RateUnit::Bytes && typed == RateUnit::Entries)
            }
            (Some(_), None) => false,
            (None, _) => self.figure.is_some(),
        };
        if fits {
            return Ok(());
        }
        let total = rate.total.unsigned_abs();
        let (amount, iterations) = match total.checked_rem(rate.iterations) {
            Some(0) => (total / rate.iterations, "iteration".to_owned()),
            _ => (total, format!("{} iterations", rate.iterations)),
        };
        let word = if amount == 1 { unit.one() } else { unit.many() };
        bail!(
            "`--at-most {typed}` cannot be compared with this finding, which is measured in {} an iteration: it has \
             {amount} {word}/{iterations}",
            unit.word()
        )
    }

    /// `memory grows by 7.9 KiB after every iteration (growth, scenario quote)`.
    pub(super) fn describe(&self) -> String {
        format!("{} ({}, scenario {})", self.title, self.rule, self.scenario)
    }
}

/// The one finding whose fingerprint begins so, of this scenario or of any.
pub(super) fn find(result: &Path, digits: &str, scenario: Option<&str>) -> anyhow::Result<Found> {
    let place = result.display();
    let mut found: Vec<Found> = findings(result)?
        .into_iter()
        .filter(|found| found.fingerprint.starts_with(digits))
        .filter(|found| scenario.is_none_or(|name| name == found.scenario))
        .collect();
    found.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    found.dedup_by(|one, other| one.fingerprint == other.fingerprint);
    if found.len() > 1 {
        let list = found.iter().take(LISTED);
        let list: Vec<String> =
            list.map(|found| format!("  {}  {}", found.fingerprint, found.describe())).collect();
        bail!("{digits} is the beginning of {} fingerprints in {place}:\n{}", found.len(), list.join("\n"));
    }
    let of = scenario.map(|name| format!(" of scenario `{name}`")).unwrap_or_default();
    found.pop().ok_or_else(|| {
        anyhow!("no finding{of} in {place} has a fingerprint that begins with {digits}; the report prints each one's")
    })
}

fn findings(result: &Path) -> anyhow::Result<Vec<Found>> {
    let place = result.display();
    let text = fs::read(result).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!(
            "there is no {place}: run `leakgate check` first, or name a result of another machine with `--from`"
        ),
        _ => anyhow!("failed to read {place}: {error}"),
    })?;
    let damaged = || format!("{place} is no result of `leakgate check`");
    let version: Version = serde_json::from_slice(&text).with_context(damaged)?;
    if version.version != JSON_VERSION {
        bail!("{place} is of version {}; this leakgate reads version {JSON_VERSION}", version.version);
    }
    let document: Document = serde_json::from_slice(&text).with_context(damaged)?;
    let found = document.scenarios.into_iter().flat_map(|scenario| {
        let name = scenario.name;
        let known = scenario.findings.into_iter().filter(|finding| finding.fingerprint.scheme == SCHEME);
        known.map(move |finding| Found {
            fingerprint: finding.fingerprint.value,
            rule: finding.rule,
            scenario: name.clone(),
            parts: finding.parts.into_iter().map(|part| part.identity).collect(),
            title: finding.title,
            rate: finding.rate,
            figure: finding.figure,
        })
    });
    Ok(found.filter(|found| !has_control(found)).collect())
}

/// Whether a text would rule the terminal, or break the line of the entry: leakgate writes no such result.
fn has_control(found: &Found) -> bool {
    [&found.fingerprint, &found.rule, &found.scenario, &found.title]
        .into_iter()
        .chain(&found.parts)
        .any(|text| text.contains(char::is_control))
}
