//! One file a subcommand.

pub mod call;
pub mod check;
mod deliver;
pub mod merge;
mod progress;
mod results;
pub mod run;
mod summary;
pub mod view;
