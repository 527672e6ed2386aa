//! The figures of a process at a glance: totals, sizes, domains, allocating functions, top sites, modules, threads.

mod bill;
mod print;

use std::cmp::Ordering;
use std::hash::Hash;
use std::path::Path;

use ahash::AHashMap;
use serde::Serialize;

use bill::BillView;

use super::calls::{CallTree, Kind};
use super::head::Head;
use super::moment::{At, Options, Size, cut, percent};
use super::place::ThreadName;
use super::table::{self, Group, Row, biggest};
use crate::profile::{Domain, Profile};

/// Rows of each list where none are asked for.
const ROWS: usize = 5;

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
    /// What was resident at some moments, in lines that add up to it; the peak first.
    pub bills: Vec<BillView>,
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
    /// Blocks that were freed by the thread that allocated them, before its next allocation.
    pub temporary: Temporary,
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

/// Temporary blocks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Temporary {
    /// All of them since the start, of domains that count.
    #[serde(flatten)]
    pub size: Size,
    /// How many of all allocations that is, in percent.
    pub percent_of_allocations: f64,
    /// The sites with most of them; a row's `percent` is that of all temporary bytes.
    pub sites: Vec<Row>,
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
    let sorted = table::sorted(&tree);
    let groups = table::groups(&sorted, options.threads);
    Stats {
        head: Head::of(&tree, options, "stats"),
        totals: Totals { peak: totals.peak.into(), end: totals.end.into(), allocated: totals.total.into() },
        tracker_bytes: profile.process.tracker_bytes,
        bills: bill::of(profile),
        sizes: sizes(&profile.histogram),
        domains: domains(profile, options, tree.total().bytes),
        allocators: allocators(&tree, limit),
        top_by_size: biggest(&tree, groups.clone(), limit, table::by_size).0,
        top_by_count: biggest(&tree, groups, limit, by_count).0,
        temporary: temporary(profile, options, limit),
        modules: modules(&tree, folder, limit),
        threads: threads(&tree, limit),
    }
}

fn temporary(profile: &Profile, options: &Options, limit: usize) -> Temporary {
    let tree = CallTree::of(profile, At::Temporary, options.threads, Kind::Counted);
    let sorted = table::sorted(&tree);
    let size = tree.total();
    Temporary {
        size,
        percent_of_allocations: percent(size.blocks, profile.totals.total.blocks),
        sites: biggest(&tree, table::groups(&sorted, options.threads), limit, by_blocks).0,
    }
}

fn by_blocks(one: &Group<'_, '_>, other: &Group<'_, '_>) -> Ordering {
    let figures = |group: &Group<'_, '_>| (group.size.blocks, group.size.bytes);
    figures(other).cmp(&figures(one))
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
    let mut sizes: AHashMap<Domain, Size> = AHashMap::new();
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
    let mut names: AHashMap<super::calls::What, String> = AHashMap::new();
    let mut modules: AHashMap<String, Size> = AHashMap::new();
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

fn sums<K: Eq + Hash>(parts: impl Iterator<Item = (K, Size)>) -> AHashMap<K, Size> {
    let mut sums: AHashMap<K, Size> = AHashMap::new();
    for (key, size) in parts {
        *sums.entry(key).or_default() += size;
    }
    sums
}

/// The biggest, then by name.
fn first<K: Ord, T>(mut sums: Vec<(K, Size)>, limit: usize, row: impl Fn(K, Size) -> T) -> List<T> {
    let cut = cut(&mut sums, limit, |one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let more = table::More { rows: cut.len(), size: cut.iter().map(|(_, size)| *size).sum() };
    List { rows: sums.into_iter().map(|(key, size)| row(key, size)).collect(), more }
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
}
