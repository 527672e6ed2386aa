//! Limits of memory and descriptors. The program goes on as it would alone, and what is missing is said.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use leakgate::profile::{Obstacle, load};

use crate::harness::{Run, amount, folder};
use crate::python;

/// Takes all of its address space but for free blocks in the C library's heap, goes on with those, and keeps objects
/// under names that need space in the record.
const FILLS_MEMORY: &str = r#"
import mmap
spare = [bytes(700) for _ in range(20000)]
pinned = [bytes(700)]
mapped = []
for size in (1 << 22, 1 << 20, 1 << 16):
    try:
        while True: mapped.append(mmap.mmap(-1, size))
    except (OSError, MemoryError):
        pass
del spare
kept = []
for number in range(6000):
    exec(compile("def f%d(): kept.append(bytes(600))\nf%d()" % (number, number), "file", "exec"), {"kept": kept})
print(len(kept), len(mapped) > 5)
raise SystemExit(5)
"#;

#[test]
fn a_program_that_uses_up_its_address_space_goes_on_and_it_is_said_what_is_missing() {
    for python in python::all() {
        let path = python.path.display();
        let script = format!("ulimit -v 100000; exec '{path}' -c \"$0\"");
        let run = Run::of(["sh", "-c", &script, FILLS_MEMORY]);
        let plain = run.plain();
        let recording = run.record_with_losses();
        let stderr = String::from_utf8_lossy(&recording.output.stderr);
        assert_eq!(recording.output.status, plain.status, "{python}: {stderr}");
        assert_eq!(recording.output.stdout, plain.stdout, "{python}: {stderr}");
        let notes = &python::profile(&recording.capture).notes;
        let is_told = notes.iter().any(|note| note.contains("stacks could not be stored"));
        assert!(is_told, "{python}: {notes:?}");
    }
}

#[test]
fn a_hundred_megabytes_of_address_space_are_enough_for_whole_figures() {
    const SMALL: &str = "\
kept = []
def work():
    for _ in range(100): kept.append(bytes(2000))
work()
";
    for python in python::all() {
        let script = format!("ulimit -v 100000; exec '{}' -c \"$0\"", python.path.display());
        let recording = Run::of(["sh", "-c", &script, SMALL]).record().ended_well();
        let profile = python::profile(&recording.capture);
        assert_eq!(python::held_by_work(profile), amount(100 * 2033, 100), "{python}");
        assert!(profile.notes.is_empty(), "{python}: {:?}", profile.notes);
    }
}

/// Closes descriptors, and tells through a file that it went on.
const CLOSES: &str = r#"
import os, sys
kept = []
def work():
    for _ in range(100): kept.append(bytes(2000))
if sys.argv[2] == "all":
    os.closerange(0, 65536)
elif sys.argv[2] != "none":
    for digit in sys.argv[2]: os.close(int(digit))
work()
with open(sys.argv[1], "w") as file:
    file.write("%d %s" % (file.fileno(), sorted(os.listdir("/proc/self/fd"))))
os._exit(5) if sys.argv[2] == "all" else sys.exit(5)
"#;

#[test]
fn closed_descriptors_change_nothing_and_lose_nothing() {
    let told = folder();
    let marker = told.path().join("told");
    for python in python::all() {
        let path = python.path.display();
        for (before, closed) in [
            ("", "all"),
            ("", "0"),
            ("", "12"),
            ("", "012"),
            ("exec 0<&- 1>&- 2>&-;", "none"),
            ("exec 1>&-;", "all"),
        ] {
            let script = format!("{before} exec '{path}' -S -c \"$0\" \"$@\"");
            let run = Run::of(["sh", "-c", &script, CLOSES, marker.to_str().unwrap(), closed]);
            let plain = run.plain();
            let told_by_plain = fs::read_to_string(&marker).unwrap();
            fs::remove_file(&marker).unwrap();
            let recording = run.record();
            let what = format!("{python}: `{before}` {closed}");
            assert_eq!(recording.output.status, plain.status, "{what}");
            assert!(plain.status.code().is_some(), "{what}");
            assert_eq!(fs::read_to_string(&marker).unwrap(), told_by_plain, "{what}");
            let profile = python::profile(&recording.capture);
            assert_eq!(python::held_by_work(profile), amount(100 * 2033, 100), "{what}");
        }
    }
}

#[test]
fn descriptors_that_were_closed_before_the_start_are_closed_in_the_command_and_for_whatever_it_opens() {
    let told = folder();
    let marker = told.path().join("told");
    let python = python::newest();
    for closed in ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"] {
        let capture = told.path().join(closed.replace(' ', ""));
        let recorder = [env!("CARGO_BIN_EXE_leakgate"), "run", "-q", "-o", capture.to_str().unwrap(), "--"];
        let told_by = |before: &[&str]| {
            let script = format!("exec {closed}; exec \"$@\"");
            let after = [python.path.to_str().unwrap(), "-S", "-c", CLOSES, marker.to_str().unwrap(), "none"];
            let words = ["sh", "-c", &script, "sh"].into_iter().chain(before.iter().copied()).chain(after);
            assert_eq!(Run::of(words).plain().status.code(), Some(5), "{closed}");
            let told = fs::read_to_string(&marker).unwrap();
            fs::remove_file(&marker).unwrap();
            told
        };
        assert_eq!(told_by(&recorder), told_by(&[]), "{closed}");
        let capture = load::capture(&capture).unwrap();
        assert_eq!(python::held_by_work(python::profile(&capture)), amount(100 * 2033, 100), "{closed}");
    }
}

/// Writes to a standard output that it closed, while its record grows.
const WRITES_TO_CLOSED: &str = r#"
import os, sys, threading
os.close(1)
written = []
done = False
def write():
    while not done:
        try:
            written.append(os.write(1, b"never to be seen"))
        except OSError:
            pass
thread = threading.Thread(target=write)
thread.start()
kept = []
for number in range(6000):
    exec(compile("def f%d(): kept.append(bytes(600))\nf%d()" % (number, number), "file", "exec"), {"kept": kept})
done = True
thread.join()
sys.stderr.write(str(len(written)))
os._exit(5)
"#;

#[test]
fn what_is_written_to_a_closed_standard_output_never_goes_into_the_record() {
    let recording = python::newest().run(&["-S", "-c", WRITES_TO_CLOSED]).record();
    assert_eq!(String::from_utf8_lossy(&recording.output.stderr), "0");
    assert_eq!(recording.output.status.code(), Some(5));
    assert!(recording.capture.damaged.is_empty(), "{:?}", recording.capture.notes);
}

#[test]
fn with_few_descriptors_the_command_runs_and_it_is_said_what_is_missing() {
    let python = python::newest();
    for most in [4, 5, 6, 7, 8, 10, 12, 16, 24, 64] {
        let base = folder();
        let (capture, ran) = (base.path().join("capture"), base.path().join("ran"));
        let code = "import sys; open(sys.argv[1], 'w').close(); raise SystemExit(5)";
        let script = format!("ulimit -n {most}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_leakgate"), "run", "-q", "-o"]).arg(&capture);
        let output = command.arg("--").arg(&python.path).args(["-S", "-c", code]).arg(&ran).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(ran.exists(), "{most}: {stderr}");
        assert_eq!(output.status.code(), Some(5), "{most}: {stderr}");
        let told = format!(
            "leakgate: warning: the command is not recorded: no more files can be opened: the limit of open files \
             (RLIMIT_NOFILE) is {most}\n"
        );
        assert!(load::capture(&capture).is_ok() != stderr.starts_with(&told), "{most}: {stderr}");
        assert!(most < 6 || stderr.is_empty(), "{most}: {stderr}");
    }
}

#[test]
fn a_limit_of_file_sizes_that_leaves_no_room_for_a_capture_is_named() {
    const HOLDS: &str = "kept = [bytes(1000)]; print(len(kept))";
    const REASON: &str = "its limit of file sizes (RLIMIT_FSIZE) is below 1 MiB";
    let python = python::newest().path;
    let base = folder();
    // The shell executes it in its own place, or in a child.
    for (number, last) in ["exec \"$@\"", "\"$@\"; exit $?"].into_iter().enumerate() {
        let script = format!("ulimit -f 400; {last}");
        let run = Run::of(["sh", "-c", &script, "sh", python.to_str().unwrap(), "-S", "-c", HOLDS]);
        let capture = run.record_into(&base.path().join(number.to_string()));
        let [untracked] = &capture.untracked[..] else { panic!("{last}: {:?}", capture.untracked) };
        assert_eq!(untracked.obstacle, Obstacle::FileSize, "{last}");
        assert!(untracked.program.ends_with(python.file_name().unwrap().to_str().unwrap()), "{untracked:?}");
        let note = leakgate::scenario::unrecorded::note(&capture.untracked).unwrap();
        assert!(note.starts_with(&format!("ran without the tracker ({REASON}), in no figure: ")), "{note}");
    }
}

#[test]
fn a_limit_of_file_sizes_on_leakgate_itself_is_the_commands_too_and_it_runs_unrecorded() {
    const TELLS: &str =
        "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE)); raise SystemExit(5)";
    let (python, base) = (python::newest().path, folder());
    // For the library there is room or not, for a capture there never is; the hard limit may be raised to, or not.
    for limit in ["-f 100", "-f 1600", "-S -f 100", "-S -f 1600"] {
        let run = |words: &[&OsStr]| {
            let script = format!("ulimit {limit}; exec \"$@\"");
            let mut command = Command::new("sh");
            command.args(["-c", &script, "sh"]).args(words).arg(&python).args(["-S", "-c", TELLS]);
            command.output().unwrap()
        };
        let plain = run(&[]);
        let capture = base.path().join("itself");
        let words = [env!("CARGO_BIN_EXE_leakgate"), "run", "-o", capture.to_str().unwrap(), "--"];
        let output = run(&words.map(OsStr::new));
        assert_eq!((output.status.code(), &output.stdout), (Some(5), &plain.stdout), "{limit}");
        let reason = "the limit of file sizes (RLIMIT_FSIZE) is below 1 MiB";
        let told = format!(
            "leakgate: warning: the command is not recorded: {reason}\nleakgate: warning: nothing was recorded: {reason}\n"
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), told, "{limit}");
        assert!(!capture.exists(), "{limit}");
    }
}

#[test]
fn a_soft_limit_of_file_sizes_is_for_the_command_and_not_for_what_is_recorded_about_it() {
    let base = folder();
    // In blocks of 512 bytes: the soft limit is 1 MiB, which is what a record begins with. The time line, the seal and the
    // like are leakgate's own.
    let script = "ulimit -S -f 2048; exec \"$@\"";
    let capture = base.path().join("capture");
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_leakgate"), "run", "-q", "-o"]).arg(&capture);
    let output = command.args(["--", "sh", "-c", "ulimit -S -f; exit 5"]).output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(5), &b"2048\n"[..]));
    assert_eq!(load::capture(&capture).unwrap().notes, Vec::<String>::new());
}

/// Needs 43 to 49 MB of address space alone.
const NEEDS_MUCH: &str = "\
kept = []
def work():
    for _ in range(30000): kept.append(bytes(1000))
work()
print(len(kept))
raise SystemExit(5)
";

#[test]
fn a_program_that_needs_most_of_its_address_space_has_it_and_what_is_lost_is_counted() {
    for python in python::all() {
        // The newest need some 4 MB more.
        let limit = if python.minor < 14 { 64_000 } else { 68_000 };
        let script = format!("ulimit -v {limit}; exec '{}' -S -c \"$0\"", python.path.display());
        let run = Run::of(["sh", "-c", &script, NEEDS_MUCH]);
        let plain = run.plain();
        assert_eq!(plain.status.code(), Some(5), "{python}: {}", String::from_utf8_lossy(&plain.stderr));
        let recording = run.record_with_losses();
        let stderr = String::from_utf8_lossy(&recording.output.stderr);
        assert_eq!(recording.output.status.code(), Some(5), "{python}: {stderr}");
        assert_eq!(recording.output.stdout, plain.stdout, "{python}: {stderr}");
        let profile = python::profile(&recording.capture);
        assert!(profile.process.lost > 0, "{python}: {:?}", profile.notes);
    }
}

#[test]
fn a_peak_is_kept_where_there_is_no_space_to_freeze_its_composition() {
    // Each function has a line of its own, and all of them have to be written of at the end.
    const MANY: &str = r#"
high = bytearray(50_000_000)
del high
kept = []
lines = "\n".join("def f%d(): kept.append(bytes(100))\nf%d()" % (n, n) for n in range(20000))
exec(compile(lines, "many", "exec"))
print(len(kept))
"#;
    let python = python::newest();
    // In blocks of 512 bytes: 3 MiB.
    let script = format!("ulimit -f 6144; exec '{}' -S -c \"$0\"", python.path.display());
    let recording = Run::of(["sh", "-c", &script, MANY]).record_with_losses();
    assert_eq!(recording.output.stdout, b"20000\n");
    let profile = python::profile(&recording.capture);
    assert!(profile.totals.peak.bytes >= 50_000_000, "{:?} {:?}", profile.totals, profile.notes);
    let told = |part: &str| profile.notes.iter().any(|note| note.contains(part));
    assert!(told("could not grow") && told("after the interpreter was torn down"), "{:?}", profile.notes);
}
