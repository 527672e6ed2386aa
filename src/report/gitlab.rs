//! GitLab's Code Quality report: findings inline in the merge request, without any token.

use serde::Serialize;

use super::Options;
use super::problems::{Problem, Weight, problems};
use crate::outcome::Outcome;

/// An issue, as GitLab reads it: what it does not know it ignores, what is missing makes it drop the issue.
#[derive(Serialize)]
struct Issue<'a> {
    description: &'a str,
    check_name: &'a str,
    fingerprint: &'a str,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

/// The whole report.
pub(super) fn render(outcome: &Outcome, options: &Options) -> String {
    let problems = problems(outcome, options);
    let issues: Vec<Issue<'_>> = problems.iter().map(issue).collect();
    // Only a map with keys that are no strings could fail, and there is none.
    let mut json = serde_json::to_string_pretty(&issues).expect("plain structs become JSON");
    json.push('\n');
    json
}

fn issue<'a>(problem: &'a Problem<'_>) -> Issue<'a> {
    Issue {
        description: &problem.title,
        check_name: &problem.rule,
        fingerprint: &problem.fingerprint,
        severity: match problem.weight {
            Weight::Fails => "major",
            Weight::Warns => "minor",
            Weight::Accepted => "info",
        },
        location: Location { path: &problem.file, lines: Lines { begin: problem.line } },
    }
}
