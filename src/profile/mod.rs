//! The model that everything after the tracker reads: who allocated what, in one process.
//!
//! `load` fills it from a capture; views, gate and reports only read it. It opens no file itself.

pub mod load;
pub mod model;
#[cfg(test)]
pub(crate) mod sample;

pub use model::*;
