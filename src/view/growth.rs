//! What there is more of than at an earlier snapshot: by type, and by the line that allocated it.

use std::io::{self, Write};

use serde::Serialize;

use super::place::Place;
use super::screen::{Column, Fit, Screen, column};
use super::snapshot::{SnapshotHead, place, signed, signed_bytes};
use super::text::clean;
use crate::heap::types::Grown;
use crate::heap::{Changes, Snapshot, growth_by_site, growth_by_type};
use crate::profile::Profile;
use crate::units::grouped;

/// Rows where none are asked for.
const ROWS: usize = 15;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// Whose objects, from when to when.
    #[serde(flatten)]
    pub head: SnapshotHead,
    /// By type, most bytes first.
    pub types: Vec<Row<String>>,
    /// Types that are not shown.
    pub more_types: usize,
    /// By the place that allocated them.
    pub sites: Vec<Row<Place>>,
    /// Places that are not shown.
    pub more_sites: usize,
}

/// What there is more of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row<T> {
    /// What it is.
    pub of: T,
    /// Objects, more than before.
    pub objects: i64,
    /// Bytes, more than before.
    pub bytes: i64,
    /// Objects that came.
    pub came: u64,
    /// Objects that went.
    pub went: u64,
    /// Objects now.
    pub now: u64,
}

/// Takes the view of the changes from one snapshot to another.
pub fn of(
    profile: &Profile,
    (before, after): (&Snapshot, &Snapshot),
    changes: &Changes,
    limit: Option<usize>,
) -> Growth {
    let limit = limit.unwrap_or(ROWS);
    let types = growth_by_type(before, after, changes);
    let sites = places(profile, growth_by_site(before, after, changes));
    Growth {
        head: SnapshotHead::of(profile, "growth", &[before, after]),
        more_types: types.len().saturating_sub(limit),
        types: types
            .into_iter()
            .take(limit)
            .map(|grown| row(grown, |name| clean(&name).into_owned()))
            .collect(),
        more_sites: sites.len().saturating_sub(limit),
        sites: sites.into_iter().take(limit).collect(),
    }
}

fn row<T, U>(grown: Grown<T>, name: impl Fn(T) -> U) -> Row<U> {
    let change = grown.change();
    Row {
        objects: change.objects,
        bytes: change.bytes,
        came: grown.came,
        went: grown.went,
        now: grown.objects.1,
        of: name(grown.of),
    }
}

/// Sites that differ in their callers only are one.
fn places(profile: &Profile, grown: Vec<Grown<usize>>) -> Vec<Row<Place>> {
    let mut rows: Vec<Row<Place>> = Vec::new();
    let mut known: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for grown in grown {
        let Some(place) = place(profile, grown.of) else { continue };
        let key = format!("{place:?}");
        let fresh = row(grown, |_| place.clone());
        match known.get(&key) {
            Some(at) => {
                let row = &mut rows[*at];
                row.objects += fresh.objects;
                row.bytes += fresh.bytes;
                row.came += fresh.came;
                row.went += fresh.went;
                row.now += fresh.now;
            }
            None => {
                known.insert(key, rows.len());
                rows.push(fresh);
            }
        }
    }
    rows.retain(|row| (row.objects, row.bytes) != (0, 0));
    rows.sort_by_key(|row| std::cmp::Reverse((row.bytes, row.objects)));
    rows
}

impl Growth {
    /// Prints the view for a person.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        if self.types.is_empty() && self.sites.is_empty() {
            writeln!(out, "there is no more of anything, and no less")?;
        }
        let [bytes, objects, came, went, now] = COLUMNS;
        let types = |row: &Row<String>| [numbers(row), vec![row.of.clone()]].concat();
        let rows: Vec<Vec<String>> = self.types.iter().map(types).collect();
        screen.table(&[bytes, objects, came, went, now, column("type", Fit::Name)], &rows, out)?;
        more(self.more_types, out)?;
        writeln!(out)?;
        let sites =
            |row: &Row<Place>| [numbers(row), vec![row.of.name(), row.of.location(&screen.folder)]].concat();
        let rows: Vec<Vec<String>> = self.sites.iter().map(sites).collect();
        let [bytes, objects, came, went, now] = COLUMNS;
        let columns =
            [bytes, objects, came, went, now, column("function", Fit::Name), column("at", Fit::Path)];
        screen.table(&columns, &rows, out)?;
        more(self.more_sites, out)?;
        self.head.print_bottom(screen, out)
    }
}

const COLUMNS: [Column; 5] = [
    column("bytes", Fit::Number),
    column("objects", Fit::Number),
    column("came", Fit::Number),
    column("went", Fit::Number),
    column("now", Fit::Number),
];

fn numbers<T>(row: &Row<T>) -> Vec<String> {
    vec![signed_bytes(row.bytes), signed(row.objects), grouped(row.came), grouped(row.went), grouped(row.now)]
}

fn more(count: usize, out: &mut dyn Write) -> io::Result<()> {
    if count > 0 {
        writeln!(out, "+{} more", grouped(count as u64))?;
    }
    Ok(())
}
