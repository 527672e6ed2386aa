//! The moment of each capture that is compared.

use crate::profile::{Amount, CheckpointKind, Profile};
use crate::units::grouped;

/// Which moment's live memory is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// The high-water mark
    Peak,
    /// After the last iteration; the end of a command that has none
    Retained,
    /// The end of the process
    End,
}

/// What a process held at its moment.
pub(super) struct Live {
    /// All of it.
    pub(super) total: Amount,
    /// By site, in their order.
    pub(super) sites: Vec<Amount>,
    /// When that was: `after 5,120 iterations`.
    pub(super) when: String,
    /// Iterations that had been run, where there are any.
    pub(super) iterations: Option<u32>,
}

impl Moment {
    /// What tells most of two captures: what stays after the last iteration where both have iterations, else the peak.
    pub fn best(before: &Profile, after: &Profile) -> Moment {
        let has_iterations = |profile| last_checkpoint(profile).is_some();
        if has_iterations(before) && has_iterations(after) { Moment::Retained } else { Moment::Peak }
    }

    /// What a process held then.
    pub(super) fn of(self, profile: &Profile) -> Live {
        let sites = |amount: fn(&crate::profile::Site) -> Amount| profile.sites.iter().map(amount).collect();
        match (self, last_checkpoint(profile)) {
            (Moment::Peak, _) => Live {
                total: profile.totals.peak,
                sites: sites(|site| site.peak),
                when: "at the peak".to_owned(),
                iterations: None,
            },
            (Moment::Retained, Some(checkpoint)) => {
                let run = iterations(profile);
                let plural = if run == 1 { "" } else { "s" };
                Live {
                    total: profile.checkpoints[checkpoint].live,
                    sites: profile.live_at(checkpoint),
                    when: format!("after {} iteration{plural}", grouped(run.into())),
                    iterations: Some(run),
                }
            }
            (Moment::Retained | Moment::End, _) => Live {
                total: profile.totals.end,
                sites: sites(|site| site.end),
                when: "at the end".to_owned(),
                iterations: None,
            },
        }
    }
}

/// The checkpoint after the work; `None` where there are no iterations.
fn last_checkpoint(profile: &Profile) -> Option<usize> {
    if iterations(profile) == 0 {
        return None;
    }
    let last = |kind| profile.checkpoints.iter().rposition(|checkpoint| checkpoint.kind == kind);
    last(CheckpointKind::Retained).or_else(|| last(CheckpointKind::Iteration))
}

/// How many iterations were run, warm-up included.
fn iterations(profile: &Profile) -> u32 {
    let closed = profile.checkpoints.iter().filter(|checkpoint| checkpoint.kind == CheckpointKind::Iteration);
    closed.map(|checkpoint| checkpoint.iteration).max().unwrap_or(0)
}
