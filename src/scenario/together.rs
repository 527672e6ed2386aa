//! What all processes of a command have together, sampled: live memory with what forked ones share counted once, and
//! resident memory.

use std::collections::BTreeMap;

use super::processes::Reading;
use crate::profile::ProgramId;
use crate::profile::shared::{self, Part};

/// The largest figures that samples saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Most live bytes of all processes together.
    pub live: u64,
    /// Largest sum of resident sets, the tracker's own memory subtracted; what processes share counts in each.
    pub rss: u64,
    /// Largest resident set of each program, the tracker's own memory subtracted.
    pub rss_of: BTreeMap<ProgramId, u64>,
    /// Whom each forked process comes from, also of those that have ended.
    origins: BTreeMap<ProgramId, ProgramId>,
}

impl Sampled {
    /// Takes in one sample of all processes; what they have live together.
    pub fn add(&mut self, readings: &[Reading]) -> u64 {
        let mut resident = 0u64;
        let mut parts = Vec::with_capacity(readings.len());
        for reading in readings {
            let origin = ProgramId::from(reading.live.origin);
            if origin.pid != 0 {
                self.origins.insert(reading.id, origin);
            }
            // One that has ended is read once more, and holds nothing now.
            let Some(rss) = reading.own_rss() else { continue };
            resident = resident.saturating_add(rss);
            let most = self.rss_of.entry(reading.id).or_default();
            *most = rss.max(*most);
            parts.push(Part {
                id: reading.id,
                live: reading.live.live_bytes,
                inherited: reading.live.inherited_bytes,
            });
        }
        let live = shared::sum(&parts, |id| self.origins.get(&id).copied());
        self.live = self.live.max(live);
        self.rss = self.rss.max(resident);
        live
    }

    /// Largest resident set of one process.
    pub fn max_rss(&self) -> u64 {
        self.rss_of.values().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use leakgate_capture::Live;

    use super::*;

    fn reading(
        pid: u32,
        origin: u32,
        (live_bytes, inherited_bytes): (u64, u64),
        rss: Option<u64>,
    ) -> Reading {
        let live =
            Live { live_bytes, inherited_bytes, origin: (origin, 0), tracker_bytes: 10, ..Live::default() };
        Reading { id: ProgramId { pid, sequence: 0 }, live, rss }
    }

    #[test]
    fn the_largest_sums_of_any_sample_stand() {
        let mut sampled = Sampled::default();
        assert_eq!(sampled.add(&[reading(1, 0, (1000, 0), Some(500))]), 1000);
        let both = [reading(1, 0, (900, 0), Some(600)), reading(2, 1, (950, 900), Some(300))];
        assert_eq!(sampled.add(&both), 950);
        let ended = [reading(1, 0, (900, 0), None), reading(2, 1, (950, 900), Some(300))];
        assert_eq!(sampled.add(&ended), 950);
        assert_eq!((sampled.live, sampled.rss, sampled.max_rss()), (1000, 590 + 290, 590));
    }
}
