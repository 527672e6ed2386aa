//! Threads, tasks and child processes that are not over, in sentences: what they run, where they are now.

use std::collections::BTreeMap;
use std::path::Path;

use super::gains::Gains;
use super::open::nobody;
use super::{Heaps, LEAST, Told};
use crate::finding::{Owner, Place};
use crate::gate::threads as started;
use crate::rules::{Evidence, HeldBy, Kind};
use crate::scenario::around::{Around, Thread};
use crate::units::grouped;
use crate::view::text::clean;

/// Kinds that are told, and names of each.
const MOST: usize = 3;
/// What a worker of a pool of the standard library runs, and the pool.
const POOLS: [(&str, &str); 4] = [
    ("concurrent.futures.thread._worker", "ThreadPoolExecutor"),
    ("concurrent.futures.process._queue_management_worker", "ProcessPoolExecutor"),
    ("concurrent.futures.process._ExecutorManagerThread.run", "ProcessPoolExecutor"),
    ("multiprocessing.pool.worker", "multiprocessing.pool.ThreadPool"),
];
/// Types of asyncio's tasks.
const TASKS: [&str; 2] = ["_asyncio.Task", "asyncio.tasks.Task"];
/// What a process is called that nothing stands for.
const TYPE: &str = "child process";
/// And a thread.
const NATIVE: &str = "native thread";
/// Who keeps functions for the end of the process, and what they are called.
const ATEXIT: &str = "atexit";
const CALLBACKS: &str = "functions to be called at the end";
/// Types that stand for a child process.
const CHILDREN: [&str; 4] = [
    "subprocess.Popen",
    "multiprocessing.context.ForkProcess",
    "multiprocessing.context.SpawnProcess",
    "multiprocessing.context.ForkServerProcess",
];

/// The pool that all threads which came are the workers of.
pub(super) fn pool(around: &Around) -> Option<&'static str> {
    let (first, _) = around.threads.split_first()?;
    let (target, pool) = POOLS.into_iter().find(|(target, _)| *target == first.target)?;
    around.threads.iter().all(|thread| thread.target == target).then_some(pool)
}

/// What objects of a type stand for, if it may be still at work: as a sentence about one of them goes on.
pub(super) fn noun(type_name: &str, around: &Around) -> Option<&'static str> {
    if TASKS.contains(&type_name) && !around.tasks.is_empty() {
        return Some("asyncio task is not over");
    }
    if !CHILDREN.contains(&type_name) || around.children.is_empty() {
        return None;
    }
    Some(child(around))
}

/// What child processes are, as a sentence about one of them goes on.
fn child(around: &Around) -> &'static str {
    let are_over = around.children.iter().all(|(_, state, _)| is_over(state));
    if are_over { "child process is not waited for" } else { "child process is not over" }
}

/// Of a type that `noun` knows, or of threads.
pub(super) fn facts(type_name: Option<&str>, around: &Around, cwd: &Path) -> Vec<String> {
    match type_name {
        Some(name) if TASKS.contains(&name) => tasks(around, cwd),
        Some(_) => of_children(around),
        None => threads(around, cwd),
    }
}

fn threads(around: &Around, cwd: &Path) -> Vec<String> {
    let mut facts = alike(&around.threads, cwd, ("thread runs", "threads run"));
    for (target, pool) in POOLS {
        if around.threads.iter().any(|thread| thread.target == target) {
            facts.push(format!("it is the work of a `{pool}` that was not shut down"));
        }
    }
    let mut native: BTreeMap<&str, u64> = BTreeMap::new();
    around.native.iter().for_each(|name| *native.entry(name).or_default() += 1);
    facts.extend(native.into_iter().take(MOST).map(|(name, count)| {
        let noun = if count == 1 { "thread" } else { "threads" };
        format!("{} {noun} `{}` that `threading` does not know", grouped(count), clean(name))
    }));
    facts.extend(of_children(around));
    facts
}

fn tasks(around: &Around, cwd: &Path) -> Vec<String> {
    alike(&around.tasks, cwd, ("task runs", "tasks run"))
}

/// Those that run the same and are at the same place count as one kind.
fn alike(threads: &[Thread], cwd: &Path, (one, many): (&str, &str)) -> Vec<String> {
    let mut groups: BTreeMap<(String, String), Vec<&Thread>> = BTreeMap::new();
    for thread in threads {
        groups.entry((clean(&thread.target).into_owned(), now(thread, cwd))).or_default().push(thread);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, threads)| std::cmp::Reverse(threads.len()));
    let told = groups.iter().take(MOST).map(|((target, now), threads)| {
        let mut names: Vec<&str> = threads.iter().map(|thread| thread.name.as_str()).collect();
        names.sort_by_key(|name| (name.len(), *name));
        let mut names: Vec<String> =
            names.into_iter().take(MOST).map(|name| clean(name).into_owned()).collect();
        if threads.len() > MOST {
            names.push("…".to_owned());
        }
        let noun = if threads.len() == 1 { one } else { many };
        let daemon = if threads.iter().all(|thread| thread.daemon == 1) { ", daemon" } else { "" };
        format!("{} {noun} `{target}` ({}{daemon}){now}", grouped(threads.len() as u64), names.join(", "))
    });
    told.collect()
}

/// The innermost function, and the innermost of the project's own.
fn now(thread: &Thread, cwd: &Path) -> String {
    let own = |file: &str| Path::new(file).strip_prefix(cwd).ok().map(|file| file.display().to_string());
    let shown = |(file, line, name): &(String, u32, String)| {
        let base = Path::new(file)
            .file_name()
            .map_or_else(|| file.clone(), |name| name.to_string_lossy().into_owned());
        clean(&format!("{}:{line} in {name}", own(file).unwrap_or(base))).into_owned()
    };
    let Some(innermost) = thread.stack.first() else { return String::new() };
    let of_project = thread.stack.iter().find(|(file, _, _)| own(file).is_some());
    match of_project.filter(|of_project| *of_project != innermost) {
        Some(of_project) => format!(", now at {}, called at {}", shown(innermost), shown(of_project)),
        None => format!(", now at {}", shown(innermost)),
    }
}

/// Whether a step of a way is an object that stands for a child process.
pub(super) fn is_child(step: &str) -> bool {
    CHILDREN.iter().any(|name| step == *name || step.starts_with(&format!("{name} ")))
}

/// Child processes that no object of Python stands for.
pub fn children(told: Told, heaps: &Heaps) -> Option<Owner> {
    let around = told.around.filter(|around| !around.children.is_empty())?;
    let count = around.children.len() as u64;
    nobody(told, heaps, (Kind::Thread, TYPE), (count, child(around)), of_children(around))
}

/// Threads that no object of Python stands for, and where most of those that run were started.
pub fn native_threads(told: Told, heaps: &Heaps) -> Option<Owner> {
    let around = told.around?;
    let number = around.native.len();
    if (number as u64) < LEAST.unsigned_abs() {
        return None;
    }
    let count = (number as u64, "thread is alive");
    let owner = nobody(told, heaps, (Kind::Thread, NATIVE), count, threads(around, told.scenario.cwd))?;
    let started = started::most_started_of_newest(told.scenario, told.profile, number);
    Some(Owner { place: started.map(|(place, _)| place), ..owner })
}

/// Functions that are to be called at the end of the process, which `atexit` keeps where no Python object refers to them.
pub fn callbacks(told: Told, heaps: &Heaps, place: Option<Place>) -> Option<Owner> {
    let count = told.around.map_or(0, |around| around.callbacks);
    let entries = u64::try_from(count).ok().filter(|_| heaps.iterations > 0 && count >= LEAST)?;
    let gains = Gains { entries, objects: 0, bytes: 0, iterations: heaps.iterations };
    let named = told.rules.name(&Evidence {
        kind: Kind::Growth,
        owner: ATEXIT.to_owned(),
        held_by: Some(HeldBy::Registry),
        types: vec![CALLBACKS.to_owned()],
        gains: gains.in_words(),
    })?;
    Some(Owner {
        pattern: Some(named.rule),
        sentence: named.message,
        path: vec![format!("{ATEXIT} ({CALLBACKS})")],
        name: ATEXIT.to_owned(),
        type_name: CALLBACKS.to_owned(),
        place,
        facts: Vec::new(),
        help: named.fix,
    })
}

fn of_children(around: &Around) -> Vec<String> {
    let mut groups: BTreeMap<(&str, bool), Vec<i64>> = BTreeMap::new();
    for (pid, state, name) in &around.children {
        groups.entry((name, is_over(state))).or_default().push(*pid);
    }
    let told = groups.into_iter().take(MOST).map(|((name, is_over), pids)| {
        let noun = if pids.len() == 1 { "child process" } else { "child processes" };
        let state = if is_over { "over and not waited for" } else { "still running" };
        format!("{} {noun} `{}`, {state}", grouped(pids.len() as u64), clean(name))
    });
    told.collect()
}

/// The kernel's letters for what has ended.
fn is_over(state: &str) -> bool {
    matches!(state, "Z" | "X" | "x")
}
