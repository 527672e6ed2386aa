//! The forge that reviews a change: GitHub or GitLab, through its API. One comment of ours stands below the change: made
//! once, found again, brought up to date.
//!
//! The token comes from the environment, goes into one header, and is in no message.

mod archive;
mod client;
mod github;
mod gitlab;
mod link;
mod post;
mod trust;
mod wait;

pub use archive::{ArchiveError, result_in};
pub use client::{ApiError, Client, Token};
pub use github::{Found, GitHub};
pub use gitlab::GitLab;
pub use post::{Body, Posted, When, post};
pub use trust::{Trust, TrustError};

/// A comment of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// What it says.
    pub body: String,
}

/// A change under review, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whether it is still under review.
    pub is_open: bool,
    /// Its last commit, where the forge says.
    pub head: Option<String>,
}

/// The comments of one change under review.
pub trait Comments {
    /// The change.
    ///
    /// # Errors
    /// When the forge does not say.
    fn change(&self) -> Result<Change, ApiError>;

    /// Ours: by the token's own user, beginning with `marker`; oldest first.
    ///
    /// # Errors
    /// When the forge does not say.
    fn ours(&self, marker: &str) -> Result<Vec<Comment>, ApiError>;

    /// Makes one.
    ///
    /// # Errors
    /// When it is not made, or it is not known whether it was.
    fn create(&self, body: &str) -> Result<u64, ApiError>;

    /// Replaces what one says.
    ///
    /// # Errors
    /// When it is not replaced.
    fn update(&self, id: u64, body: &str) -> Result<(), ApiError>;

    /// Removes one.
    ///
    /// # Errors
    /// When it is not removed.
    fn remove(&self, id: u64) -> Result<(), ApiError>;
}
