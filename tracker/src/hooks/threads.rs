//! Names and stacks of threads: `pthread_create` and `pthread_setname_np`.
//!
//! The interpreter is asked in the starting thread: the new one cannot be asked while it allocates, and is gone from
//! `threading` before its record ends.

use core::ffi::{CStr, c_char, c_int, c_void};

use super::call;
use crate::{python, real, stack, thread};

type Start = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// What a new thread is to do, and its name.
struct Plan {
    start: Start,
    argument: *mut c_void,
    name: [u8; thread::NAME],
    length: usize,
    /// The site whose stack is where it is started.
    started: u32,
    /// One of the `WAITED_` values.
    waited: u32,
}

/// POSIX `pthread_create`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pthread_create(
    handle: *mut c_void,
    attributes: *const c_void,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let unchanged = || unsafe { real::pthread_create(handle, attributes, start, argument) };
    let mut name = [0; thread::NAME];
    if !thread::is_ready() {
        return unchanged();
    }
    let (length, waited) = python::name_of_starting_thread(&mut name);
    let started = thread::current().map_or(0, stack::of_start);
    // SAFETY: no preconditions. The real function, so that it counts as nobody's.
    let plan = unsafe { real::malloc(size_of::<Plan>()) }.cast::<Plan>();
    if plan.is_null() {
        return unchanged();
    }
    // SAFETY: memory of that size, aligned as all of malloc's.
    unsafe { plan.write(Plan { start, argument, name, length, started, waited }) };
    // SAFETY: the caller's own arguments, and a plan that the new thread frees.
    let result = unsafe { real::pthread_create(handle, attributes, begin, plan.cast()) };
    if result != 0 {
        // SAFETY: there is no new thread; the plan is still ours.
        unsafe { real::free(plan.cast()) };
    }
    result
}

unsafe extern "C" fn begin(plan: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` above wrote it for this thread alone.
    let Plan { start, argument, name, length, started, waited } = unsafe { plan.cast::<Plan>().read() };
    // SAFETY: it came from the real `malloc`, and is not used any more.
    unsafe { real::free(plan) };
    if let Some(thread) = thread::current() {
        if length > 0 {
            thread::name(thread, &name[..length]);
            thread.named = true;
        }
        thread::note_start(thread, started, waited);
        // What the question allocates is not the program's.
        if let Some((start, end)) = call::inside(thread, extent) {
            thread::note_stack(thread, start, end);
        }
    }
    // SAFETY: what the program asked for.
    unsafe { start(argument) }
}

/// Where the calling thread's stack begins and ends, its thread-local variables included.
fn extent() -> Option<(usize, usize)> {
    // SAFETY: all zeros is memory that the C library fills.
    let mut attributes: libc::pthread_attr_t = unsafe { core::mem::zeroed() };
    let (mut start, mut length) = (core::ptr::null_mut(), 0);
    // SAFETY: the calling thread is alive, and `attributes` is valid.
    if unsafe { libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) } != 0 {
        return None;
    }
    // SAFETY: `attributes` was just filled.
    let is_known = unsafe { libc::pthread_attr_getstack(&attributes, &mut start, &mut length) } == 0;
    // SAFETY: as above; not used any more.
    unsafe { libc::pthread_attr_destroy(&mut attributes) };
    is_known.then_some((start as usize, start as usize + length))
}

/// GNU `pthread_setname_np`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pthread_setname_np(handle: usize, name: *const c_char) -> c_int {
    // SAFETY: the caller's own arguments.
    let result = unsafe { real::pthread_setname_np(handle, name) };
    if result == 0 && thread::is_ready() {
        // SAFETY: the real function took it as a C string.
        thread::name_by_handle(handle, unsafe { CStr::from_ptr(name) }.to_bytes());
    }
    result
}
