//! One file a subcommand.

pub mod view;
