//! Looks at all live containers, for `containers`: what each is, how long, and where it stops to grow by itself.

use core::ffi::{c_int, c_void};

use leakgate_capture::{ContainerKind, NOTE_NO_CONTAINERS};

use super::bounds;
use super::frames::word;
use super::heap::{self, Builtins, Class, Growing, Visitor, length_offset};
use super::objects::Type;
use crate::capture::note;
use crate::containers::{Found, Look};
use crate::thread;

/// In a deque: its bound, -1 for none.
const DEQUE_BOUND: usize = 64;

/// In a function with a cache: the dictionary, the function itself, and the bound, -1 for none.
const CACHE: usize = 72;
const CACHED: usize = 88;
const CACHE_BOUND: usize = 96;

/// Most bytes of a type's name.
const NAME: usize = 256;

struct Seen {
    look: Look,
    caches: Growing<usize>,
    count: u64,
    is_whole: bool,
}

impl Visitor for Seen {
    #[inline(always)]
    fn object(&mut self, object: usize, class: Class) {
        if let Some(kind) = class.kind() {
            self.count += 1;
            self.look.meet(&found(object, kind));
        } else if class.is_cache() && self.caches.push(object).is_none() {
            self.is_whole = false;
        }
    }

    #[inline(always)]
    fn is_first(&mut self, object: usize, _: Class) -> bool {
        self.look.is_first(object)
    }
}

#[inline(always)]
fn found(object: usize, kind: ContainerKind) -> Found {
    // SAFETY: a live object.
    let of = unsafe { Type::of(object) };
    let offset = length_offset(kind);
    // SAFETY: a live container of that kind: its length stands there, and is below 0 at most for a moment.
    let length = unsafe { word(object + offset) } as i64;
    Found { object, block: object - of.header(), of: of.0, kind, length: length.max(0) as u64, offset }
}

/// Looks at all live containers; how many there are. With the GIL. Nothing of it is counted.
pub(super) fn look() -> u64 {
    // A fresh child is set up first.
    if thread::current().is_none() {
        return 0;
    }
    if !heap::is_known() {
        note(NOTE_NO_CONTAINERS);
        return 0;
    }
    let builtins = Builtins::find();
    let mut seen = Seen { look: Look::begin(), caches: Growing::new(), count: 0, is_whole: true };
    let is_whole = heap::walk(&builtins, &mut seen) && seen.is_whole;
    let Seen { mut look, caches, count, .. } = seen;
    record_fresh(&mut look);
    bounds::find(&mut look, &builtins);
    for cache in caches.items() {
        if let Some((dictionary, bound)) = bound_of_cache(*cache)
            && look.id_of(dictionary) != 0
            && refers_to(*cache, [dictionary, function_of(*cache)])
        {
            look.set_bound(look.id_of(dictionary), bound);
        }
    }
    look.end(is_whole);
    count
}

fn record_fresh(look: &mut Look) {
    let mut name = [0; NAME];
    for id in look.fresh() {
        let watched = look.watched(id);
        let length = heap::type_name(Type(watched.of), &mut name);
        look.record(id, &name[..length]);
        if watched.kind == ContainerKind::Deque {
            // SAFETY: a live deque.
            let bound = unsafe { word(watched.object + DEQUE_BOUND) } as i64;
            look.set_bound(id, bound.max(-1));
        }
    }
}

/// The dictionary of a function with a cache, as far as its fields say, and the bound; `None`: it has none.
fn bound_of_cache(cache: usize) -> Option<(usize, i64)> {
    // SAFETY: a live object that is at least that long.
    let (dictionary, bound) = unsafe { (word(cache + CACHE), word(cache + CACHE_BOUND) as i64) };
    (bound >= 0).then_some((dictionary, bound))
}

fn function_of(cache: usize) -> usize {
    // SAFETY: as above.
    unsafe { word(cache + CACHED) }
}

/// Whether an object refers to both of two others: then its fields are where they were looked for.
fn refers_to(object: usize, wanted: [usize; 2]) -> bool {
    struct Check {
        wanted: [usize; 2],
        found: [bool; 2],
    }
    unsafe extern "C" fn visit(object: usize, check: *mut c_void) -> c_int {
        // SAFETY: what is passed below.
        let check = unsafe { &mut *check.cast::<Check>() };
        for (found, wanted) in check.found.iter_mut().zip(check.wanted) {
            *found |= object == wanted;
        }
        0
    }
    let mut check = Check { wanted, found: [false; 2] };
    // SAFETY: a live object, whose type's function visits what it refers to and keeps nothing of what it is given.
    unsafe {
        if let Some(traverse) = Type::of(object).traverse() {
            traverse(object, visit, core::ptr::from_mut(&mut check).cast());
        }
    }
    check.found == [true; 2]
}
