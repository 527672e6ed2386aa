//! The file that a snapshot is written to: numbers into a buffer of our own, and that into the file by plain writes.

use leakgate_capture::heap::HEAD_LEN;

use super::super::room::Growing;
use crate::sys;

const ROOM: usize = 1 << 20;
/// Most bytes of a number.
const LONGEST: usize = 10;

/// Takes numbers.
pub(super) trait Numbers {
    fn byte(&mut self, byte: u8);

    #[inline(always)]
    fn number(&mut self, mut number: u64) {
        while number >= 128 {
            self.byte(number as u8 | 128);
            number >>= 7;
        }
        self.byte(number as u8);
    }
}

/// The file.
pub(super) struct Out {
    file: sys::Fd,
    buffer: *mut u8,
    used: usize,
    /// Bytes of the file that are written.
    written: usize,
    limit: u64,
    failed: bool,
}

impl Out {
    /// `None`: the file cannot be made, or there is no memory.
    pub(super) fn create(path: &[u8]) -> Option<Out> {
        let file = sys::open(path, libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC)?;
        let buffer = sys::map(ROOM)?;
        Some(Out { file, buffer, used: 0, written: HEAD_LEN, limit: sys::file_size_limit(), failed: false })
    }

    /// Bytes after the head so far.
    pub(super) fn position(&self) -> u64 {
        (self.written + self.used - HEAD_LEN) as u64
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(ROOM) {
            if self.used + part.len() > ROOM {
                self.flush();
            }
            // SAFETY: the buffer has that much room, and is no part of what is copied.
            unsafe { self.buffer.add(self.used).copy_from_nonoverlapping(part.as_ptr(), part.len()) };
            self.used += part.len();
        }
    }

    /// Makes room for some numbers, so that they need not ask.
    #[inline(always)]
    fn flush_if_full(&mut self) {
        if self.used + LONGEST > ROOM {
            self.flush();
        }
    }

    #[cold]
    #[inline(never)]
    fn flush(&mut self) {
        // Writing past the limit would kill the process.
        let fits = (self.written + self.used) as u64 <= self.limit;
        if !self.failed && (!fits || !sys::write_at(&self.file, self.buffer, self.used, self.written)) {
            self.failed = true;
        }
        self.written += self.used;
        self.used = 0;
    }

    /// Writes the rest, and the head at the beginning; whether all of it is written.
    pub(super) fn finish(&mut self, head: &[u8]) -> bool {
        self.flush();
        !self.failed && sys::write_at(&self.file, head.as_ptr(), head.len(), 0)
    }
}

impl Numbers for Out {
    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        // SAFETY: `number` has made room.
        unsafe { self.buffer.add(self.used).write(byte) };
        self.used += 1;
    }

    #[inline(always)]
    fn number(&mut self, mut number: u64) {
        self.flush_if_full();
        while number >= 128 {
            self.byte(number as u8 | 128);
            number >>= 7;
        }
        self.byte(number as u8);
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        sys::unmap(self.buffer, ROOM);
    }
}

/// Bytes that wait until their turn.
pub(super) struct Later {
    bytes: Growing<u8>,
    pub(super) failed: bool,
}

impl Later {
    pub(super) const fn new() -> Self {
        Later { bytes: Growing::new(), failed: false }
    }

    pub(super) fn written(&self) -> &[u8] {
        self.bytes.items()
    }
}

impl Numbers for Later {
    fn byte(&mut self, byte: u8) {
        self.failed |= self.bytes.push(byte).is_none();
    }
}
