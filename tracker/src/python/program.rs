//! The module `leakgate_memory`: by it a program says itself where one of its iterations ends, and when its objects are to be
//! recorded.
//!
//! ```python
//! import leakgate_memory
//! for order in orders:
//!     handle(order)
//!     leakgate_memory.checkpoint()
//! ```

use core::sync::atomic::{AtomicU32, Ordering};

use super::agent::{self, Method, NOARGS};
use super::api::{self, Object};
use super::{containers, names, snapshots};
use crate::checkpoint::Moment;
use crate::sys;

const KIND_ITERATION: u32 = 1;

/// Containers are looked at from this iteration on, so often while the number of iterations doubles: as the driver does.
const FIRST_LOOK: u32 = 8;
const LOOKS_A_DOUBLING: u32 = 4;

static METHODS: [Method; 2] = [
    Method {
        name: c"checkpoint".as_ptr(),
        function: Some(checkpoint),
        flags: NOARGS,
        doc: c"checkpoint(): an iteration ends here; collects garbage, and freezes what is live".as_ptr(),
    },
    Method {
        name: c"snapshot".as_ptr(),
        function: Some(agent::snapshot),
        flags: NOARGS,
        doc: c"snapshot(): records all live objects and who holds them; its number, or None".as_ptr(),
    },
];

/// Iterations that have ended.
static ITERATIONS: AtomicU32 = AtomicU32::new(0);

/// Makes the module. With the GIL.
pub(super) fn install() -> Option<()> {
    agent::make_module(c"leakgate_memory", &METHODS).map(|_| ())
}

/// In a forked child: its iterations begin anew.
pub(super) fn after_fork() {
    ITERATIONS.store(0, Ordering::Relaxed);
}

unsafe extern "C" fn checkpoint(_: Object, _: Object) -> Object {
    let collected = settle();
    let iteration = ITERATIONS.fetch_add(1, Ordering::Relaxed) + 1;
    agent::uncounted(names::of_all_threads);
    freeze(iteration, collected);
    if is_due_for_look(iteration) {
        agent::uncounted(containers::look);
    }
    snapshots::after_iteration(iteration);
    agent::none()
}

/// Freezes what is live. With the GIL. Runs none of the program's code and takes none of its locks: it may hold them.
pub(super) fn freeze(iteration: u32, collected: u64) {
    agent::freeze(&Moment {
        kind: KIND_ITERATION,
        iteration,
        fds: count(b"/proc/self/fd\0").map_or(u32::MAX, |count| count.saturating_sub(1)),
        threads: count(b"/proc/self/task\0").unwrap_or(u32::MAX),
        collected,
    });
}

/// Brings the program to rest: what only the collector frees goes, and so do names that the interpreter keeps to look
/// attributes up. How many objects the collector freed.
fn settle() -> u64 {
    let collected = agent::collect().unwrap_or_else(|| {
        api::clear_error();
        0
    });
    if let Some(clear) = api::PyType_ClearCache() {
        // SAFETY: with the GIL.
        unsafe { clear() };
    }
    collected
}

fn is_due_for_look(iteration: u32) -> bool {
    iteration >= FIRST_LOOK && iteration.is_multiple_of((1 << iteration.ilog2()) / LOOKS_A_DOUBLING)
}

/// The entries of a folder; the one that lists them is among those of descriptors. `None` where they cannot be seen.
fn count(folder: &[u8]) -> Option<u32> {
    if sys::is_restricted() { None } else { sys::entries(folder) }
}
