//! GitLab's API.

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Answer;
use super::{ApiError, Change, Client, Comment, Comments};

/// Most pages that are looked through.
const PAGES: usize = 200;

/// The notes of a merge request.
pub struct GitLab {
    client: Client,
    project: String,
    number: u64,
}

#[derive(Deserialize)]
struct State {
    state: String,
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    body: String,
    author: User,
}

#[derive(Deserialize)]
struct User {
    id: u64,
}

#[derive(Deserialize)]
struct Made {
    id: u64,
}

impl GitLab {
    /// The merge request `number` of the project with this id or path.
    pub fn new(client: Client, project: &str, number: u64) -> GitLab {
        // A path is one part of the address.
        let project = crate::report::encoded(project).replace('/', "%2F");
        GitLab { client, project, number }
    }

    /// The merge request's number within its project.
    pub fn number(&self) -> u64 {
        self.number
    }

    fn url(&self, path: &str) -> String {
        let (project, number) = (&self.project, self.number);
        self.client.url(&format!("/projects/{project}/merge_requests/{number}{path}"))
    }
}

impl Comments for GitLab {
    fn change(&self) -> Result<Change, ApiError> {
        let state = self.client.get::<State>(&self.url(""))?.body.state;
        // What a pipeline ran for may be a merge with the target, which is no commit of the change.
        Ok(Change { is_open: state != "closed" && state != "merged", head: None })
    }

    fn ours(&self, marker: &str) -> Result<Vec<Comment>, ApiError> {
        let user = self.client.get::<User>(&self.client.url("/user"))?.body.id;
        let mut page = "1".to_owned();
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let url = self.url(&format!("/notes?per_page=100&sort=asc&page={page}"));
            let Answer { body, headers } = self.client.get::<Vec<Note>>(&url)?;
            for Note { id, body, author } in body {
                if author.id == user && body.lines().next().map(str::trim) == Some(marker) {
                    found.push(Comment { id, body });
                }
            }
            let next = headers.get("x-next-page").and_then(|next| next.to_str().ok()).unwrap_or_default();
            match next.parse::<u64>() {
                Ok(next) => page = next.to_string(),
                Err(_) => break,
            }
        }
        found.sort_by_key(|comment| comment.id);
        Ok(found)
    }

    fn create(&self, body: &str) -> Result<u64, ApiError> {
        self.client.post::<Made>("POST", &self.url("/notes"), &json!({ "body": body })).map(|made| made.id)
    }

    fn update(&self, id: u64, body: &str) -> Result<(), ApiError> {
        let url = self.url(&format!("/notes/{id}"));
        self.client.post::<Value>("PUT", &url, &json!({ "body": body })).map(drop)
    }

    fn remove(&self, id: u64) -> Result<(), ApiError> {
        self.client.delete(&self.url(&format!("/notes/{id}")))
    }
}
