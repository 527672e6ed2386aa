//! The header of an object and the fields of its type that the tracker looks at. The same in CPython 3.8 to 3.15,
//! 64-bit, standard (GIL) builds.

use core::ffi::{CStr, c_char};

use super::frames::word;
use super::heap::Traverse;

/// In an object: its type.
pub(super) const TYPE: usize = 8;
/// In a type: its name.
const TYPE_NAME: usize = 24;
const TYPE_SIZE: usize = 32;
/// In a type: its deallocator.
pub(super) const TYPE_DEALLOC: usize = 48;
const TYPE_FLAGS: usize = 168;
const TYPE_TRAVERSE: usize = 184;
pub(super) const TYPE_BASE: usize = 256;
pub(super) const TYPE_NAMES: usize = 264;
/// In a type: what gives the memory back.
pub(super) const TYPE_FREE: usize = 320;
/// In a type: what tells whether an object has a header of the collector, where not all have.
const TYPE_IS_COLLECTED: usize = 328;
pub(super) const TYPE_BASES: usize = 336;
pub(super) const TYPE_ORDER: usize = 344;
pub(super) const TYPE_CACHE: usize = 352;
pub(super) const TYPE_SUBCLASSES: usize = 360;
const TYPE_DEL: usize = 376;
const TYPE_FINALIZE: usize = 392;

/// Strings.
const IS_TEXT: usize = 1 << 28;
/// Types made while the program runs.
const IS_MADE: usize = 1 << 9;
/// Objects with a header of the collector before them.
const HAS_GC: usize = 1 << 14;
/// Objects with two more words before that: their dictionary and their weak references (3.12 and later).
const HAS_PRE_HEADER: usize = 1 << 3 | 1 << 4;

/// Most bytes of a block before the object. Of the objects whose blocks CPython keeps, only numbers are so small that
/// another one could begin that close behind.
pub(super) const LONGEST_HEADER: usize = 32;

/// What is below is no address: since 3.12 some types have small numbers where others have objects.
pub(super) const LOWEST: usize = 1 << 16;

/// A type of a live object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Type(pub usize);

impl Type {
    /// The type of an object.
    ///
    /// # Safety
    /// `object` must have its type set, and stay so during the call.
    #[inline(always)]
    pub(super) unsafe fn of(object: usize) -> Type {
        // SAFETY: the caller's promise.
        Type(unsafe { word(object + TYPE) })
    }

    /// Bytes of the block before the object itself, as CPython puts them there when it allocates one of this type.
    pub(super) fn header(self) -> usize {
        let flags = self.field(TYPE_FLAGS);
        (if flags & HAS_GC != 0 { 16 } else { 0 }) + (if flags & HAS_PRE_HEADER != 0 { 16 } else { 0 })
    }

    /// Whether objects can come back to life while they are deallocated.
    pub(super) fn has_finalizer(self) -> bool {
        self.field(TYPE_FINALIZE) != 0 || self.field(TYPE_DEL) != 0
    }

    /// Its name, with that of the module where C code gave it.
    pub(super) fn name(self) -> Option<&'static CStr> {
        let name = self.field(TYPE_NAME) as *const c_char;
        // SAFETY: a C string that lives as long as the type. In other layouts a header or a pointer to one: it has a 0
        // byte, too.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
    }

    /// Its flags.
    #[inline(always)]
    pub(super) fn flags(self) -> usize {
        self.field(TYPE_FLAGS)
    }

    /// Bytes of an object without its items.
    pub(super) fn basic_size(self) -> usize {
        self.field(TYPE_SIZE)
    }

    /// Whether the collector can track its objects.
    pub(super) fn is_collected(self) -> bool {
        self.flags() & HAS_GC != 0
    }

    /// Whether only some of its objects can be tracked.
    pub(super) fn decides_itself(self) -> bool {
        self.field(TYPE_IS_COLLECTED) != 0
    }

    /// Whether it was made while the program runs: its name does not tell its module.
    pub(super) fn is_made(self) -> bool {
        self.flags() & IS_MADE != 0
    }

    /// Whether it has all of these flags.
    pub(super) fn has(self, flags: usize) -> bool {
        self.flags() & flags == flags
    }

    /// Whether its objects are strings.
    pub(super) fn is_text(self) -> bool {
        self.has(IS_TEXT)
    }

    /// The dictionary of its names; 0: there is none.
    pub(super) fn names(self) -> usize {
        self.field(TYPE_NAMES)
    }

    /// The type that it is built on; 0: none.
    pub(super) fn base(self) -> Type {
        Type(self.field(TYPE_BASE))
    }

    /// Whether its objects are built on those of another type.
    pub(super) fn descends_from(self, other: usize) -> bool {
        let mut at = self.0;
        while at != other && at != 0 {
            at = Type(at).field(TYPE_BASE);
        }
        at == other
    }

    /// What visits all that one of its objects refers to.
    #[inline(always)]
    pub(super) fn traverse(self) -> Option<Traverse> {
        // SAFETY: the field has that type; 0 is `None`.
        unsafe { core::mem::transmute::<usize, Option<Traverse>>(self.field(TYPE_TRAVERSE)) }
    }

    #[inline(always)]
    fn field(self, offset: usize) -> usize {
        // SAFETY: a live type, laid out as said above.
        unsafe { word(self.0 + offset) }
    }
}
