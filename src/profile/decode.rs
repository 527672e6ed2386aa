//! From a decoded process file to the model.

use leakgate_capture::read::{self, File, Moment, SiteEntry, ThreadEntry};
use leakgate_capture::{
    ASKED_ITERATION, BILL_AT_EXIT, BILL_PARTIAL, BillPart, CheckpointEntry, ContainerRecord, FRAME_NATIVE,
    FRAME_PYTHON, Function, KIND_PEAK, LengthRecord, PartKind, STATE_ENDED, WAITED_FOR, WAITED_NOT,
};

use super::bill::{self, Bill, BillMoment, Part, Survey};
use super::model::{
    Allocator, Amount, Birth, Checkpoint, CheckpointKind, Container, Domain, Frame, FrameId, Inherited,
    Process, Profile, Site, StackId, StackNode, Thread, ThreadId, Totals,
};
use super::notes::notes;
use super::symbols::Symbols;

/// Makes the model of one process.
pub(super) fn profile(file: &File) -> Profile {
    let moments = Moments::of(file);
    let sites: Vec<Site> =
        file.sites.iter().enumerate().skip(1).filter_map(|(id, entry)| site(id, entry, &moments)).collect();
    let mut profile = Profile {
        process: process(file),
        frames: frames(file),
        stacks: file.nodes.iter().map(stack_node).collect(),
        totals: totals(&sites),
        inherited: inherited(file, &moments),
        sites,
        threads: file.threads.iter().enumerate().map(|(id, entry)| thread(file, id, entry)).collect(),
        histogram: histogram(file),
        notes: notes(file, moments.outlived),
        checkpoints: moments.checkpoints,
        containers: containers(file),
        bills: Vec::new(),
    };
    profile.bills = bills(file, &profile, moments.outlived);
    profile
}

/// The containers that grew, those without a length left out: nothing is known of them yet.
fn containers(file: &File) -> Vec<Container> {
    let mut containers: Vec<Container> =
        file.containers.iter().map(|record| container(record, &file.string(record.type_name))).collect();
    for length in &file.lengths {
        if let Some(container) = containers.get_mut(length.container as usize) {
            container.add_length(length);
        }
    }
    containers.retain(|container| !container.lengths.is_empty());
    containers
}

/// A container without its lengths. Checkpoints are counted from 1 in a capture.
pub(super) fn container(record: &ContainerRecord, type_name: &str) -> Container {
    Container {
        type_name: type_name.to_owned(),
        address: record.address,
        site: record.site.checked_sub(1),
        bound: u64::try_from(record.bound).ok(),
        said_bound: u64::try_from(-1 - i128::from(record.bound)).ok().filter(|bound| *bound > 0),
        gone_at: (record.gone as usize).checked_sub(1),
        lengths: Vec::new(),
    }
}

impl Container {
    pub(super) fn add_length(&mut self, record: &LengthRecord) {
        let at = record.checkpoint as usize - 1;
        self.lengths.pop_if(|(last, _)| *last == at);
        self.lengths.push((at, record.length));
    }
}

/// The bills that the process took of itself; of each moment the last. The one of the process's own exit is that of the
/// end only where the interpreter's end is not.
fn bills(file: &File, profile: &Profile, outlived: Option<Amount>) -> Vec<Bill> {
    let mut bills: Vec<Bill> = Vec::new();
    let has_end = || file.bills.iter().any(|taken| taken.head.kind == 4);
    let unwanted = (outlived.is_none() && has_end()).then_some(BILL_AT_EXIT);
    for taken in file.bills.iter().filter(|taken| Some(taken.head.kind) != unwanted) {
        let moment = match taken.head.kind {
            2 => BillMoment::Retained,
            3 => BillMoment::Left,
            4 | BILL_AT_EXIT => BillMoment::End,
            _ => continue,
        };
        bills.retain(|bill| bill.moment != moment);
        bills.push(bill::bill(profile, &survey(file, taken), moment, None));
    }
    bills
}

fn survey(file: &File, taken: &read::Bill) -> Survey {
    let part = |part: &BillPart| {
        let kind = PartKind::from_number(part.kind)?;
        Some(Part { kind, name: file.string(part.name).into_owned(), site: part.site, bytes: part.bytes })
    };
    let head = &taken.head;
    Survey {
        resident: head.resident,
        counted: head.counted,
        objects: head.objects,
        memory: head.memory,
        heap: head.heap,
        is_partial: head.flags & BILL_PARTIAL != 0,
        parts: taken.parts.iter().filter_map(part).collect(),
    }
}

fn process(file: &File) -> Process {
    let head = &file.head;
    let python = head.python.to_be_bytes();
    Process {
        pid: head.pid,
        sequence: head.sequence,
        parent: head.parent,
        birth: if head.origin.0 == 0 { Birth::Unknown } else { Birth::Forked(head.origin.into()) },
        replaced: false,
        command: head.command.clone(),
        title: None,
        interpreter: (head.python != 0).then(|| format!("CPython {}.{}.{}", python[0], python[1], python[2])),
        ended: head.state == STATE_ENDED,
        started_ms: head.started_ms,
        lost: head.lost,
        tracker_bytes: head.tracker_bytes,
    }
}

fn stack_node(node: &leakgate_capture::NodeRecord) -> StackNode {
    StackNode { caller: StackId(node.caller), frame: FrameId(node.frame) }
}

fn thread(file: &File, id: usize, entry: &ThreadEntry) -> Thread {
    let started = file.sites.get(entry.started as usize).filter(|_| entry.started != 0);
    Thread {
        name: thread_name(id, &entry.name, entry.used),
        tid: entry.tid,
        runs: entry.runs,
        started: started.map(|site| StackId(site.record.stack)).filter(|stack| stack.0 != 0),
        is_waited_for: match entry.waited {
            WAITED_FOR => Some(true),
            WAITED_NOT => Some(false),
            _ => None,
        },
    }
}

fn thread_name(id: usize, name: &str, used: u32) -> String {
    let name = match (id, name) {
        (0, _) => "threads not told apart",
        (_, "") => "unnamed thread",
        (_, name) => name,
    };
    if used > 1 && id != 0 { format!("{name} (+{} before it)", used - 1) } else { name.to_owned() }
}

fn frames(file: &File) -> Vec<Frame> {
    let mut symbols = Symbols::new(file);
    file.frames
        .iter()
        .map(|frame| match frame.kind {
            FRAME_PYTHON => Frame::Python {
                function: file.string(frame.name).into_owned(),
                file: file.string(frame.file).into_owned(),
                line: frame.line,
            },
            FRAME_NATIVE => symbols.frame(frame.address),
            _ => Frame::Note(file.string(frame.name).into_owned()),
        })
        .collect()
}

/// Adds up the threads' histograms, without the empty classes at the end.
fn histogram(file: &File) -> Vec<u64> {
    let mut sum = vec![0u64; 64];
    for thread in &file.threads {
        for (class, count) in thread.histogram.iter().enumerate().take(64) {
            sum[class] = sum[class].saturating_add(*count);
        }
    }
    let used = sum.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
    sum.truncate(used);
    sum
}

fn amount(bytes: i64, blocks: i64) -> Amount {
    Amount { bytes: bytes.max(0) as u64, blocks: blocks.max(0) as u64 }
}

fn allocator(number: u8) -> Option<Allocator> {
    Function::from_number(number).map(allocator_of)
}

pub(super) fn allocator_of(function: Function) -> Allocator {
    let domain = match function.domain() {
        leakgate_capture::Domain::Heap => Domain::Heap,
        leakgate_capture::Domain::PythonMemory => Domain::PythonMemory,
        leakgate_capture::Domain::PythonObject => Domain::PythonObject,
        leakgate_capture::Domain::Anonymous => Domain::Anonymous,
        leakgate_capture::Domain::File => Domain::File,
        leakgate_capture::Domain::Reserved => Domain::Reserved,
    };
    Allocator { name: function.name(), domain }
}

fn site(id: usize, entry: &SiteEntry, moments: &Moments) -> Option<Site> {
    let record = &entry.record;
    let now = amount(entry.live_bytes, entry.live_blocks);
    let peak = match &moments.peak {
        Some(frozen) => frozen.get(id).copied().unwrap_or_default(),
        None => amount(entry.peak_bytes, entry.peak_blocks),
    };
    Some(Site {
        stack: StackId(record.stack),
        allocator: allocator(record.function)?,
        thread: ThreadId(record.thread.into()),
        peak,
        end: moments.exit.as_ref().map_or(now, |frozen| frozen.get(id).copied().unwrap_or_default()),
        total: Amount { bytes: entry.total_bytes, blocks: entry.total_blocks },
        temporary: Amount { bytes: entry.temporary.bytes, blocks: entry.temporary.blocks },
    })
}

fn totals(sites: &[Site]) -> Totals {
    let counted = || sites.iter().filter(|site| site.allocator.domain.counts());
    Totals {
        peak: counted().map(|site| site.peak).sum(),
        end: counted().map(|site| site.end).sum(),
        total: counted().map(|site| site.total).sum(),
        temporary: counted().map(|site| site.temporary).sum(),
    }
}

/// The sums over the sites that hold what a forked process inherited.
fn inherited(file: &File, moments: &Moments) -> Inherited {
    let below = file.head.inherited_sites as usize;
    let sites = file.sites.iter().enumerate().take(below).skip(1);
    let sites: Vec<Site> = sites.filter_map(|(id, entry)| site(id, entry, moments)).collect();
    let Totals { peak, end, .. } = totals(&sites);
    let fork = Amount { bytes: file.head.inherited_bytes, blocks: file.head.inherited_blocks };
    Inherited { fork, peak, end, sites: below.saturating_sub(1) }
}

/// The frozen moments, worked out from what changed between them.
struct Moments {
    checkpoints: Vec<Checkpoint>,
    /// By site id, the composition of the highest peak, where it was in an earlier window than the last.
    peak: Option<Vec<Amount>>,
    /// By site id, what was live when the interpreter ended, where that is the end.
    exit: Option<Vec<Amount>>,
    /// What was live when the interpreter ended, where the process's own end is the end.
    outlived: Option<Amount>,
}

impl Moments {
    fn of(file: &File) -> Self {
        let mut now = vec![Amount::default(); file.sites.len()];
        let mut moments = Moments { checkpoints: Vec::new(), peak: None, exit: None, outlived: None };
        for moment in &file.moments {
            if moment.head.kind == KIND_PEAK {
                moments.peak = Some(composition(moment, file.sites.len()));
                continue;
            }
            for entry in &moment.entries {
                now[entry.site as usize] = amount(entry.bytes, entry.blocks);
            }
            let Some(checkpoint) = checkpoint(moment) else { continue };
            if checkpoint.kind == CheckpointKind::Exit {
                moments.exit = Some(now.clone());
            }
            moments.checkpoints.push(checkpoint);
        }
        let last_window = sum_counted(file, |entry| entry.peak_bytes);
        if last_window > file.head.best_peak {
            moments.peak = None;
        }
        moments.go_on(file);
        moments
    }

    /// A program with an interpreter inside may go on after that has ended. Where it then took more than the interpreter
    /// gave back, its own end is the end.
    fn go_on(&mut self, file: &File) {
        let is_exit = |checkpoint: &&Checkpoint| checkpoint.kind == CheckpointKind::Exit;
        let Some(exit) = self.checkpoints.iter().rfind(is_exit) else { return };
        let at_death = sum_counted(file, |entry| entry.live_bytes);
        if amount(at_death, 0).bytes > exit.live.bytes {
            self.outlived = Some(exit.live);
            self.exit = None;
        }
    }
}

/// Adds up something of all sites that count.
fn sum_counted(file: &File, what: impl Fn(&SiteEntry) -> i64) -> i64 {
    let counted = file.sites.iter().skip(1).filter(|entry| counts(entry));
    counted.fold(0, |sum, entry| sum.saturating_add(what(entry)))
}

fn counts(entry: &SiteEntry) -> bool {
    allocator(entry.record.function).is_some_and(|allocator| allocator.domain.counts())
}

fn composition(moment: &Moment, sites: usize) -> Vec<Amount> {
    let mut amounts = vec![Amount::default(); sites];
    for entry in &moment.entries {
        amounts[entry.site as usize] = amount(entry.bytes, entry.blocks);
    }
    amounts
}

pub(super) fn kind(number: u32) -> Option<CheckpointKind> {
    Some(match number {
        0 => CheckpointKind::Start,
        1 => CheckpointKind::Iteration,
        2 => CheckpointKind::Retained,
        3 => CheckpointKind::Left,
        4 => CheckpointKind::Exit,
        _ => return None,
    })
}

/// What a checkpoint froze; `None` for the composition of a peak. Site indices of the model are site ids less 1: id 0 is not a site.
pub(super) fn checkpoint(moment: &Moment) -> Option<Checkpoint> {
    let (kind, iteration) = match (kind(moment.head.kind)?, moment.head.iteration) {
        (CheckpointKind::Iteration, number) if number & ASKED_ITERATION != 0 => {
            (CheckpointKind::Asked, number & !ASKED_ITERATION)
        }
        other => other,
    };
    let counted = |count: u32| (count != u32::MAX).then_some(count);
    let few = |count: u16| (count != u16::MAX).then_some(u32::from(count));
    let change =
        |entry: &CheckpointEntry| ((entry.site as u32).wrapping_sub(1), amount(entry.bytes, entry.blocks));
    Some(Checkpoint {
        kind,
        iteration,
        live: amount(moment.head.live_bytes, moment.head.live_blocks),
        window_peak: moment.head.window_peak.max(0) as u64,
        fds: counted(moment.head.fds),
        threads: few(moment.head.threads),
        children: few(moment.head.children),
        collected: moment.head.collected,
        changes: moment.entries.iter().map(change).collect(),
    })
}
