//! Running programs under the tracker: from a plan to a capture with figures.
//!
//! `executable` refuses what cannot be tracked, `tracker` unpacks the library, `launch` starts the command with it,
//! `watch` samples and limits it from outside, `questions` says when a function was called often enough, `intervals` looks at a command whose iterations are time or traffic, `guard` cleans up where this program is killed, `drive` does the whole for a scenario and `measure` makes of it what
//! the gate judges. Nothing here decides about budgets or prints.

pub mod around;
pub mod capture_dir;
pub mod plain;
pub mod run_file;
pub mod unrecorded;
mod values;

// To run programs takes Linux; to read what was recorded of them does not.
#[cfg(target_os = "linux")]
pub mod drive;
#[cfg(target_os = "linux")]
pub mod driver;
#[cfg(target_os = "linux")]
pub mod elf;
#[cfg(target_os = "linux")]
pub mod environment;
#[cfg(target_os = "linux")]
pub mod executable;
#[cfg(target_os = "linux")]
mod failure;
#[cfg(target_os = "linux")]
pub mod guard;
#[cfg(target_os = "linux")]
pub mod intervals;
#[cfg(target_os = "linux")]
pub mod launch;
#[cfg(target_os = "linux")]
pub mod limits;
#[cfg(target_os = "linux")]
pub mod measure;
#[cfg(target_os = "linux")]
pub mod memory_limit;
#[cfg(target_os = "linux")]
pub mod output;
#[cfg(target_os = "linux")]
pub mod packages;
#[cfg(target_os = "linux")]
pub mod plan;
#[cfg(target_os = "linux")]
pub mod processes;
#[cfg(target_os = "linux")]
pub mod python;
#[cfg(target_os = "linux")]
mod questions;
#[cfg(target_os = "linux")]
pub mod recording;
#[cfg(target_os = "linux")]
pub mod script;
#[cfg(target_os = "linux")]
pub mod series;
#[cfg(target_os = "linux")]
pub mod signals;
#[cfg(target_os = "linux")]
mod survey;
#[cfg(target_os = "linux")]
pub mod timeline;
#[cfg(target_os = "linux")]
pub mod together;
#[cfg(target_os = "linux")]
pub mod tracker;
#[cfg(target_os = "linux")]
pub mod untracked;
#[cfg(target_os = "linux")]
pub mod watch;

#[cfg(target_os = "linux")]
pub use drive::{Failure, ScenarioRun, run_scenario};
#[cfg(target_os = "linux")]
pub use failure::skipped;
#[cfg(target_os = "linux")]
pub use measure::{measure, measure_all};
#[cfg(target_os = "linux")]
pub use plan::Plan;
pub use values::Values;
