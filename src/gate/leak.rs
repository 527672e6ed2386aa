//! The findings of the verdict on growth: what leaks, how much of it, and by whom.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::config::BudgetKey;
use crate::finding::{Figure, Finding, Rate, RateUnit, Unit};
use crate::gate::budgets::finding;
use crate::gate::growth::{Growth, growth};
use crate::gate::holders::{self, By, Held, Moment, held, held_by};
use crate::gate::measurement::{Garbage, Measurement};
use crate::gate::pace::{more, when};
use crate::gate::place::ScenarioFacts;
use crate::gate::steps::{Step, Steps, steps};
use crate::gate::verdict::{self, Direction, Evidence, Floors, Leak, Outcome, Verdict, WINDOWS};
use crate::gate::{few, wording};
use crate::outcome::GrowthReport;
use crate::profile::{Container, Frame, StackId};
use crate::units::{Bytes, grouped};

/// Rule of growing memory.
pub const RULE: &str = "growth";
/// All rules of the verdict, each with the figure whose budget asks the same.
pub(super) const RULES: [(&str, BudgetKey); 3] =
    [(RULE, BudgetKey::Growth), ("growth-fds", BudgetKey::Fds), ("growth-threads", BudgetKey::Threads)];
/// Rule of child processes, of which no budget asks.
pub const CHILDREN: &str = "growth-children";
/// Containers that are named.
const NAMED: usize = 3;

/// The figure that a rule of the verdict is about; `None` for any other rule.
pub fn figure_of(rule: &str) -> Option<BudgetKey> {
    RULES.into_iter().find(|(name, _)| *name == rule).map(|(_, key)| key)
}

/// Whether the rule is one of the verdict.
pub fn is_of_verdict(rule: &str) -> bool {
    rule == CHILDREN || figure_of(rule).is_some()
}

/// What the verdict on growth comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Growing {
    /// The verdict, where there is one.
    pub report: Option<GrowthReport>,
    /// A leak, or that it is undecided.
    pub findings: Vec<Finding>,
    /// What grows and is no leak.
    pub notes: Vec<String>,
}

/// Judges the growth of a function that was called again and again.
pub(super) fn judge(scenario: &ScenarioFacts, measurement: &Measurement) -> Growing {
    if let Some(few) = few::judge(scenario, measurement) {
        return few;
    }
    let Some(start) = measurement.start else { return Growing::default() };
    let profile = &measurement.profile;
    let sites: Vec<_> = profile.sites.iter().map(|site| (site.stack, site.allocator)).collect();
    let evidence = Evidence {
        checkpoints: &profile.checkpoints,
        sites: &sites,
        containers: &profile.containers,
        warmup: start.iteration,
    };
    let Some(mut verdict) = verdict::judge(&evidence) else { return few::of_call(scenario, measurement) };
    if measurement.needs.is_some_and(|needs| needs.garbage == Garbage::Seldom) {
        doubt(&mut verdict);
    }
    let told = Told { scenario, measurement, verdict: &verdict, steps: steps(scenario, measurement) };
    Growing {
        report: Some(GrowthReport {
            outcome: verdict.outcome,
            warmup: u64::from(start.iteration),
            iterations: measurement.iterations.len() as u64,
            floors: verdict.series.bytes.lowest.iter().map(|floor| floor.max(&0).unsigned_abs()).collect(),
            steps: told.steps.clone(),
        }),
        findings: match verdict.outcome {
            Outcome::Leak => told.leaks(),
            Outcome::Undecided => vec![told.undecided()],
            Outcome::NoLeak => Vec::new(),
        },
        notes: told.filling().into_iter().chain(told.once()).collect(),
    }
}

/// What grows in memory may be garbage that waits for the collector: it is no leak yet.
fn doubt(verdict: &mut Verdict) {
    verdict.leaks.retain(|leak| !leak.is_memory());
    if verdict.outcome == Outcome::Leak && verdict.leaks.is_empty() {
        verdict.outcome = Outcome::Undecided;
    }
}

/// A verdict and what it is about.
pub(super) struct Told<'a> {
    pub(super) scenario: &'a ScenarioFacts<'a>,
    pub(super) measurement: &'a Measurement,
    pub(super) verdict: &'a Verdict,
    steps: Steps,
}

impl Told<'_> {
    fn leaks(&self) -> Vec<Finding> {
        let leaks = &self.verdict.leaks;
        let mut counted = Vec::new();
        if leaks.contains(&Leak::Descriptors) {
            counted.extend(self.counted(RateUnit::Descriptors, "file descriptor is open", &|at| at.fds));
        }
        if leaks.contains(&Leak::Threads) {
            counted.extend(self.counted(RateUnit::Threads, "thread is alive", &|at| at.threads));
        }
        if leaks.contains(&Leak::Children) {
            counted.extend(self.counted(RateUnit::Children, "child process is left", &|at| at.children));
        }
        let memory = leaks.iter().any(|leak| leak.is_memory()).then(|| self.memory());
        let memory = memory.and_then(|memory| self.unless_of_threads(memory, &mut counted));
        memory.into_iter().chain(counted).collect()
    }

    /// One finding for all that is memory: containers, sites and totals are views of the same leak.
    fn memory(&self) -> Finding {
        let held = self.holders();
        let containers = self.growing_containers();
        let growth = growth(self.measurement);
        let rate = self.rate(growth.as_ref().map_or((0, 1), Growth::trend), &containers);
        let place = match containers.first() {
            Some((container, _)) if held.holders.is_empty() => self.made_at(container),
            _ => held.place().cloned(),
        };
        let mut evidence: Vec<String> =
            growth.iter().flat_map(|growth| growth.evidence(held.holders.first())).collect();
        if !self.verdict.leaks.contains(&Leak::Bytes) {
            // What bytes do is not what leaks: a table grows in steps, an entry may take none.
            evidence.truncate(1);
            evidence.extend(containers.first().map(|(container, _)| projection(self.entries(container))));
        }
        self.add_reasons(&mut evidence, &containers);
        evidence.extend(self.besides(&held));
        evidence.extend(self.garbage());
        Finding {
            title: self.title(&containers, rate),
            place,
            figure: Some(Figure {
                name: "growth".to_owned(),
                measured: growth.as_ref().map_or(0, |growth| growth.rate()),
                exact: growth.as_ref().map(Growth::exact),
                limit: None,
                baseline: None,
                unit: Unit::BytesPerIteration,
            }),
            rate: Some(rate),
            entries: containers.first().map(|(container, _)| self.entries(container)),
            counted: self.counted_memory(containers.first().map(|(container, _)| *container)),
            evidence,
            series: growth.map(|growth| growth.series).unwrap_or_default(),
            help: wording::help(BudgetKey::Growth).to_owned(),
            containers: containers.iter().map(|(container, _)| self.making_of(container)).collect(),
            parts: self.parts(),
            ..finding(self.scenario, RULE.to_owned(), held)
        }
    }

    /// Those whose memory leaks; where no site does by itself, those that have more than before.
    fn holders(&self) -> Held {
        let series = &self.verdict.series;
        let rising: HashSet<StackId> =
            series.sites.iter().filter(|site| site.is_rising()).map(|site| site.stack).collect();
        let by = if series.bytes.direction(0) == Direction::Rising { By::Bytes } else { By::Blocks };
        let leaking = held_by(self.scenario, self.measurement, Moment::Growth, (by, &rising));
        if leaking.holders.is_empty() && self.verdict.leaks.contains(&Leak::Bytes) {
            return held(self.scenario, self.measurement, Moment::Growth, By::Bytes);
        }
        leaking
    }

    /// The containers that leak, with what they gained: the fastest first.
    fn growing_containers(&self) -> Vec<(&Container, i64)> {
        let mut growing: Vec<(&Container, i64)> = Vec::new();
        for leak in &self.verdict.leaks {
            let Leak::Container(index) = leak else { continue };
            let container =
                &self.measurement.profile.containers[self.verdict.series.containers[*index].container];
            growing.push((container, self.gained(container)));
        }
        growing.sort_by_key(|(container, gained)| (Reverse(*gained), container.address));
        growing
    }

    /// Entries that the judged iterations added.
    fn gained(&self, container: &Container) -> i64 {
        let start = self.measurement.start.map_or(0, |start| start.checkpoint);
        let last = self.measurement.iterations.last().map_or(usize::MAX, |last| last.checkpoint);
        let at = |checkpoint: usize| {
            let known = container.lengths.iter().take_while(|(at, _)| *at <= checkpoint).last();
            let (_, length) = known.or(container.lengths.first()).copied().unwrap_or_default();
            i64::try_from(length).unwrap_or(i64::MAX)
        };
        at(last) - at(start)
    }

    fn rate(&self, bytes: (i64, u64), containers: &[(&Container, i64)]) -> Rate {
        let iterations = self.measurement.iterations.len() as u64;
        let leaks = &self.verdict.leaks;
        let is_bytes =
            leaks.contains(&Leak::Bytes) || self.verdict.series.bytes.growth() > 0 && containers.is_empty();
        match containers.first() {
            _ if is_bytes => Rate { total: bytes.0, iterations: bytes.1, unit: RateUnit::Bytes },
            Some((container, _)) => self.entries(container),
            None => Rate { total: self.measurement.blocks, iterations, unit: RateUnit::Blocks },
        }
    }

    /// What a container gained, in those of the judged iterations that came after it was first looked at.
    pub(super) fn entries(&self, container: &Container) -> Rate {
        let first = container.lengths.first().map_or(0, |(checkpoint, _)| *checkpoint);
        let later = self.measurement.iterations.iter().filter(|figures| figures.checkpoint > first).count();
        Rate { total: self.gained(container), iterations: (later as u64).max(1), unit: RateUnit::Entries }
    }

    fn title(&self, containers: &[(&Container, i64)], rate: Rate) -> String {
        let Some((container, _)) = containers.first() else {
            return match rate.unit {
                RateUnit::Bytes => format!("memory grows by {}", in_words(rate)),
                _ => format!("{} kept {}", more(rate.total, rate.iterations, "block is"), when(rate)),
            };
        };
        let entries = self.entries(container);
        let bytes = match rate.unit {
            RateUnit::Bytes if rate.total > 0 => format!(", {} an iteration", bytes_each(rate)),
            _ => String::new(),
        };
        let what = self.named(container);
        format!("{what} keeps {} {}{bytes}", more(entries.total, entries.iterations, "entry"), when(entries))
    }

    /// `a list made at app.py:3 in <module>`.
    pub(super) fn named(&self, container: &Container) -> String {
        let article = if container.type_name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        match self.made_at(container) {
            Some(place) if place.line > 0 => format!("{article} {} made at {place}", container.type_name),
            _ => format!("{article} {}", container.type_name),
        }
    }

    pub(super) fn made_at(&self, container: &Container) -> Option<crate::finding::Place> {
        let site = self.measurement.profile.sites.get(container.site? as usize)?;
        holders::best_place(self.scenario, &self.measurement.profile, site.stack)
    }

    /// The stack that made it, innermost frame first; empty where it is not known.
    pub(super) fn making_of(&self, container: &Container) -> Vec<Frame> {
        let profile = &self.measurement.profile;
        let site = container.site.and_then(|site| profile.sites.get(site as usize));
        let frames = site.map(|site| holders::frames(self.scenario, profile, site.stack));
        frames.into_iter().flatten().cloned().collect()
    }

    fn add_reasons(&self, evidence: &mut Vec<String>, containers: &[(&Container, i64)]) {
        let series = &self.verdict.series;
        let every = |floors: &Floors| floors.lowest.windows(2).all(|pair| pair[1] > pair[0]);
        let higher = if every(&series.bytes) || containers.is_empty() && every(&series.blocks) {
            [
                "every window higher than the one before",
                "the lowest point of each higher than of the one before",
            ]
        } else {
            [
                "growing from window to window and never back",
                "their lowest points growing from window to window and never back",
            ]
        };
        // What falls within a window is not said to never go back.
        let falls = self.verdict.leaks.contains(&Leak::Bytes) && !series.bytes.never_falls;
        let higher = higher[usize::from(falls)];
        evidence.insert(evidence.len().min(1), format!("{WINDOWS} windows, {higher}"));
        for (container, _) in containers.iter().take(NAMED) {
            let first = container.lengths.first().map_or(0, |(_, length)| *length);
            let last = container.lengths.last().map_or(0, |(_, length)| *length);
            let (first, last) = (grouped(first), grouped(last));
            evidence.push(format!(
                "{} went from {first} to {last} entries while it was looked at",
                self.named(container)
            ));
        }
        if containers.len() > NAMED {
            evidence.push(format!("+{} more containers grow", grouped((containers.len() - NAMED) as u64)));
        }
    }

    /// One-time growth that is no part of the leak: of lines that do not leak.
    fn besides(&self, leaking: &Held) -> Option<String> {
        let leaks = |step: &&Step| leaking.holders.iter().any(|holder| holder.place == step.place);
        let besides: Vec<String> =
            self.steps.once.iter().filter(|step| !leaks(step)).map(ToString::to_string).collect();
        (!besides.is_empty()).then(|| format!("one-time growth besides: {}", besides.join("; ")))
    }

    /// One-time growth of judged iterations, where it is all that grew: it is in the figures.
    fn once(&self) -> Option<String> {
        let warmup = self.measurement.start.map_or(0, |start| start.iteration);
        let lone = self.steps.lone(warmup, self.measurement.iterations.len());
        let told: Vec<String> = lone.iter().map(ToString::to_string).collect();
        let is_all = self.verdict.outcome == Outcome::NoLeak && !told.is_empty();
        is_all.then(|| format!("one-time growth, which is no leak: {}", told.join("; ")))
    }

    /// That nothing was done about garbage, where that is so.
    fn garbage(&self) -> Option<String> {
        let is_kept = self.measurement.needs.is_some_and(|needs| needs.garbage == Garbage::Kept);
        is_kept.then(|| wording::GARBAGE_KEPT.to_owned())
    }

    pub(super) fn kind(&self) -> wording::Undecided {
        match self.measurement.needs {
            Some(_) => wording::Undecided::Command,
            None => wording::Undecided::Call,
        }
    }

    fn filling(&self) -> Vec<String> {
        let note = |index: &usize| {
            let series = &self.verdict.series.containers[*index];
            let container = &self.measurement.profile.containers[series.container];
            let bound = container.bound.filter(|bound| series.length < *bound)?;
            let named = self.named(container);
            let full = self.full_in_words(container, bound);
            let (length, bound) = (grouped(series.length), grouped(bound));
            Some(format!("{named} is filling, which is no leak: {length} of at most {bound} entries{full}"))
        };
        self.verdict.filling.iter().filter_map(note).collect()
    }

    /// `, full after about 4,880 more iterations`, or nothing where that is not known.
    pub(super) fn full_in_words(&self, container: &Container, bound: u64) -> String {
        let more = self.until_full(container, bound);
        more.map_or(String::new(), |more| format!(", full after about {} more iterations", grouped(more)))
    }

    /// After how many more iterations a container has the most entries that it takes, at the rate of the judged ones.
    fn until_full(&self, container: &Container, bound: u64) -> Option<u64> {
        let lengths = verdict::lengths(container, &self.verdict.series.checkpoints);
        let (first, last) = (*lengths.first()?, *lengths.last()?);
        let gained = u128::try_from(last - first).ok().filter(|gained| *gained > 0)?;
        let left = u128::from(bound) - u128::try_from(last).ok()?.min(bound.into());
        u64::try_from((left * (lengths.len() - 1) as u128).div_ceil(gained)).ok()
    }
}

/// `at this rate 100 more entries after 1,000 iterations, 10,000 after 100,000`.
fn projection(rate: Rate) -> String {
    let after = |count: u128| {
        let entries = u128::from(rate.total.unsigned_abs()) * count / u128::from(rate.iterations);
        grouped(u64::try_from(entries).unwrap_or(u64::MAX))
    };
    format!(
        "at this rate {} more entries after 1,000 iterations, {} after 100,000",
        after(1_000),
        after(100_000)
    )
}

/// `8,064 B after every iteration`, `64 B every 10 iterations`.
pub(super) fn in_words(rate: Rate) -> String {
    let total = rate.total.unsigned_abs();
    if total.is_multiple_of(rate.iterations) {
        return format!("{} after every iteration", Bytes(total / rate.iterations));
    }
    format!("{} an iteration on average", bytes_each(rate))
}

pub(super) fn bytes_each(rate: Rate) -> String {
    let hundredths = u128::from(rate.total.unsigned_abs()) * 100 / u128::from(rate.iterations);
    let whole = (hundredths / 100) as u64;
    if whole >= 1024 || hundredths.is_multiple_of(100) {
        return Bytes(whole).to_string();
    }
    format!("{} B", format!("{whole}.{:02}", hundredths % 100).trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(total: i64, iterations: u64) -> Rate {
        Rate { total, iterations, unit: RateUnit::Entries }
    }

    #[test]
    fn entries_are_projected_where_bytes_say_nothing() {
        let said = "at this rate 100 more entries after 1,000 iterations, 10,000 after 100,000";
        assert_eq!(projection(rate(256, 2_560)), said);
    }

    #[test]
    fn bytes_of_a_rate_are_exact_or_an_average() {
        assert_eq!(in_words(rate(8_064 * 80, 80)), "7.9 KiB after every iteration");
        assert_eq!(in_words(rate(640, 80)), "8 B after every iteration");
        assert_eq!(in_words(rate(25, 80)), "0.31 B an iteration on average");
    }
}
