//! Finds the file that a command word means, as `execvp` would, and refuses what cannot be tracked before it runs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use thiserror::Error;

use super::elf::{self, Kind};

/// How many `#!` lines may lead from one script to the next; the kernel stops after as many.
const SHEBANG_DEPTH: usize = 5;
/// What the C library searches when `PATH` is not set.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Why a command cannot be run under the tracker.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ExecutableError {
    /// There is no such program.
    #[error("`{0}` was not found{1}")]
    NotFound(String, &'static str),
    /// It is there and cannot be executed.
    #[error("`{path}` cannot be executed: {reason}")]
    NotExecutable {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It can be executed and not be tracked.
    #[error("`{path}` cannot be tracked: it {reason}")]
    NotTrackable {
        /// The file: the program or the interpreter of the script.
        path: String,
        /// What is wrong with it and what to do.
        reason: String,
    },
}

/// Resolves `word` in `path` (the command's own `PATH`) and `cwd`, and checks it and its interpreters.
pub fn resolve(word: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Result<PathBuf, ExecutableError> {
    let found = find(word, path, cwd)?;
    check(&found, path, cwd, SHEBANG_DEPTH)?;
    Ok(found)
}

fn find(word: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Result<PathBuf, ExecutableError> {
    if word.is_empty() {
        return Err(ExecutableError::NotFound(String::new(), ": the command is empty"));
    }
    if word.as_bytes().contains(&b'/') {
        let file = cwd.join(word).components().collect::<PathBuf>();
        return executable(&file).map(|()| file);
    }
    let mut denied = None;
    for folder in std::env::split_paths(path.unwrap_or(OsStr::new(DEFAULT_PATH))) {
        let file = cwd.join(folder).join(word);
        match executable(&file) {
            Ok(()) => return Ok(file),
            // `execvp` goes on after a file that it may not execute, and reports it only when no other is found.
            Err(error @ ExecutableError::NotExecutable { .. }) if file.is_file() => denied = Some(error),
            Err(_) => {}
        }
    }
    Err(denied.unwrap_or_else(|| ExecutableError::NotFound(word.to_string_lossy().into_owned(), " on PATH")))
}

fn executable(file: &Path) -> Result<(), ExecutableError> {
    let denied = |reason: &str| {
        Err(ExecutableError::NotExecutable { path: file.display().to_string(), reason: reason.to_owned() })
    };
    let metadata = match fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(ExecutableError::NotFound(file.display().to_string(), ""));
        }
        Err(error) => return denied(&error.to_string()),
    };
    if metadata.is_dir() {
        return denied("it is a folder");
    }
    match access(file, AccessFlags::X_OK) {
        Ok(()) => Ok(()),
        Err(_) => denied("it has no permission to execute (`chmod +x` gives it)"),
    }
}

/// Checks `file` and, where it is a script, what runs it.
fn check(file: &Path, path: Option<&OsStr>, cwd: &Path, depth: usize) -> Result<(), ExecutableError> {
    let shown = || file.display().to_string();
    match elf::kind(file) {
        Kind::Script { interpreter, argument } => {
            let Some(depth) = depth.checked_sub(1) else {
                return Err(ExecutableError::NotExecutable {
                    path: shown(),
                    reason: "its `#!` lines lead from script to script without end".to_owned(),
                });
            };
            check(&interpreter_of(file, cwd.join(&interpreter))?, path, cwd, depth)?;
            match started_by_env(&interpreter, &argument) {
                Some(word) => check(&find(&word, path, cwd)?, path, cwd, depth),
                None => Ok(()),
            }
        }
        Kind::Unknown => Err(ExecutableError::NotExecutable {
            path: shown(),
            reason: "it is neither a program nor a script with a `#!` line (for a shell script, put `sh` before it)"
                .to_owned(),
        }),
        // What cannot be read can still run; that the tracker is silent in it would be noticed later.
        Kind::Unreadable => Ok(()),
        Kind::Elf => match fs::metadata(file).ok().and_then(|metadata| elf::obstacle(file, &metadata)) {
            Some(reason) => Err(ExecutableError::NotTrackable { path: shown(), reason }),
            None => Ok(()),
        },
    }
}

fn interpreter_of(script: &Path, interpreter: PathBuf) -> Result<PathBuf, ExecutableError> {
    match executable(&interpreter) {
        Ok(()) => Ok(interpreter),
        Err(_) => Err(ExecutableError::NotExecutable {
            path: script.display().to_string(),
            reason: format!(
                "the interpreter of its `#!` line, `{}`, is not there or not executable",
                interpreter.display()
            ),
        }),
    }
}

/// The program that `#!/usr/bin/env [-S] [NAME=VALUE…] program` starts.
fn started_by_env(interpreter: &str, argument: &str) -> Option<OsString> {
    if Path::new(interpreter).file_name() != Some(OsStr::new("env")) {
        return None;
    }
    let words = argument.strip_prefix("-S").unwrap_or(argument).split_ascii_whitespace();
    let word = words.into_iter().find(|word| !word.contains('='))?;
    // Other options of env change what is looked up, and where.
    (!word.starts_with('-')).then(|| OsString::from(word))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    fn file(folder: &Path, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn resolve_file(path: &Path) -> Result<PathBuf, String> {
        let search = std::env::var_os("PATH");
        resolve(path.as_os_str(), search.as_deref(), Path::new("/")).map_err(|error| error.to_string())
    }

    fn compile(folder: &Path, name: &str, flags: &[&str]) -> PathBuf {
        let source = file(folder, "main.c", b"int main(void) { return 0; }", 0o644);
        let program = folder.join(name);
        let status = Command::new("gcc").args(flags).arg(&source).arg("-o").arg(&program).status().unwrap();
        assert!(status.success());
        program
    }

    #[test]
    fn a_word_is_found_on_the_given_path_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let program = file(folder.path(), "tool", b"#!/bin/sh\n", 0o755);
        let search = folder.path().as_os_str();
        assert_eq!(resolve(OsStr::new("tool"), Some(search), Path::new("/")).unwrap(), program);
        let missing = resolve(OsStr::new("sh"), Some(search), Path::new("/")).unwrap_err();
        assert_eq!(missing, ExecutableError::NotFound("sh".to_owned(), " on PATH"));
    }

    #[test]
    fn a_file_without_permission_is_passed_over_for_a_later_one() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        file(first.path(), "tool", b"#!/bin/sh\n", 0o644);
        let program = file(second.path(), "tool", b"#!/bin/sh\n", 0o755);
        let both = std::env::join_paths([first.path(), second.path()]).unwrap();
        assert_eq!(resolve(OsStr::new("tool"), Some(&both), Path::new("/")).unwrap(), program);
        let only = resolve(OsStr::new("tool"), Some(first.path().as_os_str()), Path::new("/")).unwrap_err();
        assert!(matches!(only, ExecutableError::NotExecutable { .. }), "{only}");
    }

    #[test]
    fn scripts_are_followed_to_their_interpreters() {
        let folder = tempfile::tempdir().unwrap();
        let inner = file(folder.path(), "inner", b"#!/bin/sh\n", 0o755);
        let outer = file(folder.path(), "outer", format!("#!{} -x\n", inner.display()).as_bytes(), 0o755);
        let by_env = file(folder.path(), "by-env", b"#!/usr/bin/env -S A=1 python3 -u\n", 0o755);
        assert_eq!(resolve_file(&outer).unwrap(), outer);
        assert_eq!(resolve_file(&by_env).unwrap(), by_env);
        let missing = file(folder.path(), "missing", b"#!/not/there\n", 0o755);
        assert!(
            resolve_file(&missing).unwrap_err().contains("the interpreter of its `#!` line, `/not/there`")
        );
        let missing = file(folder.path(), "missing-env", b"#!/usr/bin/env not-there-at-all\n", 0o755);
        assert_eq!(resolve_file(&missing).unwrap_err(), "`not-there-at-all` was not found on PATH");
    }

    #[test]
    fn a_script_that_leads_to_itself_ends() {
        let folder = tempfile::tempdir().unwrap();
        let itself = folder.path().join("loop");
        file(folder.path(), "loop", format!("#!{}\n", itself.display()).as_bytes(), 0o755);
        assert!(resolve_file(&itself).unwrap_err().contains("without end"));
    }

    #[test]
    fn text_without_an_interpreter_line_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let text = file(folder.path(), "text", b"echo hello\n", 0o755);
        let empty = file(folder.path(), "empty", b"", 0o755);
        assert!(resolve_file(&text).unwrap_err().contains("put `sh` before it"));
        assert!(resolve_file(&empty).unwrap_err().contains("neither a program nor a script"));
        assert!(resolve_file(folder.path()).unwrap_err().ends_with("it is a folder"));
    }

    #[test]
    fn static_programs_are_refused_and_dynamic_ones_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let dynamic = compile(folder.path(), "dynamic", &[]);
        assert_eq!(resolve_file(&dynamic).unwrap(), dynamic);
        for flags in [["-static"], ["-static-pie"]] {
            let fixed = compile(folder.path(), "fixed", &flags);
            let error = resolve_file(&fixed).unwrap_err();
            assert!(error.contains("cannot be tracked: it is statically linked"), "{flags:?}: {error}");
        }
        let script =
            file(folder.path(), "script", format!("#!{}/fixed\n", folder.path().display()).as_bytes(), 0o755);
        assert!(resolve_file(&script).unwrap_err().contains("fixed` cannot be tracked"));
    }

    #[test]
    fn musl_32_bit_foreign_and_damaged_programs_are_refused_each_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let musl = compile(folder.path(), "musl", &["-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"]);
        assert!(resolve_file(&musl).unwrap_err().contains("is linked with musl"));
        let dynamic = fs::read(compile(folder.path(), "dynamic", &[])).unwrap();
        let changed = |name: &str, offset: usize, value: u8| {
            let mut bytes = dynamic.clone();
            bytes[offset] = value;
            resolve_file(&file(folder.path(), name, &bytes, 0o755)).unwrap_err()
        };
        assert!(changed("small", 4, 1).contains("is a 32-bit program"));
        assert!(changed("riscv", 18, 243).contains("is built for another architecture"));
        assert!(changed("bad-segments", 54, 1).contains("has a damaged ELF header"));
        let cut = file(folder.path(), "cut", &dynamic[..20], 0o755);
        assert!(resolve_file(&cut).unwrap_err().contains("has a damaged ELF header"));
    }

    #[test]
    fn the_loader_itself_is_accepted() {
        let loader = fs::canonicalize("/lib64/ld-linux-x86-64.so.2").unwrap();
        assert_eq!(
            resolve_file(Path::new("/lib64/ld-linux-x86-64.so.2")).unwrap().canonicalize().unwrap(),
            loader
        );
    }

    #[test]
    fn a_program_that_gains_privileges_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let program = if nix::unistd::getuid().is_root() {
            let program = compile(folder.path(), "program", &[]);
            std::os::unix::fs::chown(&program, Some(65534), None).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
            program
        } else {
            PathBuf::from("/usr/bin/passwd")
        };
        let error = resolve_file(&program).unwrap_err();
        assert!(
            error.contains("cannot be tracked: it is setuid, so the loader ignores LD_PRELOAD"),
            "{error}"
        );
    }
}
