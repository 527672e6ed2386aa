//! A block that the interpreter hands out again without a call of an allocator: it goes from its old site to the new
//! one. Live bytes stay what they are, so that no peak comes from it; the new site has allocated it.

use core::sync::atomic::{Ordering, compiler_fence, fence};

use leakgate_capture::{Domain, Function, Section, SiteRecord};

use crate::capture::present;
use crate::event::{self, apply, apply_foreign, is_own, site_record};
use crate::thread::{FAST, OUTSIDE, SLOW, Thread};
use crate::world::{self, FREE, SINGLE};
use crate::{fork, python, shadow, stack};

/// Whether a site's blocks are CPython's objects.
pub(crate) fn is_of_objects(site: u32) -> bool {
    let record = present(Section::Sites, site as usize * size_of::<SiteRecord>());
    // SAFETY: a mapped record; its function never changes.
    let number = record.map_or(0, |record| unsafe { (*record.cast::<SiteRecord>()).function });
    Function::from_number(number).is_some_and(|function| function.domain() == Domain::PythonObject)
}

/// A tracked block of CPython's objects, `address`, has a new object in it.
pub(crate) fn handed_out_again(thread: &mut Thread, address: usize) {
    if thread.suppressed != 0 {
        return event::freed(address);
    }
    if world::is_in_event(thread) {
        return;
    }
    let site = stack::site(thread, Function::PyObjectMalloc, 0);
    let Some(block) = shadow::take(address) else {
        return;
    };
    if block.code {
        python::code_freed(address);
    }
    if shadow::set(address, block.size, site).is_err() {
        return event::lost();
    }
    if fork::is_inherited(block.site) {
        // From now on it is the child's own.
        event::inheritance_changed(block.site, -(block.size as i64));
    }
    event::tally(thread, block.size as usize);
    if block.site == site && is_own(thread, site_record(site)) {
        count_request(site, block.size);
    } else {
        pass_on(thread, block, site);
    }
}

/// The site has handed out a block that stood with it already.
fn count_request(site: u32, size: u64) {
    // SAFETY: a mapped record; its own thread writes its totals, and this is it: a thread is part of its sites.
    let record = unsafe { &mut *site_record(site) };
    record.total_bytes += size;
    record.total_blocks += 1;
}

/// The two changes are one event: in between, nobody sees the block missing.
fn pass_on(thread: &mut Thread, block: shadow::Block, site: u32) {
    thread.in_event.store(FAST, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    if world::is_fenced() {
        fence(Ordering::SeqCst);
    }
    let (mode, size) = (world::mode(), block.size as i64);
    let (old, new) = (site_record(block.site), site_record(site));
    let own = (is_own(thread, old), is_own(thread, new));
    match (mode, own) {
        (SINGLE | FREE, (true, true)) => {
            apply(old, -size, -1);
            apply(new, size, 1);
        }
        (SINGLE, (false, true)) => {
            apply_foreign(old, block.site, -size, -1);
            apply(new, size, 1);
        }
        _ => {
            thread.in_event.store(SLOW, Ordering::Release);
            let _locked = world::lock(true);
            event::under_lock(Some(thread), block.site, -size, -1);
            event::under_lock(Some(thread), site, size, 1);
        }
    }
    compiler_fence(Ordering::SeqCst);
    thread.in_event.store(OUTSIDE, Ordering::Release);
    if thread.pending_count.load(Ordering::Relaxed) != 0 {
        event::drain(thread);
    }
}
