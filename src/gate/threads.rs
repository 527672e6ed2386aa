//! Threads: where they were started, and a program that came to its end and does not end, because nobody stops one.

use crate::finding::{Finding, Place};
use crate::gate::budgets::finding;
use crate::gate::holders::{self, Held};
use crate::gate::place::{Origin, ScenarioFacts};
use crate::profile::{Frame, Profile, Site, Thread, ThreadId};
use crate::units::grouped;

/// Rule of a thread that nobody stops.
pub const UNSTOPPED: &str = "unstopped-thread";
/// Threads that are told of.
const TOLD: usize = 3;
/// The module that Python's threads come from.
const THREADING: &str = "/threading.py";

/// The finding, where the main thread of `profile` reached the end of the program and waits for others that run.
pub fn unstopped(scenario: &ScenarioFacts, profile: &Profile) -> Option<Finding> {
    if !is_at_end(profile) {
        return None;
    }
    let waits_for = |(_, thread): &(usize, &Thread)| thread.runs && thread.is_waited_for == Some(true);
    let threads: Vec<(usize, &Thread)> = profile.threads.iter().enumerate().filter(waits_for).collect();
    let (_, first) = threads.first()?;
    let started = first.started.map(|stack| holders::frames(scenario, profile, stack)).unwrap_or_default();
    let held =
        Held { functions: started.iter().filter_map(|frame| function(frame)).collect(), ..Held::default() };
    let mut evidence: Vec<String> = Vec::new();
    for sentence in threads.iter().take(TOLD).flat_map(|(id, thread)| told(scenario, profile, *id, thread)) {
        // Workers of a pool are alike.
        if !evidence.contains(&sentence) {
            evidence.push(sentence);
        }
    }
    Some(Finding {
        title: title(&threads),
        place: started_at(scenario, profile, first),
        evidence,
        help: "tell the thread to stop before the program ends, by an event or a sentinel, and join it; make it a \
               `daemon` only if it may be cut off at any moment"
            .to_owned(),
        ..finding(scenario, UNSTOPPED.to_owned(), held)
    })
}

fn title(threads: &[(usize, &Thread)]) -> String {
    match threads {
        [(_, one)] => {
            format!("the program is at its end and waits for thread `{}`, which does not stop", one.name)
        }
        _ => {
            let names: Vec<String> =
                threads.iter().take(TOLD).map(|(_, thread)| format!("`{}`", thread.name)).collect();
            let more = super::wording::more(threads.len().saturating_sub(TOLD));
            let (count, names) = (threads.len(), names.join(", "));
            format!(
                "the program is at its end and waits for {count} threads, which do not stop: {names}{more}"
            )
        }
    }
}

/// Where it was started and what it runs.
fn told(scenario: &ScenarioFacts, profile: &Profile, id: usize, thread: &Thread) -> Vec<String> {
    let name = &thread.name;
    let started =
        started_at(scenario, profile, thread).map(|place| format!("`{name}` was started at {place}"));
    let newest = newest_stack(profile, id);
    let target = newest.iter().rev().find(|frame| !is_of_threading(frame)).map(|frame| scenario.words(frame));
    let now = newest.iter().copied().filter(|frame| scenario.origin(frame) < Origin::Frozen);
    let now = now.min_by_key(|frame| scenario.origin(frame)).map(|frame| scenario.words(frame));
    let now = now.filter(|now| target.as_ref() != Some(now));
    let now = now.map(|now| format!("the newest line at which `{name}` allocated: {now}"));
    let target = target.map(|target| format!("`{name}` runs {target}"));
    started.into_iter().chain(target).chain(now).collect()
}

/// Where it was started: the user's own line, if there is one.
fn started_at(scenario: &ScenarioFacts, profile: &Profile, thread: &Thread) -> Option<Place> {
    let frames = holders::frames(scenario, profile, thread.started?);
    let own = frames.into_iter().filter(|frame| !is_of_threading(frame));
    scenario.place(own.min_by_key(|frame| scenario.origin(frame))?)
}

/// Where most of the threads were started that run at the end, and how many those are, in a sentence.
pub(super) fn most_started(scenario: &ScenarioFacts, profile: &Profile) -> Option<(Place, String)> {
    let (place, count) = most_started_of_newest(scenario, profile, usize::MAX)?;
    let told = match count {
        1 => format!("1 that runs at the end was started at {place}"),
        _ => format!("{} that run at the end were started at {place}", grouped(count)),
    };
    Some((place, told))
}

/// Where most of so many threads were started that run and were started last, and how many of them; of two places with
/// as many threads, the one with the newest.
pub(super) fn most_started_of_newest(
    scenario: &ScenarioFacts,
    profile: &Profile,
    number: usize,
) -> Option<(Place, u64)> {
    let mut places: Vec<(Place, u64)> = Vec::new();
    for thread in profile.threads.iter().rev().filter(|thread| thread.runs).take(number) {
        let Some(place) = started_at(scenario, profile, thread) else { continue };
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, count)) => *count += 1,
            None => places.push((place, 1)),
        }
    }
    // The newest stand first, and `max_by_key` takes the last of the greatest.
    places.into_iter().rev().max_by_key(|(_, count)| *count)
}

/// The frames of the newest of a thread's sites with the thread's own code, innermost first.
fn newest_stack(profile: &Profile, id: usize) -> Vec<&Frame> {
    let own = |site: &&Site| site.thread == ThreadId(id as u32);
    let stacks = profile.sites.iter().rev().filter(own).map(|site| profile.frames_of(site.stack).collect());
    let has_target = |frames: &Vec<&Frame>| {
        frames.last().is_some_and(|frame| is_of_threading(frame))
            && frames.iter().any(|frame| !is_of_threading(frame))
    };
    stacks.into_iter().find(has_target).unwrap_or_default()
}

/// Whether the main thread waits for others, or did: `threading` does it in a function that nothing else calls.
fn is_at_end(profile: &Profile) -> bool {
    let main = profile.threads.iter().position(|thread| thread.tid == profile.process.pid);
    let of_main = profile.sites.iter().filter(|site| main == Some(site.thread.0 as usize));
    of_main.into_iter().any(|site| {
        let outermost = profile.frames_of(site.stack).last();
        outermost
            .is_some_and(|frame| is_of_threading(frame) && function(frame).as_deref() == Some("_shutdown"))
    })
}

pub(super) fn is_of_threading(frame: &Frame) -> bool {
    matches!(frame, Frame::Python { file, .. } if file.ends_with(THREADING))
}

fn function(frame: &Frame) -> Option<String> {
    match frame {
        Frame::Python { function, .. } => Some(function.clone()),
        _ => None,
    }
}
