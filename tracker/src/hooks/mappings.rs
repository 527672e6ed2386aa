//! mmap and what changes mappings.

use core::ffi::c_int;

use leakgate_capture::Function;

use super::entry;
use crate::{mapping, python, real, trim};

const FAILED: usize = usize::MAX;

/// Defines `mmap` under one of its names. Its six arguments fill the registers of x86-64: the return address goes
/// onto the stack as the seventh.
macro_rules! mmap_entry {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As the C function's own.
        #[allow(clippy::too_many_arguments, reason = "the system call's own")]
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name(
            at: usize, length: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64,
        ) -> usize {
            #[cfg(target_arch = "x86_64")]
            core::arch::naked_asm!(
                "push qword ptr [rsp]", "call {target}", "add rsp, 8", "ret", target = sym on_mmap
            );
            #[cfg(target_arch = "aarch64")]
            core::arch::naked_asm!("mov x6, x30", "b {target}", target = sym on_mmap);
        }
    };
}

mmap_entry!(
    /// POSIX `mmap`.
    mmap
);
mmap_entry!(
    /// `mmap64`, which CPython calls.
    mmap64
);

#[allow(clippy::too_many_arguments, reason = "the system call's own, and the return address")]
unsafe extern "C" fn on_mmap(
    at: usize,
    length: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
    caller: usize,
) -> usize {
    // SAFETY: the caller's own arguments.
    let map = || unsafe { real::mmap(at, length, protection, flags, fd, offset) };
    if mapping::is_inside() || python::maps_for_objects(caller) {
        return map();
    }
    let function = mapping::kind(protection, flags);
    let site = mapping::site(function, caller);
    mapping::step(|ranges| {
        let result = map();
        if result != FAILED {
            ranges.add(result, length, function, site);
        }
        result
    })
}

/// POSIX `munmap`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn munmap(at: usize, length: usize) -> c_int {
    trim::unmapping(at, length);
    if mapping::is_inside() {
        // SAFETY: the caller's own arguments.
        return unsafe { real::munmap(at, length) };
    }
    mapping::step(|ranges| {
        // SAFETY: the caller's own arguments.
        let result = unsafe { real::munmap(at, length) };
        if result == 0 {
            ranges.remove_pages(at, length);
        }
        result
    })
}

entry!(
    /// Linux `mremap`; the fifth argument counts only with `MREMAP_FIXED`.
    mremap(at: usize, old: usize, new: usize, flags: c_int, to: usize) -> usize, "r9", "x5", on_mremap
);
entry!(
    /// POSIX `mprotect`.
    mprotect(at: usize, length: usize, protection: c_int) -> c_int, "rcx", "x3", on_mprotect
);
entry!(
    /// Linux `pkey_mprotect`; with key -1 it is `mprotect`.
    pkey_mprotect(at: usize, length: usize, protection: c_int, key: c_int) -> c_int, "r8", "x4", on_pkey_mprotect
);
entry!(
    /// `brk`, called by the program itself; the C library's own calls are not seen here.
    brk(at: usize) -> c_int, "rsi", "x1", on_brk
);
entry!(
    /// `sbrk`, likewise.
    sbrk(increment: isize) -> usize, "rsi", "x1", on_sbrk
);

unsafe extern "C" fn on_mremap(
    at: usize,
    old: usize,
    new: usize,
    flags: c_int,
    to: usize,
    caller: usize,
) -> usize {
    // SAFETY: the caller's own arguments.
    let remap = || unsafe { real::mremap(at, old, new, flags, to) };
    if mapping::is_inside() {
        return remap();
    }
    let function = mapping::step(|ranges| ranges.function_at(at)).map(|(function, _)| function);
    let site = function.and_then(|function| mapping::site(function, caller));
    mapping::step(|ranges| {
        let result = remap();
        if result == FAILED {
            return result;
        }
        let stays = old == 0 || flags & libc::MREMAP_DONTUNMAP != 0;
        match function {
            Some(function) if stays => ranges.add(result, new, function, site),
            _ => ranges.moved((at, old), (result, new), site),
        }
        result
    })
}

unsafe extern "C" fn on_mprotect(at: usize, length: usize, protection: c_int, caller: usize) -> c_int {
    // SAFETY: the caller's own arguments.
    let result = unsafe { real::mprotect(at, length, protection) };
    if result == 0 {
        protected(at, length, protection, caller);
    }
    result
}

unsafe extern "C" fn on_pkey_mprotect(
    at: usize,
    length: usize,
    protection: c_int,
    key: c_int,
    caller: usize,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let result = unsafe { real::pkey_mprotect(at, length, protection, key) };
    if result == 0 {
        protected(at, length, protection, caller);
    }
    result
}

/// A range has another protection now.
fn protected(at: usize, length: usize, protection: c_int, caller: usize) {
    if protection & libc::PROT_WRITE == 0 || mapping::is_inside() {
        return;
    }
    let tracked = mapping::step(|ranges| ranges.is_reserved(at, length));
    if let Some(site) = tracked.then(|| mapping::site(Function::MmapAnonymous, caller)).flatten() {
        mapping::step(|ranges| ranges.make_writable(at, length, site));
    }
}

unsafe extern "C" fn on_brk(at: usize, caller: usize) -> c_int {
    // SAFETY: asks only.
    let before = unsafe { real::sbrk(0) };
    // SAFETY: the caller's own argument.
    let result = unsafe { real::brk(at) };
    if result == 0 {
        moved_break(before, at, caller);
    }
    result
}

unsafe extern "C" fn on_sbrk(increment: isize, caller: usize) -> usize {
    // SAFETY: the caller's own argument.
    let before = unsafe { real::sbrk(increment) };
    if before != FAILED {
        moved_break(before, before.wrapping_add_signed(increment), caller);
    }
    before
}

fn moved_break(before: usize, after: usize, caller: usize) {
    if before == after || mapping::is_inside() {
        return;
    }
    let site = mapping::site(Function::Brk, caller);
    mapping::step(|ranges| {
        if after > before {
            ranges.add_bytes(before, after, Function::Brk, site);
        } else {
            ranges.remove(after, before);
        }
    });
}
