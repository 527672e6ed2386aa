//! `leakgate check --ci`: what GitHub, GitLab, Buildkite and Jenkins are told, through the real binary.

use std::fs;
use std::process::{Command, Output};

use crate::project::Project;

const LEAK: &str = "\
KEPT = []
def leak():
    KEPT.append(bytes(1000))
def fine():
    return bytes(1000)
";
const SCENARIOS: &str = "\
scenarios:
  leaky: { call: \"app:leak\", warmup: 80, iterations: 80 }
  healthy: { call: \"app:fine\", warmup: 80, iterations: 80 }
";

struct Told {
    code: Option<i32>,
    out: String,
    errors: String,
}

impl Told {
    fn of(output: &Output) -> Told {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Told { code: output.status.code(), out: text(&output.stdout), errors: text(&output.stderr) }
    }

    fn lines_with(&self, start: &str) -> Vec<&str> {
        self.out.lines().filter(|line| line.starts_with(start)).collect()
    }
}

/// `leakgate check --ci …`, with these variables and no other CI system's.
fn checked(project: &Project, words: &[&str], variables: &[(&str, &str)]) -> Told {
    told(project, &[&["check", "--ci"], words].concat(), variables)
}

fn told(project: &Project, words: &[&str], variables: &[(&str, &str)]) -> Told {
    let mut command = project.command(words);
    for (name, _) in std::env::vars() {
        if ["GITHUB_", "GITLAB_", "CI_", "BUILDKITE", "JENKINS_"].iter().any(|start| name.starts_with(start))
        {
            command.env_remove(name);
        }
    }
    Told::of(&command.envs(variables.iter().copied()).output().unwrap())
}

fn on_github(project: &Project, words: &[&str]) -> Told {
    told_on_github(project, &[&["check", "--ci"], words].concat())
}

fn told_on_github(project: &Project, words: &[&str]) -> Told {
    let path = |name: &str| project.path().join(name).to_string_lossy().into_owned();
    let variables = [
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_STEP_SUMMARY", path("summary.md")),
        ("GITHUB_OUTPUT", path("output.txt")),
        ("GITHUB_EVENT_NAME", "pull_request".to_owned()),
        ("GITHUB_EVENT_PATH", path("event.json")),
        ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
        ("GITHUB_REPOSITORY", "shop/shop".to_owned()),
    ];
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    told(project, words, &variables)
}

fn git(project: &Project, words: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(project.path()).args(identity).args(words).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn commit(project: &Project) -> String {
    git(project, &["add", "app.py", "leakgate.yaml"]);
    git(project, &["commit", "--quiet", "--message", "a change"]);
    git(project, &["rev-parse", "HEAD"])
}

/// A repository whose last commit added the leak, and the event of its pull request.
fn reviewed() -> Project {
    let project =
        Project::new(SCENARIOS, "KEPT = []\ndef leak():\n    pass\ndef fine():\n    return bytes(1000)\n");
    git(&project, &["init", "--quiet"]);
    let base = commit(&project);
    project.write("app.py", LEAK);
    let head = commit(&project);
    let payload = serde_json::json!({
        "pull_request": { "number": 5, "state": "open", "base": { "sha": base }, "head": { "sha": head } }
    });
    project.write("event.json", &payload.to_string());
    project
}

#[test]
fn github_gets_annotations_a_summary_and_outputs() {
    let project = reviewed();
    let told = on_github(&project, &[]);
    assert_eq!((told.code, told.errors.as_str()), (Some(1), ""), "{}", told.out);
    let annotations = told.lines_with("::error");
    assert_eq!(annotations.len(), 1, "{}", told.out);
    let head = "::error file=app.py,line=3,title=leakgate leaky (growing-global)::leaky: ";
    assert!(annotations[0].starts_with(head), "{}", annotations[0]);
    let summary = project.read("summary.md");
    assert!(summary.contains("### ❌ leakgate: 1 leak · 1 of 2 scenarios failed"), "{summary}");
    let results = project.path().join(".leakgate");
    let shown = |name: &str| results.join(name).to_string_lossy().into_owned();
    let outputs = [
        "verdict=fail".to_owned(),
        "exit-code=1".to_owned(),
        "failed-count=1".to_owned(),
        format!("results={}", results.display()),
        format!("json={}", shown("result.json")),
        format!("markdown={}", shown("report.md")),
        format!("junit={}", shown("report.xml")),
        format!("sarif={}", shown("report.sarif")),
        format!("failed-captures={}", shown("captures/leaky")),
    ];
    assert_eq!(project.read("output.txt").lines().collect::<Vec<_>>(), outputs);
    assert!(results.join("captures/leaky").is_dir());
}

#[test]
fn the_report_says_whether_the_line_is_in_the_diff_and_links_to_it() {
    let project = reviewed();
    on_github(&project, &["leaky"]);
    let head = git(&project, &["rev-parse", "HEAD"]);
    let link = format!(
        "filled at [`app.py:3`](https://github.com/shop/shop/blob/{head}/app.py#L3) in `leak` · line changed"
    );
    let report = project.read(".leakgate/report.md");
    assert!(report.contains(&format!("{link} in this pull request · rule `growing-global`")), "{report}");
    // A later change elsewhere: the line is older than the pull request.
    let payload = serde_json::json!({
        "pull_request": { "number": 6, "state": "open", "base": { "sha": head }, "head": { "sha": head } }
    });
    project.write("event.json", &payload.to_string());
    project.write("app.py", &format!("{LEAK}\n"));
    commit(&project);
    on_github(&project, &["leaky"]);
    let report = project.read(".leakgate/report.md");
    assert!(report.contains(" · line not changed in this pull request · "), "{report}");
}

#[test]
fn a_base_that_is_not_in_the_clone_is_not_compared_with() {
    let project = reviewed();
    let gone = "0123456789012345678901234567890123456789";
    let payload = serde_json::json!({
        "pull_request": { "number": 5, "state": "open", "base": { "sha": gone }, "head": { "sha": gone } }
    });
    project.write("event.json", &payload.to_string());
    assert_eq!(on_github(&project, &["leaky"]).code, Some(1));
    let report = project.read(".leakgate/report.md");
    assert!(!report.contains("in this pull request"));
    let lacks = "the clone lacks 0123456789012345678901234567890123456789, which it is compared with; check out with `fetch-depth: 2`";
    assert_eq!(project.result()["notes"][0], format!("which lines the change has is not known: {lacks}"));
}

#[test]
fn a_scenarios_output_can_give_the_runner_no_command() {
    let config = "scenarios:\n  evil: { run: [python3, app.py] }\n";
    let app =
        "print('::set-output name=verdict::pass\\n::stop-commands::x\\n##[error]x')\nraise SystemExit(3)\n";
    let project = Project::new(config, app);
    project.write("event.json", "{}");
    let told = on_github(&project, &[]);
    assert_eq!(told.code, Some(3), "{}{}", told.out, told.errors);
    let mut commands = Vec::new();
    let mut stopped: Option<String> = None;
    for line in told.out.lines().map(str::trim_start) {
        match &stopped {
            None if line.starts_with("::stop-commands::") => {
                stopped = line.strip_prefix("::stop-commands::").map(|token| format!("::{token}::"));
            }
            None if line.starts_with("::") => commands.push(line.split([' ', ':']).nth(2).unwrap()),
            Some(end) if line == end => stopped = None,
            _ => {}
        }
    }
    assert_eq!(stopped, None);
    assert_eq!(commands, ["group", "endgroup", "error"], "{}", told.out);
    assert!(told.out.contains("        : :set-output name=verdict::pass\n"), "{}", told.out);
    let annotation =
        told.lines_with("::error file=leakgate.yaml,line=3,title=leakgate evil (scenario-error)::evil");
    assert_eq!(annotation.len(), 1, "{}", told.out);
}

#[test]
fn annotations_and_summary_can_be_left_out() {
    let project = reviewed();
    let told = on_github(&project, &["--no-annotations", "--no-summary", "leaky"]);
    assert_eq!(told.code, Some(1));
    assert!(told.lines_with("::error").is_empty() && !project.has("summary.md"), "{}", told.out);
    assert!(project.read("output.txt").contains("verdict=fail\n"));
    let alone = project.run(&["check", "--no-summary"]);
    assert_eq!(alone.code, Some(2), "{}", alone.errors);
}

#[test]
fn what_stops_a_check_is_an_annotation_at_its_line_where_it_has_one() {
    let project = reviewed();
    let annotations = |told: &Told| -> Vec<String> {
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{}", told.errors);
        told.errors.lines().filter(|line| line.starts_with("::")).map(str::to_owned).collect()
    };
    fs::create_dir(project.path().join("svc")).unwrap();
    project.write(
        "svc/leakgate.yaml",
        "version: 1\nscenarios:\n  a: { call: \"app:leak\", budgets: { pek: 1 } }\n",
    );
    let told = on_github(&project, &["--config", "svc/leakgate.yaml"]);
    let shown = annotations(&told);
    assert_eq!(shown.len(), 1, "{}", told.errors);
    assert!(shown[0].starts_with("::error file=svc/leakgate.yaml,line=3,title=leakgate::"), "{shown:?}");
    let missing = annotations(&on_github(&project, &["--config", "none.yaml"]));
    assert!(missing[0].starts_with("::error title=leakgate::none.yaml: cannot read the configuration"));
    let merged = annotations(&told_on_github(&project, &["merge", "--ci", "nothing"]));
    assert!(merged[0].starts_with("::error title=leakgate::failed to read `nothing`: "), "{merged:?}");
    let wrong = annotations(&on_github(&project, &["--fail-on", "old"]));
    assert!(wrong[0].starts_with("::error title=leakgate::invalid value 'old' for '--fail-on"), "{wrong:?}");
    assert!(annotations(&told_on_github(&project, &["check", "none"])).is_empty());
    assert!(annotations(&on_github(&project, &["--no-annotations", "none"])).is_empty());
}

#[test]
fn words_of_the_command_line_give_the_runner_no_command() {
    let project = reviewed();
    let evil = "a\n  ::error::PWN\r::notice::PWN ##[warning]PWN";
    for words in [&["--python", evil][..], &["--fail-on", evil], &["--", evil], &["--config", evil]] {
        for ci in [&["check"][..], &["check", "--ci"]] {
            let told = told_on_github(&project, &[ci, words].concat());
            assert_eq!(told.code, Some(2), "{}", told.errors);
            let lines = || told.errors.split(['\n', '\r']).map(str::trim_start);
            let commands = lines().filter(|line| line.starts_with("::")).count();
            assert!(told.errors.contains("PWN") && !told.errors.contains("##["), "{}", told.errors);
            assert_eq!(commands, ci.len() - 1, "{words:?} {}", told.errors);
        }
    }
}

#[test]
fn files_of_the_runner_that_cannot_be_written_are_a_warning_and_the_verdict_stays() {
    let project = reviewed();
    for name in ["summary.md", "output.txt"] {
        fs::create_dir(project.path().join(name)).unwrap();
    }
    let told = on_github(&project, &["--format", "json", "leaky"]);
    assert_eq!(told.code, Some(1), "{}{}", told.out, told.errors);
    let warnings: Vec<&str> = told.errors.lines().filter(|line| line.starts_with("::warning")).collect();
    let reason = "Is a directory (os error 21)";
    assert_eq!(
        warnings,
        [
            format!("::warning title=leakgate::the report is not in the job's summary: {reason}"),
            format!("::warning title=leakgate::the step has not all of its outputs: {reason}"),
        ]
    );
    assert!(serde_json::from_str::<serde_json::Value>(&told.out).is_ok(), "{}", told.out);
    fs::remove_dir(project.path().join("summary.md")).unwrap();
    fs::write(project.path().join("summary.md"), "x".repeat(1 << 20)).unwrap();
    let full = on_github(&project, &["leaky"]);
    assert_eq!(full.code, Some(1));
    let warning = "::warning title=leakgate::the report is not in the job's summary: there is no room left\n";
    assert!(full.errors.contains(warning), "{}", full.errors);
}

#[test]
fn a_merge_of_parts_tells_what_a_check_of_all_would() {
    let project = reviewed();
    let parts = ["1", "2"].map(|part| {
        let (partition, folder) = (format!("hash:{part}/2"), format!("part-{part}"));
        let words = ["check", "--partition", &partition, "--output-dir", &folder];
        assert!(project.run(&words).code.is_some_and(|code| code < 2));
        folder
    });
    let merged = told_on_github(&project, &["merge", "--ci", &parts[0], &parts[1]]);
    assert_eq!(merged.code, Some(1), "{}{}", merged.out, merged.errors);
    let annotations = merged.lines_with("::error file=app.py,line=3,title=leakgate leaky");
    assert_eq!(annotations.len(), 1, "{}", merged.out);
    assert!(project.read("output.txt").starts_with("verdict=fail\nexit-code=1\nfailed-count=1\n"));
    assert!(project.read("summary.md").contains("1 of 2 scenarios failed"));
}

#[test]
fn a_merge_keeps_the_places_and_lines_of_its_parts_from_a_folder_below_and_without_a_checkout() {
    let project = Project::new("scenarios:\n  other: { run: [\"true\"] }\n", "import other\n\nother.one()\n");
    git(&project, &["init", "--quiet"]);
    project.write("svc/leakgate.yaml", &format!("version: 1\n{SCENARIOS}"));
    project.write("svc/app.py", LEAK);
    project.write("event.json", "{}");
    for part in ["1", "2"] {
        let words =
            ["check", "--partition", &format!("hash:{part}/2"), "--output-dir", &format!("../part-{part}")];
        let output = project.command(&words).current_dir(project.path().join("svc")).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 2), "{output:?}");
    }
    let culprit = "::error file=svc/app.py,line=3,title=leakgate leaky (growing-global)::";
    let is_whole = |at: &Project, merged: &Told| {
        assert_eq!(merged.code, Some(1), "{}{}", merged.out, merged.errors);
        assert_eq!(merged.lines_with(culprit).len(), 1, "{}", merged.out);
        let result = at.result();
        assert_eq!(result["config_path"], "svc/leakgate.yaml");
        let finding = at.scenario("leaky")["findings"][0].clone();
        let lines = ["KEPT = []", "def leak():", "    KEPT.append(bytes(1000))"];
        assert_eq!(
            finding["source"],
            serde_json::json!({ "path": "svc/app.py", "first": 1, "lines": lines })
        );
        assert!(at.read(".leakgate/report.md").starts_with("<!-- leakgate:svc/leakgate.yaml -->\n"));
        assert!(at.read(".leakgate/report.sarif").contains("\"uri\": \"svc/app.py\""));
    };
    is_whole(&project, &told_on_github(&project, &["merge", "--ci", "part-1", "part-2"]));
    let elsewhere = Project::new("", "");
    for name in ["leakgate.yaml", "app.py"] {
        fs::remove_file(elsewhere.path().join(name)).unwrap();
    }
    for part in ["part-1", "part-2"] {
        elsewhere.write(&format!("{part}/result.json"), &project.read(&format!("{part}/result.json")));
    }
    is_whole(&elsewhere, &told_on_github(&elsewhere, &["merge", "--ci", "part-2", "part-1"]));
}

#[test]
fn a_document_on_standard_output_stays_one() {
    let project = reviewed();
    let told = on_github(&project, &["--format", "json", "leaky"]);
    let json: serde_json::Value = serde_json::from_str(&told.out).expect("nothing but JSON");
    assert_eq!(json["verdict"], "fail");
    let told = on_github(&project, &["--format", "github", "leaky"]);
    assert!(
        told.out.starts_with("::error file=app.py,line=3,") && told.out.lines().count() == 1,
        "{}",
        told.out
    );
}

#[test]
fn gitlab_buildkite_and_jenkins_get_a_log_of_their_own_kind() {
    let project = Project::new(SCENARIOS, LEAK);
    let words = ["healthy"];
    let gitlab = checked(&project, &words, &[("GITLAB_CI", "true")]);
    assert_eq!(gitlab.code, Some(0), "{}{}", gitlab.out, gitlab.errors);
    assert!(gitlab.out.starts_with("\u{1b}[0Ksection_start:"), "{}", gitlab.out);
    assert_eq!(gitlab.out.matches("section_end:").count(), 1);
    let buildkite = checked(&project, &words, &[("BUILDKITE", "true")]);
    assert!(
        buildkite.out.starts_with("--- leakgate: 1 scenario\n+++ leakgate: the report\n"),
        "{}",
        buildkite.out
    );
    for variables in [&[("JENKINS_URL", "https://ci.example/")][..], &[]] {
        let plain = checked(&project, &words, variables);
        assert!(plain.out.starts_with("leakgate "), "{}", plain.out);
        assert!(!plain.out.contains('\u{1b}') && !plain.out.contains("::"), "{}", plain.out);
    }
    let issues = fs::read_to_string(project.path().join(".leakgate/code-quality.json")).unwrap();
    assert_eq!(issues, "[]\n");
}

#[test]
fn an_event_that_cannot_be_read_stops_no_check_and_is_told() {
    let project = reviewed();
    for payload in ["{", r#"{"workflow_run": {"id": 900, "event": "push"}}"#] {
        project.write("event.json", payload);
        let told = on_github(&project, &["leaky"]);
        assert_eq!(told.code, Some(1), "{}{}", told.out, told.errors);
        assert_eq!(told.lines_with("::error file=app.py,line=3,").len(), 1, "{}", told.out);
        let note = "which lines the change has is not known: failed to read the event's payload";
        assert!(told.out.contains(note), "{}", told.out);
        assert!(project.read(".leakgate/report.md").contains("**Note**: which lines the change has"));
    }
}

#[test]
fn a_push_and_a_group_of_a_merge_queue_are_compared_with_what_was_before() {
    let project = reviewed();
    let before = git(&project, &["rev-parse", "HEAD^"]);
    let payloads = [
        serde_json::json!({ "before": before, "ref": "refs/heads/main" }),
        serde_json::json!({ "merge_group": { "base_sha": before, "head_sha": "h" } }),
    ];
    for payload in payloads {
        project.write("event.json", &payload.to_string());
        on_github(&project, &["leaky"]);
        let report = project.read(".leakgate/report.md");
        assert!(report.contains(" in `leak` · line changed by these commits · rule "), "{report}");
    }
    // The first push of a branch has nothing before it.
    project.write("event.json", &format!("{{\"before\": \"{}\"}}", "0".repeat(40)));
    assert_eq!(on_github(&project, &["leaky"]).code, Some(1));
    assert!(!project.read(".leakgate/report.md").contains("by these commits"));
}

#[test]
fn a_checkout_of_another_user_is_told() {
    let project = reviewed();
    let path = |name: &str| project.path().join(name).to_string_lossy().into_owned();
    let variables = [
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_EVENT_NAME", "pull_request".to_owned()),
        ("GITHUB_EVENT_PATH", path("event.json")),
        // What git's own tests use to be as if another user owned it.
        ("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1".to_owned()),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let told = checked(&project, &["leaky"], &variables);
    assert_eq!(told.code, Some(1), "{}{}", told.out, told.errors);
    assert!(told.out.contains("another user owns the checkout"), "{}", told.out);
}

#[test]
fn files_of_all_reports_are_from_the_top_of_the_checkout() {
    let top = tempfile::tempdir().unwrap();
    let project = Project::new(SCENARIOS, LEAK);
    let service = top.path().join("services/shop");
    fs::create_dir_all(&service).unwrap();
    for name in ["leakgate.yaml", "app.py"] {
        fs::copy(project.path().join(name), service.join(name)).unwrap();
    }
    let files = |variables: &[(&str, &str)]| {
        let mut command = project.command(&["check", "--ci", "leaky"]);
        command.current_dir(&service).env_remove("GITHUB_WORKSPACE").env_remove("CI_PROJECT_DIR");
        command.envs(variables.iter().copied());
        assert_eq!(command.output().unwrap().status.code(), Some(1));
        ["report.xml", "report.sarif", "code-quality.json"].map(|name| {
            let text = fs::read_to_string(service.join(".leakgate").join(name)).unwrap();
            text.contains("\"services/shop/app.py\"")
        })
    };
    let workspace = top.path().canonicalize().unwrap();
    let workspace = workspace.to_str().unwrap();
    assert_eq!(files(&[]), [false; 3]);
    assert_eq!(files(&[("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", workspace)]), [true; 3]);
    assert_eq!(files(&[("GITLAB_CI", "true"), ("CI_PROJECT_DIR", workspace)]), [true; 3]);
    fs::create_dir(top.path().join(".git")).unwrap();
    assert_eq!(files(&[]), [true; 3]);
}

#[test]
fn the_command_to_see_it_again_has_the_options_that_were_given() {
    let project = Project::new(SCENARIOS, LEAK);
    project.run(&["check", "leaky", "--baseline", "none", "--fail-on", "any", "--no-values"]);
    let command = "leakgate check --fail-on any --baseline none --no-values leaky";
    let again = |name: &str| project.read(&format!(".leakgate/{name}"));
    assert!(again("report.md").contains(&format!("**Try it**: `{command}`")), "{}", again("report.md"));
    let merged = project.run(&["merge", ".leakgate", "--output-dir", "all"]);
    assert!(merged.out.contains(&format!("  again   {command}\n")), "{}", merged.out);
    let python = project.run(&["check", "leaky", "--python", "python3"]);
    assert!(python.out.contains("  again   leakgate check --python python3 leaky\n"), "{}", python.out);
}

#[test]
fn what_fails_nothing_has_no_cross() {
    let project = Project::new(&SCENARIOS.replace("healthy", "other").replace("app:fine", "app:leak"), LEAK);
    assert_eq!(project.run(&["check", "--fail-on", "never"]).code, Some(0));
    let report = project.read(".leakgate/report.md");
    assert!(report.contains("\n#### ⚠️ ") && !report.contains('❌'), "{report}");
}

#[test]
fn the_command_line_says_what_fails_what_it_is_compared_with_and_which_python_runs() {
    let project = Project::new(SCENARIOS, LEAK);
    assert_eq!(project.run(&["check", "leaky", "--fail-on", "never"]).code, Some(0));
    assert_eq!(project.run(&["check", "leaky", "--fail-on", "sometimes"]).code, Some(2));
    assert_eq!(project.run(&["baseline", "update", "leaky"]).code, Some(0));
    assert_eq!(project.run(&["check", "leaky"]).code, Some(0));
    assert_eq!(project.run(&["check", "leaky", "--baseline", "none"]).code, Some(1));
    fs::rename(project.path().join("leakgate.lock"), project.path().join("main.lock")).unwrap();
    assert_eq!(project.run(&["check", "leaky"]).code, Some(1));
    assert_eq!(project.run(&["check", "leaky", "--baseline", "main.lock"]).code, Some(0));
    let missing = project.run(&["check", "leaky", "--baseline", "gone.lock"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.errors.contains("there is no baseline `gone.lock`"), "{}", missing.errors);
    let python = project.run(&["check", "healthy", "--python", "no/python"]);
    assert_eq!(python.code, Some(2), "{}", python.errors);
}
