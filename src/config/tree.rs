//! The YAML file as a tree that knows where each value stands. The only file that uses the YAML library.
//!
//! Nothing is interpreted here: duplicate keys are kept, so that validation can name both places.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Location, MessageFormatter, Options, Spanned, UserMessageFormatter};

use super::problem::quotable_to;

/// A value and the bytes of the file that it came from.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    /// The scalar's text; only the opening bracket or the first key of a list or mapping.
    pub(super) span: Range<usize>,
}

/// A YAML value, not yet interpreted.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    /// `.nan`, `.inf`, or a float too large for 64 bits.
    NonFinite,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

impl Value {
    /// The kind of value, with its article, as messages name it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) | Value::NonFinite => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

/// What the YAML library refused, and where.
pub(super) struct SyntaxError {
    pub(super) message: String,
    /// Line, from 1; 0 where it is not known.
    pub(super) line: usize,
    /// Column in characters, from 1.
    pub(super) column: usize,
    /// Empty at 0 where only line and column are known.
    pub(super) bytes: Range<usize>,
}

/// Parses the whole file; an empty one is `Value::Null`.
pub(super) fn parse(source: &str) -> Result<Node, SyntaxError> {
    serde_yaml::from_str_with_options::<Node>(source, options()).map_err(|error| syntax_error(&error))
}

/// Limits far above any real configuration and far below what an anchor bomb needs.
fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_nodes: 100_000,
            max_events: 300_000,
            max_aliases: 2_000,
            max_anchors: 2_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_documents: 1,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn syntax_error(error: &serde_yaml::Error) -> SyntaxError {
    let error = error.without_snippet();
    let location = error.location().unwrap_or(Location::UNKNOWN);
    SyntaxError {
        message: message(error),
        line: usize::try_from(location.line()).unwrap_or(0),
        column: usize::try_from(location.column()).unwrap_or(0),
        bytes: bytes_of(&location),
    }
}

/// The library's words, but for errors that it names by its own types.
fn message(error: &serde_yaml::Error) -> String {
    use serde_yaml::Error;
    match error {
        Error::AliasError { error, .. } => message(error),
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            "a second YAML document begins here; expected one".to_owned()
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "the YAML has too many or too deeply nested values or aliases for a configuration".to_owned()
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => "this alias contains itself".to_owned(),
        Error::UnknownAnchor { .. } => "this alias has no anchor before it".to_owned(),
        _ => format!(
            "cannot read this YAML: {}",
            quotable_to(&UserMessageFormatter.format_message(error), 200)
        ),
    }
}

fn bytes_of(location: &Location) -> Range<usize> {
    let start = location.span().byte_offset().unwrap_or(0);
    let length = location.span().byte_len().unwrap_or(0);
    let start = usize::try_from(start).unwrap_or(0);
    start..start.saturating_add(usize::try_from(length).unwrap_or(0))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        // `defined`: behind an alias the value's own text is what is wrong, not the `*name`.
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { span: bytes_of(&spanned.defined), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Value::NonFinite, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Node>()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Node>()? {
            map.push(Entry { key_span: bytes_of(&key.defined), key: key.value, value });
        }
        Ok(Value::Map(map))
    }
}
