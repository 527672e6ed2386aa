//! Known leaks of third-party packages, as `rules/known/*.toml` have them: a finding that is one is the package's to
//! mend. The only file that uses the TOML library.

mod version;

use serde::Deserialize;

pub use self::version::{Range, RangeError, Version, VersionError};
use crate::distributions::{Distribution, normal};
use crate::finding::{Finding, Standing};
use crate::gate::sites;
use crate::pattern::{Pattern, PatternError};
use crate::profile::Frame;

/// The files that the program carries: name and text.
pub const FILES: &[(&str, &str)] = &[
    ("ijson.toml", include_str!("../../rules/known/ijson.toml")),
    ("marshmallow.toml", include_str!("../../rules/known/marshmallow.toml")),
];

/// A file as it is typed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedFile {
    package: String,
    leak: Vec<TypedLeak>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedLeak {
    affected: String,
    #[serde(default)]
    site: Option<String>,
    what: String,
    reference: String,
    leaking: Vec<String>,
    sound: Vec<String>,
    #[serde(default)]
    reproduced: Option<String>,
}

/// A leak that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownLeak {
    /// Name of the distribution.
    pub package: String,
    /// Versions that have it.
    pub affected: Range,
    /// A file, or `file:function`, of the package that the memory comes through; any, where it does not say.
    pub site: Option<Pattern>,
    /// What leaks, in a sentence without a full stop.
    pub what: String,
    /// Where it is described.
    pub reference: String,
    /// Versions that are known to leak: each must be affected.
    pub leaking: Vec<Version>,
    /// Versions that are known not to: none may be affected.
    pub sound: Vec<Version>,
    /// With what it was seen by leakgate itself, where it was.
    pub reproduced: Option<String>,
}

/// What is wrong with a file of known leaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnownError {
    /// It is no TOML, or not of this form; the library's own words.
    #[error("failed to read the known leaks: {0}")]
    Form(String),
    /// No leak in it, or a text that is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// A pattern.
    #[error("`site`: {0}")]
    Site(#[from] PatternError),
    /// The affected versions.
    #[error("`affected`: {0}")]
    Range(#[from] RangeError),
    /// A version.
    #[error("{0}")]
    Version(#[from] VersionError),
    /// A reference that nobody can follow.
    #[error("`reference` is `{0}`; expected an address that begins with https://")]
    Reference(String),
    /// A version that contradicts `affected`.
    #[error("version {version} is listed as {listed}, and `affected` says otherwise")]
    Sample {
        /// The version.
        version: String,
        /// `leaking` or `sound`.
        listed: &'static str,
    },
}

/// Reads one file.
///
/// # Errors
/// With the first thing that is wrong with it.
pub fn parse(text: &str) -> Result<Vec<KnownLeak>, KnownError> {
    let file: TypedFile = toml::from_str(text).map_err(|error| KnownError::Form(error.to_string()))?;
    if file.package.is_empty() {
        return Err(KnownError::Empty("package"));
    }
    if file.leak.is_empty() {
        return Err(KnownError::Empty("leak"));
    }
    file.leak.into_iter().map(|leak| checked(&file.package, leak)).collect()
}

fn checked(package: &str, typed: TypedLeak) -> Result<KnownLeak, KnownError> {
    let samples =
        |texts: &[String]| texts.iter().map(|text| text.parse()).collect::<Result<Vec<Version>, _>>();
    let leak = KnownLeak {
        package: package.to_owned(),
        affected: typed.affected.parse()?,
        site: typed.site.as_deref().map(Pattern::parse).transpose()?,
        leaking: samples(&typed.leaking)?,
        sound: samples(&typed.sound)?,
        what: typed.what,
        reference: typed.reference,
        reproduced: typed.reproduced,
    };
    if leak.what.is_empty() {
        return Err(KnownError::Empty("what"));
    }
    if leak.leaking.is_empty() {
        return Err(KnownError::Empty("leaking"));
    }
    if !leak.reference.starts_with("https://") {
        return Err(KnownError::Reference(leak.reference));
    }
    let wrong = |versions: &[Version], is_affected: bool, listed: &'static str| {
        let wrong = versions.iter().find(|version| leak.affected.contains(version) != is_affected);
        wrong.map(|version| KnownError::Sample { version: version.to_string(), listed })
    };
    match wrong(&leak.leaking, true, "leaking").or_else(|| wrong(&leak.sound, false, "sound")) {
        Some(error) => Err(error),
        None => Ok(leak),
    }
}

/// All leaks that the program carries.
pub fn all() -> Vec<KnownLeak> {
    // A test reads each file: what is wrong with one does not reach a user.
    FILES.iter().flat_map(|(_, text)| parse(text).unwrap_or_default()).collect()
}

/// Sets the standing of those new findings of growth that are a known leak of a package that is installed.
pub fn apply(
    known: &[KnownLeak],
    distribution: &dyn Fn(&Frame) -> Option<Distribution>,
    findings: &mut [Finding],
) {
    let is_growth = |finding: &&mut Finding| {
        finding.standing == Standing::New && matches!(finding.rule.as_str(), "growth" | "budget-growth")
    };
    for finding in findings.iter_mut().filter(is_growth) {
        let Some((leak, package)) =
            known.iter().find_map(|leak| Some((leak, is_one(leak, distribution, finding)?)))
        else {
            continue;
        };
        let package = format!("{} {}", package.name, package.version);
        finding.standing = Standing::Known { package, reference: leak.reference.clone() };
        finding.evidence.push(format!("known: {}", leak.what));
    }
}

/// The installed package, where the finding is this leak of it.
fn is_one(
    leak: &KnownLeak,
    distribution: &dyn Fn(&Frame) -> Option<Distribution>,
    finding: &Finding,
) -> Option<Distribution> {
    let affected = |frame: &Frame| {
        let found = distribution(frame).filter(|found| normal(&found.name) == normal(&leak.package))?;
        found.version.parse().is_ok_and(|version| leak.affected.contains(&version)).then_some(found)
    };
    let is_site = |frame: &Frame| leak.site.as_ref().is_none_or(|site| sites::names(site, frame));
    if !sites::is_own(finding, &|frame| is_site(frame) && affected(frame).is_some()) {
        return None;
    }
    let stacks = finding.holders.iter().map(|holder| &holder.frames).chain(&finding.containers);
    stacks.flat_map(|frames| sites::inner(frames)).find_map(affected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_program_carries_is_well_formed_and_named_after_its_package() {
        for (name, text) in FILES {
            let leaks = parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(leaks.iter().all(|leak| format!("{}.toml", leak.package) == *name), "{name}");
        }
        assert_eq!(
            all().len(),
            FILES.iter().map(|(_, text)| text.matches("[[leak]]").count()).sum::<usize>()
        );
    }

    #[test]
    fn every_file_of_the_folder_is_carried() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/known");
        let names =
            std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.retain(|name| name.ends_with(".toml"));
        names.sort();
        assert_eq!(names, FILES.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let file = |change: &dyn Fn(String) -> String| {
            change(
                "package = \"p\"\n[[leak]]\naffected = \">=1, <2\"\nwhat = \"w\"\nreference = \"https://x\"\n\
                 leaking = [\"1.5\"]\nsound = [\"2\"]\n"
                    .to_owned(),
            )
        };
        assert!(parse(&file(&|text| text)).is_ok());
        let cases: [(&str, &str, &str); 7] = [
            ("<2", "<", "`affected`: `>=1, <` is no range of versions; expected such as `>=2.0, <2.0.3`"),
            ("\"1.5\"", "\"2.5\"", "version 2.5 is listed as leaking, and `affected` says otherwise"),
            ("[\"2\"]", "[\"1\"]", "version 1 is listed as sound, and `affected` says otherwise"),
            ("https", "http", "`reference` is `http://x`; expected an address that begins with https://"),
            ("\"1.5\"", "", "`leaking` is empty"),
            ("what =", "site = \"/(/\"\nwhat =", "`site`: this is no regular expression: unclosed group"),
            ("what = \"w\"", "what = \"\"", "`what` is empty"),
        ];
        for (from, to, wanted) in cases {
            let error = parse(&file(&|text| text.replacen(from, to, 1))).expect_err(wanted);
            assert_eq!(error.to_string(), wanted);
        }
        assert!(parse(&file(&|text| text + "fixed = 1\n")).is_err());
    }
}
