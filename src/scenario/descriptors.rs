//! The limit of open files. Watching takes two for each process of the command: the program raises its own limit for
//! that, and the command gets the one that the user has.

use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Enough for some ten thousand processes at once.
const MOST: rlim_t = 65_536;

/// Soft and hard limit as the program was started with; `None` where they could not be read.
static USERS: OnceLock<Option<(rlim_t, rlim_t)>> = OnceLock::new();

/// The limit is the whole program's: one command is started at a time.
static STARTING: Mutex<()> = Mutex::new(());

/// Runs `spawn` under the user's own limit, and raises the program's afterwards.
pub(super) fn with_users_limit<T>(spawn: impl FnOnce() -> T) -> T {
    let users = *USERS.get_or_init(|| getrlimit(Resource::RLIMIT_NOFILE).ok());
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((soft, hard)) = users else { return spawn() };
    // Neither can fail: the soft limit stays below the hard one. If it did, fewer processes are watched, which is told.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
    let result = spawn();
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(MOST).max(soft), hard);
    result
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_command_gets_the_users_limit_and_the_program_a_higher_one() {
        let before = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        for _ in 0..2 {
            let run = || Command::new("sh").args(["-c", "ulimit -n"]).output().unwrap();
            let output = with_users_limit(run);
            assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), before.0.to_string());
        }
        let after = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(after, (before.1.min(MOST).max(before.0), before.1));
    }
}
