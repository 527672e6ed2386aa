//! CPython 3.13 and later: objects that are made in a block which the interpreter had kept get the line that makes them.
//!
//! CPython keeps the blocks of more kinds of dead objects than `deallocation` can have freed, and makes new objects in
//! them without a call of an allocator. Its reference tracer is told of each object that is made: if the block is not the one that the allocator handed out
//! just before, it was in use already. There is room for one tracer in a process, so ours gives way to the program's:
//!
//! ```text
//!   none ──► ours            none: the program's start, or after its own tracer was taken away
//!   tracemalloc's ──► ours, which calls tracemalloc's: nobody can tell the difference
//!   another ──► left alone, and a note says that lines may be earlier ones
//! ```

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use leakgate_capture::{Domain, Function, NOTE_TRACER, Section, SiteRecord};

use super::api;
use super::objects::{LONGEST_HEADER, Type};
use crate::capture::{note, present};
use crate::{event, modules, shadow, thread};

/// `PyRefTracer`.
pub(super) type Tracer = extern "C" fn(usize, c_int, *mut c_void) -> c_int;

const CREATE: c_int = 0;

/// Whether the interpreter tells: what its object domain hands out is remembered then.
static WATCHED: AtomicBool = AtomicBool::new(false);
/// Whether the interpreter is being torn down: whose tracer it is does not matter any more.
static OVER: AtomicBool = AtomicBool::new(false);
/// tracemalloc's tracer, which ours stands before; 0: none.
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// Numbers are made too often: each would cost a walk through the stack. They keep the line of the one before.
static NUMBERS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// The user's code starts: sets the tracer. With the GIL.
pub(super) fn arm() {
    if api::PyRefTracer_SetTracer().is_none() || WATCHED.load(Ordering::Relaxed) {
        return;
    }
    for (place, name) in NUMBERS.iter().zip([c"PyLong_Type", c"PyFloat_Type"]) {
        place.store(api::data(name), Ordering::Relaxed);
    }
    WATCHED.store(true, Ordering::Relaxed);
    take_place();
    if !is_ours() {
        note(NOTE_TRACER);
    }
}

/// Sees to it that the tracer is ours, unless it is the program's. With the GIL.
pub(super) fn check() {
    if WATCHED.load(Ordering::Relaxed) && !OVER.load(Ordering::Relaxed) && !is_ours() {
        // For a time nobody told us of anything.
        note(NOTE_TRACER);
        take_place();
    }
}

/// The program has ended. With the GIL.
pub(super) fn end() {
    check();
    OVER.store(true, Ordering::Relaxed);
}

fn is_ours() -> bool {
    tracer() == trace as *const () as usize
}

/// The present tracer; 0: none.
fn tracer() -> usize {
    let Some(get) = api::PyRefTracer_GetTracer() else {
        return 0;
    };
    // SAFETY: with the GIL; the place for the tracer's data may be left out.
    unsafe { get(null_mut()) }
}

fn take_place() {
    let next = tracer();
    let Some(set) = api::PyRefTracer_SetTracer().filter(|_| modules::is_interpreter(next)) else {
        return;
    };
    NEXT.store(next, Ordering::Relaxed);
    // SAFETY: with the GIL; the function lives for ever. tracemalloc's has no data.
    unsafe { set(trace, null_mut()) };
}

/// The object domain has handed out a block: the next object made in it is its first.
#[inline(always)]
pub(super) fn handed_out(block: usize) {
    if WATCHED.load(Ordering::Relaxed)
        && let Some(thread) = thread::current()
    {
        thread.fresh = block;
    }
}

extern "C" fn trace(object: usize, event: c_int, data: *mut c_void) -> c_int {
    // What is destroyed is not told of in all versions, and not needed. Further events have no object.
    if event == CREATE {
        created(object);
    }
    let next = NEXT.load(Ordering::Relaxed);
    if next == 0 {
        return 0;
    }
    // SAFETY: the tracer that stood there before ours, a function of the interpreter's.
    let next = unsafe { core::mem::transmute::<usize, Tracer>(next) };
    next(object, event, data)
}

#[inline(always)]
fn created(object: usize) {
    let Some(thread) = thread::current() else {
        return;
    };
    // The most common case first, without a look at the type: what lies so close behind is the block's own object.
    if object.wrapping_sub(core::mem::replace(&mut thread.fresh, 0)) <= LONGEST_HEADER {
        return;
    }
    // SAFETY: an object that was just made: its header is set.
    let of_object = unsafe { Type::of(object) };
    if !is_number(of_object) {
        made_again(of_object, object - of_object.header());
    }
}

#[inline(always)]
fn is_number(of_object: Type) -> bool {
    NUMBERS.iter().any(|each| each.load(Ordering::Relaxed) == of_object.0)
}

/// The object before is freed and this one allocated: that is what the program sees.
#[inline(never)]
fn made_again(of_object: Type, address: usize) {
    // With a finalizer it may be the same object, that came back to life.
    if of_object.has_finalizer() || !shadow::site(address).is_some_and(is_of_objects) {
        return;
    }
    if let Some(block) = event::take(address) {
        event::gone(address, block);
        event::allocated(address, block.size as usize, Function::PyObjectMalloc, 0);
    }
}

/// Whether a site's blocks come from the object domain. Of others nobody knows when objects are made in them.
fn is_of_objects(site: u32) -> bool {
    let record = present(Section::Sites, site as usize * size_of::<SiteRecord>());
    // SAFETY: a mapped record; its function never changes.
    let number = record.map_or(0, |record| unsafe { (*record.cast::<SiteRecord>()).function });
    Function::from_number(number).is_some_and(|function| function.domain() == Domain::PythonObject)
}
