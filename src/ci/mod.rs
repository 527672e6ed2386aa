//! Where a check runs, and what is told there beside the report: groups in the log, a job's summary, a step's outputs,
//! the lines that the change under review has.
//!
//! What a CI system says about itself comes from its environment variables, and from there alone.

mod changes;
mod elsewhere;
mod event;
mod log;
mod step;
mod workspace;

pub use elsewhere::Elsewhere;
pub use event::{Event, EventError, PullRequest, WorkflowRun};
pub use log::{Log, without_commands};
pub use step::{add_outputs, add_summary, summary_room};
pub use workspace::{Workspace, repository_around};

use std::collections::HashMap;

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ci {
    /// GitHub Actions, and what is compatible with it.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Buildkite.
    Buildkite,
    /// Jenkins.
    Jenkins,
    /// None that is known.
    Other,
}

impl Ci {
    /// The one whose variables are set.
    pub fn of(variables: &Variables) -> Ci {
        let is_true = |name| variables.get(name) == Some("true");
        if is_true("GITHUB_ACTIONS") {
            Ci::GitHub
        } else if is_true("GITLAB_CI") {
            Ci::GitLab
        } else if is_true("BUILDKITE") {
            Ci::Buildkite
        } else if variables.get("JENKINS_URL").is_some() {
            Ci::Jenkins
        } else {
            Ci::Other
        }
    }
}

/// Environment variables.
#[derive(Debug, Clone, Default)]
pub struct Variables(HashMap<String, String>);

impl Variables {
    /// Those of this process that are text.
    pub fn inherited() -> Variables {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Variables(std::env::vars_os().filter_map(text).collect())
    }

    /// A variable's value, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Variables {
    fn from(variables: [(&str, &str); N]) -> Variables {
        Variables(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ci_system_is_known_by_its_own_variable() {
        let of = |name, value| Ci::of(&Variables::from([(name, value)]));
        assert_eq!(of("GITHUB_ACTIONS", "true"), Ci::GitHub);
        assert_eq!(of("GITLAB_CI", "true"), Ci::GitLab);
        assert_eq!(of("BUILDKITE", "true"), Ci::Buildkite);
        assert_eq!(of("JENKINS_URL", "https://ci.example/"), Ci::Jenkins);
        for (name, value) in [("CI", "true"), ("GITHUB_ACTIONS", "false"), ("JENKINS_URL", "")] {
            assert_eq!(of(name, value), Ci::Other, "{name}={value}");
        }
    }
}
