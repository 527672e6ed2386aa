//! SARIF 2.1.0, for code scanning: a result a finding, each with a line of the repository and an identity that stays.

mod document;

use std::collections::BTreeSet;

use self::document::{
    Artifact, Driver, Identity, Invocation, Justified, Location, Log, Message, Notification, Physical,
    Region, Rule, Run, SarifResult, Tool,
};
use super::problems::{Problem, SCENARIO_ERROR, Weight, problems};
use super::{Options, clean, encoded, summary};
use crate::finding::{Finding, Place, Standing};
use crate::gate::fingerprint::SCHEME;
use crate::outcome::{Outcome, Partition, Verdict};

/// GitHub keeps no more results of a run; what weighs most comes first.
const MOST: usize = 5_000;

/// The whole report.
pub(super) fn render(outcome: &Outcome, options: &Options) -> String {
    let mut all = problems(outcome, options);
    let left_out = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    let log = Log::of(Run {
        tool: Tool { driver: driver(&all) },
        automation_details: Identity { id: category(outcome) },
        invocations: vec![invocation(outcome, left_out)],
        column_kind: "unicodeCodePoints",
        results: all.iter().map(|problem| result(problem, options)).collect(),
    });
    // Only a map with keys that are no strings could fail, and there is none.
    let mut json = serde_json::to_string_pretty(&log).expect("plain structs become JSON");
    json.push('\n');
    json
}

/// What tells the runs of one commit apart: each part of a matrix has its own.
fn category(outcome: &Outcome) -> String {
    match outcome.partition {
        None => "leakgate/".to_owned(),
        Some(Partition { index, of, .. }) => format!("leakgate/part-{index}-of-{of}/"),
    }
}

fn driver(all: &[Problem<'_>]) -> Driver {
    let rules: BTreeSet<&str> = all.iter().map(|problem| problem.rule.as_str()).collect();
    let rule = |id: &str| Rule { id: id.to_owned(), short_description: Message::of(describe(id)) };
    Driver {
        name: "leakgate",
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: rules.into_iter().map(rule).collect(),
    }
}

fn describe(rule: &str) -> String {
    match (rule, rule.strip_prefix("budget-")) {
        (SCENARIO_ERROR, _) => "A scenario could not be run or measured".to_owned(),
        ("baseline-error", _) => "The baseline is damaged".to_owned(),
        ("memory-limit", _) => "A scenario reached its memory limit and was ended".to_owned(),
        (_, Some(budget)) => format!("The budget `{budget}` is broken"),
        (rule, None) => format!("Memory is not given back ({rule})"),
    }
}

fn invocation(outcome: &Outcome, left_out: usize) -> Invocation {
    let mut notes: Vec<String> =
        outcome.notes.iter().map(|note| clean::line(note, clean::SENTENCE)).collect();
    notes.extend(summary::more(left_out as u64).map(|more| format!("{more} results are in result.json")));
    Invocation {
        execution_successful: outcome.verdict() != Verdict::Error,
        tool_execution_notifications: notes.into_iter().map(|text| Notification::note(&text)).collect(),
    }
}

fn result(problem: &Problem<'_>, options: &Options) -> SarifResult {
    SarifResult {
        rule_id: problem.rule.clone(),
        level: match problem.weight {
            Weight::Fails => "error",
            Weight::Warns => "warning",
            Weight::Accepted => "note",
        },
        message: Message::of(message(problem)),
        locations: vec![location(&problem.file, problem.line, None)],
        related_locations: problem.finding.map(|finding| related(finding, options)).unwrap_or_default(),
        partial_fingerprints: [(format!("leakgate/v{SCHEME}"), problem.fingerprint.clone())].into(),
        suppressions: problem.finding.and_then(suppressed).into_iter().collect(),
    }
}

/// The sentence, then what backs it and how to go on.
fn message(problem: &Problem<'_>) -> String {
    let mut parts = vec![problem.title.clone()];
    if let Some(finding) = problem.finding {
        for owner in &finding.owners {
            parts.push(format!("kept by: {}", clean::line(&owner.sentence, clean::SENTENCE)));
            let path: Vec<String> = owner.path.iter().map(|step| clean::line(step, clean::FRAME)).collect();
            parts.extend((!path.is_empty()).then(|| format!("path: {}", path.join(" → "))));
        }
        parts.extend(finding.evidence.iter().map(|text| clean::line(text, clean::SENTENCE)));
        let help = clean::line(&finding.help, clean::ADVICE);
        parts.extend((!help.is_empty()).then(|| format!("fix: {help}")));
    }
    parts.join("\n")
}

/// Who fills what grows and who held the memory, where that is a line of the repository.
fn related(finding: &Finding, options: &Options) -> Vec<Location> {
    let owners = finding.owners.iter().filter_map(|owner| {
        let (file, line) = in_repository(owner.place.as_ref()?, options)?;
        let name = clean::line(&owner.name, clean::FRAME);
        Some(location(&file, line, Some(format!("fills {name}"))))
    });
    let holders = finding.holders.iter().filter_map(|holder| Some((holder, holder.place.as_ref()?)));
    let lines = holders.filter_map(|(holder, place)| {
        let (file, line) = in_repository(place, options)?;
        let domain = clean::line(&holder.domain, clean::NAME);
        Some(location(&file, line, Some(format!("holds {} ({domain})", holder.bytes))))
    });
    owners.chain(lines).collect()
}

fn in_repository(place: &Place, options: &Options) -> Option<(String, u32)> {
    let file = (place.line > 0).then(|| options.source.path(&place.file))??;
    Some((clean::line(&file, clean::FRAME), place.line))
}

fn location(file: &str, line: u32, message: Option<String>) -> Location {
    let artifact_location = Artifact { uri: encoded(file), uri_base_id: "%SRCROOT%" };
    Location {
        physical_location: Physical { artifact_location, region: Region { start_line: line } },
        message: message.map(Message::of),
    }
}

fn suppressed(finding: &Finding) -> Option<Justified> {
    let (_, why) = summary::covered(finding).or_else(|| {
        let is_accepted = finding.standing == Standing::Accepted;
        is_accepted.then(|| ("accepted", "accepted in the baseline".to_owned()))
    })?;
    Some(Justified { kind: "external", justification: why })
}
