//! The file that both sides hold: handing out its chunks, making it longer, finding records in it.
//!
//! The file is opened for each step of growth only, so that the program never sees a descriptor of ours.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use leakgate_capture::{
    CHUNK, FIRST_LENGTH, HEADER_LEN, Header, MAGIC, MAX_CHUNKS, NOTE_FULL, NOTE_NOT_RESERVED, STATE_STARTING,
    Section, UNABLE_FILE, UNABLE_FILE_SIZE, VERSION,
};

use crate::lock::Lock;
use crate::sys;

/// Chunks of a new file, and of each step by which it grows.
const FIRST: usize = FIRST_LENGTH / CHUNK;
const STEP: usize = 64;
/// A step where address space is short.
const SMALL_STEP: usize = 16;
const MAX_SEGMENTS: usize = MAX_CHUNKS / STEP + 2;
const MAX_PATH: usize = 1024;

static HEADER: AtomicPtr<Header> = AtomicPtr::new(null_mut());
static CHUNKS: [[AtomicPtr<u8>; MAX_CHUNKS]; Section::ALL.len() + 1] =
    [const { [const { AtomicPtr::new(null_mut()) }; MAX_CHUNKS] }; Section::ALL.len() + 1];
static FILE: Lock<File> = Lock::new(File {
    path: [0; MAX_PATH],
    segments: [Segment { at: 0, chunks: 0 }; MAX_SEGMENTS],
    count: 0,
    used: 2,
    restricted: false,
});
static MAPPED: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Copy)]
struct Segment {
    at: usize,
    chunks: usize,
}

struct File {
    path: [u8; MAX_PATH],
    segments: [Segment; MAX_SEGMENTS],
    count: usize,
    /// Chunks in use; the header's own count may be a parent's.
    used: usize,
    /// A seccomp filter was there when recording began: nothing is opened later.
    restricted: bool,
}

/// The header. Panics never: before `create` succeeded nothing in the tracker asks for it.
#[inline(always)]
pub(crate) fn header() -> *mut Header {
    HEADER.load(Ordering::Relaxed)
}

/// Sets note bits, for the reader to tell.
pub(crate) fn note(bits: u32) {
    header_word(core::mem::offset_of!(Header, notes)).fetch_or(bits, Ordering::Relaxed);
}

/// A 32-bit field of the header, shared with the reader outside.
pub(crate) fn header_word(offset: usize) -> &'static AtomicU32 {
    // SAFETY: the header is mapped for the process's life and `offset` is one of its aligned 32-bit fields.
    unsafe { &*header().cast::<u8>().add(offset).cast::<AtomicU32>() }
}

/// Bytes of the file that are mapped.
pub(crate) fn mapped() -> usize {
    MAPPED.load(Ordering::Relaxed)
}

/// Creates the file `path` (ended by a 0 byte), which must not exist. `None` when it cannot be made.
pub(crate) fn create(path: &[u8]) -> Option<()> {
    let mut file = FILE.lock();
    file.path.get_mut(..path.len())?.copy_from_slice(path);
    file.restricted = sys::is_restricted();
    let fd = sys::open(path, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)?;
    let grown = sys::grow(&fd, FIRST_LENGTH);
    let mapped = if grown == sys::Grown::Failed { None } else { sys::map_file(&fd, 0, FIRST_LENGTH, 0) };
    let Some(at) = mapped else {
        // Nobody could tell it from a damaged one.
        sys::remove(path);
        return None;
    };
    file.segments[0] = Segment { at: at as usize, chunks: FIRST };
    file.count = 1;
    MAPPED.store(FIRST_LENGTH, Ordering::Relaxed);
    HEADER.store(at.cast(), Ordering::Release);
    let header = header();
    // SAFETY: the file is new, zeroed, ours alone, and longer than the header.
    unsafe {
        (*header).version = VERSION;
        (*header).chunks = 2;
        (*header).magic = MAGIC;
    }
    if grown == sys::Grown::LengthOnly {
        note(NOTE_NOT_RESERVED);
    }
    Some(())
}

/// Why `create` failed, as the journal tells it.
pub(crate) fn why_not() -> u32 {
    if sys::file_size_limit() < (FIRST_LENGTH) as u64 { UNABLE_FILE_SIZE } else { UNABLE_FILE }
}

/// Writes process `pid`, which shares this header's memory, down as not recorded, with the end of the name of the program
/// that it executes. No lock: it may be a `vfork` child.
pub(crate) fn unrecorded(pid: u32, name: &[u8]) {
    let mut stored = [0; 28];
    let name = &name[name.len().saturating_sub(stored.len())..];
    stored[..name.len()].copy_from_slice(name);
    let Some(place) = claim_unrecorded(pid) else { return };
    // SAFETY: the entry is this process's own, and the header is mapped.
    unsafe { (&raw mut (*header()).unrecorded[place].name).write_volatile(stored) };
}

/// The entry of process `pid`, a free one where it has none.
fn claim_unrecorded(pid: u32) -> Option<usize> {
    // SAFETY: the header is mapped for the process's life; these are aligned words, reached as atomics only.
    let words =
        |index: usize| unsafe { &*(&raw const (*header()).unrecorded[index].pid).cast::<AtomicU32>() };
    let claims = |index: &usize| {
        let claimed = words(*index).compare_exchange(0, pid, Ordering::AcqRel, Ordering::Acquire);
        claimed.is_ok() || claimed == Err(pid)
    };
    (0..16).find(claims)
}

/// Takes back what `unrecorded` wrote: the process goes on as it was.
pub(crate) fn still_recorded(pid: u32) {
    if let Some(place) = claim_unrecorded(pid) {
        // SAFETY: as above.
        unsafe { &*(&raw const (*header()).unrecorded[place].pid).cast::<AtomicU32>() }
            .store(0, Ordering::Release);
    }
}

/// Where the command line goes: the bytes of chunk 0 behind the header.
pub(crate) fn command_area() -> (*mut u8, usize) {
    // SAFETY: chunk 0 is mapped and longer than the header.
    (unsafe { header().cast::<u8>().add(HEADER_LEN) }, CHUNK - HEADER_LEN)
}

/// The bytes of a section that begin at `offset`, whose chunk is made if it is not there. `None`: no more space.
#[inline(always)]
pub(crate) fn place(section: Section, offset: usize) -> Option<*mut u8> {
    let ordinal = offset / CHUNK;
    let chunk = CHUNKS[section as usize].get(ordinal)?.load(Ordering::Acquire);
    let chunk = if chunk.is_null() { hand_out(section, ordinal)? } else { chunk };
    // SAFETY: the rest of a division by CHUNK is inside the chunk.
    Some(unsafe { chunk.add(offset % CHUNK) })
}

/// As `place`, without making the chunk.
#[inline(always)]
pub(crate) fn present(section: Section, offset: usize) -> Option<*mut u8> {
    let chunk = CHUNKS[section as usize].get(offset / CHUNK)?.load(Ordering::Acquire);
    if chunk.is_null() {
        return None;
    }
    // SAFETY: as in `place`.
    Some(unsafe { chunk.add(offset % CHUNK) })
}

/// As `present`, for a record that was stored: its chunk is there.
///
/// # Safety
/// The chunk must have been made.
#[inline(always)]
pub(crate) unsafe fn stored(section: Section, offset: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { present(section, offset).unwrap_unchecked() }
}

#[cold]
#[inline(never)]
fn hand_out(section: Section, ordinal: usize) -> Option<*mut u8> {
    let mut file = FILE.lock();
    let slot = &CHUNKS[section as usize][ordinal];
    if !slot.load(Ordering::Acquire).is_null() {
        return Some(slot.load(Ordering::Acquire));
    }
    let header = header();
    let number = file.used;
    if number >= MAX_CHUNKS {
        note(NOTE_FULL);
        return None;
    }
    if number >= file.chunks() && file.extend().is_none() {
        note(NOTE_FULL);
        return None;
    }
    let chunk = file.address_of(number)?;
    let entry = section.entry(ordinal as u32);
    // SAFETY: chunk 1 is the directory; `number` is below the entries it has.
    unsafe { header.cast::<u8>().add(CHUNK).cast::<u32>().add(number).write(entry) };
    file.used = number + 1;
    header_word(core::mem::offset_of!(Header, chunks)).store(file.used as u32, Ordering::Release);
    slot.store(chunk, Ordering::Release);
    Some(chunk)
}

impl File {
    fn chunks(&self) -> usize {
        self.segments[..self.count].iter().map(|segment| segment.chunks).sum()
    }

    fn address_of(&self, number: usize) -> Option<*mut u8> {
        let mut first = 0;
        for segment in &self.segments[..self.count] {
            if number < first + segment.chunks {
                return Some((segment.at + (number - first) * CHUNK) as *mut u8);
            }
            first += segment.chunks;
        }
        None
    }

    /// Writes all that is in use into a new file, as long as this one.
    fn copy_to(&self, fd: &sys::Fd) -> Option<()> {
        if sys::grow(fd, self.chunks() * CHUNK) == sys::Grown::Failed {
            return None;
        }
        // What the header says of the parent must not be taken for the child's, by a sampler or when the child is killed.
        // SAFETY: the header is mapped.
        let copy = Header { state: STATE_STARTING, ..unsafe { header().read() } };
        let length = size_of::<Header>();
        if !sys::write_at(fd, (&raw const copy).cast(), length, 0) {
            return None;
        }
        let used = self.used * CHUNK;
        let mut offset = 0;
        for segment in &self.segments[..self.count] {
            let bytes = (segment.chunks * CHUNK).min(used.saturating_sub(offset));
            let skipped = if offset == 0 { length.min(bytes) } else { 0 };
            if !sys::write_at(fd, (segment.at + skipped) as *const u8, bytes - skipped, offset + skipped) {
                return None;
            }
            offset += segment.chunks * CHUNK;
        }
        Some(())
    }

    /// Makes the file longer by a step. Refused when the program may not open files any more.
    fn extend(&mut self) -> Option<()> {
        if self.count == MAX_SEGMENTS || self.restricted || sys::is_restricted() {
            return None;
        }
        let old = self.chunks();
        let step = if sys::has_little_space() { SMALL_STEP } else { STEP };
        let fd = sys::open(&self.path, libc::O_RDWR)?;
        match sys::grow(&fd, (old + step) * CHUNK) {
            sys::Grown::Failed => return None,
            sys::Grown::LengthOnly => note(NOTE_NOT_RESERVED),
            sys::Grown::Reserved => {}
        }
        let at = sys::map_file(&fd, old * CHUNK, step * CHUNK, 0)?;
        self.segments[self.count] = Segment { at: at as usize, chunks: step };
        self.count += 1;
        MAPPED.fetch_add(step * CHUNK, Ordering::Relaxed);
        Some(())
    }
}

/// Makes a copy of the whole file under a new name and maps that in place of the old one: for a forked child, whose
/// parent goes on with the old one. All addresses stay as they are. `None`: the parent's is told that this failed.
pub(crate) fn move_to(path: &[u8]) -> Option<()> {
    FILE.release();
    let mut file = FILE.lock();
    let fd = sys::open(path, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)?;
    if file.copy_to(&fd).is_none() {
        sys::remove(path);
        return None;
    }
    let mut offset = 0;
    for segment in &file.segments[..file.count] {
        sys::map_file(&fd, offset, segment.chunks * CHUNK, segment.at)?;
        offset += segment.chunks * CHUNK;
    }
    header_word(core::mem::offset_of!(Header, chunks)).store(file.used as u32, Ordering::Release);
    file.path = [0; MAX_PATH];
    file.path.get_mut(..path.len())?.copy_from_slice(path);
    Some(())
}

/// In a forked child, alone: sets a section to zeros, also what its parent wrote there after the fork and before the
/// file was copied.
pub(crate) fn clear(section: Section) {
    for ordinal in 0..MAX_CHUNKS {
        if let Some(chunk) = present(section, ordinal * CHUNK) {
            // SAFETY: a mapped chunk, and no other thread runs.
            unsafe { chunk.write_bytes(0, CHUNK) };
        }
    }
}

/// Before a fork: no other thread may be in the middle of handing out a chunk.
pub(crate) fn before_fork() {
    FILE.acquire();
}

/// After a fork, in the parent.
pub(crate) fn after_fork() {
    FILE.release();
}
