//! Mappings by the kernel's rules: a new mapping replaces what was there, an unmapping may split, mremap moves and grows.

use core::ptr::null_mut;

use leakgate_capture::Function;

use crate::lock::Lock;
use crate::{event, stack, sys, thread};

/// A tracked range of address space; its layout is read from outside (`leakgate_capture::survey`).
#[derive(Clone, Copy)]
#[repr(C)]
struct Range {
    start: usize,
    end: usize,
    site: u32,
    function: Function,
}

/// The tracked ranges, sorted, without overlap. The first three fields are read from outside.
#[repr(C)]
pub(crate) struct Ranges {
    list: *mut Range,
    count: usize,
    /// Odd while they change.
    changes: usize,
    room: usize,
}

static RANGES: Lock<Ranges> = Lock::new(Ranges { list: null_mut(), count: 0, changes: 0, room: 0 });

const _: () = assert!(size_of::<Range>() == 24);

/// Where the list is, for a reader that takes no lock.
pub(crate) fn list() -> *const Ranges {
    RANGES.address()
}

/// What a mapping of these arguments is.
pub(crate) fn kind(protection: i32, flags: i32) -> Function {
    if flags & libc::MAP_ANONYMOUS == 0 {
        Function::MmapFile
    } else if protection & libc::PROT_WRITE != 0 {
        Function::MmapAnonymous
    } else {
        Function::MmapReserved
    }
}

/// The site of the present stack, if this thread's mappings are counted at all.
pub(crate) fn site(function: Function, caller: usize) -> Option<u32> {
    let thread = thread::current()?;
    (thread.inside == 0 && thread.suppressed == 0).then(|| stack::site(thread, function, caller))
}

/// Whether the calling thread is in a real allocator's call, whose mappings belong to that call, or in a step.
pub(crate) fn is_inside() -> bool {
    thread::current().is_none_or(|thread| thread.inside != 0 || thread.in_step)
}

/// Runs a system call that changes mappings, and what follows from it, as one step. What a signal handler maps
/// meanwhile is not counted; what it allocates is.
pub(crate) fn step<T>(f: impl FnOnce(&mut Ranges) -> T) -> T {
    if let Some(thread) = thread::current() {
        thread.in_step = true;
    }
    let mut ranges = RANGES.lock();
    ranges.changed();
    let result = f(&mut ranges);
    ranges.changed();
    drop(ranges);
    if let Some(thread) = thread::current() {
        thread.in_step = false;
    }
    result
}

impl Ranges {
    fn changed(&mut self) {
        let changes = &raw mut self.changes;
        // SAFETY: the field is valid, and the lock is held. Volatile, so that both changes of a step are made.
        unsafe { changes.write_volatile(changes.read_volatile() + 1) };
    }

    fn all(&self) -> &[Range] {
        if self.list.is_null() {
            return &[];
        }
        // SAFETY: the list has `count` ranges.
        unsafe { core::slice::from_raw_parts(self.list, self.count) }
    }

    /// A range is there now, whatever was there before. `site` `None`: not counted.
    pub(crate) fn add(&mut self, start: usize, length: usize, function: Function, site: Option<u32>) {
        self.add_bytes(start, start + pages(length), function, site);
    }

    /// As `add`, for the break, which need not end with a page.
    pub(crate) fn add_bytes(&mut self, start: usize, end: usize, function: Function, site: Option<u32>) {
        self.remove(start, end);
        let Some(site) = site else {
            return;
        };
        if self.insert(Range { start, end, site, function }).is_none() {
            return event::lost();
        }
        event::mapped(site, start, end - start);
        if let Some(thread) = thread::current() {
            event::tally(thread, end - start);
        }
    }

    /// Nothing is there any more.
    pub(crate) fn remove(&mut self, start: usize, end: usize) {
        self.cut(start, end);
    }

    /// Nothing is there any more, by a length as system calls take it.
    pub(crate) fn remove_pages(&mut self, start: usize, length: usize) {
        self.remove(start, start + pages(length));
    }

    /// The reserved parts of a range are writable now: they become memory of the present stack.
    pub(crate) fn make_writable(&mut self, start: usize, length: usize, site: u32) {
        let end = start + pages(length);
        while let Some(range) = self.reserved_in(start, end) {
            let (from, to) = (range.start.max(start), range.end.min(end));
            self.remove(from, to);
            if self.insert(Range { start: from, end: to, site, function: Function::MmapAnonymous }).is_none()
            {
                return event::lost();
            }
            event::mapped(site, from, to - from);
        }
    }

    /// Whether some of a range is reserved address space.
    pub(crate) fn is_reserved(&self, start: usize, length: usize) -> bool {
        self.reserved_in(start, start + pages(length)).is_some()
    }

    fn reserved_in(&self, start: usize, end: usize) -> Option<Range> {
        let overlaps = |range: &&Range| range.start < end && start < range.end;
        self.all().iter().filter(overlaps).find(|range| range.function == Function::MmapReserved).copied()
    }

    /// The kind of the range that holds an address, if it is tracked.
    pub(crate) fn function_at(&self, address: usize) -> Option<(Function, u32)> {
        let range = self.all().iter().find(|range| (range.start..range.end).contains(&address))?;
        Some((range.function, range.site))
    }

    /// A mapping moved, grew or shrank. `site` is that of the present stack, for what grew.
    pub(crate) fn moved(&mut self, from: (usize, usize), to: (usize, usize), site: Option<u32>) {
        let Some((function, old_site)) = self.function_at(from.0) else {
            self.remove(to.0, to.0 + pages(to.1));
            return;
        };
        self.remove(from.0, from.0 + pages(from.1));
        let grew = pages(to.1) > pages(from.1);
        self.add(to.0, to.1, function, if grew { site } else { Some(old_site) });
    }

    /// Takes out all of `start..end`; ranges that reach beyond are split.
    fn cut(&mut self, start: usize, end: usize) {
        let mut index = self.all().partition_point(|range| range.end <= start);
        while let Some(range) = self.all().get(index).copied().filter(|range| range.start < end) {
            let (from, to) = (range.start.max(start), range.end.min(end));
            self.delete(index);
            let mut pieces = 0;
            for (start, end) in [(range.start, from), (to, range.end)] {
                if start < end && self.insert(Range { start, end, ..range }).is_some() {
                    pieces += 1;
                    index += usize::from(end <= from);
                }
            }
            if (from, to) == (range.start, range.end) {
                event::unmapped(range.site, from, to - from);
            } else {
                event::forget_last(range.start);
                event::changed(range.site, -((to - from) as i64), pieces - 1);
            }
        }
    }

    fn delete(&mut self, index: usize) {
        // SAFETY: `index` is below `count`; the ranges behind it move down by one.
        unsafe { self.list.add(index).copy_from(self.list.add(index + 1), self.count - index - 1) };
        self.count -= 1;
    }

    fn insert(&mut self, range: Range) -> Option<()> {
        if self.count == self.room {
            self.grow()?;
        }
        let index = self.all().partition_point(|there| there.start < range.start);
        // SAFETY: there is room for one more; the ranges from `index` on move up by one.
        unsafe {
            self.list.add(index + 1).copy_from(self.list.add(index), self.count - index);
            self.list.add(index).write(range);
        }
        self.count += 1;
        Some(())
    }

    fn grow(&mut self) -> Option<()> {
        let room = (self.room * 2).max(512);
        let fresh = sys::map(room * size_of::<Range>())?.cast::<Range>();
        if !self.list.is_null() {
            // SAFETY: the new list is longer than the old one.
            unsafe { fresh.copy_from_nonoverlapping(self.list, self.count) };
            sys::unmap(self.list.cast(), self.room * size_of::<Range>());
        }
        (self.list, self.room) = (fresh, room);
        Some(())
    }
}

/// A length rounded up to whole pages.
fn pages(length: usize) -> usize {
    // SAFETY: sysconf has no preconditions and does not allocate.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(1) as usize;
    length.next_multiple_of(page)
}

/// Calls `visit` with site and bytes of every tracked range.
pub(crate) fn each(mut visit: impl FnMut(u32, u64)) {
    for range in RANGES.lock().all() {
        visit(range.site, (range.end - range.start) as u64);
    }
}

/// Before a fork: nobody may be in a step.
pub(crate) fn before_fork() {
    RANGES.acquire();
}

/// After a fork, in the parent and in the child.
pub(crate) fn after_fork() {
    RANGES.release();
}
