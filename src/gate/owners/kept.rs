//! What kind of thing an owner keeps, and what is known of it beside how many there are.

use std::collections::BTreeSet;

use super::{Looked, THREADS, cached, open, running};
use crate::heap::owners::meant;
use crate::heap::reach::Hold;
use crate::heap::{self, NodeId};
use crate::rules::{Evidence, Kind};
use crate::scenario::around::{Around, Open};

/// What types begin with whose objects are open as long as a descriptor is.
const WITH_DESCRIPTOR: [&str; 6] =
    ["_io.", "socket.socket", "_socket.socket", "ssl.SSLSocket", "select.epoll", "subprocess.Popen"];

/// What an owner keeps.
pub(super) struct Kept<'a> {
    /// What kind of evidence it is.
    pub kind: Kind,
    /// The type that is to be closed or waited for, and how many more there are.
    pub of: Option<(&'a str, u64)>,
    /// Of what is to be waited for: as a sentence about one goes on.
    pub noun: Option<&'static str>,
}

impl Looked<'_> {
    /// What kind of thing an owner of that name keeps.
    pub(super) fn kept<'o>(&self, owner: &'o heap::Owner, name: &str) -> Kept<'o> {
        let kind = match owner.hold {
            Hold::Native if owner.node.is_none() => Kind::Lost,
            Hold::Cycle => Kind::Cycle,
            _ if self.are_alive(owner, name) => Kind::Thread,
            _ => Kind::Growth,
        };
        let mut kept = Kept { kind, of: None, noun: None };
        if kind != Kind::Growth {
            return kept;
        }
        let came = || {
            let count = |objects: i64| u64::try_from(objects).ok().filter(|count| *count > 0);
            owner.types.iter().filter_map(move |(of, change)| Some((of.as_str(), count(change.objects)?)))
        };
        let noun = |of| self.told.around.and_then(|around| running::noun(of, around));
        // A child process has pipes, and they are its.
        if let Some((of, noun)) = came().find_map(|of| Some((of, noun(of.0)?))) {
            kept = Kept { kind: Kind::Thread, of: Some(of), noun: Some(noun) };
        } else if let Some(of) = came().find(|(of, _)| self.is_resource(of) && self.may_be_open(owner, of)) {
            kept = Kept { kind: Kind::Resource, of: Some(of), noun: None };
        }
        kept
    }

    /// Whether an owner of that name is where the interpreter notes threads, and as many of them run. It notes those that
    /// are over, too, as long as somebody keeps them.
    fn are_alive(&self, owner: &heap::Owner, name: &str) -> bool {
        let is_note = THREADS.iter().any(|threads| name.starts_with(threads));
        let came = |around: &Around| around.threads.len() + around.native.len();
        is_note && self.told.around.is_none_or(|around| came(around) as i64 >= owner.entries)
    }

    /// Whether objects of a type to be closed may be open still: of those that have a descriptor, one is open.
    fn may_be_open(&self, owner: &heap::Owner, of: &str) -> bool {
        let has_descriptor = WITH_DESCRIPTOR.iter().any(|start| of.starts_with(start));
        !has_descriptor || !self.descriptors(owner).is_empty()
    }

    /// Whether objects of this type are to be closed.
    fn is_resource(&self, type_name: &str) -> bool {
        let evidence = Evidence {
            kind: Kind::Resource,
            owner: String::new(),
            held_by: None,
            types: vec![type_name.to_owned()],
            gains: String::new(),
        };
        self.told.rules.name(&evidence).is_some()
    }

    /// What is known of what it keeps, in sentences.
    pub(super) fn facts(&self, owner: &heap::Owner, kept: &Kept) -> Vec<String> {
        if kept.kind == Kind::Growth {
            let mut facts = cached::facts(owner.kind, &owner.keys, owner.entries, self.told.values);
            facts.extend(cached::instances(owner.kind, &owner.path, &owner.keys));
            return facts;
        }
        let Some(around) = self.told.around else { return Vec::new() };
        let mut facts = match kept.kind {
            Kind::Thread => running::facts(kept.of.map(|(of, _)| of), around, self.told.scenario.cwd),
            _ => Vec::new(),
        };
        if matches!(kept.kind, Kind::Resource | Kind::Thread) {
            let mine = self.descriptors(owner);
            let all = around.open();
            let open: Vec<(i64, &Open)> =
                all.iter().filter(|(fd, _)| mine.contains(fd)).map(|(fd, open)| (*fd, open)).collect();
            facts.extend(open::facts(&open));
        }
        facts
    }

    /// The descriptors of the new objects that it holds.
    pub(super) fn descriptors(&self, owner: &heap::Owner) -> BTreeSet<i64> {
        let new = self.after.nodes.descriptors.iter().filter(|(node, _)| self.changes.is_new(*node));
        new.filter(|(node, _)| self.is_held(*node, owner)).map(|(_, fd)| i64::from(*fd)).collect()
    }

    /// Whether the first object on the way up that is not new is the owner; where it is nobody, that there is none.
    fn is_held(&self, node: NodeId, owner: &heap::Owner) -> bool {
        let mut at = Some(node);
        while let Some(node) = at.filter(|node| self.changes.is_new(*node)) {
            at = self.reach.parent(self.after, node).map(|(parent, _)| parent);
        }
        match at {
            Some(old) => owner.nodes.contains(&meant(self.after, self.reach, old)),
            None => owner.nodes.is_empty(),
        }
    }
}
