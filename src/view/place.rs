//! Places in the program as views name them: frames that mean the same place are one, and grouped into functions.

use std::path::Path;
use std::sync::LazyLock;

use ahash::AHashMap;
use serde::Serialize;

use super::text::{clean, relative};
use crate::profile::{Frame, Thread};

/// A place as JSON shows it; its texts are clean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Place {
    /// A Python function at a line; line 0 where none is known.
    Python {
        /// The function's (qualified) name.
        function: String,
        /// The file as Python names it.
        file: String,
        /// The line.
        line: u32,
    },
    /// A function of a library or the program; its symbol may be empty.
    Native {
        /// The symbol, demangled.
        symbol: String,
        /// The module's path.
        module: String,
        /// The offset in the module, for places without a symbol.
        #[serde(skip_serializing_if = "Option::is_none")]
        offset: Option<u64>,
    },
    /// Something without a place.
    Note {
        /// What it is.
        text: String,
    },
    /// A thread, above its own calls.
    Thread(ThreadName),
}

/// A thread as views name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ThreadName {
    /// The name the program gave it.
    pub name: String,
    /// The kernel's id; 0 where unknown.
    pub tid: u32,
}

impl From<&Thread> for ThreadName {
    fn from(thread: &Thread) -> ThreadName {
        ThreadName { name: clean(&thread.name).into_owned(), tid: thread.tid }
    }
}

impl From<&Frame> for Place {
    fn from(frame: &Frame) -> Place {
        match frame {
            Frame::Python { function, file, line } => {
                Place::Python { function: clean(function).into(), file: clean(file).into(), line: *line }
            }
            Frame::Native { module, symbol, offset } => Place::Native {
                symbol: clean(symbol).into(),
                module: clean(module).into(),
                offset: symbol.is_empty().then_some(*offset),
            },
            Frame::Note(text) => Place::Note { text: clean(text).into() },
        }
    }
}

impl Place {
    /// The place of blocks that were allocated with no frame below them.
    pub fn without_stack() -> Place {
        Place::Note { text: "no stack".into() }
    }

    /// The place as a function: the offsets of a library without symbols are one.
    pub fn without_offset(mut self) -> Place {
        if let Place::Native { offset, .. } = &mut self {
            *offset = None;
        }
        self
    }

    /// The name: the function, the symbol, the words.
    pub fn name(&self) -> String {
        match self {
            Place::Python { function, .. } if function.is_empty() => "(unnamed)".into(),
            Place::Python { function, .. } => function.clone(),
            Place::Native { symbol, module, offset } if symbol.is_empty() => match offset {
                Some(offset) => format!("{}+{offset:#x}", library(module)),
                None => format!("{} (no symbols)", library(module)),
            },
            Place::Native { symbol, .. } => symbol.clone(),
            Place::Note { text } => format!("({text})"),
            Place::Thread(thread) => format!("thread {}", thread.label()),
        }
    }

    /// Where that is, as a person in `folder` would type it: `shop/quotes.py:14`, `libsqlite3.so.0`; may be empty.
    pub fn location(&self, folder: &Path) -> String {
        match self {
            Place::Python { file, line: 0, .. } => relative(file, folder).to_string(),
            Place::Python { file, line, .. } => format!("{}:{line}", relative(file, folder)),
            Place::Native { symbol, .. } if symbol.is_empty() => String::new(),
            Place::Native { module, .. } => library(module).to_string(),
            Place::Note { .. } | Place::Thread(_) => String::new(),
        }
    }

    /// The module people think in: the package path of a Python file, the name of a library.
    pub fn module(&self, folder: &Path) -> String {
        match self {
            Place::Python { file, .. } => python_module(file, folder),
            Place::Native { module, .. } => library(module).to_string(),
            Place::Note { .. } | Place::Thread(_) => self.name(),
        }
    }
}

impl ThreadName {
    /// `main`, `worker-1`, `thread 4711`.
    pub fn label(&self) -> String {
        match (self.name.as_str(), self.tid) {
            ("", 0) => "(unnamed)".into(),
            ("", tid) => format!("(tid {tid})"),
            (name, _) => name.to_string(),
        }
    }
}

fn library(module: &str) -> &str {
    match module.rsplit('/').next() {
        None | Some("") => "(unknown module)",
        Some(name) => name,
    }
}

/// `…/site-packages/numpy/core/numeric.py` → `numpy.core.numeric`; a file that no package folder explains keeps its path.
fn python_module(file: &str, folder: &Path) -> String {
    if let Some(frozen) = file.strip_prefix("<frozen ").and_then(|rest| rest.strip_suffix('>')) {
        return frozen.to_string();
    }
    let installed = ["/site-packages/", "/dist-packages/"].iter().find_map(|root| file.rsplit_once(root));
    let below = match installed.map(|(_, below)| below).or_else(|| standard_library(file)) {
        Some(below) => below,
        None => relative(file, folder),
    };
    match below.strip_suffix(".py") {
        Some(module) if !module.starts_with('/') => {
            module.strip_suffix("/__init__").unwrap_or(module).replace('/', ".")
        }
        _ => below.to_string(),
    }
}

/// What follows `/lib/python3.N/`.
fn standard_library(file: &str) -> Option<&str> {
    let (_, rest) = file.split_once("/lib/python3")?;
    let (version, below) = rest.split_once('/')?;
    let is_version =
        version.is_empty() || version.strip_prefix('.')?.bytes().all(|byte| byte.is_ascii_digit());
    is_version.then_some(below)
}

/// What makes two frames the same place. Ordered by what a person reads first: the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key<'a> {
    name: &'a str,
    file: &'a str,
    number: u64,
    kind: u8,
}

impl<'a> Key<'a> {
    /// The same line of Python; the same symbol, or the same offset where there is none.
    fn of_line(frame: &'a Frame) -> Key<'a> {
        let number = match frame {
            Frame::Python { line, .. } => u64::from(*line),
            Frame::Native { symbol, offset, .. } if symbol.is_empty() => *offset,
            Frame::Native { .. } | Frame::Note(_) => 0,
        };
        Key { number, ..Key::of_function(frame) }
    }

    /// The same function of the same file; the same symbol, or just the same library where there is none.
    fn of_function(frame: &'a Frame) -> Key<'a> {
        let (name, file, kind) = match frame {
            Frame::Python { function, file, .. } => (function.as_str(), file.as_str(), 0),
            Frame::Native { module, symbol, .. } => (symbol.as_str(), module.as_str(), 1),
            Frame::Note(text) => (text.as_str(), "", 2),
        };
        Key { name, file, number: 0, kind }
    }
}

/// What becomes of the import system's own frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imports {
    /// Each is a place of its own.
    Whole,
    /// All are one place, `(import)`.
    Folded,
}

/// The place of all frames of the import system, where these are folded.
static IMPORT: LazyLock<Frame> = LazyLock::new(|| Frame::Note("import".to_owned()));
/// The frame that stands for that place.
const IMPORT_FRAME: u32 = u32::MAX;

/// All places of a profile, numbered: as lines, and grouped to functions.
#[derive(Debug)]
pub struct Places<'a> {
    frames: &'a [Frame],
    /// By frame.
    place_of: Vec<u32>,
    /// By place: a frame that stands for it.
    frame_of: Vec<u32>,
    /// By place.
    function_of: Vec<u32>,
}

impl<'a> Places<'a> {
    /// Numbers the places of these frames, in their order.
    pub fn of(frames: &'a [Frame], imports: Imports) -> Places<'a> {
        let mut lines: AHashMap<Key<'a>, u32> = AHashMap::with_capacity(frames.len());
        let mut functions: AHashMap<Key<'a>, u32> = AHashMap::new();
        let mut places = Places {
            frames,
            place_of: Vec::with_capacity(frames.len()),
            frame_of: Vec::new(),
            function_of: Vec::new(),
        };
        for (index, frame) in frames.iter().enumerate() {
            let is_folded = imports == Imports::Folded && frame.is_import_system();
            let (index, frame) = if is_folded { (IMPORT_FRAME, &*IMPORT) } else { (index as u32, frame) };
            let next = lines.len() as u32;
            let place = *lines.entry(Key::of_line(frame)).or_insert(next);
            if place == next {
                let fresh = functions.len() as u32;
                places.frame_of.push(index);
                places.function_of.push(*functions.entry(Key::of_function(frame)).or_insert(fresh));
            }
            places.place_of.push(place);
        }
        places
    }

    /// How many places there are.
    pub fn count(&self) -> usize {
        self.frame_of.len()
    }

    /// How many functions they belong to.
    pub fn count_functions(&self) -> usize {
        self.function_of.iter().max().map_or(0, |last| *last as usize + 1)
    }

    /// The place of a frame; `None` for a frame that does not exist.
    pub fn of_frame(&self, frame: u32) -> Option<u32> {
        self.place_of.get(frame as usize).copied()
    }

    /// A frame that stands for the place.
    pub fn frame(&self, place: u32) -> &'a Frame {
        self.frames.get(self.frame_of[place as usize] as usize).unwrap_or(&IMPORT)
    }

    /// Whether the place is that of all frames of the import system.
    pub fn is_import(&self, place: u32) -> bool {
        self.frame_of[place as usize] == IMPORT_FRAME
    }

    /// The function that the place belongs to.
    pub fn function(&self, place: u32) -> u32 {
        self.function_of[place as usize]
    }

    /// Orders two places by name, file and line.
    pub fn compare(&self, one: u32, other: u32) -> std::cmp::Ordering {
        if one == other {
            return std::cmp::Ordering::Equal;
        }
        Key::of_line(self.frame(one)).cmp(&Key::of_line(self.frame(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_files_are_named_by_the_package_that_people_import() {
        let module = |file| python_module(file, Path::new("/srv/app"));
        assert_eq!(module("/venv/lib/python3.11/site-packages/numpy/core/numeric.py"), "numpy.core.numeric");
        assert_eq!(module("/usr/lib/python3/dist-packages/yaml/__init__.py"), "yaml");
        assert_eq!(module("/usr/lib/python3.11/json/decoder.py"), "json.decoder");
        assert_eq!(module("/srv/app/shop/quotes.py"), "shop.quotes");
        assert_eq!(module("<frozen importlib._bootstrap>"), "importlib._bootstrap");
        assert_eq!(module("<string>"), "<string>");
        assert_eq!(module("/opt/tool/run.py"), "/opt/tool/run.py");
        assert_eq!(module("/srv/app/bin/start"), "bin/start");
    }

    #[test]
    fn offsets_in_the_same_symbol_are_one_place_and_symbol_less_offsets_are_one_function() {
        let native =
            |symbol: &str, offset| Frame::Native { module: "/l/a.so".into(), symbol: symbol.into(), offset };
        let frames = [native("grow", 1), native("grow", 2), native("", 3), native("", 4)];
        let places = Places::of(&frames, Imports::Whole);
        assert_eq!([0, 1, 2, 3].map(|frame| places.of_frame(frame)), [Some(0), Some(0), Some(1), Some(2)]);
        assert_eq!([0, 1, 2].map(|place| places.function(place)), [0, 1, 1]);
        assert_eq!(places.of_frame(4), None);
    }
}
