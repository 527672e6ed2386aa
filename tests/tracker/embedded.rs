//! Interpreters that are not `python`: inside another program, from its start or loaded later; of a version or a build
//! that is not known.

use std::ffi::OsStr;

use leakgate::profile::BillMoment;
use leakgate::profile::model::{CheckpointKind, Profile};

use crate::harness::{Program, Recording, amount, figures, folder, of_function, shared};
use crate::python::{self, Python};

const MODULE: &str = "\
kept = []
def work():
    for _ in range(100): kept.append(bytes(2000))
work()
";

const USES: [&str; 2] = ["run", "import"];

/// The blocks that `work` holds, and those of them whose stack goes on to the module's code.
fn check_work(profile: &Profile, what: &str) {
    let of_work = |callers: &[&str]| {
        figures(profile, |site| {
            let stack: Vec<String> = profile.frames_of(site.stack).map(python::place).collect();
            site.allocator.name == "PyObject_Calloc"
                && stack.first().is_some_and(|place| place.starts_with("work "))
                && (callers.is_empty() || stack.get(1).is_some_and(|place| callers.contains(&place.as_str())))
        })
    };
    assert_eq!(of_work(&[]).end, amount(100 * 2033, 100), "{what}: {:?}", profile.notes);
    let module = ["<module> <string>:4", "<module> embedded_module.py:4"];
    assert_eq!(of_work(&module).end, amount(100 * 2033, 100), "{what}");
}

fn embedded<const USES: usize>(
    python: &Python,
    (how, uses): (&[&str], [&str; USES]),
    more: &[&OsStr],
) -> Vec<(String, Recording)> {
    let library = python.library().unwrap();
    let rpath = format!("-Wl,--disable-new-dtags,-rpath,{}", library.rpath());
    let loader = format!("-Wl,--allow-shlib-undefined,--dynamic-linker,{}", library.loader);
    let program = Program::with("embedded", &[&[rpath.as_ref(), loader.as_ref()], more].concat());
    let modules = folder();
    std::fs::write(modules.path().join("embedded_module.py"), MODULE).unwrap();
    let uses = uses.map(|used| {
        let run = program
            .run(&[how, &[used]].concat())
            .env("PYTHONHOME", &library.prefix)
            .env("PYTHONPATH", modules.path());
        (format!("{python}: {how:?} {used}"), run.record().ended_well())
    });
    uses.into()
}

#[test]
fn an_interpreter_in_another_program_is_recorded_from_its_first_module_on() {
    let mut count = 0;
    for python in python::all() {
        let Some(library) = python.library() else {
            eprintln!("skipped: {python} has no shared library");
            continue;
        };
        let path = library.path.to_str().unwrap();
        let linked = [OsStr::new("-Wl,--no-as-needed"), library.path.as_os_str()];
        let mut recordings = embedded(&python, (&["linked"], USES), &linked);
        for scope in ["global", "local"] {
            recordings.extend(embedded(&python, (&[path, scope], USES), &[]));
        }
        for (what, recording) in recordings {
            let profile = recording.first();
            assert_eq!(recording.stdout(), "done\n", "{what}");
            assert!(profile.notes.is_empty(), "{what}: {:?}", profile.notes);
            assert_eq!(of_function(profile, "before").end, amount(777, 1), "{what}");
            check_work(profile, &what);
            count += 1;
        }
    }
    assert!(count > 0 || std::env::var_os("CI").is_none(), "no CPython has a shared library");
}

#[test]
fn a_program_that_outlives_its_interpreter_ends_with_what_it_has_then() {
    for python in python::all() {
        let Some(library) = python.library() else {
            eprintln!("skipped: {python} has no shared library");
            continue;
        };
        let linked = [OsStr::new("-Wl,--no-as-needed"), library.path.as_os_str()];
        for (what, recording) in embedded(&python, (&["linked"], ["outlive"]), &linked) {
            let profile = recording.first();
            let [note] = &profile.notes[..] else { panic!("{what}: {:?}", profile.notes) };
            assert!(note.starts_with("the program went on after its interpreter had ended, when "), "{note}");
            assert_eq!(of_function(profile, "after").end, amount(32 << 20, 1), "{what}");
            let of_work = figures(profile, |site| {
                profile.frames_of(site.stack).map(python::place).any(|place| place.starts_with("work "))
            });
            assert_eq!(of_work.end, amount(0, 0), "{what}: it went with the interpreter");
            let exit = profile.checkpoints.iter().find(|checkpoint| checkpoint.kind == CheckpointKind::Exit);
            assert!(exit.unwrap().live.bytes < 32 << 20, "{what}");
            let bills: Vec<_> = profile.bills.iter().filter(|bill| bill.moment == BillMoment::End).collect();
            let [bill] = bills[..] else { panic!("{what}: {} bills of the end", bills.len()) };
            assert!(bill.resident >= 32 << 20, "{what}: {} are resident in the bill", bill.resident);
        }
    }
}

#[test]
fn an_interpreter_that_is_not_known_has_its_native_memory_counted_and_one_note() {
    let cases = [
        ("3.16.0 (main)", None, Some("no known layout")),
        ("3.14.4 free-threading build (main)", Some("0x030e04f0"), Some("a free-threaded CPython")),
        ("3.14.4 (main)", Some("0x030e04f0"), Some("laid out otherwise than its version")),
        ("3.14.4 (main)", Some("0x030f00f0"), Some("laid out otherwise than its version")),
        ("3.13.1 (main)", None, Some("laid out otherwise than its version")),
        ("4.0.0 (main)", None, Some("no known layout")),
    ];
    for (version, runtime, note) in cases {
        let defined = format!("-DVERSION=\"{version}\"");
        let mut more = vec![OsStr::new("-rdynamic"), OsStr::new(&defined)];
        let runtime = runtime.map(|runtime| format!("-DRUNTIME={runtime}"));
        more.extend(runtime.as_ref().map(OsStr::new));
        let recording = Program::with("pretended", &more).run(&[]).record();
        assert_eq!(recording.output.status.code(), Some(7), "{version}");
        let profile = recording.first();
        assert_eq!(of_function(profile, "kept").end, amount(100_000, 100), "{version}");
        let notes = &profile.notes;
        match note {
            Some(note) => assert!(notes.len() == 1 && notes[0].contains(note), "{version}: {notes:?}"),
            None => assert!(notes.is_empty(), "{version}: {notes:?}"),
        }
    }
}

#[test]
fn where_the_walk_disagrees_with_the_interpreter_objects_are_counted_without_stacks_and_it_is_said() {
    let no_frame = shared("no_frame");
    let pythons = python::all().into_iter().filter(|python| {
        // In a static one the interpreter's own function is found first.
        python.library().is_some_and(|library| library.is_used)
    });
    let mut count = 0;
    for python in pythons {
        let run = python.run(&["-c", MODULE]).env("LD_PRELOAD", no_frame.path());
        let recording = run.record().ended_well();
        let profile = recording.first();
        assert!(
            profile.notes.iter().any(|note| note.contains("went wrong")),
            "{python}: {:?}",
            profile.notes
        );
        let all = figures(profile, |site| site.allocator.name == "PyObject_Calloc");
        assert!(all.end.blocks >= 100 && all.end.bytes >= 100 * 2033, "{python}: {all:?}");
        let named = figures(profile, |site| {
            profile.frames_of(site.stack).any(|frame| !python::place(frame).is_empty())
        });
        assert_eq!(named.total, amount(0, 0), "{python}");
        count += 1;
    }
    if count == 0 {
        eprintln!("skipped: no CPython uses its shared library");
    }
}
