//! Reads the journal of a capture: see the format in the crate's own description.

use alloc::string::String;
use alloc::vec::Vec;

/// A process file by its name: process id and number.
pub type FileName = (u32, u32);

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A process that was executed began to record into this file.
    Began(FileName),
    /// A process is about to execute a program.
    Executes {
        /// The process.
        pid: u32,
        /// Its own file, or that of the nearest process above it that has one.
        owner: FileName,
        /// The program.
        path: String,
    },
    /// A process that was executed cannot record, for a reason of the crate's `UNABLE_…`.
    Unable(u32, u32),
    /// What the process announced last did not happen.
    Failed(u32),
    /// A program was started in a new process.
    Spawned {
        /// The new process.
        pid: u32,
        /// Who started it.
        owner: FileName,
        /// The program.
        path: String,
    },
    /// A program was started without the tracker; its process is not known.
    Escaped {
        /// Who started it.
        owner: FileName,
        /// The program.
        path: String,
    },
}

/// The lines of a journal that are whole, in order, and how many are not (a full disk cuts lines).
pub fn events(text: &[u8]) -> (Vec<Event>, usize) {
    let (mut events, mut broken) = (Vec::new(), 0);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match core::str::from_utf8(&unescaped(line)).ok().and_then(event) {
            Some(event) => events.push(event),
            None => broken += 1,
        }
    }
    (events, broken)
}

fn event(line: &str) -> Option<Event> {
    let mut parts = line.splitn(5, ' ');
    let what = parts.next()?;
    let mut number = || parts.next()?.parse::<u32>().ok();
    let pid = number()?;
    let event = match what {
        "begin" => Event::Began((pid, number()?)),
        "fail" => Event::Failed(pid),
        "unable" => Event::Unable(pid, number()?),
        _ => {
            let owner = (number()?, number()?);
            let path = String::from(parts.next()?);
            return match what {
                "exec" => Some(Event::Executes { pid, owner, path }),
                "spawn" => Some(Event::Spawned { pid, owner, path }),
                "escape" if pid == 0 => Some(Event::Escaped { owner, path }),
                _ => None,
            };
        }
    };
    parts.next().is_none().then_some(event)
}

/// The bytes that `\xNN` stands for; a path that is no UTF-8 gets replacement characters.
fn unescaped(line: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), line);
    while let [first, after @ ..] = rest {
        let escape = after.get(..3).filter(|escape| *first == b'\\' && escape[0] == b'x');
        let byte = escape.and_then(|escape| core::str::from_utf8(&escape[1..]).ok());
        match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[3..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back_and_broken_ones_are_counted() {
        let text = b"begin 7 0\nexec 8 7 0 /bin/my\\x0aprogram x\\x5c\nfail 8\nspawn 9 7 0 cat\nescape 0 7 1 /bin/sh\n\
                     unable 9 1\n\
                     begin 7\nunable 9\nexec 8 7 0\nwhat 1 2 3 x\nbegin 7 0 1\nescape 3 7 1 x\nspawn 9 7 0 \xff\ncut of";
        let (read, broken) = events(text);
        let owner = (7, 0);
        assert_eq!(
            read,
            [
                Event::Began((7, 0)),
                Event::Executes { pid: 8, owner, path: "/bin/my\nprogram x\\".into() },
                Event::Failed(8),
                Event::Spawned { pid: 9, owner, path: "cat".into() },
                Event::Escaped { owner: (7, 1), path: "/bin/sh".into() },
                Event::Unable(9, 1),
                Event::Spawned { pid: 9, owner, path: "\u{fffd}".into() },
            ]
        );
        assert_eq!(broken, 7);
    }
}
