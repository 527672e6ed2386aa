//! The heap snapshot: a file of its own beside the process's file, `heap-PID-N-NUMBER.lgh`, written whole under another
//! name and renamed, so that half of one is never read.
//!
//! Little-endian. A head of [`HEAD_LEN`] bytes, then four streams one after the other, whose lengths the head tells.
//! Numbers in them are LEB128 varints; a signed one is folded ([`fold`]). An object's id is its place in the first stream.
//!
//! ```text
//! nodes   for each object: flags, kind, address / 8 less that of the node before (folded), id of its type, reference count
//!           [FLAG_BLOCK: bytes, site]  [FLAG_OWNED: bytes of blocks that it owns, site of the largest]  [FLAG_LENGTH: length]
//!           [FLAG_DESCRIPTOR: descriptor]
//!         its references: label + 1, id of the other less its own (folded); after the last one a 0
//! texts   id of a string, or of an integer or bytes in a key, length, bytes (UTF-8); [`TEXT_CUT`] is added to the length of one that is cut
//! names   id of an object, what names it (`NAME_…`), then the string's id, or for a type a length and the bytes
//! roots   what it is (`ROOT_…`), then what `RootKind` says
//! ```
//!
//! A label is its kind in the lowest [`LABEL_BITS`] bits, and above them a number: see [`Label`].

#[cfg(feature = "read")]
pub mod read;

/// First eight bytes of a snapshot.
pub const HEAP_MAGIC: [u8; 8] = *b"LEAKHEAP";
/// The version that this crate writes and reads.
pub const HEAP_VERSION: u32 = 2;
/// Bytes of the head.
pub const HEAD_LEN: usize = 128;
/// Most bytes of a text.
pub const LONGEST_TEXT: usize = 120;
/// Added to the length of a text that was longer.
pub const TEXT_CUT: u64 = 1 << 16;

/// The head of a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct HeapHead {
    /// [`HEAP_MAGIC`].
    pub magic: [u8; 8],
    /// [`HEAP_VERSION`].
    pub version: u32,
    /// Process id.
    pub pid: u32,
    /// Number in the name of the process's file.
    pub sequence: u32,
    /// Number of this snapshot in its process, from 1.
    pub number: u32,
    /// The checkpoint after which it was taken, counted from 1; 0: before the first.
    pub checkpoint: u32,
    /// CPython's version, as in the process's file.
    pub python: u32,
    /// `HEAP_` bits.
    pub notes: u32,
    /// Unused.
    pub unused: u32,
    /// Objects.
    pub nodes: u64,
    /// References.
    pub edges: u64,
    /// References to objects that are left out because there are too many.
    pub left_out: u64,
    /// Bytes of the four streams.
    pub bytes: [u64; 4],
    /// Nanoseconds that it took.
    pub took_ns: u64,
    /// Bytes of memory that it took.
    pub memory: u64,
}

const _: () = assert!(size_of::<HeapHead>() <= HEAD_LEN);

/// Objects are left out: too many, or no memory for them.
pub const HEAP_CUT: u32 = 1;
/// The process has sub-interpreters, whose objects are not in it.
pub const HEAP_SUBINTERPRETERS: u32 = 2;

/// The object never dies.
pub const FLAG_IMMORTAL: u64 = 1;
/// Its block was there at an earlier snapshot.
pub const FLAG_OLD: u64 = 1 << 1;
/// Bytes and site of its block follow.
pub const FLAG_BLOCK: u64 = 1 << 2;
/// Bytes and site of blocks that it owns follow.
pub const FLAG_OWNED: u64 = 1 << 3;
/// Its length follows.
pub const FLAG_LENGTH: u64 = 1 << 4;
/// The collector tracks it.
pub const FLAG_TRACKED: u64 = 1 << 5;
/// It is a file, a socket or the like that is open: its descriptor follows.
pub const FLAG_DESCRIPTOR: u64 = 1 << 6;

/// What an object is, as far as that matters to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NodeKind {
    /// Anything else.
    Other = 0,
    /// `list`, and what is built on it; so with the others.
    List = 1,
    /// `tuple`.
    Tuple = 2,
    /// `dict`.
    Dictionary = 3,
    /// `set`.
    Set = 4,
    /// `collections.deque`.
    Deque = 5,
    /// `bytearray`.
    ByteArray = 6,
    /// `array.array`.
    Array = 7,
    /// `collections.OrderedDict`.
    OrderedDictionary = 8,
    /// A type.
    Type = 9,
    /// A module.
    Module = 10,
    /// A function written in Python.
    Function = 11,
    /// A cell of a closure.
    Cell = 12,
    /// A frame.
    Frame = 13,
    /// A code object.
    Code = 14,
    /// `functools.lru_cache`'s wrapper.
    Cache = 15,
    /// `str`.
    Text = 16,
    /// A weak reference.
    WeakReference = 17,
    /// A bound method.
    Method = 18,
    /// `frozenset`.
    FrozenSet = 19,
    /// A context variable.
    ContextVariable = 20,
    /// A file, a socket or an epoll of the interpreter's own.
    Descriptor = 21,
}

impl NodeKind {
    /// All, by number.
    pub const ALL: [NodeKind; 22] = [
        NodeKind::Other,
        NodeKind::List,
        NodeKind::Tuple,
        NodeKind::Dictionary,
        NodeKind::Set,
        NodeKind::Deque,
        NodeKind::ByteArray,
        NodeKind::Array,
        NodeKind::OrderedDictionary,
        NodeKind::Type,
        NodeKind::Module,
        NodeKind::Function,
        NodeKind::Cell,
        NodeKind::Frame,
        NodeKind::Code,
        NodeKind::Cache,
        NodeKind::Text,
        NodeKind::WeakReference,
        NodeKind::Method,
        NodeKind::FrozenSet,
        NodeKind::ContextVariable,
        NodeKind::Descriptor,
    ];

    /// The kind of that number.
    pub fn from_number(number: u64) -> Option<NodeKind> {
        NodeKind::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// Bits of a label that are its kind.
pub const LABEL_BITS: u32 = 4;

/// By what name an object refers to another; see [`Label::encode`] for the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Label {
    /// Not known.
    #[default]
    None,
    /// The attribute that the string of this id names.
    Attribute(u32),
    /// The value of a dictionary under a key that is the string of this id.
    Key(u32),
    /// The item at this place.
    Item(u32),
    /// The value of a dictionary under a key that is another object, of this id.
    KeyObject(u32),
    /// A key of a dictionary.
    DictionaryKey,
    /// An element of a set.
    Element,
    /// The variable that the string of this id names.
    Variable(u32),
    /// One of a fixed list.
    Known(Known),
}

macro_rules! known {
    ($($name:ident = $text:literal,)*) => {
        /// References whose name is always the same.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Known {
            $(#[doc = $text] $name,)*
        }

        impl Known {
            /// All, by number.
            pub const ALL: &'static [Known] = &[$(Known::$name,)*];

            /// As Python calls it.
            pub fn text(self) -> &'static str {
                match self { $(Known::$name => $text,)* }
            }
        }
    };
}

known! {
    Dictionary = "__dict__",
    Class = "__class__",
    Closure = "__closure__",
    Defaults = "__defaults__",
    KeywordDefaults = "__kwdefaults__",
    Code = "__code__",
    Globals = "__globals__",
    Builtins = "__builtins__",
    Name = "__name__",
    QualifiedName = "__qualname__",
    Module = "__module__",
    Documentation = "__doc__",
    Annotations = "__annotations__",
    Contents = "cell_contents",
    Itself = "__self__",
    Function = "__func__",
    Wrapped = "__wrapped__",
    Cache = "cache",
    Callback = "__callback__",
    Base = "__base__",
    Bases = "__bases__",
    Order = "__mro__",
    Subclasses = "__subclasses__",
    Constants = "co_consts",
    Names = "co_names",
    Weak = "__weakref__",
    Filename = "co_filename",
    TypeCache = "tp_cache",
    CodeName = "co_name",
    LocalNames = "co_varnames",
    FreeNames = "co_freevars",
    CellNames = "co_cellvars",
    Lines = "co_linetable",
    Exceptions = "co_exceptiontable",
    Slots = "__slots__",
    Instructions = "co_code",
    Arguments = "args",
    Notes = "__notes__",
    Traceback = "__traceback__",
    Cause = "__cause__",
    Context = "__context__",
    RaisedIn = "tb_frame",
    RaisedBelow = "tb_next",
    ArrayBase = "base",
    Getter = "fget",
    Setter = "fset",
    Deleter = "fdel",
}

impl Label {
    /// Its number in the file.
    #[inline(always)]
    pub fn encode(self) -> u64 {
        let (kind, number) = match self {
            Label::None => (0, 0),
            Label::Attribute(text) => (1, text),
            Label::Key(text) => (2, text),
            Label::Item(index) => (3, index),
            Label::KeyObject(object) => (4, object),
            Label::DictionaryKey => (5, 0),
            Label::Element => (6, 0),
            Label::Variable(text) => (7, text),
            Label::Known(known) => (8, known as u32),
        };
        u64::from(number) << LABEL_BITS | kind
    }

    /// The label of a number. `None`: there is none.
    pub fn decode(number: u64) -> Option<Label> {
        let payload = u32::try_from(number >> LABEL_BITS).ok()?;
        Some(match number & ((1 << LABEL_BITS) - 1) {
            0 => Label::None,
            1 => Label::Attribute(payload),
            2 => Label::Key(payload),
            3 => Label::Item(payload),
            4 => Label::KeyObject(payload),
            5 => Label::DictionaryKey,
            6 => Label::Element,
            7 => Label::Variable(payload),
            8 => Label::Known(*Known::ALL.get(payload as usize)?),
            _ => return None,
        })
    }
}

/// The object is a type: its name with its module, as bytes.
pub const NAME_TYPE: u64 = 0;
/// A module, function or context variable: its (qualified) name, a string.
pub const NAME_OBJECT: u64 = 1;
/// The module that a function was defined in, a string.
pub const NAME_MODULE: u64 = 2;
/// A cell: the variable, a string.
pub const NAME_VARIABLE: u64 = 3;
/// A function: the name of one more argument that has a default, a string.
pub const NAME_ARGUMENT: u64 = 4;

/// The dictionary of all modules: its id.
pub const ROOT_MODULES: u64 = 1;
/// A type that is not an object of the heap: its id.
pub const ROOT_STATIC_TYPE: u64 = 3;
/// A running function, which the locals that follow are of: number of the thread, id of the string of its name and of
/// its file, line, and whether it is leakgate's own.
pub const ROOT_FRAME: u64 = 4;
/// A local variable of the last running function: id of the object, and of the string of its name, plus 1; 0: none.
pub const ROOT_LOCAL: u64 = 5;
/// A dictionary of a thread's own values: number of the thread, id of the object.
pub const ROOT_THREAD: u64 = 6;
/// An object that the stack of a running function's values may hold: its id. Not counted as a reference.
pub const ROOT_MAYBE: u64 = 7;
/// Objects that are leakgate's own: its id.
pub const ROOT_OWN: u64 = 8;
/// The context variables of a thread: number of the thread, id of the object.
pub const ROOT_CONTEXT: u64 = 9;

/// A signed number, so that small ones stay small.
#[inline(always)]
pub fn fold(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// The number that was folded.
#[inline(always)]
pub fn unfold(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
