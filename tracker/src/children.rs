//! How many child processes there are, those that are over and not waited for, too. Nothing here waits for one: who is over
//! stays there for its parent.

use crate::sys;

/// Room for the path of a thread's list.
const LONGEST: usize = 64;

/// The child processes of all threads; `None` where they cannot be seen.
pub(crate) fn count() -> Option<u32> {
    if sys::is_restricted() {
        return None;
    }
    if sys::is_childless() {
        return Some(0);
    }
    let mut all = Some(0u32);
    sys::each_entry(b"/proc/self/task\0", &mut |task| {
        // A thread that ended meanwhile has left its children to another one.
        all = all.zip(of_thread(task)).map(|(all, some)| all.saturating_add(some));
    })?;
    all
}

/// Those of a thread: its list has a space after each.
fn of_thread(task: &[u8]) -> Option<u32> {
    let mut path = [0; LONGEST];
    let mut length = 0;
    for part in [&b"/proc/self/task/"[..], task, b"/children"] {
        path.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    let list = sys::open(path.get(..=length)?, libc::O_RDONLY)?;
    let mut buffer = [0; 1024];
    let mut count = 0;
    loop {
        match sys::read(&list, &mut buffer) {
            0 => return Some(count),
            read => count += buffer[..read].iter().filter(|byte| **byte == b' ').count() as u32,
        }
    }
}
