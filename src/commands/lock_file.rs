//! The file of the baseline, beside the configuration.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::baseline::Problem;

/// No lock is larger; what is, is another file.
const LARGEST: u64 = 64 << 20;

/// The lock of a configuration: `leakgate.lock` of `leakgate.yaml`.
pub(super) fn beside(config: &Path) -> PathBuf {
    config.with_extension("lock")
}

/// Its text; `None` where there is none. What is not UTF-8 becomes text that no lock has.
///
/// # Errors
/// When it cannot be read.
pub(super) fn text(path: &Path) -> anyhow::Result<Option<String>> {
    let failed = || format!("failed to read baseline `{}`", path.display());
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if metadata.is_dir() => {
            anyhow::bail!(
                "baseline `{}` is a folder, expected a file: remove it, and `leakgate baseline update` writes one",
                path.display()
            )
        }
        Ok(metadata) if metadata.len() > LARGEST => {
            anyhow::bail!("baseline `{}` is larger than 64 MiB: it is no lock of leakgate", path.display())
        }
        _ => {}
    }
    let bytes = fs::read(path).with_context(failed)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// What is wrong with it, as messages.
pub(super) fn problems(path: &Path, problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| format!("{}:{}: {}", path.display(), problem.line, problem.message))
        .collect()
}

/// Writes it: whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("failed to write baseline `{}`", path.display());
    // A link stays a link: what it points to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = as_any_new_file(&mut tempfile::Builder::new()).tempfile_in(folder).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    if let Ok(metadata) = fs::metadata(&path) {
        fs::set_permissions(file.path(), metadata.permissions()).with_context(failed)?;
    }
    file.persist(&path).with_context(failed)?;
    Ok(())
}

/// With the permissions of any new file: less what the user's mask takes away.
#[cfg(unix)]
fn as_any_new_file<'a, 'b, 'c>(builder: &'a mut tempfile::Builder<'b, 'c>) -> &'a tempfile::Builder<'b, 'c> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn as_any_new_file<'a, 'b, 'c>(builder: &'a mut tempfile::Builder<'b, 'c>) -> &'a tempfile::Builder<'b, 'c> {
    builder
}
