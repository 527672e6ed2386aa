//! GitHub's API, and that of GitHub Enterprise.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::http::HeaderMap;

use super::client::Answer;
use super::{ApiError, Change, Client, Comment, Comments, link};

/// The user of a workflow's own token, where the API does not say.
const ACTIONS: &str = "github-actions[bot]";
/// Most pages that are looked through.
const PAGES: usize = 200;
/// Most pages of a pull request's files: GitHub lists no more than 3,000.
const FILE_PAGES: usize = 30;
/// Most bytes of an artifact.
const LARGEST_ARTIFACT: u64 = 64 << 20;

/// A repository on GitHub.
pub struct GitHub {
    client: Client,
    graphql: String,
    repository: String,
}

/// A pull request of it.
pub struct GitHubComments<'a> {
    github: &'a GitHub,
    number: u64,
}

#[derive(Deserialize)]
struct Entry {
    id: u64,
    body: Option<String>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Made {
    id: u64,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    head: Head,
    base: Option<Base>,
}

#[derive(Deserialize)]
struct State {
    state: String,
    head: Option<Head>,
}

#[derive(Deserialize)]
struct Base {
    #[serde(rename = "ref")]
    branch: String,
}

#[derive(Deserialize)]
struct ChangedFile {
    filename: String,
    patch: Option<String>,
}

/// A pull request that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub number: u64,
    /// The branch that it is to be merged into.
    pub target: String,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

#[derive(Deserialize)]
struct Artifacts {
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    id: u64,
    name: String,
    expired: bool,
}

impl GitHub {
    /// The repository `owner/name`; `graphql` is the address of the other API.
    pub fn new(client: Client, graphql: &str, repository: &str) -> GitHub {
        GitHub { client, graphql: graphql.to_owned(), repository: repository.to_owned() }
    }

    /// The comments of a pull request.
    pub fn comments(&self, number: u64) -> GitHubComments<'_> {
        GitHubComments { github: self, number }
    }

    /// The open pull request whose last commit is `commit`, of a branch that `owner` has.
    ///
    /// # Errors
    /// When the API does not say.
    pub fn pull_request_of(
        &self,
        owner: &str,
        branch: &str,
        commit: &str,
    ) -> Result<Option<Found>, ApiError> {
        let head = crate::report::encoded(&format!("{owner}:{branch}"));
        let url = self.url(&format!("/pulls?state=open&per_page=100&head={head}"));
        let pulls: Answer<Vec<Pull>> = self.client.get(&url)?;
        let of = pulls.body.into_iter().filter(|pull| pull.head.sha == commit);
        Ok(of.min_by_key(|pull| pull.number).map(|pull| Found {
            number: pull.number,
            target: pull.base.map(|base| base.branch).unwrap_or_default(),
        }))
    }

    /// The files that a pull request changes, each with its patch; `None` for one that is not shown.
    ///
    /// # Errors
    /// When the API does not say.
    pub fn patches(&self, number: u64) -> Result<Vec<(String, Option<String>)>, ApiError> {
        let url = self.url(&format!("/pulls/{number}/files?per_page=100"));
        self.pages(url, FILE_PAGES, |file: ChangedFile| Some((file.filename, file.patch)))
    }

    /// What is kept of the entries of a list, page by page; a page that leads back to one that was read is the last.
    fn pages<T: DeserializeOwned, U>(
        &self,
        first: String,
        most: usize,
        keep: impl Fn(T) -> Option<U>,
    ) -> Result<Vec<U>, ApiError> {
        let (mut url, mut all, mut read) = (first, Vec::new(), HashSet::new());
        while read.len() < most {
            let Answer { body, headers } = self.client.get::<Vec<T>>(&url)?;
            all.extend(body.into_iter().filter_map(&keep));
            read.insert(url);
            match self.next(&headers).filter(|next| !read.contains(next)) {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(all)
    }

    /// The artifact of that name of a run, as the ZIP file that it is; `None` where the run has none.
    ///
    /// # Errors
    /// When the API does not give it, or it is too large.
    pub fn artifact(&self, run: u64, name: &str) -> Result<Option<Vec<u8>>, ApiError> {
        let name_in_url = crate::report::encoded(name);
        let url = self.url(&format!("/actions/runs/{run}/artifacts?per_page=100&name={name_in_url}"));
        let all: Answer<Artifacts> = self.client.get(&url)?;
        let named =
            all.body.artifacts.into_iter().filter(|artifact| artifact.name == name && !artifact.expired);
        let Some(newest) = named.map(|artifact| artifact.id).max() else { return Ok(None) };
        let url = self.url(&format!("/actions/artifacts/{newest}/zip"));
        self.client.download(&url, LARGEST_ARTIFACT).map(Some)
    }

    fn url(&self, path: &str) -> String {
        self.client.url(&format!("/repos/{}{path}", self.repository))
    }

    /// The next page; the token goes to the API and to nobody else.
    fn next(&self, headers: &HeaderMap) -> Option<String> {
        let next = headers.get("link").and_then(|header| header.to_str().ok()).and_then(link::next)?;
        next.starts_with(&self.client.url("/")).then(|| next.to_owned())
    }

    /// Who the token is. A workflow's token may not ask `/user`; this API tells it, too.
    fn login(&self) -> Result<String, ApiError> {
        let query = json!({ "query": "query { viewer { login } }" });
        match self.client.post::<Value>("POST", &self.graphql, &query) {
            Ok(answer) => Ok(answer["data"]["viewer"]["login"].as_str().unwrap_or(ACTIONS).to_owned()),
            Err(ApiError::Forbidden(..) | ApiError::Missing(_) | ApiError::Refused(..)) => {
                Ok(ACTIONS.to_owned())
            }
            Err(error) => Err(error),
        }
    }
}

impl Comments for GitHubComments<'_> {
    fn change(&self) -> Result<Change, ApiError> {
        let url = self.github.url(&format!("/pulls/{}", self.number));
        let State { state, head } = self.github.client.get(&url)?.body;
        Ok(Change { is_open: state != "closed", head: head.map(|head| head.sha) })
    }

    fn ours(&self, marker: &str) -> Result<Vec<Comment>, ApiError> {
        let login = self.github.login()?;
        // An app is called so in one API, and without the word in the other.
        let is_ours = |user: &User| user.login == login || user.login == format!("{login}[bot]");
        let url = self.github.url(&format!("/issues/{}/comments?per_page=100", self.number));
        let ours = |Entry { id, body, user }: Entry| {
            let body = body.filter(|body| body.lines().next().map(str::trim) == Some(marker))?;
            user.as_ref().is_some_and(is_ours).then_some(Comment { id, body })
        };
        let mut found = self.github.pages(url, PAGES, ours)?;
        found.sort_by_key(|comment| comment.id);
        Ok(found)
    }

    fn create(&self, body: &str) -> Result<u64, ApiError> {
        let url = self.github.url(&format!("/issues/{}/comments", self.number));
        self.github.client.post::<Made>("POST", &url, &json!({ "body": body })).map(|made| made.id)
    }

    fn update(&self, id: u64, body: &str) -> Result<(), ApiError> {
        let url = self.github.url(&format!("/issues/comments/{id}"));
        self.github.client.post::<Value>("PATCH", &url, &json!({ "body": body })).map(drop)
    }

    fn remove(&self, id: u64) -> Result<(), ApiError> {
        self.github.client.delete(&self.github.url(&format!("/issues/comments/{id}")))
    }
}
