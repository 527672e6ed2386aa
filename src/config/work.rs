//! What a scenario does, as it is typed: `run` with its keys, or `call` with its keys.

use std::time::Duration;

use super::arguments;
use super::fields::Fields;
use super::model::{self, Checkpoints, DEFAULT_MOST_ITERATIONS, DEFAULT_TIME, DEFAULT_WARMUP, Work};
use super::problem::{Problems, quotable};
use super::schema::{MOST_ITERATIONS, Scope, Section};
use super::tree::{Entry, Node, Value};
use super::values;

/// How often a `call` is repeated, as it was typed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Repeats {
    warmup: Option<Count>,
    iterations: Option<Count>,
    most: Option<u32>,
    time: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum Count {
    Auto,
    Number(u32),
}

impl Repeats {
    /// What a scenario or the defaults say about it.
    pub(super) fn read(problems: &mut Problems<'_>, fields: &Fields<'_>) -> Repeats {
        Repeats {
            warmup: repeats(problems, fields, "warmup", 0),
            iterations: repeats(problems, fields, "iterations", 1),
            most: fields
                .get("max_iterations")
                .and_then(|entry| number(problems, "`max_iterations`", &entry.value, 1)),
            time: fields.get("time").and_then(|entry| values::duration(problems, entry)),
        }
    }

    /// These where they are set, else those.
    pub(super) fn or(self, other: Repeats) -> Repeats {
        Repeats {
            warmup: self.warmup.or(other.warmup),
            iterations: self.iterations.or(other.iterations),
            most: self.most.or(other.most),
            time: self.time.or(other.time),
        }
    }

    fn used(self) -> model::Repeats {
        let warmup = |otherwise| match self.warmup {
            Some(Count::Number(number)) => number,
            Some(Count::Auto) | None => otherwise,
        };
        match self.iterations {
            Some(Count::Number(iterations)) => {
                model::Repeats::Fixed { warmup: warmup(DEFAULT_WARMUP), iterations }
            }
            Some(Count::Auto) | None => model::Repeats::Auto {
                warmup: warmup(0),
                most: self.most.unwrap_or(DEFAULT_MOST_ITERATIONS),
                time: self.time.unwrap_or(DEFAULT_TIME),
            },
        }
    }
}

fn repeats(problems: &mut Problems<'_>, fields: &Fields<'_>, name: &str, least: u32) -> Option<Count> {
    let node = &fields.get(name)?.value;
    if is_auto(node) {
        return Some(Count::Auto);
    }
    number(problems, &format!("`{name}`"), node, least).map(Count::Number)
}

/// Whether a value is the word `auto`.
pub(super) fn is_auto(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if text == "auto")
}

/// A number of iterations or jobs.
pub(super) fn number(problems: &mut Problems<'_>, label: &str, node: &Node, least: u32) -> Option<u32> {
    let count = values::count(problems, label, node, u64::from(least)..=u64::from(MOST_ITERATIONS))?;
    u32::try_from(count).ok()
}

/// The keys that only one of the two kinds of scenarios has, on the other.
pub(super) fn report_foreign_keys(problems: &mut Problems<'_>, fields: &Fields<'_>, scope: Scope) {
    let (kind, other) = if scope == Scope::Run { ("run", Scope::Call) } else { ("call", Scope::Run) };
    let foreign = Section::Scenario.keys().filter(|key| key.scope == other);
    for entry in foreign.filter_map(|key| fields.get(key.name)) {
        let home = if kind == "run" { "call" } else { "run" };
        let message = format!("`{}` is only for scenarios with `{home}`; this one has `{kind}`", entry.key);
        problems.add(&entry.key_span, message);
    }
}

/// A scenario with `run`.
pub(super) fn run(
    problems: &mut Problems<'_>,
    entry: &Entry,
    fields: &Fields<'_>,
    checkpoints: Option<Checkpoints>,
) -> Option<Work> {
    let until = fields.get("until").and_then(|entry| values::duration(problems, entry));
    let exit_codes = match fields.get("exit_codes") {
        Some(entry) => values::exit_codes(problems, entry),
        None => Some(vec![0]),
    };
    let argv = command(problems, entry)?;
    Some(Work::Run { argv, until, exit_codes: exit_codes?, checkpoints })
}

fn command(problems: &mut Problems<'_>, entry: &Entry) -> Option<Vec<String>> {
    let node = &entry.value;
    let argv = match &node.value {
        Value::List(words) => {
            let read = |word| values::text(problems, "a word of `run`", word, "a text");
            let argv: Vec<Option<String>> = words.iter().map(read).collect();
            argv.into_iter().collect::<Option<Vec<String>>>()?
        }
        _ => split(problems, entry)?,
    };
    match argv.first() {
        None => problems.add(&node.span, "`run` is empty; expected a program and its arguments"),
        Some(program) if program.trim().is_empty() => {
            problems.add(&node.span, "`run` has an empty program name; expected a program and its arguments")
        }
        Some(_) => return Some(argv),
    };
    None
}

/// Splits a text into words; what only a shell would understand is refused, because there is none.
fn split(problems: &mut Problems<'_>, entry: &Entry) -> Option<Vec<String>> {
    let span = &entry.value.span;
    let text = values::text(problems, "`run`", &entry.value, "a list of words, or a text")?;
    let Some(words) = shlex::split(&text) else {
        problems
            .add(span, "`run` has a quote that is not closed")
            .help("a list needs no quotes: [python, app.py]");
        return None;
    };
    let operator =
        |word: &&String| matches!(word.as_str(), "|" | "||" | "&&" | "&" | ";" | "<" | ">" | ">>" | "2>&1");
    if let Some(operator) = words.iter().find(operator) {
        let message = format!("`run` uses `{operator}`, which only a shell understands, and none is used");
        let help = "write [sh, -c, \"…\"] for a shell, or a list to pass it as an argument";
        problems.add(span, message).help(help);
        return None;
    }
    if let Some((name, _)) = words.first().and_then(|word| word.split_once('=')) {
        let message = format!("`run` sets the variable `{}`, which only a shell does", quotable(name));
        problems.add(span, message).help("variables go under `env`");
        return None;
    }
    Some(words)
}

/// A scenario with `call`.
pub(super) fn call(
    problems: &mut Problems<'_>,
    entry: &Entry,
    fields: &Fields<'_>,
    repeats: Repeats,
) -> Option<Work> {
    let setup = fields.get("setup").and_then(|entry| values::target(problems, entry));
    let teardown = fields.get("teardown").and_then(|entry| values::target(problems, entry));
    let between = fields.get("between").and_then(|entry| values::target(problems, entry));
    let keep_result = fields.get("result").is_some_and(|entry| keeps(problems, entry));
    let arguments = fields.get("with").map(|entry| arguments::read(problems, entry)).unwrap_or_default();
    Some(Work::Call {
        target: values::target(problems, entry)?,
        arguments,
        setup,
        teardown,
        between,
        keep_result,
        repeats: repeats.used(),
    })
}

fn keeps(problems: &mut Problems<'_>, entry: &Entry) -> bool {
    let Some(text) = values::text(problems, "`result`", &entry.value, "`keep` or `drop`") else {
        return false;
    };
    if text != "keep" && text != "drop" {
        let message = format!("`result` is `{}`; expected `keep` or `drop`", quotable(&text));
        problems.add(&entry.value.span, message);
    }
    text == "keep"
}
