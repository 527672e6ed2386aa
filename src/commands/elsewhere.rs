//! Where the system is not Linux: the commands that track say that they cannot, and what to do instead. They never pass.

use std::ffi::OsString;

/// What to do instead, for the whole of a project.
const INSTEAD: &str = "tracking needs Linux; in a container: docker run --rm -v \"$PWD:/project\" -w /project python:3 \
    sh -c \"pip install leakgate-memory && leakgate";

/// The words after a command that has nothing to do here.
#[derive(Debug, clap::Args)]
pub struct Words {
    /// What the command takes on Linux
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
    words: Vec<OsString>,
}

impl Words {
    /// The error that says what the command `name` needs.
    fn refuse(&self, name: &str) -> anyhow::Error {
        let words = self.words.iter().map(|word| word.to_string_lossy());
        let line: Vec<_> = std::iter::once(name.into()).chain(words).collect();
        refusal(&line.join(" "))
    }
}

fn refusal(line: &str) -> anyhow::Error {
    anyhow::anyhow!("{INSTEAD} {line}\"")
}

/// `leakgate check`: the configuration is checked, and nothing is run.
pub mod check {
    use std::convert::Infallible;
    use std::io::Write;

    pub use crate::commands::check_args::Args;
    use crate::commands::check_args::{choose, refuse};
    use crate::config;
    use crate::exit::Exit;

    /// What became of a check.
    pub(in crate::commands) enum Attempt {
        /// All was run: never here.
        #[allow(dead_code, reason = "who asks for a check knows both")]
        Judged(Infallible),
        /// Nothing was judged.
        Stopped(Exit),
    }

    /// Looks at the configuration.
    ///
    /// # Errors
    /// When that is well, because nothing can be run.
    pub fn run(args: &Args, out: &mut dyn Write, messages: &mut dyn Write) -> anyhow::Result<Exit> {
        match attempt(args, out, messages)? {
            Attempt::Stopped(exit) => Ok(exit),
            Attempt::Judged(never) => match never {},
        }
    }

    /// As [`run`].
    pub(in crate::commands) fn attempt(
        args: &Args,
        _: &mut dyn Write,
        messages: &mut dyn Write,
    ) -> anyhow::Result<Attempt> {
        let config = match config::load(&args.config) {
            Ok(config) => config,
            Err(errors) => return refuse(&errors, &args.ci, messages).map(Attempt::Stopped),
        };
        let chosen = choose(&config, &args.names)?;
        let scenarios = if chosen.len() == 1 { "scenario" } else { "scenarios" };
        writeln!(messages, "{}: {} {scenarios}, nothing wrong", config.path.display(), chosen.len())?;
        Err(super::refusal("check"))
    }
}

/// `leakgate run`.
pub mod run {
    use std::io::Write;

    use crate::exit::Exit;

    /// Record a command (on Linux)
    #[derive(Debug, clap::Args)]
    pub struct Args {
        #[command(flatten)]
        words: super::Words,
    }

    /// Says that it cannot.
    ///
    /// # Errors
    /// Always.
    pub fn run(args: &Args, _: &mut dyn Write) -> anyhow::Result<Exit> {
        Err(args.words.refuse("run"))
    }
}

/// `leakgate call`.
pub mod call {
    use std::io::Write;

    use crate::exit::Exit;

    /// Record a Python function, without any configuration (on Linux)
    #[derive(Debug, clap::Args)]
    pub struct Args {
        #[command(flatten)]
        words: super::Words,
    }

    /// Says that it cannot.
    ///
    /// # Errors
    /// Always.
    pub fn run(args: &Args, _: &mut dyn Write, _: &mut dyn Write) -> anyhow::Result<Exit> {
        Err(args.words.refuse("call"))
    }
}

/// `leakgate doctor`.
pub mod doctor {
    use std::io::Write;

    use crate::exit::Exit;

    /// Say what on this machine works, and why not
    #[derive(Debug, clap::Args)]
    pub struct Args {}

    /// Says what works here.
    ///
    /// # Errors
    /// Always: not all does.
    pub fn run(_: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
        writeln!(out, "view, diff, baseline, rules, merge and comment work here")?;
        Err(super::refusal("check"))
    }
}
