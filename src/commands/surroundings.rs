//! `--ci`: what a check or a merge tells the CI system that it runs in.

use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use super::deliver::{self, Delivery};
use crate::ci::{
    Ci, Event, Log, Variables, Workspace, add_outputs, add_summary, repository_around, summary_room,
};
use crate::config::{ConfigErrors, Problem};
use crate::outcome::{Outcome, ScenarioResult, Verdict};
use crate::report::{Carried, Format, Options, Sources, job_summary, render};

/// Options of what runs in CI.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct CiArgs {
    /// Fit in with GitHub, GitLab, Buildkite or Jenkins, whichever this runs in: annotations, job summary, folded log
    #[arg(long)]
    ci: bool,
    /// With --ci, no annotations on the lines of the pull request
    #[arg(long, requires = "ci")]
    no_annotations: bool,
    /// With --ci, no job summary
    #[arg(long, requires = "ci")]
    no_summary: bool,
}

impl CiArgs {
    /// Where this runs, where that was asked for.
    pub(super) fn surroundings(&self) -> Option<Surroundings> {
        if !self.ci {
            return None;
        }
        let variables = Variables::inherited();
        let ci = Ci::of(&variables);
        // The event tells the lines of the change, and nothing that the verdict depends on.
        let (event, notes) = if ci == Ci::GitHub { Event::if_readable(&variables) } else { (None, None) };
        let telling = Telling { annotations: !self.no_annotations, summary: !self.no_summary };
        Some(Surroundings { ci, log: Log::of(ci), variables, event, notes, telling })
    }
}

impl CiArgs {
    /// An annotation that says why nothing came of it; empty where there are none.
    pub(super) fn error(&self, text: &str) -> String {
        self.annotations().map_or_else(String::new, |(log, _)| log.error(text, None))
    }

    /// Likewise for each problem of a configuration, at its line. A step shows no more than ten.
    pub(super) fn problems(&self, errors: &ConfigErrors) -> String {
        let Some((log, variables)) = self.annotations() else { return String::new() };
        let here = std::env::current_dir().unwrap_or_default();
        let nothing = |_: &Path| None;
        let workspace = Workspace::around(vec![here], &nothing).reviewed(Ci::GitHub, &variables, None);
        let annotation = |problem: &Problem| {
            let file = workspace.path(&problem.file).unwrap_or_else(|| problem.file.clone());
            match problem.line {
                0 => log.error(&problem.to_string(), None),
                line => log.error(&problem.message, Some((&file, line))),
            }
        };
        errors.problems.iter().take(MOST_ERRORS).map(annotation).collect()
    }

    fn annotations(&self) -> Option<(Log, Variables)> {
        let variables = Variables::inherited();
        let is_wanted = self.ci && !self.no_annotations && Ci::of(&variables) == Ci::GitHub;
        is_wanted.then(|| (Log::of(Ci::GitHub), variables))
    }
}

/// Most problems of a configuration that are annotated.
const MOST_ERRORS: usize = 10;

/// What is told beside the report.
#[derive(Debug, Clone, Copy)]
struct Telling {
    annotations: bool,
    summary: bool,
}

/// The CI system around this process.
pub(super) struct Surroundings {
    ci: Ci,
    log: Log,
    variables: Variables,
    event: Option<Event>,
    /// Why there is no event.
    notes: Option<String>,
    telling: Telling,
}

impl Surroundings {
    /// Begins the part of the log that shows the scenarios' progress.
    pub(super) fn begin(&self, scenarios: usize, out: &mut dyn Write) -> std::io::Result<()> {
        let plural = if scenarios == 1 { "" } else { "s" };
        out.write_all(
            self.log.begin(PROGRESS, &format!("leakgate: {scenarios} scenario{plural}")).as_bytes(),
        )?;
        out.flush()
    }

    /// Ends it.
    pub(super) fn end(&self, out: &mut dyn Write) -> std::io::Result<()> {
        out.write_all(self.log.end(PROGRESS).as_bytes())?;
        out.flush()
    }

    /// The checkout, with what is known of the change under review.
    pub(super) fn review<'a>(&self, workspace: Workspace<'a>) -> Workspace<'a> {
        workspace.reviewed(self.ci, &self.variables, self.event.as_ref())
    }

    /// Prints the report, and whatever else is read here.
    pub(super) fn tell(
        &self,
        outcome: &Outcome,
        options: &Options,
        delivery: &Delivery<'_>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let text = render(delivery.printed, outcome, options);
        match delivery.printed {
            // These are commands, or a document that somebody reads as a whole.
            Format::Github
            | Format::Json
            | Format::Junit
            | Format::Sarif
            | Format::Gitlab
            | Format::Prometheus => {
                out.write_all(text.as_bytes())?;
            }
            Format::Terminal | Format::Markdown => {
                out.write_all(self.log.shielded(&text).as_bytes())?;
                if self.ci == Ci::GitHub && self.telling.annotations {
                    out.write_all(render(Format::Github, outcome, options).as_bytes())?;
                }
            }
        }
        if self.ci != Ci::GitHub {
            return Ok(());
        }
        // The verdict stands, whatever becomes of these files.
        if self.telling.summary {
            let told = self.summarise(outcome, options);
            self.warn(told.context("the report is not in the job's summary"));
        }
        let told = add_outputs(&self.variables, &outputs(outcome, delivery.results));
        self.warn(told.context("the step has not all of its outputs"));
        Ok(())
    }

    fn summarise(&self, outcome: &Outcome, options: &Options) -> std::io::Result<()> {
        let room = summary_room(&self.variables)?;
        match add_summary(&self.variables, &job_summary(outcome, options, room))? {
            true => Ok(()),
            false => Err(std::io::Error::other("there is no room left")),
        }
    }

    /// Tells what went wrong beside the report, which may be a document for a program and has no place for it.
    fn warn(&self, told: anyhow::Result<()>) {
        if let Err(error) = told {
            // There is nowhere left to tell it if this fails.
            let _ = std::io::stderr().write_all(self.log.warning(&format!("{error:#}")).as_bytes());
        }
    }
}

/// Name of the part of the log with the progress.
const PROGRESS: &str = "leakgate_scenarios";

/// What later steps of a job can use; paths from the root, since steps have folders of their own.
fn outputs(outcome: &Outcome, results: &Path) -> Vec<(&'static str, String)> {
    let verdict = format!("{:?}", outcome.verdict()).to_lowercase();
    let has_failed = |scenario: &&ScenarioResult| matches!(scenario.verdict, Verdict::Fail | Verdict::Error);
    let failed: Vec<&ScenarioResult> = outcome.scenarios.iter().filter(has_failed).collect();
    let results = std::path::absolute(results).unwrap_or_else(|_| results.to_owned());
    let path = |format: Format| results.join(format.file_name().unwrap_or_default()).display().to_string();
    let capture =
        |scenario: &&ScenarioResult| results.join("captures").join(&scenario.name).display().to_string();
    vec![
        ("verdict", verdict),
        ("exit-code", deliver::exit_of(outcome).code().to_string()),
        ("failed-count", failed.len().to_string()),
        ("results", results.display().to_string()),
        ("json", path(Format::Json)),
        ("markdown", path(Format::Markdown)),
        ("junit", path(Format::Junit)),
        ("sarif", path(Format::Sarif)),
        ("failed-captures", failed.iter().map(capture).collect::<Vec<_>>().join("\n")),
    ]
}

/// The checkout around a configuration's folder and the current one.
pub(super) fn workspace<'a>(
    folders: [PathBuf; 2],
    text: &'a dyn Fn(&Path) -> Option<String>,
    surroundings: Option<&Surroundings>,
) -> Workspace<'a> {
    let workspace = Workspace::around(folders.into(), text);
    match surroundings {
        Some(surroundings) => surroundings.review(workspace),
        None => workspace,
    }
}

/// The folders that the files of a result are relative to: that of its configuration, which the result knows from the top
/// of the repository, and the current one.
pub(super) fn folders_of(config: &str, carried: &Carried, here: &Path) -> [PathBuf; 2] {
    let top = repository_around(here);
    let known = top.zip(carried.path(config)).map(|(top, path)| top.join(path)).filter(|file| file.is_file());
    let config = known.unwrap_or_else(|| here.join(config));
    [config.parent().unwrap_or(here).to_owned(), here.to_owned()]
}

/// What could not be found out about the change under review.
pub(super) fn notes(surroundings: Option<&Surroundings>, workspace: &Workspace<'_>) -> Vec<String> {
    let event = surroundings.and_then(|surroundings| surroundings.notes.clone());
    event.into_iter().chain(workspace.unknown().map(str::to_owned)).collect()
}

/// The text of a file below the workspace, the current folder, and of no other: a result that somebody else wrote may
/// name any file of this machine.
pub(super) fn text_inside(path: &Path, workspace: &Path) -> Option<String> {
    let is_plain = !path.components().any(|part| part == Component::ParentDir);
    let real = path.canonicalize().ok().filter(|real| is_plain && real.starts_with(workspace))?;
    deliver::text_of(&real)
}
