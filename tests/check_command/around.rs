//! What a report says of connections, threads, tasks and child processes that stay: where they lead, what they run, through
//! the program and on several CPythons.

use serde_json::{Value, json};

use crate::project::Project;
use crate::pythons::each_python;

/// Checks a project whose functions are called 40 times, 20 to warm up, and has a look at what each left.
fn each_checked(app: &str, names: &[&str], look: impl Fn(&Project, &dyn Fn(&str) -> Value)) {
    for python in each_python() {
        let scenarios = names
            .iter()
            .map(|name| format!("  {name}: {{ call: \"app:{name}\", warmup: 20, iterations: 40 }}\n"));
        let config = format!("{python}scenarios:\n{}", scenarios.collect::<String>());
        let project = Project::new(&config, app);
        let checked = project.check();
        assert_eq!(checked.code, Some(1), "{python}{}", checked.whole());
        look(&project, &|name| project.scenario(name));
    }
}

/// The first finding of that rule.
fn finding<'a>(scenario: &'a Value, rule: &str) -> &'a Value {
    let findings = scenario["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["rule"] == rule).unwrap_or_else(|| panic!("{rule}: {scenario:#}"))
}

/// Its first fact with these words, without the numbers of descriptors, which are the machine's.
fn fact(finding: &Value, words: &str) -> String {
    let facts = finding["owners"][0]["facts"].as_array().unwrap();
    let text = |fact: &Value| fact.as_str().unwrap().to_owned();
    let found = facts.iter().map(text).find(|fact| fact.contains(words));
    let found = found.unwrap_or_else(|| panic!("`{words}` is not told: {finding:#}"));
    let is_told = finding["evidence"].as_array().unwrap().iter().any(|line| line == &json!(found));
    assert!(is_told, "a fact of the owner is one of the finding: {finding:#}");
    found.split(" (descriptor").next().unwrap().to_owned()
}

#[test]
fn open_files_and_connections_are_told_with_path_peer_and_state() {
    let app = "\
import os, socket
OPEN = []
SERVER = socket.socket()
SERVER.bind(('127.0.0.1', 0))
SERVER.listen(500)
with open('port', 'w') as file: file.write(str(SERVER.getsockname()[1]))
def files(): OPEN.append(open(os.devnull))
def clients(): OPEN.append(socket.create_connection(SERVER.getsockname()))
def left():
    client = socket.create_connection(SERVER.getsockname())
    OPEN.append(SERVER.accept()[0])
    client.close()
def raw(): os.open(os.devnull, os.O_RDONLY)
";
    each_checked(app, &["files", "clients", "left", "raw"], |project, scenario| {
        let files = scenario("files");
        let files = finding(&files, "growth-fds");
        assert_eq!(fact(files, "open:"), "open: file `/dev/null`, 8 times");
        let title = files["title"].as_str().unwrap();
        assert!(title.ends_with("kept by `app.OPEN`, opened at app.py:7 in files"), "{title}");
        let clients = scenario("clients");
        let said = fact(finding(&clients, "growth-fds"), "open:");
        assert!(said.starts_with("open: tcp connection to 127.0.0.1:"), "{said}");
        assert!(said.ends_with(", established, 8 times"), "{said}");
        let left = scenario("left");
        let said = fact(finding(&left, "growth-fds"), "open:");
        assert!(said.starts_with("open: tcp connection that came in at 127.0.0.1:"), "{said}");
        assert!(said.ends_with(", closed by the peer, and not on this side, 8 times"), "{said}");
        let raw = scenario("raw");
        let raw = finding(&raw, "growth-fds");
        assert_eq!(
            raw["title"],
            "1 more file descriptor is open after every iteration, and no Python object stands for it"
        );
        assert_eq!(raw["owners"][0]["pattern"], "unclosed-connection");
        assert_eq!(fact(raw, "open:"), "open: file `/dev/null`, 8 times");
        assert!(project.has("port"));
    });
}

#[test]
fn threads_and_pools_are_told_by_what_they_run_and_where_they_are() {
    let app = "\
import queue, threading
from concurrent.futures import ThreadPoolExecutor
JOBS = queue.Queue()
POOLS = []
class Poller(threading.Thread):
    def run(self): JOBS.get()
def poll(): JOBS.get()
def threads(): threading.Thread(target=poll, name='feed', daemon=True).start()
def pools():
    POOLS.append(ThreadPoolExecutor(1))
    POOLS[-1].submit(int)
def classes(): Poller(daemon=True).start()
";
    each_checked(app, &["threads", "pools", "classes"], |_, scenario| {
        let threads = scenario("threads");
        let threads = finding(&threads, "growth-threads");
        let said = fact(threads, "threads run");
        assert!(
            said.starts_with("8 threads run `app.poll` (feed, feed, feed, …, daemon), now at "),
            "{said}"
        );
        assert!(said.ends_with(", called at app.py:7 in poll"), "{said}");
        assert!(
            threads["title"].as_str().unwrap().ends_with("started at app.py:8 in threads"),
            "{threads:#}"
        );
        let pools = scenario("pools");
        let pools = finding(&pools, "growth-threads");
        assert_eq!(
            fact(pools, "shut down"),
            "it is the work of a `ThreadPoolExecutor` that was not shut down"
        );
        let title = pools["title"].as_str().unwrap();
        let said = ", of a `ThreadPoolExecutor` that is never shut down, started at app.py:11 in pools";
        assert!(title.ends_with(said), "{title}");
        let classes = scenario("classes");
        let said = fact(finding(&classes, "growth-threads"), "threads run");
        assert!(said.starts_with("8 threads run `app.Poller.run` ("), "{said}");
    });
}

#[test]
fn tasks_and_child_processes_that_are_not_over_are_named_as_such() {
    let app = "\
import asyncio, os, subprocess
LOOP = asyncio.new_event_loop()
TASKS, CHILDREN = [], []
async def forever(): await asyncio.Event().wait()
async def start():
    TASKS.append(asyncio.ensure_future(forever()))
def tasks(): LOOP.run_until_complete(start())
def done():
    TASKS.append(LOOP.create_task(asyncio.sleep(0)))
    LOOP.run_until_complete(TASKS[-1])
def children():
    child = subprocess.Popen(['true'])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    CHILDREN.append(child)
def pipes(): CHILDREN.append(subprocess.Popen(['cat'], stdin=subprocess.PIPE))
";
    each_checked(app, &["tasks", "done", "children", "pipes"], |_, scenario| {
        let tasks = scenario("tasks");
        let tasks = finding(&tasks, "growth");
        assert_eq!(
            tasks["title"],
            "1 more asyncio task is not over after every iteration, started at app.py:6 in start"
        );
        assert_eq!(tasks["owners"][0]["pattern"], "unjoined-thread");
        let said = fact(tasks, "tasks run");
        assert!(said.starts_with("8 tasks run `forever` (Task-"), "{said}");
        assert!(said.ends_with(", …), now at app.py:4 in forever"), "{said}");
        // Those that are over are kept, and nothing waits for them.
        let done = scenario("done");
        assert_eq!(finding(&done, "growth")["owners"][0]["pattern"], "growing-global", "{done:#}");
        let children = scenario("children");
        let children = finding(&children, "growth-children");
        assert_eq!(
            children["title"],
            "1 more child process is not waited for after every iteration, started at app.py:12 in children"
        );
        assert_eq!(fact(children, "child"), "8 child processes `true`, over and not waited for");
        let pipes = scenario("pipes");
        let pipes = finding(&pipes, "growth-fds");
        assert_eq!(fact(pipes, "child"), "8 child processes `cat`, still running");
        assert_eq!(fact(pipes, "open:"), "open: pipe, 8 times");
    });
}

#[test]
fn what_is_closed_or_over_is_a_matter_of_who_keeps_it_and_functions_for_the_end_are_atexits() {
    let app = "\
import atexit, io, os, socket, subprocess, threading
KEEP = []
class Row: pass
def sockets():
    one = socket.socket()
    one.close()
    KEEP.append(one)
def texts(): KEEP.append(io.StringIO())
def children():
    child = subprocess.Popen(['true'])
    child.wait()
    KEEP.append(child)
def threads():
    thread = threading.Thread(target=str)
    thread.start()
    thread.join()
    KEEP.append(thread)
def at_exit(): atexit.register(Row().__init__)
";
    each_checked(app, &["sockets", "texts", "children", "threads", "at_exit"], |_, scenario| {
        for name in ["sockets", "texts", "children", "threads"] {
            let work = scenario(name);
            let owner = &finding(&work, "growth")["owners"][0];
            assert_eq!(
                (&owner["pattern"], &owner["name"]),
                (&json!("growing-global"), &json!("app.KEEP")),
                "{name}: {owner:#}"
            );
        }
        let at_exit = scenario("at_exit");
        let owner = &finding(&at_exit, "growth")["owners"][0];
        assert_eq!(owner["pattern"], "growing-global", "{owner:#}");
        assert!(owner["name"].as_str().unwrap().starts_with("atexit"), "{owner:#}");
    });
}
