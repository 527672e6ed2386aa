//! What the way to an owner begins with, or goes through: the nearest to the owner counts.

use crate::heap::model::{Known, Label, NodeKind, RootKind};
use crate::heap::path::Path;
use crate::heap::{NodeId, Reach, Snapshot};
use crate::rules::HeldBy;

/// Modules of the standard library that note what a program registers with them.
const REGISTRIES: [&str; 14] = [
    "abc",
    "asyncio",
    "atexit",
    "codecs",
    "copyreg",
    "gc",
    "linecache",
    "logging",
    "re",
    "signal",
    "sys",
    "threading",
    "warnings",
    "weakref",
];

/// What holds an object of a snapshot.
pub(super) fn held_by(snapshot: &Snapshot, reach: &Reach, node: NodeId) -> HeldBy {
    let path = Path::to(snapshot, reach, node);
    let on_the_way = path.steps.iter().rev().find_map(|(label, node)| match label {
        Label::Known(Known::Closure) => Some(HeldBy::Closure),
        Label::Known(Known::Defaults | Known::KeywordDefaults) => Some(HeldBy::DefaultArgument),
        _ if snapshot.kind(*node) == NodeKind::Type => Some(HeldBy::Class),
        _ => None,
    });
    let is_registry = || {
        let text = path.text(snapshot, crate::heap::path::Detail::Shape);
        let module = text.split(['.', '[']).next().unwrap_or_default();
        REGISTRIES.contains(&module)
    };
    match of_root(path.root.as_ref().map(|root| root.kind)) {
        Some(of_root) => of_root,
        None if is_registry() => HeldBy::Registry,
        None => on_the_way.unwrap_or(HeldBy::Module),
    }
}

/// What something is held by that a way begins with; `None`: that has names of its own.
pub(super) fn of_root(root: Option<RootKind>) -> Option<HeldBy> {
    Some(match root {
        Some(RootKind::Local { .. } | RootKind::Working) => HeldBy::Local,
        Some(RootKind::Native) | None => HeldBy::Native,
        Some(RootKind::Context(_)) => HeldBy::ContextVariable,
        Some(RootKind::Thread(_)) => HeldBy::Thread,
        Some(RootKind::Registry(_)) => HeldBy::Registry,
        _ => return None,
    })
}
