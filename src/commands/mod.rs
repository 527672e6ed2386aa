//! One file a subcommand.

pub mod call;
mod progress;
pub mod run;
mod summary;
pub mod view;
