//! `leakgate comment` against a server that behaves like the API of GitHub and of GitLab.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "comment/forks.rs"]
mod forks;
#[allow(dead_code, reason = "the outcomes of the tests of the reports, of which some are used here")]
#[path = "reports/outcomes.rs"]
mod outcomes;
#[path = "comment/server.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use leakgate::outcome::{Outcome, Partition};
use leakgate::report::{Color, DEFAULT_COMMENT, Format, Options, render};
use outcomes::{canonical, passing};
use server::{Comment, Fault, Server, TOKEN, US};
use tempfile::TempDir;

const MARKER: &str = "<!-- leakgate:default -->";
const LIST: &str = "GET /repos/shop/shop/issues/5/comments";
const CREATE: &str = "POST /repos/shop/shop/issues/5/comments";
const UPDATE: &str = "PATCH /repos/shop/shop/issues/comments/";

/// A folder with a result, and the event of pull request 5.
struct Job {
    folder: TempDir,
    server: Server,
}

impl Job {
    fn new() -> Job {
        let job = Job { folder: tempfile::tempdir().unwrap(), server: Server::start() };
        job.event(
            r#"{"pull_request": {"number": 5, "state": "open", "base": {"sha": "b"}, "head": {"sha": "h"}}}"#,
        );
        job
    }

    fn event(&self, payload: &str) {
        fs::write(self.folder.path().join("event.json"), payload).unwrap();
    }

    fn result(&self, outcome: &Outcome) {
        let folder = self.folder.path().join(".leakgate");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("result.json"), json(outcome)).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        command.arg("comment").args(words).current_dir(self.folder.path()).env_clear();
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_API_URL", &self.server.address)
            .env("GITHUB_REPOSITORY", "shop/shop")
            .env("GITHUB_EVENT_NAME", "pull_request")
            .env("GITHUB_EVENT_PATH", self.folder.path().join("event.json"))
            .env("GITHUB_TOKEN", TOKEN);
        command
    }

    fn run(&self, words: &[&str]) -> Done {
        Done::of(&self.command(words).output().unwrap())
    }

    fn comment(&self, outcome: &Outcome) -> Done {
        self.result(outcome);
        self.run(&[])
    }
}

fn json(outcome: &Outcome) -> String {
    let nothing = |_: &str| None::<String>;
    render(
        Format::Json,
        outcome,
        &Options { width: 100, color: Color::Plain, source: &nothing, comment: DEFAULT_COMMENT },
    )
}

#[derive(Debug, PartialEq)]
struct Done {
    code: Option<i32>,
    out: String,
    errors: String,
}

impl Done {
    fn of(output: &Output) -> Done {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let done =
            Done { code: output.status.code(), out: text(&output.stdout), errors: text(&output.stderr) };
        assert!(!done.out.contains(TOKEN) && !done.errors.contains(TOKEN), "the token is shown: {done:?}");
        done
    }

    fn says(&self, code: i32, text: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let said = if code == 0 { &self.out } else { &self.errors };
        assert!(said.contains(text), "{self:?}");
    }
}

fn heading(comment: &Comment) -> &str {
    comment.body.lines().nth(1).unwrap()
}

#[test]
fn a_comment_is_made_on_the_first_failure_then_kept_up_to_date_and_ends_in_fixed() {
    let job = Job::new();
    job.comment(&passing()).says(0, "no comment: nothing fails, and nothing did before");
    assert_eq!(job.server.ours(), []);
    job.comment(&canonical()).says(0, "comment 101 made");
    job.comment(&canonical()).says(0, "comment 101 says so already");
    let failing = job.server.ours();
    assert_eq!(
        heading(&failing[0]),
        "### ❌ leakgate: 3 budgets exceeded, 1 memory limit reached · 3 of 6 scenarios failed, 1 could not be measured"
    );
    assert!(failing[0].body.starts_with(&format!("{MARKER}\n")));
    job.comment(&passing()).says(0, "comment 101 brought up to date");
    let fixed = job.server.ours();
    assert_eq!(heading(&fixed[0]), "### ✅ leakgate: fixed, all of 2 scenarios passed");
    job.comment(&passing()).says(0, "comment 101 says so already");
    assert_eq!(job.server.ours(), fixed);
    job.comment(&canonical()).says(0, "comment 101 brought up to date");
    assert_eq!(job.server.ours(), failing);
    assert_eq!((job.server.count(CREATE), job.server.count(UPDATE)), (1, 2));
}

#[test]
fn ours_is_found_on_a_later_page_and_a_spoofed_or_quoted_marker_is_not_ours() {
    let job = Job::new();
    job.server.add("mallory", &format!("{MARKER}\nnothing leaks here"));
    job.server.add(US, &format!("as I said:\n{MARKER}"));
    job.server.add(US, "<!-- leakgate:other -->\nof another configuration");
    job.server.add("mallory", "hello");
    job.server.add(US, &format!("{MARKER}\n### ❌ leakgate: old"));
    job.comment(&canonical()).says(0, "comment 105 brought up to date");
    let bodies: Vec<String> =
        job.server.state.lock().unwrap().comments.iter().map(|c| c.body.clone()).collect();
    assert_eq!(bodies.len(), 5);
    assert_eq!(bodies[0], format!("{MARKER}\nnothing leaks here"));
    assert!(bodies[4].contains("3 of 6 scenarios failed"));
    assert_eq!(job.server.count(LIST), 3);
}

#[test]
fn when_says_in_which_cases_there_is_a_comment() {
    let job = Job::new();
    job.result(&passing());
    job.run(&["--when", "on-failure"]).says(0, "no comment");
    job.run(&["--when", "never"]).says(0, "");
    assert_eq!(job.server.ours(), []);
    job.run(&["--when", "always", "--name", "services/shop"]).says(0, "comment 101 made");
    assert!(
        job.server.ours()[0].body.starts_with("<!-- leakgate:services/shop -->\n### ✅ leakgate: all of")
    );
    job.result(&canonical());
    job.run(&["--when", "on-failure"]).says(0, "comment 102 made");
    // One that is there is never left wrong.
    job.result(&passing());
    job.run(&["--when", "on-failure"]).says(0, "comment 102 brought up to date");
    assert_eq!(heading(&job.server.ours()[1]), "### ✅ leakgate: fixed, all of 2 scenarios passed");
    job.run(&["--name", "a --> b"]).says(2, "expected letters, digits");
}

#[test]
fn a_forks_read_only_token_is_told_in_one_line_and_fails_nothing() {
    let job = Job::new();
    let refused = r#"{"message": "Resource not accessible by integration"}"#;
    job.server.fail(CREATE, Fault::Answer(403, "", refused));
    let done = job.comment(&canonical());
    done.says(0, "no comment: the token may not write comments");
    assert_eq!((done.out.lines().count(), done.errors.as_str()), (1, ""));
}

#[test]
fn a_limit_is_waited_for_and_a_server_that_fails_is_asked_again() {
    let job = Job::new();
    job.server.fail(LIST, Fault::Answer(403, "retry-after: 0\r\n", r#"{"message": "secondary rate limit"}"#));
    job.server.fail(LIST, Fault::Answer(502, "", "<html>bad gateway</html>"));
    job.comment(&canonical()).says(0, "comment 101 made");
    assert_eq!(job.server.ours().len(), 1);
    let job = Job::new();
    let past = "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
    job.server.fail(LIST, Fault::Answer(429, past, "{}"));
    job.comment(&canonical()).says(0, "comment 101 made");
    for absurd in ["retry-after: 121\r\n", "retry-after: 99999999999999999999999\r\n"] {
        job.server.fail(LIST, Fault::Answer(429, absurd, "{}"));
        job.comment(&passing()).says(2, "asked too often; the next request is allowed in");
    }
    let job = Job::new();
    let used_up = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 99999999999\r\n";
    job.server.fail(LIST, Fault::Answer(403, used_up, r#"{"message": "API rate limit exceeded"}"#));
    job.comment(&canonical()).says(2, "asked too often; the next request is allowed in");
    let job = Job::new();
    (0..4).for_each(|_| job.server.fail(LIST, Fault::Answer(503, "", "")));
    job.comment(&canonical()).says(2, "no answer from 127.0.0.1:");
    assert_eq!(job.server.count(CREATE), 0);
}

#[test]
fn a_comment_that_was_made_without_an_answer_is_not_made_twice() {
    let job = Job::new();
    job.server.fail(CREATE, Fault::Silence);
    job.comment(&canonical()).says(0, "comment 101 says so already");
    assert_eq!((job.server.ours().len(), job.server.count(CREATE)), (1, 1));
}

#[test]
fn of_two_jobs_that_comment_at_once_the_older_comment_stays() {
    let job = Job::new();
    let other =
        Comment { id: 90, user: US.into(), body: format!("{MARKER}\n### ❌ leakgate: the other job") };
    job.server.state.lock().unwrap().race = Some(other);
    job.comment(&canonical()).says(0, "comment 90 brought up to date");
    let ours = job.server.ours();
    assert_eq!(ours.len(), 1);
    assert_eq!(
        heading(&ours[0]),
        "### ❌ leakgate: 3 budgets exceeded, 1 memory limit reached · 3 of 6 scenarios failed, 1 could not be measured"
    );
}

#[test]
fn a_comment_that_somebody_removed_meanwhile_is_made_anew() {
    let job = Job::new();
    job.server.add(US, &format!("{MARKER}\n### ❌ leakgate: old"));
    job.server.fail(UPDATE, Fault::Answer(404, "", r#"{"message": "Not Found"}"#));
    job.comment(&canonical()).says(0, "brought up to date");
    assert_eq!(job.server.ours().len(), 1);
}

#[test]
fn wrong_tokens_and_answers_are_errors_that_say_what_is_wrong() {
    let job = Job::new();
    job.result(&canonical());
    let without = Done::of(&job.command(&[]).env_remove("GITHUB_TOKEN").output().unwrap());
    without.says(2, "there is no token: set GITHUB_TOKEN, or LEAKGATE_TOKEN");
    let expired = Done::of(&job.command(&[]).env("GITHUB_TOKEN", "old").output().unwrap());
    expired.says(2, "the token is wrong or has expired (401 of 127.0.0.1:");
    for body in ["<html></html>", r#"{"comments": []}"#, ""] {
        job.server.fail(LIST, Fault::Answer(200, "", body));
        job.run(&[]).says(2, "that makes no sense");
    }
    assert_eq!(job.server.ours(), []);
}

#[test]
fn events_without_an_open_pull_request_are_told_and_fail_nothing() {
    let job = Job::new();
    job.result(&canonical());
    job.event(
        r#"{"pull_request": {"number": 5, "state": "closed", "base": {"sha": "b"}, "head": {"sha": "h"}}}"#,
    );
    job.run(&[]).says(0, "no comment: pull request #5 is closed");
    for name in ["push", "merge_group", "schedule"] {
        job.event(r#"{"ref": "refs/heads/main"}"#);
        let done = Done::of(&job.command(&[]).env("GITHUB_EVENT_NAME", name).output().unwrap());
        done.says(0, &format!("no comment: the event `{name}` is about no pull request"));
    }
    let none = Done::of(&job.command(&[]).env_remove("GITHUB_EVENT_PATH").output().unwrap());
    none.says(0, "no comment: there is no payload of the event `pull_request`: GITHUB_EVENT_PATH is not set");
    let gone = Done::of(&job.command(&[]).env("GITHUB_EVENT_PATH", "/nonexistent").output().unwrap());
    gone.says(
        0,
        "no comment: there is no payload of the event `pull_request`: there is no `/nonexistent`, the file",
    );
    job.event("{}");
    job.run(&[]).says(0, "no comment: the payload of the event `pull_request` names no pull request");
    job.event(r#"{"issue": {"number": 5, "pull_request": {"url": "u"}}}"#);
    let commented = Done::of(&job.command(&[]).env("GITHUB_EVENT_NAME", "issue_comment").output().unwrap());
    commented.says(
        0,
        "no comment: the event `issue_comment` does not say which code was judged; --pull-request 5 ",
    );
    job.run(&["--pull-request", "0"]).says(2, "invalid value '0' for '--pull-request <NUMBER>'");
    job.event("{");
    job.run(&[]).says(2, "failed to read the event's payload");
    assert_eq!(job.server.state.lock().unwrap().seen, Vec::<String>::new());
    // Whoever says the number has no need of it.
    let made = job.run(&["--pull-request", "5"]);
    made.says(0, "comment 101 made");
    let warning = "warning: which lines the change has is not known: failed to read the event's payload";
    assert!(made.errors.contains(warning), "{made:?}");
    job.event("{}");
    job.run(&["--pull-request", "5"]).says(0, "comment 101 says so already");
}

#[test]
fn authorities_of_a_file_that_has_none_are_an_error_before_anything_is_asked() {
    let job = Job::new();
    job.result(&canonical());
    let with = |path: &str| Done::of(&job.command(&[]).env("SSL_CERT_FILE", path).output().unwrap());
    with("missing.pem").says(2, "failed to read SSL_CERT_FILE, `missing.pem`: No such file");
    fs::write(job.folder.path().join("empty.pem"), "no certificate").unwrap();
    with("empty.pem")
        .says(2, "failed to read SSL_CERT_FILE, `empty.pem`: it has no certificate in PEM format");
    assert_eq!(job.server.state.lock().unwrap().seen, Vec::<String>::new());
}

#[test]
fn a_password_in_the_address_of_the_api_is_in_no_message() {
    let job = Job::new();
    job.result(&canonical());
    let with = job.server.address.replace("http://", "http://user:hunter2@");
    (0..4).for_each(|_| job.server.fail("GET /repos/shop/shop/pulls/5", Fault::Answer(503, "", "")));
    let done = Done::of(&job.command(&[]).env("GITHUB_API_URL", with).output().unwrap());
    done.says(2, "no answer from 127.0.0.1:");
    assert!(!done.errors.contains("hunter2"), "{done:?}");
}

#[test]
fn dry_run_prints_the_comment_and_asks_nobody() {
    let job = Job::new();
    job.result(&canonical());
    let done = Done::of(&job.command(&["--dry-run"]).env_remove("GITHUB_TOKEN").output().unwrap());
    assert!(done.out.starts_with(&format!("{MARKER}\n### ❌ leakgate: 3 budgets exceeded")), "{done:?}");
    assert_eq!(job.server.state.lock().unwrap().seen, Vec::<String>::new());
}

#[test]
fn a_missing_or_damaged_result_is_an_error() {
    let job = Job::new();
    job.run(&[]).says(2, "failed to read `.leakgate/result.json`");
    fs::create_dir_all(job.folder.path().join(".leakgate")).unwrap();
    fs::write(job.folder.path().join(".leakgate/result.json"), "{\"version\": 99}").unwrap();
    job.run(&[]).says(2, "its format has version 99");
    assert_eq!(job.server.ours(), []);
}

#[test]
fn a_merge_request_of_gitlab_gets_its_comment_too() {
    let job = Job::new();
    let run = |outcome: &Outcome| {
        job.result(outcome);
        let mut command = job.command(&[]);
        for name in ["GITHUB_ACTIONS", "GITHUB_TOKEN", "GITHUB_API_URL"] {
            command.env_remove(name);
        }
        command.env("GITLAB_CI", "true").env("GITLAB_TOKEN", TOKEN).env("CI_PROJECT_ID", "12");
        command.env("CI_API_V4_URL", &job.server.address);
        command
    };
    Done::of(&run(&canonical()).output().unwrap())
        .says(0, "no comment: this pipeline is for no merge request");
    let comment =
        |outcome: &Outcome| Done::of(&run(outcome).env("CI_MERGE_REQUEST_IID", "5").output().unwrap());
    job.server.add("mallory", MARKER);
    job.server.add("mallory", "a");
    comment(&canonical()).says(0, "comment 103 made");
    comment(&passing()).says(0, "comment 103 brought up to date");
    assert_eq!(heading(&job.server.ours()[0]), "### ✅ leakgate: fixed, all of 2 scenarios passed");
    // A pipeline of a fork: the number is one of the project that the merge request is in.
    let mut fork = run(&canonical());
    fork.env("CI_PROJECT_ID", "13").env("CI_MERGE_REQUEST_PROJECT_ID", "12").env("CI_MERGE_REQUEST_IID", "5");
    Done::of(&fork.output().unwrap()).says(0, "comment 103 brought up to date");
    job.server.fail("GET /projects/12/merge_requests/5/notes", Fault::Answer(403, "", "{}"));
    comment(&canonical()).says(0, "no comment: the token may not write comments; it needs the scope `api`");
    let used_up = "RateLimit-Remaining: 0\r\nRateLimit-Reset: 1445412480\r\n";
    job.server.fail("GET /projects/12/merge_requests/5/notes", Fault::Answer(429, used_up, "{}"));
    comment(&canonical()).says(0, "comment 103 says so already");
    job.server.say("/projects/12/merge_requests/5", r#"{"state": "merged"}"#);
    comment(&passing()).says(0, "no comment: merge request !5 is closed");
}

#[test]
fn a_pull_request_that_was_closed_meanwhile_is_asked_about_and_not_commented_on() {
    let job = Job::new();
    job.server.say("/repos/shop/shop/pulls/5", r#"{"state": "closed"}"#);
    let closed = job.comment(&canonical());
    closed.says(0, "leakgate: no comment: pull request #5 is closed\n");
    assert_eq!(job.run(&["--pull-request", "5"]), closed);
    assert_eq!((job.server.ours(), job.server.count(LIST)), (vec![], 0));
    // A token that may not ask comments all the same.
    for status in [403, 404] {
        let job = Job::new();
        job.server.fail("GET /repos/shop/shop/pulls/5", Fault::Answer(status, "", "{}"));
        job.comment(&canonical()).says(0, "comment 101 made");
    }
}

#[test]
fn a_run_of_an_older_commit_leaves_the_comment_as_it_is() {
    let job = Job::new();
    job.comment(&canonical()).says(0, "comment 101 made");
    let before = job.server.ours();
    job.server.say("/repos/shop/shop/pulls/5", r#"{"state": "open", "head": {"sha": "h2"}}"#);
    job.comment(&passing())
        .says(0, "leakgate: no comment: pull request #5 has a newer commit than the one that was judged\n");
    assert_eq!(job.server.ours(), before);
    // Who says the number says that this is its code.
    job.run(&["--pull-request", "5"]).says(0, "comment 101 brought up to date");
    let job = Job::new();
    job.server.say("/repos/shop/shop/pulls/5", r#"{"state": "open", "head": {"sha": "h"}}"#);
    job.comment(&canonical()).says(0, "comment 101 made");
}

#[test]
fn an_api_that_sends_elsewhere_is_not_followed_and_the_message_says_where_it_leads() {
    let job = Job::new();
    let moved = "location: https://api.example/repositories/7/issues/5/comments\r\n";
    for status in [301, 307] {
        job.server.fail(LIST, Fault::Answer(status, moved, ""));
        let done = job.comment(&canonical());
        done.says(
            2,
            "sends on to https://api.example/repositories/7/issues/5/comments, and the token goes nowhere",
        );
        assert!(done.errors.contains("may be an old one (GITHUB_REPOSITORY, GITHUB_API_URL)"), "{done:?}");
    }
    assert_eq!(job.server.ours(), []);
}

#[test]
fn what_cannot_be_sent_is_told_as_that_and_nobody_is_asked() {
    let job = Job::new();
    job.result(&canonical());
    let with = |name: &str, value: &str| Done::of(&job.command(&[]).env(name, value).output().unwrap());
    with("GITHUB_API_URL", "ftp://x")
        .says(2, "x cannot be asked: its address is none of http:// or https://");
    with("GITHUB_TOKEN", "a\nb").says(2, "cannot be asked: the token has a space, a line break or another");
    assert_eq!(job.server.state.lock().unwrap().seen, Vec::<String>::new());
}

#[test]
fn pages_that_lead_back_end_and_what_is_not_there_is_asked_for_once() {
    let job = Job::new();
    let url = format!("{}/repos/shop/shop/issues/5/comments?per_page=100", job.server.address);
    let itself: &'static str = Box::leak(format!("link: <{url}>; rel=\"next\"\r\n").into_boxed_str());
    job.server.fail(LIST, Fault::Answer(200, itself, "[]"));
    job.comment(&canonical()).says(0, "comment 101 made");
    // Once before it was made, and once after.
    assert_eq!(job.server.count(LIST), 2);
    let job = Job::new();
    job.server.fail(LIST, Fault::Answer(404, "", "{}"));
    job.comment(&canonical()).says(2, "there is no such thing at 127.0.0.1:");
    assert_eq!((job.server.count(LIST), job.server.count(CREATE)), (1, 0));
}

#[test]
fn a_long_wait_is_told_and_one_that_is_over_is_none() {
    let job = Job::new();
    job.server.fail(LIST, Fault::Answer(429, "retry-after: 3\r\n", "{}"));
    let waited = job.comment(&canonical());
    waited.says(0, "comment 101 made");
    assert_eq!(waited.errors, "leakgate: the API was asked too often: waiting 3 s\n");
    job.server.fail(LIST, Fault::Answer(429, "retry-after: -5\r\n", "{}"));
    let done = job.comment(&passing());
    done.says(0, "comment 101 brought up to date");
    assert_eq!(done.errors, "");
}

#[test]
fn no_text_of_a_result_begins_a_block_or_refers_to_something_of_the_forge() {
    let job = Job::new();
    let begun = ["/close", "1. one", "---", "- [ ] task", "=== x", "+ one"];
    for text in begun {
        let mut outcome = canonical();
        for scenario in &mut outcome.scenarios {
            scenario.error.iter_mut().for_each(|error| error.title = text.to_owned());
            for finding in &mut scenario.findings {
                (finding.title, finding.help) = (text.to_owned(), text.to_owned());
                finding.evidence = vec![text.to_owned()];
            }
        }
        job.result(&outcome);
        let shown = job.run(&["--dry-run"]).out;
        assert!(shown.contains(&text[1..]) || shown.contains("&#"), "{shown}");
        let begins = |line: &&str| {
            line.trim_start_matches(['#', '-', ' ']).starts_with(&text.trim_start_matches("- ")[..2])
        };
        let blocks: Vec<&str> = shown
            .lines()
            .filter(|line| !line.starts_with("---") && !line.starts_with("| "))
            .filter(begins)
            .collect();
        assert_eq!(blocks, Vec::<&str>::new(), "{text}");
    }
    let mut outcome = canonical();
    let named = outcome.scenarios.iter_mut().flat_map(|scenario| &mut scenario.findings);
    named.for_each(|finding| {
        finding.title = "GH-1 !5 %3 :smile: a89018b5ac29bd3abe9ca7ab630194b967bbda63".to_owned()
    });
    job.result(&outcome);
    let shown = job.run(&["--dry-run"]).out;
    let apart =
        "GH<!-- -->-1 !<!-- -->5 %<!-- -->3 :<!-- -->smile: a<!-- -->89018b5ac29bd3abe9ca7ab630194b967bbda63";
    assert!(shown.contains(apart) && !shown.contains("GH-1"), "{shown}");
}

#[test]
fn a_part_of_the_scenarios_speaks_for_no_other_part() {
    let job = Job::new();
    job.comment(&canonical()).says(0, "comment 101 made");
    let before = job.server.ours();
    let part = |outcome: Outcome, scenarios: usize| Outcome {
        partition: Some(Partition { index: 2, of: 4, scenarios }),
        ..outcome
    };
    let refused = "no comment: this result is part 2 of 4; `leakgate merge` joins the results of all parts";
    job.comment(&part(passing(), 5)).says(0, refused);
    let empty = Outcome { scenarios: vec![], ..passing() };
    job.comment(&part(empty.clone(), 5)).says(0, refused);
    assert_eq!(job.server.ours(), before);
    // What it prints says what it is.
    let dry = |outcome: &Outcome| {
        job.result(outcome);
        job.run(&["--dry-run"]).out.lines().nth(1).unwrap().to_owned()
    };
    assert_eq!(dry(&part(passing(), 5)), "### ✅ leakgate: all of 2 scenarios passed · part 2 of 4");
    assert_eq!(dry(&part(empty, 5)), "### ✅ leakgate: nothing to run in part 2 of 4, passed");
    let whole = Outcome { partition: Some(Partition { index: 1, of: 1, scenarios: 2 }), ..passing() };
    job.comment(&whole).says(0, "comment 101 brought up to date");
}

/// Of a configuration with seven scenarios, in this order.
fn chosen(outcome: Outcome, order: &[usize]) -> Outcome {
    let scenarios: Vec<_> = order.iter().map(|index| outcome.scenarios[*index].clone()).collect();
    Outcome { left_out: 7 - scenarios.len(), scenarios, ..outcome }
}

#[test]
fn who_ran_some_of_the_scenarios_says_nothing_about_others() {
    let job = Job::new();
    let first = |comment: &Comment| comment.body.lines().next().unwrap().to_owned();
    // `quote` and `report`, then two others that pass: nobody has mended anything.
    job.comment(&chosen(canonical(), &[1, 2])).says(0, "comment 101 made");
    let failing = job.server.ours();
    job.comment(&chosen(passing(), &[0, 1])).says(0, "no comment: nothing fails, and nothing did before");
    assert_eq!(job.server.ours(), failing);
    assert!(
        heading(&failing[0]).ends_with(" · 2 of 2 scenarios failed · only 2 of 7 scenarios"),
        "{failing:?}"
    );
    assert!(first(&failing[0]).starts_with("<!-- leakgate:default/only-"), "{failing:?}");
    // The order in which they were asked for does not matter, and all of them have another comment.
    job.comment(&chosen(canonical(), &[2, 1])).says(0, "comment 101 ");
    job.comment(&canonical()).says(0, "comment 102 made");
    let fixed = chosen(canonical(), &[1, 2]);
    let pass = |scenario: &leakgate::outcome::ScenarioResult| leakgate::outcome::ScenarioResult {
        name: scenario.name.clone(),
        ..passing().scenarios[0].clone()
    };
    let fixed = Outcome { scenarios: fixed.scenarios.iter().map(pass).collect(), ..fixed };
    job.comment(&fixed).says(0, "comment 101 brought up to date");
    let ours = job.server.ours();
    assert_eq!(
        heading(&ours[0]),
        "### ✅ leakgate: fixed, all of 2 scenarios passed · only 2 of 7 scenarios"
    );
    assert_eq!(first(&ours[1]), MARKER);
    // Of a configuration that is not the usual one, too.
    let elsewhere = Outcome { config: "svc/leakgate.yaml".into(), ..chosen(canonical(), &[1]) };
    job.comment(&elsewhere).says(0, "comment 103 made");
    let ours = job.server.ours();
    assert!(first(&ours[2]).starts_with("<!-- leakgate:svc/leakgate.yaml/only-"), "{ours:?}");
    assert!(heading(&ours[2]).ends_with(" · `svc/leakgate.yaml` · only 1 of 7 scenarios"), "{ours:?}");
    // Under a name of its own all go into one, which then calls nothing fixed.
    job.result(&chosen(canonical(), &[1, 2]));
    job.run(&["--name", "nightly"]).says(0, "comment 104 made");
    job.result(&chosen(passing(), &[0, 1]));
    job.run(&["--name", "nightly"]).says(0, "comment 104 brought up to date");
    assert_eq!(
        heading(&job.server.ours()[3]),
        "### ✅ leakgate: all of 2 scenarios passed · `nightly` · only 2 of 7 scenarios"
    );
}

#[test]
fn each_configuration_has_its_own_comment_and_is_named_in_it() {
    let job = Job::new();
    let of = |outcome: Outcome, config: &str| Outcome { config: config.to_owned(), ..outcome };
    job.comment(&of(canonical(), "leakgate.yaml")).says(0, "comment 101 made");
    job.comment(&of(passing(), "svc-b/leakgate.yaml")).says(0, "no comment: nothing fails");
    job.comment(&of(canonical(), "svc-b/leakgate.yaml")).says(0, "comment 102 made");
    job.comment(&of(passing(), "./svc-b/leakgate.yaml")).says(0, "comment 102 brought up to date");
    job.comment(&of(canonical(), "svc b/--x.yaml")).says(0, "comment 103 made");
    job.run(&["--name", "nightly"]).says(0, "comment 104 made");
    let ours = job.server.ours();
    let first = |comment: &Comment| comment.body.lines().next().unwrap().to_owned();
    assert_eq!(first(&ours[0]), MARKER);
    assert_eq!(first(&ours[1]), "<!-- leakgate:svc-b/leakgate.yaml -->");
    assert!(first(&ours[2]).starts_with("<!-- leakgate:config-"), "{ours:?}");
    assert_eq!(
        heading(&ours[1]),
        "### ✅ leakgate: fixed, all of 2 scenarios passed · `svc-b/leakgate.yaml`"
    );
    assert!(heading(&ours[0]).ends_with(" could not be measured"), "{ours:?}");
    assert!(heading(&ours[2]).ends_with(" · `svc b/--x.yaml`"), "{ours:?}");
    assert!(heading(&ours[3]).ends_with(" · `nightly`"), "{ours:?}");
    // Two of the same name, each run from its own folder: where a result is from, it says itself.
    let folder = job.folder.path().join("svc-b");
    fs::create_dir_all(folder.join(".leakgate")).unwrap();
    fs::create_dir_all(job.folder.path().join(".git")).unwrap();
    fs::write(folder.join("leakgate.yaml"), "version: 1").unwrap();
    let (of_top, path) = (json(&canonical()), "\"config_path\": \"leakgate.yaml\",");
    assert!(of_top.contains(path), "{of_top}");
    let of_folder = of_top.replace(path, "\"config_path\": \"svc-b/leakgate.yaml\",");
    let result = folder.join(".leakgate/result.json");
    let archive = job.folder.path().join("result.zip");
    fs::write(&archive, forks::archive(&[("result.json", of_folder.as_bytes())])).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let read = |text: &str, from: &Path, file: &Path| {
        fs::write(&result, text).unwrap();
        Done::of(&job.command(&[file.to_str().unwrap()]).current_dir(from).output().unwrap())
    };
    read(&of_folder, &folder, Path::new(".leakgate")).says(0, "comment 102 brought up to date");
    let top = job.folder.path();
    for (from, file) in [(top, Path::new("svc-b/.leakgate")), (elsewhere.path(), &result), (top, &archive)] {
        read(&of_folder, from, file).says(0, "comment 102 says so already");
    }
    read(&of_top, &folder, &result).says(0, "comment 101 says so already");
    // One that does not say it is of the folder that it is read in.
    read(&of_top.replace(path, ""), &folder, &result).says(0, "comment 102 says so already");
}
