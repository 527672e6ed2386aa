//! Where recording begins and ends: the constructor, the settings beside the library, the process's identity.

use core::ffi::{CStr, c_char, c_int};
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use leakgate_capture::{Header, NOTE_OTHER_MALLOC, STATE_ENDED, STATE_RECORDING};

use crate::capture::{header, header_word};
use crate::hooks::call;
use crate::intern::INTERNER;
use crate::text::Text;
use crate::{bill, capture, checkpoint, follow, fork, journal, python, real, stack, sys, thread, world};

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = construct;

#[used]
#[unsafe(link_section = ".fini_array")]
static DESTRUCTOR: extern "C" fn() = destruct;

static ARGUMENTS: AtomicPtr<*const c_char> = AtomicPtr::new(core::ptr::null_mut());
static ARGUMENT_COUNT: AtomicUsize = AtomicUsize::new(0);
static ENVIRONMENT: AtomicPtr<*const c_char> = AtomicPtr::new(core::ptr::null_mut());

/// The capture folder, without a 0 byte at its end.
static FOLDER: Text = Text::new();

extern "C" fn construct(count: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    real::look_up();
    ARGUMENTS.store(arguments.cast_mut(), Ordering::Relaxed);
    ARGUMENT_COUNT.store(count.max(0) as usize, Ordering::Relaxed);
    ENVIRONMENT.store(environment.cast_mut(), Ordering::Relaxed);
    // Without settings, or without a place to write to, the process runs on as if this library were not there; the
    // program that started it sees that nothing was recorded, and says so.
    let _ = begin();
}

fn begin() -> Option<()> {
    read_settings()?;
    if child_path(capture::create).is_none() {
        journal::unable(capture::why_not());
        return None;
    }
    if !is_first() {
        capture::note(NOTE_OTHER_MALLOC);
    }
    world::begin();
    stack::adapt();
    fork::begin()?;
    {
        let mut interner = INTERNER.lock();
        interner.begin()?;
        stack::begin(&mut interner)?;
    }
    write_identity();
    write_recording();
    bill::begin();
    thread::begin()?;
    let thread = thread::current()?;
    thread::name(thread, b"main");
    thread.named = true;
    // What the loader allocates for these questions is not the program's.
    call::inside(thread, || {
        python::begin();
        forget_loader_errors();
    });
    journal::began();
    Some(())
}

/// Goes on with an interpreter whose library, in which `address` lies, was loaded while the program runs.
#[cold]
#[inline(never)]
pub(crate) fn begin_python_late(thread: *mut thread::Thread, address: usize) {
    // SAFETY: the calling thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { errno.read() };
    call::inside(thread, || {
        python::begin_late(address);
        forget_loader_errors();
    });
    // SAFETY: as above.
    unsafe { errno.write(before) };
}

/// A name that is not there leaves a message for the thread's next `dlerror`, which the program would take for its own.
fn forget_loader_errors() {
    for _ in 0..2 {
        // SAFETY: no preconditions; the first call takes the message, the second frees it.
        unsafe { libc::dlerror() };
    }
}

extern "C" fn destruct() {
    if thread::is_ready() {
        checkpoint::measure_self();
        python::end();
        bill::at_exit();
        header_word(offset_of!(Header, state)).store(STATE_ENDED, Ordering::Release);
    }
}

/// The program is about to end by `_exit`, which runs no destructor: what is resident is looked at, where no signal handler
/// has come in between, and where it is not a `vfork` child that shares its parent's memory.
pub(crate) fn ends_at_once() {
    if thread::is_ready() && fork::is_own(sys::getpid()) && world::is_at_ease() {
        checkpoint::measure_self();
        bill::at_exit();
    }
}

/// Reads `settings` in the folder that this library was loaded from, or at the end of its own file: one variable in the
/// environment is enough. `None`: this process is not to be recorded.
fn read_settings() -> Option<()> {
    let library = own_path()?;
    let mut text = [0u8; 2048];
    let length = settings_beside(library, &mut text).or_else(|| settings_inside(library, &mut text))?;
    let mut lines = text[..length].split(|byte| *byte == b'\n');
    FOLDER.set(lines.clone().find_map(|line| line.strip_prefix(b"capture="))?)?;
    if lines.clone().any(|line| line == b"asked") {
        python::may_be_asked();
    }
    if let Some(moments) = lines.clone().find_map(|line| line.strip_prefix(b"snapshots=")) {
        python::take_snapshots_at(moments);
    }
    if lines.clone().any(|line| line == b"names") {
        python::hide_values();
    }
    match lines.find_map(|line| line.strip_prefix(b"first=")) {
        Some(first) => claim(first),
        None => follow::begin(library),
    }
}

fn settings_beside(library: &[u8], text: &mut [u8]) -> Option<usize> {
    let end = library.iter().rposition(|byte| *byte == b'/')?;
    let settings = Path::of(&[&library[..end], b"/settings\0"])?;
    let settings = sys::open(settings.bytes(), libc::O_RDONLY)?;
    Some(sys::read(&settings, text))
}

/// A library that is in no folder has its settings behind it: text, its length in four bytes, and a mark.
fn settings_inside(library: &[u8], text: &mut [u8]) -> Option<usize> {
    const MARK: &[u8; 8] = b"leakgate";
    let file = sys::open(Path::of(&[library, b"\0"])?.bytes(), libc::O_RDONLY)?;
    let mut end = [0u8; 12];
    let at = sys::length(&file)?.checked_sub(end.len())?;
    if sys::read_at(&file, &mut end, at) != end.len() || end[4..] != *MARK {
        return None;
    }
    let length = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as usize;
    let text = text.get_mut(..length)?;
    (sys::read_at(&file, text, at.checked_sub(length)?) == length).then_some(length)
}

/// Where children are not followed: whether this is the first process of all, also after it executed another program.
fn claim(first: &[u8]) -> Option<()> {
    let path = Path::of(&[first, b"\0"])?;
    let own = sys::getpid().to_ne_bytes();
    if let Some(fd) = sys::open(path.bytes(), libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL) {
        return sys::write_at(&fd, own.as_ptr(), own.len(), 0).then_some(());
    }
    let mut first = [0; 4];
    let fd = sys::open(path.bytes(), libc::O_RDONLY)?;
    (sys::read(&fd, &mut first) == first.len() && first == own).then_some(())
}

/// The path that the loader was given for this library.
fn own_path() -> Option<&'static [u8]> {
    let name = library_of(construct as *const ())?.dli_fname;
    // SAFETY: the loader's name of this library, a C string that lives as long as the library.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes())
}

/// Whether the program's `malloc` is this library's: another one that comes first does not call it.
fn is_first() -> bool {
    let base = |address| library_of(address).map(|library| library.dli_fbase);
    let own = base(construct as *const ());
    // SAFETY: no preconditions.
    let program = base(unsafe { libc::getauxval(libc::AT_ENTRY) } as *const ());
    // A program at a fixed address has an entry of its own for a function whose address it takes, which leads on to the
    // first: it tells nothing. What takes the place of one of these functions takes that of the others.
    [c"malloc", c"calloc", c"realloc", c"free", c"pvalloc"].iter().all(|name| {
        // SAFETY: the name ends in a 0 byte.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        let library = base(found.cast_const().cast());
        found.is_null() || library == own || library == program
    })
}

/// What the loader knows of the library that an address lies in.
fn library_of(address: *const ()) -> Option<libc::Dl_info> {
    // SAFETY: all zeros is a valid value of this C struct.
    let mut info: libc::Dl_info = unsafe { core::mem::zeroed() };
    // SAFETY: `info` is valid.
    (unsafe { libc::dladdr(address.cast(), &mut info) } != 0).then_some(info)
}

/// Tries names for this process's file, `process-PID-N.lgp`, until `make` succeeds with one.
pub(crate) fn child_path(make: impl Fn(&[u8]) -> Option<()>) -> Option<()> {
    for attempt in 0..1000 {
        let mut path = Path::of(&[FOLDER.get(), b"/process-"])?;
        path.add_number(sys::getpid())?;
        path.add(b"-")?;
        path.add_number(attempt)?;
        path.add(b".lgp\0")?;
        // A file of that name is an earlier program's, which this process ran before it executed this one.
        if sys::open(path.bytes(), libc::O_RDONLY).is_none() {
            make(path.bytes())?;
            journal::set_sequence(attempt);
            return Some(());
        }
    }
    None
}

/// Runs `f` with the path of a file in the capture folder; `name` begins with a slash and ends with a 0 byte.
pub(crate) fn in_capture(name: &[u8], f: impl FnOnce(&[u8]) -> bool) -> bool {
    Path::of(&[FOLDER.get(), name]).is_some_and(|path| f(path.bytes()))
}

/// Runs `f` with the path of a heap snapshot: of the process of this id and sequence, with this number; `ending` ends with a
/// 0 byte.
pub(crate) fn heap_path(numbers: [u32; 3], ending: &[u8], f: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let path = || {
        let mut path = Path::of(&[FOLDER.get(), b"/heap"])?;
        for number in numbers {
            path.add(b"-")?;
            path.add_number(number)?;
        }
        path.add(ending)?;
        Some(path)
    };
    path().is_some_and(|path| f(path.bytes()))
}

struct Path {
    bytes: [u8; 1024],
    length: usize,
}

impl Path {
    fn of(parts: &[&[u8]]) -> Option<Path> {
        let mut path = Path { bytes: [0; 1024], length: 0 };
        parts.iter().try_for_each(|part| path.add(part))?;
        Some(path)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn add(&mut self, part: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.length..self.length + part.len())?.copy_from_slice(part);
        self.length += part.len();
        Some(())
    }

    fn add_number(&mut self, number: u32) -> Option<()> {
        digits(number, |digits| self.add(digits))
    }
}

/// Runs `f` with a number in decimal digits.
pub(crate) fn digits<R>(number: u32, f: impl FnOnce(&[u8]) -> R) -> R {
    let (mut digits, mut at, mut rest) = ([0u8; 10], 10, number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return f(&digits[at..]);
        }
    }
}

/// Writes who this process is.
pub(crate) fn write_identity() {
    let length = write_command();
    // SAFETY: the header is mapped; nobody else writes these fields.
    let header = unsafe { &mut *header() };
    header.pid = sys::getpid();
    header.sequence = journal::sequence();
    header.parent = sys::getppid();
    header.started_ms = sys::now_ms();
    header.command_len = length as u32;
    header.unrecorded = Default::default();
}

/// From now on what the file says is this process's own: others may read it.
pub(crate) fn write_recording() {
    header_word(offset_of!(Header, state)).store(STATE_RECORDING, Ordering::Release);
}

fn write_command() -> usize {
    let (area, room) = capture::command_area();
    let mut length = 0;
    for argument in arguments() {
        if length + argument.len() + 1 > room {
            break;
        }
        // SAFETY: it fits into the area, as was just checked.
        unsafe {
            area.add(length).copy_from_nonoverlapping(argument.as_ptr(), argument.len());
            area.add(length + argument.len()).write(0);
        }
        length += argument.len() + 1;
    }
    length
}

/// Writes the interpreter's version.
pub(crate) fn write_python(hex: u32) {
    header_word(offset_of!(Header, python)).store(hex, Ordering::Relaxed);
}

/// Writes what a forked child inherited, and from which process.
pub(crate) fn write_inherited(bytes: u64, blocks: u64, sites: u32, origin: (u32, u32)) {
    // SAFETY: the header is mapped; nobody else writes these fields.
    let header = unsafe { &mut *header() };
    header.inherited_bytes = bytes;
    header.inherited_blocks = blocks;
    header.inherited_live = bytes as i64;
    header.inherited_sites = sites;
    (header.origin, header.origin_sequence) = origin;
    // A parent that has ended by now is not the kernel's answer any more.
    header.parent = origin.0;
}

/// The process's arguments, the program's name first.
pub(crate) fn arguments() -> impl Iterator<Item = &'static [u8]> {
    let list = ARGUMENTS.load(Ordering::Relaxed);
    (0..ARGUMENT_COUNT.load(Ordering::Relaxed)).map_while(move |index| {
        // SAFETY: the C library passed that many pointers.
        let argument = unsafe { list.add(index).read() };
        // SAFETY: each is a C string that lives as long as the process.
        (!argument.is_null()).then(|| unsafe { CStr::from_ptr(argument) }.to_bytes())
    })
}

/// The value of an environment variable as it was at the start, by its name with `=`.
pub(crate) fn variable(name: &[u8]) -> Option<&'static [u8]> {
    let mut at = ENVIRONMENT.load(Ordering::Relaxed);
    loop {
        // SAFETY: the list ends with a null pointer.
        let entry = unsafe { at.read() };
        if entry.is_null() {
            return None;
        }
        // SAFETY: each entry is a C string.
        if let Some(value) = unsafe { CStr::from_ptr(entry) }.to_bytes().strip_prefix(name) {
            return Some(value);
        }
        // SAFETY: the entry was not the last.
        at = unsafe { at.add(1) };
    }
}
