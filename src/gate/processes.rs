//! Several processes: which of them a figure is of, and what is said about all of them together.

use crate::config::{BudgetKey, Of};
use crate::gate::measurement::Measurement;
use crate::gate::wording;
use crate::profile::Process;
use crate::units::Bytes;

/// Processes that a finding lists.
const LISTED: usize = 5;

/// The process that a budget of each is judged by: of several the one with the largest figure. Figures that need
/// iterations are of the process that calls the function.
pub fn judged(key: BudgetKey, measurement: &Measurement) -> &Measurement {
    let figure = |process: &Measurement| figure(key, process);
    // The first of equals.
    let all = measurement.others.iter().rev().chain([measurement]);
    if is_of_each(key, measurement) {
        all.max_by_key(|process| figure(process)).unwrap_or(measurement)
    } else {
        measurement
    }
}

/// Whether every process has the figure, and must hold its budget by itself.
fn is_of_each(key: BudgetKey, measurement: &Measurement) -> bool {
    key.has_tree() || key == BudgetKey::Blocks && measurement.start.is_none()
}

fn figure(key: BudgetKey, process: &Measurement) -> u64 {
    match key {
        BudgetKey::Peak => process.peak,
        BudgetKey::Retained => process.retained,
        BudgetKey::Rss => process.rss,
        _ => u64::try_from(process.blocks).unwrap_or(0),
    }
}

/// The figure of all processes together.
pub(super) fn together(key: BudgetKey, measurement: &Measurement) -> Option<u64> {
    match key {
        BudgetKey::Peak => Some(measurement.tree.peak),
        BudgetKey::Retained => Some(measurement.tree.end),
        BudgetKey::Rss => Some(measurement.tree_rss),
        _ => None,
    }
}

/// A budget's key as reports print it: `peak`, `peak of tree`.
pub fn figure_name(key: BudgetKey, of: Of) -> String {
    match of {
        Of::Each => key.name().to_owned(),
        Of::Tree => format!("{} of tree", key.name()),
    }
}

/// What tells which processes a figure is of, where there are several.
pub(super) fn evidence(key: BudgetKey, of: Of, all: &Measurement, judged: &Measurement) -> Vec<String> {
    if all.others.is_empty() {
        return Vec::new();
    }
    match of {
        Of::Each if is_of_each(key, all) => {
            let count = all.tree.programs;
            vec![format!("of {}, one of {count} recorded programs", name(&judged.profile.process))]
        }
        Of::Each => Vec::new(),
        Of::Tree => of_tree(key, all, judged),
    }
}

fn of_tree(key: BudgetKey, all: &Measurement, judged: &Measurement) -> Vec<String> {
    let how = match key {
        BudgetKey::Peak => format!(
            "sampled every 10 ms, memory shared after a fork counted once; at most {}, the sum of the exact peaks of each",
            Bytes(all.tree.peak_at_most)
        ),
        BudgetKey::Rss => "sampled every 10 ms; pages that processes share count in each of them".to_owned(),
        _ => "live at the end of each process, memory shared after a fork counted once".to_owned(),
    };
    let mut processes: Vec<&Measurement> = all.others.iter().chain([all]).collect();
    processes.retain(|process| key != BudgetKey::Retained || !process.profile.process.replaced);
    processes.sort_by_key(|process| std::cmp::Reverse(figure(key, process)));
    let mut listed: Vec<String> = Vec::new();
    let mut before = None;
    for process in processes.iter().take(LISTED) {
        let bytes = Bytes(figure(key, process));
        let process = &process.profile.process;
        // Workers of one program: its name once is enough.
        let command = process.name();
        listed.push(if before.as_ref() == Some(&command) {
            format!("{bytes} (pid {})", process.pid)
        } else {
            format!("{bytes} {}", name(process))
        });
        before = Some(command);
    }
    let more = wording::more(processes.len().saturating_sub(LISTED));
    let one =
        format!("who held it, and the bill, are of one of them alone: {}", name(&judged.profile.process));
    vec![how, format!("by itself: {}{more}", listed.join(", ")), one]
}

/// Which process the figures of a report are of, where there are several and it is not the one that was started.
pub fn note(keys: &[BudgetKey], root: u32, all: &Measurement) -> Option<String> {
    let mut groups: Vec<(&Process, Vec<&str>)> = Vec::new();
    for key in keys.iter().filter(|key| is_of_each(**key, all)) {
        let process = &judged(*key, all).profile.process;
        match groups.iter_mut().find(|(known, _)| known.id() == process.id()) {
            Some((_, names)) => names.push(key.name()),
            None => groups.push((process, vec![key.name()])),
        }
    }
    groups.retain(|(process, _)| process.pid != root);
    let parts: Vec<String> =
        groups.iter().map(|(process, names)| format!("{} of {}", listed(names), name(process))).collect();
    (!parts.is_empty()).then(|| {
        format!(
            "{} processes were recorded, each is judged by itself, shown is the largest: {}",
            all.tree.processes,
            parts.join(", ")
        )
    })
}

/// `peak, retained and rss`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `python worker.py` (pid 12).
fn name(process: &Process) -> String {
    format!("`{}` (pid {})", process.name(), process.pid)
}
