//! Trees of processes: each has its file and its parent, what forked ones share is counted once, and what ran without the
//! tracker is named.

use std::ffi::OsStr;
use std::fs;

use leakgate::profile::Birth;
use leakgate::profile::model::Profile;

use crate::harness::{Program, Run, amount, folder, of_function};
use crate::processes::{child_is_exact, parent_is_exact};

#[test]
fn every_function_that_executes_takes_the_tracker_past_an_empty_environment() {
    let recording = Program::of("processes").record(&["every way"]);
    let root = recording.first();
    parent_is_exact(&recording);
    let executed: Vec<&Profile> = recording.capture.processes[1..]
        .iter()
        .filter(|profile| !matches!(profile.process.birth, Birth::Forked(_)))
        .collect();
    assert_eq!(executed.len(), 10);
    for child in executed {
        assert_eq!(child.process.parent, root.process.pid);
        assert_eq!(of_function(child, "before").total, amount(100_000, 100));
        assert_eq!(of_function(child, "in_child").total, amount(5000, 10));
    }
    assert_eq!(recording.capture.untracked, []);
}

#[test]
fn what_a_program_is_given_is_what_was_asked_for_but_for_the_preload() {
    let program = Program::of("processes");
    let run = program.run(&["shown"]);
    let (plain, recording) = (run.plain(), run.record().ended_well());
    let plain = String::from_utf8(plain.stdout).unwrap();
    let tracked = recording.stdout();
    assert!(plain.contains("argument a b\n") && plain.ends_with("variable no equals sign\n"), "{plain}");
    assert_eq!(tracked, plain + "variable LD_PRELOAD\n");
}

#[test]
fn a_chain_of_programs_is_one_process_with_a_file_for_each() {
    let recording = Program::of("processes").record(&["chain", "3"]);
    let programs = &recording.capture.processes;
    assert_eq!(programs.len(), 3);
    for (number, profile) in programs.iter().enumerate() {
        let blocks = 30 - 10 * number as u64;
        assert_eq!(of_function(profile, "in_link").end, amount(2000 * blocks, blocks));
        assert_eq!(profile.process.sequence, number as u32);
        assert_eq!(profile.process.pid, programs[0].process.pid);
        assert_eq!(profile.process.parent, programs[0].process.parent);
        assert_eq!(profile.process.replaced, number < 2);
        let before = number.checked_sub(1).map(|before| programs[before].process.id());
        assert_eq!(profile.process.birth, before.map_or(Birth::Unknown, Birth::Executed));
    }
    let together = recording.capture.together();
    // Of a program that was replaced nothing is left.
    assert_eq!((together.processes, together.programs), (1, 3));
    assert_eq!(together.end, programs[2].totals.end.bytes);
    assert_eq!(recording.capture.tree(), [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn what_a_child_inherited_is_a_figure_of_its_own_and_counted_once() {
    let program = Program::of("processes");
    for way in ["fork", "_Fork", "raw", "clone"] {
        let recording = program.record(&[way]);
        let [parent, child] = &recording.capture.processes[..] else { panic!("{way}: not two processes") };
        assert_eq!(child.process.birth, Birth::Forked(parent.process.id()), "{way}");
        let inherited = child.inherited;
        assert_eq!(inherited.fork.bytes - inherited.end.bytes, 40_000, "{way}");
        assert_eq!(child.totals.end.bytes - inherited.end.bytes, 5000, "{way}");
        assert_eq!(inherited.peak, inherited.fork, "{way}");
        assert_eq!(recording.capture.together().end, parent.totals.end.bytes + 5000, "{way}");
        assert_eq!(parent.inherited, Default::default(), "{way}");
    }
}

#[test]
fn what_a_parent_drops_and_its_child_still_holds_is_not_lost() {
    let recording = Program::of("processes").record(&["handed down"]);
    let [parent, child] = &recording.capture.processes[..] else { panic!("not two processes") };
    assert_eq!(of_function(parent, "before").end, amount(0, 0));
    assert_eq!(of_function(child, "before").end, amount(100_000, 100));
    assert_eq!(recording.capture.together().end, child.totals.end.bytes);
}

#[test]
fn grandchildren_share_with_whom_they_come_from() {
    let recording = Program::of("processes").record(&["generations"]);
    let [first, child, grandchild] = &recording.capture.processes[..] else { panic!("not three processes") };
    assert_eq!(grandchild.process.birth, Birth::Forked(child.process.id()));
    assert_eq!(grandchild.totals.end.bytes - grandchild.inherited.end.bytes, 900);
    assert_eq!(recording.capture.together().end, first.totals.end.bytes + 5000 + 900);
    assert_eq!(recording.capture.tree(), [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn a_daemon_is_known_by_the_process_that_it_comes_from_though_its_parent_has_ended() {
    let recording = Program::of("processes").record(&["daemon"]);
    let [first, between, daemon] = &recording.capture.processes[..] else { panic!("not three processes") };
    parent_is_exact(&recording);
    child_is_exact(daemon);
    assert_eq!(between.process.birth, Birth::Forked(first.process.id()));
    assert_eq!(daemon.process.birth, Birth::Forked(between.process.id()));
    assert_eq!((between.process.parent, daemon.process.parent), (first.process.pid, between.process.pid));
    assert_eq!(recording.capture.together().end, first.totals.end.bytes + 5000);
}

#[test]
fn five_hundred_children_have_a_file_each_and_are_counted_once() {
    let recording = Program::of("processes").record(&["many"]);
    let (parent, children) = recording.capture.processes.split_first().unwrap();
    parent_is_exact(&recording);
    assert_eq!(children.len(), 500);
    let mut sizes: Vec<u64> = children.iter().map(|child| of_function(child, "in_many").end.bytes).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, (1000..1500).collect::<Vec<u64>>());
    for child in children {
        assert_eq!(child.process.birth, Birth::Forked(parent.process.id()));
        assert_eq!(of_function(child, "before").end, amount(100_000, 100));
    }
    let together = recording.capture.together();
    assert_eq!(together.processes, 501);
    assert_eq!(together.end, parent.totals.end.bytes + sizes.iter().sum::<u64>());
    assert!(together.peak >= parent.totals.peak.bytes && together.peak <= together.peak_at_most);
}

#[test]
fn the_peak_of_all_together_is_sampled_with_shared_memory_counted_once() {
    let program = Program::of("processes");
    // The program finds the time line beside itself: the harness decides where the capture is only when it runs.
    let timeline = program.folder().join("capture/timeline.csv");
    let words = [program.path().as_os_str(), OsStr::new("sampled"), timeline.as_os_str()];
    let capture = Run::of(words).record_into(&program.folder().join("capture"));
    let [parent, child] = &capture.processes[..] else { panic!("not two processes") };
    assert_eq!(child.totals.end.bytes - child.inherited.end.bytes, 16 << 20);
    // After its child the parent keeps 5 blocks of 50 more.
    assert_eq!(capture.sampled_peak, Some(parent.totals.end.bytes - 250 + (16 << 20)));
    let together = capture.together();
    assert_eq!(together.peak, capture.sampled_peak.unwrap());
    assert_eq!(together.peak_at_most, parent.totals.peak.bytes + child.totals.peak.bytes);
    assert!(!together.peak_is_exact);
}

#[test]
fn a_static_program_is_named_however_short_it_lives() {
    let program = Program::with("short", &[OsStr::new("-static")]);
    let script = format!("'{0}'; '{0}'; /no/such/program; exit 0", program.path().display());
    let recording = Run::of(["sh", "-c", &script]).record().ended_well();
    let root = recording.first().process.pid;
    let untracked = &recording.capture.untracked;
    assert_eq!(untracked.len(), 2, "{untracked:?}");
    for each in untracked {
        assert_eq!(OsStr::new(&each.program), program.path());
        assert!(each.pid.is_some_and(|pid| pid != root), "{untracked:?}");
        assert_eq!(each.owner.pid, root);
    }
}

#[test]
fn a_shell_that_the_c_library_starts_past_the_tracker_is_named() {
    let recording = Program::of("processes").record(&["past the hooks"]);
    assert_eq!(of_function(recording.first(), "before").end, amount(100_000, 100));
    let escaped: Vec<&str> = (recording.capture.untracked.iter())
        .filter(|program| program.pid.is_none())
        .map(|program| program.program.as_str())
        .collect();
    assert_eq!(escaped, ["/bin/sh", "/bin/sh"]);
}

#[test]
fn without_following_only_the_command_itself_is_recorded() {
    let program = Program::of("processes");
    for (way, programs) in
        [("fork", 1), ("vfork", 1), ("spawn without environment", 1), ("generations", 1), ("exec", 2)]
    {
        let folder = folder();
        let run = program.run(&[way]);
        let capture = run.record_into_with(&["--no-follow"], folder.path());
        assert_eq!(capture.processes.len(), programs, "{way}");
        if way != "exec" {
            assert_eq!(of_function(&capture.processes[0], "before").end, amount(100_000, 100), "{way}");
            assert_eq!(of_function(&capture.processes[0], "after").end, amount(250, 5), "{way}");
        }
        assert_eq!(capture.untracked, [], "{way}");
        let said = "only the command itself was recorded, not the processes that it started";
        assert!(capture.notes.iter().any(|note| note == said), "{way}: {:?}", capture.notes);
    }
}

#[test]
fn a_damaged_journal_is_told_and_the_rest_is_read() {
    let recording = Program::of("processes").record(&["fork"]);
    let path = recording.path();
    fs::remove_file(path.join("seal.json")).unwrap();
    let journal = path.join("journal");
    let text = fs::read_to_string(&journal).unwrap() + "exec 1 2\n";
    fs::write(&journal, text).unwrap();
    let capture = leakgate::profile::load::capture(&path).unwrap();
    assert_eq!(capture.processes.len(), 2);
    assert!(
        capture.notes.iter().any(|note| note.starts_with("1 lines of the journal")),
        "{:?}",
        capture.notes
    );
}
