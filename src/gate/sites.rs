//! Through which code the memory of a finding came: what allowances and known leaks are matched with.

use std::path::Path;

use crate::distributions;
use crate::finding::{Finding, Holder};
use crate::gate::place::{Origin, ScenarioFacts};
use crate::pattern::Pattern;
use crate::profile::Frame;

/// Whether most of the memory came through a place that the pattern names: a file, or `file:function`.
///
/// Most, and not any: else a new leak would be covered by an old one that is small beside it.
pub fn came_through(finding: &Finding, pattern: &Pattern) -> bool {
    let is_place = |place: &crate::finding::Place| is_named(pattern, &place.file, &place.function);
    if finding.holders.is_empty() {
        return finding.place.as_ref().is_some_and(is_place);
    }
    let names = |holder: &Holder| {
        holder.place.as_ref().is_some_and(is_place) || holder.frames.iter().any(|frame| names(pattern, frame))
    };
    is_most(finding, &names)
}

/// Whether the finding is a package's own: most of the memory was allocated in such frames of it, with no code of the
/// user's in between, and so were the containers that grow.
pub fn is_own(finding: &Finding, is_package: &dyn Fn(&Frame) -> bool) -> bool {
    let inside = |frames: &[Frame]| inner(frames).any(is_package);
    let is_made_there = finding.containers.iter().all(|frames| inside(frames));
    let is_held = match finding.holders.is_empty() {
        true => !finding.containers.is_empty(),
        false => is_most(finding, &|holder| inside(&holder.frames)),
    };
    is_made_there && is_held
}

/// Frames of installed packages between an allocation and the user's own code, innermost first.
pub fn inner(frames: &[Frame]) -> impl Iterator<Item = &Frame> {
    let facts = ScenarioFacts { name: "", cwd: Path::new(""), driver: None };
    let inside = frames.iter().take_while(move |frame| facts.origin(frame) != Origin::User);
    inside.filter(|frame| file(frame).is_some_and(distributions::is_installed))
}

/// Whether the pattern names the frame's file, or its file and function.
pub fn names(pattern: &Pattern, frame: &Frame) -> bool {
    match frame {
        Frame::Python { file, function, .. } => is_named(pattern, file, function),
        Frame::Native { module, symbol, .. } => is_named(pattern, module, symbol),
        Frame::Note(_) => false,
    }
}

/// The file that a frame's code is in.
pub fn file(frame: &Frame) -> Option<&str> {
    match frame {
        Frame::Python { file, .. } => Some(file),
        Frame::Native { module, .. } => Some(module),
        Frame::Note(_) => None,
    }
}

fn is_named(pattern: &Pattern, file: &str, function: &str) -> bool {
    // Before CPython 3.11 a function knows only the last part of its name.
    let last = function.rsplit('.').next().unwrap_or(function);
    pattern.matches_path(file)
        || pattern.matches_path(&format!("{file}:{function}"))
        || pattern.matches_path(&format!("{file}:{last}"))
}

/// Whether these holders have more than half of what all that are listed have: bytes, or blocks where there are none.
fn is_most(finding: &Finding, is_one: &dyn Fn(&Holder) -> bool) -> bool {
    let has_bytes = finding.holders.iter().any(|holder| holder.bytes.0 > 0);
    let weight = |holder: &Holder| u128::from(if has_bytes { holder.bytes.0 } else { holder.blocks });
    let all: u128 = finding.holders.iter().map(weight).sum();
    let these: u128 = finding.holders.iter().filter(|holder| is_one(holder)).map(weight).sum();
    these * 2 > all
}
