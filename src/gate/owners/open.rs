//! What open descriptors lead to, in sentences: the file, the peer and the state of a connection.

use std::collections::{BTreeMap, BTreeSet};

use super::gains::Gains;
use super::{Heaps, Told};
use crate::finding::Owner;
use crate::rules::{Evidence, Kind};
use crate::scenario::around::Open;
use crate::units::grouped;

/// Kinds that are told.
const MOST: usize = 3;
/// Descriptors that are told of each.
const NUMBERS: usize = 3;
/// As rules know what no object stands for.
const TYPE: &str = "file descriptor";

/// What these descriptors lead to, what there is most of first.
pub(super) fn facts(open: &[(i64, &Open)]) -> Vec<String> {
    let ends = |end: fn(&Open) -> Option<String>| {
        open.iter().filter_map(|(_, open)| end(open)).collect::<BTreeSet<String>>().len()
    };
    // The end that is the same for many is the one that tells them apart from others.
    let is_served = ends(peer) > ends(own);
    let mut groups: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (fd, open) in open {
        groups.entry(words(open, is_served)).or_default().push(*fd);
    }
    let mut groups: Vec<(String, Vec<i64>)> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.1.cmp(&b.1)));
    let mut facts: Vec<String> =
        groups.iter().take(MOST).map(|(what, fds)| format!("open: {what}{}", numbers(fds))).collect();
    if groups.len() > MOST {
        let rest = groups[MOST..].iter().map(|(_, fds)| fds.len() as u64).sum();
        facts.push(format!("open: {} more", grouped(rest)));
    }
    facts
}

fn peer(open: &Open) -> Option<String> {
    if let Open::Connection { peer, .. } = open { Some(peer.to_string()) } else { None }
}

fn own(open: &Open) -> Option<String> {
    if let Open::Connection { own, .. } = open { Some(own.to_string()) } else { None }
}

/// `is_served`: connections are known by the own end.
fn words(open: &Open, is_served: bool) -> String {
    match open {
        Open::File(path) => format!("file `{path}`"),
        Open::Connection { protocol, own, state, .. } if is_served => {
            format!("{protocol} connection that came in at {own}, {state}")
        }
        Open::Connection { protocol, peer, state, .. } => format!("{protocol} connection to {peer}, {state}"),
        Open::Waiting { protocol, own, state } => format!("{protocol} socket at {own}, {state}"),
        Open::Unix { path, state } if path.is_empty() => format!("unix socket, {state}"),
        Open::Unix { path, state } => format!("unix socket `{path}`, {state}"),
        Open::Other(what) => what.clone(),
    }
}

/// `, 8 times (descriptors 7, 8, 9, …)`.
fn numbers(fds: &[i64]) -> String {
    let shown: Vec<String> = fds.iter().take(NUMBERS).map(i64::to_string).collect();
    match fds.len() {
        1 => format!(" (descriptor {})", shown[0]),
        count if count > NUMBERS => {
            format!(", {} times (descriptors {}, …)", grouped(count as u64), shown.join(", "))
        }
        count => format!(", {count} times (descriptors {})", shown.join(", ")),
    }
}

/// Descriptors that no object of Python stands for.
pub fn descriptors(told: Told, heaps: &Heaps) -> Option<Owner> {
    let all = told.around?.open();
    let known: BTreeSet<i64> = heaps
        .snapshots
        .last()
        .iter()
        .flat_map(|after| &after.nodes.descriptors)
        .map(|(_, fd)| i64::from(*fd))
        .collect();
    let open: Vec<(i64, &Open)> =
        all.iter().filter(|(fd, _)| !known.contains(fd)).map(|(fd, open)| (*fd, open)).collect();
    if open.is_empty() {
        return None;
    }
    let count = open.len() as u64;
    nobody(told, heaps, (Kind::Resource, TYPE), (count, "file descriptor is open"), facts(&open))
}

/// The owner of what no object of Python stands for: so many, each of which is what `noun` says.
pub(super) fn nobody(
    told: Told,
    heaps: &Heaps,
    (kind, of): (Kind, &str),
    (count, noun): (u64, &str),
    facts: Vec<String>,
) -> Option<Owner> {
    let gains = Gains { entries: 0, objects: 0, bytes: 0, iterations: heaps.iterations }.counted(count, noun);
    let them = if gains.starts_with("1 more ") { "it" } else { "them" };
    let named = told.rules.name(&Evidence {
        kind,
        owner: format!("and no Python object stands for {them}"),
        held_by: None,
        types: vec![of.to_owned()],
        gains,
    })?;
    Some(Owner {
        pattern: Some(named.rule),
        sentence: named.message,
        name: of.to_owned(),
        type_name: of.to_owned(),
        path: vec![format!("nothing in Python, {of}")],
        place: None,
        facts,
        help: named.fix,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(own: &str, peer: &str) -> Open {
        let (own, peer) = (own.parse().unwrap(), peer.parse().unwrap());
        Open::Connection { protocol: "tcp", own, peer, state: "established" }
    }

    #[test]
    fn connections_are_told_by_the_end_that_they_share() {
        let out = [connection("10.0.0.1:50001", "10.0.0.9:80"), connection("10.0.0.1:50002", "10.0.0.9:80")];
        let numbered: Vec<(i64, &Open)> = (7..).zip(&out).collect();
        let expected = ["open: tcp connection to 10.0.0.9:80, established, 2 times (descriptors 7, 8)"];
        assert_eq!(facts(&numbered), expected);
        let served =
            [connection("10.0.0.9:80", "10.0.0.1:50001"), connection("10.0.0.9:80", "10.0.0.1:50002")];
        let numbered: Vec<(i64, &Open)> = (7..).zip(&served).collect();
        let expected =
            ["open: tcp connection that came in at 10.0.0.9:80, established, 2 times (descriptors 7, 8)"];
        assert_eq!(facts(&numbered), expected);
    }

    #[test]
    fn what_there_is_most_of_comes_first_and_the_rest_is_counted() {
        let file = |name: &str| Open::File(name.to_owned());
        let open =
            [file("/a"), file("/b"), file("/b"), file("/b"), file("/b"), file("/c"), file("/d"), file("/e")];
        let numbered: Vec<(i64, &Open)> = (3..).zip(&open).collect();
        let expected = [
            "open: file `/b`, 4 times (descriptors 4, 5, 6, …)",
            "open: file `/a` (descriptor 3)",
            "open: file `/c` (descriptor 8)",
            "open: 2 more",
        ];
        assert_eq!(facts(&numbered), expected);
    }
}
