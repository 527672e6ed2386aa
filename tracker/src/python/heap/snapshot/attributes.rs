//! The attributes of an object, read from where they stand: no code of the program runs.

use super::super::super::frames::word;
use super::super::super::objects::{LOWEST, Type};
use super::shapes::{Attributes, Beside, DICTIONARY_OFFSET, attributes, beside, described_field};
use super::table::{self, Table};

/// Most attributes that are looked at of an instance, and of each of its classes.
const MOST: usize = 256;
/// Most classes of an object.
const MOST_CLASSES: usize = 64;

/// Tells of the attributes of an instance of a class that was made: name and value, those of its classes too.
/// `member`: the type of descriptors of fields.
pub(in crate::python) fn each_attribute(object: usize, member: usize, mut tell: impl FnMut(usize, usize)) {
    // SAFETY: a live object.
    let mut of = unsafe { Type::of(object) };
    if !of.is_made() {
        return;
    }
    for (name, value) in own(object, of).into_iter().flat_map(Table::entries).take(MOST) {
        tell(name, value);
    }
    for _ in 0..MOST_CLASSES {
        if of.0 == 0 || !of.is_made() {
            return;
        }
        for (name, value) in entries(of.names()) {
            // SAFETY: a live object.
            let is_field = unsafe { Type::of(value) }.0 == member;
            let offset = if is_field { described_field(value) } else { None };
            // SAFETY: a field of the object, as its class describes it; it may be empty.
            let value = offset.map_or(value, |offset| unsafe { word(object + offset) });
            if value >= LOWEST {
                tell(name, value);
            }
        }
        of = of.base();
    }
}

/// The entries of a dictionary, the first ones; none of what is no dictionary's address.
pub(in crate::python) fn entries(dictionary: usize) -> impl Iterator<Item = (usize, usize)> {
    table::at(dictionary).into_iter().flat_map(Table::entries).take(MOST)
}

fn own(object: usize, of: Type) -> Option<Table> {
    if let Attributes::Managed { keys } = attributes(of) {
        // SAFETY: an object of a type with such a dictionary, and what it says of itself.
        return unsafe {
            match beside(object, of) {
                Beside::Dictionary(dictionary) => table::of(dictionary),
                Beside::Values(values) => table::of_keys(keys, values),
                Beside::None => None,
            }
        };
    }
    // SAFETY: a live type.
    let offset = unsafe { word(of.0 + DICTIONARY_OFFSET) } as isize;
    if offset <= 0 {
        return None;
    }
    // SAFETY: where the type says that its objects have their dictionary.
    table::at(unsafe { word(object + offset as usize) })
}
