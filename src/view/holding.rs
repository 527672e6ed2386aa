//! Which variables hold most of what is alive in one snapshot: the owners where there is no earlier one to compare with.

use std::io::{self, Write};

use serde::Serialize;

use super::place::Place;
use super::screen::{Fit, Screen, column};
use super::snapshot::{SnapshotHead, place, words};
use super::text::clean;
use crate::heap::path::Detail;
use crate::heap::{Holders, Large, Snapshot};
use crate::profile::Profile;
use crate::units::{Bytes, grouped};

/// Variables where no number of them is asked for.
const ROWS: usize = 10;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holding {
    /// Whose objects, when.
    #[serde(flatten)]
    pub head: SnapshotHead,
    /// The variables that hold most, the largest first.
    pub variables: Vec<Row>,
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The way to it, as Python would write it.
    pub path: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Entries, where it has a length.
    pub length: Option<u64>,
    /// Bytes that would be freed with it.
    pub retained: u64,
    /// Objects that would be.
    pub objects: u64,
    /// Types of these objects, with how many.
    pub types: Vec<(String, u64)>,
    /// Where they were allocated, with bytes.
    pub allocated_at: Vec<(Place, u64)>,
}

/// Takes the view.
pub fn of(profile: &Profile, snapshot: &Snapshot, limit: Option<usize>) -> Holding {
    let found = Holders::of(snapshot).largest(Detail::Exact, (1, limit.unwrap_or(ROWS)));
    Holding {
        head: SnapshotHead::of(profile, "owners", &[snapshot]),
        variables: found.into_iter().map(|large| row(profile, large)).collect(),
    }
}

fn row(profile: &Profile, large: Large) -> Row {
    let at = |(site, bytes): &(usize, u64)| Some((place(profile, *site)?, *bytes));
    Row {
        path: clean(&large.path).into_owned(),
        type_name: clean(&large.type_name).into_owned(),
        length: large.length,
        retained: large.bytes,
        objects: large.objects,
        types: large.types.iter().map(|(name, count)| (clean(name).into_owned(), *count)).collect(),
        allocated_at: large.sites.iter().filter_map(at).collect(),
    }
}

impl Holding {
    /// Prints the view for a person.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        let columns = [
            column("retained", Fit::Number),
            column("objects", Fit::Number),
            column("variable", Fit::Name),
            column("type", Fit::Name),
            column("allocated at", Fit::Name),
        ];
        let cells = |row: &Row| {
            let entries = row.length.map(|length| format!(", {} entries", grouped(length)));
            vec![
                Bytes(row.retained).to_string(),
                grouped(row.objects),
                row.path.clone(),
                format!("{}{}", row.type_name, entries.unwrap_or_default()),
                row.allocated_at.first().map(|(place, _)| words(place, screen)).unwrap_or_default(),
            ]
        };
        screen.table(&columns, &self.variables.iter().map(cells).collect::<Vec<_>>(), out)?;
        self.head.print_bottom(screen, out)
    }
}
