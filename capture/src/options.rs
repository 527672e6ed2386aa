//! What a command line says about CPython's allocators, told as the interpreter itself reads it: for the program that starts
//! one, and for the library inside.

/// Allocators that CPython can be asked for by `PYTHONMALLOC` and that hide small blocks from the tracker. `malloc` hides
/// none.
pub const HIDING_ALLOCATORS: [&[u8]; 6] =
    [b"debug", b"pymalloc", b"pymalloc_debug", b"malloc_debug", b"mimalloc", b"mimalloc_debug"];

/// Whether a program's name, with its folder or without, is that of a Python.
pub fn is_python(program: &[u8]) -> bool {
    program.rsplit(|byte| *byte == b'/').next().unwrap_or_default().starts_with(b"python")
}

/// Options of CPython's that bear on its allocators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PythonOptions {
    /// `-E` or `-I`: its variables are not read.
    pub ignores_environment: bool,
    /// `-X dev`: debug allocators, where none is named.
    pub dev: bool,
}

impl PythonOptions {
    /// Reads the words that follow the interpreter's name, up to the script, `-c` or `-m`.
    pub fn of<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> PythonOptions {
        let mut options = PythonOptions::default();
        while let Some(word) = words.next() {
            match word {
                b"--" | b"-" => break,
                b"--check-hash-based-pycs" => {
                    words.next();
                }
                [b'-', b'-', ..] => {}
                [b'-', letters @ ..] => {
                    if !options.read_letters(letters, &mut words) {
                        break;
                    }
                }
                _ => break,
            }
        }
        options
    }

    /// Reads options in one word; `more` gives the value of the last one, where it is not in the word. False: the rest
    /// is the program's.
    fn read_letters<'a>(&mut self, letters: &'a [u8], more: &mut impl Iterator<Item = &'a [u8]>) -> bool {
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
