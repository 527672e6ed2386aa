//! Whether memory grows with every iteration: leak, no leak, or undecided. Decides, and only decides.
//!
//! The judged iterations are split into eight windows; the `floors` of a series are its lowest values there. What goes
//! up from floor to floor and never comes back is a leak: live bytes, live blocks, those of one site, the length of one
//! container, descriptors, threads. `series` takes these from the frozen moments; `patience` says when enough was seen.

mod floors;
mod patience;
mod series;
mod slowing;
#[cfg(test)]
mod tests;

pub use floors::{Direction, Floors, Sureness, WINDOWS, window};
pub use patience::{Round, first, next, warmup};
pub use series::{ContainerSeries, Series, SiteSeries, Sites, lengths};
pub use slowing::containers_of;

use crate::profile::{Allocator, Checkpoint, Container, StackId};

/// Bytes in an iteration that come and go for reasons of the interpreter's own, as a fraction: half a byte.
const NOISE_BYTES: (i64, i64) = (1, 2);
/// Blocks that an entry of a filling cache may take.
const MOST_BLOCKS_AN_ENTRY: i64 = 32;
/// Entries and bytes of the pieces that a deque is made of; other containers have one table. CPython 3.8 to 3.15,
/// `Modules/_collectionsmodule.c`: 64 pointers and two links.
const PIECE_OF_DEQUE: (i64, i64) = (64, 66 * 8);

/// What is known of a process's growth.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// All checkpoints, in order.
    pub checkpoints: &'a [Checkpoint],
    /// Stack and allocator of each site.
    pub sites: &'a [(StackId, Allocator)],
    /// The containers that grew at some time.
    pub containers: &'a [Container],
    /// Iterations that are not judged.
    pub warmup: u32,
}

/// The verdict on growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing grows for good.
    NoLeak,
    /// More iterations would be needed to tell.
    Undecided,
    /// Something grows with every iteration.
    Leak,
}

/// The verdict with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The verdict.
    pub outcome: Outcome,
    /// The judged figures.
    pub series: Series,
    /// What leaks: empty unless the outcome is a leak.
    pub leaks: Vec<Leak>,
    /// Growing caches that know where they will stop, by index of the container.
    pub filling: Vec<usize>,
    /// What grows less and less, or is said to stop, and may be a cache that fills: no leak yet.
    pub slowing: Vec<Leak>,
}

/// A series that only goes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leak {
    /// Live bytes of the process.
    Bytes,
    /// Live blocks of the process.
    Blocks,
    /// What one site holds, by its index in the series.
    Site(usize),
    /// The length of a container, by its index in the series.
    Container(usize),
    /// Open file descriptors.
    Descriptors,
    /// Threads.
    Threads,
    /// Child processes.
    Children,
}

impl Leak {
    /// Whether it is of memory, and not of what is counted besides.
    pub fn is_memory(self) -> bool {
        !matches!(self, Leak::Descriptors | Leak::Threads | Leak::Children)
    }
}

impl Verdict {
    /// What more iterations are asked for by: a leak that may be slowing down is not accused as long as there can be more.
    pub fn so_far(&self) -> Outcome {
        match self.outcome {
            Outcome::Leak if slowing::may_slow(&self.series, &self.leaks) => Outcome::Undecided,
            outcome => outcome,
        }
    }
}

/// Judges the growth; `None` where fewer iterations were judged than there are windows.
pub fn judge(evidence: &Evidence) -> Option<Verdict> {
    let series = Series::of(evidence)?;
    let filling = filling(&series, evidence.containers);
    let mut slowing = slowing::slowing(&series, &filling);
    for said in slowing::said_to_stop(&series, evidence.containers) {
        if !slowing.contains(&said) {
            slowing.push(said);
        }
    }
    let leaks = leaks(&series, &filling, &slowing);
    let outcome = if !leaks.is_empty() {
        Outcome::Leak
    } else if !slowing.is_empty() || is_open(&series, &filling) {
        Outcome::Undecided
    } else {
        Outcome::NoLeak
    };
    Some(Verdict { outcome, series, leaks, filling, slowing })
}

/// Caches that have room left below a bound of their own, or have stopped at the one that an attribute says.
fn filling(series: &Series, containers: &[Container]) -> Vec<usize> {
    let bounded = series.containers.iter().enumerate().filter(|(_, of)| {
        let is_bounded = containers
            .get(of.container)
            .is_some_and(|container| container.bound.is_some() || container.said_bound == Some(of.length));
        is_bounded && of.floors.growth() > 0
    });
    bounded.map(|(index, _)| index).collect()
}

fn leaks(series: &Series, filling: &[usize], slowing: &[Leak]) -> Vec<Leak> {
    let mut leaks = Vec::new();
    let rises = |floors: &Floors| floors.direction(0) == Direction::Rising;
    let containers = series.containers.iter().enumerate();
    let growing = containers.filter(|(index, of)| !filling.contains(index) && rises(&of.floors));
    leaks.extend(growing.map(|(index, _)| Leak::Container(index)));
    let more = |floors: Option<&Floors>| {
        floors.is_some_and(|floors| floors.direction_of_count() == Direction::Rising)
    };
    leaks.extend(more(series.fds.as_ref()).then_some(Leak::Descriptors));
    leaks.extend(more(series.threads.as_ref()).then_some(Leak::Threads));
    leaks.extend(more(series.children.as_ref()).then_some(Leak::Children));
    let unexplained = unexplained_sites(series, filling, slowing);
    if filling.is_empty() {
        let (bytes, blocks) = slowing::rest(series, slowing);
        let is_more = bytes.direction(noise(series)) == Direction::Rising;
        leaks.extend(is_more.then_some(Leak::Bytes));
        leaks.extend(rises(&blocks).then_some(Leak::Blocks));
    }
    leaks.extend(unexplained.into_iter().map(Leak::Site));
    leaks.retain(|leak| !slowing.contains(leak));
    leaks
}

fn bytes(series: &Series) -> Direction {
    series.bytes.direction(noise(series))
}

/// Growth in bytes over all judged iterations that is none.
fn noise(series: &Series) -> i64 {
    series.iterations() as i64 * NOISE_BYTES.0 / NOISE_BYTES.1
}

/// Sites that rise, where the process as a whole may: where its figures are flat, what they gain is what others lose.
fn unexplained_sites(series: &Series, filling: &[usize], slowing: &[Leak]) -> Vec<usize> {
    let is_flat = series.bytes.growth() <= noise(series) && series.blocks.growth() <= 0;
    let is_still = series.bytes.lowest.is_sorted() && series.blocks.lowest.is_sorted();
    if is_flat && is_still {
        return Vec::new();
    }
    let mut rising: Vec<usize> =
        (0..series.sites.len()).filter(|site| series.sites[*site].is_rising()).collect();
    let is_exchange = bytes(series) != Direction::Rising && is_exchanged(series, &rising);
    if is_exchange {
        rising.retain(|site| series.sites[*site].blocks.growth() <= 0);
    }
    let gained: i64 = rising.iter().map(|site| series.sites[*site].bytes.growth().max(0)).sum();
    let gives = |site: &&SiteSeries| site.bytes.is_falling() && !(is_exchange && site.blocks.growth() < 0);
    let lost: i64 = series.sites.iter().filter(gives).map(|site| -site.bytes.growth()).sum();
    if lost >= gained / 4 * 3 && gained > 0 && lost > 0 {
        return Vec::new();
    }
    let is_of_cache = |site: &SiteSeries| {
        filling.iter().any(|index| is_explained(site, series.containers[*index].floors.growth()))
            || slowing::is_part(site, series, slowing)
    };
    rising.into_iter().filter(|site| !is_of_cache(&series.sites[*site])).collect()
}

/// Whether blocks took the place of others, of whatever size: the process has no more of them, and where one site has
/// more, others have fewer. Of both, what the first or the last window does is in one of the two figures only.
fn is_exchanged(series: &Series, rising: &[usize]) -> bool {
    let gained: i64 = rising.iter().map(|site| series.sites[*site].blocks.growth().max(0)).sum();
    let fewer = series.sites.iter().filter(|site| site.blocks.only_falls());
    let lost: i64 = fewer.map(|site| -site.blocks.growth()).sum();
    series.blocks.growth() <= 0 && lost > 0 && 2 * lost >= gained
}

/// Whether a site grew by whole numbers of blocks for each entry that a filling cache gained, or is where it has them.
fn is_explained(site: &SiteSeries, entries: i64) -> bool {
    let blocks = site.blocks.growth();
    let (entries_a_piece, bytes_a_piece) = PIECE_OF_DEQUE;
    let is_deque = site.bytes.growth() == blocks * bytes_a_piece
        && (blocks * entries_a_piece - entries).abs() <= 2 * entries_a_piece;
    if blocks == 0 || is_deque {
        return true;
    }
    let each = (blocks + entries / 2) / entries;
    (1..=MOST_BLOCKS_AN_ENTRY).contains(&each) && (blocks - each * entries).abs() <= 2 + entries / 50
}

fn is_open(series: &Series, filling: &[usize]) -> bool {
    let open = |floors: &Floors, noise: i64| floors.direction(noise) == Direction::Open;
    let is_container_open = series
        .containers
        .iter()
        .enumerate()
        .any(|(index, of)| !filling.contains(&index) && open(&of.floors, 0));
    let counts = [series.fds.as_ref(), series.threads.as_ref(), series.children.as_ref()];
    let is_count_open =
        counts.into_iter().flatten().any(|floors| floors.direction_of_count() == Direction::Open);
    let is_site_open = series.sites.iter().any(|site| site.is_open());
    let is_total_open = bytes(series) != Direction::Steady || series.blocks.direction(0) != Direction::Steady;
    // Totals are sums: where no part of them is open, they only fluctuate.
    is_container_open || is_count_open || (filling.is_empty() && is_total_open && is_site_open)
}
