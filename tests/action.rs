//! `action.yml`: its steps, run as a runner runs them, on projects that pass, fail and are hostile.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "action/runner.rs"]
mod runner;
#[allow(dead_code, reason = "the server of the tests of the comment, of which a part is used here")]
#[path = "comment/server.rs"]
mod server;
#[path = "action/several.rs"]
mod several;

use std::fs;
use std::path::Path;
use std::process::Command;

use runner::{Ran, Runner, document, text};
use server::{Fault, Server, TOKEN};

const PROGRAM: &str = env!("CARGO_BIN_EXE_leakgate");
const CONFIG: &str = "\
version: 1
scenarios:
  leaky: { call: \"app:leak\", warmup: 80, iterations: 80 }
  healthy: { call: \"app:fine\", warmup: 80, iterations: 80 }
";
const APP: &str =
    "KEPT = []\ndef leak():\n    KEPT.append(bytes(1000))\ndef fine():\n    return bytes(1000)\n";
const PULL_REQUEST: &str =
    r#"{"pull_request": {"number": 5, "state": "open", "base": {"sha": "b"}, "head": {"sha": "h"}}}"#;

fn runner() -> Runner {
    let runner = Runner::new();
    runner.write("leakgate.yaml", CONFIG);
    runner.write("app.py", APP);
    runner
}

fn with_program<'a>(inputs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("program", PROGRAM), ("token", TOKEN)], inputs].concat()
}

fn on_pull_request(server: &Server) -> Runner {
    let mut runner = runner().event("pull_request", PULL_REQUEST);
    runner.set("GITHUB_API_URL", &server.address);
    runner.set("GITHUB_REPOSITORY", "shop/shop");
    runner
}

fn outputs(ran: &Ran) -> [&str; 3] {
    ["verdict", "exit-code", "failed-count"].map(|name| ran.out[name].as_str())
}

#[test]
fn a_failing_check_keeps_its_reports_comments_and_then_fails() {
    let server = Server::start();
    let runner = on_pull_request(&server);
    let inputs = [("sarif", "out/leakgate.sarif"), ("junit", "junit.xml"), ("comment-name", "shop")];
    let ran = runner.run(&with_program(&inputs));
    assert_eq!((ran.code, outputs(&ran)), (1, ["fail", "1", "1"]), "{}", ran.log);
    let results = runner.workspace.path().join(".leakgate").canonicalize().unwrap();
    assert_eq!(Path::new(&ran.out["results"]).canonicalize().unwrap(), results);
    let kept: Vec<(&str, &str)> =
        ran.used.iter().map(|with| (with["name"].as_str(), with["path"].as_str())).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(kept[0].0, "leakgate");
    assert!(kept[0].1.lines().next().unwrap().ends_with("/.leakgate/result.json"), "{kept:?}");
    assert_eq!(kept[1].0, "captures-leakgate");
    let (result, capture) = kept[1].1.trim_end().split_once('\n').unwrap();
    assert!(result.ends_with("/.leakgate/result.json") && Path::new(result).is_file(), "{kept:?}");
    assert!(capture.ends_with("/.leakgate/captures/leaky") && Path::new(capture).is_dir(), "{kept:?}");
    let comments = server.ours();
    assert_eq!(comments.len(), 1, "{}", ran.log);
    assert!(
        comments[0]
            .body
            .starts_with("<!-- leakgate:shop -->\n### ❌ leakgate: 1 leak · 1 of 2 scenarios failed")
    );
    assert!(ran.log.contains("::error file=app.py,line=3,"), "{}", ran.log);
    assert!(fs::read_to_string(runner.temp("summary.md")).unwrap().contains("1 of 2 scenarios failed"));
    for (copy, report) in [("out/leakgate.sarif", "report.sarif"), ("junit.xml", "report.xml")] {
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!(read(&runner.workspace.path().join(copy)), read(&results.join(report)));
    }
    assert!(!ran.log.contains(TOKEN));
}

#[test]
fn a_passing_check_of_some_scenarios_passes_and_comments_nothing() {
    let server = Server::start();
    let runner = on_pull_request(&server);
    let ran = runner.run(&with_program(&[
        ("scenarios", "healthy\n"),
        ("annotations", "false"),
        ("summary", "false"),
    ]));
    assert_eq!((ran.code, outputs(&ran)), (0, ["pass", "0", "0"]), "{}", ran.log);
    assert_eq!((ran.used.len(), server.ours().len()), (1, 0));
    assert!(!runner.temp("summary.md").exists());
}

#[test]
fn inputs_reach_the_program_as_they_are() {
    let runner = runner();
    runner.write("sub/leakgate.yml", CONFIG);
    runner.write("sub/app.py", APP);
    let inputs = [
        ("working-directory", "sub"),
        ("config", "leakgate.yml"),
        ("scenarios", "leaky"),
        ("fail-on", "never"),
    ];
    let ran = runner.run(&with_program(&[&inputs[..], &[("artifact-name", "")]].concat()));
    assert_eq!((ran.code, outputs(&ran)), (0, ["pass", "0", "0"]), "{}", ran.log);
    assert!(runner.workspace.path().join("sub/.leakgate/result.json").exists());
    assert!(ran.used.is_empty());
    let part = runner.run(&with_program(&[
        ("working-directory", "sub"),
        ("config", "leakgate.yml"),
        ("partition", "hash:3/1"),
    ]));
    assert_eq!((part.code, outputs(&part)), (2, ["error", "2", "0"]), "{}", part.log);
}

#[test]
fn hostile_inputs_run_nothing() {
    let runner = runner();
    let evil = "$(touch evil) `touch evil`; touch evil; \" && touch evil #";
    for input in ["scenarios", "config", "fail-on", "baseline", "python", "partition"] {
        let ran = runner.run(&with_program(&[(input, evil)]));
        assert_eq!((ran.code, ran.out["verdict"].as_str()), (2, "error"), "{input}: {}", ran.log);
    }
    let option = runner.run(&with_program(&[("scenarios", "--output-dir=elsewhere")]));
    assert_eq!(option.code, 2, "{}", option.log);
    let names: Vec<String> = fs::read_dir(runner.workspace.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != ".leakgate" && name != "app.py" && name != "leakgate.yaml")
        .collect();
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn a_copy_that_cannot_be_written_is_a_warning_and_takes_nothing_else_along() {
    let server = Server::start();
    let runner = on_pull_request(&server);
    // Below a file there is no folder; a name may look like an option.
    let ran = runner.run(&with_program(&[("sarif", "app.py/leakgate.sarif"), ("junit", "-o")]));
    assert_eq!((ran.code, outputs(&ran)), (1, ["fail", "1", "1"]), "{}", ran.log);
    assert!(
        ran.log.contains(
            "::warning title=leakgate::the copy of report.sarif for the input sarif was not written"
        )
    );
    let copied = fs::read_to_string(runner.workspace.path().join("-o")).unwrap();
    assert!(copied.starts_with("<?xml"), "{copied}");
    assert_eq!((ran.used.len(), server.ours().len()), (2, 1), "{}", ran.log);
}

#[test]
fn an_input_that_makes_no_sense_is_an_error_with_a_sentence() {
    let runner = runner();
    for (input, value, sentence) in [
        ("summary", "TRUE", "the input summary is something else than true or false"),
        ("annotations", "", "the input annotations is something else than true or false"),
        ("working-directory", "no/folder", "there is no folder at the path of the input working-directory"),
        ("working-directory", "app.py", "there is no folder at the path of the input working-directory"),
    ] {
        let ran = runner.run(&with_program(&[(input, value)]));
        assert_eq!((ran.code, outputs(&ran)), (2, ["error", "2", "0"]), "{}", ran.log);
        assert_eq!(
            ran.log,
            format!("leakgate {}\n::error title=leakgate::{sentence}\n", env!("CARGO_PKG_VERSION"))
        );
        assert!(ran.used.is_empty());
    }
    for program in [".", "app.py", "no/program"] {
        let ran = runner.run(&[("program", program)]);
        assert_eq!(ran.code, 1, "{}", ran.log);
        assert_eq!(ran.log, "::error title=leakgate::there is no program at the path of the input program\n");
    }
    let here = runner.run(&with_program(&[("working-directory", ""), ("scenarios", "healthy")]));
    assert_eq!(here.code, 0, "{}", here.log);
}

#[test]
fn only_pull_requests_are_commented_and_a_comment_that_fails_turns_nothing_red() {
    let server = Server::start();
    for name in ["push", "merge_group", "schedule"] {
        let runner = on_pull_request(&server).event(name, "{}");
        let ran = runner.run(&with_program(&[("comment", "always"), ("scenarios", "healthy")]));
        assert_eq!(ran.code, 0, "{}", ran.log);
        assert!(
            ran.log.contains(&format!("no comment: the event `{name}` is about no pull request")),
            "{}",
            ran.log
        );
    }
    let healthy = |server: &Server| {
        on_pull_request(server).run(&with_program(&[("comment", "always"), ("scenarios", "healthy")]))
    };
    server.fail(
        "POST /repos/",
        Fault::Answer(403, "", r#"{"message": "Resource not accessible by integration"}"#),
    );
    let fork = healthy(&server);
    assert_eq!((fork.code, server.ours().len()), (0, 0), "{}", fork.log);
    assert!(fork.log.contains("no comment: the token may not write comments"), "{}", fork.log);
    server.fail("GET /repos/", Fault::Answer(200, "", "no JSON"));
    let broken = healthy(&server);
    assert_eq!(broken.code, 0, "{}", broken.log);
    assert!(broken.log.contains("::warning title=leakgate::the comment was not written"), "{}", broken.log);
}

/// The action in a folder of its own, with a release of the program and a checksum of it.
fn released(runner: &mut Runner, sum: Option<&str>) -> String {
    let home = runner.temp("action-repository");
    fs::create_dir_all(home.join("action")).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["action.yml", "Cargo.toml", "action/install", "action/check", "action/comment"] {
        fs::copy(from.join(name), home.join(name)).unwrap();
    }
    let machine = std::env::consts::ARCH;
    let archive = format!("leakgate-{}-{machine}-linux.tar.gz", env!("CARGO_PKG_VERSION"));
    let releases = runner.temp("releases").join(format!("v{}", env!("CARGO_PKG_VERSION")));
    fs::create_dir_all(&releases).unwrap();
    let program = Path::new(PROGRAM);
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(releases.join(&archive)).arg("-C").arg(program.parent().unwrap()).arg("leakgate");
    assert!(tar.status().unwrap().success());
    let output = Command::new("sha256sum").arg(releases.join(&archive)).output().unwrap();
    let real = String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap().to_owned();
    let sums = format!("# a comment\n{}  {archive}\n", sum.unwrap_or(&real));
    fs::write(home.join("action/checksums.txt"), sums).unwrap();
    runner.set("LEAKGATE_RELEASES", &format!("file://{}", runner.temp("releases").display()));
    runner.action = home;
    real
}

#[test]
fn a_release_is_used_with_the_checksum_of_the_actions_repository_and_with_no_other() {
    let mut good = runner();
    released(&mut good, None);
    let ran = good.run(&[("scenarios", "healthy")]);
    assert_eq!((ran.code, outputs(&ran)), (0, ["pass", "0", "0"]), "{}", ran.log);
    let mut wrong = runner();
    released(&mut wrong, Some(&"0".repeat(64)));
    let ran = wrong.run(&[("scenarios", "healthy")]);
    assert_eq!(ran.code, 1, "{}", ran.log);
    assert!(ran.log.contains("is not what action/checksums.txt says: it is not used"), "{}", ran.log);
    for version in ["9.9.9", "../../9.9.9", "1.0.0; touch evil"] {
        let ran = good.run(&[("version", version)]);
        assert_eq!(ran.code, 1, "{}", ran.log);
    }
}

fn workflows() -> Vec<(String, serde_json::Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("action.yml"), root.join("install/action.yml")];
    files.extend(fs::read_dir(root.join(".github/workflows")).unwrap().map(|entry| entry.unwrap().path()));
    files.iter().map(|path| (path.display().to_string(), document(path))).collect()
}

/// Every step of an action or a workflow.
fn steps(of: &serde_json::Value) -> Vec<&serde_json::Value> {
    let jobs = of["jobs"].as_object().into_iter().flatten().map(|(_, job)| &job["steps"]);
    let lists = jobs.chain([&of["runs"]["steps"]]);
    lists.flat_map(|list| list.as_array().into_iter().flatten()).collect()
}

#[test]
fn no_script_has_an_expression_and_every_action_is_pinned_by_its_commit() {
    let pinned = regex::Regex::new("^[A-Za-z-]+/[A-Za-z/-]+@[0-9a-f]{40}$").unwrap();
    for (name, file) in workflows() {
        let steps = steps(&file);
        assert!(!steps.is_empty(), "{name}");
        for step in steps {
            assert!(!text(&step["run"]).contains("${{"), "{name}: {step}");
            let uses = text(&step["uses"]);
            assert!(
                uses.is_empty() || ["./", "./install"].contains(&uses.as_str()) || pinned.is_match(&uses),
                "{name}: {uses}"
            );
        }
    }
}

#[test]
fn every_input_is_used_and_documented() {
    let action = document(&Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml"));
    let steps = action["runs"]["steps"].to_string();
    let page = include_str!("../docs/ci.md");
    for (name, _) in action["inputs"].as_object().unwrap() {
        assert!(steps.contains(&format!("inputs.{name} ")), "{name} is not used");
        assert!(page.contains(&format!("| `{name}` |")), "docs/ci.md does not have {name}");
    }
    for (name, _) in action["outputs"].as_object().unwrap() {
        assert!(page.contains(&format!("`{name}`")), "docs/ci.md does not have {name}");
    }
}

/// Every block of YAML can be read, and every command of leakgate in any block has options that exist.
#[test]
fn the_pages_snippets_are_yaml_and_their_commands_exist() {
    let page = include_str!("../docs/ci.md");
    let template = include_str!("../docs/leakgate.gitlab-ci.yml");
    assert!(page.contains(&format!("```yaml\n{template}```\n")), "the page shows another template");
    let fence = regex::Regex::new(r"(?s)```(\w+)\n(.*?)```").unwrap();
    let command = regex::Regex::new(r"(?m)leakgate ((?:check|comment|merge)[^'<#\n]*)").unwrap();
    let (mut documents, mut commands) = (0, 0);
    for block in fence.captures_iter(page) {
        if &block[1] == "yaml" {
            let _: serde_json::Value =
                serde_yaml::from_str(&block[2]).unwrap_or_else(|error| panic!("{error}: {}", &block[2]));
            documents += 1;
        }
        for found in command.captures_iter(&block[2]) {
            let output =
                Command::new(PROGRAM).args(found[1].split_whitespace()).arg("--help").output().unwrap();
            assert!(output.status.success(), "{}: {}", &found[0], String::from_utf8_lossy(&output.stderr));
            commands += 1;
        }
    }
    assert_eq!((documents, commands), (7, 7));
}

/// The words of a command of leakgate, without its name.
fn words(command: &serde_json::Value) -> Vec<String> {
    let text = command.as_str().unwrap();
    text.strip_prefix("leakgate ").unwrap().split_whitespace().map(str::to_owned).collect()
}

/// The job of GitLab, run as its runner runs it: what it hands over is there, and the comment stands in the merge request.
#[test]
fn the_template_for_gitlab_leaves_its_reports_and_comments() {
    let job =
        &document(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/leakgate.gitlab-ci.yml"))["leakgate"];
    let (runner, server) = (runner(), Server::start());
    let folder = runner.workspace.path();
    let step = |name: &str| {
        let mut command = Command::new(PROGRAM);
        command.args(words(&job[name][0])).current_dir(folder).env("GITLAB_CI", "true");
        command.env("CI_API_V4_URL", &server.address).env("CI_PROJECT_ID", "12").env("GITLAB_TOKEN", TOKEN);
        command.env("CI_MERGE_REQUEST_IID", "5").env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "trunk");
        for other in ["GITHUB_ACTIONS", "GITHUB_TOKEN", "LEAKGATE_TOKEN", "SSL_CERT_FILE"] {
            command.env_remove(other);
        }
        command.output().unwrap()
    };
    let check = step("script");
    assert_eq!(check.status.code(), Some(1), "{}", String::from_utf8_lossy(&check.stderr));
    for report in ["junit", "codequality"] {
        assert!(folder.join(job["artifacts"]["reports"][report].as_str().unwrap()).is_file(), "{report}");
    }
    let comment = step("after_script");
    assert!(comment.status.success(), "{}", String::from_utf8_lossy(&comment.stderr));
    let ours = server.ours();
    assert_eq!(ours.len(), 1);
    assert!(ours[0].body.contains("### ❌ leakgate: 1 leak · 1 of 2 scenarios failed"), "{}", ours[0].body);
}

/// The hooks of pre-commit have what it asks for, and run a command that exists.
#[test]
fn the_hooks_for_pre_commit_run_the_check() {
    let hooks = document(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml"));
    let hooks = hooks.as_array().unwrap();
    let page = include_str!("../docs/ci.md");
    for hook in hooks {
        for key in ["id", "name", "entry", "language"] {
            assert!(hook[key].is_string(), "{key} of {hook}");
        }
        assert_eq!((&hook["pass_filenames"], &hook["stages"][0]), (&false.into(), &"pre-push".into()));
        assert!(page.contains(&format!("`{}`", hook["id"].as_str().unwrap())), "{hook} is not documented");
        let runner = runner();
        let code = Command::new(PROGRAM)
            .args(words(&hook["entry"]))
            .arg("healthy")
            .current_dir(runner.workspace.path())
            .output()
            .unwrap()
            .status
            .code();
        assert_eq!(code, Some(0), "{hook}");
    }
    assert_eq!(hooks.len(), 2);
}
