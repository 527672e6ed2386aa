//! The judged figures of a process, taken from its frozen moments in one pass.

use std::collections::HashMap;

use super::floors::{Floors, WINDOWS, window};
use super::{Direction, Evidence};
use crate::profile::{Allocator, Amount, Checkpoint, CheckpointKind, Container, StackId};

/// Stack and allocator of each site, by its index.
pub type Sites = [(StackId, Allocator)];

/// The judged figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Indices of the checkpoints of judged iterations, in order.
    pub checkpoints: Vec<usize>,
    /// Live bytes of the process.
    pub bytes: Floors,
    /// Live blocks of the process.
    pub blocks: Floors,
    /// Open file descriptors, where they were counted.
    pub fds: Option<Floors>,
    /// Threads, likewise.
    pub threads: Option<Floors>,
    /// Child processes, likewise.
    pub children: Option<Floors>,
    /// The sites that changed; threads together.
    pub sites: Vec<SiteSeries>,
    /// The containers that were looked at in every window.
    pub containers: Vec<ContainerSeries>,
}

/// What was allocated by one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSeries {
    /// The stack.
    pub stack: StackId,
    /// The function that allocated.
    pub allocator: Allocator,
    /// Its live bytes.
    pub bytes: Floors,
    /// Its live blocks.
    pub blocks: Floors,
}

/// The length of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSeries {
    /// Its index in the evidence.
    pub container: usize,
    /// Its length.
    pub floors: Floors,
    /// Its length at the end.
    pub length: u64,
}

impl Series {
    /// The judged iterations; `None` where there are fewer than windows.
    pub(super) fn of(evidence: &Evidence) -> Option<Series> {
        let checkpoints = evidence.checkpoints;
        let is_judged = |(_, checkpoint): &(usize, &Checkpoint)| {
            checkpoint.kind == CheckpointKind::Iteration && checkpoint.iteration > evidence.warmup
        };
        let judged: Vec<usize> =
            checkpoints.iter().enumerate().filter(is_judged).map(|(index, _)| index).collect();
        let of = |figure: &dyn Fn(&Checkpoint) -> Option<i64>| -> Option<Floors> {
            let series: Option<Vec<i64>> = judged.iter().map(|index| figure(&checkpoints[*index])).collect();
            Floors::of(&series?)
        };
        let signed = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
        Some(Series {
            bytes: of(&|checkpoint| Some(signed(checkpoint.live.bytes)))?,
            blocks: of(&|checkpoint| Some(signed(checkpoint.live.blocks)))?,
            fds: of(&|checkpoint| checkpoint.fds.map(i64::from)),
            threads: of(&|checkpoint| checkpoint.threads.map(i64::from)),
            children: of(&|checkpoint| checkpoint.children.map(i64::from)),
            sites: sites(evidence, &judged),
            containers: containers(evidence, &judged),
            checkpoints: judged,
        })
    }

    /// How many iterations were judged.
    pub fn iterations(&self) -> usize {
        self.checkpoints.len()
    }
}

impl SiteSeries {
    /// Whether it goes up for good.
    pub fn is_rising(&self) -> bool {
        self.blocks.direction(0) == Direction::Rising || self.bytes.direction(0) == Direction::Rising
    }

    /// Whether more iterations are needed to tell.
    pub fn is_open(&self) -> bool {
        self.bytes.direction(0) == Direction::Open || self.blocks.direction(0) == Direction::Open
    }
}

/// Floors that are being found: an amount stays what it is until it changes.
#[derive(Clone)]
struct Finding {
    now: [i64; 2],
    /// After the judged iteration before.
    before: [i64; 2],
    falls: [bool; 2],
    floors: [[i64; WINDOWS]; 2],
}

/// The floors of all sites that changed while iterations were judged.
fn sites(evidence: &Evidence, judged: &[usize]) -> Vec<SiteSeries> {
    let groups = groups(evidence.sites);
    let mut of_group: HashMap<u32, Finding> = HashMap::new();
    let mut now: Vec<Amount> = vec![Amount::default(); evidence.sites.len()];
    let first = judged.first().copied().unwrap_or(usize::MAX);
    let changing = changing(evidence, &groups, first);
    let mut place = 0;
    for (index, checkpoint) in evidence.checkpoints.iter().enumerate() {
        for (site, amount) in &checkpoint.changes {
            let (Some(held), Some(group)) = (now.get_mut(*site as usize), groups.get(*site as usize)) else {
                continue;
            };
            if changing.contains_key(group) {
                let finding = of_group.entry(*group).or_insert_with(nothing);
                finding.now[0] += difference(amount.bytes, held.bytes);
                finding.now[1] += difference(amount.blocks, held.blocks);
            }
            *held = *amount;
        }
        if judged.get(place) != Some(&index) {
            continue;
        }
        let window = window(place, judged.len());
        if place == 0 {
            of_group.values_mut().for_each(|finding| finding.before = finding.now);
        }
        if place == 0 || window != self::window(place - 1, judged.len()) {
            begin(&mut of_group, window);
        } else {
            lower(&mut of_group, window, checkpoint, &groups);
        }
        place += 1;
    }
    let mut all: Vec<SiteSeries> = of_group
        .into_iter()
        .filter_map(|(group, finding)| {
            let (stack, allocator) = *changing.get(&group)?;
            Some(SiteSeries {
                stack,
                allocator,
                bytes: Floors { lowest: finding.floors[0], never_falls: !finding.falls[0] },
                blocks: Floors { lowest: finding.floors[1], never_falls: !finding.falls[1] },
            })
        })
        .collect();
    all.sort_by_key(|site| (std::cmp::Reverse(site.bytes.growth()), site.stack));
    all
}

fn nothing() -> Finding {
    Finding { now: [0; 2], before: [0; 2], falls: [false; 2], floors: [[0; WINDOWS]; 2] }
}

impl Finding {
    /// A judged iteration is over.
    fn settle(&mut self) {
        for ((now, before), falls) in self.now.iter().zip(&mut self.before).zip(&mut self.falls) {
            *falls |= now < before;
            *before = *now;
        }
    }
}

/// The first iteration of a window: what is live now is the lowest so far.
fn begin(findings: &mut HashMap<u32, Finding>, window: usize) {
    for finding in findings.values_mut() {
        finding.settle();
        for (floors, now) in finding.floors.iter_mut().zip(finding.now) {
            floors[window] = now;
        }
    }
}

/// A later iteration of a window. A site that is new in it was not there when the window began: its floor stays 0.
fn lower(findings: &mut HashMap<u32, Finding>, window: usize, checkpoint: &Checkpoint, groups: &[u32]) {
    for (site, _) in &checkpoint.changes {
        let Some(finding) = groups.get(*site as usize).and_then(|group| findings.get_mut(group)) else {
            continue;
        };
        finding.settle();
        for (floors, now) in finding.floors.iter_mut().zip(finding.now) {
            floors[window] = floors[window].min(now);
        }
    }
}

fn difference(after: u64, before: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX)
}

/// The groups of sites that change after the first judged iteration, with what they are; only memory that counts.
fn changing(evidence: &Evidence, groups: &[u32], first: usize) -> HashMap<u32, (StackId, Allocator)> {
    let later = evidence.checkpoints.iter().skip(first.saturating_add(1));
    let changed = later.flat_map(|checkpoint| &checkpoint.changes);
    changed
        .filter_map(|(site, _)| Some((*groups.get(*site as usize)?, *evidence.sites.get(*site as usize)?)))
        .filter(|(_, (_, allocator))| allocator.domain.counts())
        .collect()
}

/// Sites of one stack and allocator, whatever thread they are of, have one number.
fn groups(sites: &Sites) -> Vec<u32> {
    let mut numbers: HashMap<(StackId, Allocator), u32> = HashMap::new();
    sites
        .iter()
        .map(|site| {
            let next = numbers.len() as u32;
            *numbers.entry(*site).or_insert(next)
        })
        .collect()
}

/// The containers that live and whose length was known early enough.
fn containers(evidence: &Evidence, judged: &[usize]) -> Vec<ContainerSeries> {
    let (Some(early), Some(last)) = (judged.get(judged.len() / 4), judged.last()) else { return Vec::new() };
    let lives = |container: &Container| container.gone_at.is_none_or(|gone| gone > *last);
    let is_known = |container: &Container| container.lengths.first().is_some_and(|(at, _)| at <= early);
    let series = evidence.containers.iter().enumerate().filter_map(|(index, container)| {
        let lengths = (lives(container) && is_known(container)).then(|| lengths(container, judged))?;
        let length = lengths.last().copied().unwrap_or(0).max(0).unsigned_abs();
        Some(ContainerSeries { container: index, floors: Floors::of(&lengths)?, length })
    });
    series.collect()
}

/// The length at each of the checkpoints: what it is until it is seen to be another; before it was known, as it was
/// first seen.
pub fn lengths(container: &Container, checkpoints: &[usize]) -> Vec<i64> {
    let mut next = 1;
    let at = |checkpoint: &usize| {
        while container.lengths.get(next).is_some_and(|(at, _)| at <= checkpoint) {
            next += 1;
        }
        i64::try_from(container.lengths[next - 1].1).unwrap_or(i64::MAX)
    };
    checkpoints.iter().map(at).collect()
}
