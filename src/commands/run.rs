//! `leakgate run`: records any command and is to it, and to the one who started it, as if it were not there.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::Context;

use super::place::{self, Found, Place, Wish};
use super::progress::Progress;
use super::{summary, unrecorded};
use crate::exit::Exit;
use crate::profile::load;
use crate::scenario::capture_dir::Existing;
use crate::scenario::environment;
use crate::scenario::executable;
use crate::scenario::launch::{Launch, Running};
use crate::scenario::limits;
use crate::scenario::python;
use crate::scenario::recording::Recording;
use crate::scenario::signals::{PASSED_ON, Signals};
use crate::scenario::tracker::{Follow, Settings, Unpacked};
use crate::scenario::watch::{Owner, Watched, Watcher};

/// Record a command; its exit code becomes that of leakgate
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for the capture [default: .leakgate/captures/NAME]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace a capture that is in DIR
    #[arg(long)]
    force: bool,
    /// Record the command only, not the processes that it starts
    #[arg(long)]
    no_follow: bool,
    /// Print neither progress nor summary
    #[arg(short, long)]
    quiet: bool,
    /// The command with its arguments; for a `.py` file the Python is put before it
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Args {
    fn follow(&self) -> Follow {
        if self.no_follow { Follow::Nothing } else { Follow::Children }
    }
}

/// A recording under way.
struct Started {
    running: Running,
    signals: Signals,
    recording: Recording,
    unpacked: Unpacked,
}

/// Runs it. `messages` is stderr: stdout belongs to the command.
pub fn run(args: &Args, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let cwd = std::env::current_dir().context("failed to find the current folder")?;
    let variables = environment::inherited(&[]);
    let argv = with_python(&args.command, &cwd, &variables)?;
    let word = argv.first().map(OsString::as_os_str).unwrap_or_default();
    let program =
        executable::resolve(word, variables.get(OsStr::new("PATH")).map(OsString::as_os_str), &cwd)?;
    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    let wish = Wish { output: args.output.as_deref(), existing };
    let plain = Launch { program, argv, cwd, variables };
    let begun = match place::find(&wish, &plain.argv, &plain.cwd) {
        Ok(Found::Place(place)) => begin(args, &plain, place, messages),
        Ok(Found::Nowhere(reason)) => Ok(Begun::Not(reason)),
        Err(error) => Err(error),
    };
    let reason = match begun {
        Ok(Begun::Recording(started, place)) => return finish(args, *started, &place, messages),
        Ok(Begun::Not(reason)) => reason,
        Err(error) => unrecorded::without_descriptors(&error).ok_or(error)?,
    };
    Ok(exit_of(unrecorded::run(&plain, &reason, messages)?))
}

/// Whether the command was started with the tracker; where not, it was not started.
enum Begun {
    Recording(Box<Started>, Place),
    Not(String),
}

fn begin(args: &Args, plain: &Launch, place: Place, messages: &mut dyn Write) -> anyhow::Result<Begun> {
    let folder = &place.folder;
    let follow = args.follow();
    let unpacked = match Unpacked::new(folder, Settings::following(follow)) {
        Ok(unpacked) => unpacked,
        Err(error) => return Ok(Begun::Not(error.to_string())),
    };
    let mut launch = plain.clone();
    environment::add_tracker(&mut launch.variables, &unpacked.library(), &launch.argv);
    environment::admit_sanitizer(&mut launch.variables, &launch.program);
    let failed = || format!("failed to record into `{}`", folder.display());
    let mut signals = Signals::listen(&PASSED_ON).context("failed to listen to signals")?;
    limits::try_file().with_context(failed)?;
    let mut recording = Recording::begin(&launch, None, follow, folder).with_context(failed)?;
    if let Some(why) = &place.instead {
        // What cannot be told is no reason not to record.
        let _ = writeln!(messages, "leakgate: note       {why}: recording into `{}` instead", place.shown);
    }
    let running =
        launch.transparent().with_context(|| format!("failed to start `{}`", launch.program.display()))?;
    // Without it a signal of the terminal reaches the command twice, at worst.
    let _ = signals.tell_origins();
    recording.started(&running);
    Ok(Begun::Recording(Box::new(Started { running, signals, recording, unpacked }), place))
}

fn finish(args: &Args, started: Started, place: &Place, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut progress = Progress::on_stderr(messages, args.quiet);
    let (watched, notes) = watch(args.follow(), started, &place.folder, &mut progress)?;
    progress.erase();
    if !watched.recorded {
        return untracked(&watched, messages);
    }
    if !args.quiet {
        let shown = &place.shown;
        let capture =
            load::capture(&place.folder).with_context(|| format!("failed to load the capture `{shown}`"))?;
        summary::write(messages, &capture, shown)?;
        for note in notes.into_iter().chain(watched.notes()) {
            writeln!(messages, "leakgate: note       {note}")?;
        }
    }
    if let Some(why) = &place.instead {
        writeln!(messages, "leakgate: note       {why}: the capture is in `{}`", place.shown)?;
    }
    Ok(exit_of(watched.status))
}

fn watch(
    follow: Follow,
    started: Started,
    folder: &Path,
    progress: &mut Progress<'_>,
) -> anyhow::Result<(Watched, Vec<String>)> {
    let Started { running, mut signals, recording, unpacked } = started;
    let watcher = Watcher::new(running, folder, Owner::User(&mut signals));
    let failed = || format!("failed to record into `{}`", folder.display());
    let (mut watched, running) = watcher.watch(&mut |tick| progress.show(tick)).with_context(failed)?;
    watched.keep_to(follow, running.child.id());
    // Where descriptors are few, those of the signals are needed for the seal.
    drop(signals);
    let mut notes = running.notes;
    notes.extend(recording.finish(&watched, unpacked));
    Ok((watched, notes))
}

/// The command, with the chosen Python before a script that is named alone.
fn with_python(
    command: &[OsString],
    cwd: &Path,
    variables: &environment::Variables,
) -> anyhow::Result<Vec<OsString>> {
    let is_script = command.first().is_some_and(|word| Path::new(word).extension() == Some(OsStr::new("py")));
    if !is_script {
        return Ok(command.to_vec());
    }
    let python = python::choose(None, cwd, variables)?;
    Ok(std::iter::once(python.path.into_os_string()).chain(command.iter().cloned()).collect())
}

/// A command without a record, and never a capture of nothing. Where a limit or a full disk is why, its exit code is its
/// own; where the tracker stayed silent, it is an error, whatever the command did itself.
fn untracked(watched: &Watched, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let reason = match watched.obstacle {
        Some(obstacle) => format!("the tracker could not start in it: {obstacle}"),
        None => "the tracker did not start in it: the loader did not take the library".to_owned(),
    };
    writeln!(messages, "leakgate: error: the command was not recorded: {reason}")?;
    Ok(match exit_of(watched.status) {
        Exit::Command(0) if watched.obstacle.is_none() => Exit::RunFailed,
        own => own,
    })
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Command(code as u8),
        (None, Some(number)) => Exit::Signal(number),
        (None, None) => Exit::RunFailed,
    }
}
