//! Who keeps what grows: worked out from snapshots of the heap that a second process takes, and named by the rules.

use std::path::Path;

use nix::sys::signal::Signal;

use super::{Check, confirm, standing};
use crate::config::{self, BudgetKey, Checkpoints, Scenario};
use crate::finding::{Finding, Owner, RateUnit, Severity};
use crate::gate::budgets::{self, CYCLES};
use crate::gate::leak;
use crate::gate::measurement::Measurement;
use crate::gate::owners::{self, Found, Heaps, Told, Values};
use crate::gate::place::ScenarioFacts;
use crate::gate::processes;
use crate::heap::load::HeapError;
use crate::heap::{self, Holders, Snapshot};
use crate::outcome::{ScenarioResult, Verdict};
use crate::profile::{CheckpointKind, Profile};
use crate::rules::{self, Kind, RuleSet};
use crate::scenario::plan::Work;
use crate::scenario::tracker::Moments;
use crate::scenario::{Plan, ScenarioRun, signals};
use crate::units::grouped;

/// Calls between two snapshots, at least and at most.
const CALLS: (u32, u32) = (8, 512);
/// Snapshots that the driver takes around them; the next one is of a single call.
const CALLED: usize = 2;
/// What leaks is to be seen so often between them.
const TIMES: usize = 4;

/// How the reason begins why no owner is named.
const UNKNOWN: &str = "who keeps it is not known";

/// Has the second process show who keeps what.
pub(super) fn ask(plan: &mut Plan, first: &ScenarioResult) {
    match &mut plan.work {
        Work::Call(call) => call.explain = calls(first),
        Work::Run(command) => command.snapshots = moments(first, command.checkpoints),
    }
}

/// When a command's processes take snapshots: what leaks is in the second half of the iterations, what is held at the end
/// is seen there.
fn moments(first: &ScenarioResult, checkpoints: Option<Checkpoints>) -> Moments {
    let leaks = first.findings.iter().any(is_growth);
    let is_of_the_end = first.findings.iter().any(|finding| !is_growth(finding));
    let mut iterations = Vec::new();
    if let (true, Some(growth)) = (leaks, &first.growth) {
        let seen = growth.warmup + growth.iterations;
        // The last interval of a program that is ended may never be over.
        let last = if checkpoints == Some(Checkpoints::Program) { seen } else { seen.saturating_sub(1) };
        // Of what a program allocates, much may be its start.
        let is_traffic = matches!(checkpoints, Some(Checkpoints::Traffic(_)));
        let eighths = if is_traffic { [6, 7] } else { [4, 6] };
        let moments = eighths.iter().map(|eighth| seen * eighth / 8).chain([last]);
        iterations.extend(moments.filter_map(|at| u32::try_from(at).ok()));
        iterations.retain(|at| *at > 0);
        iterations.dedup();
    }
    Moments { iterations, at_exit: is_of_the_end }
}

/// How many more calls of the function show what grows: enough that it grows a few times.
fn calls(first: &ScenarioResult) -> u32 {
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

/// Whether it left something to the collector where a rule forbids it, or where the user wants to know of it: only an
/// explained run can say what.
pub(super) fn has_cycles_to_tell(scenario: &Scenario, first: &ScenarioResult, check: &Check) -> bool {
    let is_to_tell = |rule: &&rules::Rule| {
        let by_itself = rule.severity == rules::Severity::Error;
        rule.evidence == Kind::Cycle && (by_itself || rule.is_asked_for)
    };
    let has_cycles = first.figures.iter().any(|figure| figure.name == CYCLES && figure.measured > 0);
    has_cycles
        && matches!(scenario.work, config::Work::Call { .. })
        && matches!(first.verdict, Verdict::Pass | Verdict::Undecided)
        && check.rules.by_id().iter().any(is_to_tell)
}

/// Adds to the findings of a run that was explained who keeps what grows, and what only the collector frees.
pub(super) fn add_owners(
    result: &mut ScenarioResult,
    facts: &ScenarioFacts,
    (run, measurement): (&ScenarioRun, &Measurement),
    (rules, values): (&RuleSet, Values),
) {
    let profile = &measurement.profile;
    let around = run.driver.as_ref().and_then(|driver| driver.around.as_ref());
    let told = Told { scenario: facts, profile, rules, values, around };
    let snapshots = match readable(run, profile) {
        Ok(snapshots) => snapshots,
        Err(error) => {
            let why = format!("{UNKNOWN}: {error}");
            result.findings.iter_mut().for_each(|finding| finding.evidence.push(why.clone()));
            return;
        }
    };
    let taken = Taken::of(&snapshots, run, profile);
    let judged = result.findings.iter().find_map(owners::Judged::of);
    let heaps = Heaps { snapshots: taken.around, iterations: taken.iterations, judged };
    let found = if taken.iterations > 0 { owners::owners(told, &heaps) } else { Vec::new() };
    let is_asked = result.findings.iter().any(|finding| is_held(finding, measurement));
    let holders = taken.end.filter(|_| is_asked).map(Holders::of);
    for finding in &mut result.findings {
        if let Some(holders) = holders.as_ref().filter(|_| is_held(finding, measurement)) {
            finding.owners = owners::largest(told, holders, finding);
        }
        if finding.owners.is_empty() {
            finding.owners = growing(told, finding, (&found, &heaps));
        }
        if is_growth(finding) && !snapshots.is_empty() {
            finding.evidence.extend(too_short(finding, taken.iterations));
        }
    }
    let garbage = taken.around.last().zip(taken.garbage);
    result.findings.extend(garbage.and_then(|pair| owners::cycles(told, pair)));
}

/// Why it is not known who keeps what grows, where too little of it came between the two snapshots.
fn too_short(finding: &Finding, iterations: u32) -> Option<String> {
    if iterations == 0 {
        return Some(format!("{UNKNOWN}: the process took no two snapshots while it grew"));
    }
    let counted = finding.rate.filter(|rate| rate.unit != RateUnit::Bytes).or(finding.entries);
    let rate = counted.filter(|rate| finding.owners.is_empty() && rate.total > 0)?;
    let expected =
        u128::from(rate.total.unsigned_abs()) * u128::from(iterations) / u128::from(rate.iterations);
    (expected < TIMES as u128 / 2).then(|| {
        let calls = grouped(u64::from(iterations));
        format!("{UNKNOWN}: there was time for {calls} iterations only between two snapshots, in which it hardly grew")
    })
}

/// Whether a finding is of a budget of memory that is held when the work is done, and of the process that is measured here,
/// not of another one.
fn is_held(finding: &Finding, measurement: &Measurement) -> bool {
    let Some(key) = budgets::key_of(&finding.rule).filter(|_| !is_growth(finding)) else { return false };
    // What is left is above what was there at the start, of which there is no snapshot.
    key != BudgetKey::Left
        && processes::judged(key, measurement).profile.process.id() == measurement.profile.process.id()
        && finding.figure.as_ref().is_some_and(|figure| figure.name == key.name())
}

/// Who keeps what grows, as far as the finding is about that.
fn growing(told: Told, finding: &Finding, (found, heaps): (&[Found], &Heaps)) -> Vec<Owner> {
    let mut of_finding: Vec<&Found> = found.iter().filter(|found| is_about(finding, found)).collect();
    let is_of_memory = finding.rule == leak::RULE;
    if is_of_memory && of_finding.iter().all(|found| found.kind == Kind::Lost) {
        let place = of_finding.first().and_then(|found| found.owner.place.clone());
        let place = place.or_else(|| finding.place.clone());
        if let Some(atexit) = owners::callbacks(told, heaps, place) {
            return vec![atexit];
        }
    }
    // What a thread or a connection brings with it comes after it.
    of_finding.sort_by_key(|found| !matches!(found.kind, Kind::Thread | Kind::Resource));
    let mut owners: Vec<Owner> = of_finding.iter().map(|found| found.owner.clone()).collect();
    // What is to be closed has a descriptor, whether or not it tells which.
    let has_resource = of_finding.iter().any(|found| found.kind == Kind::Resource && !found.is_open);
    if heaps.iterations > 0 && figure_of(finding) == Some(BudgetKey::Fds) && !has_resource {
        owners.extend(owners::descriptors(told, heaps));
    }
    let has_thread = of_finding.iter().any(|found| found.kind == Kind::Thread);
    if heaps.iterations > 0 && figure_of(finding) == Some(BudgetKey::Threads) && !has_thread {
        owners.extend(owners::native_threads(told, heaps));
    }
    if heaps.iterations > 0 && finding.rule == leak::CHILDREN && owners.is_empty() {
        owners.extend(owners::children(told, heaps));
    }
    owners
}

/// The snapshots of a process, by what they are for.
struct Taken<'a> {
    /// When the work was done, with what it returned.
    end: Option<&'a Snapshot>,
    /// Around some iterations.
    around: &'a [Snapshot],
    /// How many those were.
    iterations: u32,
    /// After a call without a collection.
    garbage: Option<&'a Snapshot>,
}

impl<'a> Taken<'a> {
    fn of(all: &'a [Snapshot], run: &ScenarioRun, profile: &Profile) -> Taken<'a> {
        let Some(driver) = &run.driver else {
            // Those that the program takes itself may be of no iteration.
            let is_none = |snapshot: &&Snapshot| iteration(snapshot, run, profile).is_none();
            let from = &all[all.iter().take_while(is_none).count()..];
            let moments: Vec<u32> =
                from.iter().map_while(|snapshot| iteration(snapshot, run, profile)).collect();
            let (around, iterations) = match &moments[..] {
                [first, .., last] => (&from[..moments.len()], last.saturating_sub(*first)),
                _ => (&all[..0], 0),
            };
            let end =
                all.iter().find(|snapshot| taken_after(snapshot, profile) == Some(CheckpointKind::Exit));
            return Taken { end, around, iterations, garbage: None };
        };
        let called = called(all, profile);
        let kept = &all[..all.len() - called.len()];
        Taken {
            end: kept.last().or(called.first()),
            around: called.get(..CALLED).unwrap_or_default(),
            iterations: driver.explained,
            garbage: called.get(CALLED),
        }
    }
}

/// The iteration of a command after which a snapshot was taken.
fn iteration(snapshot: &Snapshot, run: &ScenarioRun, profile: &Profile) -> Option<u32> {
    let checkpoint = profile.checkpoints.get(snapshot.taken.checkpoint?)?;
    match checkpoint.kind {
        CheckpointKind::Iteration => Some(checkpoint.iteration).filter(|iteration| *iteration > 0),
        CheckpointKind::Asked => {
            let series = run.series.iter().find(|series| series.id == profile.process.id())?;
            series.iteration_of_answer(checkpoint.iteration)
        }
        _ => None,
    }
}

/// The snapshots of the process, or why they cannot be had.
fn readable(run: &ScenarioRun, profile: &Profile) -> Result<Vec<Snapshot>, String> {
    let mut snapshots = snapshots(run, profile).map_err(|error| error.to_string())?;
    add_handlers(&mut snapshots, run, profile);
    let died = run.driver.as_ref().map_or(0, |driver| driver.died);
    if died == 0 {
        return Ok(snapshots);
    }
    let copy = "the copy of the process that was to take a snapshot";
    Err(match Signal::try_from(died) {
        Ok(Signal::SIGALRM) => format!("{copy} took too long, and was ended"),
        Ok(Signal::SIGKILL) => {
            format!("{copy} was killed by SIGKILL, as the kernel does where memory is short")
        }
        _ => format!(
            "{copy} was ended by {}: a type of an extension breaks where it is asked for its references",
            signals::name(died)
        ),
    })
}

/// Adds what signals call to the snapshots around the iterations: only the process itself can tell.
fn add_handlers(snapshots: &mut [Snapshot], run: &ScenarioRun, profile: &Profile) {
    let Some(around) = run.driver.as_ref().and_then(|driver| driver.around.as_ref()) else { return };
    let before = snapshots.len() - called(snapshots, profile).len();
    if let Some(pair) = snapshots.get_mut(before..before + CALLED) {
        for (snapshot, handlers) in pair.iter_mut().zip(&around.handlers) {
            heap::registries::add_handlers(snapshot, handlers);
        }
    }
}

/// Those of a function's call that were taken after its work was done.
fn called<'a>(all: &'a [Snapshot], profile: &Profile) -> &'a [Snapshot] {
    let is_kept = |snapshot: &&Snapshot| taken_after(snapshot, profile) != Some(CheckpointKind::Left);
    &all[all.iter().take_while(is_kept).count()..]
}

/// The checkpoint after which a snapshot was taken.
fn taken_after(snapshot: &Snapshot, profile: &Profile) -> Option<CheckpointKind> {
    Some(profile.checkpoints.get(snapshot.taken.checkpoint?)?.kind)
}

/// The snapshots of the process that called the function, in order.
fn snapshots(run: &ScenarioRun, profile: &Profile) -> Result<Vec<Snapshot>, HeapError> {
    let all = heap::load::find(&run.capture)?;
    let of_process = all.into_iter().filter(|found| found.process == profile.process.id());
    of_process.map(|found| heap::load::snapshot(&found.path)).collect()
}

/// Whether it is about what every iteration adds.
fn is_growth(finding: &Finding) -> bool {
    use BudgetKey::{Blocks, Fds, Growth, Threads};
    finding.rule == leak::CHILDREN || matches!(figure_of(finding), Some(Growth | Blocks | Fds | Threads))
}

/// Whether what an owner keeps is what a finding is about.
fn is_about(finding: &Finding, found: &Found) -> bool {
    use BudgetKey::{Blocks, Fds, Growth, Left, Retained, Threads};
    match figure_of(finding) {
        _ if finding.rule == leak::CHILDREN => found.is_of_children(),
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
        let Some(again) = confirm::same(finding, second) else { continue };
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

/// Where the sentence is another finding's already, this one's own names the container: `a list made at …` is the owner.
fn name_container(title: &mut String, owner: &Owner) {
    let is_it = title.starts_with(&format!("a {} made at ", owner.type_name));
    if let Some((_, rate)) = title.split_once(" keeps ").filter(|_| is_it) {
        *title = format!("`{}` ({}) keeps {rate}", owner.name, owner.type_name);
    }
}

fn take_owners(finding: &mut Finding, owners: &[Owner], (rules, said): (&RuleSet, &mut Vec<String>)) {
    finding.owners = owners.to_vec();
    let first = &owners[0];
    if leak::is_of_verdict(&finding.rule) && !said.contains(&first.sentence) {
        let counted = std::mem::replace(&mut finding.title, first.sentence.clone());
        // What was counted over all judged iterations is worth more than what a few more showed.
        let is_said = counted.split_once(" keeps ").is_some_and(|(_, rate)| first.sentence.contains(rate));
        finding.evidence.extend((!is_said).then(|| format!("over all judged iterations: {counted}")));
        said.push(first.sentence.clone());
    } else if is_growth(finding) {
        finding.evidence.push(first.sentence.clone());
        name_container(&mut finding.title, first);
    } else {
        // Of a finding after the first, reports show what is said first.
        finding.evidence.insert(0, first.sentence.clone());
    }
    finding.evidence.extend(first.facts.iter().cloned());
    // Where what is held at the end was made says less about a peak than where that was.
    if first.place.is_some() && (is_growth(finding) || finding.place.is_none()) {
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
    if leak::is_of_verdict(&finding.rule) && owners.iter().all(is_warning) {
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
