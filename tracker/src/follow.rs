//! What a program that this process starts is given so that it is recorded too: the library in `LD_PRELOAD`, and
//! CPython's allocator where the one asked for would hide blocks. Nothing else of its environment changes.
//!
//! Runs in signal handlers and in `vfork` children, which share their parent's memory: no lock, no `malloc`, no record.

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

use leakgate_capture::{HIDING_ALLOCATORS, PythonOptions, is_python};

use crate::sys;
use crate::text::Text;

/// A new environment up to this size is put on the stack: threads and signal handlers may have small ones.
const ON_STACK: usize = 4096;

const PRELOAD: &[u8] = b"LD_PRELOAD=";
const MALLOC: &[u8] = b"PYTHONMALLOC=";
const DEV_MODE: &[u8] = b"PYTHONDEVMODE=";
const DEFAULT_MALLOC: &[u8] = b"PYTHONMALLOC=default\0";

/// The library's path, as the loader was given it.
static LIBRARY: Text = Text::new();
/// Whether children are recorded.
static FOLLOWS: AtomicBool = AtomicBool::new(false);

/// A list of C strings that ends with a null pointer, as `execve` takes two of.
pub(crate) type List = *const *const c_char;

/// Children are recorded from now on, with `library` in their `LD_PRELOAD`. Called once, by the constructor.
pub(crate) fn begin(library: &[u8]) -> Option<()> {
    LIBRARY.set(library)?;
    FOLLOWS.store(true, Ordering::Release);
    Some(())
}

/// Whether children are recorded.
pub(crate) fn is_on() -> bool {
    FOLLOWS.load(Ordering::Acquire)
}

fn library() -> &'static [u8] {
    LIBRARY.get()
}

/// Whether a program that is given this environment loads the library.
pub(crate) fn reaches(environment: List) -> bool {
    Changes::of(b"", core::ptr::null(), environment).has_library
}

/// Runs `start` with the environment that `program` is to be given.
pub(crate) fn with_environment<R>(
    program: &[u8],
    arguments: List,
    environment: List,
    start: impl FnOnce(List) -> R,
) -> R {
    if !is_on() {
        return start(environment);
    }
    let changes = Changes::of(program, arguments, environment);
    if changes.has_library && !changes.sets_malloc {
        return start(environment);
    }
    if changes.size() <= ON_STACK {
        return on_stack(&changes, start);
    }
    // A `vfork` child that executes leaves this mapping to its parent; the kernel itself could not do with less.
    let Some(room) = sys::map(changes.size()) else {
        return start(environment);
    };
    let result = start(changes.fill(room));
    sys::unmap(room, changes.size());
    result
}

#[inline(never)]
fn on_stack<R>(changes: &Changes, start: impl FnOnce(List) -> R) -> R {
    #[repr(align(16))]
    struct Room(MaybeUninit<[u8; ON_STACK]>);
    let mut room = Room(MaybeUninit::uninit());
    start(changes.fill(room.0.as_mut_ptr().cast()))
}

/// What is different in the new environment.
struct Changes {
    environment: List,
    /// Variables that are there.
    count: usize,
    /// The `LD_PRELOAD` that the loader takes: of several the last.
    preload: Option<usize>,
    has_library: bool,
    /// The `PYTHONMALLOC` that CPython takes: of several the first.
    malloc: Option<usize>,
    sets_malloc: bool,
}

/// The string at an index of a list.
fn at(list: List, index: usize) -> Option<&'static [u8]> {
    // SAFETY: callers stop at the null pointer that ends the list.
    let entry = unsafe { list.add(index).read() };
    // SAFETY: each entry is a C string, which lives at least as long as the call that it was passed to.
    (!entry.is_null()).then(|| unsafe { CStr::from_ptr(entry) }.to_bytes())
}

/// All strings of a list. The kernel takes a null pointer as an empty one.
fn all(list: List) -> impl Iterator<Item = &'static [u8]> {
    (0..).map_while(move |index| if list.is_null() { None } else { at(list, index) })
}

impl Changes {
    fn of(program: &[u8], arguments: List, environment: List) -> Changes {
        let mut changes = Changes {
            environment,
            count: 0,
            preload: None,
            has_library: false,
            malloc: None,
            sets_malloc: false,
        };
        let (mut hides, mut is_named, mut dev) = (false, false, false);
        for (index, entry) in all(environment).enumerate() {
            changes.count = index + 1;
            if let Some(value) = entry.strip_prefix(PRELOAD) {
                changes.preload = Some(index);
                changes.has_library = elements(value).any(|element| element == library());
            } else if let (Some(value), None) = (entry.strip_prefix(MALLOC), changes.malloc) {
                changes.malloc = Some(index);
                hides = HIDING_ALLOCATORS.contains(&value);
                is_named = !value.is_empty();
            } else if entry.strip_prefix(DEV_MODE).is_some_and(|value| !value.is_empty()) {
                dev = true;
            }
        }
        changes.sets_malloc = hides || !is_named && (dev || asks_for_dev_mode(program, arguments));
        changes
    }

    fn preloaded(&self) -> &'static [u8] {
        let entry = self.preload.and_then(|index| at(self.environment, index)).unwrap_or(PRELOAD);
        &entry[PRELOAD.len()..]
    }

    /// Bytes of the new list with the text of the new `LD_PRELOAD`.
    fn size(&self) -> usize {
        // Two variables may be added, and a null pointer ends the list.
        let pointers = (self.count + 3) * size_of::<*const c_char>();
        pointers + PRELOAD.len() + library().len() + 1 + self.preloaded().len() + 1
    }

    /// Writes the new list into `room`, which has `size` bytes and is aligned for pointers.
    fn fill(&self, room: *mut u8) -> List {
        let list = room.cast::<*const c_char>();
        let mut count = self.count;
        // SAFETY: the list has room for three pointers more than there are variables.
        let put = |index: usize, entry: *const c_char| unsafe { list.add(index).write(entry) };
        for index in 0..self.count {
            // SAFETY: the list that was given has that many entries.
            put(index, unsafe { self.environment.add(index).read() });
        }
        let mut place = |known: Option<usize>| {
            known.unwrap_or_else(|| {
                count += 1;
                count - 1
            })
        };
        if !self.has_library {
            // SAFETY: the text has its place behind the pointers.
            let text = unsafe { room.add((self.count + 3) * size_of::<*const c_char>()) };
            self.write_preload(text);
            put(place(self.preload), text.cast());
        }
        if self.sets_malloc {
            put(place(self.malloc), DEFAULT_MALLOC.as_ptr().cast());
        }
        put(count, core::ptr::null());
        list
    }

    /// Ours first, so that nothing allocates around it; only libasan insists on being first itself.
    fn write_preload(&self, text: *mut u8) {
        let mut length = 0;
        let mut add = |part: &[u8]| {
            // SAFETY: `size` counts all parts that are added here.
            unsafe { text.add(length).copy_from_nonoverlapping(part.as_ptr(), part.len()) };
            length += part.len();
        };
        let users = self.preloaded();
        let first = users.split(is_separator).next().filter(|first| is_asan(first)).map_or(0, <[u8]>::len);
        add(PRELOAD);
        if first > 0 {
            add(&users[..first]);
            add(b":");
            add(library());
            add(&users[first..]);
        } else {
            add(library());
            if !users.is_empty() {
                add(b":");
                add(users);
            }
        }
        add(b"\0");
    }
}

fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b':')
}

fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(is_separator)
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn is_asan(entry: &[u8]) -> bool {
    let name = file_name(entry);
    name.starts_with(b"libasan") || name.starts_with(b"libclang_rt.asan")
}

/// Whether the program is a Python that is given `-X dev`, before its script, `-c` or `-m`.
fn asks_for_dev_mode(program: &[u8], arguments: List) -> bool {
    is_python(program) && PythonOptions::of(all(arguments).skip(1)).dev
}
