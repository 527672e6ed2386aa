//! Executable mappings: which library an address belongs to, and which are the interpreter's own.
//!
//! Read from /proc/self/maps when an address is met that is not known: `dl_iterate_phdr` would take the loader's
//! lock, which a thread may hold that waits for one of the program's.

use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use leakgate_capture::{Header, ModuleRecord, Section};

use crate::capture::{header_word, place};
use crate::intern::INTERNER;
use crate::lock::Lock;
use crate::sys;

const MAX_MODULES: usize = 4096;
const MAX_LINE: usize = 4608;
const MAX_UNKNOWN: usize = 256;
const MAX_INTERPRETERS: usize = 4;

struct Modules {
    known: [(usize, usize); MAX_MODULES],
    count: usize,
    /// Pages that belong to no file (generated code): not looked for again.
    unknown: [usize; MAX_UNKNOWN],
    unknown_count: usize,
    /// Those of a name that an interpreter's library has.
    interpreters: [(usize, usize); MAX_INTERPRETERS],
    interpreter_count: usize,
    buffer: [u8; MAX_LINE * 2],
}

static MODULES: Lock<Modules> = Lock::new(Modules {
    known: [(0, 0); MAX_MODULES],
    count: 0,
    unknown: [0; MAX_UNKNOWN],
    unknown_count: 0,
    interpreters: [(0, 0); MAX_INTERPRETERS],
    interpreter_count: 0,
    buffer: [0; MAX_LINE * 2],
});

/// The interpreter's code: its start and length.
static INTERPRETER: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// Whether an interpreter may still come, in a library that is loaded later.
static AWAITED: AtomicBool = AtomicBool::new(false);
/// An address in the library of an interpreter that came; 0: none, or it was asked for.
static ARRIVED: AtomicUsize = AtomicUsize::new(0);

/// There is no interpreter yet: watch for one.
pub(crate) fn await_interpreter() {
    AWAITED.store(true, Ordering::Relaxed);
}

/// An address in the library of an interpreter that was loaded while the program runs, once its code has called; told
/// once.
#[cold]
pub(crate) fn arrived_interpreter() -> Option<usize> {
    match ARRIVED.load(Ordering::Relaxed) {
        0 => None,
        _ => Some(ARRIVED.swap(0, Ordering::Relaxed)).filter(|address| *address != 0),
    }
}

/// Whether a return address lies in the interpreter itself (or is 0): the Python stack says more then.
#[inline(always)]
pub(crate) fn is_interpreter(address: usize) -> bool {
    let start = INTERPRETER[0].load(Ordering::Relaxed);
    address == 0 || address.wrapping_sub(start) < INTERPRETER[1].load(Ordering::Relaxed)
}

/// Takes the mapping that `address` lies in as the interpreter's code.
pub(crate) fn set_interpreter(address: usize) {
    learn(address);
    let modules = MODULES.lock();
    if let Some((start, end)) = modules.find(address) {
        INTERPRETER[0].store(start, Ordering::Relaxed);
        INTERPRETER[1].store(end - start, Ordering::Relaxed);
    }
}

/// Makes sure that the module of an address stands in the capture. False: the address is in no file.
pub(crate) fn learn(address: usize) -> bool {
    let mut modules = MODULES.lock();
    if modules.find(address).is_some() {
        modules.greet(address);
        return true;
    }
    let page = address >> 12;
    if modules.unknown[..modules.unknown_count].contains(&page) {
        return false;
    }
    modules.read_maps();
    if modules.find(address).is_some() {
        modules.greet(address);
        return true;
    }
    if modules.unknown_count < MAX_UNKNOWN {
        let count = modules.unknown_count;
        modules.unknown[count] = page;
        modules.unknown_count += 1;
    }
    false
}

/// Before a fork: nobody may be reading.
pub(crate) fn before_fork() {
    MODULES.acquire();
}

/// After a fork, in the parent and in the child.
pub(crate) fn after_fork() {
    MODULES.release();
}

/// In a forked child: the count in the header may be a parent's later one.
pub(crate) fn republish() {
    header_word(offset_of!(Header, modules)).store(MODULES.lock().count as u32, Ordering::Release);
}

impl Modules {
    fn find(&self, address: usize) -> Option<(usize, usize)> {
        // The latest first: a library may have been unloaded and another loaded in its place.
        self.known[..self.count].iter().rev().find(|(start, end)| (*start..*end).contains(&address)).copied()
    }

    /// Takes note of an interpreter whose own code called. That it is mapped would not be enough: while the loader is at
    /// work on a library, its functions cannot be called.
    fn greet(&self, address: usize) {
        let mut interpreters = self.interpreters[..self.interpreter_count].iter();
        let is_interpreters = interpreters.any(|(start, end)| (*start..*end).contains(&address));
        if is_interpreters && AWAITED.swap(false, Ordering::Relaxed) {
            ARRIVED.store(address, Ordering::Relaxed);
        }
    }

    fn read_maps(&mut self) {
        if sys::is_restricted() {
            return;
        }
        let Some(maps) = sys::open(b"/proc/self/maps\0", libc::O_RDONLY) else {
            return;
        };
        let mut filled = 0;
        loop {
            let read = sys::read(&maps, &mut self.buffer[filled..]);
            filled += read;
            let mut start = 0;
            while let Some(length) = self.buffer[start..filled].iter().position(|byte| *byte == b'\n') {
                self.line(start, start + length);
                start += length + 1;
            }
            self.buffer.copy_within(start..filled, 0);
            filled -= start;
            if read == 0 || filled == self.buffer.len() {
                return;
            }
        }
    }

    /// Takes in a line of the maps: `start-end perms offset device inode path`.
    fn line(&mut self, from: usize, to: usize) {
        let mut path = [0u8; MAX_LINE];
        let line = &self.buffer[from..to];
        let mut fields = line.splitn(6, |byte| *byte == b' ');
        let (Some(range), Some(permissions), Some(offset)) = (fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        let name = fields.nth(2).map_or(&b""[..], |name| name.trim_ascii());
        if permissions.get(2) != Some(&b'x') || name.first() != Some(&b'/') || name.len() > MAX_LINE {
            return;
        }
        let mut ends = range.split(|byte| *byte == b'-').map(hexadecimal);
        let (Some(start), Some(end)) = (ends.next(), ends.next()) else {
            return;
        };
        path[..name.len()].copy_from_slice(name);
        let (offset, length) = (hexadecimal(offset), name.len());
        self.add(start, end, offset, &path[..length]);
    }

    fn add(&mut self, start: usize, end: usize, offset: usize, path: &[u8]) {
        if self.count == MAX_MODULES || self.known[..self.count].contains(&(start, end)) {
            return;
        }
        let Some(name) = INTERNER.lock().string(path) else {
            return;
        };
        let Some(at) = place(Section::Modules, self.count * size_of::<ModuleRecord>()) else {
            return;
        };
        let record = ModuleRecord {
            start: start as u64,
            end: end as u64,
            offset: offset as u64,
            path: name,
            unused: 0,
        };
        // SAFETY: an aligned record inside a chunk, not yet published.
        unsafe { at.cast::<ModuleRecord>().write(record) };
        if is_interpreters(name_of(path)) && self.interpreter_count < MAX_INTERPRETERS {
            self.interpreters[self.interpreter_count] = (start, end);
            self.interpreter_count += 1;
        }
        self.known[self.count] = (start, end);
        self.count += 1;
        header_word(offset_of!(Header, modules)).store(self.count as u32, Ordering::Release);
    }
}

fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

fn is_interpreters(name: &[u8]) -> bool {
    name.starts_with(b"libpython3")
}

fn hexadecimal(digits: &[u8]) -> usize {
    digits.iter().fold(0, |number, digit| number << 4 | (*digit as char).to_digit(16).unwrap_or(0) as usize)
}
