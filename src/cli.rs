//! The command line: parses it, runs one command, and is the one place that turns what came of it into an exit.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use signal_hook::consts::SIGXFSZ;

use crate::commands::{
    allow, baseline, call, check, comment, completions, diff, doctor, merge, rules, run, view,
};
use crate::exit::Exit;
use crate::scenario::executable::ExecutableError;
use crate::scenario::guard;
use crate::scenario::limits;
use crate::scenario::signals;

/// A shell's exit code of a program whose reader went away (SIGPIPE): no pass, and nothing to tell anybody.
const BROKEN_PIPE: Exit = Exit::Command(141);

/// Stops memory leaks and memory regressions before they ship
#[derive(Debug, Parser)]
#[command(name = "leakgate", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Args),
    Merge(merge::Args),
    Comment(comment::Args),
    Run(run::Args),
    Call(call::Args),
    View(view::ViewArgs),
    Baseline(baseline::Args),
    Diff(diff::Args),
    Allow(allow::Args),
    Rules(rules::Args),
    /// What cleans up when the program is killed
    #[command(name = guard::COMMAND, hide = true)]
    Guard,
    Doctor(doctor::Args),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// Runs the program; the only caller is `main`.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let (mut out, mut messages) = (io::stdout(), io::stderr());
    // A file size limit is then an error that can be told, and not the end of this program. Programs that it starts
    // have the signal as it was.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    limits::raise();
    let result = cli.command.run(&mut out, &mut messages).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    let exit = result.unwrap_or_else(|error| cli.command.fail(&error, &mut messages));
    if let Exit::Signal(number) = exit {
        signals::raise(number);
    }
    exit.into()
}

impl Command {
    fn run(&self, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
        match self {
            Command::Check(args) => check::run(args, out, messages),
            Command::Merge(args) => merge::run(args, out),
            Command::Comment(args) => comment::run(args, out),
            Command::Run(args) => run::run(args, messages),
            Command::Call(args) => call::run(args, out, messages),
            Command::View(args) => view::run(args, out, messages),
            Command::Baseline(args) => baseline::run(args, out, messages),
            Command::Diff(args) => diff::run(args, out),
            Command::Allow(args) => allow::run(args, out),
            Command::Rules(args) => rules::run(args, out),
            Command::Guard => {
                guard::run(io::stdin().lock());
                Ok(Exit::Passed)
            }
            Command::Doctor(args) => doctor::run(args, out),
            Command::Completions(args) => completions::completions(args, Cli::command(), out),
            Command::Man(args) => completions::man(args, Cli::command(), out),
        }
    }

    /// Tells the error and what the program ends with for it.
    fn fail(&self, error: &anyhow::Error, messages: &mut dyn Write) -> Exit {
        if is_broken_pipe(error) {
            return BROKEN_PIPE;
        }
        // There is nowhere left to tell it if this fails.
        let _ = writeln!(messages, "leakgate: error: {error:#}");
        match self {
            Command::Run(_) => match error.downcast_ref::<ExecutableError>() {
                Some(ExecutableError::NotFound(..)) => Exit::NotFound,
                Some(_) => Exit::NotExecutable,
                None => Exit::RunFailed,
            },
            Command::Check(_)
            | Command::Merge(_)
            | Command::Comment(_)
            | Command::Call(_)
            | Command::View(_)
            | Command::Baseline(_)
            | Command::Diff(_)
            | Command::Allow(_)
            | Command::Rules(_)
            | Command::Guard
            | Command::Doctor(_)
            | Command::Completions(_)
            | Command::Man(_) => Exit::BadInput,
        }
    }
}

/// Help and version are printed as asked and pass; all else is bad input.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    let exit = match (printed, error.use_stderr()) {
        (Err(_), _) => BROKEN_PIPE,
        (Ok(()), true) => Exit::BadInput,
        (Ok(()), false) => Exit::Passed,
    };
    exit.into()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_broken))
}
