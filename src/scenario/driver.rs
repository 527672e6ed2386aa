//! The Python driver: what it is told and what it reports. `driver.py` is the other side of both files.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan::{Call, KeepResult};
use crate::config::{CallTarget, Repeats};

const SOURCE: &str = include_str!("driver.py");
/// Starts the driver without being it: as `-c`, `__main__` has no file that a spawned worker would run again, and
/// the driver's own names stay out of it.
const BOOTSTRAP: &str = "\
import sys
try:
    import _leakgate
    _leakgate.suppress()
except ImportError:
    _leakgate = None
with open(sys.argv[1], 'rb') as _file:
    _driver = compile(_file.read(), sys.argv[1], 'exec')
_names = {'__name__': 'leakgate_driver', '__file__': sys.argv[1], 'SPEC': sys.argv[2], 'TRACKER': _leakgate}
del _file, _leakgate
exec(_driver, _names)
";

/// The driver's files of one scenario.
#[derive(Debug)]
pub struct Driver {
    script: PathBuf,
    spec: PathBuf,
    /// Where the result appears, at once and whole, when the work is done.
    pub result: PathBuf,
    /// Iterations that are not judged.
    pub warmup: u32,
}

#[derive(Serialize)]
struct Spec<'a> {
    target: [&'a str; 2],
    setup: Option<[&'a str; 2]>,
    teardown: Option<[&'a str; 2]>,
    arguments: String,
    keep: bool,
    warmup: u32,
    iterations: u32,
    result: String,
}

/// What the driver reports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DriverResult {
    /// Version of this report.
    pub version: u32,
    /// The process that called the function.
    pub pid: u32,
    /// Before the work, setup done.
    pub start: Option<Figures>,
    /// After each iteration, warm-up included.
    pub iterations: Vec<IterationRow>,
    /// After all, the result still held if it is to be kept.
    pub retained: Option<Figures>,
    /// After the result was dropped.
    pub left: Option<Figures>,
    /// What the program under test raised.
    pub error: Option<DriverError>,
}

/// Figures at a checkpoint: live bytes, live blocks, peak since the checkpoint before, descriptors, threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Figures(pub u64, pub u64, pub u64, pub Option<u32>, pub Option<u32>);

/// As `Figures`, and the number of objects that only the garbage collector freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct IterationRow(pub u64, pub u64, pub u64, pub Option<u32>, pub Option<u32>, pub u64);

impl Figures {
    /// Open descriptors, where they could be seen.
    pub fn fds(&self) -> Option<u32> {
        self.3
    }

    /// Threads, where they could be seen.
    pub fn threads(&self) -> Option<u32> {
        self.4
    }
}

impl IterationRow {
    /// The row without the collector's number.
    pub fn figures(&self) -> Figures {
        Figures(self.0, self.1, self.2, self.3, self.4)
    }
}

/// An exception of the program under test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DriverError {
    /// `import`, `setup`, `call` or `teardown`.
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
}

/// Iterations before those that are judged, and these.
fn numbers(repeats: Repeats) -> (u32, u32) {
    match repeats {
        Repeats::Fixed { warmup, iterations } => (warmup, iterations),
        Repeats::Auto { .. } => (5, 20),
    }
}

impl Driver {
    /// Writes the driver and what it is to do for `call` into the private `folder`.
    pub fn write(call: &Call, folder: &Path) -> io::Result<Driver> {
        let driver = Driver {
            script: folder.join("leakgate_driver.py"),
            spec: folder.join("spec.json"),
            result: folder.join("result.json"),
            warmup: numbers(call.repeats).0,
        };
        let (warmup, iterations) = numbers(call.repeats);
        let spec = Spec {
            target: names(&call.target),
            setup: call.setup.as_ref().map(names),
            teardown: call.teardown.as_ref().map(names),
            arguments: call.arguments.to_string(),
            keep: call.result == KeepResult::Keep,
            warmup,
            iterations,
            result: driver.result.to_string_lossy().into_owned(),
        };
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
