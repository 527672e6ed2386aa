//! Fills the model from a capture folder.

use std::path::{Path, PathBuf};

use super::Capture;

/// Why a capture could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such folder.
    #[error("{0}: no capture here")]
    Missing(PathBuf),
}

/// Loads the capture in that folder.
///
/// # Errors
///
/// When it cannot be read.
pub fn capture(path: &Path) -> Result<Capture, LoadError> {
    Err(LoadError::Missing(path.to_path_buf()))
}
