//! Reading a file: everything is checked against the file's length, nothing panics on any bytes.

mod bills;
mod containers;
mod news;
mod now;
mod sites;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::{
    CHECKPOINT_MARK, CHUNK, CheckpointEntry, CheckpointRecord, ContainerRecord, ForeignRecord, FrameRecord,
    HEADER_LEN, LengthRecord, MAGIC, MAX_CHUNKS, MAX_SITES, ModuleRecord, NodeRecord, Section, VERSION,
};

pub use bills::{Bill, Running, running};
pub use news::{Follow, Grown, News};
pub use now::{Now, now};
pub use sites::SiteEntry;
use sites::site;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// It does not start as a capture does.
    NotACapture,
    /// It was written by another version.
    Version(u32),
    /// It ends before what its header counts.
    Truncated {
        /// Bytes that the header counts.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A value that no tracker writes.
    Corrupt(&'static str),
    /// The tracker had not finished setting the file up.
    NotStarted,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::NotACapture => f.write_str("it is not a capture (no LEAKGATE at its start)"),
            ReadError::Version(found) => {
                write!(f, "it has format version {found}; this program reads version {VERSION}")
            }
            ReadError::Truncated { needed, found } => {
                write!(f, "it is truncated: {needed} bytes are needed, {found} are there")
            }
            ReadError::Corrupt(what) => write!(f, "it is damaged: {what}"),
            ReadError::NotStarted => f.write_str("the process ended before recording began"),
        }
    }
}

impl core::error::Error for ReadError {}

/// One frozen moment, sites that changed since the previous one only (all sites for [`crate::KIND_PEAK`]).
#[derive(Debug, Clone)]
pub struct Moment {
    /// The head.
    pub head: CheckpointRecord,
    /// Its entries.
    pub entries: Vec<CheckpointEntry>,
}

/// A thread, without the space kept for later.
#[derive(Debug, Clone, Default)]
pub struct ThreadEntry {
    /// Kernel thread id.
    pub tid: u32,
    /// Threads that used this record one after the other.
    pub used: u32,
    /// Name.
    pub name: String,
    /// Requests by size class.
    pub histogram: Vec<u64>,
    /// Whether it runs; not known of the first.
    pub runs: bool,
    /// The site whose stack is where it was started; 0 where that is not known.
    pub started: u32,
    /// One of the `WAITED_` values.
    pub waited: u32,
}

/// The header's fields that a reader uses.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// One of the `STATE_` values.
    pub state: u32,
    /// Process id.
    pub pid: u32,
    /// Parent's process id.
    pub parent: u32,
    /// Milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Highest peak of an earlier window.
    pub best_peak: i64,
    /// The tracker's own bytes.
    pub tracker_bytes: u64,
    /// Lost events.
    pub lost: u64,
    /// `NOTE_` bits.
    pub notes: u32,
    /// Interpreter's version; 0 without one.
    pub python: u32,
    /// Bytes inherited at a fork.
    pub inherited_bytes: u64,
    /// Blocks inherited at a fork.
    pub inherited_blocks: u64,
    /// Process and file number of the process that it was forked from; process 0: it was not.
    pub origin: (u32, u32),
    /// Sites below this id hold inherited blocks only.
    pub inherited_sites: u32,
    /// Number in the file's name.
    pub sequence: u32,
    /// The command line.
    pub command: Vec<String>,
}

/// A whole file, decoded.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// The header.
    pub head: Head,
    /// Sites; index is the site id, 0 unused.
    pub sites: Vec<SiteEntry>,
    /// Stack tree; index is the stack id. A node's caller always has a smaller id.
    pub nodes: Vec<NodeRecord>,
    /// Frames; index is the frame id.
    pub frames: Vec<FrameRecord>,
    /// Threads; index is the thread id.
    pub threads: Vec<ThreadEntry>,
    /// Executable mappings, in the order in which they were seen.
    pub modules: Vec<ModuleRecord>,
    /// Checkpoints, in order.
    pub moments: Vec<Moment>,
    /// Bills, in order.
    pub bills: Vec<Bill>,
    /// Containers that grew; index is the container id, 0 unused.
    pub containers: Vec<ContainerRecord>,
    /// Their lengths, in order.
    pub lengths: Vec<LengthRecord>,
    strings: Vec<u8>,
}

impl File {
    /// The text of a string id; empty where the id is not one.
    pub fn string(&self, id: u32) -> Cow<'_, str> {
        let start = id as usize * 4;
        let text = u32_at(&self.strings, start)
            .and_then(|length| self.strings.get(start + 4..(start + 4).checked_add(length as usize)?));
        String::from_utf8_lossy(text.unwrap_or_default())
    }
}

/// How many bytes of a file its header counts; the rest was reserved ahead. `None`: it is not a capture.
pub fn used_bytes(bytes: &[u8]) -> Option<usize> {
    let chunks = u32_at(bytes, 80)? as usize;
    (bytes.get(..8)? == MAGIC && u32_at(bytes, 8)? == VERSION && chunks <= MAX_CHUNKS)
        .then(|| chunks.max(2) * CHUNK)
}

/// Decodes a file.
///
/// # Errors
/// See [`ReadError`].
pub fn file(bytes: &[u8]) -> Result<File, ReadError> {
    // The magic is written last of the header's first fields: a process killed before that left zeros.
    if bytes.iter().take(8).all(|byte| *byte == 0) {
        return Err(ReadError::NotStarted);
    }
    if bytes.get(..8) != Some(&MAGIC) {
        return Err(ReadError::NotACapture);
    }
    let version = u32_at(bytes, 8).ok_or(ReadError::NotACapture)?;
    if version != VERSION {
        return Err(ReadError::Version(version));
    }
    let chunks = u32_at(bytes, 80).unwrap_or(0) as usize;
    let needed = (chunks.max(2) * CHUNK) as u64;
    if chunks > MAX_CHUNKS {
        return Err(ReadError::Corrupt("more chunks than a file can have"));
    }
    if (bytes.len() as u64) < needed {
        return Err(ReadError::Truncated { needed, found: bytes.len() as u64 });
    }
    if u32_at(bytes, 12) == Some(crate::STATE_STARTING) {
        return Err(ReadError::NotStarted);
    }
    Reader { bytes, chunks }.file()
}

struct Reader<'a> {
    bytes: &'a [u8],
    chunks: usize,
}

impl Reader<'_> {
    fn file(&self) -> Result<File, ReadError> {
        let mut file = File { head: self.head()?, ..File::default() };
        file.strings = self.section(Section::Strings, self.u64(104))?;
        file.nodes = self.nodes()?;
        file.frames = self.frames()?;
        file.threads = self.threads()?;
        file.modules = self.modules()?;
        file.sites = self.sites(&file)?;
        file.moments = self.moments(file.sites.len())?;
        file.bills = bills::decode(&self.section(Section::Bills, self.u64(144))?, file.sites.len())?;
        self.add_containers(&mut file)?;
        Ok(file)
    }

    fn u32(&self, offset: usize) -> u32 {
        u32_at(self.bytes, offset).unwrap_or(0)
    }

    fn u64(&self, offset: usize) -> u64 {
        u64_at(self.bytes, offset).unwrap_or(0)
    }

    fn head(&self) -> Result<Head, ReadError> {
        let length = self.u32(124) as usize;
        let command = self
            .bytes
            .get(HEADER_LEN..HEADER_LEN + length)
            .filter(|command| command.len() <= CHUNK - HEADER_LEN)
            .ok_or(ReadError::Corrupt("the command line's length"))?;
        let mut command: Vec<String> =
            command.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        command.pop_if(|last| last.is_empty());
        Ok(Head {
            state: self.u32(12),
            pid: self.u32(16),
            parent: self.u32(20),
            started_ms: self.u64(24),
            best_peak: self.u64(48) as i64,
            tracker_bytes: self.u64(56),
            lost: self.u64(64),
            notes: self.u32(76),
            python: self.u32(120),
            inherited_bytes: self.u64(128),
            inherited_blocks: self.u64(136),
            origin: (self.u32(168), self.u32(172)),
            inherited_sites: self.u32(184),
            sequence: self.u32(188),
            command,
        })
    }

    /// The first `length` bytes of a section, its chunks put in order; missing chunks are zeros.
    fn section(&self, section: Section, length: u64) -> Result<Vec<u8>, ReadError> {
        if length > (self.chunks * CHUNK) as u64 {
            return Err(ReadError::Corrupt("a section is longer than the file"));
        }
        let mut out = vec![0; length as usize];
        for chunk in 2..self.chunks {
            let entry = self.u32(CHUNK + chunk * 4);
            if entry >> 24 != section as u32 {
                continue;
            }
            let start = (entry & 0xff_ffff) as usize * CHUNK;
            if start >= out.len() {
                continue;
            }
            let end = out.len().min(start + CHUNK);
            out[start..end].copy_from_slice(&self.bytes[chunk * CHUNK..chunk * CHUNK + end - start]);
        }
        Ok(out)
    }

    fn records(&self, section: Section, count: u32, size: usize) -> Result<Vec<u8>, ReadError> {
        self.section(section, u64::from(count) * size as u64)
    }

    fn nodes(&self) -> Result<Vec<NodeRecord>, ReadError> {
        let (count, frames) = (self.u32(88), self.u32(92));
        let bytes = self.records(Section::Nodes, count, 8)?;
        let mut nodes = Vec::with_capacity(count as usize);
        for (id, record) in bytes.chunks_exact(8).enumerate() {
            let node =
                NodeRecord { caller: u32_at(record, 0).unwrap_or(0), frame: u32_at(record, 4).unwrap_or(0) };
            // A caller is interned before its callee: this also rules out rings.
            if id > 0 && (node.caller as usize >= id || node.frame >= frames) {
                return Err(ReadError::Corrupt("a stack refers to a stack or frame that is not there"));
            }
            nodes.push(node);
        }
        Ok(nodes)
    }

    fn frames(&self) -> Result<Vec<FrameRecord>, ReadError> {
        let bytes = self.records(Section::Frames, self.u32(92), 32)?;
        Ok(bytes
            .chunks_exact(32)
            .map(|record| FrameRecord {
                kind: u32_at(record, 0).unwrap_or(0),
                name: u32_at(record, 4).unwrap_or(0),
                file: u32_at(record, 8).unwrap_or(0),
                line: u32_at(record, 12).unwrap_or(0),
                address: u64_at(record, 16).unwrap_or(0),
                unused: 0,
            })
            .collect())
    }

    fn threads(&self) -> Result<Vec<ThreadEntry>, ReadError> {
        let bytes = self.records(Section::Threads, self.u32(96), 1024)?;
        Ok(bytes
            .chunks_exact(1024)
            .map(|record| {
                let name = &record[8..64];
                let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
                ThreadEntry {
                    tid: u32_at(record, 0).unwrap_or(0),
                    used: u32_at(record, 4).unwrap_or(0),
                    name: String::from_utf8_lossy(&name[..end]).into_owned(),
                    histogram: (0..64).filter_map(|class| u64_at(record, 64 + class * 8)).collect(),
                    runs: u64_at(record, 576).is_some_and(|stack| stack != 0),
                    started: u32_at(record, 592).unwrap_or(0),
                    waited: u32_at(record, 596).unwrap_or(0),
                }
            })
            .collect())
    }

    fn modules(&self) -> Result<Vec<ModuleRecord>, ReadError> {
        let bytes = self.records(Section::Modules, self.u32(100), 32)?;
        Ok(bytes
            .chunks_exact(32)
            .map(|record| ModuleRecord {
                start: u64_at(record, 0).unwrap_or(0),
                end: u64_at(record, 8).unwrap_or(0),
                offset: u64_at(record, 16).unwrap_or(0),
                path: u32_at(record, 24).unwrap_or(0),
                unused: 0,
            })
            .collect())
    }

    fn sites(&self, file: &File) -> Result<Vec<SiteEntry>, ReadError> {
        let (count, epoch) = (self.u32(84), self.u32(72));
        if count > MAX_SITES {
            return Err(ReadError::Corrupt("more sites than there can be"));
        }
        let own = self.records(Section::Sites, count, 64)?;
        let temporary = self.records(Section::Temporary, count, 16)?;
        let entries = own.chunks_exact(64).zip(temporary.chunks_exact(16)).enumerate();
        let mut sites = entries
            .map(|(id, (own, temporary))| site(id, own, temporary, epoch, file))
            .collect::<Result<Vec<SiteEntry>, ReadError>>()?;
        self.add_foreign(&mut sites, epoch);
        Ok(sites)
    }

    /// Adds what threads counted of sites that others own. A record of a site that the header does not count yet was
    /// written after the header was read.
    fn add_foreign(&self, sites: &mut [SiteEntry], epoch: u32) {
        for chunk in 2..self.chunks {
            if self.u32(CHUNK + chunk * 4) >> 24 != Section::Foreign as u32 {
                continue;
            }
            for record in
                self.bytes[chunk * CHUNK..(chunk + 1) * CHUNK].chunks_exact(size_of::<ForeignRecord>())
            {
                let id = u32_at(record, 52).unwrap_or(0) as usize;
                if let Some(site) = sites.get_mut(id).filter(|_| id != 0) {
                    site.add(record, epoch);
                }
            }
        }
    }

    fn moments(&self, sites: usize) -> Result<Vec<Moment>, ReadError> {
        moments(&self.section(Section::Checkpoints, self.u64(112))?, sites)
    }
}

/// Decodes a stream of checkpoints of a file with so many sites.
fn moments(bytes: &[u8], sites: usize) -> Result<Vec<Moment>, ReadError> {
    let (mut moments, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let head = checkpoint_head(bytes.get(at..).unwrap_or_default())
            .ok_or(ReadError::Corrupt("a checkpoint is cut short"))?;
        at += 64;
        let end = at + head.entries as usize * 24;
        let entries = bytes.get(at..end).ok_or(ReadError::Corrupt("a checkpoint is cut short"))?;
        let entries: Vec<CheckpointEntry> = entries.chunks_exact(24).map(checkpoint_entry).collect();
        if head.mark != CHECKPOINT_MARK || entries.iter().any(|entry| entry.site as usize >= sites) {
            return Err(ReadError::Corrupt("a checkpoint names a site that is not there"));
        }
        moments.push(Moment { head, entries });
        at = end;
    }
    Ok(moments)
}

fn checkpoint_head(bytes: &[u8]) -> Option<CheckpointRecord> {
    Some(CheckpointRecord {
        mark: u32_at(bytes, 0)?,
        kind: u32_at(bytes, 4)?,
        iteration: u32_at(bytes, 8)?,
        entries: u32_at(bytes, 12)?,
        live_bytes: u64_at(bytes, 16)? as i64,
        live_blocks: u64_at(bytes, 24)? as i64,
        window_peak: u64_at(bytes, 32)? as i64,
        at_ms: u64_at(bytes, 40)?,
        fds: u32_at(bytes, 48)?,
        threads: u16_at(bytes, 52)?,
        children: u16_at(bytes, 54)?,
        collected: u64_at(bytes, 56)?,
    })
}

fn checkpoint_entry(bytes: &[u8]) -> CheckpointEntry {
    let word = |offset| u64_at(bytes, offset).unwrap_or(0);
    CheckpointEntry { site: word(0), bytes: word(8) as i64, blocks: word(16) as i64 }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(offset..offset.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(offset..offset.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(offset..offset.checked_add(8)?)?.try_into().ok()?))
}
