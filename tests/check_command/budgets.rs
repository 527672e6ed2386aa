//! Every budget of a `call` scenario, broken and kept, with amounts that are known by construction. A `bytes` object of n
//! characters takes n + 33 bytes.

use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;

use crate::project::Project;

const APP: &str = "\
import os, threading
SLOTS = [None] * 100
FDS, THREADS = [], []
NEVER = threading.Event()

def keeps(size=967):
    SLOTS[SLOTS.index(None)] = bytes(size)

def healthy():
    return bytes(967)

def big(size):
    return bytes(size)

def opens():
    FDS.append(os.dup(0))

def starts():
    thread = threading.Thread(target=NEVER.wait, daemon=True)
    thread.start()
    THREADS.append(thread)
";

/// The figure of a budget, or of a figure without one.
fn figure(scenario: &Value, name: &str) -> (Value, Value) {
    let all = ["budgets", "figures"].map(|list| scenario[list].as_array().unwrap().clone()).concat();
    let found =
        all.iter().find(|figure| figure["name"] == name).unwrap_or_else(|| panic!("no {name}: {scenario}"));
    (found["measured"].clone(), found["state"].clone())
}

fn measured(scenario: &Value, name: &str) -> i64 {
    figure(scenario, name).0.as_i64().unwrap()
}

/// A scenario of 20 judged iterations, unless it says how many.
fn one(call: &str, budgets: &str) -> Project {
    let repeats = if call.contains("iterations") { "" } else { ", iterations: 20" };
    let scenario = format!("{call}{repeats}, budgets: {{ {budgets} }}");
    Project::new(&format!("scenarios:\n  work: {{ {scenario} }}\n"), APP)
}

#[test]
fn a_leak_of_a_thousand_bytes_a_call_is_told_with_its_line_and_its_exact_size() {
    let project = one("call: \"app:keeps\"", "growth: 64 B");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    FAIL  work  [time]  call app:keeps, 20 iterations
      leak  `app.SLOTS` (list) keeps 1 more object, 1000 B, after every iteration
            at app.py:7 in keeps   growing-global
              5 |
              6 | def keeps(size=967):
            > 7 |     SLOTS[SLOTS.index(None)] = bytes(size)
            growth  ▁▁▂▂▂▃▃▃▄▄▅▅▅▆▆▆▇▇▇██  +20,000 B and +20 blocks in 20 iterations, exact
                    identical in a second process
                    8 windows, every window higher than the one before
                    at this rate 976.6 KiB after 1,000 iterations, 95.4 MiB after 100,000
                    one block of 1,000 B per iteration at app.py:7 in keeps
                    its budget: every iteration keeps 1000 B more, over its budget of 64 B
                    over all judged iterations: memory grows by 1000 B after every iteration
            path    app.SLOTS (list, 100 entries) → bytes
            held     19.5 KiB in 20 blocks   app.py:7 in keeps   Python objects
            fix     Take the entry out again when what it stands for is over, or give the container a
                    bound: `deque(maxlen=...)`, `lru_cache(maxsize=...)`, a dictionary that drops its
                    oldest key. Where entries should live as long as another object does, key them by it
                    in a `WeakKeyDictionary`.

    1 failed in [time] · reports in .leakgate/
      again   leakgate check work
      look    leakgate view owners work
      accept  leakgate allow c4decbd9d96a --reason "…"
    [exit 1]
    "#);
}

#[test]
fn growth_and_blocks_at_exactly_their_limits_pass() {
    // Too few iterations for a verdict on growth, which no limit would excuse.
    let project = one("call: \"app:keeps\", iterations: 7", "growth: 1000 B, blocks: 7");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    pass  work  [time]  growth +1,000 B of 1,000 B   blocks 7 of 7
      note  whether memory leaks was not judged: 7 judged iterations, at least 8 are needed

    1 passed in [time] · reports in .leakgate/
    [exit 0]
    "#);
}

#[test]
fn growth_and_blocks_one_below_fail() {
    let project = one("call: \"app:keeps\", iterations: 7", "growth: 999 B, blocks: 6");
    assert_eq!(project.check().code, Some(1));
    let scenario = project.scenario("work");
    assert_eq!(figure(&scenario, "growth"), (1000.into(), "broken".into()));
    assert_eq!(figure(&scenario, "blocks"), (7.into(), "broken".into()));
}

#[test]
fn what_a_call_needs_for_a_while_is_peak_added_and_leaves_nothing() {
    let big = "call: \"app:big\", with: { size: 10485727 }";
    let project = one(big, "peak_added: 10 MiB, left: 0, growth: 0, blocks: 0");
    // The block of exactly 10 MiB, and what calling the function takes.
    assert_eq!(project.check().code, Some(1));
    let scenario = project.scenario("work");
    let over = measured(&scenario, "peak_added") - (10 << 20);
    assert!((1..20_000).contains(&over), "{over}");
    for name in ["left", "growth", "blocks"] {
        assert_eq!(figure(&scenario, name), (0.into(), "kept".into()), "{name}");
    }
    let place = &scenario["findings"][0]["place"];
    assert_eq!((&place["file"], &place["line"]), (&"app.py".into(), &13.into()), "{scenario}");
    assert_eq!(one(big, "peak_added: 10260 KiB").check().code, Some(0));
}

#[test]
fn a_result_that_is_kept_is_retained_and_then_is_not_left() {
    let keep = "call: \"app:big\", with: { size: 10485727 }, iterations: 2, warmup: 1";
    let kept = one(&format!("{keep}, result: keep"), "retained: 10 MiB, left: 0, peak: 10 MiB");
    assert_eq!(kept.check().code, Some(1));
    let scenario = kept.scenario("work");
    let retained = measured(&scenario, "retained");
    assert_eq!(figure(&scenario, "retained").1, "broken");
    assert_eq!(figure(&scenario, "peak").1, "broken");
    assert_eq!(figure(&scenario, "left"), (0.into(), "kept".into()));
    let dropped = one(keep, "retained: 10 MiB, peak: 30 MiB");
    assert_eq!(dropped.check().code, Some(0));
    let without = measured(&dropped.scenario("work"), "retained");
    // The same but for the result, and what the checkpoint before it finds of the driver's own last call.
    assert!((retained - without - (10 << 20)).abs() < 4096, "{retained} with the result, {without} without");
}

#[test]
fn what_stays_after_the_result_was_dropped_is_left() {
    let project = one("call: \"app:keeps\", iterations: 7, result: keep", "left: 6999 B");
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.out);
    assert_eq!(figure(&project.scenario("work"), "left"), (7_000.into(), "broken".into()));
    let finding = &project.scenario("work")["findings"][0];
    assert_eq!(finding["holders"][0]["bytes"], 7_000);
    assert_eq!(one("call: \"app:keeps\", iterations: 7", "left: 7000 B").check().code, Some(0));
}

#[test]
fn resident_memory_is_judged_without_the_tracker() {
    let touch = "call: \"app:big\", with: { size: 1 }";
    assert_eq!(one(touch, "rss: 1 MiB").check().code, Some(1));
    assert_eq!(one(touch, "rss: 200 MiB").check().code, Some(0));
}

#[test]
fn resident_memory_of_many_small_blocks_is_that_of_the_program_without_the_tracker() {
    let work = "x = [bytes(16) for _ in range(1000000)]; import time, resource; time.sleep(0.2)";
    let print = "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)";
    let plain = Command::new("python3").args(["-c", &format!("{work}; {print}")]).output().unwrap();
    let plain = String::from_utf8(plain.stdout).unwrap().trim().parse::<f64>().unwrap() * 1024.0;

    let config = format!("scenarios: {{ work: {{ run: [python3, -c, \"{work}\"] }} }}\n");
    let project = Project::new(&config, "");
    assert_eq!(project.check().code, Some(0));
    let tracked = measured(&project.scenario("work"), "rss") as f64;
    assert!((tracked / plain - 1.0).abs() < 0.1, "{tracked} bytes instead of {plain}");
}

#[test]
fn a_descriptor_that_is_left_open_by_each_call_is_counted() {
    let project = one("call: \"app:opens\", iterations: 3", "fds: 2");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    FAIL  work  [time]  call app:opens, 3 iterations
      over  3 file descriptors left open: over its budget of 2 by 1
            budget-fds
            facts   identical in a second process
                    1 more file descriptor is open after every iteration, and no Python object stands
                    for it
                    open: file `/dev/null`, 8 times (descriptors [numbers], …)
            path    nothing in Python, file descriptor
            fix     Open it in a `with` statement, or close it in `finally`. A connection that is needed
                    again belongs to a pool or a session that is made once, outside of the function.
      note  whether memory leaks was not judged: 3 judged iterations, at least 8 are needed

    1 failed in [time] · reports in .leakgate/
      again   leakgate check work
      look    leakgate view owners work
      accept  leakgate allow 40ce86f46f77 --reason "…"
    [exit 1]
    "#);
    assert_eq!(one("call: \"app:opens\", iterations: 3", "fds: 3").check().code, Some(0));
}

#[test]
fn a_thread_that_is_left_running_by_each_call_is_counted() {
    let project = one("call: \"app:starts\", iterations: 3", "threads: 2");
    assert_eq!(project.check().code, Some(1));
    let scenario = project.scenario("work");
    assert_eq!(figure(&scenario, "threads"), (3.into(), "broken".into()));
    assert_eq!(scenario["findings"][0]["title"], "3 threads left running: over its budget of 2 by 1");
    assert_eq!(one("call: \"app:starts\", iterations: 3", "threads: 3").check().code, Some(0));
}

#[test]
fn between_warn_and_max_is_a_warning_that_passes() {
    let project = one("call: \"app:keeps\", iterations: 7", "growth: { warn: 999 B, max: 1000 B }");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    WARN  work  [time]  call app:keeps, 7 iterations
      warn  every iteration keeps 1000 B more, over its warning threshold of 999 B
            at app.py:7 in keeps   budget-growth
              5 |
              6 | def keeps(size=967):
            > 7 |     SLOTS[SLOTS.index(None)] = bytes(size)
            growth  ▁▂▃▄▅▆▇█  +7,000 B and +7 blocks in 7 iterations, exact
                    at this rate 976.6 KiB after 1,000 iterations, 95.4 MiB after 100,000
                    one block of 1,000 B per iteration at app.py:7 in keeps
            held      6.8 KiB in 7 blocks   app.py:7 in keeps   Python objects
            fix     find what keeps a reference after the work is done: drop the entry when it is no
                    longer needed, or bound the container with `deque(maxlen=…)` or
                    `lru_cache(maxsize=…)`
      note  whether memory leaks was not judged: 7 judged iterations, at least 8 are needed

    1 passed (1 with a warning) in [time] · reports in .leakgate/
    [exit 0]
    "#);
}

#[test]
fn a_healthy_function_keeps_all_its_budgets() {
    let project = one("call: \"app:healthy\"", "growth: 0, left: 0, blocks: 0, fds: 0, threads: 0");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    pass  work  [time]  growth 0 B   left 0 B   blocks 0   fds 0   threads 0

    1 passed in [time] · reports in .leakgate/
    [exit 0]
    "#);
}

#[test]
fn the_same_scenario_twice_gives_identical_bytes_and_blocks() {
    let app = "\
import json
SEEN = {}
def work():
    rows = [{'id': n, 'name': str(n) * 3, 'tags': {'a', 'b', str(n)}} for n in range(200)]
    SEEN[len(SEEN)] = json.loads(json.dumps([row['name'] for row in rows]))
    return rows
";
    let config = "scenarios:\n  work: { call: \"app:work\", iterations: 7 }\n";
    let figures = |project: &Project| {
        assert_eq!(project.check().code, Some(0));
        let scenario = project.scenario("work");
        ["growth", "retained", "left", "peak", "peak_added", "blocks"].map(|name| measured(&scenario, name))
    };
    let project = Project::new(config, app);
    let first = figures(&project);
    assert!(first.iter().all(|figure| *figure > 0), "{first:?}");
    assert_eq!(figures(&project), first);
}

#[test]
fn setup_comes_first_teardown_last_and_arguments_are_passed() {
    let app = "\
LOG = open('log.txt', 'w', buffering=1)
def ready(): LOG.write('setup\\n')
def work(sku, amounts): LOG.write('%s %s\\n' % (sku, amounts))
def done(): LOG.write('teardown\\n')
";
    let config = "scenarios:
  work:
    call: app:work
    with: { sku: A-1, amounts: [1, 2.5, null, true] }
    setup: app:ready
    teardown: app:done
    warmup: 1
    iterations: 1
";
    let project = Project::new(config, app);
    assert_eq!(project.check().code, Some(0));
    let call = "A-1 [1, 2.5, None, True]\n";
    assert_eq!(project.read("log.txt"), format!("setup\n{call}{call}teardown\n"));
}

#[test]
fn an_async_function_is_run_to_its_end() {
    let app = "\
import asyncio
SLOTS = [None] * 100
async def keeps():
    await asyncio.sleep(0)
    SLOTS[SLOTS.index(None)] = bytes(967)
";
    let project = Project::new("scenarios:\n  work: { call: \"app:keeps\", iterations: 20 }\n", app);
    assert_eq!(project.check().code, Some(1));
    let finding = &project.scenario("work")["findings"][0];
    assert_eq!((&finding["place"]["line"], &finding["holders"][0]["bytes"]), (&5.into(), &20_000.into()));
}
