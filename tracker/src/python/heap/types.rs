//! What the walk needs to know of an object's type: worked out once for each type that is met, from its fields alone.

use core::ffi::CStr;
use core::ptr::null_mut;

use leakgate_capture::ContainerKind;

use super::super::api::{self, Object};
use super::super::objects::Type;
use crate::sys;

/// Flags of a type.
const LIST: usize = 1 << 25;
const TUPLE: usize = 1 << 26;
const DICTIONARY: usize = 1 << 29;
const IS_TYPE: usize = 1 << 31;
/// Those of numbers, texts and the like, none of which is a container.
const OTHERS: usize = 1 << 24 | 1 << 27 | 1 << 28 | 1 << 30 | IS_TYPE;

/// Bytes that a deque has at least, in all versions.
const SMALLEST_DEQUE: usize = 72;
const SMALLEST_CACHE: usize = 104;
/// Bytes of the smallest object that has a descriptor.
const SMALLEST_OPEN: usize = 24;

/// Where the length of a kind of container stands.
const LENGTH: usize = 16;
/// In a set the places in use, those of dead entries included, stand before it.
const SET_LENGTH: usize = 24;

/// What a type's objects are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::python) struct Class(u8);

const KIND: u8 = 7;
const HAS_HEADER: u8 = 1 << 3;
const LAZY: u8 = 1 << 4;
const CACHE: u8 = 1 << 5;

impl Class {
    /// Whether its objects neither refer to anything nor are containers.
    #[inline(always)]
    pub(super) fn is_leaf(self) -> bool {
        self.0 == 0
    }

    /// Whether the collector can track its objects.
    #[inline(always)]
    pub(super) fn has_header(self) -> bool {
        self.0 & HAS_HEADER != 0
    }

    /// Whether the collector stops to track its objects where they refer to nothing that matters to it, though they may
    /// refer to containers that do not: dictionaries and tuples.
    #[inline(always)]
    pub(super) fn is_lazy(self) -> bool {
        self.0 & LAZY != 0
    }

    /// Whether its objects are those of `functools.lru_cache`.
    #[inline(always)]
    pub(in crate::python) fn is_cache(self) -> bool {
        self.0 & CACHE != 0
    }

    /// What its objects are, if they are containers.
    #[inline(always)]
    pub(in crate::python) fn kind(self) -> Option<ContainerKind> {
        match self.0 & KIND {
            0 => None,
            number => ContainerKind::from_number(number.into()),
        }
    }
}

/// Where the length of a container stands in it.
pub(in crate::python) fn length_offset(kind: ContainerKind) -> usize {
    if kind == ContainerKind::Set { SET_LENGTH } else { LENGTH }
}

/// The types that others are compared with; 0: not there. Those of modules are looked for each time: the program may
/// have imported one, or have dropped it.
pub(in crate::python) struct Builtins {
    dictionary: usize,
    tuple: usize,
    /// Bytes of a tuple before its items: since 3.14 one more field stands there.
    tuple_header: usize,
    /// By kind, those that no flag tells.
    kinds: [(usize, ContainerKind); 5],
    cache: usize,
    /// Those of files, sockets and epolls.
    open: [usize; 3],
}

impl Builtins {
    /// With the GIL.
    pub(in crate::python) fn find() -> Builtins {
        use ContainerKind::{Array, ByteArray, Deque, OrderedDictionary, Set};
        let tuple = api::data(c"PyTuple_Type");
        Builtins {
            tuple_header: if tuple == 0 { 0 } else { Type(tuple).basic_size() },
            tuple,
            dictionary: api::data(c"PyDict_Type"),
            kinds: [
                (api::data(c"PySet_Type"), Set),
                (api::data(c"PyByteArray_Type"), ByteArray),
                (api::data(c"PyODict_Type"), OrderedDictionary),
                (of_module(c"_collections", c"deque", c"collections.deque", SMALLEST_DEQUE), Deque),
                (of_module(c"array", c"array", c"array.array", SMALLEST_ARRAY), Array),
            ],
            cache: of_module(
                c"_functools",
                c"_lru_cache_wrapper",
                c"functools._lru_cache_wrapper",
                SMALLEST_CACHE,
            ),
            open: [
                of_module(c"_io", c"FileIO", c"_io.FileIO", SMALLEST_OPEN),
                of_module(c"_socket", c"socket", c"_socket.socket", SMALLEST_OPEN),
                of_module(c"select", c"epoll", c"select.epoll", SMALLEST_OPEN),
            ],
        }
    }

    /// Whether a type's objects have a descriptor as their first field.
    pub(super) fn is_open(&self, of: Type) -> bool {
        self.open.iter().any(|known| *known != 0 && of.descends_from(*known))
    }

    /// Bytes of a tuple before its items.
    pub(super) fn tuple_header(&self) -> usize {
        self.tuple_header
    }

    /// The type of tuples, and the bytes before their items.
    pub(super) fn tuple(&self) -> (usize, usize) {
        (self.tuple, self.tuple_header)
    }

    pub(super) fn classify(&self, of: Type) -> Class {
        let flags = of.flags();
        // Whether an object of a type that decides by itself has a header is not asked: those are types.
        let has_header = of.is_collected() && !of.decides_itself();
        let mut class = if has_header { HAS_HEADER } else { 0 };
        if of.0 == self.dictionary || of.0 == self.tuple {
            class |= LAZY;
        }
        if self.cache != 0
            && flags & (LIST | TUPLE | DICTIONARY | OTHERS) == 0
            && of.descends_from(self.cache)
        {
            class |= CACHE;
        }
        Class(class | self.kind(of, flags).map_or(0, |kind| kind as u8))
    }

    fn kind(&self, of: Type, flags: usize) -> Option<ContainerKind> {
        if flags & LIST != 0 {
            return Some(ContainerKind::List);
        }
        if flags & (TUPLE | OTHERS) != 0 {
            return None;
        }
        let is_of = |(builtin, _): &&(usize, ContainerKind)| *builtin != 0 && of.descends_from(*builtin);
        let found = self.kinds.iter().find(is_of).map(|(_, kind)| *kind);
        if flags & DICTIONARY != 0 { found.or(Some(ContainerKind::Dictionary)) } else { found }
    }
}

const SMALLEST_ARRAY: usize = 48;

/// The type of that name in a module that is imported already; 0: it is not there, or is another.
pub(super) fn of_module(module: &CStr, attribute: &CStr, name: &CStr, smallest: usize) -> usize {
    let found = in_module(module, attribute).unwrap_or(null_mut());
    if found.is_null() {
        api::clear_error();
        return 0;
    }
    // SAFETY: a live object.
    let is_type = unsafe { Type::of(found as usize) }.flags() & IS_TYPE != 0;
    let of = Type(found as usize);
    let is_it = is_type && of.name() == Some(name) && of.basic_size() >= smallest;
    if is_it { of.0 } else { 0 }
}

fn in_module(module: &CStr, attribute: &CStr) -> Option<Object> {
    // SAFETY: with the GIL; all of these are borrowed.
    unsafe {
        let module = api::PyDict_GetItemString()?(api::PyImport_GetModuleDict()?(), module.as_ptr());
        if module.is_null() {
            return None;
        }
        let names = api::PyModule_GetDict()?(module);
        (!names.is_null()).then_some(())?;
        Some(api::PyDict_GetItemString()?(names, attribute.as_ptr()))
    }
}

/// Types met, each at one place by its address: one that takes another's place is classified once more.
const PLACES: usize = 2048;
const CLASS_BITS: u32 = 8;

/// The classes of the types that were met. For one walk only: types may die afterwards.
pub(super) struct Types<'a> {
    builtins: &'a Builtins,
    /// Address of the type and, in the lowest bits, its class.
    places: *mut u64,
}

impl<'a> Types<'a> {
    /// `None`: no memory could be had.
    pub(super) fn new(builtins: &'a Builtins) -> Option<Self> {
        Some(Types { builtins, places: sys::map(PLACES * 8)?.cast() })
    }

    /// Bytes of a tuple before its items.
    pub(super) fn tuple_header(&self) -> usize {
        self.builtins.tuple_header
    }

    /// The class of an object.
    ///
    /// # Safety
    /// `object` must be a live object.
    #[inline(always)]
    pub(super) unsafe fn of(&self, object: usize) -> Class {
        // SAFETY: the caller's promise.
        let of = unsafe { Type::of(object) };
        let place = (of.0 >> 4 ^ of.0 >> 15) & (PLACES - 1);
        // SAFETY: there are that many places.
        let known = unsafe { self.places.add(place).read() };
        if known >> CLASS_BITS == of.0 as u64 { Class(known as u8) } else { self.meet(of, place) }
    }

    #[cold]
    #[inline(never)]
    fn meet(&self, of: Type, place: usize) -> Class {
        let class = self.builtins.classify(of);
        // SAFETY: as above.
        unsafe { self.places.add(place).write((of.0 as u64) << CLASS_BITS | u64::from(class.0)) };
        class
    }
}

impl Drop for Types<'_> {
    fn drop(&mut self) {
        sys::unmap(self.places.cast(), PLACES * 8);
    }
}
