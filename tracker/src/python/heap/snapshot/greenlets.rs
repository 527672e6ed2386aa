//! Greenlets that are suspended: their functions run on in no thread, and nobody visits their variables. Each tells its
//! innermost frame by an attribute of its type, which C code of the library works out; nothing of the program runs.

use core::ffi::{CStr, c_void};

use super::super::super::api;
use super::super::super::frames::{self, word};
use super::super::super::objects::{LOWEST, Type};

/// In the descriptor of such an attribute (`PyGetSetDescrObject`): its description, and in that the function and what it
/// is given beside the object (`PyGetSetDef`).
const DESCRIPTION: usize = 40;
const GETTER: usize = 8;
const CLOSURE: usize = 32;
/// Most functions that a greenlet runs.
const DEEPEST: usize = 1 << 16;
/// A frame that is not farther from the innermost C function is on the C stack, which greenlets have no part of their own of.
const STACK: usize = 64 << 20;

type Getter = unsafe extern "C" fn(usize, usize) -> usize;

/// The type of greenlets, where their library is loaded.
#[derive(Clone, Copy)]
pub(super) struct Greenlets {
    of: usize,
    getter: Getter,
    closure: usize,
}

impl Greenlets {
    /// `None`: there are none.
    pub(super) fn find() -> Option<Greenlets> {
        // SAFETY: with the GIL; all that is asked for is borrowed.
        let of = unsafe {
            let modules = api::PyImport_GetModuleDict()?();
            let module = item(modules, c"greenlet._greenlet")?;
            item(api::PyModule_GetDict()?(module), c"greenlet")?
        };
        let names = Type(of as usize).names();
        if names < LOWEST {
            return None;
        }
        let attribute = item(names as *mut c_void, c"gr_frame")? as usize;
        // SAFETY: a live object.
        if unsafe { Type::of(attribute) }.0 != api::data(c"PyGetSetDescr_Type") {
            return None;
        }
        // SAFETY: a live descriptor of that type, whose description lives as long as the library.
        let (getter, closure) = unsafe {
            let description = word(attribute + DESCRIPTION);
            (word(description + GETTER), word(description + CLOSURE))
        };
        if getter == 0 {
            return None;
        }
        // SAFETY: it is the attribute's own function.
        let getter = unsafe { core::mem::transmute::<usize, Getter>(getter) };
        Some(Greenlets { of: of as usize, getter, closure })
    }

    /// Whether an object is one.
    pub(super) fn is_one(&self, object: usize) -> bool {
        // SAFETY: a live object.
        unsafe { Type::of(object) }.descends_from(self.of)
    }

    /// Calls `tell` for the frames of the functions that a greenlet is suspended in, innermost first.
    pub(super) fn each_frame(&self, greenlet: usize, mut tell: impl FnMut(usize)) {
        // SAFETY: with the GIL; a live greenlet: its frame as an object of its own, or `None`.
        let object = unsafe { (self.getter)(greenlet, self.closure) };
        if object == 0 {
            // SAFETY: with the GIL.
            api::PyErr_Clear().into_iter().for_each(|clear| unsafe { clear() });
            return;
        }
        if object != api::none() as usize {
            let here = core::ptr::from_ref(&object) as usize;
            let is_on_stack = |frame: &usize| frame.abs_diff(here) < STACK;
            let of_greenlet = frames::from_object(object).take_while(|frame| !is_on_stack(frame));
            of_greenlet.take(DEEPEST).for_each(&mut tell);
        }
        // SAFETY: with the GIL; the greenlet has a reference, too.
        api::Py_DecRef().into_iter().for_each(|release| unsafe { release(object as *mut c_void) });
    }
}

/// The value of a key; `None`: there is none.
fn item(dictionary: *mut c_void, key: &CStr) -> Option<*mut c_void> {
    // SAFETY: with the GIL; a live dictionary, borrowed.
    let value = unsafe { api::PyDict_GetItemString()?(dictionary, key.as_ptr()) };
    (!value.is_null()).then_some(value)
}
