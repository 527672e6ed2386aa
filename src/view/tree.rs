//! Where the bytes come from: the call tree from the outermost frame to the innermost, biggest branches first.
//!
//! What is shown are the biggest branches of the whole tree that fit into the limit; a chain of calls that neither
//! branches nor allocates is one line, and the import system's frames between two modules are one call.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io::{self, Write};

use ahash::AHashMap;
use serde::Serialize;

use super::View;
use super::calls::{CallTree, Kind, What};
use super::head::Head;
use super::moment::{Options, Size, percent, share_text, shares};
use super::place::Place;
use super::screen::Screen;
use super::text::{shorten_end, shorten_path, width};
use crate::profile::Profile;
use crate::units::{Bytes, grouped};

/// Lines where none are asked for.
const LINES: usize = 25;
/// Most frames of a chain that are kept at its beginning and at its end.
const KEPT: usize = 64;
/// Levels of branches that are drawn; what is deeper is told by its depth.
const DRAWN: usize = 12;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tree {
    /// Whose memory, when.
    #[serde(flatten)]
    pub head: Head,
    /// The branches, each after its parent, in the order in which they are printed.
    pub branches: Vec<Branch>,
    /// Branches from the root that the limit cut.
    pub more: More,
}

/// A branch: one call, or a chain of calls where each has just the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Branch {
    /// The index of the branch it belongs to; none at the root.
    pub parent: Option<usize>,
    /// Branches above it.
    pub depth: usize,
    /// The calls, outermost first; of a long chain its beginning and its end.
    pub chain: Vec<Place>,
    /// Calls of the chain that were left out after the first 64.
    pub left_out: usize,
    /// Allocated in the last call of the chain itself.
    pub own: Size,
    /// Allocated in it and below.
    pub total: Size,
    /// Total bytes in percent of all live bytes.
    pub percent: f64,
    /// Branches below it that the limit cut.
    pub more: More,
}

/// Branches that are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct More {
    /// How many.
    pub branches: usize,
    /// What they hold.
    #[serde(flatten)]
    pub size: Size,
}

/// Takes the view.
pub fn of(profile: &Profile, options: &Options) -> Tree {
    let tree = CallTree::with_folded_imports(profile, options.at, options.threads, Kind::Counted);
    let shown = Chosen::of(&tree, options.limit.unwrap_or(LINES));
    let head = Head::of(&tree, options, "tree");
    let mut branches: Vec<Branch> = Vec::new();
    // Depth first, biggest first, with a stack of its own.
    let mut pending: Vec<(u32, Option<usize>)> =
        shown.below(0).iter().rev().map(|call| (*call, None)).collect();
    while let Some((call, parent)) = pending.pop() {
        let depth = parent.map_or(0, |parent: usize| branches[parent].depth + 1);
        let (chain, last) = chain(&tree, call);
        branches.push(branch(&tree, &chain, Branch { parent, depth, ..shown.rest(&tree, last) }));
        let index = branches.len() - 1;
        pending.extend(shown.below(last).iter().rev().map(|call| (*call, Some(index))));
    }
    Tree { head, branches, more: shown.rest(&tree, 0).more }
}

/// The calls that go on as one from here; the last is where the chain branches, allocates or ends.
fn chain(tree: &CallTree<'_>, call: u32) -> (Vec<u32>, u32) {
    let mut chain = vec![call];
    let mut last = call;
    while let [only] = tree.callees(last)
        && let What::Place(_) = tree.call(last).what
        && tree.call(last).own.is_zero()
    {
        last = *only;
        chain.push(last);
    }
    (chain, last)
}

fn branch(tree: &CallTree<'_>, chain: &[u32], branch: Branch) -> Branch {
    let left_out = chain.len().saturating_sub(2 * KEPT);
    let (first, rest) = chain.split_at(KEPT.min(chain.len()));
    let kept = first.iter().chain(&rest[left_out..]);
    Branch { chain: kept.map(|call| tree.place(*call)).collect(), left_out, ..branch }
}

/// The branches that are shown: those below each, biggest first.
struct Chosen {
    /// By the last call of a branch (the root is 0).
    below: AHashMap<u32, Vec<u32>>,
}

/// A branch that may be shown next.
struct Candidate<'t, 'p> {
    tree: &'t CallTree<'p>,
    call: u32,
    parent: u32,
}

impl Chosen {
    /// Takes the biggest branches until the lines, those that tell of cut branches included, are used up.
    fn of(tree: &CallTree<'_>, limit: usize) -> Chosen {
        let mut below: AHashMap<u32, Vec<u32>> = AHashMap::new();
        let mut next: BinaryHeap<Candidate<'_, '_>> = BinaryHeap::new();
        let candidates = |parent: u32| {
            tree.callees(parent).iter().map(move |call| Candidate { tree, call: *call, parent })
        };
        next.extend(candidates(0));
        let mut lines = 0;
        while let Some(candidate) = next.pop() {
            let siblings = tree.callees(candidate.parent).len();
            let shown = below.get(&candidate.parent).map_or(0, Vec::len);
            // The first of several siblings brings the line `+N more` with it, the last takes its place.
            let needed = match (shown, siblings) {
                (0, 1) => 1,
                (0, _) => 2,
                (shown, siblings) if shown + 1 == siblings => 0,
                _ => 1,
            };
            if lines + needed > limit && lines > 0 {
                continue;
            }
            lines += needed;
            below.entry(candidate.parent).or_default().push(candidate.call);
            next.extend(candidates(chain(tree, candidate.call).1));
        }
        Chosen { below }
    }

    fn below(&self, call: u32) -> &[u32] {
        self.below.get(&call).map_or(&[], Vec::as_slice)
    }

    /// A branch that ends with this call, with what is cut below it and without its chain.
    fn rest(&self, tree: &CallTree<'_>, last: u32) -> Branch {
        let call = tree.call(last);
        let shown = self.below(last);
        let below: Size = shown.iter().map(|call| tree.call(*call).total).sum();
        Branch {
            parent: None,
            depth: 0,
            chain: Vec::new(),
            left_out: 0,
            own: call.own,
            total: call.total,
            percent: percent(call.total.bytes, tree.total().bytes),
            more: More {
                branches: tree.callees(last).len() - shown.len(),
                size: call.total.without(call.own).without(below),
            },
        }
    }
}

impl Ord for Candidate<'_, '_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.tree.biggest_first(self.call, other.call);
        order.then_with(|| self.tree.compare_stacks(self.parent, other.parent)).reverse()
    }
}

impl PartialOrd for Candidate<'_, '_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_, '_> {}

impl View for Tree {
    fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        if self.branches.is_empty() {
            return self.head.print_bottom(screen, out);
        }
        writeln!(
            out,
            "{}",
            screen.strong(&format!("{:>10}  {:>6}  {:>9}  branch", "bytes", "share", "blocks"))
        )?;
        Printer { tree: self, screen, open: Vec::new(), last: self.last_siblings() }.print(out)?;
        self.head.print_bottom(screen, out)
    }
}

impl Tree {
    /// By branch: whether no line at its level follows below the same parent.
    fn last_siblings(&self) -> Vec<bool> {
        let mut later: Vec<bool> = vec![false; self.branches.len() + 1];
        let mut last = Vec::with_capacity(self.branches.len());
        for branch in self.branches.iter().rev() {
            // Slot 0 is the root.
            let slot = branch.parent.map_or(0, |parent| parent + 1);
            last.push(!later[slot] && self.more_below(branch.parent).branches == 0);
            later[slot] = true;
        }
        last.reverse();
        last
    }

    fn more_below(&self, parent: Option<usize>) -> &More {
        parent.map_or(&self.more, |parent| &self.branches[parent].more)
    }

    fn has_shown_branches(&self, index: usize) -> bool {
        self.branches.get(index + 1).is_some_and(|next| next.parent == Some(index))
    }
}

struct Printer<'a> {
    tree: &'a Tree,
    screen: &'a Screen,
    /// The branches above the line that is printed next, outermost first.
    open: Vec<usize>,
    last: Vec<bool>,
}

impl Printer<'_> {
    fn print(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for (index, branch) in self.tree.branches.iter().enumerate() {
            self.close(branch.depth, out)?;
            self.branch(index, branch, out)?;
            self.open.push(index);
        }
        self.close(0, out)?;
        self.more(None, out)
    }

    /// Leaves the branches that are not above a line of that depth, each with what was cut of it.
    fn close(&mut self, depth: usize, out: &mut dyn Write) -> io::Result<()> {
        while self.open.len() > depth
            && let Some(index) = self.open.pop()
        {
            if self.tree.has_shown_branches(index) {
                self.open.push(index);
                self.more(Some(index), out)?;
                self.open.pop();
            }
        }
        Ok(())
    }

    fn branch(&self, index: usize, branch: &Branch, out: &mut dyn Write) -> io::Result<()> {
        let bars = self.bars(branch.depth, self.last[index]);
        let room = self.screen.width.map(|all| all.saturating_sub(FIGURES + width(&bars)));
        let end = self.end_of(index, branch, room);
        let room = room.map(|room| room.saturating_sub(width(&end)).max(LEAST));
        let chain = branch.chain_text(self.screen, room);
        self.line(branch.total, &format!("{bars}{chain}{end}"), out)
    }

    /// What a line says after its chain: what it allocated itself, and that something below is not shown at all. Less of
    /// it where the chain would have too little of the room.
    fn end_of(&self, index: usize, branch: &Branch, room: Option<usize>) -> String {
        let below = self.tree.has_shown_branches(index);
        let (mut own, mut more, mut count) = (String::new(), String::new(), String::new());
        if !branch.own.is_zero() && (below || branch.more.branches > 0) {
            own = format!("  own {}", Bytes(branch.own.bytes));
        }
        if !below && branch.more.branches > 0 {
            more = format!("  {}", more_text(&branch.more));
            count = format!("  +{}", grouped(branch.more.branches as u64));
        }
        let fits = |end: &String| room.is_none_or(|room| width(end) + LEAST <= room);
        [own + &more, more, count].into_iter().find(fits).unwrap_or_default()
    }

    fn more(&self, parent: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        let more = self.tree.more_below(parent);
        if more.branches == 0 {
            return Ok(());
        }
        let text = self.bars(self.open.len(), true) + &more_text(more);
        writeln!(out, "{:FIGURES$}{}", "", self.screen.faint(&text))
    }

    /// The lines from the branches above, one a level; of a very deep tree the innermost levels only.
    fn bars(&self, depth: usize, last: bool) -> String {
        if depth == 0 {
            return String::new();
        }
        // Where it is narrow, the calls need the room more than the levels do.
        let drawn =
            self.screen.width.map_or(DRAWN, |all| (all.saturating_sub(FIGURES + LEAST) / 3).min(DRAWN));
        let mut bars = if depth > drawn { format!("[{depth}] ") } else { String::new() };
        for above in self.open[..depth].iter().skip(1.max(depth.saturating_sub(drawn))) {
            bars += if self.last[*above] { "  " } else { self.screen.glyph("| ", "│ ") };
        }
        bars + if last { self.screen.glyph("`-", "└─") } else { self.screen.glyph("|-", "├─") } + " "
    }

    fn line(&self, size: Size, text: &str, out: &mut dyn Write) -> io::Result<()> {
        let share = shares(&[size.bytes], self.tree.head.live.bytes)[0];
        let bytes = format!("{:>10}  {:>6}", Bytes(size.bytes), share_text(share));
        writeln!(out, "{}  {:>9}  {text}", self.screen.heat(share, &bytes), grouped(size.blocks))
    }
}

/// Columns that the figures take before a branch.
const FIGURES: usize = 10 + 2 + 6 + 2 + 9 + 2;
/// Columns that are kept for a chain before anything else.
const LEAST: usize = 12;
/// Frames of a chain that are shown in a pipe, where nothing is cut to a width.
const SHOWN: usize = 6;

fn more_text(more: &More) -> String {
    format!("+{} more ({})", grouped(more.branches as u64), Bytes(more.size.bytes))
}

impl Branch {
    /// The chain in at most `room` columns: its first call, and as many of its last as fit.
    fn chain_text(&self, screen: &Screen, room: Option<usize>) -> String {
        let texts: Vec<String> = self.chain.iter().map(|place| place_text(place, screen)).collect();
        let arrow = screen.glyph(" > ", " → ");
        let all = self.left_out == 0 && texts.len() <= SHOWN;
        let whole = texts.join(arrow);
        if all && room.is_none_or(|room| width(&whole) <= room) {
            return whole;
        }
        let most = room.unwrap_or(usize::MAX);
        // From both ends, as much as fits: the first call says whose chain it is, the last where it goes.
        (2..SHOWN.min(texts.len()))
            .rev()
            .map(|shown| self.ends(&texts, shown, arrow, screen))
            .find(|text| width(text) <= most)
            .unwrap_or_else(|| self.end(&texts, most, screen))
    }

    /// The first call and `shown - 1` of the last.
    fn ends(&self, texts: &[String], shown: usize, arrow: &str, screen: &Screen) -> String {
        let hidden = texts.len() - shown + self.left_out;
        let tail = texts[texts.len() + 1 - shown..].join(arrow);
        format!("{}{arrow}{ellipsis}{hidden}{ellipsis}{arrow}{tail}", texts[0], ellipsis = screen.ellipsis())
    }

    /// The last call alone.
    fn end(&self, texts: &[String], most: usize, screen: &Screen) -> String {
        let hidden = texts.len().saturating_sub(1) + self.left_out;
        let mark = if hidden > 0 {
            format!("{0}{hidden}{0}{1}", screen.ellipsis(), screen.glyph(" > ", " → "))
        } else {
            String::new()
        };
        let Some(last) = self.chain.last() else { return mark };
        let room = most.saturating_sub(width(&mark));
        let (name, location) = (last.name(), last.location(&screen.folder));
        let text = if location.is_empty() {
            shorten_end(&name, room, screen.ellipsis()).into_owned()
        } else {
            let name = shorten_end(
                &name,
                (room / 2).max(room.saturating_sub(width(&location) + 1)),
                screen.ellipsis(),
            );
            let left = room.saturating_sub(width(&name) + 1);
            format!("{name} {}", shorten_path(&location, left, screen.ellipsis()))
        };
        mark + &text
    }
}

fn place_text(place: &Place, screen: &Screen) -> String {
    match place.location(&screen.folder) {
        location if location.is_empty() => place.name(),
        location => format!("{} {location}", place.name()),
    }
}
