//! `run` scenarios: commands of every kind, how they end, and what is judged of them.

use insta::assert_snapshot;

use crate::project::Project;

fn one(scenario: &str) -> Project {
    Project::new(&format!("scenarios:\n  work: {{ {scenario} }}\n"), "")
}

#[test]
fn a_list_a_text_an_environment_and_a_folder_arrive_as_they_were_declared() {
    let work = "import os, sys\nopen('seen.txt', 'w').write(repr((sys.argv[1:], os.environ['SHOP'], os.getcwd())))\n";
    for run in ["[python, ../work.py, 'a b', 7]", "python ../work.py \"a b\" 7"] {
        let project =
            one(&format!("run: {run}, cwd: sub, env: {{ SHOP: open }}, budgets: {{ peak: 80 MiB }}"));
        project.write("work.py", work);
        project.write("sub/here", "");
        let checked = project.check();
        assert_eq!(checked.code, Some(0), "{}", checked.whole());
        let sub = project.path().join("sub");
        assert_eq!(project.read("sub/seen.txt"), format!("(['a b', '7'], 'open', '{}')", sub.display()));
    }
}

#[test]
fn peak_and_retained_of_a_command_are_those_of_its_process() {
    let work = "big = b'x' * (64 << 20)\nbig = None\nkept = b'x' * (32 << 20)\n";
    let project =
        one("run: [python, work.py], budgets: { peak: 64 MiB, retained: 32 MiB, rss: 1 MiB, blocks: 1 }");
    project.write("work.py", work);
    assert_eq!(project.check().code, Some(1));
    let findings = project.scenario("work")["findings"].as_array().unwrap().clone();
    let held: Vec<_> = findings
        .iter()
        .map(|finding| {
            (
                finding["rule"].as_str().unwrap(),
                finding["place"]["line"].as_u64(),
                &finding["holders"][0]["bytes"],
            )
        })
        .map(|(rule, line, bytes)| (rule, line, bytes.as_u64().unwrap() >> 20))
        .collect();
    assert_eq!(held[..2], [("budget-peak", Some(1), 64), ("budget-retained", Some(3), 32)]);
    assert_eq!((held[2].0, held[3].0), ("budget-rss", "budget-blocks"));
}

#[test]
fn a_command_that_fails_is_an_error_unless_its_exit_code_is_allowed() {
    let failing = "run: [python, -c, \"import sys; print('out'); sys.exit('no \\x1b[31mluck')\"]";
    assert_snapshot!(one(failing).check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    ERROR work  [time]  run python -c "import sys; print('out'); sys.exit('no luck')"
      error the command ended with exit code 1
            the end of its output:
            no luck

    1 could not be measured in [time] · reports in .leakgate/
      again   leakgate check work
      look    leakgate view tree work
    [exit 3]
    "#);
    assert_eq!(one(&format!("{failing}, exit_codes: [0, 1]")).check().code, Some(0));
    assert_eq!(one(&format!("{failing}, exit_codes: [0]")).check().code, Some(3));
}

#[test]
fn a_command_that_is_killed_or_hangs_is_an_error() {
    let project = Project::new(
        "scenarios:
  killed: { run: [python, -c, \"import os; os.kill(os.getpid(), 9)\"] }
  aborts: { run: [python, -c, \"import os; os.abort()\"] }
  hangs: { run: [python, -c, \"print('still here', flush=True); import threading; threading.Event().wait()\"], timeout: 1 s }
",
        "",
    );
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 3 scenarios

    ERROR killed  [time]  run python -c 'import os; os.kill(os.getpid(), 9)'
      error the command was ended by SIGKILL
            it printed nothing

    ERROR aborts  [time]  run python -c 'import os; os.abort()'
      error the command was ended by SIGABRT
            it printed nothing

    ERROR hangs  [time]  run python -c "print('still here', flush=True); import threading; threading.E…
      error not done within its timeout of 1 s; it was ended
            the end of its output:
            still here
            if it is not meant to end by itself, say `until: 500 ms`, or more with a longer
            `timeout`: it is ended then and judged as it stands; else raise `timeout`, or find
            what it waits for

    3 could not be measured in [time] · reports in .leakgate/
      again   leakgate check killed aborts hangs
      look    leakgate view tree killed
    [exit 3]
    "#);
}

#[test]
fn a_command_that_leaves_by_os_exit_is_judged_at_its_death() {
    let project = one("run: [python, -c, \"import os; os._exit(0)\"], budgets: { peak: 80 MiB }");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 1 scenario

    pass  work  [time]  peak [size] of 80.0 MiB
      note  the process did not reach its own exit, so `retained` is what was live when it died

    1 passed in [time] · reports in .leakgate/
    [exit 0]
    "#);
}

#[test]
fn a_gigabyte_of_output_is_neither_kept_nor_shown() {
    let work = "import os, sys\nchunk = b'x' * 1023 + b'\\n'\nchunk *= 1024\nfor _ in range(1024): os.write(1, chunk)\nsys.exit(3)\n";
    let project = one("run: [python, work.py]");
    project.write("work.py", work);
    let checked = project.check();
    assert_eq!(checked.code, Some(3));
    assert!(checked.out.len() < 10_000, "{} bytes", checked.out.len());
    let kept = std::fs::metadata(project.path().join(".leakgate/captures/work/stdout.txt")).unwrap().len();
    assert!(kept < 200_000, "{kept}");
}

#[test]
fn until_says_whether_the_program_reached_its_own_exit() {
    let waits = "import signal, sys, threading\nif 'exit' in sys.argv: signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n\
                 if 'deaf' in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                 while True: threading.Event().wait(60)\n";
    let project = Project::new(
        "scenarios:
  exits: { run: python wait.py exit, until: 4 s }
  dies: { run: python wait.py, until: 4 s }
  deaf: { run: python wait.py deaf, until: 4 s }
",
        "",
    );
    project.write("wait.py", waits);
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    let notes = ["exits", "dies", "deaf"].map(|name| project.scenario(name)["notes"].clone());
    let note = |text: &str| serde_json::json!([text]);
    assert_eq!(
        notes,
        [
            note(
                "`until` was over and SIGTERM was sent: the interpreter reached its exit, and `retained` is what was live there"
            ),
            note(
                "`until` was over and SIGTERM was sent: the process did not reach its own exit, so `retained` is what was live when it died"
            ),
            note(
                "`until` was over; it did not end on SIGTERM and was killed: the process did not reach its own exit, so `retained` is what was live when it died"
            ),
        ]
    );
}

#[test]
fn what_cannot_be_tracked_or_found_is_an_error_with_the_reason() {
    let project = Project::new(
        "scenarios:\n  missing: { run: ./nothing }\n  script: { run: ./script }\n  static: { run: ./static }\n",
        "",
    );
    project.write("script", "#!/nowhere/sh\n");
    std::fs::write(project.path().join("static"), static_program()).unwrap();
    for name in ["script", "static"] {
        use std::os::unix::fs::PermissionsExt;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(project.path().join(name), executable).unwrap();
    }
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 3 scenarios

    ERROR missing  [time]  run ./nothing
      error `[project]/nothing` was not found

    ERROR script  [time]  run ./script
      error `[project]/script` cannot be executed: the interpreter of its `#!` line,
            `/nowhere/sh`, is not there or not executable

    ERROR static  [time]  run ./static
      error `[project]/static` cannot be tracked: it is statically linked, so nothing can be
            preloaded into it: build it dynamically, or record another program

    3 could not be measured in [time] · reports in .leakgate/
      again   leakgate check missing script static
      look    leakgate view tree missing
    [exit 3]
    "#);
}

/// The smallest file that is a static program of x86-64: a header without a loader.
fn static_program() -> Vec<u8> {
    let mut elf = vec![0; 120];
    elf[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0");
    elf[20] = 1;
    elf[32] = 64;
    elf[52..60].copy_from_slice(&[64, 0, 56, 0, 1, 0, 0, 0]);
    elf[64] = 1;
    elf
}

#[test]
fn of_several_processes_the_largest_is_judged_and_named() {
    let project = one("run: [python, parent.py], budgets: { peak: 1 GiB }");
    project.write(
        "parent.py",
        "import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'], check=True)\n",
    );
    project.write("child.py", "big = b'x' * (64 << 20)\n");
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    let notes = project.scenario("work")["notes"].clone();
    let note = notes[0].as_str().unwrap();
    let start = "2 processes were recorded, each is judged by itself, shown is the largest: peak of `";
    assert!(note.starts_with(start), "{note}");
    assert!(note.contains("child.py` (pid ") && note.ends_with(")"), "{note}");
}

#[test]
fn a_program_that_is_not_python_needs_no_python() {
    let project =
        Project::new("scenarios:\n  native: { run: [sh, -c, 'true'], budgets: { peak: 10 MiB } }\n", "");
    project.write("bin/here", "");
    std::os::unix::fs::symlink("/bin/sh", project.path().join("bin/sh")).unwrap();
    let output = project.command(&["check"]).env("PATH", project.path().join("bin")).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.contains(" · python not found and not needed · 1 scenario\n"), "{out}");
}
