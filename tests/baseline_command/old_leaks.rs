//! A team with old leaks adopts the gate: what is in the baseline passes, what is new or worse fails.

use crate::{APP, line, project, section, updated};

const LEAK: &str = "old: { call: \"app:keeps\" }";

#[test]
fn an_old_leak_is_accepted_and_a_worse_or_a_new_one_fails() {
    let project = project(&[LEAK, "fine: { call: \"app:healthy\" }"]);
    let first = project.check();
    assert_eq!(first.code, Some(1), "{}", first.whole());
    assert!(!first.out.contains("NEW"), "there is nothing to compare with: {}", first.out);

    let told = updated(&project, &[]);
    assert!(told.ends_with("leakgate.lock: 2 sections written; commit it\n"), "{told}");
    let accepted = line(&project, "old", "accepted ");
    let (identity, rest) = accepted.split_once(" growth = ").unwrap();
    assert!(identity.starts_with("accepted 1:") && identity.len() == "accepted 1:".len() + 12, "{identity}");
    assert_eq!(rest, "20000 B in 20 iterations  # 1000 B an iteration, app.py in keep");
    assert_eq!(line(&project, "old", "growth"), "growth = 1000 B/iteration");
    assert_eq!(line(&project, "fine", "growth"), "growth = 0 B/iteration");
    assert!(!section(&project, "fine").iter().any(|line| line.starts_with("accepted")));

    let again = project.check();
    assert_eq!(again.code, Some(0), "{}", again.whole());
    assert!(
        again.out.contains("  old   memory grows by 1000 B after every iteration   accepted: 1000 B an"),
        "{}",
        again.out
    );
    assert!(again.out.contains("1 finding is accepted in leakgate.lock"), "{}", again.out);
    let finding = &project.scenario("old")["findings"][0];
    assert_eq!(finding["standing"]["is"], "accepted");
    assert_eq!(finding["accepted"]["rate"]["total"], 20_000);
    assert_eq!(project.scenario("old")["baseline"], "compared");

    project.write("app.py", &APP.replace("967", "1966"));
    let worse = project.check();
    assert_eq!(worse.code, Some(1), "{}", worse.whole());
    assert!(worse.out.contains("accepted: 1000 B an iteration   WORSE"), "{}", worse.out);
    assert!(
        worse
            .out
            .contains("worse than accepted: 1000 B an iteration in leakgate.lock, now 2.0 KiB an iteration"),
        "{}",
        worse.out
    );

    project.write("app.py", &APP.replace("return bytes(967)", "keep(5)"));
    let new = project.check();
    assert_eq!(new.code, Some(1), "{}", new.whole());
    assert!(new.out.contains("growth   baseline: 0 B   NEW"), "{}", new.out);
    assert_eq!(project.scenario("old")["verdict"], "pass");
    assert_eq!(project.scenario("fine")["findings"][0]["standing"]["is"], "new");
}

#[test]
fn a_leak_that_moves_to_another_line_stays_accepted() {
    let project = project(&[LEAK]);
    updated(&project, &[]);
    project.write("app.py", &format!("# a line\n# another\n{APP}"));
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
}

#[test]
fn a_leak_that_is_a_little_faster_than_accepted_is_still_that_leak() {
    let project = project(&[LEAK]);
    updated(&project, &[]);
    project.write("app.py", &APP.replace("967", "969"));
    assert_eq!(project.check().code, Some(0), "2 B an iteration may be the room in a list");
    project.write("app.py", &APP.replace("967", "970"));
    let worse = project.check();
    let said = "worse than accepted at app.py:";
    assert!(worse.code == Some(1) && worse.out.contains(said), "{}", worse.whole());
    // An update takes over what the check does not accept.
    assert_eq!(project.run(&["baseline", "update"]).code, Some(0));
    assert_eq!(project.check().code, Some(0));
}

#[test]
fn which_findings_fail_can_be_chosen() {
    let project = project(&[LEAK]);
    updated(&project, &[]);
    let config = project.read("leakgate.yaml");
    project.write("leakgate.yaml", &format!("{config}fail_on: any\n"));
    let any = project.check();
    assert_eq!(any.code, Some(1), "{}", any.whole());
    assert!(any.out.contains("  leak  memory grows by 1000 B after every iteration"), "{}", any.out);
    assert!(any.out.contains("growth   accepted: 1000 B an iteration"), "{}", any.out);

    project.write("leakgate.yaml", &format!("{config}fail_on: never\n"));
    project.write("app.py", &APP.replace("967", "5000"));
    let never = project.check();
    assert_eq!(never.code, Some(0), "{}", never.whole());
    assert!(never.out.contains("WORSE"), "{}", never.out);
}

#[test]
fn an_accepted_finding_passes_in_the_reports_for_machines_too() {
    let project = project(&[LEAK]);
    updated(&project, &[]);
    assert_eq!(project.check().code, Some(0));
    let junit = project.read(".leakgate/report.xml");
    assert!(junit.contains("failures=\"0\"") && junit.contains("accepted in the baseline:"), "{junit}");
    let markdown = project.read(".leakgate/report.md");
    assert!(markdown.contains("✅ leakgate: 1 scenario passed"), "{markdown}");
    assert!(markdown.contains("**Accepted in the baseline**, `old`:"), "{markdown}");
}
