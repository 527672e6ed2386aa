//! What refers to objects, and to those that do, level by level.

use std::io::{self, Write};

use serde::Serialize;

use super::graph::{Graph, Look};
use super::screen::Screen;
use super::snapshot::SnapshotHead;
use super::text::clean;
use crate::heap::referrers::{Extent, Referrer, referrers};
use crate::heap::{NodeId, Reach, Snapshot};
use crate::profile::Profile;
use crate::units::{Bytes, grouped};

/// Groups that refer to one, where none are asked for.
const GROUPS: usize = 5;

/// The view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Referrers {
    /// Whose objects, when.
    #[serde(flatten)]
    pub head: SnapshotHead,
    /// The objects that were asked for, and what refers to them.
    pub of: Group,
}

/// Objects of one type that refer by the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Their type, or the name of the one object.
    pub name: String,
    /// By what name they refer; empty where it is not known.
    pub by: String,
    /// Objects.
    pub objects: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// References that they have.
    pub references: u64,
    /// What holds some of them from outside, and how many.
    pub held: Vec<(String, u64)>,
    /// What refers to them.
    pub referrers: Vec<Group>,
    /// Groups that are not shown.
    pub more: u64,
}

/// Takes the view of these objects, so many levels of it.
pub fn of(
    profile: &Profile,
    snapshot: &Snapshot,
    nodes: &[NodeId],
    depth: u32,
    limit: Option<usize>,
) -> Referrers {
    let extent = Extent { depth, groups: limit.unwrap_or(GROUPS) };
    let tree = referrers(snapshot, &Reach::of(snapshot), nodes, extent);
    Referrers { head: SnapshotHead::of(profile, "referrers", &[snapshot]), of: group(tree) }
}

fn group(found: Referrer) -> Group {
    Group {
        name: clean(&found.name).into_owned(),
        by: clean(&found.label).into_owned(),
        objects: found.objects,
        bytes: found.bytes,
        references: found.references,
        held: found.roots.into_iter().map(|(text, count)| (clean(&text).into_owned(), count)).collect(),
        referrers: found.referrers.into_iter().map(group).collect(),
        more: found.more,
    }
}

impl Referrers {
    /// The groups as a picture.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        let first = graph.add(self.of.title(), Look::Asked);
        self.of.draw(first, &mut graph);
        graph
    }

    /// Prints the view for a person.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        self.of.print(0, screen, out)?;
        self.head.print_bottom(screen, out)
    }
}

impl Group {
    /// `1,000 app.Row, 48.0 KiB`.
    fn title(&self) -> String {
        format!("{} {}, {}", grouped(self.objects), self.name, Bytes(self.bytes))
    }

    fn print(&self, depth: usize, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let indent = "  ".repeat(depth);
        let by = if self.by.is_empty() { String::new() } else { format!(" by {}", self.by) };
        writeln!(out, "{indent}{}{by}", self.title())?;
        for (text, count) in &self.held {
            let count = if *count == 1 { String::new() } else { format!("{} of them: ", grouped(*count)) };
            writeln!(out, "{indent}  {}", screen.faint(&format!("{count}{text}")))?;
        }
        for group in &self.referrers {
            group.print(depth + 1, screen, out)?;
        }
        if self.more > 0 {
            writeln!(out, "{indent}  +{} more", grouped(self.more))?;
        }
        Ok(())
    }

    fn draw(&self, own: usize, graph: &mut Graph) {
        for (text, _) in &self.held {
            let root = graph.add(text.clone(), Look::Root);
            graph.join(root, own, String::new());
        }
        for group in &self.referrers {
            let from = graph.add(group.title(), Look::Plain);
            graph.join(from, own, group.by.clone());
            group.draw(from, graph);
        }
    }
}
