//! System calls made directly: the libc wrappers would set `errno`, and some of them are our own hooks.

use core::arch::asm;
use core::ffi::{CStr, c_int};

#[cfg(target_arch = "x86_64")]
fn raw(number: i64, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel's calling convention; each caller in this file passes what its call takes.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
             in("r10") a[3], in("r8") a[4], in("r9") a[5], lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

#[cfg(target_arch = "aarch64")]
fn raw(number: i64, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel's calling convention; each caller in this file passes what its call takes.
    unsafe {
        asm!("svc 0", in("x8") number as usize, inlateout("x0") a[0] => result, in("x1") a[1], in("x2") a[2],
             in("x3") a[3], in("x4") a[4], in("x5") a[5], options(nostack));
    }
    result
}

fn checked(result: isize) -> Option<usize> {
    usize::try_from(result).ok()
}

/// A file descriptor of our own, closed when dropped; never left open while the program runs.
pub(crate) struct Fd(i32);

impl Drop for Fd {
    fn drop(&mut self) {
        raw(libc::SYS_close, [self.0 as usize, 0, 0, 0, 0, 0]);
    }
}

/// Opens a path that ends in a 0 byte. Never as descriptor 0, 1 or 2: where the program closed one of them, what another of
/// its threads writes there must not go into a file of ours.
pub(crate) fn open(path: &[u8], flags: i32) -> Option<Fd> {
    debug_assert!(path.last() == Some(&0));
    let is_closed = |fd: usize| raw(libc::SYS_fcntl, [fd, libc::F_GETFD as usize, 0, 0, 0, 0]) < 0;
    // What holds their places meanwhile can be neither read nor written, as if they were closed.
    let _places = [0, 1, 2].map(|fd| if is_closed(fd) { open_at(b"/\0", libc::O_PATH) } else { None });
    open_at(path, flags)
}

fn open_at(path: &[u8], flags: i32) -> Option<Fd> {
    let at = libc::AT_FDCWD as usize;
    let flags = (flags | libc::O_CLOEXEC) as usize;
    checked(raw(libc::SYS_openat, [at, path.as_ptr() as usize, flags, 0o600, 0, 0])).map(|fd| Fd(fd as i32))
}

/// Removes a file by its path, which ends in a 0 byte.
pub(crate) fn remove(path: &[u8]) {
    debug_assert!(path.last() == Some(&0));
    raw(libc::SYS_unlinkat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, 0, 0, 0, 0]);
}

/// Gives a file another name; both end in a 0 byte.
pub(crate) fn rename(from: &[u8], to: &[u8]) -> bool {
    debug_assert!(from.last() == Some(&0) && to.last() == Some(&0));
    let at = libc::AT_FDCWD as usize;
    raw(libc::SYS_renameat2, [at, from.as_ptr() as usize, at, to.as_ptr() as usize, 0, 0]) == 0
}

/// Reads into `buffer`; the number of bytes, 0 at the end or on failure.
pub(crate) fn read(fd: &Fd, buffer: &mut [u8]) -> usize {
    checked(raw(libc::SYS_read, [fd.0 as usize, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0]))
        .unwrap_or(0)
}

/// Reads at an offset of the file; the number of bytes, 0 on failure.
pub(crate) fn read_at(fd: &Fd, buffer: &mut [u8], offset: usize) -> usize {
    let arguments = [fd.0 as usize, buffer.as_mut_ptr() as usize, buffer.len(), offset, 0, 0];
    checked(raw(libc::SYS_pread64, arguments)).unwrap_or(0)
}

/// How many entries a folder has, whose path ends in a 0 byte; itself and the one above it are left out.
pub(crate) fn entries(path: &[u8]) -> Option<u32> {
    let mut count = 0;
    each_entry(path, &mut |_| count += 1)?;
    Some(count)
}

/// Calls `seen` with the name of each of them.
pub(crate) fn each_entry(path: &[u8], seen: &mut dyn FnMut(&[u8])) -> Option<()> {
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let folder = open(path, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let mut buffer = [0u64; 512];
    loop {
        let at = buffer.as_mut_ptr() as usize;
        let arguments = [folder.0 as usize, at, size_of_val(&buffer), 0, 0, 0];
        let filled = checked(raw(libc::SYS_getdents64, arguments))?;
        if filled == 0 {
            return Some(());
        }
        // SAFETY: so many bytes of the buffer were written.
        let mut rest = unsafe { core::slice::from_raw_parts(at as *const u8, filled) };
        while let Some(length) = rest.get(LENGTH..LENGTH + 2) {
            let length = usize::from(u16::from_le_bytes([length[0], length[1]])).max(NAME);
            let name = rest.get(NAME..length)?.split(|byte| *byte == 0).next()?;
            if !name.starts_with(b".") {
                seen(name);
            }
            rest = rest.get(length..)?;
        }
    }
}

/// The length of a file.
pub(crate) fn length(fd: &Fd) -> Option<usize> {
    checked(raw(libc::SYS_lseek, [fd.0 as usize, 0, libc::SEEK_END as usize, 0, 0, 0]))
}

/// Fills `buffer` from an offset of a file on; `None` when that cannot be had.
pub(crate) fn fill_at(fd: &Fd, buffer: &mut [u8], offset: u64) -> Option<()> {
    let mut done = 0;
    while done < buffer.len() {
        let to = buffer.as_mut_ptr() as usize + done;
        match raw(libc::SYS_pread64, [fd.0 as usize, to, buffer.len() - done, offset as usize + done, 0, 0]) {
            read if read > 0 => done += read as usize,
            _ => return None,
        }
    }
    Some(())
}

/// Appends to a file that is there, in one step and without a descriptor that stays; whether it did all of it.
pub(crate) fn append(path: &[u8], bytes: &[u8]) -> bool {
    // A filter that came after the start may not expect a file to be opened.
    if is_restricted() {
        return false;
    }
    let Some(fd) = open(path, libc::O_WRONLY | libc::O_APPEND) else { return false };
    // Others append too: what they may add in the meantime must fit below the limit, beyond which a signal kills.
    const OTHERS: usize = 64 * 1024;
    let end = checked(raw(libc::SYS_lseek, [fd.0 as usize, 0, libc::SEEK_END as usize, 0, 0, 0]));
    if end.is_none_or(|end| (end + bytes.len() + OTHERS) as u64 > file_size_limit()) {
        return false;
    }
    raw(libc::SYS_write, [fd.0 as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0])
        == bytes.len() as isize
}

/// Whether there is a file of that path that this process may execute.
pub(crate) fn can_execute(path: &CStr) -> bool {
    let at = libc::AT_FDCWD as usize;
    raw(libc::SYS_faccessat, [at, path.as_ptr() as usize, libc::X_OK as usize, 0, 0, 0]) == 0
}

/// The path of an open file, as far as there is room; the room is zeroed.
pub(crate) fn path_of(fd: i32, room: &mut [u8]) -> &CStr {
    const FOLDER: &[u8] = b"/proc/self/fd/";
    let mut link = [0u8; 32];
    link[..FOLDER.len()].copy_from_slice(FOLDER);
    crate::start::digits(fd.max(0) as u32, |digits| {
        link[FOLDER.len()..FOLDER.len() + digits.len()].copy_from_slice(digits);
    });
    // The last byte stays 0.
    let (at, into, length) =
        (libc::AT_FDCWD as usize, room.as_mut_ptr() as usize, room.len().saturating_sub(1));
    raw(libc::SYS_readlinkat, [at, link.as_ptr() as usize, into, length, 0, 0]);
    CStr::from_bytes_until_nul(room).unwrap_or_default()
}

/// Writes all of a range of memory at an offset of the file.
pub(crate) fn write_at(fd: &Fd, memory: *const u8, length: usize, offset: usize) -> bool {
    let mut done = 0;
    while done < length {
        let from = memory as usize + done;
        match raw(libc::SYS_pwrite64, [fd.0 as usize, from, length - done, offset + done, 0, 0]) {
            written if written > 0 => done += written as usize,
            _ => return false,
        }
    }
    true
}

/// How a file was made longer.
#[derive(PartialEq, Eq)]
pub(crate) enum Grown {
    /// Its space is reserved.
    Reserved,
    /// The file system cannot reserve: it has the length, and a full disk would show as SIGBUS.
    LengthOnly,
    /// Not at all.
    Failed,
}

/// Makes a file `length` bytes long, and reserves the space where the file system can.
pub(crate) fn grow(fd: &Fd, length: usize) -> Grown {
    if length as u64 > file_size_limit() {
        return Grown::Failed;
    }
    match raw(libc::SYS_fallocate, [fd.0 as usize, 0, 0, length, 0, 0]) {
        0 => Grown::Reserved,
        error if error == -(libc::EOPNOTSUPP as isize) => {
            match raw(libc::SYS_ftruncate, [fd.0 as usize, length, 0, 0, 0, 0]) {
                0 => Grown::LengthOnly,
                _ => Grown::Failed,
            }
        }
        _ => Grown::Failed,
    }
}

/// RLIMIT_FSIZE: writing past it would kill the process with SIGXFSZ.
pub(crate) fn file_size_limit() -> u64 {
    soft_limit(libc::RLIMIT_FSIZE as usize)
}

/// Whether the process may have so little address space or memory of its own that what is only reserved has to be little.
pub(crate) fn has_little_space() -> bool {
    const LITTLE: u64 = 256 << 20;
    most_space() < LITTLE
}

/// The address space, or memory of its own, that the process may have.
pub(crate) fn most_space() -> u64 {
    soft_limit(libc::RLIMIT_AS as usize).min(soft_limit(libc::RLIMIT_DATA as usize))
}

/// Whether a quarter of the address space that the process may have is left after `length` more bytes: that is the
/// program's, which would be told that there is no memory where there is some without us.
pub(crate) fn leaves_room(length: usize) -> bool {
    let limit = soft_limit(libc::RLIMIT_AS as usize);
    if limit == u64::MAX {
        return true;
    }
    let mut text = [0; 128];
    let length_of = open(b"/proc/self/statm\0", libc::O_RDONLY).map_or(0, |statm| read(&statm, &mut text));
    let digits = text[..length_of].iter().take_while(|byte| byte.is_ascii_digit());
    let pages =
        digits.fold(0u64, |pages, digit| pages.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    pages.saturating_mul(4096).saturating_add(length as u64) <= limit - limit / 4
}

fn soft_limit(resource: usize) -> u64 {
    let mut limit = [u64::MAX; 2];
    raw(libc::SYS_prlimit64, [0, resource, 0, limit.as_mut_ptr() as usize, 0, 0]);
    limit[0]
}

/// Maps `length` bytes of a file at `offset`, shared. `at` 0: anywhere; else exactly there, over what is there.
pub(crate) fn map_file(fd: &Fd, offset: usize, length: usize, at: usize) -> Option<*mut u8> {
    let fixed = if at == 0 { 0 } else { libc::MAP_FIXED };
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_SHARED | fixed) as usize;
    checked(raw(libc::SYS_mmap, [at, length, protection, flags, fd.0 as usize, offset]))
        .map(|at| at as *mut u8)
}

/// Maps zeroed private memory of our own: not in core dumps, without huge pages, named where the kernel can.
pub(crate) fn map(length: usize) -> Option<*mut u8> {
    map_with(length, 0)
}

/// As `map`, for a table that is soon in use everywhere: its pages come at once, which is cheaper than one by one.
pub(crate) fn map_filled(length: usize) -> Option<*mut u8> {
    map_with(length, libc::MAP_POPULATE)
}

fn map_with(length: usize, more: i32) -> Option<*mut u8> {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | more) as usize;
    let at = checked(raw(libc::SYS_mmap, [0, length, protection, flags, usize::MAX, 0]))?;
    advise(at, length, libc::MADV_NOHUGEPAGE);
    advise(at, length, libc::MADV_DONTDUMP);
    const NAME: &[u8] = b"leakgate\0";
    const PR_SET_VMA: usize = 0x5356_4d41;
    raw(libc::SYS_prctl, [PR_SET_VMA, 0, at, length, NAME.as_ptr() as usize, 0]);
    Some(at as *mut u8)
}

/// Gives back what `map` gave.
pub(crate) fn unmap(at: *mut u8, length: usize) {
    raw(libc::SYS_munmap, [at as usize, length, 0, 0, 0, 0]);
}

/// How a copy of the process ended.
pub(crate) enum Ending {
    /// By itself, with this exit code.
    Code(u32),
    /// By this signal.
    Signal(u32),
}

/// Does something in a copy of the process, which ends with it: with exit code 0 where it worked. The parent waits, and hears
/// no signal when the copy ends. `None`: there is no copy.
///
/// Of the copy's threads there is only the calling one, and locks that others held stay held.
pub(crate) fn in_copy(seconds: usize, work: impl FnOnce() -> bool) -> Option<Ending> {
    // Without a signal at its end: the program's own `wait` does not see it either.
    let pid = checked(raw(libc::SYS_clone, [0; 6]))?;
    if pid == 0 {
        fall_by_signals(seconds);
        exit(c_int::from(!work()));
    }
    let mut status = 0i32;
    let at = core::ptr::from_mut(&mut status) as usize;
    loop {
        match raw(libc::SYS_wait4, [pid, at, libc::__WALL as usize, 0, 0, 0]) {
            error if error == -(libc::EINTR as isize) => {}
            found if found == pid as isize => break,
            _ => return None,
        }
    }
    let status = status as u32;
    Some(if status & 0x7f == 0 { Ending::Code(status >> 8 & 0xff) } else { Ending::Signal(status & 0x7f) })
}

/// Signals that tell of a fault end this process, as does a time limit: no handler of the program's hears them, and no core
/// is written.
fn fall_by_signals(seconds: usize) {
    const SET: usize = 8;
    let default = [0u64; 4];
    let faults = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGABRT,
        libc::SIGTRAP,
        libc::SIGALRM,
    ];
    for signal in faults {
        raw(libc::SYS_rt_sigaction, [signal as usize, default.as_ptr() as usize, 0, SET, 0, 0]);
    }
    // What else comes is for the process that this is a copy of.
    let blocked = faults.iter().fold(u64::MAX, |all, signal| all & !(1 << (signal - 1)));
    let at = core::ptr::from_ref(&blocked) as usize;
    raw(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, at, 0, SET, 0, 0]);
    raw(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 0, 0, 0, 0, 0]);
    raw(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize, 0, 0, 0, 0]);
    let timer = [0, 0, seconds, 0];
    raw(libc::SYS_setitimer, [libc::ITIMER_REAL as usize, timer.as_ptr() as usize, 0, 0, 0, 0]);
}

/// Ends the process.
pub(crate) fn exit(code: c_int) -> ! {
    loop {
        raw(libc::SYS_exit_group, [code as usize, 0, 0, 0, 0, 0]);
    }
}

/// `madvise`; whether it worked.
pub(crate) fn advise(at: usize, length: usize, advice: i32) -> bool {
    raw(libc::SYS_madvise, [at, length, advice as usize, 0, 0, 0]) == 0
}

/// How many of the pages of a range are resident. `pages` needs room for a byte a page.
pub(crate) fn resident_pages(at: usize, length: usize, pages: &mut [u8]) -> usize {
    if raw(libc::SYS_mincore, [at, length, pages.as_mut_ptr() as usize, 0, 0, 0]) != 0 {
        return 0;
    }
    pages[..length / 4096].iter().filter(|page| **page & 1 == 1).count()
}

/// Whether the process has no child at all. Nothing is waited for: a child that is over stays.
pub(crate) fn is_childless() -> bool {
    let mut information = [0u64; 16];
    let options = (libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL) as usize;
    let at = information.as_mut_ptr() as usize;
    raw(libc::SYS_waitid, [libc::P_ALL as usize, 0, at, options, 0, 0]) == -(libc::ECHILD as isize)
}

pub(crate) fn gettid() -> u32 {
    raw(libc::SYS_gettid, [0; 6]) as u32
}

pub(crate) fn getpid() -> u32 {
    raw(libc::SYS_getpid, [0; 6]) as u32
}

pub(crate) fn getppid() -> u32 {
    raw(libc::SYS_getppid, [0; 6]) as u32
}

/// Lets other threads run.
pub(crate) fn yield_now() {
    raw(libc::SYS_sched_yield, [0; 6]);
}

/// Name of the calling thread, as the kernel has it; ended by a 0 byte.
pub(crate) fn thread_name() -> [u8; 16] {
    let mut name = [0u8; 16];
    raw(libc::SYS_prctl, [libc::PR_GET_NAME as usize, name.as_mut_ptr() as usize, 0, 0, 0, 0]);
    name
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let mut time = [0i64; 2];
    let clock = libc::CLOCK_REALTIME as usize;
    raw(libc::SYS_clock_gettime, [clock, time.as_mut_ptr() as usize, 0, 0, 0, 0]);
    time[0] as u64 * 1000 + time[1] as u64 / 1_000_000
}

/// Nanoseconds of a clock that is never set.
pub(crate) fn now_ns() -> u64 {
    let mut time = [0i64; 2];
    let clock = libc::CLOCK_MONOTONIC as usize;
    raw(libc::SYS_clock_gettime, [clock, time.as_mut_ptr() as usize, 0, 0, 0, 0]);
    time[0] as u64 * 1_000_000_000 + time[1] as u64
}

/// Whether a seccomp filter restricts this process: then no system calls are made that it may not expect.
pub(crate) fn is_restricted() -> bool {
    raw(libc::SYS_prctl, [libc::PR_GET_SECCOMP as usize, 0, 0, 0, 0, 0]) != 0
}

const MEMBARRIER_PRIVATE_EXPEDITED: usize = 8;
const MEMBARRIER_REGISTER_PRIVATE_EXPEDITED: usize = 16;

/// Registers for `barrier`; whether the kernel has it.
pub(crate) fn register_barrier() -> bool {
    raw(libc::SYS_membarrier, [MEMBARRIER_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0]) == 0
}

/// A full memory fence on every running thread of the process; whether it was carried out.
pub(crate) fn barrier() -> bool {
    raw(libc::SYS_membarrier, [MEMBARRIER_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0]) == 0
}
