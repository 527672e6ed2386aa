//! Runs the samples of rules as what they are: functions that are called again and again under the tracker.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::json;

use crate::exit::Exit;
use crate::outcome::{Outcome, ScenarioResult, Verdict};
use crate::report::read_json;
use crate::rules::{Code, Rule, RuleSet};

/// Calls of a sample that are not judged, and that are.
const CALLS: (u32, u32) = (40, 80);

/// A sample and what must come of it.
struct Sample<'a> {
    rule: &'a Rule,
    code: &'a Code,
    is_hit: bool,
    scenario: String,
}

/// Runs the samples of these rules, and says of each whether it behaves.
pub(super) fn run(
    set: &RuleSet,
    ids: &[String],
    python: Option<&Path>,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let samples = samples(set, ids);
    if samples.is_empty() {
        bail!("these rules have no samples: add `[[hit]]` and `[[miss]]` with `name` and `code`");
    }
    let folder = tempfile::tempdir().context("failed to make a temporary folder")?;
    write(set, &samples, python, folder.path())?;
    let outcome = check(folder.path())?;
    let mut failed = 0;
    for sample in &samples {
        let result = outcome.scenarios.iter().find(|result| result.name == sample.scenario);
        let wrong = result.map_or(Some("it was not run".to_owned()), |result| sample.wrong(result));
        failed += usize::from(wrong.is_some());
        let what = if sample.is_hit { "hit" } else { "miss" };
        let (word, why) = match wrong {
            None => ("ok  ", String::new()),
            Some(why) => ("FAIL", format!(": {why}")),
        };
        writeln!(out, "{word}  {} {what}  {}{why}", sample.rule.id, sample.code.name)?;
    }
    writeln!(out, "{} of {} samples behave", samples.len() - failed, samples.len())?;
    Ok(if failed == 0 { Exit::Passed } else { Exit::GateFailed })
}

fn samples<'a>(set: &'a RuleSet, ids: &[String]) -> Vec<Sample<'a>> {
    let mut samples = Vec::new();
    for rule in set.by_id().into_iter().filter(|rule| ids.contains(&rule.id)) {
        let both = [(true, &rule.hits), (false, &rule.misses)];
        for (is_hit, code) in
            both.into_iter().flat_map(|(is_hit, codes)| codes.iter().map(move |code| (is_hit, code)))
        {
            let scenario = format!("sample-{}", samples.len() + 1);
            samples.push(Sample { rule, code, is_hit, scenario });
        }
    }
    samples
}

/// A project with one scenario a sample.
fn write(set: &RuleSet, samples: &[Sample], python: Option<&Path>, folder: &Path) -> anyhow::Result<()> {
    let mut scenarios = serde_json::Map::new();
    for sample in samples {
        let place = folder.join(&sample.scenario);
        fs::create_dir(&place).and_then(|()| fs::write(place.join("sample.py"), &sample.code.code))?;
        scenarios.insert(
            sample.scenario.clone(),
            json!({
                "call": "sample:work", "cwd": sample.scenario, "warmup": CALLS.0, "iterations": CALLS.1,
                "timeout": "2 min",
            }),
        );
    }
    let mut rules = serde_json::Map::new();
    // Only what fails is explained.
    rules.extend(set.by_id().iter().map(|rule| (rule.id.clone(), json!("error"))));
    let own = set.by_id().into_iter().filter(|rule| rule.is_users_own);
    let own = own.map(|rule| std::path::absolute(&rule.file)).collect::<Result<Vec<_>, _>>()?;
    rules.insert("include".to_owned(), json!(own));
    let mut config = json!({ "version": 1, "rules": rules, "scenarios": scenarios });
    if let Some(python) = python {
        config["python"] = json!(std::path::absolute(python)?);
    }
    // YAML that needs no writer of its own.
    fs::write(folder.join("leakgate.yaml"), serde_json::to_string_pretty(&config)?)?;
    Ok(())
}

fn check(folder: &Path) -> anyhow::Result<Outcome> {
    let program = std::env::current_exe().context("failed to find this program")?;
    let run = Command::new(program)
        .args(["check", "--format", "json"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("failed to run the samples")?;
    read_json(&run.stdout).with_context(|| {
        format!("failed to run the samples: {}", String::from_utf8_lossy(&run.stderr).trim_end())
    })
}

impl Sample<'_> {
    /// What is wrong with what came of it.
    fn wrong(&self, result: &ScenarioResult) -> Option<String> {
        if let (Verdict::Error, Some(error)) = (result.verdict, &result.error) {
            return Some(error.title.clone());
        }
        let owners: Vec<_> = result.findings.iter().flat_map(|finding| &finding.owners).collect();
        let named: Vec<_> =
            owners.iter().filter(|owner| owner.pattern.as_deref() == Some(&self.rule.id)).collect();
        match (self.is_hit, named.first()) {
            (false, None) => None,
            (false, Some(owner)) => Some(format!("it names {}", owner.sentence)),
            (true, None) => Some(found_instead(result)),
            (true, Some(_)) => {
                let wanted = self.code.owner.as_ref()?;
                let is_named = named.iter().any(|owner| owner.name == *wanted);
                (!is_named).then(|| format!("it names `{}` as the owner, not `{wanted}`", named[0].name))
            }
        }
    }
}

fn found_instead(result: &ScenarioResult) -> String {
    match result.findings.first() {
        Some(finding) => format!("what is found is {}: {}", finding.pattern(), finding.title),
        None => "nothing is found".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::FILES;

    #[test]
    fn every_sample_of_every_rule_is_run() {
        let set = RuleSet::carried();
        let ids: Vec<String> = set.by_id().iter().map(|rule| rule.id.clone()).collect();
        let all: usize = FILES
            .iter()
            .map(|(_, text)| text.matches("[[hit]]").count() + text.matches("[[miss]]").count())
            .sum();
        assert_eq!(samples(&set, &ids).len(), all);
    }
}
