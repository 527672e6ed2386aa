//! Runs one scenario from beginning to end: unpack, start, watch, seal.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::driver::{Driver, DriverResult};
use super::environment;
use super::executable::{self, ExecutableError};
use super::failure;
use super::guard::{self, Guard};
use super::intervals::Intervals;
use super::launch::{Launch, Running};
use super::memory_limit::MemoryLimit;
use super::output::{self, PATIENCE};
use super::plan::{Plan, Work};
use super::questions::Questions;
use super::recording::Recording;
use super::series::Series;
use super::signals::{self, Interruption};
use super::together::Sampled;
use super::tracker::{Asked, Moments, Settings, TrackerError, Unpacked};
use super::watch::{End, Limits, Owner, Watcher};
use crate::config::{Checkpoints, Repeats};
use crate::gate::verdict;
use crate::outcome::ScenarioError;
use crate::profile::Untracked;

/// Names the folder for temporary files.
const TEMPORARY: &str = "TMPDIR";
/// Lines of output that an error shows.
const SHOWN_LINES: usize = 20;

/// Why a scenario could not be run at all.
#[derive(Debug, Error)]
pub enum Failure {
    /// Its program.
    #[error(transparent)]
    Executable(#[from] ExecutableError),
    /// The library.
    #[error(transparent)]
    Tracker(#[from] TrackerError),
    /// It could not be started.
    #[error("failed to start `{command}`: {error}")]
    Start {
        /// The command.
        command: String,
        /// Why.
        error: io::Error,
    },
    /// A file of the capture, or the watching itself.
    #[error("failed to record into `{folder}`: {error}")]
    Record {
        /// The capture.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The user interrupted the program.
    #[error("interrupted by {}", signals::name(*.0))]
    Interrupted(i32),
}

/// What a run left.
#[derive(Debug)]
pub struct ScenarioRun {
    /// The capture folder.
    pub capture: PathBuf,
    /// The process that was started.
    pub root_pid: u32,
    /// Why it ended.
    pub end: End,
    /// How it ended.
    pub status: ExitStatus,
    /// Wall time.
    pub elapsed: Duration,
    /// Whether the tracker was at work in the process that was started.
    pub recorded: bool,
    /// The driver's report, for `call`.
    pub driver: Option<DriverResult>,
    /// Iterations that are not judged.
    pub warmup: u32,
    /// The end of the output, safe to show.
    pub output_tail: String,
    /// How often a function was to be called; `None` for a command.
    pub repeats: Option<Repeats>,
    /// What samples saw.
    pub sampled: Sampled,
    /// What an iteration of the command is; `None` for a function, and where it has none.
    pub checkpoints: Option<Checkpoints>,
    /// The iterations of its processes, where they are time or traffic.
    pub series: Vec<Series>,
    /// Programs that ran without the tracker.
    pub untracked: Vec<Untracked>,
    /// The limit in bytes, when it was reached.
    pub memory_limit_reached: Option<u64>,
    /// Whether the command itself was seen without the tracker: it executed a program that has none.
    pub escaped: bool,
    /// Facts worth telling.
    pub notes: Vec<String>,
    /// Why there is nothing to judge.
    pub failure: Option<ScenarioError>,
}

/// Runs `plan` and records it into `capture`, an empty folder with an absolute path. `interruption` is of
/// `signals::ENDING`; the `guard` cleans up if this program is killed meanwhile. A run that ended badly is an `Ok` with a
/// `failure`.
pub fn run_scenario(
    plan: &Plan,
    capture: &Path,
    interruption: &Interruption,
    guard: Option<&Guard>,
) -> Result<ScenarioRun, Failure> {
    let record = |error| Failure::Record { folder: capture.to_path_buf(), error };
    let mut unpacked = Unpacked::new(capture, settings_of(plan))?;
    let driver = driver_of(plan, unpacked.folder()).map_err(record)?;
    let mut launch = launch_of(plan, driver.as_ref(), &unpacked)?;
    let no_temporary = own_temporary_folder(&mut launch, plan, &mut unpacked);
    let guarded = guard.map(|guard| guard.begin(&unpacked));
    let mut recording = Recording::begin(&launch, plan.title(), plan.follow, capture).map_err(record)?;
    let failed = |error| Failure::Start { command: launch.program.display().to_string(), error };
    let running = launch.isolated(capture).map_err(failed)?;
    if let Some(guarded) = &guarded {
        guarded.started(&running.child);
    }
    recording.started(&running);
    let limits = limits_of(plan, driver.as_ref());
    let memory = limits.memory;
    let watcher = Watcher::new(running, capture, Owner::Scenario(interruption))
        .limits(limits)
        .answering(driver.as_ref().and_then(|driver| questions_of(plan, driver)))
        .looking(intervals_of(plan, capture));
    let (mut watched, mut running) = watcher.watch(&mut |_| {}).map_err(record)?;
    watched.keep_to(plan.follow, running.child.id());
    let (output_tail, lost_output) = finish_output(&running);
    let report = driver.as_ref().map_or(Ok(None), Driver::read_result).map_err(record)?;
    let mut notes = std::mem::take(&mut running.notes);
    notes.extend(watched.notes());
    notes.extend(lost_output.into_iter().chain(no_temporary));
    notes.extend(report.iter().flat_map(DriverResult::notes));
    if watched.end != End::ByItself {
        notes.extend(end_left(&unpacked));
    }
    notes.extend(recording.finish(&watched, unpacked));
    drop(guarded);
    if let End::Interrupted(number) = watched.end {
        return Err(Failure::Interrupted(number));
    }
    let root_pid = running.child.id();
    let mut run = ScenarioRun {
        capture: capture.to_path_buf(),
        root_pid,
        end: watched.end,
        status: watched.status,
        elapsed: watched.elapsed,
        recorded: watched.recorded,
        warmup: warmup_of(plan, report.as_ref()),
        driver: report,
        output_tail,
        sampled: watched.sampled,
        checkpoints: plan.checkpoints(),
        repeats: plan.repeats(),
        series: watched.series,
        memory_limit_reached: memory.filter(|_| watched.end == End::MemoryLimit),
        escaped: watched.untracked.iter().any(|program| program.pid == Some(root_pid)),
        untracked: watched.untracked,
        notes,
        failure: None,
    };
    run.failure = failure::of(plan, &run);
    Ok(run)
}

/// Ends what a scenario that was ended had put out of reach, in a session of its own: it would write into the capture, and the
/// next check would have to leave that alone.
fn end_left(unpacked: &Unpacked) -> Option<String> {
    let ended = guard::end_recorded(&unpacked.mapped_as());
    let shown: Vec<String> = ended.iter().take(5).map(u32::to_string).collect();
    let what = match ended.len() {
        1 => "a process that it had started in a session of its own was ended too",
        _ => "processes that it had started in sessions of their own were ended too",
    };
    (!ended.is_empty()).then(|| format!("{what} (pid {})", shown.join(", ")))
}

/// Processes that are looked at in the midst of their work are asked to collect their garbage first.
fn settings_of(plan: &Plan) -> Settings {
    let asked = match plan.checkpoints() {
        Some(Checkpoints::Time(_) | Checkpoints::Traffic(_)) => Asked::NowAndThen,
        _ => Asked::Never,
    };
    let snapshots = match &plan.work {
        Work::Run(command) if asked == Asked::Never => command.snapshots.clone(),
        // A process that is looked at from outside is asked for the others when they are due.
        Work::Run(command) => Moments { iterations: Vec::new(), at_exit: command.snapshots.at_exit },
        Work::Call(_) => Moments::default(),
    };
    Settings { follow: plan.follow, asked, snapshots, values: plan.values }
}

/// The looks at the processes from outside, where iterations are seen from there.
fn intervals_of(plan: &Plan, capture: &Path) -> Option<Intervals> {
    let Work::Run(command) = &plan.work else { return None };
    Intervals::of(command.checkpoints?, capture, &command.snapshots.iterations)
}

fn driver_of(plan: &Plan, folder: &Path) -> io::Result<Option<Driver>> {
    match &plan.work {
        Work::Call(call) => Driver::write(call, folder).map(Some),
        Work::Run(_) => Ok(None),
    }
}

fn questions_of(plan: &Plan, driver: &Driver) -> Option<Questions> {
    let Work::Call(call) = &plan.work else { return None };
    Some(Questions::of(&driver.folder, call.repeats))
}

fn warmup_of(plan: &Plan, report: Option<&DriverResult>) -> u32 {
    match (&plan.work, report) {
        (Work::Call(call), Some(report)) => verdict::warmup(call.repeats, report.iterations),
        _ => 0,
    }
}

fn launch_of(plan: &Plan, driver: Option<&Driver>, unpacked: &Unpacked) -> Result<Launch, ExecutableError> {
    let argv: Vec<OsString> = match (&plan.work, driver) {
        (Work::Call(call), Some(driver)) => driver.argv(&call.python),
        (Work::Call(call), None) => vec![call.python.clone().into()],
        (Work::Run(command), _) => command.argv.clone(),
    };
    let mut variables = environment::inherited(&plan.env);
    let word = argv.first().map(OsString::as_os_str).unwrap_or_default();
    let search = variables.get(OsStr::new("PATH"));
    let program = executable::resolve(word, search.map(OsString::as_os_str), &plan.cwd)?;
    environment::add_tracker(&mut variables, &unpacked.library(), &argv);
    environment::admit_sanitizer(&mut variables, &program);
    environment::fix_hash_seed(&mut variables);
    environment::fix_thread_counts(&mut variables);
    Ok(Launch { program, argv, cwd: plan.cwd.clone(), variables })
}

/// Gives the scenario a folder for temporary files that goes with it, unless its configuration names one: neither those
/// of a run before it nor those of one beside it are found there. Why it has none, in a sentence.
fn own_temporary_folder(launch: &mut Launch, plan: &Plan, unpacked: &mut Unpacked) -> Option<String> {
    if plan.env.iter().any(|(name, _)| name == TEMPORARY) {
        return None;
    }
    match unpacked.temporary_folder() {
        Ok(folder) => {
            launch.variables.insert(TEMPORARY.into(), folder.into());
            None
        }
        Err(error) => Some(format!("it had no folder of its own for temporary files: {error}")),
    }
}

fn limits_of(plan: &Plan, driver: Option<&Driver>) -> Limits {
    let until = if let Work::Run(command) = &plan.work { command.until } else { None };
    Limits {
        timeout: plan.timeout,
        until,
        memory: plan.memory_limit.bytes(),
        resident_only: matches!(plan.memory_limit, MemoryLimit::Auto | MemoryLimit::Part(_)),
        finished: driver.map(|driver| driver.result.clone()),
    }
}

/// The end of stderr, or of stdout where stderr is empty; and a note if a file of them is not whole.
fn finish_output(running: &Running) -> (String, Option<String>) {
    let deadline = Instant::now() + PATIENCE;
    let (mut ends, mut note) = (Vec::new(), None);
    for stream in &running.output {
        let (end, error) = stream.finish(deadline);
        ends.push(output::plain_end(&end, SHOWN_LINES));
        note = error.map(|error| format!("the output could not be stored whole: {error}")).or(note);
    }
    (ends.into_iter().rev().find(|end| !end.is_empty()).unwrap_or_default(), note)
}
