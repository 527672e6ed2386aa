//! Which variables hold most of what is alive: each with all that would be freed with it.
//!
//! ```text
//!   outside ─► module ─► dictionary of its names ─► MODEL ─► layers ─► [array, array …]      by dominators
//!               taken apart: its variables count      └──────────┘
//!                                                 the deepest one that holds nearly all of it
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::dominators::Dominators;
use super::model::{Known, Label, NodeId, NodeKind, RootKind, Snapshot};
use super::owners::{entries_of, meant};
use super::path::{Detail, Path};
use super::reach::{Hold, Reach};

/// Of 10 bytes that an object holds, so many must hang on one below it, for that one to stand for it.
const NEARLY_ALL: u64 = 9;
/// Most steps from a variable down to what holds nearly all of it.
const DEEPEST: usize = 4;
/// Most entries of each list.
const MOST_LISTED: usize = 4;

/// A variable and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Large {
    /// The object.
    pub node: NodeId,
    /// How it is held itself.
    pub hold: Hold,
    /// The way to it, as Python would write it.
    pub path: String,
    /// The name of its type.
    pub type_name: String,
    /// Bytes that would be freed with it, its own included.
    pub bytes: u64,
    /// Objects that would be.
    pub objects: u64,
    /// Its entries, where it has a length.
    pub length: Option<u64>,
    /// Types of these objects, most bytes first, with how many there are.
    pub types: Vec<(String, u64)>,
    /// The sites that allocated them, as indices into `Profile::sites`, most bytes first.
    pub sites: Vec<(usize, u64)>,
}

/// A snapshot with what holds its objects, worked out once for all that is asked of it.
#[derive(Debug)]
pub struct Holders<'a> {
    snapshot: &'a Snapshot,
    reach: Reach,
    dominators: Dominators,
    below: (Vec<u32>, Vec<NodeId>),
}

impl<'a> Holders<'a> {
    /// Works them out.
    pub fn of(snapshot: &'a Snapshot) -> Holders<'a> {
        let reach = Reach::of(snapshot);
        let dominators = Dominators::of(snapshot, &reach.roots);
        Holders { snapshot, reach, below: dominators.tree(), dominators }
    }

    /// The variables that hold at least so many bytes each, the largest first; at most so many of them. `detail`: of the
    /// ways to them.
    pub fn largest(&self, detail: Detail, (least, most): (u64, usize)) -> Vec<Large> {
        let entry = |node: NodeId| (self.dominators.retained(node), Reverse(node));
        let outermost = self.snapshot.ids().filter(|node| self.dominators.dominator(*node).is_none());
        let mut queue: BinaryHeap<(u64, Reverse<NodeId>)> = outermost.map(entry).collect();
        let mut found = Vec::new();
        while let Some((bytes, Reverse(node))) = queue.pop() {
            if bytes < least || found.len() == most {
                break;
            }
            if self.is_namespace(node) {
                queue.extend(self.below(node).iter().copied().map(entry));
            } else if self.is_programs(node) {
                // What a function returned is one thing to its reader.
                let is_result = self.reach.hold(node) == Hold::Own;
                found.push(self.large(if is_result { node } else { self.deepest(node) }, detail));
            }
        }
        found
    }

    /// What an object dominates directly.
    fn below(&self, node: NodeId) -> &[NodeId] {
        let (starts, below) = &self.below;
        &below[starts[node.index()] as usize..starts[node.index() + 1] as usize]
    }

    /// A module, the dictionary of its names, that of all modules: they have variables, and are none.
    fn is_namespace(&self, node: NodeId) -> bool {
        if self.snapshot.kind(node) == NodeKind::Module {
            return true;
        }
        if self.reach.root(node).is_some_and(|root| root.kind == RootKind::Modules) {
            return true;
        }
        let parent = self.reach.parent(self.snapshot, node);
        parent.is_some_and(|(parent, edge)| {
            self.snapshot.kind(parent) == NodeKind::Module && edge.label == Label::Known(Known::Dictionary)
        })
    }

    /// Not leakgate's own, unless it is what the scenario's function returned.
    fn is_programs(&self, node: NodeId) -> bool {
        match self.reach.hold(node) {
            Hold::Working => false,
            Hold::Own => self.is_result(node),
            _ => true,
        }
    }

    /// Whether it is the variable in which the driver keeps a result.
    fn is_result(&self, node: NodeId) -> bool {
        let Some(RootKind::Local { name: Some(name), .. }) = self.reach.root(node).map(|root| root.kind)
        else {
            return false;
        };
        self.snapshot.text(name).is_some_and(|(name, _)| name == RESULT)
    }

    /// The deepest object that holds nearly all of what this one holds, and is itself held by a name.
    fn deepest(&self, node: NodeId) -> NodeId {
        let all = self.dominators.retained(node);
        let mut at = node;
        for _ in 0..DEEPEST {
            let largest = self.below(at).iter().max_by_key(|below| self.dominators.retained(**below));
            let Some(next) = largest.filter(|next| self.holds_nearly(**next, all)) else { break };
            if self.snapshot.type_name(*next) == self.snapshot.type_name(at) {
                break;
            }
            at = *next;
        }
        meant(self.snapshot, &self.reach, at)
    }

    fn holds_nearly(&self, node: NodeId, all: u64) -> bool {
        u128::from(self.dominators.retained(node)) * 10 >= u128::from(all) * u128::from(NEARLY_ALL)
    }

    fn large(&self, node: NodeId, detail: Detail) -> Large {
        let (mut types, mut sites) = (HashMap::new(), HashMap::new());
        let mut way = vec![node];
        while let Some(at) = way.pop() {
            let bytes = self.snapshot.bytes(at);
            let of = types.entry(self.snapshot.nodes.types[at.index()]).or_insert((0, 0));
            *of = (of.0 + bytes, of.1 + 1);
            if let Some(site) = self.snapshot.site(at) {
                *sites.entry(site).or_insert(0) += bytes;
            }
            way.extend(self.below(at));
        }
        let mut types: Vec<_> = types.into_iter().collect();
        types.sort_by_key(|(of, (bytes, _))| (Reverse(*bytes), *of));
        let mut sites: Vec<(usize, u64)> = sites.into_iter().collect();
        sites.sort_by_key(|(site, bytes)| (Reverse(*bytes), *site));
        sites.truncate(MOST_LISTED);
        let name = |number: u32| self.snapshot.type_names[number as usize].clone();
        Large {
            node,
            hold: self.reach.hold(node),
            path: Path::to(self.snapshot, &self.reach, node).text(self.snapshot, detail),
            type_name: self.snapshot.type_name(node).to_owned(),
            bytes: self.dominators.retained(node),
            objects: self.dominators.objects(node),
            length: entries_of(self.snapshot, node),
            types: types.iter().take(MOST_LISTED).map(|(of, (_, count))| (name(*of), *count)).collect(),
            sites,
        }
    }
}

/// The driver's variable.
const RESULT: &str = "result";
