//! Running programs under the tracker: from a plan to a capture with figures.
//!
//! `executable` refuses what cannot be tracked, `tracker` unpacks the library, `launch` starts the command with it,
//! `watch` samples and limits it from outside, `questions` says when a function was called often enough, `intervals` looks at a command whose iterations are time or traffic, `guard` cleans up where this program is killed, `drive` does the whole for a scenario and `measure` makes of it what
//! the gate judges. Nothing here decides about budgets or prints.

pub mod around;
pub mod capture_dir;
mod descriptors;
pub mod drive;
pub mod driver;
pub mod elf;
pub mod environment;
pub mod executable;
mod failure;
pub mod guard;
pub mod intervals;
pub mod launch;
pub mod measure;
pub mod memory_limit;
pub mod output;
pub mod packages;
pub mod plan;
pub mod processes;
pub mod python;
mod questions;
pub mod recording;
pub mod run_file;
pub mod script;
pub mod series;
pub mod signals;
mod survey;
pub mod timeline;
pub mod together;
pub mod tracker;
pub mod untracked;
pub mod watch;

pub use drive::{Failure, ScenarioRun, run_scenario};
pub use failure::skipped;
pub use measure::{measure, measure_all};
pub use plan::Plan;
