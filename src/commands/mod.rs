//! One file a subcommand.

pub mod allow;
pub mod baseline;
pub mod call;
pub mod check;
mod deliver;
pub mod diff;
mod lock_file;
pub mod merge;
mod progress;
mod results;
mod rule_set;
pub mod rules;
pub mod run;
mod summary;
pub mod view;
