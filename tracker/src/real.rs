//! The functions that the hooks forward to: the next ones in the process, so that a preloaded allocator keeps working.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::follow::List;

/// Memory for what `dlsym` itself allocates while the functions are looked up.
const ARENA: usize = 32 * 1024;

#[repr(align(16))]
struct Arena(core::cell::UnsafeCell<[u8; ARENA]>);

// SAFETY: parts are handed out once each, by an atomic counter.
unsafe impl Sync for Arena {}

static EARLY: Arena = Arena(core::cell::UnsafeCell::new([0; ARENA]));
static EARLY_USED: AtomicUsize = AtomicUsize::new(0);
static LOOKING: AtomicBool = AtomicBool::new(false);

/// Memory before `malloc` is found. Never given back; zeroed.
fn early(size: usize) -> *mut c_void {
    let size = size.max(1).next_multiple_of(16);
    let start = EARLY_USED.fetch_add(size, Ordering::Relaxed);
    if start + size > ARENA {
        return core::ptr::null_mut();
    }
    // SAFETY: inside the arena.
    unsafe { EARLY.0.get().cast::<u8>().add(start).cast() }
}

/// Whether a block came from the arena.
#[inline(always)]
pub(crate) fn is_early(block: *mut c_void) -> bool {
    (block as usize).wrapping_sub(EARLY.0.get() as usize) < ARENA
}

/// The result of a function that this C library does not have.
#[cold]
fn missing() -> c_int {
    // SAFETY: the calling thread's own word.
    unsafe { *libc::__errno_location() = libc::ENOSYS };
    -1
}

macro_rules! functions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty, else $missing:expr;)*) => {
        #[allow(non_camel_case_types, reason = "the functions' own names")]
        #[derive(Clone, Copy)]
        enum Symbol { $($name,)* }

        const NAMES: &[&str] = &[$(concat!(stringify!($name), "\0"),)*];
        static ADDRESS: [AtomicUsize; NAMES.len()] = [const { AtomicUsize::new(0) }; NAMES.len()];

        $(
            /// The real function of that name.
            ///
            /// # Safety
            /// As the function's own.
            #[allow(clippy::too_many_arguments, reason = "the functions' own")]
            #[inline(always)]
            pub(crate) unsafe fn $name($($argument: $type),*) -> $result {
                let mut address = ADDRESS[Symbol::$name as usize].load(Ordering::Relaxed);
                if address == 0 {
                    look_up();
                    address = ADDRESS[Symbol::$name as usize].load(Ordering::Relaxed);
                    if address == 0 {
                        return $missing;
                    }
                }
                // SAFETY: the symbol of that name has that type.
                unsafe {
                    core::mem::transmute::<usize, unsafe extern "C" fn($($type),*) -> $result>(address)($($argument),*)
                }
            }
        )*
    };
}

functions! {
    malloc(size: usize) -> *mut c_void, else early(size);
    calloc(count: usize, size: usize) -> *mut c_void, else early(count.saturating_mul(size));
    realloc(block: *mut c_void, size: usize) -> *mut c_void, else { let _ = block; early(size) };
    free(block: *mut c_void) -> (), else { let _ = block; };
    reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void, else {
        let _ = (block, count, size);
        core::ptr::null_mut()
    };
    memalign(alignment: usize, size: usize) -> *mut c_void, else { let _ = alignment; early(size) };
    posix_memalign(block: *mut *mut c_void, alignment: usize, size: usize) -> c_int, else {
        let _ = (block, alignment, size);
        libc::ENOMEM
    };
    aligned_alloc(alignment: usize, size: usize) -> *mut c_void, else { let _ = alignment; early(size) };
    valloc(size: usize) -> *mut c_void, else { let _ = size; core::ptr::null_mut() };
    pvalloc(size: usize) -> *mut c_void, else { let _ = size; core::ptr::null_mut() };
    mmap(at: usize, length: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> usize, else {
        let _ = (at, length, protection, flags, fd, offset);
        usize::MAX
    };
    munmap(at: usize, length: usize) -> c_int, else { let _ = (at, length); -1 };
    mremap(at: usize, old: usize, new: usize, flags: c_int, to: usize) -> usize, else {
        let _ = (at, old, new, flags, to);
        usize::MAX
    };
    mprotect(at: usize, length: usize, protection: c_int) -> c_int, else { let _ = (at, length, protection); -1 };
    pkey_mprotect(at: usize, length: usize, protection: c_int, key: c_int) -> c_int, else {
        let _ = (at, length, protection, key);
        missing()
    };
    brk(at: usize) -> c_int, else { let _ = at; -1 };
    sbrk(increment: isize) -> usize, else { let _ = increment; usize::MAX };
    pthread_create(
        handle: *mut c_void,
        attributes: *const c_void,
        start: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void
    ) -> c_int, else {
        let _ = (handle, attributes, start, argument);
        libc::EAGAIN
    };
    execve(path: *const c_char, arguments: List, environment: List) -> c_int, else {
        let _ = (path, arguments, environment);
        missing()
    };
    execvpe(file: *const c_char, arguments: List, environment: List) -> c_int, else {
        let _ = (file, arguments, environment);
        missing()
    };
    fexecve(fd: c_int, arguments: List, environment: List) -> c_int, else {
        let _ = (fd, arguments, environment);
        missing()
    };
    execveat(folder: c_int, path: *const c_char, arguments: List, environment: List, flags: c_int) -> c_int, else {
        let _ = (folder, path, arguments, environment, flags);
        missing()
    };
    posix_spawn(
        pid: *mut libc::pid_t,
        path: *const c_char,
        actions: *const c_void,
        attributes: *const c_void,
        arguments: List,
        environment: List
    ) -> c_int, else {
        let _ = (pid, path, actions, attributes, arguments, environment);
        libc::ENOSYS
    };
    posix_spawnp(
        pid: *mut libc::pid_t,
        file: *const c_char,
        actions: *const c_void,
        attributes: *const c_void,
        arguments: List,
        environment: List
    ) -> c_int, else {
        let _ = (pid, file, actions, attributes, arguments, environment);
        libc::ENOSYS
    };
    _exit(code: c_int) -> (), else { let _ = code; };
    system(command: *const c_char) -> c_int, else { let _ = command; missing() };
    popen(command: *const c_char, mode: *const c_char) -> *mut c_void, else {
        let _ = (command, mode);
        missing();
        core::ptr::null_mut()
    };
    pthread_setname_np(handle: usize, name: *const c_char) -> c_int, else {
        let _ = (handle, name);
        libc::ENOSYS
    };
}

/// Looks all functions up. `malloc` first: looking for a name that is missing allocates.
#[cold]
#[inline(never)]
pub(crate) fn look_up() {
    if LOOKING.swap(true, Ordering::Acquire) {
        return;
    }
    for (index, name) in NAMES.iter().enumerate() {
        let Ok(name) = CStr::from_bytes_with_nul(name.as_bytes()) else {
            continue;
        };
        // SAFETY: the name ends in a 0 byte.
        let address = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
        ADDRESS[index].store(address as usize, Ordering::Relaxed);
    }
    LOOKING.store(false, Ordering::Release);
}
