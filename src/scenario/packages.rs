//! The packages that an interpreter finds, by the names of their folders: no interpreter is started for it, no file opened.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::python::Python;
use crate::baseline::Package;

/// The installed distributions with the interpreter itself, by name.
pub fn installed(python: &Python) -> Vec<Package> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    if let Some((name, version)) = python.version.split_once(' ') {
        found.insert(name.to_ascii_lowercase(), version.to_owned());
    }
    for folder in &python.search {
        // What cannot be read has no packages for the interpreter either.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if let Some((name, version)) = distribution(&entry.file_name().to_string_lossy()) {
                // As for an import, the first folder counts.
                found.entry(name).or_insert(version);
            }
        }
    }
    found.into_iter().map(|(name, version)| Package { name, version }).collect()
}

/// Name and version in `typing_extensions-4.8.0.dist-info` or `six-1.16.0-py3.11.egg-info`.
fn distribution(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".dist-info").or_else(|| file.strip_suffix(".egg-info"))?;
    let (name, rest) = stem.split_once('-')?;
    let version = rest.split_once("-py").map_or(rest, |(version, _)| version);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+!-".contains(c);
    if name.is_empty() || version.is_empty() || !stem.chars().all(is_plain) {
        return None;
    }
    Some((normalised(name), version.to_owned()))
}

/// The name as indexes compare it: small letters, one `-` for each run of `-`, `_` and `.`.
fn normalised(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// The folders that an interpreter named, in its order; what is no absolute path is not the same for every start.
pub(super) fn search_path(answer: &str) -> Vec<PathBuf> {
    answer.split(':').filter(|path| path.starts_with('/')).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::driver::Compiled;

    #[test]
    fn names_and_versions_are_those_of_the_folders() {
        let read = |file: &str| distribution(file).map(|(name, version)| format!("{name} {version}"));
        assert_eq!(read("typing_extensions-4.8.0.dist-info").as_deref(), Some("typing-extensions 4.8.0"));
        assert_eq!(read("ruamel.yaml-0.17.21.dist-info").as_deref(), Some("ruamel-yaml 0.17.21"));
        assert_eq!(read("six-1.16.0-py3.11.egg-info").as_deref(), Some("six 1.16.0"));
        assert_eq!(read("torch-2.1.0+cpu.dist-info").as_deref(), Some("torch 2.1.0+cpu"));
        for file in
            ["requests", "~ip-1.dist-info", "x.egg-info", "-1.dist-info", "a-.dist-info", "a b-1.dist-info"]
        {
            assert_eq!(read(file), None, "{file}");
        }
    }

    #[test]
    fn the_first_folder_of_the_search_path_counts() {
        let base = tempfile::tempdir().expect("a folder");
        let folders = ["first", "second"].map(|name| base.path().join(name));
        for (folder, version) in folders.iter().zip(["2.0", "1.0"]) {
            fs::create_dir_all(folder.join(format!("Requests-{version}.dist-info"))).expect("a folder");
        }
        fs::create_dir(folders[1].join("idna-3.4.dist-info")).expect("a folder");
        let python = Python {
            path: PathBuf::new(),
            chosen: String::new(),
            version: "CPython 3.11.7".to_owned(),
            search: [&folders[..], &[base.path().join("missing")]].concat(),
            driver: Compiled::default(),
        };
        let said: Vec<String> = installed(&python)
            .iter()
            .map(|package| format!("{} {}", package.name, package.version))
            .collect();
        assert_eq!(said, ["cpython 3.11.7", "idna 3.4", "requests 2.0"]);
    }
}
