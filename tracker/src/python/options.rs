//! Which allocator the interpreter will choose, told from its command line and environment as it does itself, before it
//! does.

use crate::start;

/// What is known of the choice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allocators {
    /// The usual ones stay, so hooks put in place now stay too.
    Usual,
    /// Others by name, which take the place of hooks that are there by then.
    Named,
    /// Debug allocators, `malloc`'s domain among them: what was allocated in it before must not be freed in it.
    Debug,
    /// This is no `python`: the program may choose as it likes.
    Unknown,
}

#[derive(Default)]
struct Options {
    ignores_environment: bool,
    dev: bool,
}

/// The choice of the interpreter of this process.
pub(super) fn allocators() -> Allocators {
    let is_python =
        |name: &[u8]| name.rsplit(|byte| *byte == b'/').next().unwrap_or_default().starts_with(b"python");
    let is_python = start::arguments().next().is_some_and(is_python);
    let options = if is_python { read() } else { Options::default() };
    let variable = |name| match start::variable(name) {
        Some(value) if !value.is_empty() && !options.ignores_environment => Some(value),
        _ => None,
    };
    match variable(b"PYTHONMALLOC=") {
        Some(name) if name.ends_with(b"debug") => Allocators::Debug,
        Some(_) => Allocators::Named,
        None if options.dev || variable(b"PYTHONDEVMODE=").is_some() => Allocators::Debug,
        None if is_python => Allocators::Usual,
        None => Allocators::Unknown,
    }
}

/// Reads the options up to the script, `-c` or `-m`.
fn read() -> Options {
    let mut options = Options::default();
    let mut arguments = start::arguments().skip(1);
    while let Some(argument) = arguments.next() {
        match argument {
            b"--" | b"-" => break,
            b"--check-hash-based-pycs" => {
                arguments.next();
            }
            [b'-', b'-', ..] => {}
            [b'-', letters @ ..] => {
                if !options.read_letters(letters, &mut arguments) {
                    break;
                }
            }
            _ => break,
        }
    }
    options
}

impl Options {
    /// Reads options in one word; `more` gives the value of the last one, where it is not in the word. False: the rest
    /// is the program's.
    fn read_letters(&mut self, letters: &[u8], more: &mut impl Iterator<Item = &'static [u8]>) -> bool {
        for (index, letter) in letters.iter().enumerate() {
            let rest = &letters[index + 1..];
            match letter {
                b'c' | b'm' => return false,
                b'E' | b'I' => self.ignores_environment = true,
                b'W' | b'X' => {
                    let value = if rest.is_empty() { more.next().unwrap_or_default() } else { rest };
                    self.dev |= *letter == b'X' && (value == b"dev" || value.starts_with(b"dev="));
                    return true;
                }
                _ => {}
            }
        }
        true
    }
}
