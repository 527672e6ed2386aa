//! Versions of Python packages and ranges of them, as the packaging standard orders them (PEP 440).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version: `2.0.3`, `3.2.0.post0`, `1!1.0rc1`.
#[derive(Debug, Clone)]
pub struct Version {
    typed: String,
    key: Key,
}

/// What versions are ordered by: epoch, release without zeros at its end, then what comes before or after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    epoch: u64,
    release: Vec<u64>,
    pre: Pre,
    post: Option<u64>,
    dev: Dev,
}

/// Before the release itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    /// A development release of the final one: before all its alphas.
    Development,
    /// `a1`, `b2`, `rc1`: letter by letter in their order.
    Named(char, u64),
    /// The release, or what comes after it.
    Final,
}

/// A development release comes before what it leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Number(u64),
    No,
}

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version; expected such as 2.0.3")]
pub struct VersionError(String);

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(typed: &str) -> Result<Version, VersionError> {
        let key = key(typed).ok_or_else(|| VersionError(typed.to_owned()))?;
        Ok(Version { typed: typed.trim().to_owned(), key })
    }
}

fn key(typed: &str) -> Option<Key> {
    let text = typed.trim().to_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    // What comes after `+` is the builder's own, and orders nothing here.
    let text = text.split('+').next().unwrap_or(text);
    let (epoch, text) = match text.split_once('!') {
        Some((epoch, rest)) => (epoch.parse().ok()?, rest),
        None => (0, text),
    };
    let numbers = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (release, mut rest) = text.split_at(numbers);
    let release = release.strip_suffix('.').unwrap_or(release);
    let mut release = release.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    let (mut pre, mut post, mut dev) = (None, None, None);
    while !rest.is_empty() {
        let (word, number, after) = part(rest)?;
        match word {
            "a" | "alpha" if pre.is_none() => pre = Some(Pre::Named('a', number)),
            "b" | "beta" if pre.is_none() => pre = Some(Pre::Named('b', number)),
            "rc" | "c" | "pre" | "preview" if pre.is_none() => pre = Some(Pre::Named('r', number)),
            "post" | "rev" | "r" | "" if post.is_none() => post = Some(number),
            "dev" if dev.is_none() => dev = Some(number),
            _ => return None,
        }
        rest = after;
    }
    let pre = match (pre, post, dev) {
        (Some(pre), ..) => pre,
        (None, None, Some(_)) => Pre::Development,
        _ => Pre::Final,
    };
    Some(Key { epoch, release, pre, post, dev: dev.map_or(Dev::No, Dev::Number) })
}

/// The next part, as `.post1`, `-rc.2` or `-3`: its word, its number, and what comes after.
fn part(rest: &str) -> Option<(&str, u64, &str)> {
    let bare = rest.trim_start_matches(['.', '-', '_']);
    let word = bare.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(bare.len());
    let (word, after) = bare.split_at(word);
    let digits = after.trim_start_matches(['.', '-', '_']);
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 {
        return (!word.is_empty()).then_some((word, 0, after));
    }
    Some((word, digits[..end].parse().ok()?, &digits[end..]))
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.key == other.key
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// Versions that all of its bounds let in: `>=2.0, <2.0.3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range(Vec<(Bound, Version)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    From,
    To,
    After,
    Before,
    Only,
    Not,
}

/// Two letters before one, so that `<=` is not read as `<`.
const BOUNDS: [(&str, Bound); 6] = [
    (">=", Bound::From),
    ("<=", Bound::To),
    ("==", Bound::Only),
    ("!=", Bound::Not),
    (">", Bound::After),
    ("<", Bound::Before),
];

/// Why a text is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of versions; expected such as `>=2.0, <2.0.3`")]
pub struct RangeError(String);

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(typed: &str) -> Result<Range, RangeError> {
        let bound = |text: &str| {
            let text = text.trim();
            let (sign, bound) = BOUNDS.iter().find(|(sign, _)| text.starts_with(sign))?;
            Some((*bound, text[sign.len()..].parse().ok()?))
        };
        let bounds = typed.split(',').map(bound).collect::<Option<Vec<_>>>();
        bounds.map(Range).ok_or_else(|| RangeError(typed.to_owned()))
    }
}

impl Range {
    /// Whether the version lies in it.
    pub fn contains(&self, version: &Version) -> bool {
        self.0.iter().all(|(bound, other)| match bound {
            Bound::From => version >= other,
            Bound::To => version <= other,
            Bound::After => version > other,
            Bound::Before => version < other,
            Bound::Only => version == other,
            Bound::Not => version != other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect(text)
    }

    #[test]
    fn versions_are_ordered_as_the_standard_says() {
        let ordered = [
            "1.0.dev1",
            "1.0a1.dev2",
            "1.0a1",
            "1.0a2",
            "1.0b1",
            "1.0rc1",
            "1.0",
            "1.0.post1.dev3",
            "1.0.post1",
            "1.0.1",
            "1.10",
            "2.0.2",
            "2.0.10",
            "1!0.1",
        ];
        for pair in ordered.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for (one, other) in [
            ("1.0", "1"),
            ("v1.2", "1.2.0"),
            ("1.0-rc.1", "1.0RC1"),
            ("1.0-1", "1.0.post1"),
            ("1.0alpha", "1.0a0"),
            ("1.0+local.7", "1.0"),
        ] {
            assert_eq!(version(one), version(other));
        }
        for wrong in ["", "x", "1..2", "1.0z", "1.0a1a2", "1.0 beta?", "1!"] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_range_is_all_of_its_bounds() {
        let range: Range = ">=2.0, <2.0.3, !=2.0.1".parse().expect("a range");
        let inside = ["1.35", "2.0.0", "2.0.1", "2.0.2", "2.0.3"].map(|text| range.contains(&version(text)));
        assert_eq!(inside, [false, true, false, true, false]);
        for wrong in ["", "2.0", ">=", ">=2, ", "~=2"] {
            assert!(wrong.parse::<Range>().is_err(), "{wrong}");
        }
    }
}
