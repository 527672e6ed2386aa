//! Writes a lock, for a reader of a code review: sorted, a figure or a finding a line, exact, with what people read beside it.
//!
//! Nothing is aligned: a line changes only when what it says does.

use super::VERSION;
use super::layout::END;
use super::model::{Accepted, AcceptedFigure, AcceptedPart, Identity, Key, Level, Lock, Section};
use super::packages::Package;
use super::words::unit_word;
use crate::finding::{Rate, Unit};

/// What stands above the sections.
const HEAD: &str = "# What leakgate accepts: figures and findings of each scenario, exact. `leakgate baseline update` writes them.\n";

/// The whole text of a lock.
pub fn print(lock: &Lock) -> String {
    let mut text = head();
    lock.sections.iter().for_each(|(key, section)| text.push_str(&section_text(key, section)));
    lock.packages.iter().for_each(|(digest, packages)| text.push_str(&packages_text(digest, packages)));
    text.push_str(&end());
    text
}

/// Everything before the first section.
pub(super) fn head() -> String {
    format!("{HEAD}leakgate-lock {VERSION}\n\n")
}

/// The last line.
pub(super) fn end() -> String {
    format!("{END}\n")
}

/// The text of a section, the empty line after it included.
pub(super) fn section_text(key: &Key, section: &Section) -> String {
    let mut lines = vec![format!("[{key}]")];
    lines.extend(section.packages.iter().map(|digest| format!("packages = {digest}")));
    lines.extend(section.figures.iter().map(|(name, figure)| figure_line(name, *figure)));
    for (identity, accepted) in &section.findings {
        lines.push(finding_line(identity, accepted));
        lines.extend(accepted.parts.iter().map(|part| part_line(identity, part)));
    }
    format!("{}\n\n", lines.join("\n"))
}

/// The text of a list of packages, the empty line after it included.
pub(super) fn packages_text(digest: &str, packages: &[Package]) -> String {
    let mut lines = vec![format!("[packages {digest}]")];
    lines.extend(packages.iter().map(|package| format!("{} = {}", package.name, package.version)));
    format!("{}\n\n", lines.join("\n"))
}

fn figure_line(name: &str, figure: AcceptedFigure) -> String {
    let readable = readable(figure).map(|size| format!("  # {size}")).unwrap_or_default();
    format!("{name} = {}{readable}", exact(figure))
}

fn finding_line(identity: &Identity, accepted: &Accepted) -> String {
    let Identity { scheme, value } = identity;
    let level = match accepted.level {
        Level::Rate(rate) => format!(" = {}", exact_rate(rate)),
        Level::Figure(figure) => format!(" = {}", exact(figure)),
        Level::Present => String::new(),
    };
    format!("accepted {scheme}:{value} {}{level}{}", accepted.rule, remark(&accepted.about))
}

fn part_line(of: &Identity, part: &AcceptedPart) -> String {
    let Identity { scheme, value } = of;
    let (kind, rate, remark) = (part.kind.word(), exact_rate(part.rate), remark(&part.about));
    format!("part {scheme}:{value} {kind} {} = {rate}{remark}", part.identity)
}

/// What people read behind a line.
fn remark(about: &str) -> String {
    let about: String = about.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match about.trim() {
        "" => String::new(),
        about => format!("  # {about}"),
    }
}

fn exact_rate(rate: Rate) -> String {
    format!("{} {} in {} iterations", rate.total, rate.unit.many(), rate.iterations)
}

fn exact(figure: AcceptedFigure) -> String {
    format!("{} {}", figure.value, unit_word(figure.unit)).trim_end().to_owned()
}

/// A size as people read it, where that says more than the exact one.
fn readable(figure: AcceptedFigure) -> Option<String> {
    let is_size = figure.unit != Unit::Count && figure.value.unsigned_abs() >= 1024;
    is_size.then(|| figure.unit.show(figure.value))
}
