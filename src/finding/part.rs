//! What a leak is made of: the functions that allocate, and the containers that gain entries.

use super::{Holder, Place, Rate};
use crate::profile::Frame;

/// What kind of thing grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartKind {
    /// What is allocated by one way through the user's functions.
    Site,
    /// A container's entries.
    Container,
}

impl PartKind {
    /// Both, in the order in which they are told.
    pub const ALL: [PartKind; 2] = [PartKind::Site, PartKind::Container];

    /// Its word in files.
    pub fn word(self) -> &'static str {
        match self {
            PartKind::Site => "site",
            PartKind::Container => "container",
        }
    }
}

/// A part of a leak.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Stable identity: of a site the fingerprint that a finding about it alone has; of a container its type and the
    /// functions that made it, so that several may have the same.
    pub identity: String,
    /// What an iteration adds.
    pub rate: Rate,
    /// How far its total may be from that of another run with as many iterations, as its windows differ; `None` where that is
    /// not known.
    pub spread: Option<u64>,
    /// Whether it leaks by itself; others went up, and may stop.
    pub is_certain: bool,
    /// The type of a container; empty for a site.
    pub type_name: String,
    /// `a list made at app.py:3 in <module>`; empty for a site.
    pub what: String,
    /// Where a site allocates, or a container was made.
    pub place: Option<Place>,
    /// What a site holds; `None` for a container, and for a finding that was read from a file.
    pub holder: Option<Holder>,
    /// The stack that made a container, innermost frame first.
    pub frames: Vec<Frame>,
}
