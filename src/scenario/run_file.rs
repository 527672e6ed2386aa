//! `run.json` and `seal.json`: what the program itself writes into a capture folder, beside the processes' files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Name of the description of the run; its presence makes a folder a capture.
pub const RUN_FILE: &str = "run.json";
/// Name of the list of lengths and checksums.
pub const SEAL_FILE: &str = "seal.json";
/// Version of both files.
pub const VERSION: u32 = 1;
const FORMAT: &str = "leakgate-capture";

/// The description of a run. It is written when the run starts and again when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Always `leakgate-capture`.
    pub format: String,
    /// `VERSION` of the program that wrote it.
    pub version: u32,
    /// The command line, unreadable bytes replaced.
    pub command: Vec<String>,
    /// Its working directory.
    pub cwd: String,
    /// Milliseconds since the Unix epoch at the start.
    pub started_ms: u64,
    /// Wall time; absent while the command runs.
    pub elapsed_ms: Option<u64>,
    /// The command's exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal that ended the command, if one did.
    pub signal: Option<i32>,
    /// The process that the program started; 0 before it is started.
    pub root_pid: u32,
}

/// Length and checksum of each file of a capture.
#[derive(Debug, Serialize, Deserialize)]
struct Seal {
    version: u32,
    files: BTreeMap<String, Sealed>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    length: u64,
    crc32: u32,
}

impl RunFile {
    /// The description of a run that has not ended.
    pub fn starting(command: Vec<String>, cwd: String, started_ms: u64) -> RunFile {
        RunFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            command,
            cwd,
            started_ms,
            elapsed_ms: None,
            exit_code: None,
            signal: None,
            root_pid: 0,
        }
    }

    /// Writes it into `folder`, whole or not at all.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write_json(folder, RUN_FILE, self)
    }

    /// Reads it from `folder`; an error also where the file is not one of ours.
    pub fn read(folder: &Path) -> io::Result<RunFile> {
        let run: RunFile = serde_json::from_slice(&fs::read(folder.join(RUN_FILE))?)?;
        if run.format == FORMAT {
            return Ok(run);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("{RUN_FILE} is not of a leakgate capture")))
    }
}

/// Notes length and checksum of every file in `folder`, so that later damage is noticed.
pub fn seal(folder: &Path) -> io::Result<()> {
    let files = sums(folder)?;
    write_json(folder, SEAL_FILE, &Seal { version: VERSION, files })
}

/// The files of a sealed capture that are missing or not as they were; `None` when the capture was never sealed
/// (a recorded process outlived the program, or the program was killed).
pub fn damaged(folder: &Path) -> io::Result<Option<Vec<String>>> {
    let seal = match fs::read(folder.join(SEAL_FILE)) {
        Ok(seal) => seal,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let seal: Seal = serde_json::from_slice(&seal)?;
    let found = sums(folder)?;
    let damaged = seal.files.iter().filter(|(name, sealed)| found.get(*name) != Some(*sealed));
    Ok(Some(damaged.map(|(name, _)| name.clone()).collect()))
}

fn sums(folder: &Path) -> io::Result<BTreeMap<String, Sealed>> {
    let mut sums = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != SEAL_FILE && entry.file_type()?.is_file() {
            sums.insert(name, sum(&entry.path())?);
        }
    }
    Ok(sums)
}

fn sum(path: &Path) -> io::Result<Sealed> {
    let mut file = File::open(path)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut length = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(Sealed { length, crc32: hasher.finalize() });
        }
        hasher.update(&buffer[..count]);
        length += count as u64;
    }
}

fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, value)?;
    file.write_all(b"\n")?;
    file.persist(folder.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFile::starting(vec!["python".to_owned(), "é".to_owned()], "/work".to_owned(), 7);
        run.exit_code = Some(3);
        run.write(folder.path()).unwrap();
        assert_eq!(RunFile::read(folder.path()).unwrap(), run);
    }

    #[test]
    fn a_seal_tells_what_was_changed_cut_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
        for name in ["changed", "cut", "removed", "untouched"] {
            write(name, b"0123456789");
        }
        assert_eq!(damaged(folder.path()).unwrap(), None);
        seal(folder.path()).unwrap();
        assert_eq!(damaged(folder.path()).unwrap(), Some(vec![]));
        write("changed", b"0123456780");
        write("cut", b"012345678");
        fs::remove_file(folder.path().join("removed")).unwrap();
        let expected = ["changed", "cut", "removed"].map(str::to_owned).to_vec();
        assert_eq!(damaged(folder.path()).unwrap(), Some(expected));
    }
}
