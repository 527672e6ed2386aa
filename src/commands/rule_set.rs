//! The rules that hold for a configuration: the carried ones, the project's own, and how much each weighs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::config::Config;
use crate::rules::{self, RuleSet};

/// The rules of a configuration.
///
/// # Errors
/// When a file of rules cannot be read or is none, or a rule is weighed that is not there.
pub(super) fn of(config: &Config) -> anyhow::Result<RuleSet> {
    let name = config.path.display();
    let mut set = RuleSet::carried();
    for (line, glob) in &config.rules.include {
        let files = files(&config.dir, glob).with_context(|| format!("{name}:{line}: `include`"))?;
        for file in files {
            set = with_file(set, &file)?;
        }
    }
    for (line, id, severity) in &config.rules.levels {
        if set.get(id).is_none() {
            let known: Vec<&str> = set.by_id().iter().map(|rule| rule.id.as_str()).collect();
            bail!("{name}:{line}: there is no rule `{id}`; expected one of {}", known.join(", "));
        }
        set.set(id, *severity);
    }
    Ok(set)
}

/// With the rule of a file.
pub(super) fn with_file(set: RuleSet, file: &Path) -> anyhow::Result<RuleSet> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("failed to read the rule `{shown}`"))?;
    let rule = rules::parse(&shown.to_string(), &text).with_context(|| format!("{shown}"))?;
    set.with(rule).with_context(|| format!("{shown}"))
}

/// The files that a glob means, sorted; one that means none is an error: a rule would be passed over.
fn files(folder: &Path, glob: &str) -> anyhow::Result<Vec<PathBuf>> {
    let pattern = folder.join(glob);
    let pattern = pattern.to_str().context("the path is no Unicode text")?;
    let mut files: Vec<PathBuf> = glob::glob(pattern)?.collect::<Result<_, _>>()?;
    files.sort();
    if files.is_empty() {
        bail!("no file matches `{glob}`");
    }
    Ok(files)
}
