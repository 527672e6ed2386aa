//! Where the heap snapshots are that are meant by a capture: its own, or those of the scenario's second process.

use std::path::{Path, PathBuf};

use super::SECOND;
use crate::heap::Snapshot;
use crate::heap::load as heap_files;
use crate::profile::load;

/// The capture of a scenario's second process, where that has the snapshots of the heap.
pub(super) fn with_snapshots(path: PathBuf) -> PathBuf {
    let has_some = |path: &Path| heap_files::find(path).is_ok_and(|found| !found.is_empty());
    let mut second = path.clone().into_os_string();
    second.push(SECOND);
    let second = PathBuf::from(second);
    if !has_some(&path) && has_some(&second) { second } else { path }
}

/// The last heap snapshot of a capture's main process, or of the scenario's second process; `None` where there is none.
///
/// # Errors
///
/// When it cannot be read.
pub(in crate::commands) fn last_snapshot(capture: &Path) -> anyhow::Result<Option<Snapshot>> {
    let path = with_snapshots(capture.to_owned());
    let mut found = heap_files::find(&path)?;
    if found.is_empty() {
        return Ok(None);
    }
    if let Some(main) = load::capture(&path)?.main().map(|profile| profile.process.id())
        && found.iter().any(|found| found.process == main)
    {
        found.retain(|found| found.process == main);
    }
    found.last().map(|found| Ok(heap_files::snapshot(&found.path)?)).transpose()
}
