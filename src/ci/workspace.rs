//! The checkout that is judged: where files are from its top, which lines the change under review has, and how a reader
//! gets to them.

use std::path::{Path, PathBuf};

use super::changes::{self, Changes};
use super::{Ci, Event, Variables};
use crate::report::{Review, Sources, encoded, lines_of};

/// A checkout, as the reports need it.
pub struct Workspace<'a> {
    /// The top of the repository; `None` where there is none.
    repository: Option<PathBuf>,
    /// That, or what is taken for it.
    root: PathBuf,
    /// Folders that files are relative to, the first that has one counts.
    folders: Vec<PathBuf>,
    text: &'a dyn Fn(&Path) -> Option<String>,
    /// What a result says of its files: it comes from where they were.
    carried: Option<&'a dyn Sources>,
    changes: Option<Changes>,
    /// Why there are none, where somebody can mend it.
    unknown: Option<String>,
    review: Option<Review>,
    /// What comes before a path in the address of a file.
    address: Option<String>,
}

impl<'a> Workspace<'a> {
    /// The repository around `folders[0]`, whose files `text` reads.
    pub fn around(folders: Vec<PathBuf>, text: &'a dyn Fn(&Path) -> Option<String>) -> Workspace<'a> {
        let first = folders.first().cloned().unwrap_or_default();
        let repository = repository_around(&first);
        let around = folders.last().filter(|last| first.starts_with(last)).unwrap_or(&first);
        let root = repository.clone().unwrap_or_else(|| around.clone());
        Workspace {
            repository,
            root,
            folders,
            text,
            carried: None,
            changes: None,
            unknown: None,
            review: None,
            address: None,
        }
    }

    /// With the lines and paths that a result carries. They come first: here may be other code, or none.
    #[must_use]
    pub fn with_result(self, carried: &'a dyn Sources) -> Workspace<'a> {
        Workspace { carried: Some(carried), ..self }
    }

    /// With what the CI system says about the change under review.
    pub fn reviewed(self, ci: Ci, variables: &Variables, event: Option<&Event>) -> Workspace<'a> {
        let root = checkout(ci, variables).filter(|top| self.root.starts_with(top));
        let root = root.filter(|_| self.repository.is_none()).unwrap_or(self.root);
        let changes = Changes::read(&root, ci, variables, event);
        let unknown = changes.is_none().then(|| changes::unknown(&root, ci, variables, event)).flatten();
        Workspace {
            root,
            changes,
            unknown,
            review: review(ci, variables, event),
            address: address(ci, variables, event),
            ..self
        }
    }

    /// Why nobody knows the lines of the change under review, where somebody can mend it.
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    fn find(&self, file: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(file)).find(|path| path.is_file())
    }
}

impl Sources for Workspace<'_> {
    fn text(&self, file: &str) -> Option<String> {
        (self.text)(&self.find(file)?)
    }

    fn lines(&self, file: &str, first: u32, wanted: usize) -> Option<Vec<String>> {
        let carried = self.carried.and_then(|carried| carried.lines(file, first, wanted));
        carried.or_else(|| self.text(file).map(|text| lines_of(&text, first, wanted)))
    }

    fn path(&self, file: &str) -> Option<String> {
        if let Some(path) = self.carried.and_then(|carried| carried.path(file)) {
            return Some(path);
        }
        // Links count: what they lead out of the repository is not in it.
        let real = self.find(file)?.canonicalize().ok()?;
        let below = real.strip_prefix(self.root.canonicalize().ok()?).ok()?;
        Some(below.to_str()?.to_owned())
    }

    fn is_changed(&self, file: &str, line: u32) -> Option<bool> {
        Some(self.changes.as_ref()?.has(&self.path(file)?, line))
    }

    fn review(&self) -> Option<Review> {
        self.review.clone()
    }

    fn link(&self, file: &str, line: u32) -> Option<String> {
        Some(format!("{}{}#L{line}", self.address.as_ref()?, encoded(&self.path(file)?)))
    }
}

/// The top of the repository that a folder is in.
pub fn repository_around(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// Where the CI system put the files of the repository.
fn checkout(ci: Ci, variables: &Variables) -> Option<PathBuf> {
    let name = match ci {
        Ci::GitHub => "GITHUB_WORKSPACE",
        Ci::GitLab => "CI_PROJECT_DIR",
        Ci::Buildkite => "BUILDKITE_BUILD_CHECKOUT_PATH",
        Ci::Jenkins => "WORKSPACE",
        Ci::Other => return None,
    };
    variables.get(name).map(PathBuf::from)
}

/// What this runs for, where that is a change under review.
fn review(ci: Ci, variables: &Variables, event: Option<&Event>) -> Option<Review> {
    let of = |number: &str, target: &str| {
        // Buildkite says `false` where there is none.
        variables.get(number).filter(|number| *number != "false")?;
        Some(variables.get(target).unwrap_or_default().to_owned())
    };
    let target = match ci {
        Ci::GitHub => event?.pull_request.as_ref()?.target.clone(),
        Ci::GitLab => of("CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")?,
        Ci::Buildkite => of("BUILDKITE_PULL_REQUEST", "BUILDKITE_PULL_REQUEST_BASE_BRANCH")?,
        Ci::Jenkins => of("CHANGE_ID", "CHANGE_TARGET")?,
        Ci::Other => return None,
    };
    Some(Review { noun: noun(ci), target })
}

/// What a change under review is called there.
pub(super) fn noun(ci: Ci) -> &'static str {
    if ci == Ci::GitLab { "merge request" } else { "pull request" }
}

/// Where a browser finds the files of a commit on GitHub. Commits of forks are seen there, too.
pub(super) fn github_address(variables: &Variables, commit: &str) -> Option<String> {
    let server = variables.get("GITHUB_SERVER_URL")?;
    let repository = variables.get("GITHUB_REPOSITORY")?;
    Some(format!("{server}/{repository}/blob/{commit}/"))
}

/// Where a browser finds the files of the commit that was judged.
fn address(ci: Ci, variables: &Variables, event: Option<&Event>) -> Option<String> {
    match ci {
        Ci::GitHub => {
            // The merge that was checked out is not to be seen for long.
            let head =
                event.and_then(|event| event.pull_request.as_ref()).map(|request| request.head.as_str());
            github_address(variables, head.or_else(|| variables.get("GITHUB_SHA"))?)
        }
        Ci::GitLab => {
            let commit = variables.get("CI_COMMIT_SHA")?;
            Some(format!("{}/-/blob/{commit}/", variables.get("CI_PROJECT_URL")?))
        }
        Ci::Buildkite | Ci::Jenkins | Ci::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_from_the_top_of_the_repository_and_links_do_not_lead_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("repository");
        std::fs::create_dir_all(top.join(".git")).unwrap();
        std::fs::create_dir_all(top.join("services/shop")).unwrap();
        std::fs::write(top.join("services/shop/a b.py"), "a").unwrap();
        std::fs::write(folder.path().join("outside.py"), "o").unwrap();
        std::os::unix::fs::symlink(folder.path().join("outside.py"), top.join("services/out.py")).unwrap();
        let nothing = |_: &Path| None;
        let mut workspace = Workspace::around(vec![top.join("services"), top.clone()], &nothing);
        assert_eq!(workspace.path("shop/a b.py").as_deref(), Some("services/shop/a b.py"));
        assert_eq!(workspace.path("services/shop/a b.py").as_deref(), Some("services/shop/a b.py"));
        for outside in ["out.py", "../../outside.py", "missing.py"] {
            assert_eq!(workspace.path(outside), None, "{outside}");
        }
        workspace.address = Some("https://example.org/blob/abc/".to_owned());
        let link = workspace.link("shop/a b.py", 3);
        assert_eq!(link.as_deref(), Some("https://example.org/blob/abc/services/shop/a%20b.py#L3"));
    }
}
