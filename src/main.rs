//! The program: parses the command line, runs one command, exits in one place.

#[cfg(target_os = "linux")]
mod standard_streams;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    standard_streams::stay_closed_in_commands();
    leakgate::cli::main()
}
