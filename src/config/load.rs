//! Reads a configuration file from disk: bounded, text only, everything wrong with it at once.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::model::Config;
use super::paths::reason;
use super::problem::{ConfigErrors, Problem, Problems, printable_path, quotable};
use super::tree::{self, SyntaxError};
use super::validate;

/// A configuration file is at most this large.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Loads and checks a configuration. All problems of the file come back at once where its YAML can be parsed.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let bytes = read(path).map_err(|message| unreadable(path, &message))?;
    let source = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut problems = Problems::new(printable_path(path), &source);
    let config = match tree::parse(&source) {
        Ok(root) => validate::config(&mut problems, &root, path, dir),
        Err(error) => {
            report_syntax(&mut problems, error);
            None
        }
    };
    match (problems.finish(), config) {
        (None, Some(config)) => Ok(config),
        (Some(errors), _) => Err(errors),
        (None, None) => Err(unreadable(path, "it could not be understood")),
    }
}

/// The file's bytes, or why not. Only regular files: a pipe could block for ever.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let metadata =
        fs::metadata(path).map_err(|error| format!("cannot read the configuration: {}", reason(&error)))?;
    if metadata.is_dir() {
        return Err("cannot read the configuration: it is a folder; expected a file".to_owned());
    }
    if !metadata.is_file() {
        return Err("cannot read the configuration: it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read the configuration: {}", reason(&error)))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err("the configuration is larger than 1 MiB, which is the most that is read".to_owned());
    }
    Ok(bytes)
}

fn unreadable(path: &Path, message: &str) -> ConfigErrors {
    let problem = Problem { file: printable_path(path), message: message.to_owned(), ..Problem::default() };
    ConfigErrors { problems: vec![problem], more: 0, source: String::new() }
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> ConfigErrors {
    let at = error.utf8_error().valid_up_to();
    let (before, rest) = error.as_bytes().split_at(at);
    let byte = rest.first().copied().unwrap_or(0);
    let message = format!("the configuration is not UTF-8: byte 0x{byte:02x} at offset {at}");
    let mut errors = unreadable(path, &message);
    let before = String::from_utf8_lossy(before);
    let problems = Problems::new(String::new(), &before);
    for problem in &mut errors.problems {
        (problem.line, problem.column) = problems.position(before.len());
        problem.help = Some("save the file with the encoding UTF-8".to_owned());
    }
    errors
}

fn report_syntax(problems: &mut Problems<'_>, error: SyntaxError) {
    let start = match error.bytes.start {
        0 => problems.byte_at(error.line, error.column),
        start => start,
    };
    let line = problems.line_from(problems.byte_at(problems.line_at(start) as usize, 1));
    let problem = problems.add(&(start..error.bytes.end.max(start)), error.message);
    if let Some(text) = text_after_brace(line) {
        problem.help(format!("a text that begins with `{{` needs quotes: \"{}\"", quotable(text)));
    }
}

/// `{program} --port 80` of `run: {program} --port 80`: YAML reads a mapping, and then does not know how to go on.
fn text_after_brace(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let start = [": {", "- {"].iter().filter_map(|opening| line.find(opening)).min()? + 2;
    let text = &line[start..];
    let rest = text[text.find('}')? + 1..].trim_start();
    (!rest.is_empty() && !rest.starts_with([',', ']', '}', '#'])).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_not_be_read_says_so() {
        // A test that runs as root can read everything, so the reason is made by hand.
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(reason(&denied), "permission denied");
    }
}
