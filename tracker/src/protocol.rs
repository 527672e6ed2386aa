//! How threads count without a lock, and how they are stopped where that would not be exact.
//!
//! The peak must be exact, and so must its composition, without a lock on the ordinary event. Three modes:
//!
//! ```text
//!            a second thread comes              no room below the peak
//!   SINGLE ─────────────────────────► EXACT ◄──────────────────────────► FREE
//!     ▲                                 │          some, for some time
//!     └─────────────────────────────────┘
//!            one thread is left (that thread itself goes back)
//! ```
//!
//! - SINGLE: one thread; it counts and raises the peak with plain stores.
//! - EXACT: every event is counted under the lock, and the peak is raised there.
//! - FREE: each thread has room, in bytes: what it may add by itself. Published live bytes and all room that was granted
//!   stay within the peak, so no new peak can come from what threads do by themselves. A thread without enough room
//!   takes the lock and gets more; when there is none left below the peak, that thread leaves FREE.
//!
//! Whoever changes a site's figures does so in a record of its own (`Counts`): no record has two writers, whichever
//! thread frees which thread's blocks.
//!
//! Leaving SINGLE or FREE, the lock's holder sets the mode, has the kernel fence all threads (`membarrier`), and
//! waits until no thread is in an event that began under the old mode; then it takes in what they kept. A thread that
//! begins later sees the new mode: it marks itself before it reads the mode.
//!
//! A record's composition of the peak is brought up to date only when the record changes: if its `epoch` is not the
//! present peak's, its value has not changed since that peak and is copied first.
//!
//! This file is also compiled into `tests/protocol`, where its interleavings are tried out. It uses nothing but `sync`.

use crate::sync::{AtomicU32, Number, Ordering, Word, compiler_fence, light_fence};

/// One thread counts.
pub(crate) const SINGLE: u32 = 0;
/// Every event is under the lock.
pub(crate) const EXACT: u32 = 1;
/// Each thread counts by itself, as far as its room goes.
pub(crate) const FREE: u32 = 2;

/// Not in an event.
pub(crate) const OUTSIDE: u32 = 0;
/// In an event, on its own counters.
pub(crate) const FAST: u32 = 1;
/// In an event, waiting for or holding the lock.
pub(crate) const SLOW: u32 = 2;

/// Most bytes of room that a thread may have; so much can the published live bytes be behind, for each thread.
pub(crate) const SLACK: i64 = 64 * 1024;
/// Most events in EXACT before FREE is tried again.
const LONGEST: i64 = 1 << 14;
/// Nanoseconds that FREE must last to have been worth the way there and back.
const WORTH: i64 = 100_000;

/// What one thread counts of one site: the first fields of the capture's records, in their order.
#[repr(C)]
pub(crate) struct Counts {
    pub live_bytes: Word,
    pub live_blocks: Word,
    pub total_bytes: Word,
    pub total_blocks: Word,
    pub peak_bytes: Word,
    pub peak_blocks: Word,
    pub epoch: Number,
}

/// What the protocol keeps of a thread.
pub(crate) struct Member {
    /// `OUTSIDE`, `FAST` or `SLOW`.
    pub in_event: AtomicU32,
    /// Bytes that it may still add by itself. What it has not published yet is `granted` less this.
    pub room: Word,
    /// Room that it was given when it published last. Changed under the lock.
    pub granted: Word,
}

/// A change of a site's figures.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub bytes: i64,
    pub blocks: i64,
    /// Whether it counts as memory (not file mappings, not reserved space).
    pub is_memory: bool,
}

/// A step that the model leaves out, to show that it is then found wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Waiting for threads that are in an event.
    Wait,
    /// The fence between setting the mode and looking at the threads.
    Fence,
    /// Copying a record's value of the peak before it changes.
    Copy,
    /// Taking in what threads kept.
    Collect,
    /// Stopping when the room is used up.
    Stop,
}

/// The figures that are published.
pub(crate) struct Figures<'a> {
    /// Live bytes.
    pub live: &'a Word,
    /// The peak.
    pub peak: &'a Word,
    /// The peak's number.
    pub epoch: &'a Number,
}

/// What the threads share, beside the modes.
pub(crate) trait Shared {
    /// Fewest events in EXACT before FREE is tried again.
    const SHORTEST: i64 = 16;
    /// The lock while it is held.
    type Locked;

    /// Takes the lock. `known`: for an event of a thread with a record, whose signal handlers' events wait.
    fn lock(&self, known: bool) -> Self::Locked;
    /// What is published.
    fn figures(&self) -> Figures<'_>;
    /// How many threads have a record.
    fn active(&self) -> i64;
    /// All records of threads.
    fn members(&self) -> impl Iterator<Item = &Member>;
    /// A full fence on every thread.
    fn fence_all(&self);
    /// Waits until a thread is not in a `FAST` event any more.
    fn wait_for(&self, member: &Member);
    /// Nanoseconds of a clock.
    fn now(&self) -> i64;
    /// Whether the model leaves out a step.
    #[inline(always)]
    fn omits(&self, _: Step) -> bool {
        false
    }
}

/// The modes.
pub(crate) struct Protocol<S> {
    pub shared: S,
    pub mode: AtomicU32,
    /// All that is granted to members. From here on under the lock.
    pub granted: Word,
    /// Events that are still to be in EXACT before FREE is tried.
    pub patience: Word,
    /// Their number at the next time.
    pub dwell: Word,
    /// When FREE began.
    pub free_since: Word,
}

impl Member {
    /// In FREE: takes bytes from the room, where there are that many; where there would be too many, they are due to
    /// be given back.
    #[inline(always)]
    fn spend(&self, bytes: i64) -> bool {
        let room = self.room.get() - bytes;
        if room as u64 > SLACK as u64 {
            return false;
        }
        self.room.set(room);
        true
    }
}

impl<S: Shared> Protocol<S> {
    /// Begins an event of a thread; the mode that it is under. No signal handler's event may come in between.
    #[inline(always)]
    pub(crate) fn begin(&self, member: &Member) -> u32 {
        member.in_event.store(FAST, Ordering::Relaxed);
        light_fence();
        // What was set before the mode (the peak's number, rooms) is seen with it.
        self.mode.load(Ordering::Acquire)
    }

    /// Ends what `begin` began.
    #[inline(always)]
    pub(crate) fn end(&self, member: &Member) {
        compiler_fence(Ordering::SeqCst);
        member.in_event.store(OUTSIDE, Ordering::Release);
    }

    /// Counts a change in SINGLE. Any record will do: all of them are the only thread's.
    #[inline(always)]
    pub(crate) fn count_alone(&self, counts: &Counts, change: Change) {
        let figures = self.shared.figures();
        self.apply(counts, change, figures.epoch.get());
        if change.is_memory {
            publish(&figures, change.bytes);
        }
    }

    /// Counts a change without the lock, where that is exact. `counts` is the thread's own record.
    #[inline(always)]
    pub(crate) fn try_count(&self, member: &Member, mode: u32, counts: &Counts, change: Change) -> bool {
        if mode == SINGLE {
            self.count_alone(counts, change);
            return true;
        }
        if mode != FREE || (change.is_memory && !member.spend(change.bytes)) {
            return false;
        }
        self.apply(counts, change, self.shared.figures().epoch.get());
        true
    }

    /// The event's other way: under the lock. `counts` gives the thread's own record, which it may make. `None`: there is none.
    #[cold]
    pub(crate) fn count_slowly<'c>(
        &self,
        member: &Member,
        change: Change,
        counts: impl FnOnce() -> Option<&'c Counts>,
    ) -> Option<()> {
        member.in_event.store(SLOW, Ordering::Release);
        let _locked = self.shared.lock(true);
        self.count_locked(Some(member), counts()?, change);
        Some(())
    }

    /// Runs `f` while no thread counts anything; the figures are exact then.
    pub(crate) fn stopped<T>(&self, f: impl FnOnce() -> T) -> T {
        let _locked = self.shared.lock(false);
        if self.mode() != EXACT {
            self.stop();
        }
        f()
    }

    /// Counts a change under the lock. `member` is `SLOW`; `None` is a thread without a record.
    pub(crate) fn count_locked(&self, member: Option<&Member>, counts: &Counts, change: Change) {
        if self.mode() == SINGLE {
            self.stop();
        }
        self.apply(counts, change, self.shared.figures().epoch.get());
        let bytes = if change.is_memory { change.bytes } else { 0 };
        if self.mode() == FREE {
            if let Some(member) = member {
                self.collect(member);
            }
            if self.room() < bytes && !self.shared.omits(Step::Stop) {
                self.leave_free();
            }
        }
        publish(&self.shared.figures(), bytes);
        match member {
            Some(member) if self.mode() == FREE => self.grant(member),
            _ => self.relax(member.is_some()),
        }
    }

    /// The present mode, under the lock.
    pub(crate) fn mode(&self) -> u32 {
        self.mode.load(Ordering::Relaxed)
    }

    /// Goes to EXACT: no thread is in an event of its own any more, and all that they kept is published. Under the lock.
    fn stop(&self) {
        self.mode.store(EXACT, Ordering::SeqCst);
        if !self.shared.omits(Step::Fence) {
            self.shared.fence_all();
        }
        for member in self.shared.members() {
            if !self.shared.omits(Step::Wait) {
                self.shared.wait_for(member);
            }
            self.collect(member);
        }
        self.patience.set(0);
    }

    /// Stops because there is no room left. FREE is tried again the later the shorter it was.
    #[cold]
    fn leave_free(&self) {
        self.stop();
        let lasted = self.shared.now().saturating_sub(self.free_since.get());
        let dwell = self.dwell.get();
        let dwell = if lasted < WORTH { dwell * 2 } else { dwell / 2 }.clamp(S::SHORTEST, LONGEST);
        self.dwell.set(dwell);
        self.patience.set(dwell);
    }

    /// From EXACT back to a mode without the lock, when that is right. `known`: the caller has a record.
    fn relax(&self, known: bool) {
        if self.mode() != EXACT {
            return;
        }
        let patience = self.patience.get();
        if known && self.shared.active() == 1 {
            self.mode.store(SINGLE, Ordering::Release);
        } else if patience > 0 {
            self.patience.set(patience - 1);
        } else if self.room() > 0 {
            self.free_since.set(self.shared.now());
            self.mode.store(FREE, Ordering::Release);
        }
    }

    /// Bytes below the peak that nobody may use by itself.
    fn room(&self) -> i64 {
        let Figures { live, peak, .. } = self.shared.figures();
        peak.get() - live.get() - self.granted.get()
    }

    /// Takes in what a thread kept, and the room that it has left. It is this thread, or is not in an event.
    fn collect(&self, member: &Member) {
        let granted = member.granted.get();
        let kept = granted - member.room.get();
        member.granted.set(0);
        member.room.set(0);
        self.granted.add(-granted);
        if !self.shared.omits(Step::Collect) {
            self.shared.figures().live.add(kept);
        }
    }

    /// Gives a thread room: a part of what there is, so that others find some too.
    fn grant(&self, member: &Member) {
        let part = (self.room() / (2 * self.shared.active()).max(1)).clamp(0, SLACK / 2);
        member.granted.set(part);
        member.room.set(part);
        self.granted.add(part);
    }

    /// Changes a record. The order of the stores keeps it right if the process is killed between them.
    #[inline(always)]
    fn apply(&self, counts: &Counts, change: Change, epoch: u32) {
        if counts.epoch.get() != epoch && !self.shared.omits(Step::Copy) {
            counts.peak_bytes.set(counts.live_bytes.get());
            counts.peak_blocks.set(counts.live_blocks.get());
            compiler_fence(Ordering::SeqCst);
            counts.epoch.set(epoch);
            compiler_fence(Ordering::SeqCst);
        }
        counts.live_bytes.add(change.bytes);
        counts.live_blocks.add(change.blocks);
        if change.hands_out() {
            counts.total_bytes.add(change.bytes);
            counts.total_blocks.add(change.blocks);
        }
    }

    /// The peak is so high now, and everything that is live is its composition. As `publish`.
    pub(crate) fn begin_window(&self, live: i64) {
        raise(&self.shared.figures(), live);
    }
}

/// Adds to the published live bytes, and raises the peak. In SINGLE or under the lock.
#[inline(always)]
fn publish(figures: &Figures<'_>, bytes: i64) {
    let live = figures.live.get().wrapping_add(bytes);
    figures.live.set(live);
    if live > figures.peak.get() {
        raise(figures, live);
    }
}

#[inline(always)]
fn raise(figures: &Figures<'_>, live: i64) {
    figures.peak.set(live);
    figures.epoch.set(figures.epoch.get().wrapping_add(1));
}

impl Change {
    /// Whether it hands something out: a mapping that an unmapping splits has fewer bytes in more parts.
    #[inline(always)]
    fn hands_out(&self) -> bool {
        self.blocks > 0 && self.bytes >= 0
    }
}

impl Counts {
    /// Live bytes and blocks now.
    pub(crate) fn now(&self) -> (i64, i64) {
        (self.live_bytes.get(), self.live_blocks.get())
    }

    /// Live bytes and blocks at the peak of this number.
    pub(crate) fn at_peak(&self, epoch: u32) -> (i64, i64) {
        if self.epoch.get() != epoch {
            return self.now();
        }
        (self.peak_bytes.get(), self.peak_blocks.get())
    }
}
