//! Anonymous memory that belongs to nobody in particular: what `malloc` and CPython got from the system. Page by page:
//! where blocks are live and the system has no page, and where there are pages and no block was ever handed out.

use super::blocks::{Blocks, SHADOWED};
use super::mappings::Work;
use super::{Failed, PAGE, Part, Process, Sink, is_present, word};
use crate::PartKind;

/// Pages that are looked at in one step: their slots lie in one leaf of the shadow table.
const STEP: u64 = 512 * PAGE;
/// Larger ranges are not looked at page by page.
const LARGEST: u64 = 64 << 30;

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In memory, and blocks began here or near it.
    Used,
    /// In memory; no block ever began here.
    Blank,
    /// Not in memory; blocks began here.
    Gone,
    /// Not in memory, and no block ever began here.
    Absent,
}

/// What a range of heap holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    /// Bytes in memory.
    pub present: u64,
    /// Of these, bytes where no block ever began and none reaches into.
    pub blank: u64,
    /// Whether a block ever began in it or reached into it.
    pub is_used: bool,
    /// Site of the last block that reaches over blank or absent pages; 0: none.
    pub large: u32,
}

struct Run {
    kind: Kind,
    start: u64,
}

/// Looks at `from..to`. What live blocks hold there without a page is told as `Untouched`.
pub(super) fn look<P: Process, S: Sink>(
    work: &mut Work<'_, P, S>,
    blocks: &mut Blocks,
    from: u64,
    to: u64,
) -> Result<Found, Failed> {
    if to - from > LARGEST {
        work.is_partial = true;
        return Ok(Found::default());
    }
    let mut found = Found::default();
    let mut run: Option<Run> = None;
    let mut at = from;
    while at < to {
        let end = (at / STEP * STEP + STEP).min(to);
        step(work, blocks, (at, end), (&mut run, &mut found))?;
        at = end;
    }
    if let Some(run) = run {
        finish(work, blocks, (run, to), &mut found)?;
    }
    Ok(found)
}

fn step<P: Process, S: Sink>(
    work: &mut Work<'_, P, S>,
    blocks: &mut Blocks,
    (at, end): (u64, u64),
    (run, found): (&mut Option<Run>, &mut Found),
) -> Result<(), Failed> {
    let count = ((end - at) / PAGE) as usize;
    let pages = work.pages.get_mut(..count * 8).ok_or(Failed::Unreadable)?;
    work.process.pagemap(at / PAGE, pages).ok_or(Failed::Unreadable)?;
    let first = at / SHADOWED * SHADOWED;
    let shadowed = (end - first).div_ceil(SHADOWED) as usize;
    let table = blocks.shadow.slot(work.process, first).ok_or(Failed::Unreadable)?;
    if let Some(table) = table {
        let pages = work.shadow_pages.get_mut(..shadowed * 8).ok_or(Failed::Unreadable)?;
        work.process.pagemap(table / PAGE, pages).ok_or(Failed::Unreadable)?;
    }
    for index in 0..count {
        let address = at + index as u64 * PAGE;
        let in_table = ((address - first) / SHADOWED) as usize;
        let is_shadowed = table.is_some() && is_present(word(work.shadow_pages, in_table));
        let is_there = is_present(word(work.pages, index));
        let kind = match (is_there, is_shadowed) {
            (true, true) => Kind::Used,
            (true, false) => Kind::Blank,
            (false, true) => Kind::Gone,
            (false, false) => Kind::Absent,
        };
        found.present += if is_there { PAGE } else { 0 };
        found.is_used |= is_shadowed;
        if run.as_ref().is_none_or(|run| run.kind != kind)
            && let Some(run) = run.replace(Run { kind, start: address })
        {
            finish(work, blocks, (run, address), found)?;
        }
        if is_shadowed && (address.is_multiple_of(SHADOWED) || index == 0) {
            blocks.see(address / SHADOWED * SHADOWED);
        }
    }
    Ok(())
}

fn finish<P: Process, S: Sink>(
    work: &mut Work<'_, P, S>,
    blocks: &mut Blocks,
    (run, end): (Run, u64),
    found: &mut Found,
) -> Result<(), Failed> {
    match run.kind {
        Kind::Used => {}
        Kind::Gone => {
            let mut at = run.start;
            while at < end {
                gone(work, blocks, at)?;
                at += PAGE;
            }
        }
        Kind::Blank | Kind::Absent => {
            let block = blocks.cover(work.process, run.start, work.slots)?;
            let covered = block.map_or(0, |block| block.end.min(end) - run.start);
            if let Some(block) = block {
                found.is_used = true;
                found.large = block.site;
            }
            match (run.kind, block) {
                (Kind::Absent, Some(block)) => untouched(work.sink, block.site, covered)?,
                (Kind::Blank, _) => {
                    found.blank += end - run.start - whole_pages(covered).min(end - run.start)
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The rest of a block's last page is the allocator's.
fn whole_pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE) * PAGE
}

/// A page that is not in memory, in which blocks may begin.
fn gone<P: Process, S: Sink>(
    work: &mut Work<'_, P, S>,
    blocks: &mut Blocks,
    page: u64,
) -> Result<(), Failed> {
    let end = page + PAGE;
    if let Some(block) = blocks.cover(work.process, page, work.slots)? {
        untouched(work.sink, block.site, block.end.min(end) - page)?;
    }
    let sink = &mut *work.sink;
    blocks.beginning_in(work.process, (page, end), work.slots, |block| {
        untouched(sink, block.site, block.end.min(end) - block.start)
    })
}

/// Tells of live bytes without a page.
pub(super) fn untouched<S: Sink>(sink: &mut S, site: u32, bytes: u64) -> Result<(), Failed> {
    if bytes == 0 {
        return Ok(());
    }
    sink.part(Part { kind: PartKind::Untouched, name: b"", site, bytes }).ok_or(Failed::Unreadable)
}
