//! The seal of a finished capture: length and CRC-32 of each file, so that damage is noticed and not reported as memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use rustix::fs::FallocateFlags;
use serde::{Deserialize, Serialize};

use super::load::LoadError;

/// Name of the seal in a capture folder.
pub const NAME: &str = "seal.json";

/// What the seal says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Its length in bytes.
    pub length: u64,
    /// Its CRC-32 (ISO 3309).
    pub crc32: u32,
}

/// Seals every file of a capture whose processes have all ended, and gives back the space that was reserved ahead in
/// their files.
///
/// # Errors
/// When a file cannot be read or the seal cannot be written.
pub fn write(folder: &Path) -> std::io::Result<()> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != NAME && entry.file_type()?.is_file() {
            files.insert(name, seal(&trimmed(&entry.path())?));
        }
    }
    let (path, text) = (folder.join(NAME), serde_json::to_string_pretty(&files)?);
    fs::write(&path, text).inspect_err(|_| {
        // Half a seal would make the capture a damaged one.
        let _ = fs::remove_file(&path);
    })
}

/// A file's bytes; a process file is cut to what is used of it first, and its empty pages take no space any more.
fn trimmed(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = fs::read(path)?;
    if path.extension().is_none_or(|extension| extension != "lgp") {
        return Ok(bytes);
    }
    if let Some(used) = leakgate_capture::read::used_bytes(&bytes) {
        let file = fs::OpenOptions::new().write(true).open(path)?;
        if used < bytes.len() {
            file.set_len(used as u64)?;
            bytes.truncate(used);
        }
        give_back_zeros(&file, &bytes);
    }
    Ok(bytes)
}

#[cfg(not(target_os = "linux"))]
fn give_back_zeros(_: &fs::File, _: &[u8]) {}

/// Makes holes of the pages that are all zeros. A file system that cannot keeps them, and nothing else changes.
#[cfg(target_os = "linux")]
fn give_back_zeros(file: &fs::File, bytes: &[u8]) {
    const PAGE: usize = 4096;
    let mut pages =
        bytes.chunks_exact(PAGE).map(|page| page.iter().all(|byte| *byte == 0)).enumerate().peekable();
    while let Some((first, is_zero)) = pages.next() {
        if !is_zero {
            continue;
        }
        let mut after = first + 1;
        while pages.next_if(|(_, is_zero)| *is_zero).is_some() {
            after += 1;
        }
        let (at, length) = (first * PAGE, (after - first) * PAGE);
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if rustix::fs::fallocate(file, hole, at as u64, length as u64).is_err() {
            return;
        }
    }
}

fn seal(bytes: &[u8]) -> Sealed {
    Sealed { length: bytes.len() as u64, crc32: crc32fast::hash(bytes) }
}

/// What the seal says of a capture.
pub(super) struct Checked {
    /// Why damage could not be noticed, where there is no seal.
    pub note: Option<String>,
    /// What differs.
    pub damage: Vec<LoadError>,
}

/// Compares the files with the seal. A capture without one is taken as it is: the note tells what that means.
pub(super) fn check(folder: &Path) -> Checked {
    let path = folder.join(NAME);
    let damaged = |what: String| LoadError::Damaged { path: path.clone(), what };
    let only = |error| Checked { note: None, damage: vec![error] };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Checked { note: Some(UNSEALED.to_owned()), damage: Vec::new() };
        }
        Err(error) => return only(damaged(error.to_string())),
    };
    let files: BTreeMap<String, Sealed> = match serde_json::from_str(&text) {
        Ok(files) => files,
        Err(error) => return only(damaged(error.to_string())),
    };
    let changed = files.iter().filter_map(|(name, sealed)| compare(folder.join(name), sealed).err());
    let is_added = |name: &String| name.ends_with(".lgp") && !files.contains_key(name);
    let added = names(folder).into_iter().filter(is_added);
    let added = added.map(|name| LoadError::Damaged { path: folder.join(name), what: NOT_SEALED.to_owned() });
    Checked { note: None, damage: changed.chain(added).collect() }
}

const NOT_SEALED: &str = "the seal does not list it";
const UNSEALED: &str =
    "this capture is not sealed (still recording, or its recorder was killed): damage cannot be noticed";

fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn compare(path: PathBuf, sealed: &Sealed) -> Result<(), LoadError> {
    let bytes = fs::read(&path).map_err(|error| LoadError::Folder { path: path.clone(), error })?;
    let found = seal(&bytes);
    if found.length != sealed.length {
        let what = format!("it has {} bytes instead of {}", found.length, sealed.length);
        return Err(LoadError::Damaged { path, what });
    }
    if found != *sealed {
        return Err(LoadError::Damaged { path, what: "its checksum differs".to_owned() });
    }
    Ok(())
}
