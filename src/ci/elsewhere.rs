//! A change that is judged where its code is not: what its result carries, and what the forge says about its lines.

use super::changes::Changes;
use super::{Ci, Variables, workspace};
use crate::report::{Review, Sources, encoded};

/// The change as the reports need it.
pub struct Elsewhere<'a> {
    carried: &'a dyn Sources,
    /// `None` where the forge did not say.
    changes: Option<Changes>,
    review: Option<Review>,
    /// What comes before a path in the address of a file.
    address: Option<String>,
}

impl<'a> Elsewhere<'a> {
    /// With the lines that a result carries, and nothing else.
    pub fn new(carried: &'a dyn Sources) -> Elsewhere<'a> {
        Elsewhere { carried, changes: None, review: None, address: None }
    }

    /// With the pull request on GitHub that it is about, and its last commit.
    #[must_use]
    pub fn of_pull_request(self, variables: &Variables, head: &str, target: &str) -> Elsewhere<'a> {
        let review = Some(Review { noun: workspace::noun(Ci::GitHub), target: target.to_owned() });
        Elsewhere { review, address: workspace::github_address(variables, head), ..self }
    }

    /// With the patches of its files, by their path; `None` for one that the forge does not show.
    #[must_use]
    pub fn with_patches(self, patches: &[(String, Option<String>)]) -> Elsewhere<'a> {
        Elsewhere { changes: Some(Changes::of_patches(patches)), ..self }
    }
}

impl Sources for Elsewhere<'_> {
    fn text(&self, file: &str) -> Option<String> {
        self.carried.text(file)
    }

    fn lines(&self, file: &str, first: u32, wanted: usize) -> Option<Vec<String>> {
        self.carried.lines(file, first, wanted)
    }

    fn path(&self, file: &str) -> Option<String> {
        self.carried.path(file)
    }

    fn is_changed(&self, file: &str, line: u32) -> Option<bool> {
        self.changes.as_ref()?.knows(&self.path(file)?, line)
    }

    fn review(&self) -> Option<Review> {
        self.review.clone()
    }

    fn link(&self, file: &str, line: u32) -> Option<String> {
        Some(format!("{}{}#L{line}", self.address.as_ref()?, encoded(&self.path(file)?)))
    }
}
