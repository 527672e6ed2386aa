//! One file a subcommand.

pub mod allow;
pub mod baseline;
#[cfg(target_os = "linux")]
pub mod call;
#[cfg(target_os = "linux")]
pub mod check;
pub mod check_args;
pub mod comment;
pub mod completions;
mod deliver;
pub mod diff;
#[cfg(target_os = "linux")]
pub mod doctor;
#[cfg(not(target_os = "linux"))]
pub mod elsewhere;
mod lock_file;
pub mod merge;
mod partition;
#[cfg(target_os = "linux")]
mod place;
#[cfg(target_os = "linux")]
mod progress;
mod results;
mod rule_set;
pub mod rules;
#[cfg(target_os = "linux")]
pub mod run;
mod summary;
mod surroundings;
#[cfg(target_os = "linux")]
mod unrecorded;
pub mod view;
