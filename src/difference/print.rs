//! Differences as people read them.

use std::fmt::Write;

use super::Fate;
use super::heaps::{Heaps, ObjectChange};
use super::results::{FindingChange, Results, ScenarioChange};
use super::sites::{Change, Sites};
use crate::units::{Bytes, grouped};
use crate::view::text::clean;

impl Sites {
    /// At most `limit` sites of each kind.
    pub fn text(&self, limit: usize) -> String {
        let (before, after) = (self.before, self.after);
        let when = match &self.when {
            [was, is] if was == is => was.clone(),
            [was, is] => format!("{was} → {is}"),
        };
        let mut out = format!(
            "live {when}: {} → {} ({} B), {} → {} blocks ({})\n",
            Bytes(before.bytes),
            Bytes(after.bytes),
            signed(i128::from(after.bytes) - i128::from(before.bytes)),
            grouped(before.blocks),
            grouped(after.blocks),
            signed(i128::from(after.blocks) - i128::from(before.blocks)),
        );
        if let [Some(was), Some(is)] = self.iterations
            && was != is
        {
            out.push_str(
                "the numbers of iterations differ: what grows with each of them differs by that alone\n",
            );
        }
        if self.changes.is_empty() {
            out.push_str("no difference: every site holds the same\n");
        }
        for fate in Fate::ALL {
            let all: Vec<&Change> = self.changes.iter().filter(|change| change.fate == fate).collect();
            if all.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n{}", fate.word());
            all.iter().take(limit).for_each(|change| out.push_str(&line(change)));
            if all.len() > limit {
                let rest: i128 = all[limit..].iter().map(|change| change.bytes()).sum();
                let _ = writeln!(
                    out,
                    "  +{} more, {} B in all",
                    grouped((all.len() - limit) as u64),
                    signed(rest)
                );
            }
        }
        out
    }
}

impl Heaps {
    /// At most `limit` owners, and types.
    pub fn text(&self, limit: usize) -> String {
        [list("by owner", &self.owners, limit), list("by type", &self.types, limit)].concat()
    }
}

fn list(heading: &str, changes: &[ObjectChange], limit: usize) -> String {
    if changes.is_empty() {
        return format!("\n{heading}: no difference\n");
    }
    let mut out = format!("\n{heading}\n");
    changes.iter().take(limit).for_each(|change| out.push_str(&object_line(change)));
    if let Some(more @ 1..) = changes.len().checked_sub(limit) {
        let _ = writeln!(out, "  +{} more", grouped(more as u64));
    }
    out
}

/// `  grew      +5.7 KiB   3.1 MiB → 3.2 MiB   +27 objects, +9 entries   app.SEEN (list)`.
fn object_line(change: &ObjectChange) -> String {
    let (was, is) = (change.before, change.after);
    let less = |after: u64, before: u64| i128::from(after) - i128::from(before);
    let sizes = match change.fate {
        Fate::Grew | Fate::Shrank => format!("{} → {}   ", Bytes(was.bytes), Bytes(is.bytes)),
        Fate::New | Fate::Gone | Fate::Same => String::new(),
    };
    let mut counts = counted(less(is.objects, was.objects), ["object", "objects"]);
    let entries = less(is.entries.unwrap_or(0), was.entries.unwrap_or(0));
    if entries != 0 {
        let _ = write!(counts, ", {}", counted(entries, ["entry", "entries"]));
    }
    let of = change.type_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    // What nobody holds is called by its type already.
    let of = if change.name.ends_with(')') { String::new() } else { of };
    let amount = signed_bytes(change.bytes());
    format!("  {:<6} {amount:>10}   {sizes}{counts}   {}{of}\n", change.fate.word(), change.name)
}

fn counted(count: i128, [one, many]: [&str; 2]) -> String {
    format!("{} {}", signed(count), if count.abs() == 1 { one } else { many })
}

/// `+976.6 KiB`, `0 B`.
fn signed_bytes(bytes: i128) -> String {
    let sign = match bytes {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", Bytes(u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX)))
}

/// `  +976.6 KiB   1.0 MiB → 2.0 MiB   +40 blocks   shop/quotes.py:14 in remember`.
fn line(change: &Change) -> String {
    let amount = signed_bytes(change.bytes());
    let sizes = match change.fate {
        Fate::Grew | Fate::Shrank => {
            format!("{} → {}   ", Bytes(change.before.bytes), Bytes(change.after.bytes))
        }
        Fate::New | Fate::Gone | Fate::Same => String::new(),
    };
    let blocks = counted(change.blocks(), ["block", "blocks"]);
    let moved = change.moved_from.map(|line| format!(" (was line {line})")).unwrap_or_default();
    format!("  {amount:>10}   {sizes}{blocks}   {}{moved}\n", clean(&change.place))
}

impl Results {
    /// All that differs.
    pub fn text(&self) -> String {
        if self.is_empty() {
            return "no difference: every figure and every finding is the same\n".to_owned();
        }
        let mut out = self.scenarios.iter().map(scenario).collect::<Vec<_>>().join("\n");
        if !self.packages.is_empty() {
            let blank = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{blank}packages");
        }
        for package in &self.packages {
            let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
            let _ = writeln!(
                out,
                "  {} {} → {}",
                package.name,
                version(&package.before),
                version(&package.after)
            );
        }
        out
    }
}

fn scenario(change: &ScenarioChange) -> String {
    let mut out = match change.fate {
        Some(fate) => format!("{}: {}\n", change.name, fate.word()),
        None => format!("{}\n", change.name),
    };
    if let Some([before, after]) = &change.environment {
        let _ = writeln!(out, "  measured on {before}, then on {after}: figures of different environments");
    }
    if let Some([before, after]) = change.verdict {
        let _ = writeln!(out, "  verdict {before} → {after}");
    }
    for figure in &change.figures {
        let _ = writeln!(out, "  {:<6} {}", figure.fate.word(), figure.said);
    }
    for finding in &change.findings {
        let levels = match (&finding.before, &finding.after) {
            (Some(before), Some(_)) if finding.fate == Fate::Same => format!(" ({before})"),
            (Some(before), Some(after)) => format!(" ({before} → {after})"),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "  {:<6} {}{levels}   {}",
            finding.fate.word(),
            clean(&finding.title),
            finding.rule
        );
        out.push_str(&kept_by(finding));
    }
    out
}

/// Who keeps what grows, and where it is filled; where they are others than before, both.
fn kept_by(finding: &FindingChange) -> String {
    let mut out = String::new();
    let [before, after] = [&finding.owners.before, &finding.owners.after];
    let fates = [(after, before, "owner"), (before, after, "owner no more")];
    for (owners, others, word) in fates {
        // Of what is gone altogether the owners of then are all there is to tell.
        let is_past = word != "owner";
        let word = if is_past && finding.after.is_none() { "owner" } else { word };
        for owner in owners.iter().filter(|owner| !is_past || !others.contains(owner)) {
            let _ = writeln!(out, "         {word} {}", clean(owner));
        }
    }
    match [&finding.place.before, &finding.place.after] {
        [Some(was), Some(is)] if was != is => {
            let _ = writeln!(out, "         at {} (was {})", clean(is), clean(was));
        }
        [_, Some(place)] | [Some(place), None] => {
            let _ = writeln!(out, "         at {}", clean(place));
        }
        [None, None] => {}
    }
    out
}

fn signed(number: i128) -> String {
    let sign = match number {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", grouped(u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX)))
}
