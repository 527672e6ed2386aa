//! What the hooks share: the order of forwarding and telling, and the guard around a real allocator's call.

use leakgate_capture::Function;

use crate::thread::{self, Thread};
use crate::{event, shadow};

/// Runs a real allocator's call: what it allocates through other hooks belongs to it.
///
/// By pointer: those hooks look at the record too, so no reference to it may be held meanwhile.
#[inline(always)]
pub(crate) fn inside<T>(thread: *mut Thread, real: impl FnOnce() -> T) -> T {
    // SAFETY: the calling thread's own record, which lives for ever.
    unsafe { (*thread).inside += 1 };
    let result = real();
    // SAFETY: as above.
    unsafe { (*thread).inside -= 1 };
    result
}

/// An allocation: a block has no address before it exists, so it is told afterwards.
#[inline(always)]
pub(crate) fn allocated(
    size: usize,
    function: Function,
    caller: usize,
    real: impl FnOnce() -> usize,
) -> usize {
    let Some(thread) = thread::current() else {
        let block = real();
        event::allocated(block, size, function, caller);
        return block;
    };
    let block = inside(thread, real);
    tell(thread, block, size, (function, caller));
    block
}

/// An allocation in one of CPython's domains. On a thread without a record only what reaches `malloc` is told, there.
#[inline(always)]
pub(crate) fn python(size: usize, function: Function, real: impl FnOnce() -> usize) -> usize {
    let Some(thread) = thread::current() else {
        return real();
    };
    let block = inside(thread, real);
    tell(thread, block, size, (function, 0));
    block
}

#[inline(always)]
fn tell(thread: &mut Thread, block: usize, size: usize, by: (Function, usize)) {
    if thread.is_valid() {
        event::allocated_on(thread, block, size, by);
    } else {
        tell_in_child(block, size, by);
    }
}

/// A signal handler forked in the middle of the real call.
#[cold]
#[inline(never)]
fn tell_in_child(block: usize, size: usize, by: (Function, usize)) {
    event::allocated(block, size, by.0, by.1);
}

/// A free: forget before freeing, since once freed, another thread may be handed the address.
#[inline(always)]
pub(crate) fn freed(block: usize, real: impl FnOnce()) {
    if block != 0 {
        event::freed(block);
    }
    real();
}

/// A reallocation: the block is forgotten first, and put back if the real function fails.
#[inline(always)]
pub(crate) fn reallocated(
    old: usize,
    size: usize,
    by: (Function, usize),
    real: impl FnOnce() -> usize,
) -> usize {
    let Some(thread) = thread::current() else {
        return reallocated_by_nobody(old, size, by, real);
    };
    let taken = if old == 0 { None } else { event::take_on(thread, old) };
    let block = inside(thread, real);
    if !thread.is_valid() {
        return reallocated_in_child(old, taken, (block, size), by);
    }
    if let Some(taken) = taken {
        if block != 0 || frees(size, by.0) {
            event::gone_on(thread, old, taken);
        } else {
            shadow::restore(old, taken);
        }
    }
    event::allocated_on(thread, block, size, by);
    block
}

/// Whether a reallocation that gave nothing freed the block.
#[inline(always)]
fn frees(size: usize, function: Function) -> bool {
    size == 0 && matches!(function, Function::Realloc | Function::ReallocArray)
}

#[cold]
#[inline(never)]
fn reallocated_by_nobody(
    old: usize,
    size: usize,
    by: (Function, usize),
    real: impl FnOnce() -> usize,
) -> usize {
    let taken = if old == 0 { None } else { shadow::take_at(old) };
    let block = real();
    reallocated_in_child(old, taken, (block, size), by)
}

/// A signal handler forked in the middle of the real call; also what happens without a record.
#[cold]
#[inline(never)]
fn reallocated_in_child(
    old: usize,
    taken: Option<shadow::Block>,
    (block, size): (usize, usize),
    by: (Function, usize),
) -> usize {
    if let Some(taken) = taken {
        if block != 0 || frees(size, by.0) {
            event::gone(old, taken);
        } else {
            shadow::restore(old, taken);
        }
    }
    event::allocated(block, size, by.0, by.1);
    block
}
