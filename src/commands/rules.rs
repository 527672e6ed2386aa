//! `leakgate rules`: the leak patterns, what each says, and whether its samples behave.

mod samples;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;

use super::rule_set;
use crate::config;
use crate::exit::Exit;
use crate::rules::{Rule, RuleSet};
use crate::view::text::visible;

/// Name of the configuration where none is given.
const CONFIG: &str = "leakgate.yaml";

/// The leak patterns: list, show, test
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: What,
    /// The configuration, whose own rules are there, too [default: leakgate.yaml where there is one]
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All rules, each in a line
    List,
    /// What a rule looks for, what it says, and its samples
    Show {
        /// The rule
        #[arg(value_name = "RULE")]
        id: String,
    },
    /// Run the samples: a rule must name each that it is to hit, and none that it is to miss
    Test {
        /// Rules, or files of rules [default: all rules]
        #[arg(value_name = "RULE")]
        rules: Vec<String>,
        /// The interpreter [default: the active or the project's environment, else python3]
        #[arg(long, value_name = "PATH")]
        python: Option<PathBuf>,
    },
}

/// Runs it.
///
/// # Errors
/// When the configuration or a rule cannot be read.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let set = rules_of(args.config.as_deref())?;
    match &args.command {
        What::List => list(&set, out),
        What::Show { id } => show(&set, id, out),
        What::Test { rules, python } => {
            let (set, chosen) = chosen(set, rules)?;
            samples::run(&set, &chosen, python.as_deref(), out)
        }
    }
}

fn rules_of(path: Option<&Path>) -> anyhow::Result<RuleSet> {
    let path = match path {
        Some(path) => path,
        None if Path::new(CONFIG).is_file() => Path::new(CONFIG),
        None => return Ok(RuleSet::carried()),
    };
    let config = config::load(path).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    rule_set::of(&config)
}

/// The rules that are named by id or by file; those of files are there afterwards.
fn chosen(mut set: RuleSet, names: &[String]) -> anyhow::Result<(RuleSet, Vec<String>)> {
    let mut ids = Vec::new();
    for name in names {
        if set.get(name).is_some() {
            ids.push(name.clone());
            continue;
        }
        if !Path::new(name).is_file() {
            bail!("there is neither a rule nor a file `{name}`; `leakgate rules list` shows the rules");
        }
        let before: Vec<String> = set.by_id().iter().map(|rule| rule.id.clone()).collect();
        set = rule_set::with_file(set, Path::new(name))?;
        ids.extend(set.by_id().iter().map(|rule| rule.id.clone()).filter(|id| !before.contains(id)));
    }
    if names.is_empty() {
        ids = set.by_id().iter().map(|rule| rule.id.clone()).collect();
    }
    Ok((set, ids))
}

fn list(set: &RuleSet, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let widest = set.by_id().iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    for rule in set.by_id() {
        let own = if rule.is_users_own { format!(" ({})", rule.file) } else { String::new() };
        let said = format!("{}{own}", rule.title);
        writeln!(out, "{:<widest$}  {:<5}  {}", rule.id, rule.severity.word(), visible(&said))?;
    }
    Ok(Exit::Passed)
}

fn show(set: &RuleSet, id: &str, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let rule = set.get(id).with_context(|| {
        let known: Vec<&str> = set.by_id().iter().map(|rule| rule.id.as_str()).collect();
        format!("there is no rule `{id}`; expected one of {}", known.join(", "))
    })?;
    for line in described(rule).lines() {
        writeln!(out, "{}", visible(line))?;
    }
    Ok(Exit::Passed)
}

/// A rule in Markdown, as `docs/rules.md` has it.
pub fn described(rule: &Rule) -> String {
    let mut text = format!("## {}\n\n{}.\n\n", rule.id, rule.title);
    let held: Vec<&str> = rule.held_by.iter().map(|held_by| held_by.word()).collect();
    let held = if held.is_empty() { String::new() } else { format!(", held by {}", held.join(", ")) };
    text.push_str(&format!("Level: {}. Evidence: {}{held}.\n\n", rule.severity.word(), rule.evidence.word()));
    let tests = rule.tests_in_words();
    if !tests.is_empty() {
        text.push_str(&format!("Where {}.\n\n", tests.join(", or ")));
    }
    text.push_str(&format!("Says: {}.\n\nFix: {}\n", rule.message, rule.fix));
    for (what, codes) in [("Found", &rule.hits), ("Not found", &rule.misses)] {
        for code in codes {
            let owner = code.owner.as_ref().map(|owner| format!(", kept by `{owner}`")).unwrap_or_default();
            text.push_str(&format!(
                "\n{what}: {}{owner}\n\n```python\n{}\n```\n",
                code.name,
                code.code.trim()
            ));
        }
    }
    text
}
