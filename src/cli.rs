//! The command line: parses it, runs one command, and is the one place that turns what came of it into an exit.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::ci::{Ci, Log, Variables, without_commands};
#[cfg(not(target_os = "linux"))]
use crate::commands::elsewhere::{call, check, doctor, run};
use crate::commands::{allow, baseline, comment, completions, diff, merge, rules, view};
#[cfg(target_os = "linux")]
use crate::commands::{call, check, doctor, run};
use crate::exit::Exit;
#[cfg(target_os = "linux")]
use crate::scenario::guard;
use crate::system;

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
    #[cfg(target_os = "linux")]
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
    system::begin();
    let result = cli.command.run(&mut out, &mut messages).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    let exit = result.unwrap_or_else(|error| cli.command.fail(&error, &mut messages));
    if let Exit::Signal(number) = exit {
        system::end_by(number);
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
            #[cfg(target_os = "linux")]
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
        let text = without_commands(&format!("{error:#}"));
        let annotation = match self {
            Command::Check(args) => args.annotation(&text),
            Command::Merge(args) => args.annotation(&text),
            _ => String::new(),
        };
        let _ = write!(messages, "leakgate: error: {text}\n{annotation}");
        match self {
            Command::Run(_) => system::not_run(error),
            _ => Exit::BadInput,
        }
    }
}

/// Help and version are printed as asked and pass; all else is bad input.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = match error.use_stderr() && Ci::of(&Variables::inherited()) == Ci::GitHub {
        true => tell_runner(&error.render().to_string()),
        false => error.print(),
    };
    let exit = match (printed, error.use_stderr()) {
        (Err(_), _) => BROKEN_PIPE,
        (Ok(()), true) => Exit::BadInput,
        (Ok(()), false) => Exit::Passed,
    };
    exit.into()
}

/// A wrong word on the command line, of which nothing is a command to a GitHub runner.
fn tell_runner(text: &str) -> io::Result<()> {
    let text = without_commands(text);
    // Its options are not known: what was typed has to do.
    let is_asked = std::env::args_os().any(|word| word == "--ci");
    let what = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").trim_end();
    let annotation = if is_asked { Log::of(Ci::GitHub).error(what, None) } else { String::new() };
    write!(io::stderr(), "{text}{annotation}")
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_broken))
}
