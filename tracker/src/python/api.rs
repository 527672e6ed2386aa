//! The few functions of CPython's C API that the tracker calls, found by name.

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::domains::Allocator;
use super::frames;
use super::layout::Layout;
use super::references::Tracer;

/// A borrowed or owned Python object.
pub(super) type Object = *mut c_void;

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) -> $result:ty;)*) => {
        #[allow(non_camel_case_types, reason = "CPython's own names")]
        #[derive(Clone, Copy)]
        enum Symbol { $($name,)* }

        const NAMES: &[&CStr] = &[$({
            const NAME: &str = concat!(stringify!($name), "\0");
            match CStr::from_bytes_with_nul(NAME.as_bytes()) {
                Ok(name) => name,
                Err(_) => c"",
            }
        },)*];

        static ADDRESS: [AtomicUsize; NAMES.len()] = [const { AtomicUsize::new(0) }; NAMES.len()];

        $(
            /// The function of that name, if the interpreter has it.
            #[allow(non_snake_case, reason = "CPython's own names")]
            pub(super) fn $name() -> Option<unsafe extern "C" fn($($argument),*) -> $result> {
                let address = ADDRESS[Symbol::$name as usize].load(Ordering::Relaxed);
                // SAFETY: the symbol of that name has that type in every version that exports it; 0 is `None`.
                unsafe { core::mem::transmute::<usize, Option<unsafe extern "C" fn($($argument),*) -> $result>>(address) }
            }
        )*
    };
}

functions! {
    Py_GetVersion: fn() -> *const c_char;
    PyObject_Malloc: fn(usize) -> *mut c_void;
    PyMem_GetAllocator: fn(c_int, *mut Allocator) -> ();
    PyMem_SetAllocator: fn(c_int, *mut Allocator) -> ();
    PyInterpreterState_Main: fn() -> *mut c_void;
    PyInterpreterState_Head: fn() -> *mut c_void;
    PyInterpreterState_Next: fn(*mut c_void) -> *mut c_void;
    PyInterpreterState_ThreadHead: fn(*mut c_void) -> *mut c_void;
    PyThreadState_Next: fn(*mut c_void) -> *mut c_void;
    PyGILState_GetThisThreadState: fn() -> usize;
    _PyThreadState_UncheckedGet: fn() -> usize;
    PyThreadState_GetUnchecked: fn() -> usize;
    PySys_AddAuditHook: fn(extern "C" fn(*const c_char, Object, *mut c_void) -> c_int, *mut c_void) -> c_int;
    PyImport_AddModule: fn(*const c_char) -> Object;
    PyImport_ImportModule: fn(*const c_char) -> Object;
    PyImport_GetModuleDict: fn() -> Object;
    PyDict_GetItemString: fn(Object, *const c_char) -> Object;
    PyCFunction_NewEx: fn(*mut c_void, Object, Object) -> Object;
    PyObject_SetAttrString: fn(Object, *const c_char, Object) -> c_int;
    PyObject_GetAttr: fn(Object, Object) -> Object;
    PyObject_CallObject: fn(Object, Object) -> Object;
    PyObject_Call: fn(Object, Object, Object) -> Object;
    PyTuple_New: fn(isize) -> Object;
    PyTuple_GetItem: fn(Object, isize) -> Object;
    PyTuple_SetItem: fn(Object, isize, Object) -> c_int;
    PyLong_FromLongLong: fn(i64) -> Object;
    PyLong_AsLong: fn(Object) -> c_long;
    PyList_Size: fn(Object) -> isize;
    PyList_GetItem: fn(Object, isize) -> Object;
    PyUnicode_InternFromString: fn(*const c_char) -> Object;
    PyUnicode_AsUTF8AndSize: fn(Object, *mut isize) -> *const c_char;
    PyErr_Clear: fn() -> ();
    PyRefTracer_GetTracer: fn(*mut *mut c_void) -> usize;
    PyRefTracer_SetTracer: fn(Tracer, *mut c_void) -> c_int;
    Py_IncRef: fn(Object) -> ();
    Py_IsInitialized: fn() -> c_int;
    PyDict_New: fn() -> Object;
    PyDict_Clear: fn(Object) -> ();
    PyModule_GetDict: fn(Object) -> Object;
    PyType_ClearCache: fn() -> u32;
    PyUnstable_GC_VisitObjects: fn(extern "C" fn(Object, *mut c_void) -> c_int, *mut c_void) -> ();
    PyDict_SetItemString: fn(Object, *const c_char, Object) -> c_int;
    PyRun_String: fn(*const c_char, c_int, Object, Object) -> Object;
    PyEval_GetFrame: fn() -> Object;
    Py_DecRef: fn(Object) -> ();
    Py_AddPendingCall: fn(extern "C" fn(*mut c_void) -> c_int, *mut c_void) -> c_int;
}

/// CPython's version.
pub(super) struct Version {
    major: u8,
    pub minor: u8,
    micro: u8,
    pub free_threaded: bool,
}

impl Version {
    /// As in `PY_VERSION_HEX`, without the release level.
    pub(super) fn hex(&self) -> u32 {
        u32::from(self.major) << 24 | u32::from(self.minor) << 16 | u32::from(self.micro) << 8
    }

    /// Whether it is a Python 3: there are no layouts for others.
    pub(super) fn is_third(&self) -> bool {
        self.major == 3
    }
}

unsafe extern "C" {
    fn dladdr1(
        address: *const c_void,
        info: *mut libc::Dl_info,
        more: *mut *mut c_void,
        flags: c_int,
    ) -> c_int;
}

/// Where the functions are looked for: in the whole process (null, `RTLD_DEFAULT`), or in a library loaded later, which
/// may be hidden from the others.
static LIBRARY: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Looks for the functions in the library that `address` lies in from now on. False: in none.
pub(super) fn look_in(address: usize) -> bool {
    const RTLD_DL_LINKMAP: c_int = 2;
    // SAFETY: all zeros is a valid value of this C struct.
    let mut info: libc::Dl_info = unsafe { core::mem::zeroed() };
    let mut library = core::ptr::null_mut();
    // SAFETY: both places are valid.
    let found = unsafe { dladdr1(address as *const c_void, &mut info, &mut library, RTLD_DL_LINKMAP) };
    // glibc's `dlsym` takes the link map, which is what its `dlopen` gives.
    LIBRARY.store(library, Ordering::Relaxed);
    found != 0 && !library.is_null()
}

fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: the name ends in a 0 byte.
    unsafe { libc::dlsym(LIBRARY.load(Ordering::Relaxed), name.as_ptr()) }
}

/// Looks the functions up. `None`: there is no CPython.
pub(super) fn find() -> Option<Version> {
    for (index, name) in NAMES.iter().enumerate() {
        let address = symbol(name);
        ADDRESS[index].store(address as usize, Ordering::Relaxed);
        if index == 0 && address.is_null() {
            return None;
        }
    }
    // SAFETY: callable before the interpreter is set up; gives a static string.
    let text = unsafe { CStr::from_ptr(Py_GetVersion()?()) }.to_bytes();
    let mut numbers = text.split(|byte| !byte.is_ascii_digit()).map(|digits| {
        digits.iter().fold(0u8, |number, digit| number.wrapping_mul(10).wrapping_add(digit - b'0'))
    });
    Some(Version {
        major: numbers.next()?,
        minor: numbers.next()?,
        micro: numbers.next().unwrap_or(0),
        free_threaded: text.windows(14).any(|window| window == b"free-threading"),
    })
}

/// `None`, borrowed.
pub(super) fn none() -> Object {
    data(c"_Py_NoneStruct") as Object
}

/// The address of something that the interpreter exports; 0 where it is not there.
pub(super) fn data(name: &CStr) -> usize {
    symbol(name) as usize
}

/// Whether the interpreter is set up.
pub(super) fn is_initialized() -> bool {
    // SAFETY: reads a flag, at any time.
    Py_IsInitialized().is_some_and(|is_initialized| unsafe { is_initialized() } != 0)
}

/// An address in the interpreter's code.
pub(super) fn code_address() -> usize {
    PyObject_Malloc().map_or(0, |function| function as usize)
}

pub(super) fn get_allocator(domain: c_int, into: &mut Allocator) {
    if let Some(get) = PyMem_GetAllocator() {
        // SAFETY: a valid domain and place.
        unsafe { get(domain, into) }
    }
}

pub(super) fn set_allocator(domain: c_int, allocator: &mut Allocator) {
    if let Some(set) = PyMem_SetAllocator() {
        // SAFETY: a valid domain and allocator; CPython copies it.
        unsafe { set(domain, allocator) }
    }
}

/// The calling thread's state, whether or not it holds the GIL; 0 without one. `handle`: what `pthread_self` gives.
///
/// The state that holds the GIL is asked for first, where it is this thread's: a subinterpreter's is found that way too.
#[inline(always)]
pub(super) fn thread_state_of(layout: &Layout, handle: usize) -> usize {
    // Its name from 3.13 on, and before.
    let present =
        if layout.minor >= 13 { PyThreadState_GetUnchecked() } else { _PyThreadState_UncheckedGet() };
    if let Some(present) = present {
        // SAFETY: reads one word; up to 3.11 it is the state that holds the GIL, later this thread's own if it does.
        let state = unsafe { present() };
        if state != 0 && (layout.minor >= 12 || is_of(layout, state, handle)) {
            return state;
        }
    }
    // SAFETY: reads a thread-local value; gives null where there is none.
    PyGILState_GetThisThreadState().map_or(0, |own| unsafe { own() })
}

#[inline(always)]
fn is_of(layout: &Layout, state: usize, handle: usize) -> bool {
    // SAFETY: a live thread state, laid out as its version's row says.
    unsafe { frames::word(state + layout.state_thread) == handle }
}

/// The innermost Python frame of the calling thread.
pub(crate) fn top_frame() -> usize {
    frames::top()
}

/// Whether the calling thread holds the GIL, so that the interpreter may be asked.
pub(super) fn holds_gil() -> bool {
    // Its name from 3.13 on, and before.
    let Some(current) = PyThreadState_GetUnchecked().or(_PyThreadState_UncheckedGet()) else {
        return false;
    };
    // SAFETY: reads one word; up to 3.11 it is the state that holds the GIL, later this thread's own if it does.
    let state = unsafe { current() };
    // SAFETY: pthread_self has no preconditions.
    state != 0 && frames::thread_of(state) == unsafe { libc::pthread_self() } as usize
}

/// Calls a method without arguments; the new reference.
///
/// # Safety
/// `object` must be a live object, with the GIL held.
pub(super) unsafe fn call_method(object: Object, name: &CStr) -> Option<Object> {
    // SAFETY: see above.
    unsafe {
        let method = attribute(object, name)?;
        let result = PyObject_CallObject()?(method, core::ptr::null_mut());
        release(method);
        (!result.is_null()).then_some(result)
    }
}

/// The value of an attribute; a new reference.
///
/// The name is the interned string that the program's own code has: the method cache of types keeps the names that it
/// was asked for, found by their address. A string of ours would stay there, in the place of another, until a lookup
/// of the program pushes it out: a block of the program's that goes at a time that no run repeats.
///
/// # Safety
/// `object` must be a live object, with the GIL held.
pub(super) unsafe fn attribute(object: Object, name: &CStr) -> Option<Object> {
    // SAFETY: see above.
    unsafe {
        let name = PyUnicode_InternFromString()?(name.as_ptr());
        if name.is_null() {
            return None;
        }
        let value = PyObject_GetAttr()?(object, name);
        release(name);
        (!value.is_null()).then_some(value)
    }
}

/// Gives back a reference. With the GIL.
pub(super) fn release(object: Object) {
    if let (Some(release), false) = (Py_DecRef(), object.is_null()) {
        // SAFETY: the caller owns the reference.
        unsafe { release(object) }
    }
}

/// Drops a pending exception. With the GIL.
pub(super) fn clear_error() {
    if let Some(clear) = PyErr_Clear() {
        // SAFETY: with the GIL.
        unsafe { clear() }
    }
}
