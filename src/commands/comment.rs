//! `leakgate comment`: the one comment of the pull request, made and kept up to date through the forge's API.

mod target;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use self::target::Target;
use super::{deliver, results, surroundings};
use crate::ci::{Ci, Elsewhere, Event, EventError, Variables, WorkflowRun};
use crate::exit::Exit;
use crate::forge::{ApiError, Body, GitHub, Posted, When, result_in};
use crate::outcome::{Outcome, Partition};
use crate::report::{
    Carried, Color, DEFAULT_COMMENT, Format, Options, Sources, carried, comment_marker, is_comment_name,
    read_json, render,
};
use crate::scenario::capture_dir::RESULTS_FOLDER;

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
    /// auto, also called on-failure: made when the check first fails, then kept up to date; always; never
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "on-failure", "never"])]
    when: String,
    /// Name of the comment; `default` is one for each configuration of a repository
    #[arg(long, value_name = "NAME", default_value = DEFAULT_COMMENT, value_parser = name)]
    name: String,
    /// The pull request or merge request [default: that of the CI system's event]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
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
        "never" => return Ok(Exit::Passed),
        // `on-failure`, too: a red comment below a change that passes would be wrong.
        _ => When::Auto,
    };
    let event = if ci == Ci::GitHub { event(args, &variables)? } else { None };
    let place = Surrounded { args, ci, variables: &variables, event: event.as_ref() };
    if args.dry_run {
        out.write_all(place.comment(&load(args.result.as_deref())?, None)?.markdown.as_bytes())?;
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
    if let Some(Partition { index, of: of @ 2.., .. }) = result.outcome.partition {
        // Nobody but all of them together can say that nothing fails.
        return skip(
            &format!("this result is part {index} of {of}; `leakgate merge` joins the results of all parts"),
            out,
        );
    }
    let Comment { marker, markdown } = place.comment(&result, Some(&target))?;
    let is_failure = deliver::exit_of(&result.outcome) != Exit::Passed;
    // By default other scenarios have another comment; under a name anything may have failed before.
    let is_whole = result.outcome.selection().is_none() || args.name == DEFAULT_COMMENT;
    // Who names the pull request knows what was judged.
    let request = event.as_ref().filter(|_| args.pull_request.is_none());
    let head = request.and_then(|event| event.pull_request.as_ref()).map(|request| request.head.as_str());
    let body = Body { marker: &marker, markdown: &markdown, is_failure, is_whole, head };
    told(target.post(&body, when), &target, out)
}

/// The event that the workflow runs for. Where everything that is needed of it was said, one that cannot be read is none.
fn event(args: &Args, variables: &Variables) -> anyhow::Result<Option<Event>> {
    // What a run for another one made is not what is here.
    let is_of_other = variables.get("GITHUB_EVENT_NAME") == Some("workflow_run");
    let is_needed = args.artifact.is_some() || is_of_other || (args.pull_request.is_none() && !args.dry_run);
    if is_needed {
        return match Event::read(variables) {
            Err(EventError::Missing(_)) => Ok(Event::named(variables)),
            event => Ok(event?),
        };
    }
    let (event, note) = Event::if_readable(variables);
    if let Some(note) = note {
        // There is nobody else to tell.
        let _ = writeln!(std::io::stderr(), "leakgate: warning: {note}");
    }
    Ok(event)
}

/// A comment, with the line by which it is found again.
struct Comment {
    marker: String,
    markdown: String,
}

fn skip(reason: &str, out: &mut dyn Write) -> anyhow::Result<Exit> {
    writeln!(out, "leakgate: no comment: {reason}")?;
    Ok(Exit::Passed)
}

fn told(result: Result<Posted, ApiError>, target: &Target, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match result {
        Ok(Posted::Created(id)) => writeln!(out, "leakgate: comment {id} made")?,
        Ok(Posted::Updated(id)) => writeln!(out, "leakgate: comment {id} brought up to date")?,
        Ok(Posted::Same(id)) => writeln!(out, "leakgate: comment {id} says so already")?,
        Ok(Posted::NotNeeded) => {
            writeln!(out, "leakgate: no comment: nothing fails, and nothing did before")?
        }
        Ok(Posted::Closed) => return skip(&format!("{} is closed", target.name()), out),
        Ok(Posted::Outdated) => {
            let name = target.name();
            return skip(&format!("{name} has a newer commit than the one that was judged"), out);
        }
        Err(ApiError::Forbidden(..)) => return skip(target.forbidden(), out),
        Err(error) => return Err(anyhow!(error).context("failed to write the comment")),
    }
    Ok(Exit::Passed)
}

/// The value of `--name`: it stands in a comment of HTML.
fn name(text: &str) -> Result<String, String> {
    is_comment_name(text)
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
    fn comment(&self, result: &CarriedResult, target: Option<&Target>) -> anyhow::Result<Comment> {
        let run = self.event.and_then(|event| event.workflow_run.as_ref());
        if self.args.artifact.is_some() || run.is_some() {
            let elsewhere = Elsewhere::new(&result.lines);
            return Ok(self.rendered(&result.outcome, &self.known(elsewhere, run, target)));
        }
        let root = std::env::current_dir().and_then(|folder| folder.canonicalize());
        let root = root.context("failed to find the current folder")?;
        let inside = |path: &Path| surroundings::text_inside(path, &root);
        let folders = surroundings::folders_of(&result.outcome.config, &result.lines, &root);
        let workspace = surroundings::workspace(folders, &inside, None).with_result(&result.lines);
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

    fn rendered(&self, outcome: &Outcome, source: &dyn Sources) -> Comment {
        let options = Options { width: 0, color: Color::Plain, source, comment: &self.args.name };
        Comment {
            marker: comment_marker(outcome, &options),
            markdown: render(Format::Markdown, outcome, &options),
        }
    }
}
