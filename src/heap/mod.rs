//! The object graph of a Python process, from a heap snapshot: what there is, who holds it, what grew.
//!
//! Pure functions over the model; only `load` opens files.

pub mod load;
pub mod model;

pub use model::{NodeId, Snapshot};
