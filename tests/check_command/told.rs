//! What a second process tells of what is kept, through the program: how many, of whom, how to mend it.

use serde_json::{Value, json};

use crate::project::Project;

const CALLS: &str = "warmup: 40, iterations: 80";

fn checked(extra: &str, app: &str) -> (Project, Value) {
    let config = format!("scenarios:\n  work: {{ call: \"app:work\", {CALLS} }}\n{extra}");
    let project = Project::new(&config, app);
    project.check();
    let work = project.scenario("work");
    (project, work)
}

fn cycle(work: &Value) -> &Value {
    let all = work["findings"].as_array().unwrap();
    all.iter().find(|finding| finding["rule"] == "reference-cycle").unwrap_or(&Value::Null)
}

#[test]
fn of_lost_objects_only_those_count_that_nothing_refers_to_and_the_whole_advice_is_shown() {
    let app = "\
import ctypes
take = ctypes.pythonapi.Py_IncRef
take.argtypes = [ctypes.py_object]
class Order: pass
def work():
    order = Order()
    order.lines = [Order(), Order()]
    take(order)
";
    let (project, work) = checked("", app);
    let finding = &work["findings"][0];
    let title = finding["title"].as_str().unwrap();
    assert!(title.starts_with("1 more `app.Order`, "), "{title}");
    let end = " with all it holds, is kept after every iteration outside of Python, made at app.py:7 in work";
    assert!(title.ends_with(end), "{title}");
    assert!(finding["help"].as_str().unwrap().ends_with("is there until it is taken back."), "{finding:#}");
    let markdown = project.read(".leakgate/report.md");
    assert!(markdown.contains("is there until it is taken back."), "{markdown}");
    let junit = project.read(".leakgate/report.xml");
    assert!(junit.contains("is there until it is taken back."), "{junit}");
}

#[test]
fn a_cycle_of_an_exception_is_without_what_calls_the_function() {
    let app = "\
def work():
    try: raise ValueError('x')
    except ValueError as error: kept = error
";
    let (_, work) = checked("rules: { reference-cycle: error }\n", app);
    let said = cycle(&work)["title"].as_str().unwrap_or_default();
    // The frame, the exception, its traceback, its arguments.
    assert!(said.starts_with("every iteration leaves 4 objects, "), "{work:#}");
    assert!(cycle(&work)["evidence"][0].as_str().unwrap().contains("1 frame"), "{work:#}");
}

#[test]
fn cycles_that_were_set_aside_for_the_collector_are_not_counted_again() {
    let app = "\
import gc
class Node: __slots__ = ('me',)
def work():
    node = Node()
    node.me = node
    gc.freeze()
";
    let (_, work) = checked("rules: { reference-cycle: error }\n", app);
    let said = cycle(&work)["title"].as_str().unwrap_or_default();
    assert!(said.starts_with("every iteration leaves 1 object, "), "{work:#}");
}

#[test]
fn a_list_of_functions_with_caches_is_no_cache_and_the_cache_of_a_method_keeps_its_objects() {
    let functions = "\
import functools
KEPT = []
def work():
    @functools.lru_cache(maxsize=None)
    def inner(key): return bytes(100)
    KEPT.append(inner)
";
    let (_, work) = checked("", functions);
    let owner = &work["findings"][0]["owners"][0];
    assert_eq!((&owner["name"], &owner["pattern"]), (&json!("app.KEPT"), &json!("growing-global")));
    let method = "\
import functools
class Page:
    @functools.lru_cache(maxsize=None)
    def words(self): return bytes(100)
def work(): Page().words()
";
    let (_, work) = checked("", method);
    let said = "its keys hold `self`: the cache keeps every `app.Page` alive that the method was called on";
    assert!(work["findings"][0]["evidence"].to_string().contains(said), "{work:#}");
}
