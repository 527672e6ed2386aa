//! CPython's own word on where it keeps what the tracker reads: `_Py_DebugOffsets`, the first words of `_PyRuntime` from
//! 3.13 on. A build that says otherwise than its version's row is not walked.

use super::layout::{Layout, Told};
use super::text;

const COOKIE: &[u8; 8] = b"xdebugpy";

/// Whether an interpreter agrees with the row of its version. `runtime`: its `_PyRuntime`, 0 if it has none.
pub(super) fn agrees(layout: &Layout, runtime: usize) -> bool {
    let Some(told) = &layout.told else {
        return true;
    };
    // SAFETY: the interpreter's `_PyRuntime` begins with these eight bytes and is much longer.
    if runtime == 0 || unsafe { (runtime as *const [u8; 8]).read() } != *COOKIE {
        return false;
    }
    let minor = word(runtime, 1) >> 16 & 0xff;
    minor == u64::from(layout.minor)
        && offsets(layout, told).iter().all(|(index, offset)| word(runtime, *index) == *offset as u64)
}

fn word(runtime: usize, index: usize) -> u64 {
    // SAFETY: words of a table that is as long in every version that has this cookie and number.
    unsafe { (runtime as *const u64).add(index).read() }
}

/// Each word's index, and what it must be.
fn offsets(layout: &Layout, told: &Told) -> [(usize, usize); 15] {
    [
        (told.state_frame, layout.state_frame),
        (told.state_thread, layout.state_thread),
        (told.frame, layout.frame_previous),
        (told.frame + 1, layout.frame_code),
        (told.frame + 2, layout.frame_position),
        (told.frame + 3, layout.frame_locals),
        (told.frame + 4, layout.frame_owner.unwrap_or(0)),
        (told.code, layout.code_filename),
        (told.code + 2, layout.code_name),
        (told.code + 3, layout.code_lines),
        (told.code + 4, layout.code_first_line),
        (told.code_instructions, layout.code_instructions),
        (told.text, text::STATE),
        (told.text + 1, text::LENGTH),
        (told.text + 2, layout.text_header.0),
    ]
}
