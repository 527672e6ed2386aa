//! The baseline: `leakgate.lock`, figures and findings that were accepted. Pure: opens no file, prints nothing.
//!
//! `model` is what a lock holds, for each scenario in each `environment`, with the `packages` that were installed.
//! `layout` cuts the text into sections, `parse` reads them and finds all that is wrong, `print` writes them, `update`
//! replaces some and leaves the rest as it is, `compare` says what is accepted, and `words` says it to people.

mod compare;
mod environment;
mod layout;
mod model;
mod noise;
mod packages;
mod parse;
mod print;
#[cfg(test)]
mod properties;
mod section;
mod update;
pub mod words;

pub use compare::{Change, accepts, accepts_part, allowed, changes};
pub use environment::Environment;
pub use model::{Accepted, AcceptedFigure, AcceptedPart, Identity, Key, Level, Lock, Section};
pub use noise::steadied;
pub use packages::{Package, PackageChange, are_of, changed, digest};
pub use parse::{Mend, Parsed, Problem, parse};
pub use print::print;
pub use section::{Ratcheted, ratcheted, section_of};
pub use update::{Update, prune, update};

/// The format's version.
pub const VERSION: u32 = 1;
