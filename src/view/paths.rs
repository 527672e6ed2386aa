//! By which ways objects are held.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::graph::{Graph, Look};
use super::screen::{Fit, Screen, column};
use super::snapshot::SnapshotHead;
use super::text::clean;
use crate::heap::path::{Path, label_text, own_name, root_text};
use crate::heap::ways::{Way, ways};
use crate::heap::{Dominators, NodeId, Reach, Snapshot};
use crate::profile::Profile;
use crate::units::{Bytes, grouped};

/// Rows where none are asked for.
const ROWS: usize = 15;
/// Most objects of a way that are drawn.
const DRAWN: usize = 60;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paths {
    /// Whose objects, when.
    #[serde(flatten)]
    pub head: SnapshotHead,
    /// How many objects there are of those that were asked for.
    pub objects: u64,
    /// The ways to them, those of most objects first.
    pub paths: Vec<Row>,
    /// Ways that are not shown.
    pub more: usize,
    #[serde(skip)]
    graph: Graph,
}

/// Ways that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// With `*` for indices and keys.
    pub shape: String,
    /// The first of them as it is.
    pub example: String,
    /// Objects that are reached so.
    pub objects: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Bytes that would be freed with each, added up.
    pub retained: u64,
}

/// Takes the view of these objects.
pub fn of(profile: &Profile, snapshot: &Snapshot, nodes: &[NodeId], limit: Option<usize>) -> Paths {
    let reach = Reach::of(snapshot);
    let dominators = Dominators::of(snapshot, &reach.roots);
    let mut found = ways(snapshot, &reach, &dominators, nodes);
    let limit = limit.unwrap_or(ROWS);
    let more = found.len().saturating_sub(limit);
    found.truncate(limit);
    let row = |way: &Way| Row {
        shape: clean(&way.shape).into_owned(),
        example: clean(&way.example).into_owned(),
        objects: way.objects,
        bytes: way.bytes,
        retained: way.retained,
    };
    Paths {
        head: SnapshotHead::of(profile, "paths", &[snapshot]),
        objects: nodes.len() as u64,
        graph: graph(snapshot, &reach, &found),
        paths: found.iter().map(row).collect(),
        more,
    }
}

/// The first way of each shape; what several go through is drawn once.
fn graph(snapshot: &Snapshot, reach: &Reach, ways: &[Way]) -> Graph {
    let mut graph = Graph::default();
    let mut drawn: HashMap<NodeId, usize> = HashMap::new();
    for way in ways {
        let path = Path::to(snapshot, reach, way.first);
        let mut before = path.root.as_ref().map(|root| graph.add(root_text(snapshot, root.kind), Look::Root));
        let mut from = None;
        for (label, node) in path.steps.iter().rev().take(DRAWN).rev() {
            let look = if *node == way.first { Look::Asked } else { Look::Plain };
            let text = || format!("{}\n{}", clean(&own_name(snapshot, *node)), Bytes(snapshot.bytes(*node)));
            let place = *drawn.entry(*node).or_insert_with(|| graph.add(text(), look));
            if let Some(before) = before {
                let name = from.map_or_else(String::new, |from| label_text(snapshot, reach, from, *label));
                graph.join(before, place, name);
            }
            (before, from) = (Some(place), Some(*node));
        }
    }
    graph
}

impl Paths {
    /// The first way of each shape as a picture.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Prints the view for a person.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        let columns = [
            column("objects", Fit::Number),
            column("bytes", Fit::Number),
            column("retained", Fit::Number),
            column("path", Fit::Name),
            column("for example", Fit::Name).from(110),
        ];
        let row = |row: &Row| {
            vec![
                grouped(row.objects),
                Bytes(row.bytes).to_string(),
                Bytes(row.retained).to_string(),
                row.shape.clone(),
                if row.example == row.shape { String::new() } else { row.example.clone() },
            ]
        };
        screen.table(&columns, &self.paths.iter().map(row).collect::<Vec<_>>(), out)?;
        if self.more > 0 {
            writeln!(out, "+{} more", grouped(self.more as u64))?;
        }
        self.head.print_bottom(screen, out)
    }
}
