//! The format as its documentation describes it: a file made by hand, byte by byte, and what the reader makes of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![cfg(feature = "read")]

use leakgate_capture::read::{Follow, News, ReadError, file, used_bytes};
use leakgate_capture::{
    CHECKPOINT_MARK, CHUNK, ContainerKind, FRAME_PYTHON, Function, KIND_PEAK, Section, live,
};

/// A file with one site: 3 blocks of 30 bytes allocated, 2 of 7 freed by two other threads, 30 bytes at the peak.
struct Made(Vec<u8>);

impl Made {
    fn new() -> Made {
        let mut made = Made(vec![0; 13 * CHUNK]);
        made.0[..8].copy_from_slice(b"LEAKGATE");
        for (offset, value) in
            [(8, 1), (12, 1), (16, 77), (20, 7), (72, 5), (80, 12), (84, 2), (88, 2), (92, 2)]
        {
            made.u32(offset, value);
        }
        for (offset, value) in [(96, 2), (100, 0), (120, 0x030b_0700), (124, 7)] {
            made.u32(offset, value);
        }
        for (offset, value) in
            [(24, 1_700_000_000_000), (32, 20), (40, 30), (56, 4096), (104, 20), (112, 152)]
        {
            made.u64(offset, value);
        }
        made.0[4096..4103].copy_from_slice(b"app\0-x\0");
        let sections = [Section::Sites, Section::Foreign, Section::Nodes, Section::Frames, Section::Strings];
        for (index, section) in sections
            .into_iter()
            .chain([Section::Threads, Section::Checkpoints, Section::Temporary])
            .chain([Section::Containers, Section::Lengths])
            .enumerate()
        {
            made.u32(CHUNK + (2 + index) * 4, section.entry(0));
        }
        made.site();
        made.names();
        made.checkpoint();
        made.containers();
        made
    }

    fn u32(&mut self, offset: usize, value: u32) {
        self.0[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, offset: usize, value: u64) {
        self.0[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn site(&mut self) {
        let own = 2 * CHUNK + 64;
        for (offset, value) in [(0, 30), (8, 3), (16, 30), (24, 3), (32, 30), (40, 3)] {
            self.u64(own + offset, value);
        }
        // The own record was brought up to date at the present peak, 5; the first foreign one changed after it, the second
        // came after it, and the third is not in use.
        self.u32(own + 48, 5);
        self.u32(own + 52, 1);
        self.0[own + 56] = 1;
        self.0[own + 58] = Function::Malloc as u8;
        for (id, thread) in [(1, 1), (2, 0)] {
            let foreign = 3 * CHUNK + id * 64;
            for (offset, value) in [(0, -7i64), (8, -1)] {
                self.u64(foreign + offset, value as u64);
            }
            self.u32(foreign + 48, 5);
            self.u32(foreign + 52, 1);
            self.u32(foreign + 56, id as u32 - 1);
            self.0[foreign + 60] = thread;
        }
        self.u64(3 * CHUNK + 3 * 64, 1000);
        self.u32(own + 60, 2);
        self.u64(9 * CHUNK + 16, 7);
        self.u64(9 * CHUNK + 24, 1);
    }

    fn names(&mut self) {
        self.u32(4 * CHUNK + 8 + 4, 1);
        let frame = 5 * CHUNK + 32;
        for (offset, value) in [(0, FRAME_PYTHON), (4, 1), (8, 3), (12, 42)] {
            self.u32(frame + offset, value);
        }
        self.u32(6 * CHUNK + 4, 4);
        self.0[6 * CHUNK + 8..6 * CHUNK + 12].copy_from_slice(b"load");
        self.u32(6 * CHUNK + 12, 4);
        self.0[6 * CHUNK + 16..6 * CHUNK + 20].copy_from_slice("a.ß".as_bytes());
        let thread = 7 * CHUNK + 1024;
        self.u32(thread, 77);
        self.0[thread + 8..thread + 12].copy_from_slice(b"main");
        self.u64(thread + 64 + 4 * 8, 3);
    }

    fn checkpoint(&mut self) {
        let at = 8 * CHUNK;
        for (offset, value) in [(0, CHECKPOINT_MARK), (4, KIND_PEAK), (8, 6), (12, 1)] {
            self.u32(at + offset, value);
        }
        for (offset, value) in [(16, 30), (24, 3), (32, 30), (64, 1), (72, 30), (80, 3)] {
            self.u64(at + offset, value);
        }
        // An ordinary one without entries follows.
        for (offset, value) in [(0, CHECKPOINT_MARK), (4, 1), (8, 7)] {
            self.u32(at + 88 + offset, value);
        }
    }

    /// One container, with a length at the first checkpoint and one at a second, which is not counted yet.
    fn containers(&mut self) {
        self.u32(200, 2);
        self.u64(192, 32);
        let record = 10 * CHUNK + 32;
        self.u64(record, 0x7000_1230);
        self.u64(record + 8, 100);
        for (offset, value) in [(16, 1), (20, 3), (24, 0), (28, ContainerKind::Deque as u32)] {
            self.u32(record + offset, value);
        }
        for (index, length) in [(0, 40), (1, 41)] {
            let at = 11 * CHUNK + index * 16;
            self.u32(at, 1);
            self.u32(at + 4, index as u32 + 1);
            self.u64(at + 8, length);
        }
    }
}

#[test]
fn a_file_made_by_hand_reads_as_documented() {
    let file = file(&Made::new().0).unwrap();
    assert_eq!((file.head.pid, file.head.parent, file.head.python), (77, 7, 0x030b_0700));
    assert_eq!(file.head.command, ["app", "-x"]);
    let site = file.sites[1];
    assert_eq!((site.live_bytes, site.live_blocks), (16, 1));
    assert_eq!((site.peak_bytes, site.peak_blocks), (30, 3));
    assert_eq!((site.total_bytes, site.total_blocks), (30, 3));
    assert_eq!((site.temporary.bytes, site.temporary.blocks), (7, 1));
    let frame = file.frames[file.nodes[site.record.stack as usize].frame as usize];
    assert_eq!(
        (file.string(frame.name).as_ref(), file.string(frame.file).as_ref(), frame.line),
        ("load", "a.ß", 42)
    );
    assert_eq!((file.threads[1].name.as_str(), file.threads[1].histogram[4]), ("main", 3));
    let moment = &file.moments[0];
    assert_eq!((moment.head.kind, moment.head.iteration, moment.head.window_peak), (KIND_PEAK, 6, 30));
    assert_eq!((moment.entries[0].site, moment.entries[0].bytes, moment.entries[0].blocks), (1, 30, 3));
    assert_eq!(file.moments[1].head.iteration, 7);
    let container = file.containers[1];
    assert_eq!((container.address, container.bound, container.site), (0x7000_1230, 100, 1));
    assert_eq!((file.string(container.type_name).as_ref(), container.gone, container.kind), ("a.ß", 0, 4));
    let lengths: Vec<(u32, u32, u64)> =
        file.lengths.iter().map(|length| (length.container, length.checkpoint, length.length)).collect();
    assert_eq!(lengths, [(1, 1, 40)]);
}

/// Reads on in a file that is made by hand.
fn news(follow: &mut Follow, made: &Made) -> Result<News, ReadError> {
    follow.news(&mut |at, into: &mut [u8]| {
        let from = made.0.get(at as usize..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(from.ok_or(ReadError::NotStarted)?);
        Ok(())
    })
}

#[test]
fn a_file_that_is_being_written_is_read_on_from_where_it_was_read_to() {
    let (mut made, mut follow) = (Made::new(), Follow::default());
    let first = news(&mut follow, &made).unwrap();
    assert_eq!((first.sites, first.moments.len()), (vec![(1, Function::Malloc)], 2));
    assert_eq!((first.containers.len(), first.containers[0].id), (1, 1));
    assert_eq!(first.containers[0].type_name, "a.ß");
    // The second is of a checkpoint that is not counted yet.
    let lengths: Vec<u64> = first.lengths.iter().map(|length| length.length).collect();
    assert_eq!(lengths, [40]);
    let again = news(&mut follow, &made).unwrap();
    assert_eq!((again.sites.len(), again.moments.len(), again.containers.len()), (0, 0, 0));
    assert_eq!(again.lengths.len(), 0);
    for (offset, value) in [(0, CHECKPOINT_MARK), (4, 1), (8, 8)] {
        made.u32(8 * CHUNK + 152 + offset, value);
    }
    made.u64(112, 216);
    made.u32(10 * CHUNK + 32 + 24, 2);
    let then = news(&mut follow, &made).unwrap();
    assert_eq!((then.moments.len(), then.moments[0].head.iteration), (1, 8));
    assert_eq!((then.containers.len(), then.containers[0].record.gone), (1, 2));
    assert_eq!((then.lengths.len(), then.lengths[0].checkpoint, then.lengths[0].length), (1, 2, 41));
}

#[test]
fn the_live_figures_are_in_the_first_bytes() {
    let made = Made::new();
    let figures = live(&made.0[..4096]).unwrap();
    assert_eq!((figures.live_bytes, figures.peak_bytes, figures.tracker_bytes), (20, 30, 4096));
    assert_eq!(live(&made.0[..60]), None);
    assert_eq!(live(b"something else altogether"), None);
    assert_eq!(used_bytes(&made.0), Some(12 * CHUNK));
}

#[test]
fn what_is_not_a_whole_capture_of_this_version_is_told_apart() {
    let made = Made::new();
    assert_eq!(file(b"PK\x03\x04 not ours").err(), Some(ReadError::NotACapture));
    assert_eq!(file(&[]).err(), Some(ReadError::NotStarted));
    let needed = (12 * CHUNK) as u64;
    let cut = file(&made.0[..needed as usize - 1]).err();
    assert_eq!(cut, Some(ReadError::Truncated { needed, found: needed - 1 }));
    let mut newer = Made::new();
    newer.u32(8, 2);
    assert_eq!(file(&newer.0).err(), Some(ReadError::Version(2)));
    let mut starting = Made::new();
    starting.u32(12, 0);
    assert_eq!(file(&starting.0).err(), Some(ReadError::NotStarted));
}

#[test]
fn every_value_out_of_range_is_an_error_or_harmless() {
    // Every 32-bit word of the parts that are in use, set to values that point far outside.
    let made = Made::new().0;
    let used = [0..256, CHUNK..CHUNK + 64]
        .into_iter()
        .chain((2..12).map(|chunk| chunk * CHUNK..chunk * CHUNK + 256));
    for offset in used.flatten().step_by(4) {
        for value in [1u32, 0x7fff_ffff, 0xffff_ffff] {
            let mut broken = Made(made.clone());
            broken.u32(offset, value);
            let _ = news(&mut Follow::default(), &broken);
            if let Ok(file) = file(&broken.0) {
                for frame in &file.frames {
                    let _ = (file.string(frame.name), file.string(frame.file));
                }
            }
        }
    }
}
