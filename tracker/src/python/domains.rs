//! CPython's MEM and OBJ domains through `PyMem_SetAllocator`. RAW goes through `malloc` and is seen there.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use leakgate_capture::Function;

use super::{agent, api, asked, references};
use crate::hooks::call;
use crate::modules;

const MEM: i32 = 1;
const OBJ: i32 = 2;

/// `PyMemAllocatorEx`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Allocator {
    context: *mut u8,
    malloc: Option<extern "C" fn(*mut u8, usize) -> usize>,
    calloc: Option<extern "C" fn(*mut u8, usize, usize) -> usize>,
    realloc: Option<extern "C" fn(*mut u8, usize, usize) -> usize>,
    free: Option<extern "C" fn(*mut u8, usize)>,
}

const NONE: Allocator =
    Allocator { context: core::ptr::null_mut(), malloc: None, calloc: None, realloc: None, free: None };

/// What the domains had before: written while the interpreter is set up, read by the hooks.
struct Originals(UnsafeCell<[Allocator; 2]>);

// SAFETY: written before the hooks that read it are set, or by the same thread under the interpreter's lock.
unsafe impl Sync for Originals {}

static ORIGINAL: Originals = Originals(UnsafeCell::new([NONE; 2]));

const HOOKS: [Allocator; 2] = [
    Allocator {
        context: core::ptr::null_mut(),
        malloc: Some(mem_malloc),
        calloc: Some(mem_calloc),
        realloc: Some(mem_realloc),
        free: Some(mem_free),
    },
    Allocator {
        context: core::ptr::null_mut(),
        malloc: Some(object_malloc),
        calloc: Some(object_calloc),
        realloc: Some(object_realloc),
        free: Some(object_free),
    },
];

/// Puts the hooks before both domains, unless they are there. A domain that somebody else hooked since then is left
/// alone: their hook calls ours, and ours must not call theirs.
pub(super) fn hook() {
    for (index, domain) in [MEM, OBJ].into_iter().enumerate() {
        let mut present = NONE;
        api::get_allocator(domain, &mut present);
        let at = address(present.malloc);
        let is_first = original(index).malloc.is_none();
        let ours = [HOOKS[index].malloc, UNTIL_READY.malloc, LISTENING[index].malloc];
        let is_ours = ours.into_iter().any(|hook| at == address(hook));
        if is_ours || present.free.is_none() {
            continue;
        }
        if !is_first && !modules::is_interpreter(at) {
            continue;
        }
        // SAFETY: see `Originals`.
        unsafe { (*ORIGINAL.0.get())[index] = present };
        let mut hook = HOOKS[index];
        api::set_allocator(domain, &mut hook);
    }
}

/// Whether the interpreter is about to put an allocator that is asked for by name in the place of the hooks.
static IS_REPLACED: AtomicBool = AtomicBool::new(false);

/// The interpreter was asked for an allocator by name.
pub(super) fn expect_replacement() {
    IS_REPLACED.store(true, Ordering::Relaxed);
}

/// Puts the hooks in place again after the interpreter has chosen its allocator.
pub(super) fn hook_again() {
    IS_REPLACED.store(false, Ordering::Relaxed);
    hook();
}

/// Whether a mapping, made by the code at `caller`, is one that the interpreter takes objects from: outside of the hooks it
/// makes none but its first, after it has put its allocator in their place. They are put in place again at once.
#[inline(always)]
pub(crate) fn maps_for_objects(caller: usize) -> bool {
    IS_REPLACED.load(Ordering::Relaxed) && maps_first(caller)
}

#[cold]
#[inline(never)]
fn maps_first(caller: usize) -> bool {
    let is_meant = modules::is_interpreter(caller);
    if is_meant {
        hook_again();
    }
    is_meant
}

/// Whether `UNTIL_READY` was put in place and has not seen the interpreter ready.
static WAITING: AtomicBool = AtomicBool::new(false);

/// As `OBJ`'s hook, and asks at each allocation whether the interpreter is ready.
const UNTIL_READY: Allocator = Allocator { malloc: Some(malloc_until_ready), ..HOOKS[1] };

/// Puts the hooks in place in an interpreter that is being set up, and begins with the rest when it is ready.
pub(super) fn hook_until_ready() {
    hook();
    let mut present = NONE;
    api::get_allocator(OBJ, &mut present);
    if address(present.malloc) == address(HOOKS[1].malloc) {
        let mut hook = UNTIL_READY;
        api::set_allocator(OBJ, &mut hook);
        WAITING.store(true, Ordering::Relaxed);
    }
}

/// Whether the interpreter was never seen ready because others took the place of the hooks.
pub(super) fn were_replaced() -> bool {
    let mut present = NONE;
    if !WAITING.load(Ordering::Relaxed) {
        return false;
    }
    api::get_allocator(OBJ, &mut present);
    address(present.malloc) != address(UNTIL_READY.malloc)
}

extern "C" fn malloc_until_ready(context: *mut u8, size: usize) -> usize {
    if api::is_initialized() {
        let mut hook = HOOKS[1];
        api::set_allocator(OBJ, &mut hook);
        WAITING.store(false, Ordering::Relaxed);
        agent::uncounted(agent::begin);
    }
    object_malloc(context, size)
}

/// As the hooks, and look at each allocation whether something is asked from outside. In both domains, and where a block
/// only grows: a list whose head comes from a free list allocates no object.
const LISTENING: [Allocator; 2] = [
    Allocator { malloc: Some(mem_malloc_listening), realloc: Some(mem_realloc_listening), ..HOOKS[0] },
    Allocator { malloc: Some(object_malloc_listening), realloc: Some(object_realloc_listening), ..HOOKS[1] },
];

/// Looks from now on whether something is asked, unless somebody else hooked the domain. With the GIL.
pub(super) fn listen() {
    for (index, domain) in [MEM, OBJ].into_iter().enumerate() {
        let mut present = NONE;
        api::get_allocator(domain, &mut present);
        if address(present.malloc) == address(HOOKS[index].malloc) {
            let mut hook = LISTENING[index];
            api::set_allocator(domain, &mut hook);
        }
    }
}

macro_rules! listening {
    ($malloc:ident $real_malloc:ident, $realloc:ident $real_realloc:ident) => {
        extern "C" fn $malloc(context: *mut u8, size: usize) -> usize {
            asked::look();
            $real_malloc(context, size)
        }

        extern "C" fn $realloc(context: *mut u8, old: usize, size: usize) -> usize {
            asked::look();
            $real_realloc(context, old, size)
        }
    };
}

listening!(mem_malloc_listening mem_malloc, mem_realloc_listening mem_realloc);
listening!(object_malloc_listening object_malloc, object_realloc_listening object_realloc);

fn address(malloc: Option<extern "C" fn(*mut u8, usize) -> usize>) -> usize {
    malloc.map_or(0, |malloc| malloc as usize)
}

#[inline(always)]
fn original(index: usize) -> &'static Allocator {
    // SAFETY: see `Originals`.
    unsafe { &(&*ORIGINAL.0.get())[index] }
}

#[inline(always)]
fn handed_out<const INDEX: usize>(block: usize) -> usize {
    if INDEX == 1 {
        references::handed_out(block);
    }
    block
}

macro_rules! domain {
    ($index:literal, $malloc:ident $Malloc:ident, $calloc:ident $Calloc:ident, $realloc:ident $Realloc:ident, $free:ident) => {
        extern "C" fn $malloc(_: *mut u8, size: usize) -> usize {
            let real = original($index);
            handed_out::<$index>(call::python(size, Function::$Malloc, || {
                real.malloc.map_or(0, |malloc| malloc(real.context, size))
            }))
        }

        extern "C" fn $calloc(_: *mut u8, count: usize, size: usize) -> usize {
            let real = original($index);
            let total = count.saturating_mul(size);
            handed_out::<$index>(call::python(total, Function::$Calloc, || {
                real.calloc.map_or(0, |calloc| calloc(real.context, count, size))
            }))
        }

        extern "C" fn $realloc(_: *mut u8, old: usize, size: usize) -> usize {
            let real = original($index);
            handed_out::<$index>(call::reallocated(old, size, (Function::$Realloc, 0), || {
                real.realloc.map_or(0, |realloc| realloc(real.context, old, size))
            }))
        }

        extern "C" fn $free(_: *mut u8, block: usize) {
            let real = original($index);
            call::freed(block, || {
                if let Some(free) = real.free {
                    free(real.context, block);
                }
            });
        }
    };
}

domain!(0, mem_malloc PyMemMalloc, mem_calloc PyMemCalloc, mem_realloc PyMemRealloc, mem_free);
domain!(1, object_malloc PyObjectMalloc, object_calloc PyObjectCalloc, object_realloc PyObjectRealloc, object_free);
