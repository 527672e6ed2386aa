//! The header of an object and the fields of its type that the tracker looks at. The same in CPython 3.8 to 3.15,
//! 64-bit, standard (GIL) builds.

use super::frames::word;

/// In an object: its type.
pub(super) const TYPE: usize = 8;
/// In an object of variable size: the number of its items.
const SIZE: usize = 16;
/// In a type: bytes of an object, and of each item.
const TYPE_BASIC_SIZE: usize = 32;
const TYPE_ITEM_SIZE: usize = 40;
/// In a type: its deallocator.
pub(super) const TYPE_DEALLOC: usize = 48;
const TYPE_FLAGS: usize = 168;
/// In a type: what gives the memory back.
pub(super) const TYPE_FREE: usize = 320;
const TYPE_DEL: usize = 376;
const TYPE_FINALIZE: usize = 392;

/// Objects with a header of the collector before them.
const HAS_GC: usize = 1 << 14;
/// Objects with two more words before that: their dictionary and their weak references (3.12 and later).
const HAS_PRE_HEADER: usize = 1 << 3 | 1 << 4;

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
    #[inline(always)]
    pub(super) fn header(self) -> usize {
        let flags = self.field(TYPE_FLAGS);
        (if flags & HAS_GC != 0 { 16 } else { 0 }) + (if flags & HAS_PRE_HEADER != 0 { 16 } else { 0 })
    }

    /// Whether objects can come back to life while they are deallocated.
    pub(super) fn has_finalizer(self) -> bool {
        self.field(TYPE_FINALIZE) != 0 || self.field(TYPE_DEL) != 0
    }

    /// Bytes that CPython asks for when it makes an object of this type that has as many items as this one.
    ///
    /// # Safety
    /// `object` must be one of this type.
    pub(super) unsafe fn block_size(self, object: usize) -> usize {
        let item = self.field(TYPE_ITEM_SIZE);
        // SAFETY: the caller's promise; types with items have their number there.
        let items = if item == 0 { 0 } else { unsafe { word(object + SIZE) } };
        self.header() + (self.field(TYPE_BASIC_SIZE) + items * item).next_multiple_of(8)
    }

    #[inline(always)]
    fn field(self, offset: usize) -> usize {
        // SAFETY: a live type, laid out as said above.
        unsafe { word(self.0 + offset) }
    }
}
