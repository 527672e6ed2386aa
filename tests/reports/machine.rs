//! The formats that other programs read, by what those programs insist on: schemas, escapes, bounds.

use std::collections::HashSet;

use leakgate::finding::{Finding, Standing};
use leakgate::outcome::Outcome;
use leakgate::report::{Color, DEFAULT_COMMENT, Format, Options, Sources, render};
use serde_json::Value;

use super::outcomes::{self, canonical, compared, hostile, passing, sample};
use super::{many, shown};

/// Every outcome that reports are shown on.
fn outcomes() -> [Outcome; 5] {
    [canonical(), passing(), compared(), hostile(), many(40)]
}

fn json(format: Format, outcome: &Outcome) -> Value {
    serde_json::from_str(&shown(format, outcome)).expect("JSON")
}

fn assert_valid(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
}

fn result_schema() -> Value {
    serde_json::from_str(include_str!("../../docs/result.schema.json")).expect("JSON")
}

#[test]
fn json_is_valid_by_the_schema_that_is_published() {
    for outcome in outcomes() {
        assert_valid(&result_schema(), &json(Format::Json, &outcome));
    }
}

#[test]
fn the_schema_names_every_field_that_is_written_and_refuses_what_is_none() {
    let schema = result_schema();
    for outcome in outcomes() {
        named(&schema, &schema, &json(Format::Json, &outcome), "result");
    }
    let mut wrong = json(Format::Json, &canonical());
    wrong["scenarios"][0]["verdict"] = "fine".into();
    assert!(!jsonschema::is_valid(&schema, &wrong));
    assert_eq!(schema["properties"]["version"]["const"], leakgate::report::JSON_VERSION);
}

/// Every key of an object is a property of its definition.
fn named(schema: &Value, of: &Value, value: &Value, path: &str) {
    let of = resolved(schema, of);
    match value {
        Value::Object(fields) if of.get("properties").is_some() => {
            for (key, value) in fields {
                let property = &of["properties"][key];
                assert!(!property.is_null(), "docs/result.schema.json has no {path}.{key}");
                named(schema, property, value, &format!("{path}.{key}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named(schema, &of["items"], item, path)),
        _ => {}
    }
}

fn resolved<'a>(schema: &'a Value, of: &'a Value) -> &'a Value {
    let reference = [&of["$ref"], &of["allOf"][0]["$ref"], &of["anyOf"][0]["$ref"]];
    match reference.into_iter().find_map(Value::as_str) {
        Some(name) => &schema["definitions"][name.trim_start_matches("#/definitions/")],
        None => of,
    }
}

/// With `LEAKGATE_SARIF_SCHEMA`, a copy of the standard's own schema.
#[test]
fn sarif_is_valid_by_its_schema() {
    let Some(path) = std::env::var_os("LEAKGATE_SARIF_SCHEMA") else {
        eprintln!("skipped: LEAKGATE_SARIF_SCHEMA names no schema");
        return;
    };
    let mut schema: Value = serde_json::from_slice(&std::fs::read(path).expect("the schema")).expect("JSON");
    // Published with a regular expression that is none; no language is written.
    for of in ["run", "toolComponent"] {
        schema["definitions"][of]["properties"]["language"] = Value::Bool(false);
    }
    for outcome in outcomes() {
        assert_valid(&schema, &json(Format::Sarif, &outcome));
    }
}

#[test]
fn every_sarif_result_has_a_line_and_an_identity_and_those_without_a_place_point_at_their_scenario() {
    let sarif = json(Format::Sarif, &canonical());
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let seen: Vec<String> = results
        .iter()
        .map(|result| {
            let at = &result["locations"][0]["physicalLocation"];
            let (uri, line) = (&at["artifactLocation"]["uri"], &at["region"]["startLine"]);
            let identity = &result["partialFingerprints"]["leakgate/v1"];
            format!("{} {} {uri} {line} {identity}", result["level"], result["ruleId"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        seen,
        [
            "error budget-growth shop/quotes.py 14 7f3a9c01d2e4",
            "error budget-peak shop/report.py 41 0c55aa10b2d9",
            "error budget-fds leakgate.yaml 4 e1d2c3b4a596",
            "error memory-limit shop/replay.py 22 99aa88bb77cc",
            "error scenario-error leakgate.yaml 4 ae5495da4581",
            "warning budget-retained shop/cache.py 9 5be1f0aa77c3",
        ]
    );
}

#[test]
fn sarif_says_who_accepted_what_and_keeps_5000_results() {
    let mut outcome = with_findings(2);
    outcome.scenarios[0].findings[0].standing = Standing::Accepted;
    let (reason, expires) = ("SHOP-412".to_owned(), Some("2027-03-31".to_owned()));
    outcome.scenarios[0].findings[1].standing = Standing::Allowed { reason, expires };
    let sarif = json(Format::Sarif, &outcome);
    let shown = |index: usize| {
        let result = &sarif["runs"][0]["results"][index];
        let why = &result["suppressions"][0];
        format!("{} {} {}", result["level"], why["kind"], why["justification"]).replace('"', "")
    };
    let expected = ["note external accepted in the baseline", "note external SHOP-412 · until 2027-03-31"];
    assert_eq!([shown(0), shown(1)], expected);
    let sarif = json(Format::Sarif, &with_findings(5_002));
    assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(5_000));
    let note = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
    assert_eq!(note, "+2 more results are in result.json");
}

/// A scenario with so many failures, each with an identity of its own, on lines 1, 2, 3 …
fn with_findings(count: u32) -> Outcome {
    let mut outcome = sample();
    let found = outcome.scenarios[1].findings[0].clone();
    outcome.scenarios.remove(0);
    let one = |number: u32| Finding {
        fingerprint: format!("{number:012x}"),
        place: Some(outcomes::place("shop/quotes.py", number + 1, "remember")),
        ..found.clone()
    };
    outcome.scenarios[0].findings = (0..count).map(one).collect();
    outcome
}

#[test]
fn annotations_are_ten_of_a_kind_and_the_last_says_how_many_there_are() {
    let report = shown(Format::Github, &with_findings(12));
    assert_eq!(report.lines().count(), 10);
    assert!(report.lines().all(|line| line.starts_with("::error file=shop/quotes.py,line=")));
    assert!(report.ends_with("%0Aand 2 more, in the report\n"), "{report}");
    assert!(!shown(Format::Github, &with_findings(10)).contains("more, in the report"));
    assert_eq!(shown(Format::Github, &passing()), "");
}

#[test]
fn one_fingerprint_is_one_annotation() {
    let mut outcome = with_findings(1);
    let found = outcome.scenarios[0].findings[0].clone();
    outcome.scenarios[0].findings = vec![found.clone(), found];
    assert_eq!(shown(Format::Github, &outcome).lines().count(), 1);
}

/// Line 3 is in the diff, the repository's top is above the configuration.
struct Diff;

impl Sources for Diff {
    fn text(&self, _file: &str) -> Option<String> {
        None
    }

    fn path(&self, file: &str) -> Option<String> {
        Some(format!("services/shop/{file}"))
    }

    fn is_changed(&self, _file: &str, line: u32) -> Option<bool> {
        Some(line == 3)
    }
}

#[test]
fn annotations_on_changed_lines_come_first_with_paths_from_the_top_of_the_repository() {
    let options = Options { width: 110, color: Color::Plain, source: &Diff, comment: DEFAULT_COMMENT };
    let report = render(Format::Github, &with_findings(4), &options);
    let places: Vec<&str> = report.lines().filter_map(|line| line.split(",title").next()).collect();
    let expected = [3, 1, 2, 4].map(|line| format!("::error file=services/shop/shop/quotes.py,line={line}"));
    assert_eq!(places, expected);
}

#[test]
fn what_is_accepted_or_allowed_is_no_annotation() {
    let mut outcome = with_findings(2);
    outcome.scenarios[0].findings[0].standing = Standing::Accepted;
    outcome.scenarios[0].findings[1].standing =
        Standing::Allowed { reason: "SHOP-412".into(), expires: None };
    assert_eq!(shown(Format::Github, &outcome), "");
}

/// What the runner makes of a line: `::command properties::data`, with the escapes of properties and data.
#[test]
fn hostile_text_gives_no_command_and_no_property_of_its_own() {
    let mut outcome = with_findings(1);
    let text = "x\n::set-output name=a::b\r::error::c%0A::stop-commands::d, file=evil:1";
    let found = &mut outcome.scenarios[0].findings[0];
    (found.title, found.help, found.rule) = (text.into(), text.into(), text.into());
    found.place = Some(outcomes::place(&format!("a/{text}"), 1, text));
    outcome.scenarios[0].name = text.into();
    let report = shown(Format::Github, &outcome);
    assert_eq!(report.lines().count(), 1);
    let (head, data) = report.trim_start_matches("::").split_once("::").expect("a command");
    let (word, properties) = head.split_once(' ').expect("properties");
    assert_eq!(word, "error");
    let names: Vec<&str> = properties.split(',').filter_map(|part| Some(part.split_once('=')?.0)).collect();
    assert_eq!(names, ["file", "line", "title"]);
    assert!(!data.contains("%0A::") && data.contains("%250A"), "{data}");
}

#[test]
fn code_quality_has_what_gitlab_requires_of_each_issue() {
    for outcome in outcomes() {
        let issues = json(Format::Gitlab, &outcome);
        let mut identities = HashSet::new();
        for issue in issues.as_array().expect("a list") {
            for field in ["description", "check_name", "fingerprint"] {
                assert!(issue[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {issue}");
            }
            assert!(["major", "minor", "info"].contains(&issue["severity"].as_str().expect("a word")));
            assert!(issue["location"]["path"].as_str().is_some_and(|path| !path.is_empty()));
            assert!(issue["location"]["lines"]["begin"].as_u64() > Some(0));
            assert!(identities.insert(issue["fingerprint"].to_string()), "twice: {issue}");
        }
    }
}

#[test]
fn metrics_are_in_the_form_that_prometheus_reads() {
    let sample = regex::Regex::new(
        r#"^leakgate_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\\\|\\")*"(?:,[a-z]+="(?:[^"\\\n]|\\\\|\\")*")*\})? -?\d+(\.\d+)?$"#,
    )
    .expect("an expression");
    for outcome in outcomes() {
        let report = shown(Format::Prometheus, &outcome);
        assert!(report.ends_with("# EOF\n"));
        let mut series = HashSet::new();
        for line in report.lines().filter(|line| !line.starts_with('#')) {
            assert!(sample.is_match(line), "{line}");
            assert!(series.insert(line.rsplit_once(' ').expect("a value").0.to_owned()), "twice: {line}");
        }
    }
    let report = shown(Format::Prometheus, &canonical());
    for line in [
        "leakgate_figure_bytes{scenario=\"report\",figure=\"peak\"} 100873011",
        "leakgate_limit_bytes{scenario=\"report\",figure=\"peak\"} 83886080",
        "leakgate_figure_bytes_per_iteration{scenario=\"quote\",figure=\"growth\"} 8064",
        "leakgate_scenario_verdict{scenario=\"load-model\",verdict=\"error\"} 1",
        "leakgate_check_start_timestamp_seconds 1767225600.000",
    ] {
        assert!(report.contains(&format!("{line}\n")), "{line}");
    }
}
