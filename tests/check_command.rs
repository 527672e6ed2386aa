//! `leakgate check` through the real binary, on small projects: verdicts, figures, reports, exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "check_command/around.rs"]
mod around;
#[path = "check_command/project.rs"]
mod project;
#[path = "check_command/pythons.rs"]
mod pythons;

#[path = "check_command/allow.rs"]
mod allow;
#[path = "check_command/bill.rs"]
mod bill;
#[path = "check_command/budgets.rs"]
mod budgets;
#[path = "check_command/ci.rs"]
mod ci;
#[path = "check_command/commands.rs"]
mod commands;
#[path = "check_command/counted.rs"]
mod counted;
#[path = "check_command/errors.rs"]
mod errors;
#[path = "check_command/few.rs"]
mod few;
#[path = "check_command/growth.rs"]
mod growth;
#[path = "check_command/guard.rs"]
mod guard;
#[path = "check_command/many.rs"]
mod many;
#[path = "check_command/options.rs"]
mod options;
#[path = "check_command/owners.rs"]
mod owners;
#[path = "check_command/parts.rs"]
mod parts;
#[path = "check_command/processes.rs"]
mod processes;
#[path = "check_command/scripts.rs"]
mod scripts;
#[path = "check_command/told.rs"]
mod told;
#[path = "check_command/untracked.rs"]
mod untracked;
