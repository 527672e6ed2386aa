//! The programs of `benches/accuracy/`, which know their own figures: leakgate's are the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Asks leakgate alone about these rows, and expects so many of them, all right.
fn ask(rows: &[&str], count: usize) {
    let mut command = Command::new("python3");
    command.arg(at_root("benches/accuracy.py")).args([
        "--alone",
        "--leakgate",
        env!("CARGO_BIN_EXE_leakgate"),
    ]);
    command.env_remove("PYTHONMALLOC");
    for row in rows {
        command.args(["--only", row]);
    }
    let output = command.output().unwrap();
    let (told, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{told}\n{errors}", output.status);
    assert!(told.contains(&format!("Right, of {count}: leakgate {count}.")), "{told}\n{errors}");
}

#[test]
fn mappings_are_those_of_the_kernel() {
    ask(&["mappings "], 10);
}

#[test]
fn the_c_heap_is_what_malloc_handed_out() {
    ask(&["heap "], 8);
}

#[test]
fn objects_have_the_size_that_python_gave_them() {
    ask(&["objects "], 5);
}

#[test]
fn blocks_carry_the_function_that_made_them() {
    ask(
        &[
            "lines dictionaries",
            "lines lists",
            "lines tuples",
            "lines executed",
            "lines deep",
            "lines profiled",
        ],
        6,
    );
}

#[test]
fn blocks_of_threads_are_counted_whoever_frees_them() {
    ask(&["threads "], 5);
}

#[test]
fn no_process_and_no_ending_hides_a_block() {
    ask(&["processes "], 5);
}

#[test]
fn the_page_has_every_program() {
    let page = std::fs::read_to_string(at_root("docs/accuracy-memray.md")).unwrap();
    for entry in std::fs::read_dir(at_root("benches/accuracy")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        let is_helper = ["native.py", "cases.py"].contains(&name.as_ref());
        if name.ends_with(".py") && !is_helper {
            assert!(page.contains(&format!("../benches/accuracy/{name}")), "{name} is in no row");
        }
    }
}
