//! Who holds what came since an earlier snapshot: the variable, the entries that it gained, the lines that filled it.

use std::io::{self, Write};

use serde::Serialize;

use super::place::Place;
use super::screen::Screen;
use super::snapshot::{SnapshotHead, place, signed, signed_bytes, words};
use super::text::clean;
use crate::heap::owners::Owner;
use crate::heap::reach::Hold;
use crate::heap::{Changes, Cycle, NodeId, Reach, Snapshot, cycles, owners};
use crate::profile::Profile;
use crate::units::grouped;

/// Owners where none are asked for.
const ROWS: usize = 10;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Owners {
    /// Whose objects, from when to when.
    #[serde(flatten)]
    pub head: SnapshotHead,
    /// Those that hold most bytes more than before.
    pub owners: Vec<Row>,
    /// Owners that are not shown.
    pub more: usize,
    /// Rings of objects that came and that only the collector frees.
    pub cycles: Vec<Ring>,
}

/// An owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The way to it, as Python would write it.
    pub path: String,
    /// The same with `*` for indices and keys.
    pub shape: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// How it is held: `named`, `driver`, `working`, `native` (by C code, or lost by it), `garbage`.
    pub held: &'static str,
    /// Owners of the same shape that count as this one.
    pub count: usize,
    /// Entries more than before.
    pub entries: i64,
    /// Entries now, where it has a length.
    pub length: Option<u64>,
    /// Objects that it holds more than before.
    pub objects: i64,
    /// Bytes that they take.
    pub bytes: i64,
    /// Types on the way from the owner to what came.
    pub beyond: String,
    /// Types of the objects that came, with how many.
    pub types: Vec<(String, i64)>,
    /// Where its table of entries was last made longer.
    pub filled_at: Option<Place>,
    /// Where it was made.
    pub made_at: Option<Place>,
    /// Where what came was allocated, with bytes.
    pub allocated_at: Vec<(Place, i64)>,
    /// Keys of entries that came.
    pub keys: Vec<String>,
}

/// Rings that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ring {
    /// Once around.
    pub path: String,
    /// How many.
    pub count: usize,
    /// Objects, with what hangs on them.
    pub objects: i64,
    /// Bytes that they take.
    pub bytes: i64,
    /// Where the objects of the ring were allocated.
    pub allocated_at: Vec<Place>,
}

/// Takes the view of the changes from one snapshot to another.
pub fn of(
    profile: &Profile,
    (before, after): (&Snapshot, &Snapshot),
    changes: &Changes,
    limit: Option<usize>,
) -> Owners {
    let (reach_before, reach) = (Reach::of(before), Reach::of(after));
    let found = owners((before, &reach_before), (after, &reach), changes);
    let limit = limit.unwrap_or(ROWS);
    let rings = cycles(after, &reach, |node: NodeId| changes.is_new(node));
    Owners {
        head: SnapshotHead::of(profile, "owners", &[before, after]),
        more: found.len().saturating_sub(limit),
        owners: found.into_iter().take(limit).map(|owner| row(profile, owner)).collect(),
        cycles: rings.into_iter().take(limit).map(|cycle| ring(profile, cycle)).collect(),
    }
}

fn row(profile: &Profile, owner: Owner) -> Row {
    let allocated =
        owner.sites.iter().filter_map(|(site, change)| Some((place(profile, *site)?, change.bytes)));
    Row {
        path: clean(&owner.path).into_owned(),
        shape: clean(&owner.shape).into_owned(),
        type_name: clean(&owner.type_name).into_owned(),
        held: held(owner.hold),
        count: owner.count,
        entries: owner.entries,
        length: owner.length,
        objects: owner.held.objects,
        bytes: owner.held.bytes,
        beyond: clean(&owner.beyond).into_owned(),
        types: owner.types.iter().map(|(name, change)| (clean(name).into_owned(), change.objects)).collect(),
        filled_at: owner.filled_at.and_then(|site| place(profile, site)),
        made_at: owner.made_at.and_then(|site| place(profile, site)),
        allocated_at: merged(allocated),
        keys: owner.keys,
    }
}

/// Sites that differ in their callers only are one.
fn merged(places: impl Iterator<Item = (Place, i64)>) -> Vec<(Place, i64)> {
    let mut merged: Vec<(Place, i64)> = Vec::new();
    for (place, bytes) in places {
        match merged.iter_mut().find(|(known, _)| *known == place) {
            Some((_, sum)) => *sum += bytes,
            None => merged.push((place, bytes)),
        }
    }
    merged
}

fn ring(profile: &Profile, cycle: Cycle) -> Ring {
    let places = cycle.sites.iter().filter_map(|(site, change)| Some((place(profile, *site)?, change.bytes)));
    Ring {
        path: clean(&cycle.path).into_owned(),
        count: cycle.count,
        objects: cycle.held.objects,
        bytes: cycle.held.bytes,
        allocated_at: merged(places).into_iter().map(|(place, _)| place).collect(),
    }
}

fn held(hold: Hold) -> &'static str {
    match hold {
        Hold::Named => "named",
        Hold::Own => "driver",
        Hold::Working => "working",
        Hold::Native => "native",
        Hold::Cycle => "garbage",
    }
}

impl Owners {
    /// Prints the view for a person.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        if self.owners.is_empty() {
            writeln!(out, "nothing holds more than before")?;
        }
        for owner in &self.owners {
            owner.print(screen, out)?;
        }
        if self.more > 0 {
            writeln!(out, "+{} more", grouped(self.more as u64))?;
        }
        for ring in &self.cycles {
            ring.print(screen, out)?;
        }
        self.head.print_bottom(screen, out)
    }
}

impl Row {
    fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", screen.strong(&self.title()))?;
        let bytes = signed_bytes(self.bytes);
        writeln!(out, "  {bytes} in {}: {}", objects(self.objects), self.beyond)?;
        let places = [("filled", &self.filled_at), ("made", &self.made_at)];
        for (word, place) in places.iter().filter_map(|(word, place)| Some((word, place.as_ref()?))) {
            writeln!(out, "  {word} at {}", words(place, screen))?;
        }
        for (place, bytes) in self.allocated_at.iter().take(3) {
            writeln!(out, "  {} allocated at {}", signed_bytes(*bytes), words(place, screen))?;
        }
        if !self.keys.is_empty() {
            writeln!(out, "  keys {}", self.keys.join(", "))?;
        }
        writeln!(out)
    }

    fn title(&self) -> String {
        // What nobody holds is called by its type already.
        let is_told = self.path.ends_with(&format!("{})", self.type_name));
        let mut title = self.path.clone();
        if !is_told {
            title += &format!(" ({})", self.type_name);
        }
        match self.length {
            Some(length) => title += &format!(": {} entries, {}", grouped(length), signed(self.entries)),
            None if self.entries != 0 => title += &format!(": {} entries", signed(self.entries)),
            None => {}
        }
        if self.count > 1 {
            title += &format!(", in {} of {}", grouped(self.count as u64), self.shape);
        }
        title
    }
}

/// `600 objects`, `1 object`.
fn objects(count: i64) -> String {
    let word = if count == 1 { "object" } else { "objects" };
    let sign = if count < 0 { "-" } else { "" };
    format!("{sign}{} {word}", grouped(count.unsigned_abs()))
}

impl Ring {
    fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let (count, bytes) = (grouped(self.count as u64), signed_bytes(self.bytes));
        writeln!(out, "{}", screen.strong(&format!("ring {}", self.path)))?;
        writeln!(out, "  {count} of them, {bytes} in {}", objects(self.objects))?;
        for place in self.allocated_at.iter().take(3) {
            writeln!(out, "  allocated at {}", words(place, screen))?;
        }
        writeln!(out)
    }
}
