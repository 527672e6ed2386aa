//! Memory of several processes together: what forked ones share is counted once.

use std::collections::BTreeMap;

use super::model::ProgramId;

/// What one process has live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The process.
    pub id: ProgramId,
    /// All its live bytes.
    pub live: u64,
    /// Of these, what it inherited at a fork.
    pub inherited: u64,
}

/// Bytes of all `parts` together; `origin` tells which process one was forked from, also of those that have ended.
///
/// What a process inherited is a copy of what the one had that it was forked from. While that one is there, it is in its
/// figure; where it has freed more than leaves room for the copy, the rest is added. Of siblings whose origin has ended
/// the largest inheritance counts. So the sum is never above what is really there.
pub fn sum(parts: &[Part], origin: impl Fn(ProgramId) -> Option<ProgramId>) -> u64 {
    let live: BTreeMap<ProgramId, u64> = parts.iter().map(|part| (part.id, part.live)).collect();
    let mut inherited: BTreeMap<ProgramId, u64> = BTreeMap::new();
    let mut total = 0u64;
    for part in parts {
        let Some(holder) = holder(part.id, &live, &origin) else {
            total = total.saturating_add(part.live);
            continue;
        };
        total = total.saturating_add(part.live.saturating_sub(part.inherited));
        let most = inherited.entry(holder).or_default();
        *most = part.inherited.min(part.live).max(*most);
    }
    let left =
        inherited.iter().map(|(holder, most)| most.saturating_sub(live.get(holder).copied().unwrap_or(0)));
    left.fold(total, u64::saturating_add)
}

/// The nearest process that a forked one comes from and that is there; without one the first of all that it comes from.
/// `None`: it was not forked.
fn holder(
    id: ProgramId,
    live: &BTreeMap<ProgramId, u64>,
    origin: impl Fn(ProgramId) -> Option<ProgramId>,
) -> Option<ProgramId> {
    let mut holder = origin(id)?;
    // A damaged capture may lead in circles.
    for _ in 0..10_000 {
        match origin(holder) {
            Some(next) if !live.contains_key(&holder) => holder = next,
            _ => break,
        }
    }
    Some(holder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(pid: u32) -> ProgramId {
        ProgramId { pid, sequence: 0 }
    }

    fn part(pid: u32, live: u64, inherited: u64) -> Part {
        Part { id: id(pid), live, inherited }
    }

    /// Process 1 forks 2 and 3, and 2 forks 4.
    fn origin(of: ProgramId) -> Option<ProgramId> {
        match of.pid {
            2 | 3 => Some(id(1)),
            4 => Some(id(2)),
            _ => None,
        }
    }

    #[test]
    fn what_a_running_parent_has_is_counted_with_it_once() {
        let parts = [part(1, 1000, 0), part(2, 700, 600), part(3, 1050, 1000), part(4, 650, 640)];
        assert_eq!(sum(&parts, origin), 1000 + 100 + 50 + 10);
    }

    #[test]
    fn what_only_children_still_have_is_counted_once_among_them() {
        let parts = [part(1, 200, 0), part(2, 700, 600), part(3, 1050, 1000)];
        assert_eq!(sum(&parts, origin), 200 + 100 + 50 + (1000 - 200));
        let orphans = [part(2, 700, 600), part(3, 1050, 1000), part(4, 650, 640)];
        assert_eq!(sum(&orphans, origin), 100 + 50 + 10 + 1000);
    }

    #[test]
    fn a_grandchild_whose_parent_ended_shares_with_its_grandparent() {
        assert_eq!(sum(&[part(1, 1000, 0), part(4, 650, 640)], origin), 1010);
    }

    #[test]
    fn unrelated_processes_add_up() {
        assert_eq!(sum(&[part(1, 5, 0), part(9, 7, 0)], origin), 12);
    }
}
