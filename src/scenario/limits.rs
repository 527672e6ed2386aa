//! Limits of the program's own. Watching takes two open files for each process of the command, and a capture may be longer
//! than the files that the user allows: the program raises its own limits, and the command gets those that the user has.

use std::fs::File;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

/// Enough for some ten thousand processes at once.
const MOST_FILES: rlim_t = 65_536;

/// The limits that are raised, each with the most that is of use.
const RAISED: [(Resource, rlim_t); 2] =
    [(Resource::RLIMIT_NOFILE, MOST_FILES), (Resource::RLIMIT_FSIZE, RLIM_INFINITY)];

/// Soft and hard limits as the program was started with; `None` where one could not be read.
static USERS: OnceLock<[Option<(rlim_t, rlim_t)>; 2]> = OnceLock::new();

/// The limits are the whole program's: one command is started at a time.
static STARTING: Mutex<()> = Mutex::new(());

fn users() -> &'static [Option<(rlim_t, rlim_t)>; 2] {
    USERS.get_or_init(|| RAISED.map(|(resource, _)| getrlimit(resource).ok()))
}

/// Raises the program's own limits as far as it may.
pub fn raise() {
    for ((resource, most), users) in RAISED.into_iter().zip(users()) {
        if let Some((soft, hard)) = *users {
            // It cannot fail: the soft limit stays below the hard one. If it did, less is recorded, which is told.
            let _ = setrlimit(resource, hard.min(most).max(soft), hard);
        }
    }
}

/// Runs `spawn` under the user's own limits, and raises the program's afterwards.
pub(super) fn with_users<T>(spawn: impl FnOnce() -> T) -> T {
    let users = users();
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    for ((resource, _), users) in RAISED.into_iter().zip(users) {
        if let Some((soft, hard)) = *users {
            // As above.
            let _ = setrlimit(resource, soft, hard);
        }
    }
    let result = spawn();
    raise();
    result
}

/// The longest file that a command may write.
pub fn longest_file_of_commands() -> u64 {
    users()[1].map_or(u64::MAX, |(soft, _)| soft)
}

/// Whether one more file can be opened.
///
/// # Errors
/// Why not.
pub fn try_file() -> io::Result<()> {
    File::open("/").map(drop)
}

/// How many files may be open at once, now that the limit was raised.
pub fn most_files() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_command_gets_the_users_limits_and_the_program_higher_ones() {
        let before = RAISED.map(|(resource, _)| getrlimit(resource).unwrap());
        for _ in 0..2 {
            let run = || Command::new("sh").args(["-c", "ulimit -n"]).output().unwrap();
            let output = with_users(run);
            assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), before[0].0.to_string());
        }
        for ((resource, most), before) in RAISED.into_iter().zip(before) {
            assert_eq!(getrlimit(resource).unwrap(), (before.1.min(most).max(before.0), before.1));
        }
    }
}
