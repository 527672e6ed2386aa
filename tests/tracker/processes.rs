//! Forks, spawns and execs: the parent's figures stay its own, and a child has a file of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use leakgate::profile::model::{Birth, Profile};

use crate::harness::{Figures, Program, Recording, Run, amount, figures, folder, of_function};
use crate::python;

pub(crate) fn parent_is_exact(recording: &Recording) {
    let parent = recording.first();
    let kept = |bytes, blocks| {
        let all = amount(bytes, blocks);
        Figures { peak: all, end: all, total: all }
    };
    assert_eq!(of_function(parent, "before"), kept(100_000, 100));
    assert_eq!(of_function(parent, "after"), kept(250, 5));
    assert_eq!(of_function(parent, "in_child"), Figures::default());
}

/// The processes after the first, which are its children.
fn children(recording: &Recording) -> Vec<&Profile> {
    let pid = recording.first().process.pid;
    let children = recording.capture.processes[1..].iter();
    children.inspect(|child| assert_eq!(child.process.parent, pid)).collect()
}

pub(crate) fn child_is_exact(child: &Profile) {
    // What was inherited is live, and was not allocated here.
    let inherited = of_function(child, "before");
    assert_eq!((inherited.peak, inherited.end), (amount(100_000, 100), amount(60_000, 60)));
    assert_eq!(inherited.total, amount(0, 0));
    let own = of_function(child, "in_child");
    assert_eq!((own.end, own.total), (amount(5000, 10), amount(5000, 10)));
    assert_eq!(of_function(child, "after"), Figures::default());
    assert!(child.notes.iter().any(|note| note.starts_with("forked from process")), "{:?}", child.notes);
}

#[test]
fn a_forked_child_has_its_own_file_however_it_was_forked() {
    let program = Program::of("processes");
    for way in ["fork", "_Fork", "raw", "clone"] {
        let recording = program.record(&[way]);
        parent_is_exact(&recording);
        let children = children(&recording);
        assert_eq!(children.len(), 1, "{way}");
        child_is_exact(children[0]);
    }
}

#[test]
fn a_grandchild_inherits_what_its_parent_had() {
    let recording = Program::of("processes").record(&["generations"]);
    parent_is_exact(&recording);
    let [first, child, grandchild] = &recording.capture.processes[..] else { panic!("not three processes") };
    assert_eq!((child.process.parent, grandchild.process.parent), (first.process.pid, child.process.pid));
    child_is_exact(child);
    assert!(child.process.ended && !grandchild.process.ended);
    assert_eq!(of_function(grandchild, "before").end, amount(0, 0));
    assert_eq!(of_function(grandchild, "in_child").end, amount(5000, 10));
    assert_eq!(of_function(grandchild, "in_child").total, amount(0, 0));
    assert_eq!(of_function(grandchild, "in_grandchild").end, amount(900, 3));
}

#[test]
fn a_child_that_executes_a_program_starts_from_nothing() {
    let program = Program::of("processes");
    let folder = program.folder().to_owned();
    for way in [
        "vfork",
        "spawn",
        "vfork without environment",
        "vfork with a crowded environment",
        "spawn without environment",
        "spawn by name",
    ] {
        let recording = program.run(&[way]).env("PATH", &folder).record().ended_well();
        parent_is_exact(&recording);
        let children = children(&recording);
        assert_eq!(children.len(), 1, "{way}");
        let (before, own) = (of_function(children[0], "before"), of_function(children[0], "in_child"));
        assert_eq!((before.total, before.end), (amount(100_000, 100), amount(60_000, 60)), "{way}");
        assert_eq!((own.total, own.end), (amount(5000, 10), amount(5000, 10)), "{way}");
        assert!(children[0].process.ended);
        assert_eq!(children[0].process.birth, Birth::Started(recording.first().process.id()), "{way}");
        assert_eq!(recording.capture.untracked, [], "{way}");
    }
}

#[test]
fn the_program_before_and_the_program_after_an_exec_both_stand() {
    let recording = Program::of("processes").run(&["exec"]).record();
    assert_eq!(recording.output.status.code(), Some(7));
    let [old, new] = &recording.capture.processes[..] else { panic!("not two processes") };
    assert_eq!(old.process.pid, new.process.pid);
    let (old, new) = if old.process.ended { (new, old) } else { (old, new) };
    assert_eq!(of_function(old, "before").end, amount(100_000, 100));
    assert_eq!(of_function(new, "before").end, amount(60_000, 60));
    assert_eq!(old.process.command[1..], ["exec"]);
    assert_eq!(new.process.command[1..], ["child"]);
}

#[test]
fn a_child_without_a_single_event_leaves_the_parent_alone() {
    let recording = Program::of("processes").record(&["silent"]);
    parent_is_exact(&recording);
}

#[test]
fn forks_among_threads_that_allocate_disturb_nobody() {
    let recording = Program::of("processes").record(&["threads"]);
    // Whether what comes last is in the peak depends on how far the other threads are by then.
    let parent = recording.first();
    assert_eq!(of_function(parent, "before").end, amount(100_000, 100));
    let after = of_function(parent, "after");
    assert_eq!((after.end, after.total), (amount(250, 5), amount(250, 5)));
    assert_eq!(of_function(parent, "in_child"), Figures::default());
    let workers = of_function(recording.first(), "in_worker");
    assert_eq!((workers.total, workers.end), (amount(64 * 300_000, 300_000), amount(0, 0)));
    let children = children(&recording);
    assert_eq!(children.len(), 50);
    children.iter().for_each(|child| child_is_exact(child));
}

/// What a Python function of this name holds at the end, in blocks of at least `size` bytes each.
pub(crate) fn held(profile: &Profile, function: &str) -> (u64, u64) {
    let is_meant = |place: String| place.split(' ').next() == Some(function);
    let held = figures(profile, |site| {
        site.allocator.name == "PyObject_Calloc"
            && profile.frames_of(site.stack).next().is_some_and(|frame| is_meant(python::place(frame)))
    });
    (held.end.bytes, held.end.blocks)
}

const FORKS: &str = r#"
import os
kept = []
def in_parent(): kept.append(bytes(1000))
def in_child(): kept.append(bytes(5000))
for _ in range(100): in_parent()
child = os.fork()
if child == 0:
    kept.clear()
    for _ in range(10): in_child()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7 if hasattr(os, "waitstatus_to_exitcode") else os.wait
for _ in range(10): in_parent()
"#;

#[test]
fn a_python_child_that_ends_abruptly_leaves_its_own_figures_and_not_its_parents() {
    for python in python::all() {
        let recording = python.run(&["-c", FORKS]).record().ended_well();
        let [parent, child] = &recording.capture.processes[..] else { panic!("{python}: not two processes") };
        assert_eq!(held(parent, "in_parent"), (110 * 1033, 110), "{python}");
        assert_eq!(held(parent, "in_child"), (0, 0), "{python}");
        assert_eq!(held(child, "in_parent"), (0, 0), "{python}");
        assert_eq!(held(child, "in_child"), (10 * 5033, 10), "{python}");
        assert_eq!(child.process.parent, parent.process.pid, "{python}");
    }
}

const WORKERS: &str = r#"
import multiprocessing, sys
kept = []
def in_parent(): kept.append(bytes(1000))
def in_worker(count):
    for _ in range(count): kept.append(bytes(5000))
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    for _ in range(100): in_parent()
    workers = [context.Process(target=in_worker, args=(10 * number,)) for number in (1, 2)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
"#;

#[test]
fn the_workers_of_multiprocessing_are_recorded_in_both_ways_to_start() {
    for python in python::all() {
        for way in ["fork", "spawn"] {
            let folder = folder();
            fs::write(folder.path().join("workers.py"), WORKERS).unwrap();
            let recording = python.run(&["workers.py", way]).cwd(folder.path()).record().ended_well();
            assert_eq!(held(recording.first(), "in_parent"), (100 * 1033, 100), "{python}: {way}");
            assert_eq!(held(recording.first(), "in_worker"), (0, 0), "{python}: {way}");
            // A worker ends with `os._exit`; what it held is live then.
            let workers: Vec<u64> = recording.capture.processes[1..]
                .iter()
                .map(|worker| held(worker, "in_worker").1)
                .filter(|blocks| *blocks > 0)
                .collect();
            assert!(workers == [10, 20] || workers == [20, 10], "{python}: {way}: {workers:?}");
        }
    }
}

const APPLICATION: &str = "\
kept = []
def work():
    for _ in range(50): kept.append(bytes(2000))
work()
";

/// Writes the application and `name` into a folder; `name` may be executed.
fn with_application(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join("application.py"), APPLICATION).unwrap();
    fs::write(folder.join(name), text).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn python_is_found_however_it_is_started() {
    for python in python::all() {
        let path = python.path.display();
        let folder = folder();
        with_application(
            folder.path(),
            "wrapper",
            &format!("#!/bin/sh\nset -e\ncd /\ncd -\n'{path}' application.py | cat\necho done\n"),
        );
        with_application(
            folder.path(),
            "console",
            &format!(
                "#!{path}\nimport sys\nif __name__ == '__main__':\n    import application\n    sys.exit(0)\n"
            ),
        );
        let spawns = "import subprocess, sys; subprocess.run([sys.executable, 'application.py'], check=True)";
        let ways = [
            python.run(&["application.py"]),
            python.run(&["-m", "application"]),
            python.run(&["-c", "import application"]),
            python.run(&["-"]).input(APPLICATION.as_bytes()),
            python.run(&["-c", spawns]),
            python.run(&["-I", "-S", "-E", "application.py"]),
            python.run(&["-O", "-u", "-X", "utf8", "application.py"]),
            Run::of(["./wrapper"]),
            Run::of(["./console"]),
            Run::of(["sh", "-c", &format!("'{path}' application.py; exit $?")]),
            Run::of(["env", "A=b", &path.to_string(), "application.py"]),
        ];
        for (number, way) in ways.into_iter().enumerate() {
            let recording = way.cwd(folder.path()).record().ended_well();
            let held: Vec<(u64, u64)> =
                recording.capture.processes.iter().map(|each| held(each, "work")).collect();
            let found: Vec<&(u64, u64)> = held.iter().filter(|held| held.1 > 0).collect();
            assert_eq!(found, [&(50 * 2033, 50)], "{python}: way {number}");
        }
    }
}
