//! The lengths of lists, dictionaries and the like, by identity: which of them grow, and how long they are at each
//! checkpoint.
//!
//! ```text
//!   a look at all live containers ──► index: length by address ──► compared with the index of the look before
//!                                                                     │ longer than then
//!                                                                     ▼
//!   each checkpoint ──► reads those that are followed ◄────────── watched: a record and lengths in the capture
//! ```
//!
//! A container is the same one as before if its block has the mark of the shadow table that an earlier look has set:
//! another block at the address does not have it. Blocks that are not tracked, such as the driver's own, are left out.
//! All of this runs with the interpreter's lock held, on one thread at a time.

mod index;
mod watch;

use core::sync::atomic::{AtomicUsize, Ordering};

use leakgate_capture::{ContainerKind, NOTE_CONTAINERS};

use crate::capture::note;
use crate::lock::{Guard, Lock};
use crate::{checkpoint, shadow};
use index::Index;
use watch::Watch;
pub(crate) use watch::Watched;

/// A live container.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    /// Address of the object.
    pub object: usize,
    /// Address of the block that it is in.
    pub block: usize,
    /// Address of its type.
    pub of: usize,
    pub kind: ContainerKind,
    pub length: u64,
    /// Where in the object its length stands.
    pub offset: usize,
}

/// What is kept from one look to the next.
pub(crate) struct State {
    index: Index,
    /// The checkpoint after which the last look was; 0: there was none.
    ordinal: u32,
    watch: Watch,
}

static STATE: Lock<State> = Lock::new(State { index: Index::new(), ordinal: 0, watch: Watch::new() });
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// Bytes that this takes.
pub(crate) fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

/// In a forked child: nothing was seen yet.
pub(crate) fn restart() {
    STATE.release();
    let mut state = STATE.lock();
    state.index = Index::new();
    state.ordinal = 0;
    state.watch.restart();
    BYTES.store(0, Ordering::Relaxed);
}

/// After a checkpoint: the lengths of what is followed.
pub(crate) fn read_lengths() {
    STATE.lock().watch.read_lengths(checkpoint::ordinal());
}

/// An entry of the index: a length, and the id of a container that is watched, or 0.
fn entry(length: u64, id: u16) -> u64 {
    length.min(LONGEST) << ID_BITS | u64::from(id)
}

const ID_BITS: u32 = 16;
const LONGEST: u64 = (1 << 48) - 1;

/// A look at all live containers.
pub(crate) struct Look {
    state: Guard<'static, State>,
    now: Index,
    ordinal: u32,
    /// The first id that this look gives.
    first: u16,
    is_whole: bool,
}

impl Look {
    pub(crate) fn begin() -> Look {
        let state = STATE.lock();
        let now = Index::with_room_of(&state.index);
        let first = state.watch.next_id();
        Look { state, now, ordinal: checkpoint::ordinal(), first, is_whole: true }
    }

    /// Whether an object is met for the first time.
    pub(crate) fn is_first(&mut self, object: usize) -> bool {
        match self.now.cell(object) {
            Some((_, is_new)) => is_new,
            // Better left out than gone through again and again.
            None => {
                self.is_whole = false;
                false
            }
        }
    }

    /// A container.
    #[inline(always)]
    pub(crate) fn meet(&mut self, found: &Found) {
        let id = match shadow::see(found.block) {
            Some(true) => self.id_of_known(found),
            Some(false) => 0,
            None => return,
        };
        match self.now.cell(found.object) {
            Some((cell, _)) => *cell = entry(found.length, id),
            None => self.is_whole = false,
        }
    }

    #[inline(always)]
    fn id_of_known(&mut self, found: &Found) -> u16 {
        let Some(before) = self.state.index.find(found.object) else {
            return 0;
        };
        let (length, id) = (before >> ID_BITS, before as u16);
        if id == 0 && found.length <= length {
            return 0;
        }
        self.state.watch.compare(found, (id, length), self.ordinal)
    }

    /// The containers that were watched by this look, and were not before.
    pub(crate) fn fresh(&self) -> core::ops::Range<u16> {
        self.first..self.state.watch.next_id()
    }

    /// One of them.
    pub(crate) fn watched(&self, id: u16) -> Watched {
        self.state.watch.get(id)
    }

    /// Gives a fresh container its record.
    pub(crate) fn record(&mut self, id: u16, type_name: &[u8]) {
        let (before, now) = (self.state.ordinal, self.ordinal);
        self.state.watch.record(id, type_name, (before, now));
    }

    /// The id of a container that is watched; 0: it is not.
    pub(crate) fn id_of(&self, object: usize) -> u16 {
        self.now.find(object).unwrap_or(0) as u16
    }

    /// A container that is watched never exceeds a length; -1: it has no bound after all.
    pub(crate) fn set_bound(&mut self, id: u16, bound: i64) {
        self.state.watch.set_bound(id, bound);
    }

    /// All containers were met. `is_whole`: as far as they could be reached.
    pub(crate) fn end(mut self, is_whole: bool) {
        if !self.is_whole || !is_whole {
            note(NOTE_CONTAINERS);
        }
        self.state.watch.follow(self.ordinal);
        self.state.index = core::mem::replace(&mut self.now, Index::new());
        self.state.ordinal = self.ordinal;
        BYTES.store(self.state.index.bytes() + self.state.watch.bytes(), Ordering::Relaxed);
    }
}
