//! What the protocol between threads is written with. Its model, in `tests/protocol`, has a file of the same names.

pub(crate) use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, compiler_fence};

use core::sync::atomic::AtomicBool;

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
