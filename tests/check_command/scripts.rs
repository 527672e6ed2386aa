//! `run` with `checkpoints`: what an iteration of a command is, and what is said about programs that go on for ever.

use insta::assert_snapshot;

use crate::project::Project;

fn one(scenario: &str, work: &str) -> Project {
    let project =
        Project::new(&format!("scenarios:\n  work: {{ run: [python, work.py], {scenario} }}\n"), "");
    project.write("work.py", work);
    project
}

fn checked(scenario: &str, work: &str) -> (Option<i32>, serde_json::Value) {
    let project = one(scenario, work);
    let code = project.check().code;
    (code, project.scenario("work"))
}

fn rules(scenario: &serde_json::Value) -> Vec<&str> {
    scenario["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

#[test]
fn what_a_command_keeps_between_its_own_checkpoints_is_a_leak_with_its_rate_and_its_line() {
    let work = "\
from leakgate_memory import checkpoint
KEPT = {}
for number in range(80):
    if number % 2 == 0: KEPT[number] = bytes(1000)
    checkpoint()
";
    let (code, scenario) = checked("checkpoints: program", work);
    assert_eq!(code, Some(1), "{scenario:#}");
    let finding = &scenario["findings"][0];
    assert_eq!((finding["rule"].as_str(), finding["place"]["line"].as_u64()), (Some("growth"), Some(4)));
    let growth = &scenario["growth"];
    assert_eq!((growth["warmup"].as_u64(), growth["iterations"].as_u64()), (Some(40), Some(40)));
    // 1,033 bytes of a `bytes` object, every other time: after 40 of 80 each the same number are live.
    let blocks = finding["holders"][0]["blocks"].as_u64();
    assert_eq!(blocks, Some(20), "{finding:#}");
    assert_eq!(finding["series"].as_array().unwrap().len(), 41);
}

#[test]
fn a_command_that_keeps_the_same_is_judged_by_the_budgets_of_its_iterations() {
    let work = "\
import os
from leakgate_memory import checkpoint
for number in range(80):
    piece = bytes(1 << 20)
    piece = None
    if number % 2 == 0: os.dup(0)
    checkpoint()
";
    let budgets = "budgets: { peak_added: 1 MiB, growth: 64 B, threads: 0, fds: 3 }";
    let (code, scenario) = checked(&format!("checkpoints: program, {budgets}"), work);
    assert_eq!(code, Some(1), "{scenario:#}");
    let measured = |name: &str| {
        let budgets = scenario["budgets"].as_array().unwrap();
        budgets.iter().find(|budget| budget["name"] == name).unwrap()["measured"].as_i64().unwrap()
    };
    assert_eq!((measured("growth"), measured("threads"), measured("fds")), (0, 0, 20));
    // The object's head, and what the call of `checkpoint` itself may need.
    assert!((33..4096).contains(&(measured("peak_added") - (1 << 20))), "{}", measured("peak_added"));
    assert_eq!(rules(&scenario), ["growth-fds", "budget-peak_added"]);
}

#[test]
fn a_command_that_marks_no_iteration_is_an_error_and_one_that_marks_few_is_undecided() {
    let (code, scenario) = checked("checkpoints: program", "pass");
    assert_eq!(code, Some(3));
    assert_eq!(
        scenario["error"]["title"],
        "`leakgate_memory.checkpoint()` was never called, so the command has no iterations to judge"
    );
    let few = "from leakgate_memory import checkpoint\nfor _ in range(15): checkpoint()\n";
    assert_snapshot!(one("checkpoints: program", few).check().whole());
    assert_eq!(checked("checkpoints: program, strict: true", few).0, Some(1));
}

#[test]
fn endless_growth_is_a_leak_with_its_line_also_where_only_the_timeout_ends_it() {
    let work = "\
import time
data = []
while True:
    data += [bytes(64_000)]
    time.sleep(0.0005)
";
    for ended in ["until: 6 s", "timeout: 6 s"] {
        let (code, scenario) = checked(&format!("checkpoints: every 4 MiB, confirm: false, {ended}"), work);
        assert_eq!(code, Some(1), "{scenario:#}");
        assert_eq!(rules(&scenario), ["growth"]);
        assert_eq!(scenario["findings"][0]["place"]["line"], 4);
        let iterations = scenario["findings"][0]["rate"]["iterations"].as_u64().unwrap();
        let each = scenario["findings"][0]["rate"]["total"].as_u64().unwrap() / iterations;
        // All that is allocated is kept; the list itself is made anew now and then.
        assert!((3 << 20..5 << 20).contains(&each), "{each} in {iterations} iterations");
    }
}

/// A thousand steps a second, also where the machine has other things to do: what was missed is made up for.
const STEPS_BY_THE_CLOCK: &str = "\
import time

def steps():
    began, done = time.monotonic(), 0
    while True:
        while done < (time.monotonic() - began) * 1_000:
            done += 1
            yield
        time.sleep(0.0005)
";

#[test]
fn endless_growth_is_found_whatever_grows_and_whoever_does_it() {
    // What is made anew by each step and twice there for a time; what is moved; what is a table alone; what grows while
    // the main thread waits.
    let works = [
        ("bytes", "data = b''\nfor _ in steps():\n    data += b'x' * 100\n"),
        ("str", "data = ''\nfor _ in steps():\n    data += 'x' * 100\n"),
        ("bytearray", "data = bytearray()\nfor _ in steps():\n    data += bytes(1_000)\n"),
        ("list", "data = []\nfor _ in steps():\n    data += [None] * 100\n"),
        (
            "waits",
            "data = []\ndef grow():\n    for _ in steps(): data.append(bytes(5_000))\n\
                   threading.Thread(target=grow, daemon=True).start()\nwhile True: time.sleep(0.5)\n",
        ),
    ];
    let mut config = "scenarios:\n".to_owned();
    for (name, _) in works {
        config += &format!(
            "  {name}: {{ run: [python, {name}.py], checkpoints: every 500 ms, timeout: 12 s, confirm: false }}\n"
        );
    }
    let project = Project::new(&config, "");
    project.write("pace.py", STEPS_BY_THE_CLOCK);
    for (name, work) in works {
        project
            .write(&format!("{name}.py"), &format!("import threading, time; from pace import steps; {work}"));
    }
    let checked = project.run(&["check", "--jobs", "3"]);
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    for (name, _) in works {
        let scenario = project.scenario(name);
        assert_eq!(rules(&scenario), ["growth"], "{scenario:#}");
        // Of a table that grows in steps alone it may be where its container was made.
        let line = scenario["findings"][0]["place"]["line"].as_u64();
        assert!(line == Some(3) || (line == Some(1) && matches!(name, "list" | "bytearray")), "{scenario:#}");
        let comes_and_goes =
            |evidence: &serde_json::Value| evidence.as_str().unwrap().contains("comes and goes");
        assert!(
            !scenario["findings"][0]["evidence"].as_array().unwrap().iter().any(comes_and_goes),
            "{scenario:#}"
        );
    }
}

#[test]
fn a_text_that_gets_longer_is_named_by_its_variable() {
    let work = "\
from leakgate_memory import checkpoint
data = b''
for number in range(80):
    data += b'x' * 5_000
    checkpoint()
";
    let (code, scenario) = checked("checkpoints: program", work);
    assert_eq!(code, Some(1), "{scenario:#}");
    let owner = &scenario["findings"][0]["owners"][0];
    assert_eq!(
        (owner["name"].as_str(), owner["type"].as_str()),
        (Some("__main__.data"), Some("bytes")),
        "{owner}"
    );
    assert_eq!(owner["path"], serde_json::json!(["__main__.data (bytes)"]));
}

#[test]
fn processes_may_be_typed_as_one_string() {
    let (code, scenario) = checked("checkpoints: \"processes: 2\"", "print(1)\n");
    assert_eq!(
        (code, scenario["what"].as_str()),
        (Some(0), Some("run python work.py, 2 processes")),
        "{scenario:#}"
    );
    let checked = one("checkpoints: \"processes: many\"", "").check();
    let said = "`checkpoints` is `processes: many`; expected `{ processes: N }` with a number from 2 to 1000";
    assert!(checked.code == Some(2) && checked.errors.contains(said), "{}", checked.whole());
}

#[test]
fn what_a_command_put_into_a_session_of_its_own_ends_with_it_at_its_timeout() {
    let work = "\
import subprocess, threading
subprocess.Popen(['sleep', '600'], start_new_session=True)
threading.Event().wait()
";
    let project = one("timeout: 2 s", work);
    // The second time nobody writes into the capture any more.
    for _ in 0..2 {
        assert_eq!(project.check().code, Some(3));
        let scenario = project.scenario("work");
        assert_eq!(
            scenario["error"]["title"], "not done within its timeout of 2 s; it was ended",
            "{scenario:#}"
        );
        let notes = scenario["notes"].to_string();
        assert!(
            notes.contains("a process that it had started in a session of its own was ended too (pid "),
            "{notes}"
        );
    }
}

#[test]
fn a_timeout_says_how_many_iterations_were_seen_and_how_to_go_on() {
    let project = one("checkpoints: every 1 h, timeout: 2 s", "while True: pass\n");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    ERROR work  [time]  run python work.py, checkpoints every 1 h
      error not done within its timeout of 2 s; it was ended
            it printed nothing
            undecided whether memory leaks: 0 iterations of `checkpoints: every 1 h`, at least 8
            are needed; let the command run longer, or say less than that after `every`
            if it is not meant to end by itself, say `until: 1 s`, or more with a longer
            `timeout`: it is ended then and judged as it stands; else raise `timeout`, or find
            what it waits for
      note  the process did not reach its own exit, so `retained` is what was live when it died

    1 could not be measured in [time] · reports in .leakgate/
      again   leakgate check work
      look    leakgate view tree work
    [exit 3]
    "#);
}

/// A thread that keeps what it makes and never stops, in a program that is at its end.
const LEAKS_AND_HANGS: &str = "\
import threading; from pace import steps
data = []
def poll():
    for _ in steps(): data.append(bytes(5_000))
threading.Thread(target=poll, name='poller').start()
";

#[test]
fn a_program_that_leaks_and_hangs_is_told_of_both_and_waited_for_once() {
    let project = one("checkpoints: every 250 ms, timeout: 8 s", LEAKS_AND_HANGS);
    project.write("pace.py", STEPS_BY_THE_CLOCK);
    let code = project.check().code;
    let scenario = project.scenario("work");
    assert_eq!(code, Some(1), "{scenario:#}");
    let mut found = rules(&scenario);
    found.sort_unstable();
    assert_eq!(found, ["growth", "unstopped-thread"], "{scenario:#}");
    let leak =
        scenario["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "growth").unwrap();
    assert_eq!(leak["place"]["line"], 4, "{leak:#}");
    // Of two runs it is the sum.
    assert!(scenario["elapsed_ms"].as_u64().unwrap() < 16_000, "{scenario:#}");
}

#[test]
fn until_does_not_hide_that_a_program_waits_for_a_thread_and_does_not_fail_for_it() {
    let work = "import threading\nthreading.Thread(target=threading.Event().wait, name='poller').start()\n";
    let (code, scenario) = checked("until: 2 s", work);
    assert_eq!(code, Some(0), "{scenario:#}");
    assert_eq!(rules(&scenario), ["unstopped-thread"]);
    let finding = &scenario["findings"][0];
    assert_eq!((finding["severity"].as_str(), finding["place"]["line"].as_u64()), (Some("warning"), Some(2)));
}

#[test]
fn a_program_that_starts_threads_all_the_time_runs_as_it_does_alone_while_it_is_asked_to_collect() {
    // A thread that is about to start has no id yet, and the one that starts it holds a lock of `threading`.
    let work = "\
import threading, time
end = time.monotonic() + 6
while time.monotonic() < end:
    thread = threading.Thread(target=str); thread.start(); thread.join()
";
    let (code, scenario) = checked("checkpoints: every 100 ms, timeout: 60 s", work);
    assert_eq!((code, scenario["error"].as_object()), (Some(0), None), "{scenario:#}");
    assert_ne!(scenario["growth"]["verdict"], "leak", "{scenario:#}");
}

/// Cycles that live for a while: the young collections pass them by, and a full one is rare where much lives.
const CYCLES: &str = "\
import gc, sys, time
ballast = [[] for _ in range(300_000)]
class Node: pass
recent = []
if sys.argv[1:]: gc.disable()
while True:
    node = Node(); node.itself = node; node.body = bytes(2_000)
    recent.append(node)
    if len(recent) > 3_000: recent = recent[1_500:]
    time.sleep(0.0002)
";

#[test]
fn garbage_that_waits_for_the_collector_is_no_leak_and_is_one_where_the_collector_is_off() {
    let waiting = Project::new(
        "\
scenarios:
  waits: { run: [python, work.py], until: 5 s, checkpoints: every 100 ms }
  is-off: { run: [python, work.py, off], until: 8 s, checkpoints: every 100 ms, confirm: false }
",
        "",
    );
    waiting.write("work.py", CYCLES);
    assert_eq!(waiting.check().code, Some(1));
    // On a machine that has no time for collections it may be undecided; it is never accused.
    let verdict = waiting.scenario("waits")["verdict"].clone();
    assert!(verdict == "pass" || verdict == "undecided", "{:#}", waiting.scenario("waits"));
    assert_eq!(rules(&waiting.scenario("is-off")), ["growth"]);
}

#[test]
fn a_command_that_is_not_python_has_iterations_too() {
    let project =
        Project::new("scenarios:\n  work: { run: [sleep, 60], until: 3 s, checkpoints: every 100 ms }\n", "");
    assert_eq!(project.check().code, Some(0));
    assert_eq!(project.scenario("work")["growth"]["verdict"], "no-leak", "{:#}", project.scenario("work"));
}

#[test]
fn a_command_that_ends_too_soon_for_a_verdict_is_undecided() {
    let project = one("checkpoints: every 1 h", "pass");
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    let title =
        "undecided whether memory leaks: 0 iterations of `checkpoints: every 1 h`, at least 8 are needed";
    assert_eq!(project.scenario("work")["findings"][0]["title"], title);
}

/// A run that needs more than the one before it: it keeps what all of them wrote.
const ADDING: &str = "\
with open('state.txt', 'a') as file: file.write('x' * 10_000)
with open('state.txt') as file: KEPT = file.read()
";

#[test]
fn what_grows_from_run_to_run_is_a_finding_with_its_place() {
    let project = one("checkpoints: { processes: 5 }", ADDING);
    assert_eq!(project.check().code, Some(1));
    let scenario = project.scenario("work");
    assert_eq!(rules(&scenario), ["growth-processes"]);
    let finding = &scenario["findings"][0];
    assert_eq!(finding["title"], "every run retains more than the one before it, 9.8 KiB on average");
    assert_eq!(finding["rate"]["total"], 40_000);
    let most = "most of it at work.py:2 in <module>: 40,000 B more in the last run than in the first";
    assert!(finding["evidence"].as_array().unwrap().iter().any(|evidence| evidence == most), "{finding:#}");
    // Of runs without a finding of their own, only the first and the last are kept.
    assert!(project.has(".leakgate/captures/work") && project.has(".leakgate/captures/work~run5"));
    assert!(!project.has(".leakgate/captures/work~run2") && !project.has(".leakgate/captures/work~run4"));
    // Nor is anything of more runs than there are now.
    project.write("leakgate.yaml", "version: 1\nscenarios:\n  work: { run: [python, work.py] }\n");
    assert_eq!(project.check().code, Some(0));
    assert!(project.has(".leakgate/captures/work") && !project.has(".leakgate/captures/work~run5"));
}

#[test]
fn every_run_must_hold_the_budgets_and_what_differs_is_a_range() {
    let work = "\
import os
number = sum(name.startswith('ran') for name in os.listdir('.'))
open(f'ran{number}', 'w').close()
big = bytes((64 if number == 1 else 32) << 20)
big = None
";
    let project = one("checkpoints: { processes: 3 }, confirm: false, budgets: { peak: 48 MiB }", work);
    assert_eq!(project.check().code, Some(1));
    let scenario = project.scenario("work");
    assert_eq!(rules(&scenario), ["budget-peak"]);
    let finding = &scenario["findings"][0];
    assert!(finding["figure"]["measured"].as_i64().unwrap() > 64 << 20, "{finding:#}");
    let told = finding["evidence"].as_array().unwrap().last().unwrap();
    assert_eq!(told, "in 1 of 3 runs; this is the largest");
    let note = scenario["notes"][0].as_str().unwrap();
    assert!(note.starts_with("3 processes: peak 3") && note.contains(" MiB to 6"), "{note}");
    // A run that fails says which.
    let failing = "import os; os.mkdir('once')";
    let (code, scenario) = checked("checkpoints: { processes: 3 }", failing);
    assert_eq!(code, Some(3));
    assert_eq!(scenario["error"]["title"], "run 2 of 3: the command ended with exit code 1");
}

#[test]
fn a_program_that_waits_for_a_thread_at_its_end_is_a_finding_about_that_thread() {
    let work = "\
import threading
stop = threading.Event()
def poll():
    while not stop.wait(0.01): data = [1] * 100
def main():
    threading.Thread(target=poll, name='poller').start()
    threading.Thread(target=stop.wait, name='in the background', daemon=True).start()
main()
";
    assert_snapshot!(one("timeout: 3 s, budgets: { peak: 80 MiB }", work).check().whole());
    // One that is not at its end only takes too long.
    let waits = "import threading\nthreading.Thread(target=threading.Event().wait).start()\nthreading.Event().wait()\n";
    let (code, scenario) = checked("timeout: 2 s", waits);
    assert_eq!(
        (code, scenario["error"]["title"].as_str()),
        (Some(3), Some("not done within its timeout of 2 s; it was ended"))
    );
}

/// A program that never ends, with a variable of a function and one of a module that grow.
const ENDLESS: &str = "\
import time
LOG = []
class Row:
    def __init__(self): self.data = bytes(967)
def main():
    waiting = {}
    while True:
        LOG.append(Row())
        waiting[len(waiting)] = None
        time.sleep(0.001)
main()
";

#[test]
fn what_a_command_keeps_is_named_with_its_variable() {
    let work = "\
from leakgate_memory import checkpoint
KEPT = {}
class Row:
    def __init__(self): self.data = bytes(967)
for number in range(80):
    KEPT[number] = Row()
    checkpoint()
";
    let (code, scenario) = checked("checkpoints: program", work);
    assert_eq!(code, Some(1), "{scenario:#}");
    let owner = &scenario["findings"][0]["owners"][0];
    assert_eq!((&owner["name"], &owner["pattern"]), (&"__main__.KEPT".into(), &"growing-global".into()));
    assert_eq!(owner["path"][0], "__main__.KEPT (dict, 80 entries)");
    assert_eq!(owner["place"]["line"], 6);
}

#[test]
fn the_variables_of_a_command_that_goes_on_for_ever_are_named() {
    for checkpoints in ["every 200 ms", "every 64 KiB"] {
        let (code, scenario) = checked(&format!("checkpoints: {checkpoints}, until: 10 s"), ENDLESS);
        assert_eq!(code, Some(1), "{checkpoints}: {scenario:#}");
        let owners = scenario["findings"][0]["owners"].as_array().unwrap();
        let names: Vec<&str> = owners.iter().map(|owner| owner["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"__main__.LOG"), "{checkpoints}: {scenario:#}");
        assert!(names.contains(&"main().waiting"), "{checkpoints}: {scenario:#}");
    }
}
