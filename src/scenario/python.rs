//! Which Python a scenario uses, and what it is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use thiserror::Error;

use super::driver::{self, Compiled};
use super::environment::Variables;
use super::executable::{self, ExecutableError};
use super::packages::search_path;

/// How long an interpreter may take to say what it is.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// More than any answer has.
const LONGEST_ANSWER: u64 = 1024 * 1024;
/// The oldest CPython that is known, major and minor.
const OLDEST: (u32, u32) = (3, 8);
/// Prints where packages are, the implementation, its version, the interpreter's own path, which sees through version
/// switchers, and the program that it is given, compiled: empty where that cannot be done.
const QUESTION: &str = "\
import os, sys
if sys.version_info < (3, 4):
    # Too old to be asked for more.
    import platform
    name, version = platform.python_implementation().lower(), '%d.%d.%d' % sys.version_info[:3]
    sys.stdout.write('\\n'.join(('', name, version, sys.executable, '')) + '\\n')
    sys.exit(0)
try:
    import _frozen_importlib_external as importing, marshal
    code = compile(os.fsencode(sys.argv[1]), sys.argv[2], 'exec')
    code = (importing.MAGIC_NUMBER + marshal.dumps(code)).hex()
except Exception:
    code = ''
v = sys.implementation.version
answer = (':'.join(sys.path), sys.implementation.name, '%d.%d.%d' % (v[0], v[1], v[2]), sys.executable, code)
sys.stdout.flush()
sys.stdout.buffer.write(os.fsencode('\\n'.join(answer) + '\\n'))
";

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// The path that is run.
    pub path: PathBuf,
    /// As chosen, for people: `.venv/bin/python`.
    pub chosen: String,
    /// `CPython 3.11.7`.
    pub version: String,
    /// Where it looks for packages.
    pub search: Vec<PathBuf>,
    /// The driver, compiled by it.
    pub driver: Compiled,
}

impl Python {
    /// For people: `.venv/bin/python (CPython 3.11.7)`.
    pub fn describe(&self) -> String {
        format!("{} ({})", self.chosen, self.version)
    }

    /// Whether functions of it can be called and their memory be told apart by lines.
    ///
    /// # Errors
    /// When it is older than any that is known.
    pub fn supported(&self) -> Result<(), PythonError> {
        let number = |text: &str| text.parse::<u32>().ok();
        let version = self.version.strip_prefix("CPython ").and_then(|version| {
            let (major, rest) = version.split_once('.')?;
            Some((number(major)?, number(rest.split('.').next()?)?))
        });
        match version {
            Some(version) if version < OLDEST => {
                Err(PythonError::TooOld { chosen: self.chosen.clone(), version: self.version.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Why there is no interpreter.
#[derive(Debug, Error)]
pub enum PythonError {
    /// The named one, or `python3`, cannot be run.
    #[error(
        "no Python to run: {0}; activate an environment, or name the interpreter (`python:` in leakgate.yaml, `--python`)"
    )]
    Missing(#[from] ExecutableError),
    /// It does not answer as a Python does.
    #[error("`{path}` does not work as a Python interpreter: {reason}")]
    Broken {
        /// The interpreter.
        path: String,
        /// What it did.
        reason: String,
    },
    /// It is none that is known.
    #[error("`{chosen}` is {version}, which is too old; expected CPython 3.8 to 3.15")]
    TooOld {
        /// As chosen, for people.
        chosen: String,
        /// `CPython 3.7.16`.
        version: String,
    },
}

/// Chooses the interpreter: `explicit`, else the active or the project's environment, else `python3` on `PATH`.
pub fn choose(explicit: Option<&OsStr>, cwd: &Path, variables: &Variables) -> Result<Python, PythonError> {
    let word = match explicit {
        Some(word) => word.to_owned(),
        None => environment_python(cwd, variables).unwrap_or_else(|| "python3".into()),
    };
    let search = variables.get(OsStr::new("PATH"));
    let path = executable::resolve(&word, search.map(OsString::as_os_str), cwd)?;
    let chosen = Path::new(&word);
    let chosen = chosen.strip_prefix(cwd).unwrap_or(chosen).display().to_string();
    ask(&path, cwd, variables, chosen)
}

fn environment_python(cwd: &Path, variables: &Variables) -> Option<OsString> {
    let variable =
        |name: &str| variables.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from);
    let in_environment = |folder: PathBuf| {
        let python = cwd.join(folder).join("bin/python");
        python.exists().then(|| python.into_os_string())
    };
    let active = variable("VIRTUAL_ENV").and_then(in_environment);
    active
        .or_else(|| in_environment(PathBuf::from(".venv")))
        .or_else(|| variable("UV_PROJECT_ENVIRONMENT").and_then(in_environment))
        .or_else(|| poetry_python(cwd, variables))
        .or_else(|| variable("CONDA_PREFIX").and_then(in_environment))
}

/// Poetry keeps its environments outside the project: only it knows where.
fn poetry_python(cwd: &Path, variables: &Variables) -> Option<OsString> {
    let project = fs::read_to_string(cwd.join("pyproject.toml")).ok()?;
    if !project.contains("[tool.poetry") && !cwd.join("poetry.lock").exists() {
        return None;
    }
    let poetry = executable::resolve(
        OsStr::new("poetry"),
        variables.get(OsStr::new("PATH")).map(OsString::as_os_str),
        cwd,
    );
    let mut command = Command::new(poetry.ok()?);
    command.args(["env", "info", "--executable"]).current_dir(cwd).env_clear().envs(variables);
    let answer = answer_of(&mut command).ok()?;
    let path = answer.lines().next_back()?.trim();
    Path::new(path).exists().then(|| path.into())
}

fn ask(path: &Path, cwd: &Path, variables: &Variables, chosen: String) -> Result<Python, PythonError> {
    let broken = |reason: String| PythonError::Broken { path: path.display().to_string(), reason };
    let mut command = Command::new(path);
    command.args(["-c", QUESTION, driver::SOURCE, driver::FILE]).current_dir(cwd).env_clear().envs(variables);
    let answer = answer_of(&mut command).map_err(broken)?;
    // A site customisation may print before: the answer is the end.
    let lines: Vec<&str> = answer.lines().collect();
    let [.., search, name, version, executable, code] = lines.as_slice() else {
        return Err(broken(format!("it answered {answer:?} when asked for its version")));
    };
    let name = if *name == "cpython" { "CPython" } else { name };
    let own_path = PathBuf::from(executable);
    let path = if own_path.is_absolute() && own_path.exists() { own_path } else { path.to_path_buf() };
    let (version, search) = (format!("{name} {version}"), search_path(search));
    Ok(Python { path, chosen, version, search, driver: Compiled::of_hex(code) })
}

/// The output of a short command; an error when it fails or takes too long.
fn answer_of(command: &mut Command) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let output = reader(child.stdout.take());
    let errors = reader(child.stderr.take());
    let Ok(output) = output.recv_timeout(ANSWER_TIME) else {
        end(&mut child);
        return Err(format!("it did not answer within {} seconds", ANSWER_TIME.as_secs()));
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(output);
    }
    Err(failed(status, &errors.recv_timeout(ANSWER_TIME).unwrap_or_default()))
}

fn failed(status: ExitStatus, errors: &str) -> String {
    let last = errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing on stderr");
    let last: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    format!("it ended with {status}: {last}")
}

fn end(child: &mut Child) {
    // Both fail only when it has ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

fn reader(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What was read before an error is the answer.
            let _ = stream.take(LONGEST_ANSWER).read_to_end(&mut bytes);
        }
        // Nobody listens any more after a time-out.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A Python in `folder` that says it is version 3.`minor`.
    fn fake_python(folder: &Path, minor: u32) -> PathBuf {
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let python = bin.join("python");
        fs::write(
            &python,
            format!(
                "#!/bin/sh\necho noise\necho cpython\necho 3.{minor}.0\necho {}\necho\n",
                python.display()
            ),
        )
        .unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        python
    }

    fn variables(pairs: &[(&str, &Path)]) -> Variables {
        let mut variables: Variables =
            pairs.iter().map(|(name, value)| ((*name).into(), value.as_os_str().to_owned())).collect();
        variables.insert("PATH".into(), std::env::var_os("PATH").unwrap());
        variables
    }

    #[test]
    fn the_active_environment_wins_over_the_projects_and_that_over_conda() {
        let base = tempfile::tempdir().unwrap();
        let [active, project, conda] =
            ["active", "project/.venv", "conda"].map(|name| base.path().join(name));
        fake_python(&active, 1);
        fake_python(&conda, 3);
        let cwd = base.path().join("project");
        fs::create_dir(&cwd).unwrap();
        let only_conda = choose(None, &cwd, &variables(&[("CONDA_PREFIX", &conda)])).unwrap();
        assert_eq!(only_conda.version, "CPython 3.3.0");
        let python = fake_python(&project, 2);
        let in_project = choose(None, &cwd, &variables(&[("CONDA_PREFIX", &conda)])).unwrap();
        assert_eq!(in_project.describe(), ".venv/bin/python (CPython 3.2.0)");
        assert_eq!(in_project.path, python);
        let all = variables(&[("CONDA_PREFIX", &conda), ("VIRTUAL_ENV", &active)]);
        assert_eq!(choose(None, &cwd, &all).unwrap().version, "CPython 3.1.0");
    }

    #[test]
    fn without_an_environment_python3_on_the_path_is_asked() {
        let cwd = tempfile::tempdir().unwrap();
        let python = choose(None, cwd.path(), &variables(&[])).unwrap();
        assert_eq!(python.chosen, "python3");
        assert!(python.version.starts_with("CPython 3."), "{}", python.version);
        assert!(python.path.is_absolute());
    }

    #[test]
    fn a_program_that_is_no_python_is_named_with_what_it_did() {
        let cwd = Path::new("/");
        let error = choose(Some(OsStr::new("false")), cwd, &variables(&[])).unwrap_err().to_string();
        assert!(error.ends_with("it ended with exit status: 1: nothing on stderr"), "{error}");
        let error = choose(Some(OsStr::new("true")), cwd, &variables(&[])).unwrap_err().to_string();
        assert!(error.contains("it answered \"\" when asked for its version"), "{error}");
        let error = choose(Some(OsStr::new("/no/python")), cwd, &variables(&[])).unwrap_err().to_string();
        assert!(error.starts_with("no Python to run: `/no/python` was not found"), "{error}");
    }
}
