//! Which of descriptors 0, 1 and 2 were closed when the program was started. Rust's runtime opens `/dev/null` in their
//! place before `main`, so it is noted before the runtime begins.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::{self, c_int};

/// The C library calls what stands in this section before it calls the runtime.
#[used]
// SAFETY: the section holds functions of this signature, and this one needs nothing of the runtime.
#[unsafe(link_section = ".init_array")]
static BEFORE_THE_RUNTIME: extern "C" fn() = note_closed;

static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

extern "C" fn note_closed() {
    for (fd, closed) in (0..).zip(&CLOSED) {
        // SAFETY: it asks about a number, and touches no memory.
        let flags = unsafe { libc::fcntl(fd as c_int, libc::F_GETFD) };
        closed.store(flags == -1, Ordering::Relaxed);
    }
}

/// What was closed is closed again in each program that this one starts; in this one it stays `/dev/null`, so that no
/// file of its own is taken for a standard stream.
pub(crate) fn stay_closed_in_commands() {
    for (fd, closed) in (0..).zip(&CLOSED) {
        if closed.load(Ordering::Relaxed) {
            // SAFETY: as above.
            unsafe { libc::fcntl(fd as c_int, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}
