//! `leakgate call` on a function of a project without any configuration.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::process::{Command, Output};

const SHOP: &str = "\
SLOTS = [None] * 100
def quote(size=1000):
    SLOTS[SLOTS.index(None)] = bytes(size)
def remembers():
    SLOTS[SLOTS.index(None)] = {}
def fails():
    raise ValueError('no such model')
";

fn call(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.py"), SHOP).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
    command.arg("call").args(arguments).current_dir(folder.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_figures_of_a_leak_are_exact() {
    // A bytes object of n characters takes n + 33 bytes.
    let output = call(&["shop:quote", "--with", r#"{"size": 2000}"#, "--warmup", "3", "--iterations", "10"]);
    let out = text(&output.stdout);
    assert!(output.status.success(), "{out}{}", text(&output.stderr));
    assert!(out.starts_with("call shop:quote with python3 (CPython 3."), "{out}");
    assert!(out.contains("  growth      +20,330 B in 10 calls, +2,033 B a call\n"), "{out}");
    assert!(out.contains("  left        +20,330 B after it was dropped\n"), "{out}");
    assert!(out.contains("  blocks      +10   fds +0   threads +0\n"), "{out}");
    assert!(out.ends_with("look: leakgate view tree .leakgate/captures/shop.quote\n"), "{out}");
}

#[test]
fn a_single_empty_dictionary_kept_by_every_call_is_seen() {
    // It comes from a free list where CPython has one on it: 48 bytes and 16 of the collector.
    let output = call(&["shop:remembers", "--warmup", "3", "--iterations", "10"]);
    let out = text(&output.stdout);
    assert!(out.contains("  growth      +640 B in 10 calls, +64 B a call\n"), "{out}");
    assert!(out.contains("  blocks      +10   fds +0   threads +0\n"), "{out}");
}

#[test]
fn an_exception_of_the_function_is_exit_code_3_with_its_traceback() {
    let output = call(&["shop:fails"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        errors.starts_with("leakgate: error: the function raised ValueError: no such model (iteration 1)\n")
    );
    assert!(errors.contains("line 7, in fails\n"), "{errors}");
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_runs_nothing() {
    for arguments in [
        &["shop.quote"][..],
        &["shop:quote", "--with", "{"],
        &["shop:quote", "--with", "3"],
        &["shop:quote", "--iterations", "0"],
        &["shop:quote", "--python", "/no/python"],
    ] {
        let output = call(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}
