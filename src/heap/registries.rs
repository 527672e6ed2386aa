//! What the interpreter keeps in C for a module of the standard library: no Python object refers to it, so that what is in
//! it tells which it is.

use super::model::{Label, NodeId, NodeKind, Root, RootKind, Snapshot};
use super::path::{own_name, shown};

/// Where a program registers something with the interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Registry {
    /// The functions that look for codecs.
    CodecSearch,
    /// The codecs that were found.
    CodecCache,
    /// What is done about errors of coding.
    CodecErrors,
    /// Functions called before a fork.
    BeforeFork,
    /// Functions called in the parent after a fork.
    AfterForkInParent,
    /// Functions called in the child after a fork.
    AfterForkInChild,
    /// What a signal of that number calls.
    Signal(u8),
}

/// By which entry each list of functions is known: the standard library registers it when it is imported.
const LISTS: [(&str, Registry); 7] = [
    ("encodings.search_function", Registry::CodecSearch),
    ("threading._after_fork", Registry::AfterForkInChild),
    ("logging._after_at_fork_child_reinit_locks", Registry::AfterForkInChild),
    ("logging._acquireLock", Registry::BeforeFork),
    ("logging._releaseLock", Registry::AfterForkInParent),
    // Since 3.13.
    ("logging._prepareFork", Registry::BeforeFork),
    ("logging._afterFork", Registry::AfterForkInParent),
];
/// Names of errors that are always known.
const ERRORS: [&str; 2] = ["strict", "surrogateescape"];
/// Entries that are looked at: what the standard library registers comes first.
const LOOKED_AT: usize = 64;

/// Linux's names of the signals from 1 on (signal(7)).
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

impl Registry {
    /// As a program calls it.
    pub fn text(self) -> String {
        match self {
            Registry::CodecSearch => "codecs.register()".to_owned(),
            Registry::CodecCache => "codecs.lookup()".to_owned(),
            Registry::CodecErrors => "codecs.register_error()".to_owned(),
            Registry::BeforeFork => "os.register_at_fork(before=…)".to_owned(),
            Registry::AfterForkInParent => "os.register_at_fork(after_in_parent=…)".to_owned(),
            Registry::AfterForkInChild => "os.register_at_fork(after_in_child=…)".to_owned(),
            Registry::Signal(number) => match SIGNALS.get(usize::from(number).wrapping_sub(1)) {
                Some(name) => format!("signal.getsignal(signal.SIG{name})"),
                None => format!("signal.getsignal({number})"),
            },
        }
    }

    /// Which of them an object is that something written in C holds.
    pub(super) fn of(snapshot: &Snapshot, node: NodeId) -> Option<Registry> {
        let edges = || snapshot.edges_of(node).take(LOOKED_AT);
        match snapshot.kind(node) {
            NodeKind::List => edges().find_map(|edge| function(snapshot, edge.to)),
            NodeKind::Dictionary => {
                let has = |key: &str| {
                    edges().any(
                        |edge| matches!(edge.label, Label::Key(name) if shown(snapshot, NodeId(name)) == key),
                    )
                };
                let is_codec = |to| snapshot.type_name(to) == "codecs.CodecInfo";
                if ERRORS.iter().all(|error| has(error)) {
                    return Some(Registry::CodecErrors);
                }
                edges().any(|edge| is_codec(edge.to)).then_some(Registry::CodecCache)
            }
            _ => None,
        }
    }
}

fn function(snapshot: &Snapshot, node: NodeId) -> Option<Registry> {
    let name = (snapshot.kind(node) == NodeKind::Function).then(|| own_name(snapshot, node))?;
    LISTS.iter().find(|(function, _)| *function == name).map(|(_, registry)| *registry)
}

/// Adds what the process said of its signals' handlers: by number, the address of the object that is called.
pub fn add_handlers(snapshot: &mut Snapshot, handlers: &[(u8, u64)]) {
    for (number, address) in handlers {
        let node = snapshot.ids().find(|node| snapshot.nodes.addresses[node.index()] == *address);
        let kind = RootKind::Registry(Registry::Signal(*number));
        snapshot.roots.extend(node.map(|node| Root { node, kind }));
    }
}
