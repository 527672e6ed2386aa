//! What a file has had since it was read before, while its process goes on writing it: only the new parts are read.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::containers::{self, LENGTH, RECORD};
use super::{Moment, ReadError, moments, u32_at, u64_at};
use crate::{
    CHUNK, ContainerRecord, Function, HEADER_LEN, LAST_KIND, LengthRecord, MAGIC, MAX_CHUNKS, MAX_SITES,
    Section, SiteRecord, VERSION,
};

const SITE: usize = size_of::<SiteRecord>();

/// What is new in a file.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// Stack id and function of each site, in the order of their ids; id 0, which is none, is left out.
    pub sites: Vec<(u32, Function)>,
    /// Checkpoints, in order; compositions of peaks among them.
    pub moments: Vec<Moment>,
    /// Containers that are new or have changed.
    pub containers: Vec<Grown>,
    /// Lengths, in order, of checkpoints that were told of.
    pub lengths: Vec<LengthRecord>,
}

/// A container that grew.
#[derive(Debug, Clone, Default)]
pub struct Grown {
    /// Container id.
    pub id: u32,
    /// Its record.
    pub record: ContainerRecord,
    /// Its type's name.
    pub type_name: String,
}

/// How far a file has been read.
#[derive(Debug, Clone, Default)]
pub struct Follow {
    /// Sites, id 0 included.
    sites: usize,
    /// Bytes of the streams.
    checkpoints: u64,
    lengths: u64,
    /// Checkpoints of kinds 0–4.
    counted: u32,
    /// As they were, by id.
    containers: Vec<ContainerRecord>,
    /// Checkpoint of the last length of each.
    last: Vec<u32>,
}

/// The file as far as it is in use.
pub(super) struct Extent {
    directory: Vec<u8>,
    chunks: usize,
    pub(super) sites: usize,
    strings: u64,
    containers: u32,
    checkpoints: u64,
    lengths: u64,
}

impl Follow {
    /// Reads on from where the last call stopped: `read_at` fills a buffer from an offset of the file on. After an error
    /// nothing is told twice and nothing left out, if the call is made again.
    ///
    /// # Errors
    /// Those of `read_at`, and a [`ReadError`] for what no tracker writes.
    pub fn news<E: From<ReadError>>(
        &mut self,
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<News, E> {
        let extent = Extent::read(read_at)?;
        let mut next = self.clone();
        let news = News {
            sites: next.read_sites(&extent, read_at)?,
            moments: next.read_moments(&extent, read_at)?,
            containers: next.read_containers(&extent, read_at)?,
            lengths: next.read_lengths(&extent, read_at)?,
        };
        *self = next;
        Ok(news)
    }

    fn read_sites<E: From<ReadError>>(
        &mut self,
        extent: &Extent,
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<(u32, Function)>, E> {
        let from = self.sites.max(1);
        let range = (from as u64 * SITE as u64, extent.sites.max(from) as u64 * SITE as u64);
        let bytes = extent.section(Section::Sites, range, read_at)?;
        self.sites = extent.sites.max(from);
        let site = |site: &[u8]| Some((u32_at(site, 52)?, Function::from_number(*site.get(58)?)?));
        let sites: Option<_> = bytes.chunks_exact(SITE).map(site).collect();
        sites.ok_or(ReadError::Corrupt("a site refers to a function that is not there").into())
    }

    fn read_moments<E: From<ReadError>>(
        &mut self,
        extent: &Extent,
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<Moment>, E> {
        let bytes = extent.section(Section::Checkpoints, (self.checkpoints, extent.checkpoints), read_at)?;
        self.checkpoints = extent.checkpoints;
        let moments = moments(&bytes, extent.sites)?;
        self.counted += moments.iter().filter(|moment| moment.head.kind <= LAST_KIND).count() as u32;
        Ok(moments)
    }

    fn read_containers<E: From<ReadError>>(
        &mut self,
        extent: &Extent,
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<Grown>, E> {
        let end = u64::from(extent.containers) * RECORD as u64;
        let bytes = extent.section(Section::Containers, (0, end), read_at)?;
        let mut grown = Vec::new();
        for (id, bytes) in bytes.chunks_exact(RECORD).enumerate() {
            let record = containers::container(bytes);
            containers::check(id, &record, extent.sites)?;
            let is_known = self.containers.get(id).is_some_and(|before| is_same(before, &record));
            if id != 0 && !is_known {
                let type_name = extent.string(record.type_name, read_at)?;
                grown.push(Grown { id: id as u32, record, type_name });
            }
            match self.containers.get_mut(id) {
                Some(before) => *before = record,
                None => self.containers.push(record),
            }
        }
        self.last.resize(self.containers.len(), 0);
        Ok(grown)
    }

    fn read_lengths<E: From<ReadError>>(
        &mut self,
        extent: &Extent,
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<LengthRecord>, E> {
        let bytes = extent.section(Section::Lengths, (self.lengths, extent.lengths), read_at)?;
        let mut lengths = Vec::new();
        for bytes in bytes.chunks_exact(LENGTH) {
            let record = containers::length(bytes);
            // Written after the checkpoints were counted: told of the next time.
            if record.checkpoint > self.counted {
                break;
            }
            containers::check_length(&record, &mut self.last)?;
            self.lengths += LENGTH as u64;
            lengths.push(record);
        }
        Ok(lengths)
    }
}

/// Whether all that ever changes of a record is as it was.
fn is_same(before: &ContainerRecord, now: &ContainerRecord) -> bool {
    before.gone == now.gone && before.bound == now.bound
}

impl Extent {
    pub(super) fn read<E: From<ReadError>>(
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Extent, E> {
        let mut header = vec![0; HEADER_LEN];
        read_at(0, &mut header)?;
        if header.get(..8) != Some(&MAGIC) {
            return Err(ReadError::NotACapture.into());
        }
        let version = u32_at(&header, 8).unwrap_or(0);
        if version != VERSION {
            return Err(ReadError::Version(version).into());
        }
        let (checkpoints, lengths) = (u64_at(&header, 112), u64_at(&header, 192));
        // Once more: what the streams refer to was counted before them, and so stands in a header that is read later.
        read_at(0, &mut header)?;
        let count = |offset| u32_at(&header, offset).unwrap_or(0);
        let chunks = count(80) as usize;
        if chunks > MAX_CHUNKS || count(84) > MAX_SITES || count(200) > containers::MOST {
            return Err(ReadError::Corrupt("more records than a file can have").into());
        }
        let mut directory = vec![0; chunks * 4];
        read_at(CHUNK as u64, &mut directory)?;
        Ok(Extent {
            directory,
            chunks,
            sites: count(84) as usize,
            strings: u64_at(&header, 104).unwrap_or(0),
            containers: count(200),
            checkpoints: checkpoints.unwrap_or(0),
            lengths: lengths.unwrap_or(0),
        })
    }

    /// The bytes of a section from the first to before the second of `range`; missing chunks are zeros.
    pub(super) fn section<E: From<ReadError>>(
        &self,
        section: Section,
        range: (u64, u64),
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let (from, end) = range;
        let length = end.checked_sub(from).filter(|_| end <= (self.chunks * CHUNK) as u64);
        let Some(length) = length else {
            return Err(
                ReadError::Corrupt("a section is longer than the file, or shorter than it was").into()
            );
        };
        let mut bytes = vec![0; length as usize];
        let (from, end) = (from as usize, end as usize);
        for chunk in 2..self.chunks {
            let entry = u32_at(&self.directory, chunk * 4).unwrap_or(0);
            let first = (entry & 0xff_ffff) as usize * CHUNK;
            let (start, stop) = (first.max(from), (first + CHUNK).min(end));
            if entry >> 24 == section as u32 && start < stop {
                let at = (chunk * CHUNK + start - first) as u64;
                read_at(at, &mut bytes[start - from..stop - from])?;
            }
        }
        Ok(bytes)
    }

    /// The chunks that a section is in, in no order.
    pub(super) fn chunks_of(&self, section: Section) -> impl Iterator<Item = usize> {
        let number = move |chunk: usize| u32_at(&self.directory, chunk * 4).unwrap_or(0) >> 24;
        (2..self.chunks).filter(move |chunk| number(*chunk) == section as u32)
    }

    /// The bytes of one chunk.
    pub(super) fn chunk<E: From<ReadError>>(
        &self,
        chunk: usize,
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let mut bytes = vec![0; CHUNK];
        read_at((chunk * CHUNK) as u64, &mut bytes)?;
        Ok(bytes)
    }

    /// The text of a string id; empty where the id is not one.
    fn string<E: From<ReadError>>(
        &self,
        id: u32,
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<String, E> {
        let start = u64::from(id) * 4;
        if start + 4 > self.strings {
            return Ok(String::new());
        }
        let length = self.section(Section::Strings, (start, start + 4), read_at)?;
        let end = start + 4 + u64::from(u32_at(&length, 0).unwrap_or(0));
        if end > self.strings {
            return Ok(String::new());
        }
        let text = self.section(Section::Strings, (start + 4, end), read_at)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
