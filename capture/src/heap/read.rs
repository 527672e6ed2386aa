//! Decoding a snapshot. Nothing in a file makes it panic, or take more memory than the file's own length allows.

use alloc::vec::Vec;

use super::{
    FLAG_BLOCK, FLAG_DESCRIPTOR, FLAG_LENGTH, FLAG_OWNED, HEAD_LEN, HEAP_MAGIC, HEAP_VERSION, HeapHead,
    Label, NAME_ARGUMENT, NAME_TYPE, NodeKind, ROOT_CONTEXT, ROOT_FRAME, ROOT_LOCAL, ROOT_MAYBE,
    ROOT_MODULES, ROOT_OWN, ROOT_STATIC_TYPE, ROOT_THREAD, TEXT_CUT, unfold,
};
use crate::read::ReadError;

/// A snapshot as it stands in its file; columns by object, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct HeapFile {
    /// The head.
    pub head: HeapHead,
    /// Addresses.
    pub addresses: Vec<u64>,
    /// What they are.
    pub kinds: Vec<NodeKind>,
    /// `FLAG_` bits.
    pub flags: Vec<u8>,
    /// Ids of their types.
    pub types: Vec<u32>,
    /// Reference counts.
    pub references: Vec<u32>,
    /// Bytes of their blocks, and of those that they own.
    pub bytes: Vec<u64>,
    /// Sites of their blocks.
    pub sites: Vec<u32>,
    /// Sites of the blocks that they own.
    pub filled: Vec<u32>,
    /// Lengths; `u64::MAX`: none.
    pub lengths: Vec<u64>,
    /// Descriptors of those that are open, by object.
    pub descriptors: Vec<(u32, u32)>,
    /// Where the references of each begin; one more than there are objects.
    pub starts: Vec<u32>,
    /// Ids of what is referred to.
    pub to: Vec<u32>,
    /// By what name.
    pub labels: Vec<Label>,
    /// Texts of strings, by the string's id: the bytes, and whether they are cut.
    pub texts: Vec<(u32, Vec<u8>, bool)>,
    /// Names of types.
    pub type_names: Vec<(u32, Vec<u8>)>,
    /// Strings that name objects: the object, `NAME_…`, the string.
    pub names: Vec<(u32, u8, u32)>,
    /// What holds objects from outside.
    pub roots: Vec<HeapRoot>,
}

/// What holds an object from outside; `ROOT_…` says what the fields are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the constants of the same names tell")]
pub enum HeapRoot {
    Modules(u32),
    StaticType(u32),
    Frame { thread: u32, function: u32, file: u32, line: u32, is_own: bool },
    Local { node: u32, name: Option<u32> },
    Thread { thread: u32, node: u32 },
    Maybe(u32),
    Own(u32),
    Context { thread: u32, node: u32 },
}

const CUT_SHORT: ReadError = ReadError::Corrupt("a heap snapshot is cut short");
const NO_OBJECT: ReadError = ReadError::Corrupt("a heap snapshot names an object that is not there");
const BAD_NUMBER: ReadError = ReadError::Corrupt("a heap snapshot has a number that cannot be");

/// Bytes that an object takes in the file at least.
const LEAST: u64 = 6;

/// Decodes a snapshot.
///
/// # Errors
/// See [`ReadError`].
pub fn file(bytes: &[u8]) -> Result<HeapFile, ReadError> {
    let head = head(bytes)?;
    let mut streams = [&bytes[..0]; 4];
    let mut at = HEAD_LEN;
    for (stream, length) in streams.iter_mut().zip(head.bytes) {
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length)).ok_or(CUT_SHORT)?;
        let found = bytes.len() as u64;
        *stream = bytes.get(at..end).ok_or(ReadError::Truncated { needed: end as u64, found })?;
        at = end;
    }
    if head.nodes > head.bytes[0] / LEAST || head.nodes > u64::from(u32::MAX) || head.edges > head.bytes[0] {
        return Err(BAD_NUMBER);
    }
    let mut file = HeapFile { head, ..HeapFile::default() };
    let [nodes, texts, names, roots] = streams;
    read_nodes(&mut Stream(nodes), &mut file)?;
    read_texts(&mut Stream(texts), &mut file)?;
    read_names(&mut Stream(names), &mut file)?;
    read_roots(&mut Stream(roots), &mut file)?;
    Ok(file)
}

/// Decodes the head.
///
/// # Errors
/// See [`ReadError`].
pub fn head(bytes: &[u8]) -> Result<HeapHead, ReadError> {
    let found = bytes.len() as u64;
    if bytes.get(..8) != Some(&HEAP_MAGIC) {
        return Err(ReadError::NotACapture);
    }
    let short = ReadError::Truncated { needed: HEAD_LEN as u64, found };
    let bytes = bytes.get(..HEAD_LEN).ok_or(short)?;
    let small = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let large = |at: usize| u64::from(small(at)) | u64::from(small(at + 4)) << 32;
    if small(8) != HEAP_VERSION {
        return Err(ReadError::Version(small(8)));
    }
    Ok(HeapHead {
        magic: HEAP_MAGIC,
        version: HEAP_VERSION,
        pid: small(12),
        sequence: small(16),
        number: small(20),
        checkpoint: small(24),
        python: small(28),
        notes: small(32),
        unused: 0,
        nodes: large(40),
        edges: large(48),
        left_out: large(56),
        bytes: [large(64), large(72), large(80), large(88)],
        took_ns: large(96),
        memory: large(104),
    })
}

struct Stream<'a>(&'a [u8]);

impl<'a> Stream<'a> {
    #[inline(always)]
    fn number(&mut self) -> Result<u64, ReadError> {
        match self.0 {
            [byte, rest @ ..] if *byte < 128 => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, ReadError> {
        let mut number = 0;
        for (index, byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 127) << (index * 7);
            if *byte < 128 {
                self.0 = &self.0[index + 1..];
                return Ok(number);
            }
        }
        Err(CUT_SHORT)
    }

    fn small(&mut self) -> Result<u32, ReadError> {
        u32::try_from(self.number()?).map_err(|_| BAD_NUMBER)
    }

    /// An object of those that there are.
    fn object(&mut self, nodes: u64) -> Result<u32, ReadError> {
        let id = self.number()?;
        if id < nodes { Ok(id as u32) } else { Err(NO_OBJECT) }
    }

    fn bytes(&mut self, length: u64) -> Result<&'a [u8], ReadError> {
        let length = usize::try_from(length).map_err(|_| BAD_NUMBER)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }
}

fn read_nodes(stream: &mut Stream, file: &mut HeapFile) -> Result<(), ReadError> {
    let count = file.head.nodes as usize;
    reserve(file, count);
    let mut address = 0u64;
    for id in 0..count {
        let flags = stream.number()?;
        let kind = NodeKind::from_number(stream.number()?).ok_or(BAD_NUMBER)?;
        address = address.wrapping_add(unfold(stream.number()?) as u64);
        file.flags.push(flags as u8);
        file.kinds.push(kind);
        file.addresses.push(address << 3);
        file.types.push(stream.object(file.head.nodes)?);
        file.references.push(stream.small()?);
        let mut pair = |bit: u64| -> Result<(u64, u32), ReadError> {
            if flags & bit == 0 { Ok((0, 0)) } else { Ok((stream.number()?, stream.small()?)) }
        };
        let (own, site) = pair(FLAG_BLOCK)?;
        let (owned, filled) = pair(FLAG_OWNED)?;
        file.bytes.push(own.saturating_add(owned));
        file.sites.push(site);
        file.filled.push(filled);
        file.lengths.push(if flags & FLAG_LENGTH == 0 { u64::MAX } else { stream.number()? });
        if flags & FLAG_DESCRIPTOR != 0 {
            file.descriptors.push((id as u32, stream.small()?));
        }
        file.starts.push(file.to.len() as u32);
        read_edges(stream, file, id)?;
    }
    file.starts.push(file.to.len() as u32);
    if file.to.len() as u64 != file.head.edges || !stream.0.is_empty() {
        return Err(BAD_NUMBER);
    }
    Ok(())
}

fn reserve(file: &mut HeapFile, count: usize) {
    file.flags.reserve_exact(count);
    file.kinds.reserve_exact(count);
    file.addresses.reserve_exact(count);
    file.types.reserve_exact(count);
    file.references.reserve_exact(count);
    file.bytes.reserve_exact(count);
    file.sites.reserve_exact(count);
    file.filled.reserve_exact(count);
    file.lengths.reserve_exact(count);
    file.starts.reserve_exact(count + 1);
    file.to.reserve_exact(file.head.edges as usize);
    file.labels.reserve_exact(file.head.edges as usize);
}

fn read_edges(stream: &mut Stream, file: &mut HeapFile, id: usize) -> Result<(), ReadError> {
    loop {
        let label = match stream.number()? {
            0 => return Ok(()),
            number => Label::decode(number - 1).ok_or(BAD_NUMBER)?,
        };
        let to = (id as i64).wrapping_add(unfold(stream.number()?)) as u64;
        let is_there = |object: u32| u64::from(object) < file.head.nodes;
        let names_object = match label {
            Label::Attribute(object)
            | Label::Key(object)
            | Label::KeyObject(object)
            | Label::Variable(object) => is_there(object),
            _ => true,
        };
        if to >= file.head.nodes || !names_object || file.to.len() as u64 >= file.head.edges {
            return Err(NO_OBJECT);
        }
        file.to.push(to as u32);
        file.labels.push(label);
    }
}

fn read_texts(stream: &mut Stream, file: &mut HeapFile) -> Result<(), ReadError> {
    while !stream.0.is_empty() {
        let id = stream.object(file.head.nodes)?;
        let length = stream.number()?;
        let bytes = stream.bytes(length & (TEXT_CUT - 1))?;
        file.texts.push((id, bytes.to_vec(), length & TEXT_CUT != 0));
    }
    Ok(())
}

fn read_names(stream: &mut Stream, file: &mut HeapFile) -> Result<(), ReadError> {
    while !stream.0.is_empty() {
        let id = stream.object(file.head.nodes)?;
        match stream.number()? {
            NAME_TYPE => {
                let length = stream.number()?;
                file.type_names.push((id, stream.bytes(length)?.to_vec()));
            }
            kind @ ..=NAME_ARGUMENT => {
                let string = stream.object(file.head.nodes)?;
                file.names.push((id, kind as u8, string));
            }
            _ => return Err(BAD_NUMBER),
        }
    }
    Ok(())
}

fn read_roots(stream: &mut Stream, file: &mut HeapFile) -> Result<(), ReadError> {
    let nodes = file.head.nodes;
    while !stream.0.is_empty() {
        let root = match stream.number()? {
            ROOT_MODULES => HeapRoot::Modules(stream.object(nodes)?),
            ROOT_STATIC_TYPE => HeapRoot::StaticType(stream.object(nodes)?),
            ROOT_FRAME => HeapRoot::Frame {
                thread: stream.small()?,
                function: stream.object(nodes)?,
                file: stream.object(nodes)?,
                line: stream.small()?,
                is_own: stream.number()? != 0,
            },
            ROOT_LOCAL => {
                let node = stream.object(nodes)?;
                let name = stream.number()?.checked_sub(1);
                if name.is_some_and(|name| name >= nodes) {
                    return Err(NO_OBJECT);
                }
                HeapRoot::Local { node, name: name.map(|name| name as u32) }
            }
            ROOT_THREAD => HeapRoot::Thread { thread: stream.small()?, node: stream.object(nodes)? },
            ROOT_MAYBE => HeapRoot::Maybe(stream.object(nodes)?),
            ROOT_OWN => HeapRoot::Own(stream.object(nodes)?),
            ROOT_CONTEXT => HeapRoot::Context { thread: stream.small()?, node: stream.object(nodes)? },
            _ => return Err(BAD_NUMBER),
        };
        file.roots.push(root);
    }
    Ok(())
}
