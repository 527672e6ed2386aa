//! The exec family and `posix_spawn`: the program that is started is recorded too.
//!
//! A `vfork` child shares its parent's memory and stack: nothing here allocates, locks, or asks for the thread's record.

use core::ffi::{CStr, c_char, c_int, c_void};

use crate::follow::{self, List};
use crate::journal::Told;
use crate::{capture, fork, journal, real, sys, thread};

unsafe extern "C" {
    /// The process's environment, which the program may change at any time.
    static environ: List;
}

fn present() -> List {
    // SAFETY: a word of the C library; the program changes it as it does for the C library's own reads.
    unsafe { (&raw const environ).read_volatile() }
}

/// Executes a program: announces it, and takes that back when it could not be.
fn execute(program: &CStr, arguments: List, environment: List, real: impl FnOnce(List) -> c_int) -> c_int {
    if !thread::has_begun() {
        return real(environment);
    }
    let pid = sys::getpid();
    // A child is not followed; this process itself may become another program.
    let is_meant = follow::is_on() || fork::is_own(pid);
    let told = if is_meant { journal::executes(pid, program) } else { Told::Nothing };
    if told == Told::Unwritten {
        // Who may not write there has no file of its own either.
        capture::unrecorded(pid, file_name(program));
    }
    let result = follow::with_environment(program.to_bytes(), arguments, environment, real);
    match told {
        Told::Written => journal::failed(pid),
        Told::Unwritten => capture::still_recorded(pid),
        Told::Nothing => {}
    }
    result
}

fn file_name(program: &CStr) -> &[u8] {
    let path = program.to_bytes();
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Starts a program in a new process.
fn spawn(
    (program, pid): (&CStr, *mut libc::pid_t),
    arguments: List,
    environment: List,
    real: impl FnOnce(*mut libc::pid_t, List) -> c_int,
) -> c_int {
    if !thread::has_begun() || !follow::is_on() {
        return real(pid, environment);
    }
    let mut child = 0;
    let result = follow::with_environment(program.to_bytes(), arguments, environment, |environment| {
        real(&mut child, environment)
    });
    if result == 0 {
        if !pid.is_null() {
            // SAFETY: the caller's own pointer.
            unsafe { pid.write(child) };
        }
        if !journal::spawned(child as u32, program.to_bytes()) {
            capture::unrecorded(child as u32, file_name(program));
        }
    }
    result
}

/// The path that the caller passed on.
///
/// # Safety
/// It must be a C string, or null.
unsafe fn text<'a>(path: *const c_char) -> &'a CStr {
    // SAFETY: the caller's own C string.
    if path.is_null() { c"" } else { unsafe { CStr::from_ptr(path) } }
}

/// POSIX `execve`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execve(path: *const c_char, arguments: List, environment: List) -> c_int {
    // SAFETY: the caller's own arguments.
    let program = unsafe { text(path) };
    // SAFETY: the caller's own arguments, or the same with a longer environment.
    execute(program, arguments, environment, |environment| unsafe {
        real::execve(path, arguments, environment)
    })
}

/// POSIX `execv`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execv(path: *const c_char, arguments: List) -> c_int {
    // SAFETY: as `execve`, which is what the C library does.
    unsafe { execve(path, arguments, present()) }
}

/// GNU `execvpe`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execvpe(file: *const c_char, arguments: List, environment: List) -> c_int {
    // SAFETY: the caller's own arguments.
    let program = unsafe { text(file) };
    // SAFETY: the caller's own arguments, or the same with a longer environment.
    execute(program, arguments, environment, |environment| unsafe {
        real::execvpe(file, arguments, environment)
    })
}

/// POSIX `execvp`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execvp(file: *const c_char, arguments: List) -> c_int {
    // SAFETY: as `execvpe`, which is what the C library does.
    unsafe { execvpe(file, arguments, present()) }
}

/// POSIX `fexecve`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn fexecve(fd: c_int, arguments: List, environment: List) -> c_int {
    let mut room = [0; 512];
    let program = sys::path_of(fd, &mut room);
    // SAFETY: the caller's own arguments, or the same with a longer environment.
    execute(program, arguments, environment, |environment| unsafe {
        real::fexecve(fd, arguments, environment)
    })
}

/// Linux `execveat`.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execveat(
    folder: c_int,
    path: *const c_char,
    arguments: List,
    environment: List,
    flags: c_int,
) -> c_int {
    let mut room = [0; 512];
    // SAFETY: the caller's own arguments.
    let named = unsafe { text(path) };
    let program = if named.is_empty() { sys::path_of(folder, &mut room) } else { named };
    // SAFETY: the caller's own arguments, or the same with a longer environment.
    execute(program, arguments, environment, |environment| unsafe {
        real::execveat(folder, path, arguments, environment, flags)
    })
}

/// POSIX `posix_spawn`.
///
/// # Safety
/// As the C function's own.
#[allow(clippy::too_many_arguments, reason = "the function's own")]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn posix_spawn(
    pid: *mut libc::pid_t,
    path: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    arguments: List,
    environment: List,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let program = unsafe { text(path) };
    // SAFETY: the caller's own arguments, or the same with a longer environment.
    spawn((program, pid), arguments, environment, |pid, environment| unsafe {
        real::posix_spawn(pid, path, actions, attributes, arguments, environment)
    })
}

/// POSIX `posix_spawnp`.
///
/// # Safety
/// As the C function's own.
#[allow(clippy::too_many_arguments, reason = "the function's own")]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn posix_spawnp(
    pid: *mut libc::pid_t,
    file: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    arguments: List,
    environment: List,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let program = unsafe { text(file) };
    // SAFETY: the caller's own arguments, or the same with a longer environment.
    spawn((program, pid), arguments, environment, |pid, environment| unsafe {
        real::posix_spawnp(pid, file, actions, attributes, arguments, environment)
    })
}

/// C `system`: it starts a shell with the present environment, from inside the C library, where no hook sees it.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn system(command: *const c_char) -> c_int {
    tell_escape(command);
    // SAFETY: the caller's own argument.
    unsafe { real::system(command) }
}

/// POSIX `popen`: likewise.
///
/// # Safety
/// As the C function's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn popen(command: *const c_char, mode: *const c_char) -> *mut c_void {
    tell_escape(command);
    // SAFETY: the caller's own arguments.
    unsafe { real::popen(command, mode) }
}

/// A shell that is given an environment without the library is not recorded, and named so.
fn tell_escape(command: *const c_char) {
    if !command.is_null() && thread::has_begun() && follow::is_on() && !follow::reaches(present()) {
        journal::escapes(b"/bin/sh");
    }
}

/// Defines a function with a list of arguments of any length. What is in registers is put in front of what is on the
/// stack, which makes of it the array that `$target` takes as its second argument.
macro_rules! list_entry {
    ($(#[$doc:meta])* $name:ident, $target:path) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As the C function's own.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name(path: *const c_char, first: *const c_char) -> c_int {
            // The return address stands between the two parts: it is taken away, and put back for the return.
            #[cfg(target_arch = "x86_64")]
            core::arch::naked_asm!(
                "pop rax", "push r9", "push r8", "push rcx", "push rdx", "push rsi", "mov rsi, rsp", "push rax",
                "call {target}", "pop rcx", "add rsp, 40", "push rcx", "ret", target = sym $target
            );
            #[cfg(target_arch = "aarch64")]
            core::arch::naked_asm!(
                "sub sp, sp, #80", "stp x29, x30, [sp]", "str x1, [sp, #24]", "stp x2, x3, [sp, #32]",
                "stp x4, x5, [sp, #48]", "stp x6, x7, [sp, #64]", "add x1, sp, #24", "bl {target}",
                "ldp x29, x30, [sp]", "add sp, sp, #80", "ret", target = sym $target
            );
        }
    };
}

list_entry!(
    /// POSIX `execl`.
    execl, execv
);
list_entry!(
    /// POSIX `execlp`.
    execlp, execvp
);
list_entry!(
    /// POSIX `execle`: the environment follows the null pointer that ends the arguments.
    execle, execute_with_environment
);

unsafe extern "C" fn execute_with_environment(path: *const c_char, arguments: List) -> c_int {
    let mut end = arguments;
    // SAFETY: the list ends with a null pointer.
    while !unsafe { end.read() }.is_null() {
        // SAFETY: the entry was not the last.
        end = unsafe { end.add(1) };
    }
    // SAFETY: the caller's own arguments; the environment stands behind the null pointer.
    unsafe { execve(path, arguments, end.add(1).read().cast()) }
}
