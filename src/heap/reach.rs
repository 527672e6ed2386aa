//! What holds each object: a shortest way to it from what holds objects from outside, where a way from something that has a
//! name comes before any other.
//!
//! ```text
//!   imported modules ─► classes that are not on the heap ─► variables of running functions, values of threads ─► leakgate's own
//!        what none of them reaches, has more references than were found, and is known by what is in it:
//!   ─► what the interpreter keeps in C for a module
//!        what none of them reaches, and what has more references than were found:
//!   ─► values that a running function may be working with ─► held by C code, or lost by it
//!        what is left has as many references as were found, from each other: only the collector frees it
//!   ─► one object of each ring
//! ```

use super::model::{Edge, IS_IMMORTAL, IS_OWN, NodeId, Root, RootKind, Snapshot};
use super::path::CONTEXT;
use super::registries::Registry;
use super::{cycles, owners};

/// How an object is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// From a module, a class, a variable, a thread's values.
    Named,
    /// By leakgate's driver only: the result of the scenario's function, for example.
    Own,
    /// By the values that a running function works with.
    Working,
    /// By references that no object accounts for: something written in C holds it, or has lost it.
    Native,
    /// By nothing but objects that only the collector frees.
    Cycle,
}

/// How each object of a snapshot is held.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The reference by which it is reached, as an index into `Edges::to`; or [`ROOT`] and an index of `roots`.
    by: Vec<u32>,
    /// The object that has this reference.
    from: Vec<u32>,
    holds: Vec<Hold>,
    /// What holds objects from outside: those of the snapshot and those that were worked out.
    pub roots: Vec<Root>,
    /// How many references to each object were found.
    pub found: Vec<u32>,
}

/// Nothing, in `from`.
const NONE: u32 = u32::MAX;

impl Reach {
    /// Works it out.
    pub fn of(snapshot: &Snapshot) -> Reach {
        let count = snapshot.len();
        let mut reach = Reach {
            by: vec![NONE; count],
            from: vec![NONE; count],
            holds: vec![Hold::Cycle; count],
            roots: snapshot.roots.clone(),
            found: found(snapshot),
        };
        let mut queue = Vec::with_capacity(count);
        // That a callback of some object's runs in a context is no name for what its variables have.
        let context = snapshot.type_names.iter().position(|name| name == CONTEXT);
        let is_context = |node: NodeId| context == Some(snapshot.nodes.types[node.index()] as usize);
        for step in STEPS.iter().filter(|step| step.hold == Hold::Named) {
            reach.add_roots(snapshot, step, &mut queue);
            reach.spread_but(snapshot, Hold::Named, &mut queue, is_context);
        }
        queue.extend(snapshot.ids().filter(|node| is_context(*node) && reach.hold(*node) == Hold::Named));
        reach.spread(snapshot, Hold::Named, &mut queue);
        for step in STEPS.iter().filter(|step| step.hold == Hold::Own) {
            reach.add_roots(snapshot, step, &mut queue);
            reach.spread(snapshot, Hold::Own, &mut queue);
        }
        reach.add_registries(snapshot, &mut queue);
        reach.spread(snapshot, Hold::Named, &mut queue);
        for hold in [Hold::Working, Hold::Native] {
            reach.add_unexplained(snapshot, hold, &mut queue);
            reach.spread(snapshot, hold, &mut queue);
        }
        for node in cycles::heads(snapshot, &|node| reach.is_new(node)) {
            reach.roots.push(Root { node, kind: RootKind::Cycle });
            reach.add_root(node, reach.roots.len() as u32 - 1, Hold::Cycle, &mut queue);
        }
        reach.spread(snapshot, Hold::Cycle, &mut queue);
        reach
    }

    /// How an object is held.
    pub fn hold(&self, node: NodeId) -> Hold {
        self.holds[node.index()]
    }

    /// The object that it is reached through, and the reference; `None`: it is held from outside, or the first of a ring.
    #[inline(always)]
    pub fn parent(&self, snapshot: &Snapshot, node: NodeId) -> Option<(NodeId, Edge)> {
        let from = self.from[node.index()];
        if from == NONE {
            return None;
        }
        let at = self.by[node.index()] as usize;
        Some((NodeId(from), Edge { to: node, label: snapshot.edges.labels[at] }))
    }

    /// What holds it from outside, where something does.
    pub fn root(&self, node: NodeId) -> Option<&Root> {
        match (self.from[node.index()], self.by[node.index()]) {
            (NONE, NONE) => None,
            (NONE, root) => self.roots.get(root as usize),
            _ => None,
        }
    }

    /// By object, the first one on the way to it, which something outside holds, or which is one of a ring.
    pub fn tops(&self, snapshot: &Snapshot) -> Vec<NodeId> {
        let mut tops = vec![NodeId(NONE); snapshot.len()];
        let mut way = Vec::new();
        for node in snapshot.ids() {
            let mut at = node;
            let top = loop {
                if tops[at.index()].0 != NONE {
                    break tops[at.index()];
                }
                way.push(at);
                match self.parent(snapshot, at) {
                    Some((parent, _)) => at = parent,
                    None => break at,
                }
            };
            way.drain(..).for_each(|node| tops[node.index()] = top);
        }
        tops
    }

    fn is_new(&self, node: NodeId) -> bool {
        self.from[node.index()] == NONE && self.by[node.index()] == NONE
    }

    fn add_roots(&mut self, snapshot: &Snapshot, step: &Step, queue: &mut Vec<NodeId>) {
        for index in 0..snapshot.roots.len() {
            let Root { node, kind } = self.roots[index];
            if (step.takes)(snapshot, kind) {
                self.add_root(node, index as u32, step.hold, queue);
            }
        }
        if step.hold == Hold::Own {
            for node in snapshot.ids().filter(|node| snapshot.has(*node, IS_OWN)) {
                if self.is_new(node) {
                    self.roots.push(Root { node, kind: RootKind::Own });
                    self.add_root(node, self.roots.len() as u32 - 1, Hold::Own, queue);
                } else {
                    // It was met, and nothing beyond it.
                    queue.push(node);
                }
            }
        }
    }

    fn add_root(&mut self, node: NodeId, root: u32, hold: Hold, queue: &mut Vec<NodeId>) {
        if self.is_new(node) {
            self.by[node.index()] = root;
            self.holds[node.index()] = hold;
            queue.push(node);
        }
    }

    /// Goes on from the objects in the queue, nearest first.
    fn spread(&mut self, snapshot: &Snapshot, hold: Hold, queue: &mut Vec<NodeId>) {
        self.spread_but(snapshot, hold, queue, |_| false);
    }

    /// As `spread`, but not through objects that other objects refer to and that are left for later.
    fn spread_but(
        &mut self,
        snapshot: &Snapshot,
        hold: Hold,
        queue: &mut Vec<NodeId>,
        is_left: impl Fn(NodeId) -> bool,
    ) {
        let mut next = 0;
        while let Some(node) = queue.get(next).copied() {
            next += 1;
            // Nothing of the program's is named by a way through leakgate's own, as long as there is another.
            if hold != Hold::Own && snapshot.has(node, IS_OWN) {
                continue;
            }
            if is_left(node) && self.from[node.index()] != NONE {
                continue;
            }
            for at in snapshot.edges.range(node) {
                let to = snapshot.edges.to[at];
                if self.is_new(to) {
                    self.from[to.index()] = node.0;
                    self.by[to.index()] = at as u32;
                    self.holds[to.index()] = hold;
                    queue.push(to);
                }
            }
        }
        queue.clear();
    }

    /// Adds what is not reached, has more references than were found, and is known by what is in it.
    fn add_registries(&mut self, snapshot: &Snapshot, queue: &mut Vec<NodeId>) {
        for node in snapshot.ids().filter(|node| owners::is_container(snapshot.kind(*node))) {
            if self.is_new(node)
                && self.is_unexplained(snapshot, node)
                && let Some(registry) = Registry::of(snapshot, node)
            {
                self.roots.push(Root { node, kind: RootKind::Registry(registry) });
                self.add_root(node, self.roots.len() as u32 - 1, Hold::Named, queue);
            }
        }
    }

    /// Adds what is not reached and has more references than were found.
    fn add_unexplained(&mut self, snapshot: &Snapshot, hold: Hold, queue: &mut Vec<NodeId>) {
        if hold == Hold::Working {
            for index in 0..snapshot.roots.len() {
                let Root { node, kind } = self.roots[index];
                if kind == RootKind::Working && self.is_unexplained(snapshot, node) {
                    self.add_root(node, index as u32, hold, queue);
                }
            }
            return;
        }
        for node in snapshot.ids() {
            if self.is_new(node) && self.is_unexplained(snapshot, node) {
                let is_immortal = snapshot.has(node, IS_IMMORTAL);
                let kind = if is_immortal { RootKind::Immortal } else { RootKind::Native };
                self.roots.push(Root { node, kind });
                self.add_root(node, self.roots.len() as u32 - 1, hold, queue);
            }
        }
    }

    fn is_unexplained(&self, snapshot: &Snapshot, node: NodeId) -> bool {
        snapshot.has(node, IS_IMMORTAL) || snapshot.nodes.references[node.index()] > self.found[node.index()]
    }
}

/// Those that are taken together.
struct Step {
    takes: fn(&Snapshot, RootKind) -> bool,
    hold: Hold,
}

const STEPS: &[Step] = &[
    Step { takes: |_, kind| kind == RootKind::Modules, hold: Hold::Named },
    Step { takes: |_, kind| kind == RootKind::StaticType, hold: Hold::Named },
    Step {
        takes: |snapshot, kind| match kind {
            RootKind::Local { frame, .. } => !snapshot.frames[frame as usize].is_own,
            RootKind::Thread(_) | RootKind::Context(_) | RootKind::Registry(_) => true,
            _ => false,
        },
        hold: Hold::Named,
    },
    Step { takes: |_, kind| matches!(kind, RootKind::Local { .. }), hold: Hold::Own },
];

/// How many references to each object are known: those of objects, of variables and of threads.
fn found(snapshot: &Snapshot) -> Vec<u32> {
    let mut found = vec![0; snapshot.len()];
    for to in &snapshot.edges.to {
        found[to.index()] += 1;
    }
    for Root { node, kind } in &snapshot.roots {
        let counts = matches!(
            kind,
            RootKind::Local { .. }
                | RootKind::Thread(_)
                | RootKind::Context(_)
                | RootKind::Registry(_)
                | RootKind::Modules
        );
        found[node.index()] += u32::from(counts);
    }
    found
}
