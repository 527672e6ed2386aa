//! The paths that a configuration names: the folder to run in, and Python. They are looked at when the file is loaded.

use std::path::{Path, PathBuf};

use super::model::PythonChoice;
use super::problem::{Problems, quotable};
use super::tree::Entry;
use super::values;

/// `cwd`: a folder inside the project.
pub(super) fn folder(problems: &mut Problems<'_>, entry: &Entry, dir: &Path) -> Option<PathBuf> {
    let text = values::text(problems, "`cwd`", &entry.value, "a path of a folder")?;
    let folder = dir.join(&text);
    let typed = quotable(&text);
    let message = match folder.canonicalize() {
        Err(error) => format!("`cwd`: cannot open folder `{typed}`: {}", reason(&error)),
        Ok(real) if !real.is_dir() => format!("`cwd`: `{typed}` is not a folder"),
        Ok(real) => match project(dir) {
            Some(project) if !real.starts_with(&project) => {
                format!(
                    "`cwd`: `{typed}` is outside the project; expected a folder in `{}`",
                    project.display()
                )
            }
            _ => return Some(folder),
        },
    };
    problems.add(&entry.value.span, message);
    None
}

/// The nearest folder above that has a `.git`, else this one; symbolic links resolved.
fn project(dir: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    let root = dir.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_path_buf);
    Some(root.unwrap_or(dir))
}

/// `python`: `auto`, a path from the file's folder on, or a name in `PATH`.
pub(super) fn python(problems: &mut Problems<'_>, entry: &Entry, dir: &Path) -> Option<PythonChoice> {
    let text = values::text(problems, "`python`", &entry.value, "`auto` or a path")?;
    if text == "auto" {
        return Some(PythonChoice::Auto);
    }
    let found = match text.contains('/') {
        true => Some(dir.join(&text)).filter(|path| is_executable(path)),
        false => in_path(&text),
    };
    if found.is_none() {
        let place = if text.contains('/') { "" } else { " in `PATH`" };
        let message =
            format!("`python`: no executable file `{}`{place}; expected `auto` or a path", quotable(&text));
        problems.add(&entry.value.span, message);
    }
    found.map(PythonChoice::Path)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let paths = std::env::split_paths(&folders).map(|folder| folder.join(name));
    paths.into_iter().find(|path| !name.is_empty() && is_executable(path))
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file() || path.with_extension(std::env::consts::EXE_EXTENSION).is_file()
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The reason in words, without the system's error number.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        kind => kind.to_string(),
    }
}
