//! Where CPython keeps what the tracker reads: one row a version; no row means "do not walk".
//!
//! Offsets in bytes, from each version's own headers, 64-bit, standard (GIL) builds. Checked against
//! `sys._getframe` and `co_lines()` on every version.

/// How a frame tells where it is in its code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// `f_lasti`: a 32-bit index, in units of so many bytes.
    Index(i32),
    /// A pointer into the code object's instructions.
    Pointer,
}

/// How a code object stores its lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// `co_lnotab`: pairs of address and line increments (3.8, 3.9).
    Table38,
    /// `co_linetable` of 3.10: pairs of lengths and line deltas.
    Table310,
    /// The location table of 3.11 and later.
    Table311,
}

/// One version's offsets.
pub(crate) struct Layout {
    pub minor: u8,
    /// In the thread state: the frame, or the `cframe` that leads to it.
    pub state_frame: usize,
    /// In the `cframe`: the current frame. `None` where the thread state has it.
    pub cframe_frame: Option<usize>,
    pub state_thread: usize,
    pub frame_code: usize,
    /// Bits of the code pointer that are tags.
    pub code_tag: usize,
    pub frame_previous: usize,
    pub frame_position: usize,
    pub position: Position,
    /// In the frame: its local variables.
    pub frame_locals: usize,
    /// In the frame: the names that it sees as global; its own names are two further.
    pub frame_globals: usize,
    /// In a frame that is no object: its function.
    pub frame_function: Option<usize>,
    /// In the thread state: the dictionary of its own values, and its context. `None`: not known.
    pub state_values: Option<(usize, usize)>,
    /// The byte that tells who owns the frame; frames of owners of 3 and more are not Python functions.
    pub frame_owner: Option<usize>,
    pub code_filename: usize,
    /// `co_qualname` where there is one, else `co_name`.
    pub code_name: usize,
    pub code_lines: usize,
    pub code_first_line: usize,
    pub code_instructions: usize,
    pub lines: Lines,
    /// Header of an ASCII string, and of another compact one.
    pub text_header: (usize, usize),
    /// Where CPython itself tells these offsets; it does from 3.13 on.
    pub told: Option<Told>,
}

/// Indices of 64-bit words of `_Py_DebugOffsets`, whose fields are in a fixed order within a version.
pub(crate) struct Told {
    /// `thread_state.current_frame` and `.thread_id`.
    pub state_frame: usize,
    pub state_thread: usize,
    /// `interpreter_frame.previous`; `executable`, `instr_ptr`, `localsplus` and `owner` follow.
    pub frame: usize,
    /// `code_object.filename`; `name`, `qualname`, `linetable` and `firstlineno` follow.
    pub code: usize,
    /// `code_object.co_code_adaptive`.
    pub code_instructions: usize,
    /// `unicode_object.state`; `length` and `asciiobject_size` follow.
    pub text: usize,
}

const FRAMES: Layout = Layout {
    minor: 8,
    state_frame: 24,
    cframe_frame: None,
    state_thread: 176,
    frame_code: 32,
    code_tag: 0,
    frame_previous: 24,
    frame_position: 104,
    position: Position::Index(1),
    frame_locals: 360,
    frame_globals: 48,
    frame_function: None,
    state_values: Some((152, 240)),
    frame_owner: None,
    code_filename: 104,
    code_name: 112,
    code_lines: 120,
    code_first_line: 40,
    code_instructions: 0,
    lines: Lines::Table38,
    text_header: (48, 72),
    told: None,
};

const INTERPRETER_FRAMES: Layout = Layout {
    minor: 11,
    state_frame: 56,
    cframe_frame: Some(8),
    state_thread: 152,
    frame_code: 32,
    code_tag: 0,
    frame_previous: 48,
    frame_position: 56,
    position: Position::Pointer,
    frame_locals: 72,
    frame_globals: 8,
    frame_function: Some(0),
    state_values: Some((128, 224)),
    // In 3.11 all are functions.
    frame_owner: None,
    code_filename: 112,
    code_name: 128,
    code_lines: 136,
    code_first_line: 72,
    code_instructions: 184,
    lines: Lines::Table311,
    text_header: (48, 72),
    told: None,
};

const NEW_FRAMES: Layout = Layout {
    minor: 13,
    state_frame: 72,
    cframe_frame: None,
    state_thread: 152,
    frame_code: 0,
    frame_previous: 8,
    frame_owner: Some(70),
    frame_globals: 24,
    frame_function: Some(16),
    state_values: Some((128, 208)),
    code_first_line: 68,
    code_instructions: 200,
    text_header: (40, 56),
    told: Some(Told {
        state_frame: 23,
        state_thread: 24,
        frame: 29,
        code: 35,
        code_instructions: 43,
        text: 68,
    }),
    ..INTERPRETER_FRAMES
};

/// The versions that are known.
pub(super) const LAYOUTS: &[Layout] = &[
    FRAMES,
    Layout { minor: 9, ..FRAMES },
    Layout {
        minor: 10,
        frame_position: 96,
        position: Position::Index(2),
        frame_locals: 352,
        lines: Lines::Table310,
        ..FRAMES
    },
    INTERPRETER_FRAMES,
    Layout {
        minor: 12,
        cframe_frame: Some(0),
        state_frame: 56,
        state_thread: 136,
        state_values: Some((112, 208)),
        code_instructions: 192,
        told: None,
        ..NEW_FRAMES
    },
    NEW_FRAMES,
    Layout {
        minor: 14,
        state_values: Some((128, 208)),
        code_tag: 3,
        frame_locals: 80,
        frame_owner: Some(74),
        code_instructions: 208,
        told: Some(Told {
            state_frame: 26,
            state_thread: 27,
            frame: 32,
            code: 40,
            code_instructions: 48,
            text: 78,
        }),
        ..NEW_FRAMES
    },
    Layout {
        minor: 15,
        state_values: Some((152, 232)),
        code_tag: 3,
        frame_locals: 80,
        frame_owner: Some(74),
        code_instructions: 208,
        state_thread: 176,
        told: Some(Told {
            state_frame: 26,
            state_thread: 30,
            frame: 40,
            code: 48,
            code_instructions: 56,
            text: 90,
        }),
        ..NEW_FRAMES
    },
];

/// The row of CPython 3.`minor`.
pub(crate) fn of(minor: u8) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.minor == minor)
}
