//! One file a subcommand.

pub mod call;
pub mod check;
mod lock_file;
mod progress;
pub mod run;
mod summary;
pub mod view;
