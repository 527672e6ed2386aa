//! The figures of a process at a glance: totals, sizes, domains, allocating functions, top sites, modules, threads.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::View;
use super::calls::{CallTree, Kind};
use super::head::{Head, size_text};
use super::moment::{Options, Size, percent, share_text, shares};
use super::place::ThreadName;
use super::screen::{Column, Fit, Glyphs, Screen, column};
use super::table::{self, Group, Row, biggest};
use crate::profile::{Domain, Profile};
use crate::units::{Bytes, grouped};

/// Rows of each list where none are asked for.
const ROWS: usize = 5;
/// Columns of the longest bar.
const BAR: usize = 24;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Whose memory, when.
    #[serde(flatten)]
    pub head: Head,
    /// Live at the peak, live at the end, ever allocated.
    pub totals: Totals,
    /// The tracker's own memory, not part of any other figure.
    pub tracker_bytes: u64,
    /// How many allocations there were of each size class, from the smallest to the largest that occurs.
    pub sizes: Vec<SizeClass>,
    /// Live by domain, in reading order; those that do not count say so.
    pub domains: Vec<DomainRow>,
    /// Live by allocating function, of domains that count.
    pub allocators: List<AllocatorRow>,
    /// The sites with most live bytes.
    pub top_by_size: Vec<Row>,
    /// The sites with most allocations since the start, of those that still hold something.
    pub top_by_count: Vec<Row>,
    /// Live by the module of the innermost place.
    pub modules: List<ModuleRow>,
    /// Live by thread.
    pub threads: List<ThreadRow>,
}

/// Sums of the process, domains that count only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Live at the high-water mark.
    pub peak: Size,
    /// Live at the end.
    pub end: Size,
    /// Ever allocated.
    pub allocated: Size,
}

/// Allocations whose size is from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeClass {
    /// Smallest size in bytes.
    pub from: u64,
    /// Largest size in bytes.
    pub to: u64,
    /// How many there were.
    pub allocations: u64,
}

impl SizeClass {
    /// `16 B to < 32 B`; a class of one size is just that size.
    fn range(&self) -> String {
        let from = Bytes(self.from).to_string();
        if self.from == self.to {
            return format!("{from:>9} {:14}", "");
        }
        format!("{from:>9} to < {:<9}", Bytes(self.to.saturating_add(1)).to_string())
    }
}

/// A list that the limit may have cut.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct List<T> {
    /// The biggest.
    pub rows: Vec<T>,
    /// What was cut.
    pub more: table::More,
}

/// A domain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DomainRow {
    /// The domain's name.
    pub domain: &'static str,
    /// Whether it counts as the process's own memory.
    pub counts: bool,
    /// What it held.
    #[serde(flatten)]
    pub size: Size,
    /// Bytes in percent of all live bytes; 0 where it does not count.
    pub percent: f64,
}

/// An allocating function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AllocatorRow {
    /// The function's name.
    pub allocator: &'static str,
    /// Its domain.
    pub domain: &'static str,
    /// What it held.
    #[serde(flatten)]
    pub size: Size,
}

/// A module: a Python package path, or a library.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModuleRow {
    /// Its name.
    pub module: String,
    /// What it held.
    #[serde(flatten)]
    pub size: Size,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThreadRow {
    /// Its name and id.
    #[serde(flatten)]
    pub thread: ThreadName,
    /// What it allocated of what is live.
    #[serde(flatten)]
    pub size: Size,
}

/// Takes the view; modules below `folder` are named from there.
pub fn of(profile: &Profile, options: &Options, folder: &Path) -> Stats {
    let limit = options.limit.unwrap_or(ROWS);
    let tree = CallTree::of(profile, options.at, options.threads, Kind::Counted);
    let totals = &profile.totals;
    Stats {
        head: Head::of(&tree, options, "stats"),
        totals: Totals { peak: totals.peak.into(), end: totals.end.into(), allocated: totals.total.into() },
        tracker_bytes: profile.process.tracker_bytes,
        sizes: sizes(&profile.histogram),
        domains: domains(profile, options, tree.total().bytes),
        allocators: allocators(&tree, limit),
        top_by_size: biggest(&tree, options.threads, limit, table::by_size).0,
        top_by_count: biggest(&tree, options.threads, limit, by_count).0,
        modules: modules(&tree, folder, limit),
        threads: threads(&tree, limit),
    }
}

fn by_count(one: &Group<'_, '_>, other: &Group<'_, '_>) -> Ordering {
    let figures = |group: &Group<'_, '_>| (group.allocated.blocks, group.allocated.bytes);
    figures(other).cmp(&figures(one))
}

/// The classes from the first to the last that occurs; what is between stays, so that bars show the gaps.
fn sizes(histogram: &[u64]) -> Vec<SizeClass> {
    let occurs = |count: &u64| *count > 0;
    let Some(first) = histogram.iter().position(occurs) else { return Vec::new() };
    let last = histogram.iter().rposition(occurs).unwrap_or(first);
    let class =
        |class: usize| SizeClass { from: smallest(class), to: largest(class), allocations: histogram[class] };
    (first..=last).map(class).collect()
}

/// Class `n` holds `2^(n-1) <= size < 2^n`, class 0 the empty ones.
fn smallest(class: usize) -> u64 {
    class.checked_sub(1).map_or(0, |power| 1u64.checked_shl(power as u32).unwrap_or(u64::MAX))
}

fn largest(class: usize) -> u64 {
    1u64.checked_shl(class as u32).map_or(u64::MAX, |next| next - 1)
}

fn domains(profile: &Profile, options: &Options, whole: u64) -> Vec<DomainRow> {
    let mut sizes: HashMap<Domain, Size> = HashMap::new();
    for site in &profile.sites {
        *sizes.entry(site.allocator.domain).or_default() += options.at.of_site(site);
    }
    let row = |domain: Domain| {
        let size = sizes.get(&domain).copied().unwrap_or_default();
        let percent = if domain.counts() { percent(size.bytes, whole) } else { 0.0 };
        DomainRow { domain: domain.label(), counts: domain.counts(), size, percent }
    };
    Domain::ALL.into_iter().map(row).collect()
}

fn allocators(tree: &CallTree<'_>, limit: usize) -> List<AllocatorRow> {
    let sums = sums(tree.sites.iter().map(|site| (site.site.allocator, site.size)));
    let row = |allocator: crate::profile::Allocator| (allocator.name, allocator.domain.label());
    let sums = sums.into_iter().map(|(allocator, size)| (row(allocator), size)).collect();
    first(sums, limit, |(allocator, domain), size| AllocatorRow { allocator, domain, size })
}

fn modules(tree: &CallTree<'_>, folder: &Path, limit: usize) -> List<ModuleRow> {
    // By call first: naming a module costs more than adding.
    let by_call = tree.calls.iter().enumerate().filter(|(_, call)| !call.own.is_zero());
    let by_place = sums(by_call.map(|(number, call)| ((call.what, number as u32), call.own)));
    let mut names: HashMap<super::calls::What, String> = HashMap::new();
    let mut modules: HashMap<String, Size> = HashMap::new();
    for ((what, call), size) in by_place {
        let name = names.entry(what).or_insert_with(|| tree.place(call).module(folder));
        match modules.get_mut(name) {
            Some(sum) => *sum += size,
            None => drop(modules.insert(name.clone(), size)),
        }
    }
    first(modules.into_iter().collect(), limit, |module, size| ModuleRow { module, size })
}

fn threads(tree: &CallTree<'_>, limit: usize) -> List<ThreadRow> {
    let sums = sums(tree.sites.iter().map(|site| (site.site.thread, site.size)));
    let sums = sums.into_iter().map(|(thread, size)| ((tree.thread(thread.0), thread), size)).collect();
    first(sums, limit, |(thread, _), size| ThreadRow { thread, size })
}

fn sums<K: Eq + Hash>(parts: impl Iterator<Item = (K, Size)>) -> HashMap<K, Size> {
    let mut sums: HashMap<K, Size> = HashMap::new();
    for (key, size) in parts {
        *sums.entry(key).or_default() += size;
    }
    sums
}

/// The biggest, then by name.
fn first<K: Ord, T>(mut sums: Vec<(K, Size)>, limit: usize, row: impl Fn(K, Size) -> T) -> List<T> {
    sums.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let cut = sums.split_off(limit.min(sums.len()));
    let more = table::More { rows: cut.len(), size: cut.iter().map(|(_, size)| *size).sum() };
    List { rows: sums.into_iter().map(|(key, size)| row(key, size)).collect(), more }
}

impl View for Stats {
    fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        self.print_totals(screen, out)?;
        self.print_sizes(screen, out)?;
        self.print_domains(screen, out)?;
        let at = self.head.at.phrase();
        let allocators = self.allocators.named(|row| row.allocator.to_string(), |row| row.size);
        self.print_list(&format!("by allocating function, {at}"), "function", &allocators, screen, out)?;
        let modules = self.modules.named(|row| row.module.clone(), |row| row.size);
        self.print_list(&format!("top modules, {at}"), "module", &modules, screen, out)?;
        let threads = self.threads.named(|row| row.thread.label(), |row| row.size);
        self.print_list(&format!("by thread, {at}"), "thread", &threads, screen, out)?;
        self.print_top_sites(screen, out)?;
        self.head.print_bottom(screen, out)
    }
}

/// Rows as printed: name and figures; a row without a name tells what was cut.
type Named = Vec<(String, Size)>;

impl<T> List<T> {
    fn named(&self, name: impl Fn(&T) -> String, size: impl Fn(&T) -> Size) -> Named {
        let mut rows: Named = self.rows.iter().map(|row| (name(row), size(row))).collect();
        if self.more.rows > 0 {
            rows.push((format!("+{} more", grouped(self.more.rows as u64)), self.more.size));
        }
        rows
    }
}

impl Stats {
    fn print_totals(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let Totals { peak, end, allocated } = self.totals;
        writeln!(out, "{}", screen.strong("totals"))?;
        for (name, size) in [("peak", peak), ("end", end), ("allocated in all", allocated)] {
            writeln!(out, "  {name:<18}{}", size_text(size))?;
        }
        if self.tracker_bytes > 0 {
            writeln!(
                out,
                "  {:<18}{} (apart, not in any figure)",
                "tracker's own",
                Bytes(self.tracker_bytes)
            )?;
        }
        Ok(())
    }

    fn print_sizes(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if self.sizes.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", screen.strong("allocations by size, since the start"))?;
        let largest = self.sizes.iter().map(|class| class.allocations).max().unwrap_or(0);
        for same in self.sizes.chunk_by(|one, next| one.allocations == 0 && next.allocations == 0) {
            let [class] = same else {
                // Two empty classes and more.
                writeln!(out, "{:>9}", screen.ellipsis())?;
                continue;
            };
            let bar = bar(class.allocations, largest, screen.glyphs);
            let line = format!("  {} {:>15}  {bar}", class.range(), grouped(class.allocations));
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn print_domains(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{}", screen.strong(&format!("by domain, {}", self.head.at.phrase())))?;
        let counted: Vec<u64> =
            self.domains.iter().map(|row| if row.counts { row.size.bytes } else { 0 }).collect();
        let shares = shares(&counted, self.head.live.bytes);
        let rows: Vec<Vec<String>> = (self.domains.iter().zip(shares))
            .map(|(row, share)| {
                let share = if row.counts { share_text(share) } else { "not counted".into() };
                vec![
                    Bytes(row.size.bytes).to_string(),
                    share,
                    grouped(row.size.blocks),
                    row.domain.to_string(),
                ]
            })
            .collect();
        screen.table(&list_columns("domain"), &rows, out)
    }

    fn print_list(
        &self,
        title: &str,
        kind: &'static str,
        rows: &Named,
        screen: &Screen,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", screen.strong(title))?;
        let parts: Vec<u64> = rows.iter().map(|(_, size)| size.bytes).collect();
        let shares = shares(&parts, self.head.live.bytes);
        let rows: Vec<Vec<String>> = (rows.iter().zip(shares))
            .map(|((name, size), share)| {
                vec![Bytes(size.bytes).to_string(), share_text(share), grouped(size.blocks), name.clone()]
            })
            .collect();
        screen.table(&list_columns(kind), &rows, out)
    }

    fn print_top_sites(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if self.top_by_size.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", screen.strong(&format!("top sites by size, {}", self.head.at.phrase())))?;
        let rows: Vec<Vec<String>> =
            self.top_by_size.iter().map(|row| site_cells(row, row.size, screen)).collect();
        screen.table(&site_columns("bytes", "blocks"), &rows, out)?;
        writeln!(out, "\n{}", screen.strong("top sites by number of allocations, since the start"))?;
        let rows: Vec<Vec<String>> =
            self.top_by_count.iter().map(|row| site_cells(row, row.allocated, screen)).collect();
        screen.table(&site_columns("allocated", "times"), &rows, out)
    }
}

fn list_columns(kind: &'static str) -> [Column; 4] {
    [
        column("bytes", Fit::Number),
        column("share", Fit::Number),
        column("blocks", Fit::Number),
        column(kind, Fit::Name),
    ]
}

fn site_columns(bytes: &'static str, blocks: &'static str) -> [Column; 6] {
    [
        column(bytes, Fit::Number),
        column(blocks, Fit::Number),
        column("allocator", Fit::Word),
        column("function", Fit::Name),
        column("at", Fit::Path),
        column("called from", Fit::Trail).from(110),
    ]
}

fn site_cells(row: &Row, size: Size, screen: &Screen) -> Vec<String> {
    let place = row.innermost();
    vec![
        Bytes(size.bytes).to_string(),
        grouped(size.blocks),
        row.allocator.to_string(),
        place.name(),
        place.location(&screen.folder),
        row.callers(screen),
    ]
}

/// A bar as long as its part of the largest; what is not nothing is seen.
fn bar(count: u64, largest: u64, glyphs: Glyphs) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if count == 0 {
        return String::new();
    }
    let eighths = ((count as f64 / largest as f64) * (BAR * 8) as f64).round().max(1.0) as usize;
    match glyphs {
        Glyphs::Ascii => "#".repeat(eighths.div_ceil(8)),
        Glyphs::Unicode => "█".repeat(eighths / 8) + EIGHTHS[eighths % 8],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_meet_without_a_gap_up_to_the_largest_size() {
        assert_eq!((smallest(0), largest(0)), (0, 0));
        assert_eq!((smallest(1), largest(1)), (1, 1));
        for class in 1..=64 {
            assert_eq!(smallest(class), largest(class - 1) + 1);
        }
        assert_eq!(largest(64), u64::MAX);
    }

    #[test]
    fn one_allocation_among_millions_still_has_a_bar() {
        assert_eq!(bar(1, 10_000_000, Glyphs::Ascii), "#");
        assert_eq!(bar(1, 10_000_000, Glyphs::Unicode), "▏");
        assert_eq!(bar(7, 7, Glyphs::Unicode), "█".repeat(BAR));
        assert_eq!(bar(0, 7, Glyphs::Ascii), "");
    }
}
