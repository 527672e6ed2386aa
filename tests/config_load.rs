//! What a good configuration means, and that no bytes at all make the reader panic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leakgate::config::{
    Budget, BudgetKey, Checkpoints, Config, FailOn, Increase, MemoryLimit, Of, PythonChoice, Repeats,
    Scenario, Work, load,
};
use serde_json::json;

const EVERYTHING: &str = "tests/config/good/everything.yaml";

fn everything() -> Config {
    load(Path::new(EVERYTHING)).unwrap_or_else(|errors| panic!("{errors}"))
}

fn scenario(config: &Config, name: &str) -> Scenario {
    config.scenarios.iter().find(|scenario| scenario.name == name).cloned().unwrap()
}

fn loaded(text: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("leakgate.yaml");
    std::fs::write(&path, text).unwrap();
    load(&path).unwrap_or_else(|errors| panic!("{errors}"))
}

fn budget(key: BudgetKey, max: impl Into<Option<u64>>, warn: impl Into<Option<u64>>, line: u32) -> Budget {
    Budget { key, max: max.into(), warn: warn.into(), increase: None, of: Of::Each, line }
}

#[test]
fn scenarios_keep_the_order_and_the_lines_of_the_file() {
    let config = everything();
    assert_eq!(config.path, Path::new(EVERYTHING));
    assert_eq!(config.dir, Path::new("tests/config/good"));
    assert_eq!(config.python, PythonChoice::Auto);
    let places: Vec<(&str, u32)> =
        config.scenarios.iter().map(|scenario| (scenario.name.as_str(), scenario.line)).collect();
    assert_eq!(places, [("import-app", 20), ("demo", 24), ("quote", 38)]);
}

#[test]
fn a_list_is_the_command_word_for_word_as_it_was_typed() {
    let scenario = scenario(&everything(), "import-app");
    let argv = ["python", "-c", "import shop.main", "1.50", "true"].map(str::to_owned).into();
    assert_eq!(scenario.work, Work::Run { argv, until: None, exit_codes: vec![0, 3], checkpoints: None });
    assert_eq!(scenario.cwd, Path::new("tests/config/good"));
    assert_eq!(scenario.timeout, Duration::from_secs(120));
    assert_eq!(scenario.memory_limit, MemoryLimit::Bytes(2 << 30));
}

#[test]
fn a_text_is_split_as_a_shell_would() {
    let scenario = scenario(&everything(), "demo");
    let argv = ["python", "examples/live.py", "--name", "two words"].map(str::to_owned).into();
    let until = Some(Duration::from_secs(10));
    assert_eq!(
        scenario.work,
        Work::Run {
            argv,
            until,
            exit_codes: vec![0],
            checkpoints: Some(Checkpoints::Time(Duration::from_secs(1))),
        }
    );
    assert_eq!(scenario.timeout, Duration::from_secs(90));
    assert_eq!(scenario.memory_limit, MemoryLimit::Auto);
}

#[test]
fn a_call_has_its_arguments_as_json() {
    let Work::Call { target, arguments, setup, teardown, between, keep_result, repeats } =
        scenario(&everything(), "quote").work
    else {
        panic!("not a call")
    };
    assert_eq!(target.to_string(), "shop.quotes:Quote.total");
    assert_eq!(setup.unwrap().to_string(), "tests.perf:warm_database");
    assert_eq!(teardown.unwrap().to_string(), "tests.perf:close_database");
    assert_eq!(between.unwrap().to_string(), "tests.perf:rest");
    assert_eq!((keep_result, repeats), (true, Repeats::Fixed { warmup: 0, iterations: 1 }));
    let wanted = json!({
        "sku": "A-1", "amount": 3, "ratio": 0.5, "tags": ["a", "no"], "nested": { "deep": null }, "yes": true,
    });
    assert_eq!(serde_json::Value::Object(arguments), wanted);
}

#[test]
fn what_fails_and_how_many_run_at_once_is_said_for_all() {
    let config = everything();
    assert_eq!((config.fail_on, config.jobs), (FailOn::Any, Some(3)));
    let (demo, quote) = (scenario(&config, "demo"), scenario(&config, "quote"));
    assert_eq!((demo.confirm, demo.exclusive, quote.confirm, quote.exclusive), (true, true, false, false));
    let config = loaded(
        "version: 1\ndefaults: { jobs: auto }\nscenarios: { a: { call: m:f, warmup: 8, time: 9 s } }\n",
    );
    assert_eq!((config.fail_on, config.jobs), (FailOn::New, None));
    let Work::Call { repeats, .. } = scenario(&config, "a").work else { panic!("not a call") };
    assert_eq!(repeats, Repeats::Auto { warmup: 8, most: 10_240, time: Duration::from_secs(9) });
}

#[test]
fn variables_of_a_scenario_are_added_to_those_of_the_defaults() {
    let env = |name: &str| scenario(&everything(), name).env.into_iter().collect::<Vec<_>>();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(env("import-app"), [pair("LEVEL", "low"), pair("SHOP_MODE", "test")]);
    assert_eq!(env("demo"), [pair("LEVEL", "9"), pair("SHOP_MODE", "test")]);
}

#[test]
fn budgets_of_a_scenario_replace_those_of_the_defaults_one_by_one() {
    let config = everything();
    assert_eq!(
        scenario(&config, "quote").budgets,
        [
            Budget {
                increase: Some(Increase { share: Some(500), amount: Some(16 << 20) }),
                ..budget(BudgetKey::Peak, 1_717_986_918, 1_503_238_553, 48)
            },
            budget(BudgetKey::PeakAdded, 4 << 20, None, 49),
            budget(BudgetKey::Retained, None, 1 << 30, 50),
            budget(BudgetKey::Left, 100_000, None, 51),
            budget(BudgetKey::Rss, 900 << 20, None, 52),
            budget(BudgetKey::Growth, 64, None, 53),
            budget(BudgetKey::Blocks, 100, None, 54),
            budget(BudgetKey::Fds, 0, None, 55),
            Budget {
                increase: Some(Increase { share: None, amount: Some(1) }),
                ..budget(BudgetKey::Threads, 2, 0, 56)
            },
        ]
    );
    // `growth` of the defaults is measured per iteration: a command without `checkpoints` has none.
    let wanted =
        [budget(BudgetKey::Peak, 80 << 20, None, 23), budget(BudgetKey::Rss, 1_395_864_371, None, 17)];
    assert_eq!(scenario(&config, "import-app").budgets, wanted);
}

#[test]
fn the_scope_of_a_scenario_holds_for_budgets_that_do_not_say_theirs() {
    let demo = scenario(&everything(), "demo");
    assert!(!demo.follow && demo.strict);
    let of: Vec<(BudgetKey, Of)> = demo.budgets.iter().map(|budget| (budget.key, budget.of)).collect();
    let growth = (BudgetKey::Growth, Of::Each);
    assert_eq!(of, [(BudgetKey::Retained, Of::Each), (BudgetKey::Rss, Of::Tree), growth]);
    let text = "version: 1\ndefaults: { scope: tree, follow: false, budgets: { peak: 1 B } }\n\
                scenarios: { a: { call: m:f, budgets: { growth: 0, rss: 1 B } }, b: { call: m:f, scope: each, follow: true } }\n";
    let config = loaded(text);
    let of = |name: &str| scenario(&config, name).budgets.iter().map(|budget| budget.of).collect::<Vec<_>>();
    assert_eq!((of("a"), of("b")), (vec![Of::Each, Of::Tree, Of::Tree], vec![Of::Each]));
    assert_eq!((scenario(&config, "a").follow, scenario(&config, "b").follow), (false, true));
}

#[test]
fn what_is_not_said_has_the_documented_default() {
    let config = loaded("version: 1\nscenarios: { a: { run: python }, b: { call: m:f } }\n");
    for scenario in &config.scenarios {
        assert_eq!(scenario.timeout, Duration::from_secs(300));
        assert_eq!(scenario.memory_limit, MemoryLimit::Auto);
        assert!(scenario.follow && !scenario.strict);
        assert!(scenario.env.is_empty() && scenario.budgets.is_empty());
        assert_eq!(scenario.cwd, config.dir);
    }
    let Work::Call { repeats, keep_result, .. } = scenario(&config, "b").work else { panic!("not a call") };
    assert_eq!((repeats, keep_result), (Repeats::default(), false));
}

#[test]
fn iterations_of_the_defaults_hold_for_calls_and_are_passed_over_for_commands() {
    let text = "version: 1\ndefaults: { warmup: 1, iterations: 7 }\nscenarios: { a: { run: python }, b: { call: m:f, iterations: 9 } }\n";
    let Work::Call { repeats, .. } = scenario(&loaded(text), "b").work else { panic!("not a call") };
    assert_eq!(repeats, Repeats::Fixed { warmup: 1, iterations: 9 });
}

#[test]
fn a_file_in_the_current_folder_has_the_current_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("leakgate.yaml");
    std::fs::write(&path, "version: 1\nscenarios: { a: { run: python } }\n").unwrap();
    assert_eq!(load(&path).unwrap().dir, dir.path());
    assert_eq!(load(Path::new("Cargo.toml")).unwrap_err().problems[0].file, "Cargo.toml");
}

#[test]
fn a_python_with_a_slash_starts_at_the_file_and_a_bare_name_is_searched() {
    let dir = tempfile::tempdir().unwrap();
    let python = dir.path().join("bin/python");
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/sh", &python).unwrap();
    let choice = |typed: &str| {
        let path = dir.path().join("leakgate.yaml");
        std::fs::write(&path, format!("version: 1\npython: {typed}\nscenarios: {{ a: {{ run: x }} }}\n"))
            .unwrap();
        load(&path).map(|config| config.python).map_err(|errors| errors.problems[0].message.clone())
    };
    assert_eq!(choice("bin/python"), Ok(PythonChoice::Path(python)));
    assert_eq!(choice("/bin/sh"), Ok(PythonChoice::Path(PathBuf::from("/bin/sh"))));
    assert!(
        matches!(choice("sh"), Ok(PythonChoice::Path(path)) if path.ends_with("sh") && path.is_absolute())
    );
    assert_eq!(
        choice("no-such-python"),
        Err("`python`: no executable file `no-such-python` in `PATH`; expected `auto` or a path".to_owned())
    );
    assert_eq!(
        choice("./leakgate.yaml"),
        Err("`python`: no executable file `./leakgate.yaml`; expected `auto` or a path".to_owned())
    );
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_read() {
    let config = loaded(
        "\u{feff}version: 1\r\nscenarios:\r\n  a:\r\n    run: python\r\n    budgets: { peak: 1 kB }\r\n",
    );
    assert_eq!(config.scenarios[0].line, 3);
    assert_eq!(config.scenarios[0].budgets, [budget(BudgetKey::Peak, 1_000, None, 5)]);
}

#[test]
fn a_program_of_many_lines_is_one_word() {
    let program = "print('one')\n".repeat(2_000);
    let block: String = program.lines().map(|line| format!("        {line}\n")).collect();
    let quoted = json!(program).to_string();
    let text = format!(
        "version: 1\nscenarios:\n  a:\n    run:\n      - python\n      - -c\n      - |\n{block}  b:\n    run: [python, -c, {quoted}]\n"
    );
    for scenario in loaded(&text).scenarios {
        let Work::Run { argv, .. } = scenario.work else { panic!("not a command") };
        assert_eq!(argv, ["python", "-c", program.as_str()]);
    }
}

#[test]
fn anchors_and_merge_keys_are_expanded() {
    let config = loaded(
        "version: 1\nscenarios:\n  a: &a { call: m:f, warmup: 2, budgets: { fds: 0 } }\n  b: { <<: *a, iterations: 3 }\n",
    );
    let b = scenario(&config, "b");
    let repeats = Repeats::Fixed { warmup: 2, iterations: 3 };
    assert!(matches!(b.work, Work::Call { repeats: found, .. } if found == repeats));
    assert_eq!(b.budgets, [budget(BudgetKey::Fds, 0, None, 3)]);
}

/// Loads bytes; a message that can be printed is as good as a configuration here.
fn survives(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    if let Err(errors) = load(path) {
        assert!(!errors.problems.is_empty());
        assert!(errors.render(leakgate::config::Paint::Plain).starts_with("error: "));
    }
}

#[test]
fn no_truncation_of_a_good_file_panics() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("leakgate.yaml");
    let bytes = std::fs::read(EVERYTHING).unwrap();
    for length in 0..bytes.len() {
        survives(&path, &bytes[..length]);
    }
}

/// Marsaglia's xorshift: the same bytes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn no_mutation_of_any_file_panics() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("leakgate.yaml");
    let everything = std::fs::read(EVERYTHING).unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let telling = b"{}[]:,-&*!|>'\"%@`#?\\\n\t \0\x7f\xff\xc3\xe2\xf0<~0.e";
    for round in 0..1_000 {
        let mut bytes = everything.clone();
        for _ in 0..=round % 5 {
            let (at, byte) = (random.below(bytes.len()), telling[random.below(telling.len())]);
            match random.below(3) {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        survives(&path, &bytes);
    }
}

#[test]
fn a_large_file_of_any_shape_is_read_without_quadratic_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("leakgate.yaml");
    let large = 1024 * 1024;
    let shapes =
        ["[", "{a: ", "- ", "a: &a [*a, ", "? ", "\"\\x41", "a\n", "&a ", "key: 1\n", "- {}\n", "|\n "];
    for shape in shapes {
        let text = format!("version: 1\nscenarios:\n{}", shape.repeat((large - 30) / shape.len()));
        let started = Instant::now();
        survives(&path, text.as_bytes());
        // Far above what is needed even in a debug build on a busy machine; quadratic work would take hours.
        assert!(started.elapsed() < Duration::from_secs(60), "{shape:?} took {:?}", started.elapsed());
    }
}
