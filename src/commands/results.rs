//! Reads a `result.json` from disk: bounded, with the file's name in what goes wrong.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::outcome::Outcome;
use crate::report::{Format, LARGEST_JSON, read_json};

/// The outcome in `path`, or in the `result.json` of the folder `path`.
///
/// # Errors
/// When there is none, or it cannot be read whole.
pub(super) fn load(path: &Path) -> anyhow::Result<Outcome> {
    parsed(&bytes(path)?, path)
}

/// The outcome in these bytes, which are those of `path`.
///
/// # Errors
/// When they are none, or not whole.
pub(super) fn parsed(bytes: &[u8], path: &Path) -> anyhow::Result<Outcome> {
    read_json(bytes).with_context(|| format!("failed to read `{}`", file(path).display()))
}

/// `path`, or the `result.json` of the folder `path`.
pub(super) fn file(path: &Path) -> PathBuf {
    match (path.is_dir(), Format::Json.file_name()) {
        (true, Some(name)) => path.join(name),
        _ => path.to_owned(),
    }
}

/// What stands in that file, bounded.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let path = file(path);
    let failed = || format!("failed to read `{}`", path.display());
    let mut bytes = Vec::new();
    // One byte more than is accepted tells that there is too much.
    let file = File::open(&path).with_context(failed)?;
    file.take(LARGEST_JSON + 1).read_to_end(&mut bytes).with_context(failed)?;
    Ok(bytes)
}
