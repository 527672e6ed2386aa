//! Reads the file of a rule. Beside `gate/known.rs` the only file that uses the TOML library.

use serde::Deserialize;

use super::Named;
use super::evidence::{Evidence, HeldBy, Kind};
use crate::pattern::{Pattern, PatternError};
use crate::view::text::clean;

/// Largest file of a rule, in bytes.
const LARGEST: usize = 256 << 10;
/// What a message may name.
const FIELDS: [&str; 3] = ["owner", "type", "gains"];

/// How much a rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Fails the gate.
    Error,
    /// Is shown.
    Warn,
    /// Is not looked for.
    Off,
}

impl Severity {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warn => "warn",
            Severity::Off => "off",
        }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name: `growing-global`.
    pub id: String,
    /// What it is about, in a sentence without a full stop.
    pub title: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What evidence it looks at.
    pub evidence: Kind,
    /// What the path to the owner may begin with; anything, where it does not say.
    pub held_by: Vec<HeldBy>,
    /// One of them must fit, where there are any.
    pub any_of: Vec<Test>,
    /// The sentence, with `{owner}`, `{type}` and `{gains}`.
    pub message: String,
    /// How to mend it.
    pub fix: String,
    /// Programs that it must name.
    pub hits: Vec<Code>,
    /// Programs that it must not.
    pub misses: Vec<Code>,
    /// The file that it is from.
    pub file: String,
    /// Whether it is the user's own.
    pub is_users_own: bool,
    /// Whether the user said that it is to be looked for: it is one of their own, or its weight is set, and not to `off`.
    pub is_asked_for: bool,
}

/// What the names in the evidence are compared with; all that is there must fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    owner: Option<Pattern>,
    type_name: Option<Pattern>,
}

/// A sample: a program whose function `work` is called again and again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// What it shows.
    pub name: String,
    /// The program, a module named `sample`.
    pub code: String,
    /// Who must be named as the owner.
    #[serde(default)]
    pub owner: Option<String>,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It is no TOML, or not of this form; the library's own words.
    #[error("this is no rule: {0}")]
    Form(String),
    /// More than is read.
    #[error("the file is larger than 256 KiB")]
    TooLarge,
    /// A name that cannot be typed in a configuration.
    #[error("`id` is `{}`; expected small letters, digits and hyphens", clean(.0))]
    Id(String),
    /// A text that is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// A pattern.
    #[error("`{key}`: {error}")]
    Pattern {
        /// Which.
        key: &'static str,
        /// Why.
        error: PatternError,
    },
    /// A placeholder that is none.
    #[error("`message` has `{{{0}}}`; expected {{owner}}, {{type}} or {{gains}}")]
    Field(String),
    /// An entry of `any_of` that anything would fit.
    #[error("an entry of `any_of` is empty; expected `owner` or `type`")]
    NoTest,
    /// Two rules of one name.
    #[error("there is a rule `{id}` already, in {file}")]
    Twice {
        /// The name.
        id: String,
        /// Where the other is.
        file: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedRule {
    id: String,
    title: String,
    severity: Severity,
    evidence: Kind,
    #[serde(default)]
    held_by: Vec<HeldBy>,
    #[serde(default)]
    any_of: Vec<TypedTest>,
    message: String,
    fix: String,
    #[serde(default)]
    hit: Vec<Code>,
    #[serde(default)]
    miss: Vec<Code>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedTest {
    owner: Option<String>,
    #[serde(rename = "type")]
    type_name: Option<String>,
}

/// Reads one rule.
///
/// # Errors
/// With the first thing that is wrong with it.
pub fn parse(file: &str, text: &str) -> Result<Rule, RuleError> {
    if text.len() > LARGEST {
        return Err(RuleError::TooLarge);
    }
    let typed: TypedRule =
        toml::from_str(text).map_err(|error| RuleError::Form(error.to_string().trim_end().to_owned()))?;
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if typed.id.is_empty() || !typed.id.chars().all(is_letter) {
        return Err(RuleError::Id(typed.id));
    }
    let texts = [("title", &typed.title), ("message", &typed.message), ("fix", &typed.fix)];
    if let Some((key, _)) = texts.into_iter().find(|(_, text)| text.trim().is_empty()) {
        return Err(RuleError::Empty(key));
    }
    check_fields(&typed.message)?;
    Ok(Rule {
        any_of: typed.any_of.into_iter().map(test).collect::<Result<_, _>>()?,
        id: typed.id,
        title: typed.title,
        severity: typed.severity,
        evidence: typed.evidence,
        held_by: typed.held_by,
        message: typed.message,
        fix: typed.fix.trim().to_owned(),
        hits: typed.hit,
        misses: typed.miss,
        file: file.to_owned(),
        is_users_own: false,
        is_asked_for: false,
    })
}

fn test(typed: TypedTest) -> Result<Test, RuleError> {
    let pattern = |key: &'static str, text: Option<String>| {
        let pattern = text.map(|text| Pattern::parse(&text)).transpose();
        pattern.map_err(|error| RuleError::Pattern { key, error })
    };
    let test = Test { owner: pattern("owner", typed.owner)?, type_name: pattern("type", typed.type_name)? };
    if test.owner.is_none() && test.type_name.is_none() {
        return Err(RuleError::NoTest);
    }
    Ok(test)
}

/// Whether all that a message names is there.
fn check_fields(message: &str) -> Result<(), RuleError> {
    for part in message.split('{').skip(1) {
        let name = part.split('}').next().unwrap_or(part);
        if !FIELDS.contains(&name) || !part.contains('}') {
            return Err(RuleError::Field(name.to_owned()));
        }
    }
    Ok(())
}

impl Rule {
    /// What it is about, by names: `the type matches list`.
    pub fn tests_in_words(&self) -> Vec<String> {
        self.any_of.iter().map(Test::in_words).collect()
    }

    /// How much it asks for.
    pub(super) fn asks_for(&self) -> (bool, bool) {
        (!self.any_of.is_empty(), !self.held_by.is_empty())
    }

    /// Whether it is about this.
    pub(super) fn fits(&self, evidence: &Evidence) -> bool {
        let is_held = self.held_by.is_empty()
            || evidence.held_by.is_some_and(|held_by| self.held_by.contains(&held_by));
        let fits = self.any_of.is_empty() || self.any_of.iter().any(|test| test.fits(evidence));
        self.evidence == evidence.kind && is_held && fits
    }

    /// What it says of it.
    pub(super) fn say(&self, evidence: &Evidence) -> Named {
        let type_name = evidence.types.first().map_or("", String::as_str);
        // One pass: a name may itself look like a placeholder.
        let mut message = String::new();
        let mut parts = self.message.split('{');
        message.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or((part, ""));
            message.push_str(match name {
                "owner" => &evidence.owner,
                "type" => type_name,
                _ => &evidence.gains,
            });
            message.push_str(rest);
        }
        Named { rule: self.id.clone(), severity: self.severity, message, fix: self.fix.clone() }
    }
}

impl Test {
    fn in_words(&self) -> String {
        let words = |what: &str, pattern: &Option<Pattern>| {
            pattern.as_ref().map(|pattern| format!("{what} matches `{}`", pattern.typed()))
        };
        let both = [words("the type", &self.type_name), words("the owner's name", &self.owner)];
        both.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }

    fn fits(&self, evidence: &Evidence) -> bool {
        let owner = self.owner.as_ref().is_none_or(|owner| owner.matches(&evidence.owner));
        let of_type = |pattern: &Pattern| evidence.types.iter().any(|name| pattern.matches(name));
        owner && self.type_name.as_ref().is_none_or(of_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str =
        "id = 'own'\ntitle = 't'\nseverity = 'warn'\nevidence = 'growth'\nmessage = 'm {owner}'\nfix = 'f'\n";

    fn error(text: &str) -> String {
        parse("own.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_rule_is_read() {
        let rule = parse("own.toml", RULE).unwrap();
        assert_eq!((rule.id.as_str(), rule.severity, rule.evidence), ("own", Severity::Warn, Kind::Growth));
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said() {
        assert!(error("id = ").starts_with("this is no rule: "));
        assert!(error(&format!("{RULE}colour = 'red'\n")).contains("colour"));
        assert!(error(&RULE.replace("'growth'", "'smell'")).contains("smell"));
        assert_eq!(
            error(&RULE.replace("'own'", "'Own rule'")),
            "`id` is `Own rule`; expected small letters, digits and hyphens"
        );
        assert_eq!(error(&RULE.replace("'f'", "' '")), "`fix` is empty");
        assert_eq!(
            error(&RULE.replace("{owner}", "{ownr}")),
            "`message` has `{ownr}`; expected {owner}, {type} or {gains}"
        );
        assert_eq!(
            error(&RULE.replace("{owner}", "{owner")),
            "`message` has `{owner`; expected {owner}, {type} or {gains}".replace("`{owner`", "`{owner}`")
        );
        assert!(
            error(&format!("{RULE}any_of = [{{ type = '/(/' }}]\n"))
                .starts_with("`type`: this is no regular expression")
        );
        assert_eq!(
            error(&format!("{RULE}any_of = [{{}}]\n")),
            "an entry of `any_of` is empty; expected `owner` or `type`"
        );
        assert_eq!(error(&" ".repeat(LARGEST + 1)), "the file is larger than 256 KiB");
    }

    #[test]
    fn an_expression_that_would_take_for_ever_elsewhere_is_fast() {
        let text = format!("{RULE}any_of = [{{ owner = '/^(a+)+$/' }}]\n");
        let rule = parse("own.toml", &text).unwrap();
        let evidence = Evidence {
            kind: Kind::Growth,
            owner: format!("{}b", "a".repeat(100_000)),
            held_by: None,
            types: vec![],
            gains: String::new(),
        };
        assert!(!rule.fits(&evidence));
    }
}
