//! What runs inside the interpreter: the audit hook that tells when the user's code starts, and the builtin module
//! `_leakgate`, which freezes sites at checkpoints and at the interpreter's end.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use super::api::{self, Object};
use super::{containers, domains, frames, heap, names, program, references, snapshots, text};
use crate::checkpoint::{Frozen, Moment};
use crate::{bill, checkpoint, containers as lengths, thread};

static REHOOKED: AtomicBool = AtomicBool::new(false);
static INSTALLED: AtomicBool = AtomicBool::new(false);

const VARARGS: c_int = 1;
pub(super) const NOARGS: c_int = 4;
const KIND_EXIT: u32 = 4;

/// `PyMethodDef`.
#[repr(C)]
pub(super) struct Method {
    pub(super) name: *const c_char,
    pub(super) function: Option<unsafe extern "C" fn(Object, Object) -> Object>,
    pub(super) flags: c_int,
    pub(super) doc: *const c_char,
}

// SAFETY: points at static text and functions only.
unsafe impl Sync for Method {}

macro_rules! method {
    ($name:literal, $function:ident, $flags:ident, $doc:literal) => {
        Method { name: $name.as_ptr(), function: Some($function), flags: $flags, doc: $doc.as_ptr() }
    };
}

static METHODS: [Method; 7] = [
    method!(c"call", call, VARARGS, c"call(function, args, kwargs): calls it with its allocations counted"),
    method!(
        c"checkpoint",
        take,
        VARARGS,
        c"checkpoint(kind, iteration, fds=-1, threads=-1, collected=0): freezes all sites"
    ),
    method!(
        c"containers",
        look,
        NOARGS,
        c"containers(): looks at all live containers; those that grew are watched from now on"
    ),
    method!(
        c"snapshot",
        snapshot,
        NOARGS,
        c"snapshot(): writes all live objects and their references into the capture; its number, or None"
    ),
    method!(
        c"forked_snapshot",
        forked_snapshot,
        NOARGS,
        c"forked_snapshot(): as snapshot(), by a copy of the process; less than 0: the signal that ended the copy"
    ),
    method!(
        c"suppress",
        suppress,
        NOARGS,
        c"suppress(): this thread's allocations are not counted from now on"
    ),
    method!(c"exit", exit, NOARGS, c"exit(): the interpreter is about to be torn down"),
];

/// Registers for the events that tell where the interpreter is. Before it is set up.
pub(super) fn begin() {
    if let Some(add) = api::PySys_AddAuditHook() {
        // SAFETY: legal before the interpreter is set up; the function lives for ever.
        unsafe { add(audit, null_mut()) };
    }
}

extern "C" fn audit(event: *const c_char, arguments: Object, _: *mut c_void) -> c_int {
    if !REHOOKED.swap(true, Ordering::Relaxed) {
        // An allocator named by the environment replaced the hooks while the interpreter was configured.
        domains::hook_again();
    }
    if INSTALLED.load(Ordering::Relaxed) {
        references::check();
        return 0;
    }
    // SAFETY: CPython passes the event's name, a C string.
    let event = unsafe { CStr::from_ptr(event) }.to_bytes();
    let is_start = event.starts_with(b"cpython.run_") || is_start_of_embedded(event, arguments);
    if is_start && !INSTALLED.swap(true, Ordering::Relaxed) {
        uncounted(|| {
            if install().is_none() {
                api::clear_error();
            }
        });
        super::arm();
    }
    0
}

/// Whether a program that embeds the interpreter begins to use it, which no event tells: something is compiled, executed
/// or imported from outside of Python, and is not what the interpreter itself imports before the user's code.
fn is_start_of_embedded(event: &[u8], arguments: Object) -> bool {
    const OWN: [&[u8]; 4] = [b"site", b"warnings", b"readline", b"rlcompleter"];
    if !matches!(event, b"compile" | b"exec" | b"import") || !api::is_initialized() {
        return false;
    }
    if event != b"import" {
        return frames::is_idle() || is_importing();
    }
    if !frames::is_idle() {
        return false;
    }
    // SAFETY: the arguments of an event are a live tuple; that of an import has the module's name first.
    let name = api::PyTuple_GetItem().map_or(null_mut(), |item| unsafe { item(arguments, 0) });
    let mut text = [0; 64];
    let length = text::read(name as usize, &mut text);
    !OWN.contains(&&text[..length])
}

/// Whether nothing but the import system itself runs. Up to 3.14 that is so while the interpreter imports `site`, too;
/// later it is ready after that only, and an import from outside of Python has no event of its own.
fn is_importing() -> bool {
    frames::is_ready_after_site()
        && frames::all_files(|file| {
            let mut text = [0; 32];
            let length = text::read(file, &mut text);
            text[..length].starts_with(b"<frozen importlib")
        })
}

/// Runs `f` with this thread's allocations not counted.
pub(super) fn uncounted<T>(f: impl FnOnce() -> T) -> T {
    with_suppressed(1, f)
}

fn with_suppressed<T>(suppressed: u32, f: impl FnOnce() -> T) -> T {
    let before = thread::current().map(|thread| core::mem::replace(&mut thread.suppressed, suppressed));
    let result = f();
    if let (Some(thread), Some(before)) = (thread::current(), before) {
        thread.suppressed = before;
    }
    result
}

/// Makes the module, and has `exit` called when the interpreter ends: last of all such functions, as it is the first.
fn install() -> Option<()> {
    // SAFETY: with the GIL; the functions take and give what their documentation says.
    unsafe {
        let module = make_module(c"_leakgate", &METHODS)?;
        program::install()?;
        let atexit = api::PyImport_ImportModule()?(c"atexit".as_ptr());
        if atexit.is_null() {
            return None;
        }
        let register = api::attribute(atexit, c"register")?;
        let arguments = api::PyTuple_New()?(1);
        api::PyTuple_SetItem()?(arguments, 0, api::attribute(module, c"exit")?);
        api::release(api::PyObject_CallObject()?(register, arguments));
        api::release(arguments);
        api::release(register);
        api::release(atexit);
    }
    Some(())
}

/// Makes a builtin module of these functions; it is borrowed.
pub(super) fn make_module(name: &CStr, methods: &'static [Method]) -> Option<Object> {
    // SAFETY: with the GIL; the functions take and give what their documentation says.
    unsafe {
        let module = api::PyImport_AddModule()?(name.as_ptr());
        if module.is_null() {
            return None;
        }
        for method in methods {
            let definition = core::ptr::from_ref(method).cast_mut().cast();
            let function = api::PyCFunction_NewEx()?(definition, null_mut(), null_mut());
            if function.is_null() {
                return None;
            }
            api::PyObject_SetAttrString()?(module, method.name, function);
            api::release(function);
        }
        Some(module)
    }
}

unsafe extern "C" fn suppress(_: Object, _: Object) -> Object {
    if let Some(thread) = thread::current() {
        thread.suppressed = 1;
    }
    none()
}

unsafe extern "C" fn call(_: Object, arguments: Object) -> Object {
    references::check();
    let floor = api::top_frame();
    let before = thread::current().map(|thread| core::mem::replace(&mut thread.floor, floor));
    // SAFETY: with the GIL; `arguments` is the tuple of the call.
    let result = with_suppressed(0, || unsafe { call_with(arguments) }.unwrap_or(null_mut()));
    if let (Some(thread), Some(before)) = (thread::current(), before) {
        thread.floor = before;
    }
    result
}

/// # Safety
/// `arguments` must be a live tuple, with the GIL held.
unsafe fn call_with(arguments: Object) -> Option<Object> {
    // SAFETY: see above; items are borrowed from the tuple, which the caller holds.
    unsafe {
        let item = api::PyTuple_GetItem()?;
        let (function, positional, named) = (item(arguments, 0), item(arguments, 1), item(arguments, 2));
        if function.is_null() || positional.is_null() || named.is_null() {
            return None;
        }
        Some(api::PyObject_Call()?(function, positional, named))
    }
}

/// Freezes all sites, reads the lengths of containers that are watched, and takes the bill.
pub(super) fn freeze(moment: &Moment) -> Frozen {
    references::check();
    let frozen = checkpoint::take(moment);
    lengths::read_lengths();
    bill::after_checkpoint(moment.kind, moment.iteration);
    frozen
}

unsafe extern "C" fn take(_: Object, arguments: Object) -> Object {
    // SAFETY: with the GIL; `arguments` is the tuple of the call.
    unsafe { take_with(arguments) }.unwrap_or(null_mut())
}

/// # Safety
/// `arguments` must be a live tuple, with the GIL held.
unsafe fn take_with(arguments: Object) -> Option<Object> {
    names::of_all_threads();
    // SAFETY: see above; a missing or wrong item leaves an exception, which the caller passes on.
    unsafe {
        let item = api::PyTuple_GetItem()?;
        let as_long = api::PyLong_AsLong()?;
        let mut numbers = [-1; 5];
        for (index, number) in numbers.iter_mut().enumerate() {
            let given = item(arguments, index as isize);
            match (given.is_null(), index) {
                (false, _) => *number = as_long(given),
                (true, 0 | 1) => return None,
                (true, _) => api::clear_error(),
            }
        }
        let [kind, iteration, fds, threads, collected] = numbers;
        let moment = Moment {
            kind: kind as u32,
            iteration: iteration as u32,
            fds: fds as u32,
            threads: threads as u32,
            collected: collected.max(0) as u64,
        };
        let frozen = freeze(&moment);
        let result = api::PyTuple_New()?(3);
        for (index, figure) in [frozen.bytes, frozen.blocks, frozen.window_peak].into_iter().enumerate() {
            api::PyTuple_SetItem()?(result, index as isize, api::PyLong_FromLongLong()?(figure));
        }
        Some(result)
    }
}

unsafe extern "C" fn look(_: Object, _: Object) -> Object {
    let count = uncounted(containers::look);
    // SAFETY: with the GIL.
    api::PyLong_FromLongLong().map_or(null_mut(), |number| unsafe { number(count as i64) })
}

pub(super) unsafe extern "C" fn snapshot(_: Object, _: Object) -> Object {
    integer_or_none(uncounted(heap::take_snapshot).map(i64::from))
}

unsafe extern "C" fn forked_snapshot(_: Object, _: Object) -> Object {
    integer_or_none(uncounted(heap::take_forked_snapshot))
}

fn integer_or_none(number: Option<i64>) -> Object {
    match (number, api::PyLong_FromLongLong()) {
        // SAFETY: with the GIL.
        (Some(number), Some(make)) => unsafe { make(number) },
        _ => none(),
    }
}

/// The interpreter's end: garbage is collected, so that what is left is retained, and all sites are frozen.
unsafe extern "C" fn exit(_: Object, _: Object) -> Object {
    references::end();
    if collect().is_none() {
        api::clear_error();
    }
    uncounted(names::of_all_threads);
    freeze(&Moment::of(KIND_EXIT, 0));
    snapshots::at_exit();
    none()
}

/// Whether the program's garbage collector is switched on.
pub(super) fn collects_itself() -> bool {
    let ask = || {
        // SAFETY: with the GIL; the functions take and give what their documentation says.
        unsafe {
            let gc = api::PyImport_ImportModule()?(c"gc".as_ptr());
            if gc.is_null() {
                return None;
            }
            let answer = api::call_method(gc, c"isenabled");
            api::release(gc);
            let answer = answer?;
            let is_on = api::PyLong_AsLong()?(answer) != 0;
            api::release(answer);
            Some(is_on)
        }
    };
    uncounted(ask).unwrap_or_else(|| {
        api::clear_error();
        false
    })
}

/// `gc.collect()` until nothing more is freed, at most three times. How many objects it freed in all.
pub(super) fn collect() -> Option<u64> {
    collect_at_most(3)
}

/// `gc.collect()` until nothing more is freed, at most so many times, silent whatever the program set. How many objects it
/// freed in all.
pub(super) fn collect_at_most(times: u32) -> Option<u64> {
    // SAFETY: with the GIL; the functions take and give what their documentation says.
    unsafe {
        let gc = uncounted(|| api::PyImport_ImportModule().map(|import| import(c"gc".as_ptr())))?;
        if gc.is_null() {
            return None;
        }
        let debug = uncounted(|| api::call_method(gc, c"get_debug"))?;
        set_debug(gc, api::PyLong_FromLongLong()?(0));
        let mut all = 0;
        for _ in 0..times {
            // The name by which it is looked up is not the program's: caches of the interpreter's may keep it.
            let method = uncounted(|| api::attribute(gc, c"collect"))?;
            let freed = api::PyObject_CallObject()?(method, null_mut());
            api::release(method);
            if freed.is_null() {
                return None;
            }
            let count = api::PyLong_AsLong()?(freed);
            api::release(freed);
            if count == 0 {
                break;
            }
            all += count.max(0) as u64;
        }
        set_debug(gc, debug);
        api::release(gc);
        Some(all)
    }
}

/// Sets the collector's debugging flags; takes over the reference to `flags`.
///
/// # Safety
/// With the GIL; `gc` is the module, `flags` an int.
unsafe fn set_debug(gc: Object, flags: Object) {
    let set = || {
        // SAFETY: see above.
        unsafe {
            let set = api::attribute(gc, c"set_debug")?;
            let arguments = api::PyTuple_New()?(1);
            api::PyTuple_SetItem()?(arguments, 0, flags);
            api::release(api::PyObject_CallObject()?(set, arguments));
            api::release(arguments);
            api::release(set);
        }
        Some(())
    };
    uncounted(set);
}

/// A new reference to `None`.
pub(super) fn none() -> Object {
    let none = api::none();
    if let Some(keep) = api::Py_IncRef() {
        // SAFETY: with the GIL; None is a live object.
        unsafe { keep(none) };
    }
    none
}
