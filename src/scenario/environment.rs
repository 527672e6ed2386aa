//! The environment of a recorded command: what the user has, plus the variable that loads the tracker, and those that
//! have allocators be seen.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use leakgate_capture::{HIDING_ALLOCATORS, PythonOptions, is_python};

use super::elf;

/// Names the allocator that pyarrow takes its buffers from.
const ARROW_POOL: &str = "ARROW_DEFAULT_MEMORY_POOL";

/// All variables of a command.
pub type Variables = BTreeMap<OsString, OsString>;

/// The program's own variables with `extra` on top.
pub fn inherited(extra: &[(OsString, OsString)]) -> Variables {
    let mut variables: Variables = std::env::vars_os().collect();
    variables.extend(extra.iter().cloned());
    variables
}

/// Adds what loads the tracker into `argv`; nothing else changes.
pub fn add_tracker(variables: &mut Variables, library: &Path, argv: &[OsString]) {
    let preload = OsString::from("LD_PRELOAD");
    let combined = preload_list(library, variables.get(&preload).map(OsString::as_os_str));
    variables.insert(preload, combined);
    // pyarrow's own allocator would show as large mappings; through `malloc`, its buffers are counted one by one.
    variables.entry(ARROW_POOL.into()).or_insert_with(|| "system".into());
    if hides_blocks(variables) || asks_for_dev_mode(variables, argv) {
        variables.insert("PYTHONMALLOC".into(), "default".into());
    }
}

/// Lets a program start that is linked with AddressSanitizer: its library refuses to be behind a preloaded one, unless
/// told not to look. Both work in that order too: blocks go on to the sanitizer's own `malloc`.
pub fn admit_sanitizer(variables: &mut Variables, program: &Path) {
    const LOOKS: &str = "verify_asan_link_order";
    let present = variables.get(OsStr::new("ASAN_OPTIONS")).cloned().unwrap_or_default();
    if !elf::needs_asan(program) || present.to_string_lossy().contains(LOOKS) {
        return;
    }
    let mut options = present;
    if !options.is_empty() {
        options.push(":");
    }
    options.push(format!("{LOOKS}=0"));
    variables.insert("ASAN_OPTIONS".into(), options);
}

/// Fixes the order of sets and dictionaries of strings, unless the user decided about it.
pub fn fix_hash_seed(variables: &mut Variables) {
    variables.entry("PYTHONHASHSEED".into()).or_insert_with(|| "0".into());
}

/// Has numeric libraries use one thread, unless the user decided about it: each thread has buffers of its own, and their
/// number would be that of the machine's cores. The variables are those that the libraries document.
pub fn fix_thread_counts(variables: &mut Variables) {
    const COUNTS: [&str; 7] = [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ];
    for name in COUNTS {
        variables.entry(name.into()).or_insert_with(|| "1".into());
    }
}

/// The tracker first, so that nothing allocates around it; only libasan insists on being first itself.
fn preload_list(library: &Path, present: Option<&OsStr>) -> OsString {
    let mut entries: Vec<&[u8]> = present
        .map(OsStr::as_bytes)
        .unwrap_or_default()
        .split(|byte| matches!(byte, b' ' | b':'))
        .filter(|entry| !entry.is_empty())
        .collect();
    let asan_first = entries.first().is_some_and(|entry| is_asan(entry));
    entries.insert(usize::from(asan_first), library.as_os_str().as_bytes());
    OsString::from_vec(entries.join(&b':'))
}

fn is_asan(entry: &[u8]) -> bool {
    Path::new(OsStr::from_bytes(entry)).file_name().is_some_and(|name| {
        name.as_bytes().starts_with(b"libasan") || name.as_bytes().starts_with(b"libclang_rt.asan")
    })
}

fn hides_blocks(variables: &Variables) -> bool {
    let asked = variables.get(OsStr::new("PYTHONMALLOC"));
    asked.is_some_and(|asked| HIDING_ALLOCATORS.contains(&asked.as_bytes()))
}

fn asks_for_dev_mode(variables: &Variables, argv: &[OsString]) -> bool {
    if variables.get(OsStr::new("PYTHONMALLOC")).is_some_and(|asked| !asked.is_empty()) {
        // An allocator by name wins over the one that dev mode implies.
        return false;
    }
    variables.get(OsStr::new("PYTHONDEVMODE")).is_some_and(|value| !value.is_empty()) || has_dev_option(argv)
}

/// Whether a Python in `argv` is given `-X dev`, before its script, `-c` or `-m`.
fn has_dev_option(argv: &[OsString]) -> bool {
    let mut words = argv.iter().map(|word| word.as_bytes());
    words.any(is_python) && PythonOptions::of(words).dev
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preload(present: &str) -> String {
        preload_list(Path::new("/t/libleakgate.so"), Some(OsStr::new(present))).into_string().unwrap()
    }

    fn python_malloc(variables: &[(&str, &str)], argv: &str) -> Option<String> {
        let mut all: Variables =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let argv: Vec<OsString> = argv.split(' ').map(OsString::from).collect();
        add_tracker(&mut all, Path::new("/t/libleakgate.so"), &argv);
        all.remove(OsStr::new("PYTHONMALLOC")).map(|value| value.into_string().unwrap())
    }

    #[test]
    fn the_users_preloads_stay_behind_the_tracker() {
        assert_eq!(preload(""), "/t/libleakgate.so");
        assert_eq!(preload("/a.so /b.so"), "/t/libleakgate.so:/a.so:/b.so");
        assert_eq!(preload("/usr/lib/libasan.so.8:/b.so"), "/usr/lib/libasan.so.8:/t/libleakgate.so:/b.so");
        assert_eq!(preload("/b.so:/usr/lib/libasan.so.8"), "/t/libleakgate.so:/b.so:/usr/lib/libasan.so.8");
    }

    #[test]
    fn the_python_allocator_is_changed_only_where_blocks_would_be_hidden() {
        assert_eq!(python_malloc(&[], "python app.py"), None);
        assert_eq!(python_malloc(&[("PYTHONMALLOC", "malloc")], "python").as_deref(), Some("malloc"));
        assert_eq!(python_malloc(&[("PYTHONMALLOC", "debug")], "python").as_deref(), Some("default"));
        assert_eq!(python_malloc(&[("PYTHONMALLOC", "mimalloc")], "python").as_deref(), Some("default"));
        assert_eq!(python_malloc(&[("PYTHONDEVMODE", "1")], "python").as_deref(), Some("default"));
        assert_eq!(python_malloc(&[("PYTHONDEVMODE", "")], "python"), None);
        let both = [("PYTHONDEVMODE", "1"), ("PYTHONMALLOC", "malloc")];
        assert_eq!(python_malloc(&both, "python").as_deref(), Some("malloc"));
    }

    #[test]
    fn dev_mode_is_seen_on_the_command_line_before_the_script_only() {
        for asking in
            ["python3.11 -X dev app.py", "/usr/bin/env python -u -Xdev -c pass", "python -W error -X dev x"]
        {
            assert_eq!(python_malloc(&[], asking).as_deref(), Some("default"), "{asking}");
        }
        for not_asking in
            ["python app.py -X dev", "python -c pass -X dev", "tool -X dev", "python -X utf8 app.py dev"]
        {
            assert_eq!(python_malloc(&[], not_asking), None, "{not_asking}");
        }
    }

    #[test]
    fn thread_counts_are_one_unless_the_user_said_another() {
        let mut variables = Variables::from([("OMP_NUM_THREADS".into(), "4".into())]);
        fix_thread_counts(&mut variables);
        assert_eq!(variables[OsStr::new("OMP_NUM_THREADS")], "4");
        assert_eq!(variables[OsStr::new("POLARS_MAX_THREADS")], "1");
    }

    #[test]
    fn a_hash_seed_of_the_user_stays() {
        let mut variables = Variables::from([("PYTHONHASHSEED".into(), "random".into())]);
        fix_hash_seed(&mut variables);
        assert_eq!(variables[OsStr::new("PYTHONHASHSEED")], "random");
        let mut variables = Variables::new();
        fix_hash_seed(&mut variables);
        assert_eq!(variables[OsStr::new("PYTHONHASHSEED")], "0");
    }
}
