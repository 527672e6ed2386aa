//! The CPythons to test with, and how a Python frame is written in an expectation.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use leakgate::profile::model::{Amount, Capture, Frame, Profile};

use crate::harness::{Run, figures};

const MINORS: std::ops::RangeInclusive<u32> = 8..=13;

/// Names interpreters to test with in place of those that are looked for: paths, a colon between two.
const EXTRA: &str = "LEAKGATE_TEST_PYTHONS";

/// An interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    pub(crate) path: PathBuf,
    pub(crate) minor: u32,
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CPython 3.{} ({})", self.minor, self.path.display())
    }
}

impl Python {
    /// A run of it with these arguments.
    pub(crate) fn run<T: AsRef<OsStr>>(&self, arguments: &[T]) -> Run {
        let words = std::iter::once(self.path.as_os_str());
        Run::of(words.chain(arguments.iter().map(AsRef::as_ref)))
    }
}

impl Python {
    /// Installs a package into a folder, for `PYTHONPATH`. The error tells why the package index could not be reached;
    /// anything else that goes wrong fails the test.
    pub(crate) fn install(&self, package: &str, folder: &Path) -> Result<(), String> {
        let arguments =
            ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input", "--target"];
        let mut command = std::process::Command::new(&self.path);
        let output = command.args(arguments).arg(folder).arg(package).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let unreachable =
            ["No module named pip", "Connection", "Max retries", "resolution", "No matching distribution"];
        if output.status.success() {
            return Ok(());
        }
        match errors.lines().find(|line| unreachable.iter().any(|reason| line.contains(reason))) {
            Some(reason) => Err(reason.trim().to_owned()),
            None => panic!("{self}: pip install {package}: {errors}"),
        }
    }
}

/// The shared library of an interpreter, and what a program needs to have it inside.
pub(crate) struct Library {
    pub(crate) path: PathBuf,
    /// The loader that the interpreter runs with; its C library lies beside it.
    pub(crate) loader: String,
    pub(crate) prefix: PathBuf,
    /// Whether `python` itself uses it.
    pub(crate) is_used: bool,
}

const ASK_FOR_LIBRARY: &str = r#"
import os, sys, sysconfig
name = sysconfig.get_config_var("INSTSONAME") or ""
lib = os.path.join(sys.base_prefix, "lib")
paths = [os.path.join(lib, name), os.path.join(lib, sysconfig.get_config_var("MULTIARCH") or "", name)]
print(next((path for path in paths if ".so" in name and os.path.exists(path)), ""))
mapped = [line.split()[-1] for line in open("/proc/self/maps")]
print(next(path for path in mapped if "/ld-" in path))
print(sys.base_prefix)
print(any("/libpython3" in path for path in mapped))
"#;

impl Library {
    /// The folders in which the program finds its libraries.
    pub(crate) fn rpath(&self) -> String {
        let folders =
            [Path::new(&self.loader), &self.path].map(|path| path.parent().unwrap().display().to_string());
        folders.join(":")
    }
}

impl Python {
    /// Its shared library, if it is installed.
    pub(crate) fn library(&self) -> Option<Library> {
        let output = std::process::Command::new(&self.path).args(["-c", ASK_FOR_LIBRARY]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let [path, loader, prefix, is_used] = text.lines().collect::<Vec<_>>()[..] else {
            panic!("{self}: {text} {}", String::from_utf8_lossy(&output.stderr))
        };
        (!path.is_empty()).then(|| Library {
            path: path.into(),
            loader: loader.to_owned(),
            prefix: prefix.into(),
            is_used: is_used == "True",
        })
    }
}

/// CPython 3.8 to 3.13, as far as they are installed, and the system's own. A missing version is told, and fails in CI.
/// Where `EXTRA` names others, those instead.
pub(crate) fn all() -> Vec<Python> {
    if let Some(extra) = std::env::var_os(EXTRA) {
        return std::env::split_paths(&extra).map(named).collect();
    }
    let mut found: Vec<Python> =
        MINORS.filter_map(|minor| Some(Python { path: find(minor)?, minor })).collect();
    for minor in MINORS.filter(|minor| !found.iter().any(|python| python.minor == *minor)) {
        assert!(std::env::var_os("CI").is_none(), "CPython 3.{minor} is missing");
        eprintln!("skipped: CPython 3.{minor} is not installed");
    }
    let system = PathBuf::from("/usr/bin/python3");
    match minor_of(&system) {
        Some(minor) if MINORS.contains(&minor) => found.push(Python { path: system, minor }),
        _ => eprintln!("skipped: there is no system Python of a known version"),
    }
    assert!(!found.is_empty(), "no CPython to test with");
    found
}

/// One interpreter, where the version does not matter: the newest of them.
pub(crate) fn newest() -> Python {
    all().into_iter().max_by_key(|python| python.minor).unwrap()
}

fn named(path: PathBuf) -> Python {
    let minor = minor_of(&path).unwrap_or_else(|| panic!("{EXTRA}: `{}` does not run", path.display()));
    Python { path, minor }
}

fn find(minor: u32) -> Option<PathBuf> {
    let prefix = format!("3.{minor}.");
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| Some(std::env::home_dir()?.join(".pyenv")));
    let mut installed: Vec<PathBuf> = root
        .and_then(|root| std::fs::read_dir(root.join("versions")).ok())
        .map(|versions| versions.flatten().map(|version| version.path()).collect())
        .unwrap_or_default();
    installed.sort();
    let name = format!("python3.{minor}");
    let is_wanted = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&prefix);
    let of_pyenv = installed.iter().filter(is_wanted).map(|folder| folder.join("bin").join(&name));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(&name)).collect::<Vec<_>>();
    // A shim of pyenv is there for versions that are not chosen, and fails.
    of_pyenv.chain(on_path).find(|python| python.exists() && minor_of(python) == Some(minor))
}

fn minor_of(python: &Path) -> Option<u32> {
    let ask = ["-I", "-S", "-c", "import sys; print(sys.version_info[1])"];
    let output = std::process::Command::new(python).args(ask).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// What the function `work` of a program holds in zeroed objects, at the end.
pub(crate) fn held_by_work(profile: &Profile) -> Amount {
    let made = figures(profile, |site| {
        let top = profile.frames_of(site.stack).next().map(place).unwrap_or_default();
        site.allocator.name == "PyObject_Calloc" && top.starts_with("work ")
    });
    made.end
}

/// The profile of the last Python of a capture: a shell before it has one of its own.
pub(crate) fn profile(capture: &Capture) -> &Profile {
    let mut pythons = capture.processes.iter().filter(|each| each.process.interpreter.is_some());
    pythons.next_back().expect("no Python was recorded")
}

/// A Python frame as `function file:line`, the file without its folders; empty for another frame.
pub(crate) fn place(frame: &Frame) -> String {
    match frame {
        Frame::Python { function, file, line } => {
            format!("{function} {}:{line}", file.rsplit('/').next().unwrap_or_default())
        }
        _ => String::new(),
    }
}
