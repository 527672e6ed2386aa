//! A block that the interpreter hands out again without a call of an allocator: it goes from its old site to the new
//! one. Live bytes stay what they are, so that no peak comes from it; the new site has allocated it.

use leakgate_capture::{Domain, Function, Section, SiteRecord};

use crate::capture::present;
use crate::event;
use crate::thread::Thread;
use crate::{python, shadow, stack, world};

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
    event::tally(thread, block.size as usize);
    thread.last = address;
    event::passed_on(thread, block, site);
}
