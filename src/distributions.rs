//! Which installed distribution a file belongs to: by what installers write beside it (`NAME-VERSION.dist-info`).
//!
//! Only files below `site-packages` or `dist-packages` belong to one. Whatever cannot be read is passed over.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// More of a list of files is not read.
const LARGEST: u64 = 16 << 20;

/// An installed distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The name as its author writes it: `sentry-sdk`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A name as package indexes compare it: lower case, with `-` for any run of `-`, `_` and `.`.
pub fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            letter => normal.extend(letter.to_lowercase()),
        }
    }
    normal
}

/// Whether the path lies in a folder that packages are installed into.
pub fn is_installed(path: &str) -> bool {
    split(path).is_some()
}

/// The distribution that the file belongs to.
pub fn of_file(path: &Path) -> Option<Distribution> {
    let (root, inside) = split(path.to_str()?)?;
    let root = Path::new(root);
    let import = import_name(inside);
    let mut described: Vec<PathBuf> = fs::read_dir(root)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_description(path))
        .collect();
    // The one of the same name is nearly always right, and there may be hundreds.
    described.sort_by_cached_key(|path| (normal(&described_name(path)) != normal(import), path.clone()));
    let owner = described.iter().find(|path| owns(path, inside, import))?;
    Some(description(owner))
}

/// The folder of installed packages, and the path in it.
fn split(path: &str) -> Option<(&str, &str)> {
    let folders = ["/site-packages/", "/dist-packages/"];
    let (start, folder) = folders
        .iter()
        .filter_map(|folder| Some((path.rfind(folder)?, folder)))
        .max_by_key(|(start, _)| *start)?;
    let end = start + folder.len();
    let inside = &path[end..];
    (!inside.is_empty()).then_some((&path[..end], inside))
}

/// `sentry_sdk` of `sentry_sdk/hub.py`, `six` of `six.py`, `ujson` of `ujson.cpython-311-x86_64-linux-gnu.so`.
fn import_name(inside: &str) -> &str {
    match inside.split_once('/') {
        Some((folder, _)) => folder,
        None => inside.split('.').next().unwrap_or(inside),
    }
}

fn is_description(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "dist-info" || end == "egg-info")
}

/// `sentry_sdk` of `sentry_sdk-1.40.0.dist-info`.
fn described_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.split('-').next().unwrap_or_default().to_owned()
}

/// Whether the distribution has the file: by its list of files, else by the modules that it says it has, else by its name.
fn owns(description: &Path, inside: &str, import: &str) -> bool {
    if let Some(record) = text(&description.join("RECORD")) {
        return record.lines().any(|line| recorded(line) == inside);
    }
    if let Some(modules) = text(&description.join("top_level.txt")) {
        return modules.lines().any(|module| module.trim() == import);
    }
    normal(&described_name(description)) == normal(import)
}

/// The path in a line of a record: the first field, in quotes where it has a comma.
fn recorded(line: &str) -> &str {
    match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => line.split(',').next().unwrap_or_default(),
    }
}

/// What the distribution says of itself, else what its folder is called.
fn description(path: &Path) -> Distribution {
    let metadata = ["METADATA", "PKG-INFO"].iter().find_map(|name| text(&path.join(name)));
    let metadata = metadata.or_else(|| text(path)).unwrap_or_default();
    let header = |name: &str| {
        let lines = metadata.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned()).next()
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let version = || stem.split('-').nth(1).unwrap_or_default().to_owned();
    Distribution {
        name: header("Name:").unwrap_or_else(|| described_name(path)),
        version: header("Version:").unwrap_or_else(version),
    }
}

/// A text file, as much of it as is read.
fn text(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of installed packages with these files.
    fn installed(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join("site-packages").join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        folder
    }

    fn found(folder: &tempfile::TempDir, inside: &str) -> Option<String> {
        let found = of_file(&folder.path().join("site-packages").join(inside))?;
        Some(format!("{} {}", found.name, found.version))
    }

    #[test]
    fn a_file_belongs_to_the_distribution_whose_record_has_it() {
        let folder = installed(&[
            ("sentry_sdk-1.40.0.dist-info/RECORD", "sentry_sdk/hub.py,sha256=x,9\n"),
            (
                "sentry_sdk-1.40.0.dist-info/METADATA",
                "Metadata-Version: 2.1\nName: sentry-sdk\nVersion: 1.40.0\n\nName: no\n",
            ),
            ("a_name_of_its_own-2.0.dist-info/RECORD", "google/cloud/x.py,,\n\"google/a,b.py\",,\n"),
            ("google-1.0.dist-info/RECORD", "google/y.py,,\n"),
        ]);
        assert_eq!(found(&folder, "sentry_sdk/hub.py").as_deref(), Some("sentry-sdk 1.40.0"));
        assert_eq!(found(&folder, "google/cloud/x.py").as_deref(), Some("a_name_of_its_own 2.0"));
        assert_eq!(found(&folder, "google/a,b.py").as_deref(), Some("a_name_of_its_own 2.0"));
        assert_eq!(found(&folder, "google/y.py").as_deref(), Some("google 1.0"));
        assert_eq!(found(&folder, "google/z.py"), None);
    }

    #[test]
    fn without_a_record_its_modules_or_its_name_tell() {
        let folder = installed(&[
            ("PyYAML-6.0.egg-info/top_level.txt", "_yaml\nyaml\n"),
            ("PyYAML-6.0.egg-info/PKG-INFO", "Name: PyYAML\nVersion: 6.0\n"),
            ("six-1.16.0.egg-info", "Name: six\nVersion: 1.16.0\n"),
        ]);
        assert_eq!(found(&folder, "yaml/loader.py").as_deref(), Some("PyYAML 6.0"));
        assert_eq!(found(&folder, "_yaml.cpython-311-x86_64-linux-gnu.so").as_deref(), Some("PyYAML 6.0"));
        assert_eq!(found(&folder, "six.py").as_deref(), Some("six 1.16.0"));
        assert_eq!(of_file(Path::new("/home/me/shop/quotes.py")), None);
    }

    #[test]
    fn names_are_compared_as_package_indexes_do() {
        assert_eq!(normal("Sentry__SDK.x"), "sentry-sdk-x");
    }
}
