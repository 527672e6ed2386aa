//! What is live of each site at this moment, while the process goes on: nothing else of the file is read.

use alloc::vec::Vec;

use super::news::Extent;
use super::{ReadError, u32_at, u64_at};
use crate::{Domain, ForeignRecord, Function, Section, SiteRecord};

const SITE: usize = size_of::<SiteRecord>();
const FOREIGN: usize = size_of::<ForeignRecord>();

/// A site's figures at this moment. Those of several sites are read one after the other, while the process counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Whether it counts as the process's own memory.
    pub counts: bool,
    /// Live bytes.
    pub live_bytes: i64,
    /// Live blocks.
    pub live_blocks: i64,
    /// All bytes ever allocated.
    pub total_bytes: u64,
}

/// All sites, in the order of their ids; id 0, which is none, is left out. `read_at` fills a buffer from an offset of the
/// file on.
///
/// # Errors
/// Those of `read_at`, and a [`ReadError`] for what no tracker writes.
pub fn now<E: From<ReadError>>(
    read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
) -> Result<Vec<Now>, E> {
    let extent = Extent::read(read_at)?;
    let end = extent.sites.max(1) as u64 * SITE as u64;
    let own = extent.section(Section::Sites, (SITE as u64, end), read_at)?;
    let sites: Option<Vec<Now>> = own.chunks_exact(SITE).map(site).collect();
    let mut sites = sites.ok_or(ReadError::Corrupt("a site refers to a function that is not there"))?;
    for chunk in extent.chunks_of(Section::Foreign) {
        let records = extent.chunk(chunk, read_at)?;
        for record in records.chunks_exact(FOREIGN) {
            let id = u32_at(record, 52).unwrap_or(0) as usize;
            if let Some(site) = id.checked_sub(1).and_then(|index| sites.get_mut(index)) {
                site.add(record);
            }
        }
    }
    Ok(sites)
}

fn site(record: &[u8]) -> Option<Now> {
    let function = Function::from_number(*record.get(58)?)?;
    let counts = !matches!(function.domain(), Domain::File | Domain::Reserved);
    let mut now = Now { counts, live_bytes: 0, live_blocks: 0, total_bytes: 0 };
    now.add(record);
    Some(now)
}

impl Now {
    /// Adds the figures of one of the site's records: they lie alike in its own and in foreign ones.
    fn add(&mut self, record: &[u8]) {
        let at = |offset| u64_at(record, offset).unwrap_or(0);
        self.live_bytes = self.live_bytes.wrapping_add(at(0) as i64);
        self.live_blocks = self.live_blocks.wrapping_add(at(8) as i64);
        self.total_bytes = self.total_bytes.wrapping_add(at(16));
    }
}
