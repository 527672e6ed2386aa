//! A spinning lock that gives way to other threads. Never taken by a signal handler: `event` sees to that.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use crate::sys;

/// A value behind a spinning lock.
pub(crate) struct Lock<T> {
    held: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is reached through a guard only, and one guard exists at a time.
unsafe impl<T> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Lock { held: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// Where the value is, for a reader that takes no lock.
    pub(crate) fn address(&self) -> *const T {
        self.value.get()
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.acquire();
        Guard(self)
    }

    /// Takes the lock without a guard; `release` gives it back. For the handlers around `fork`.
    pub(crate) fn acquire(&self) {
        let mut tries = 0u32;
        while self.held.compare_exchange_weak(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            tries += 1;
            if tries.is_multiple_of(64) { sys::yield_now() } else { core::hint::spin_loop() }
        }
    }

    /// Gives back what `acquire` took; also used in a forked child, where the holder may not exist any more.
    pub(crate) fn release(&self) {
        self.held.store(0, Ordering::Release);
    }
}

/// Holds the lock until dropped.
pub(crate) struct Guard<'a, T>(&'a Lock<T>);

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held.
        unsafe { &mut *self.0.value.get() }
    }
}
