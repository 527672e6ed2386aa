//! One file a subcommand.

pub mod allow;
pub mod baseline;
pub mod call;
pub mod check;
pub mod comment;
pub mod completions;
mod deliver;
pub mod diff;
pub mod doctor;
mod lock_file;
pub mod merge;
mod place;
mod progress;
mod results;
mod rule_set;
pub mod rules;
pub mod run;
mod summary;
mod surroundings;
mod unrecorded;
pub mod view;
