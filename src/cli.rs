//! The command line: parses it and hands over to one command.

use std::process::ExitCode;

use crate::exit::Exit;

/// Runs the program; the only caller is `main`.
pub fn main() -> ExitCode {
    Exit::BadInput.into()
}
