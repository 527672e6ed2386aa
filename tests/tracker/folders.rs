//! Folders: full, read-only, without execution, with a space in their path. The program goes on as it would alone.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use leakgate::profile::load;
use tempfile::TempDir;

use crate::harness::{Run, amount, figures, folder};
use crate::python;

/// A file system in memory, mounted for a test. `None` where that is not permitted.
struct Mounted(TempDir);

impl Mounted {
    fn tmpfs(options: &str) -> Option<Mounted> {
        let folder = folder();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "none"]).arg(folder.path());
        let is_mounted = command.output().is_ok_and(|output| output.status.success());
        if !is_mounted {
            eprintln!("skipped: a file system cannot be mounted here (it takes root)");
        }
        is_mounted.then_some(Mounted(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// 5,000 functions, whose stacks need more space than the first 1 MiB of a file.
const MANY: &str = r#"
kept = []
for number in range(5000):
    exec(compile("def f%d(): kept.append(bytes(600))\nf%d()" % (number, number), "file", "exec"), {"kept": kept})
print('done')
raise SystemExit(5)
"#;

#[test]
fn a_disk_too_small_for_the_stacks_costs_stacks_and_nothing_else() {
    let Some(disk) = Mounted::tmpfs("size=2m") else { return };
    for (number, python) in python::all().into_iter().enumerate() {
        let capture = disk.path().join(format!("capture{number}"));
        let run = python.run(&["-c", MANY]);
        let (plain, tracked) = (run.plain(), run.tracked_into(&capture));
        assert_eq!((tracked.status, &tracked.stdout), (plain.status, &plain.stdout), "{python}");
        assert_eq!(String::from_utf8_lossy(&tracked.stderr), "", "{python}");
        let loaded = load::capture(&capture).unwrap();
        let profile = python::profile(&loaded);
        assert!(
            profile.notes.iter().any(|note| note.contains("could not grow (disk full")),
            "{:?}",
            profile.notes
        );
        let objects = figures(profile, |site| site.allocator.name == "PyObject_Calloc");
        // The peak of all is where compiling a late one takes its most.
        assert!(objects.peak.blocks >= 4000 && objects.peak.bytes >= 4000 * 633, "{python}: {objects:?}");
        assert!(objects.total.blocks >= 5000 && objects.total.bytes >= 5000 * 633, "{python}: {objects:?}");
        fs::remove_dir_all(&capture).unwrap();
    }
}

#[test]
fn a_disk_too_small_for_any_record_leaves_the_program_alone_and_it_is_said() {
    let Some(disk) = Mounted::tmpfs("size=128k") else { return };
    let place = disk.path().join("capture");
    is_recorded_elsewhere(
        &place,
        &format!("failed to write to `{}`: No space left on device", place.display()),
    );
}

#[test]
fn where_a_folder_may_not_be_written_the_capture_is_among_temporary_files() {
    let Some(disk) = Mounted::tmpfs("ro") else { return };
    let place = disk.path().join("capture");
    is_recorded_elsewhere(&place, &format!("failed to create `{}`: Read-only file system", place.display()));
}

/// The command is recorded among temporary files, and it is said at the start and in the last line why and where.
fn is_recorded_elsewhere(wished: &Path, why: &str) {
    let temporary = folder();
    let run = python::newest().run(&["-c", MANY]).env("TMPDIR", temporary.path());
    let (plain, tracked) = (run.plain(), run.tracked_into(wished));
    assert_eq!((tracked.status, &tracked.stdout), (plain.status, &plain.stdout));
    let stderr = String::from_utf8_lossy(&tracked.stderr).into_owned();
    let entries: Vec<_> =
        fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [capture] = &entries[..] else { panic!("{entries:?}: {stderr}") };
    let lines: Vec<&str> = stderr.lines().collect();
    let [start, end] = lines[..] else { panic!("{stderr}") };
    let note = format!("leakgate: note       {why}");
    assert!(start.starts_with(&note) && end.starts_with(&note), "{stderr}");
    assert!(start.ends_with(&format!(": recording into `{}` instead", capture.display())), "{stderr}");
    assert!(end.ends_with(&format!(": the capture is in `{}`", capture.display())), "{stderr}");
    assert!(python::profile(&load::capture(capture).unwrap()).notes.is_empty());
}

/// Fills the disk that its capture is on, while it is recorded.
const FILLS: &str = r#"
import sys
kept = []
def work():
    for _ in range(100): kept.append(bytes(2000))
try:
    with open(sys.argv[1], "wb", buffering=0) as file:
        while True: file.write(bytes(4096))
except OSError as error:
    print(error.strerror)
work()
raise SystemExit(5)
"#;

#[test]
fn a_disk_that_the_program_fills_is_survived_by_its_record() {
    let Some(disk) = Mounted::tmpfs("size=3m") else { return };
    let (capture, file) = (disk.path().join("capture"), disk.path().join("file"));
    let run = python::newest().run(&["-c", FILLS, file.to_str().unwrap()]);
    let tracked = run.tracked_into(&capture);
    assert_eq!(tracked.status.code(), Some(5), "{}", String::from_utf8_lossy(&tracked.stderr));
    assert_eq!(String::from_utf8_lossy(&tracked.stdout), "No space left on device\n");
    let loaded = load::capture(&capture).unwrap();
    assert_eq!(python::held_by_work(python::profile(&loaded)), amount(100 * 2033, 100));
}

#[test]
fn a_place_where_no_folder_can_be_is_an_error_before_anything_is_run() {
    let ran = folder();
    let marker = ran.path().join("ran");
    let run = Run::of(["touch", marker.to_str().unwrap()]);
    // Not even root makes a folder there.
    let output = run.tracked_into(Path::new("/proc/leakgate/capture"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.starts_with("leakgate: error: failed to create `/proc/leakgate/capture`: "), "{stderr}");
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    assert!(!marker.exists());
}

#[test]
fn where_nothing_can_be_written_anywhere_the_command_runs_and_it_is_said_twice_that_nothing_is_recorded() {
    let Some(disk) = Mounted::tmpfs("ro") else { return };
    // In a mount namespace of its own: /dev/shm is the one folder that is always tried.
    const READ_ONLY: &str = "mount -t tmpfs -o ro none /dev/shm && exec \"$@\"";
    if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: there can be no mount namespace here (it takes root)");
        return;
    }
    let place = disk.path().join("capture");
    let recorder =
        ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", env!("CARGO_BIN_EXE_leakgate"), "run", "-q", "-o"];
    let command = ["--", "sh", "-c", "echo out; kill -TERM $$"];
    let place = [place.to_str().unwrap()];
    let words = recorder.iter().chain(&place).chain(&command);
    let run = ["TMPDIR", "HOME", "XDG_RUNTIME_DIR"];
    let output = run.iter().fold(Run::of(words), |run, name| run.env(name, disk.path())).plain();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n", "{stderr}");
    assert_eq!(output.status.signal(), Some(15), "{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    let [start, end] = lines[..] else { panic!("{stderr}") };
    assert!(
        start.starts_with("leakgate: warning: the command is not recorded: failed to create "),
        "{stderr}"
    );
    assert!(end.starts_with("leakgate: warning: nothing was recorded: failed to create "), "{stderr}");
}

/// Prints where it has the library from, forks, and starts another Python.
const FAMILY: &str = r#"
import os, subprocess, sys
kept = []
def work():
    for _ in range(100): kept.append(bytes(2000))
sys.stdout.write(os.environ["LD_PRELOAD"].split(":")[0])
sys.stdout.flush()
if os.fork() == 0:
    work()
    os._exit(0)
os.wait()
work()
sys.exit(subprocess.call([sys.executable, "-c", "raise SystemExit(5)"]))
"#;

#[test]
fn paths_with_spaces_are_no_obstacle() {
    let base = folder();
    let spaced = base.path().join("a b: c");
    fs::create_dir(&spaced).unwrap();
    for python in python::all() {
        let capture = spaced.join(format!("capture {}", python.path.display().to_string().replace('/', "_")));
        let output = python.run(&["-c", FAMILY]).env("TMPDIR", &spaced).tracked_into(&capture);
        assert_eq!(output.status.code(), Some(5), "{python}: {}", String::from_utf8_lossy(&output.stderr));
        let library = String::from_utf8(output.stdout).unwrap();
        assert!(!library.contains(' '), "{python}: {library}");
        check_family(&capture, &python.to_string());
    }
}

fn check_family(capture: &Path, python: &str) {
    let loaded = load::capture(capture).unwrap();
    assert!(loaded.notes.is_empty(), "{python}: {:?}", loaded.notes);
    let held: Vec<_> = loaded.processes.iter().map(python::held_by_work).collect();
    let of_parent_and_child = held.iter().filter(|held| **held == amount(100 * 2033, 100)).count();
    assert_eq!((held.len(), of_parent_and_child), (3, 2), "{python}: {held:?}");
}

#[test]
fn where_no_folder_can_hold_a_library_it_is_taken_from_memory() {
    let base = folder();
    let spaced = base.path().join("with space");
    fs::create_dir(&spaced).unwrap();
    // In a mount namespace of its own: /dev/shm is the one folder that is always tried.
    const WITHOUT_EXECUTION: &str = "mount -t tmpfs -o noexec none /dev/shm && exec \"$@\"";
    let available =
        Command::new("unshare").args(["-m", "sh", "-c", WITHOUT_EXECUTION, "sh", "true"]).output();
    if !available.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a file system cannot be mounted here (it takes root)");
        return;
    }
    for python in python::all() {
        let capture = spaced.join(format!("capture{}", python.path.display().to_string().replace('/', "_")));
        let words = [
            "unshare",
            "-m",
            "sh",
            "-c",
            WITHOUT_EXECUTION,
            "sh",
            env!("CARGO_BIN_EXE_leakgate"),
            "run",
            "-o",
        ];
        let more =
            [capture.as_os_str(), "--".as_ref(), python.path.as_os_str(), "-c".as_ref(), FAMILY.as_ref()];
        let run = Run::of(words.iter().map(AsRef::as_ref).chain(more));
        let run = ["TMPDIR", "HOME", "XDG_RUNTIME_DIR"].iter().fold(run, |run, name| run.env(name, &spaced));
        let output = run.plain();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{python}: {stderr}");
        let library = String::from_utf8(output.stdout).unwrap();
        assert!(library.starts_with("/proc/") && library.contains("/fd/"), "{python}: {library}");
        assert!(stderr.lines().all(|line| line.starts_with("leakgate: ")), "{python}: {stderr}");
        assert!(!stderr.contains("without the tracker"), "{python}: {stderr}");
        check_family(&capture, &python.to_string());
    }
    // What was made beside the captures is gone.
    assert!(
        fs::read_dir(&spaced).unwrap().all(|entry| entry
            .unwrap()
            .path()
            .to_string_lossy()
            .contains("capture"))
    );
}
