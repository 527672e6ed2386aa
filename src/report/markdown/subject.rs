//! What a report is about: which configuration, which part of it. A repository with several has a comment for each.

use super::escape::code;
use crate::outcome::{Outcome, Partition};
use crate::report::{DEFAULT_COMMENT, Options, clean, summary};
use crate::stable_hash;
use crate::units::grouped;

/// Name of the configuration that needs no mention.
const CONFIG: &str = "leakgate.yaml";
/// Longest name of a comment.
const LONGEST: usize = 60;

/// Whether a comment can have that name: it stands in a comment of HTML.
pub(in crate::report) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && text.chars().all(is_plain) && !text.contains("--")
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._/".contains(c) || c == '-'
}

/// The name of the comment: as the user gave it, or by the configuration and the scenarios that were asked for. Who ran
/// some of them has nothing to say about the others: those have a comment of their own.
pub(super) fn name(outcome: &Outcome, options: &Options) -> String {
    if options.comment != DEFAULT_COMMENT {
        return options.comment.to_owned();
    }
    let config = match config(outcome, options) {
        path if path == CONFIG => DEFAULT_COMMENT.to_owned(),
        path if is_name(&path) => path,
        path => format!("config-{:016x}", stable_hash::spread(&path)),
    };
    match outcome.selection() {
        None => config,
        Some(_) => format!("{config}/only-{:016x}", stable_hash::spread(&names(outcome))),
    }
}

/// The scenarios' names, in the same order however they were asked for.
fn names(outcome: &Outcome) -> String {
    let mut names: Vec<&str> = outcome.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    names.sort_unstable();
    names.join("\n")
}

/// What the heading adds, so that two comments can be told apart: the name that the user gave it or the configuration's
/// path, where it is not the usual one, which part it is, and how many of the scenarios were asked for.
pub(super) fn distinction(outcome: &Outcome, options: &Options) -> String {
    let mut text = String::new();
    let config = config(outcome, options);
    match (options.comment, config.as_str()) {
        (DEFAULT_COMMENT, CONFIG) => {}
        (DEFAULT_COMMENT, path) => text.push_str(&format!(" · {}", code(path, clean::FRAME))),
        (name, _) => text.push_str(&format!(" · {}", code(name, clean::NAME))),
    }
    // Of an empty part the heading says it already.
    let part = outcome.partition.filter(|_| !outcome.scenarios.is_empty());
    if let Some(Partition { index, of: of @ 2.., .. }) = part {
        text.push_str(&format!(" · part {index} of {of}"));
    }
    if let Some((asked, all)) = outcome.selection() {
        let all = summary::counted(all, "scenario");
        text.push_str(&format!(" · only {} of {all}", grouped(asked as u64)));
    }
    text
}

/// The configuration's path from the top of the repository, where it is known, so that two of the same name in different
/// folders are two.
fn config(outcome: &Outcome, options: &Options) -> String {
    let inside = options.source.path(&outcome.config);
    let path = inside.unwrap_or_else(|| outcome.config.trim_start_matches("./").to_owned());
    // As a result has it that is read back.
    clean::line(&path, clean::SENTENCE)
}
