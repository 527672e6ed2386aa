//! Answers to a person about one profile; one file a view. No view opens files or decides anything.
//!
//! The flow: `moment` says which figures are wanted; `calls` merges the stacks that were live then into one tree
//! of `place`s; a view (`summary`, `table`, `tree`, `stats`, `flamegraph`) picks what answers its question into a
//! struct of its own (`types`, `growth`, `owners`, `paths` and `referrers` pick from heap snapshots instead). That struct is what `--json` prints, and what is printed on a `screen` with `text` made safe.

pub mod calls;
pub mod flamegraph;
pub mod graph;
pub mod growth;
pub mod head;
pub mod holding;
pub mod moment;
pub mod owners;
pub mod paths;
pub mod place;
pub mod processes;
pub mod referrers;
pub mod screen;
pub mod snapshot;
pub mod stats;
pub mod summary;
pub mod table;
pub mod text;
pub mod tree;
pub mod types;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde::Serialize;

use head::Head;
use screen::Screen;

/// A view that was taken of a profile: serialized it is the view's JSON, printed it is what a person reads.
pub trait View: Serialize {
    /// What all views begin with.
    fn head(&mut self) -> &mut Head;

    /// Prints the view for a person.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()>;
}
