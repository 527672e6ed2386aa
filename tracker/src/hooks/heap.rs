//! The malloc family.

use core::ffi::{c_int, c_void};

use leakgate_capture::Function;

use super::{call, entry};
use crate::real;

entry!(
    /// C `malloc`.
    malloc(size: usize) -> *mut c_void, "rsi", "x1", on_malloc
);
entry!(
    /// C `calloc`.
    calloc(count: usize, size: usize) -> *mut c_void, "rdx", "x2", on_calloc
);
entry!(
    /// C `realloc`.
    realloc(block: *mut c_void, size: usize) -> *mut c_void, "rdx", "x2", on_realloc
);
entry!(
    /// glibc `reallocarray`.
    reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void, "rcx", "x3", on_reallocarray
);
entry!(
    /// `memalign`.
    memalign(alignment: usize, size: usize) -> *mut c_void, "rdx", "x2", on_memalign
);
entry!(
    /// POSIX `posix_memalign`.
    posix_memalign(block: *mut *mut c_void, alignment: usize, size: usize) -> c_int, "rcx", "x3", on_posix_memalign
);
entry!(
    /// C11 `aligned_alloc`.
    aligned_alloc(alignment: usize, size: usize) -> *mut c_void, "rdx", "x2", on_aligned_alloc
);
entry!(
    /// `valloc`.
    valloc(size: usize) -> *mut c_void, "rsi", "x1", on_valloc
);
entry!(
    /// `pvalloc`.
    pvalloc(size: usize) -> *mut c_void, "rsi", "x1", on_pvalloc
);

unsafe extern "C" fn on_malloc(size: usize, caller: usize) -> usize {
    // SAFETY: the caller's own argument.
    call::allocated(size, Function::Malloc, caller, || unsafe { real::malloc(size) } as usize)
}

unsafe extern "C" fn on_calloc(count: usize, size: usize, caller: usize) -> usize {
    let total = count.saturating_mul(size);
    // SAFETY: the caller's own arguments.
    call::allocated(total, Function::Calloc, caller, || unsafe { real::calloc(count, size) } as usize)
}

unsafe extern "C" fn on_realloc(block: *mut c_void, size: usize, caller: usize) -> usize {
    if real::is_early(block) {
        // SAFETY: `block` has at least the bytes up to the arena's end, which are copied at most.
        return unsafe { move_early(block, size) };
    }
    let by = (Function::Realloc, caller);
    // SAFETY: the caller's own arguments.
    call::reallocated(block as usize, size, by, || unsafe { real::realloc(block, size) } as usize)
}

/// # Safety
/// `block` must be of the early arena.
#[cold]
unsafe fn move_early(block: *mut c_void, size: usize) -> usize {
    // SAFETY: no preconditions.
    let fresh = unsafe { real::malloc(size) };
    if !fresh.is_null() && !real::is_early(fresh) {
        // SAFETY: both have `size` bytes, or the arena's rest, which is zeroed memory of ours.
        unsafe { core::ptr::copy(block.cast::<u8>(), fresh.cast::<u8>(), size.min(256)) };
    }
    fresh as usize
}

unsafe extern "C" fn on_reallocarray(block: *mut c_void, count: usize, size: usize, caller: usize) -> usize {
    let by = (Function::ReallocArray, caller);
    let total = count.saturating_mul(size);
    // SAFETY: the caller's own arguments.
    call::reallocated(block as usize, total, by, || unsafe { real::reallocarray(block, count, size) }
        as usize)
}

unsafe extern "C" fn on_memalign(alignment: usize, size: usize, caller: usize) -> usize {
    // SAFETY: the caller's own arguments.
    call::allocated(size, Function::Memalign, caller, || unsafe { real::memalign(alignment, size) } as usize)
}

unsafe extern "C" fn on_posix_memalign(
    block: *mut *mut c_void,
    alignment: usize,
    size: usize,
    caller: usize,
) -> c_int {
    let mut result = 0;
    call::allocated(size, Function::PosixMemalign, caller, || {
        // SAFETY: the caller's own arguments.
        result = unsafe { real::posix_memalign(block, alignment, size) };
        // SAFETY: on success the function wrote the block's address there.
        if result == 0 { unsafe { *block as usize } } else { 0 }
    });
    result
}

unsafe extern "C" fn on_aligned_alloc(alignment: usize, size: usize, caller: usize) -> usize {
    // SAFETY: the caller's own arguments.
    call::allocated(size, Function::AlignedAlloc, caller, || unsafe { real::aligned_alloc(alignment, size) }
        as usize)
}

unsafe extern "C" fn on_valloc(size: usize, caller: usize) -> usize {
    // SAFETY: the caller's own argument.
    call::allocated(size, Function::Valloc, caller, || unsafe { real::valloc(size) } as usize)
}

unsafe extern "C" fn on_pvalloc(size: usize, caller: usize) -> usize {
    // SAFETY: the caller's own argument.
    call::allocated(size, Function::Pvalloc, caller, || unsafe { real::pvalloc(size) } as usize)
}

/// C `free`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn free(block: *mut c_void) {
    if real::is_early(block) {
        return;
    }
    // SAFETY: the caller's own argument.
    call::freed(block as usize, || unsafe { real::free(block) });
}

/// C23 `free_sized`: the C library may not have it, and `free` does the same.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn free_sized(block: *mut c_void, _: usize) {
    // SAFETY: the caller's own argument.
    unsafe { free(block) }
}

/// C23 `free_aligned_sized`, likewise.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn free_aligned_sized(block: *mut c_void, _: usize, _: usize) {
    // SAFETY: the caller's own argument.
    unsafe { free(block) }
}
