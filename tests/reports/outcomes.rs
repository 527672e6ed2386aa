//! The outcomes that every format is shown on.

use std::time::Duration;

use leakgate::baseline::{Level, Package};
use leakgate::config::FailOn;
use leakgate::finding::{Figure, Finding, Holder, Owner, Place, Rate, RateUnit, Severity, Standing, Unit};
use leakgate::outcome::{
    BaselineFile, BudgetState, CapturePlace, Compared, JudgedBudget, Outcome, ScenarioError, ScenarioResult,
    Verdict,
};
use leakgate::profile::{Bill, BillLine, BillMoment, LineKind};
use leakgate::units::Bytes;

const MIB: u64 = 1 << 20;

pub(crate) fn outcome(scenarios: Vec<ScenarioResult>) -> Outcome {
    Outcome {
        config: "leakgate.yaml".into(),
        config_digest: "0123456789abcdef".into(),
        partition: None,
        left_out: 0,
        python: ".venv/bin/python (CPython 3.11.7)".into(),
        packages: vec![],
        arguments: vec![],
        fail_on: FailOn::New,
        baseline: None,
        scenarios,
        started_ms: 1_767_225_600_000,
        elapsed: Duration::from_millis(13_250),
        notes: vec![],
        results_dir: ".leakgate/".into(),
    }
}

/// Everything that a report may have to show, passes first, so that the order of the report is its own.
pub(crate) fn canonical() -> Outcome {
    outcome(vec![imports(), quote(), report(), model(), warm(), unbounded()])
}

/// Nothing wrong: one with budgets, one without.
pub(crate) fn passing() -> Outcome {
    let mut plain = scenario("smoke", "python -m shop --version", Verdict::Pass);
    plain.figures = vec![figure("retained", 4 * MIB as i64, None), figure("peak", 9 * MIB as i64, None)];
    outcome(vec![imports(), plain])
}

/// One failure and one pass: what the documentation shows.
pub(crate) fn sample() -> Outcome {
    outcome(vec![imports(), quote()])
}

/// The source that places point into.
pub(crate) fn source(file: &str) -> Option<String> {
    let (line, text) = match file {
        "shop/quotes.py" => {
            (12, "def remember(rows):\n    large = [1] * 1000\n    _SEEN.append(large)\n    return rows\n")
        }
        "shop/report.py" => (
            39,
            "def render(orders):\n    rows = [row for order in orders for row in order]\n    table = [format(row) for row in rows]\n",
        ),
        _ => return None,
    };
    Some("\n".repeat(line - 1) + text)
}

pub(crate) fn scenario(name: &str, what: &str, verdict: Verdict) -> ScenarioResult {
    ScenarioResult {
        name: name.into(),
        config_line: 4,
        what: what.into(),
        environment: None,
        baseline: Compared::NoBaseline,
        verdict,
        elapsed: Duration::from_millis(410),
        findings: vec![],
        budgets: vec![],
        not_judged: vec![],
        skipped: None,
        figures: vec![],
        growth: None,
        error: None,
        notes: vec![],
        capture: CapturePlace::Results,
    }
}

pub(crate) fn figure(name: &str, measured: i64, limit: Option<i64>) -> Figure {
    let unit = match name {
        "growth" => Unit::BytesPerIteration,
        "fds" | "threads" | "blocks" => Unit::Count,
        _ => Unit::Bytes,
    };
    Figure { name: name.into(), measured, exact: None, limit, baseline: None, unit }
}

pub(crate) fn budget(name: &str, measured: i64, limit: i64, state: BudgetState) -> JudgedBudget {
    JudgedBudget { figure: figure(name, measured, Some(limit)), warn: None, state }
}

pub(crate) fn place(file: &str, line: u32, function: &str) -> Place {
    Place { file: file.into(), line, function: function.into() }
}

pub(crate) fn holder(bytes: u64, blocks: u64, place: Place, callers: &[&str]) -> Holder {
    let stack =
        std::iter::once(place.to_string()).chain(callers.iter().map(|frame| frame.to_string())).collect();
    Holder {
        bytes: Bytes(bytes),
        blocks,
        stack,
        more_frames: 0,
        frames: vec![],
        place: Some(place),
        domain: "Python objects".into(),
    }
}

pub(crate) fn finding(scenario: &str, rule: &str, title: &str) -> Finding {
    Finding {
        rule: rule.into(),
        severity: Severity::Error,
        title: title.into(),
        scenario: scenario.into(),
        place: None,
        holders: vec![],
        more_holders: 0,
        entries: None,
        evidence: vec![],
        figure: None,
        series: vec![],
        series_again: vec![],
        counted: None,
        bill: None,
        help: String::new(),
        containers: vec![],
        parts: vec![],
        owners: vec![],
        standing: Standing::New,
        accepted: None,
        rate: None,
        fingerprint: "7f3a9c01d2e4".into(),
    }
}

fn imports() -> ScenarioResult {
    let mut imports = scenario("import-app", "python -c 'import shop.main'", Verdict::Pass);
    imports.budgets = vec![budget("peak", 64_277_709, 80 * MIB as i64, BudgetState::Kept)];
    imports
}

/// A growth that is broken, and two budgets that are kept.
fn quote() -> ScenarioResult {
    let mut quote = scenario("quote", "call shop.quotes:quote, 20 iterations", Verdict::Fail);
    quote.elapsed = Duration::from_millis(4_100);
    quote.budgets = vec![
        budget("peak_added", 2 * MIB as i64, 4 * MIB as i64, BudgetState::Kept),
        budget("growth", 8_064, 64, BudgetState::Broken),
        budget("fds", 0, 0, BudgetState::Kept),
    ];
    quote.figures = vec![figure("retained", 23_488_102, None), figure("peak", 23_592_960, None)];
    let keeps = place("shop/quotes.py", 14, "remember");
    quote.findings = vec![Finding {
        place: Some(keeps.clone()),
        holders: vec![
            holder(161_120, 20, keeps, &["shop/quotes.py:31 in quote"]),
            holder(160, 1, place("shop/log.py", 7, "write"), &["shop/quotes.py:30 in quote"]),
        ],
        more_holders: 3,
        entries: None,
        evidence: vec![
            "+161,280 B in 20 iterations, exact".into(),
            "at this rate 7.7 MiB after 1,000 iterations, 769.0 MiB after 100,000".into(),
            "one block of 8,056 B per iteration at shop/quotes.py:14 in remember".into(),
        ],
        figure: Some(figure("growth", 8_064, Some(64))),
        series: (0..=20).map(|iteration| 23_326_822 + 8_064 * iteration).collect(),
        owners: owners(),
        help: "find what keeps a reference after the work is done: bound it with `deque(maxlen=…)`".into(),
        ..finding(
            "quote",
            "budget-growth",
            "`shop.quotes._SEEN` (list) keeps 1 more list, 7.9 KiB, after every iteration",
        )
    }];
    quote
}

/// Who keeps what grows: a list of a module, and a local variable that no rule is about.
fn owners() -> Vec<Owner> {
    let steps = |steps: &[&str]| steps.iter().map(|step| (*step).to_owned()).collect();
    vec![
        Owner {
            pattern: Some("growing-global".into()),
            sentence: "`shop.quotes._SEEN` (list) keeps 1 more list, 7.9 KiB, after every iteration".into(),
            name: "shop.quotes._SEEN".into(),
            type_name: "list".into(),
            path: steps(&["module shop.quotes", "_SEEN (list, 90 entries)", "list of 1,000"]),
            place: Some(place("shop/quotes.py", 14, "remember")),
            facts: Vec::new(),
            help: "find what keeps a reference after the work is done: bound it with `deque(maxlen=…)`"
                .into(),
        },
        Owner {
            pattern: None,
            sentence: "`lines` (list) in `write` keeps 8 B more after every iteration".into(),
            name: "lines".into(),
            type_name: "list".into(),
            path: steps(&["write, running", "lines (list, 20 entries)"]),
            place: None,
            facts: Vec::new(),
            help: String::new(),
        },
    ]
}

/// Compared with a baseline that has the leak at a lower rate, accepts another one, and is damaged.
pub(crate) fn compared() -> Outcome {
    let mut quote = quote();
    quote.baseline = Compared::Compared;
    quote.environment = Some("cpython-3.11-x86_64-glibc".parse().expect("an environment"));
    quote.budgets[1].figure.baseline = Some(64);
    quote.figures[1].baseline = Some(22_593_000);
    let rate = |total| Rate { total, iterations: 20, unit: RateUnit::Bytes };
    quote.findings[0].accepted = Some(Level::Rate(rate(1_280)));
    quote.findings.push(Finding {
        standing: Standing::Accepted,
        accepted: Some(Level::Rate(rate(2_000))),
        rate: Some(rate(2_000)),
        place: Some(place("shop/log.py", 7, "write")),
        ..finding("quote", "growth", "memory grows by 100 B after every iteration")
    });
    let mut imports = imports();
    imports.baseline = Compared::Compared;
    imports.budgets[0].figure.baseline = Some(64_172_851);
    let mut fresh = scenario("fresh", "call shop.carts:add", Verdict::Fail);
    fresh.baseline = Compared::Compared;
    fresh.findings = vec![finding("fresh", "growth", "memory grows by 8 B after every iteration")];
    let mut old = scenario("old", "call shop.carts:old", Verdict::Pass);
    old.baseline = Compared::Compared;
    old.findings = vec![Finding { scenario: "old".into(), ..quote.findings[1].clone() }];
    let mut all = outcome(vec![imports, old, quote, fresh]);
    all.packages = vec![Package { name: "cpython".into(), version: "3.11.7".into() }];
    all.baseline = Some(BaselineFile {
        path: "leakgate.lock".into(),
        problems: vec!["leakgate.lock:12: a mark of a merge conflict".into()],
    });
    all
}

/// A peak and file descriptors, both broken.
fn report() -> ScenarioResult {
    let mut report = scenario("report", "python -m shop.report orders.csv", Verdict::Fail);
    report.elapsed = Duration::from_millis(1_900);
    report.budgets = vec![
        budget("peak", 100_873_011, 80 * MIB as i64, BudgetState::Broken),
        budget("fds", 2, 0, BudgetState::Broken),
        budget("threads", 0, 0, BudgetState::Kept),
    ];
    let table = place("shop/report.py", 41, "render");
    let mut library = holder(9_100_000, 41, place("libxml2.so.2", 0, "xmlBufCreate"), &[]);
    library.domain = "native heap".into();
    let peak = Finding {
        place: Some(table.clone()),
        holders: vec![
            holder(
                71_303_168,
                640_000,
                table,
                &["shop/report.py:58 in main", "shop/report.py:63 in <module>"],
            ),
            library,
        ],
        figure: Some(figure("peak", 100_873_011, Some(80 * MIB as i64))),
        bill: Some(bill()),
        help: "do not hold it all at once: use generators instead of lists".into(),
        fingerprint: "0c55aa10b2d9".into(),
        ..finding("report", "budget-peak", "peak 96.2 MiB is over its budget of 80.0 MiB by 16.2 MiB")
    };
    let fds = Finding {
        figure: Some(figure("fds", 2, Some(0))),
        help: "close what was opened: use `with` for files".into(),
        fingerprint: "e1d2c3b4a596".into(),
        ..finding("report", "budget-fds", "2 file descriptors left open: its budget allows none")
    };
    report.findings = vec![peak, fds];
    report
}

/// What was resident at the peak: more than the budget's figure, and less than was allocated.
fn bill() -> Bill {
    let line = |kind, name: &str, bytes| BillLine { kind, name: name.into(), bytes };
    let lines = vec![
        line(LineKind::Objects, "", 71_303_168),
        line(LineKind::Heap, "", 9_100_000),
        line(LineKind::Held, "", 3_245_376),
        line(LineKind::OwnAllocator, "/opt/venv/lib/libarrow.so.2100", 16_777_216),
        line(LineKind::File, "/usr/lib/x86_64-linux-gnu/libc.so.6", 1_613_824),
        line(LineKind::File, "/usr/lib/x86_64-linux-gnu/libxml2.so.2", 1_007_616),
        line(LineKind::File, "/srv/app/orders.csv", 655_360),
        line(LineKind::File, "/usr/lib/locale/C.utf8/LC_CTYPE", 69_632),
        line(LineKind::File, "[vdso]", 4_096),
        line(LineKind::Stacks, "", 90_112),
        line(LineKind::Tracker, "", 5_902_336),
        line(LineKind::Unknown, "", 12_288),
    ];
    Bill {
        moment: BillMoment::Peak,
        sampled: Some("sampled 4 ms after it, 94.0 MiB of its 96.2 MiB live".into()),
        resident: lines.iter().map(|line| line.bytes).sum(),
        counted: lines.iter().map(|line| line.bytes).sum(),
        lines,
        not_resident: 2 * MIB,
        notes: vec![],
    }
}

/// A scenario that could not be measured, with its traceback.
fn model() -> ScenarioResult {
    let mut model = scenario("load-model", "call shop.model:load, 1 iteration", Verdict::Error);
    model.not_judged = vec!["retained".into()];
    model.error = Some(ScenarioError {
        title: "the function raised ValueError: no such model: 'v7'".into(),
        details: "Traceback (most recent call last):\n  File \"shop/model.py\", line 12, in load\n    raise ValueError(f\"no such model: {name!r}\")\nValueError: no such model: 'v7'\n".into(),
    });
    model
}

/// A budget above its warning threshold.
fn warm() -> ScenarioResult {
    let mut warm = scenario("warm-cache", "call shop.cache:warm, 20 iterations", Verdict::Pass);
    warm.budgets = vec![
        JudgedBudget {
            figure: figure("retained", 31 * MIB as i64, Some(32 * MIB as i64)),
            warn: Some(30 * MIB as i64),
            state: BudgetState::Warned,
        },
        budget("growth", 0, 0, BudgetState::Kept),
    ];
    let cache = place("shop/cache.py", 9, "warm");
    warm.findings = vec![Finding {
        severity: Severity::Warning,
        place: Some(cache.clone()),
        holders: vec![holder(30 * MIB, 1, cache, &[])],
        figure: Some(figure("retained", 31 * MIB as i64, Some(30 * MIB as i64))),
        help: "see what is still referred to when the work is done".into(),
        fingerprint: "5be1f0aa77c3".into(),
        ..finding(
            "warm-cache",
            "budget-retained",
            "31.0 MiB is retained after the work: over its warning threshold of 30.0 MiB by 1.0 MiB",
        )
    }];
    warm
}

/// Ended at its memory limit.
fn unbounded() -> ScenarioResult {
    let mut unbounded = scenario("replay", "python -m shop.replay", Verdict::Fail);
    unbounded.not_judged = vec!["retained".into()];
    unbounded.notes = vec!["2 child processes were not tracked".into()];
    let replay = place("shop/replay.py", 22, "replay");
    unbounded.findings = vec![Finding {
        place: Some(replay.clone()),
        holders: vec![holder(2_040 * MIB, 4_177_920, replay, &["shop/replay.py:30 in <module>"])],
        evidence: vec!["2.0 GiB was live when it was ended, 2.1 GiB resident at most".into()],
        figure: Some(figure("memory_limit", 2_200_000_000, Some(2_147_483_648))),
        help: "the scenario was ended before the machine had to do it".into(),
        fingerprint: "99aa88bb77cc".into(),
        ..finding("replay", "memory-limit", "ended when it reached its memory limit of 2.0 GiB")
    }];
    unbounded
}

/// Text that would break any format that lets it through.
pub(crate) const HOSTILE: &str = "x\u{1b}[31mR\u{1b}[0m]]>|`a`` ```\n# h\0\u{202e}\u{200b}<img src=x> @team #12 https://evil.org ![i](u) & \"q\" 'p'";

/// The hostile text in every field that has text.
pub(crate) fn hostile() -> Outcome {
    let text = || HOSTILE.to_owned();
    let at = Place { file: text(), line: 3, function: text() };
    let held = Holder { stack: vec![text(), text()], domain: text(), ..holder(10, 1, at.clone(), &[]) };
    let found = Finding {
        place: Some(at),
        holders: vec![held],
        evidence: vec![text()],
        figure: Some(Figure {
            name: text(),
            measured: 10,
            exact: None,
            limit: Some(5),
            baseline: None,
            unit: Unit::Bytes,
        }),
        series: vec![1, 2],
        help: text(),
        fingerprint: text(),
        ..finding(HOSTILE, HOSTILE, HOSTILE)
    };
    let judged = JudgedBudget {
        figure: found.figure.clone().expect("a figure"),
        warn: None,
        state: BudgetState::Broken,
    };
    let error = ScenarioError { title: text(), details: format!("{HOSTILE}\n````\n{HOSTILE}") };
    let mut failing = scenario(HOSTILE, HOSTILE, Verdict::Fail);
    failing.findings = vec![found.clone(), Finding { severity: Severity::Warning, ..found }];
    failing.budgets = vec![judged];
    failing.not_judged = vec![text()];
    failing.figures = vec![Figure {
        name: text(),
        measured: 1,
        exact: None,
        limit: None,
        baseline: None,
        unit: Unit::Count,
    }];
    failing.notes = vec![text()];
    let mut broken = scenario(HOSTILE, HOSTILE, Verdict::Error);
    broken.error = Some(error);
    Outcome {
        config: text(),
        python: text(),
        results_dir: text(),
        ..outcome(vec![failing, broken, scenario(HOSTILE, HOSTILE, Verdict::Pass)])
    }
}
