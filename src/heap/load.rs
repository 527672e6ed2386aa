//! Finds the snapshots of a capture and reads them into the model.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use leakgate_capture::heap::read::{self, HeapFile, HeapRoot};
use leakgate_capture::heap::{FLAG_IMMORTAL, FLAG_OLD, FLAG_TRACKED, HEAP_CUT, HEAP_SUBINTERPRETERS};
use leakgate_capture::read::ReadError;

use super::model::{
    Edges, IS_IMMORTAL, IS_OLD, IS_OWN, IS_TRACKED, Names, NodeId, Nodes, Root, RootKind, RunningFrame,
    Snapshot, Taken, Texts,
};
use crate::profile::model::ProgramId;

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeapError {
    /// The file or the folder cannot be read.
    #[error("failed to read `{path}`: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Its content cannot be.
    #[error("failed to read `{path}`: {error}", path = path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        error: ReadError,
    },
}

/// A snapshot's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which process's.
    pub process: ProgramId,
    /// Its number in the process, from 1.
    pub number: u32,
    /// Where it is.
    pub path: PathBuf,
}

/// The snapshots of a capture, by process and number.
///
/// # Errors
/// When the folder cannot be read.
pub fn find(capture: &Path) -> Result<Vec<Found>, HeapError> {
    let failed = |error| HeapError::File { path: capture.to_owned(), error };
    let mut found = Vec::new();
    for entry in fs::read_dir(capture).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some((process, number)) = parse_name(&name) {
            found.push(Found { process, number, path });
        }
    }
    found.sort_by_key(|found| (found.process, found.number));
    Ok(found)
}

/// `heap-PID-N-NUMBER.lgh`.
pub(crate) fn parse_name(name: &str) -> Option<(ProgramId, u32)> {
    let mut numbers =
        name.strip_prefix("heap-")?.strip_suffix(".lgh")?.split('-').map(|part| part.parse().ok());
    let mut next = || numbers.next().flatten();
    let process = ProgramId { pid: next()?, sequence: next()? };
    let number = next()?;
    numbers.next().is_none().then_some((process, number))
}

/// Whether a file has a name that a snapshot has while it is written: where its writer ended, it stays.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(".part").is_some_and(|name| parse_name(&format!("{name}.lgh")).is_some())
}

/// Reads a snapshot.
///
/// # Errors
/// See [`HeapError`].
pub fn snapshot(path: &Path) -> Result<Snapshot, HeapError> {
    let bytes = fs::read(path).map_err(|error| HeapError::File { path: path.to_owned(), error })?;
    let file = read::file(&bytes).map_err(|error| HeapError::Content { path: path.to_owned(), error })?;
    Ok(model(file))
}

/// Makes the model of a decoded file.
pub fn model(mut file: HeapFile) -> Snapshot {
    let taken = taken(&file);
    let (types, type_names, named_types) = types(&file);
    let texts = texts(&mut file.texts);
    let mut names: Vec<_> =
        file.names.iter().map(|(node, kind, text)| (NodeId(*node), *kind, NodeId(*text))).collect();
    // Those of an object were written one after the other, and keep their order.
    names.sort_by_key(|(node, _, _)| *node);
    let mut snapshot = Snapshot {
        taken,
        nodes: Nodes {
            addresses: file.addresses,
            kinds: file.kinds,
            types,
            bytes: file.bytes,
            sites: file.sites,
            filled: file.filled,
            lengths: file.lengths,
            descriptors: file.descriptors.iter().map(|(node, fd)| (NodeId(*node), *fd)).collect(),
            references: file.references,
            flags: file.flags.iter().map(|flags| model_flags(*flags)).collect(),
        },
        edges: Edges {
            starts: file.starts,
            to: file.to.into_iter().map(NodeId).collect(),
            labels: file.labels,
        },
        type_names,
        named_types,
        texts,
        names: Names { entries: names },
        ..Snapshot::default()
    };
    file.roots.iter().for_each(|root| add_root(&mut snapshot, root));
    snapshot
}

fn taken(file: &HeapFile) -> Taken {
    let head = &file.head;
    Taken {
        pid: head.pid,
        sequence: head.sequence,
        number: head.number,
        checkpoint: (head.checkpoint as usize).checked_sub(1),
        minor: (head.python >> 16) as u8,
        left_out: head.left_out,
        is_cut: head.notes & HEAP_CUT != 0,
        has_subinterpreters: head.notes & HEAP_SUBINTERPRETERS != 0,
        took_ns: head.took_ns,
        memory: head.memory,
    }
}

fn model_flags(flags: u8) -> u8 {
    let bits = [(FLAG_IMMORTAL, IS_IMMORTAL), (FLAG_OLD, IS_OLD), (FLAG_TRACKED, IS_TRACKED)];
    bits.iter().filter(|(bit, _)| u64::from(flags) & bit != 0).fold(0, |all, (_, bit)| all | bit)
}

/// The type of each object as a number, and the types' names. Classes of one name count as one.
fn types(file: &HeapFile) -> (Vec<u32>, Vec<String>, Vec<(NodeId, u32)>) {
    let mut names = vec!["?".to_owned()];
    let mut by_name: HashMap<&[u8], u32> = HashMap::new();
    let mut numbers = vec![0; file.types.len()];
    let mut named = Vec::with_capacity(file.type_names.len());
    for (node, name) in &file.type_names {
        let number = *by_name.entry(name).or_insert_with(|| {
            names.push(String::from_utf8_lossy(name).into_owned());
            names.len() as u32 - 1
        });
        numbers[*node as usize] = number;
        named.push((NodeId(*node), number));
    }
    named.sort_unstable();
    (file.types.iter().map(|node| numbers[*node as usize]).collect(), names, named)
}

fn texts(texts: &mut [(u32, Vec<u8>, bool)]) -> Texts {
    texts.sort_by_key(|(node, _, _)| *node);
    let mut all = Texts::default();
    for (node, text, is_cut) in texts {
        let start = all.bytes.len() as u32;
        all.bytes.push_str(&String::from_utf8_lossy(text));
        all.entries.push((NodeId(*node), start..all.bytes.len() as u32, *is_cut));
    }
    all
}

fn add_root(snapshot: &mut Snapshot, root: &HeapRoot) {
    let (node, kind) = match *root {
        HeapRoot::Modules(node) => (node, RootKind::Modules),
        HeapRoot::StaticType(node) => (node, RootKind::StaticType),
        HeapRoot::Thread { thread, node } => (node, RootKind::Thread(thread)),
        HeapRoot::Context { thread, node } => (node, RootKind::Context(thread)),
        HeapRoot::Maybe(node) => (node, RootKind::Working),
        HeapRoot::Own(node) => {
            snapshot.nodes.flags[node as usize] |= IS_OWN;
            return;
        }
        HeapRoot::Frame { thread, function, file, line, is_own } => {
            let (function, file) = (NodeId(function), NodeId(file));
            snapshot.frames.push(RunningFrame { thread, function, file, line, is_own });
            return;
        }
        HeapRoot::Local { node, name } => {
            let Some(frame) = snapshot.frames.len().checked_sub(1) else { return };
            (node, RootKind::Local { frame: frame as u32, name: name.map(NodeId) })
        }
    };
    snapshot.roots.push(Root { node: NodeId(node), kind });
}
