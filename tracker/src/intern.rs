//! Strings, frames, stacks and sites, each stored once in the capture. All under one lock, which is taken only
//! when a thread meets a stack for the first time.

use core::mem::offset_of;
use core::sync::atomic::Ordering;

use leakgate_capture::{CHUNK, FrameRecord, Function, Header, MAX_SITES, NodeRecord, Section, SiteRecord};

use crate::capture::{self, header_word, place, present};
use crate::lock::Lock;
use crate::table::{Table, hash_bytes, mix};

/// The tables by which what is stored is found again.
pub(crate) struct Interner {
    strings: Table,
    frames: Table,
    nodes: Table,
    sites: Table,
    /// Bytes of strings in use.
    text: usize,
    /// Records in use. Also in the header; these are the ones to trust after a fork, when the header is a copy of
    /// what the parent has gone on to write.
    site_count: u32,
    node_count: u32,
    frame_count: u32,
    /// Sites below this id are a forked child's inheritance, and not used for what it allocates itself.
    first_site: u32,
}

pub(crate) static INTERNER: Lock<Interner> = Lock::new(Interner {
    strings: Table::new(),
    frames: Table::new(),
    nodes: Table::new(),
    sites: Table::new(),
    text: 4,
    site_count: 1,
    node_count: 1,
    frame_count: 1,
    first_site: 0,
});

/// What tells a site from others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SiteKey {
    pub stack: u32,
    pub function: Function,
    pub thread: u16,
}

/// Counts records that are now written whole.
fn publish(offset: usize, count: u32) {
    header_word(offset).store(count, Ordering::Release);
}

impl Interner {
    /// Bytes that the tables take.
    pub(crate) fn bytes(&self) -> usize {
        self.strings.bytes() + self.frames.bytes() + self.nodes.bytes() + self.sites.bytes()
    }

    /// Makes the records that ids of 0 stand for. `None` when the capture has no space.
    pub(crate) fn begin(&mut self) -> Option<()> {
        // The first sites have no stack, and stand for all that come when there is no more space: the place where
        // threads count them must be there.
        use Section::{Foreign, Frames, Nodes, Sites, Strings, Threads};
        for section in [Sites, Foreign, Nodes, Frames, Strings, Threads] {
            place(section, 0)?;
        }
        self.republish();
        Some(())
    }

    /// Writes the counts into the header: at the start, and into a forked child's copy.
    pub(crate) fn republish(&self) {
        publish(offset_of!(Header, sites), self.site_count);
        publish(offset_of!(Header, nodes), self.node_count);
        publish(offset_of!(Header, frames), self.frame_count);
        self.publish_text();
    }

    /// In a forked child: what it allocates gets sites of its own, also where a stack was met before. The number of
    /// sites that it inherited.
    pub(crate) fn inherit_sites(&mut self) -> u32 {
        self.first_site = self.site_count;
        self.first_site
    }

    /// The id of a text of at most 4,096 bytes; longer ones are cut.
    pub(crate) fn string(&mut self, text: &[u8]) -> Option<u32> {
        let text = &text[..text.len().min(4096)];
        if text.is_empty() {
            return Some(0);
        }
        let hash = hash_bytes(text);
        if let Some(id) = self.strings.find(hash, |id| stored_text(id) == Some(text)) {
            return Some(id);
        }
        let needed = (4 + text.len()).next_multiple_of(4);
        if self.text % CHUNK + needed > CHUNK {
            self.text = self.text.next_multiple_of(CHUNK);
        }
        let at = place(Section::Strings, self.text)?;
        let id = (self.text / 4) as u32;
        // SAFETY: `needed` bytes from `at` are inside one chunk, not yet in use, and written under the lock.
        unsafe {
            at.cast::<u32>().write(text.len() as u32);
            at.add(4).copy_from_nonoverlapping(text.as_ptr(), text.len());
        }
        self.text += needed;
        self.publish_text();
        self.strings.insert(hash, id)?;
        Some(id)
    }

    fn publish_text(&self) {
        // SAFETY: the header is mapped; this field is written under the lock, by one aligned store.
        unsafe { (&raw mut (*capture::header()).strings).write_volatile(self.text as u64) };
    }

    /// The id of a frame.
    pub(crate) fn frame(&mut self, frame: FrameRecord) -> Option<u32> {
        let hash = mix(mix(mix(u64::from(frame.kind), frame.address), u64::from(frame.name)), {
            u64::from(frame.file) << 32 | u64::from(frame.line)
        });
        let found = self.frames.find(hash, |id| {
            record::<FrameRecord>(Section::Frames, id).is_some_and(|there| {
                there.kind == frame.kind
                    && there.name == frame.name
                    && there.file == frame.file
                    && there.line == frame.line
                    && there.address == frame.address
            })
        });
        if found.is_some() {
            return found;
        }
        let id = self.frame_count;
        store(Section::Frames, id, frame)?;
        self.frame_count += 1;
        publish(offset_of!(Header, frames), self.frame_count);
        self.frames.insert(hash, id)?;
        Some(id)
    }

    /// The id of the stack with `frame` on top of the stack `caller`.
    pub(crate) fn node(&mut self, caller: u32, frame: u32) -> Option<u32> {
        let hash = mix(u64::from(caller) << 32 | u64::from(frame), 0x51);
        let found = self.nodes.find(hash, |id| {
            record::<NodeRecord>(Section::Nodes, id)
                .is_some_and(|there| there.caller == caller && there.frame == frame)
        });
        if found.is_some() {
            return found;
        }
        let id = self.node_count;
        store(Section::Nodes, id, NodeRecord { caller, frame })?;
        self.node_count += 1;
        publish(offset_of!(Header, nodes), self.node_count);
        self.nodes.insert(hash, id)?;
        Some(id)
    }

    /// The id of a site.
    pub(crate) fn site(&mut self, key: SiteKey) -> Option<u32> {
        let hash = mix(u64::from(key.stack) << 32 | u64::from(key.thread) << 8 | key.function as u64, 0x57);
        let found = self.sites.find(hash, |id| {
            id >= self.first_site
                && record::<SiteRecord>(Section::Sites, id).is_some_and(|there| {
                    there.stack == key.stack
                        && there.thread == key.thread
                        && there.function == key.function as u8
                })
        });
        if found.is_some() {
            return found;
        }
        let id = self.site_count;
        if id >= MAX_SITES {
            return None;
        }
        let fresh = SiteRecord {
            stack: key.stack,
            thread: key.thread,
            function: key.function as u8,
            ..SiteRecord::default()
        };
        store(Section::Sites, id, fresh)?;
        self.site_count += 1;
        publish(offset_of!(Header, sites), self.site_count);
        self.sites.insert(hash, id)?;
        Some(id)
    }
}

/// The record with this id, where its chunk is there.
fn record<T>(section: Section, id: u32) -> Option<&'static T> {
    let at = present(section, id as usize * size_of::<T>())?;
    // SAFETY: records are aligned in their chunk, plain integers, and their identity is never changed.
    Some(unsafe { &*at.cast::<T>() })
}

fn store<T>(section: Section, id: u32, value: T) -> Option<()> {
    let at = place(section, id as usize * size_of::<T>())?;
    // SAFETY: records are aligned in their chunk; this one is not yet published.
    unsafe { at.cast::<T>().write(value) };
    Some(())
}

fn stored_text(id: u32) -> Option<&'static [u8]> {
    let at = present(Section::Strings, id as usize * 4)?;
    // SAFETY: string ids point at a length with that many bytes behind it, in one chunk.
    let length = unsafe { at.cast::<u32>().read() } as usize;
    // SAFETY: as above; stored text is never changed.
    Some(unsafe { core::slice::from_raw_parts(at.add(4), length) })
}
