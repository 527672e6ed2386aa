//! What the hooks share: the order of forwarding and telling, and the guard around a real allocator's call.

use leakgate_capture::Function;

use crate::{event, shadow, thread};

/// Runs a real allocator's call: what it allocates through other hooks belongs to it.
#[inline(always)]
fn inside<T>(real: impl FnOnce() -> T) -> T {
    let Some(thread) = thread::current() else {
        return real();
    };
    thread.inside += 1;
    let result = real();
    thread.inside -= 1;
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
    let block = inside(real);
    event::allocated(block, size, function, caller);
    block
}

/// An allocation in one of CPython's domains. On a thread without a record only what reaches `malloc` is told, there.
#[inline(always)]
pub(crate) fn python(size: usize, function: Function, real: impl FnOnce() -> usize) -> usize {
    if thread::current().is_none() {
        return real();
    }
    allocated(size, function, 0, real)
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
    let taken = if old == 0 { None } else { event::take(old) };
    let block = inside(real);
    if let Some(taken) = taken {
        let was_freed = size == 0 && matches!(by.0, Function::Realloc | Function::ReallocArray);
        if block != 0 || was_freed {
            event::gone(old, taken);
        } else {
            shadow::restore(old, taken);
        }
    }
    event::allocated(block, size, by.0, by.1);
    block
}
