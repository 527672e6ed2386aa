//! Watches a running command from outside: samples it, passes signals on, and ends it at a limit.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::intervals::Intervals;
use super::launch::Running;
use super::limits;
use super::processes::{self, Processes, Reading, has_tracker};
use super::questions::Questions;
use super::series::Series;
use super::signals::{Interruption, Origin, Received, Signals};
use super::survey::Surveyor;
use super::timeline::Timeline;
use super::together::Sampled;
use super::tracker::Follow;
use super::unrecorded;
use super::untracked::{self, Descendants};
use crate::profile::{Obstacle, Untracked};

/// Time between two samples: short in the beginning, so that short programs are seen too.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);
const INTERVAL: Duration = Duration::from_millis(10);
/// It is this part of the time until then.
const PART: u32 = 10;
/// A tracker that has not begun by then is not there.
const SILENCE: Duration = Duration::from_secs(2);
/// What a command leaves behind has this time to end by itself.
const SETTLING: Duration = Duration::from_millis(500);
/// From asking a program to end until it is ended.
const GRACE: Duration = Duration::from_secs(5);

/// How the command belongs to the program, with the signals that the program gets.
#[derive(Debug)]
pub enum Owner<'a> {
    /// It is the user's (`leakgate run`): signals are passed on, nothing ends it.
    User(&'a mut Signals),
    /// It is a scenario's, in a process group of its own, which is ended with it.
    Scenario(&'a Interruption),
}

/// When to end the command.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Kill it after this time.
    pub timeout: Option<Duration>,
    /// Ask it to end after this time.
    pub until: Option<Duration>,
    /// Kill it when a process holds this much.
    pub memory: Option<u64>,
    /// Whether only resident memory counts for that: the automatic limit protects the machine.
    pub resident_only: bool,
    /// End it some time after this file is there: it says that the work is done.
    pub finished: Option<std::path::PathBuf>,
}

/// Why the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    ByItself,
    /// Its work was done and it did not end: ended by us.
    Finished,
    /// `until` was over: ended by us, as planned.
    Until,
    /// `timeout` was over: killed.
    TimedOut,
    /// The memory limit was reached: killed.
    MemoryLimit,
    /// The tracker did not begin: killed.
    Silent,
    /// The user interrupted the program with this signal: killed.
    Interrupted(i32),
}

/// What watching showed.
#[derive(Debug)]
pub struct Watched {
    /// Why it ended.
    pub end: End,
    /// How it ended.
    pub status: ExitStatus,
    /// Wall time.
    pub elapsed: Duration,
    /// What samples saw.
    pub sampled: Sampled,
    /// Number of processes that ran unwatched, because no descriptor was left.
    pub unseen: usize,
    /// Number of processes that were recorded.
    pub processes: usize,
    /// Whether the command itself was recorded.
    pub recorded: bool,
    /// Why it was not, where it loaded the tracker.
    pub obstacle: Option<Obstacle>,
    /// Programs that ran without the tracker.
    pub untracked: Vec<Untracked>,
    /// The iterations of its processes, where they are time or traffic.
    pub series: Vec<Series>,
}

/// One sample, for a progress line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tick {
    /// Time since the start.
    pub elapsed: Duration,
    /// Live bytes of all processes, what forked ones share counted once.
    pub live: u64,
    /// Highest peak of one process.
    pub peak: u64,
}

/// Samples and limits one command until it has ended.
pub struct Watcher<'a> {
    running: Running,
    owner: Owner<'a>,
    limits: Limits,
    processes: Processes,
    timeline: Timeline,
    descendants: Descendants,
    surveyor: Surveyor,
    folder: PathBuf,
    sampled: Sampled,
    ending: Option<Ending>,
    done_since: Option<Instant>,
    questions: Option<Questions>,
    intervals: Option<Intervals>,
}

/// The command is being ended.
#[derive(Debug, Clone, Copy)]
struct Ending {
    why: End,
    /// When it is killed if it has not ended; `None` when it was killed.
    kill_at: Option<Instant>,
}

impl Watched {
    /// Where children are not followed, only the command itself can be missing.
    pub fn keep_to(&mut self, follow: Follow, command: u32) {
        if follow == Follow::Nothing {
            self.untracked.retain(|program| program.pid == Some(command));
        }
    }

    /// What the reader must know of processes that are in no figure.
    pub fn notes(&self) -> Vec<String> {
        let unseen = (self.unseen > 0).then(|| {
            format!(
                "{} not watched while running, because too many files were open (RLIMIT_NOFILE is {}): sampled \
                 figures are without what was not seen",
                if self.unseen == 1 { "1 process was".to_owned() } else { format!("{} processes were", self.unseen) },
                limits::most_files()
            )
        });
        unrecorded::note(&self.untracked).into_iter().chain(unseen).collect()
    }
}

impl<'a> Watcher<'a> {
    /// Watches `running`, which writes into the capture in `folder`.
    pub fn new(running: Running, folder: &Path, owner: Owner<'a>) -> Self {
        Watcher {
            descendants: Descendants::of(running.child.id()),
            running,
            owner,
            limits: Limits::default(),
            processes: Processes::new(folder),
            folder: folder.to_path_buf(),
            timeline: Timeline::create(folder),
            surveyor: Surveyor::default(),
            sampled: Sampled::default(),
            ending: None,
            done_since: None,
            questions: None,
            intervals: None,
        }
    }

    /// Sets when to end it.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Answers the questions of the driver that is watched.
    pub fn answering(mut self, questions: Option<Questions>) -> Self {
        self.questions = questions;
        self
    }

    /// Looks at the iterations of a command that are time or traffic.
    pub fn looking(mut self, intervals: Option<Intervals>) -> Self {
        self.intervals = intervals;
        self
    }

    /// Watches until the command has ended, and returns it with its drained output.
    pub fn watch(mut self, on_tick: &mut dyn FnMut(&Tick)) -> io::Result<(Watched, Running)> {
        let mut next = self.running.started;
        loop {
            let interval = (self.running.started.elapsed() / PART).clamp(FIRST_INTERVAL, INTERVAL);
            next = (next + interval).max(Instant::now());
            match self.running.ended.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
            self.pass_signals();
            if let Some(questions) = &mut self.questions {
                questions.answer(&self.folder, self.running.child.id())?;
            }
            let readings = self.sample(on_tick);
            self.apply_limits(&readings);
        }
        let elapsed = self.running.started.elapsed();
        self.sample(on_tick);
        if matches!(self.owner, Owner::Scenario(_)) {
            self.end_what_is_left();
        }
        let status = self.running.child.wait()?;
        let recorded = self.processes.has_file(self.running.child.id());
        self.running.notes.extend(self.timeline.finish());
        self.running.notes.extend(self.surveyor.finish(&self.folder));
        let watched = Watched {
            end: self.ending.map_or(End::ByItself, |ending| ending.why),
            status,
            elapsed,
            sampled: self.sampled,
            unseen: self.processes.unseen(),
            processes: self.processes.count(),
            recorded,
            obstacle: untracked::obstacle(&self.folder, self.running.child.id()),
            untracked: untracked::all(self.descendants, &self.folder),
            series: self.intervals.map(Intervals::finish).unwrap_or_default(),
        };
        Ok((watched, self.running))
    }

    /// Ends what the command started and left behind, and says so where nothing else ended it. The process group is still
    /// its own, for it has not been reaped.
    fn end_what_is_left(&mut self) {
        let group = self.running.child.id();
        if self.ending.is_none() {
            let left = processes::others_of_group(group);
            let left = processes::that_stay(left, SETTLING, |pid| processes::is_of_group(pid, group));
            let what =
                if left.len() == 1 { "1 process".to_owned() } else { format!("{} processes", left.len()) };
            let told =
                || format!("{what} that the command left behind: ended: {}", processes::described(&left));
            self.running.notes.extend((!left.is_empty()).then(told));
        }
        let _ = killpg(self.running.pid(), Signal::SIGKILL);
    }

    fn sample(&mut self, on_tick: &mut dyn FnMut(&Tick)) -> Vec<Reading> {
        let elapsed = self.running.started.elapsed();
        self.descendants.look();
        let readings = self.processes.read();
        self.timeline.add(elapsed.as_millis() as u64, &readings);
        self.surveyor.look(&self.folder, elapsed, &readings);
        if let (Some(intervals), None) = (&mut self.intervals, self.ending) {
            intervals.look(elapsed, &readings);
        }
        let live = self.sampled.add(&readings);
        on_tick(&Tick {
            elapsed,
            live,
            peak: readings.iter().map(|reading| reading.live.peak_bytes).max().unwrap_or(0),
        });
        readings
    }

    fn pass_signals(&mut self) {
        match &mut self.owner {
            Owner::User(signals) => pass_on(signals, self.running.pid()),
            Owner::Scenario(interruption) => {
                if let Some(number) = interruption.signal() {
                    self.kill(End::Interrupted(number));
                }
            }
        }
    }

    fn apply_limits(&mut self, readings: &[Reading]) {
        if matches!(self.owner, Owner::User(_)) {
            return;
        }
        if let Some(Ending { why, kill_at }) = self.ending {
            if kill_at.is_some_and(|at| Instant::now() >= at) {
                self.kill(why);
            }
            return;
        }
        let elapsed = self.running.started.elapsed();
        let passed = |limit: Option<Duration>| limit.is_some_and(|limit| elapsed >= limit);
        if readings.iter().any(|reading| self.reaches_memory_limit(reading)) {
            self.kill(End::MemoryLimit);
        } else if passed(self.limits.timeout) {
            self.kill(End::TimedOut);
        } else if passed(self.limits.until) {
            self.ask_to_end(End::Until);
        } else if self.is_silent(elapsed) {
            self.kill(End::Silent);
        } else if self.is_done_for(GRACE) {
            self.ask_to_end(End::Finished);
        }
    }

    fn reaches_memory_limit(&self, reading: &Reading) -> bool {
        let resident = reading.own_rss().unwrap_or(0);
        // What is mapped and never touched takes nothing from the machine.
        let held = if self.limits.resident_only { resident } else { resident.max(reading.live.live_bytes) };
        self.limits.memory.is_some_and(|limit| held >= limit)
    }

    /// A slow start is no silence: a program that has the library in its memory is given more time.
    fn is_silent(&self, elapsed: Duration) -> bool {
        let pid = self.running.child.id();
        if elapsed < SILENCE || self.processes.has(pid) {
            return false;
        }
        elapsed >= 10 * SILENCE || !has_tracker(pid)
    }

    fn is_done_for(&mut self, time: Duration) -> bool {
        if self.done_since.is_none() && self.limits.finished.as_ref().is_some_and(|file| file.exists()) {
            self.done_since = Some(Instant::now());
        }
        self.done_since.is_some_and(|since| since.elapsed() >= time)
    }

    fn ask_to_end(&mut self, why: End) {
        let _ = killpg(self.running.pid(), Signal::SIGTERM);
        self.ending = Some(Ending { why, kill_at: Some(Instant::now() + GRACE) });
    }

    fn kill(&mut self, why: End) {
        // The first reason stays: what follows is its consequence.
        let why = self.ending.map_or(why, |ending| ending.why);
        let _ = killpg(self.running.pid(), Signal::SIGKILL);
        self.ending = Some(Ending { why, kill_at: None });
    }
}

/// Waits for a command that nothing is recorded of, and passes signals on.
///
/// # Errors
/// When its end cannot be had.
pub fn wait(mut running: Running, signals: &mut Signals) -> io::Result<ExitStatus> {
    while running.ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        pass_on(signals, running.pid());
    }
    running.child.wait()
}

/// Sends the command what this program was sent; the terminal sends its signals to both.
fn pass_on(signals: &mut Signals, pid: Pid) {
    for Received { number, origin } in signals.poll() {
        if origin == Origin::Process {
            send(pid, number);
        }
    }
}

fn send(pid: Pid, number: i32) {
    if let Ok(signal) = Signal::try_from(number) {
        // It may have ended in this moment.
        let _ = kill(pid, signal);
    }
}
