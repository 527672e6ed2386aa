//! The views of heap snapshots, through the program: of a recorded process that has snapshots, and of one that has none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::Run;
use crate::python;

const PROGRAM: &str = "\
import gc, leakgate_memory
class Row:
    def __init__(self, key):
        self.key = key
        self.data = [key]
class Node: pass
prices = {}
def price_of(key):
    prices[key] = Row(key)
def tangle():
    one, other = Node(), Node()
    one.other, other.back = other, one
gc.disable()
for number in range(100): price_of('sku-%d' % number)
leakgate_memory.snapshot()
for number in range(100, 300):
    price_of('sku-%d' % number)
    tangle()
leakgate_memory.snapshot()
";

/// A folder with the capture `capture` of the program, `app.py` beside it.
fn recorded() -> TempDir {
    let folder = crate::harness::folder();
    fs::write(folder.path().join("app.py"), PROGRAM).unwrap();
    let command = [python::newest().path.into_os_string(), "app.py".into()];
    let capture = folder.path().join("capture");
    Run::of(command).cwd(folder.path()).record_into(&capture);
    folder
}

fn view(folder: &Path, arguments: &[&str]) -> Output {
    view_with_path(folder, arguments, &std::env::var("PATH").unwrap())
}

fn view_with_path(folder: &Path, arguments: &[&str], path: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
    command.arg("view").args(arguments).arg("capture").current_dir(folder).env("PATH", path);
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", errors(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&text(&view(folder, &arguments))).unwrap()
}

fn row<'a>(rows: &'a Value, field: &str, wanted: &str) -> &'a Value {
    let found = rows.as_array().unwrap().iter().find(|row| row[field] == wanted);
    found.unwrap_or_else(|| panic!("no {wanted} in {rows:#}"))
}

#[test]
fn types_growth_and_owners_have_exact_counts() {
    let folder = recorded();
    let types = json(folder.path(), &["types", "--limit", "1000"]);
    assert_eq!(row(&types["types"], "type", "__main__.Row")["objects"], 300);
    assert_eq!((&types["snapshot"]["number"], &types["more"]), (&Value::from(2), &Value::from(0)));
    let first = json(folder.path(), &["types", "--limit", "1000", "--snapshot", "1"]);
    assert_eq!(row(&first["types"], "type", "__main__.Row")["objects"], 100);

    let growth = json(folder.path(), &["growth"]);
    let rows = row(&growth["types"], "of", "__main__.Row");
    assert_eq!((&rows["objects"], &rows["came"], &rows["went"]), (&200.into(), &200.into(), &0.into()));
    let sites = growth["sites"].as_array().unwrap();
    let tangle = sites.iter().find(|site| site["of"]["function"] == "tangle").unwrap();
    assert_eq!(tangle["objects"], 400, "{tangle:#}");

    let owners = json(folder.path(), &["owners"]);
    let prices = row(&owners["owners"], "path", "__main__.prices");
    assert_eq!((&prices["entries"], &prices["length"]), (&200.into(), &300.into()), "{prices:#}");
    assert_eq!(
        (prices["filled_at"]["line"].as_u64(), prices["made_at"]["line"].as_u64()),
        (Some(9), Some(7))
    );
    assert_eq!(
        (&prices["type"], &prices["held"], &prices["keys"][0]),
        (&"dict".into(), &"named".into(), &"sku-100".into())
    );
    let ring = &owners["cycles"][0];
    assert_eq!((&ring["count"], &ring["objects"]), (&200.into(), &400.into()), "{ring:#}");
    assert_eq!(ring["path"], "__main__.Node.other → __main__.Node.back → __main__.Node");
}

#[test]
fn what_a_person_reads_names_the_variable_and_the_lines() {
    let folder = recorded();
    let owners = text(&view(folder.path(), &["owners"]));
    for line in [
        "__main__.prices (dict): 300 entries, +200",
        "  filled at app.py:9 in price_of",
        "  made at app.py:7 in <module>",
        "  keys sku-100, sku-101, sku-102, sku-103, sku-104, sku-105, sku-106, sku-107",
        "ring __main__.Node.other → __main__.Node.back → __main__.Node",
    ] {
        assert!(owners.lines().any(|found| found == line), "no `{line}` in\n{owners}");
    }
    let paths = text(&view(folder.path(), &["paths", "--type", "Row"]));
    assert!(
        paths.contains("300") && paths.contains("__main__.prices[*]  __main__.prices['sku-0']"),
        "{paths}"
    );
    let referrers = text(&view(folder.path(), &["referrers", "--type", "__main__.Row", "--depth", "1"]));
    let last = referrers.lines().last().unwrap();
    assert!(last.starts_with("  1 dict, ") && last.ends_with(" by [*]"), "{referrers}");
}

#[test]
fn paths_and_referrers_are_drawn_by_graphviz() {
    let folder = recorded();
    let dot = text(&view(folder.path(), &["paths", "--type", "Row", "--dot"]));
    assert!(dot.starts_with("digraph heap {\n") && dot.contains("[label = \".prices\"]"), "{dot}");

    // No Graphviz: what to do about it is said, and nothing is written.
    let arguments = ["referrers", "--type", "Row", "--svg", "rows.svg"];
    let output = view_with_path(folder.path(), &arguments, "/nonexistent");
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("install Graphviz, or print it with `--dot`"), "{}", errors(&output));
    assert!(!folder.path().join("rows.svg").exists());

    // One that writes back what it is given.
    let program = folder.path().join("dot");
    fs::write(&program, "#!/bin/sh\n[ \"$1\" = -Tsvg ] && exec cat\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    assert_eq!(text(&view_with_path(folder.path(), &arguments, &path)), "rows.svg\n");
    let drawn = fs::read_to_string(folder.path().join("rows.svg")).unwrap();
    assert_eq!(drawn, text(&view(folder.path(), &["referrers", "--type", "Row", "--dot"])));
    let again = view_with_path(folder.path(), &arguments, &path);
    assert!(
        errors(&again).contains("rows.svg: exists already; `--force` overwrites it"),
        "{}",
        errors(&again)
    );
    assert_eq!(
        text(&view_with_path(folder.path(), &[&arguments[..], &["--force"]].concat(), &path)),
        "rows.svg\n"
    );
}

#[test]
fn what_is_not_there_is_said() {
    let folder = recorded();
    for (arguments, message) in [
        (&["types", "--snapshot", "7"][..], "has no heap snapshot 7; there are: 1, 2"),
        (&["growth", "--snapshot", "1"], "snapshot 1 is not before snapshot 1"),
        (&["paths", "--type", "Rows"], "no object of a type `Rows` in the snapshot; there is __main__.Row"),
        (&["paths", "--type", "/(/"], "this is no regular expression"),
    ] {
        let output = view(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(message), "{arguments:?}: {}", errors(&output));
    }
    fs::remove_dir_all(folder.path().join("capture")).unwrap();
    let command = [python::newest().path.into_os_string(), "-c".into(), "pass".into()];
    Run::of(command).record_into(&folder.path().join("capture"));
    let output = view(folder.path(), &["owners"]);
    assert!(errors(&output).contains("has no heap snapshot; "), "{}", errors(&output));
}

const SCENARIO: &str = "\
import leakgate_memory
rows = []
def work():
    local = []
    leakgate_memory.snapshot()
    rows.append(bytearray(1000))
    local.append(bytearray(2000))
    leakgate_memory.snapshot()
    return local
";

/// leakgate's driver holds the function, its arguments and its result, and owns nothing all the same.
#[test]
fn the_driver_owns_nothing_and_names_nothing() {
    let folder = crate::harness::folder();
    fs::write(folder.path().join("shop.py"), SCENARIO).unwrap();
    for python in python::all() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        command
            .args(["call", "shop:work", "--warmup", "0", "--iterations", "1", "--python"])
            .arg(&python.path);
        let output = command.current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{python}: {}", errors(&output));
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        let output = command.args(["view", "owners", "--json"]).current_dir(folder.path()).output().unwrap();
        let owners: Value = serde_json::from_str(&text(&output)).unwrap();
        let paths: Vec<(&str, i64)> = owners["owners"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|owner| owner["bytes"].as_i64() >= Some(1000))
            .map(|owner| (owner["path"].as_str().unwrap(), owner["entries"].as_i64().unwrap()))
            .collect();
        assert_eq!(paths, [("work().local", 1), ("shop.rows", 1)], "{python}");
    }
}
