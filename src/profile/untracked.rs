//! Programs that are in no figure, and why.

use super::model::ProgramId;

/// A program that ran without the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untracked {
    /// Its process, where it is known.
    pub pid: Option<u32>,
    /// The nearest recorded program above it, or the one whose place it took.
    pub owner: ProgramId,
    /// Its path, as it was named.
    pub program: String,
    /// Why.
    pub obstacle: Obstacle,
}

/// Why a program was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Obstacle {
    /// It did not load the tracker: it is static, setuid, of another C library, or was started past it.
    #[default]
    NotLoaded,
    /// Its limit of file sizes has no room for a file of its own.
    FileSize,
    /// It could not make a file in the capture's folder, for another reason.
    NoFile,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Obstacle::NotLoaded => "static, setuid, of another C library, or started past it",
            Obstacle::FileSize => "its limit of file sizes (RLIMIT_FSIZE) is below 1 MiB",
            Obstacle::NoFile => "it could not make its file: disk full, no descriptor left, or no permission",
        })
    }
}
