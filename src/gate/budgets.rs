//! Budgets: a measured figure against its limit, inclusive: exactly at the limit passes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::config::{BudgetKey, FailOn, Of};
use crate::finding::{Figure, Finding, Severity, Standing, Unit};
use crate::gate::fingerprint::fingerprint;
use crate::gate::growth::growth;
use crate::gate::holders::{By, Held, Moment, held};
use crate::gate::leak;
use crate::gate::measurement::Measurement;
pub use crate::gate::place::ScenarioFacts;
use crate::gate::processes::{self, figure_name};
use crate::gate::validity::{invalid, unmeasured_error};
use crate::gate::wording::{self, Threshold};
use crate::outcome::{BudgetState, GrowthReport, JudgedBudget, ScenarioError, Verdict};
use crate::profile::{Bill, BillMoment, Profile, ThreadId};
use crate::units::Bytes;

/// The order in which reports list figures: what stays before what was needed for a while.
pub const REPORTED: [BudgetKey; 9] = [
    BudgetKey::Growth,
    BudgetKey::Retained,
    BudgetKey::Left,
    BudgetKey::Peak,
    BudgetKey::PeakAdded,
    BudgetKey::Rss,
    BudgetKey::Blocks,
    BudgetKey::Fds,
    BudgetKey::Threads,
];

/// The figure of what an iteration leaves to the collector.
pub const CYCLES: &str = "cycles";
/// How rules of budgets begin.
pub const BUDGET: &str = "budget-";
/// How rules of figures begin that are more than the baseline and `increase` allow.
pub const INCREASE: &str = "increase-";

/// A budget as the gate takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The figure.
    pub key: BudgetKey,
    /// Above this the gate fails.
    pub max: Option<u64>,
    /// Above this a warning is shown.
    pub warn: Option<u64>,
    /// How much more than in the baseline it may be; `None` also where the baseline does not have the figure.
    pub increase: Option<MostIncrease>,
    /// Of which processes.
    pub of: Of,
}

/// A figure of the baseline, and what `increase` allows over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostIncrease {
    /// The figure in the baseline.
    pub baseline: i64,
    /// Above this the gate fails.
    pub most: i64,
}

impl Limit {
    /// The key as reports print it.
    fn name(&self) -> String {
        figure_name(self.key, self.of)
    }

    /// Whether nothing limits it: there is only an `increase`, and no baseline.
    fn is_empty(&self) -> bool {
        self.max.is_none() && self.warn.is_none() && self.increase.is_none()
    }

    /// The lower of what is allowed by itself and what the baseline allows.
    fn effective(&self) -> Option<i64> {
        let max = self.max.map(|max| i64::try_from(max).unwrap_or(i64::MAX));
        max.into_iter().chain(self.increase.map(|increase| increase.most)).min()
    }
}

/// What the gate decided on one scenario.
#[derive(Debug, Clone, Default)]
pub struct Judgement {
    /// What is wrong: errors first, then warnings.
    pub findings: Vec<Finding>,
    /// The budgets that were judged, in the order of the configuration.
    pub budgets: Vec<JudgedBudget>,
    /// Keys of budgets that could not be judged, in the order of the configuration.
    pub not_judged: Vec<String>,
    /// Measured figures that have no budget.
    pub figures: Vec<Figure>,
    /// Whether memory grows with every iteration; `None` where there are too few.
    pub growth: Option<GrowthReport>,
    /// What a reader should know that is no finding.
    pub notes: Vec<String>,
    /// Why the measurement is not valid, or what could not be measured though a budget asks for it.
    pub error: Option<ScenarioError>,
}

impl Judgement {
    /// The verdict, with nothing known of what is accepted already.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self.error.as_ref(), &self.findings, self.growth.as_ref(), FailOn::New)
    }
}

/// The figure that a rule of a budget is about; `None` for any other rule.
pub fn key_of(rule: &str) -> Option<BudgetKey> {
    let name = rule.strip_prefix(BUDGET)?;
    BudgetKey::ALL.into_iter().find(|key| key.name() == name)
}

/// Judges a scenario's measurement by its budgets.
pub fn judge(scenario: &ScenarioFacts, limits: &[Limit], measurement: &Measurement) -> Judgement {
    let mut judgement = Judgement { error: invalid(measurement), ..Default::default() };
    if let Some(limit) = measurement.memory_limit_reached {
        judgement.findings.push(memory_limit(scenario, limit, measurement));
    }
    let mut unmeasured = Vec::new();
    let mut without_baseline = Vec::new();
    for limit in limits {
        match judge_one(scenario, limit, measurement) {
            Judged::Known(budget, _) if limit.is_empty() => {
                judgement.not_judged.push(limit.name());
                without_baseline.push(budget.figure);
            }
            Judged::Known(budget, finding) => {
                judgement.budgets.push(budget);
                judgement.findings.extend(finding.map(|finding| *finding));
            }
            Judged::EndedEarly => judgement.not_judged.push(limit.name()),
            Judged::Unmeasured => unmeasured.push(limit.key),
        }
    }
    judgement.not_judged.extend(unmeasured.iter().map(|key| key.name().to_owned()));
    if let (None, false) = (&judgement.error, unmeasured.is_empty()) {
        judgement.error = Some(unmeasured_error(&unmeasured));
    }
    judgement.figures = figures_without_budget(limits, measurement);
    judgement.figures.extend(without_baseline);
    judgement.figures.extend(cycles(measurement));
    if judgement.error.is_none() && measurement.memory_limit_reached.is_none() {
        add_growth(&mut judgement, leak::judge(scenario, measurement));
    }
    judgement.findings.sort_by_key(|finding| Reverse(finding.severity));
    judgement
}

/// How many objects of an iteration only the collector frees, rounded up; `None` where there are none.
fn cycles(measurement: &Measurement) -> Option<Figure> {
    let judged = measurement.iterations.iter();
    let checkpoints = &measurement.profile.checkpoints;
    let collected: u64 =
        judged.filter_map(|of| checkpoints.get(of.checkpoint)).map(|checkpoint| checkpoint.collected).sum();
    let each = collected.div_ceil(measurement.iterations.len().max(1) as u64);
    let measured = i64::try_from(each).unwrap_or(i64::MAX);
    let name = CYCLES.to_owned();
    let unit = Unit::Count;
    (measured > 0).then_some(Figure { name, measured, exact: None, limit: None, baseline: None, unit })
}

/// Adds the verdict on growth. A leak that breaks a budget of the same figure, too, is one finding, and not two.
fn add_growth(judgement: &mut Judgement, growing: leak::Growing) {
    judgement.growth = growing.report;
    judgement.notes = growing.notes;
    for mut found in growing.findings {
        let budget = leak::figure_of(&found.rule).map(|key| format!("{BUDGET}{}", key.name()));
        let broken = judgement.findings.iter().position(|finding| Some(&finding.rule) == budget.as_ref());
        if let (Some(index), Severity::Error) = (broken, found.severity) {
            let budget = judgement.findings.remove(index);
            found.figure = budget.figure;
            found.evidence.push(format!("its budget: {}", budget.title));
        }
        judgement.findings.insert(0, found);
    }
}

/// Whether a scenario that was ended early can still have broken it: only a high-water mark stands as it is.
fn stands_when_ended(key: BudgetKey) -> bool {
    matches!(key, BudgetKey::Peak | BudgetKey::PeakAdded | BudgetKey::Rss)
}

/// What came of one budget.
enum Judged {
    Known(JudgedBudget, Option<Box<Finding>>),
    /// The memory limit ended the scenario before the figure had its final value.
    EndedEarly,
    Unmeasured,
}

fn judge_one(scenario: &ScenarioFacts, limit: &Limit, all: &Measurement) -> Judged {
    let ended = all.memory_limit_reached.is_some();
    let measurement = processes::judged(limit.key, all);
    let figure_of = || match limit.of {
        Of::Each => measured(limit.key, measurement),
        Of::Tree => processes::together(limit.key, all).map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
    };
    let Some(measured) = figure_of() else {
        return if ended { Judged::EndedEarly } else { Judged::Unmeasured };
    };
    let over = |threshold: Option<u64>| {
        threshold.filter(|value| exceeds(limit.key, (*value, measured), measurement))
    };
    let increased = limit.increase.filter(|increase| measured > increase.most);
    let (state, crossed) = match (over(limit.max), increased, over(limit.warn)) {
        (Some(max), ..) => (BudgetState::Broken, Some(Threshold::Max(max))),
        (None, Some(increase), _) => (BudgetState::Broken, Some(Threshold::Increase(increase))),
        (None, None, Some(warn)) => (BudgetState::Warned, Some(Threshold::Warn(warn))),
        (None, None, None) => (BudgetState::Kept, None),
    };
    // What was kept until the scenario was ended might have been broken later: only a broken figure is certain.
    if ended && !(stands_when_ended(limit.key) && state == BudgetState::Broken) {
        return Judged::EndedEarly;
    }
    let budget = JudgedBudget {
        figure: figure(limit, measured, limit.effective(), measurement),
        warn: limit.warn.map(|warn| i64::try_from(warn).unwrap_or(i64::MAX)),
        state,
    };
    let finding = crossed.map(|threshold| {
        let crossing = Crossing { limit: *limit, measured, threshold };
        let mut finding = broken(scenario, (all, measurement), &crossing);
        finding.evidence.splice(0..0, processes::evidence(limit.key, limit.of, all, measurement));
        Box::new(finding)
    });
    Judged::Known(budget, finding)
}

/// The figure of a key; `None` where it was not measured.
fn measured(key: BudgetKey, measurement: &Measurement) -> Option<i64> {
    let known = |bytes: u64| Some(i64::try_from(bytes).unwrap_or(i64::MAX));
    match key {
        BudgetKey::Peak => known(measurement.peak),
        BudgetKey::PeakAdded => known(measurement.peak_added?),
        BudgetKey::Retained => known(measurement.retained),
        BudgetKey::Left => measurement.left,
        BudgetKey::Rss => known(measurement.rss),
        BudgetKey::Blocks => Some(measurement.blocks),
        BudgetKey::Fds => measurement.fds,
        BudgetKey::Threads => measurement.threads,
        BudgetKey::Growth => growth(measurement).map(|growth| growth.rate()),
    }
}

/// Whether a measured figure is above the limit; the rate of growth is compared before it is rounded.
fn exceeds(key: BudgetKey, (limit, measured): (u64, i64), measurement: &Measurement) -> bool {
    if key == BudgetKey::Growth {
        return growth(measurement).is_some_and(|growth| growth.exceeds(limit));
    }
    i128::from(measured) > i128::from(limit)
}

fn figure(of: &Limit, measured: i64, limit: Option<i64>, measurement: &Measurement) -> Figure {
    let growth = growth(measurement).filter(|_| of.key == BudgetKey::Growth);
    let exact = growth.map(|growth| growth.exact());
    Figure { name: of.name(), measured, exact, limit, baseline: None, unit: of.key.unit() }
}

fn figures_without_budget(limits: &[Limit], measurement: &Measurement) -> Vec<Figure> {
    let asked = |key: &BudgetKey| limits.iter().any(|limit| limit.key == *key && limit.of == Of::Each);
    let ended = measurement.memory_limit_reached.is_some();
    let each = |key| Limit { key, max: None, warn: None, increase: None, of: Of::Each };
    REPORTED
        .into_iter()
        .filter(|key| !asked(key) && (!ended || stands_when_ended(*key)))
        .filter_map(|key| {
            let judged = processes::judged(key, measurement);
            Some(figure(&each(key), measured(key, judged)?, None, judged))
        })
        .collect()
}

/// A threshold that was crossed.
struct Crossing {
    limit: Limit,
    measured: i64,
    threshold: Threshold,
}

/// `all` is what holds all processes, `measurement` the one that is judged.
fn broken(
    scenario: &ScenarioFacts,
    (all, measurement): (&Measurement, &Measurement),
    crossing: &Crossing,
) -> Finding {
    let Crossing { limit, measured, threshold } = *crossing;
    let key = limit.key;
    let kind = if matches!(threshold, Threshold::Increase(_)) { INCREASE } else { BUDGET };
    let rule = format!("{kind}{}", key.name());
    let held = held_for(scenario, measurement, key);
    let growth = growth(measurement).filter(|_| key == BudgetKey::Growth);
    let title = match &growth {
        Some(growth) => wording::growth_title(growth, measured, threshold),
        None if limit.of == Of::Tree => wording::title_of_tree(key, measured, threshold, all.tree.processes),
        None => wording::title(key, measured, threshold, measurement),
    };
    let mut evidence = if limit.of == Of::Each { evidence(key, measurement, &held) } else { Vec::new() };
    evidence.extend(growth.iter().flat_map(|growth| growth.evidence(held.holders.first())));
    let bill = bill_for(measurement, key);
    evidence.extend((bill.is_none() && has_bill(key)).then(|| wording::NO_BILL.to_owned()));
    Finding {
        severity: if matches!(threshold, Threshold::Warn(_)) { Severity::Warning } else { Severity::Error },
        title,
        figure: Some(figure(&limit, measured, Some(threshold.value()), measurement)),
        series: growth.map(|growth| growth.series).unwrap_or_default(),
        evidence,
        bill,
        help: wording::help(key).to_owned(),
        ..finding(scenario, rule, held)
    }
}

/// A finding with its identity and its holders; the caller says the rest.
pub(super) fn finding(scenario: &ScenarioFacts, rule: String, held: Held) -> Finding {
    Finding {
        fingerprint: fingerprint(&rule, scenario.name, &held.functions),
        rule,
        severity: Severity::Error,
        title: String::new(),
        scenario: scenario.name.to_owned(),
        place: held.place().cloned(),
        more_holders: held.more,
        entries: None,
        holders: held.holders,
        evidence: Vec::new(),
        figure: None,
        series: Vec::new(),
        series_again: Vec::new(),
        counted: None,
        bill: None,
        help: String::new(),
        containers: Vec::new(),
        parts: Vec::new(),
        owners: Vec::new(),
        standing: Standing::New,
        accepted: None,
        rate: None,
    }
}

fn held_for(scenario: &ScenarioFacts, measurement: &Measurement, key: BudgetKey) -> Held {
    let (moment, by) = match key {
        BudgetKey::Peak | BudgetKey::Rss => (Moment::Peak, By::Bytes),
        BudgetKey::PeakAdded => (Moment::PeakAdded, By::Bytes),
        BudgetKey::Retained => (Moment::Retained, By::Bytes),
        BudgetKey::Left => (Moment::Left, By::Bytes),
        BudgetKey::Growth => (Moment::Growth, By::Bytes),
        BudgetKey::Blocks if measurement.start.is_some() => (Moment::Growth, By::Blocks),
        BudgetKey::Blocks => (Moment::Retained, By::Blocks),
        // Memory says nothing about who opened a file or started a thread.
        BudgetKey::Fds | BudgetKey::Threads => return Held::default(),
    };
    held(scenario, measurement, moment, by)
}

/// Whether a budget is one of memory, whose report tells what was resident.
fn has_bill(key: BudgetKey) -> bool {
    use BudgetKey::{Left, Peak, PeakAdded, Retained, Rss};
    matches!(key, Peak | PeakAdded | Retained | Left | Rss)
}

/// What was resident at the moment that a budget of memory is about.
fn bill_for(measurement: &Measurement, key: BudgetKey) -> Option<Bill> {
    use BillMoment::{End, Largest, Last, Left, Retained};
    let moments: &[BillMoment] = match key {
        BudgetKey::Peak | BudgetKey::PeakAdded => return bill_of_peak(&measurement.profile).cloned(),
        BudgetKey::Rss => &[Largest],
        BudgetKey::Retained => &[Retained, End, Last],
        BudgetKey::Left => &[Left],
        BudgetKey::Growth | BudgetKey::Blocks | BudgetKey::Fds | BudgetKey::Threads => return None,
    };
    measurement.profile.bill(moments).cloned()
}

/// The sample nearest to the peak; where a short program was over before a good one, the moment with most resident.
fn bill_of_peak(profile: &Profile) -> Option<&Bill> {
    let largest = profile.bills.iter().max_by_key(|bill| bill.resident)?;
    let sample = profile.bill(&[BillMoment::Peak]);
    sample.filter(|sample| sample.resident >= largest.resident / 8 * 7).or(Some(largest))
}

fn evidence(key: BudgetKey, measurement: &Measurement, held: &Held) -> Vec<String> {
    match key {
        BudgetKey::Rss => vec![wording::beside_tracked(measurement.rss, measurement.peak)],
        BudgetKey::PeakAdded if held.holders.is_empty() => {
            vec!["the process's own peak was at another time, so who held it is not known".to_owned()]
        }
        BudgetKey::Threads => wording::threads_in_words(&other_threads(measurement)).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Threads but the main one whose memory is still live at the end, with its bytes, largest first.
fn other_threads(measurement: &Measurement) -> Vec<(String, u64)> {
    let profile = &measurement.profile;
    // The kernel gives a process's main thread the number of the process.
    let main = profile.threads.iter().position(|thread| thread.tid == profile.process.pid).unwrap_or(0);
    let mut live: BTreeMap<ThreadId, u64> = BTreeMap::new();
    for site in
        profile.sites.iter().filter(|site| site.thread.0 as usize != main && site.allocator.domain.counts())
    {
        *live.entry(site.thread).or_default() += site.end.bytes;
    }
    let name = |id: ThreadId| profile.threads.get(id.0 as usize).map(|thread| thread.name.clone());
    let mut threads: Vec<(String, u64)> = live
        .into_iter()
        .filter(|(_, bytes)| *bytes > 0)
        .filter_map(|(id, bytes)| Some((name(id)?, bytes)))
        .collect();
    threads.sort_by_key(|(_, bytes)| Reverse(*bytes));
    threads
}

fn memory_limit(scenario: &ScenarioFacts, limit: u64, measurement: &Measurement) -> Finding {
    let live = measurement.profile.totals.end.bytes;
    // The limit may be on resident or on tracked memory: whichever was seen to be larger is what reached it.
    let reached = measurement.rss.max(live).max(measurement.peak);
    Finding {
        title: format!("ended when it reached its memory limit of {}", Bytes(limit)),
        figure: Some(Figure {
            name: "memory_limit".to_owned(),
            measured: i64::try_from(reached).unwrap_or(i64::MAX),
            exact: None,
            limit: Some(i64::try_from(limit).unwrap_or(i64::MAX)),
            baseline: None,
            unit: Unit::Bytes,
        }),
        evidence: vec![format!(
            "{} was live when it was ended, {} resident at most",
            Bytes(live),
            Bytes(measurement.rss)
        )],
        bill: measurement.profile.bill(&[BillMoment::Last, BillMoment::Largest]).cloned(),
        help: wording::MEMORY_LIMIT_HELP.to_owned(),
        ..finding(scenario, "memory-limit".to_owned(), held(scenario, measurement, Moment::End, By::Bytes))
    }
}
