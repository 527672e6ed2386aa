//! `leakgate merge`: the results of several machines become one outcome, with the reports and the exit of `check`.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::check_args::NO_PYTHON;
use super::deliver::{self, Delivery};
use super::results;
use super::surroundings::{self, CiArgs};
use crate::exit::Exit;
use crate::outcome::{BaselineFile, CapturePlace, Outcome, Partition, ScenarioResult};
use crate::report::{Carried, Format, carried, written_by};
use crate::scenario::capture_dir::{self, RESULTS_FOLDER};

/// Join the results of the parts that `check --partition` ran
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A `result.json` of each part, or the folder that it is in
    #[arg(required = true, value_name = "RESULT")]
    files: Vec<PathBuf>,
    /// Where the reports go [default: .leakgate]
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// What to print; all reports are written to the output folder in any case
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = deliver::format)]
    format: Format,
    #[command(flatten)]
    ci: CiArgs,
}

impl Args {
    /// What tells the CI system why nothing came of the merge.
    pub fn annotation(&self, error: &str) -> String {
        self.ci.error(error)
    }
}

/// A result with the name of its file.
struct Shard {
    file: String,
    /// The folder that it is in.
    folder: PathBuf,
    /// Version of the leakgate that wrote it.
    leakgate: String,
    outcome: Outcome,
    /// What it says of its files.
    carried: Carried,
}

impl Shard {
    fn load(path: &Path) -> anyhow::Result<Shard> {
        let file = results::file(path);
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let bytes = results::bytes(path)?;
        let outcome = results::parsed(&bytes, path)?;
        let leakgate = written_by(&bytes).unwrap_or_default();
        Ok(Shard { file: path.display().to_string(), folder, leakgate, outcome, carried: carried(&bytes) })
    }

    /// Its scenarios, each with the place of its capture: beside the result, if that came with them.
    fn scenarios(self) -> impl Iterator<Item = ScenarioResult> {
        let Shard { folder, outcome, .. } = self;
        outcome.scenarios.into_iter().map(move |mut scenario| {
            if scenario.capture == CapturePlace::Results {
                let capture = folder.join("captures").join(&scenario.name);
                scenario.capture = match capture.is_dir() {
                    true => CapturePlace::Folder(capture.display().to_string()),
                    false => CapturePlace::Unknown,
                };
            }
            scenario
        })
    }
}

/// Runs it; the report goes to `out`.
///
/// # Errors
/// When a file is no whole result, when the files do not belong together, or a part is missing.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let surroundings = args.ci.surroundings();
    let surroundings = surroundings.as_ref();
    let mut shards =
        args.files.iter().map(|path| Shard::load(path)).collect::<anyhow::Result<Vec<Shard>>>()?;
    shards.sort_by_key(|shard| shard.outcome.partition.map(|partition| partition.index));
    let carried = shards.iter_mut().map(|shard| std::mem::take(&mut shard.carried));
    let carried = carried.reduce(Carried::and).unwrap_or_default();
    let folder = args.output_dir.clone().unwrap_or_else(|| PathBuf::from(RESULTS_FOLDER));
    let mut outcome = merged(shards, &folder)?;
    capture_dir::prepare_results(&folder)?;
    let workspace = std::env::current_dir().and_then(|folder| folder.canonicalize());
    let workspace = workspace.context("failed to find the current folder")?;
    let inside = |path: &Path| surroundings::text_inside(path, &workspace);
    let folders = surroundings::folders_of(&outcome.config, &carried, &workspace);
    let source = surroundings::workspace(folders, &inside, surroundings).with_result(&carried);
    outcome.notes.extend(surroundings::notes(surroundings, &source));
    Delivery { results: &folder, source: &source, printed: args.format, surroundings }
        .write(&outcome, out)?;
    Ok(deliver::exit_of(&outcome))
}

/// One outcome of all, in the order of the configuration.
fn merged(shards: Vec<Shard>, folder: &Path) -> anyhow::Result<Outcome> {
    same_configuration(&shards)?;
    same_judge(&shards)?;
    complete(&shards)?;
    each_once(&shards)?;
    let python = python(&shards)?;
    let started_ms = shards.iter().map(|shard| shard.outcome.started_ms).min().unwrap_or(0);
    let end_of = |shard: &Shard| {
        Duration::from_millis(shard.outcome.started_ms - started_ms).saturating_add(shard.outcome.elapsed)
    };
    let elapsed = shards.iter().map(end_of).max().unwrap_or_default();
    let baseline = baseline(&shards);
    let notes = distinct(shards.iter().flat_map(|shard| &shard.outcome.notes));
    let Some(Shard { outcome: first, .. }) = shards.first() else { bail!("there is nothing to merge") };
    let (config, config_digest, fail_on) = (first.config.clone(), first.config_digest.clone(), first.fail_on);
    // As `python`: of the first that has any.
    let packages = shards.iter().map(|shard| &shard.outcome.packages).find(|packages| !packages.is_empty());
    let packages = packages.cloned().unwrap_or_default();
    let arguments = first.arguments.clone();
    let is_common = shards.iter().all(|shard| shard.outcome.arguments == arguments);
    let arguments = if is_common { arguments } else { Vec::new() };
    let all = all_scenarios(&shards);
    let mut scenarios: Vec<_> = shards.into_iter().flat_map(Shard::scenarios).collect();
    scenarios.sort_by_key(|scenario| scenario.config_line);
    Ok(Outcome {
        config,
        config_digest,
        partition: None,
        left_out: all.saturating_sub(scenarios.len()),
        python,
        packages,
        arguments,
        fail_on,
        baseline,
        notes,
        scenarios,
        started_ms,
        elapsed,
        results_dir: format!("{}/", folder.display()),
    })
}

fn same_configuration(shards: &[Shard]) -> anyhow::Result<()> {
    for pair in shards.windows(2) {
        let [a, b] = pair else { continue };
        ensure!(
            a.outcome.config_digest == b.outcome.config_digest,
            "`{}` and `{}` are of different configurations: all parts must be run with the same text of `{}`",
            a.file,
            b.file,
            a.outcome.config
        );
    }
    Ok(())
}

/// Another version may judge otherwise, and another `fail_on` does.
fn same_judge(shards: &[Shard]) -> anyhow::Result<()> {
    for pair in shards.windows(2) {
        let [a, b] = pair else { continue };
        ensure!(
            a.leakgate == b.leakgate,
            "`{}` was written by leakgate {} and `{}` by leakgate {}: all parts must be run with the same one",
            a.file,
            a.leakgate,
            b.file,
            b.leakgate
        );
        let [first, second] = [a, b].map(|shard| shard.outcome.fail_on.name());
        ensure!(
            first == second,
            "`{}` was judged with `fail_on: {first}` and `{}` with `fail_on: {second}`: all parts must have the same",
            a.file,
            b.file
        );
    }
    Ok(())
}

fn each_once(shards: &[Shard]) -> anyhow::Result<()> {
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for shard in shards {
        for scenario in &shard.outcome.scenarios {
            if let Some(other) = owners.insert(&scenario.name, &shard.file) {
                bail!("scenario `{}` is in `{other}` and in `{}`", scenario.name, shard.file);
            }
        }
    }
    Ok(())
}

/// All parts are there, each once, and no scenario is missing. Results of whole checks, of scenarios that were named,
/// have no parts: what was to be run is then known to nobody.
fn complete(shards: &[Shard]) -> anyhow::Result<()> {
    let mut of: Option<(Partition, &str)> = None;
    let mut files: HashMap<u32, &str> = HashMap::new();
    let whole = shards.iter().find(|shard| shard.outcome.partition.is_none());
    for shard in shards {
        let Some(partition) = shard.outcome.partition else { continue };
        if let Some(whole) = whole {
            bail!("`{}` is a part and `{}` is not: they do not belong together", shard.file, whole.file);
        }
        let (first, file) = *of.get_or_insert((partition, &shard.file));
        ensure!(
            (first.of, first.scenarios) == (partition.of, partition.scenarios),
            "`{file}` is a part of {} with {} scenarios in all, and `{}` of {} with {}",
            first.of,
            first.scenarios,
            shard.file,
            partition.of,
            partition.scenarios
        );
        if let Some(other) = files.insert(partition.index, &shard.file) {
            bail!("part {} of {} is there twice: `{other}` and `{}`", partition.index, first.of, shard.file);
        }
    }
    let Some((partition, _)) = of else { return Ok(()) };
    let missing: Vec<String> = (1..=partition.of)
        .filter(|index| !files.contains_key(index))
        .map(|index| index.to_string())
        .collect();
    if !missing.is_empty() {
        let (word, are) = if missing.len() == 1 { ("part", "is") } else { ("parts", "are") };
        let missing = missing.join(", ");
        bail!("{word} {missing} of {} {are} missing: what is in there has no verdict", partition.of);
    }
    let found: usize = shards.iter().map(|shard| shard.outcome.scenarios.len()).sum();
    ensure!(
        found == partition.scenarios,
        "all parts together have {found} scenarios, and not the {} that there are",
        partition.scenarios
    );
    Ok(())
}

/// How many scenarios their configuration has, which is one for all; 0 where none of them left any out.
fn all_scenarios(shards: &[Shard]) -> usize {
    let of = |shard: &Shard| shard.outcome.selection().map_or(0, |(_, all)| all);
    shards.iter().map(of).max().unwrap_or(0)
}

/// The baseline's file, with what any of them found wrong with it.
fn baseline(shards: &[Shard]) -> Option<BaselineFile> {
    let files = || shards.iter().filter_map(|shard| shard.outcome.baseline.as_ref());
    let path = files().next()?.path.clone();
    Some(BaselineFile { path, problems: distinct(files().flat_map(|file| &file.problems)) })
}

/// Each text once, in the order in which they come first.
fn distinct<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.filter(|text| seen.insert(*text)).cloned().collect()
}

/// The Python of all. Its place may differ from machine to machine, its version may not: figures of two versions do
/// not compare.
fn python(shards: &[Shard]) -> anyhow::Result<String> {
    let version = |text: &str| text.rsplit_once(" (").map_or(text, |(_, version)| version).to_owned();
    let mut found: Option<&Shard> = None;
    for shard in shards.iter().filter(|shard| shard.outcome.python != NO_PYTHON) {
        let first = *found.get_or_insert(shard);
        let (a, b) = (&first.outcome.python, &shard.outcome.python);
        ensure!(
            version(a) == version(b),
            "`{}` was measured with {a} and `{}` with {b}: all parts must have the same Python",
            first.file,
            shard.file
        );
    }
    Ok(found.map_or_else(|| NO_PYTHON.to_owned(), |shard| shard.outcome.python.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Sources;

    #[test]
    fn source_is_read_below_the_workspace_only() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let workspace = base.join("workspace");
        std::fs::create_dir_all(workspace.join("sub")).unwrap();
        std::fs::write(base.join("secret.py"), "secret").unwrap();
        std::fs::write(workspace.join("sub/app.py"), "app").unwrap();
        std::os::unix::fs::symlink(base.join("secret.py"), workspace.join("link.py")).unwrap();
        let read = |file: &str, beside: &str| {
            let inside = |path: &Path| surroundings::text_inside(path, &workspace);
            surroundings::workspace([workspace.join(beside), workspace.clone()], &inside, None).text(file)
        };
        assert_eq!(read("app.py", "sub").as_deref(), Some("app"));
        assert_eq!(read("sub/app.py", "").as_deref(), Some("app"));
        assert_eq!(read(&workspace.join("sub/app.py").to_string_lossy(), "").as_deref(), Some("app"));
        for file in ["../secret.py", "sub/../../secret.py", "link.py", "sub", "nothing.py"] {
            assert_eq!(read(file, ""), None, "{file}");
        }
        assert_eq!(read(&base.join("secret.py").to_string_lossy(), ""), None);
        assert_eq!(read("secret.py", ".."), None);
        assert_eq!(read("secret.py", &base.to_string_lossy()), None);
    }
}
