//! Reads a lock, whatever was done to it: finds all that is wrong, each with its line, and keeps what is sound.

use std::collections::{BTreeMap, BTreeSet};

use super::VERSION;
use super::layout::{Chunk, END, Layout, layout};
use super::model::{
    Accepted, AcceptedFigure, AcceptedPart, Identity, Key, Level, Lock, Section, figure_names, unit_of,
};
use super::packages::Package;
use super::words::unit_word;
use crate::finding::{PartKind, Rate, RateUnit};

/// The word before the version.
const MAGIC: &str = "leakgate-lock";
/// How lines begin that a version control system leaves where two changes meet.
const CONFLICTS: [&str; 4] = [CONFLICT_BEGIN, "|||||||", "=======", CONFLICT_END];
const CONFLICT_BEGIN: &str = "<<<<<<<";
const CONFLICT_END: &str = ">>>>>>>";
/// What helps against nearly everything.
const UPDATE: &str = "`leakgate baseline update` writes the section anew";

/// What is wrong with a lock, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
    /// What helps.
    pub mend: Mend,
}

/// What helps against a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// Somebody has to look at it: what is meant is not known.
    ByHand,
    /// An update, which writes the section anew.
    Update,
}

/// A lock that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// The sections that are sound.
    pub lock: Lock,
    /// What is wrong, in the order of lines.
    pub problems: Vec<Problem>,
    /// Scenarios that have a section here which is not sound.
    pub damaged: BTreeSet<Key>,
}

/// Reads a lock.
pub fn parse(text: &str) -> Parsed {
    let mut reader = Reader::default();
    let parts = layout(text);
    if !reader.head(parts.head) {
        return reader.finish();
    }
    reader.tail(&parts);
    for (index, chunk) in parts.chunks.iter().enumerate() {
        // What was cut off may be a part of the last section.
        let is_cut = parts.tail.is_empty() && index + 1 == parts.chunks.len();
        reader.chunk(chunk, is_cut);
    }
    reader.check_references();
    reader.finish()
}

/// What a heading says; scenarios come before packages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heading {
    /// What is accepted of a scenario in an environment.
    Scenario(Key),
    /// A list of packages, by its digest.
    Packages(String),
}

#[derive(Default)]
struct Reader {
    lock: Lock,
    problems: Vec<Problem>,
    /// Headings that were seen, as they are written, with their lines.
    seen: BTreeMap<String, usize>,
    /// Where sections refer to packages.
    references: Vec<(usize, Key, String)>,
    /// Whether a merge conflict has begun and not ended.
    is_in_conflict: bool,
    damaged: BTreeSet<Key>,
}

impl Reader {
    fn finish(mut self) -> Parsed {
        self.problems.sort_by_key(|problem| problem.line);
        Parsed { lock: self.lock, problems: self.problems, damaged: self.damaged }
    }

    fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(Problem { line, message: message.into(), mend: Mend::ByHand });
    }

    fn mendable(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(Problem { line, message: message.into(), mend: Mend::Update });
    }

    /// Tells of a conflict's mark; whether it is one that nothing began.
    fn mark(&mut self, number: usize, line: &str) -> bool {
        self.problem(number, conflict());
        let was_in_conflict = std::mem::replace(&mut self.is_in_conflict, !line.starts_with(CONFLICT_END));
        !was_in_conflict && !line.starts_with(CONFLICT_BEGIN)
    }

    /// The version; `false` where nothing further can be read.
    fn head(&mut self, head: &str) -> bool {
        let mut version = None;
        for (index, line) in head.lines().enumerate() {
            let (content, _) = without_comment(line);
            match content.split_once(' ').filter(|(word, _)| *word == MAGIC) {
                _ if content.is_empty() => {}
                _ if is_conflict(line) => drop(self.mark(index + 1, line)),
                Some((_, number)) if version.is_none() => {
                    version = Some((index + 1, number.trim().to_owned()))
                }
                _ => self.problem(index + 1, format!("`{}` is before the first section", short(content))),
            }
        }
        let Some((line, version)) = version else {
            let message = format!(
                "no line `{MAGIC} {VERSION}` before the first section: is it a lock of leakgate? {RESTORE}"
            );
            self.problems.clear();
            self.problem(1, message);
            return false;
        };
        if version == VERSION.to_string() {
            return true;
        }
        let message = match version.parse::<u32>() {
            Ok(newer) if newer > VERSION => format!(
                "version {newer} is of a newer leakgate; this one reads version {VERSION}: use the leakgate that wrote it"
            ),
            _ => format!(
                "version `{}` is unknown; this leakgate reads version {VERSION}. {RESTORE}",
                short(&version)
            ),
        };
        self.problem(line, message);
        false
    }

    fn tail(&mut self, parts: &Layout) {
        if parts.tail.is_empty() {
            let message = format!("the file ends without its last line, `{END}`: it was cut off. {RESTORE}");
            self.problem(parts.tail_line, message);
        }
        for (index, line) in parts.tail.lines().enumerate().skip(1) {
            let line_number = parts.tail_line + index;
            match without_comment(line).0 {
                "" => {}
                _ if is_conflict(line) => drop(self.mark(line_number, line)),
                content => {
                    self.problem(
                        line_number,
                        format!("`{}` is after `{END}`, the last line", short(content)),
                    );
                }
            }
        }
    }

    fn chunk(&mut self, chunk: &Chunk, is_cut: bool) {
        let is_in_conflict = self.conflicts(chunk);
        let heading = match heading(chunk.heading()) {
            Ok(heading) => heading,
            Err(message) => return self.problem(chunk.line, message),
        };
        if is_in_conflict {
            // Neither side is known to be meant.
            return self.forget(&heading);
        }
        let name = without_comment(chunk.heading()).0.to_owned();
        if let Some(first) = self.seen.insert(name.clone(), chunk.line) {
            self.problem(chunk.line, format!("{name} is there already, at line {first}: keep one of them"));
            // Which of them is meant is not known.
            return self.forget(&heading);
        }
        let before = self.problems.len();
        let lines = chunk.text.lines().enumerate().skip(1);
        let lines: Vec<(usize, &str)> = lines
            .map(|(index, line)| (chunk.line + index, line))
            .filter(|(_, line)| !is_conflict(line) && !without_comment(line).0.is_empty())
            .collect();
        match &heading {
            Heading::Scenario(key) => {
                let section = self.section(key, &lines);
                self.lock.sections.insert(key.clone(), section);
            }
            Heading::Packages(digest) => {
                let packages = self.packages(&lines);
                self.lock.packages.insert(digest.clone(), packages);
            }
        }
        if is_cut || self.problems.len() > before {
            self.forget(&heading);
        }
    }

    fn forget(&mut self, heading: &Heading) {
        match heading {
            Heading::Scenario(key) => {
                self.lock.sections.remove(key);
                self.damaged.insert(key.clone());
            }
            Heading::Packages(digest) => drop(self.lock.packages.remove(digest)),
        }
    }

    /// Tells of the marks in a section; whether something of it stands between marks. Those before the next section are about that.
    fn conflicts(&mut self, chunk: &Chunk) -> bool {
        let mut is_inside = false;
        for (index, line) in chunk.text.lines().enumerate() {
            if is_conflict(line) {
                is_inside |= self.mark(chunk.line + index, line);
            } else if self.is_in_conflict && !without_comment(line).0.is_empty() {
                is_inside = true;
            }
        }
        is_inside
    }

    fn section(&mut self, key: &Key, lines: &[(usize, &str)]) -> Section {
        let mut section = Section::default();
        for (number, line) in lines {
            let (content, comment) = without_comment(line);
            let added = match content.split_once(' ') {
                Some(("accepted", rest)) => add_finding(&mut section, rest, comment),
                Some(("part", rest)) => add_part(&mut section, rest, comment),
                _ => add_figure(&mut section, content),
            };
            if let Err(message) = added {
                self.mendable(*number, message);
            }
        }
        if let Some(digest) = &section.packages {
            let line = lines.first().map_or(0, |(number, _)| *number);
            self.references.push((line, key.clone(), digest.clone()));
        }
        section
    }

    fn packages(&mut self, lines: &[(usize, &str)]) -> Vec<Package> {
        let mut packages: Vec<Package> = Vec::new();
        for (number, line) in lines {
            let content = without_comment(line).0;
            match content.split_once(" = ").map(|(name, version)| (name.trim(), version.trim())) {
                Some((name, version)) if is_word(name) && is_word(version) => {
                    packages.push(Package { name: name.to_owned(), version: version.to_owned() });
                }
                _ => self.mendable(
                    *number,
                    format!("`{}` is no package; expected NAME = VERSION", short(content)),
                ),
            }
        }
        packages
    }

    /// A list of packages that is not there says less, and no more: the section stays.
    fn check_references(&mut self) {
        for (line, key, digest) in std::mem::take(&mut self.references) {
            if !self.lock.packages.contains_key(&digest) {
                self.mendable(
                    line,
                    format!(
                        "there is no sound section [packages {digest}], which [{key}] refers to; {UPDATE}"
                    ),
                );
            }
        }
    }
}

/// What to do about a file that is no lock any more.
const RESTORE: &str = "Restore it from version control, or remove it and run `leakgate baseline update`";

/// Reads a heading's line.
pub(super) fn heading(line: &str) -> Result<Heading, String> {
    let content = without_comment(line).0;
    let wrong = || {
        format!("`{}` is no heading; expected [SCENARIO on ENVIRONMENT] or [packages DIGEST]", short(content))
    };
    let inside = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(wrong)?;
    if let Some((scenario, environment)) = inside.split_once(" on ") {
        let environment = environment.parse().map_err(|error| format!("`{}` {error}", short(environment)))?;
        if !is_word(scenario) {
            return Err(wrong());
        }
        return Ok(Heading::Scenario(Key { scenario: scenario.to_owned(), environment }));
    }
    let digest = inside.strip_prefix("packages ").filter(|digest| is_digest(digest)).ok_or_else(wrong)?;
    Ok(Heading::Packages(digest.to_owned()))
}

/// The digest of a line that refers to a list of packages.
pub(super) fn reference(line: &str) -> Option<&str> {
    let (name, digest) = without_comment(line).0.split_once('=')?;
    (name.trim() == "packages" && is_digest(digest.trim())).then_some(digest.trim())
}

/// `peak = 23592960 B`, `packages = 3f2a1b9c04de`.
fn add_figure(section: &mut Section, content: &str) -> Result<(), String> {
    let known = || figure_names().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
    let unknown = |name: &str| {
        format!(
            "unknown key `{}`; expected one of packages, accepted, part, {}. {UPDATE}",
            short(name),
            known()
        )
    };
    let (name, value) = content.split_once('=').ok_or_else(|| unknown(content))?;
    let (name, value) = (name.trim(), value.trim());
    if name == "packages" {
        if !is_digest(value) {
            return Err(format!(
                "`packages = {}` is no digest of twelve hexadecimal digits; {UPDATE}",
                short(value)
            ));
        }
        return match section.packages.replace(value.to_owned()) {
            None => Ok(()),
            Some(_) => Err("`packages` is there twice: keep one of them".to_owned()),
        };
    }
    let unit = unit_of(name).ok_or_else(|| unknown(name))?;
    let figure = figure(value).filter(|figure| figure.unit == unit).ok_or_else(|| {
        let expected = format!(
            "a whole number and {}",
            match unit_word(unit) {
                "" => "no unit",
                word => word,
            }
        );
        format!("`{name} = {}` is no figure; expected {expected}. {UPDATE}", short(value))
    })?;
    match section.figures.insert(name.to_owned(), figure) {
        None => Ok(()),
        Some(_) => Err(format!("`{name}` is there twice: keep one of them")),
    }
}

/// `1:7f3a9c0b1d2e growth = 645120 B in 80 iterations`.
fn add_finding(section: &mut Section, content: &str, comment: &str) -> Result<(), String> {
    let wrong = || {
        format!(
            "`accepted {}` is no finding; expected `accepted SCHEME:FINGERPRINT RULE = AMOUNT in N iterations`. {UPDATE}",
            short(content)
        )
    };
    let (left, right) = match content.split_once('=') {
        Some((left, right)) => (left.trim(), Some(right.trim())),
        None => (content.trim(), None),
    };
    let (identity, rule) = left.split_once(' ').ok_or_else(wrong)?;
    let identity = self::identity(identity).filter(|_| is_word(rule)).ok_or_else(wrong)?;
    let level = match right {
        None => Level::Present,
        Some(text) => level(text).filter(|level| !is_negative(*level)).ok_or_else(wrong)?,
    };
    let about = comment.to_owned();
    let accepted = Accepted { rule: rule.to_owned(), level, about, parts: Vec::new() };
    match section.findings.insert(identity.clone(), accepted) {
        None => Ok(()),
        Some(_) => Err(format!("the finding {} is accepted twice: keep one of them", identity.value)),
    }
}

/// `1:7f3a9c0b1d2e site 0c1d2e7f3a9b = 645120 B in 80 iterations`, of a finding that is above it.
fn add_part(section: &mut Section, content: &str, comment: &str) -> Result<(), String> {
    let part = || {
        let (left, right) = content.split_once('=')?;
        let (of, left) = left.trim().split_once(' ')?;
        let (kind, digits) = left.split_once(' ')?;
        let kind = PartKind::ALL.into_iter().find(|known| known.word() == kind)?;
        let Some(Level::Rate(rate)) = level(right.trim()) else { return None };
        let (identity, about) = (digits.to_owned(), comment.to_owned());
        is_digest(digits).then_some((self::identity(of)?, AcceptedPart { kind, identity, rate, about }))
    };
    let (of, part) = part().ok_or_else(|| {
        format!(
            "`part {}` is no part of a finding; expected `part SCHEME:FINGERPRINT site|container DIGITS = AMOUNT in N iterations`. {UPDATE}",
            short(content)
        )
    })?;
    let finding = section.findings.get_mut(&of).ok_or_else(|| {
        format!("`part {}` is of no finding that is accepted above it. {UPDATE}", short(content))
    })?;
    finding.parts.push(part);
    finding.parts.sort();
    Ok(())
}

/// `1:7f3a9c0b1d2e`.
fn identity(text: &str) -> Option<Identity> {
    let (scheme, value) = text.split_once(':')?;
    let scheme = scheme.parse().ok()?;
    is_digest(value).then(|| Identity { scheme, value: value.to_owned() })
}

fn level(text: &str) -> Option<Level> {
    let Some((amount, iterations)) = text.split_once(" in ") else {
        return figure(text).map(Level::Figure);
    };
    let (total, unit) = amount.trim().split_once(' ')?;
    let unit = RateUnit::ALL.into_iter().find(|known| known.many() == unit)?;
    let iterations =
        iterations.trim().strip_suffix(" iterations")?.parse().ok().filter(|count| *count > 0)?;
    Some(Level::Rate(Rate { total: total.parse().ok()?, iterations, unit }))
}

/// No finding is of what takes memory away with every iteration.
fn is_negative(level: Level) -> bool {
    matches!(level, Level::Rate(rate) if rate.total < 0)
}

fn figure(text: &str) -> Option<AcceptedFigure> {
    use crate::finding::Unit::{Bytes, BytesPerIteration, Count};
    let (value, word) = text.split_once(' ').unwrap_or((text, ""));
    let unit = [Bytes, BytesPerIteration, Count].into_iter().find(|unit| unit_word(*unit) == word)?;
    Some(AcceptedFigure { value: value.parse().ok()?, unit })
}

/// A line's content and its comment.
fn without_comment(line: &str) -> (&str, &str) {
    let (content, comment) = line.split_once('#').unwrap_or((line, ""));
    (content.trim(), comment.trim())
}

fn is_conflict(line: &str) -> bool {
    CONFLICTS.iter().any(|mark| line.starts_with(mark))
}

fn conflict() -> String {
    "a mark of a merge conflict: keep the lines of one side, and if both changed, let `leakgate baseline update` measure again then".to_owned()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "[]=#".contains(c))
}

fn is_digest(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

/// As much of what was typed as a message may quote.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
