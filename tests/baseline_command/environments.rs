//! Figures belong to an environment; changed packages are named and never a reason to not compare.

use crate::project::{Checked, Project};
use crate::{line, project, updated};

const LEAK: &str = "old: { call: \"app:keeps\" }";

fn environment(project: &Project) -> String {
    let heading = line(project, "old", "[old on ");
    heading.trim_start_matches("[old on ").trim_end_matches(']').to_owned()
}

#[test]
fn in_another_environment_nothing_is_compared_and_both_are_kept_side_by_side() {
    let project = project(&[LEAK]);
    updated(&project, &[]);
    let here = environment(&project);
    let lock = project.read("leakgate.lock").replace(&here, "cpython-3.7-x86_64-glibc");
    project.write("leakgate.lock", &lock);
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.whole());
    let scenario = project.scenario("old");
    assert_eq!(scenario["baseline"], "other-environment");
    assert_eq!(scenario["environment"], here.as_str());
    let note = format!(
        "not compared with the baseline: leakgate.lock has it on cpython-3.7-x86_64-glibc, and this is {here}; judged by its \
         other budgets alone. `leakgate baseline update old` adds this environment"
    );
    assert_eq!(scenario["notes"][0], note.as_str());

    updated(&project, &[]);
    let both = project.read("leakgate.lock");
    let old = lock.split("\n\n").find(|part| part.starts_with("[old on cpython-3.7-")).unwrap();
    assert!(both.contains(old) && both.contains(&format!("[old on {here}]")), "{both}");
    assert_eq!(project.check().code, Some(0));
}

/// Runs with a folder of packages that the interpreter finds.
fn with_packages(project: &Project, words: &[&str]) -> Checked {
    let output = project.command(words).env("PYTHONPATH", project.path().join("packages")).output().unwrap();
    Checked::of(output, project)
}

#[test]
fn packages_that_changed_since_the_baseline_are_named_as_a_likely_cause() {
    let project = project(&[LEAK]);
    project.write("packages/xx_requests-2.31.0.dist-info/METADATA", "");
    project.write("packages/Left_Pad-1.0.dist-info/METADATA", "");
    let update = with_packages(&project, &["baseline", "update"]);
    assert_eq!(update.code, Some(0), "{}", update.whole());
    let lock = project.read("leakgate.lock");
    assert!(lock.contains("\nleft-pad = 1.0\n") && lock.contains("\nxx-requests = 2.31.0\n"), "{lock}");

    std::fs::rename(
        project.path().join("packages/xx_requests-2.31.0.dist-info"),
        project.path().join("packages/xx_requests-2.32.0.dist-info"),
    )
    .unwrap();
    std::fs::remove_dir_all(project.path().join("packages/Left_Pad-1.0.dist-info")).unwrap();
    project.write("packages/zz_new-3.4.dist-info/METADATA", "");
    let same = with_packages(&project, &["check"]);
    assert_eq!(same.code, Some(0), "other packages are no reason to not compare: {}", same.whole());
    project.write("app.py", &crate::APP.replace("967", "9000"));
    let worse = with_packages(&project, &["check"]);
    assert_eq!(worse.code, Some(1), "{}", worse.whole());
    let cause = "a likely cause: packages changed since the baseline: left-pad 1.0 is gone, xx-requests \
                 2.31.0 → 2.32.0, zz-new 3.4 is new";
    let evidence = project.scenario("old")["findings"][0]["evidence"].clone();
    assert!(evidence.as_array().unwrap().iter().any(|sentence| sentence == cause), "{evidence}");
}

#[test]
fn a_program_that_is_no_python_has_an_environment_too() {
    let project = project(&["work: { run: [sleep, \"0\"] }"]);
    updated(&project, &[]);
    let heading = line(&project, "work", "[work on ");
    assert_eq!(heading, format!("[work on native-{}-glibc]", std::env::consts::ARCH));
    assert_eq!(project.check().code, Some(0));
    assert_eq!(project.scenario("work")["baseline"], "compared");
}
