//! The Python driver: what it is told and what it reports. `driver.py` is the other side of both files.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::around::Around;
use super::plain::plain;
use super::plan::{Call, KeepResult};
use crate::config::{CallTarget, HeapSnapshot, Repeats};
use crate::gate::verdict;
use crate::gate::wording::counted;
use crate::units::grouped;

pub(super) const SOURCE: &str = concat!(include_str!("around.py"), "\n", include_str!("driver.py"));
/// What it is called in tracebacks.
pub(super) const FILE: &str = "<leakgate driver>";
/// Starts the driver without being it: as `-c`, `__main__` has no file that a spawned worker would run again, and
/// the driver's own names stay out of it.
const BOOTSTRAP: &str = "\
import sys
try:
    import _leakgate
    _leakgate.suppress()
except ImportError:
    _leakgate = None
import _frozen_importlib_external as _importing, marshal
with open(sys.argv[1], 'rb') as _file:
    _driver = _file.read()
if _driver.startswith(_importing.MAGIC_NUMBER):
    _driver = marshal.loads(_driver[len(_importing.MAGIC_NUMBER):])
else:
    with open(sys.argv[2], 'rb') as _file:
        _driver = compile(_file.read(), '<leakgate driver>', 'exec')
_names = {'__name__': 'leakgate_driver', '__file__': '<leakgate driver>', 'SPEC': sys.argv[3], 'TRACKER': _leakgate}
del _file, _importing, _leakgate, marshal
exec(_driver, _names)
";

/// The driver as an interpreter compiled it, which takes longer than to run it; empty where it could not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compiled(Arc<[u8]>);

impl Compiled {
    /// Of hexadecimal digits: the interpreter's magic number, then the marshalled code.
    pub(super) fn of_hex(digits: &str) -> Compiled {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
        Compiled(bytes.unwrap_or_default().into())
    }
}

/// The driver's files of one scenario.
#[derive(Debug)]
pub struct Driver {
    compiled: PathBuf,
    script: PathBuf,
    spec: PathBuf,
    /// Where the result appears, at once and whole, when the work is done.
    pub result: PathBuf,
    /// Where questions and answers appear.
    pub folder: PathBuf,
}

#[derive(Serialize)]
struct Spec<'a> {
    target: [&'a str; 2],
    setup: Option<[&'a str; 2]>,
    teardown: Option<[&'a str; 2]>,
    arguments: String,
    keep: bool,
    between: Option<[&'a str; 2]>,
    first: [u64; 2],
    asks: bool,
    explain: u32,
    forked: u8,
    folder: String,
}

/// What the driver reports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DriverResult {
    /// Version of this report.
    pub version: u32,
    /// The process that called the function.
    pub pid: u32,
    /// How many iterations there were, warm-up included.
    pub iterations: u32,
    /// How many more there were between the two snapshots of the heap that explain what grows; 0: there are none.
    #[serde(default)]
    pub explained: u32,
    /// What else came between these snapshots: descriptors, threads, children; `None`: it was not looked at.
    #[serde(default)]
    pub around: Option<Around>,
    /// The signal that ended a copy of the process that was to take a snapshot; 0: none did.
    #[serde(default)]
    pub died: i32,
    /// Objects in reference cycles that iterations left while the program had the collector turned off.
    #[serde(default)]
    pub uncollected: u64,
    /// Names of threads that ran after the work and would keep the process alive.
    #[serde(default)]
    pub left_threads: Vec<String>,
    /// Whether a forked child came back from the function, as only its caller should.
    #[serde(default)]
    pub has_returned_child: bool,
    /// What the program under test raised.
    pub error: Option<DriverError>,
}

impl DriverResult {
    /// What the function left that a program which calls it would suffer from.
    pub fn notes(&self) -> Vec<String> {
        let fork = "a child process that the function forked came back from it, as only its caller should, and was ended: have \
                    the child end itself with `os._exit`";
        let threads = self.left_threads.first().map(|first| {
            let first = plain(first);
            let which = match self.left_threads.len() {
                1 => format!("thread `{first}` still ran after the work and is"),
                count => format!("{} threads, such as `{first}`, still ran after the work and are", grouped(count as u64)),
            };
            format!("{which} no daemon: a program that calls the function would not end; stop what it started, and join it")
        });
        let notes = [self.has_returned_child.then(|| fork.to_owned()), threads, self.off()];
        notes.into_iter().flatten().collect()
    }

    /// That nothing frees what the function leaves to the collector.
    fn off(&self) -> Option<String> {
        (self.uncollected > 0).then(|| {
            let objects = counted(i64::try_from(self.uncollected).unwrap_or(i64::MAX), "object");
            let calls = counted(self.iterations.into(), "call");
            format!(
                "the program has turned the garbage collector off (`gc.disable()`), and {calls} left {objects} in reference \
                 cycles: leakgate collects between iterations; without it nothing frees them unless the program calls \
                 `gc.collect()` (`reference-cycle: warn` under `rules` shows the cycles)"
            )
        })
    }
}

/// An exception of the program under test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DriverError {
    /// `import`, `setup`, `call` or `teardown`; `setup import` where that could not be imported.
    pub phase: String,
    /// Number of the iteration, from 1; 0 outside of iterations.
    pub iteration: u32,
    /// The exception's class.
    #[serde(rename = "type")]
    pub class: String,
    /// Its message.
    pub message: String,
    /// The traceback, from the first frame of the program under test.
    pub traceback: String,
    /// Not 0: it is what test frameworks raise for a test that is not to be run here.
    #[serde(default)]
    pub skips: u8,
}

impl Driver {
    /// Writes the driver and what it is to do for `call` into the private `folder`.
    pub fn write(call: &Call, folder: &Path) -> io::Result<Driver> {
        let driver = Driver {
            compiled: folder.join("leakgate_driver.bin"),
            script: folder.join("leakgate_driver.py"),
            spec: folder.join("spec.json"),
            result: folder.join("result.json"),
            folder: folder.to_path_buf(),
        };
        let first = verdict::first(call.repeats);
        let spec = Spec {
            target: names(&call.target),
            setup: call.setup.as_ref().map(names),
            teardown: call.teardown.as_ref().map(names),
            arguments: call.arguments.to_string(),
            keep: call.result == KeepResult::Keep,
            between: call.between.as_ref().map(names),
            first: [u64::from(first.iterations), first.milliseconds],
            asks: matches!(call.repeats, Repeats::Auto { .. }),
            explain: call.explain,
            forked: u8::from(call.snapshot == HeapSnapshot::Forked),
            folder: folder.to_string_lossy().into_owned(),
        };
        fs::write(&driver.compiled, &call.driver.0)?;
        fs::write(&driver.script, SOURCE)?;
        fs::write(&driver.spec, serde_json::to_vec(&spec)?)?;
        Ok(driver)
    }

    /// The command line that runs it with `python`.
    pub fn argv(&self, python: &Path) -> Vec<OsString> {
        vec![
            python.into(),
            "-c".into(),
            BOOTSTRAP.into(),
            self.compiled.clone().into(),
            self.script.clone().into(),
            self.spec.clone().into(),
        ]
    }

    /// The driver's report; `None` when it did not get so far.
    pub fn read_result(&self) -> io::Result<Option<DriverResult>> {
        match fs::read(&self.result) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn names(target: &CallTarget) -> [&str; 2] {
    [&target.module, &target.function]
}
