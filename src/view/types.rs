//! The objects by type: how many, what they take, and what would be freed with them.

use std::io::{self, Write};

use serde::Serialize;

use super::screen::{Fit, Screen, column};
use super::snapshot::SnapshotHead;
use super::text::clean;
use crate::heap::{Dominators, Reach, Snapshot, types};
use crate::profile::Profile;
use crate::units::{Bytes, grouped};

/// Rows where none are asked for.
const ROWS: usize = 25;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Types {
    /// Whose objects, when.
    #[serde(flatten)]
    pub head: SnapshotHead,
    /// The types that retain most.
    pub types: Vec<Row>,
    /// Types that are not shown.
    pub more: usize,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name, with its module.
    #[serde(rename = "type")]
    pub name: String,
    /// Objects.
    pub objects: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Bytes that would be freed with all of them.
    pub retained: u64,
}

/// Takes the view.
pub fn of(profile: &Profile, snapshot: &Snapshot, limit: Option<usize>) -> Types {
    let reach = Reach::of(snapshot);
    let counts = types(snapshot, &Dominators::of(snapshot, &reach.roots));
    let limit = limit.unwrap_or(ROWS);
    let more = counts.len().saturating_sub(limit);
    let row = |count: crate::heap::types::TypeCount| Row {
        name: clean(&count.name).into_owned(),
        objects: count.objects,
        bytes: count.bytes,
        retained: count.retained,
    };
    let types = counts.into_iter().take(limit).map(row).collect();
    Types { head: SnapshotHead::of(profile, "types", &[snapshot]), types, more }
}

impl Types {
    /// Prints the view for a person.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        let columns = [
            column("retained", Fit::Number),
            column("bytes", Fit::Number),
            column("objects", Fit::Number),
            column("type", Fit::Name),
        ];
        let row = |row: &Row| {
            vec![
                Bytes(row.retained).to_string(),
                Bytes(row.bytes).to_string(),
                grouped(row.objects),
                row.name.clone(),
            ]
        };
        screen.table(&columns, &self.types.iter().map(row).collect::<Vec<_>>(), out)?;
        if self.more > 0 {
            writeln!(out, "+{} more", grouped(self.more as u64))?;
        }
        self.head.print_bottom(screen, out)
    }
}
