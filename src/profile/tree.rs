//! How the processes of a capture hang together: who started whom, which program took another one's place, and what all
//! of them have together.

use std::collections::BTreeMap;

use leakgate_capture::journal::{Event, FileName};

use super::model::{Birth, Capture, Profile, ProgramId};
use super::shared::{self, Part};
use super::untracked::{Obstacle, Untracked};

impl From<FileName> for ProgramId {
    fn from((pid, sequence): FileName) -> ProgramId {
        ProgramId { pid, sequence }
    }
}

/// What the journal tells: whom each process comes from that was executed, and what never began to record.
#[derive(Debug, Default)]
pub struct Journal {
    origins: BTreeMap<ProgramId, ProgramId>,
    /// Programs that ran without the tracker.
    pub untracked: Vec<Untracked>,
    /// Processes whose program loaded the tracker and could not record.
    pub unable: BTreeMap<u32, Obstacle>,
}

impl Journal {
    /// Reads the events in their order.
    pub fn of(events: Vec<Event>) -> Journal {
        let mut journal = Journal::default();
        let mut pending: BTreeMap<u32, Untracked> = BTreeMap::new();
        let mut unclaimed: BTreeMap<u32, ProgramId> = BTreeMap::new();
        for event in events {
            match event {
                Event::Began(file) => match pending.remove(&file.0) {
                    Some(announced) => drop(journal.origins.insert(file.into(), announced.owner)),
                    None => drop(unclaimed.insert(file.0, file.into())),
                },
                Event::Executes { pid, owner, path } => {
                    let announced = announced(pid, owner, path);
                    // The one before never began; this process is another one of the same number.
                    journal.never_began(pending.insert(pid, announced));
                    journal.unable.remove(&pid);
                }
                Event::Failed(pid) => drop(pending.remove(&pid)),
                Event::Unable(pid, why) => drop(journal.unable.insert(pid, Obstacle::of(why))),
                Event::Spawned { pid, owner, path } => match unclaimed.remove(&pid) {
                    // It was faster than the one who started it.
                    Some(file) => drop(journal.origins.insert(file, owner.into())),
                    None => journal.never_began(pending.insert(pid, announced(pid, owner, path))),
                },
                Event::Escaped { owner, path } => {
                    journal.untracked.push(Untracked { pid: None, ..announced(0, owner, path) });
                }
            }
        }
        pending.into_values().for_each(|program| journal.never_began(Some(program)));
        journal
    }

    fn never_began(&mut self, program: Option<Untracked>) {
        self.untracked.extend(program.map(|program| {
            let obstacle = program.pid.and_then(|pid| self.unable.get(&pid)).copied().unwrap_or_default();
            Untracked { obstacle, ..program }
        }));
    }
}

fn announced(pid: u32, owner: FileName, program: String) -> Untracked {
    Untracked { pid: Some(pid), owner: owner.into(), program, obstacle: Obstacle::NotLoaded }
}

impl Obstacle {
    /// Its number; `None` where the process loaded no tracker that could give one.
    pub fn number(self) -> Option<u32> {
        match self {
            Obstacle::NotLoaded => None,
            Obstacle::FileSize => Some(leakgate_capture::UNABLE_FILE_SIZE),
            Obstacle::NoFile => Some(leakgate_capture::UNABLE_FILE),
        }
    }

    /// The reason that a process gave by its number.
    pub fn of(why: u32) -> Obstacle {
        if why == leakgate_capture::UNABLE_FILE_SIZE { Obstacle::FileSize } else { Obstacle::NoFile }
    }
}

/// Fills in where each process comes from. `root` is the one that the command line started.
pub(super) fn link(processes: &mut [Profile], journal: &Journal, root: Option<u32>) {
    let started: Vec<(ProgramId, u64)> =
        processes.iter().map(|profile| (profile.process.id(), profile.process.started_ms)).collect();
    let by_parent = |parent: u32, before: u64| {
        let candidates = started.iter().filter(|(id, at)| id.pid == parent && *at <= before);
        candidates.max_by_key(|(id, at)| (*at, id.sequence)).map(|(id, _)| *id)
    };
    for process in processes.iter_mut().map(|profile| &mut profile.process) {
        let id = process.id();
        if matches!(process.birth, Birth::Forked(_)) {
            continue;
        }
        process.birth = match journal.origins.get(&id) {
            Some(owner) if owner.pid == id.pid => Birth::Executed(*owner),
            Some(owner) => Birth::Started(*owner),
            None if Some(id.pid) == root => Birth::Unknown,
            // A program without the tracker started it, or one that could not tell.
            None => by_parent(process.parent, process.started_ms)
                .filter(|parent| *parent != id)
                .map_or(Birth::Unknown, Birth::Started),
        };
    }
    mark_replaced(processes, journal);
    set_parents(processes);
}

fn mark_replaced(processes: &mut [Profile], journal: &Journal) {
    let by_recorded = processes.iter().filter_map(|profile| match profile.process.birth {
        Birth::Executed(before) => Some(before),
        _ => None,
    });
    let by_others = journal.untracked.iter().filter(|program| program.pid == Some(program.owner.pid));
    let replaced: Vec<ProgramId> = by_recorded.chain(by_others.map(|program| program.owner)).collect();
    for process in processes.iter_mut().map(|profile| &mut profile.process) {
        process.replaced = replaced.contains(&process.id());
    }
}

/// A parent that ended before its child began to record is known all the same.
fn set_parents(processes: &mut [Profile]) {
    let known: BTreeMap<ProgramId, (Birth, u32)> = processes
        .iter()
        .map(|profile| (profile.process.id(), (profile.process.birth, profile.process.parent)))
        .collect();
    for process in processes.iter_mut().map(|profile| &mut profile.process) {
        let mut birth = process.birth;
        for _ in 0..1000 {
            match birth {
                Birth::Forked(parent) | Birth::Started(parent) => process.parent = parent.pid,
                Birth::Executed(before) => {
                    let Some((earlier, parent)) = known.get(&before) else { break };
                    process.parent = *parent;
                    birth = *earlier;
                    continue;
                }
                Birth::Unknown => {}
            }
            break;
        }
    }
}

/// What all processes have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Together {
    /// Their number, a process that executed other programs counted once.
    pub processes: usize,
    /// Programs that were recorded: at least one a process.
    pub programs: usize,
    /// Most live bytes: what was seen, and never less than the highest peak of one.
    pub peak: u64,
    /// Whether `peak` is exact, as it is of one program alone; else it is sampled, and a lower bound.
    pub peak_is_exact: bool,
    /// The sum of all exact peaks: the tree's own is not above it.
    pub peak_at_most: u64,
    /// Live at the ends, what forked processes share counted once; programs that were replaced by another not counted.
    pub end: u64,
}

impl Capture {
    /// What all its processes have together.
    pub fn together(&self) -> Together {
        let peaks = || self.processes.iter().map(|profile| profile.totals.peak.bytes);
        let highest = peaks().max().unwrap_or(0);
        let mut pids: Vec<u32> = self.processes.iter().map(|profile| profile.process.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        let staying = self.processes.iter().filter(|profile| !profile.process.replaced);
        let ends: Vec<Part> = staying.map(part).collect();
        let origins: BTreeMap<ProgramId, ProgramId> = self
            .processes
            .iter()
            .filter_map(|profile| Some((profile.process.id(), profile.process.origin()?)))
            .collect();
        let peak_at_most = peaks().fold(0, u64::saturating_add);
        Together {
            processes: pids.len(),
            programs: self.processes.len(),
            peak: self.sampled_peak.unwrap_or(0).max(highest).min(peak_at_most),
            peak_is_exact: self.processes.len() == 1,
            peak_at_most,
            end: shared::sum(&ends, |id| origins.get(&id).copied()),
        }
    }

    /// All programs as a tree: the index of each and how deep it stands, parents before their children.
    pub fn tree(&self) -> Vec<(usize, usize)> {
        let index: BTreeMap<ProgramId, usize> =
            self.processes.iter().enumerate().map(|(index, profile)| (profile.process.id(), index)).collect();
        let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut steps: Vec<(usize, usize)> = Vec::new();
        for (number, profile) in self.processes.iter().enumerate() {
            match profile.process.birth.from().and_then(|from| index.get(&from)) {
                Some(parent) => children.entry(*parent).or_default().push(number),
                None => steps.push((number, 0)),
            }
        }
        steps.reverse();
        let mut order = Vec::with_capacity(self.processes.len());
        while let Some((number, depth)) = steps.pop() {
            order.push((number, depth));
            let below = children.remove(&number).unwrap_or_default();
            steps.extend(below.into_iter().rev().map(|child| (child, depth + 1)));
        }
        // What a damaged capture leads in circles is not left out.
        order.extend(children.into_values().flatten().map(|number| (number, 0)));
        order
    }
}

fn part(profile: &Profile) -> Part {
    Part { id: profile.process.id(), live: profile.totals.end.bytes, inherited: profile.inherited.end.bytes }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Amount, Inherited, Process, Totals};
    use super::*;

    fn id(pid: u32, sequence: u32) -> ProgramId {
        ProgramId { pid, sequence }
    }

    fn program(pid: u32, sequence: u32, parent: u32) -> Profile {
        let started_ms = u64::from(pid);
        Profile {
            process: Process { pid, sequence, parent, started_ms, ..Process::default() },
            ..Profile::default()
        }
    }

    fn announced(pid: u32, owner: FileName) -> Event {
        Event::Executes { pid, owner, path: format!("program-{pid}") }
    }

    fn births(processes: &[Profile]) -> Vec<Birth> {
        processes.iter().map(|profile| profile.process.birth).collect()
    }

    #[test]
    fn a_chain_of_programs_is_one_process_and_keeps_its_parent() {
        let events = vec![
            Event::Began((1, 0)),
            announced(2, (1, 0)),
            Event::Began((2, 0)),
            announced(2, (2, 0)),
            Event::Began((2, 1)),
        ];
        // The parent had ended when the second program began.
        let mut processes = [program(1, 0, 99), program(2, 0, 1), program(2, 1, 1_000_000)];
        link(&mut processes, &Journal::of(events), Some(1));
        let expected = [Birth::Unknown, Birth::Started(id(1, 0)), Birth::Executed(id(2, 0))];
        assert_eq!(births(&processes), expected);
        assert_eq!(processes.each_ref().map(|profile| profile.process.parent), [99, 1, 1]);
        assert_eq!(processes.each_ref().map(|profile| profile.process.replaced), [false, true, false]);
    }

    #[test]
    fn a_child_may_begin_before_its_parent_tells_of_it() {
        let spawned = Event::Spawned { pid: 2, owner: (1, 0), path: "cat".into() };
        let events = vec![
            Event::Began((1, 0)),
            Event::Began((2, 0)),
            announced(2, (2, 0)),
            Event::Began((2, 1)),
            spawned,
        ];
        let mut processes = [program(1, 0, 99), program(2, 0, 77), program(2, 1, 77)];
        let journal = Journal::of(events);
        link(&mut processes, &journal, Some(1));
        assert_eq!(births(&processes), [Birth::Unknown, Birth::Started(id(1, 0)), Birth::Executed(id(2, 0))]);
        assert_eq!(journal.untracked, []);
    }

    #[test]
    fn a_program_that_never_begins_ran_without_the_tracker() {
        let events = vec![
            Event::Began((1, 0)),
            announced(2, (1, 0)),
            Event::Unable(2, leakgate_capture::UNABLE_FILE_SIZE),
            announced(3, (1, 0)),
            Event::Failed(3),
            Event::Spawned { pid: 4, owner: (1, 0), path: "static".into() },
            Event::Escaped { owner: (1, 0), path: "/bin/sh".into() },
            announced(1, (1, 0)),
        ];
        let journal = Journal::of(events);
        let untracked = |pid, program: &str| Untracked {
            pid,
            owner: id(1, 0),
            program: program.into(),
            obstacle: if pid == Some(2) { Obstacle::FileSize } else { Obstacle::NotLoaded },
        };
        let expected = [
            untracked(None, "/bin/sh"),
            untracked(Some(1), "program-1"),
            untracked(Some(2), "program-2"),
            untracked(Some(4), "static"),
        ];
        assert_eq!(journal.untracked, expected);
        let mut processes = [program(1, 0, 99)];
        link(&mut processes, &journal, Some(1));
        assert!(processes[0].process.replaced);
    }

    #[test]
    fn a_child_of_an_untracked_program_is_found_by_its_parent_or_stands_alone() {
        let events = vec![Event::Began((1, 0)), Event::Began((5, 0)), Event::Began((6, 0))];
        let mut processes = [program(1, 0, 99), program(5, 0, 1), program(6, 0, 4)];
        link(&mut processes, &Journal::of(events), Some(1));
        assert_eq!(births(&processes), [Birth::Unknown, Birth::Started(id(1, 0)), Birth::Unknown]);
        let capture = Capture { processes: processes.to_vec(), ..Capture::default() };
        assert_eq!(capture.tree(), [(0, 0), (1, 1), (2, 0)]);
    }

    #[test]
    fn inherited_memory_is_counted_once_and_replaced_programs_are_gone() {
        let amount = |bytes| Amount { bytes, blocks: 1 };
        let with = |mut profile: Profile, birth, (peak, end, inherited): (u64, u64, u64)| {
            profile.process.birth = birth;
            profile.totals = Totals { peak: amount(peak), end: amount(end), ..Totals::default() };
            profile.inherited = Inherited { end: amount(inherited), ..Inherited::default() };
            profile
        };
        let mut replaced = with(program(1, 0, 9), Birth::Unknown, (500, 400, 0));
        replaced.process.replaced = true;
        let processes = vec![
            replaced,
            with(program(1, 1, 9), Birth::Executed(id(1, 0)), (1000, 900, 0)),
            with(program(2, 0, 1), Birth::Forked(id(1, 1)), (1100, 950, 800)),
        ];
        let capture = Capture { processes, sampled_peak: Some(700), ..Capture::default() };
        let together = capture.together();
        assert_eq!((together.processes, together.programs, together.end), (2, 3, 900 + 150));
        assert_eq!((together.peak, together.peak_at_most, together.peak_is_exact), (1100, 2600, false));
        assert_eq!(capture.tree(), [(0, 0), (1, 1), (2, 2)]);
    }
}
