//! `leakgate.yaml`: what can be typed (`schema`), what is used (`model`), and how one becomes the other (`load`).
//!
//! `load` reads the file into a `tree` that knows its places; `validate` turns it into the `model` with the help of
//! `fields` (mappings), `values`, `paths`, `work`, `arguments`, `checkpoints`, `budgets`, `allow`, `ceiling` and `rules`, and collects every `problem`.

mod allow;
mod arguments;
mod budgets;
mod ceiling;
mod checkpoints;
mod edit;
mod fields;
mod json_schema;
mod load;
mod model;
mod paths;
mod problem;
mod rules;
pub mod schema;
mod tree;
mod validate;
mod values;
mod work;

pub use allow::{Allowance, SHORTEST_FINGERPRINT};
pub use ceiling::{Ceiling, CeilingError};
pub use edit::{Edited, NewAllowance, add_allowance};
pub use json_schema::json_schema;
pub use load::load;
pub use model::{
    Budget, BudgetKey, CallTarget, CallTargetError, Checkpoints, Config, DEFAULT_MOST_ITERATIONS,
    DEFAULT_TIME, DEFAULT_TIMEOUT, DEFAULT_WARMUP, FailOn, HeapSnapshot, Increase, MemoryLimit, Of,
    PythonChoice, Repeats, Scenario, Work,
};
pub use problem::{ConfigErrors, Paint, Problem};
pub use rules::Rules;
pub use validate::is_scenario_name;
