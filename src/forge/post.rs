//! The one comment: made on the first failure, then always brought up to date; never there twice.

use std::thread::sleep;
use std::time::Duration;

use super::{ApiError, Change, Comment, Comments};

/// How often it is tried before an API that does not answer is given up.
const ATTEMPTS: u32 = 4;
/// Longest time, in seconds and in all, that is waited for an API which was asked too often.
const LONGEST_WAIT: u64 = 120;
/// A wait of so many seconds is told.
const LONG: u64 = 3;
/// The wait after the first failure; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// When a comment is made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Made when the check first fails, then kept up to date.
    Auto,
    /// Made also when everything passes.
    Always,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// A comment was made.
    Created(u64),
    /// It was brought up to date.
    Updated(u64),
    /// It says so already.
    Same(u64),
    /// There is none, and none is needed.
    NotNeeded,
    /// The change is not under review any more.
    Closed,
    /// The change has a newer commit than the one that was judged.
    Outdated,
}

/// A report for the comment.
pub struct Body<'a> {
    /// Its first line.
    pub marker: &'a str,
    /// The whole Markdown, the marker included.
    pub markdown: &'a str,
    /// Whether the check failed.
    pub is_failure: bool,
    /// The commit of the change that was judged, where that is known: of another one nothing is said.
    pub head: Option<&'a str>,
    /// Whether all that can have failed before was run again.
    pub is_whole: bool,
}

/// Makes or updates the comment. `waits` is told of waits that somebody may wonder about, in seconds.
///
/// # Errors
/// When the forge refuses, or does not answer for long.
pub fn post(
    comments: &dyn Comments,
    body: &Body<'_>,
    when: When,
    waits: &dyn Fn(u64),
) -> Result<Posted, ApiError> {
    let mut wait = FIRST_WAIT;
    let mut patience = LONGEST_WAIT;
    for _ in 1..ATTEMPTS {
        // Each attempt looks again what is there: a request without an answer may have been heard.
        match attempt(comments, body, when) {
            Err(ApiError::Limited(seconds)) if seconds <= patience => {
                patience -= seconds;
                if seconds >= LONG {
                    waits(seconds);
                }
                sleep(Duration::from_secs(seconds));
            }
            Err(ApiError::Unavailable(..)) => sleep(wait),
            // It was there a moment ago: somebody removed it.
            Err(ApiError::Vanished(_)) => {}
            result => return result,
        }
        wait *= 2;
    }
    attempt(comments, body, when)
}

fn attempt(comments: &dyn Comments, body: &Body<'_>, when: When) -> Result<Posted, ApiError> {
    let change = change(comments)?;
    if !change.is_open {
        return Ok(Posted::Closed);
    }
    if let (Some(now), Some(judged)) = (&change.head, body.head)
        && now != judged
    {
        return Ok(Posted::Outdated);
    }
    let ours = comments.ours(body.marker)?;
    let is_needed = match when {
        When::Auto => body.is_failure || !ours.is_empty(),
        When::Always => true,
    };
    if !is_needed {
        return Ok(Posted::NotNeeded);
    }
    match ours.split_first() {
        None => create(comments, body),
        Some((first, others)) => {
            others.iter().try_for_each(|other| comments.remove(other.id)).map_err(ApiError::of_seen)?;
            update(comments, first, body)
        }
    }
}

/// What a token may not see is no reason to say nothing.
fn change(comments: &dyn Comments) -> Result<Change, ApiError> {
    match comments.change() {
        Err(ApiError::Forbidden(..) | ApiError::Missing(_)) => Ok(Change { is_open: true, head: None }),
        known => known,
    }
}

fn update(comments: &dyn Comments, there: &Comment, body: &Body<'_>) -> Result<Posted, ApiError> {
    let text = told(body, Some(&there.body));
    // GitHub gives line breaks back as it likes.
    if there.body.replace("\r\n", "\n").trim_end() == text.trim_end() {
        return Ok(Posted::Same(there.id));
    }
    comments.update(there.id, &text).map_err(ApiError::of_seen)?;
    Ok(Posted::Updated(there.id))
}

/// Makes one, unless another job was first: then its comment, the older one, is ours too.
fn create(comments: &dyn Comments, body: &Body<'_>) -> Result<Posted, ApiError> {
    let made = comments.create(&told(body, None))?;
    let ours = comments.ours(body.marker)?;
    match ours.first().filter(|first| first.id < made) {
        None => Ok(Posted::Created(made)),
        Some(first) => {
            comments.remove(made).map_err(ApiError::of_seen)?;
            update(comments, first, body)
        }
    }
}

/// The Markdown; what was reported before and does not fail any more is told as fixed, by who ran it again.
fn told(body: &Body<'_>, before: Option<&str>) -> String {
    let heading =
        |text: &str| text.lines().find(|line| line.starts_with("### ")).unwrap_or_default().to_owned();
    let before = before.map(heading).unwrap_or_default();
    let was_failing = before.contains("❌") || before.contains("leakgate: fixed, ");
    match was_failing && !body.is_failure && body.is_whole {
        true => body.markdown.replacen(
            "leakgate: ",
            "leakgate: fixed, ",
            usize::from(!heading(body.markdown).is_empty()),
        ),
        false => body.markdown.to_owned(),
    }
}
