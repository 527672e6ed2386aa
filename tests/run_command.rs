//! `leakgate run` with real commands: to them and to who started it, it must be as if it were not there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_leakgate");

fn leakgate(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder.path());
    command
}

/// As `leakgate`, with no signal ignored: a test that runs in the background or under `nohup` inherits such.
fn leakgate_with_default_signals(folder: &TempDir, arguments: &[&str]) -> Command {
    const DEFAULTS: &str = "import os, signal, sys\n\
        for number in range(1, 32):\n\
        \x20   if number not in (signal.SIGKILL, signal.SIGSTOP): signal.signal(number, signal.SIG_DFL)\n\
        os.execv(sys.argv[1], sys.argv[1:])\n";
    let mut command = Command::new("python3");
    command.args(["-c", DEFAULTS, PROGRAM]).args(arguments).current_dir(folder.path());
    command
}

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    leakgate(folder, arguments).output().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until the command has printed its first line.
fn await_line(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    lines
}

#[test]
fn the_exit_code_is_the_commands_own() {
    for code in [0, 1, 3, 125, 255] {
        let output = run(&folder(), &["run", "-q", "--", "sh", "-c", &format!("exit {code}")]);
        assert_eq!(output.status.code(), Some(code), "{}", errors(&output));
    }
}

#[test]
fn a_signal_that_ends_the_command_ends_leakgate() {
    for signal in ["SEGV", "TERM", "KILL", "ABRT", "PIPE"] {
        let folder = folder();
        let output = run(&folder, &["run", "-q", "--", "sh", "-c", &format!("kill -{signal} $$")]);
        let expected: Signal = format!("SIG{signal}").parse().unwrap();
        assert_eq!(output.status.signal(), Some(expected as i32), "{}", errors(&output));
        assert!(!output.status.core_dumped());
    }
}

#[test]
fn what_cannot_be_run_has_the_exit_codes_of_a_shell() {
    let folder = folder();
    fs::write(folder.path().join("text"), "echo").unwrap();
    let missing = run(&folder, &["run", "--", "no-such-command-here"]);
    assert_eq!(missing.status.code(), Some(127));
    assert_eq!(errors(&missing), "leakgate: error: `no-such-command-here` was not found on PATH\n");
    let denied = run(&folder, &["run", "--", "./text"]);
    assert_eq!(denied.status.code(), Some(126));
    assert!(errors(&denied).contains("it has no permission to execute"), "{}", errors(&denied));
    assert!(!folder.path().join(".leakgate").exists());
}

#[test]
fn a_static_program_is_an_error_and_not_a_capture_of_nothing() {
    let folder = folder();
    fs::write(folder.path().join("main.c"), "int main(void) { return 0; }").unwrap();
    let made =
        Command::new("gcc").args(["-static", "main.c", "-o", "fixed"]).current_dir(folder.path()).status();
    assert!(made.unwrap().success());
    let output = run(&folder, &["run", "--", "./fixed"]);
    assert_eq!(output.status.code(), Some(126));
    assert!(errors(&output).contains("it is statically linked"), "{}", errors(&output));
}

#[test]
fn a_command_in_which_the_tracker_stays_silent_is_an_error() {
    // The loader only lists what it would load: it runs no constructor, and ends well.
    let output = run(&folder(), &["run", "--", "/lib64/ld-linux-x86-64.so.2", "--list", "/bin/true"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(errors(&output).contains("the command was not recorded"), "{}", errors(&output));
}

#[test]
fn input_and_output_are_the_commands_own() {
    let folder = folder();
    let mut child = leakgate(&folder, &["run", "-q", "--", "sh", "-c", "cat; echo err >&2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"in\xff\x00put").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"in\xff\x00put");
    assert_eq!(output.stderr, b"err\n");
}

#[test]
fn only_two_variables_and_no_descriptor_are_added() {
    let folder = folder();
    let look = [
        "sh",
        "-c",
        "env; pwd; umask; ulimit -a; grep Sig[BI] /proc/self/status; cd /proc/self/fd; echo fds *",
    ];
    let plain = Command::new(look[0]).args(&look[1..]).current_dir(folder.path()).output().unwrap();
    let tracked = leakgate(&folder, &[&["run", "-q", "--"], &look[..]].concat()).output().unwrap();
    let lines = |output: &Output| -> Vec<String> {
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    };
    let (plain, mut tracked) = (lines(&plain), lines(&tracked));
    let ours = ["LD_PRELOAD=", "ARROW_DEFAULT_MEMORY_POOL=system"];
    tracked.retain(|line| !ours.iter().any(|ours| line.starts_with(ours)));
    let missing: Vec<_> = plain.iter().filter(|line| !tracked.contains(line)).collect();
    let added: Vec<_> = tracked.iter().filter(|line| !plain.contains(line)).collect();
    assert_eq!((missing, added), (vec![], vec![]));
}

#[test]
fn signals_reach_the_command() {
    const WAITS: &str = "import signal, sys\n\
        numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT]\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)\n\
        print('ready', flush=True)\n\
        sys.exit(100 + signal.sigwait(numbers))\n";
    use Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT] {
        let folder = folder();
        let command = ["run", "-q", "--", "python3", "-c", WAITS];
        let mut command = leakgate_with_default_signals(&folder, &command);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let _lines = await_line(&mut child);
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(100 + signal as i32));
    }
}

#[test]
fn a_signal_from_the_terminal_reaches_the_command_once() {
    // The command counts interrupts. USR1, which leakgate passes on after anything that it still had to pass on, ends it.
    const COUNTS: &str = "import signal, sys, os\n\
        numbers = [signal.SIGINT, signal.SIGUSR1]\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)\n\
        print('ready', flush=True)\n\
        count = 0\n\
        while signal.sigwait(numbers) == signal.SIGINT:\n\
        \x20   count += 1\n\
        \x20   if count == 1: print('interrupted', flush=True)\n\
        sys.exit(100 + count)\n";
    const TERMINAL: &str = "import os, pty, signal, sys\n\
        pid, terminal = pty.fork()\n\
        if pid == 0:\n\
        \x20   for number in (signal.SIGINT, signal.SIGUSR1): signal.signal(number, signal.SIG_DFL)\n\
        \x20   os.execv(sys.argv[1], sys.argv[1:])\n\
        def until(word):\n\
        \x20   text = b''\n\
        \x20   while word not in text: text += os.read(terminal, 1000)\n\
        until(b'ready')\n\
        os.write(terminal, b'\\x03')\n\
        until(b'interrupted')\n\
        os.kill(pid, signal.SIGUSR1)\n\
        sys.exit(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))\n";
    let folder = folder();
    let status = Command::new("python3")
        .args(["-c", TERMINAL, PROGRAM, "run", "-q", "--", "python3", "-c", COUNTS])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(101));
}

#[test]
fn an_ignored_signal_stays_ignored_in_the_command() {
    let folder = folder();
    let script = format!("trap '' HUP; exec {PROGRAM} run -q -- grep SigIgn /proc/self/status");
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mask = u64::from_str_radix(text.trim_start_matches("SigIgn:").trim(), 16).unwrap();
    assert_eq!(mask & 1, 1, "{text}");
}

#[test]
fn a_python_file_is_run_with_the_projects_python() {
    let folder = folder();
    fs::write(folder.path().join("app.py"), "import sys; print(sys.argv, sys.version_info[0])").unwrap();
    let output = run(&folder, &["run", "app.py", "--flag", "-q"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "['app.py', '--flag', '-q'] 3\n",
        "{}",
        errors(&output)
    );
    assert!(folder.path().join(".leakgate/captures/app/run.json").exists());
    assert_eq!(fs::read_to_string(folder.path().join(".leakgate/.gitignore")).unwrap(), "*\n");
}

#[test]
fn a_capture_is_described_and_sealed_and_the_library_is_removed() {
    let (folder, temporary) = (folder(), folder());
    let output = leakgate(&folder, &["run", "-q", "-o", "out", "--", "sh", "-c", "exit 3"])
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    let capture = folder.path().join("out");
    let description: serde_json::Value =
        serde_json::from_slice(&fs::read(capture.join("run.json")).unwrap()).unwrap();
    assert_eq!(description["command"], serde_json::json!(["sh", "-c", "exit 3"]));
    assert_eq!((&description["exit_code"], &description["signal"]), (&3.into(), &serde_json::Value::Null));
    let sealed: std::collections::BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&fs::read(capture.join("seal.json")).unwrap()).unwrap();
    let mut files = names(&capture);
    files.remove("seal.json");
    assert_eq!(sealed.into_keys().collect::<std::collections::BTreeSet<_>>(), files);
    leakgate::profile::load::capture(&capture).unwrap();
    let timeline = fs::read_to_string(capture.join("timeline.csv")).unwrap();
    assert!(timeline.starts_with("at_ms,pid,live,rss\n"), "{timeline}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn an_output_folder_with_anything_else_in_it_is_left_alone() {
    let folder = folder();
    fs::create_dir(folder.path().join("photos")).unwrap();
    fs::write(folder.path().join("photos/cat.jpg"), "meow").unwrap();
    let output = run(&folder, &["run", "-o", "photos", "--force", "--", "true"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(
        errors(&output).contains("is not a capture of leakgate; it is left as it is"),
        "{}",
        errors(&output)
    );
    assert_eq!(fs::read(folder.path().join("photos/cat.jpg")).unwrap(), b"meow");
}

#[test]
fn a_capture_is_replaced_with_force_only() {
    let folder = folder();
    let record = |more: &[&str]| run(&folder, &[&["run", "-q", "-o", "out"], more, &["--", "true"]].concat());
    assert_eq!(record(&[]).status.code(), Some(0));
    let refused = record(&[]);
    assert_eq!(refused.status.code(), Some(125));
    assert!(errors(&refused).contains("`out` already holds a capture; --force replaces it"));
    assert_eq!(record(&["--force"]).status.code(), Some(0));
}

#[test]
fn a_process_that_stays_keeps_its_library_and_its_capture_open() {
    let (folder, temporary) = (folder(), folder());
    nix::unistd::mkfifo(&folder.path().join("gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    nix::unistd::mkfifo(&folder.path().join("begun"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script = "sh -c 'echo >begun; read line <gate' >/dev/null 2>&1 & read line <begun";
    let output = leakgate(&folder, &["run", "-o", "out", "--", "sh", "-c", script])
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let told = "a recorded process still runs: figures may change after this: `sh -c echo >begun; read line <gate` (pid ";
    assert!(errors(&output).contains(told), "{}", errors(&output));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
    let capture = folder.path().join("out");
    assert!(!capture.join("seal.json").exists());
    let again = run(&folder, &["run", "-o", "out", "--force", "--", "true"]);
    assert!(errors(&again).contains("is a capture that process"), "{}", errors(&again));
    // Opening and closing its other end ends the process.
    drop(fs::OpenOptions::new().write(true).open(folder.path().join("gate")).unwrap());
}

#[test]
fn a_script_is_tracked_through_its_interpreter_line() {
    let folder = folder();
    let script = folder.path().join("script");
    fs::write(&script, "#!/usr/bin/env python3\nimport sys\nsys.exit(9)\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let output = run(&folder, &["run", "-q", "./script"]);
    assert_eq!(output.status.code(), Some(9), "{}", errors(&output));
    assert!(has_process_file(&folder.path().join(".leakgate/captures/script")));
}

fn names(folder: &Path) -> std::collections::BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn has_process_file(capture: &Path) -> bool {
    names(capture).iter().any(|name| name.ends_with(".lgp"))
}

#[test]
fn a_reader_that_goes_away_ends_help_quietly() {
    let mut child =
        Command::new(PROGRAM).arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    assert_eq!(text, "");
}

#[test]
fn the_version_is_printed() {
    let output = Command::new(PROGRAM).arg("--version").output().unwrap();
    assert_eq!(output.stdout, format!("leakgate {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
    assert!(output.status.success());
}

#[test]
fn a_recording_inside_a_recording_works() {
    let folder = folder();
    let inner =
        [PROGRAM, "run", "-q", "-o", "inner", "--", "python3", "-c", "print(len([{} for n in range(1000)]))"];
    let outer = ["run", "-q", "-o", "outer", "--"];
    let output = run(&folder, &[&outer[..], &inner[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1000\n");
    for name in ["inner", "outer"] {
        assert!(!leakgate::profile::load::capture(&folder.path().join(name)).unwrap().processes.is_empty());
    }
}
