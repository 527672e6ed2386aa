//! Processes that run without the tracker: never a silent pass.

use crate::project::Project;

#[test]
fn a_command_that_becomes_an_untracked_program_is_an_error() {
    let project = Project::new(
        "scenarios:\n  scrubbed: { run: [env, -i, sleep, '1000'], until: 3 s, budgets: { peak: 1 MiB } }\n",
        "",
    );
    let checked = project.check();
    assert_eq!(checked.code, Some(3), "{}", checked.whole());
    assert!(
        checked.out.contains("the command executed a program without the tracker"),
        "{}",
        checked.whole()
    );
    assert!(checked.out.contains("sleep ("), "{}", checked.whole());
}

#[test]
fn a_child_without_the_tracker_is_named() {
    let project = Project::new(
        "scenarios:\n  parent: { run: [sh, -c, 'env -i sleep 1000; true'], until: 3 s, budgets: { peak: 1 MiB } }\n",
        "",
    );
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    assert!(checked.out.contains("ran without the tracker"), "{}", checked.whole());
    assert!(checked.out.contains("sleep ("), "{}", checked.whole());
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
