//! The lines that the change under review added or changed, from git; where git cannot tell, nobody knows.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Ci, Event, Variables};

/// A larger diff is not read: no reviewer reads it either.
const LARGEST: u64 = 64 << 20;

/// Ranges of lines by path, from the top of the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    ranges: HashMap<String, Vec<(u32, u32)>>,
    /// Files that are changed, nobody says where.
    hidden: HashSet<String>,
}

impl Changes {
    /// Of the checkout at `root` against what the change is to be merged into.
    pub(super) fn read(root: &Path, ci: Ci, variables: &Variables, event: Option<&Event>) -> Option<Changes> {
        let base = base(root, ci, variables, event)?;
        let words = ["diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"];
        let prefixes = ["--src-prefix=a/", "--dst-prefix=b/", &base, "HEAD", "--"];
        git(root, &[&words[..], &prefixes[..]].concat()).map(|diff| Changes::parse(&diff))
    }

    /// Of a forge that gives a patch for each file, with lines around what is changed.
    pub(super) fn of_patches(patches: &[(String, Option<String>)]) -> Changes {
        let mut changes = Changes::default();
        for (path, patch) in patches {
            match patch {
                Some(patch) => changes.ranges.entry(path.clone()).or_default().extend(added(patch)),
                None => drop(changes.hidden.insert(path.clone())),
            }
        }
        changes
    }

    /// Whether a line is among them; `None` where that is not known.
    pub(super) fn knows(&self, path: &str, line: u32) -> Option<bool> {
        (!self.hidden.contains(path)).then(|| self.has(path, line))
    }

    /// Whether a line is among them.
    pub(super) fn has(&self, path: &str, line: u32) -> bool {
        self.ranges
            .get(path)
            .is_some_and(|ranges| ranges.iter().any(|(first, count)| line >= *first && line - first < *count))
    }

    /// Reads what `git diff --unified=0` prints.
    fn parse(diff: &str) -> Changes {
        let mut changes = Changes::default();
        let mut path: Option<&str> = None;
        // Lines of a hunk that are still to come: what looks like a head in there is text.
        let mut left = 0_u64;
        for line in diff.lines() {
            if left > 0 && line.starts_with(['+', '-', ' ']) {
                left -= 1;
            } else if let Some(name) = line.strip_prefix("+++ ") {
                // A tab follows a name with spaces.
                path = name.strip_prefix("b/").map(|name| name.trim_end_matches('\t'));
            } else if let Some((removed, first, added)) = line.strip_prefix("@@ -").and_then(hunk) {
                left = u64::from(removed) + u64::from(added);
                if let Some(path) = path.filter(|_| added > 0) {
                    changes.ranges.entry(path.to_owned()).or_default().push((first, added));
                }
            }
        }
        changes
    }
}

/// The added lines of one file's patch, a range each.
fn added(patch: &str) -> Vec<(u32, u32)> {
    let mut next = 0_u32;
    let mut lines = Vec::new();
    for line in patch.lines() {
        if let Some((_, first, _)) = line.strip_prefix("@@ -").and_then(hunk) {
            next = first;
        } else if line.starts_with('+') {
            lines.push((next, 1));
            next = next.saturating_add(1);
        } else if line.starts_with(' ') {
            next = next.saturating_add(1);
        }
    }
    lines
}

/// `12,3 +14,2 @@ def f():`: removed lines, the first added line, added lines.
fn hunk(text: &str) -> Option<(u32, u32, u32)> {
    let mut words = text.split(' ');
    let range = |word: &str| {
        let (first, count) = word.split_once(',').unwrap_or((word, "1"));
        Some((first.parse().ok()?, count.parse().ok()?))
    };
    let (_, removed): (u32, u32) = range(words.next()?)?;
    let (first, added) = range(words.next()?.strip_prefix('+')?)?;
    Some((removed, first, added))
}

/// What the change is compared with, as the CI system names it; `None` where there is no such thing.
fn wanted(ci: Ci, variables: &Variables, event: Option<&Event>) -> Option<String> {
    let branch = |name| variables.get(name).map(|branch| format!("refs/remotes/origin/{branch}"));
    match ci {
        Ci::GitHub => {
            let event = event?;
            let request = event.pull_request.as_ref().map(|request| request.base.clone());
            request.or_else(|| event.before.clone())
        }
        Ci::GitLab => variables.get("CI_MERGE_REQUEST_DIFF_BASE_SHA").map(str::to_owned),
        Ci::Buildkite => branch("BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
        Ci::Jenkins => branch("CHANGE_TARGET"),
        Ci::Other => None,
    }
}

/// The commit that the change is compared with; `None` where there is none, or the commit is not there.
fn base(root: &Path, ci: Ci, variables: &Variables, event: Option<&Event>) -> Option<String> {
    let wanted = wanted(ci, variables, event)?;
    let commit = |name: &str| commit(root, name);
    // GitHub checks out the merge of the change with its base: that base is the merge's first parent.
    let is_request = event.is_some_and(|event| event.pull_request.is_some());
    let is_merge = is_request && commit("HEAD^2").is_some();
    if let Some(first) = commit("HEAD^1").filter(|_| is_merge) {
        return Some(first);
    }
    let wanted = commit(&wanted)?;
    let common = git(root, &["merge-base", &wanted, "HEAD"]);
    // A shallow clone does not know what they have in common.
    Some(common.map_or(wanted, |common| common.trim().to_owned()))
}

/// The full name of a commit; `None` where the clone does not have it.
fn commit(root: &Path, name: &str) -> Option<String> {
    let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")];
    Some(git(root, &words)?.trim().to_owned())
}

/// Why git does not tell, where somebody can mend it: the clone lacks what is asked for, or belongs to another user, as
/// in a container.
pub(super) fn unknown(root: &Path, ci: Ci, variables: &Variables, event: Option<&Event>) -> Option<String> {
    let wanted = wanted(ci, variables, event)?;
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["rev-parse", "--git-dir"]).env("LC_ALL", "C").stdin(Stdio::null());
    let output = git.output().ok()?;
    if output.status.success() {
        return commit(root, &wanted).is_none().then(|| missing(&wanted, ci, event)).flatten();
    }
    let is_foreign = String::from_utf8_lossy(&output.stderr).contains("dubious ownership");
    is_foreign.then(|| {
        "which lines the change has is not known: another user owns the checkout, and git asks for `git config --global --add safe.directory …`".to_owned()
    })
}

/// What to do about a clone that is too shallow: of a change under review, whose lines somebody wants to know.
fn missing(wanted: &str, ci: Ci, event: Option<&Event>) -> Option<String> {
    let deeper = match ci {
        Ci::GitHub => event.and_then(|event| event.pull_request.as_ref()).map(|_| "`fetch-depth: 2`")?,
        Ci::GitLab => "`GIT_DEPTH: 0`",
        Ci::Buildkite | Ci::Jenkins | Ci::Other => return None,
    };
    let commit = crate::report::harmless(wanted, 60);
    Some(format!(
        "which lines the change has is not known: the clone lacks {commit}, which it is compared with; check out with {deeper}"
    ))
}

fn git(root: &Path, words: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["-c", "core.quotePath=false"]).args(words);
    let mut child = git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut bytes = Vec::new();
    let read = child.stdout.take()?.take(LARGEST + 1).read_to_end(&mut bytes);
    // The pipe is closed by now: a git that has more to say ends by that.
    let is_whole = child.wait().ok()?.success() && read.is_ok() && bytes.len() as u64 <= LARGEST;
    is_whole.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_lines_are_in_and_all_else_is_not() {
        let diff = "diff --git a/shop/a.py b/shop/a.py\n--- a/shop/a.py\n+++ b/shop/a.py\n@@ -3 +3,2 @@ def f():\n-old\n+new\n+newer\n@@ -9,2 +10,0 @@\n-x\n-y\ndiff --git a/gone.py b/gone.py\n--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-z\n";
        let changes = Changes::parse(diff);
        let seen: Vec<u32> = (1..20).filter(|line| changes.has("shop/a.py", *line)).collect();
        assert_eq!(seen, [3, 4]);
        assert!(!changes.has("gone.py", 1) && !changes.has("a.py", 3));
    }

    #[test]
    fn of_a_patch_with_lines_around_only_the_added_ones_are_in() {
        let patch = "@@ -1,3 +1,4 @@ def f():\n a\n-b\n+B\n+c\n d\n@@ -40 +41,2 @@\n x\n+y\n\\ No newline at end of file";
        let changes = Changes::of_patches(&[("a.py".into(), Some(patch.into())), ("large.py".into(), None)]);
        let seen: Vec<u32> = (1..60).filter(|line| changes.knows("a.py", *line) == Some(true)).collect();
        assert_eq!(seen, [2, 3, 42]);
        assert_eq!(changes.knows("other.py", 1), Some(false));
        assert_eq!(changes.knows("large.py", 1), None);
        let far = format!("@@ -1 +{},9 @@\n+a\n+b", u32::MAX);
        assert!(Changes::of_patches(&[("a.py".into(), Some(far))]).has("a.py", u32::MAX));
    }

    #[test]
    fn a_line_of_text_that_looks_like_a_head_is_text() {
        let diff = "+++ b/a.md\n@@ -0,0 +1,2 @@\n++++ b/evil.py\n+@@ -1 +1,9 @@\n";
        let changes = Changes::parse(diff);
        assert!(changes.has("a.md", 2) && !changes.has("a.md", 3) && !changes.has("evil.py", 1));
    }
}
