//! `leakgate rules` through the program, and the page that is made of the rules.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::Path;
use std::process::Command;

use leakgate::commands::rules::described;
use leakgate::rules::RuleSet;

const DOCS: &str = "docs/rules.md";

fn leakgate(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_leakgate")).args(words).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (run.status.code(), text(run.stdout), text(run.stderr))
}

/// A project with these files.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const SCENARIO: &str = "scenarios: { nothing: { run: 'true' } }\n";

const OWN: &str = "\
id = 'our-sessions'
title = 'Sessions of our own library are not closed'
severity = 'error'
evidence = 'growth'
any_of = [{ owner = '/SESSIONS/' }]
message = 'sessions pile up in `{owner}`: it {gains}'
fix = 'Call `close()`.'
[[hit]]
name = 'a session that is kept'
code = '''
SESSIONS = []
def work(): SESSIONS.append(bytes(1000))
'''
owner = 'sample.SESSIONS'
[[miss]]
name = 'another list'
code = '''
OTHERS = []
def work(): OTHERS.append(bytes(1000))
'''
";

#[test]
fn the_page_on_rules_is_what_the_rules_say() {
    let page = std::fs::read_to_string(DOCS).unwrap();
    let marker = "<!-- rules -->\n";
    let start = page.find(marker).unwrap() + marker.len();
    let rules: Vec<String> = RuleSet::carried().by_id().into_iter().map(described).collect();
    let wanted = format!("{}{}", &page[..start], rules.join("\n"));
    if std::env::var_os("LEAKGATE_BLESS").is_some() {
        std::fs::write(DOCS, &wanted).unwrap();
        return;
    }
    assert!(page == wanted, "{DOCS} is out of date: run `LEAKGATE_BLESS=1 cargo test --test rules_command`");
}

#[test]
fn rules_are_listed_and_shown() {
    let folder = project(&[]);
    let (code, list, _) = leakgate(folder.path(), &["rules", "list"]);
    assert_eq!((code, list.lines().count()), (Some(0), 6), "{list}");
    assert!(list.contains("reference-cycle      warn   Objects that refer to each other"), "{list}");
    let (code, shown, _) = leakgate(folder.path(), &["rules", "show", "unbounded-cache"]);
    assert_eq!(code, Some(0));
    assert!(shown.starts_with("## unbounded-cache\n\nA cache without a bound"), "{shown}");
    // Whole, however long.
    let (_, shown, _) = leakgate(folder.path(), &["rules", "show", "lost-object"]);
    assert!(shown.contains("is there until it is taken back.\n"), "{shown}");
    let (code, _, error) = leakgate(folder.path(), &["rules", "show", "nothing"]);
    assert_eq!(code, Some(2));
    assert!(
        error.starts_with("leakgate: error: there is no rule `nothing`; expected one of growing-global"),
        "{error}"
    );
}

#[test]
fn a_rule_of_the_projects_own_is_listed_tested_and_named() {
    let config = format!("version: 1\nrules: {{ include: ['own.toml'], unbounded-cache: warn }}\n{SCENARIO}");
    let folder = project(&[("own.toml", OWN), ("leakgate.yaml", &config)]);
    let (_, list, error) = leakgate(folder.path(), &["rules", "list"]);
    assert!(
        list.contains("our-sessions         error  Sessions of our own library are not closed (own.toml)"),
        "{list}{error}"
    );
    assert!(list.contains("unbounded-cache      warn "), "{list}");
    let (code, tested, error) = leakgate(folder.path(), &["rules", "test", "our-sessions"]);
    assert_eq!(
        (code, tested.as_str()),
        (
            Some(0),
            "ok    our-sessions hit  a session that is kept\nok    our-sessions miss  another list\n2 of 2 samples behave\n"
        ),
        "{error}"
    );
}

#[test]
fn samples_that_do_not_behave_are_told() {
    let swapped =
        OWN.replace("[[hit]]", "[[was]]").replace("[[miss]]", "[[hit]]").replace("[[was]]", "[[miss]]");
    let wrong_owner = OWN.replace("sample.SESSIONS", "sample.OTHER");
    let folder = project(&[("own.toml", &swapped), ("owner.toml", &wrong_owner)]);
    let (code, tested, error) = leakgate(folder.path(), &["rules", "test", "own.toml"]);
    assert_eq!(code, Some(1), "{tested}{error}");
    assert!(
        tested.contains("FAIL  our-sessions hit  another list: what is found is growing-global: "),
        "{tested}"
    );
    assert!(
        tested.contains("FAIL  our-sessions miss  a session that is kept: it names sessions pile up"),
        "{tested}"
    );
    assert!(tested.ends_with("0 of 2 samples behave\n"), "{tested}");
    let (_, tested, _) = leakgate(folder.path(), &["rules", "test", "owner.toml"]);
    assert!(tested.contains("it names `sample.SESSIONS` as the owner, not `sample.OTHER`"), "{tested}");
}

#[test]
fn what_is_wrong_with_rules_is_said_with_its_place() {
    let said = |rules: &str, file: &str| {
        let config = format!("version: 1\nrules: {rules}\n{SCENARIO}");
        let folder = project(&[("leakgate.yaml", &config), ("own.toml", file)]);
        let (code, _, error) = leakgate(folder.path(), &["rules", "list"]);
        assert_eq!(code, Some(2), "{error}");
        error
    };
    assert!(
        said("{ growing: warn }", "")
            .contains("leakgate.yaml:2: there is no rule `growing`; expected one of ")
    );
    assert!(
        said("{ include: ['no/*.toml'] }", "")
            .contains("leakgate.yaml:2: `include`: no file matches `no/*.toml`")
    );
    let bad = said("{ include: ['own.toml'] }", "id = ");
    assert!(bad.contains("own.toml: this is no rule: "), "{bad}");
    let twice = said("{ include: ['own.toml'] }", &OWN.replace("our-sessions", "lost-object"));
    assert!(
        twice.contains("own.toml: there is a rule `lost-object` already, in lost-object.toml"),
        "{twice}"
    );
    let pattern = said("{ include: ['own.toml'] }", &OWN.replace("/SESSIONS/", "/(/"));
    assert!(pattern.contains("own.toml: `owner`: this is no regular expression"), "{pattern}");
}

#[test]
#[ignore = "a minute: .ci/full runs it"]
fn all_samples_of_the_carried_rules_behave() {
    let folder = project(&[]);
    let (code, tested, error) = leakgate(folder.path(), &["rules", "test"]);
    assert_eq!(code, Some(0), "{tested}{error}");
}
