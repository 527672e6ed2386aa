//! CPython 3.8 to 3.12: dead lists, dictionaries and tuples are really freed, instead of being kept for the next one.
//!
//! CPython keeps the blocks of exact lists, dictionaries and tuples and hands them to the next such object without a
//! call of an allocator: the object would carry the line that made the one before. It keeps a block only if the type
//! of the dead object is exactly the builtin one, and asks that last of all. So a dying object is given a twin of its
//! type: the same in all bytes but its address. Nobody can see it: the object is referred to by nothing any more, and
//! leaves the collector's lists before anything else of it is taken apart.
//!
//! Later versions tell when a block is handed out again: see `references`.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::objects::{TYPE, TYPE_DEALLOC, TYPE_FREE};
use super::{api, dictionaries};

/// Bytes of `PyTypeObject` that every one of these versions has: all that a deallocation reads is in them.
const TYPE_BYTES: usize = 408;

/// A builtin type whose objects CPython would keep.
struct Kind {
    /// Address of the type; 0: left alone.
    real: AtomicUsize,
    /// Its own deallocator.
    original: AtomicUsize,
    twin: Twin,
}

#[repr(C, align(16))]
struct Twin(UnsafeCell<[u8; TYPE_BYTES]>);

// SAFETY: written while the interpreter is set up, on its only thread; read by the interpreter afterwards.
unsafe impl Sync for Twin {}

/// Index of the dictionaries.
const DICTIONARY: usize = 1;

static KINDS: [Kind; 3] = [const {
    Kind {
        real: AtomicUsize::new(0),
        original: AtomicUsize::new(0),
        twin: Twin(UnsafeCell::new([0; TYPE_BYTES])),
    }
}; 3];

/// Puts the wrappers before the deallocators. The types are static data of the interpreter: this may come before it is
/// set up, and does, so that nothing is ever kept.
pub(super) fn begin() {
    let types = [c"PyList_Type", c"PyDict_Type", c"PyTuple_Type"].map(api::data);
    let wrappers = [deallocate::<0>, deallocate::<1>, deallocate::<2>];
    for ((kind, real), wrapper) in KINDS.iter().zip(types).zip(wrappers) {
        if real != 0 {
            wrap(kind, real, wrapper as *const () as usize);
        }
    }
}

fn wrap(kind: &Kind, real: usize, wrapper: usize) {
    let slot = (real + TYPE_DEALLOC) as *mut usize;
    // SAFETY: a builtin type, which is static data of the interpreter: laid out so in each of these versions.
    let (original, free) = unsafe { (slot.read(), ((real + TYPE_FREE) as *const usize).read()) };
    if original == 0 || free == 0 || original == wrapper {
        return;
    }
    kind.original.store(original, Ordering::Relaxed);
    kind.real.store(real, Ordering::Relaxed);
    renew(kind);
    // SAFETY: as above; nobody else writes the slot of a builtin type.
    unsafe { slot.write(wrapper) };
}

/// Copies the types again: the interpreter has filled them in since.
pub(super) fn arm() {
    KINDS.iter().filter(|kind| kind.real.load(Ordering::Relaxed) != 0).for_each(renew);
}

fn renew(kind: &Kind) {
    let twin = kind.twin.0.get().cast::<u8>();
    let real = kind.real.load(Ordering::Relaxed) as *const u8;
    // SAFETY: the type has at least that many bytes, and so has its twin; see `Twin` for who else is there.
    unsafe {
        // Around the deallocator's slot, in which the twin must always have the original: the trash can, which takes
        // deep nests apart, compares it and calls it.
        twin.copy_from_nonoverlapping(real, TYPE_DEALLOC);
        let behind = TYPE_DEALLOC + size_of::<usize>();
        twin.add(behind).copy_from_nonoverlapping(real.add(behind), TYPE_BYTES - behind);
        twin.add(TYPE_DEALLOC).cast::<usize>().write(kind.original.load(Ordering::Relaxed));
    }
}

extern "C" fn deallocate<const KIND: usize>(object: usize) {
    let kind = &KINDS[KIND];
    let slot = (object + TYPE) as *mut usize;
    // SAFETY: a dying object, of which this thread is the only user: its header names a live type.
    let of_object = unsafe { slot.read() };
    // SAFETY: a dictionary, or an object of a subclass, that dies.
    if KIND == DICTIONARY && unsafe { is_spared(object) } {
        // Left as it is: what watches it may see it once more.
    } else if of_object == kind.real.load(Ordering::Relaxed) {
        // SAFETY: as above.
        unsafe { slot.write(kind.twin.0.get() as usize) };
    } else {
        restore_inherited(of_object, deallocate::<KIND> as *const () as usize, kind);
    }
    let original = kind.original.load(Ordering::Relaxed);
    // SAFETY: the type's own deallocator, which was stored before this function could be called.
    let original = unsafe { core::mem::transmute::<usize, extern "C" fn(usize)>(original) };
    original(object);
}

/// Whether a dying dictionary must be left as it is; otherwise its table will be freed.
///
/// # Safety
/// `object` must be a dictionary that nothing refers to any more.
#[inline(always)]
unsafe fn is_spared(object: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let spared = dictionaries::is_watched(object);
        if !spared {
            dictionaries::free_table(object);
        }
        spared
    }
}

/// A subclass made in C without a deallocator has taken over the wrapper from its base. It gets what it would have
/// taken over without us: the trash can compares that, too.
fn restore_inherited(of_object: usize, wrapper: usize, kind: &Kind) {
    let slot = (of_object + TYPE_DEALLOC) as *mut usize;
    // SAFETY: a live type. Others may read the slot at the same time: what they read does the same either way.
    unsafe {
        if slot.read() == wrapper {
            slot.write_volatile(kind.original.load(Ordering::Relaxed));
        }
    }
}
