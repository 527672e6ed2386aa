//! Where `leakgate run` records: in the folder that is wished for or, where that cannot be written, in one for temporary
//! files. What the user typed wrongly stays an error.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::scenario::capture_dir::{self, CaptureDirError, Existing};
use crate::scenario::{limits, tracker};

/// Most captures of one name that are written at the same time.
const MOST_AT_ONCE: u32 = 100;

/// What the user wishes.
pub(super) struct Wish<'a> {
    /// The folder, where one is named.
    pub(super) output: Option<&'a Path>,
    /// What to do with a capture that is in it.
    pub(super) existing: Existing,
}

/// A folder that is ready for a capture.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    /// What the user would call it.
    pub(super) shown: String,
    /// Why it is not the one that was wished for.
    pub(super) instead: Option<String>,
}

/// The place, or why there is none at all.
pub(super) enum Found {
    Place(Place),
    Nowhere(String),
}

/// Finds a place for a capture of `argv`.
///
/// # Errors
/// Where the wish is wrong: something else is there.
pub(super) fn find(wish: &Wish<'_>, argv: &[OsString], cwd: &Path) -> anyhow::Result<Found> {
    if limits::longest_file_of_commands() < leakgate_capture::FIRST_LENGTH as u64 {
        let reason = "the limit of file sizes (RLIMIT_FSIZE) is below 1 MiB";
        return Ok(Found::Nowhere(reason.to_owned()));
    }
    let wished = match wished(wish, argv, cwd) {
        Ok((folder, shown)) => capture_dir::try_room(&folder).map(|()| (folder, shown)),
        Err(error) => Err(error.downcast::<CaptureDirError>()?),
    };
    match wished {
        Ok((folder, shown)) => Ok(Found::Place(Place { folder, shown, instead: None })),
        Err(error) if error.is_unwritable() => Ok(elsewhere(&error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn wished(wish: &Wish<'_>, argv: &[OsString], cwd: &Path) -> anyhow::Result<(PathBuf, String)> {
    if let Some(folder) = wish.output {
        return Ok((capture_dir::prepare(folder, wish.existing)?, folder.display().to_string()));
    }
    let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    default_place(cwd, &capture_dir::name_of(&words))
}

/// A new folder among temporary files.
fn elsewhere(why: &str) -> Found {
    let mut tried = Vec::new();
    for folder in tracker::candidates() {
        let made = tempfile::Builder::new().prefix("leakgate-capture-").tempdir_in(&folder);
        let with_room = made.ok().filter(|made| capture_dir::try_room(made.path()).is_ok());
        if let Some(made) = with_room {
            let folder = made.keep();
            let shown = folder.display().to_string();
            return Found::Place(Place { folder, shown, instead: Some(why.to_owned()) });
        }
        tried.push(format!("`{}`", folder.display()));
    }
    Found::Nowhere(format!("{why}, and there is no room among temporary files either ({})", tried.join(", ")))
}

/// The default place of a capture called `name`; another one beside it while that is still being written.
pub(super) fn default_place(cwd: &Path, name: &str) -> anyhow::Result<(PathBuf, String)> {
    let names =
        std::iter::once(name.to_owned()).chain((2..MOST_AT_ONCE).map(|number| format!("{name}-{number}")));
    for name in names {
        let folder = capture_dir::default_place(cwd, &name)?;
        match capture_dir::prepare(&folder, Existing::Replace) {
            Ok(ready) => {
                let shown = folder.strip_prefix(cwd).unwrap_or(&folder).display().to_string();
                return Ok((ready, shown));
            }
            Err(CaptureDirError::Busy { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(anyhow!(
        "{MOST_AT_ONCE} captures called `{name}` are still being written; name a folder with --output"
    ))
}
