//! What the protocol between threads is written with. Its model, in `tests/protocol`, has a file of the same names.

pub(crate) use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use core::sync::atomic::{AtomicBool, AtomicI64};

/// A number that one thread at a time changes, and others read when that thread told them to; also the reader outside.
#[repr(transparent)]
pub(crate) struct Word(AtomicI64);

/// As `Word`, of 32 bits.
#[repr(transparent)]
pub(crate) struct Number(AtomicU32);

impl Word {
    pub(crate) const fn new(value: i64) -> Self {
        Word(AtomicI64::new(value))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn add(&self, amount: i64) {
        self.set(self.get().wrapping_add(amount));
    }
}

impl Number {
    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Without `membarrier` each event carries its own fence.
static FENCED: AtomicBool = AtomicBool::new(false);

/// Whether each event carries its own fence from now on. Set once, before there are events.
pub(crate) fn set_fenced(fenced: bool) {
    FENCED.store(fenced, Ordering::Relaxed);
}

/// The ordinary event's half of a fence, whose other half is the stopping thread's `membarrier`: nothing for the
/// processor to do, where the kernel does it for both.
#[inline(always)]
pub(crate) fn light_fence() {
    compiler_fence(Ordering::SeqCst);
    if FENCED.load(Ordering::Relaxed) {
        core::sync::atomic::fence(Ordering::SeqCst);
    }
}
