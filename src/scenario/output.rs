//! The output of a scenario, kept within a bound: a program that prints without end is neither blocked nor stored.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::plain::plain;
use super::signals;

/// Bytes kept of the beginning, and again of the end.
pub const KEPT: usize = 64 * 1024;

/// One stream that is drained by a thread of its own until its end.
#[derive(Debug)]
pub struct Drained {
    kept: Arc<Mutex<Kept>>,
    done: Receiver<()>,
}

#[derive(Debug)]
struct Kept {
    file: File,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
    /// Why the file is not whole.
    error: Option<io::Error>,
    /// The file is complete: what comes later belongs to nobody.
    complete: bool,
}

impl Drained {
    /// Drains `stream`; its first bytes go to `path` at once, so that they survive the program.
    pub fn start(mut stream: impl Read + Send + 'static, path: &Path) -> io::Result<Drained> {
        let kept = Kept {
            file: File::create(path)?,
            head: Vec::new(),
            tail: VecDeque::new(),
            left_out: 0,
            error: None,
            complete: false,
        };
        let kept = Arc::new(Mutex::new(kept));
        let (sender, done) = channel();
        let shared = Arc::clone(&kept);
        signals::spawn_deaf(move || {
            let mut buffer = vec![0; KEPT];
            while let Ok(count @ 1..) = read_retrying(&mut stream, &mut buffer) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).add(&buffer[..count]);
            }
            // The receiver has gone when nobody waits for the end any more.
            let _ = sender.send(());
        });
        Ok(Drained { kept, done })
    }

    /// Completes the file and returns the last `KEPT` bytes, and why the file is not whole. Waits for the stream's end until `deadline` only: a
    /// process that outlives the scenario may hold it open for ever.
    pub fn finish(&self, deadline: Instant) -> (Vec<u8>, Option<io::Error>) {
        let patience = deadline.saturating_duration_since(Instant::now());
        let (Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout)) =
            self.done.recv_timeout(patience);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }
}

fn read_retrying(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl Kept {
    fn add(&mut self, bytes: &[u8]) {
        if self.complete {
            return;
        }
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT - self.head.len()));
        self.head.extend_from_slice(first);
        self.write(first);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..excess);
        self.left_out += excess as u64;
    }

    /// A full disk loses output, not the scenario.
    fn write(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.file.write_all(bytes).err();
        }
    }

    fn finish(&mut self) -> (Vec<u8>, Option<io::Error>) {
        self.complete = true;
        if self.left_out > 0 {
            self.write(format!("\n[leakgate: {} bytes are left out here]\n", self.left_out).as_bytes());
        }
        let tail: Vec<u8> = std::mem::take(&mut self.tail).into();
        self.write(&tail);
        let mut end = std::mem::take(&mut self.head);
        if self.left_out > 0 {
            end.clear();
        }
        end.extend_from_slice(&tail);
        end.drain(..end.len().saturating_sub(KEPT));
        (end, self.error.take())
    }
}

/// Output of a program made harmless for people's eyes: the last `lines` lines, without control characters and
/// terminal sequences, each line of bounded length.
pub fn plain_end(output: &[u8], lines: usize) -> String {
    const LONGEST_LINE: usize = 300;
    let text = plain(&String::from_utf8_lossy(output));
    let all: Vec<&str> = text.trim_end().lines().collect();
    let shown = all[all.len().saturating_sub(lines)..].iter();
    let shown: Vec<String> = shown.map(|line| line.chars().take(LONGEST_LINE).collect()).collect();
    shown.join("\n")
}

/// How long `finish` may wait for a stream after its program ended.
pub const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(stream: impl Read + Send + 'static) -> (Vec<u8>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout.txt");
        let drained = Drained::start(stream, &path).unwrap();
        let (end, error) = drained.finish(Instant::now() + Duration::from_secs(60));
        assert!(error.is_none(), "{error:?}");
        (std::fs::read(path).unwrap(), end)
    }

    #[test]
    fn short_output_is_kept_whole() {
        let (file, end) = drained(&b"hello\nworld\n"[..]);
        assert_eq!(file, b"hello\nworld\n");
        assert_eq!(end, b"hello\nworld\n");
    }

    #[test]
    fn output_up_to_the_bound_is_kept_whole() {
        let text: Vec<u8> = (0..2 * KEPT).map(|n| n as u8).collect();
        let (file, end) = drained(io::Cursor::new(text.clone()));
        assert_eq!(file, text);
        assert_eq!(end, text[KEPT..]);
    }

    #[test]
    fn of_a_gigabyte_the_first_and_the_last_bytes_are_kept() {
        let middle = io::repeat(b'm').take(1 << 30);
        let stream = io::repeat(b'a').take(KEPT as u64).chain(middle).chain(io::repeat(b'z').take(10));
        let (file, end) = drained(stream);
        let note = format!("\n[leakgate: {} bytes are left out here]\n", (1 << 30) + 10 - KEPT);
        assert_eq!(file.len(), 2 * KEPT + note.len());
        assert_eq!(&file[KEPT..KEPT + note.len()], note.as_bytes());
        assert!(file.ends_with(b"mzzzzzzzzzz"));
        assert_eq!(end.len(), KEPT);
    }

    #[test]
    fn terminal_sequences_and_control_characters_are_removed_from_what_is_shown() {
        let output = b"one\n\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07two\r\nthr\xffee\x00\n\n";
        assert_eq!(plain_end(output, 2), "red two\nthr\u{fffd}ee");
    }
}
