//! The program: parses the command line, runs one command, exits in one place.

use std::process::ExitCode;

fn main() -> ExitCode {
    leakgate::cli::main()
}
