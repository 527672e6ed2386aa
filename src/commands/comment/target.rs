//! What is commented on: the pull request or merge request that this runs for, and the API that has it.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, ensure};

use super::Args;
use crate::ci::{Ci, Event, Variables, WorkflowRun};
use crate::forge::{
    ApiError, Body, Client, Comments, Found, GitHub, GitLab, Posted, Token, Trust, When, post,
};

/// Where GitHub's API is, unless `GITHUB_API_URL` says otherwise.
const GITHUB: &str = "https://api.github.com";

/// What is commented on.
pub(super) enum Target {
    GitHub { github: GitHub, found: Found },
    GitLab(GitLab),
}

impl Target {
    /// The change under review, or why there is none.
    pub(super) fn of(
        args: &Args,
        ci: Ci,
        variables: &Variables,
        event: Option<&Event>,
    ) -> anyhow::Result<Result<Target, String>> {
        match ci {
            Ci::GitLab => Target::gitlab(args, variables),
            _ => Target::github(args, variables, event),
        }
    }

    fn gitlab(args: &Args, variables: &Variables) -> anyhow::Result<Result<Target, String>> {
        let number = args.pull_request.or_else(|| variables.get("CI_MERGE_REQUEST_IID")?.parse().ok());
        let Some(number) = number else { return Ok(Err("this pipeline is for no merge request".to_owned())) };
        let needed = |name: &str| variables.get(name).with_context(|| format!("{name} is not set"));
        let client = Client::new(
            needed("CI_API_V4_URL")?,
            token(variables, "GITLAB_TOKEN")?,
            "application/json",
            &trust(variables)?,
        );
        // The project that the merge request is in: a pipeline of a fork runs in the fork's.
        let project = variables.get("CI_MERGE_REQUEST_PROJECT_ID");
        let project = project.map_or_else(|| needed("CI_PROJECT_ID"), Ok)?;
        Ok(Ok(Target::GitLab(GitLab::new(client, project, number))))
    }

    fn github(
        args: &Args,
        variables: &Variables,
        event: Option<&Event>,
    ) -> anyhow::Result<Result<Target, String>> {
        let number = match number(args, variables, event) {
            Number::Known(number) => Some(number),
            Number::OfRun => None,
            Number::None(reason) => return Ok(Err(reason)),
        };
        let repository =
            variables.get("GITHUB_REPOSITORY").context("GITHUB_REPOSITORY is not set: owner/name")?;
        ensure!(is_repository(repository), "GITHUB_REPOSITORY is `{repository}`; expected owner/name");
        let api = variables.get("GITHUB_API_URL").unwrap_or(GITHUB).trim_end_matches('/');
        // Enterprise has both below /api.
        let beside = api.strip_suffix("/v3").unwrap_or(api);
        let graphql = variables.get("GITHUB_GRAPHQL_URL").map_or(format!("{beside}/graphql"), str::to_owned);
        let accept = "application/vnd.github+json";
        let client = Client::new(api, token(variables, "GITHUB_TOKEN")?, accept, &trust(variables)?);
        let github = GitHub::new(client, &graphql, repository);
        let run = event.and_then(|event| event.workflow_run.as_ref());
        let found = match (number, run) {
            (None, Some(WorkflowRun { owner, branch, head, .. })) => {
                let found =
                    github.pull_request_of(owner, branch, head).context("failed to find the pull request")?;
                found.ok_or_else(|| format!("no open pull request has {head} as its last commit"))
            }
            (number, _) => number
                .map(|number| Found { number, target: String::new() })
                .ok_or_else(|| "there is no pull request".to_owned()),
        };
        Ok(found.map(|found| Target::GitHub { github, found }))
    }

    pub(super) fn post(&self, body: &Body<'_>, when: When) -> Result<Posted, ApiError> {
        let comments: &dyn Comments = match self {
            Target::GitHub { github, found } => &github.comments(found.number),
            Target::GitLab(gitlab) => gitlab,
        };
        post(comments, body, when, &|seconds| {
            // There is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "leakgate: the API was asked too often: waiting {seconds} s");
        })
    }

    /// As people call it there: `pull request #5`, `merge request !5`.
    pub(super) fn name(&self) -> String {
        match self {
            Target::GitHub { found, .. } => format!("pull request #{}", found.number),
            Target::GitLab(gitlab) => format!("merge request !{}", gitlab.number()),
        }
    }

    /// What to say where the token may not comment.
    pub(super) fn forbidden(&self) -> &'static str {
        match self {
            Target::GitHub { .. } => {
                "the token may not write comments, as that of a fork's pull request; else the job needs `permissions: pull-requests: write`"
            }
            Target::GitLab(_) => {
                "the token may not write comments; it needs the scope `api` and at least the role Reporter in the project of the merge request"
            }
        }
    }
}

/// The authorities that the user names, as for other programs.
fn trust(variables: &Variables) -> anyhow::Result<Trust> {
    let Some(path) = variables.get("SSL_CERT_FILE") else { return Ok(Trust::default()) };
    Trust::of_file(Path::new(path)).with_context(|| format!("failed to read SSL_CERT_FILE, `{path}`"))
}

/// A pull request's number, as far as it is known without asking.
enum Number {
    Known(u64),
    /// That of the run that has ended.
    OfRun,
    /// There is none, and why.
    None(String),
}

fn number(args: &Args, variables: &Variables, event: Option<&Event>) -> Number {
    if let Some(number) = args.pull_request {
        return Number::Known(number);
    }
    let of_others = ["BUILDKITE_PULL_REQUEST", "CHANGE_ID"];
    let Some(event) = event else {
        let number = of_others.iter().find_map(|name| variables.get(name)?.parse().ok());
        return number.map_or_else(
            || Number::None("this runs for no pull request; --pull-request names one".to_owned()),
            Number::Known,
        );
    };
    match (&event.pull_request, &event.workflow_run) {
        (Some(request), _) if !request.is_open => {
            Number::None(format!("pull request #{} is closed", request.number))
        }
        (Some(request), _) => Number::Known(request.number),
        (None, Some(run)) if run.event.starts_with("pull_request") => Number::OfRun,
        (None, Some(run)) => {
            Number::None(format!("that run was for `{}`, and not for a pull request", run.event))
        }
        (None, None) => Number::None(without_number(event, variables)),
    }
}

/// Why an event tells no number.
fn without_number(event: &Event, variables: &Variables) -> String {
    let name = &event.name;
    if let Some(number) = event.commented {
        // What was checked out is the default branch, unless somebody took care.
        return format!(
            "the event `{name}` does not say which code was judged; --pull-request {number} says that it is that of #{number}"
        );
    }
    if !event.is_about_one() {
        return format!("the event `{name}` is about no pull request");
    }
    let why = match variables.get("GITHUB_EVENT_PATH") {
        Some(_) if event.has_payload() => {
            return format!("the payload of the event `{name}` names no pull request; --pull-request does");
        }
        Some(path) => format!("there is no `{path}`, the file of GITHUB_EVENT_PATH"),
        None => "GITHUB_EVENT_PATH is not set".to_owned(),
    };
    format!("there is no payload of the event `{name}`: {why}; --pull-request names the number")
}

fn is_repository(text: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && part != ".."
    };
    text.split_once('/').is_some_and(|(owner, name)| is_plain(owner) && is_plain(name))
}

fn token(variables: &Variables, name: &str) -> anyhow::Result<Token> {
    let text = variables.get("LEAKGATE_TOKEN").or_else(|| variables.get(name));
    text.map(Token::of).with_context(|| format!("there is no token: set {name}, or LEAKGATE_TOKEN"))
}
