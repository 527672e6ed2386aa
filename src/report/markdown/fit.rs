//! A report with more findings than there is room for: each has its sentence, and what is left of the room goes to their
//! details, in the order of the report.

use std::collections::HashSet;

use super::{
    Room, Tier, accept, accepted, aside, commands, error_details, error_head, finding, order, shortened,
    shown, tabled, top,
};
use crate::finding::Finding;
use crate::outcome::{Outcome, ScenarioError, ScenarioResult};
use crate::report::{Options, summary};

/// Findings that come in full before others get more than a sentence.
const IN_FULL: usize = 5;
/// So many that do not fit, one after the other, end the search for one that does.
const PATIENCE: usize = 20;

/// How much of a finding is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Its sentence and place.
    Sentence,
    /// How to mend it and how to see it again, too.
    Short,
    /// All of it.
    Full,
}

/// Something to tell.
#[derive(Clone, Copy)]
enum What<'a> {
    Error(&'a ScenarioError),
    Finding(&'a Finding),
    /// What the baseline accepts of the scenario.
    Accepted,
}

struct Part<'a> {
    scenario: &'a ScenarioResult,
    what: What<'a>,
    /// Whether the report begins with its sentence.
    leads: bool,
    /// Whether it is the first of its scenario, which has the commands.
    has_commands: bool,
    level: Level,
    text: String,
}

/// The report; `None` where there is no room for all sentences.
pub(super) fn filled(outcome: &Outcome, options: &Options, room: Room) -> Option<String> {
    let shown = shown(outcome, options, Tier::WithoutDetails);
    let top = top(outcome, options, &shown);
    let end = shortened(outcome, Tier::WithoutDetails, room);
    let aside = aside(outcome, &summary::ordered(outcome));
    let mut parts = parts(outcome, options, &shown);
    for part in &mut parts {
        part.text = part.told(Level::Sentence, outcome, options);
    }
    let sentences: usize = parts.iter().map(|part| room.size(&part.text)).sum();
    let needed = sentences + room.size(&end);
    let tails = [format!("{aside}{end}"), end];
    // Findings that nobody sees are worse than a table that nobody sees.
    let heads = [format!("{top}{}", tabled(outcome, options, &shown)), top];
    let (head, tail) = heads
        .iter()
        .zip(&tails)
        .find(|(head, tail)| room.has(head) && needed + room.size(tail) <= room.left(head))?;
    let mut left = room.left(head) - sentences - room.size(tail);
    let first = parts.len().min(IN_FULL);
    raise(&mut parts[..first], Level::Full, &mut left, (outcome, options, room));
    raise(&mut parts, Level::Short, &mut left, (outcome, options, room));
    raise(&mut parts, Level::Full, &mut left, (outcome, options, room));
    let middle: String = parts.into_iter().map(|part| part.text).collect();
    Some(format!("{head}{middle}{tail}"))
}

fn parts<'a>(outcome: &'a Outcome, options: &Options, shown: &[&'a ScenarioResult]) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    for scenario in shown {
        let first = parts.len();
        let error = scenario.error.iter().map(What::Error);
        let findings = order::findings(outcome, scenario, options).into_iter().map(What::Finding);
        let accepted = scenario.findings.iter().any(|finding| outcome.is_accepted(finding));
        for what in error.chain(findings).chain(accepted.then_some(What::Accepted)) {
            parts.push(Part {
                scenario,
                what,
                leads: parts.is_empty(),
                has_commands: parts.len() == first,
                level: Level::Sentence,
                text: String::new(),
            });
        }
    }
    parts
}

/// Tells more of as many as there is room for, the first ones first.
fn raise(
    parts: &mut [Part<'_>],
    level: Level,
    left: &mut usize,
    (outcome, options, room): (&Outcome, &Options, Room),
) {
    let mut patience = PATIENCE;
    for part in parts.iter_mut().filter(|part| part.level < level) {
        let text = part.told(level, outcome, options);
        let (before, after) = (room.size(&part.text), room.size(&text));
        if after > before + *left {
            patience -= 1;
        } else {
            *left = *left + before - after;
            patience = PATIENCE;
            (part.level, part.text) = (level, text);
        }
        if patience == 0 {
            break;
        }
    }
}

impl Part<'_> {
    fn told(&self, level: Level, outcome: &Outcome, options: &Options) -> String {
        let mut out = match self.what {
            What::Error(error) => self.error(error, level),
            What::Finding(finding) => self.finding(finding, level, outcome, options),
            What::Accepted if level == Level::Full => accepted(outcome, self.scenario),
            What::Accepted => String::new(),
        };
        if self.has_commands && level > Level::Sentence {
            out.push_str(&commands(outcome, self.scenario));
        }
        out
    }

    fn error(&self, error: &ScenarioError, level: Level) -> String {
        let head = if self.leads { String::new() } else { error_head(self.scenario, &error.title) };
        let details = if level == Level::Full { error_details(&error.details) } else { String::new() };
        format!("{head}{details}")
    }

    fn finding(&self, found: &Finding, level: Level, outcome: &Outcome, options: &Options) -> String {
        let head = match self.leads {
            true => String::new(),
            false => finding::head(outcome, self.scenario, found, options),
        };
        // What another finding says may be left out with that: each says all of its own.
        let more = match level {
            Level::Sentence => String::new(),
            Level::Short => finding::short(found),
            Level::Full => {
                let body = finding::body(found, options, &mut HashSet::new());
                format!("{body}{}", accept(outcome, self.scenario, found))
            }
        };
        format!("{head}{more}")
    }
}
