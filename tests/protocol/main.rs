//! A model of the protocol between the tracker's threads: the tracker's own code, with every interleaving of its steps.
//!
//! Each course is run in all orders (with a bound on preemptions) and with all values that the memory model allows; in each of
//! them nothing is lost and the sites add up to the peak. Without any one of the protocol's steps, fences or
//! orderings some course finds a fault: so none of them is there for nothing, and the model can fail.

#![allow(dead_code, reason = "the protocol is compiled as the tracker has it")]

#[path = "../../tracker/src/protocol.rs"]
mod protocol;

mod courses;
mod sync;
mod world;

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::Step;
use sync::{Fault, set_fault};

/// Runs a course in every order, or in those with at most so many preemptions; how many there are.
fn explore(course: fn(), bound: Option<usize>) -> usize {
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    builder.preemption_bound = bound;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        course();
    });
    orders.load(Ordering::Relaxed)
}

#[test]
fn every_course_is_exact_in_every_order() {
    set_fault(Fault::None);
    for (name, course, bound) in courses::ALL {
        let orders = explore(course, bound);
        // A course whose threads never meet would show nothing.
        assert!(orders > 1, "{name}: {orders} orders");
    }
}

/// Whether a course finds that something is left out.
fn is_found(fault: Fault) -> bool {
    set_fault(fault);
    courses::ALL.iter().any(|(_, course, bound)| catch_unwind(|| explore(*course, *bound)).is_err())
}

macro_rules! without {
    ($($test:ident: $fault:expr;)*) => {
        $(#[test]
        fn $test() {
            assert!(is_found($fault));
        })*
    };
}

without! {
    the_fence_of_the_event_is_needed: Fault::LightFence;
    loads_that_take_over_are_needed: Fault::Acquire;
    stores_that_hand_over_are_needed: Fault::Release;
    waiting_for_events_is_needed: Fault::Step(Step::Wait);
    the_fence_of_all_is_needed: Fault::Step(Step::Fence);
    copying_the_peak_is_needed: Fault::Step(Step::Copy);
    taking_in_what_threads_kept_is_needed: Fault::Step(Step::Collect);
    stopping_without_room_is_needed: Fault::Step(Step::Stop);
}
