//! A list in memory of our own.

use core::ptr::null_mut;

use crate::sys;

const FIRST_BYTES: usize = 1 << 14;

/// A list that grows; its memory goes with it.
pub(in crate::python) struct Growing<T: Copy> {
    items: *mut T,
    room: usize,
    used: usize,
}

impl<T: Copy> Growing<T> {
    pub(in crate::python) const fn new() -> Self {
        Growing { items: null_mut(), room: 0, used: 0 }
    }

    /// Adds an item. `None`: no memory could be had.
    pub(in crate::python) fn push(&mut self, item: T) -> Option<()> {
        if self.used == self.room {
            self.grow()?;
        }
        // SAFETY: there is room for `room` items, and `used` is below it.
        unsafe { self.items.add(self.used).write(item) };
        self.used += 1;
        Some(())
    }

    /// Takes the last item.
    pub(in crate::python) fn pop(&mut self) -> Option<T> {
        self.used = self.used.checked_sub(1)?;
        // SAFETY: items up to `used` were written.
        Some(unsafe { self.items.add(self.used).read() })
    }

    pub(in crate::python) fn items(&self) -> &[T] {
        if self.items.is_null() {
            return &[];
        }
        // SAFETY: so many items were written, and none changes while they are borrowed.
        unsafe { core::slice::from_raw_parts(self.items, self.used) }
    }

    /// The items, to be changed.
    pub(in crate::python) fn items_mut(&mut self) -> &mut [T] {
        if self.items.is_null() {
            return &mut [];
        }
        // SAFETY: as above, and the whole is borrowed.
        unsafe { core::slice::from_raw_parts_mut(self.items, self.used) }
    }

    /// Forgets all items.
    pub(in crate::python) fn clear(&mut self) {
        self.used = 0;
    }

    /// Bytes that it takes.
    pub(in crate::python) fn bytes(&self) -> usize {
        self.room * size_of::<T>()
    }

    fn grow(&mut self) -> Option<()> {
        let bytes = (self.bytes() * 2).max(FIRST_BYTES);
        let fresh = sys::map(bytes)?.cast::<T>();
        if !self.items.is_null() {
            // SAFETY: the new room is larger than what is used of the old one, and apart from it.
            unsafe { fresh.copy_from_nonoverlapping(self.items, self.used) };
            sys::unmap(self.items.cast(), self.bytes());
        }
        self.items = fresh;
        self.room = bytes / size_of::<T>();
        Some(())
    }
}

impl<T: Copy> Drop for Growing<T> {
    fn drop(&mut self) {
        if !self.items.is_null() {
            sys::unmap(self.items.cast(), self.bytes());
        }
    }
}
