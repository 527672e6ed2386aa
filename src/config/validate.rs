//! From the tree of the file to the configuration that is used. Collects every problem before it gives up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::allow;
use super::budgets::{self, Audience, Typed};
use super::checkpoints;
use super::fields::{self, Fields};
use super::model::{
    Budget, Config, DEFAULT_TIMEOUT, FailOn, HeapSnapshot, MemoryLimit, Of, PythonChoice, Scenario, Work,
};
use super::paths;
use super::problem::{Problems, quotable};
use super::rules;
use super::schema::{Scope, Section};
use super::tree::{Entry, Node, Value};
use super::values;
use super::work::{self, Repeats};
use crate::stable_hash;
use crate::units;

/// Longest name of a scenario.
const LONGEST_NAME: usize = 100;

/// Checks the whole file. `None` when there are problems.
pub(super) fn config(problems: &mut Problems<'_>, root: &Node, path: &Path, dir: &Path) -> Option<Config> {
    if matches!(root.value, Value::Null) {
        let help = "a configuration begins with `version: 1` and `scenarios:`";
        problems.add(&(0..0), "the file is empty").help(help);
        return None;
    }
    let fields = Fields::read(problems, root, Section::Top, "the file")?;
    version(problems, &fields);
    let python = match fields.get("python") {
        Some(entry) => paths::python(problems, entry, dir),
        None => Some(PythonChoice::Auto),
    };
    let defaults =
        fields.get("defaults").and_then(|entry| Defaults::read(problems, entry)).unwrap_or_default();
    let fail_on = fields.get("fail_on").and_then(|entry| fail_on(problems, entry)).unwrap_or_default();
    let scenarios = scenarios(problems, &fields, &defaults, dir);
    let rules = fields.get("rules").map(|entry| rules::read(problems, entry)).unwrap_or_default();
    let allow = fields.get("allow").map(|entry| allow::read(problems, entry)).unwrap_or_default();
    let (path, dir) = (path.to_owned(), dir.to_owned());
    let digest = stable_hash::digest(problems.source());
    Some(Config { path, digest, dir, python: python?, fail_on, allow, rules, jobs: defaults.jobs, scenarios })
}

fn fail_on(problems: &mut Problems<'_>, entry: &Entry) -> Option<FailOn> {
    let text = values::text(problems, "`fail_on`", &entry.value, "`new`, `any` or `never`")?;
    let known = FailOn::ALL.into_iter().find(|fail_on| fail_on.name() == text);
    if known.is_none() {
        let message = format!("`fail_on` is `{}`; expected `new`, `any` or `never`", quotable(&text));
        problems.add(&entry.value.span, message);
    }
    known
}

fn version(problems: &mut Problems<'_>, fields: &Fields<'_>) {
    let Some(entry) = fields.get("version") else {
        problems.add(&(0..0), "`version` is missing; expected `version: 1` at the top of the file");
        return;
    };
    match &entry.value.value {
        Value::Number(number) if number.as_u64() == Some(1) => {}
        Value::Number(_) => {
            let typed = quotable(problems.text_at(&entry.value.span));
            let message =
                format!("version {typed} of the configuration is not known; this leakgate reads version 1");
            problems.add(&entry.value.span, message);
        }
        _ => values::wrong_kind(problems, "`version`", &entry.value, "the number 1"),
    }
}

/// What holds for every scenario that does not say otherwise.
#[derive(Debug, Default)]
struct Defaults {
    timeout: Option<Duration>,
    memory_limit: Option<MemoryLimit>,
    repeats: Repeats,
    env: BTreeMap<String, String>,
    follow: Option<bool>,
    strict: Option<bool>,
    confirm: Option<bool>,
    snapshot: Option<HeapSnapshot>,
    values: Option<bool>,
    jobs: Option<u32>,
    scope: Option<Of>,
    budgets: Vec<Typed>,
}

impl Defaults {
    fn read(problems: &mut Problems<'_>, entry: &Entry) -> Option<Defaults> {
        let fields = Fields::read(problems, &entry.value, Section::Defaults, "`defaults`")?;
        Some(Defaults::of(problems, &fields, Audience::Others))
    }

    /// The keys that a scenario and the defaults have in common.
    fn of(problems: &mut Problems<'_>, fields: &Fields<'_>, audience: Audience) -> Defaults {
        Defaults {
            timeout: fields.get("timeout").and_then(|entry| values::duration(problems, entry)),
            memory_limit: fields.get("memory_limit").and_then(|entry| memory_limit(problems, entry)),
            repeats: Repeats::read(problems, fields),
            env: fields.get("env").map(|entry| values::environment(problems, entry)).unwrap_or_default(),
            follow: fields.get("follow").and_then(|entry| values::flag(problems, entry)),
            strict: fields.get("strict").and_then(|entry| values::flag(problems, entry)),
            confirm: fields.get("confirm").and_then(|entry| values::flag(problems, entry)),
            snapshot: fields.get("snapshot").and_then(|entry| snapshot(problems, entry)),
            values: fields.get("values").and_then(|entry| values::flag(problems, entry)),
            jobs: fields.get("jobs").and_then(|entry| jobs(problems, entry)),
            scope: fields.get("scope").and_then(|entry| budgets::scope(problems, entry)),
            budgets: fields
                .get("budgets")
                .map(|entry| budgets::read(problems, entry, audience))
                .unwrap_or_default(),
        }
    }
}

/// `None` for `auto`, too.
fn jobs(problems: &mut Problems<'_>, entry: &Entry) -> Option<u32> {
    if work::is_auto(&entry.value) {
        return None;
    }
    work::number(problems, "`jobs`", &entry.value, 1)
}

fn snapshot(problems: &mut Problems<'_>, entry: &Entry) -> Option<HeapSnapshot> {
    const EXPECTED: &str = "`in-process` or `forked`";
    match &entry.value.value {
        Value::Text(word) if word == "in-process" => Some(HeapSnapshot::InProcess),
        Value::Text(word) if word == "forked" => Some(HeapSnapshot::Forked),
        Value::Text(word) => {
            let message = format!("`snapshot` is `{}`; expected {EXPECTED}", quotable(word));
            problems.add(&entry.value.span, message);
            None
        }
        _ => {
            values::wrong_kind(problems, "`snapshot`", &entry.value, EXPECTED);
            None
        }
    }
}

fn memory_limit(problems: &mut Problems<'_>, entry: &Entry) -> Option<MemoryLimit> {
    if work::is_auto(&entry.value) {
        return Some(MemoryLimit::Auto);
    }
    let size = values::size(problems, "`memory_limit`", &entry.value, "`auto` or a size such as 2 GiB")?;
    if size == 0 {
        problems.add(&entry.value.span, "`memory_limit` must be more than 0; expected `auto` or a size");
        return None;
    }
    Some(MemoryLimit::Bytes(size))
}

fn scenarios(
    problems: &mut Problems<'_>,
    fields: &Fields<'_>,
    defaults: &Defaults,
    dir: &Path,
) -> Vec<Scenario> {
    let Some(entry) = fields.get("scenarios") else {
        problems.add(&(0..0), "`scenarios` is missing; expected a mapping from names to scenarios");
        return Vec::new();
    };
    let Value::Map(entries) = &entry.value.value else {
        values::wrong_kind(problems, "`scenarios`", &entry.value, "a mapping from names to scenarios");
        return Vec::new();
    };
    if entries.is_empty() {
        problems.add(&entry.key_span, "`scenarios` is empty; expected at least one scenario");
    }
    fields::report_duplicates(problems, entries);
    entries.iter().filter_map(|entry| scenario(problems, entry, defaults, dir)).collect()
}

fn scenario(problems: &mut Problems<'_>, entry: &Entry, defaults: &Defaults, dir: &Path) -> Option<Scenario> {
    name(problems, entry);
    let label = format!("scenario `{}`", quotable(&entry.key));
    let fields = Fields::read(problems, &entry.value, Section::Scenario, &label)?;
    let scope = scope(problems, entry, &fields, &label);
    let checkpoints = fields.get("checkpoints").and_then(|entry| checkpoints::read(problems, entry));
    let audience = if scope == Some(Scope::Run) { Audience::Run(checkpoints) } else { Audience::Others };
    let own = Defaults::of(problems, &fields, audience);
    let cwd = match fields.get("cwd") {
        Some(entry) => paths::folder(problems, entry, dir),
        None => Some(PathBuf::from(dir)),
    };
    let timeout = own.timeout.or(defaults.timeout).unwrap_or(DEFAULT_TIMEOUT);
    let work = match scope? {
        Scope::Run => work::run(problems, fields.get("run")?, &fields, checkpoints),
        _ => work::call(problems, fields.get("call")?, &fields, own.repeats.or(defaults.repeats)),
    }?;
    until_before_timeout(problems, &fields, &work, timeout);
    Some(Scenario {
        name: entry.key.clone(),
        line: problems.line_at(entry.key_span.start),
        budgets: merged(&own, defaults, &work),
        follow: own.follow.or(defaults.follow).unwrap_or(true),
        strict: own.strict.or(defaults.strict).unwrap_or(false),
        confirm: own.confirm.or(defaults.confirm).unwrap_or(true),
        snapshot: own.snapshot.or(defaults.snapshot).unwrap_or(HeapSnapshot::InProcess),
        values: own.values.or(defaults.values).unwrap_or(true),
        exclusive: fields.get("exclusive").and_then(|entry| values::flag(problems, entry)).unwrap_or(false),
        work,
        cwd: cwd?,
        env: defaults.env.clone().into_iter().chain(own.env).collect(),
        timeout,
        memory_limit: own.memory_limit.or(defaults.memory_limit).unwrap_or(MemoryLimit::Auto),
    })
}

fn name(problems: &mut Problems<'_>, entry: &Entry) {
    let name = &entry.key;
    if !is_scenario_name(name) {
        let message = format!(
            "`{}` cannot be the name of a scenario; expected at most {LONGEST_NAME} letters, digits, `-`, `_` and `.`, \
             a letter or digit first, no `..`",
            quotable(name)
        );
        problems.add(&entry.key_span, message);
    }
}

/// Whether a scenario can have this name: it is a folder's, and a word on a command line.
pub fn is_scenario_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    begins && name.chars().all(plain) && !name.contains("..") && name.len() <= LONGEST_NAME
}

/// Whether the scenario is a `run` or a `call`.
fn scope(problems: &mut Problems<'_>, entry: &Entry, fields: &Fields<'_>, label: &str) -> Option<Scope> {
    let scope = match (fields.get("run"), fields.get("call")) {
        (Some(_), None) => Scope::Run,
        (None, Some(_)) => Scope::Call,
        (Some(run), Some(call)) => {
            let (first, second) =
                if run.key_span.start < call.key_span.start { (run, call) } else { (call, run) };
            let message = format!("{label} has both `run` and `call`; expected exactly one of them");
            problems.add(&second.key_span, message).also(&first.key_span, "the other one");
            return None;
        }
        (None, None) => {
            if !names_later_work(&entry.value) {
                let message = format!("{label} has neither `run` nor `call`; expected exactly one of them");
                problems.add(&entry.key_span, message);
            }
            return None;
        }
    };
    work::report_foreign_keys(problems, fields, scope);
    Some(scope)
}

/// Whether the scenario's work is of a kind that later versions have: that is reported, and enough.
fn names_later_work(node: &Node) -> bool {
    let later = |entry: &Entry| matches!(entry.key.as_str(), "serve" | "pytest");
    matches!(&node.value, Value::Map(entries) if entries.iter().any(later))
}

fn until_before_timeout(problems: &mut Problems<'_>, fields: &Fields<'_>, work: &Work, timeout: Duration) {
    let (Work::Run { until: Some(until), .. }, Some(entry)) = (work, fields.get("until")) else { return };
    if *until >= timeout {
        let message = format!(
            "`until` ({}) is not shorter than `timeout` ({}): the scenario would always be ended as hanging",
            units::duration_text(*until),
            units::duration_text(timeout)
        );
        problems.add(&entry.value.span, message).help("set a longer `timeout`");
    }
}

/// The scenario's own budgets, and those of the defaults that it does not set and that can be measured for it.
fn merged(own: &Defaults, defaults: &Defaults, work: &Work) -> Vec<Budget> {
    let is_meant = |budget: &&Typed| {
        let set = own.budgets.iter().any(|other| other.key() == budget.key());
        !set && match work {
            Work::Call { .. } => true,
            Work::Run { checkpoints, .. } => budget.key().is_of_command(*checkpoints),
        }
    };
    let scope = own.scope.or(defaults.scope).unwrap_or_default();
    let inherited = defaults.budgets.iter().filter(is_meant);
    own.budgets.iter().chain(inherited).map(|budget| budget.within(scope)).collect()
}
