//! The canonical profiles that tests of everything reading a profile share: figures known by construction.

use std::collections::HashMap;

use super::{
    Allocator, Amount, Capture, Domain, Frame, FrameId, Process, Profile, Site, StackId, StackNode, Thread,
    ThreadId,
};

const OBJECT: Allocator = Allocator { name: "PyObject_Malloc", domain: Domain::PythonObject };
const MEMORY: Allocator = Allocator { name: "PyMem_Malloc", domain: Domain::PythonMemory };
const MALLOC: Allocator = Allocator { name: "malloc", domain: Domain::Heap };
const CALLOC: Allocator = Allocator { name: "calloc", domain: Domain::Heap };
const MMAP: Allocator = Allocator { name: "mmap", domain: Domain::Anonymous };
const FILE: Allocator = Allocator { name: "mmap", domain: Domain::File };
const RESERVED: Allocator = Allocator { name: "mmap", domain: Domain::Reserved };

const MAIN: u32 = 0;
const WORKER: u32 = 1;
const HOSTILE: u32 = 2;

/// Builds profiles: frames and stacks are numbered as they come, totals are the sums of what counts.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    profile: Profile,
    frames: HashMap<Frame, FrameId>,
    stacks: HashMap<(StackId, FrameId), StackId>,
}

impl Builder {
    /// A profile with these threads and nothing in it.
    pub(crate) fn new(threads: &[(&str, u32)]) -> Builder {
        let mut builder = Builder::default();
        builder.profile.stacks.push(StackNode { caller: StackId(0), frame: FrameId(0) });
        builder.profile.threads = threads
            .iter()
            .map(|(name, tid)| Thread { name: name.to_string(), tid: *tid, ..Thread::default() })
            .collect();
        builder
    }

    /// The stack of these frames, outermost first.
    pub(crate) fn stack(&mut self, frames: &[Frame]) -> StackId {
        frames.iter().fold(StackId(0), |caller, frame| {
            let next = FrameId(self.profile.frames.len() as u32);
            let id = *self.frames.entry(frame.clone()).or_insert(next);
            if id == next {
                self.profile.frames.push(frame.clone());
            }
            let next = StackId(self.profile.stacks.len() as u32);
            let stack = *self.stacks.entry((caller, id)).or_insert(next);
            if stack == next {
                self.profile.stacks.push(StackNode { caller, frame: id });
            }
            stack
        })
    }

    /// A site with its bytes and blocks at the peak, at the end, and in all.
    pub(crate) fn site(
        &mut self,
        frames: &[Frame],
        allocator: Allocator,
        thread: u32,
        figures: [(u64, u64); 3],
    ) {
        let stack = self.stack(frames);
        let [peak, end, total] = figures.map(|(bytes, blocks)| Amount { bytes, blocks });
        if allocator.domain.counts() {
            self.profile.totals.peak += peak;
            self.profile.totals.end += end;
            self.profile.totals.total += total;
        }
        let thread = ThreadId(thread);
        let temporary = Amount::default();
        self.profile.sites.push(Site { stack, allocator, thread, peak, end, total, temporary });
    }

    /// Of the site made last, how many bytes and blocks were temporary.
    pub(crate) fn temporary(&mut self, bytes: u64, blocks: u64) {
        let site = self.profile.sites.last_mut().expect("there is a site");
        site.temporary = Amount { bytes, blocks };
        if site.allocator.domain.counts() {
            self.profile.totals.temporary += site.temporary;
        }
    }

    /// The profile.
    pub(crate) fn build(self) -> Profile {
        self.profile
    }
}

/// A Python frame.
pub(crate) fn python(function: &str, file: &str, line: u32) -> Frame {
    Frame::Python { function: function.into(), file: file.into(), line }
}

/// A native frame.
pub(crate) fn native(symbol: &str, module: &str, offset: u64) -> Frame {
    Frame::Native { module: module.into(), symbol: symbol.into(), offset }
}

/// A capture of one process: the whole profile.
pub(crate) fn capture() -> Capture {
    Capture {
        dir: "/srv/app/.leakgate/captures/quote".into(),
        processes: vec![profile()],
        ..Capture::default()
    }
}

/// A profile with everything in it: recursion, threads, all domains, native frames, notes, names in other scripts, and
/// names that try to break out of every format. The folder of the program is `/srv/app`.
pub(crate) fn profile() -> Profile {
    let mut builder = Builder::new(&[("main", 100), ("worker-1", 101), ("wörker\n\x1b[2J2", 102)]);
    add_shop(&mut builder);
    add_native(&mut builder);
    add_hostile(&mut builder);
    let mut profile = builder.build();
    profile.process = Process {
        pid: 4242,
        parent: 4000,
        title: None,
        command: vec!["python".into(), "main.py".into(), "--evil=</title>\x1b[31m".into()],
        interpreter: Some("CPython 3.11.7".into()),
        ended: true,
        started_ms: 1_700_000_000_000,
        lost: 3,
        tracker_bytes: 2_097_152,
        ..Process::default()
    };
    profile.histogram =
        vec![1, 0, 0, 0, 12, 5_000, 65_000, 9_000, 410, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 2];
    profile.notes = vec!["stacks deeper than 65,536 frames are cut".into()];
    profile
}

fn main_frames() -> Vec<Frame> {
    vec![python("<module>", "/srv/app/main.py", 40), python("main", "/srv/app/main.py", 31)]
}

fn below_main(frames: &[Frame]) -> Vec<Frame> {
    [main_frames().as_slice(), frames].concat()
}

fn add_shop(builder: &mut Builder) {
    let quote = python("Quotes.quote", "/srv/app/shop/quotes.py", 31);
    let remember = |line| python("remember", "/srv/app/shop/quotes.py", line);
    let list = below_main(&[quote.clone(), remember(13)]);
    builder.site(&list, MEMORY, MAIN, [(725_760, 90), (725_760, 90), (725_760, 90)]);
    builder.site(&list, MEMORY, WORKER, [(80_640, 10), (0, 0), (806_400, 100)]);
    builder.temporary(40_320, 5);
    builder.site(&list, OBJECT, MAIN, [(5_040, 90), (5_040, 90), (5_040, 90)]);
    let append = below_main(&[quote, remember(14)]);
    builder.site(&append, MEMORY, MAIN, [(920, 1), (920, 1), (8_192, 12)]);
    let walk = python("walk", "/srv/app/shop/tree.py", 7);
    for depth in 1..=3u64 {
        let mut stack = main_frames();
        stack.extend(vec![walk.clone(); depth as usize]);
        builder.site(&stack, OBJECT, WORKER, [(1_000 * depth, depth), (0, 0), (4_000 * depth, 4 * depth)]);
    }
    let import = [
        python("<module>", "/srv/app/main.py", 1),
        python("_find_and_load", "<frozen importlib._bootstrap>", 1178),
        python("<module>", "/opt/venv/lib/python3.11/site-packages/numpy/core/__init__.py", 12),
    ];
    builder.site(&import, OBJECT, MAIN, [(240_000, 3_000), (240_000, 3_000), (240_000, 3_000)]);
    let json = below_main(&[
        python("loads", "/usr/lib/python3.11/json/__init__.py", 346),
        python("raw_decode", "/usr/lib/python3.11/json/decoder.py", 353),
    ]);
    builder.site(&json, OBJECT, WORKER, [(64, 1), (64, 1), (9_600_000, 150_000)]);
    builder.temporary(9_599_936, 149_999);
    let split = below_main(&[python("split", "/srv/app/shop/text.py", 3)]);
    builder.site(&split, OBJECT, MAIN, [(0, 0), (0, 0), (24_000, 400)]);
    builder.temporary(24_000, 400);
}

fn add_native(builder: &mut Builder) {
    const SQLITE: &str = "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6";
    let load = python("load_model_from_database_into_memory", "/srv/app/shop/model.py", 88);
    let database = below_main(&[load.clone(), native("sqlite3MemMalloc", SQLITE, 0x4d2)]);
    builder.site(&database, MALLOC, MAIN, [(12_582_912, 48), (0, 0), (12_582_912, 48)]);
    let unnamed = below_main(&[load.clone(), native("", "/opt/venv/lib/_fast.so", 0x1f40)]);
    builder.site(&unnamed, CALLOC, MAIN, [(65_536, 16), (65_536, 16), (65_536, 16)]);
    builder.site(&unnamed, MMAP, MAIN, [(2_097_152, 2), (1_048_576, 1), (2_097_152, 2)]);
    builder.site(&below_main(&[load]), FILE, MAIN, [(314_572_800, 1), (314_572_800, 1), (314_572_800, 1)]);
    builder.temporary(314_572_800, 1);
    builder.site(&[], RESERVED, MAIN, [(1_073_741_824, 1), (1_073_741_824, 1), (1_073_741_824, 1)]);
    let start = [Frame::Note("interpreter start-up".into())];
    builder.site(&start, OBJECT, MAIN, [(512_000, 6_400), (512_000, 6_400), (512_000, 6_400)]);
    builder.site(&[], MALLOC, MAIN, [(1_024, 1), (1_024, 1), (1_024, 1)]);
}

fn add_hostile(builder: &mut Builder) {
    let frames = [
        python("größe_数据_берём", "/srv/app/módulo/数据.py", 5),
        python("evil\x1b[31m;</script><script>alert(1)</script>", "/tmp/a;b\nc d 12.py", 0),
        python("\u{202e}gnp.exe\u{200b}", "/srv/app/]]>&<!--.py", 3),
        native("std::vector<int, std::allocator<int> >::push_back(int&&) 42", "/usr/lib/a b;c.so", 1),
    ];
    builder.site(&frames[..2], OBJECT, HOSTILE, [(4_096, 4), (4_096, 4), (4_096, 4)]);
    builder.site(&frames[..3], OBJECT, HOSTILE, [(2_048, 4), (2_048, 4), (2_048, 4)]);
    builder.site(&frames, MALLOC, HOSTILE, [(2_048, 4), (2_048, 4), (2_048, 4)]);
    // Asked for nothing, and got a block: it counts by its block.
    builder.site(&[Frame::Note("# start;up\n7".into())], MALLOC, HOSTILE, [(0, 1), (0, 1), (0, 1)]);
}
