//! Whose code a frame is, and where a reader should look: the user's own line before any library's.

use std::path::Path;

use crate::finding::Place;
use crate::profile::Frame;

/// Whose code a frame runs, in the order in which a reader wants to be led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A file of the user's.
    User,
    /// Python without a file: `python -c`, standard input, generated code.
    Snippet,
    /// An installed package or the standard library.
    Library,
    /// Python that is built into the interpreter.
    Frozen,
    /// A shared library or the program itself.
    Native,
    /// Words in place of a frame.
    Note,
    /// leakgate's own driver, which is never shown.
    Driver,
}

/// What the judgement must know of a scenario besides its figures.
#[derive(Debug, Clone, Copy)]
pub struct ScenarioFacts<'a> {
    /// Its name in the configuration.
    pub name: &'a str,
    /// The working directory of its processes: paths below it are shown relative to it.
    pub cwd: &'a Path,
    /// `co_filename` of leakgate's own driver, whose frames are left out; files named `<leakgate…>` always are.
    pub driver: Option<&'a str>,
}

impl ScenarioFacts<'_> {
    /// Whose code the frame is.
    pub fn origin(&self, frame: &Frame) -> Origin {
        match frame {
            Frame::Python { file, .. } => self.origin_of_file(file),
            Frame::Native { .. } => Origin::Native,
            Frame::Note(_) => Origin::Note,
        }
    }

    fn origin_of_file(&self, file: &str) -> Origin {
        if self.driver == Some(file) || file.starts_with("<leakgate") {
            Origin::Driver
        } else if file.starts_with("<frozen ") {
            Origin::Frozen
        } else if file.starts_with('<') || file.is_empty() {
            Origin::Snippet
        } else if is_installed(file) {
            Origin::Library
        } else {
            Origin::User
        }
    }

    /// The frame as a place; `None` for a frame that is only words.
    pub fn place(&self, frame: &Frame) -> Option<Place> {
        match frame {
            Frame::Python { function, file, line } => {
                Some(Place { file: self.shown_path(file), line: *line, function: function.clone() })
            }
            Frame::Native { module, symbol, offset } => {
                let symbol = if symbol.is_empty() { format!("offset {offset:#x}") } else { symbol.clone() };
                Some(Place { file: library_name(module), line: 0, function: symbol })
            }
            Frame::Note(_) => None,
        }
    }

    /// The frame in words: `shop/quotes.py:14 in remember`, `in libfoo.so (make_rows)`.
    pub fn words(&self, frame: &Frame) -> String {
        match frame {
            Frame::Note(words) => words.clone(),
            _ => self.place(frame).map(|place| place.to_string()).unwrap_or_default(),
        }
    }

    fn shown_path(&self, file: &str) -> String {
        let path = Path::new(file);
        let below = path.strip_prefix(self.cwd).ok().filter(|below| !below.as_os_str().is_empty());
        let shown = below.unwrap_or(path);
        shown.strip_prefix("./").unwrap_or(shown).to_string_lossy().into_owned()
    }
}

/// The file name of a module's path, or what to say where it has none.
fn library_name(module: &str) -> String {
    match module.rsplit('/').next() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => "an unknown library".to_owned(),
    }
}

/// Whether a file belongs to an installed package or the standard library: by the folders that every layout of
/// CPython has (system, virtual environment, uv, pyenv, conda): `lib/python3.11/…`, `site-packages`, `python311.zip`.
fn is_installed(file: &str) -> bool {
    let mut before = "";
    for folder in file.split('/') {
        let packages = folder == "site-packages" || folder == "dist-packages";
        let standard = matches!(before, "lib" | "lib64") && is_versioned_python(folder);
        let zipped = folder.starts_with("python3") && folder.ends_with(".zip");
        if packages || standard || zipped {
            return true;
        }
        before = folder;
    }
    false
}

/// `python3.11`, `python3.13t`, `pypy3.10`; not a user's folder called `python3`.
fn is_versioned_python(folder: &str) -> bool {
    let version = folder.strip_prefix("python3.").or_else(|| folder.strip_prefix("pypy3."));
    version.is_some_and(|minor| minor.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ScenarioFacts<'static> {
        ScenarioFacts { name: "quote", cwd: Path::new("/home/u/shop"), driver: Some("/tmp/lg/drive.py") }
    }

    fn python(file: &str) -> Frame {
        Frame::Python { function: "f".into(), file: file.into(), line: 3 }
    }

    #[test]
    fn code_of_the_user_is_told_from_packages_standard_library_and_driver() {
        let cases = [
            ("/home/u/shop/quotes.py", Origin::User),
            ("quotes.py", Origin::User),
            ("/home/u/python3/site.py", Origin::User),
            ("/home/u/lib/python3/mine.py", Origin::User),
            ("/home/u/shop/.venv/lib/python3.11/site-packages/requests/api.py", Origin::Library),
            ("/usr/lib/python3/dist-packages/yaml/__init__.py", Origin::Library),
            ("/usr/lib/python3.11/json/decoder.py", Origin::Library),
            ("/opt/py/lib64/python3.13t/json/decoder.py", Origin::Library),
            ("/usr/lib/python311.zip/json/decoder.py", Origin::Library),
            ("<string>", Origin::Snippet),
            ("<frozen importlib._bootstrap>", Origin::Frozen),
            ("/tmp/lg/drive.py", Origin::Driver),
            ("<leakgate agent>", Origin::Driver),
        ];
        for (file, origin) in cases {
            assert_eq!(facts().origin(&python(file)), origin, "{file}");
        }
    }

    #[test]
    fn places_are_relative_below_the_working_directory_and_as_they_are_elsewhere() {
        let shown = |file: &str| facts().words(&python(file));
        assert_eq!(shown("/home/u/shop/a/b.py"), "a/b.py:3 in f");
        assert_eq!(shown("/home/u/shopping/b.py"), "/home/u/shopping/b.py:3 in f");
        assert_eq!(shown("./b.py"), "b.py:3 in f");
    }

    #[test]
    fn native_frames_are_named_by_library_and_symbol() {
        let native = |module: &str, symbol: &str| {
            facts().words(&Frame::Native { module: module.into(), symbol: symbol.into(), offset: 0x1f0 })
        };
        assert_eq!(native("/usr/lib/libfoo.so.1", "make_rows"), "in libfoo.so.1 (make_rows)");
        assert_eq!(native("/usr/lib/libfoo.so.1", ""), "in libfoo.so.1 (offset 0x1f0)");
        assert_eq!(native("", "x"), "in an unknown library (x)");
    }
}
