//! The line that shows how a recorded command is doing, on a terminal only.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::scenario::watch::Tick;
use crate::units::Bytes;

/// Shortest time between two lines.
const INTERVAL: Duration = Duration::from_millis(100);
const ERASE: &str = "\r\x1b[2K";

/// Draws the line over and over; erases it in the end.
pub(super) struct Progress<'a> {
    out: &'a mut dyn Write,
    shown_at: Option<Instant>,
    enabled: bool,
}

impl<'a> Progress<'a> {
    /// Draws on `out`, which is stderr, unless that is no terminal or the user wants quiet.
    pub(super) fn on_stderr(out: &'a mut dyn Write, quiet: bool) -> Progress<'a> {
        Progress { out, shown_at: None, enabled: !quiet && std::io::stderr().is_terminal() && !is_ci() }
    }

    /// Draws `tick`, at most ten times a second.
    pub(super) fn show(&mut self, tick: &Tick) {
        if !self.enabled || self.shown_at.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        self.shown_at = Some(Instant::now());
        // A terminal that has gone away is no reason to end the command.
        let _ = write!(self.out, "{ERASE}{}", line(tick));
        let _ = self.out.flush();
    }

    /// Removes the line.
    pub(super) fn erase(self) {
        if self.shown_at.is_some() {
            let _ = write!(self.out, "{ERASE}");
            let _ = self.out.flush();
        }
    }
}

/// Whether a CI system runs this: `CI` is set, as all of them do.
pub(super) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

fn line(tick: &Tick) -> String {
    let seconds = tick.elapsed.as_secs_f64();
    let (live, peak) = (Bytes(tick.live), Bytes(tick.peak));
    format!("leakgate: {live} live, {peak} peak, {seconds:.1} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Tick = Tick { elapsed: Duration::from_millis(1250), live: 2048, peak: 3 << 20 };

    #[test]
    fn the_line_is_drawn_at_most_ten_times_a_second_and_erased() {
        let mut out = Vec::new();
        let mut progress = Progress { out: &mut out, shown_at: None, enabled: true };
        progress.show(&TICK);
        progress.shown_at = Some(Instant::now() + INTERVAL);
        progress.show(&TICK);
        progress.erase();
        let drawn = "\r\x1b[2Kleakgate: 2.0 KiB live, 3.0 MiB peak, 1.2 s\r\x1b[2K";
        assert_eq!(String::from_utf8(out).unwrap(), drawn);
    }

    #[test]
    fn nothing_is_written_where_there_is_no_terminal() {
        let mut out = Vec::new();
        let mut progress = Progress { out: &mut out, shown_at: None, enabled: false };
        progress.show(&TICK);
        progress.erase();
        assert!(out.is_empty());
    }
}
