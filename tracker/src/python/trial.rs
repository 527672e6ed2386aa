//! A trial before any stack is recorded: three functions that call each other, the walk compared with what the interpreter
//! itself says about the same frames: code objects, lines and names.

use core::ffi::{CStr, c_char, c_int};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use super::agent::{self, Method, NOARGS};
use super::api::{self, Object, attribute, release};
use super::{RawFrame, frames, text};

/// Lines that go back and forth, and a call that goes over several. ASCII only: for another name CPython imports a module.
const SOURCE: &CStr = c"\
def first():
    return (second(
        1,
        2))

def second(a, b):
    def third(): return compare()
    return third()
first()
";
/// `Py_file_input`.
const FILE_INPUT: c_int = 257;
/// Frames of the trial itself.
const OWN: usize = 4;
/// The minor version since which a code object knows its qualified name.
const FIRST_WITH_QUALIFIED: u8 = 11;

static COMPARE: Method = Method {
    name: c"compare".as_ptr(),
    function: Some(compare),
    flags: NOARGS,
    doc: c"compares stacks".as_ptr(),
};
static AGREED: AtomicBool = AtomicBool::new(false);

/// Whether the stack that is read is the interpreter's. With the GIL, once.
pub(super) fn goes_well() -> bool {
    if run().is_none() {
        api::clear_error();
    }
    AGREED.load(Ordering::Relaxed)
}

fn run() -> Option<()> {
    // SAFETY: with the GIL; the functions take and give what their documentation says.
    unsafe {
        let definition = core::ptr::from_ref(&COMPARE).cast_mut().cast();
        let function = api::PyCFunction_NewEx()?(definition, null_mut(), null_mut());
        let names = api::PyDict_New()?();
        if function.is_null() || names.is_null() {
            return None;
        }
        api::PyDict_SetItemString()?(names, c"compare".as_ptr(), function);
        let result = api::PyRun_String()?(SOURCE.as_ptr(), FILE_INPUT, names, names);
        // The functions refer to the names that they are in.
        api::PyDict_Clear()?(names);
        [names, function, result].into_iter().for_each(release);
        (!result.is_null()).then_some(())
    }
}

unsafe extern "C" fn compare(_: Object, _: Object) -> Object {
    let mut walked = [RawFrame { code: 0, position: 0 }; OWN + 1];
    let (depth, _) = frames::collect(0, &mut walked);
    // SAFETY: with the GIL, called by the trial's innermost function.
    let agrees = depth >= OWN && unsafe { agree(&walked[..depth]) } == Some(true);
    AGREED.store(agrees, Ordering::Relaxed);
    api::clear_error();
    agent::none()
}

/// Whether the calling thread's frames are these, innermost first: the trial's own, and the one that it was begun in.
///
/// # Safety
/// With the GIL.
unsafe fn agree(walked: &[RawFrame]) -> Option<bool> {
    // SAFETY: with the GIL; a frame is borrowed from the thread that runs it.
    unsafe {
        let mut frame = api::PyEval_GetFrame()?();
        api::Py_IncRef()?(frame);
        for raw in &walked[..OWN] {
            let is_same = !frame.is_null() && frame != api::none() && is_frame(frame, raw) == Some(true);
            let caller = if is_same { attribute(frame, c"f_back") } else { None };
            release(frame);
            frame = caller?;
        }
        let agrees = match walked.get(OWN) {
            None => frame == api::none(),
            Some(raw) => frame != api::none() && has_code(frame, raw) == Some(true),
        };
        release(frame);
        Some(agrees)
    }
}

/// # Safety
/// With the GIL; `frame` is a live frame object.
unsafe fn has_code(frame: Object, raw: &RawFrame) -> Option<bool> {
    // SAFETY: see above.
    let code = unsafe { attribute(frame, c"f_code") }?;
    release(code);
    Some(code as usize == raw.code)
}

/// # Safety
/// With the GIL; `frame` is a live frame object.
unsafe fn is_frame(frame: Object, raw: &RawFrame) -> Option<bool> {
    // SAFETY: see above.
    unsafe {
        let code = attribute(frame, c"f_code")?;
        let line = attribute(frame, c"f_lineno")?;
        let at = api::PyLong_AsLong()?(line);
        let named = if frames::layout().minor >= FIRST_WITH_QUALIFIED { c"co_qualname" } else { c"co_name" };
        let has_name = is_text(code, named, frames::code_name(raw.code));
        let has_file = is_text(code, c"co_filename", frames::code_file(raw.code));
        let is_same = code as usize == raw.code
            && at == i64::from(frames::line(raw))
            && has_name == Some(true)
            && has_file == Some(true);
        release(line);
        release(code);
        Some(is_same)
    }
}

/// Whether an attribute that is a string reads as the string at an address does; `None` if there is no such attribute.
///
/// # Safety
/// With the GIL; `object` is a live object.
unsafe fn is_text(object: Object, name: &CStr, address: usize) -> Option<bool> {
    let mut read = [0u8; 64];
    // SAFETY: see above; the text lives as long as the string.
    unsafe {
        let Some(value) = attribute(object, name) else {
            api::clear_error();
            return None;
        };
        let mut length = 0;
        let data: *const c_char = api::PyUnicode_AsUTF8AndSize()?(value, &mut length);
        let told = (!data.is_null()).then(|| core::slice::from_raw_parts(data.cast::<u8>(), length as usize));
        // Only addresses that are the attribute's own are read: another may be anything.
        let same = value as usize == address && told == Some(read_into(address, &mut read));
        release(value);
        Some(same)
    }
}

fn read_into(address: usize, into: &mut [u8; 64]) -> &[u8] {
    let length = text::read(address, into);
    &into[..length]
}
