//! Names the programs that ran without the tracker.

use std::path::Path;

use super::plain::plain;
use crate::profile::{Obstacle, Untracked};

/// Most programs that are named for one reason.
const NAMED: usize = 10;

/// Names the programs that are in no figure, and says why.
pub fn note(untracked: &[Untracked]) -> Option<String> {
    let sentence = |(why, names): (Obstacle, Vec<String>)| {
        format!("ran without the tracker ({why}), in no figure: {}", names.join(", "))
    };
    let sentences: Vec<String> = by_obstacle(untracked).into_iter().map(sentence).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

/// The same, a program a line below each reason.
pub fn lines(untracked: &[Untracked]) -> Option<String> {
    let below = |(why, names): (Obstacle, Vec<String>)| format!("{why}:\n  {}", names.join("\n  "));
    let lines: Vec<String> = by_obstacle(untracked).into_iter().map(below).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The names of the programs for each reason that there is.
fn by_obstacle(untracked: &[Untracked]) -> Vec<(Obstacle, Vec<String>)> {
    let obstacles = [Obstacle::NotLoaded, Obstacle::FileSize, Obstacle::NoFile];
    let names = |why: Obstacle| {
        let mut programs = untracked.iter().filter(|program| program.obstacle == why);
        let mut names: Vec<String> = programs.by_ref().take(NAMED).map(named).collect();
        let more = programs.count();
        names.extend((more > 0).then(|| format!("+{more} more")));
        (why, names)
    };
    obstacles.into_iter().map(names).filter(|(_, names)| !names.is_empty()).collect()
}

fn named(program: &Untracked) -> String {
    let name = Path::new(&program.program).file_name().unwrap_or_default().to_string_lossy();
    match program.pid {
        Some(pid) => format!("{} ({pid})", plain(&name)),
        None => format!("{} (started by {})", plain(&name), program.owner.pid),
    }
}
