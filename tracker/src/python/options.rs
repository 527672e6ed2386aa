//! Which allocator the interpreter will choose, told from its command line and environment as it does itself, before it
//! does.

use leakgate_capture::{PythonOptions, is_python};

use crate::start;

/// What is known of the choice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allocators {
    /// The usual ones stay, so hooks put in place now stay too.
    Usual,
    /// Others by name, which take the place of hooks that are there by then.
    Named,
    /// Those that `default` names: another choice may have stood in its place before.
    Default,
    /// Debug allocators, `malloc`'s domain among them: what was allocated in it before must not be freed in it.
    Debug,
    /// This is no `python`: the program may choose as it likes.
    Unknown,
}

/// The choice of the interpreter of this process.
pub(super) fn allocators() -> Allocators {
    let is_python = start::arguments().next().is_some_and(is_python);
    let options =
        if is_python { PythonOptions::of(start::arguments().skip(1)) } else { PythonOptions::default() };
    let variable = |name| match start::variable(name) {
        Some(value) if !value.is_empty() && !options.ignores_environment => Some(value),
        _ => None,
    };
    match variable(b"PYTHONMALLOC=") {
        Some(name) if name.ends_with(b"debug") => Allocators::Debug,
        Some(b"default") => Allocators::Default,
        Some(_) => Allocators::Named,
        None if options.dev || variable(b"PYTHONDEVMODE=").is_some() => Allocators::Debug,
        None if is_python => Allocators::Usual,
        None => Allocators::Unknown,
    }
}
