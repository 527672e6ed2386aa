//! A small number of calls that the configuration says: what leaks fails, and what stops a little later does not.

use serde_json::Value;

use crate::project::Project;

fn checked(scenario: &str, app: &str) -> (Option<i32>, Value) {
    let project = Project::new(&format!("scenarios:\n  work: {{ call: \"app:work\", {scenario} }}\n"), app);
    let code = project.check().code;
    (code, project.scenario("work"))
}

/// Keeps the last 300 entries.
const TABLE: &str = "\
KEPT = []
def work():
    KEPT.append(bytes(100))
    if len(KEPT) > 300: del KEPT[0]
";

#[test]
fn a_table_that_stops_after_a_few_hundred_calls_is_no_leak() {
    let (code, work) = checked("iterations: 50", TABLE);
    assert_eq!((code, work["verdict"].as_str()), (Some(0), Some("pass")), "{work:#}");
    assert_eq!(work["growth"]["verdict"], "no-leak");
    let notes = work["notes"].to_string();
    assert!(notes.contains("growth that stopped in a longer run of "), "{notes}");
    let said = "calls, which is no leak: `app.KEPT` (list) keeps 1 more entry, 133 B, after every iteration";
    assert!(notes.contains(said), "{notes}");
}

#[test]
fn a_leak_in_few_calls_fails_with_its_rate_of_the_calls_in_which_it_was_looked_at() {
    let app = "\
KEPT = []
def work(): KEPT.append(bytes(100))
";
    let (code, work) = checked("iterations: 20", app);
    assert_eq!((code, work["verdict"].as_str()), (Some(1), Some("fail")), "{work:#}");
    let finding = &work["findings"][0];
    assert_eq!(finding["title"], "`app.KEPT` (list) keeps 1 more entry, 133 B, after every iteration");
    let evidence = finding["evidence"].to_string();
    assert!(evidence.contains("identical in a second process"), "{evidence}");
    let alone = checked("iterations: 20, confirm: false", app).1;
    let title = alone["findings"][0]["title"].as_str().unwrap();
    let said = "a list made at app.py:1 in <module> keeps 1 more entry after every iteration, ";
    assert!(title.starts_with(said), "{title}");
}

#[test]
fn a_limit_that_is_broken_fails_also_where_growth_stops_later() {
    let (code, work) = checked("iterations: 50, budgets: { growth: 64 B }", TABLE);
    assert_eq!((code, work["verdict"].as_str()), (Some(1), Some("fail")), "{work:#}");
}
