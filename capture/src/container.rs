//! The records of containers: lists, dictionaries and the like that grew while the process was looked at.
//!
//! A container has a record from the moment at which it was seen to have grown. Its lengths are a stream of their own.

/// What a container is; the value is the number in a record. Objects of subclasses are what their builtin base is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum ContainerKind {
    /// `list`
    List = 1,
    /// `dict`
    Dictionary = 2,
    /// `set`
    Set = 3,
    /// `collections.deque`
    Deque = 4,
    /// `bytearray`
    ByteArray = 5,
    /// `collections.OrderedDict`
    OrderedDictionary = 6,
    /// `array.array`
    Array = 7,
}

impl ContainerKind {
    /// All kinds.
    pub const ALL: [ContainerKind; 7] = [
        ContainerKind::List,
        ContainerKind::Dictionary,
        ContainerKind::Set,
        ContainerKind::Deque,
        ContainerKind::ByteArray,
        ContainerKind::OrderedDictionary,
        ContainerKind::Array,
    ];

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<ContainerKind> {
        ContainerKind::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// A container that grew. Records are written whole before they are counted; afterwards only `bound` and `gone` change.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct ContainerRecord {
    /// 0: address of the object.
    pub address: u64,
    /// 8: the length that it never exceeds (`deque.maxlen`, the `maxsize` of the cache that a dictionary is of); -1: none. Below
    /// that: an attribute of what holds it says that it does not exceed -1 minus this.
    pub bound: i64,
    /// 16: the site that made it; 0: not known.
    pub site: u32,
    /// 20: string id of its type's name, with the module: `collections.deque`.
    pub type_name: u32,
    /// 24: ordinal of the checkpoint at which it was there no more; 0: it lives.
    pub gone: u32,
    /// 28: [`ContainerKind`].
    pub kind: u32,
}

/// The largest length that an attribute is believed to say of a container.
pub const LARGEST_SAID: i64 = 1_000_000;

/// A length of a container, where it is not what it was before.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct LengthRecord {
    /// 0: container id.
    pub container: u32,
    /// 4: ordinal of the checkpoint after which it was read, among those of kinds 0–4 and from 1 on. Of one container
    /// they never fall; of two that are equal the later record holds.
    pub checkpoint: u32,
    /// 8: entries; bytes of a `bytearray`.
    pub length: u64,
}

const _: () = assert!(size_of::<ContainerRecord>() == 32);
const _: () = assert!(size_of::<LengthRecord>() == 16);
