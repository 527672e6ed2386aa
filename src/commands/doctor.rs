//! `leakgate doctor`: says what works on this machine, and of what does not, why. It tries everything for real: a program
//! is tracked, a folder written to.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::ci::{Ci, Variables};
use crate::exit::Exit;
use crate::profile::load;
use crate::scenario::capture_dir::{self, RESULTS_FOLDER};
use crate::scenario::environment;
use crate::scenario::python;
use crate::units::Bytes;

/// What the tried program holds when it ends.
const HELD: u64 = 3 << 20;
/// What it runs: that many bytes, in one block.
const PROGRAM: &str = "kept = bytearray(3 << 20)";
/// What is read of a process to tell what is resident.
const SEEN: [&str; 3] = ["smaps", "pagemap", "mem"];
/// Lines of a failure's output that are shown.
const SHOWN: usize = 5;

/// Say what of leakgate works on this machine, and why the rest does not
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The Python to try [default: as `check` chooses it]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

/// What came of one trial.
struct Finding {
    what: &'static str,
    result: Result<String, String>,
}

/// Runs it; one line a trial goes to `out`.
///
/// # Errors
/// When `out` does not take them, or there is no current folder.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let folder = std::env::current_dir().context("failed to find the current folder")?;
    let inherited = environment::inherited(&[]);
    let chosen = python::choose(args.python.as_ref().map(|python| python.as_os_str()), &folder, &inherited);
    let mut findings = vec![
        Finding { what: "platform", result: platform() },
        Finding {
            what: "python",
            result: match &chosen {
                Ok(python) => {
                    python.supported().map(|()| python.describe()).map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            },
        },
    ];
    if let Some(python) = chosen.as_ref().ok().filter(|python| python.supported().is_ok()) {
        findings.push(Finding { what: "tracking", result: tracking(&python.path) });
        findings.push(Finding { what: "bill", result: bill(&python.path) });
    }
    findings.push(Finding { what: "results", result: results(&folder) });
    findings.push(Finding { what: "surroundings", result: Ok(surroundings()) });
    for Finding { what, result } in &findings {
        let (word, text) = match result {
            Ok(text) => ("ok", text),
            Err(text) => ("FAIL", text),
        };
        writeln!(out, "{word:<4}  {what:<12}  {}", crate::report::harmless(text, 600))?;
    }
    let works = findings.iter().all(|finding| finding.result.is_ok());
    Ok(if works { Exit::Passed } else { Exit::GateFailed })
}

/// Whether programs of this machine can be tracked at all.
fn platform() -> Result<String, String> {
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    match (system, machine) {
        ("linux", "x86_64" | "aarch64") => Ok(format!("{system} on {machine}")),
        ("linux", _) => Err(format!("{machine} cannot be tracked; expected x86_64 or aarch64")),
        _ => Err(format!("{system} cannot be tracked: run leakgate in a container with Linux and glibc")),
    }
}

/// Records a program that holds a known block, and looks whether the recording has it.
fn tracking(python: &Path) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let capture = folder.path().join("capture");
    let program =
        std::env::current_exe().map_err(|error| format!("leakgate does not find itself: {error}"))?;
    let mut command = Command::new(program);
    command.args(["run", "--quiet", "--output"]).arg(&capture).arg("--").arg(python).args(["-c", PROGRAM]);
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("leakgate does not start: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().take(SHOWN).collect();
        return Err(format!("the tried program ended with {}: {}", output.status, lines.join(" ")));
    }
    let recorded = load::capture(&capture).map_err(|error| error.to_string())?;
    let process = recorded.main().ok_or("the tracker recorded no process")?;
    let peak = process.totals.peak.bytes;
    if peak < HELD {
        return Err(format!("of {} that the tried program held {} were counted", Bytes(HELD), Bytes(peak)));
    }
    match &process.process.interpreter {
        Some(interpreter) => {
            Ok(format!("a program of {interpreter} was recorded, with {} at its peak", Bytes(peak)))
        }
        None => {
            Err("the program was recorded as one without Python: native memory only, without lines"
                .to_owned())
        }
    }
}

/// Whether a process that leakgate starts lets itself be looked at: what is resident at its peak is seen from outside.
fn bill(python: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("the tried program does not start: {error}");
    let mut waiting = Command::new(python);
    waiting.args(["-S", "-c", "import sys; sys.stdin.read()"]).stdin(Stdio::piped());
    let mut child = waiting.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let opened = SEEN.iter().try_for_each(|file| {
        let path = format!("/proc/{}/{file}", child.id());
        File::open(&path).map(drop).map_err(|error| {
            format!("/proc/PID/{file} of a process may not be read, as where ptrace is restricted: {error}; there is no bill at the peak")
        })
    });
    // It ends with what it reads from.
    drop(child.stdin.take());
    child.wait().map_err(failed)?;
    opened.map(|()| "what is resident at the peak can be seen".to_owned())
}

/// Whether reports can be written here; nothing is left behind.
fn results(folder: &Path) -> Result<String, String> {
    let place = folder.join(RESULTS_FOLDER);
    let was_there = place.exists();
    capture_dir::prepare_results(&place).map_err(|error| error.to_string())?;
    let tried = tempfile::tempfile_in(&place).map(drop).map_err(|error| error.to_string());
    if !was_there {
        // It is empty but for what was just made.
        let _ = std::fs::remove_dir_all(&place);
    }
    tried.map(|()| format!("{RESULTS_FOLDER}/ can be written here"))
}

fn surroundings() -> String {
    match Ci::of(&Variables::inherited()) {
        Ci::GitHub => "GitHub: `check --ci` annotates and writes the job's summary".to_owned(),
        Ci::GitLab => "GitLab: name code-quality.json and report.xml as reports of the job".to_owned(),
        Ci::Buildkite => "Buildkite".to_owned(),
        Ci::Jenkins => "Jenkins: report.xml is for its JUnit step".to_owned(),
        Ci::Other => "no CI system that is known".to_owned(),
    }
}
