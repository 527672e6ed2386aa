//! What a GitHub workflow runs for: the payload of its event, a JSON file that the runner writes.

use std::fs;
use std::io::ErrorKind;

use serde::Deserialize;
use thiserror::Error;

use super::Variables;

/// A payload is at most 25 MB, says GitHub.
const LARGEST: u64 = 32 << 20;

/// An event, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `pull_request`, `push`, `workflow_run` …
    pub name: String,
    /// The pull request, where it is about one.
    pub pull_request: Option<PullRequest>,
    /// The run that has ended, where it is about one.
    pub workflow_run: Option<WorkflowRun>,
    /// The commit that a push came on top of, or that a merge queue's group begins with.
    pub before: Option<String>,
    /// The pull request that a comment was written on, which is another event than one of the pull request itself.
    pub commented: Option<u64>,
    /// Whether its payload is there.
    has_payload: bool,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Whether it is open.
    pub is_open: bool,
    /// Commit of the branch that it is to be merged into.
    pub base: String,
    /// That branch.
    pub target: String,
    /// Its own last commit.
    pub head: String,
}

/// A run that has ended, of a workflow that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRun {
    /// Its id.
    pub id: u64,
    /// The commit that it ran for.
    pub head: String,
    /// The branch of that commit.
    pub branch: String,
    /// Who owns the repository of that branch: somebody else for a fork.
    pub owner: String,
    /// What that run was for: `pull_request`, `push` …
    pub event: String,
}

/// Why there is no event to go by.
#[derive(Debug, Error)]
pub enum EventError {
    /// Its file is not there.
    #[error("there is no `{0}`, the file of GITHUB_EVENT_PATH")]
    Missing(String),
    /// It cannot be read.
    #[error("failed to read the event's payload `{path}`: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        error: String,
    },
}

#[derive(Deserialize)]
struct Payload {
    pull_request: Option<PullRequestEntry>,
    workflow_run: Option<WorkflowRunEntry>,
    before: Option<String>,
    merge_group: Option<MergeGroup>,
    issue: Option<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    /// There for a pull request only.
    pull_request: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct MergeGroup {
    base_sha: String,
}

#[derive(Deserialize)]
struct PullRequestEntry {
    number: u64,
    state: String,
    base: Commit,
    head: Commit,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
    #[serde(rename = "ref", default)]
    branch: String,
}

#[derive(Deserialize)]
struct WorkflowRunEntry {
    id: u64,
    head_sha: String,
    head_branch: Option<String>,
    head_repository: Option<Repository>,
    event: String,
}

#[derive(Deserialize)]
struct Repository {
    owner: Owner,
}

#[derive(Deserialize)]
struct Owner {
    login: String,
}

impl Event {
    /// The event of this run; `None` outside of a workflow.
    ///
    /// # Errors
    /// When the payload is named and cannot be read.
    pub fn read(variables: &Variables) -> Result<Option<Event>, EventError> {
        let name = variables.get("GITHUB_EVENT_NAME").unwrap_or_default().to_owned();
        let Some(path) = variables.get("GITHUB_EVENT_PATH") else { return Ok(Event::named(variables)) };
        let failed = |error: String| EventError::Unreadable { path: path.to_owned(), error };
        let metadata = fs::metadata(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => EventError::Missing(path.to_owned()),
            _ => failed(error.to_string()),
        });
        let length = metadata?.len();
        if length > LARGEST {
            return Err(failed("it is larger than 32 MiB".to_owned()));
        }
        let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
        let payload: Payload = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        Ok(Some(Event {
            name,
            pull_request: payload.pull_request.map(PullRequestEntry::read),
            workflow_run: payload.workflow_run.map(WorkflowRunEntry::read),
            commented: payload.issue.filter(|issue| issue.pull_request.is_some()).map(|issue| issue.number),
            before: payload.merge_group.map(|group| group.base_sha).or(payload.before),
            has_payload: true,
        }))
    }

    /// The event of this run, without its payload.
    pub fn named(variables: &Variables) -> Option<Event> {
        let name = variables.get("GITHUB_EVENT_NAME")?.to_owned();
        Some(Event { name, ..Event::default() })
    }

    /// The event of this run where it is needed for the lines of the change only: one that cannot be read is none, with a
    /// sentence that says so.
    pub fn if_readable(variables: &Variables) -> (Option<Event>, Option<String>) {
        match Event::read(variables) {
            Ok(event) => (event, None),
            Err(error) => (None, Some(format!("which lines the change has is not known: {error}"))),
        }
    }

    /// Whether it must be about a pull request, or a run.
    pub fn is_about_one(&self) -> bool {
        self.name.starts_with("pull_request") || self.name == "workflow_run"
    }

    /// Whether its payload is there.
    pub fn has_payload(&self) -> bool {
        self.has_payload
    }
}

impl PullRequestEntry {
    fn read(self) -> PullRequest {
        let is_open = self.state == "open";
        let Commit { sha: base, branch: target } = self.base;
        PullRequest { number: self.number, is_open, base, target, head: self.head.sha }
    }
}

impl WorkflowRunEntry {
    fn read(self) -> WorkflowRun {
        WorkflowRun {
            id: self.id,
            head: self.head_sha,
            branch: self.head_branch.unwrap_or_default(),
            owner: self.head_repository.map(|repository| repository.owner.login).unwrap_or_default(),
            event: self.event,
        }
    }
}
