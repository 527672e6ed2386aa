//! The judgement: exact figures at, above and below their limits, and who is named for them.

use std::path::Path;

use leakgate::config::{BudgetKey as Key, Of};
use leakgate::finding::{Severity, Unit};
use leakgate::gate::budgets::{Judgement, Limit, REPORTED, ScenarioFacts, judge};
use leakgate::gate::measurement::{IterationFigures, Measurement};
use leakgate::outcome::{BudgetState, Verdict};
use leakgate::profile::*;

const OBJECT: Allocator = Allocator { name: "PyObject_Malloc", domain: Domain::PythonObject };
const MALLOC: Allocator = Allocator { name: "malloc", domain: Domain::Heap };
const MAPPED: Allocator = Allocator { name: "mmap", domain: Domain::File };

const DRIVER: &str = "/tmp/leakgate/drive.py";
/// A profile that is built by stacks, given innermost first.
#[derive(Default)]
struct Recorded {
    profile: Profile,
}

impl Recorded {
    fn new() -> Recorded {
        let root = StackNode { caller: StackId(0), frame: FrameId(0) };
        let thread = |name: &str| Thread { name: name.into(), tid: 1, ..Thread::default() };
        let profile = Profile {
            stacks: vec![root],
            threads: vec![thread("main"), thread("writer")],
            ..Default::default()
        };
        Recorded { profile }
    }

    fn stack(&mut self, frames: &[Frame]) -> StackId {
        let mut caller = StackId(0);
        for frame in frames.iter().rev() {
            let known = self.profile.frames.iter().position(|known| known == frame);
            let frame_id = known.unwrap_or_else(|| {
                self.profile.frames.push(frame.clone());
                self.profile.frames.len() - 1
            });
            let node = StackNode { caller, frame: FrameId(frame_id as u32) };
            let interned = self.profile.stacks.iter().skip(1).position(|known| *known == node);
            let index = interned.map_or(self.profile.stacks.len(), |index| index + 1);
            if interned.is_none() {
                self.profile.stacks.push(node);
            }
            caller = StackId(index as u32);
        }
        caller
    }

    /// A site with the same figures at its peak and end; returns its index.
    fn site(&mut self, frames: &[Frame], allocator: Allocator, bytes: u64, blocks: u64) -> u32 {
        let stack = self.stack(frames);
        let held = Amount { bytes, blocks };
        self.profile.sites.push(Site {
            stack,
            allocator,
            thread: ThreadId(0),
            peak: held,
            end: held,
            total: held,
            temporary: Amount::default(),
        });
        self.profile.sites.len() as u32 - 1
    }

    fn checkpoint(&mut self, kind: CheckpointKind, sites: &[(u32, u64, u64)]) -> usize {
        let mut now = vec![Amount::default(); self.profile.sites.len()];
        for (site, bytes, blocks) in sites {
            now[*site as usize] = Amount { bytes: *bytes, blocks: *blocks };
        }
        let last = self.profile.checkpoints.len().checked_sub(1);
        let before = last.map(|last| self.profile.live_at(last)).unwrap_or_default();
        let is_change = |(site, amount): &(u32, Amount)| {
            before.get(*site as usize).copied().unwrap_or_default() != *amount
        };
        let changes: Vec<(u32, Amount)> =
            now.iter().enumerate().map(|(site, amount)| (site as u32, *amount)).filter(is_change).collect();
        self.profile.checkpoints.push(Checkpoint {
            kind,
            iteration: 0,
            live: now.into_iter().sum(),
            window_peak: 0,
            fds: None,
            threads: None,
            children: None,
            collected: 0,
            changes,
        });
        self.profile.checkpoints.len() - 1
    }
}

fn python(function: &str, file: &str, line: u32) -> Frame {
    Frame::Python { function: function.into(), file: file.into(), line }
}

fn keep(line: u32) -> Vec<Frame> {
    vec![python("keep", "/shop/app.py", line), python("main", "/shop/app.py", 40), python("drive", DRIVER, 9)]
}

/// A measurement of one site, with every figure known.
fn measurement() -> Measurement {
    let mut recorded = Recorded::new();
    recorded.site(&keep(7), OBJECT, 1_000, 10);
    Measurement {
        profile: recorded.profile,
        peak: 1_000,
        peak_added: Some(600),
        retained: 500,
        left: Some(40),
        rss: 9_000,
        fds: Some(3),
        threads: Some(1),
        blocks: 10,
        ..Default::default()
    }
}

fn max(key: Key, max: u64) -> Limit {
    Limit { key, max: Some(max), warn: None, increase: None, of: Of::Each }
}

fn judged(limits: &[Limit], measurement: &Measurement) -> Judgement {
    let facts = ScenarioFacts { name: "quote", cwd: Path::new("/shop"), driver: Some(DRIVER) };
    judge(&facts, limits, measurement)
}

#[test]
fn every_budget_is_inclusive() {
    let figures = [
        (Key::Peak, 1_000),
        (Key::PeakAdded, 600),
        (Key::Retained, 500),
        (Key::Left, 40),
        (Key::Rss, 9_000),
        (Key::Blocks, 10),
        (Key::Fds, 3),
        (Key::Threads, 1),
    ];
    let measurement = measurement();
    for (key, figure) in figures {
        for (limit, verdict) in
            [(figure - 1, Verdict::Fail), (figure, Verdict::Pass), (figure + 1, Verdict::Pass)]
        {
            let judgement = judged(&[max(key, limit)], &measurement);
            assert_eq!(judgement.verdict(), verdict, "{} of {limit}", key.name());
            assert_eq!(judgement.budgets[0].figure.measured, figure as i64);
            assert_eq!(judgement.findings.len(), usize::from(verdict == Verdict::Fail));
        }
    }
}

#[test]
fn a_finding_says_by_how_much_and_what_to_do() {
    let judgement = judged(&[max(Key::Peak, 999), max(Key::Fds, 0), max(Key::Threads, 0)], &measurement());
    let titles: Vec<&str> = judgement.findings.iter().map(|finding| finding.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "peak 1000 B is over its budget of 999 B by 1 B",
            "3 file descriptors left open: its budget allows none",
            "1 thread left running: its budget allows none",
        ]
    );
    assert_eq!(judgement.findings[0].rule, "budget-peak");
    assert!(judgement.findings.iter().all(|finding| !finding.help.is_empty()));
}

#[test]
fn between_warning_and_limit_is_a_warning_that_passes() {
    let warned =
        |warn| Limit { key: Key::Retained, max: Some(500), warn: Some(warn), increase: None, of: Of::Each };
    let judgement = judged(&[warned(499)], &measurement());
    assert_eq!(judgement.verdict(), Verdict::Pass);
    assert_eq!(judgement.budgets[0].state, BudgetState::Warned);
    assert_eq!(judgement.findings[0].severity, Severity::Warning);
    assert_eq!(
        judgement.findings[0].title,
        "500 B is retained after the work: over its warning threshold of 499 B by 1 B"
    );
    assert!(judged(&[warned(500)], &measurement()).findings.is_empty());
    let only = judged(
        &[Limit { key: Key::Peak, max: None, warn: Some(1), increase: None, of: Of::Each }],
        &measurement(),
    );
    assert_eq!((only.verdict(), only.budgets[0].figure.limit), (Verdict::Pass, None));
}

#[test]
fn errors_come_before_warnings_and_budgets_stay_in_their_order() {
    let warns = Limit { key: Key::Peak, max: None, warn: Some(1), increase: None, of: Of::Each };
    let judgement = judged(&[warns, max(Key::Fds, 0)], &measurement());
    let rules: Vec<&str> = judgement.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["budget-fds", "budget-peak"]);
    assert_eq!(judgement.budgets[0].figure.name, "peak");
}

#[test]
fn what_was_asked_for_and_not_measured_is_an_error_and_never_a_pass() {
    let unseen = Measurement { fds: None, left: None, ..measurement() };
    let judgement = judged(&[max(Key::Fds, 0), max(Key::Left, 9), max(Key::Peak, 5_000)], &unseen);
    assert_eq!(judgement.verdict(), Verdict::Error);
    let error = judgement.error.unwrap();
    assert_eq!(error.title, "`fds`, `left` have budgets and could not be measured");
    assert_eq!(
        error.details,
        "fds: the open file descriptors of the process could not be seen\n\
         left: needs a result that is dropped; only `call` scenarios have one"
    );
    assert_eq!(judgement.not_judged, ["fds", "left"]);
    assert_eq!(judgement.budgets.len(), 1);
    assert_eq!(judged(&[max(Key::Growth, 0)], &measurement()).verdict(), Verdict::Error);
    // Nobody asked: nothing to complain about.
    assert_eq!(judged(&[max(Key::Peak, 5_000)], &unseen).verdict(), Verdict::Pass);
}

#[test]
fn a_silent_tracker_and_lost_records_are_errors() {
    let silent = judged(&[max(Key::Peak, 5_000)], &Measurement::default());
    assert_eq!(silent.error.unwrap().title, "the tracker recorded nothing, so there is nothing to judge");
    let mut lossy = measurement();
    lossy.profile.process.lost = 1_200;
    let judgement = judged(&[max(Key::Peak, 5_000)], &lossy);
    assert_eq!(judgement.verdict(), Verdict::Error);
    assert_eq!(
        judgement.error.unwrap().title,
        "1,200 events could not be recorded, so the figures are a lower bound"
    );
}

#[test]
fn figures_without_a_budget_are_reported_without_a_limit() {
    let judgement = judged(&[max(Key::Peak, 1_000)], &measurement());
    let names: Vec<&str> = judgement.figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["retained", "left", "peak_added", "rss", "blocks", "fds", "threads"]);
    assert!(judgement.figures.iter().all(|figure| figure.limit.is_none()));
    assert_eq!(judgement.figures[3].unit, Unit::Bytes);
}

/// Two judged iterations that each keep one block of 8,056 bytes at line 7; line 9 shrinks and a cache is flat.
fn growing() -> Measurement {
    let mut recorded = Recorded::new();
    let kept = recorded.site(&keep(7), OBJECT, 40_280, 5);
    let shrinks = recorded.site(&keep(9), OBJECT, 0, 0);
    let flat = recorded.site(&keep(11), MALLOC, 70_000, 1);
    let start = recorded
        .checkpoint(CheckpointKind::Iteration, &[(kept, 24_168, 3), (shrinks, 100, 1), (flat, 70_000, 1)]);
    recorded
        .checkpoint(CheckpointKind::Iteration, &[(kept, 32_224, 4), (shrinks, 100, 1), (flat, 70_000, 1)]);
    let last = recorded.checkpoint(CheckpointKind::Iteration, &[(kept, 40_280, 5), (flat, 70_000, 1)]);
    let figures = |iteration, checkpoint, live_bytes| IterationFigures {
        iteration,
        checkpoint,
        live_bytes,
        live_blocks: 100 + u64::from(iteration),
        ..Default::default()
    };
    Measurement {
        profile: recorded.profile,
        peak: 110_280,
        start: Some(figures(5, start, 94_268)),
        iterations: vec![figures(6, 1, 102_324), figures(7, last, 110_280)],
        blocks: 1,
        ..Default::default()
    }
}

#[test]
fn growth_names_the_sites_that_grew_and_what_an_iteration_leaves() {
    let judgement = judged(&[max(Key::Growth, 64)], &growing());
    let finding = &judgement.findings[0];
    assert_eq!(finding.title, "an iteration keeps 7.8 KiB more on average, over its budget of 64 B");
    assert_eq!(finding.series, [94_268, 102_324, 110_280]);
    assert_eq!(
        finding.evidence,
        [
            "+16,012 B and +2 blocks in 2 iterations, exact",
            "at this rate 7.6 MiB after 1,000 iterations, 763.5 MiB after 100,000",
            "one block of 8,056 B per iteration at app.py:7 in keep",
        ]
    );
    assert_eq!(finding.holders.len(), 1);
    assert_eq!((finding.holders[0].bytes.0, finding.holders[0].blocks), (16_112, 2));
    assert_eq!(finding.holders[0].stack, ["app.py:7 in keep", "app.py:40 in main"]);
    assert_eq!(finding.place.as_ref().unwrap().to_string(), "app.py:7 in keep");
    assert_eq!(finding.figure.as_ref().unwrap().measured, 8_006);
}

#[test]
fn growth_is_judged_at_its_exact_rate() {
    for (limit, verdict) in [(8_005, Verdict::Fail), (8_006, Verdict::Pass), (8_007, Verdict::Pass)] {
        assert_eq!(judged(&[max(Key::Growth, limit)], &growing()).verdict(), verdict);
    }
    let mut odd = growing();
    odd.iterations[1].live_bytes += 1;
    assert_eq!(judged(&[max(Key::Growth, 8_006)], &odd).verdict(), Verdict::Fail);
    odd.iterations[1].live_bytes = 90_000;
    assert_eq!(judged(&[max(Key::Growth, 0)], &odd).verdict(), Verdict::Pass);
}

#[test]
fn a_memory_limit_is_a_finding_that_says_who_held_it() {
    let mut ended = measurement();
    ended.memory_limit_reached = Some(8_192);
    let limits = [max(Key::Retained, 1), max(Key::Peak, 999), max(Key::Rss, 10_000), max(Key::Fds, 0)];
    let judgement = judged(&limits, &ended);
    assert_eq!(judgement.verdict(), Verdict::Fail);
    let rules: Vec<&str> = judgement.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["memory-limit", "budget-peak"]);
    assert_eq!(judgement.findings[0].title, "ended when it reached its memory limit of 8.0 KiB");
    assert_eq!(judgement.findings[0].place.as_ref().unwrap().line, 7);
    assert_eq!(judgement.findings[0].figure.as_ref().unwrap().measured, 9_000);
    // Below a high-water mark's limit so far is no pass, and what is measured at the end has no value.
    assert_eq!(judgement.not_judged, ["retained", "rss", "fds"]);
    assert!(judgement.error.is_none());
}

/// The holders of a broken peak.
fn holders_of(recorded: Recorded) -> leakgate::finding::Finding {
    let measurement = Measurement { peak: 10_000, profile: recorded.profile, ..Default::default() };
    judged(&[max(Key::Peak, 1)], &measurement).findings.remove(0)
}

#[test]
fn threads_and_allocators_of_one_line_are_one_holder() {
    let mut recorded = Recorded::new();
    recorded.site(&keep(7), OBJECT, 100, 1);
    recorded.site(&keep(7), MALLOC, 300, 2);
    let other = recorded.site(&keep(7), OBJECT, 50, 1);
    recorded.profile.sites[other as usize].thread = ThreadId(1);
    recorded.site(&keep(8), OBJECT, 449, 1);
    recorded.site(&keep(9), MAPPED, 9_999, 1);
    let finding = holders_of(recorded);
    let seen: Vec<(u64, u64, &str)> = finding
        .holders
        .iter()
        .map(|holder| (holder.bytes.0, holder.blocks, holder.domain.as_str()))
        .collect();
    assert_eq!(seen, [(450, 4, "native heap + Python objects"), (449, 1, "Python objects")]);
}

#[test]
fn what_a_library_allocates_is_held_by_the_users_line_that_called_it() {
    let library = "/venv/lib/python3.11/site-packages/pandas/core.py";
    let importing = [python("<module>", "/shop/app.py", 3), python("drive", DRIVER, 9)];
    let below = |line| [&[python("load", library, line)], &importing[..]].concat();
    let mut recorded = Recorded::new();
    recorded.site(&below(1), OBJECT, 40, 1);
    recorded.site(&below(2), OBJECT, 40, 1);
    recorded.site(&below(3), OBJECT, 40, 1);
    recorded.site(&keep(7), OBJECT, 100, 1);
    let finding = holders_of(recorded);
    let largest = &finding.holders[0];
    assert_eq!((largest.bytes.0, largest.blocks), (120, 3));
    // No way into the library has more than half: the path ends at the user's line.
    assert_eq!(largest.stack, ["app.py:3 in <module>"]);
    assert_eq!(finding.place.as_ref().unwrap().to_string(), "app.py:3 in <module>");

    let mut recorded = Recorded::new();
    recorded.site(&below(1), OBJECT, 40, 1);
    recorded.site(&below(2), OBJECT, 41, 1);
    let finding = holders_of(recorded);
    assert_eq!(finding.holders[0].stack, [format!("{library}:2 in load"), "app.py:3 in <module>".to_owned()]);
}

#[test]
fn without_the_users_code_the_innermost_python_line_is_named_and_then_the_library() {
    let json = python("decode", "/usr/lib/python3.11/json/decoder.py", 355);
    let frozen = python("_find_and_load", "<frozen importlib._bootstrap>", 1176);
    let native =
        Frame::Native { module: "/usr/lib/libfoo.so.1".into(), symbol: "make_rows".into(), offset: 16 };
    let snippet = python("<module>", "<string>", 1);
    let cases = [
        (
            vec![native.clone(), frozen.clone(), json.clone()],
            "/usr/lib/python3.11/json/decoder.py:355 in decode",
        ),
        (vec![json.clone(), snippet], "<string>:1 in <module>"),
        (vec![native.clone(), frozen], "<frozen importlib._bootstrap>:1176 in _find_and_load"),
        (vec![native], "in libfoo.so.1 (make_rows)"),
    ];
    for (stack, place) in cases {
        let mut recorded = Recorded::new();
        recorded.site(&stack, OBJECT, 100, 1);
        assert_eq!(holders_of(recorded).place.unwrap().to_string(), place);
    }
    let mut recorded = Recorded::new();
    recorded.site(&[Frame::Note("interpreter start-up".into())], OBJECT, 100, 1);
    let finding = holders_of(recorded);
    assert_eq!((finding.place, finding.holders[0].stack[0].as_str()), (None, "interpreter start-up"));
}

#[test]
fn five_holders_are_listed_and_the_others_counted() {
    let mut recorded = Recorded::new();
    for line in 1..=8 {
        recorded.site(&keep(line), OBJECT, u64::from(line) * 10, 1);
    }
    let finding = holders_of(recorded);
    let bytes: Vec<u64> = finding.holders.iter().map(|holder| holder.bytes.0).collect();
    assert_eq!((bytes, finding.more_holders), (vec![80, 70, 60, 50, 40], 3));
}

#[test]
fn a_deep_stack_lists_eight_frames_the_users_first() {
    let library = |line| python("f", "/usr/lib/python3.11/json/decoder.py", line);
    let mut stack: Vec<Frame> = (1..=10).map(library).collect();
    stack.push(python("mine", "/shop/app.py", 5));
    stack.extend((11..=20).map(library));
    stack.push(python("main", "/shop/app.py", 40));
    let mut recorded = Recorded::new();
    recorded.site(&stack, OBJECT, 100, 1);
    let holder = &holders_of(recorded).holders[0];
    assert_eq!((holder.stack.len(), holder.more_frames), (8, 14));
    assert_eq!(holder.stack[0], "/usr/lib/python3.11/json/decoder.py:1 in f");
    assert_eq!(holder.stack[6..], ["app.py:5 in mine", "app.py:40 in main"]);
}

#[test]
fn retained_and_left_look_at_their_own_moments() {
    let mut recorded = Recorded::new();
    let result = recorded.site(&keep(7), OBJECT, 5, 1);
    let cache = recorded.site(&keep(8), OBJECT, 9_999, 1);
    recorded.checkpoint(CheckpointKind::Start, &[(cache, 3, 1)]);
    recorded.checkpoint(CheckpointKind::Iteration, &[(cache, 30, 1)]);
    recorded.checkpoint(CheckpointKind::Retained, &[(result, 400, 1), (cache, 100, 2)]);
    recorded.checkpoint(CheckpointKind::Left, &[(cache, 70, 2)]);
    let measurement = Measurement {
        peak: 1,
        retained: 500,
        left: Some(40),
        start: Some(IterationFigures { iteration: 1, checkpoint: 1, live_bytes: 30, ..Default::default() }),
        profile: recorded.profile,
        ..Default::default()
    };
    let judgement = judged(&[max(Key::Retained, 499), max(Key::Left, 39)], &measurement);
    let held: Vec<(u64, u32)> = judgement
        .findings
        .iter()
        .map(|finding| (finding.holders[0].bytes.0, finding.place.as_ref().unwrap().line))
        .collect();
    assert_eq!(held, [(400, 7), (40, 8)]);
}

#[test]
fn what_an_iteration_adds_is_explained_only_by_a_peak_within_an_iteration() {
    let mut measurement = growing();
    measurement.peak_added = Some(16_012);
    measurement.profile.totals.peak.bytes = 110_280;
    let limits = [max(Key::PeakAdded, 1)];
    let finding = &judged(&limits, &measurement).findings[0];
    assert!(finding.holders.is_empty() && finding.place.is_none());
    assert_eq!(
        finding.evidence[0],
        "the process's own peak was at another time, so who held it is not known"
    );

    measurement.profile.checkpoints[2].window_peak = 110_280;
    let finding = &judged(&limits, &measurement).findings[0];
    assert_eq!((finding.holders[0].bytes.0, finding.holders[0].place.as_ref().unwrap().line), (16_112, 7));
}

#[test]
fn threads_that_still_hold_memory_are_named() {
    let mut measurement = measurement();
    measurement.profile = {
        let mut recorded = Recorded::new();
        let site = recorded.site(&keep(7), OBJECT, 2_048, 1);
        recorded.profile.sites[site as usize].thread = ThreadId(1);
        recorded.profile.threads =
            vec![Thread::default(), Thread { name: "writer".into(), tid: 7, ..Thread::default() }];
        recorded.profile
    };
    let judgement = judged(&[max(Key::Threads, 0)], &measurement);
    assert_eq!(
        judgement.findings[0].evidence,
        ["memory allocated by other threads is still live: writer (2.0 KiB)"]
    );
}

#[test]
fn a_fingerprint_survives_moved_lines_and_not_a_moved_culprit() {
    let of = |frames: &[Frame]| {
        let mut recorded = Recorded::new();
        recorded.site(frames, OBJECT, 100, 1);
        holders_of(recorded).fingerprint
    };
    assert_eq!(of(&keep(7)), of(&keep(70)));
    assert_ne!(of(&keep(7)), of(&keep(7)[1..]));
    assert_eq!(of(&keep(7)).len(), 12);
}

#[test]
fn every_key_has_a_name_of_its_own() {
    let mut names: Vec<&str> = REPORTED.map(Key::name).into();
    names.sort_unstable();
    assert_eq!(
        names,
        ["blocks", "fds", "growth", "left", "peak", "peak_added", "retained", "rss", "threads"]
    );
}
