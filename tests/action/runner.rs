//! Runs the steps of `action.yml` as a runner of GitHub would: expressions are put in, each step has files for its outputs,
//! and what is no script is written down.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::{Captures, Regex};
use serde_json::Value;
use tempfile::TempDir;

/// What the condition of a step has that also runs after one that failed.
const NOT_CANCELLED: &str = "!cancelled()";

/// The runner's folders and the variables of its event.
pub(crate) struct Runner {
    pub(crate) workspace: TempDir,
    temp: TempDir,
    /// Where the action's own files are.
    pub(crate) action: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
}

/// What came of the steps.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// Exit code of the first step that failed; 0 where none did.
    pub(crate) code: i32,
    /// What all printed.
    pub(crate) log: String,
    /// Outputs by step.
    outputs: BTreeMap<String, BTreeMap<String, String>>,
    /// `with` of the steps that use another action.
    pub(crate) used: Vec<BTreeMap<String, String>>,
    /// The action's own outputs.
    pub(crate) out: BTreeMap<String, String>,
}

impl Runner {
    pub(crate) fn new() -> Runner {
        let runner = Runner {
            workspace: tempfile::tempdir().unwrap(),
            temp: tempfile::tempdir().unwrap(),
            action: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
            variables: BTreeMap::new(),
        };
        runner.event("push", "{}")
    }

    /// For that event, with that payload.
    pub(crate) fn event(mut self, name: &str, payload: &str) -> Runner {
        let path = self.temp.path().join("event.json");
        fs::write(&path, payload).unwrap();
        self.set("GITHUB_EVENT_NAME", name);
        self.set("GITHUB_EVENT_PATH", &path.to_string_lossy());
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.workspace.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn temp(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// Runs the action with these inputs.
    pub(crate) fn run(&self, inputs: &[(&str, &str)]) -> Ran {
        self.run_action(&self.action, inputs)
    }

    /// Runs the action in that folder.
    pub(crate) fn run_action(&self, folder: &Path, inputs: &[(&str, &str)]) -> Ran {
        let action = document(&folder.join("action.yml"));
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for (name, input) in action["inputs"].as_object().unwrap() {
            all.insert(name.clone(), text(&input["default"]));
        }
        for (name, value) in inputs {
            assert!(all.insert((*name).to_owned(), (*value).to_owned()).is_some(), "no input {name}");
        }
        let mut ran = Ran::default();
        for (index, step) in action["runs"]["steps"].as_array().unwrap().iter().enumerate() {
            let condition = text(&step["if"]);
            // After a step that failed, only those go on that say so.
            let goes_on = ran.code == 0 || condition.contains(NOT_CANCELLED);
            if goes_on && ran.holds(&condition, &all) {
                self.step(step, (index, folder), &all, &mut ran);
            }
        }
        for (name, output) in action["outputs"].as_object().unwrap() {
            let value = ran.filled(&text(&output["value"]), &all);
            ran.out.insert(name.clone(), value);
        }
        ran
    }

    /// The step with that number, of the action in that folder.
    fn step(
        &self,
        step: &Value,
        (index, folder): (usize, &Path),
        inputs: &BTreeMap<String, String>,
        ran: &mut Ran,
    ) {
        let filled = |map: &Value, ran: &Ran| -> BTreeMap<String, String> {
            let entries = map.as_object().into_iter().flatten();
            entries.map(|(name, value)| (name.clone(), ran.filled(&text(value), inputs))).collect()
        };
        if step["uses"].is_string() {
            ran.used.push(filled(&step["with"], ran));
            return;
        }
        assert_eq!(step["shell"], "bash");
        let output = self.temp.path().join(format!("output-{index}"));
        fs::write(&output, "").unwrap();
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", &text(&step["run"])]);
        bash.current_dir(self.workspace.path())
            .env_clear()
            .envs(&self.variables)
            .envs(filled(&step["env"], ran));
        for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"] {
            bash.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        bash.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", &output).env("RUNNER_TEMP", self.temp.path());
        bash.env("GITHUB_PATH", self.temp.path().join("path"));
        bash.env("GITHUB_STEP_SUMMARY", self.temp.path().join("summary.md"))
            .env("GITHUB_ACTION_PATH", folder);
        bash.env("GITHUB_WORKSPACE", self.workspace.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        let done = bash.output().unwrap();
        for bytes in [&done.stdout, &done.stderr] {
            ran.log.push_str(&String::from_utf8_lossy(bytes));
        }
        if ran.code == 0 {
            ran.code = done.status.code().unwrap_or(-1);
        }
        ran.outputs.insert(text(&step["id"]), outputs(&fs::read_to_string(&output).unwrap()));
    }
}

impl Ran {
    /// Puts values in where expressions stand.
    fn filled(&self, template: &str, inputs: &BTreeMap<String, String>) -> String {
        let expression = Regex::new(r"\$\{\{ (.*?) \}\}").unwrap();
        expression.replace_all(template, |found: &Captures<'_>| self.value(&found[1], inputs)).into_owned()
    }

    fn value(&self, expression: &str, inputs: &BTreeMap<String, String>) -> String {
        match expression.split('.').collect::<Vec<_>>()[..] {
            ["inputs", name] => inputs.get(name).unwrap_or_else(|| panic!("no input {name}")).clone(),
            ["steps", id, "outputs", name] => {
                self.outputs.get(id).and_then(|outputs| outputs.get(name)).cloned().unwrap_or_default()
            }
            ["github", _] => String::new(),
            _ => panic!("an expression that this runner does not know: {expression}"),
        }
    }

    /// A condition: `!cancelled() && a != 'b' && c != ''`. No run is cancelled here.
    fn holds(&self, condition: &str, inputs: &BTreeMap<String, String>) -> bool {
        let inner = condition.trim_start_matches("${{ ").trim_end_matches(" }}");
        let mut parts = inner.split(" && ").filter(|part| !part.is_empty() && *part != NOT_CANCELLED);
        parts.all(|part| {
            let (left, right) = part.split_once(" != ").expect("a comparison");
            self.value(left, inputs) != right.trim_matches('\'')
        })
    }
}

/// The file of a step's outputs: `name=value`, or lines up to a word.
fn outputs(file: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next() {
        if let Some((name, end)) = line.split_once("<<").filter(|(name, _)| !name.contains('=')) {
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
            outputs.insert(name.to_owned(), value.join("\n"));
        } else {
            let (name, value) = line.split_once('=').expect("name=value");
            outputs.insert(name.to_owned(), value.to_owned());
        }
    }
    outputs
}

/// A file of YAML.
pub(crate) fn document(path: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
