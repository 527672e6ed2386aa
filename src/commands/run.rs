//! `leakgate run`: records any command and is to it, and to the one who started it, as if it were not there.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, anyhow};

use super::progress::Progress;
use super::summary;
use crate::exit::Exit;
use crate::profile::load;
use crate::scenario::capture_dir::{self, CaptureDirError, Existing};
use crate::scenario::environment;
use crate::scenario::executable;
use crate::scenario::launch::Launch;
use crate::scenario::python;
use crate::scenario::recording::Recording;
use crate::scenario::signals::{PASSED_ON, Signals};
use crate::scenario::tracker::{Follow, Settings, Unpacked};
use crate::scenario::watch::{Owner, Watched, Watcher};

/// Most captures of one name that are written at the same time.
const MOST_AT_ONCE: u32 = 100;

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

/// Runs it. `messages` is stderr: stdout belongs to the command.
pub fn run(args: &Args, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let cwd = std::env::current_dir().context("failed to find the current folder")?;
    let mut variables = environment::inherited(&[]);
    let argv = with_python(&args.command, &cwd, &variables)?;
    let word = argv.first().map(OsString::as_os_str).unwrap_or_default();
    let program =
        executable::resolve(word, variables.get(OsStr::new("PATH")).map(OsString::as_os_str), &cwd)?;
    let (folder, shown) = place(args, &argv, &cwd)?;
    let follow = if args.no_follow { Follow::Nothing } else { Follow::Children };
    let unpacked = Unpacked::new(&folder, Settings::following(follow))?;
    environment::add_tracker(&mut variables, &unpacked.library(), &argv);
    environment::admit_sanitizer(&mut variables, &program);
    let launch = Launch { program, argv, cwd, variables };
    let mut progress = Progress::on_stderr(messages, args.quiet);
    let (watched, notes) = record(&launch, &folder, (unpacked, follow), &mut progress)?;
    progress.erase();
    if !watched.recorded {
        return untracked(&watched, messages);
    }
    if !args.quiet {
        let capture =
            load::capture(&folder).with_context(|| format!("failed to load the capture `{shown}`"))?;
        summary::write(messages, &capture, &shown)?;
        for note in notes.into_iter().chain(watched.notes()) {
            writeln!(messages, "leakgate: note       {note}")?;
        }
    }
    Ok(exit_of(watched.status))
}

fn record(
    launch: &Launch,
    folder: &Path,
    (unpacked, follow): (Unpacked, Follow),
    progress: &mut Progress<'_>,
) -> anyhow::Result<(Watched, Vec<String>)> {
    let failed = || format!("failed to record into `{}`", folder.display());
    let mut signals = Signals::listen(&PASSED_ON).context("failed to listen to signals")?;
    let mut recording = Recording::begin(launch, None, follow, folder).with_context(failed)?;
    let running =
        launch.transparent().with_context(|| format!("failed to start `{}`", launch.program.display()))?;
    signals.tell_origins().context("failed to listen to signals")?;
    recording.started(&running);
    let watcher = Watcher::new(running, folder, Owner::User(&mut signals));
    let (mut watched, running) = watcher.watch(&mut |tick| progress.show(tick)).with_context(failed)?;
    watched.keep_to(follow, running.child.id());
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

/// The capture's folder, ready and empty, and what the user would call it.
fn place(args: &Args, argv: &[OsString], cwd: &Path) -> anyhow::Result<(PathBuf, String)> {
    if let Some(folder) = &args.output {
        let existing = if args.force { Existing::Replace } else { Existing::Refuse };
        return Ok((capture_dir::prepare(folder, existing)?, folder.display().to_string()));
    }
    let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    default_place(cwd, &capture_dir::name_of(&words))
}

/// The default place of a capture called `name`; another one beside it while that is still being written.
pub(super) fn default_place(cwd: &Path, name: &str) -> anyhow::Result<(PathBuf, String)> {
    let names =
        std::iter::once(name.to_owned()).chain((2..MOST_AT_ONCE).map(|number| format!("{name}-{number}")));
    for name in names {
        let folder = capture_dir::default_place(cwd, &name)?;
        match capture_dir::prepare(&folder, Existing::Replace) {
            Ok(ready) => {
                let shown = folder.strip_prefix(cwd).unwrap_or(&folder).display().to_string();
                return Ok((ready, shown));
            }
            Err(CaptureDirError::Busy { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(anyhow!(
        "{MOST_AT_ONCE} captures called `{name}` are still being written; name a folder with --output"
    ))
}

/// A command without a record: an error, whatever it did itself, and never a capture of nothing.
fn untracked(watched: &Watched, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let reason = match watched.obstacle {
        Some(obstacle) => format!("the tracker could not start in it: {obstacle}"),
        None => "the tracker did not start in it: the loader did not take the library".to_owned(),
    };
    writeln!(messages, "leakgate: error: the command was not recorded: {reason}")?;
    Ok(match exit_of(watched.status) {
        Exit::Command(0) => Exit::RunFailed,
        failed => failed,
    })
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Command(code as u8),
        (None, Some(number)) => Exit::Signal(number),
        (None, None) => Exit::RunFailed,
    }
}
