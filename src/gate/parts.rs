//! What a leak of memory is made of, and which of that is new beside what is known: a new leak does not hide in an old one.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::config::BudgetKey;
use crate::finding::{
    Figure, Finding, Owner, Part, PartKind, Place, Rate, RateUnit, Severity, Standing, Unit,
};
use crate::gate::fingerprint::fingerprint;
use crate::gate::holders::{self, Gained};
use crate::gate::leak::{RULE, Told, bytes_each, in_words};
use crate::gate::pace::{more, when};
use crate::gate::verdict::{Direction, Floors, Leak, SiteSeries};
use crate::gate::wording;
use crate::profile::StackId;
use crate::units::grouped;

/// What the identity of a container begins with.
const CONTAINER: &str = "growth-container";
/// Holders that a finding lists.
const LISTED: usize = 5;

impl Told<'_> {
    /// All that goes up: what allocates, what leaks for certain first, then containers. Those that may stop yet are there, too, so that
    /// they are known the next time.
    pub(super) fn parts(&self) -> Vec<Part> {
        let mut parts = self.sites();
        parts.extend(self.containers());
        parts
    }

    fn sites(&self) -> Vec<Part> {
        let series = &self.verdict.series.sites;
        let stacks = |is: &dyn Fn(&SiteSeries) -> bool| -> HashSet<StackId> {
            series.iter().filter(|site| is(site)).map(|site| site.stack).collect()
        };
        // A table that gets larger in steps is no leak by itself, and may look like one in more iterations.
        let up = stacks(&|site| site.is_rising() || site.is_open() || has_gained(site));
        let open = stacks(&|site| site.is_rising() || site.is_open());
        let leaking = self.verdict.leaks.iter().filter_map(|leak| match leak {
            Leak::Site(index) => Some(series[*index].stack),
            _ => None,
        });
        let leaking: HashSet<StackId> = leaking.collect();
        let mut parts: Vec<(bool, Part)> = Vec::new();
        for gained in holders::gained(self.scenario, self.measurement, &up) {
            let is_of = |stacks: &HashSet<StackId>| gained.stacks.iter().any(|stack| stacks.contains(stack));
            let (is_open, is_certain) = (is_of(&open), is_of(&leaking));
            let Some(part) = self.site(gained, is_certain) else { continue };
            match parts.iter_mut().find(|(_, known)| known.identity == part.identity) {
                // Another line of the same functions.
                Some((is_known_open, known)) => {
                    *is_known_open |= is_open;
                    known.is_certain |= part.is_certain;
                    if known.rate.unit == part.rate.unit {
                        known.rate.total = known.rate.total.saturating_add(part.rate.total);
                        known.spread =
                            known.spread.zip(part.spread).map(|(one, other)| one.saturating_add(other));
                    }
                }
                None => parts.push((is_open, part)),
            }
        }
        parts.sort_by_key(|(is_open, part)| {
            Reverse((part.is_certain, *is_open, part.rate.unit == RateUnit::Bytes, part.rate.total))
        });
        parts.into_iter().map(|(_, part)| part).collect()
    }

    fn site(&self, gained: Gained, is_certain: bool) -> Option<Part> {
        let (total, unit) = match (gained.bytes, gained.blocks) {
            (bytes @ 1.., _) => (bytes, RateUnit::Bytes),
            (_, blocks @ 1..) => (blocks, RateUnit::Blocks),
            _ => return None,
        };
        let of = self.verdict.series.sites.iter().filter(|site| gained.stacks.contains(&site.stack));
        let floors = of.map(|site| if unit == RateUnit::Bytes { site.bytes } else { site.blocks });
        let spread = floors.reduce(|all, floors| all.with(&floors)).map(|floors| floors.spread());
        Some(Part {
            spread,
            kind: PartKind::Site,
            identity: fingerprint(RULE, self.scenario.name, &gained.functions),
            rate: Rate { total, iterations: self.measurement.iterations.len() as u64, unit },
            is_certain,
            type_name: String::new(),
            what: String::new(),
            place: gained.holder.place.clone(),
            holder: Some(gained.holder),
            frames: Vec::new(),
        })
    }

    fn containers(&self) -> Vec<Part> {
        let profile = &self.measurement.profile;
        let mut parts: Vec<Part> = Vec::new();
        for (index, of) in self.verdict.series.containers.iter().enumerate() {
            let is_up = of.floors.direction(0) != Direction::Steady || only_up(&of.floors);
            let is_up = is_up && !self.verdict.filling.contains(&index);
            let Some(container) = profile.containers.get(of.container).filter(|_| is_up) else { continue };
            let site = container.site.and_then(|site| profile.sites.get(site as usize));
            let mut names = vec![container.type_name.clone()];
            names.extend(
                site.into_iter().flat_map(|site| holders::functions(self.scenario, profile, site.stack)),
            );
            parts.push(Part {
                spread: Some(of.floors.spread()),
                kind: PartKind::Container,
                identity: fingerprint(CONTAINER, self.scenario.name, &names),
                rate: self.entries(container),
                is_certain: self.verdict.leaks.contains(&Leak::Container(index)),
                type_name: container.type_name.clone(),
                what: self.named(container),
                place: self.made_at(container),
                holder: None,
                frames: self.making_of(container),
            });
        }
        let line = |part: &Part| part.place.as_ref().map(|place| (place.file.clone(), place.line));
        parts.sort_by_key(|part| (Reverse(part.rate.total), line(part)));
        parts
    }
}

fn has_gained(site: &SiteSeries) -> bool {
    only_up(&site.bytes) || only_up(&site.blocks)
}

/// Whether it has more at the end, and never had less on the way.
fn only_up(floors: &Floors) -> bool {
    floors.growth() > 0 && floors.lowest.is_sorted()
}

/// A part that is known.
#[derive(Debug, Clone, Copy)]
pub struct KnownPart<'a> {
    /// What it is.
    pub kind: PartKind,
    /// Its identity.
    pub identity: &'a str,
    /// What it may add; `None`: whatever it adds.
    pub rate: Option<Rate>,
}

/// For each part the known one that it is, by index: of several containers with the same identity the one whose rate is
/// nearest.
pub fn known(parts: &[Part], known: &[KnownPart]) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> = vec![None; parts.len()];
    for (index, known) in known.iter().enumerate() {
        let is_same = |at: &usize| parts[*at].kind == known.kind && parts[*at].identity == known.identity;
        let free = (0..parts.len()).filter(|at| found[*at].is_none()).filter(is_same);
        if let Some(at) = free.min_by_key(|at| distance(parts[*at].rate, known.rate)) {
            found[at] = Some(index);
        }
    }
    found
}

/// How far two rates are from each other, on the scale of both numbers of iterations.
fn distance(now: Rate, known: Option<Rate>) -> u128 {
    let Some(known) = known.filter(|known| known.unit == now.unit) else { return 0 };
    let scaled = |rate: Rate, by: Rate| i128::from(rate.total) * i128::from(by.iterations);
    (scaled(now, known) - scaled(known, now)).unsigned_abs()
}

/// Takes the parts that are not known out of a finding, as a finding of their own; `None` where nothing leaks that is not
/// known, or nothing that is. `beside` says what the rest is.
pub fn split(finding: &mut Finding, known: &[Option<usize>], beside: &str) -> Option<Finding> {
    let leaks = |is_known: bool| {
        let parts = finding.parts.iter().zip(known);
        parts.into_iter().any(|(part, known)| part.is_certain && known.is_some() == is_known)
    };
    if !(leaks(true) && leaks(false)) {
        return None;
    }
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (part, known) in std::mem::take(&mut finding.parts).into_iter().zip(known) {
        if known.is_some() { old.push(part) } else { new.push(part) }
    }
    for part in &mut new {
        // Which of several that are made alike is the new one cannot be told.
        let is_alike = |old: &Part| old.kind == PartKind::Container && old.identity == part.identity;
        if part.kind == PartKind::Container && old.iter().any(is_alike) {
            part.what = format!("one more {}", part.type_name);
            if let Some(place) = &part.place {
                part.what.push_str(&format!(" made in {} in {}", place.file, place.function));
            }
        }
    }
    let (owners_new, owners_old) = std::mem::take(&mut finding.owners)
        .into_iter()
        .partition(|owner| is_filled_by(owner.place.as_ref(), &new) || is_kept_by_another(owner, &new, &old));
    let mut fresh = about(finding, new);
    fresh.evidence.push(format!("beside {beside}"));
    name(&mut fresh, owners_new);
    let rest = about(finding, old);
    *finding = Finding {
        owners: owners_old,
        series: std::mem::take(&mut finding.series),
        evidence: rest
            .evidence
            .into_iter()
            .chain([format!("what is new is told of apart: {}", fresh.title)])
            .collect(),
        fingerprint: std::mem::take(&mut finding.fingerprint),
        figure: rest.figure.map(|figure| Figure {
            baseline: finding.figure.as_ref().and_then(|before| before.baseline),
            ..figure
        }),
        ..rest
    };
    Some(fresh)
}

/// Whether it is a container of the type of a new one, and filled by a line that fills none that is known.
fn is_kept_by_another(owner: &Owner, new: &[Part], old: &[Part]) -> bool {
    let is_of_type = |part: &Part| part.kind == PartKind::Container && part.type_name == owner.type_name;
    // What fills it is not seen where its table has not grown meanwhile.
    let Some(place) = &owner.place else { return new.iter().any(is_of_type) };
    let is_there =
        |part: &Part| part.place.as_ref().is_some_and(|of| (&of.file, of.line) == (&place.file, place.line));
    new.iter().any(is_of_type) && !old.iter().any(is_there)
}

/// Says by its owners what a finding is about; where a container was made says less than where it is filled.
fn name(finding: &mut Finding, owners: Vec<Owner>) {
    if let Some(owner) = owners.first().filter(|_| finding.holders.is_empty()) {
        let counted = std::mem::replace(&mut finding.title, owner.sentence.clone());
        finding.evidence.push(format!("over all judged iterations: {counted}"));
        finding.place = owner.place.clone().or(finding.place.take());
        if !owner.help.is_empty() {
            finding.help = owner.help.clone();
        }
    }
    finding.owners = owners;
}

/// Whether the place is in a function of these sites.
fn is_filled_by(place: Option<&Place>, parts: &[Part]) -> bool {
    let is_in = |part: &Part, place: &Place| {
        let of = part.place.as_ref().filter(|_| part.kind == PartKind::Site);
        of.is_some_and(|of| of.file == place.file && of.function == place.function)
    };
    place.is_some_and(|place| parts.iter().any(|part| is_in(part, place)))
}

/// A finding about some of another one's parts, of which one leaks by itself.
fn about(whole: &Finding, parts: Vec<Part>) -> Finding {
    let holders: Vec<_> = parts.iter().filter_map(|part| part.holder.clone()).collect();
    let site = parts.iter().find(|part| part.kind == PartKind::Site);
    let containers: Vec<&Part> =
        parts.iter().filter(|part| part.kind == PartKind::Container && part.is_certain).collect();
    let rate = rate(&parts);
    let first = site.filter(|site| site.is_certain).or(containers.first().copied());
    let sentence = |part: &&Part| sentence(part);
    Finding {
        rule: RULE.to_owned(),
        severity: Severity::Error,
        title: title(containers.first().copied(), rate),
        scenario: whole.scenario.clone(),
        place: site.or(first).and_then(|part| part.place.clone()),
        more_holders: holders.len().saturating_sub(LISTED) as u64,
        holders: holders.into_iter().take(LISTED).collect(),
        evidence: std::iter::once(total(rate)).chain(containers.iter().skip(1).map(sentence)).collect(),
        figure: Some(figure(rate)),
        series: Vec::new(),
        series_again: Vec::new(),
        counted: None,
        bill: None,
        help: wording::help(BudgetKey::Growth).to_owned(),
        containers: containers.iter().map(|part| part.frames.clone()).collect(),
        owners: Vec::new(),
        standing: Standing::New,
        accepted: None,
        rate: Some(rate),
        entries: containers.first().map(|part| part.rate),
        fingerprint: first.map_or_else(String::new, |part| part.identity.clone()),
        parts,
    }
}

/// The bytes of all that leaks; where it takes none, the entries or blocks of what gains most.
fn rate(parts: &[Part]) -> Rate {
    let certain = || parts.iter().filter(|part| part.is_certain).map(|part| part.rate);
    let bytes = certain().filter(|rate| rate.unit == RateUnit::Bytes);
    let sum = bytes.reduce(|sum, rate| Rate { total: sum.total.saturating_add(rate.total), ..sum });
    let most = || certain().max_by_key(|rate| (rate.unit == RateUnit::Entries, rate.total));
    sum.or_else(most).unwrap_or(Rate { total: 0, iterations: 1, unit: RateUnit::Bytes })
}

fn figure(rate: Rate) -> Figure {
    let bytes = if rate.unit == RateUnit::Bytes { rate.total.max(0) } else { 0 };
    let each = bytes.unsigned_abs().div_ceil(rate.iterations);
    Figure {
        name: BudgetKey::Growth.name().to_owned(),
        measured: i64::try_from(each).unwrap_or(i64::MAX),
        exact: (rate.unit == RateUnit::Bytes).then_some(rate),
        limit: None,
        baseline: None,
        unit: Unit::BytesPerIteration,
    }
}

fn title(container: Option<&Part>, rate: Rate) -> String {
    match container {
        Some(part) if rate.unit == RateUnit::Bytes => {
            format!("{}, {} an iteration", sentence(part), bytes_each(rate))
        }
        Some(part) => sentence(part),
        None if rate.unit == RateUnit::Bytes => format!("memory grows by {}", in_words(rate)),
        None => format!("{} kept {}", more(rate.total, rate.iterations, "block is"), when(rate)),
    }
}

/// `a list made at app.py:3 in <module> keeps 1 more entry after every iteration`.
fn sentence(part: &Part) -> String {
    format!(
        "{} keeps {} {}",
        part.what,
        more(part.rate.total, part.rate.iterations, "entry"),
        when(part.rate)
    )
}

/// `+30,000 B in 20 iterations`.
fn total(rate: Rate) -> String {
    let unit = match rate.unit {
        RateUnit::Bytes => "B",
        RateUnit::Entries => "entries",
        _ => "blocks",
    };
    format!("+{} {unit} in {} iterations", grouped(rate.total.unsigned_abs()), grouped(rate.iterations))
}
