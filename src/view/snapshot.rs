//! What the views of heap snapshots begin and end with: whose objects, when, how many, what is missing.

use std::io::{self, Write};

use serde::Serialize;

use super::head::{ProcessHead, VERSION};
use super::place::Place;
use super::screen::Screen;
use super::text::clean;
use crate::heap::Snapshot;
use crate::profile::{CheckpointKind, Profile};
use crate::units::{Bytes, grouped};

/// The beginning of a view of one snapshot, or of two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SnapshotHead {
    /// `head::VERSION`.
    pub version: u32,
    /// The view's name on the command line.
    pub view: &'static str,
    /// Whose objects.
    pub process: ProcessHead,
    /// The snapshot.
    pub snapshot: Taken,
    /// The one that it is compared with, where the view compares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Taken>,
    /// What is not exact or not recorded.
    pub notes: Vec<String>,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Its number in the process, from 1.
    pub number: u32,
    /// When: `after iteration 8`.
    pub when: String,
    /// Objects.
    pub objects: u64,
    /// References between them.
    pub references: u64,
    /// Bytes that they take.
    pub bytes: u64,
}

impl SnapshotHead {
    /// The head of a view of that name. `snapshots`: the one, or an earlier one and the one.
    pub fn of(profile: &Profile, view: &'static str, snapshots: &[&Snapshot]) -> SnapshotHead {
        let taken = |snapshot: &&Snapshot| Taken::of(profile, snapshot);
        let (last, before) = match snapshots {
            [before, last] => (taken(last), Some(taken(before))),
            [last, ..] => (taken(last), None),
            [] => (Taken::of(profile, &Snapshot::default()), None),
        };
        let mut notes: Vec<String> = profile.notes.iter().map(|note| clean(note).into_owned()).collect();
        for snapshot in snapshots.iter().filter(|snapshot| snapshot.taken.is_cut) {
            notes.push(format!(
                "snapshot {} is not whole: {} references lead to objects that were too many to be told of",
                snapshot.taken.number,
                grouped(snapshot.taken.left_out)
            ));
        }
        for snapshot in snapshots.iter().filter(|snapshot| snapshot.taken.has_subinterpreters) {
            notes.push(format!(
                "snapshot {} has the objects of the main interpreter, and not those of sub-interpreters",
                snapshot.taken.number
            ));
        }
        SnapshotHead {
            version: VERSION,
            view,
            process: ProcessHead::of(profile),
            snapshot: last,
            since: before,
            notes,
        }
    }

    /// Prints whose objects they are, and how many.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print_top(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", screen.strong(&self.process.title(screen)))?;
        if let Some(since) = &self.since {
            writeln!(out, "from {since}")?;
            writeln!(out, "to {}", self.snapshot)?;
        } else {
            writeln!(out, "{}", self.snapshot)?;
        }
        writeln!(out)
    }

    /// Prints the notes.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print_bottom(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if !self.notes.is_empty() {
            writeln!(out)?;
        }
        for note in &self.notes {
            writeln!(out, "{}", screen.faint(&format!("note: {note}")))?;
        }
        Ok(())
    }
}

impl Taken {
    fn of(profile: &Profile, snapshot: &Snapshot) -> Taken {
        Taken {
            number: snapshot.taken.number,
            when: when(profile, snapshot),
            objects: snapshot.len() as u64,
            references: snapshot.edges.to.len() as u64,
            bytes: snapshot.nodes.bytes.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes)),
        }
    }
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Taken { number, when, objects, bytes, .. } = self;
        write!(f, "snapshot {number}, {when}: {} objects, {}", grouped(*objects), Bytes(*bytes))
    }
}

fn when(profile: &Profile, snapshot: &Snapshot) -> String {
    let Some(checkpoint) = snapshot.taken.checkpoint.and_then(|index| profile.checkpoints.get(index)) else {
        return "before the first checkpoint".to_owned();
    };
    match checkpoint.kind {
        CheckpointKind::Start => "before the work".to_owned(),
        CheckpointKind::Iteration => format!("after iteration {}", grouped(checkpoint.iteration.into())),
        CheckpointKind::Asked => "in the midst of the work".to_owned(),
        CheckpointKind::Retained => "after the work".to_owned(),
        CheckpointKind::Left => "after the result was dropped".to_owned(),
        CheckpointKind::Exit => "at the end".to_owned(),
    }
}

/// The innermost place of a site that allocated objects.
pub(super) fn place(profile: &Profile, site: usize) -> Option<Place> {
    let site = profile.sites.get(site)?;
    Some(profile.frames_of(site.stack).next().map_or_else(Place::without_stack, Place::from))
}

/// `app/cache.py:41 in price_of`.
pub(super) fn words(place: &Place, screen: &Screen) -> String {
    match place.location(&screen.folder) {
        location if location.is_empty() => place.name(),
        location => format!("{location} in {}", place.name()),
    }
}

/// `+2.0 KiB`, `-16 B`, `0 B`.
pub(super) fn signed_bytes(bytes: i64) -> String {
    format!("{}{}", sign(bytes), Bytes(bytes.unsigned_abs()))
}

/// `+1,000`.
pub(super) fn signed(count: i64) -> String {
    format!("{}{}", sign(count), grouped(count.unsigned_abs()))
}

fn sign(number: i64) -> &'static str {
    match number {
        1.. => "+",
        0 => "",
        _ => "-",
    }
}
