//! The result in an artifact that somebody else's run made: one file is read, in memory, and nothing is ever unpacked. Paths,
//! links and sizes that the archive claims are not believed.

use std::io::{Cursor, Read};

use thiserror::Error;
use zip::ZipArchive;
use zip::result::ZipError;

/// The one file that is looked for, at the archive's top.
const RESULT: &str = "result.json";
/// No result of a check is larger, unpacked.
const LARGEST: u64 = 32 << 20;

/// Why an archive has no result.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// It is no archive, or a damaged one.
    #[error("it is no ZIP archive that can be read: {0}")]
    NotAnArchive(String),
    /// It does not have the file.
    #[error("there is no `{RESULT}` at its top")]
    Missing,
    /// The file is too large.
    #[error("its `{RESULT}` has more than 32 MiB: no result of a check is so large")]
    TooLarge,
}

/// The bytes of `result.json` at the top of a ZIP archive.
///
/// # Errors
/// When there is none, or it is too large.
pub fn result_in(archive: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    let failed =
        |error: ZipError| ArchiveError::NotAnArchive(crate::report::harmless(&error.to_string(), 200));
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(failed)?;
    let file = match archive.by_name(RESULT) {
        Err(ZipError::FileNotFound) => return Err(ArchiveError::Missing),
        file => file.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    // By what comes out, whatever the archive says its size is.
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > LARGEST {
        return Err(ArchiveError::TooLarge);
    }
    read.map_err(|error| failed(ZipError::Io(error)))?;
    Ok(bytes)
}
