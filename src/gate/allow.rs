//! Allowances: which findings the entries of `allow` cover, which entries are over, and which match nothing any more.
//!
//! Decides, and only decides: what is installed where comes through a function that is passed in.

use std::collections::BTreeSet;

use crate::config::{Allowance, Ceiling};
use crate::date::Date;
use crate::distributions::{Distribution, normal};
use crate::finding::{Finding, Part, PartKind, RateUnit, Standing, Unit};
use crate::gate::leak::RULE;
use crate::gate::parts::{self, KnownPart};
use crate::gate::sites;
use crate::pattern::Pattern;
use crate::profile::Frame;

/// What findings are compared with.
#[derive(Clone, Copy)]
pub struct Allowances<'a> {
    /// The entries, in the order of the file.
    pub entries: &'a [Allowance],
    /// The configuration file, as the user named it.
    pub file: &'a str,
    /// The day that it is.
    pub today: Date,
    /// The installed distribution that a frame's code belongs to.
    pub distribution: &'a dyn Fn(&Frame) -> Option<Distribution>,
}

/// Sets the standing of the findings that an entry covers, and says of the others why an entry does not. Gives the
/// indices of all entries that match, whether they cover or not.
pub fn apply(allowances: &Allowances, findings: &mut Vec<Finding>) -> BTreeSet<usize> {
    allowances.tell_apart(findings);
    let mut matched = BTreeSet::new();
    for finding in findings.iter_mut() {
        let mut refusals = Vec::new();
        let mut covering: Option<&Allowance> = None;
        for (index, entry) in allowances.entries.iter().enumerate() {
            if !allowances.matches(entry, finding) {
                continue;
            }
            matched.insert(index);
            match allowances.refusal(entry, finding) {
                None => covering = covering.or(Some(entry)),
                Some(refusal) => refusals.push(refusal),
            }
        }
        match covering {
            Some(entry) => finding.standing = allowed(entry),
            // A finding is looked at again when its owners are known.
            None => {
                let is_new = |refusal: &String| !finding.evidence.contains(refusal);
                let new: Vec<String> = refusals.into_iter().filter(is_new).collect();
                finding.evidence.extend(new);
            }
        }
    }
    matched
}

fn allowed(entry: &Allowance) -> Standing {
    Standing::Allowed { reason: entry.reason.clone(), expires: entry.expires.map(|day| day.to_string()) }
}

impl Allowances<'_> {
    /// Tells what leaks beside the parts that an entry is about apart, as a finding of its own.
    fn tell_apart(&self, findings: &mut Vec<Finding>) {
        for entry in self.entries.iter().filter(|entry| !entry.parts.is_empty()) {
            let meant =
                findings.iter_mut().find(|finding| finding.rule == RULE && self.matches(entry, finding));
            let Some(finding) = meant else { continue };
            let kinds = PartKind::ALL.into_iter().flat_map(|kind| {
                entry.parts.iter().map(move |identity| KnownPart { kind, identity, rate: None })
            });
            let kinds: Vec<KnownPart> = kinds.collect();
            let known = parts::known(&finding.parts, &kinds);
            let beside = format!("what {}:{} allows ({})", self.file, entry.line, entry.reason);
            let Some(new) = parts::split(finding, &known, &beside) else { continue };
            // The new one may have been the larger one.
            let is_meant = |part: &&Part| {
                entry.fingerprint.as_ref().is_some_and(|digits| part.identity.starts_with(digits))
            };
            let identity = finding.parts.iter().find(is_meant).map(|part| part.identity.clone());
            finding.fingerprint = identity.unwrap_or(std::mem::take(&mut finding.fingerprint));
            findings.push(new);
        }
    }

    /// Whether everything that the entry asks for is so.
    fn matches(&self, entry: &Allowance, finding: &Finding) -> bool {
        let is = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(text))
        };
        entry.owner.as_ref().is_none_or(|owner| is_kept_by(finding, owner))
            && entry.rule.as_ref().is_none_or(|rule| is_named(finding, rule))
            && is(&entry.scenario, &finding.scenario)
            && entry.fingerprint.as_ref().is_none_or(|digits| is_meant(entry, digits, finding))
            && entry.site.as_ref().is_none_or(|site| sites::came_through(finding, site))
            && entry.package.as_ref().is_none_or(|package| self.is_of(finding, package))
    }

    fn is_of(&self, finding: &Finding, package: &Pattern) -> bool {
        let is_package = |frame: &Frame| {
            let found = (self.distribution)(frame);
            found.is_some_and(|found| package.matches(&normal(&found.name)) || package.matches(&found.name))
        };
        sites::is_own(finding, &is_package)
    }

    /// Why an entry that matches does not cover the finding.
    fn refusal(&self, entry: &Allowance, finding: &Finding) -> Option<String> {
        let place = format!("{}:{}", self.file, entry.line);
        let reason = &entry.reason;
        if let Some(expires) = entry.expires.filter(|expires| *expires < self.today) {
            return Some(format!(
                "the allowance at {place} ({reason}) expired on {expires}: renew it, or mend what it covers"
            ));
        }
        let ceiling = entry.at_most.as_ref()?;
        let typed = &ceiling.typed;
        match exceeds(ceiling, finding) {
            Some(false) => None,
            Some(true) => Some(format!("this is more than the {typed} that {place} allows ({reason})")),
            None => Some(format!(
                "the allowance at {place} ({reason}) does not cover it: {typed} cannot be compared with {}",
                measured_in(finding)
            )),
        }
    }
}

/// Whether a fingerprint is the finding's; of an entry that knows its parts also whether it is that of a part, since the
/// largest one gives the finding its own.
fn is_meant(entry: &Allowance, digits: &str, finding: &Finding) -> bool {
    let is_part =
        |part: &Part| part.kind == PartKind::Site && part.is_certain && part.identity.starts_with(digits);
    finding.fingerprint.starts_with(digits) || !entry.parts.is_empty() && finding.parts.iter().any(is_part)
}

/// Whether all who keep what grows are meant: a finding of which only a part is allowed is not.
fn is_kept_by(finding: &Finding, owner: &Pattern) -> bool {
    !finding.owners.is_empty() && finding.owners.iter().all(|of| owner.matches(&of.name))
}

/// Whether a rule is meant: the finding's own, or that by which all of its owners are named.
fn is_named(finding: &Finding, rule: &Pattern) -> bool {
    let of_owner = |pattern: &Option<String>| pattern.as_ref().is_some_and(|pattern| rule.matches(pattern));
    let is_pattern = !finding.owners.is_empty() && finding.owners.iter().all(|of| of_owner(&of.pattern));
    is_pattern || rule.matches(&finding.rule)
}

/// Whether the finding has more than the ceiling, compared without dividing; `None` where the two are of other units.
fn exceeds(ceiling: &Ceiling, finding: &Finding) -> Option<bool> {
    let Some(iterations) = ceiling.iterations else {
        let figure = finding.figure.as_ref()?;
        let is_bytes = ceiling.unit == Some(RateUnit::Bytes);
        let is_comparable = match figure.unit {
            Unit::Bytes => is_bytes,
            Unit::Count => !is_bytes,
            Unit::BytesPerIteration => false,
        };
        return is_comparable.then_some(i128::from(figure.measured) > i128::from(ceiling.amount));
    };
    let rates = finding.rate.into_iter().chain(finding.entries);
    let rate = rates.into_iter().find(|rate| Some(rate.unit) == ceiling.unit);
    if let Some(rate) = rate {
        let measured = i128::from(rate.total) * i128::from(iterations);
        return Some(measured > i128::from(ceiling.amount) * i128::from(rate.iterations));
    }
    let figure = finding
        .figure
        .as_ref()
        .filter(|_| ceiling.unit == Some(RateUnit::Bytes) && finding.rate.is_none())?;
    let is_rate = figure.unit == Unit::BytesPerIteration;
    is_rate.then_some(i128::from(figure.measured) * i128::from(iterations) > i128::from(ceiling.amount))
}

fn measured_in(finding: &Finding) -> &'static str {
    match (finding.rate.map(|rate| rate.unit), finding.figure.as_ref().map(|figure| figure.unit)) {
        (Some(RateUnit::Bytes), _) | (None, Some(Unit::BytesPerIteration)) => "bytes per iteration",
        (Some(RateUnit::Blocks), _) => "blocks per iteration",
        (Some(RateUnit::Entries), _) => "entries per iteration",
        (Some(RateUnit::Descriptors), _) => "descriptors per iteration",
        (Some(RateUnit::Threads), _) => "threads per iteration",
        (Some(RateUnit::Children), _) => "child processes per iteration",
        (None, Some(Unit::Bytes)) => "bytes",
        (None, Some(Unit::Count)) => "a count",
        (None, None) => "a finding that has no figure",
    }
}

/// What a scenario of a whole check came to, for entries that match nothing.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// Whether all of its findings are known: it was measured, and two processes agreed.
    pub is_certain: bool,
}

/// Sentences on the entries that matched nothing, though all that they could match was run and measured.
pub fn stale(entries: &[Allowance], file: &str, matched: &BTreeSet<usize>, seen: &[Seen]) -> Vec<String> {
    let could_match =
        |entry: &Allowance, name: &str| entry.scenario.as_ref().is_none_or(|pattern| pattern.matches(name));
    let is_stale = |(index, entry): &(usize, &Allowance)| {
        !matched.contains(index)
            && seen.iter().all(|seen| seen.is_certain || !could_match(entry, seen.scenario))
    };
    let sentence = |(_, entry): (usize, &Allowance)| {
        format!(
            "the allowance at {file}:{} ({}) matched nothing: remove it if what it covered is mended",
            entry.line, entry.reason
        )
    };
    entries.iter().enumerate().filter(is_stale).map(sentence).collect()
}
