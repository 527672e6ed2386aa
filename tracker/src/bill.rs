//! What this process has resident, part by part, taken where it stands still by itself: at checkpoints that a report
//! may be about, and at its end. Near the peak the program outside looks, with the same survey.

use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use leakgate_capture::survey::{self, Buffers, Failed, Part, Places, RangesHead, Surveyed};
use leakgate_capture::{
    BILL_MARK, BILL_PARTIAL, BillPart, BillRecord, Domain, Function, Header, NOTE_NO_BILL, PartKind, Section,
    SiteRecord, ThreadRecord,
};

use crate::capture::{header, header_word, note, present};
use crate::cells;
use crate::checkpoint::Stream;
use crate::intern::INTERNER;
use crate::protocol::Counts;
use crate::{mapping, shadow, sys, thread, world};

/// Kinds of checkpoints that have a bill: retained, left, exit.
const WITH_BILL: core::ops::RangeInclusive<u32> = 2..=4;
const TRIES: usize = 3;
const MOST_STACKS: usize = 4096;

/// Whether the last bill is of the interpreter's end or the process's, and how much was live then.
static HAS_END: AtomicBool = AtomicBool::new(false);
static LIVE_AT_END: AtomicI64 = AtomicI64::new(0);
/// Several threads may end the process at once, by `_exit`: the first one looks.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Room to work in, mapped for the time of the survey: the stack may be small.
struct Scratch {
    buffers: Buffers,
    stacks: [(u64, u64); MOST_STACKS],
}

/// Tells the program outside where to look.
pub(crate) fn begin() {
    // SAFETY: the header is mapped; nobody else writes these fields.
    let header = unsafe { &mut *header() };
    header.shadow = shadow::table() as u64;
    header.ranges = mapping::list() as u64;
}

/// After a checkpoint: its bill, where a report may ask for it.
pub(crate) fn after_checkpoint(kind: u32, iteration: u32) {
    if WITH_BILL.contains(&kind) {
        take(kind, iteration);
    }
}

/// At the end of the process: its bill, unless the interpreter's end had one and the program took no more after it.
pub(crate) fn at_exit() {
    if IS_ENDING.swap(true, Ordering::Relaxed) {
        return;
    }
    if !HAS_END.load(Ordering::Relaxed) || live() > LIVE_AT_END.load(Ordering::Relaxed) {
        take(leakgate_capture::BILL_AT_EXIT, 0);
    }
}

/// What is live now, as far as the threads have told.
fn live() -> i64 {
    // SAFETY: the header is mapped; this field is only read, and what is read may be a moment old.
    unsafe { (&raw const (*header()).live_bytes).read_volatile() }
}

/// In a forked child: what was resident in its parent is not its own.
pub(crate) fn restart() {
    HAS_END.store(false, Ordering::Relaxed);
    IS_ENDING.store(false, Ordering::Relaxed);
    // SAFETY: the header is mapped, and this is the only thread.
    unsafe { (*header()).bills = 0 };
}

fn take(kind: u32, iteration: u32) {
    let length = size_of::<Scratch>().next_multiple_of(4096);
    let Some(scratch) = (if sys::is_restricted() { None } else { sys::map(length) }) else {
        return note(NOTE_NO_BILL);
    };
    // SAFETY: zeroed memory of that size, aligned to a page, and all of it plain integers.
    let room = unsafe { &mut *scratch.cast::<Scratch>() };
    let record = BillRecord { mark: BILL_MARK, kind, iteration, ..BillRecord::default() };
    let mut taken = Err(Failed::Changed);
    for _ in 0..TRIES {
        taken = write(record, room);
        if taken != Err(Failed::Changed) {
            break;
        }
    }
    sys::unmap(scratch, length);
    match taken {
        Ok(()) => {
            HAS_END.store(kind >= *WITH_BILL.end(), Ordering::Relaxed);
            LIVE_AT_END.store(live(), Ordering::Relaxed);
        }
        Err(_) => note(NOTE_NO_BILL),
    }
}

fn write(mut record: BillRecord, room: &mut Scratch) -> Result<(), Failed> {
    // SAFETY: the header is mapped.
    let start = unsafe { (*header()).bills } as usize;
    let mut sink =
        Parts { stream: Stream::of(Section::Bills, start + size_of::<BillRecord>()), last: None, count: 0 };
    add_live(&mut record);
    let stacks = stacks(&mut room.stacks);
    let places = Places { shadow: shadow::table() as u64, ranges: mapping::list() as u64 };
    let mut process = Myself::open().ok_or(Failed::Unreadable)?;
    let Surveyed { resident, is_partial } =
        survey::survey(&mut process, places, stacks, &mut room.buffers, &mut sink)?;
    sink.flush().ok_or(Failed::Unreadable)?;
    record.resident = resident;
    record.counted = counted().unwrap_or(0);
    record.flags = if is_partial { BILL_PARTIAL } else { 0 };
    record.parts = sink.count;
    record.at_ms = sys::now_ms();
    let end = sink.stream.position();
    Stream::of(Section::Bills, start).put(&record).ok_or(Failed::Unreadable)?;
    // SAFETY: the header is mapped; the stream is counted after it was written.
    unsafe { (&raw mut (*header()).bills).write_volatile(end as u64) };
    Ok(())
}

/// What `statm` says is resident.
fn counted() -> Option<u64> {
    let statm = sys::open(b"/proc/self/statm\0", libc::O_RDONLY)?;
    let mut text = [0; 128];
    let length = sys::read(&statm, &mut text);
    survey::counted(text.get(..length)?)
}

/// Live bytes of the domains that lie in the heap.
fn add_live(record: &mut BillRecord) {
    for site in 1..header_word(offset_of!(Header, sites)).load(Ordering::Acquire) {
        let Some(at) = present(Section::Sites, site as usize * size_of::<SiteRecord>()) else {
            continue;
        };
        // SAFETY: a mapped record; its function never changes.
        let function = unsafe { (*at.cast::<SiteRecord>()).function };
        let live = cells::sum(site, Counts::now).map_or(0, |(bytes, _)| bytes);
        match Function::from_number(function).map(Function::domain) {
            Some(Domain::PythonObject) => record.objects += live,
            Some(Domain::PythonMemory) => record.memory += live,
            Some(Domain::Heap) => record.heap += live,
            _ => {}
        }
    }
}

/// The stacks of running threads, sorted.
fn stacks(into: &mut [(u64, u64); MOST_STACKS]) -> &[(u64, u64)] {
    let mut count = 0;
    for id in 0..header_word(offset_of!(Header, threads)).load(Ordering::Acquire) {
        let Some(at) = present(Section::Threads, id as usize * size_of::<ThreadRecord>()) else {
            continue;
        };
        let record = at.cast::<ThreadRecord>();
        // SAFETY: a mapped record; its thread may write these words meanwhile, and any value of them will do.
        let stack = unsafe {
            (
                (&raw const (*record).stack_start).read_volatile(),
                (&raw const (*record).stack_end).read_volatile(),
            )
        };
        if stack.0 != 0 && stack.0 < stack.1 && count < into.len() {
            into[count] = stack;
            count += 1;
        }
    }
    into[..count].sort_unstable();
    &into[..count]
}

/// Writes parts into the capture; neighbours of the same kind as one.
struct Parts {
    stream: Stream,
    last: Option<BillPart>,
    count: u32,
}

impl Parts {
    fn flush(&mut self) -> Option<()> {
        let Some(part) = self.last.take() else {
            return Some(());
        };
        self.count += 1;
        self.stream.put(&part)
    }
}

impl survey::Sink for Parts {
    fn part(&mut self, part: Part<'_>) -> Option<()> {
        let name = if part.kind == PartKind::File { intern(part.name)? } else { 0 };
        let next = BillPart { kind: part.kind as u32, name, site: part.site, unused: 0, bytes: part.bytes };
        match &mut self.last {
            Some(last) if (last.kind, last.name, last.site) == (next.kind, next.name, next.site) => {
                last.bytes += next.bytes;
            }
            _ => {
                self.flush()?;
                self.last = Some(next);
            }
        }
        Some(())
    }
}

fn intern(name: &[u8]) -> Option<u32> {
    let thread = thread::current()?;
    world::uninterrupted(thread, |_| INTERNER.lock().string(name))
}

/// This process, as the kernel shows it.
struct Myself {
    smaps: sys::Fd,
    pagemap: sys::Fd,
    memory: sys::Fd,
}

impl Myself {
    fn open() -> Option<Myself> {
        let open = |path: &[u8]| sys::open(path, libc::O_RDONLY);
        Some(Myself {
            smaps: open(b"/proc/self/smaps\0")?,
            pagemap: open(b"/proc/self/pagemap\0")?,
            memory: open(b"/proc/self/mem\0")?,
        })
    }
}

impl survey::Process for Myself {
    fn smaps(&mut self, into: &mut [u8]) -> Option<usize> {
        Some(sys::read(&self.smaps, into))
    }

    fn pagemap(&mut self, page: u64, into: &mut [u8]) -> Option<()> {
        sys::fill_at(&self.pagemap, into, page * 8)
    }

    fn memory(&mut self, at: u64, into: &mut [u8]) -> Option<()> {
        sys::fill_at(&self.memory, into, at)
    }
}

const _: () = assert!(size_of::<RangesHead>() == 24);
