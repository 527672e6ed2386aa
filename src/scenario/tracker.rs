//! The tracker's library, and the private folder it is unpacked to.
//!
//! Where no folder can hold a library (noexec, a space in its path), the library stands in memory, and the loader takes it
//! through `/proc/PID/fd/N` of this program. It is found there only while this program runs.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::statvfs::{FsFlags, statvfs};
use rustix::fs::{MemfdFlags, memfd_create};
use tempfile::TempDir;
use thiserror::Error;

use super::values::Values;

/// The library, as it was built with the program.
pub const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libleakgate.so"));
/// Its file name; also how a process that is recorded is recognised in its memory map.
pub const LIBRARY_NAME: &str = "libleakgate.so";

/// How the names of private and temporary folders begin.
const FOLDER_PREFIX: &str = "leakgate-";

/// Why the tracker could not be unpacked.
#[derive(Debug, Error)]
pub enum TrackerError {
    /// No folder can hold it.
    #[error(
        "no folder can hold the tracker's library: {tried}; one is needed that is writable, allows execution and has \
         no space or colon in its path (set TMPDIR to it). It could not be had from memory either: that needs /proc and \
         any writable folder"
    )]
    NoFolder {
        /// Each folder with what is wrong about it.
        tried: String,
    },
}

/// What the recorded processes are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which processes are recorded.
    pub follow: Follow,
    /// Whether they may be asked to collect their garbage.
    pub asked: Asked,
    /// When they take a snapshot of their heap.
    pub snapshots: Moments,
    /// Whether snapshots have examples of what is kept.
    pub values: Values,
}

/// When a process takes a snapshot of its heap, though it does not ask for one itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moments {
    /// After these of its iterations, in order.
    pub iterations: Vec<u32>,
    /// Before its interpreter is torn down.
    pub at_exit: bool,
}

impl Settings {
    /// Those of processes that are never asked anything.
    pub fn following(follow: Follow) -> Settings {
        Settings { follow, asked: Asked::Never, snapshots: Moments::default(), values: Values::Shown }
    }
}

/// Whether recorded processes may be asked from outside to collect their garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// They are, now and then.
    NowAndThen,
    /// Never.
    Never,
}

/// Whether the processes that the command starts are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// All of them.
    Children,
    /// None: only the command itself.
    Nothing,
}

/// The library, with its settings: what the processes load that are recorded.
#[derive(Debug)]
pub struct Unpacked {
    /// For private files; deleted on drop unless `leave` was called.
    folder: TempDir,
    /// The library, where it is not in the folder.
    memory: Option<InMemory>,
    /// For the files that the command itself wants for a time; deleted as `folder` is.
    temporary: Option<TempDir>,
}

/// A library that is in no folder.
#[derive(Debug)]
struct InMemory {
    file: File,
    /// As memory maps name it.
    mapped_as: PathBuf,
}

impl Unpacked {
    /// Unpacks the library so that recorded processes write into `capture`, which must be absolute.
    pub fn new(capture: &Path, told: Settings) -> Result<Unpacked, TrackerError> {
        let filled = |folder: &Path| fill(folder, &settings(capture, folder, &told));
        match private_folder(&candidates(), usable, filled) {
            Ok(folder) => Ok(Unpacked { folder, memory: None, temporary: None }),
            Err(unusable) => Unpacked::in_memory(capture, &told).ok_or(unusable),
        }
    }

    fn in_memory(capture: &Path, told: &Settings) -> Option<Unpacked> {
        let mut folders = candidates();
        folders.extend(capture.parent().map(Path::to_path_buf));
        let folder = private_folder(&folders, absolute, |_| Ok(())).ok()?;
        let memory = InMemory::new(&settings(capture, folder.path(), told)).ok()?;
        let unpacked = Unpacked { folder, memory: Some(memory), temporary: None };
        // Without /proc the loader does not find it either.
        unpacked.library().exists().then_some(unpacked)
    }

    /// The library's path, for `LD_PRELOAD`.
    pub fn library(&self) -> PathBuf {
        match &self.memory {
            None => self.folder.path().join(LIBRARY_NAME),
            Some(memory) => format!("/proc/{}/fd/{}", std::process::id(), memory.file.as_raw_fd()).into(),
        }
    }

    /// The library's path as the memory maps of the processes that have loaded it show it.
    pub fn mapped_as(&self) -> PathBuf {
        self.memory.as_ref().map_or_else(|| self.library(), |memory| memory.mapped_as.clone())
    }

    /// The folder, for further private files of the run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All folders that go with the run.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.folder.path()).chain(self.temporary.as_ref().map(TempDir::path))
    }

    /// Makes a folder for the command's own temporary files, where such files go anyway: the private folder may be in
    /// memory.
    pub fn temporary_folder(&mut self) -> io::Result<PathBuf> {
        let made = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir()?;
        let path = made.path().to_path_buf();
        self.temporary = Some(made);
        Ok(path)
    }

    /// Leaves the library behind, for processes that still run with it. What it cannot do for them, in a sentence.
    pub fn leave(mut self) -> Option<&'static str> {
        self.temporary.iter_mut().for_each(|folder| folder.disable_cleanup(true));
        if self.memory.is_some() {
            return Some(
                "the tracker's library was in memory, as no folder could hold it: what they start from now on is not \
                 recorded",
            );
        }
        self.folder.disable_cleanup(true);
        None
    }
}

impl InMemory {
    /// The library with its settings behind it: the loader does not look there.
    fn new(settings: &[u8]) -> io::Result<InMemory> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("leakgate-{}-{number}-{LIBRARY_NAME}", std::process::id());
        // Kernels before 6.3 do not know the flag; they allow execution without it.
        let file = memfd_create(&name, MemfdFlags::CLOEXEC | MemfdFlags::EXEC)
            .or_else(|_| memfd_create(&name, MemfdFlags::CLOEXEC))?;
        let mut file = File::from(file);
        file.write_all(LIBRARY)?;
        file.write_all(settings)?;
        file.write_all(&(settings.len() as u32).to_le_bytes())?;
        file.write_all(SETTINGS_FOLLOW)?;
        Ok(InMemory { file, mapped_as: format!("/memfd:{name}").into() })
    }
}

/// The end of a library that has its settings in its own file; their length stands before it.
const SETTINGS_FOLLOW: &[u8; 8] = b"leakgate";

/// What the tracker reads: where to record and, where children are not followed, the file by which the first process
/// of all is known; whether they may be asked something, when they take snapshots, and whether only with names.
fn settings(capture: &Path, folder: &Path, told: &Settings) -> Vec<u8> {
    let line = |name: &str, path: &Path| [name.as_bytes(), path.as_os_str().as_bytes(), b"\n"].concat();
    let mut settings = line("capture=", capture);
    if told.asked == Asked::NowAndThen {
        settings.extend(b"asked\n");
    }
    let mut moments: Vec<String> = told.snapshots.iterations.iter().map(u32::to_string).collect();
    moments.extend(told.snapshots.at_exit.then(|| "exit".to_owned()));
    if !moments.is_empty() {
        settings.extend(format!("snapshots={}\n", moments.join(",")).bytes());
    }
    if told.values == Values::Hidden {
        settings.extend(b"names\n");
    }
    if told.follow == Follow::Nothing {
        settings.extend(line("first=", &folder.join("first")));
    }
    settings
}

fn fill(folder: &Path, settings: &[u8]) -> io::Result<()> {
    let (library, beside) = (folder.join(LIBRARY_NAME), folder.join("settings"));
    fs::write(&library, LIBRARY)?;
    fs::write(&beside, settings)?;
    // A process that gave its privileges away loads it too: where it cannot, the loader says so on its standard error.
    for (path, mode) in [(folder, 0o711), (&library, 0o755), (&beside, 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Folders for temporary files to try, in order.
pub fn candidates() -> Vec<PathBuf> {
    let mut folders = vec![env::temp_dir()];
    folders.extend(env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
    folders.push(PathBuf::from("/dev/shm"));
    folders.extend(env::home_dir().map(|home| home.join(".cache")));
    folders
}

fn private_folder(
    candidates: &[PathBuf],
    is_usable: impl Fn(&Path) -> Result<(), String>,
    fill: impl Fn(&Path) -> io::Result<()>,
) -> Result<TempDir, TrackerError> {
    let mut tried = Vec::new();
    for folder in candidates {
        let made = is_usable(folder).and_then(|()| {
            tempfile::Builder::new()
                .prefix(FOLDER_PREFIX)
                .tempdir_in(folder)
                .and_then(|made| fill(made.path()).map(|()| made))
                .map_err(|error| error.to_string())
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
    absolute(folder)?;
    if splits_preload(folder.as_os_str()) {
        return Err("has a space or a colon in its path".to_owned());
    }
    let flags = statvfs(folder).map_err(|error| error.desc().to_owned())?.flags();
    if flags.contains(FsFlags::ST_NOEXEC) {
        return Err("is mounted noexec".to_owned());
    }
    Ok(())
}

fn absolute(folder: &Path) -> Result<(), String> {
    if folder.is_absolute() { Ok(()) } else { Err("is not absolute".to_owned()) }
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
        let chosen = private_folder(&names, usable, |_| Ok(())).unwrap();
        assert_eq!(chosen.path().parent(), Some(names[2].as_path()));
    }

    #[test]
    fn when_no_folder_is_usable_the_reason_names_each() {
        let error =
            private_folder(&[PathBuf::from("relative"), PathBuf::from("/not/there")], usable, |_| Ok(()))
                .unwrap_err();
        let message = error.to_string();
        assert!(message.contains("`relative`: is not absolute"), "{message}");
        assert!(message.contains("`/not/there`: No such file or directory"), "{message}");
    }

    #[test]
    fn the_settings_name_the_capture_folder_and_everything_is_deleted_on_drop() {
        let unpacked =
            Unpacked::new(Path::new("/some/capture"), Settings::following(Follow::Children)).unwrap();
        let folder = unpacked.folder().to_path_buf();
        assert_eq!(fs::read_to_string(folder.join("settings")).unwrap(), "capture=/some/capture\n");
        assert_eq!(fs::read(unpacked.library()).unwrap(), LIBRARY);
        drop(unpacked);
        assert!(!folder.exists());
        let alone = Unpacked::new(Path::new("/some/capture"), Settings::following(Follow::Nothing)).unwrap();
        let settings = fs::read_to_string(alone.folder().join("settings")).unwrap();
        assert_eq!(
            settings,
            format!("capture=/some/capture\nfirst={}\n", alone.folder().join("first").display())
        );
    }
}
