//! What an iteration of a command is, as it is typed: `program`, `every 1 s`, `every 16 MiB`, `{ processes: 5 }`.

use std::time::Duration;

use super::fields;
use super::model::{Checkpoints, MOST_PROCESSES, SHORTEST_INTERVAL, SMALLEST_TRAFFIC};
use super::problem::{Problems, quotable};
use super::tree::{Entry, Node, Value};
use super::values;
use crate::units::{self, Bytes, UnitError};

const EXPECTED: &str = "`program`, `every 1 s`, `every 16 MiB` or `{ processes: 5 }`";
const PROCESSES: &str = "processes";

/// Reads it; notes what is wrong.
pub(super) fn read(problems: &mut Problems<'_>, entry: &Entry) -> Option<Checkpoints> {
    if let Value::Map(entries) = &entry.value.value {
        return processes(problems, entry, entries);
    }
    let text = values::text(problems, "`checkpoints`", &entry.value, EXPECTED)?;
    match text.split_whitespace().next() {
        Some("program") if text.trim() == "program" => Some(Checkpoints::Program),
        // As it would be typed without the quotes.
        Some(word) if word.starts_with(PROCESSES) => processes_in_words(problems, &entry.value, text.trim()),
        Some("every") => every(problems, &entry.value, text.trim_start()["every".len()..].trim()),
        _ => {
            let message = format!("`checkpoints` is `{}`; expected {EXPECTED}", quotable(&text));
            problems.add(&entry.value.span, message);
            None
        }
    }
}

fn processes(problems: &mut Problems<'_>, entry: &Entry, entries: &[Entry]) -> Option<Checkpoints> {
    fields::report_duplicates(problems, entries);
    if let Some(other) = entries.iter().find(|entry| entry.key != PROCESSES) {
        let message = format!("unknown key `{}` in `checkpoints`; expected {EXPECTED}", quotable(&other.key));
        problems.add(&other.key_span, message);
        return None;
    }
    let Some(number) = entries.first() else {
        values::wrong_kind(problems, "`checkpoints`", &entry.value, EXPECTED);
        return None;
    };
    let label = "`processes` of `checkpoints`";
    let number = values::count(problems, label, &number.value, 2..=u64::from(MOST_PROCESSES))?;
    u32::try_from(number).ok().map(Checkpoints::Processes)
}

/// `processes: 5` as one string.
fn processes_in_words(problems: &mut Problems<'_>, node: &Node, text: &str) -> Option<Checkpoints> {
    let number = text[PROCESSES.len()..].trim_start().strip_prefix(':').map(str::trim);
    let counted =
        number.and_then(|number| number.parse().ok()).filter(|number| (2..=MOST_PROCESSES).contains(number));
    if counted.is_none() {
        let message = format!(
            "`checkpoints` is `{}`; expected `{{ processes: N }}` with a number from 2 to {MOST_PROCESSES}",
            quotable(text)
        );
        problems.add(&node.span, message);
    }
    counted.map(Checkpoints::Processes)
}

/// An amount of time or of bytes: the unit tells which.
fn every(problems: &mut Problems<'_>, node: &Node, amount: &str) -> Option<Checkpoints> {
    let (message, help) = match (units::parse_duration(amount), amount.parse::<Bytes>()) {
        // `0` is both.
        (Ok(Duration::ZERO), _) | (_, Ok(Bytes(0))) => {
            ("`checkpoints`: an iteration must be more than 0".to_owned(), None)
        }
        (Ok(time), _) if time >= SHORTEST_INTERVAL => return Some(Checkpoints::Time(time)),
        (Ok(_), _) => {
            let least = units::duration_text(SHORTEST_INTERVAL);
            (format!("`checkpoints`: a running program is looked at every {least} at the most"), None)
        }
        (_, Ok(Bytes(bytes))) if bytes >= SMALLEST_TRAFFIC => return Some(Checkpoints::Traffic(bytes)),
        (_, Ok(_)) => {
            let least = Bytes(SMALLEST_TRAFFIC);
            (format!("`checkpoints`: an iteration has at least {least} of allocations"), None)
        }
        (Err(time), Err(size)) => not_an_amount(amount, &time, &size),
    };
    let problem = problems.add(&node.span, message);
    help.map(|help| problem.help(help));
    None
}

fn not_an_amount(amount: &str, time: &UnitError, size: &UnitError) -> (String, Option<String>) {
    let shown = quotable(amount);
    let unit = size.unit().to_lowercase();
    let meant = units::SIZE_UNITS.iter().find(|(name, _)| !unit.is_empty() && name.to_lowercase() == unit);
    let help = meant.map(|(meant, _)| format!("upper and lower case count: did you mean {meant}?"));
    let message = match (time, size) {
        (UnitError::TooLarge(_), _) => format!("`checkpoints`: {time}"),
        (_, UnitError::TooLarge(_)) => format!("`checkpoints`: {size}"),
        _ if amount.is_empty() => format!("`checkpoints` does not say every how much; expected {EXPECTED}"),
        _ => format!("`checkpoints`: `{shown}` is no duration and no size; expected {EXPECTED}"),
    };
    (message, help)
}
