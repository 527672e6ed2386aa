//! A forked child gets a file of its own before it records anything, and never writes into its parent's.
//!
//! The child is recognised by a word that the kernel wipes at a fork, whichever way the fork was made; a `vfork`
//! child shares the parent's memory, sees the word, and counts as the parent until it executes.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use leakgate_capture::{MAX_SITES, NOTE_CHILD, Section, SiteRecord};

use crate::intern::INTERNER;
use crate::{
    bill, capture, cells, checkpoint, containers, event, follow, journal, mapping, modules, python, shadow,
    stack, start, sys, world,
};

static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(core::ptr::null_mut());
static LOST: AtomicBool = AtomicBool::new(false);
/// Sites below this id hold what this process inherited; 0 in one that was not forked.
static INHERITED_SITES: AtomicU32 = AtomicU32::new(0);

/// Sets up the word and the handlers around `fork`. `None`: forks could not be recognised.
pub(crate) fn begin() -> Option<()> {
    let page = sys::map(4096)?;
    if !sys::advise(page as usize, 4096, libc::MADV_WIPEONFORK) {
        return None;
    }
    WORD.store(page.cast(), Ordering::Release);
    mark();
    unsafe extern "C" {
        fn __register_atfork(
            prepare: extern "C" fn(),
            parent: extern "C" fn(),
            child: Option<extern "C" fn()>,
            object: *mut libc::c_void,
        ) -> i32;
    }
    // SAFETY: the handlers live as long as the process: this library is never unloaded.
    unsafe { __register_atfork(before, after, None, core::ptr::null_mut()) };
    Some(())
}

fn mark() {
    // SAFETY: the page lives for ever.
    unsafe { &*WORD.load(Ordering::Acquire) }.store(1, Ordering::Release);
}

/// Whether this process is a fresh child: the word was wiped.
pub(crate) fn is_child() -> bool {
    let word = WORD.load(Ordering::Acquire);
    // SAFETY: the page lives for ever.
    !word.is_null() && unsafe { &*word }.load(Ordering::Acquire) == 0
}

/// Whether this process is a child that could not be given a file: it is not recorded.
pub(crate) fn is_lost() -> bool {
    LOST.load(Ordering::Acquire)
}

/// Nothing of this process is recorded: a child without a file, or a copy that ends when it has told what it is for.
pub(crate) fn leave_unrecorded() {
    mark();
    // What it frees of its inheritance must not be counted in its parent's file.
    INHERITED_SITES.store(0, Ordering::Relaxed);
    LOST.store(true, Ordering::Release);
}

/// Whether this is the process with this id that has the present file: not a child, not a `vfork` child either.
pub(crate) fn is_own(pid: u32) -> bool {
    // SAFETY: the header is mapped where recording has begun.
    !is_child() && unsafe { (*capture::header()).pid } == pid
}

/// Whether what a site holds was inherited.
#[inline(always)]
pub(crate) fn is_inherited(site: u32) -> bool {
    site < INHERITED_SITES.load(Ordering::Relaxed)
}

/// So that the child finds every lock free and every table whole. In the order in which they are nested.
extern "C" fn before() {
    // A fresh child is set up first, and may turn out to be one that is not recorded.
    if is_lost() || !world::leave_to_fork() || is_lost() {
        return;
    }
    mapping::before_fork();
    modules::before_fork();
    INTERNER.acquire();
    world::before_fork();
    capture::before_fork();
}

extern "C" fn after() {
    if is_lost() || !world::took_locks() {
        return;
    }
    capture::after_fork();
    world::after_fork();
    INTERNER.release();
    modules::after_fork();
    mapping::after_fork();
    world::return_from_fork();
}

/// Gives a fresh child its own file, with the blocks it inherited as live. Runs on the child's only thread.
pub(crate) fn begin_child() -> Option<()> {
    mapping::after_fork();
    modules::after_fork();
    INTERNER.release();
    world::leave_locks_in_child();
    python::after_fork();
    if !follow::is_on() {
        // As it was asked for: there is nothing to tell.
        leave_unrecorded();
        return None;
    }
    // Read before the child's own identity is written over it.
    // SAFETY: the header is mapped, still the parent's.
    let origin = unsafe { ((*capture::header()).pid, journal::sequence()) };
    let made = start::child_path(capture::move_to).is_some();
    mark();
    if !made {
        // A flag and its own entry, set atomically, are all that a child ever writes into its parent's file.
        capture::note(NOTE_CHILD);
        capture::unrecorded(sys::getpid(), b"");
        leave_unrecorded();
        return None;
    }
    INTERNER.lock().republish();
    modules::republish();
    start::write_identity();
    event::restart(inherit(origin));
    start::write_recording();
    checkpoint::restart();
    containers::restart();
    bill::restart();
    Some(())
}

/// Sets every site to what is live in this process, inherited from `origin`; the sum of those that count.
fn inherit(origin: (u32, u32)) -> i64 {
    let sites = {
        let mut interner = INTERNER.lock();
        let sites = interner.inherit_sites().min(MAX_SITES);
        // Those for what has no stack are needed anew. Without space for them the inherited ones go on to be used.
        let _ = stack::begin(&mut interner);
        sites
    };
    INHERITED_SITES.store(sites, Ordering::Relaxed);
    for site in 0..sites {
        if let Some(record) = record(site) {
            *record = SiteRecord {
                stack: record.stack,
                thread: record.thread,
                function: record.function,
                ..SiteRecord::default()
            };
        }
    }
    capture::clear(Section::Temporary);
    cells::restart();
    let (mut bytes, mut blocks) = (0, 0);
    let mut add = |site: u32, size: u64| {
        if let Some(record) = record(site) {
            record.live_bytes += size as i64;
            record.live_blocks += 1;
            if record.function < 40 {
                bytes += size as i64;
                blocks += 1;
            }
        }
    };
    shadow::each(|block| add(block.site, block.size));
    mapping::each(add);
    start::write_inherited(bytes as u64, blocks, sites, origin);
    bytes
}

fn record(site: u32) -> Option<&'static mut SiteRecord> {
    let at = capture::present(Section::Sites, site as usize * size_of::<SiteRecord>())?;
    // SAFETY: a mapped record, and no other thread runs.
    Some(unsafe { &mut *at.cast::<SiteRecord>() })
}
