//! One file a subcommand.

pub mod baseline;
pub mod call;
pub mod check;
pub mod diff;
mod lock_file;
mod progress;
pub mod run;
mod summary;
pub mod view;
