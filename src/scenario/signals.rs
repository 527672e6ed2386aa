//! The signals that the program gets while a command runs, and whether the terminal sent them to the command too.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use nix::libc::{SI_KERNEL, c_int};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::consts::signal::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};

/// What `leakgate run` passes on to its command.
pub const PASSED_ON: [c_int; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH];
/// What ends a scenario of `leakgate check`.
pub const ENDING: [c_int; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// A signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub number: c_int,
    /// Who sent it.
    pub origin: Origin,
}

/// Who sent a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The kernel, for the terminal: the whole foreground process group has it.
    Terminal,
    /// A process, or it is not known.
    Process,
}

/// Signals that are kept for `poll` instead of ending the program.
#[derive(Debug)]
pub struct Signals {
    handled: signal_hook::iterator::Signals,
    set: SigSet,
    queue: Option<SignalFd>,
}

impl Signals {
    /// Keeps the signals of `numbers`, except those that are ignored: they stay so, here and in the command (`nohup`).
    /// Handlers, and not a mask, because a command inherits a mask and not handlers.
    pub fn listen(numbers: &[c_int]) -> io::Result<Signals> {
        let ignored = ignored_signals();
        let wanted: Vec<c_int> =
            numbers.iter().copied().filter(|number| ignored & (1 << (number - 1)) == 0).collect();
        let set = wanted.iter().filter_map(|number| Signal::try_from(*number).ok()).collect();
        // Where the parent ignores SIGCHLD, the kernel would throw the command's exit status away.
        let handled = signal_hook::iterator::Signals::new(wanted.iter().chain([&SIGCHLD]))?;
        Ok(Signals { handled, set, queue: None })
    }

    /// From now on `poll` tells the terminal's signals from others. To be called after the command was started, and
    /// before this thread starts others: it blocks the signals, which they and commands inherit.
    pub fn tell_origins(&mut self) -> io::Result<()> {
        self.queue = Some(SignalFd::with_flags(&self.set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?);
        self.set.thread_block()?;
        Ok(())
    }

    /// The signals that arrived since the last call.
    pub fn poll(&mut self) -> Vec<Received> {
        let mut received: Vec<Received> = self
            .handled
            .pending()
            .filter(|number| *number != SIGCHLD)
            .map(|number| Received { number, origin: Origin::Process })
            .collect();
        while let Some(Ok(Some(info))) = self.queue.as_ref().map(SignalFd::read_signal) {
            let origin = if info.ssi_code == SI_KERNEL { Origin::Terminal } else { Origin::Process };
            received.push(Received { number: info.ssi_signo as c_int, origin });
        }
        received
    }
}

/// The signals that end scenarios, for all that run at the same time: the first that arrives ends each of them.
#[derive(Debug)]
pub struct Interruption {
    signals: Mutex<Signals>,
    /// The first signal that arrived; 0: none.
    first: AtomicI32,
}

impl Interruption {
    /// Keeps the signals of `numbers` from now on, as `Signals::listen` does.
    pub fn listen(numbers: &[c_int]) -> io::Result<Interruption> {
        Ok(Interruption { signals: Mutex::new(Signals::listen(numbers)?), first: AtomicI32::new(0) })
    }

    /// The signal that ends everything, if one has arrived.
    pub fn signal(&self) -> Option<c_int> {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        if let (0, Some(received)) = (self.first.load(Ordering::Relaxed), signals.poll().first()) {
            self.first.store(received.number, Ordering::Relaxed);
        }
        Some(self.first.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }
}

/// Starts a thread that gets no signals: one that did would take them from `poll`'s queue, and their origin with them.
pub fn spawn_deaf(work: impl FnOnce() + Send + 'static) {
    // Blocked before the thread exists, which inherits it. It fails for no mask that there is.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
    thread::spawn(work);
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
}

/// Ends the program by `number`, as the command was ended, without a second core dump. Returns only for a signal that
/// does not end a program.
pub fn raise(number: c_int) {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE) {
        // Without the limit there is a useless core file, nothing worse.
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
    }
    // It fails for a signal that it does not know: the caller then returns an exit code.
    let _ = signal_hook::low_level::emulate_default_handler(number);
}

/// The name of a signal, for people: `SIGKILL`.
pub fn name(number: c_int) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.to_string())
}

/// Bit `n - 1` is set for each ignored signal `n`.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
