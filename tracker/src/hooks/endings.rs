//! The ends that run no destructor. Forked workers mostly end so: `os._exit`, multiprocessing.

use core::ffi::c_int;

use crate::{real, start, sys};

/// POSIX `_exit`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn _exit(code: c_int) -> ! {
    start::ends_at_once();
    // SAFETY: the caller's own argument.
    unsafe { real::_exit(code) };
    sys::exit(code)
}

/// C `_Exit`, which is the same.
///
/// # Safety
/// As the C function's own.
#[allow(non_snake_case, reason = "the function's own name")]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn _Exit(code: c_int) -> ! {
    // SAFETY: the caller's own argument.
    unsafe { _exit(code) }
}
