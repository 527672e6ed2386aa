//! What differs between two captures or two results: what grew, what is new, what went away. Opens no file.
//!
//! `sites` compares what two processes held at a `moment` of each, place by place; `heaps` what their owners and types held by
//! heap snapshots; `results` what two checks measured; `print` says all of it to people.

mod heaps;
mod moment;
mod print;
mod results;
mod sites;

pub use heaps::{Heaps, HeldObjects, ObjectChange};
pub use moment::Moment;
pub use results::{Results, ScenarioChange};
pub use sites::{Change, Held, Sites};

use serde::Serialize;

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is more than it was.
    Grew,
    /// It was not there.
    New,
    /// It is less than it was.
    Shrank,
    /// It is not there any more.
    Gone,
    /// It is as much as it was, and others keep it.
    Same,
}

impl Fate {
    /// All of what changes, in the order in which people read them.
    pub const ALL: [Fate; 4] = [Fate::Grew, Fate::New, Fate::Shrank, Fate::Gone];

    /// The word above those that share it.
    pub fn word(self) -> &'static str {
        match self {
            Fate::Grew => "grew",
            Fate::New => "new",
            Fate::Shrank => "shrank",
            Fate::Gone => "gone",
            Fate::Same => "same",
        }
    }
}
