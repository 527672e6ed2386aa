//! The journal of a recording: which process began, and which program a process executed, in the order in which it
//! happened. A program without the tracker (static, setuid, another C library) is known by it however short it lives.
//!
//! One file for all processes; each line is appended by one `write`. Runs in signal handlers and in `vfork` children:
//! no lock, no `malloc`, no record, nothing kept open.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, Ordering};

use leakgate_capture::{MAX_JOURNAL_PATH, UNABLE_NAME};

use crate::capture::header;
use crate::{start, sys};

const MAX_LINE: usize = 4 * MAX_JOURNAL_PATH + 128;
/// The number in the name of this process's file.
static SEQUENCE: AtomicU32 = AtomicU32::new(0);

/// The number in the name of this process's file.
pub(crate) fn sequence() -> u32 {
    SEQUENCE.load(Ordering::Relaxed)
}

/// Sets the number in the name of this process's file.
pub(crate) fn set_sequence(sequence: u32) {
    SEQUENCE.store(sequence, Ordering::Relaxed);
}

/// This process's recording began, after it was executed.
pub(crate) fn began() {
    let mut line = Line::new(b"begin");
    line.number(sys::getpid());
    line.number(sequence());
    line.append();
}

/// This process was executed, and cannot record: `why` is one of the journal's reasons.
pub(crate) fn unable(why: u32) {
    let mut line = Line::new(b"unable");
    line.number(sys::getpid());
    line.number(why);
    if !line.append() {
        mark_unable(why);
    }
}

/// Where not even a line may be written, an empty file says it by its name.
fn mark_unable(why: u32) {
    let mut name = Line::new(b"/");
    UNABLE_NAME.bytes().for_each(|byte| name.byte(byte));
    start::digits(sys::getpid(), |digits| digits.iter().for_each(|digit| name.byte(*digit)));
    name.byte(b'-');
    start::digits(why, |digits| digits.iter().for_each(|digit| name.byte(*digit)));
    name.byte(0);
    let make = |path: &[u8]| sys::open(path, libc::O_WRONLY | libc::O_CREAT).is_some();
    start::in_capture(&name.bytes[..name.length], make);
}

/// Whether the journal says what a process is about to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It does.
    Written,
    /// There is nothing to tell.
    Nothing,
    /// It could not be written: the process has not the right to, or the disk is full.
    Unwritten,
}

/// Process `pid` is about to execute a program.
pub(crate) fn executes(pid: u32, path: &CStr) -> Told {
    // A name without a slash is searched for, in places that only the C library knows.
    if path.to_bytes().contains(&b'/') && !sys::can_execute(path) {
        return Told::Nothing;
    }
    if about(b"exec", pid, path.to_bytes()) { Told::Written } else { Told::Unwritten }
}

/// What `executes` announced did not happen.
pub(crate) fn failed(pid: u32) {
    let mut line = Line::new(b"fail");
    line.number(pid);
    line.append();
}

/// A program was started as process `pid`; whether that could be written.
pub(crate) fn spawned(pid: u32, path: &[u8]) -> bool {
    about(b"spawn", pid, path)
}

/// The C library is about to start a program with an environment that does not load the library; its process is not known.
pub(crate) fn escapes(path: &[u8]) {
    about(b"escape", 0, path);
}

fn about(what: &[u8], pid: u32, path: &[u8]) -> bool {
    let mut line = Line::new(what);
    line.number(pid);
    // In a child without a file of its own, that of the nearest process that has one.
    // SAFETY: hooks ask only where recording has begun, so the header is mapped.
    line.number(unsafe { (*header()).pid });
    line.number(sequence());
    line.byte(b' ');
    // The end of a long path is what tells it from others.
    line.path(&path[path.len().saturating_sub(MAX_JOURNAL_PATH)..]);
    line.append()
}

struct Line {
    bytes: [u8; MAX_LINE],
    length: usize,
}

impl Line {
    fn new(what: &[u8]) -> Line {
        let mut line = Line { bytes: [0; MAX_LINE], length: 0 };
        what.iter().for_each(|byte| line.byte(*byte));
        line
    }

    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn number(&mut self, number: u32) {
        self.byte(b' ');
        start::digits(number, |digits| digits.iter().for_each(|digit| self.byte(*digit)));
    }

    /// Control characters and backslashes as `\xNN`: a line stays one.
    fn path(&mut self, path: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in path {
            if *byte >= b' ' && *byte != b'\\' && *byte != 127 {
                self.byte(*byte);
                continue;
            }
            for part in [b'\\', b'x', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]] {
                self.byte(part);
            }
        }
    }

    fn append(&mut self) -> bool {
        self.byte(b'\n');
        start::in_capture(b"/journal\0", |path| sys::append(path, &self.bytes[..self.length]))
    }
}
