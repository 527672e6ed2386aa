//! What figures belong to: another interpreter, processor or C library gives others.

use std::fmt;
use std::str::FromStr;

/// An implementation of Python with its minor version, the processor's architecture and the C library.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Environment {
    /// Implementation and minor version: `cpython-3.11`; `native` for a program without a known interpreter.
    pub interpreter: String,
    /// `x86_64`, `aarch64`.
    pub architecture: String,
    /// `glibc`.
    pub c_library: String,
}

impl Environment {
    /// The environment of a program that was recorded on this machine, by its interpreter: `CPython 3.11.7`.
    pub fn here(interpreter: Option<&str>) -> Environment {
        Environment {
            interpreter: interpreter.and_then(minor).unwrap_or_else(|| "native".to_owned()),
            architecture: std::env::consts::ARCH.to_owned(),
            // Programs with another one are refused before they are recorded.
            c_library: "glibc".to_owned(),
        }
    }
}

/// `cpython-3.11` of `CPython 3.11.7`.
fn minor(interpreter: &str) -> Option<String> {
    let mut words = interpreter.split_whitespace();
    let (name, version) = (words.next()?, words.next()?);
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(format!("{}-{major}.{minor}", name.to_ascii_lowercase()))
}

impl fmt::Display for Environment {
    /// `cpython-3.11-x86_64-glibc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.interpreter, self.architecture, self.c_library)
    }
}

/// A text is no environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no environment; expected one like cpython-3.11-x86_64-glibc")]
pub struct NoEnvironment;

impl FromStr for Environment {
    type Err = NoEnvironment;

    fn from_str(text: &str) -> Result<Environment, NoEnvironment> {
        let is_plain = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
        };
        let parts: Vec<&str> = text.split('-').collect();
        if !parts.iter().all(|part| is_plain(part)) {
            return Err(NoEnvironment);
        }
        let (interpreter, architecture, c_library) = match parts.as_slice() {
            [name, architecture, library] if *name == "native" => ((*name).to_owned(), architecture, library),
            [name, version, architecture, library] => (format!("{name}-{version}"), architecture, library),
            _ => return Err(NoEnvironment),
        };
        Ok(Environment {
            interpreter,
            architecture: (*architecture).to_owned(),
            c_library: (*c_library).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_named_by_what_makes_figures_differ() {
        let here = Environment::here(Some("CPython 3.11.7"));
        assert_eq!(here.to_string(), format!("cpython-3.11-{}-glibc", std::env::consts::ARCH));
        assert_eq!(here, Environment::here(Some("CPython 3.11.2")));
        assert_ne!(here, Environment::here(Some("CPython 3.12.7")));
        assert_eq!(Environment::here(None).interpreter, "native");
    }

    #[test]
    fn an_environment_is_read_as_it_is_printed_and_nothing_else_is() {
        for environment in [Environment::here(Some("PyPy 3.10.1")), Environment::here(None)] {
            assert_eq!(environment.to_string().parse(), Ok(environment));
        }
        for text in ["", "cpython", "cpython-3.11", "a-b-c", "cpython-3.11--glibc", "a-b-c-d-e", "c p-3-x-g"]
        {
            assert_eq!(text.parse::<Environment>(), Err(NoEnvironment), "{text:?}");
        }
    }
}
