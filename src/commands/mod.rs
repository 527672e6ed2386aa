//! One file a subcommand.

pub mod allow;
pub mod call;
pub mod check;
mod deliver;
mod lock_file;
pub mod merge;
mod progress;
mod results;
pub mod run;
mod summary;
pub mod view;
