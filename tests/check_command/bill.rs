//! What a broken budget of memory says of what was resident.

use serde_json::Value;

use crate::project::Project;

const APP: &str = "def load():\n    return b'x' * (24 << 20)\n";
const MIB: u64 = 1 << 20;

/// The bill of a budget's finding, which adds up.
fn bill<'a>(scenario: &'a Value, budget: &str) -> &'a Value {
    let rule = format!("budget-{budget}");
    let findings = scenario["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["rule"] == rule.as_str()).unwrap();
    let bill = &finding["bill"];
    let lines = bill["lines"].as_array().unwrap_or_else(|| panic!("no bill: {finding}"));
    let sum: u64 = lines.iter().map(|line| line["bytes"].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), bill["resident"].as_u64(), "{bill}");
    bill
}

fn line(bill: &Value, name: &str) -> u64 {
    let lines = bill["lines"].as_array().unwrap().iter().filter(|line| line["line"] == name);
    lines.map(|line| line["bytes"].as_u64().unwrap()).sum()
}

#[test]
fn every_format_tells_what_was_resident_when_a_budget_of_memory_broke() {
    let project = Project::new(
        "scenarios:\n  load:\n    call: app:load\n    iterations: 1\n    result: keep\n    \
         budgets: { retained: 1 MiB, peak: 1 MiB, rss: 1 MiB, left: 0 }\n",
        APP,
    );
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}{}", checked.out, checked.errors);
    let scenario = project.scenario("load");
    let retained = bill(&scenario, "retained");
    assert_eq!((&retained["at"], &retained["sampled"]), (&"retained".into(), &Value::Null));
    let objects = line(retained, "python-objects");
    assert!((24 * MIB..40 * MIB).contains(&objects), "{retained}");
    assert!(line(retained, "file") > MIB && line(retained, "tracker") > 0, "{retained}");
    bill(&scenario, "peak");
    bill(&scenario, "rss");
    assert!(checked.out.contains(" resident "), "{}", checked.out);
    assert!(checked.out.contains("MiB   Python objects\n"), "{}", checked.out);
    let markdown = project.read(".leakgate/report.md");
    assert!(markdown.contains("**The bill**: "), "{markdown}");
    let junit = project.read(".leakgate/report.xml");
    assert!(junit.contains("\nbill: "), "{junit}");
}
