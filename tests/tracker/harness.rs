//! Compiles a program, records it with the real `leakgate`, and asks the capture for exact figures.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use leakgate::profile::load;
use leakgate::profile::model::{Amount, Capture, Domain, Frame, Profile, Site};
use leakgate_capture::read;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A folder of its own for a test.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A compiled program of `tests/programs`.
pub(crate) struct Program {
    folder: TempDir,
    path: PathBuf,
}

impl Program {
    /// Compiles `NAME.c`.
    pub(crate) fn of(name: &str) -> Program {
        Program::with(name, &[])
    }

    /// Compiles `NAME.c` with more arguments for the compiler.
    pub(crate) fn with(name: &str, more: &[&OsStr]) -> Program {
        let folder = folder();
        let path = folder.path().join(name);
        compile(name, &path, more);
        Program { folder, path }
    }

    /// Compiles `LIBRARY.c` to a shared library and `NAME.c` against it.
    pub(crate) fn with_library(name: &str, library: &str) -> Program {
        let folder = folder();
        let (path, beside) = (folder.path().join(name), folder.path().join(format!("lib{library}.so")));
        compile(library, &beside, &[OsStr::new("-shared"), OsStr::new("-fPIC")]);
        let rpath = OsStr::new("-Wl,-rpath,$ORIGIN");
        compile(name, &path, &[beside.as_os_str(), rpath]);
        Program { folder, path }
    }

    /// The folder it lies in, for what a test needs beside it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A run of it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let words = std::iter::once(self.path.as_os_str());
        Run::of(words.chain(arguments.iter().map(OsStr::new)))
    }

    /// Records it, and expects it to end well.
    pub(crate) fn record(&self, arguments: &[&str]) -> Recording {
        self.run(arguments).record().ended_well()
    }
}

/// A shared library in a folder of its own.
pub(crate) struct Shared {
    _folder: TempDir,
    path: PathBuf,
}

impl Shared {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Compiles `NAME.c` to a shared library.
pub(crate) fn shared(name: &str) -> Shared {
    let folder = folder();
    let path = folder.path().join(format!("lib{name}.so"));
    compile(name, &path, &[OsStr::new("-shared"), OsStr::new("-fPIC")]);
    Shared { _folder: folder, path }
}

fn compile(name: &str, to: &Path, more: &[&OsStr]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(format!("{name}.c"));
    let plain = ["-O0", "-g", "-w", "-fno-inline", "-fno-builtin", "-pthread"];
    let output = Command::new("gcc").args(plain).arg(source).args(more).arg("-o").arg(to).output().unwrap();
    assert!(output.status.success(), "gcc {name}.c: {}", String::from_utf8_lossy(&output.stderr));
}

/// A command to be run with or without the tracker.
#[derive(Clone)]
pub(crate) struct Run {
    words: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    input: Vec<u8>,
    cwd: Option<PathBuf>,
}

impl Run {
    /// A command of these words.
    pub(crate) fn of<T: AsRef<OsStr>>(words: impl IntoIterator<Item = T>) -> Run {
        let words = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        Run { words, environment: Vec::new(), input: Vec::new(), cwd: None }
    }

    /// With a variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Run {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// With this on its standard input.
    pub(crate) fn input(mut self, input: &[u8]) -> Run {
        self.input = input.to_vec();
        self
    }

    /// In this folder.
    pub(crate) fn cwd(mut self, cwd: &Path) -> Run {
        self.cwd = Some(cwd.to_owned());
        self
    }

    /// Runs it as it is.
    pub(crate) fn plain(&self) -> Output {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        self.output(command)
    }

    /// Records it, and expects that nothing is lost.
    pub(crate) fn record(&self) -> Recording {
        let recording = self.record_with_losses();
        for profile in &recording.capture.processes {
            assert_eq!(profile.process.lost, 0, "{:?}: lost events", profile.process.command);
        }
        recording
    }

    /// Records it.
    pub(crate) fn record_with_losses(&self) -> Recording {
        let (folder, output) = self.tracked();
        let capture = load::capture(&folder.path().join("capture"))
            .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr)));
        let recording = Recording { output, capture, folder };
        recording.verify();
        recording
    }

    /// Records it until it has printed `lines` lines, of which the last is its process: that one is killed then.
    pub(crate) fn record_and_kill(&self, lines: usize) -> Capture {
        let folder = folder();
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        command.args(["run", "-q", "-o"]).arg(folder.path()).arg("--").args(&self.words);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let pid = printed.nth(lines - 1).unwrap().unwrap().parse().unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGKILL as i32));
        let capture = load::capture(folder.path()).unwrap();
        let bytes = fs::read(folder.path().join(format!("process-{pid}-0.lgp"))).unwrap();
        verify(folder.path(), &read::file(&bytes).unwrap());
        // The event that was under way may be in the one figure and not yet in the other.
        let (sum, peak) =
            (capture.processes[0].totals.peak.bytes, leakgate_capture::live(&bytes).unwrap().peak_bytes);
        assert!(sum.abs_diff(peak) <= 4096, "sites add up to {sum}; the peak is {peak}");
        capture
    }

    /// Records it into this folder, which must not be there.
    pub(crate) fn record_into(&self, capture: &Path) -> Capture {
        self.record_into_with(&[], capture)
    }

    /// Records it into this folder, with options of `leakgate run`. The command decides how it ends.
    pub(crate) fn record_into_with(&self, options: &[&str], capture: &Path) -> Capture {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        command.args(["run", "-q"]).args(options).arg("-o").arg(capture).arg("--").args(&self.words);
        let output = self.output(command);
        load::capture(capture)
            .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Runs it under the tracker, and looks at nothing. The capture is `capture` in the folder.
    pub(crate) fn tracked(&self) -> (TempDir, Output) {
        let folder = folder();
        let output = self.tracked_into(&folder.path().join("capture"));
        (folder, output)
    }

    /// Runs it under the tracker, which writes into `capture`.
    pub(crate) fn tracked_into(&self, capture: &Path) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        command.args(["run", "-q", "-o"]).arg(capture).arg("--").args(&self.words);
        self.output(command)
    }

    fn output(&self, mut command: Command) -> Output {
        command.env_remove("PYTHONMALLOC").env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that reads nothing closes its end: that is its own affair.
        let _ = child.stdin.take().unwrap().write_all(&self.input);
        child.wait_with_output().unwrap()
    }
}

/// What a recorded run left.
pub(crate) struct Recording {
    pub(crate) output: Output,
    pub(crate) capture: Capture,
    folder: TempDir,
}

impl Recording {
    /// Fails when the program did.
    pub(crate) fn ended_well(self) -> Recording {
        let Output { status, stderr, .. } = &self.output;
        assert!(status.success(), "{status}\n{}", String::from_utf8_lossy(stderr));
        self
    }

    /// The profile of the process that the command line started.
    pub(crate) fn first(&self) -> &Profile {
        &self.capture.processes[0]
    }

    /// What the program printed.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    /// The capture's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("capture")
    }

    /// The files of the recorded processes.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension() == Some(OsStr::new("lgp"))).collect()
    }

    /// What must be true of every capture: no figure below zero, and sites that add up to the peak.
    fn verify(&self) {
        for path in self.files() {
            let bytes = fs::read(&path).unwrap();
            if let Ok(file) = read::file(&bytes) {
                verify(&path, &file);
            }
        }
        for profile in &self.capture.processes {
            let name = format!("process-{}-", profile.process.pid);
            let of_process = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&name);
            let recorded: Vec<u64> = self
                .files()
                .iter()
                .filter(of_process)
                .filter_map(|path| Some(leakgate_capture::live(&fs::read(path).unwrap())?.peak_bytes))
                .collect();
            let sum = profile.totals.peak.bytes;
            assert!(recorded.contains(&sum), "sites add up to {sum}; the peaks of {name}* are {recorded:?}");
        }
    }
}

fn verify(path: &Path, file: &read::File) {
    let path = path.display();
    let forked = file.head.notes & leakgate_capture::NOTE_FORKED != 0;
    for (id, site) in file.sites.iter().enumerate().skip(1) {
        let figures = [site.live_bytes, site.live_blocks, site.peak_bytes, site.peak_blocks];
        assert!(figures.iter().all(|figure| *figure >= 0), "{path}: site {id}: {site:?}");
        let most = site.live_bytes.max(site.peak_bytes) as u64;
        assert!(forked || most <= site.total_bytes, "{path}: site {id}: {site:?}");
    }
}

/// Bytes and blocks.
pub(crate) fn amount(bytes: u64, blocks: u64) -> Amount {
    Amount { bytes, blocks }
}

/// Live at the peak, live at the end, and all that was ever allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Figures {
    pub(crate) peak: Amount,
    pub(crate) end: Amount,
    pub(crate) total: Amount,
}

/// Adds up the sites that `is_meant` picks.
pub(crate) fn figures(profile: &Profile, is_meant: impl Fn(&Site) -> bool) -> Figures {
    let meant = || profile.sites.iter().filter(|site| is_meant(site));
    Figures {
        peak: meant().map(|site| site.peak).sum(),
        end: meant().map(|site| site.end).sum(),
        total: meant().map(|site| site.total).sum(),
    }
}

/// The symbol of the function that called the allocator; empty where it is not native or not known.
pub(crate) fn symbol<'a>(profile: &'a Profile, site: &Site) -> &'a str {
    match profile.frames_of(site.stack).next() {
        Some(Frame::Native { symbol, .. }) => symbol,
        _ => "",
    }
}

/// The file name of the module of the function that called the allocator.
pub(crate) fn module<'a>(profile: &'a Profile, site: &Site) -> &'a str {
    match profile.frames_of(site.stack).next() {
        Some(Frame::Native { module, .. }) => module.rsplit('/').next().unwrap_or_default(),
        _ => "",
    }
}

/// The figures of the C function of this name.
pub(crate) fn of_function(profile: &Profile, name: &str) -> Figures {
    figures(profile, |site| symbol(profile, site) == name)
}

/// The figures of a C function in one domain.
pub(crate) fn of_domain(profile: &Profile, name: &str, domain: Domain) -> Figures {
    figures(profile, |site| symbol(profile, site) == name && site.allocator.domain == domain)
}
