//! Forked children that cannot be given a file: they go on as they do alone, whatever they do first, and so do their own.

use leakgate::profile::LOST_CHILD;

use crate::harness::{Figures, Program, Recording, amount, of_function};

fn reasons() -> Vec<&'static str> {
    let is_root = nix::unistd::Uid::effective().is_root();
    if !is_root {
        eprintln!("skipped: it takes root to give rights away");
    }
    ["rights", "descriptors", "space"].into_iter().filter(|reason| is_root || *reason != "rights").collect()
}

fn parent_stands_alone(recording: &Recording, what: &str) {
    assert_eq!(recording.output.status.code(), Some(15), "{what}");
    let [parent] = &recording.capture.processes[..] else { panic!("{what}: more than one process") };
    let all = amount(10_000, 10);
    assert_eq!(of_function(parent, "before"), Figures { peak: all, end: all, total: all }, "{what}");
    assert_eq!(of_function(parent, "in_lost"), Figures::default(), "{what}");
}

#[test]
fn a_child_without_a_file_forks_again_whether_it_allocates_before_or_not() {
    let program = Program::of("lost");
    for reason in reasons() {
        for arguments in [&[reason][..], &[reason, "allocates"]] {
            let run = program.run(arguments);
            assert_eq!(run.plain().status.code(), Some(15), "{arguments:?}");
            let recording = run.record();
            parent_stands_alone(&recording, &format!("{arguments:?}"));
            assert!(recording.first().notes.iter().any(|note| note == LOST_CHILD), "{arguments:?}");
        }
    }
}

#[test]
fn a_child_that_is_not_followed_forks_again_whether_it_allocates_before_or_not() {
    let program = Program::of("lost");
    for arguments in [&["not followed"][..], &["not followed", "allocates"]] {
        let folder = crate::harness::folder();
        let run = program.run(arguments);
        let capture = run.record_into_with(&["--no-follow"], &folder.path().join("capture"));
        let [parent] = &capture.processes[..] else { panic!("more than one process") };
        assert!(parent.process.ended, "{arguments:?}");
        assert_eq!(of_function(parent, "before").end, amount(10_000, 10), "{arguments:?}");
        assert!(!parent.notes.iter().any(|note| note == LOST_CHILD), "{:?}", parent.notes);
    }
}
