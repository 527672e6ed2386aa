//! The result of a whole `leakgate check`: what every report takes.

use std::time::Duration;

use crate::baseline::{Environment, Package};
use crate::config::FailOn;
use crate::finding::{Figure, Finding, Standing};
use crate::gate::leak::RULE;
use crate::gate::steps::Steps;
use crate::gate::verdict::Outcome as Growth;

/// All scenarios' results.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// `leakgate.yaml` as the user named it.
    pub config: String,
    /// What tells one text of that file from another: 16 hexadecimal digits.
    pub config_digest: String,
    /// Which part of the scenarios this is; `None` where all that were asked for were run.
    pub partition: Option<Partition>,
    /// How many scenarios of the configuration were not asked for: `check` was given the names of others.
    pub left_out: usize,
    /// The Python that scenarios use: `.venv/bin/python (CPython 3.11.7)`.
    pub python: String,
    /// The packages that are installed for it, by name; empty where they are not known.
    pub packages: Vec<Package>,
    /// The options that the check was called with, which another one needs for the same result.
    pub arguments: Vec<String>,
    /// Which findings fail the gate.
    pub fail_on: FailOn,
    /// The baseline's file, where there is one, and what is wrong with it.
    pub baseline: Option<BaselineFile>,
    /// One result a scenario, in the order of the configuration.
    pub scenarios: Vec<ScenarioResult>,
    /// Milliseconds since the Unix epoch at which the check began.
    pub started_ms: u64,
    /// Wall time of everything.
    pub elapsed: Duration,
    /// What is worth knowing about the check as a whole.
    pub notes: Vec<String>,
    /// Where captures and reports are, as the user would type it.
    pub results_dir: String,
}

/// The file that results were compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaselineFile {
    /// As the user would type it: `leakgate.lock`.
    pub path: String,
    /// What is wrong with it, each with its line: `leakgate.lock:12: …`. What is not sound is not compared with.
    pub problems: Vec<String>,
}

/// A part of the scenarios: which of several that share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Which, from 1.
    pub index: u32,
    /// How many there are.
    pub of: u32,
    /// How many scenarios all of them have together.
    pub scenarios: usize,
}

/// What one scenario came to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioResult {
    /// Name in the configuration.
    pub name: String,
    /// Line of the scenario in the configuration file, from 1.
    pub config_line: u32,
    /// What was run, for people: `call shop.quotes:quote, 20 iterations`.
    pub what: String,
    /// Where it was measured; `None` where it was not.
    pub environment: Option<Environment>,
    /// Whether it was compared with a baseline.
    pub baseline: Compared,
    /// The verdict.
    pub verdict: Verdict,
    /// Wall time.
    pub elapsed: Duration,
    /// What is wrong, errors first.
    pub findings: Vec<Finding>,
    /// Every budget that was judged, in the order of the configuration (broken ones included).
    pub budgets: Vec<JudgedBudget>,
    /// Keys of budgets that were asked for and could not be judged: the scenario ended too early, or in an error.
    pub not_judged: Vec<String>,
    /// Why it was not to be run here, in its own words; `None` unless the verdict is that.
    pub skipped: Option<String>,
    /// Figures that are reported without a budget: name, and the value as printed.
    pub figures: Vec<Figure>,
    /// Whether memory grows with every iteration; `None` where there are too few.
    pub growth: Option<GrowthReport>,
    /// Why the scenario could not be judged, for `Verdict::Error`: a sentence, then details (a traceback, the last output).
    pub error: Option<ScenarioError>,
    /// Facts about the measurement worth telling (records lost, untracked children).
    pub notes: Vec<String>,
    /// Where its capture is.
    pub capture: CapturePlace,
}

/// Where the capture of a scenario is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CapturePlace {
    /// With the reports, below `captures`.
    #[default]
    Results,
    /// In this folder, as the user would type it: the reports are of several results.
    Folder(String),
    /// Nobody knows: the result came without it.
    Unknown,
}

/// Whether a scenario was compared with a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compared {
    /// There is no baseline.
    #[default]
    NoBaseline,
    /// The baseline does not have the scenario.
    Missing,
    /// It has the scenario in other environments.
    OtherEnvironment,
    /// What it has cannot be read.
    Unreadable,
    /// It was compared.
    Compared,
}

/// A verdict on a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong (warnings allowed).
    Pass,
    /// It said itself that it is not to be run here, as a test does that is skipped: nothing was judged.
    Skipped,
    /// Nothing is broken, and it could not be told whether memory grows.
    Undecided,
    /// It failed, and in a second process it did not, or otherwise.
    Unstable,
    /// A budget or a rule is broken.
    Fail,
    /// The scenario could not be run or measured.
    Error,
}

impl Verdict {
    /// An error before a failure, a failure before what is undecided, that before a pass.
    pub fn of(
        error: Option<&ScenarioError>,
        findings: &[Finding],
        growth: Option<&GrowthReport>,
        fail_on: FailOn,
    ) -> Verdict {
        // What an allowance or the baseline covers need not be decided.
        let is_agreed = |finding: &Finding| finding.standing == Standing::Accepted && fail_on != FailOn::Any;
        let is_covered =
            |finding: &Finding| finding.rule == RULE && (finding.standing.is_covered() || is_agreed(finding));
        if error.is_some() {
            Verdict::Error
        } else if findings.iter().any(|finding| finding.fails(fail_on)) {
            Verdict::Fail
        } else if growth.is_some_and(|growth| growth.outcome == Growth::Undecided)
            && !findings.iter().any(is_covered)
        {
            Verdict::Undecided
        } else {
            Verdict::Pass
        }
    }
}

/// The verdict on growth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrowthReport {
    /// The verdict.
    pub outcome: Growth,
    /// Iterations that were not judged.
    pub warmup: u64,
    /// Iterations that were judged.
    pub iterations: u64,
    /// Lowest live bytes in each window of them, in order.
    pub floors: Vec<u64>,
    /// What single iterations left for good.
    pub steps: Steps,
}

/// One judged budget.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedBudget {
    /// Measured figure and limit.
    pub figure: Figure,
    /// The threshold of a warning, where one is set.
    pub warn: Option<i64>,
    /// What came of it.
    pub state: BudgetState,
}

/// What came of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetState {
    /// Within.
    Kept,
    /// Above `warn`, within `max`.
    Warned,
    /// Above `max`.
    Broken,
}

/// Why a scenario has no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    /// One sentence: `the function raised ValueError: no such model`.
    pub title: String,
    /// A traceback or the end of the output; may be empty.
    pub details: String,
}

/// Columns of a line of advice: a report shows details as they are, and cuts longer lines.
const ADVICE: usize = 84;

impl ScenarioError {
    /// With how to go on, in lines behind the details: of long ones the end is shown.
    #[must_use]
    pub fn advised(mut self, advice: &str) -> ScenarioError {
        let mut line = String::new();
        for word in advice.split(' ').filter(|word| !word.is_empty()) {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > ADVICE {
                self.add_line(&line);
                line.clear();
            }
            line = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        }
        self.add_line(&line);
        self
    }

    fn add_line(&mut self, line: &str) {
        if !self.details.is_empty() && !line.is_empty() {
            self.details.push('\n');
        }
        self.details.push_str(line);
    }
}

impl Outcome {
    /// The verdict on everything, worst first: an error hides no failure's report, but it decides the exit code.
    /// Nothing run is an error, never a pass, unless it is a part that has no scenario: then another one has them.
    pub fn verdict(&self) -> Verdict {
        let is_empty_part = self.partition.is_some_and(|partition| partition.scenarios > 0);
        if (self.scenarios.is_empty() && !is_empty_part) || self.count(Verdict::Error) > 0 {
            return Verdict::Error;
        }
        let worst = [Verdict::Fail, Verdict::Unstable, Verdict::Undecided].into_iter();
        worst.into_iter().find(|verdict| self.count(*verdict) > 0).unwrap_or(Verdict::Pass)
    }

    /// How many scenarios were asked for, and how many the configuration has; `None` where that is the same.
    pub fn selection(&self) -> Option<(usize, usize)> {
        let asked = self.partition.map_or(self.scenarios.len(), |partition| partition.scenarios);
        (self.left_out > 0).then(|| (asked, asked.saturating_add(self.left_out)))
    }

    /// How many scenarios have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.scenarios.iter().filter(|scenario| scenario.verdict == verdict).count()
    }
}

impl Outcome {
    /// Whether a finding is accepted and does not fail.
    pub fn is_accepted(&self, finding: &Finding) -> bool {
        finding.standing == Standing::Accepted && !finding.fails(self.fail_on)
    }

    /// The findings that somebody has to look at: neither accepted nor lived with.
    pub fn open<'a>(&'a self, scenario: &'a ScenarioResult) -> impl Iterator<Item = &'a Finding> {
        scenario.open().filter(|finding| !self.is_accepted(finding))
    }

    /// How many findings the baseline accepts.
    pub fn accepted(&self) -> usize {
        let all = self.scenarios.iter().flat_map(|scenario| &scenario.findings);
        all.filter(|finding| self.is_accepted(finding)).count()
    }
}

impl ScenarioResult {
    /// Whether it passed with a warning. What is accepted is none: it was agreed to.
    pub fn warned(&self) -> bool {
        let is_open = |finding: &&Finding| finding.standing != Standing::Accepted;
        self.verdict == Verdict::Pass && self.open().any(|finding| is_open(&finding))
    }

    /// Whether a line tells all of it: it passed, or was skipped.
    pub fn is_quiet(&self) -> bool {
        matches!(self.verdict, Verdict::Pass | Verdict::Skipped) && !self.warned()
    }

    /// The findings that somebody has to look at.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.standing.is_covered())
    }

    /// The findings that are lived with: allowed, or known of a package.
    pub fn covered(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.standing.is_covered())
    }
}
