//! Which functions hold the memory: own and total bytes a function, biggest own bytes first.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::View;
use super::calls::{CallTree, Kind, What};
use super::head::Head;
use super::moment::{Options, Size, Threads, percent, share_text, shares};
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
    functions.sort_by(|one, other| compare(&tree, one, other));
    let limit = options.limit.unwrap_or(ROWS);
    let cut = functions.split_off(limit.min(functions.len()));
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

/// Stands for the function of blocks without a stack.
const NO_STACK: u32 = u32::MAX;

fn functions(tree: &CallTree<'_>) -> Vec<Figures> {
    let mut sums = Sums { tree, functions: HashMap::new(), lines: HashMap::new() };
    sums.walk();
    let Sums { mut functions, lines, .. } = sums;
    for ((thread, place), weight) in lines {
        let function = if place == NO_STACK { NO_STACK } else { tree.places.function(place) };
        if let Some(figures) = functions.get_mut(&(thread, function)) {
            figures.lines += 1;
            let heavier = weight.cmp(&figures.weight);
            let first = || place != NO_STACK && tree.places.compare(place, figures.place).is_lt();
            if heavier.is_gt() || (heavier.is_eq() && first()) {
                (figures.place, figures.weight) = (place, weight);
            }
        }
    }
    functions.into_values().collect()
}

struct Sums<'t, 'p> {
    tree: &'t CallTree<'p>,
    /// By thread (0 where merged) and function.
    functions: HashMap<(u32, u32), Figures>,
    /// By thread and place: own and total.
    lines: HashMap<(u32, u32), (Size, Size)>,
}

enum Step {
    Enter(u32),
    Leave(u32),
}

impl Sums<'_, '_> {
    /// Depth first with a stack of its own: a function's total counts only where it is not already on the way down.
    fn walk(&mut self) {
        let mut active: HashMap<u32, u32> = HashMap::new();
        let mut steps = vec![Step::Enter(0)];
        let mut thread = 0;
        while let Some(step) = steps.pop() {
            match step {
                Step::Leave(function) => *active.entry(function).or_default() -= 1,
                Step::Enter(call) => {
                    if let What::Thread(entered) = self.tree.call(call).what {
                        thread = entered;
                    }
                    if let Some(function) = self.enter(thread, call, &active) {
                        *active.entry(function).or_default() += 1;
                        steps.push(Step::Leave(function));
                    }
                    steps.extend(self.tree.callees(call).iter().map(|callee| Step::Enter(*callee)));
                }
            }
        }
    }

    fn enter(&mut self, thread: u32, call: u32, active: &HashMap<u32, u32>) -> Option<u32> {
        let call = *self.tree.call(call);
        let What::Place(place) = call.what else {
            if !call.own.is_zero() {
                self.add(thread, (NO_STACK, NO_STACK), call.own, (call.own, call.own));
            }
            return None;
        };
        let function = self.tree.places.function(place);
        let outermost = active.get(&function).is_none_or(|count| *count == 0);
        let total = if outermost { call.total } else { Size::default() };
        self.add(thread, (function, place), total, (call.own, call.total));
        Some(function)
    }

    fn add(&mut self, thread: u32, (function, place): (u32, u32), total: Size, line: (Size, Size)) {
        let zero = Size::default();
        let fresh = Figures { thread, own: zero, total: zero, place, weight: (zero, zero), lines: 0 };
        let figures = self.functions.entry((thread, function)).or_insert(fresh);
        figures.own += line.0;
        figures.total += total;
        let sum = self.lines.entry((thread, place)).or_default();
        sum.0 += line.0;
        sum.1 += line.1;
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
