//! The protocol over a few threads and sites, as `tracker/src/event.rs` and `thread.rs` use it.

use std::sync::atomic::Ordering;

use loom::sync::atomic::{AtomicI64, fence};
use loom::sync::{Mutex, MutexGuard};

use crate::protocol::{Change, Counts, EXACT, FAST, FREE, Figures, Member, Protocol, SINGLE, Shared, Step};
use crate::sync::{AtomicU32, Fault, Number, Word, has};

/// Threads of a model at most, and records of figures.
const THREADS: usize = 3;
const RECORDS: usize = 5;

pub(crate) struct Threads {
    lock: Mutex<()>,
    live: Word,
    peak: Word,
    epoch: Number,
    active: AtomicI64,
    members: Vec<Member>,
}

/// The guard of a lock that lives as long as the model.
pub(crate) struct Locked(#[allow(dead_code, reason = "held until dropped")] MutexGuard<'static, ()>);

impl Shared for &'static Threads {
    const SHORTEST: i64 = 0;
    type Locked = Locked;

    fn lock(&self, _: bool) -> Locked {
        Locked(self.lock.lock().expect("no thread panics while it holds the lock"))
    }

    fn figures(&self) -> Figures<'_> {
        Figures { live: &self.live, peak: &self.peak, epoch: &self.epoch }
    }

    fn active(&self) -> i64 {
        // Changed and read under the lock.
        self.active.load(Ordering::Relaxed)
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    fn fence_all(&self) {
        fence(Ordering::SeqCst);
    }

    fn wait_for(&self, member: &Member) {
        while member.in_event.load(Ordering::Acquire) == FAST {
            loom::thread::yield_now();
        }
    }

    fn now(&self) -> i64 {
        0
    }

    fn omits(&self, step: Step) -> bool {
        has(Fault::Step(step))
    }
}

/// A protocol, and what its threads count.
pub(crate) struct World {
    pub protocol: Protocol<&'static Threads>,
    /// Records: 0 is of a thread that is gone, and holds the composition of the peak at the start.
    pub counts: Vec<Counts>,
}

fn record(peak: i64) -> Counts {
    let word = || Word::new(0);
    Counts {
        live_bytes: word(),
        live_blocks: word(),
        total_bytes: word(),
        total_blocks: word(),
        peak_bytes: Word::new(peak),
        peak_blocks: Word::new(i64::from(peak > 0)),
        epoch: Number::new(1),
    }
}

fn member() -> Member {
    Member { in_event: AtomicU32::new(0), room: Word::new(0), granted: Word::new(0) }
}

impl World {
    /// Nothing is live, and there was a peak. `active` threads have a record.
    pub(crate) fn new(peak: i64, active: i64) -> &'static World {
        let threads = Threads {
            lock: Mutex::new(()),
            live: Word::new(0),
            peak: Word::new(peak),
            epoch: Number::new(1),
            active: AtomicI64::new(active),
            members: (0..THREADS).map(|_| member()).collect(),
        };
        let mode = if active == 1 { SINGLE } else { FREE };
        let protocol = Protocol {
            shared: &*Box::leak(Box::new(threads)),
            mode: AtomicU32::new(mode),
            granted: Word::new(0),
            patience: Word::new(0),
            dwell: Word::new(0),
            free_since: Word::new(0),
        };
        let counts = (0..RECORDS).map(|number| record(if number == 0 { peak } else { 0 })).collect();
        Box::leak(Box::new(World { protocol, counts }))
    }

    /// An event of a thread on one of its records.
    pub(crate) fn count(&self, thread: usize, record: usize, bytes: i64) {
        let member = &self.protocol.shared.members[thread];
        let change = Change { bytes, blocks: bytes.signum(), is_memory: true };
        let mode = self.protocol.begin(member);
        let counts = &self.counts[record];
        if !self.protocol.try_count(member, mode, counts, change) {
            self.protocol.count_slowly(member, change, || Some(counts));
        }
        self.protocol.end(member);
    }

    /// An event of a thread on a site whose record is another's: alone it counts there, otherwise in its own.
    pub(crate) fn count_for_another(&self, thread: usize, own: usize, other: usize, bytes: i64) {
        let member = &self.protocol.shared.members[thread];
        let change = Change { bytes, blocks: bytes.signum(), is_memory: true };
        let mode = self.protocol.begin(member);
        if mode == SINGLE {
            self.protocol.count_alone(&self.counts[other], change);
        } else if !self.protocol.try_count(member, mode, &self.counts[own], change) {
            self.protocol.count_slowly(member, change, || Some(&self.counts[own]));
        }
        self.protocol.end(member);
    }

    /// An event of a thread without a record.
    pub(crate) fn count_unknown(&self, record: usize, bytes: i64) {
        let change = Change { bytes, blocks: bytes.signum(), is_memory: true };
        let _locked = self.protocol.shared.lock(false);
        self.protocol.count_locked(None, &self.counts[record], change);
    }

    /// A thread gets a record, or gives it back.
    pub(crate) fn join(&self, by: i64) {
        let active = &self.protocol.shared.active;
        self.protocol.stopped(|| active.store(active.load(Ordering::Relaxed) + by, Ordering::Relaxed));
    }

    /// What must be true whenever the world is stopped; live bytes and the peak.
    pub(crate) fn check(&self) -> (i64, i64) {
        self.protocol.stopped(|| {
            let Threads { live, peak, epoch, .. } = self.protocol.shared;
            assert_eq!(self.protocol.mode(), EXACT);
            assert_eq!(self.protocol.granted.get(), 0, "room that nobody has");
            let now: i64 = self.counts.iter().map(|counts| counts.now().0).sum();
            assert_eq!(now, live.get(), "live bytes of the records, and published");
            let at_peak: i64 = self.counts.iter().map(|counts| counts.at_peak(epoch.get()).0).sum();
            assert_eq!(at_peak, peak.get(), "the peak's composition, and the peak");
            (live.get(), peak.get())
        })
    }

    /// Checks it, and gives back its memory: no other thread runs any more.
    pub(crate) fn end(&'static self) -> (i64, i64) {
        let figures = self.check();
        let threads = core::ptr::from_ref(self.protocol.shared).cast_mut();
        // SAFETY: `new` leaked both boxes, and nobody uses them after this.
        drop(unsafe { Box::from_raw(core::ptr::from_ref(self).cast_mut()) });
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(threads) });
        figures
    }

    /// A checkpoint: the figures are right, and a new window begins.
    pub(crate) fn checkpoint(&self) {
        self.check();
        self.protocol.stopped(|| self.protocol.begin_window(self.protocol.shared.live.get()));
    }
}
