//! To the program it must be as if the tracker were not there, also where resources are short.

use std::process::Output;

use crate::harness::{Program, Run, amount, figures, of_function};
use crate::python;

/// What a program shows of itself: the same with and without the tracker.
fn is_the_same(run: &Run, what: &str) {
    let plain = run.plain();
    let (_folder, tracked) = run.tracked();
    let text = |output: &Output| {
        let Output { status, stdout, stderr } = output;
        format!("{}\n{}\n{status}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr))
    };
    assert_eq!(text(&tracked), text(&plain), "{what}");
}

#[test]
fn a_program_sees_nothing_of_the_tracker_but_its_variables() {
    let program = Program::of("look");
    is_the_same(&program.run(&["a", "", "b c", "--help", "-o", "x"]), "look");
    assert_eq!(program.run(&[]).plain().status.code(), Some(42));
}

const LOOK: &str = r#"
import atexit, faulthandler, gc, locale, os, resource, signal, sys, threading
print(sys.argv, sys.flags, sys.orig_argv if hasattr(sys, "orig_argv") else None)
print(sorted(sys.modules))
print(sys.gettrace(), sys.getprofile(), len(threading.enumerate()), gc.get_threshold(), gc.callbacks, gc.get_debug())
print(sorted(os.listdir("/proc/self/fd")), sorted(name for name in os.environ if name not in ("LD_PRELOAD", "PYTHONMALLOC", "ARROW_DEFAULT_MEMORY_POOL")))
print([signal.getsignal(number) for number in range(1, 32)], signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(locale.getlocale(), sys.stdout.encoding, os.getcwd(), resource.getrlimit(resource.RLIMIT_AS))
print(sys.path, sys.executable, __name__, sorted(vars()))
atexit.register(print, "at exit")
print(atexit._ncallbacks() - 1 if "LD_PRELOAD" in os.environ else atexit._ncallbacks())
sys.stderr.write("the last word\n")
sys.exit(9)
"#;

#[test]
fn a_python_program_sees_two_modules_and_one_exit_function_more() {
    for python in python::all() {
        let run = python.run(&["-c", LOOK, "a", "--b"]);
        let (_folder, tracked) = run.tracked();
        let text = String::from_utf8(tracked.stdout).unwrap();
        let text = text.replace("'_leakgate', ", "").replace("'leakgate_memory', ", "");
        let plain = run.plain();
        assert_eq!(text, String::from_utf8(plain.stdout).unwrap(), "{python}");
        assert_eq!((tracked.stderr, tracked.status), (plain.stderr, plain.status), "{python}");
    }
}

const FAILS: &str = r#"
import sys, threading, warnings
def fails(depth):
    if depth: fails(depth - 1)
    raise ValueError("größe")
def recurses(): recurses()
try: recurses()
except RecursionError as error: print(error)
try: bytes(1 << 60)
except MemoryError: print("no memory")
try: [0] * (1 << 60)
except MemoryError: print("no memory")
warnings.warn("careful")
thread = threading.Thread(target=fails, args=(1,)); thread.start(); thread.join()
class Raises:
    def __del__(self): raise KeyError("late")
kept = Raises()
fails(3)
"#;

#[test]
fn errors_and_tracebacks_of_python_are_the_same() {
    for python in python::all() {
        // The thread's ident is in no message; addresses are in none.
        let run = python.run(&["-c", FAILS]);
        let (plain, (_folder, tracked)) = (run.plain(), run.tracked());
        assert_eq!(without_addresses(&tracked.stderr), without_addresses(&plain.stderr), "{python}");
        assert_eq!((tracked.stdout, tracked.status), (plain.stdout, plain.status), "{python}");
    }
}

fn without_addresses(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text).into_owned();
    text.split("0x").map(|part| part.trim_start_matches(|c: char| c.is_ascii_hexdigit())).collect()
}

const ALLOCATES: &str = "\
kept = []
def work():
    for _ in range(100): kept.append(bytes(2000))
work()
print('done')
";

fn held(recording: &crate::harness::Recording) -> leakgate::profile::model::Amount {
    let of_python = recording.capture.processes.iter().find(|each| each.process.interpreter.is_some());
    let profile = of_python.expect("no Python was recorded");
    let made = figures(profile, |site| {
        let top = profile.frames_of(site.stack).next().map(python::place).unwrap_or_default();
        site.allocator.name == "PyObject_Calloc" && top.starts_with("work ")
    });
    made.end
}

#[test]
fn a_limit_of_address_space_leaves_room_for_the_program() {
    for python in python::all() {
        let path = python.path.display();
        let script = format!("ulimit -v 300000; exec '{path}' -c \"$0\"");
        let recording = Run::of(["sh", "-c", &script, ALLOCATES]).record().ended_well();
        assert_eq!(recording.stdout(), "done\n", "{python}");
        assert_eq!(held(&recording), amount(100 * 2033, 100), "{python}");
    }
}

#[test]
fn a_limit_of_descriptors_and_closed_ones_change_nothing() {
    let python = python::newest();
    let path = python.path.display();
    for limits in ["ulimit -n 10;", "ulimit -n 4;", "exec 0<&-;", "exec 2>&-;"] {
        let run = Run::of(["sh", "-c", &format!("{limits} exec '{path}' -S -c \"$0\""), ALLOCATES]);
        let plain = run.plain();
        let recording = run.record();
        assert_eq!(
            (recording.output.status, &recording.output.stdout),
            (plain.status, &plain.stdout),
            "{limits}"
        );
        assert_eq!(held(&recording), amount(100 * 2033, 100), "{limits}");
    }
}

/// 5,000 functions, whose stacks need more space than the first 1 MiB of a file.
const MANY: &str = r#"
kept = []
for number in range(5000):
    exec(compile("def f%d(): kept.append(bytes(600))\nf%d()" % (number, number), "file", "exec"), {"kept": kept})
print('done')
"#;

#[test]
fn where_files_may_not_grow_the_program_goes_on_and_it_is_said_what_is_missing() {
    for python in python::all() {
        let path = python.path.display();
        let limited = |bytes: u64| {
            let limit = format!("--fsize={bytes}");
            Run::of(["prlimit", &limit, "--", &path.to_string(), "-c", MANY])
        };
        let recording = limited(2 << 20).record_with_losses().ended_well();
        assert_eq!(recording.stdout(), "done\n", "{python}");
        let of_python =
            recording.capture.processes.iter().find(|each| each.process.interpreter.is_some()).unwrap();
        assert!(of_python.notes.iter().any(|note| note.contains("could not grow")), "{:?}", of_python.notes);
        // The stacks are missing, the bytes are not. Only the moment before the interpreter's end found no space.
        let objects = figures(of_python, |site| site.allocator.name == "PyObject_Calloc");
        // The peak of all is where compiling a late one takes its most.
        assert!(objects.peak.blocks >= 4000 && objects.peak.bytes >= 4000 * 633, "{python}: {objects:?}");
        assert!(objects.total.blocks >= 5000 && objects.total.bytes >= 5000 * 633, "{python}: {objects:?}");
        assert_eq!(of_python.process.lost, 1, "{python}");
        // So little that there can be no file at all: the process is not recorded, and the others are.
        let recording = limited(4096).record().ended_well();
        assert_eq!(recording.stdout(), "done\n", "{python}");
        assert!(
            recording.capture.processes.iter().all(|each| each.process.interpreter.is_none()),
            "{python}"
        );
    }
}

#[test]
fn a_child_that_cannot_have_a_file_is_not_recorded_and_its_parent_says_so() {
    let program = Program::of("processes");
    let recording = program.run(&["fork"]).record().ended_well();
    assert_eq!(recording.capture.processes.len(), 2);
    let recording = program.run(&["limited"]).record().ended_well();
    assert_eq!(recording.capture.processes.len(), 1);
    let parent = recording.first();
    assert_eq!(of_function(parent, "before").end, amount(100_000, 100));
    assert_eq!(of_function(parent, "in_child"), Default::default());
    assert!(parent.notes.iter().any(|note| note.contains("was not recorded")), "{:?}", parent.notes);
}
