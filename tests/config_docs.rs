//! The documentation and the JSON Schema say what the code does. `LEAKGATE_BLESS=1 cargo test --test config_docs` writes
//! both anew after a change of the table of keys.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::path::Path;

use leakgate::config::schema::{Key, Scope, Section};
use leakgate::config::{json_schema, load};
use serde_json::Value;

const DOCS: &str = "docs/configuration.md";
const SCHEMA: &str = "docs/leakgate.schema.json";

/// Compares a file with what it should be; writes it instead when asked to.
fn assert_file(path: &str, wanted: &str) {
    if std::env::var_os("LEAKGATE_BLESS").is_some() {
        // Renamed into place: other tests read the file at the same time.
        std::fs::write(format!("{path}.new"), wanted).unwrap();
        std::fs::rename(format!("{path}.new"), path).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == wanted, "{path} is out of date: run `LEAKGATE_BLESS=1 cargo test --test config_docs`");
}

fn row(key: &Key) -> String {
    let scope = match key.scope {
        Scope::Any => "",
        _ if key.name == "run" || key.name == "call" => "",
        Scope::Run => " Only with `run`.",
        Scope::Call => " Only with `call`.",
        Scope::Iterations => " Only with `call`, or `run` and `checkpoints`.",
    };
    let cells = [
        format!("`{}`", key.name),
        key.kind.words().to_owned(),
        key.default.to_owned(),
        format!("{}{scope}", key.meaning),
        format!("`{}`", key.example),
    ];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

/// The page with every table made anew.
fn with_tables(page: &str) -> String {
    let mut page = page.to_owned();
    for section in Section::ALL {
        let marker = format!("<!-- keys: {section:?} -->\n");
        let start = page.find(&marker).unwrap_or_else(|| panic!("no {marker}")) + marker.len();
        let end = start + page[start..].find("<!-- end -->").unwrap();
        let mut table =
            String::from("| key | value | default | meaning | example |\n|---|---|---|---|---|\n");
        table.extend(section.keys().map(row));
        page.replace_range(start..end, &table);
    }
    page
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    assert_file(DOCS, &with_tables(&std::fs::read_to_string(DOCS).unwrap()));
}

#[test]
fn the_schema_file_is_the_schema() {
    assert_file(SCHEMA, &format!("{:#}\n", json_schema()));
}

#[test]
fn the_schema_has_exactly_the_keys_of_the_code() {
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(SCHEMA).unwrap()).unwrap();
    let places = [
        (Section::Top, "/properties"),
        (Section::Defaults, "/definitions/defaults/properties"),
        (Section::Scenario, "/definitions/scenario/properties"),
        (Section::Budgets, "/definitions/budgets/properties"),
        (Section::Limit, "/definitions/process_budget/anyOf/1/properties"),
        (Section::Allowance, "/definitions/allowance/properties"),
    ];
    let in_schema = |place: &str| -> BTreeSet<&str> {
        schema.pointer(place).unwrap().as_object().unwrap().keys().map(String::as_str).collect()
    };
    for (section, place) in places {
        let in_code: BTreeSet<&str> = section.keys().map(|key| key.name).collect();
        assert_eq!(in_schema(place), in_code, "at {place}");
    }
    // Those that are always of one process.
    for budget in ["size_budget", "count_budget"] {
        let place = format!("/definitions/{budget}/anyOf/1/properties");
        assert_eq!(in_schema(&place), BTreeSet::from(["increase", "max", "warn"]), "at {place}");
    }
}

#[test]
fn every_reference_of_the_schema_leads_somewhere() {
    let schema = json_schema();
    let text = schema.to_string();
    let references: BTreeSet<&str> =
        text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(references.len() >= 7, "{references:?}");
    for reference in references {
        assert!(schema.pointer(reference).is_some(), "{reference} leads nowhere");
    }
}

/// An entry of `allow` with this line, and what every entry needs.
fn allowance(key: &Key, line: &str) -> String {
    let others = [("rule", "rule: growth"), ("reason", "reason: known")];
    let others = others.into_iter().filter(|(name, _)| *name != key.name).map(|(_, other)| other);
    others.chain([line]).collect::<Vec<_>>().join(", ")
}

/// A configuration in which one key has this value.
fn configuration(section: Section, key: &Key, value: &str) -> String {
    let line = format!("{}: {value}", key.name);
    let command = |rest: &str| match (key.name, key.scope) {
        ("run" | "call", _) if section == Section::Scenario => rest.to_owned(),
        (_, Scope::Call | Scope::Iterations) => format!("call: a:b, {rest}"),
        _ => format!("run: python, {rest}"),
    };
    let scenario = match section {
        Section::Top | Section::Defaults | Section::Allowance => "run: python".to_owned(),
        Section::Scenario => command(&line),
        Section::Budgets => command(&format!("budgets: {{ {line} }}")),
        // Without an amount there is no limit.
        Section::Limit if key.name == "of" => command(&format!("budgets: {{ peak: {{ max: 0, {line} }} }}")),
        Section::Limit => command(&format!("budgets: {{ peak: {{ {line} }} }}")),
    };
    let mut text = String::new();
    if !(section == Section::Top && key.name == "version") {
        text.push_str("version: 1\n");
    }
    match section {
        Section::Top => text.push_str(&format!("{line}\n")),
        Section::Defaults => text.push_str(&format!("defaults: {{ {line} }}\n")),
        Section::Allowance => text.push_str(&format!("allow: [{{ {} }}]\n", allowance(key, &line))),
        _ => {}
    }
    if !(section == Section::Top && key.name == "scenarios") {
        text.push_str(&format!("scenarios: {{ app: {{ {scenario} }} }}\n"));
    }
    text
}

fn loaded(text: &str) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("services/shop")).unwrap();
    let path = dir.path().join("leakgate.yaml");
    std::fs::write(&path, text).unwrap();
    load(&path).map(|_| ()).map_err(|errors| errors.to_string())
}

#[test]
fn the_example_of_every_key_is_accepted() {
    for section in Section::ALL {
        for key in section.keys() {
            let text = configuration(section, key, key.example);
            assert_eq!(loaded(&text), Ok(()), "{section:?} {}:\n{text}", key.name);
        }
    }
}

#[test]
fn every_key_is_read_so_that_a_wrong_value_is_noticed() {
    for section in Section::ALL {
        for key in section.keys() {
            let text = configuration(section, key, "[[wrong]]");
            let errors = loaded(&text).expect_err(&text);
            assert!(errors.contains(key.name), "{section:?} {}: {errors}", key.name);
            assert_eq!(errors.lines().count(), 1, "{section:?} {}: {errors}", key.name);
        }
    }
}

#[test]
fn every_key_of_a_later_version_is_refused_as_such() {
    let names = |section: Section| section.later_keys().iter().map(move |name| (section, *name));
    for (section, name) in Section::ALL.into_iter().flat_map(names) {
        let text = match section {
            Section::Top => format!("version: 1\n{name}: 1\nscenarios: {{ app: {{ run: python }} }}\n"),
            Section::Defaults => {
                format!("version: 1\ndefaults: {{ {name}: 1 }}\nscenarios: {{ app: {{ run: python }} }}\n")
            }
            Section::Scenario => format!("version: 1\nscenarios: {{ app: {{ run: python, {name}: 1 }} }}\n"),
            _ => {
                format!(
                    "version: 1\nscenarios: {{ app: {{ run: a, budgets: {{ rss: {{ max: 0, {name}: 1 }} }} }} }}\n"
                )
            }
        };
        let errors = loaded(&text).expect_err(&text);
        assert!(
            errors.ends_with(&format!("`{name}` is not available in this version of leakgate")),
            "{section:?} {name}: {errors}"
        );
    }
}

#[test]
fn every_configuration_on_the_page_is_accepted() {
    let page = std::fs::read_to_string(Path::new(DOCS)).unwrap();
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 3, "only {} configurations on the page", blocks.len());
    for block in blocks {
        assert_eq!(loaded(block), Ok(()), "{block}");
    }
}
