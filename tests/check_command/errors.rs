//! Scenarios that go wrong: what is said, the exit code, and that the others are still judged.

use insta::assert_snapshot;

use crate::project::Project;

const APP: &str = "\
import os, sys, threading
HEALTHY = []

def healthy():
    return bytes(967)

def raises():
    return {'model': None}['no such \\x1b[31mmodel']

def hungry():
    held = []
    while True:
        held.append(b'x' * (1 << 20))

def leaves_by_os_exit():
    os._exit(7)

def raises_system_exit():
    sys.exit(4)

def hangs():
    print('waiting for godot', flush=True)
    threading.Event().wait()

def closes_everything():
    os.closerange(0, 256)

def goes_elsewhere():
    os.chdir('/')

def replaces_stdout():
    sys.stdout = sys.stderr = None

def forks():
    if os.fork():
        os.wait()

def stays():
    threading.Thread(target=threading.Event().wait).start()

def stays_once():
    if not HEALTHY:
        HEALTHY.append(1)
        threading.Thread(target=threading.Event().wait, name='left behind').start()

def pools():
    if not HEALTHY:
        from concurrent.futures import ThreadPoolExecutor
        HEALTHY.append(ThreadPoolExecutor(1))
        HEALTHY[0].submit(len, '').result()

def generates():
    HEALTHY.append(1)
    yield

async def generates_later():
    yield

def gives_a_generator():
    return (number for number in range(3))

def kills_itself():
    print('last words', file=sys.stderr, flush=True)
    os.kill(os.getpid(), 9)
def skips():
    import unittest
    raise unittest.SkipTest('no database here')
";

/// A scenario for each function, with a healthy one at the end.
fn calling(functions: &[&str], more: &str) -> Project {
    let mut config = "scenarios:\n".to_owned();
    for function in functions {
        config += &format!("  {function}: {{ call: \"app:{function}\"{more} }}\n");
    }
    config += "  healthy: { call: \"app:healthy\", budgets: { growth: 0 } }\n";
    Project::new(&config, APP)
}

#[test]
fn a_function_that_raises_is_exit_3_with_its_traceback_and_the_others_are_judged_and_reported() {
    let project = calling(&["raises"], ", budgets: { peak: 80 MiB }");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 2 scenarios

    ERROR raises  [time]  call app:raises
      error the function raised KeyError: 'no such \x1b[31mmodel' (iteration 1)
            Traceback (most recent call last):
              File "[project]/app.py", line 8, in raises
                return {'model': None}['no such \x1b[31mmodel']
            KeyError: 'no such \x1b[31mmodel'
      note  not judged: peak

    pass  healthy  [time]  growth 0 B

    1 could not be measured, 1 passed in [time] · reports in .leakgate/
      again   leakgate check raises
      look    leakgate view tree raises
    [exit 3]
    "#);
    assert_eq!(project.scenario("healthy")["verdict"], "pass");
    assert!(project.read(".leakgate/report.md").contains("raised KeyError: 'no such "));
    let junit = project.read(".leakgate/report.xml");
    assert!(junit.contains("<error") && junit.contains("leakgate.healthy"), "{junit}");
}

#[test]
fn what_cannot_be_imported_is_told_without_the_drivers_frames() {
    let config = "scenarios:
  no-module: { call: \"apq:healthy\" }
  no-function: { call: \"app:healthyy\" }
  syntax: { call: \"broken:work\" }
  no-setup: { call: \"app:healthy\", setup: \"app:nothing\" }
  no-teardown: { call: \"app:healthy\", teardown: \"app:nothing\" }
  no-between: { call: \"app:healthy\", between: \"app:nothing\" }
";
    let project = Project::new(config, APP);
    project.write("broken.py", "def work(:\n    pass\n");
    let checked = project.check();
    assert_eq!(checked.code, Some(3));
    assert!(!checked.out.contains("driver"), "{}", checked.out);
    let title = |name: &str| project.scenario(name)["error"]["title"].as_str().unwrap().to_owned();
    assert_eq!(
        title("no-module"),
        "the function could not be imported: ModuleNotFoundError: No module named 'apq'"
    );
    let missing = "the function could not be imported: AttributeError: module 'app' has no attribute ";
    assert_eq!(title("no-function"), format!("{missing}'healthyy'"));
    for hook in ["setup", "teardown", "between"] {
        assert_eq!(
            title(&format!("no-{hook}")),
            format!("{missing}'nothing'").replacen("the", &format!("the {hook}"), 1)
        );
    }
    assert!(title("syntax").starts_with("the function could not be imported: SyntaxError: "));
}

#[test]
fn a_function_that_ends_the_process_is_an_error_with_the_last_output() {
    let project = calling(&["leaves_by_os_exit", "raises_system_exit", "kills_itself"], "");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 4 scenarios

    ERROR leaves_by_os_exit  [time]  call app:leaves_by_os_exit
      error the process ended with exit code 7 before the function's work was done
            it printed nothing
            `os._exit`, or C's `exit`, was called where the function was at work, and ended the
            process: name a function that returns when its work is done, as it is called again
            and again; or measure the whole program with `run` instead of `call`
            the first call of the function did not return

    ERROR raises_system_exit  [time]  call app:raises_system_exit
      error the function raised SystemExit: 4 (iteration 1)
            Traceback (most recent call last):
              File "[project]/app.py", line 19, in raises_system_exit
                sys.exit(4)
            SystemExit: 4
            name a function that returns when its work is done, as it is called again and again;
            or measure the whole program with `run` instead of `call`

    ERROR kills_itself  [time]  call app:kills_itself
      error the process was ended by SIGKILL before the function's work was done
            the end of its output:
            last words
            the first call of the function did not return

    pass  healthy  [time]  growth 0 B

    3 could not be measured, 1 passed in [time] · reports in .leakgate/
      again   leakgate check leaves_by_os_exit raises_system_exit kills_itself
      look    leakgate view tree leaves_by_os_exit
    [exit 3]
    "#);
}

#[test]
fn a_function_that_hangs_is_ended_at_its_timeout_with_the_last_output() {
    let project = calling(&["hangs"], ", timeout: 1 s, budgets: { growth: 0 }");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 2 scenarios

    ERROR hangs  [time]  call app:hangs
      error not done within its timeout of 1 s; it was ended
            the end of its output:
            waiting for godot
            the first call of the function did not return
            raise `timeout`, or find what it waits for
      note  not judged: growth

    pass  healthy  [time]  growth 0 B

    1 could not be measured, 1 passed in [time] · reports in .leakgate/
      again   leakgate check hangs
      look    leakgate view tree hangs
    [exit 3]
    "#);
}

#[test]
fn a_function_that_reaches_the_memory_limit_is_a_finding_that_says_who_held_it() {
    let project =
        calling(&["hungry"], ", memory_limit: 100 MiB, budgets: { growth: 0, peak: 50 MiB, rss: 1 TiB }");
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.out);
    let scenario = project.scenario("hungry");
    let finding = &scenario["findings"][0];
    assert_eq!(finding["rule"], "memory-limit");
    assert_eq!(finding["title"], "ended when it reached its memory limit of 100.0 MiB");
    assert_eq!((&finding["place"]["file"], &finding["place"]["line"]), (&"app.py".into(), &13.into()));
    assert!(finding["holders"][0]["bytes"].as_u64().unwrap() > 70 << 20, "{finding}");
    assert_eq!(scenario["findings"][1]["rule"], "budget-peak");
    assert_eq!(scenario["not_judged"], serde_json::json!(["growth", "rss"]));
    assert_eq!(project.scenario("healthy")["verdict"], "pass");
}

#[test]
fn a_command_that_reaches_the_memory_limit_is_a_finding_that_says_who_held_it() {
    let config = "scenarios:\n  hungry: { run: [python, work.py], memory_limit: 100 MiB }\n";
    let project = Project::new(config, APP);
    project.write("work.py", "import app\napp.hungry()\n");
    let checked = project.check();
    assert_eq!(checked.code, Some(1), "{}", checked.out);
    let finding = &project.scenario("hungry")["findings"][0];
    assert_eq!((&finding["rule"], &finding["place"]["line"]), (&"memory-limit".into(), &13.into()));
    let path = [finding["holders"][0]["stack"][0].as_str(), finding["holders"][0]["stack"][1].as_str()];
    assert_eq!(path, [Some("app.py:13 in hungry"), Some("work.py:2 in <module>")]);
}

#[test]
fn what_a_function_does_to_its_process_does_not_spoil_its_figures() {
    let functions = ["closes_everything", "goes_elsewhere", "replaces_stdout", "forks"];
    let project = calling(&functions, ", budgets: { growth: 0, threads: 0, blocks: 0 }");
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 5 scenarios

    pass  closes_everything  [time]  growth 0 B   threads 0   blocks 0
    pass  goes_elsewhere  [time]  growth 0 B   threads 0   blocks 0
    pass  replaces_stdout  [time]  growth 0 B   threads 0   blocks 0
    pass  forks  [time]  growth 0 B   threads 0   blocks 0
      note  a child process that the function forked came back from it, as only its caller should, and
            was ended: have the child end itself with `os._exit`
    pass  healthy  [time]  growth 0 B

    5 passed in [time] · reports in .leakgate/
    [exit 0]
    "#);
}

#[test]
fn a_thread_that_never_ends_does_not_keep_the_check_from_its_end() {
    let project = calling(&["stays"], ", warmup: 1, iterations: 2, budgets: { threads: 0 }");
    assert_eq!(project.check().code, Some(1));
    let finding = &project.scenario("stays")["findings"][0];
    assert_eq!(finding["title"], "2 threads left running: its budget allows none");
}

#[test]
fn a_thread_that_would_keep_a_program_from_its_end_is_told_also_where_nothing_leaks() {
    let project = calling(&["stays_once", "pools"], "");
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    let told = "thread `left behind` still ran after the work and is no daemon: a program that calls the function would \
                not end; stop what it started, and join it";
    let scenario = project.scenario("stays_once");
    assert!(scenario["notes"].as_array().unwrap().iter().any(|note| note == told), "{scenario:#}");
    // The workers of a pool are ended at the end of the program.
    assert!(!project.scenario("pools")["notes"].to_string().contains("still ran"));
}

#[test]
fn a_generator_function_is_an_error_as_nothing_of_its_body_runs() {
    let project = calling(&["generates", "generates_later", "gives_a_generator"], "");
    project.write(
        "leakgate.yaml",
        &(project.read("leakgate.yaml")
            + "  prepared: { call: \"app:healthy\", setup: \"app:generates\" }\n"),
    );
    assert_snapshot!(project.check().whole(), @r#"
    leakgate [version] · leakgate.yaml · python python3 (CPython [version]) · 5 scenarios

    ERROR generates  [time]  call app:generates
      error the function is a generator function: a call makes a generator, and nothing of its body runs
            name a function that goes through it, with `for _ in NAME(): pass` in it

    ERROR generates_later  [time]  call app:generates_later
      error the function is an async generator function: a call makes an async generator, and nothing of
            its body runs
            name a function that goes through it, with `async for _ in NAME(): pass` in it

    ERROR prepared  [time]  call app:healthy
      error the setup function is a generator function: a call makes a generator, and nothing of its
            body runs
            name a function that goes through it, with `for _ in NAME(): pass` in it

    pass  gives_a_generator  [time]  no budgets   growth 0 B   retained [size]   peak [size]
    pass  healthy  [time]  growth 0 B

    3 could not be measured, 2 passed in [time] · reports in .leakgate/
      again   leakgate check generates generates_later prepared
      look    leakgate view tree generates
    [exit 3]
    "#);
}

#[test]
fn a_function_that_says_it_is_not_to_be_run_here_is_skipped_with_its_reason() {
    let project = calling(&["skips"], ", budgets: { peak: 80 MiB }");
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    assert!(checked.out.contains("skipped: no database here\n"), "{}", checked.out);
    assert!(checked.out.contains("1 skipped, 1 passed in "), "{}", checked.out);
    let result = project.result();
    let scenario = project.scenario("skips");
    assert_eq!((&scenario["verdict"], &scenario["skipped"]), (&"skipped".into(), &"no database here".into()));
    assert_eq!(
        (&scenario["error"], result["counts"]["skipped"].as_u64()),
        (&serde_json::Value::Null, Some(1))
    );
    let junit = project.read(".leakgate/report.xml");
    assert_eq!(junit.matches("<skipped type=\"leakgate.").count(), 2, "{junit}");
    assert!(junit.contains("name=\"completes\"") && junit.contains("no database here"), "{junit}");
    // A result with it is read back.
    assert_eq!(project.run(&["diff", ".leakgate/result.json", ".leakgate/result.json"]).code, Some(0));
}
