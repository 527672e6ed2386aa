//! Goes through all live objects and what they refer to. An object that the collector tracks has its own turn; what it
//! does not track is met through those that refer to it: numbers and texts, but also byte arrays, and dictionaries and
//! tuples in which nothing can be part of a cycle.

use core::ffi::{c_int, c_void};

use super::super::frames::word;
use super::super::objects::Type;
use super::enumerate::{each_tracked, is_tracked};
use super::room::Growing;
use super::running::{Local, each_local};
use super::types::{Builtins, Class, Types};

/// Is told what the walk meets.
pub(in crate::python) trait Visitor {
    /// An object that may refer to others or is a container; each tracked one once, others for which `is_first` said so.
    fn object(&mut self, object: usize, class: Class);

    /// Whether an object that the collector does not track was not met before.
    fn is_first(&mut self, object: usize, class: Class) -> bool;

    /// An object refers to another; 0: a variable of a running function does.
    #[inline(always)]
    fn reference(&mut self, _from: usize, _to: usize) {}
}

/// How deep untracked objects are followed at once; what lies deeper waits.
const DEEPEST: u32 = 8;
/// Tuples of at most so many items are looked through each time they are met, which is cheaper than to know them again.
const SHORT: usize = 8;

const TUPLE_LENGTH: usize = 16;

struct Walk<'a, V> {
    visitor: &'a mut V,
    types: Types<'a>,
    /// The object whose references are told.
    from: usize,
    depth: u32,
    waiting: Growing<usize>,
    is_whole: bool,
}

/// Goes through all objects. With the GIL. False: for want of memory not all that is untracked was met.
pub(in crate::python) fn walk<V: Visitor>(builtins: &Builtins, visitor: &mut V) -> bool {
    let Some(types) = Types::new(builtins) else {
        return false;
    };
    let mut walk = Walk { visitor, types, from: 0, depth: 0, waiting: Growing::new(), is_whole: true };
    each_tracked(&mut |object| {
        // SAFETY: a live object.
        let class = unsafe { walk.types.of(object) };
        walk.visitor.object(object, class);
        walk.traverse(object);
        walk.traverse_waiting();
    });
    each_local(&mut |local| {
        match local {
            Local::Object(object) => walk.meet(object),
            Local::Frame(frame) => walk.traverse(frame),
        }
        walk.traverse_waiting();
    });
    walk.is_whole
}

impl<V: Visitor> Walk<'_, V> {
    /// Tells of all that an object of a type with a header refers to.
    fn traverse(&mut self, object: usize) {
        // SAFETY: a live object.
        let Some(traverse) = (unsafe { Type::of(object) }).traverse() else {
            return;
        };
        let before = core::mem::replace(&mut self.from, object);
        self.depth += 1;
        // SAFETY: the type's own function, which the collector calls in the same way; what is visited lives on.
        unsafe { traverse(object, visit::<V>, core::ptr::from_mut(self).cast()) };
        self.depth -= 1;
        self.from = before;
    }

    fn traverse_waiting(&mut self) {
        while let Some(waiting) = self.waiting.pop() {
            self.traverse(waiting);
        }
    }

    #[inline(always)]
    fn meet(&mut self, object: usize) {
        self.visitor.reference(self.from, object);
        // SAFETY: a live object: another one refers to it.
        let class = unsafe { self.types.of(object) };
        // SAFETY: its type says that it has a header.
        if class.is_leaf() || (class.has_header() && unsafe { is_tracked(object) }) {
            return;
        }
        self.meet_untracked(object, class);
    }

    #[inline(never)]
    fn meet_untracked(&mut self, object: usize, class: Class) {
        if class.kind().is_none() && (!class.is_lazy() || self.is_harmless(object)) {
            return;
        }
        if !self.visitor.is_first(object, class) {
            return;
        }
        self.visitor.object(object, class);
        if !class.is_lazy() {
            return;
        }
        if self.depth < DEEPEST {
            self.traverse(object);
        } else if self.waiting.push(object).is_none() {
            self.is_whole = false;
        }
    }

    /// Whether a tuple is short and refers to nothing of interest.
    fn is_harmless(&self, tuple: usize) -> bool {
        let items = tuple + self.types.tuple_header();
        // SAFETY: a live tuple: its length, and its items, which may be missing while it is being made.
        unsafe {
            let length = word(tuple + TUPLE_LENGTH);
            length <= SHORT
                && (0..length).all(|index| match word(items + index * 8) {
                    0 => true,
                    item => self.types.of(item).is_leaf(),
                })
        }
    }
}

/// `visitproc`.
pub(in crate::python) type Visit = unsafe extern "C" fn(usize, *mut c_void) -> c_int;
/// `traverseproc`.
pub(in crate::python) type Traverse = unsafe extern "C" fn(usize, Visit, *mut c_void) -> c_int;

unsafe extern "C" fn visit<V: Visitor>(object: usize, walk: *mut c_void) -> c_int {
    // SAFETY: what `traverse` passed, which is not used meanwhile.
    let walk = unsafe { &mut *walk.cast::<Walk<'_, V>>() };
    if object != 0 {
        walk.meet(object);
    }
    0
}
