//! The model that everything after the tracker reads: who allocated what, in one process.
//!
//! `load` fills it from a capture; views, gate and reports only read it.

mod bill;
mod decode;
#[cfg(target_os = "linux")]
pub mod follow;
pub mod load;
pub mod model;
mod name;
mod notes;
pub mod resident;
#[cfg(test)]
pub(crate) mod sample;
pub mod seal;
pub mod shared;
mod symbols;
pub mod tree;
mod untracked;

pub use bill::{Bill, BillLine, BillMoment, LineKind};
pub use model::*;
pub use name::command_line;
pub use notes::{LOST_CHILD, UNSEEN_HEAP};
pub use untracked::{Obstacle, Untracked};
