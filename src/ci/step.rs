//! The files that a GitHub runner reads after a step: its summary, shown on the page of the run, and its outputs.

use std::fs::OpenOptions;
use std::io::{self, Write};

use super::Variables;
use super::log::unguessable;

/// A step's summary is dropped whole when it is larger.
const LARGEST_SUMMARY: u64 = 1 << 20;

/// How many bytes the job's summary still takes; where there is none, as many as if there were.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn summary_room(variables: &Variables) -> io::Result<usize> {
    let there = match variables.get("GITHUB_STEP_SUMMARY").map(std::fs::metadata) {
        Some(Ok(file)) => file.len(),
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => 0,
    };
    // A line break before and one after.
    Ok(LARGEST_SUMMARY.saturating_sub(there + 2) as usize)
}

/// Appends to the job's summary, where there is one. `false` where it would become too large, and was left as it is.
///
/// # Errors
/// When the file cannot be written.
pub fn add_summary(variables: &Variables, markdown: &str) -> io::Result<bool> {
    let Some(path) = variables.get("GITHUB_STEP_SUMMARY") else { return Ok(true) };
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    // What others wrote stays, and does not run into ours.
    let text = format!("\n{markdown}\n");
    if file.metadata()?.len() + text.len() as u64 > LARGEST_SUMMARY {
        return Ok(false);
    }
    file.write_all(text.as_bytes())?;
    Ok(true)
}

/// Appends outputs of the step, where it has any.
///
/// # Errors
/// When the file cannot be written.
pub fn add_outputs(variables: &Variables, outputs: &[(&str, String)]) -> io::Result<()> {
    let Some(path) = variables.get("GITHUB_OUTPUT") else { return Ok(()) };
    let text: String = outputs.iter().map(|(name, value)| output(name, value)).collect();
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// A line, or lines up to a word that the value cannot know.
fn output(name: &str, value: &str) -> String {
    if !value.contains(['\n', '\r']) {
        return format!("{name}={value}\n");
    }
    let end = unguessable();
    format!("{name}<<{end}\n{value}\n{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_added_to_what_is_there_until_it_would_be_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.md");
        let variables = Variables::from([("GITHUB_STEP_SUMMARY", path.to_str().unwrap())]);
        std::fs::write(&path, "before").unwrap();
        assert!(add_summary(&variables, "### report").unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\n### report\n");
        assert!(!add_summary(&variables, &"x".repeat(1 << 20)).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\n### report\n");
        assert!(add_summary(&Variables::default(), "nowhere").unwrap());
    }

    #[test]
    fn an_output_cannot_begin_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let variables = Variables::from([("GITHUB_OUTPUT", path.to_str().unwrap())]);
        let outputs = [("verdict", "fail".to_owned()), ("captures", "a\nverdict=pass".to_owned())];
        add_outputs(&variables, &outputs).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[1].strip_prefix("captures<<").unwrap();
        assert_eq!(lines, ["verdict=fail", lines[1], "a", "verdict=pass", end]);
    }
}
