//! `leakgate baseline` and checks against `leakgate.lock`, through the real binary, with amounts that are known by
//! construction. A `bytes` object of n characters takes n + 33 bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "check_command/project.rs"]
mod project;

#[path = "baseline_command/beside.rs"]
mod beside;
#[path = "baseline_command/damaged.rs"]
mod damaged;
#[path = "baseline_command/environments.rs"]
mod environments;
#[path = "baseline_command/increases.rs"]
mod increases;
#[path = "baseline_command/old_leaks.rs"]
mod old_leaks;
#[path = "baseline_command/updates.rs"]
mod updates;

use project::Project;

/// Slots that exist before, so that a leak adds nothing but what it keeps.
pub(crate) const APP: &str = "\
import os
SLOTS = [None] * 1000

def keep(size):
    SLOTS[SLOTS.index(None)] = bytes(size)

def keeps(size=967):
    keep(size)

def healthy():
    return bytes(967)

def big(size):
    return bytes(size)

def fails():
    raise ValueError('no such thing')
";

/// Iterations whose number is fixed, so that figures are known.
pub(crate) const FIXED: &str = "iterations: 20, warmup: 5, confirm: false";

pub(crate) fn project(scenarios: &[&str]) -> Project {
    let lines: String = scenarios.iter().map(|scenario| format!("  {scenario}\n")).collect();
    Project::new(&format!("defaults: {{ {FIXED} }}\nscenarios:\n{lines}"), APP)
}

/// The lines of the lock's section of a scenario.
pub(crate) fn section(project: &Project, name: &str) -> Vec<String> {
    let lock = project.read("leakgate.lock");
    let start = lock.find(&format!("[{name} on ")).unwrap_or_else(|| panic!("no {name}: {lock}"));
    lock[start..].lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The line of a key in a scenario's section.
pub(crate) fn line(project: &Project, name: &str, key: &str) -> String {
    let lines = section(project, name);
    lines.iter().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("no {key}: {lines:?}")).clone()
}

/// Writes the baseline, which has to work.
pub(crate) fn updated(project: &Project, words: &[&str]) -> String {
    let checked = project.run(&[&["baseline", "update"], words].concat());
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    checked.out
}
