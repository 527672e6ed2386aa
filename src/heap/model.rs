//! What a heap snapshot is once it is read: objects, the references between them, and what holds them from outside.
//!
//! Objects are numbered from 0; columns are indexed by that number. References of an object stand together, in the order
//! in which the object has them, and those to an object, too.

use std::ops::Range;

use super::registries::Registry;

pub use leakgate_capture::heap::{Known, Label, NodeKind};

/// An object of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index of a column.
    #[inline(always)]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A heap snapshot.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// When and where it was taken.
    pub taken: Taken,
    /// The objects.
    pub nodes: Nodes,
    /// The references.
    pub edges: Edges,
    /// What holds objects from outside.
    pub roots: Vec<Root>,
    /// The running functions, by thread, innermost first.
    pub frames: Vec<RunningFrame>,
    /// The names of types, by the number that `Nodes::types` gives.
    pub type_names: Vec<String>,
    pub(super) texts: Texts,
    pub(super) names: Names,
    /// The types, sorted, and the number of the name of each.
    pub(super) named_types: Vec<(NodeId, u32)>,
}

/// When and where a snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Process id.
    pub pid: u32,
    /// Number of the program in its process.
    pub sequence: u32,
    /// Number of the snapshot in its process, from 1.
    pub number: u32,
    /// The checkpoint after which it was taken, as an index into `Profile::checkpoints`; `None`: before the first.
    pub checkpoint: Option<usize>,
    /// Minor version of CPython.
    pub minor: u8,
    /// References to objects that are not in it, because there were too many.
    pub left_out: u64,
    /// Whether objects are left out.
    pub is_cut: bool,
    /// Whether the process has sub-interpreters, whose objects are not in it.
    pub has_subinterpreters: bool,
    /// Nanoseconds that it took in the process.
    pub took_ns: u64,
    /// Bytes of memory that it took in the process meanwhile.
    pub memory: u64,
}

/// The objects, column by column.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    /// Where it is in memory.
    pub addresses: Vec<u64>,
    /// What it is.
    pub kinds: Vec<NodeKind>,
    /// Its type, as a number of `Snapshot::type_names`.
    pub types: Vec<u32>,
    /// Bytes that it takes, as allocated: its block and those that it owns alone (a list's items, a dictionary's table);
    /// 0 where nobody saw it being allocated.
    pub bytes: Vec<u64>,
    /// Id of the site that allocated it, 0 where it is not known: `Profile::sites[id - 1]`.
    pub sites: Vec<u32>,
    /// Id of the site that last made the block of its items longer, 0 where there is none.
    pub filled: Vec<u32>,
    /// Entries of a container; [`NO_LENGTH`] for what is none.
    pub lengths: Vec<u64>,
    /// The descriptors of files and sockets that are open, by object.
    pub descriptors: Vec<(NodeId, u32)>,
    /// References to it, as the interpreter counts them.
    pub references: Vec<u32>,
    /// `IS_…` bits.
    pub flags: Vec<u8>,
}

/// The length of what is no container.
pub const NO_LENGTH: u64 = u64::MAX;
/// The object never dies.
pub const IS_IMMORTAL: u8 = 1;
/// Its block was there at an earlier snapshot of the process.
pub const IS_OLD: u8 = 2;
/// It is leakgate's own: its driver's, or its tracker's.
pub const IS_OWN: u8 = 4;
/// The collector tracks it.
pub const IS_TRACKED: u8 = 8;

/// References in both directions.
#[derive(Debug, Clone, Default)]
pub struct Edges {
    /// Where the references of each object begin in `to` and `labels`; one more than there are objects.
    pub starts: Vec<u32>,
    /// What is referred to.
    pub to: Vec<NodeId>,
    /// By what name.
    pub labels: Vec<Label>,
}

/// What holds an object from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The object.
    pub node: NodeId,
    /// What holds it.
    pub kind: RootKind,
}

/// What holds objects from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    /// The dictionary of imported modules.
    Modules,
    /// A class of the interpreter or an extension that is not on the heap.
    StaticType,
    /// A local variable of a running function: its number in `Snapshot::frames`, and the string that names it.
    Local {
        /// Number of the function in `Snapshot::frames`.
        frame: u32,
        /// Its name, where it has one.
        name: Option<NodeId>,
    },
    /// Values that belong to a thread (`threading.local`).
    Thread(u32),
    /// A thread's context variables.
    Context(u32),
    /// What the interpreter keeps in C for a module of the standard library.
    Registry(Registry),
    /// It is one of a ring of objects that refer to each other, which only the collector frees.
    Cycle,
    /// It is leakgate's own.
    Own,
    /// The object never dies.
    Immortal,
    /// The values that a running function is working with may hold it.
    Working,
    /// References that no object and no variable accounts for: something written in C holds it, or has lost it.
    Native,
}

/// A function that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningFrame {
    /// Number of the thread, from 0.
    pub thread: u32,
    /// The string of its name.
    pub function: NodeId,
    /// The string of its file.
    pub file: NodeId,
    /// The line that it is at.
    pub line: u32,
    /// Whether it is leakgate's own.
    pub is_own: bool,
}

/// The texts of those strings that name something.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    /// Sorted by the string's id: where its text is in `bytes`, and whether it was cut.
    pub entries: Vec<(NodeId, Range<u32>, bool)>,
    /// The texts.
    pub bytes: String,
}

/// What names objects, sorted by object; several of a kind are in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Object, `NAME_…`, the string.
    pub entries: Vec<(NodeId, u8, NodeId)>,
}

/// A reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// What is referred to.
    pub to: NodeId,
    /// By what name.
    pub label: Label,
}

impl Snapshot {
    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.nodes.addresses.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All objects.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.len() as u32).map(NodeId)
    }

    /// What an object refers to.
    #[inline(always)]
    pub fn edges_of(&self, node: NodeId) -> impl Iterator<Item = Edge> + '_ {
        self.edges.range(node).map(|at| Edge { to: self.edges.to[at], label: self.edges.labels[at] })
    }

    /// The name of an object's type, with its module.
    pub fn type_name(&self, node: NodeId) -> &str {
        &self.type_names[self.nodes.types[node.index()] as usize]
    }

    /// The name of a type.
    pub fn named_type(&self, of: NodeId) -> Option<&str> {
        let at = self.named_types.binary_search_by_key(&of, |(node, _)| *node).ok()?;
        self.type_names.get(self.named_types[at].1 as usize).map(String::as_str)
    }

    /// What an object is.
    pub fn kind(&self, node: NodeId) -> NodeKind {
        self.nodes.kinds[node.index()]
    }

    /// Bytes that an object takes, with the blocks that it owns alone.
    pub fn bytes(&self, node: NodeId) -> u64 {
        self.nodes.bytes[node.index()]
    }

    /// The site that allocated an object, as an index into `Profile::sites`.
    pub fn site(&self, node: NodeId) -> Option<usize> {
        (self.nodes.sites[node.index()] as usize).checked_sub(1)
    }

    /// The site that last made the block of its items longer, as an index into `Profile::sites`.
    pub fn filled_at(&self, node: NodeId) -> Option<usize> {
        (self.nodes.filled[node.index()] as usize).checked_sub(1)
    }

    /// Entries of a container.
    pub fn length(&self, node: NodeId) -> Option<u64> {
        Some(self.nodes.lengths[node.index()]).filter(|length| *length != NO_LENGTH)
    }

    /// Whether all of these `IS_…` bits are set.
    pub fn has(&self, node: NodeId, flags: u8) -> bool {
        self.nodes.flags[node.index()] & flags == flags
    }

    /// The text of a string that names something, and whether it was cut.
    pub fn text(&self, string: NodeId) -> Option<(&str, bool)> {
        let entries = &self.texts.entries;
        let at = entries.binary_search_by_key(&string, |(of, _, _)| *of).ok()?;
        let (_, range, is_cut) = &entries[at];
        Some((&self.texts.bytes[range.start as usize..range.end as usize], *is_cut))
    }

    /// The strings that name an object in one way (`leakgate_capture::heap::NAME_…`), in order.
    pub fn names_of(&self, node: NodeId, kind: u64) -> impl Iterator<Item = &str> {
        let entries = &self.names.entries;
        let start = entries.partition_point(|(of, _, _)| *of < node);
        let of_node = entries[start..].iter().take_while(move |(of, _, _)| *of == node);
        let of_kind = of_node.filter(move |(_, found, _)| u64::from(*found) == kind);
        of_kind.filter_map(|(_, _, string)| Some(self.text(*string)?.0))
    }
}

impl Edges {
    /// Where an object's references stand.
    #[inline(always)]
    pub fn range(&self, node: NodeId) -> Range<usize> {
        self.starts[node.index()] as usize..self.starts[node.index() + 1] as usize
    }
}
