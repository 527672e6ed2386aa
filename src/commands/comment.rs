//! `leakgate comment`: the one comment of the pull request, made and kept up to date through the forge's API.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};

use super::{deliver, results, surroundings};
use crate::ci::{Ci, Elsewhere, Event, Variables, WorkflowRun};
use crate::exit::Exit;
use crate::forge::{
    ApiError, Body, Client, Comments, Found, GitHub, GitLab, Posted, Token, Trust, When, post, result_in,
};
use crate::outcome::Outcome;
use crate::report::{
    Carried, Color, DEFAULT_COMMENT, Format, Options, Sources, carried, comment_marker, read_json, render,
};
use crate::scenario::capture_dir::RESULTS_FOLDER;

/// Where GitHub's API is, unless `GITHUB_API_URL` says otherwise.
const GITHUB: &str = "https://api.github.com";
/// Longest name of a comment.
const LONGEST_NAME: usize = 60;

/// Write the result into the one comment of the pull request
///
/// The token comes from GITHUB_TOKEN or GITLAB_TOKEN, or from LEAKGATE_TOKEN, which comes first. For a forge with a
/// certificate of the company's own authority, SSL_CERT_FILE names the authorities (PEM) that are believed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A `result.json`, the folder that it is in, or a ZIP archive with it [default: .leakgate]
    #[arg(value_name = "RESULT", conflicts_with = "artifact")]
    result: Option<PathBuf>,
    /// The artifact of the run that a `workflow_run` event is about: for pull requests of forks
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
    /// auto: made when the check first fails, then kept up to date; always; on-failure; never
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "on-failure", "never"])]
    when: String,
    /// Name of the comment: several configurations of a repository have one each
    #[arg(long, value_name = "NAME", default_value = DEFAULT_COMMENT, value_parser = name)]
    name: String,
    /// The pull request or merge request [default: that of the CI system's event]
    #[arg(long, value_name = "NUMBER")]
    pull_request: Option<u64>,
    /// Print the comment and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it; what was done goes to `out`.
///
/// # Errors
/// When there is no result, no token, or the forge refuses.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let variables = Variables::inherited();
    let ci = Ci::of(&variables);
    let when = match args.when.as_str() {
        "always" => When::Always,
        "on-failure" => When::OnFailure,
        "never" => return Ok(Exit::Passed),
        _ => When::Auto,
    };
    let event = if ci == Ci::GitHub { Event::read(&variables)? } else { None };
    let place = Surrounded { args, ci, variables: &variables, event: event.as_ref() };
    if args.dry_run {
        out.write_all(place.markdown(&load(args.result.as_deref())?, None)?.as_bytes())?;
        return Ok(Exit::Passed);
    }
    let target = match Target::of(args, ci, &variables, event.as_ref())? {
        Ok(target) => target,
        Err(reason) => return skip(&reason, out),
    };
    let result = match (&args.artifact, &target) {
        (None, _) => load(args.result.as_deref())?,
        (Some(name), Target::GitHub { github, .. }) => match artifact(github, name, event.as_ref())? {
            Some(result) => result,
            None => return skip(&format!("the run has no artifact `{name}`"), out),
        },
        (Some(_), Target::GitLab(_)) => {
            bail!("--artifact is for GitHub; GitLab hands artifacts to later jobs")
        }
    };
    let markdown = place.markdown(&result, Some(&target))?;
    let is_failure = deliver::exit_of(&result.outcome) != Exit::Passed;
    let body = Body { marker: &comment_marker(&args.name), markdown: &markdown, is_failure };
    told(target.post(&body, when), out)
}

fn skip(reason: &str, out: &mut dyn Write) -> anyhow::Result<Exit> {
    writeln!(out, "leakgate: no comment: {reason}")?;
    Ok(Exit::Passed)
}

fn told(result: Result<Posted, ApiError>, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match result {
        Ok(Posted::Created(id)) => writeln!(out, "leakgate: comment {id} made")?,
        Ok(Posted::Updated(id)) => writeln!(out, "leakgate: comment {id} brought up to date")?,
        Ok(Posted::Same(id)) => writeln!(out, "leakgate: comment {id} says so already")?,
        Ok(Posted::NotNeeded) => {
            writeln!(out, "leakgate: no comment: nothing fails, and nothing did before")?
        }
        Err(ApiError::Forbidden(..)) => {
            return skip(
                "the token may not write comments, as that of a fork's pull request; else the job needs `permissions: pull-requests: write`",
                out,
            );
        }
        Err(error) => return Err(anyhow!(error).context("failed to write the comment")),
    }
    Ok(Exit::Passed)
}

/// The value of `--name`: it stands in a comment of HTML.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/".contains(c) || c == '-';
    let is_name =
        !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(is_plain) && !text.contains("--");
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| "expected letters, digits, `.`, `_`, `/`, single `-`".to_owned())
}

/// A result, with the lines of source that it carries.
struct CarriedResult {
    outcome: Outcome,
    lines: Carried,
}

impl CarriedResult {
    fn of(bytes: &[u8]) -> anyhow::Result<CarriedResult> {
        Ok(CarriedResult { outcome: read_json(bytes)?, lines: carried(bytes) })
    }
}

/// The result that a check or a merge left here, or one in an archive.
fn load(path: Option<&Path>) -> anyhow::Result<CarriedResult> {
    let here = Path::new(RESULTS_FOLDER).join(Format::Json.file_name().unwrap_or_default());
    let path = path.unwrap_or(&here);
    let failed = || format!("failed to read `{}`", path.display());
    if path.extension().is_none_or(|extension| extension != "zip") {
        return CarriedResult::of(&results::bytes(path)?).with_context(failed);
    }
    let bytes = std::fs::read(path).with_context(failed)?;
    unpacked(&bytes).with_context(failed)
}

fn unpacked(archive: &[u8]) -> anyhow::Result<CarriedResult> {
    CarriedResult::of(&result_in(archive)?)
}

/// The result in an artifact of the run that the event is about.
fn artifact(github: &GitHub, name: &str, event: Option<&Event>) -> anyhow::Result<Option<CarriedResult>> {
    let Some(run) = event.and_then(|event| event.workflow_run.as_ref()) else {
        bail!("--artifact needs a workflow that runs on `workflow_run`: no other event names a run");
    };
    let archive = github.artifact(run.id, name).context("failed to get the artifact")?;
    archive
        .map(|archive| unpacked(&archive).with_context(|| format!("failed to read artifact `{name}`")))
        .transpose()
}

/// Where this runs, and what was asked for.
struct Surrounded<'a> {
    args: &'a Args,
    ci: Ci,
    variables: &'a Variables,
    event: Option<&'a Event>,
}

impl Surrounded<'_> {
    /// The comment's text. Of a run that somebody else's code had, no file is shown: what is checked out here is other
    /// code. Its result carries the lines, and the forge knows the change.
    fn markdown(&self, result: &CarriedResult, target: Option<&Target>) -> anyhow::Result<String> {
        let run = self.event.and_then(|event| event.workflow_run.as_ref());
        if self.args.artifact.is_some() || run.is_some() {
            let elsewhere = Elsewhere::new(&result.lines);
            return Ok(self.rendered(&result.outcome, &self.known(elsewhere, run, target)));
        }
        let root = std::env::current_dir().and_then(|folder| folder.canonicalize());
        let root = root.context("failed to find the current folder")?;
        let inside = |path: &Path| surroundings::text_inside(path, &root);
        let config = Path::new(&result.outcome.config);
        let beside = root.join(config.parent().unwrap_or(Path::new("")));
        let workspace = surroundings::workspace([beside, root.clone()], &inside, None);
        let workspace = workspace.reviewed(self.ci, self.variables, self.event);
        Ok(self.rendered(&result.outcome, &workspace))
    }

    /// With what the forge knows of the change; a comment without that is better than none.
    fn known<'s>(
        &self,
        elsewhere: Elsewhere<'s>,
        run: Option<&WorkflowRun>,
        target: Option<&Target>,
    ) -> Elsewhere<'s> {
        let (Some(run), Some(Target::GitHub { github, found })) = (run, target) else { return elsewhere };
        let elsewhere = elsewhere.of_pull_request(self.variables, &run.head, &found.target);
        match github.patches(found.number) {
            Ok(patches) => elsewhere.with_patches(&patches),
            Err(_) => elsewhere,
        }
    }

    fn rendered(&self, outcome: &Outcome, source: &dyn Sources) -> String {
        let options = Options { width: 0, color: Color::Plain, source, comment: &self.args.name };
        render(Format::Markdown, outcome, &options)
    }
}

/// What is commented on.
enum Target {
    GitHub { github: GitHub, found: Found },
    GitLab(GitLab),
}

impl Target {
    /// The change under review, or why there is none.
    fn of(
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
        Ok(Ok(Target::GitLab(GitLab::new(client, needed("CI_PROJECT_ID")?, number))))
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

    fn post(&self, body: &Body<'_>, when: When) -> Result<Posted, ApiError> {
        let comments: &dyn Comments = match self {
            Target::GitHub { github, found } => &github.comments(found.number),
            Target::GitLab(gitlab) => gitlab,
        };
        post(comments, body, when)
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
        (None, None) => Number::None(format!("the event `{}` is about no pull request", event.name)),
    }
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
