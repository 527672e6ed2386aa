//! The containers that grew: their records and lengths in the capture, and which of them each checkpoint reads.

use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use leakgate_capture::{ContainerKind, ContainerRecord, Header, LengthRecord, NOTE_CONTAINERS, Section};

use super::Found;
use crate::capture::{header, header_word, note, place, present};
use crate::checkpoint::Stream;
use crate::intern::INTERNER;
use crate::{shadow, sys, thread, world};

/// Most containers that are ever watched.
const MOST: usize = 1 << 16;
/// Most that are followed from checkpoint to checkpoint.
const MOST_FOLLOWED: usize = 4096;
/// Looks without a change after which a container is not followed, where others need the place.
const PATIENCE: u8 = 4;
/// Most bytes of lengths: a capture has room for other things, too.
const MOST_BYTES: u64 = 64 << 20;

/// In an object: its type.
const TYPE: usize = 8;

/// A container that grew.
#[derive(Clone, Copy)]
pub(crate) struct Watched {
    /// Address of the object.
    pub object: usize,
    block: usize,
    /// Address of its type.
    pub of: usize,
    /// As last written.
    length: u64,
    /// At the look before the one that saw it grow.
    before: u64,
    pub kind: ContainerKind,
    offset: u8,
    /// Looks since it changed.
    idle: u8,
    is_gone: bool,
}

/// All that are watched.
pub(super) struct Watch {
    /// By id; a mapping of `MOST`, made when the first one grows.
    watched: *mut Watched,
    /// Ids given, 0 included.
    count: usize,
    followed: [u16; MOST_FOLLOWED],
    followed_count: usize,
}

impl Watch {
    pub(super) const fn new() -> Self {
        Watch { watched: null_mut(), count: 1, followed: [0; MOST_FOLLOWED], followed_count: 0 }
    }

    /// Bytes that it takes, of those that are in use.
    pub(super) fn bytes(&self) -> usize {
        if self.watched.is_null() { 0 } else { (self.count * size_of::<Watched>()).next_multiple_of(4096) }
    }

    /// In a forked child.
    pub(super) fn restart(&mut self) {
        (self.count, self.followed_count) = (1, 0);
        header_word(offset_of!(Header, containers)).store(0, Ordering::Release);
        // SAFETY: the header is mapped, and this is the only thread.
        unsafe { (*header()).lengths = 0 };
    }

    /// The id of the next one.
    pub(super) fn next_id(&self) -> u16 {
        // `add` leaves the last one out.
        self.count as u16
    }

    pub(super) fn get(&self, id: u16) -> Watched {
        // SAFETY: ids that were given have an entry.
        unsafe { self.watched.add(id.into()).read() }
    }

    fn at(&mut self, id: u16) -> &mut Watched {
        // SAFETY: ids that were given have an entry, and the whole is borrowed.
        unsafe { &mut *self.watched.add(id.into()) }
    }

    /// A known container was met. `before`: its id, or 0, and its length at the look before. The id that it has now.
    #[cold]
    pub(super) fn compare(&mut self, found: &Found, before: (u16, u64), ordinal: u32) -> u16 {
        let (id, length) = before;
        if id == 0 || self.at(id).is_gone {
            return if found.length > length { self.add(found, length) } else { 0 };
        }
        let watched = self.at(id);
        watched.idle = watched.idle.saturating_add(1);
        if watched.length != found.length {
            watched.idle = 0;
            watched.length = found.length;
            write_length(id, ordinal, found.length);
        }
        id
    }

    fn add(&mut self, found: &Found, before: u64) -> u16 {
        if self.watched.is_null() {
            let Some(fresh) = sys::map(MOST * size_of::<Watched>()) else {
                note(NOTE_CONTAINERS);
                return 0;
            };
            self.watched = fresh.cast();
        }
        if self.count == MOST - 1 {
            note(NOTE_CONTAINERS);
            return 0;
        }
        let id = self.count as u16;
        let Found { object, block, of, kind, length, offset } = *found;
        let offset = offset as u8;
        let fresh = Watched { object, block, of, length, before, kind, offset, idle: 0, is_gone: false };
        // SAFETY: there is an entry for each id below `MOST`.
        unsafe { self.watched.add(id.into()).write(fresh) };
        self.count += 1;
        id
    }

    /// Writes the record of a container, and its lengths at two looks, after the checkpoints of these ordinals.
    pub(super) fn record(&mut self, id: u16, type_name: &[u8], ordinals: (u32, u32)) {
        let watched = self.get(id);
        if write_record(id, &watched, type_name).is_none() {
            // Its lengths could not be told of either.
            note(NOTE_CONTAINERS);
            self.at(id).is_gone = true;
            return;
        }
        let (before, now) = ordinals;
        if before != now {
            write_length(id, before, watched.before);
        }
        write_length(id, now, watched.length);
    }

    pub(super) fn set_bound(&mut self, id: u16, bound: i64) {
        if let Some(record) = record(id).filter(|_| usize::from(id) < self.count) {
            // SAFETY: a mapped record; one aligned store.
            unsafe { (&raw mut (*record).bound).write_volatile(bound) };
        }
    }

    /// Chooses those that the next checkpoints read: those that changed last.
    pub(super) fn follow(&mut self, ordinal: u32) {
        self.followed_count = 0;
        for idle in [0..=0, 1..=PATIENCE - 1, PATIENCE..=u8::MAX] {
            for id in 1..self.count as u16 {
                let watched = self.at(id);
                if watched.is_gone || !idle.contains(&watched.idle) {
                    continue;
                }
                if !watched.lives() {
                    watched.end(id, ordinal);
                } else if self.followed_count < MOST_FOLLOWED {
                    self.followed[self.followed_count] = id;
                    self.followed_count += 1;
                } else if *idle.start() == 0 {
                    note(NOTE_CONTAINERS);
                }
            }
        }
    }

    /// Reads the lengths of those that are followed, after the checkpoint of this ordinal.
    pub(super) fn read_lengths(&mut self, ordinal: u32) {
        for place in 0..self.followed_count {
            let id = self.followed[place];
            let watched = self.at(id);
            if watched.is_gone {
                continue;
            }
            if !watched.lives() {
                watched.end(id, ordinal);
                continue;
            }
            let length = watched.read();
            if length != watched.length {
                (watched.length, watched.idle) = (length, 0);
                write_length(id, ordinal, length);
            }
        }
    }
}

impl Watched {
    /// Whether it still is there. An object that is being taken apart has another type by then.
    fn lives(&self) -> bool {
        // SAFETY: the block is the one that the object was found in, and is not freed while the interpreter's lock is
        // held.
        shadow::is_seen(self.block) && unsafe { ((self.object + TYPE) as *const usize).read() } == self.of
    }

    fn read(&self) -> u64 {
        // SAFETY: as above: a live object of the type whose length stands there.
        let length = unsafe { ((self.object + usize::from(self.offset)) as *const i64).read() };
        // A list that is being sorted seems to be empty.
        length.max(0) as u64
    }

    fn end(&mut self, id: u16, ordinal: u32) {
        self.is_gone = true;
        if let Some(record) = record(id) {
            // SAFETY: a mapped record; one aligned store.
            unsafe { (&raw mut (*record).gone).write_volatile(ordinal) };
        }
    }
}

fn record(id: u16) -> Option<*mut ContainerRecord> {
    let at = present(Section::Containers, usize::from(id) * size_of::<ContainerRecord>())?;
    Some(at.cast())
}

/// Runs what takes locks where no signal handler of this thread may meet them.
fn uninterrupted<T>(f: impl FnOnce() -> Option<T>) -> Option<T> {
    world::uninterrupted(thread::current()?, |_| f())
}

fn write_record(id: u16, watched: &Watched, type_name: &[u8]) -> Option<()> {
    let at = usize::from(id) * size_of::<ContainerRecord>();
    let (name, to) = uninterrupted(|| {
        let name = INTERNER.lock().string(type_name)?;
        Some((name, place(Section::Containers, at)?))
    })?;
    let record = ContainerRecord {
        address: watched.object as u64,
        bound: -1,
        site: shadow::site(watched.block).unwrap_or(0),
        type_name: name,
        gone: 0,
        kind: watched.kind as u32,
    };
    // SAFETY: records are aligned in their chunk; this one is not yet counted.
    unsafe { to.cast::<ContainerRecord>().write(record) };
    header_word(offset_of!(Header, containers)).store(u32::from(id) + 1, Ordering::Release);
    Some(())
}

/// Writes a length. Before the first checkpoint there is no moment that it could be of.
fn write_length(id: u16, ordinal: u32, length: u64) {
    // SAFETY: the header is mapped.
    let start = unsafe { (*header()).lengths };
    if ordinal == 0 {
        return;
    }
    let record = LengthRecord { container: id.into(), checkpoint: ordinal, length };
    let mut stream = Stream::of(Section::Lengths, start as usize);
    if start >= MOST_BYTES || uninterrupted(|| stream.put(&record)).is_none() {
        return note(NOTE_CONTAINERS);
    }
    // SAFETY: the header is mapped; the stream is counted after it was written.
    unsafe { (&raw mut (*header()).lengths).write_volatile(stream.position() as u64) };
}
