//! The workflow of docs/ci.md for several machines: its parts, the action that only installs, and the job that joins them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::runner::{Ran, Runner, document, text};
use crate::server::{Server, TOKEN};
use crate::{PROGRAM, on_pull_request, with_program};

/// The workflow with that job, as the page shows it.
fn shown(job: &str) -> Value {
    let page = include_str!("../../docs/ci.md");
    let fence = regex::Regex::new(r"(?s)```yaml\n(.*?)```").unwrap();
    let workflows = fence.captures_iter(page).map(|block| serde_yaml::from_str::<Value>(&block[1]).unwrap());
    workflows.into_iter().find(|workflow| workflow["jobs"][job].is_object()).expect("the workflow")
}

fn step<'a>(job: &'a Value, key: &str, begins: &str) -> &'a Value {
    let mut steps = job["steps"].as_array().unwrap().iter();
    steps.find(|step| text(&step[key]).starts_with(begins)).unwrap_or_else(|| panic!("no step {begins}"))
}

/// What the artifact of that use of `upload-artifact` has: paths from the folder that all have in common.
fn upload(with: &std::collections::BTreeMap<String, String>, to: &Path) {
    let folder = to.join(&with["name"]);
    fs::create_dir_all(&folder).unwrap();
    for path in with["path"].lines() {
        let mut copy = Command::new("bash");
        // Wildcards are the action's own, and what there is not of is left out.
        copy.args([
            "-c",
            "shopt -s nullglob; for file in $1; do cp -r -- \"$file\" \"$2\"; done",
            "copy",
            path,
        ]);
        assert!(copy.arg(&folder).status().unwrap().success());
    }
}

/// The parts of the page's matrix; their artifacts are below `to`.
fn parts(runner: &Runner, to: &Path) -> Vec<Ran> {
    let workflow = shown("part");
    let job = &workflow["jobs"]["part"];
    assert_eq!(job["strategy"]["fail-fast"], false);
    let inputs = &step(job, "uses", "OWNER/leakgate@")["with"];
    let part_of = |part: &Value| {
        let input = |name: &str| text(&inputs[name]).replace("${{ matrix.part }}", &text(part));
        let (partition, artifact) = (input("partition"), input("artifact-name"));
        let ran = runner.run(&with_program(&[("partition", &partition), ("artifact-name", &artifact)]));
        ran.used.iter().for_each(|with| upload(with, to));
        ran
    };
    job["strategy"]["matrix"]["part"].as_array().unwrap().iter().map(part_of).collect()
}

#[test]
fn the_parts_of_a_matrix_are_joined_to_one_report_and_one_comment() {
    let server = Server::start();
    let runner = on_pull_request(&server);
    let artifacts = runner.temp("artifacts");
    let ran = parts(&runner, &artifacts);
    let mut codes: Vec<i32> = ran.iter().map(|ran| ran.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 0, 0, 1]);
    assert_eq!(server.ours().len(), 0, "a part commented");
    fs::remove_dir_all(runner.workspace.path().join(".leakgate")).unwrap();

    let workflow = shown("whole");
    let job = &workflow["jobs"]["whole"];
    assert_eq!(job["if"], "${{ !cancelled() }}");
    let download = &step(job, "uses", "actions/download-artifact@")["with"];
    let (begin, end) = download["pattern"].as_str().unwrap().split_once('*').unwrap();
    let mut names: Vec<String> = fs::read_dir(&artifacts)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names.len(), 5, "the captures of the failing part are no artifact: {names:?}");
    let into = runner.workspace.path().join(text(&download["path"]));
    fs::create_dir_all(&into).unwrap();
    for name in names.iter().filter(|name| name.starts_with(begin) && name.ends_with(end)) {
        fs::rename(artifacts.join(name), into.join(name)).unwrap();
    }
    let (path, bin) = (std::env::var("PATH").unwrap(), runner.temp("leakgate-path"));
    installed(&runner);
    let run = |command: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-e", "-c", command]).current_dir(runner.workspace.path()).env_clear();
        bash.envs(&runner.variables).env("PATH", format!("{}:{path}", bin.display()));
        bash.env("GITHUB_ACTIONS", "true").env("GITHUB_TOKEN", TOKEN);
        let done = bash.output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    let (code, log) = run(&text(&step(job, "run", "leakgate merge")["run"]));
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("::error file=app.py,line=3,"), "{log}");
    let (code, log) = run(&text(&step(job, "run", "leakgate comment")["run"]));
    assert_eq!(code, Some(0), "{log}");
    let comments = server.ours();
    assert_eq!(comments.len(), 1, "{log}");
    assert!(comments[0].body.contains("### ❌ leakgate: 1 leak · 1 of 2 scenarios failed"), "{log}");
    assert!(comments[0].body.contains("> 3 |     KEPT.append(bytes(1000))"), "{}", comments[0].body);
}

/// Runs the action that only installs, and looks at what it puts on the path.
fn installed(runner: &Runner) {
    let action = Path::new(env!("CARGO_MANIFEST_DIR")).join("install");
    let ran = runner.run_action(&action, &[("program", PROGRAM)]);
    assert_eq!((ran.code, ran.out["program"].as_str()), (0, PROGRAM), "{}", ran.log);
    let path = fs::read_to_string(runner.temp("path")).unwrap();
    assert_eq!(path, format!("{}\n", runner.temp("leakgate-path").display()));
    let names: Vec<_> =
        fs::read_dir(path.trim_end()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["leakgate"]);
}

#[test]
fn the_job_with_rights_installs_only_what_its_commit_pins() {
    let workflow = shown("comment");
    let steps = workflow["jobs"]["comment"]["steps"].as_array().unwrap();
    let words: Vec<String> = steps.iter().map(|step| text(&step["uses"]) + &text(&step["run"])).collect();
    assert_eq!(words, ["OWNER/leakgate/install@COMMIT", "leakgate comment --artifact leakgate"]);
    let action = document(&Path::new(env!("CARGO_MANIFEST_DIR")).join("install/action.yml"));
    let whole = document(&Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml"));
    for input in ["version", "program"] {
        assert_eq!(action["inputs"][input], whole["inputs"][input]);
    }
    assert_eq!(action["runs"]["steps"][0]["env"], whole["runs"]["steps"][0]["env"]);
}
