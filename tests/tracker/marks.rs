//! Programs that say themselves where their iterations end, by the module `leakgate_memory`.

use leakgate::profile::model::{Checkpoint, CheckpointKind, Profile};

use crate::python;

/// Each iteration keeps a list of its own in a list, opens a file, and leaves a ring of two lists and three open pipes to
/// the collector.
const PROGRAM: &str = "\
import leakgate_memory, os
kept, files = [], []
def work(index):
    kept.append(bytes(1000))
    files.append(os.open('/dev/null', os.O_RDONLY))
    ring = []
    ring.append([ring])
work(0)
for index in range(20):
    work(index)
    print(leakgate_memory.checkpoint())
";

fn iterations(profile: &Profile) -> Vec<&Checkpoint> {
    let is_iteration = |checkpoint: &&Checkpoint| checkpoint.kind == CheckpointKind::Iteration;
    profile.checkpoints.iter().filter(is_iteration).collect()
}

#[test]
fn a_program_marks_its_own_iterations() {
    for python in python::all() {
        let recording = python.run(&["-c", PROGRAM]).record().ended_well();
        assert_eq!(recording.stdout(), "None\n".repeat(20), "{python}");
        let profile = recording.first();
        let iterations = iterations(profile);
        let numbers: Vec<u32> = iterations.iter().map(|checkpoint| checkpoint.iteration).collect();
        assert_eq!(numbers, Vec::from_iter(1..=20), "{python}");
        for pair in iterations[10..].windows(2) {
            let [before, after] = pair else { unreachable!() };
            assert_eq!(after.collected, 2, "{python}");
            assert_eq!(after.fds.unwrap(), before.fds.unwrap() + 1, "{python}");
            assert_eq!(after.threads, Some(1), "{python}");
        }
        // It is looked at after the iterations 8, 10, 12, 14, 16 and 20.
        let list = profile.containers.iter().find(|container| container.lengths == kept()).is_some();
        assert!(list, "{python}: {:?}", profile.containers);
    }
}

/// The first look sees 9 entries, the next one 11; from then on each checkpoint reads them.
fn kept() -> Vec<(usize, u64)> {
    [(7, 9)].into_iter().chain((9..20).map(|at| (at, at as u64 + 2))).collect()
}

const FORKED: &str = "\
import leakgate_memory, os
for index in range(3): leakgate_memory.checkpoint()
if os.fork() == 0:
    leakgate_memory.checkpoint()
    os._exit(0)
os.wait()
";

#[test]
fn the_iterations_of_a_forked_child_begin_anew() {
    for python in python::all() {
        let recording = python.run(&["-c", FORKED]).record().ended_well();
        let mut numbers: Vec<Vec<u32>> = recording
            .capture
            .processes
            .iter()
            .map(|profile| iterations(profile).iter().map(|checkpoint| checkpoint.iteration).collect())
            .collect();
        numbers.sort();
        assert_eq!(numbers, [vec![1], vec![1, 2, 3]], "{python}");
    }
}
