//! A text that is set once, by the constructor, and can be read everywhere afterwards: without a lock.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

const MOST: usize = 1024;

/// The text; empty before it is set.
pub(crate) struct Text {
    bytes: UnsafeCell<[u8; MOST]>,
    length: AtomicUsize,
}

// SAFETY: the bytes are written before `length` tells that they are there, and never afterwards.
unsafe impl Sync for Text {}

impl Text {
    pub(crate) const fn new() -> Text {
        Text { bytes: UnsafeCell::new([0; MOST]), length: AtomicUsize::new(0) }
    }

    /// Sets it. Called once, by the constructor. `None`: it is too long.
    pub(crate) fn set(&self, text: &[u8]) -> Option<()> {
        // SAFETY: nobody reads what `length` does not count, and only the constructor writes.
        unsafe { &mut *self.bytes.get() }.get_mut(..text.len())?.copy_from_slice(text);
        self.length.store(text.len(), Ordering::Release);
        Some(())
    }

    pub(crate) fn get(&self) -> &[u8] {
        let length = self.length.load(Ordering::Acquire);
        // SAFETY: the bytes that `length` counts are never changed.
        unsafe { core::slice::from_raw_parts(self.bytes.get().cast(), length) }
    }
}
