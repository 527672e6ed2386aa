//! leakgate is killed: what it runs is ended, and its folders go.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::project::Project;

/// A process of the group, and one that has left it: both hold the lifeline open.
const WORK: &str = "\
import os, subprocess, sys
line = open('lifeline', 'wb', buffering=0)
waits = 'import os, signal; os.write(%d, b\"b\"); signal.pause()' % line.fileno()
subprocess.Popen([sys.executable, '-c', waits], pass_fds=[line.fileno()], start_new_session=True)
with open('folders', 'w') as file:
    print(os.environ['TMPDIR'], os.path.dirname(os.environ['LD_PRELOAD']), sep='\\n', file=file)
line.write(b'a')
import signal; signal.pause()
";

#[test]
fn a_killed_leakgate_leaves_neither_processes_nor_folders() {
    let project = Project::new("scenarios:\n  work: { run: [python, work.py] }\n", "");
    project.write("work.py", WORK);
    let lifeline = project.path().join("lifeline");
    mkfifo(&lifeline, Mode::S_IRWXU).unwrap();
    let mut leakgate =
        project.command(&["check"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Opened when the first of them opens it, too.
    let mut lifeline = std::fs::File::open(lifeline).unwrap();
    let mut both = [0; 2];
    lifeline.read_exact(&mut both).unwrap();
    let folders: Vec<String> = project.read("folders").lines().map(str::to_owned).collect();
    assert!(folders.len() == 2 && folders.iter().all(|folder| Path::new(folder).is_dir()), "{folders:?}");
    leakgate.kill().unwrap();
    leakgate.wait().unwrap();
    // The end of the file: no process has it open any more.
    assert_eq!(lifeline.read(&mut both).unwrap(), 0);
    let began = Instant::now();
    while folders.iter().any(|folder| Path::new(folder).exists()) {
        assert!(began.elapsed() < Duration::from_secs(60), "{folders:?} are still there");
        std::thread::yield_now();
    }
}
