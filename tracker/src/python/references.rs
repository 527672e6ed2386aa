//! CPython 3.13 and later: objects that are made in a block which the interpreter had kept get the line that makes them.
//!
//! CPython keeps the blocks of many dead objects and makes new ones in them without a call of an allocator. Its
//! reference tracer is told of each object that is made: if the block is not the one that the allocator handed out
//! just before, it was in use already. There is room for one tracer in a process, so ours gives way to the program's:
//!
//! ```text
//!   none ──► ours            none: the program's start, or after its own tracer was taken away
//!   tracemalloc's ──► ours, which calls tracemalloc's: nobody can tell the difference
//!   another ──► left alone, and a note says that lines may be earlier ones
//! ```

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use leakgate_capture::{Function, NOTE_TRACER};

use super::objects::Type;
use super::{api, dictionaries};
use crate::capture::note;
use crate::thread::{self, Thread};
use crate::{event, modules, reuse, shadow};

/// `PyRefTracer`.
pub(super) type Tracer = extern "C" fn(usize, c_int, *mut c_void) -> c_int;

const CREATE: c_int = 0;
const DESTROY: c_int = 1;

/// Not 0: the interpreter can tell. What its object domain hands out is remembered then.
static WATCHED: AtomicUsize = AtomicUsize::new(0);
/// tracemalloc's tracer, which ours stands before; 0: none.
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// Numbers are made too often: each would cost a walk through the stack. They keep the line of the one before.
static NUMBERS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
/// Lists, dictionaries and tuples: of these the size of a block is known without the allocator.
static CONTAINERS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
/// Index of the dictionaries.
const DICTIONARY: usize = 1;

/// The user's code starts: sets the tracer. With the GIL.
pub(super) fn arm() {
    if api::PyRefTracer_SetTracer().is_none() || WATCHED.load(Ordering::Relaxed) != 0 {
        return;
    }
    for (place, name) in NUMBERS.iter().zip([c"PyLong_Type", c"PyFloat_Type"]) {
        place.store(api::data(name), Ordering::Relaxed);
    }
    for (place, name) in CONTAINERS.iter().zip([c"PyList_Type", c"PyDict_Type", c"PyTuple_Type"]) {
        place.store(api::data(name), Ordering::Relaxed);
    }
    WATCHED.store(1, Ordering::Relaxed);
    take_place();
    if !is_ours() {
        note(NOTE_TRACER);
    }
}

/// Sees to it that the tracer is ours, unless it is the program's. With the GIL.
pub(super) fn check() {
    if WATCHED.load(Ordering::Relaxed) != 0 && !is_ours() {
        // For a time nobody told us of anything.
        note(NOTE_TRACER);
        take_place();
    }
}

fn is_ours() -> bool {
    present() == trace as *const () as usize
}

/// The present tracer; 0: none.
fn present() -> usize {
    let Some(get) = api::PyRefTracer_GetTracer() else {
        return 0;
    };
    // SAFETY: with the GIL; the place for the tracer's data may be left out.
    unsafe { get(null_mut()) }
}

fn take_place() {
    let next = present();
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
    if WATCHED.load(Ordering::Relaxed) != 0
        && let Some(thread) = thread::current()
    {
        thread.fresh = block;
    }
}

extern "C" fn trace(object: usize, event: c_int, data: *mut c_void) -> c_int {
    match event {
        CREATE => created(object),
        DESTROY => destroyed(object),
        // In later versions: another tracer takes the place. There is no object.
        _ => {}
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
    // SAFETY: an object that was just made: its header is set.
    let of_object = unsafe { Type::of(object) };
    let block = object - of_object.header();
    if block == core::mem::replace(&mut thread.fresh, 0) {
        return;
    }
    if !is_one_of(&NUMBERS, of_object) {
        made_again(thread, object, of_object, block);
    }
}

/// An object is about to be taken apart.
#[inline(always)]
fn destroyed(object: usize) {
    // SAFETY: an object that nothing refers to any more. One of exactly this type stays so, unless it is watched.
    unsafe {
        let is_dictionary = Type::of(object).0 == CONTAINERS[DICTIONARY].load(Ordering::Relaxed);
        if is_dictionary && !dictionaries::is_watched(object) {
            dictionaries::free_table(object);
        }
    }
}

#[inline(always)]
fn is_one_of(types: &[AtomicUsize], of_object: Type) -> bool {
    types.iter().any(|each| each.load(Ordering::Relaxed) == of_object.0)
}

fn made_again(thread: &mut Thread, object: usize, of_object: Type, block: usize) {
    // It may be the same object, that came back to life.
    if of_object.has_finalizer() {
        return;
    }
    if let Some(site) = shadow::site(block) {
        if reuse::is_of_objects(site) {
            reuse::handed_out_again(thread, block);
        }
    } else if is_one_of(&CONTAINERS, of_object) && thread.suppressed == 0 {
        // The object before was made when nothing was counted.
        // SAFETY: an object of that type.
        let size = unsafe { of_object.block_size(object) };
        event::allocated(block, size, Function::PyObjectMalloc, 0);
    }
}
