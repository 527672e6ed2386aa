//! What the threads of a model do, and what must come out of it in every order of their steps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::sync::atomic::AtomicU32;
use loom::thread;

use crate::world::World;

/// Its name, what it does, and the most preemptions that are tried: all orders of three threads are too many.
pub(crate) type Course = (&'static str, fn(), Option<usize>);

pub(crate) const ALL: [Course; 11] = [
    ("pairs at the peak", pairs, None),
    ("room is used up", room_is_used_up, None),
    ("a block is passed on", passed_on, None),
    ("a thread comes and goes", birth_and_death, None),
    ("the record of one who comes", record_of_another, None),
    ("a checkpoint", checkpoint, None),
    ("two climb", two_climb, None),
    ("an unknown thread", unknown_thread, None),
    ("up and down", up_and_down, None),
    ("three", three, Some(3)),
    ("a record is used again", record_used_again, Some(3)),
];

/// Runs two threads to their end.
fn two(first: impl FnOnce() + 'static, second: impl FnOnce() + 'static) {
    let other = thread::spawn(second);
    first();
    other.join().expect("it does not panic");
}

/// Runs three threads to their end.
fn three_threads(
    first: impl FnOnce() + 'static,
    second: impl FnOnce() + 'static,
    third: impl FnOnce() + 'static,
) {
    let other = thread::spawn(third);
    two(first, second);
    other.join().expect("it does not panic");
}

/// Each makes a block and frees it. Together they can come above the peak so far.
fn pairs() {
    let world = World::new(10, 2);
    let pair = |thread: usize| {
        world.count(thread, thread + 1, 10);
        world.count(thread, thread + 1, -10);
    };
    two(move || pair(0), move || pair(1));
    let (live, peak) = world.end();
    assert_eq!(live, 0);
    assert!(peak == 10 || peak == 20, "{peak}");
}

/// A thread that goes on by itself in its room, while another one needs more than there is.
fn room_is_used_up() {
    let world = World::new(40, 2);
    two(
        move || {
            world.count(0, 1, 8);
            world.count(0, 1, 4);
            world.count(0, 1, -4);
        },
        move || world.count(1, 2, 36),
    );
    let (live, peak) = world.end();
    assert_eq!(live, 44);
    assert!(peak == 44 || peak == 48, "{peak}");
}

/// A thread frees what the other one made, in a record of its own, and makes as much: no order has more than one block.
fn passed_on() {
    let world = World::new(10, 2);
    let slot = Arc::new(AtomicU32::new(0));
    let given = Arc::clone(&slot);
    two(
        move || {
            world.count(0, 1, 10);
            given.store(1, Ordering::Release);
        },
        move || {
            if slot.load(Ordering::Acquire) == 1 {
                world.count(1, 3, -10);
                world.count(1, 2, 10);
            }
        },
    );
    assert_eq!(world.end(), (10, 10));
}

/// One thread counts alone until another one comes, and after it is gone.
fn birth_and_death() {
    let world = World::new(0, 1);
    two(
        move || {
            world.count(0, 1, 10);
            world.count(0, 1, -10);
        },
        move || {
            world.join(1);
            world.count(1, 2, 10);
            world.join(-1);
        },
    );
    let (live, peak) = world.end();
    assert_eq!(live, 10);
    assert!(peak == 10 || peak == 20, "{peak}");
}

/// As long as it is alone, a thread counts in the record of one who was there before, and comes again.
fn record_of_another() {
    let world = World::new(0, 1);
    two(
        move || {
            world.count_for_another(0, 1, 2, 10);
            world.count_for_another(0, 1, 2, -10);
        },
        move || {
            world.join(1);
            world.count(1, 2, 10);
            world.join(-1);
        },
    );
    let (live, peak) = world.end();
    assert_eq!(live, 10);
    assert!(peak == 10 || peak == 20, "{peak}");
}

/// Everything is frozen, and a new window begins, while a thread counts.
fn checkpoint() {
    let world = World::new(20, 2);
    two(
        move || {
            world.count(0, 1, 10);
            world.count(0, 1, -10);
        },
        move || world.checkpoint(),
    );
    let (live, peak) = world.end();
    assert_eq!(live, 0);
    assert!(peak == 20 || peak == 10 || peak == 0, "{peak}");
}

/// Each block is a new peak.
fn two_climb() {
    let world = World::new(0, 2);
    two(
        move || {
            world.count(0, 1, 10);
            world.count(0, 1, 10);
        },
        move || {
            world.count(1, 2, 1);
            world.count(1, 2, -1);
        },
    );
    let (live, peak) = world.end();
    assert_eq!(live, 20);
    assert!(peak == 20 || peak == 21, "{peak}");
}

/// Three threads with a block each, of which two find room below the peak.
fn three() {
    let world = World::new(20, 3);
    three_threads(
        move || world.count(0, 1, 10),
        move || world.count(1, 2, 10),
        move || world.count(2, 3, 10),
    );
    assert_eq!(world.end(), (30, 30));
}

/// A thread ends, and another one goes on with its record.
fn record_used_again() {
    let world = World::new(20, 2);
    let ended = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&ended);
    three_threads(
        move || {
            world.count(0, 1, 10);
            world.count(0, 1, -10);
        },
        move || {
            world.count(1, 2, 10);
            world.join(-1);
            ended.store(1, Ordering::Release);
        },
        move || {
            if seen.load(Ordering::Acquire) == 1 {
                world.join(1);
                world.count(1, 2, -10);
            }
        },
    );
    let (live, peak) = world.end();
    assert!(live == 0 || live == 10, "{live}");
    assert_eq!(peak, 20);
}

/// A thread that has no record counts under the lock.
fn unknown_thread() {
    let world = World::new(10, 1);
    two(
        move || {
            world.count(0, 1, 10);
            world.count(0, 1, -10);
        },
        move || {
            world.count_unknown(4, 10);
            world.count_unknown(4, -10);
        },
    );
    let (live, peak) = world.end();
    assert_eq!(live, 0);
    assert!(peak == 10 || peak == 20, "{peak}");
}

/// To the peak, above it, far below it, and up again.
fn up_and_down() {
    let world = World::new(10, 2);
    two(
        move || {
            world.count(0, 1, 20);
            world.count(0, 1, -20);
            world.count(0, 1, 5);
        },
        move || {
            world.count(1, 2, 3);
            world.count(1, 2, -3);
        },
    );
    let (live, peak) = world.end();
    assert_eq!(live, 5);
    assert!(peak == 20 || peak == 23, "{peak}");
}
