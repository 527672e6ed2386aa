//! What `tracker/src/sync.rs` has, of loom: every order of the threads' steps and every value that a load may see is
//! tried, and a word that is read or written without being handed over is an error. Each part can be made faulty.

use std::cell::Cell;

use loom::cell::UnsafeCell;
use loom::sync::atomic;

pub(crate) use std::sync::atomic::{Ordering, compiler_fence};

use crate::protocol::Step;

/// What is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    None,
    /// The ordinary event's half of the fence.
    LightFence,
    /// That loads take over what was handed over.
    Acquire,
    /// That stores hand over what was written before.
    Release,
    /// A step of the protocol.
    Step(Step),
}

thread_local! {
    // Loom runs all threads of a model on the thread that asks for it.
    static FAULT: Cell<Fault> = const { Cell::new(Fault::None) };
}

pub(crate) fn set_fault(fault: Fault) {
    FAULT.set(fault);
}

pub(crate) fn has(fault: Fault) -> bool {
    FAULT.get() == fault
}

/// An atomic word between threads.
pub(crate) struct AtomicU32(atomic::AtomicU32);

impl AtomicU32 {
    pub(crate) fn new(value: u32) -> Self {
        AtomicU32(atomic::AtomicU32::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        let lost = has(Fault::Acquire) && order == Ordering::Acquire;
        self.0.load(if lost { Ordering::Relaxed } else { order })
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        let lost = has(Fault::Release) && order == Ordering::Release;
        self.0.store(value, if lost { Ordering::Relaxed } else { order });
    }
}

/// A number that one thread at a time changes: loom finds whoever reads or writes it out of turn.
pub(crate) struct Word(UnsafeCell<i64>);

impl Word {
    pub(crate) fn new(value: i64) -> Self {
        Word(UnsafeCell::new(value))
    }

    pub(crate) fn get(&self) -> i64 {
        // SAFETY: loom runs one thread at a time, and ends the model where a real program would race.
        self.0.with(|word| unsafe { *word })
    }

    pub(crate) fn set(&self, value: i64) {
        // SAFETY: as above.
        self.0.with_mut(|word| unsafe { *word = value });
    }

    pub(crate) fn add(&self, amount: i64) {
        self.set(self.get() + amount);
    }
}

/// As `Word`, of 32 bits.
pub(crate) struct Number(Word);

impl Number {
    pub(crate) fn new(value: u32) -> Self {
        Number(Word::new(i64::from(value)))
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.get() as u32
    }

    pub(crate) fn set(&self, value: u32) {
        self.0.set(i64::from(value));
    }
}

/// `membarrier` makes a thread's fence at any point of its program; here it is made at the one that counts.
pub(crate) fn light_fence() {
    if !has(Fault::LightFence) {
        atomic::fence(Ordering::SeqCst);
    }
}
