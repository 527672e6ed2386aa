//! Who held the memory at the moment that a figure is about: sites merged to the line that a reader can change.
//!
//! Sites of all threads and allocators are merged by the part of their stack that ends in the user's own code: what a
//! library allocates in a thousand places below one line (`import pandas`) is held by that line.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::finding::{Holder, Place};
use crate::gate::measurement::Measurement;
use crate::gate::place::{Origin, ScenarioFacts};
use crate::profile::{Amount, CheckpointKind, Domain, Frame, Profile, StackId};
use crate::units::Bytes;

/// Holders that a finding lists.
const LISTED: usize = 5;
/// Frames of a holder's stack that a finding lists.
const FRAMES: usize = 8;
/// A deeper stack is read only so far: a damaged capture may lead in circles.
const DEEPEST: usize = 4_096;

/// The moment at which memory is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The process's high-water mark.
    Peak,
    /// What the high-water mark has above the start.
    PeakAdded,
    /// After the work and a collection; of a command at its end, without what was inherited at a fork.
    Retained,
    /// What is there after the result was dropped and was not at the end of warm-up.
    Left,
    /// What the last judged iteration has above the start.
    Growth,
    /// The end of the process.
    End,
}

/// What holders are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Bytes held.
    Bytes,
    /// Blocks held.
    Blocks,
}

/// Those who held memory at a moment.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The largest, in order.
    pub holders: Vec<Holder>,
    /// How many more there are.
    pub more: u64,
    /// Function names of the largest one's stack, from its place outwards: what the fingerprint is made of.
    pub functions: Vec<String>,
}

impl Held {
    /// Where a reader should look first.
    pub fn place(&self) -> Option<&Place> {
        self.holders.first()?.place.as_ref()
    }
}

/// Bytes and blocks of a site; a difference of two moments may be negative.
#[derive(Debug, Clone, Copy, Default)]
struct Net {
    bytes: i64,
    blocks: i64,
}

impl Net {
    fn add(&mut self, amount: Amount) {
        self.bytes = self.bytes.saturating_add_unsigned(amount.bytes);
        self.blocks = self.blocks.saturating_add_unsigned(amount.blocks);
    }

    fn subtract(&mut self, amount: Amount) {
        self.bytes = self.bytes.saturating_sub_unsigned(amount.bytes);
        self.blocks = self.blocks.saturating_sub_unsigned(amount.blocks);
    }

    fn merge(&mut self, other: Net) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.blocks = self.blocks.saturating_add(other.blocks);
    }

    fn by(self, by: By) -> i64 {
        match by {
            By::Bytes => self.bytes,
            By::Blocks => self.blocks,
        }
    }
}

/// Who held memory at the moment, largest first; nobody where the moment was not recorded.
pub fn held(scenario: &ScenarioFacts, measurement: &Measurement, moment: Moment, by: By) -> Held {
    largest(scenario, &measurement.profile, &net_by_site(measurement, moment), by)
}

fn largest(scenario: &ScenarioFacts, profile: &Profile, net: &[Net], by: By) -> Held {
    let mut groups = grouped_by_line(scenario, profile, net);
    groups.retain(|group| group.net.by(by) > 0);
    groups.sort_by_key(|group| (Reverse(group.net.by(by)), Reverse(group.net.bytes), group.root));
    let functions = groups.first().map(|group| functions(scenario, profile, group.root)).unwrap_or_default();
    let more = groups.len().saturating_sub(LISTED) as u64;
    let holders = groups.iter().take(LISTED).map(|group| holder(scenario, profile, group)).collect();
    Held { holders, more, functions }
}

/// As [`held`], of these stacks only.
pub(super) fn held_by(
    scenario: &ScenarioFacts,
    measurement: &Measurement,
    moment: Moment,
    (by, stacks): (By, &HashSet<StackId>),
) -> Held {
    largest(scenario, &measurement.profile, &net_of(measurement, moment, stacks), by)
}

/// What these stacks held at the moment, by site index; nothing of all others.
fn net_of(measurement: &Measurement, moment: Moment, stacks: &HashSet<StackId>) -> Vec<Net> {
    let mut net = net_by_site(measurement, moment);
    for (site, net) in measurement.profile.sites.iter().zip(&mut net) {
        if !stacks.contains(&site.stack) {
            *net = Net::default();
        }
    }
    net
}

/// What a line of the user's gained, by one way of getting there.
pub(super) struct Gained {
    /// Function names, from the line outwards.
    pub functions: Vec<String>,
    /// Bytes; may be negative.
    pub bytes: i64,
    /// Blocks; may be negative.
    pub blocks: i64,
    /// The stacks below the line.
    pub stacks: Vec<StackId>,
    /// What it holds.
    pub holder: Holder,
}

/// All that these stacks gained over the judged iterations, the largest first.
pub(super) fn gained(
    scenario: &ScenarioFacts,
    measurement: &Measurement,
    stacks: &HashSet<StackId>,
) -> Vec<Gained> {
    let profile = &measurement.profile;
    let net = net_of(measurement, Moment::Growth, stacks);
    let mut groups = grouped_by_line(scenario, profile, &net);
    groups.sort_by_key(|group| (Reverse(group.net.bytes), Reverse(group.net.blocks), group.root));
    let gained = |group: &Group| Gained {
        functions: functions(scenario, profile, group.root),
        bytes: group.net.bytes,
        blocks: group.net.blocks,
        stacks: group.stacks.keys().copied().collect(),
        holder: holder(scenario, profile, group),
    };
    groups.iter().map(gained).collect()
}

/// Who keeps until the checkpoint `last` what came between the checkpoints `before` and `after`.
pub(super) fn kept(
    scenario: &ScenarioFacts,
    measurement: &Measurement,
    before: usize,
    after: usize,
    last: usize,
) -> Held {
    let profile = &measurement.profile;
    let difference = |after: usize| {
        let mut net = vec![Net::default(); profile.sites.len()];
        add_checkpoint(&mut net, profile, after);
        subtract_checkpoint(&mut net, profile, before);
        net
    };
    let (mut came, stays) = (difference(after), difference(last));
    for (came, stays) in came.iter_mut().zip(stays) {
        came.bytes = came.bytes.min(stays.bytes);
        came.blocks = came.blocks.min(stays.blocks);
    }
    largest(scenario, profile, &came, By::Bytes)
}

/// The line of a stack to lead a reader to, if it is the user's own.
pub(super) fn users_place(scenario: &ScenarioFacts, profile: &Profile, stack: StackId) -> Option<Place> {
    let frame = best_frame(scenario, profile, stack)?;
    scenario.place(frame).filter(|_| scenario.origin(frame) <= Origin::Snippet)
}

/// The line of a stack to lead a reader to.
pub(super) fn best_place(scenario: &ScenarioFacts, profile: &Profile, stack: StackId) -> Option<Place> {
    scenario.place(best_frame(scenario, profile, stack)?)
}

/// What each site held at the moment, by site index.
fn net_by_site(measurement: &Measurement, moment: Moment) -> Vec<Net> {
    let profile = &measurement.profile;
    let mut net = vec![Net::default(); profile.sites.len()];
    match moment {
        Moment::Peak => add_sites(&mut net, profile, |index| profile.sites[index].peak),
        Moment::End => add_sites(&mut net, profile, |index| profile.sites[index].end),
        Moment::Retained => match last_of(profile, CheckpointKind::Retained) {
            Some(checkpoint) => add_checkpoint(&mut net, profile, checkpoint),
            None => {
                let inherited = profile.inherited.sites;
                let kept = |index: usize| {
                    if index < inherited { Amount::default() } else { profile.sites[index].end }
                };
                add_sites(&mut net, profile, kept);
            }
        },
        Moment::PeakAdded if peak_was_judged(measurement) => {
            add_sites(&mut net, profile, |index| profile.sites[index].peak);
            start_of_iterations(measurement).inspect(|start| subtract_checkpoint(&mut net, profile, *start));
        }
        Moment::PeakAdded => {}
        Moment::Left => {
            add_difference(&mut net, measurement, last_of(profile, CheckpointKind::Left));
        }
        Moment::Growth => {
            let last = measurement.iterations.last().map(|last| last.checkpoint);
            add_difference(&mut net, measurement, last);
        }
    }
    net
}

fn add_sites(net: &mut [Net], profile: &Profile, amount: impl Fn(usize) -> Amount) {
    for (index, net) in net.iter_mut().enumerate() {
        if profile.sites[index].allocator.domain.counts() {
            net.add(amount(index));
        }
    }
}

fn add_checkpoint(net: &mut [Net], profile: &Profile, checkpoint: usize) {
    net.iter_mut().zip(profile.live_at(checkpoint)).for_each(|(net, amount)| net.add(amount));
}

fn subtract_checkpoint(net: &mut [Net], profile: &Profile, checkpoint: usize) {
    net.iter_mut().zip(profile.live_at(checkpoint)).for_each(|(net, amount)| net.subtract(amount));
}

/// Adds what the checkpoint `after` has above the start; without both there is nothing to compare.
fn add_difference(net: &mut [Net], measurement: &Measurement, after: Option<usize>) {
    if let (Some(before), Some(after)) = (start_of_iterations(measurement), after) {
        add_checkpoint(net, &measurement.profile, after);
        subtract_checkpoint(net, &measurement.profile, before);
    }
}

fn last_of(profile: &Profile, kind: CheckpointKind) -> Option<usize> {
    profile.checkpoints.iter().rposition(|checkpoint| checkpoint.kind == kind)
}

fn start_of_iterations(measurement: &Measurement) -> Option<usize> {
    Some(measurement.start?.checkpoint)
}

/// Whether the process's peak fell into a judged iteration: only then do its sites explain what an iteration adds.
fn peak_was_judged(measurement: &Measurement) -> bool {
    let profile = &measurement.profile;
    measurement.start.is_some()
        && measurement
            .iterations
            .iter()
            .filter_map(|figures| profile.checkpoints.get(figures.checkpoint))
            .any(|checkpoint| checkpoint.window_peak >= profile.totals.peak.bytes)
}

/// All that was allocated below one line of the user's, by one way of getting there.
struct Group {
    /// The node of that line; of a stack without the user's code, its innermost node.
    root: StackId,
    net: Net,
    stacks: BTreeMap<StackId, Net>,
    domains: BTreeMap<Domain, i64>,
}

fn grouped_by_line(scenario: &ScenarioFacts, profile: &Profile, net: &[Net]) -> Vec<Group> {
    let origins: Vec<Origin> = profile.frames.iter().map(|frame| scenario.origin(frame)).collect();
    let mut groups: HashMap<StackId, Group> = HashMap::new();
    for (site, net) in profile.sites.iter().zip(net) {
        let domain = site.allocator.domain;
        if !domain.counts() || (net.bytes == 0 && net.blocks == 0) {
            continue;
        }
        let root = users_node(profile, &origins, site.stack);
        let group = groups.entry(root).or_insert_with(|| Group {
            root,
            net: Net::default(),
            stacks: BTreeMap::new(),
            domains: BTreeMap::new(),
        });
        group.net.merge(*net);
        group.stacks.entry(site.stack).or_default().merge(*net);
        let of_domain = group.domains.entry(domain).or_default();
        *of_domain = of_domain.saturating_add(net.bytes);
    }
    groups.into_values().collect()
}

/// The nodes of a stack, innermost first.
fn nodes(profile: &Profile, stack: StackId) -> impl Iterator<Item = StackId> {
    let caller = |at: &StackId| profile.stacks.get(at.0 as usize).map(|node| node.caller);
    std::iter::successors(Some(stack), caller).take_while(|at| at.0 != 0).take(DEEPEST)
}

fn frame_at(profile: &Profile, node: StackId) -> Option<&Frame> {
    profile.frames.get(profile.stacks.get(node.0 as usize)?.frame.0 as usize)
}

/// The innermost node in the user's own code, or the stack itself where there is none.
fn users_node(profile: &Profile, origins: &[Origin], stack: StackId) -> StackId {
    let origin = |node: &StackId| {
        let frame = profile.stacks.get(node.0 as usize)?.frame;
        origins.get(frame.0 as usize).copied()
    };
    let node_of = |wanted: Origin| nodes(profile, stack).find(|node| origin(node) == Some(wanted));
    node_of(Origin::User).or_else(|| node_of(Origin::Snippet)).unwrap_or(stack)
}

fn holder(scenario: &ScenarioFacts, profile: &Profile, group: &Group) -> Holder {
    let path = main_path(profile, group);
    let (stack, more_frames) = listed_frames(scenario, profile, path);
    Holder {
        bytes: Bytes(group.net.bytes.max(0).unsigned_abs()),
        blocks: group.net.blocks.max(0).unsigned_abs(),
        stack,
        more_frames,
        frames: frames(scenario, profile, path).into_iter().cloned().collect(),
        place: best_frame(scenario, profile, group.root).and_then(|frame| scenario.place(frame)),
        domain: domains(group),
    }
}

/// The innermost node through which more than half of the group's bytes came: one stack's own end where the group is
/// one stack, and the user's line where many small ones meet.
fn main_path(profile: &Profile, group: &Group) -> StackId {
    let mut through: HashMap<StackId, i64> = HashMap::new();
    for (stack, net) in group.stacks.iter().filter(|(_, net)| net.bytes > 0) {
        for node in nodes(profile, *stack).take_while(|node| *node != group.root) {
            *through.entry(node).or_default() += net.bytes;
        }
    }
    let total: i64 = group.stacks.values().map(|net| net.bytes.max(0)).sum();
    let heavy = through.into_iter().filter(|(_, bytes)| i128::from(*bytes) * 2 > i128::from(total));
    // Such nodes lie on one path, since two branches cannot both have more than half: the longest is innermost.
    let deepest = heavy.max_by_key(|(node, _)| nodes(profile, *node).count());
    deepest.map_or(group.root, |(node, _)| node)
}

/// The frame to lead a reader to: the user's before a library's, the innermost of its kind.
fn best_frame<'a>(scenario: &ScenarioFacts, profile: &'a Profile, stack: StackId) -> Option<&'a Frame> {
    let frames = nodes(profile, stack).filter_map(|node| frame_at(profile, node));
    let shown = frames.filter(|frame| scenario.origin(frame) < Origin::Note);
    shown.min_by_key(|frame| scenario.origin(frame))
}

/// At most `FRAMES` frames in words, innermost first, and how many are left out: the user's own go in first.
fn listed_frames(scenario: &ScenarioFacts, profile: &Profile, stack: StackId) -> (Vec<String>, u64) {
    let frames = frames(scenario, profile, stack);
    let mut order: Vec<usize> = (0..frames.len()).collect();
    order.sort_by_key(|index| scenario.origin(frames[*index]) > Origin::Snippet);
    order.truncate(FRAMES);
    order.sort_unstable();
    let listed: Vec<String> = order.iter().map(|index| scenario.words(frames[*index])).collect();
    let more = (frames.len() - listed.len()) as u64;
    (listed, more)
}

/// The frames of a stack, innermost first, without leakgate's own.
pub(super) fn frames<'a>(scenario: &ScenarioFacts, profile: &'a Profile, stack: StackId) -> Vec<&'a Frame> {
    let all = nodes(profile, stack).filter_map(|node| frame_at(profile, node));
    all.filter(|frame| scenario.origin(frame) != Origin::Driver).collect()
}

/// Kinds of memory, the largest first: `Python objects + native heap`.
fn domains(group: &Group) -> String {
    let mut domains: Vec<(Domain, i64)> =
        group.domains.iter().map(|(domain, bytes)| (*domain, *bytes)).collect();
    domains.sort_by_key(|(_, bytes)| Reverse(*bytes));
    let present: Vec<&str> =
        domains.iter().filter(|(_, bytes)| *bytes > 0).map(|(domain, _)| domain.label()).collect();
    present.join(" + ")
}

/// Names for the fingerprint: Python functions; only of a stack that has none, symbols.
pub(super) fn functions(scenario: &ScenarioFacts, profile: &Profile, stack: StackId) -> Vec<String> {
    let mut python = Vec::new();
    let mut native = Vec::new();
    for frame in nodes(profile, stack).filter_map(|node| frame_at(profile, node)) {
        match frame {
            _ if scenario.origin(frame) == Origin::Driver => {}
            Frame::Python { function, .. } => python.push(function.clone()),
            // An offset moves with every build: the symbol alone, or the library's name.
            Frame::Native { module, symbol, .. } if symbol.is_empty() => {
                native.push(module.rsplit('/').next().unwrap_or_default().to_owned());
            }
            Frame::Native { symbol, .. } => native.push(symbol.clone()),
            Frame::Note(words) => native.push(words.clone()),
        }
    }
    if python.is_empty() { native } else { python }
}
