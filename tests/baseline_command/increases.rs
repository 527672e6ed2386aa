//! Budgets that are set against the baseline.

use crate::project::Project;
use crate::{APP, line, project, updated};

/// Adds n + 33 bytes at its peak.
fn big(size: u32) -> String {
    format!(
        "work: {{ call: \"app:big\", with: {{ size: {size} }}, budgets: {{ peak_added: {{ increase: 5 % and 10 kB }} }} }}"
    )
}

fn with_size(size: u32) -> String {
    let config = crate::project(&[&big(size)]).read("leakgate.yaml");
    assert!(config.contains(&format!("size: {size}")));
    config
}

/// The accepted figure: the object, and what the call itself takes.
fn accepted(project: &Project, size: u32) -> i64 {
    let line = line(project, "work", "peak_added = ");
    let figure: i64 = line.split(' ').nth(2).unwrap().parse().unwrap();
    assert!((i64::from(size) + 33..i64::from(size) + 1_000).contains(&figure), "{line}");
    figure
}

#[test]
fn an_increase_fails_when_both_its_share_and_its_amount_are_exceeded() {
    let project = project(&[&big(100_000)]);
    updated(&project, &[]);
    let baseline = accepted(&project, 100_000);

    // 5 % is less than 10,000 B: up to 10,000 B more.
    project.write("leakgate.yaml", &with_size(110_000));
    let kept = project.check();
    assert_eq!(kept.code, Some(0), "{}", kept.whole());
    assert!(kept.out.contains(" (baseline: 9"), "{}", kept.out);

    project.write("leakgate.yaml", &with_size(110_001));
    let broken = project.check();
    assert_eq!(broken.code, Some(1), "{}", broken.whole());
    let finding = &project.scenario("work")["findings"][0];
    let title = finding["title"].as_str().unwrap();
    assert!(
        title.contains(": 9.8 KiB more than in the baseline (") && title.ends_with(" is allowed)"),
        "{title}"
    );
    assert_eq!(finding["rule"], "increase-peak_added");
    let figure =
        ["measured", "limit", "baseline"].map(|key| finding["figure"][key].as_i64().unwrap() - baseline);
    assert_eq!(figure, [10_001, 10_000, 0]);
    let junit = project.read(".leakgate/report.xml");
    assert!(
        junit.contains("name=\"peak_added\"") && junit.contains("leakgate.increase-peak_added"),
        "{junit}"
    );
    let markdown = project.read(".leakgate/report.md");
    assert!(markdown.contains("| against the baseline |"), "{markdown}");

    // Accepting it is writing the figure: there is no finding to accept.
    updated(&project, &[]);
    assert_eq!(accepted(&project, 110_001), baseline + 10_001);
    assert!(!project.read("leakgate.lock").contains("accepted "));
    assert_eq!(project.check().code, Some(0));
}

#[test]
fn a_share_of_a_large_figure_may_be_more_than_the_amount() {
    let project = project(&[&big(1_000_000)]);
    updated(&project, &[]);
    let share = u32::try_from(accepted(&project, 1_000_000) / 20).unwrap();
    project.write("leakgate.yaml", &with_size(1_000_000 + share));
    assert_eq!(project.check().code, Some(0));
    project.write("leakgate.yaml", &with_size(1_000_001 + share));
    assert_eq!(project.check().code, Some(1));
}

#[test]
fn without_a_baseline_an_increase_is_not_judged_and_says_so() {
    let project = project(&[&big(1_000)]);
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    let note = "`increase` was not judged: leakgate.lock does not have this scenario yet; `leakgate baseline update work` \
                writes it";
    let scenario = project.scenario("work");
    assert_eq!(scenario["notes"][0], note);
    assert_eq!(scenario["not_judged"][0], "peak_added");
    assert_eq!(scenario["baseline"], "no-baseline");
    assert!(checked.out.contains("not judged: peak_added"), "{}", checked.out);
    assert!(project.read(".leakgate/report.xml").contains("<skipped"));
    project.run(&["check", "--baseline", "none"]);
    let note = "`increase` was not judged: there is no baseline to compare with (`--baseline none`)";
    assert_eq!(project.scenario("work")["notes"][0], note);
}

#[test]
fn a_maximum_holds_whatever_the_baseline_has() {
    let scenario = "work: { call: \"app:big\", with: { size: 5000 }, budgets: { peak_added: { max: 5 kB, increase: 50 % } } }";
    let project = project(&[scenario]);
    updated(&project, &[]);
    let accepted = line(&project, "work", "accepted ");
    assert!(accepted.contains(" budget-peak_added = 5"), "{accepted}");
    assert_eq!(project.check().code, Some(0), "it was accepted");
    project.write("app.py", &APP.replace("return bytes(size)", "return bytes(size + 65537)"));
    assert_eq!(project.check().code, Some(1));
}
