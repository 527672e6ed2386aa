//! The second stage for pull requests of forks: a workflow with rights, that runs no code of theirs, reads what the first
//! one left in an artifact.

use std::io::Write;

use leakgate::report::{Color, DEFAULT_COMMENT, Format, Options, Sources, render};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::outcomes::canonical;
use super::{Done, Fault, Job, LIST, Server, json};

const RUN: &str = r#"{"workflow_run": {"id": 900, "head_sha": "h5", "head_branch": "fix/a b", "event": "pull_request",
    "head_repository": {"owner": {"login": "forker"}}}}"#;

/// A ZIP archive with these files.
pub(super) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn serve(server: &Server, path: &str, bytes: impl Into<Vec<u8>>) {
    server.state.lock().unwrap().files.push((path.to_owned(), bytes.into()));
}

/// A result as a check writes it where the code is, in the folder `services` of the repository.
fn carrying(lines: &'static str) -> String {
    struct Checkout(&'static str);
    impl Sources for Checkout {
        fn text(&self, _file: &str) -> Option<String> {
            Some(self.0.repeat(40))
        }
        fn path(&self, file: &str) -> Option<String> {
            Some(format!("services/{file}"))
        }
    }
    let source = &Checkout(lines);
    let options = Options { width: 100, color: Color::Plain, source, comment: DEFAULT_COMMENT };
    render(Format::Json, &canonical(), &options)
}

/// The job of a run for pull request 5 of a fork, whose artifact is this.
fn job(artifact: &[u8]) -> Job {
    let job = Job::new();
    job.event(RUN);
    let server = &job.server;
    let pulls = r#"[{"number": 4, "head": {"sha": "other"}}, {"number": 5, "head": {"sha": "h5"}, "base": {"ref": "main"}}]"#;
    serve(server, "/repos/shop/shop/pulls?state=open&per_page=100&head=forker%3Afix/a%20b", pulls);
    let artifacts = r#"{"artifacts": [{"id": 1, "name": "leakgate", "expired": true}, {"id": 2, "name": "leakgate", "expired": false}]}"#;
    serve(server, "/repos/shop/shop/actions/runs/900/artifacts?per_page=100&name=leakgate", artifacts);
    let target = format!("location: {}/storage/2.zip", server.address);
    serve(server, "/repos/shop/shop/actions/artifacts/2/zip", target);
    serve(server, "/storage/2.zip", artifact);
    job
}

fn run(job: &Job) -> Done {
    let mut command = job.command(&["--artifact", "leakgate"]);
    Done::of(&command.env("GITHUB_EVENT_NAME", "workflow_run").output().unwrap())
}

#[test]
fn the_pull_request_is_found_by_the_commit_and_the_token_stays_with_the_api() {
    let job = job(&archive(&[("result.json", json(&canonical()).as_bytes())]));
    run(&job).says(0, "comment 101 made");
    assert!(job.server.ours()[0].body.contains("3 of 6 scenarios failed"));
    assert!(!job.server.state.lock().unwrap().leaked, "the storage saw the token");
}

#[test]
fn the_comment_has_the_lines_that_the_result_carries_and_the_change_that_the_forge_knows() {
    let job = job(&archive(&[("result.json", carrying("rows.append(row)\n").as_bytes())]));
    let files = r#"[{"filename": "services/shop/quotes.py", "patch": "@@ -13,2 +13,3 @@\n a\n+b\n c"}, {"filename": "x.bin"}]"#;
    serve(&job.server, "/repos/shop/shop/pulls/5/files?per_page=100", files);
    let mut command = job.command(&["--artifact", "leakgate"]);
    command.env("GITHUB_EVENT_NAME", "workflow_run").env("GITHUB_SERVER_URL", "https://github.com");
    Done::of(&command.output().unwrap()).says(0, "comment 101 made");
    let body = &job.server.ours()[0].body;
    assert!(body.contains("\n> 14 | rows.append(row)"), "{body}");
    let place = "[`shop/quotes.py:14`](https://github.com/shop/shop/blob/h5/services/shop/quotes.py#L14) in `remember`";
    assert!(body.contains(&format!("{place} · line changed in this pull request")), "{body}");
}

#[test]
fn a_diff_that_the_forge_does_not_give_is_said_nothing_about() {
    let job = job(&archive(&[("result.json", carrying("rows.append(row)\n").as_bytes())]));
    job.server.fail("GET /repos/shop/shop/pulls/5/files", Fault::Answer(403, "", "{}"));
    run(&job).says(0, "comment 101 made");
    let body = &job.server.ours()[0].body;
    assert!(body.contains("> 14 | rows.append(row)") && !body.contains("in this pull request"), "{body}");
}

#[test]
fn lines_that_a_hostile_result_carries_end_no_fence_and_name_no_other_file() {
    let hostile = carrying("````\n").replace("services/shop/quotes.py", "../../evil/x/pulls");
    let job = job(&archive(&[("result.json", hostile.as_bytes())]));
    let mut command = job.command(&["--artifact", "leakgate"]);
    command.env("GITHUB_EVENT_NAME", "workflow_run").env("GITHUB_SERVER_URL", "https://github.com");
    Done::of(&command.output().unwrap()).says(0, "comment 101 made");
    let body = &job.server.ours()[0].body;
    assert!(body.contains("\n`````text\n") && !body.contains("evil"), "{body}");
}

#[test]
fn no_file_of_this_checkout_is_shown_for_a_forks_result() {
    let job = job(&archive(&[("result.json", json(&canonical()).as_bytes())]));
    let folder = job.folder.path().join("shop");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("quotes.py"), "secret\n".repeat(20)).unwrap();
    run(&job).says(0, "comment 101 made");
    assert!(!job.server.ours()[0].body.contains("secret"));
}

#[test]
fn a_hostile_archive_writes_nothing_and_is_refused_where_it_has_no_result() {
    let evil: &[u8] = b"evil";
    let result = json(&canonical());
    let names =
        [("../../evil.txt", evil), ("/tmp/leakgate-evil.txt", evil), ("result.json", result.as_bytes())];
    let job_with = job(&archive(&names));
    let before = std::fs::read_dir(job_with.folder.path()).unwrap().count();
    run(&job_with).says(0, "comment 101 made");
    assert_eq!(std::fs::read_dir(job_with.folder.path()).unwrap().count(), before);
    for name in ["../result.json", "/result.json", "x/result.json"] {
        run(&job(&archive(&[(name, result.as_bytes())]))).says(2, "there is no `result.json` at its top");
    }
    run(&job(b"no archive")).says(2, "it is no ZIP archive that can be read");
    run(&job(&archive(&[("result.json", b"{}")]))).says(2, "failed to read artifact `leakgate`");
}

#[test]
fn a_zip_bomb_is_refused_by_what_comes_out_of_it() {
    // 33 MiB of zeros are 33 KiB, packed.
    let job = job(&archive(&[("result.json", &vec![0; 33 << 20])]));
    run(&job).says(2, "has more than 32 MiB");
    assert_eq!(job.server.ours(), []);
}

#[test]
fn without_a_pull_request_or_an_artifact_there_is_no_comment() {
    let other = job(&[]);
    other.event(&RUN.replace("h5", "gone"));
    run(&other).says(0, "no comment: no open pull request has gone as its last commit");
    let push = job(&[]);
    push.event(&RUN.replace("\"pull_request\"", "\"push\""));
    run(&push).says(0, "no comment: that run was for `push`, and not for a pull request");
    let none = job(&[]);
    none.server.fail("GET /repos/shop/shop/actions/runs/900", Fault::Answer(200, "", r#"{"artifacts": []}"#));
    run(&none).says(0, "no comment: the run has no artifact `leakgate`");
    let pull_request = Job::new();
    pull_request
        .run(&["--artifact", "leakgate"])
        .says(2, "--artifact needs a workflow that runs on `workflow_run`");
    assert_eq!(pull_request.server.count(LIST), 0);
}
