//! Installed packages: never a reason to not compare, often the reason why figures changed.

use std::collections::BTreeMap;

use super::environment::Environment;
use crate::gate::fingerprint::fingerprint;

/// An installed distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its normalised name: `typing-extensions`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What became of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// The version before; `None`: it was not there.
    pub before: Option<String>,
    /// The version now; `None`: it is gone.
    pub now: Option<String>,
}

/// Twelve hexadecimal digits of a list of packages.
pub fn digest(packages: &[Package]) -> String {
    let lines: Vec<String> =
        packages.iter().map(|package| format!("{} = {}", package.name, package.version)).collect();
    fingerprint("packages", &lines.join("\n"), &[])
}

/// Whether a list, which has the interpreter with its whole version, is of the environment.
pub fn are_of(packages: &[Package], environment: &Environment) -> bool {
    let is_it = |package: &Package| {
        let rest =
            environment.interpreter.strip_prefix(&package.name).and_then(|rest| rest.strip_prefix('-'));
        rest.and_then(|minor| package.version.strip_prefix(minor)).is_some_and(|patch| patch.starts_with('.'))
    };
    packages.iter().any(is_it)
}

/// What changed from one list to another, by name.
pub fn changed(before: &[Package], now: &[Package]) -> Vec<PackageChange> {
    let mut all: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    before.iter().for_each(|package| all.entry(&package.name).or_default().0 = Some(&package.version));
    now.iter().for_each(|package| all.entry(&package.name).or_default().1 = Some(&package.version));
    all.retain(|_, (before, now)| before != now);
    let change = |(name, (before, now)): (&str, (Option<&str>, Option<&str>))| PackageChange {
        name: name.to_owned(),
        before: before.map(str::to_owned),
        now: now.map(str::to_owned),
    };
    all.into_iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(packages: &[(&str, &str)]) -> Vec<Package> {
        let package =
            |(name, version): &(&str, &str)| Package { name: (*name).into(), version: (*version).into() };
        packages.iter().map(package).collect()
    }

    #[test]
    fn changes_are_versions_that_differ_and_packages_that_came_or_went() {
        let before = list(&[("a", "1"), ("b", "1"), ("gone", "3")]);
        let now = list(&[("a", "1"), ("b", "2"), ("new", "1")]);
        let said: Vec<String> = changed(&before, &now)
            .iter()
            .map(|change| format!("{} {:?} {:?}", change.name, change.before, change.now))
            .collect();
        assert_eq!(said, [r#"b Some("1") Some("2")"#, r#"gone Some("3") None"#, r#"new None Some("1")"#]);
        assert_eq!(changed(&now, &now), []);
    }

    #[test]
    fn a_list_is_of_the_environment_whose_interpreter_it_has() {
        let packages = list(&[("cpython", "3.11.7"), ("requests", "2.31.0")]);
        assert!(are_of(&packages, &Environment::here(Some("CPython 3.11.2"))));
        assert!(!are_of(&packages, &Environment::here(Some("CPython 3.1.2"))));
        assert!(!are_of(&packages, &Environment::here(Some("PyPy 3.11.2"))));
        assert!(!are_of(&packages, &Environment::here(None)));
    }

    #[test]
    fn a_digest_tells_lists_apart_also_where_only_the_cut_between_words_moves() {
        let digests = [
            digest(&list(&[("ab", "c")])),
            digest(&list(&[("a", "bc")])),
            digest(&list(&[("ab", "c"), ("d", "1.0")])),
            digest(&list(&[("ab", "c"), ("d", "1.1")])),
        ];
        let distinct: std::collections::BTreeSet<&String> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
        assert!(digests.iter().all(|digest| digest.len() == 12));
    }
}
