//! The sites: what each allocating stack holds, by which allocating function, in which thread.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde::Serialize;

use super::View;
use super::calls::{CallTree, Kind, LiveSite};
use super::head::Head;
use super::moment::{Options, Size, Threads, cut, percent, share_text, shares};
use super::place::{Place, ThreadName};
use super::screen::{Column, Fit, Screen, column};
use crate::profile::{Allocator, Profile, ThreadId};
use crate::units::{Bytes, grouped};

/// Rows where none are asked for.
const ROWS: usize = 25;
/// Most frames of a stack in JSON; `frames` tells how many there are.
const FRAMES: usize = 256;
/// Callers that the short stack names.
const CALLERS: usize = 6;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// Whose memory, when.
    #[serde(flatten)]
    pub head: Head,
    /// The biggest sites of the process's own memory.
    pub sites: Vec<Row>,
    /// What the limit cut.
    pub more: More,
    /// The biggest sites that do not count: file mappings, reserved space.
    pub not_counted_sites: Vec<Row>,
    /// What the limit cut of those.
    pub not_counted_more: More,
    /// Whether the thread is part of what a row is.
    #[serde(skip)]
    threads: Threads,
}

/// A site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What it holds.
    #[serde(flatten)]
    pub size: Size,
    /// Bytes in percent of all live bytes of its kind.
    pub percent: f64,
    /// The allocating function.
    pub allocator: &'static str,
    /// Its domain.
    pub domain: &'static str,
    /// The allocating threads.
    pub threads: Vec<ThreadName>,
    /// The stack, innermost first, at most 256 frames.
    pub stack: Vec<Place>,
    /// How many frames the stack has.
    pub frames: usize,
    /// What it ever allocated.
    pub allocated: Size,
}

/// Rows that are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct More {
    /// How many.
    pub rows: usize,
    /// What they hold.
    #[serde(flatten)]
    pub size: Size,
}

/// Takes the view.
pub fn of(profile: &Profile, options: &Options) -> Table {
    let limit = options.limit.unwrap_or(ROWS);
    let tree = CallTree::of(profile, options.at, options.threads, Kind::Counted);
    let (sites, more) = biggest(&tree, groups(&sorted(&tree), options.threads), limit, by_size);
    let apart = CallTree::of(profile, options.at, options.threads, Kind::NotCounted);
    let (not_counted_sites, not_counted_more) =
        biggest(&apart, groups(&sorted(&apart), options.threads), limit, by_size);
    let head = Head::of(&tree, options, "table");
    Table { head, sites, more, not_counted_sites, not_counted_more, threads: options.threads }
}

/// Live sites that are one row, and their sum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'g, 'p> {
    sites: &'g [LiveSite<'p>],
    pub(super) size: Size,
    pub(super) allocated: Size,
}

/// An order of groups by their figures; equal ones are ordered by name.
pub(super) type Order = fn(&Group<'_, '_>, &Group<'_, '_>) -> Ordering;

pub(super) fn by_size(one: &Group<'_, '_>, other: &Group<'_, '_>) -> Ordering {
    other.size.cmp(&one.size)
}

/// The sites of one row side by side.
pub(super) fn sorted<'p>(tree: &CallTree<'p>) -> Vec<LiveSite<'p>> {
    let mut sites = tree.sites.clone();
    sites.sort_by_key(|site| (group(site), site.site.thread));
    sites
}

fn group(site: &LiveSite<'_>) -> (u32, Allocator) {
    (site.call, site.site.allocator)
}

/// The rows that the sorted sites make.
pub(super) fn groups<'g, 'p>(sorted: &'g [LiveSite<'p>], threads: Threads) -> Vec<Group<'g, 'p>> {
    let is_same_row = |one: &LiveSite<'_>, other: &LiveSite<'_>| match threads {
        Threads::Merged => group(one) == group(other),
        Threads::Apart => group(one) == group(other) && one.site.thread == other.site.thread,
    };
    sorted.chunk_by(is_same_row).map(Group::of).collect()
}

/// The first rows in that order, and what is left of the others.
pub(super) fn biggest(
    tree: &CallTree<'_>,
    mut groups: Vec<Group<'_, '_>>,
    limit: usize,
    order: Order,
) -> (Vec<Row>, More) {
    let cut = cut(&mut groups, limit, |one, other| order(one, other).then_with(|| by_name(tree, one, other)));
    let rows = groups.iter().map(|group| row(tree, group)).collect();
    (rows, More { rows: cut.len(), size: cut.iter().map(|group| group.size).sum() })
}

fn by_name(tree: &CallTree<'_>, one: &Group<'_, '_>, other: &Group<'_, '_>) -> Ordering {
    let allocator = |group: &Group<'_, '_>| group.first().site.allocator;
    let thread = |group: &Group<'_, '_>| group.first().site.thread;
    tree.compare_stacks(one.first().call, other.first().call)
        .then_with(|| allocator(one).cmp(&allocator(other)))
        .then_with(|| thread(one).cmp(&thread(other)))
}

impl<'g, 'p> Group<'g, 'p> {
    fn of(sites: &'g [LiveSite<'p>]) -> Group<'g, 'p> {
        let size = sites.iter().map(|site| site.size).sum();
        let allocated = sites.iter().map(|site| Size::from(site.site.total)).sum();
        Group { sites, size, allocated }
    }

    /// A group is never empty.
    fn first(&self) -> &LiveSite<'p> {
        &self.sites[0]
    }
}

fn row(tree: &CallTree<'_>, group: &Group<'_, '_>) -> Row {
    let LiveSite { site, call, .. } = *group.first();
    let Allocator { name, domain } = site.allocator;
    let mut threads: Vec<ThreadId> = group.sites.iter().map(|site| site.site.thread).collect();
    threads.dedup();
    Row {
        size: group.size,
        percent: percent(group.size.bytes, tree.total().bytes),
        allocator: name,
        domain: domain.label(),
        threads: threads.iter().map(|thread| tree.thread(thread.0)).collect(),
        stack: tree.stack(call).take(FRAMES).map(|call| tree.place(call)).collect(),
        frames: tree.stack(call).count(),
        allocated: group.allocated,
    }
}

impl Row {
    /// The innermost place.
    pub fn innermost(&self) -> Place {
        self.stack.first().cloned().unwrap_or_else(Place::without_stack)
    }

    /// The callers of the innermost place, nearest first: `quote <- main <- <module>`.
    pub fn callers(&self, screen: &Screen) -> String {
        let names: Vec<String> = self.stack.iter().skip(1).take(CALLERS).map(Place::name).collect();
        let cut = self.frames > names.len() + 1;
        let end = if cut { screen.glyph(" <- ...", " ← …") } else { "" };
        names.join(screen.glyph(" <- ", " ← ")) + end
    }

    /// The thread's name, or how many there are.
    pub fn thread(&self) -> String {
        match self.threads.as_slice() {
            [only] => only.label(),
            several => format!("{} threads", several.len()),
        }
    }
}

impl View for Table {
    fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        let columns = columns(self.threads);
        print_rows(&columns, &self.sites, &self.more, screen, out)?;
        if !self.not_counted_sites.is_empty() {
            writeln!(out)?;
            writeln!(out, "{}", screen.strong("not counted as the process's own memory"))?;
            print_rows(&columns, &self.not_counted_sites, &self.not_counted_more, screen, out)?;
        }
        self.head.print_bottom(screen, out)
    }
}

fn columns(threads: Threads) -> [Column; 8] {
    let thread = column("thread", Fit::Name);
    [
        column("bytes", Fit::Number),
        column("share", Fit::Number),
        column("blocks", Fit::Number),
        column("allocator", Fit::Word),
        if threads == Threads::Apart { thread } else { thread.from(110) },
        column("function", Fit::Name),
        column("at", Fit::Path),
        column("called from", Fit::Trail).from(110),
    ]
}

fn print_rows(
    columns: &[Column],
    rows: &[Row],
    more: &More,
    screen: &Screen,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut parts: Vec<u64> = rows.iter().map(|row| row.size.bytes).collect();
    parts.push(more.size.bytes);
    let whole = parts.iter().fold(0, |sum: u64, part| sum.saturating_add(*part));
    let shares = shares(&parts, whole);
    let mut lines: Vec<Vec<String>> =
        rows.iter().zip(&shares).map(|(row, share)| cells(row, *share, screen)).collect();
    if more.rows > 0 {
        lines.push(vec![
            Bytes(more.size.bytes).to_string(),
            share_text(shares[shares.len() - 1]),
            grouped(more.size.blocks),
            format!("+{} more", grouped(more.rows as u64)),
        ]);
    }
    screen.table(columns, &lines, out)
}

fn cells(row: &Row, share: u32, screen: &Screen) -> Vec<String> {
    let place = row.innermost();
    vec![
        Bytes(row.size.bytes).to_string(),
        share_text(share),
        grouped(row.size.blocks),
        row.allocator.to_string(),
        row.thread(),
        place.name(),
        place.location(&screen.folder),
        row.callers(screen),
    ]
}
