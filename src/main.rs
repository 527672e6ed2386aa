//! The program: parses the command line, runs one command, exits in one place.

mod standard_streams;

use std::process::ExitCode;

fn main() -> ExitCode {
    standard_streams::stay_closed_in_commands();
    leakgate::cli::main()
}
