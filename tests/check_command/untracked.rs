//! Processes that run without the tracker: never a silent pass.

use std::fs;
use std::process::Command;

use crate::project::Project;

/// Compiles a static program that waits for ever, or is over at once, into the project.
fn static_program(project: &Project, name: &str, body: &str) {
    let source = project.path().join(format!("{name}.c"));
    fs::write(&source, format!("#include <unistd.h>\nint main(void) {{ {body} return 0; }}\n")).unwrap();
    let to = project.path().join(name);
    let made = Command::new("gcc").args(["-static", "-w", "-o"]).arg(to).arg(source).status().unwrap();
    assert!(made.success());
}

#[test]
fn a_command_that_becomes_an_untracked_program_is_an_error() {
    let project = Project::new(
        "scenarios:\n  becomes: { run: [env, ./waits], until: 3 s, budgets: { peak: 1 MiB } }\n",
        "",
    );
    static_program(&project, "waits", "for (;;) pause();");
    let checked = project.check();
    assert_eq!(checked.code, Some(3), "{}", checked.whole());
    assert!(
        checked.out.contains("the command executed a program without the tracker"),
        "{}",
        checked.whole()
    );
    assert!(checked.out.contains("waits ("), "{}", checked.whole());
}

#[test]
fn a_child_without_the_tracker_is_named_however_short_it_lives_and_an_error_where_that_is_strict() {
    let scenario = "run: [sh, -c, './short; true'], budgets: { peak: 1 MiB }";
    let config =
        format!("scenarios:\n  lenient: {{ {scenario} }}\n  strict: {{ {scenario}, strict: true }}\n");
    let project = Project::new(&config, "");
    static_program(&project, "short", "");
    let lenient = project.run(&["check", "lenient"]);
    assert_eq!(lenient.code, Some(0), "{}", lenient.whole());
    assert!(lenient.out.contains("ran without the tracker"), "{}", lenient.whole());
    assert!(lenient.out.contains("short ("), "{}", lenient.whole());
    let strict = project.run(&["check", "strict"]);
    assert_eq!(strict.code, Some(3), "{}", strict.whole());
    assert!(
        strict.out.contains("ran without the tracker, which `strict` does not allow"),
        "{}",
        strict.whole()
    );
    // Nothing of it is cut off: a program a line below the reason.
    let lines: Vec<&str> = strict.out.lines().map(str::trim).collect();
    let reason =
        lines.iter().position(|line| *line == "static, setuid, of another C library, or started past it:");
    assert!(lines[reason.unwrap() + 1].starts_with("short ("), "{}", strict.whole());
}

#[test]
fn a_child_that_is_given_an_empty_environment_is_no_untracked_one() {
    let project = Project::new(
        "scenarios:\n  scrubbed: { run: [env, -i, sh, -c, 'env -i cat /dev/null; true'], strict: true, budgets: { peak: 1 MiB } }\n",
        "",
    );
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    assert!(!checked.out.contains("without the tracker"), "{}", checked.whole());
}

#[test]
fn a_heap_that_another_library_keeps_to_itself_is_an_error() {
    let found = Command::new("gcc").arg("-print-file-name=libasan.so").output().unwrap().stdout;
    let found = std::path::PathBuf::from(String::from_utf8(found).unwrap().trim());
    let Ok(libasan) = found.canonicalize() else {
        eprintln!("skipped: gcc has no libasan");
        return;
    };
    let variables = format!("{{ LD_PRELOAD: {}, ASAN_OPTIONS: detect_leaks=0 }}", libasan.display());
    let project = Project::new(
        &format!(
            "scenarios:\n  hidden: {{ run: [cat, /dev/null], env: {variables}, budgets: {{ peak: 1 MiB }} }}\n"
        ),
        "",
    );
    let checked = project.check();
    assert_eq!(checked.code, Some(3), "{}", checked.whole());
    assert!(
        checked.out.contains("the native heap is not seen, so there is nothing to judge"),
        "{}",
        checked.whole()
    );
}

#[test]
fn the_automatic_memory_limit_leaves_untouched_memory_alone() {
    let project = Project::new(
        "scenarios:\n  sparse:\n    call: app:sparse\n    iterations: 1\n    warmup: 0\n",
        "import mmap\n\
         def sparse():\n    \
             no_reserve = 0x4000\n    \
             return len(mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve))\n",
    );
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
}

#[test]
fn what_a_scenario_leaves_behind_is_ended_and_named() {
    let command = "sleep 61 & sleep 62 & exit 0";
    let project = Project::new(
        &format!(
            "scenarios:\n  leaves: {{ run: [sh, -c, '{command}'] }}\n  none: {{ run: [sh, -c, 'true & exit 0'] }}\n"
        ),
        "",
    );
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    let notes = |name: &str| {
        let scenario = project.scenario(name);
        let notes =
            scenario["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned());
        notes.filter(|note| note.contains("left behind")).collect::<Vec<_>>()
    };
    let [note] = &notes("leaves")[..] else { panic!("{}", checked.whole()) };
    assert!(note.starts_with("2 processes that the command left behind: ended: `sleep 6"), "{note}");
    assert!(note.contains("`sleep 61` (pid ") && note.contains("`sleep 62` (pid "), "{note}");
    assert_eq!(notes("none"), Vec::<String>::new());
}
