//! The object graph of a Python process, from a heap snapshot: what there is, who holds it, what grew.
//!
//! Pure functions over the model; only `load` opens files.

pub mod compare;
pub mod cycles;
pub mod dominators;
pub mod holdings;
pub mod largest;
pub mod lengths;
pub mod load;
pub mod model;
pub mod owners;
pub mod path;
pub mod reach;
pub mod referrers;
pub mod registries;
pub mod shape;
pub mod types;
pub mod ways;

pub use compare::Changes;
pub use cycles::{Cycle, cycles};
pub use dominators::Dominators;
pub use holdings::holdings;
pub use largest::{Holders, Large};
pub use model::{NodeId, Snapshot};
pub use owners::{Owner, owners};
pub use reach::Reach;
pub use types::{growth_by_site, growth_by_type, types};

#[cfg(test)]
mod tests;
