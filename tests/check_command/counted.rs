//! What is counted beside bytes: entries, threads, child processes, and what grows ever slower.

use crate::project::Project;

fn checked(app: &str, scenario: &str) -> (Project, serde_json::Value) {
    let project = Project::new(&format!("scenarios:\n  work: {{ call: \"app:work\", {scenario} }}\n"), app);
    project.check();
    let scenario = project.scenario("work");
    (project, scenario)
}

fn rules(scenario: &serde_json::Value) -> Vec<&str> {
    scenario["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

#[test]
fn a_cache_of_random_keys_that_is_not_full_after_all_calls_is_undecided_and_no_leak() {
    let app = "\
from random import Random
KEYS, CACHE = Random(3), {}
def work():
    CACHE[KEYS.randrange(3000)] = bytes(100)
";
    let (_, scenario) = checked(app, "warmup: 2560, iterations: 2560");
    assert_eq!(scenario["verdict"], "undecided", "{scenario:#}");
    let finding = &scenario["findings"][0];
    let title = finding["title"].as_str().unwrap();
    let said = "undecided after 2,560 iterations whether memory leaks: a dict made at app.py:2 in <module> grows ever slower, \
                by 0.";
    assert!(title.starts_with(said) && title.contains("it would end at about "), "{title}");
    let counted = &finding["counted"];
    assert_eq!(
        (counted["unit"].as_str(), counted["values"][0].as_u64() > Some(1_000)),
        (Some("entries"), true)
    );
    assert_eq!(counted["values"].as_array().map(Vec::len), Some(2_561), "{counted}");
}

#[test]
fn a_leak_of_entries_alone_shows_their_series_in_every_report() {
    let app = "\
THINGS = iter([object() for _ in range(5000)])
SEEN = set()
def work():
    SEEN.add(next(THINGS))
";
    let (project, scenario) = checked(app, "warmup: 20, iterations: 40, confirm: false");
    let finding = &scenario["findings"][0];
    assert_eq!(finding["counted"]["unit"], "entries", "{finding:#}");
    let values = finding["counted"]["values"].as_array().unwrap();
    assert_eq!((values.len(), values[40].as_u64()), (41, Some(60)), "{values:?}");
    let bars = "▁▁▁▂▂▂▂▂▃▃▃▄▄▄▄▄▅▅▅▅▅▆▆▆▆▇▇▇▇███";
    assert!(project.check().out.contains(&format!("  entries {bars}  ")), "{}", project.check().out);
    let markdown = project.read(".leakgate/report.md");
    assert!(markdown.contains(&format!("**Why this is a leak**: entries `{bars}` ")), "{markdown}");
    let junit = project.read(".leakgate/report.xml");
    assert!(junit.contains(&format!("\nseries entries {bars}\n       20 21 22 ")), "{junit}");
}

#[test]
fn growth_is_told_exactly_and_read_with_its_tenth() {
    let app = "\
KEPT, COUNT = [None] * 1000, [0]
def work():
    COUNT[0] += 1
    if COUNT[0] % 3 == 0: KEPT[COUNT[0]] = bytes(67)
";
    let (project, scenario) = checked(app, "warmup: 30, iterations: 31, confirm: false");
    let growth =
        scenario["figures"].as_array().unwrap().iter().find(|figure| figure["name"] == "growth").unwrap();
    // 10 objects of 100 B.
    let exact = serde_json::json!({ "total": 1_000, "iterations": 31, "unit": "bytes" });
    assert_eq!((&growth["exact"], growth["measured"].as_i64()), (&exact, Some(33)), "{growth}");
    let metrics = project.read(".leakgate/report.prom");
    let line = "leakgate_figure_bytes_per_iteration{scenario=\"work\",figure=\"growth\"} 32.258065";
    assert!(metrics.contains(line), "{metrics}");
    assert!(project.check().out.contains("growth +32.3 B"), "{}", project.check().out);
}

#[test]
fn child_processes_that_nobody_waits_for_are_a_leak_and_others_are_none() {
    let started = "import os\ndef start(): return os.posix_spawn('/bin/true', ['true'], os.environ)\n";
    let few = "warmup: 10, iterations: 16";
    let (project, scenario) = checked(&format!("{started}def work(): start()\n"), few);
    assert_eq!(rules(&scenario), ["growth-children"], "{scenario:#}");
    let finding = &scenario["findings"][0];
    let title =
        "1 more child process is not waited for after every iteration, and no Python object stands for it";
    let owner = &finding["owners"][0];
    assert_eq!(
        (finding["title"].as_str(), owner["pattern"].as_str()),
        (Some(title), Some("unjoined-thread"))
    );
    let rate = serde_json::json!({ "total": 16, "iterations": 16, "unit": "children" });
    assert_eq!(finding["rate"], rate);
    assert_eq!(finding["evidence"][0], "10 at the start, 26 after 16 iterations, exact");
    assert!(
        owner["facts"].to_string().contains("child processes `true`, over and not waited for"),
        "{owner}"
    );
    // It is accepted as any other finding, and stays so.
    assert_eq!(project.run(&["baseline", "update"]).code, Some(0));
    assert!(
        project.read("leakgate.lock").contains("= 16 children in 16 iterations"),
        "{}",
        project.read("leakgate.lock")
    );
    assert_eq!(project.check().code, Some(0));

    let (_, scenario) = checked(&format!("{started}def work(): os.waitpid(start(), 0)\n"), few);
    assert_eq!(scenario["verdict"], "pass", "{scenario:#}");
}

#[test]
fn threads_that_leak_are_one_finding_with_what_they_bring() {
    let threads = "import threading\ndef start(): threading.Thread(target=threading.Event().wait, daemon=True).start()\n";
    let few = "warmup: 10, iterations: 16";
    let (_, scenario) = checked(&format!("{threads}def work(): start()\n"), few);
    assert_eq!(rules(&scenario), ["growth-threads"], "{scenario:#}");
    let evidence = scenario["findings"][0]["evidence"].to_string();
    assert!(evidence.contains("with them memory grows by "), "{evidence}");
    // What the function keeps besides is a leak of its own.
    let (_, scenario) = checked(
        &format!("{threads}KEPT = []\ndef work():\n    start()\n    KEPT.append(bytes(2000))\n"),
        few,
    );
    assert_eq!(rules(&scenario), ["growth-threads", "growth"], "{scenario:#}");
}
