//! The live objects of the interpreter and the references between them, natively: no code of the program runs, nothing of
//! the interpreter changes, no event is raised that the program could hear.
//!
//! `enumerate` finds the objects that the collector tracks, `traverse` what they refer to and the collector does not
//! track, `running` what the variables of running functions do, `types` tells what an object is; `snapshot` writes all of it into a file. What is done with them is the visitor's affair.

mod enumerate;
mod room;
mod running;
mod snapshot;
mod traverse;
mod types;

pub(super) use enumerate::{begin, is_known};
pub(super) use room::Growing;
pub(crate) use snapshot::hide_values;
pub(super) use snapshot::{
    after_fork, each_attribute, entries, take as take_snapshot, take_forked as take_forked_snapshot,
    type_name,
};
pub(super) use traverse::{Traverse, Visitor, walk};
pub(super) use types::{Builtins, Class, length_offset};
