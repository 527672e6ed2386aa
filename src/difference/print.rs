//! Differences as people read them.

use std::fmt::Write;

use super::Fate;
use super::results::{Results, ScenarioChange};
use super::sites::{Change, Sites};
use crate::units::{Bytes, grouped};
use crate::view::text::clean;

impl Sites {
    /// At most `limit` sites of each kind.
    pub fn text(&self, limit: usize) -> String {
        let (before, after) = (self.before, self.after);
        let mut out = format!(
            "{}: {} → {} ({} B), {} → {} blocks ({})\n",
            self.at.state(),
            Bytes(before.bytes),
            Bytes(after.bytes),
            signed(i128::from(after.bytes) - i128::from(before.bytes)),
            grouped(before.blocks),
            grouped(after.blocks),
            signed(i128::from(after.blocks) - i128::from(before.blocks)),
        );
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

/// `  +976.6 KiB   1.0 MiB → 2.0 MiB   +40 blocks   shop/quotes.py:14 in remember`.
fn line(change: &Change) -> String {
    let bytes = change.bytes();
    let sign = if bytes < 0 { "-" } else { "+" };
    let amount = format!("{sign}{}", Bytes(u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX)));
    let sizes = match change.fate {
        Fate::Grew | Fate::Shrank => {
            format!("{} → {}   ", Bytes(change.before.bytes), Bytes(change.after.bytes))
        }
        Fate::New | Fate::Gone => String::new(),
    };
    let blocks = change.blocks();
    let plural = if blocks.abs() == 1 { "" } else { "s" };
    let moved = change.moved_from.map(|line| format!(" (was line {line})")).unwrap_or_default();
    format!("  {amount:>10}   {sizes}{} block{plural}   {}{moved}\n", signed(blocks), clean(&change.place))
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
