//! Python's own ways to start processes: every worker is recorded, with its parent, whatever environment it is given.

use std::fs;

use leakgate::profile::Birth;
use leakgate::profile::model::{Capture, Profile};

use crate::harness::folder;
use crate::processes::held;
use crate::python;

const WORK: &str = "
kept = []
def in_child():
    for _ in range(20): kept.append(bytes(5000))
in_child()
";

/// The programs that hold something of the function, with their number of blocks.
fn holding<'a>(capture: &'a Capture, function: &str) -> Vec<(&'a Profile, u64)> {
    let all = capture.processes.iter().map(|profile| (profile, held(profile, function).1));
    all.filter(|(_, blocks)| *blocks > 0).collect()
}

#[test]
fn a_python_that_is_started_without_an_environment_is_recorded() {
    let ways = [
        "subprocess.run([sys.executable, '-c', WORK], env={}, check=True)",
        "subprocess.run([sys.executable, '-c', WORK], env={}, check=True, close_fds=False)",
        "subprocess.run([sys.executable, '-c', WORK], env={}, check=True, preexec_fn=lambda: None)",
        "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, '-c', WORK], {}), 0)",
        "os.environ.clear(); os.waitpid(os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, '-c', WORK]), 0)",
    ];
    for python in python::all() {
        for way in ways {
            let script = format!("import os, subprocess, sys\nWORK = '''{WORK}'''\n{way}\n");
            let recording = python.run(&["-c", &script]).record().ended_well();
            let root = recording.first().process.pid;
            let workers = holding(&recording.capture, "in_child");
            let [(worker, 20)] = workers[..] else { panic!("{python}: {way}: {} workers", workers.len()) };
            assert_eq!(worker.process.parent, root, "{python}: {way}");
            assert_eq!(recording.capture.untracked, [], "{python}: {way}");
        }
    }
}

const LINK: &str = "
import os, sys
link = int(sys.argv[1])
kept = []
def in_link(): kept.append(bytes(5000))
for _ in range(10 * link): in_link()
if link > 1: os.execve(sys.executable, [sys.executable, sys.argv[0], str(link - 1)], {})
";

#[test]
fn a_chain_of_pythons_with_cleaned_environments_keeps_every_link() {
    for python in python::all() {
        let folder = folder();
        fs::write(folder.path().join("link.py"), LINK).unwrap();
        let recording = python.run(&["link.py", "3"]).cwd(folder.path()).record().ended_well();
        let [first, second, third] = &recording.capture.processes[..] else { panic!("{python}: not three") };
        let before = |profile: &Profile| Birth::Executed(profile.process.id());
        assert_eq!((second.process.birth, third.process.birth), (before(first), before(second)), "{python}");
        let blocks = [first, second, third].map(|profile| held(profile, "in_link").1);
        assert_eq!(blocks, [30, 20, 10], "{python}");
    }
}

#[test]
fn a_child_sees_nothing_new_in_its_environment_but_the_preload() {
    let script = "import os, subprocess, sys\n\
        print(subprocess.run([sys.executable, '-c', 'import os; print(sorted(os.environ))'], env={'A': 'b'}, \
        stdout=subprocess.PIPE, check=True).stdout.decode())";
    for python in python::all() {
        let run = python.run(&["-c", script]);
        let plain = String::from_utf8(run.plain().stdout).unwrap();
        let tracked = run.record().ended_well().stdout();
        assert_eq!(tracked.replace("'LD_PRELOAD', ", "").replace(", 'LD_PRELOAD'", ""), plain, "{python}");
        assert!(tracked.contains("LD_PRELOAD"), "{python}: {tracked}");
    }
}

#[test]
fn a_child_in_development_mode_runs_well_and_is_recorded() {
    for python in python::all() {
        for environment in
            ["env={}", "env={'PYTHONDEVMODE': '1'}", "env={'PYTHONMALLOC': 'debug'}", "env=None"]
        {
            let script = format!(
                "import subprocess, sys\nWORK = '''{WORK}'''\n\
                 subprocess.run([sys.executable, '-X', 'dev', '-c', WORK], {environment}, check=True)\n"
            );
            let recording = python.run(&["-c", &script]).record().ended_well();
            let workers = holding(&recording.capture, "in_child");
            assert!(matches!(workers[..], [(_, 20)]), "{python}: {environment}: {} workers", workers.len());
        }
    }
}

const POOL: &str = r#"
import multiprocessing, sys
kept = []
def in_worker(number):
    kept.append(bytes(5000))
    return number
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(3) as pool:
        assert sum(pool.map(in_worker, range(40), chunksize=1)) == 780
        pool.close()
        pool.join()
"#;

#[test]
fn what_multiprocessing_starts_for_itself_has_ended_when_the_capture_is_sealed() {
    const POOLS: &str = "
import multiprocessing
def work(number): return [number] * 10
if __name__ == '__main__':
    for way in 'spawn', 'forkserver':
        with multiprocessing.get_context(way).Pool(1) as pool: print(pool.map(work, range(2)) is None)
";
    for python in python::all() {
        let folder = folder();
        fs::write(folder.path().join("pools.py"), POOLS).unwrap();
        let capture = folder.path().join("capture");
        let run = python.run(&["pools.py"]).cwd(folder.path());
        let recorded = run.record_into(&capture);
        assert_eq!(recorded.notes, Vec::<String>::new(), "{python}");
        assert!(capture.join("seal.json").exists(), "{python}");
    }
}

/// Gives its privileges away in a child, which then executes something, or does not; and has children started so.
const DROPS: &str = "
import os, subprocess
def child(does):
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        does()
        os._exit(0)
    os.waitpid(pid, 0)
child(lambda: os.execv('/usr/bin/env', ['env', 'true']))
child(lambda: [bytes(1000) for _ in range(1000)])
try: os.setuid(65534)
except OSError: pass
subprocess.run(['/bin/sh', '-c', 'exit 3'])
";

#[test]
fn a_program_that_may_not_write_its_file_is_named() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("skipped: it takes root to give privileges away");
        return;
    }
    for python in python::all() {
        // What gave its privileges away cannot make its file longer either.
        let recording = python.run(&["-S", "-c", DROPS]).record_with_losses().ended_well();
        assert_eq!(String::from_utf8_lossy(&recording.output.stderr), "", "{python}");
        let note = leakgate::scenario::unrecorded::note(&recording.capture.untracked).unwrap();
        let reason = "(it could not make its file: disk full, no descriptor left, or no permission)";
        assert!(note.starts_with(&format!("ran without the tracker {reason}, in no figure: ")), "{note}");
        let named: Vec<_> =
            recording.capture.untracked.iter().map(|program| program.program.as_str()).collect();
        for program in ["env", "sh"] {
            assert!(named.contains(&program), "{python}: {named:?}");
        }
    }
}

#[test]
fn the_workers_of_a_pool_are_recorded_in_all_three_ways_to_start() {
    for python in python::all() {
        for way in ["fork", "spawn", "forkserver"] {
            let folder = folder();
            fs::write(folder.path().join("pool.py"), POOL).unwrap();
            let recording = python.run(&["pool.py", way]).cwd(folder.path()).record().ended_well();
            let capture = &recording.capture;
            let workers = holding(capture, "in_worker");
            assert_eq!(workers.iter().map(|(_, blocks)| blocks).sum::<u64>(), 40, "{python}: {way}");
            let root = recording.first().process.pid;
            for (worker, _) in workers {
                let parent = worker.process.parent;
                let of_parent = |profile: &&Profile| profile.process.pid == parent;
                let parent = capture.processes.iter().find(of_parent).unwrap();
                // Between a worker and the root is the fork server, where there is one.
                let expected = if way == "forkserver" { parent.process.parent } else { parent.process.pid };
                assert_eq!(expected, root, "{python}: {way}");
            }
            assert_eq!(capture.untracked, [], "{python}: {way}");
        }
    }
}

const SERVER: &str = r#"
import os, socket
kept = []
def in_master(): kept.append(bytes(1000))
def in_request(): kept.append(bytes(5000))
for _ in range(100): in_master()
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(16)
def serve():
    while True:
        connection, _ = server.accept()
        if connection.recv(1) == b"q": os._exit(0)
        in_request()
        connection.sendall(b"k")
        connection.close()
workers = []
for _ in range(4):
    worker = os.fork()
    if worker == 0: serve()
    workers.append(worker)
def ask(word):
    with socket.create_connection(server.getsockname()) as connection:
        connection.sendall(word)
        return connection.recv(1)
for _ in range(20): assert ask(b"r") == b"k"
for _ in workers: ask(b"q")
for worker in workers: assert os.waitpid(worker, 0)[1] == 0
"#;

#[test]
fn the_workers_of_a_prefork_server_share_what_their_master_loaded() {
    for python in python::all() {
        let recording = python.run(&["-c", SERVER]).record().ended_well();
        let (master, workers) = recording.capture.processes.split_first().unwrap();
        assert_eq!(workers.len(), 4, "{python}");
        assert_eq!(held(master, "in_master"), (100 * 1033, 100), "{python}");
        let mut own = 0;
        for worker in workers {
            assert_eq!(worker.process.birth, Birth::Forked(master.process.id()), "{python}");
            // Inherited, and live in each of them.
            assert_eq!(held(worker, "in_master"), (100 * 1033, 100), "{python}");
            assert!(worker.inherited.end.bytes > 100 * 1033, "{python}");
            own += worker.totals.end.bytes - worker.inherited.end.bytes;
        }
        assert_eq!(workers.iter().map(|worker| held(worker, "in_request").1).sum::<u64>(), 20, "{python}");
        assert_eq!(recording.capture.together().end, master.totals.end.bytes + own, "{python}");
    }
}
