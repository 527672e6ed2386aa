//! Which functions hold the memory: own and total bytes a function, biggest own bytes first.

use std::cmp::Reverse;
use std::io::{self, Write};

use ahash::AHashMap;
use serde::Serialize;

use super::View;
use super::calls::{CallTree, Kind, What};
use super::head::Head;
use super::moment::{Options, Size, Threads, cut, percent, share_text, shares};
use super::place::{Place, ThreadName};
use super::screen::{Column, Fit, Screen, column};
use crate::profile::Profile;
use crate::units::{Bytes, grouped};

/// Rows where none are asked for.
const ROWS: usize = 25;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Whose memory, when.
    #[serde(flatten)]
    pub head: Head,
    /// The functions, biggest own bytes first.
    pub functions: Vec<Row>,
    /// What the limit cut.
    pub more: More,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The function, at the line that allocated most.
    pub place: Place,
    /// How many of its lines are in live stacks.
    pub lines: usize,
    /// Its thread, where threads are apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<ThreadName>,
    /// Allocated in the function itself.
    pub own: Size,
    /// Own bytes in percent of all live bytes.
    pub own_percent: f64,
    /// Allocated in it and in all it called; recursion counted once.
    pub total: Size,
    /// Total bytes in percent of all live bytes.
    pub total_percent: f64,
}

/// Rows that are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct More {
    /// How many.
    pub rows: usize,
    /// What they hold by themselves.
    pub own: Size,
}

/// Takes the view.
pub fn of(profile: &Profile, options: &Options) -> Summary {
    let tree = CallTree::of(profile, options.at, options.threads, Kind::Counted);
    let mut functions = functions(&tree);
    let cut = cut(&mut functions, options.limit.unwrap_or(ROWS), |one, other| compare(&tree, one, other));
    let whole = tree.total().bytes;
    let rows = functions.iter().map(|function| row(&tree, function, options.threads, whole)).collect();
    let more = More { rows: cut.len(), own: cut.iter().map(|function| function.own).sum() };
    Summary { head: Head::of(&tree, options, "summary"), functions: rows, more }
}

/// Figures of a function (in a thread, where threads are apart).
#[derive(Debug, Clone, Copy)]
struct Figures {
    thread: u32,
    own: Size,
    total: Size,
    /// The line that allocated most, its own and total figures.
    place: u32,
    weight: (Size, Size),
    lines: usize,
}

fn row(tree: &CallTree<'_>, figures: &Figures, threads: Threads, whole: u64) -> Row {
    let place = if figures.place == NO_STACK {
        Place::without_stack()
    } else {
        Place::from(tree.places.frame(figures.place)).without_offset()
    };
    Row {
        place,
        lines: figures.lines,
        thread: (threads == Threads::Apart).then(|| tree.thread(figures.thread)),
        own: figures.own,
        own_percent: percent(figures.own.bytes, whole),
        total: figures.total,
        total_percent: percent(figures.total.bytes, whole),
    }
}

/// Stands for the place of blocks without a stack.
const NO_STACK: u32 = u32::MAX;

fn functions(tree: &CallTree<'_>) -> Vec<Figures> {
    let mut sums = Sums::of(tree);
    let mut functions = Vec::new();
    let threads = tree.callees(0).iter().filter_map(|call| match tree.call(*call).what {
        What::Thread(thread) => Some((thread, *call)),
        _ => None,
    });
    let threads: Vec<(u32, u32)> = threads.collect();
    let merged = if threads.is_empty() { vec![(0, 0)] } else { threads };
    for (thread, top) in merged {
        sums.walk(top);
        functions.extend(sums.take(thread));
    }
    functions
}

/// Sums below one call, in lists by place and by function: one call is one step, and there may be millions.
struct Sums<'t, 'p> {
    tree: &'t CallTree<'p>,
    /// By place, then one for no stack: own and total.
    lines: Vec<(Size, Size)>,
    /// By function, then one for no stack.
    totals: Vec<Size>,
    /// By function: how often it is on the way down.
    active: Vec<u32>,
    /// The places that occur.
    seen: Vec<usize>,
    is_seen: Vec<bool>,
}

enum Step {
    Enter(u32),
    Leave(usize),
}

impl Sums<'_, '_> {
    fn of<'t, 'p>(tree: &'t CallTree<'p>) -> Sums<'t, 'p> {
        let (places, functions) = (tree.places.count() + 1, tree.places.count_functions() + 1);
        Sums {
            tree,
            lines: vec![(Size::default(), Size::default()); places],
            totals: vec![Size::default(); functions],
            active: vec![0; functions],
            seen: Vec::new(),
            is_seen: vec![false; places],
        }
    }

    /// Depth first with a stack of its own: a function's total counts only where it is not already on the way down.
    fn walk(&mut self, top: u32) {
        let mut steps = vec![Step::Enter(top)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Leave(function) => self.active[function] -= 1,
                Step::Enter(call) => {
                    if let Some(function) = self.enter(call) {
                        self.active[function] += 1;
                        steps.push(Step::Leave(function));
                    }
                    steps.extend(self.tree.callees(call).iter().map(|callee| Step::Enter(*callee)));
                }
            }
        }
    }

    fn enter(&mut self, call: u32) -> Option<usize> {
        let call = self.tree.call(call);
        let place = match call.what {
            What::Root | What::Thread(_) => return None,
            What::Place(place) => place as usize,
            What::NoStack => self.lines.len() - 1,
        };
        self.lines[place].0 += call.own;
        self.lines[place].1 += call.total;
        if !std::mem::replace(&mut self.is_seen[place], true) {
            self.seen.push(place);
        }
        let function = self.function(place);
        if self.active[function] == 0 {
            self.totals[function] += call.total;
        }
        Some(function)
    }

    fn function(&self, place: usize) -> usize {
        if place + 1 == self.lines.len() {
            self.totals.len() - 1
        } else {
            self.tree.places.function(place as u32) as usize
        }
    }

    /// The functions that were walked over, and all sums at zero again.
    fn take(&mut self, thread: u32) -> Vec<Figures> {
        let mut functions: AHashMap<usize, Figures> = AHashMap::new();
        for index in std::mem::take(&mut self.seen) {
            self.is_seen[index] = false;
            let weight = std::mem::take(&mut self.lines[index]);
            let function = self.function(index);
            let place = if index + 1 == self.lines.len() { NO_STACK } else { index as u32 };
            let total = std::mem::take(&mut self.totals[function]);
            let fresh = Figures { thread, own: Size::default(), total, place, weight, lines: 0 };
            let figures = functions.entry(function).or_insert(fresh);
            figures.own += weight.0;
            figures.lines += 1;
            let is_first = || self.tree.places.compare(place, figures.place).is_lt();
            if weight > figures.weight || (weight == figures.weight && place != figures.place && is_first()) {
                (figures.place, figures.weight) = (place, weight);
            }
        }
        functions.into_values().collect()
    }
}

fn compare(tree: &CallTree<'_>, one: &Figures, other: &Figures) -> std::cmp::Ordering {
    let weight = |figures: &Figures| (Reverse(figures.own), Reverse(figures.total));
    let name = || match (one.place, other.place) {
        (NO_STACK, NO_STACK) => std::cmp::Ordering::Equal,
        (NO_STACK, _) => std::cmp::Ordering::Greater,
        (_, NO_STACK) => std::cmp::Ordering::Less,
        (one, other) => tree.places.compare(one, other),
    };
    let thread =
        || tree.thread(one.thread).cmp(&tree.thread(other.thread)).then(one.thread.cmp(&other.thread));
    weight(one).cmp(&weight(other)).then_with(name).then_with(thread)
}

impl View for Summary {
    fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        let apart = self.functions.iter().any(|row| row.thread.is_some());
        let whole = self.head.live.bytes;
        let mut parts: Vec<u64> = self.functions.iter().map(|row| row.own.bytes).collect();
        parts.push(self.more.own.bytes);
        let own = shares(&parts, whole);
        let mut rows: Vec<Vec<String>> =
            self.functions.iter().zip(&own).map(|(row, share)| cells(row, *share, whole, screen)).collect();
        if self.more.rows > 0 {
            rows.push(more_cells(&self.more, own[own.len() - 1], apart));
        }
        let columns: &[Column] = if apart { &COLUMNS } else { &COLUMNS[..COLUMNS.len() - 1] };
        screen.table(columns, &rows, out)?;
        self.head.print_bottom(screen, out)
    }
}

const COLUMNS: [Column; 8] = [
    column("own", Fit::Number),
    column("share", Fit::Number),
    column("total", Fit::Number),
    column("share", Fit::Number),
    column("blocks", Fit::Number),
    column("function", Fit::Name),
    column("at", Fit::Path),
    column("thread", Fit::Trail),
];

fn cells(row: &Row, own: u32, whole: u64, screen: &Screen) -> Vec<String> {
    // Own shares are rounded so that they add up; a total never shows less than the own share in it.
    let total = shares(&[row.total.bytes], whole)[0].max(own);
    let mut cells = vec![
        Bytes(row.own.bytes).to_string(),
        share_text(own),
        Bytes(row.total.bytes).to_string(),
        share_text(total),
        grouped(row.own.blocks),
        row.place.name(),
        row.place.location(&screen.folder),
    ];
    cells.extend(row.thread.as_ref().map(ThreadName::label));
    cells
}

fn more_cells(more: &More, share: u32, apart: bool) -> Vec<String> {
    let empty = String::new;
    let mut cells = vec![
        Bytes(more.own.bytes).to_string(),
        share_text(share),
        empty(),
        empty(),
        grouped(more.own.blocks),
        format!("+{} more", grouped(more.rows as u64)),
        empty(),
    ];
    if apart {
        cells.push(empty());
    }
    cells
}
