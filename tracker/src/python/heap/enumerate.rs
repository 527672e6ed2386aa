//! The objects that the collector tracks: rings of headers, one for each generation and one for what `gc.freeze` put
//! aside.
//!
//! `gc.get_objects` would raise an audit event, make a list, and leave out what is frozen; `PyUnstable_GC_VisitObjects`
//! is there from 3.12 on only, and leaves it out, too, up to 3.13. So the rings are gone through as they are: nobody
//! changes them while this thread holds the GIL and runs none of the interpreter's code. A new object stands at the end
//! of the youngest ring: what follows it is the ring's head, and the other heads stand behind that one.

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};

use super::super::api::{self, Object};
use super::super::frames::{self, word};
use super::super::objects::Type;

/// Bytes of an object's header, which ends where the object begins.
pub(super) const HEADER: usize = 16;
/// Bits of the links that are flags.
const FLAGS: usize = 3;

/// A generation: the ring's head, then two numbers.
const GENERATION: usize = 24;
const GENERATIONS: usize = 3;
/// Behind the generations a pointer to the first of them, and then what is frozen.
const FIRST_POINTER: usize = GENERATION * GENERATIONS;
const FROZEN: usize = FIRST_POINTER + 8;
/// Where the heads are, from the youngest on.
const HEADS: [usize; 4] = [0, GENERATION, 2 * GENERATION, FROZEN];
/// The last version whose collector is known to be built like that.
const LAST_KNOWN: u8 = 13;

/// In an object with items: how many.
const LENGTH: usize = 16;

/// Address of the youngest generation, or one of the two below.
static YOUNGEST: AtomicUsize = AtomicUsize::new(UNKNOWN);
const UNKNOWN: usize = 0;
/// The interpreter's own function tells of the objects.
const TOLD: usize = 1;

/// Looks for the generations. With the GIL, before the program's own code runs.
pub(in crate::python) fn begin() {
    let Some(new) = api::PyTuple_New() else { return };
    // SAFETY: with the GIL. A tuple with room for something is tracked as soon as it is there.
    let fresh = unsafe { new(1) };
    if fresh.is_null() {
        return api::clear_error();
    }
    let youngest = if is_laid_out(fresh as usize) { youngest(fresh as usize) } else { UNKNOWN };
    YOUNGEST.store(youngest, Ordering::Relaxed);
    api::release(fresh);
}

/// Whether objects and types have their fields where they are looked for: a build for debugging may have more of them.
fn is_laid_out(fresh: usize) -> bool {
    // SAFETY: a live tuple, which is not shorter in any build.
    let (of, length) = unsafe { (Type::of(fresh), word(fresh + LENGTH)) };
    of.0 == api::data(c"PyTuple_Type") && length == 1 && of.name() == Some(c"tuple")
}

fn youngest(fresh: usize) -> usize {
    let is_newer = frames::layout().minor > LAST_KNOWN;
    match api::PyUnstable_GC_VisitObjects() {
        Some(_) if is_newer => TOLD,
        _ => find(fresh).unwrap_or(UNKNOWN),
    }
}

fn find(fresh: usize) -> Option<usize> {
    // SAFETY: a tracked object, which has a header before it in all standard builds.
    let youngest = unsafe { word(fresh - HEADER) } & !FLAGS;
    if youngest == 0 {
        return None;
    }
    // SAFETY: a part of the collector's state, which is longer in all versions.
    let first = unsafe { word(youngest + FIRST_POINTER) };
    // SAFETY: in a state that has this pointer at this place the others stand where they should.
    let are_rings = || HEADS.iter().all(|head| unsafe { is_ring(youngest + head) });
    (first == youngest && are_rings()).then_some(youngest)
}

/// Whether a head's neighbours have it as theirs.
///
/// # Safety
/// `head` must be that of a ring.
unsafe fn is_ring(head: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let (next, last) = (word(head) & !FLAGS, word(head + 8) & !FLAGS);
        next != 0 && last != 0 && word(next + 8) & !FLAGS == head && word(last) & !FLAGS == head
    }
}

/// Whether the tracked objects can be found.
pub(in crate::python) fn is_known() -> bool {
    YOUNGEST.load(Ordering::Relaxed) != UNKNOWN
}

/// Whether the collector tracks an object that has a header.
///
/// # Safety
/// `object` must be a live object with such a header.
#[inline(always)]
pub(super) unsafe fn is_tracked(object: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { word(object - HEADER) != 0 }
}

/// Calls `visit` for each tracked object. With the GIL; `visit` must not run any of the interpreter's code that could
/// make an object or free one.
pub(super) fn each_tracked(visit: &mut impl FnMut(usize)) {
    let youngest = YOUNGEST.load(Ordering::Relaxed);
    match youngest {
        UNKNOWN => return,
        TOLD => return each_of_interpreter(visit),
        _ => {}
    }
    for head in HEADS.map(|head| youngest + head) {
        // SAFETY: heads of rings of headers, each of which stands before a live object.
        let mut at = unsafe { word(head) } & !FLAGS;
        while at != head {
            // SAFETY: as above.
            let next = unsafe { word(at) } & !FLAGS;
            visit(at + HEADER);
            at = next;
        }
    }
}

/// As the interpreter itself tells of them.
fn each_of_interpreter<F: FnMut(usize)>(visit: &mut F) {
    extern "C" fn told<F: FnMut(usize)>(object: Object, visit: *mut c_void) -> c_int {
        // SAFETY: what was given below, which lives until all objects were told of.
        let visit = unsafe { &mut *visit.cast::<F>() };
        visit(object as usize);
        1
    }
    if let Some(all) = api::PyUnstable_GC_VisitObjects() {
        // SAFETY: with the GIL; the function keeps nothing of what it is given.
        unsafe { all(told::<F>, core::ptr::from_mut(visit).cast()) };
    }
}
