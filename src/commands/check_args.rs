//! What `leakgate check` can be asked, the same on every system, and which scenarios are meant.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::deliver;
use super::lock_file;
use super::partition::Part;
use super::surroundings::CiArgs;
use crate::ci::without_commands;
use crate::config::{Config, ConfigErrors, FailOn, Paint, Scenario};
use crate::exit::Exit;
use crate::report::Format;

/// Name of the configuration where none is given.
pub(super) const CONFIG: &str = "leakgate.yaml";
/// What the report says where no Python was found and no scenario needs one.
pub(super) const NO_PYTHON: &str = "not found and not needed";
/// What `--baseline` is where nobody names a file: the lock beside the configuration.
const AUTO: &str = "auto";
/// The `--baseline` that is none.
const NONE: &str = "none";
/// Folder of results beside the configuration.
const RESULTS: &str = ".leakgate";

/// Run the declared scenarios and judge them by their budgets
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenarios to run [default: all]
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = CONFIG)]
    pub(super) config: PathBuf,
    /// List the scenarios and run nothing
    #[arg(long)]
    pub(super) list: bool,
    /// How many scenarios run at the same time [default: `jobs` of the configuration, else half the cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) jobs: Option<u32>,
    /// Run a part of the scenarios, hash:2/4 for the second of four; `leakgate merge` joins their results
    #[arg(long, value_name = "PART")]
    pub(super) partition: Option<Part>,
    /// Where captures and reports go [default: .leakgate beside the configuration]
    #[arg(long, value_name = "DIR")]
    pub(super) output_dir: Option<PathBuf>,
    /// What to print; all reports are written to the output folder in any case
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = deliver::format)]
    pub(super) format: Format,
    /// Which findings fail the check: new, any or never [default: `fail_on` of the configuration]
    #[arg(long, value_name = "WHICH", value_parser = fail_on(), hide_possible_values = true)]
    pub(super) fail_on: Option<FailOn>,
    /// What results are compared with: auto, a file, or none [default: the lock beside the configuration]
    #[arg(long, value_name = "FILE", default_value = AUTO)]
    pub(super) baseline: PathBuf,
    /// The Python that scenarios use [default: `python` of the configuration]
    #[arg(long, value_name = "PATH")]
    pub(super) python: Option<PathBuf>,
    /// Show no examples of what is kept, such as keys of a cache [default: `values` of the configuration]
    #[arg(long)]
    pub(super) no_values: bool,
    #[command(flatten)]
    pub(super) ci: CiArgs,
}

impl Args {
    /// What tells the CI system why nothing came of the check.
    pub fn annotation(&self, error: &str) -> String {
        self.ci.error(error)
    }

    /// The file that results are compared with; `None` where there is to be none. One that is named has to be there: else
    /// nothing would be compared, and nobody would know.
    pub(super) fn lock(&self, config: &Config) -> anyhow::Result<Option<PathBuf>> {
        match self.baseline.to_str() {
            Some(NONE) => Ok(None),
            Some(AUTO) => Ok(Some(lock_file::beside(&config.path))),
            _ => {
                let name = self.baseline.display();
                ensure!(
                    self.baseline.is_file(),
                    "there is no baseline `{name}`; expected a file, auto, or none"
                );
                Ok(Some(self.baseline.clone()))
            }
        }
    }

    /// The options without which another check would come to something else, as the user typed them.
    pub(super) fn repeated(&self) -> Vec<String> {
        let path = |name: &str, path: &Path| [name.to_owned(), path.display().to_string()];
        let mut words = Vec::new();
        words.extend(self.fail_on.map(|which| ["--fail-on".to_owned(), which.name().to_owned()]));
        words.extend((self.baseline != Path::new(AUTO)).then(|| path("--baseline", &self.baseline)));
        words.extend(self.python.as_ref().map(|python| path("--python", python)));
        let mut words: Vec<String> = words.into_iter().flatten().collect();
        words.extend(self.no_values.then(|| "--no-values".to_owned()));
        words
    }

    /// Where results go, as the user would type it.
    pub(super) fn results(&self) -> PathBuf {
        let beside = || match self.config.parent() {
            None => PathBuf::from(RESULTS),
            Some(here) if here == Path::new(".") => PathBuf::from(RESULTS),
            Some(folder) => folder.join(RESULTS),
        };
        self.output_dir.clone().unwrap_or_else(beside)
    }
}

/// The value of `--fail-on`.
fn fail_on() -> impl TypedValueParser<Value = FailOn> {
    let named = |word: String| FailOn::ALL.into_iter().find(|fail_on| fail_on.name() == word);
    // The words are listed so that a shell can complete them.
    PossibleValuesParser::new(FailOn::ALL.map(FailOn::name))
        .try_map(move |word| named(word).ok_or("expected one of new, any, never"))
}

/// Tells what is wrong with the configuration.
pub(super) fn refuse(errors: &ConfigErrors, ci: &CiArgs, messages: &mut dyn Write) -> anyhow::Result<Exit> {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let paint = if coloured { Paint::Coloured } else { Paint::Plain };
    write!(messages, "{}{}", without_commands(&errors.render(paint)), ci.problems(errors))?;
    Ok(Exit::BadInput)
}

/// The scenarios that are meant, in the order of the configuration.
pub(super) fn choose<'a>(config: &'a Config, names: &[String]) -> anyhow::Result<Vec<&'a Scenario>> {
    let known =
        || config.scenarios.iter().map(|scenario| scenario.name.as_str()).collect::<Vec<_>>().join(", ");
    for name in names {
        if !config.scenarios.iter().any(|scenario| scenario.name == *name) {
            let file = config.path.display();
            return Err(anyhow!("{file} declares no scenario `{name}`; expected one of {}", known()));
        }
    }
    let is_chosen = |scenario: &&Scenario| names.is_empty() || names.contains(&scenario.name);
    Ok(config.scenarios.iter().filter(is_chosen).collect())
}
