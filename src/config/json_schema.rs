//! The JSON Schema that editors use to complete and check `leakgate.yaml`, made from the table of keys.

use serde_json::{Map, Value, json};

use super::model::MOST_PROCESSES;
use super::schema::{Key, Kind, MOST_ITERATIONS, Section};
use crate::units::{DURATION_UNITS, SIZE_UNITS};

/// The schema (draft 7, which editors know best). `docs/leakgate.schema.json` holds it.
pub fn json_schema() -> Value {
    let mut schema = object(Section::Top);
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!("leakgate.yaml"));
    schema.insert("required".to_owned(), json!(["version", "scenarios"]));
    let mut scenario = object(Section::Scenario);
    scenario.insert("oneOf".to_owned(), json!([{ "required": ["run"] }, { "required": ["call"] }]));
    let definitions = json!({
        "defaults": object(Section::Defaults),
        "scenario": scenario,
        "budgets": object(Section::Budgets),
        "size": quantity(&SIZE_UNITS),
        "duration": quantity(&DURATION_UNITS),
        "count": { "type": "integer", "minimum": 0 },
        "target": { "type": "string", "pattern": "^[^:\\s]+:[^:\\s]+$" },
        "process_budget": limit("size", &["max", "warn", "increase", "of"]),
        "allowance": allowance(),
        "size_budget": limit("size", &["max", "warn", "increase"]),
        "count_budget": limit("count", &["max", "warn", "increase"]),
    });
    schema.insert("definitions".to_owned(), definitions);
    Value::Object(schema)
}

/// `64 B/iteration`, `2 entries/10 iterations`, `16 MiB`: an amount with a word, per iterations or not.
const CEILING: &str = "^[0-9]+(\\.[0-9]+)? *[A-Za-z]* *(/ *([0-9]+ *)?iterations?)?$";

/// An entry of `allow`: a reason, and what it covers.
fn allowance() -> Value {
    let mut allowance = object(Section::Allowance);
    let selectors =
        Section::Allowance.keys().filter(|key| matches!(key.kind, Kind::Pattern | Kind::Fingerprint));
    let selectors: Vec<Value> = selectors.map(|key| json!({ "required": [key.name] })).collect();
    allowance.insert("required".to_owned(), json!(["reason"]));
    allowance.insert("anyOf".to_owned(), json!(selectors));
    Value::Object(allowance)
}

fn object(section: Section) -> Map<String, Value> {
    let properties: Map<String, Value> =
        section.keys().map(|key| (key.name.to_owned(), property(key))).collect();
    let object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    object.as_object().cloned().unwrap_or_default()
}

fn property(key: &Key) -> Value {
    let mut property = kind(key.kind);
    property["description"] =
        json!(format!("{} Default: {}. Example: {}", key.meaning, key.default, key.example));
    property
}

/// `allOf` around each reference: in draft 7 a description beside a `$ref` is ignored.
fn reference(name: &str) -> Value {
    json!({ "allOf": [{ "$ref": format!("#/definitions/{name}") }] })
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Version => json!({ "const": 1 }),
        Kind::Python | Kind::Folder => json!({ "type": "string", "minLength": 1 }),
        Kind::Defaults => reference("defaults"),
        Kind::Scenarios => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": "^(?!.*\\.\\.)[A-Za-z0-9][A-Za-z0-9._-]*$", "maxLength": 100 },
            "additionalProperties": { "$ref": "#/definitions/scenario" },
        }),
        Kind::Command => json!({
            "oneOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } },
            ],
        }),
        Kind::Target => reference("target"),
        Kind::Arguments => json!({ "type": "object" }),
        Kind::ResultPolicy => json!({ "enum": ["keep", "drop"] }),
        Kind::Environment => json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        }),
        Kind::Duration => reference("duration"),
        Kind::MemoryLimit => json!({ "anyOf": [{ "const": "auto" }, { "$ref": "#/definitions/size" }] }),
        Kind::Iterations { least } => auto_or_integer(least),
        Kind::MostIterations => integer(1),
        Kind::Jobs => auto_or_integer(1),
        Kind::FailOn => json!({ "enum": ["new", "any", "never"] }),
        Kind::Increase => json!({ "type": "string", "minLength": 1 }),
        Kind::ExitCodes => json!({
            "type": "array",
            "minItems": 1,
            "items": { "type": "integer", "minimum": 0, "maximum": 255 },
        }),
        Kind::Checkpoints => checkpoints(),
        Kind::Budgets => reference("budgets"),
        Kind::HeapSnapshot => json!({ "enum": ["in-process", "forked"] }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Of => json!({ "enum": ["each", "tree"] }),
        Kind::ProcessBudget => reference("process_budget"),
        Kind::SizeBudget => reference("size_budget"),
        Kind::CountBudget => reference("count_budget"),
        // Which of the two depends on the budget: `limit` says it.
        Kind::Amount => json!({}),
        Kind::Allow => json!({ "type": ["array", "null"], "items": { "$ref": "#/definitions/allowance" } }),
        Kind::Pattern => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Rules => json!({
            "type": ["object", "null"],
            "properties": { "include": { "type": "array", "items": { "type": "string", "minLength": 1 } } },
            "additionalProperties": { "enum": ["error", "warn", "off"] },
        }),
        Kind::Fingerprint => json!({ "type": ["string", "number"], "pattern": "^[0-9A-Fa-f]{4,12}$" }),
        Kind::Ceiling => json!({ "type": ["string", "integer"], "pattern": CEILING, "minimum": 0 }),
        Kind::Date => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
    }
}

/// `program`, `every 16 MiB`, `{ processes: 5 }`.
fn checkpoints() -> Value {
    let units: Vec<&str> = SIZE_UNITS.iter().chain(&DURATION_UNITS).map(|(unit, _)| *unit).collect();
    let pattern =
        format!("^(program|processes *: *[0-9]{{1,4}}|every +[0-9]+(\\.[0-9]+)? *({}))$", units.join("|"));
    let number = json!({ "type": "integer", "minimum": 2, "maximum": MOST_PROCESSES });
    json!({
        "oneOf": [
            { "type": "string", "pattern": pattern },
            {
                "type": "object",
                "properties": { "processes": number },
                "required": ["processes"],
                "additionalProperties": false,
            },
        ],
    })
}

fn integer(least: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": MOST_ITERATIONS })
}

fn auto_or_integer(least: u32) -> Value {
    json!({ "anyOf": [{ "const": "auto" }, integer(least)] })
}

fn quantity(units: &[(&str, u64)]) -> Value {
    let names: Vec<&str> = units.iter().map(|(unit, _)| *unit).collect();
    let pattern = format!("^[0-9]+(\\.[0-9]+)? *({})$", names.join("|"));
    json!({ "anyOf": [{ "type": "string", "pattern": pattern }, { "const": 0 }] })
}

/// An amount, or a mapping with these keys, of which those that are amounts are of this one; `of` alone sets no limit.
fn limit(amount: &str, names: &[&str]) -> Value {
    let amount = json!({ "$ref": format!("#/definitions/{amount}") });
    let keys = || Section::Limit.keys().filter(|key| names.contains(&key.name));
    let amounts = || keys().filter(|key| key.kind == Kind::Amount);
    let limits = || keys().filter(|key| matches!(key.kind, Kind::Amount | Kind::Increase));
    let mut properties: Map<String, Value> = keys().map(|key| (key.name.to_owned(), property(key))).collect();
    for key in amounts() {
        properties[key.name]["allOf"] = json!([amount]);
    }
    let limits: Vec<Value> = limits().map(|key| json!({ "required": [key.name] })).collect();
    let mapping =
        json!({ "type": "object", "additionalProperties": false, "properties": properties, "anyOf": limits });
    json!({ "anyOf": [amount, mapping] })
}
