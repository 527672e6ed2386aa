//! Who keeps what grows: worked out from snapshots of the heap that a second process takes, and named by the rules.

use std::path::Path;

use super::{Check, standing};
use crate::config::BudgetKey;
use crate::finding::{Finding, Owner, Severity};
use crate::gate::budgets::{self, CYCLES};
use crate::gate::leak;
use crate::gate::owners::{self, Found, Heaps, Told, Values};
use crate::gate::place::ScenarioFacts;
use crate::heap::load::HeapError;
use crate::heap::{self, Snapshot};
use crate::outcome::{ScenarioResult, Verdict};
use crate::profile::Profile;
use crate::rules::{self, Kind, RuleSet};
use crate::scenario::{ScenarioRun, signals};

/// Calls between two snapshots, at least and at most.
const CALLS: (u32, u32) = (8, 512);
/// What leaks is to be seen so often between them.
const TIMES: usize = 4;

/// How the reason begins why no owner is named.
const UNKNOWN: &str = "who keeps it is not known";

/// How many more calls of the function show what grows: enough that it grows a few times.
pub(super) fn calls(first: &ScenarioResult) -> u32 {
    let needed = first.findings.iter().map(|finding| {
        let steps = finding.series.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let by_series = (TIMES * finding.series.len()).checked_div(steps).unwrap_or(0);
        // What comes and goes is to be at the same point before and after.
        let falls = finding.series.windows(2).filter(|pair| pair[0] > pair[1]).count();
        let period = (finding.series.len() + falls / 2).checked_div(falls).unwrap_or(0);
        let by_series = if period > 1 { TIMES * period } else { by_series };
        let rate = finding.rate.filter(|rate| rate.total > 0);
        let by_rate = rate.map_or(0, |rate| TIMES as u64 * rate.iterations / rate.total.unsigned_abs());
        by_series.max(usize::try_from(by_rate).unwrap_or(usize::MAX))
    });
    let needed = u32::try_from(needed.max().unwrap_or(0)).unwrap_or(u32::MAX);
    needed.clamp(CALLS.0, CALLS.1)
}

/// Whether it left something to the collector where a rule forbids it: only an explained run can say what.
pub(super) fn has_forbidden_cycles(first: &ScenarioResult, check: &Check) -> bool {
    let forbids =
        |rule: &&rules::Rule| rule.evidence == Kind::Cycle && rule.severity == rules::Severity::Error;
    let has_cycles = first.figures.iter().any(|figure| figure.name == CYCLES && figure.measured > 0);
    has_cycles
        && matches!(first.verdict, Verdict::Pass | Verdict::Undecided)
        && check.rules.by_id().iter().any(forbids)
}

/// Adds to the findings of a run that was explained who keeps what grows, and what only the collector frees.
pub(super) fn add_owners(
    result: &mut ScenarioResult,
    facts: &ScenarioFacts,
    (run, profile): (&ScenarioRun, &Profile),
    (rules, values): (&RuleSet, Values),
) {
    let iterations = run.driver.as_ref().map_or(0, |driver| driver.explained);
    let around = run.driver.as_ref().and_then(|driver| driver.around.as_ref());
    let told = Told { scenario: facts, profile, rules, values, around };
    let died = run.driver.as_ref().map_or(0, |driver| driver.died);
    let snapshots = match snapshots(run, profile).map_err(|error| error.to_string()) {
        Ok(_) if died != 0 => Err(format!(
            "the copy of the process that was to take a snapshot was ended by {}: a type of an extension breaks where \
             it is asked for its references",
            signals::name(died)
        )),
        snapshots => snapshots,
    };
    let snapshots = match snapshots {
        Ok(snapshots) => snapshots,
        Err(error) => {
            let why = format!("{UNKNOWN}: {error}");
            result.findings.iter_mut().for_each(|finding| finding.evidence.push(why.clone()));
            return;
        }
    };
    let [before, after, rest @ ..] = &snapshots[..] else { return };
    let heaps = Heaps { before, after, iterations };
    let found = if iterations > 0 { owners::owners(told, &heaps) } else { Vec::new() };
    for finding in &mut result.findings {
        let mut of_finding: Vec<&Found> = found.iter().filter(|found| is_about(finding, found)).collect();
        // What a thread or a connection brings with it comes after it.
        of_finding.sort_by_key(|found| !matches!(found.kind, Kind::Thread | Kind::Resource));
        finding.owners = of_finding.into_iter().map(|found| found.owner.clone()).collect();
        if iterations > 0 && figure_of(finding) == Some(BudgetKey::Fds) {
            finding.owners.extend(owners::descriptors(told, &heaps));
        }
    }
    result.findings.extend(rest.first().and_then(|garbage| owners::cycles(told, garbage)));
}

/// The snapshots of the process that called the function, in order.
fn snapshots(run: &ScenarioRun, profile: &Profile) -> Result<Vec<Snapshot>, HeapError> {
    let all = heap::load::find(&run.capture)?;
    let of_process = all.into_iter().filter(|found| found.process == profile.process.id());
    of_process.map(|found| heap::load::snapshot(&found.path)).collect()
}

/// Whether what an owner keeps is what a finding is about.
fn is_about(finding: &Finding, found: &Found) -> bool {
    use BudgetKey::{Blocks, Fds, Growth, Left, Retained, Threads};
    match figure_of(finding) {
        Some(Fds) => found.kind == Kind::Resource || found.is_open,
        Some(Threads) => found.kind == Kind::Thread,
        Some(Growth | Blocks | Left | Retained) => true,
        _ => false,
    }
}

fn figure_of(finding: &Finding) -> Option<BudgetKey> {
    leak::figure_of(&finding.rule).or_else(|| budgets::key_of(&finding.rule))
}

/// Takes over what the second process shows: the owners give a finding its sentence, its place and how to mend it.
pub(super) fn take_over(result: &mut ScenarioResult, second: &ScenarioResult, cwd: &Path, check: &Check) {
    let mut said = Vec::new();
    // Descriptors and threads come with memory: their finding is the one that says so.
    result.findings.sort_by_key(|finding| finding.rule == leak::RULE);
    for finding in &mut result.findings {
        let again = second.findings.iter().find(|again| again.rule == finding.rule);
        let Some(again) = again else { continue };
        let mut keepers = again.owners.clone();
        let unknown = again.evidence.iter().filter(|fact| fact.starts_with(UNKNOWN));
        let known = finding.evidence.len();
        finding.evidence.extend(unknown.cloned());
        // What grew once and stopped is not seen in more calls, and no sign of anything.
        if keepers.is_empty() && finding.rule == leak::RULE && finding.evidence.len() == known {
            keepers.extend(owners::native(finding, &check.rules));
        }
        if !keepers.is_empty() {
            take_owners(finding, &keepers, (&check.rules, &mut said));
        }
    }
    let cycles = second.findings.iter().filter(|finding| check.rules.get(&finding.rule).is_some());
    result.findings.extend(cycles.cloned());
    if result.verdict != Verdict::Unstable {
        // Allowances may ask for an owner.
        standing::settle(result, cwd, check);
    }
}

fn take_owners(finding: &mut Finding, owners: &[Owner], (rules, said): (&RuleSet, &mut Vec<String>)) {
    finding.owners = owners.to_vec();
    let first = &owners[0];
    if leak::figure_of(&finding.rule).is_some() && !said.contains(&first.sentence) {
        let counted = std::mem::replace(&mut finding.title, first.sentence.clone());
        // What was counted over all judged iterations is worth more than what a few more showed.
        finding.evidence.push(format!("over all judged iterations: {counted}"));
        said.push(first.sentence.clone());
    } else {
        finding.evidence.push(first.sentence.clone());
    }
    finding.evidence.extend(first.facts.iter().cloned());
    if first.place.is_some() {
        finding.place = first.place.clone();
    }
    if !first.help.is_empty() {
        finding.help = first.help.clone();
    }
    let is_warning = |owner: &Owner| {
        let rule = owner.pattern.as_ref().and_then(|pattern| rules.get(pattern));
        // Garbage that grows is not freed at all, and no matter of when it is.
        rule.is_some_and(|rule| rule.severity == rules::Severity::Warn && rule.evidence != Kind::Cycle)
    };
    if leak::figure_of(&finding.rule).is_some() && owners.iter().all(is_warning) {
        finding.severity = Severity::Warning;
    }
}

/// Whether it says why nobody knows who keeps something.
pub(super) fn says_why(result: &ScenarioResult) -> bool {
    result.findings.iter().flat_map(|finding| &finding.evidence).any(|fact| fact.starts_with(UNKNOWN))
}

/// Whether a capture has snapshots of the heap, which its views show.
pub(super) fn has_snapshots(results: &Path, capture: &str) -> bool {
    let place = results.join("captures").join(capture);
    heap::load::find(&place).is_ok_and(|found| !found.is_empty())
}
