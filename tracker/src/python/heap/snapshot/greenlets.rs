//! Greenlets that are suspended: their functions run on in no thread, and nobody visits their variables. Each tells its
//! innermost frame by an attribute of its type, which C code of the library works out; nothing of the program runs.

use core::ffi::{CStr, c_char, c_void};

use super::super::super::api;
use super::super::super::frames::{self, word};
use super::super::super::objects::Type;
use super::super::types;
use super::table;

/// In the descriptor of such an attribute (`PyGetSetDescrObject`): its description, which begins with its name, and in that
/// the function and what it is given beside the object (`PyGetSetDef`).
const DESCRIPTION: usize = 40;
const GETTER: usize = 8;
const CLOSURE: usize = 32;
/// Most functions that a greenlet runs.
const DEEPEST: usize = 1 << 16;

/// The functions of an attribute.
#[derive(Clone, Copy)]
struct Attribute {
    getter: unsafe extern "C" fn(usize, usize) -> usize,
    closure: usize,
}

/// The type of greenlets, where their library is loaded.
#[derive(Clone, Copy)]
pub(super) struct Greenlets {
    of: usize,
    frame: Attribute,
    /// Whether the frames of C functions, which lie on the C stack, are taken out of a suspended greenlet's chain. Older
    /// versions do not ask, and have none in it.
    are_exposed: Option<Attribute>,
}

impl Greenlets {
    /// `None`: there are none. Not in a copy of the process: it allocates.
    pub(super) fn find() -> Option<Greenlets> {
        let of = types::of_module(c"greenlet._greenlet", c"greenlet", c"greenlet.greenlet", 0);
        if of == 0 {
            return None;
        }
        let are_exposed = attribute(of, b"gr_frames_always_exposed");
        attribute(of, b"gr_frame").map(|frame| Greenlets { of, frame, are_exposed })
    }

    /// Whether an object is one.
    pub(super) fn is_one(&self, object: usize) -> bool {
        // SAFETY: a live object.
        unsafe { Type::of(object) }.descends_from(self.of)
    }

    /// Calls `tell` for the frames of the functions that a greenlet is suspended in, innermost first.
    pub(super) fn each_frame(&self, greenlet: usize, tell: impl FnMut(usize)) {
        let is_asked =
            |attribute: &Attribute| attribute.of(greenlet, |is_so| is_so == api::data(c"_Py_TrueStruct"));
        if self.are_exposed.as_ref().is_some_and(|attribute| is_asked(attribute) != Some(true)) {
            return;
        }
        self.frame.of(greenlet, |frame| {
            if frame != api::none() as usize {
                frames::from_object(frame).take(DEEPEST).for_each(tell);
            }
        });
    }
}

impl Attribute {
    /// What `f` makes of an object's attribute. `None`: it cannot be had.
    fn of<T>(&self, object: usize, f: impl FnOnce(usize) -> T) -> Option<T> {
        // SAFETY: with the GIL; the type's own function, for one of its objects: a reference that is ours.
        let value = unsafe { (self.getter)(object, self.closure) };
        if value == 0 {
            api::clear_error();
            return None;
        }
        let made = f(value);
        // SAFETY: with the GIL; the reference from above.
        api::Py_DecRef().into_iter().for_each(|release| unsafe { release(value as *mut c_void) });
        Some(made)
    }
}

/// An attribute that C code of a type works out.
fn attribute(of: usize, name: &[u8]) -> Option<Attribute> {
    let of_descriptors = api::data(c"PyGetSetDescr_Type");
    // SAFETY: a live object.
    let is_descriptor = |value: &usize| unsafe { Type::of(*value) }.0 == of_descriptors;
    // SAFETY: a live descriptor, whose description lives as long as the library and begins with a C string.
    let name_of = |value: usize| unsafe { CStr::from_ptr(word(word(value + DESCRIPTION)) as *const c_char) };
    let mut values = table::at(Type(of).names())?.entries().map(|(_, value)| value);
    let found = values.find(|value| is_descriptor(value) && name_of(*value).to_bytes() == name)?;
    // SAFETY: as above.
    let description = unsafe { word(found + DESCRIPTION) };
    // SAFETY: as above.
    let (getter, closure) = unsafe { (word(description + GETTER), word(description + CLOSURE)) };
    if getter == 0 {
        return None;
    }
    // SAFETY: it is the attribute's own function.
    let getter =
        unsafe { core::mem::transmute::<usize, unsafe extern "C" fn(usize, usize) -> usize>(getter) };
    Some(Attribute { getter, closure })
}
