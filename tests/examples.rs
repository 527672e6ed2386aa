//! The shipped examples: every leak is caught by the rule that `examples/README.md` names, every healthy twin passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// Which rule catches which leak.
const CAUGHT_BY: [(&str, &str); 7] = [
    ("growing-list-leak", "growth"),
    ("reference-cycle-leak", "budget-peak_added"),
    ("endless-thread-leak", "growth-threads"),
    ("unbounded-cache-leak", "growth"),
    ("unclosed-connection-leak", "growth-fds"),
    ("big-model-leak", "budget-retained"),
    ("worker-leak", "growth"),
];

/// What `leakgate check` says of the examples, with its exit code checked.
fn checked() -> Value {
    let results = tempfile::tempdir().unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/leakgate.yaml");
    Command::new(env!("CARGO_BIN_EXE_leakgate"))
        .args(["check", "--config"])
        .arg(config)
        .arg("--output-dir")
        .arg(results.path())
        .assert()
        .code(1);
    serde_json::from_slice(&std::fs::read(results.path().join("result.json")).unwrap()).unwrap()
}

#[test]
fn every_leak_is_caught_by_its_rule_and_every_healthy_twin_passes() {
    let result = checked();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let caught: BTreeMap<&str, &str> = CAUGHT_BY.into();
    let scenarios = result["scenarios"].as_array().unwrap();
    for scenario in scenarios {
        let name = text(&scenario["name"]);
        let rules: Vec<String> =
            scenario["findings"].as_array().unwrap().iter().map(|finding| text(&finding["rule"])).collect();
        match caught.get(name.as_str()) {
            Some(rule) => assert!(rules.iter().any(|found| found == rule), "{name}: {scenario:#}"),
            None => assert_eq!(text(&scenario["verdict"]), "pass", "{name}: {scenario:#}"),
        }
    }
    let names: Vec<String> = scenarios.iter().map(|scenario| text(&scenario["name"])).collect();
    for (leak, _) in CAUGHT_BY {
        let twin = leak.replace("-leak", "-healthy");
        assert!(
            names.iter().any(|name| name == leak) && names.contains(&twin),
            "{leak} or {twin} is missing"
        );
    }
}
