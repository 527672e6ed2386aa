//! A command of `leakgate run` that cannot be recorded: it runs as it would alone, and it is said that nothing was recorded.

use std::io::{self, Write};
use std::process::ExitStatus;

use anyhow::Context;
use nix::errno::Errno;

use crate::scenario::capture_dir::CaptureDirError;
use crate::scenario::launch::Launch;
use crate::scenario::limits;
use crate::scenario::signals::{PASSED_ON, Signals};
use crate::scenario::watch;

/// Why nothing is recorded, where an error on the way to the command's start says that no descriptor was left.
pub(super) fn without_descriptors(error: &anyhow::Error) -> Option<String> {
    let is_limit = |error: &io::Error| {
        [Errno::EMFILE, Errno::ENFILE].iter().any(|limit| error.raw_os_error() == Some(*limit as i32))
    };
    let of_folder = error.downcast_ref::<CaptureDirError>().and_then(CaptureDirError::system);
    let told = error.chain().filter_map(|cause| cause.downcast_ref()).chain(of_folder).any(is_limit);
    let most = limits::most_files();
    told.then(|| format!("no more files can be opened: the limit of open files (RLIMIT_NOFILE) is {most}"))
}

/// Runs the command; how it ended.
///
/// # Errors
/// When it cannot be started.
pub(super) fn run(launch: &Launch, reason: &str, messages: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    // What cannot be told is no reason not to run it.
    let _ = writeln!(messages, "leakgate: warning: the command is not recorded: {reason}");
    let failed = || format!("failed to start `{}`", launch.program.display());
    let Ok(mut signals) = Signals::listen(&PASSED_ON) else {
        // Without a descriptor nobody can wait for it, so it takes this program's place.
        return Err(launch.in_place()).with_context(failed);
    };
    let running = match launch.transparent() {
        Err(error) if error.raw_os_error() == Some(Errno::EMFILE as i32) => {
            return Err(launch.in_place()).with_context(failed);
        }
        started => started.with_context(failed)?,
    };
    // Without it a signal of the terminal reaches the command twice, at worst.
    let _ = signals.tell_origins();
    let status = watch::wait(running, &mut signals)?;
    let _ = writeln!(messages, "leakgate: warning: nothing was recorded: {reason}");
    Ok(status)
}
