//! The names that Python has for its threads.

use leakgate_capture::{WAITED_FOR, WAITED_NOT, WAITED_UNKNOWN};

use super::api::{
    self, Object, PyDict_GetItemString, PyImport_GetModuleDict, PyList_GetItem, PyList_Size, PyLong_AsLong,
    PyUnicode_AsUTF8AndSize, attribute, call_method, clear_error, release,
};
use super::{frames, text};
use crate::thread;

/// Gives the threads of `threading` their names. With the GIL; errors are dropped.
pub(super) fn of_all_threads() {
    if each_thread().is_none() {
        clear_error();
    }
}

fn each_thread() -> Option<()> {
    // SAFETY: with the GIL, the functions take and give what their documentation says; the list is borrowed from only
    // while it is held.
    unsafe {
        let threading = PyDict_GetItemString()?(PyImport_GetModuleDict()?(), c"threading".as_ptr());
        if threading.is_null() {
            return Some(());
        }
        let list = call_method(threading, c"enumerate")?;
        for index in 0..PyList_Size()?(list) {
            let each = PyList_GetItem()?(list, index);
            if name_thread(each).is_none() {
                clear_error();
            }
        }
        release(list);
    }
    Some(())
}

/// # Safety
/// `object` must be a live object, with the GIL held.
unsafe fn name_thread(object: Object) -> Option<()> {
    // SAFETY: see above.
    unsafe {
        let id = attribute(object, c"native_id")?;
        let tid = PyLong_AsLong()?(id);
        release(id);
        // One that is about to start has none yet.
        if tid < 0 {
            return None;
        }
        with_name(object, |name| thread::name_by_tid(tid as u32, name))
    }
}

/// Calls `take` with the name of a `Thread`.
///
/// # Safety
/// `object` must be a live object, with the GIL held.
unsafe fn with_name(object: Object, take: impl FnOnce(&[u8])) -> Option<()> {
    // SAFETY: see above; the text lives until its reference is given back.
    unsafe {
        let text = attribute(object, c"_name")?;
        let mut length = 0;
        let data = PyUnicode_AsUTF8AndSize()?(text, &mut length);
        let is_text = !data.is_null();
        if is_text {
            take(core::slice::from_raw_parts(data.cast::<u8>(), length as usize));
        }
        release(text);
        is_text.then_some(())
    }
}

/// Writes the name of the thread that this one is about to start, if it is in `Thread.start`; the bytes written, and
/// whether the program will wait for it, as one of the `WAITED_` values.
pub(super) fn of_starting_thread(into: &mut [u8]) -> Option<(usize, u32)> {
    if !api::holds_gil() {
        return None;
    }
    let (function, own) = frames::top_function()?;
    if own == 0 || !is_start(function.code) {
        return None;
    }
    let mut written = 0;
    // SAFETY: with the GIL; the first argument of a method that runs is a live object.
    let found = unsafe {
        with_name(own as Object, |name| {
            written = name.len().min(into.len());
            into[..written].copy_from_slice(&name[..written]);
        })
    };
    // SAFETY: as above.
    let waited = found.and_then(|()| unsafe { is_daemon(own as Object) });
    if waited.is_none() {
        clear_error();
    }
    let waited = match waited {
        Some(true) => WAITED_NOT,
        Some(false) => WAITED_FOR,
        None => WAITED_UNKNOWN,
    };
    found.map(|()| (written, waited))
}

/// # Safety
/// `object` must be a live object, with the GIL held.
unsafe fn is_daemon(object: Object) -> Option<bool> {
    // SAFETY: see above.
    unsafe {
        let flag = attribute(object, c"_daemonic")?;
        let number = PyLong_AsLong()?(flag);
        release(flag);
        (number >= 0).then_some(number != 0)
    }
}

/// Whether a code object is that of `Thread.start`.
fn is_start(code: usize) -> bool {
    let mut buffer = [0; 2048];
    let length = text::read(frames::code_name(code), &mut buffer);
    if !matches!(&buffer[..length], b"start" | b"Thread.start") {
        return false;
    }
    let length = text::read(frames::code_file(code), &mut buffer);
    buffer[..length].ends_with(b"/threading.py")
}
