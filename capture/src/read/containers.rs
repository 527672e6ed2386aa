//! Containers and their lengths.

use alloc::vec;

use super::{File, ReadError, Reader, u32_at, u64_at};
use crate::{ContainerKind, ContainerRecord, LARGEST_SAID, LAST_KIND, LengthRecord, Section};

/// Most containers that a file can have.
pub(super) const MOST: u32 = 1 << 16;
pub(super) const RECORD: usize = size_of::<ContainerRecord>();
pub(super) const LENGTH: usize = size_of::<LengthRecord>();

impl Reader<'_> {
    pub(super) fn add_containers(&self, file: &mut File) -> Result<(), ReadError> {
        let count = self.u32(200);
        if count > MOST {
            return Err(ReadError::Corrupt("more containers than there can be"));
        }
        let records = self.records(Section::Containers, count, RECORD)?;
        for (id, bytes) in records.chunks_exact(RECORD).enumerate() {
            let record = container(bytes);
            check(id, &record, file.sites.len())?;
            file.containers.push(record);
        }
        let stream = self.section(Section::Lengths, self.u64(192))?;
        if stream.len() % LENGTH != 0 {
            return Err(ReadError::Corrupt("a length is cut short"));
        }
        let counted = file.moments.iter().filter(|moment| moment.head.kind <= LAST_KIND).count();
        let mut last = vec![0; file.containers.len()];
        for bytes in stream.chunks_exact(LENGTH) {
            let record = length(bytes);
            check_length(&record, &mut last)?;
            // Those of a checkpoint that was not counted yet were written after the header was read.
            if record.checkpoint as usize <= counted {
                file.lengths.push(record);
            }
        }
        Ok(())
    }
}

/// A container that no tracker writes is an error.
pub(super) fn check(id: usize, record: &ContainerRecord, sites: usize) -> Result<(), ReadError> {
    let is_whole = ContainerKind::from_number(record.kind).is_some()
        && (record.site as usize) < sites.max(1)
        && record.bound >= -1 - LARGEST_SAID;
    if id > 0 && !is_whole {
        return Err(ReadError::Corrupt("a container is of no known kind or site"));
    }
    Ok(())
}

/// A length that no tracker writes is an error. `last`: by container, the checkpoint of its last length.
pub(super) fn check_length(record: &LengthRecord, last: &mut [u32]) -> Result<(), ReadError> {
    let id = record.container as usize;
    let last = last.get_mut(id).filter(|_| id != 0);
    let last = last.ok_or(ReadError::Corrupt("a length is of a container that is not there"))?;
    if record.checkpoint == 0 || record.checkpoint < *last || record.length > i64::MAX as u64 {
        return Err(ReadError::Corrupt("the lengths of a container are not in order"));
    }
    *last = record.checkpoint;
    Ok(())
}

pub(super) fn container(bytes: &[u8]) -> ContainerRecord {
    let half = |offset| u32_at(bytes, offset).unwrap_or(0);
    ContainerRecord {
        address: u64_at(bytes, 0).unwrap_or(0),
        bound: u64_at(bytes, 8).unwrap_or(0) as i64,
        site: half(16),
        type_name: half(20),
        gone: half(24),
        kind: half(28),
    }
}

pub(super) fn length(bytes: &[u8]) -> LengthRecord {
    LengthRecord {
        container: u32_at(bytes, 0).unwrap_or(0),
        checkpoint: u32_at(bytes, 4).unwrap_or(0),
        length: u64_at(bytes, 8).unwrap_or(0),
    }
}
