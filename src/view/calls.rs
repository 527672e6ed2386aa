//! The stacks that were live at one moment, merged into one tree of calls with own and total figures.
//!
//! Built and read without recursion: stacks may be tens of thousands of frames deep. A call's caller always has a
//! smaller number than the call itself, so that sums go backwards over the list.

use std::cmp::{Ordering, Reverse};

use ahash::AHashMap;

use super::moment::{At, Size, Threads};
use super::place::{Imports, Place, Places, ThreadName};
use crate::profile::{Profile, Site, StackId};

/// Which sites are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The process's own memory.
    Counted,
    /// File mappings and reserved space, never added to the former.
    NotCounted,
}

/// What a call in the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Above all calls.
    Root,
    /// A thread above its calls, by index; only where threads are apart.
    Thread(u32),
    /// A place in the program, by number in `Places`.
    Place(u32),
    /// Blocks that were allocated with no frame below them.
    NoStack,
}

/// One node of the tree.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The number of the caller; its own for the root.
    pub caller: u32,
    /// What is called.
    pub what: What,
    /// Frames above it; 0 for the root.
    pub depth: u32,
    /// Allocated right here.
    pub own: Size,
    /// Allocated here and in all it called.
    pub total: Size,
}

/// A site that was live, and where it is in the tree.
#[derive(Debug, Clone, Copy)]
pub struct LiveSite<'a> {
    /// The site.
    pub site: &'a Site,
    /// The number of its innermost call.
    pub call: u32,
    /// What it held.
    pub size: Size,
}

/// The merged tree. Call 0 is the root.
#[derive(Debug)]
pub struct CallTree<'a> {
    /// The profile it was made of.
    pub profile: &'a Profile,
    /// Its places.
    pub places: Places<'a>,
    /// All calls, callers before callees.
    pub calls: Vec<Call>,
    /// The live sites, by thread.
    pub sites: Vec<LiveSite<'a>>,
    /// By call: where its callees begin in `callees`; one more at the end.
    starts: Vec<u32>,
    callees: Vec<u32>,
}

impl<'a> CallTree<'a> {
    /// Merges the stacks that were live at that moment.
    pub fn of(profile: &'a Profile, at: At, threads: Threads, kind: Kind) -> CallTree<'a> {
        CallTree::built(Builder::new(profile, threads, Imports::Whole), at, kind)
    }

    /// As `of`, with the import system's frames between two modules as one call: they are many and say nothing more.
    pub fn with_folded_imports(profile: &'a Profile, at: At, threads: Threads, kind: Kind) -> CallTree<'a> {
        CallTree::built(Builder::new(profile, threads, Imports::Folded), at, kind)
    }

    fn built(mut builder: Builder<'a>, at: At, kind: Kind) -> CallTree<'a> {
        let profile = builder.profile;
        let mut sites = Vec::new();
        let mut by_thread: Vec<&Site> = profile.sites.iter().collect();
        by_thread.sort_by_key(|site| site.thread);
        for site in by_thread {
            let size = at.of_site(site);
            if size.is_zero() || site.allocator.domain.counts() != (kind == Kind::Counted) {
                continue;
            }
            let call = builder.call_of(site);
            builder.calls[call as usize].own += size;
            sites.push(LiveSite { site, call, size });
        }
        builder.finish(sites)
    }

    /// Everything in the tree.
    pub fn total(&self) -> Size {
        self.calls[0].total
    }

    /// The call with that number.
    pub fn call(&self, call: u32) -> &Call {
        &self.calls[call as usize]
    }

    /// The calls made from there, in the order in which they were first seen.
    pub fn callees(&self, call: u32) -> &[u32] {
        let (start, end) = (self.starts[call as usize], self.starts[call as usize + 1]);
        &self.callees[start as usize..end as usize]
    }

    /// The call and those above it, innermost first, without root and thread.
    pub fn stack(&self, call: u32) -> impl Iterator<Item = u32> {
        let mut at = call;
        std::iter::from_fn(move || {
            let node = self.call(at);
            matches!(node.what, What::Place(_)).then(|| std::mem::replace(&mut at, node.caller))
        })
    }

    /// The call's place, its texts made safe.
    pub fn place(&self, call: u32) -> Place {
        match self.call(call).what {
            What::Root | What::NoStack => Place::without_stack(),
            What::Thread(thread) => Place::Thread(self.thread(thread)),
            What::Place(place) => Place::from(self.places.frame(place)),
        }
    }

    /// The thread's name.
    pub fn thread(&self, thread: u32) -> ThreadName {
        match self.profile.threads.get(thread as usize) {
            Some(thread) => ThreadName::from(thread),
            None => ThreadName { name: String::new(), tid: 0 },
        }
    }

    /// Orders two calls of the same caller by name.
    pub fn compare(&self, one: u32, other: u32) -> Ordering {
        match (self.call(one).what, self.call(other).what) {
            (What::Place(one), What::Place(other)) => self.places.compare(one, other),
            (What::Thread(one), What::Thread(other)) => {
                self.thread(one).cmp(&self.thread(other)).then(one.cmp(&other))
            }
            (one, other) => rank(one).cmp(&rank(other)),
        }
    }

    /// Orders two calls by their names, then by the names of their callers, and so on.
    pub fn compare_stacks(&self, one: u32, other: u32) -> Ordering {
        let (mut one, mut other) = (one, other);
        // Where the stacks meet they are the same from there on; the root meets itself.
        while one != other {
            let order = self.compare(one, other);
            if order.is_ne() {
                return order;
            }
            (one, other) = (self.call(one).caller, self.call(other).caller);
        }
        Ordering::Equal
    }

    /// The biggest first: by total bytes, then blocks, then name.
    pub fn biggest_first(&self, one: u32, other: u32) -> Ordering {
        Reverse(self.call(one).total)
            .cmp(&Reverse(self.call(other).total))
            .then_with(|| self.compare(one, other))
    }
}

fn rank(what: What) -> u8 {
    match what {
        What::Root => 0,
        What::Thread(_) => 1,
        What::Place(_) => 2,
        What::NoStack => 3,
    }
}

/// No call has this number.
const UNKNOWN: u32 = u32::MAX;

struct Builder<'a> {
    profile: &'a Profile,
    places: Places<'a>,
    threads: Threads,
    calls: Vec<Call>,
    /// By stack: the topmost call that it was last put below, and its own call.
    known: Vec<(u32, u32)>,
    /// By caller and what it calls.
    callees: AHashMap<(u32, What), u32>,
    /// Stacks on the way to a known one, innermost first.
    pending: Vec<StackId>,
}

impl<'a> Builder<'a> {
    fn new(profile: &'a Profile, threads: Threads, imports: Imports) -> Builder<'a> {
        let zero = Size::default();
        Builder {
            profile,
            places: Places::of(&profile.frames, imports),
            threads,
            calls: vec![Call { caller: 0, what: What::Root, depth: 0, own: zero, total: zero }],
            known: vec![(UNKNOWN, 0); profile.stacks.len()],
            callees: AHashMap::with_capacity(profile.stacks.len()),
            pending: Vec::new(),
        }
    }

    fn call_of(&mut self, site: &Site) -> u32 {
        let top = match self.threads {
            Threads::Merged => 0,
            Threads::Apart => self.callee(0, What::Thread(site.thread.0)),
        };
        let mut at = site.stack;
        let mut call = top;
        // A damaged capture may hold a circle of callers: no stack is longer than there are nodes.
        while at.0 != 0 && self.pending.len() < self.profile.stacks.len() {
            let Some(node) = self.profile.stacks.get(at.0 as usize) else { break };
            if let (below, known) = self.known[at.0 as usize]
                && below == top
            {
                call = known;
                break;
            }
            self.pending.push(at);
            at = node.caller;
        }
        while let Some(stack) = self.pending.pop() {
            let frame = self.profile.stacks[stack.0 as usize].frame;
            if let Some(place) = self.places.of_frame(frame.0)
                && !(self.places.is_import(place) && self.calls[call as usize].what == What::Place(place))
            {
                call = self.callee(call, What::Place(place));
            }
            self.known[stack.0 as usize] = (top, call);
        }
        if call == top { self.callee(top, What::NoStack) } else { call }
    }

    fn callee(&mut self, caller: u32, what: What) -> u32 {
        let next = self.calls.len() as u32;
        let call = *self.callees.entry((caller, what)).or_insert(next);
        if call == next {
            let depth = self.calls[caller as usize].depth + 1;
            self.calls.push(Call { caller, what, depth, own: Size::default(), total: Size::default() });
        }
        call
    }

    fn finish(self, sites: Vec<LiveSite<'a>>) -> CallTree<'a> {
        let mut calls = self.calls;
        for number in (0..calls.len()).rev() {
            let own = calls[number].own;
            calls[number].total += own;
            let Call { caller, total, .. } = calls[number];
            if number > 0 {
                calls[caller as usize].total += total;
            }
        }
        let (starts, callees) = lists_of_callees(&calls);
        CallTree { profile: self.profile, places: self.places, calls, sites, starts, callees }
    }
}

/// All lists of callees one after the other, and where each begins.
fn lists_of_callees(calls: &[Call]) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; calls.len() + 1];
    for call in &calls[1..] {
        starts[call.caller as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    let mut callees = vec![0u32; calls.len() - 1];
    for (number, call) in calls.iter().enumerate().skip(1) {
        let slot = &mut next[call.caller as usize];
        callees[*slot as usize] = number as u32;
        *slot += 1;
    }
    (starts, callees)
}
