//! What the program does otherwise where the system is not Linux.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{begin, end_by, not_run};
#[cfg(target_os = "linux")]
pub(crate) use linux::{begin, end_by, not_run};

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::Arc;

    use signal_hook::consts::SIGXFSZ;

    use crate::exit::Exit;
    use crate::scenario::executable::ExecutableError;
    use crate::scenario::{limits, signals};

    /// Readies the process, before anything else.
    pub(crate) fn begin() {
        // A file size limit is then an error that can be told, and not the end of this program. Programs that it starts
        // have the signal as it was.
        let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
        limits::raise();
    }

    /// Ends the process by signal `number`.
    pub(crate) fn end_by(number: i32) {
        signals::raise(number);
    }

    /// What `leakgate run` ends with where it could not run the command.
    pub(crate) fn not_run(error: &anyhow::Error) -> Exit {
        match error.downcast_ref::<ExecutableError>() {
            Some(ExecutableError::NotFound(..)) => Exit::NotFound,
            Some(_) => Exit::NotExecutable,
            None => Exit::RunFailed,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use crate::exit::Exit;

    pub(crate) fn begin() {}

    pub(crate) fn end_by(_: i32) {}

    pub(crate) fn not_run(_: &anyhow::Error) -> Exit {
        Exit::BadInput
    }
}
