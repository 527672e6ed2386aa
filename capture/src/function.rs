//! The allocating functions and the domain each belongs to.

/// What kind of memory a function hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// The C heap.
    Heap,
    /// CPython's mem domain.
    PythonMemory,
    /// CPython's object domain.
    PythonObject,
    /// Anonymous mappings that are or were writable.
    Anonymous,
    /// Mappings of files.
    File,
    /// Address space without access.
    Reserved,
}

impl Domain {
    /// Whether blocks of this domain count as the process's own memory.
    pub const fn counts(self) -> bool {
        !matches!(self, Domain::File | Domain::Reserved)
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $domain:ident;)*) => {
        /// An allocating function; the value is its number in a site record.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Function {
            $($(#[$doc])* $variant = $number,)*
        }

        impl Function {
            /// All functions, in the order of their numbers.
            pub const ALL: &'static [Function] = &[$(Function::$variant,)*];

            /// The function with this number.
            pub const fn from_number(number: u8) -> Option<Function> {
                match number {
                    $($number => Some(Function::$variant),)*
                    _ => None,
                }
            }

            /// Its name as a C programmer writes it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Function::$variant => $name,)*
                }
            }

            /// What it hands out.
            pub const fn domain(self) -> Domain {
                match self {
                    $(Function::$variant => Domain::$domain,)*
                }
            }
        }
    };
}

functions! {
    /// `malloc`.
    Malloc = 1, "malloc", Heap;
    /// `calloc`.
    Calloc = 2, "calloc", Heap;
    /// `realloc`.
    Realloc = 3, "realloc", Heap;
    /// `reallocarray`.
    ReallocArray = 4, "reallocarray", Heap;
    /// `memalign`.
    Memalign = 5, "memalign", Heap;
    /// `posix_memalign`.
    PosixMemalign = 6, "posix_memalign", Heap;
    /// `aligned_alloc`.
    AlignedAlloc = 7, "aligned_alloc", Heap;
    /// `valloc`.
    Valloc = 8, "valloc", Heap;
    /// `pvalloc`.
    Pvalloc = 9, "pvalloc", Heap;
    /// `PyMem_Malloc`.
    PyMemMalloc = 16, "PyMem_Malloc", PythonMemory;
    /// `PyMem_Calloc`.
    PyMemCalloc = 17, "PyMem_Calloc", PythonMemory;
    /// `PyMem_Realloc`.
    PyMemRealloc = 18, "PyMem_Realloc", PythonMemory;
    /// `PyObject_Malloc`.
    PyObjectMalloc = 24, "PyObject_Malloc", PythonObject;
    /// `PyObject_Calloc`.
    PyObjectCalloc = 25, "PyObject_Calloc", PythonObject;
    /// `PyObject_Realloc`.
    PyObjectRealloc = 26, "PyObject_Realloc", PythonObject;
    /// An anonymous `mmap` that is writable, or was made so.
    MmapAnonymous = 32, "mmap", Anonymous;
    /// `brk` and `sbrk` called by the program itself.
    Brk = 33, "brk", Anonymous;
    /// An `mmap` of a file.
    MmapFile = 40, "mmap (file)", File;
    /// An anonymous `mmap` without access.
    MmapReserved = 48, "mmap (reserved)", Reserved;
}
