//! One file a subcommand.

pub mod allow;
pub mod call;
pub mod check;
mod progress;
pub mod run;
mod summary;
pub mod view;
