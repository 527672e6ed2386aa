//! `leakgate completions` and `leakgate man`: what a shell and `man` know about the commands.

use std::io::Write;

use clap_complete::Shell;

use crate::exit::Exit;

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Print the manual page
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Page of a command, `check` or `baseline update` for example [default: of leakgate, with all commands]
    command: Vec<String>,
}

/// Prints the completions of `command` to `out`.
///
/// # Errors
/// When `out` does not take them.
pub fn completions(
    args: &CompletionsArgs,
    mut command: clap::Command,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "leakgate", &mut text);
    out.write_all(&text)?;
    Ok(Exit::Passed)
}

/// Prints the manual page of `command`, or of one of its commands, to `out`.
///
/// # Errors
/// When there is no such command, or `out` does not take the page.
pub fn man(args: &ManArgs, command: clap::Command, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut page = command;
    let mut words = vec!["leakgate".to_owned()];
    // A page names those of its commands as this program takes them: `leakgate-baseline-update`.
    for name in args.command.iter().flat_map(|words| words.split('-')) {
        let found = page.get_subcommands().find(|subcommand| subcommand.get_name() == name);
        let found = found.ok_or_else(|| anyhow::anyhow!("there is no command `{name}`"))?.clone();
        words.push(name.to_owned());
        page = found.display_name(words.join("-")).bin_name(words.join(" "));
    }
    // `--help` says the same.
    let page = page.disable_help_subcommand(true);
    clap_mangen::Man::new(page).render(out)?;
    Ok(Exit::Passed)
}
