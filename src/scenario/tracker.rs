//! The tracker's library, and the private folder it is unpacked to.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use tempfile::TempDir;
use thiserror::Error;

/// The library, as it was built with the program.
pub const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libleakgate.so"));
/// Its file name; also how a process that is recorded is recognised in its memory map.
pub const LIBRARY_NAME: &str = "libleakgate.so";

/// Why the tracker could not be unpacked.
#[derive(Debug, Error)]
pub enum TrackerError {
    /// No folder can hold it.
    #[error(
        "no folder can hold the tracker's library: {tried}; one is needed that is writable, allows execution and has \
         no space or colon in its path (set TMPDIR to it)"
    )]
    NoFolder {
        /// Each folder with what is wrong about it.
        tried: String,
    },
    /// Writing failed.
    #[error("failed to write the tracker's library to `{folder}`: {error}")]
    Write {
        /// Where.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Whether the processes that the command starts are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// All of them.
    Children,
    /// None: only the command itself.
    Nothing,
}

/// The folder with the library and its settings; deleted on drop unless `leave` was called.
#[derive(Debug)]
pub struct Unpacked {
    folder: TempDir,
}

impl Unpacked {
    /// Unpacks the library so that recorded processes write into `capture`, which must be absolute.
    pub fn new(capture: &Path, follow: Follow) -> Result<Unpacked, TrackerError> {
        let folder = private_folder(&candidates())?;
        let unpacked = Unpacked { folder };
        unpacked
            .fill(capture, follow)
            .map_err(|error| TrackerError::Write { folder: unpacked.folder.path().to_path_buf(), error })?;
        Ok(unpacked)
    }

    /// The library's path, for `LD_PRELOAD`.
    pub fn library(&self) -> PathBuf {
        self.folder.path().join(LIBRARY_NAME)
    }

    /// The folder, for further private files of the run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder behind, for processes that still run from it.
    pub fn leave(mut self) {
        self.folder.disable_cleanup(true);
    }

    fn fill(&self, capture: &Path, follow: Follow) -> io::Result<()> {
        let library = self.library();
        fs::write(&library, LIBRARY)?;
        fs::set_permissions(&library, fs::Permissions::from_mode(0o755))?;
        let mut settings = b"capture=".to_vec();
        settings.extend_from_slice(capture.as_os_str().as_bytes());
        settings.push(b'\n');
        if follow == Follow::Nothing {
            settings.extend_from_slice(b"follow=no\n");
        }
        fs::write(self.folder.path().join("settings"), settings)
    }
}

/// Folders to try, in order.
fn candidates() -> Vec<PathBuf> {
    let mut folders = vec![env::temp_dir()];
    folders.extend(env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
    folders.push(PathBuf::from("/dev/shm"));
    folders.extend(env::home_dir().map(|home| home.join(".cache")));
    folders
}

fn private_folder(candidates: &[PathBuf]) -> Result<TempDir, TrackerError> {
    let mut tried = Vec::new();
    for folder in candidates {
        let made = usable(folder).and_then(|()| {
            tempfile::Builder::new().prefix("leakgate-").tempdir_in(folder).map_err(|error| error.to_string())
        });
        match made {
            Ok(made) => return Ok(made),
            Err(reason) => tried.push(format!("`{}`: {reason}", folder.display())),
        }
    }
    Err(TrackerError::NoFolder { tried: tried.join(", ") })
}

/// Whether the loader takes a library from `folder`: `LD_PRELOAD` splits at spaces and colons, and a relative path
/// would mean another folder after the program's first `chdir`.
fn usable(folder: &Path) -> Result<(), String> {
    if !folder.is_absolute() {
        return Err("is not absolute".to_owned());
    }
    if splits_preload(folder.as_os_str()) {
        return Err("has a space or a colon in its path".to_owned());
    }
    let flags = statvfs(folder).map_err(|error| error.desc().to_owned())?.flags();
    if flags.contains(FsFlags::ST_NOEXEC) {
        return Err("is mounted noexec".to_owned());
    }
    Ok(())
}

fn splits_preload(path: &OsStr) -> bool {
    // `$` too: the loader expands `$ORIGIN` and `$LIB` in it.
    path.as_bytes().iter().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b':' | b'$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_space_or_a_colon_is_passed_over() {
        let base = tempfile::tempdir().unwrap();
        let names = ["with space", "with:colon", "plain"].map(|name| base.path().join(name));
        names.iter().for_each(|name| fs::create_dir(name).unwrap());
        let chosen = private_folder(&names).unwrap();
        assert_eq!(chosen.path().parent(), Some(names[2].as_path()));
    }

    #[test]
    fn when_no_folder_is_usable_the_reason_names_each() {
        let error = private_folder(&[PathBuf::from("relative"), PathBuf::from("/not/there")]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("`relative`: is not absolute"), "{message}");
        assert!(message.contains("`/not/there`: No such file or directory"), "{message}");
    }

    #[test]
    fn the_settings_name_the_capture_folder_and_everything_is_deleted_on_drop() {
        let unpacked = Unpacked::new(Path::new("/some/capture"), Follow::Children).unwrap();
        let folder = unpacked.folder().to_path_buf();
        assert_eq!(fs::read_to_string(folder.join("settings")).unwrap(), "capture=/some/capture\n");
        assert_eq!(fs::read(unpacked.library()).unwrap(), LIBRARY);
        drop(unpacked);
        assert!(!folder.exists());
        let alone = Unpacked::new(Path::new("/some/capture"), Follow::Nothing).unwrap();
        let settings = fs::read_to_string(alone.folder().join("settings")).unwrap();
        assert_eq!(settings, "capture=/some/capture\nfollow=no\n");
    }
}
