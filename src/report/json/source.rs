//! The lines of source that a result carries along, so that a report can show them where the checkout is not: a comment on
//! a fork's pull request is written where no code of the fork is.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::finding::Place;
use crate::report::{Options, Sources, clean, excerpt};

/// Files whose lines are kept of one result; no report shows more.
const MOST: usize = 5_000;

/// The lines up to the place of a finding.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SourceEntry {
    /// Path from the top of the repository; `null` where the file is outside of it.
    pub(super) path: Option<String>,
    /// Number of the first line, from 1.
    pub(super) first: u32,
    /// The lines, without control characters and bounded; the last one is the place.
    pub(super) lines: Vec<String>,
}

impl SourceEntry {
    /// `None` where no line of it can be shown.
    pub(super) fn of(place: &Place, options: &Options) -> Option<SourceEntry> {
        let lines = excerpt::around(place, clean::FRAME, options);
        let first = lines.first()?.number;
        let path = options.source.path(&place.file).map(|path| clean::line(&path, clean::SENTENCE));
        Some(SourceEntry { path, first, lines: lines.into_iter().map(|line| line.text).collect() })
    }
}

/// The lines that a result carries. They are somebody else's words: what shows them makes them harmless.
#[derive(Debug, Default)]
pub struct Carried {
    /// By a finding's file and the number of the first line.
    lines: HashMap<(String, u32), Vec<String>>,
    /// By a finding's file.
    paths: HashMap<String, String>,
}

impl Carried {
    /// With what another result of the same check carries; where both say something, the first one is believed.
    #[must_use]
    pub fn and(mut self, other: Carried) -> Carried {
        for (place, lines) in other.lines {
            self.lines.entry(place).or_insert(lines);
        }
        for (file, path) in other.paths {
            self.paths.entry(file).or_insert(path);
        }
        self
    }
}

impl Sources for Carried {
    fn text(&self, _file: &str) -> Option<String> {
        None
    }

    fn lines(&self, file: &str, first: u32, wanted: usize) -> Option<Vec<String>> {
        let lines = self.lines.get(&(file.to_owned(), first))?;
        Some(lines.iter().take(wanted).cloned().collect())
    }

    fn path(&self, file: &str) -> Option<String> {
        self.paths.get(file).cloned()
    }
}

/// What matters here of the document.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    config: String,
    config_path: Option<String>,
    #[serde(default)]
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    #[serde(default)]
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    place: Option<File>,
    source: Option<SourceEntry>,
}

#[derive(Deserialize)]
struct File {
    file: String,
}

/// The lines that a `result.json` carries; none where it is not one.
pub fn carried(bytes: &[u8]) -> Carried {
    let mut carried = Carried::default();
    let Ok(report) = serde_json::from_slice::<Report>(bytes) else { return carried };
    let config = report.config_path.as_deref().and_then(inside);
    carried.paths.extend(config.map(|path| (clean::line(&report.config, clean::SENTENCE), path)));
    let findings = report.scenarios.into_iter().flat_map(|scenario| scenario.findings);
    for (place, source) in findings.filter_map(|finding| Some((finding.place?, finding.source?))).take(MOST) {
        // As the finding has it after it was read.
        let file = clean::line(&place.file, clean::SENTENCE);
        if let Some(path) = source.path.as_deref().and_then(inside) {
            carried.paths.insert(file.clone(), path);
        }
        carried.lines.insert((file, source.first), source.lines);
    }
    carried
}

/// A path that does not lead out of the repository.
fn inside(path: &str) -> Option<String> {
    let nothing = |_: &str| None::<String>;
    Sources::path(&nothing, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Carried {
        let place = r#"{"file": "a.py", "line": 3}"#;
        carried(
            format!(r#"{{"scenarios": [{{"findings": [{{"place": {place}, "source": {source}}}]}}]}}"#)
                .as_bytes(),
        )
    }

    #[test]
    fn lines_are_found_by_their_file_and_number() {
        let carried = of(r#"{"path": "shop/a.py", "first": 1, "lines": ["x", "y", "z"]}"#);
        assert_eq!(carried.lines("a.py", 1, 3).expect("lines"), ["x", "y", "z"]);
        assert_eq!(carried.lines("a.py", 2, 3), None);
        assert_eq!(carried.lines("b.py", 1, 3), None);
        assert_eq!(carried.path("a.py").as_deref(), Some("shop/a.py"));
    }

    #[test]
    fn paths_that_lead_out_and_documents_of_another_kind_carry_nothing() {
        for path in ["/etc/passwd", "../a.py", "shop/../../a.py", ""] {
            assert_eq!(
                of(&format!(r#"{{"path": "{path}", "first": 1, "lines": []}}"#)).path("a.py"),
                None,
                "{path}"
            );
        }
        for text in ["", "[]", "{\"scenarios\": 3}", "{\"scenarios\": [{\"findings\": [{\"source\": 1}]}]}"] {
            assert!(carried(text.as_bytes()).lines.is_empty(), "{text}");
        }
    }
}
