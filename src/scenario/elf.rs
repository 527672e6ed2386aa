//! Whether a program file can be tracked: what its ELF header and its permissions say.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{getgid, getuid};
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, ReadCache};

/// What a program file begins with.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ELF file.
    Elf,
    /// A script, with the words of its `#!` line: interpreter and at most one argument.
    Script {
        /// The interpreter's path.
        interpreter: String,
        /// The rest of the line.
        argument: String,
    },
    /// Something that the kernel does not execute.
    Unknown,
    /// It cannot be read (execute permission alone is enough to run it).
    Unreadable,
}

/// Looks at the first bytes of a file.
pub fn kind(path: &Path) -> Kind {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(256).read_to_end(&mut start));
    if read.is_err() {
        return Kind::Unreadable;
    }
    if start.starts_with(b"\x7fELF") {
        return Kind::Elf;
    }
    let Some(line) = start.strip_prefix(b"#!") else { return Kind::Unknown };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let line = line.trim_matches([' ', '\t', '\0', '\r']);
    let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if interpreter.is_empty() {
        return Kind::Unknown;
    }
    Kind::Script { interpreter: interpreter.to_owned(), argument: argument.trim().to_owned() }
}

/// Why a program cannot be tracked, as the end of a sentence that begins with its path; `None` when nothing is known against it.
pub fn obstacle(path: &Path, metadata: &Metadata) -> Option<String> {
    if let Some(privilege) = gained_privilege(path, metadata) {
        return Some(format!(
            "{privilege}, so the loader ignores LD_PRELOAD for it; run it as the user it changes to, or record a copy \
             without the privilege"
        ));
    }
    let mut start = [0; 6];
    File::open(path).ok()?.read_exact(&mut start).ok()?;
    if start[4] == 1 {
        return Some("is a 32-bit program; the tracker is 64-bit: use a 64-bit build of it".to_owned());
    }
    let cache = ReadCache::new(File::open(path).ok()?);
    let Ok(header) = FileHeader64::<Endianness>::parse(&cache) else {
        return Some("has a damaged ELF header".to_owned());
    };
    let Ok(endian) = header.endian() else { return Some("has a damaged ELF header".to_owned()) };
    if header.e_machine(endian) != MACHINE {
        return Some(format!(
            "is built for another architecture; the tracker is for {}",
            std::env::consts::ARCH
        ));
    }
    match header.program_headers(endian, &cache) {
        Ok(segments) => loader_obstacle(path, endian, segments, &cache),
        Err(_) => Some("has a damaged ELF header".to_owned()),
    }
}

/// Whether a program file asks for a loader, so that it is not static; `None` when it cannot be read.
pub fn has_loader(path: &Path) -> Option<bool> {
    let cache = ReadCache::new(File::open(path).ok()?);
    let header = FileHeader64::<Endianness>::parse(&cache).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, &cache).ok()?;
    Some(segments.iter().any(|segment| matches!(segment.interpreter(endian, &cache), Ok(Some(_)))))
}

/// Whether a program file is linked with AddressSanitizer's shared library.
pub fn needs_asan(path: &Path) -> bool {
    needed(path)
        .unwrap_or_default()
        .iter()
        .any(|name| name.starts_with("libasan") || name.starts_with("libclang_rt.asan"))
}

/// The libraries that a program file names; `None` when it cannot be read.
fn needed(path: &Path) -> Option<Vec<String>> {
    let cache = ReadCache::new(File::open(path).ok()?);
    let header = FileHeader64::<Endianness>::parse(&cache).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, &cache).ok()?;
    let (entries, link) = sections.dynamic(endian, &cache).ok()??;
    let strings = sections.strings(endian, &cache, link).ok()?;
    let needed = entries.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED);
    let names = needed.filter_map(|entry| entry.string(endian, strings).ok());
    Some(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

#[cfg(target_arch = "x86_64")]
const MACHINE: elf::Machine = elf::EM_X86_64;
#[cfg(target_arch = "aarch64")]
const MACHINE: elf::Machine = elf::EM_AARCH64;

fn loader_obstacle(
    path: &Path,
    endian: Endianness,
    segments: &[ProgramHeader64<Endianness>],
    cache: &ReadCache<File>,
) -> Option<String> {
    let interpreter = segments.iter().find_map(|segment| segment.interpreter(endian, cache).ok().flatten());
    match interpreter {
        Some(loader) if String::from_utf8_lossy(loader).contains("ld-musl") => Some(
            "is linked with musl; the tracker needs glibc: use an image with glibc, such as Debian or Ubuntu".to_owned(),
        ),
        Some(_) => None,
        // The loader itself has no loader, and honours LD_PRELOAD for the program that it is told to start.
        None if is_loader(path) => None,
        None => Some(
            "is statically linked, so nothing can be preloaded into it: build it dynamically, or record another program"
                .to_owned(),
        ),
    }
}

fn is_loader(path: &Path) -> bool {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))
}

/// The privilege that executing the file gains, which makes the loader distrust the environment.
fn gained_privilege(path: &Path, metadata: &Metadata) -> Option<&'static str> {
    const SETUID: u32 = 0o4000;
    const SETGID_AND_GROUP_EXECUTE: u32 = 0o2010;
    let mode = metadata.mode();
    if mode & SETUID != 0 && metadata.uid() != getuid().as_raw() {
        return Some("is setuid");
    }
    if mode & SETGID_AND_GROUP_EXECUTE == SETGID_AND_GROUP_EXECUTE && metadata.gid() != getgid().as_raw() {
        return Some("is setgid");
    }
    // Root gains nothing by them, and the kernel then does not ask for the secure mode.
    let has_capabilities = rustix::fs::getxattr(path, "security.capability", &mut [0; 64][..]).is_ok();
    (has_capabilities && !getuid().is_root()).then_some("has file capabilities")
}
