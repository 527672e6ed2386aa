//! Walking the calling thread's own Python frames. They cannot change while the thread is inside an allocation, so
//! no lock is needed, and nothing of CPython is called but the look-up of the thread state.

use core::sync::atomic::{AtomicPtr, Ordering};

use super::layout::{Layout, Position};
use super::{api, lines};

/// A frame as it stands in the interpreter: its code object and its position in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawFrame {
    pub code: usize,
    pub position: usize,
}

static LAYOUT: AtomicPtr<Layout> = AtomicPtr::new(core::ptr::null_mut());

/// Chooses the row to walk by.
pub(super) fn set_layout(layout: &'static Layout) {
    LAYOUT.store(core::ptr::from_ref(layout).cast_mut(), Ordering::Release);
}

#[inline(always)]
pub(super) fn layout() -> &'static Layout {
    // SAFETY: set to a static row before walking is armed, and nothing here runs before.
    unsafe { &*LAYOUT.load(Ordering::Relaxed) }
}

/// Reads a word of the interpreter's.
///
/// # Safety
/// `address` must be that of a live, aligned word.
#[inline(always)]
pub(super) unsafe fn word(address: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (address as *const usize).read() }
}

/// The innermost frame of the calling thread; 0 without one.
pub(super) fn top() -> usize {
    let layout = layout();
    // SAFETY: pthread_self has no preconditions.
    match api::thread_state_of(layout, unsafe { libc::pthread_self() } as usize) {
        0 => 0,
        state => top_of(layout, state),
    }
}

/// The innermost frame of a thread state; 0 without one.
#[inline(always)]
pub(super) fn top_of(layout: &Layout, state: usize) -> usize {
    // SAFETY: a live thread state, laid out as its version's row says.
    let frame = unsafe { word(state + layout.state_frame) };
    match layout.cframe_frame {
        None => frame,
        Some(_) if frame == 0 => 0,
        // SAFETY: the thread state's cframe is live while the thread is.
        Some(offset) => unsafe { word(frame + offset) },
    }
}

/// The thread that a thread state belongs to, as `pthread_self` gives it.
pub(super) fn thread_of(state: usize) -> usize {
    // SAFETY: a live thread state, laid out as its version's row says.
    unsafe { word(state + layout().state_thread) }
}

/// Since then a call of a class that is made often enough has a frame of its own.
const FIRST_WITH_STEPS: u8 = 13;

/// Steps through the frames from the innermost to the frame before `floor`.
struct Frames {
    at: usize,
    floor: usize,
    layout: &'static Layout,
}

impl Iterator for Frames {
    type Item = RawFrame;

    #[inline(always)]
    fn next(&mut self) -> Option<RawFrame> {
        loop {
            let frame = self.at;
            if frame == 0 || frame == self.floor {
                return None;
            }
            // SAFETY: a frame of this thread's chain, laid out as its version's row says.
            self.at = unsafe { word(frame + self.layout.frame_previous) };
            if self.is_function(frame) {
                return Some(self.read(frame));
            }
        }
    }
}

impl Frames {
    #[inline(always)]
    fn is_function(&self, frame: usize) -> bool {
        let is_owned = match self.layout.frame_owner {
            None => true,
            // SAFETY: as above.
            Some(offset) => unsafe { ((frame + offset) as *const u8).read() < 3 },
        };
        is_owned && !self.is_step(frame)
    }

    /// Whether a frame is a step of the interpreter's own, between a call of a class and its `__init__`: its code is static,
    /// has one string for all names, and no line. Such a frame looks like any other otherwise.
    fn is_step(&self, frame: usize) -> bool {
        if self.layout.minor < FIRST_WITH_STEPS {
            return false;
        }
        let raw = self.read(frame);
        code_name(raw.code) == code_file(raw.code) && line(&raw) == 0
    }

    #[inline(always)]
    fn read(&self, frame: usize) -> RawFrame {
        // SAFETY: as above.
        let code = unsafe { word(frame + self.layout.frame_code) } & !self.layout.code_tag;
        let at = frame + self.layout.frame_position;
        let position = match self.layout.position {
            // SAFETY: as above.
            Position::Pointer => unsafe { word(at) },
            // SAFETY: as above.
            Position::Index(_) => unsafe { (at as *const i32).read() as usize },
        };
        RawFrame { code, position }
    }
}

#[inline(always)]
fn walk(floor: usize) -> Frames {
    Frames { at: top(), floor, layout: layout() }
}

/// The frames of the functions that a thread runs, innermost first. With the GIL, if it is not the calling thread.
pub(super) fn of_state(state: usize) -> impl Iterator<Item = usize> {
    from(top_of(layout(), state))
}

/// Those from the one on that a frame's object stands for, of a function that is not over.
pub(super) fn from_object(object: usize) -> impl Iterator<Item = usize> {
    // SAFETY: a live frame object; since 3.11 it has a frame, which is not it.
    from(if layout().minor <= LAST_WITH_OBJECTS { object } else { unsafe { word(object + FRAME_OF_OBJECT) } })
}

/// Where the frame is that an object stands for, since 3.11.
pub(super) const FRAME_OF_OBJECT: usize = 24;

fn from(first: usize) -> impl Iterator<Item = usize> {
    let mut frames = Frames { at: first, floor: 0, layout: layout() };
    core::iter::from_fn(move || {
        let skipped = |frames: &Frames| frames.at != 0 && !frames.is_function(frames.at);
        while skipped(&frames) {
            // SAFETY: a frame of the thread's chain, laid out as its version's row says.
            frames.at = unsafe { word(frames.at + frames.layout.frame_previous) };
        }
        let frame = frames.at;
        frames.next()?;
        Some(frame)
    })
}

/// Where a running function has its variables.
pub(super) enum Running {
    /// Its frame is an object, which visits them.
    Object,
    /// So many words from an address on.
    Variables { first: usize, count: usize },
}

/// Where the function of a frame has its variables.
pub(super) fn running(frame: usize) -> Running {
    let layout = layout();
    if layout.minor <= LAST_WITH_OBJECTS {
        return Running::Object;
    }
    // SAFETY: a running frame and its live code object, laid out as their version's row says.
    let count = unsafe {
        let code = word(frame + layout.frame_code) & !layout.code_tag;
        ((code + layout.code_first_line + BEHIND_FIRST_LINE) as *const i32).read()
    };
    Running::Variables { first: frame + layout.frame_locals, count: usize::try_from(count).unwrap_or(0) }
}

const LAST_WITH_OBJECTS: u8 = 10;
/// The number of variables, cells included, is the field behind the first line.
const BEHIND_FIRST_LINE: usize = 4;

/// The object that a variable refers to, if it has one. Both tags together mark a number that is no object.
pub(super) fn untagged(value: usize) -> Option<usize> {
    let tag = layout().code_tag;
    let is_object = tag == 0 || value & tag != tag;
    (is_object && value & !tag != 0).then_some(value & !tag)
}

/// A running function's code and position.
pub(super) fn read(frame: usize) -> RawFrame {
    Frames { at: 0, floor: 0, layout: layout() }.read(frame)
}

/// The names that a running function sees as global.
pub(super) fn globals(frame: usize) -> usize {
    // SAFETY: a running frame, laid out as its version's row says.
    unsafe { word(frame + layout().frame_globals) }
}

/// Objects that a running frame which is none itself refers to beside its variables: its code, its function, its names
/// and the object that stands for it, as far as it has them.
pub(super) fn parts(frame: usize) -> impl Iterator<Item = usize> {
    let layout = layout();
    let parts = [
        Some(layout.frame_code),
        layout.frame_function,
        Some(layout.frame_globals + 16),
        Some(layout.frame_globals + 24),
    ];
    // Before 3.12 the code stands where the object would.
    parts.into_iter().flatten().filter_map(move |offset| {
        let at = if layout.minor == 11 && offset == layout.frame_globals + 24 { offset + 8 } else { offset };
        // SAFETY: as above.
        untagged(unsafe { word(frame + at) })
    })
}

/// As `parts`, of a frame that is an object: its code, its caller, and its names.
pub(super) fn parts_of_object(frame: usize) -> impl Iterator<Item = usize> {
    let layout = layout();
    let names = [0, 8].map(|further| layout.frame_globals + further);
    let parts = [layout.frame_code, layout.frame_previous, layout.frame_globals - 8, names[0], names[1]];
    // SAFETY: as above.
    parts.into_iter().map(move |offset| unsafe { word(frame + offset) })
}

/// Where the variables of a frame that is an object begin.
pub(super) fn first_variable(frame: usize) -> usize {
    frame + layout().frame_locals
}

/// What a variable of such a frame refers to; 0: nothing.
pub(super) fn variable_of_object(frame: usize, place: usize) -> usize {
    // SAFETY: a running function has a place for each of its variables.
    unsafe { word(first_variable(frame) + place * 8) }
}

/// Places for the values that a function works with.
pub(super) fn stack_size(code: usize) -> usize {
    let before = if layout().minor <= LAST_WITH_OBJECTS {
        OLD_STACK_BEFORE_FIRST_LINE
    } else {
        STACK_BEFORE_FIRST_LINE
    };
    // SAFETY: a live code object, laid out as its version's row says.
    let size = unsafe { ((code + layout().code_first_line - before) as *const i32).read() };
    usize::try_from(size).unwrap_or(0)
}

const STACK_BEFORE_FIRST_LINE: usize = 4;
const OLD_STACK_BEFORE_FIRST_LINE: usize = 8;
/// Since then some objects never die, which their count tells.
const FIRST_WITH_IMMORTAL: u8 = 12;

/// The references to an object, and whether it never dies.
///
/// # Safety
/// `object` must be a live one.
pub(super) unsafe fn references(object: usize) -> (u32, bool) {
    // SAFETY: the caller's promise.
    let count = unsafe { (object as *const u32).read() };
    (count, layout().minor >= FIRST_WITH_IMMORTAL && (count as i32) < 0)
}

/// Whether the calling thread runs no Python function.
pub(super) fn is_idle() -> bool {
    walk(0).next().is_none()
}

/// Whether the files of all functions that the calling thread runs are as wanted: Python strings.
pub(super) fn all_files(is_wanted: impl Fn(usize) -> bool) -> bool {
    walk(0).all(|raw| is_wanted(code_file(raw.code)))
}

/// Whether the interpreter says that it is set up only after it has imported `site`.
pub(super) fn is_ready_after_site() -> bool {
    layout().minor >= 15
}

/// Writes the stack, innermost first; its depth, and whether it was cut.
pub(super) fn collect(floor: usize, into: &mut [RawFrame]) -> (usize, bool) {
    let mut depth = 0;
    for raw in walk(floor) {
        if depth == into.len() {
            return (depth, true);
        }
        into[depth] = raw;
        depth += 1;
    }
    (depth, false)
}

/// The calling thread's innermost Python function and its first argument; 0 if it has none.
pub(super) fn top_function() -> Option<(RawFrame, usize)> {
    let mut frames = walk(0);
    while frames.at != 0 && !frames.is_function(frames.at) {
        // SAFETY: a frame of this thread's chain, laid out as its version's row says.
        frames.at = unsafe { word(frames.at + frames.layout.frame_previous) };
    }
    let frame = frames.at;
    if frame == 0 {
        return None;
    }
    // SAFETY: as above.
    let first = unsafe { word(frame + frames.layout.frame_locals) } & !frames.layout.code_tag;
    Some((frames.read(frame), first))
}

/// The name of a code object, a Python string.
pub(super) fn code_name(code: usize) -> usize {
    // SAFETY: a live code object, laid out as its version's row says.
    unsafe { word(code + layout().code_name) }
}

/// The file of a code object, a Python string.
pub(super) fn code_file(code: usize) -> usize {
    // SAFETY: as above.
    unsafe { word(code + layout().code_filename) }
}

/// The line that a frame is at; 0 where the code has none.
pub(super) fn line(raw: &RawFrame) -> u32 {
    let layout = layout();
    let position = match layout.position {
        Position::Index(unit) => raw.position as i32 as i64 * i64::from(unit),
        Position::Pointer => raw.position as i64 - (raw.code + layout.code_instructions) as i64,
    };
    // SAFETY: a live code object, laid out as its version's row says.
    let (first, table) = unsafe {
        (((raw.code + layout.code_first_line) as *const i32).read(), word(raw.code + layout.code_lines))
    };
    if table == 0 {
        return first.max(0) as u32;
    }
    const BYTES_LENGTH: usize = 16;
    const BYTES_DATA: usize = 32;
    // SAFETY: the table is a live `bytes` object: its length, then (after the hash) its data.
    let bytes =
        unsafe { core::slice::from_raw_parts((table + BYTES_DATA) as *const u8, word(table + BYTES_LENGTH)) };
    lines::line(layout.lines, bytes, first, position)
}

/// The layout's headers of strings.
pub(super) fn text_header() -> (usize, usize) {
    layout().text_header
}
