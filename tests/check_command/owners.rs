//! Who keeps what grows, through the program: the variable, the pattern, the line, and what may be said of it in the
//! configuration.

use serde_json::{Value, json};

use crate::project::Project;
use crate::pythons::each_python;

const CALLS: &str = "warmup: 40, iterations: 80";

fn checked(config: &str, app: &str) -> (Option<i32>, Value) {
    let project = Project::new(config, app);
    let code = project.check().code;
    (code, project.scenario("work"))
}

fn scenario(extra: &str) -> String {
    format!("scenarios:\n  work: {{ call: \"app:work\", {CALLS}{extra} }}\n")
}

/// A list of a module that gets one object of 1,000 bytes with every call, in a place that is not where it was made.
const LIST: &str = "\
def made(): return bytes(967)
class Shop:
    def __init__(self): self.seen = []
SHOP = Shop()
def work():
    row = made()
    SHOP.seen.append(row)
";

#[test]
fn the_variable_that_keeps_it_is_named_with_its_line_pattern_and_way() {
    let (code, work) = checked(&scenario(""), LIST);
    assert_eq!(code, Some(1), "{work:#}");
    let finding = &work["findings"][0];
    assert_eq!(finding["title"], "`app.SHOP.seen` (list) keeps 1 more entry, 1000 B, after every iteration");
    let owner = &finding["owners"][0];
    assert_eq!(owner["pattern"], "growing-global");
    assert_eq!((&owner["name"], &owner["type"]), (&json!("app.SHOP.seen"), &json!("list")));
    // 40 calls and 80 judged ones, and the 8 that explain it.
    assert_eq!(owner["path"], json!(["app.SHOP.seen (list, 128 entries)", "bytes"]));
    assert_eq!(owner["place"], json!({ "file": "app.py", "line": 7, "function": "work" }));
    assert_eq!(finding["place"], owner["place"]);
    assert!(finding["help"].as_str().unwrap().contains("deque(maxlen=...)"), "{finding:#}");
    assert_eq!(finding["rule"], "growth");
}

#[test]
fn the_report_names_it_in_every_form() {
    let project = Project::new(&scenario(""), LIST);
    let checked = project.check();
    assert!(checked.out.contains("  leak  `app.SHOP.seen` (list) keeps 1 more entry"), "{}", checked.whole());
    assert!(checked.out.contains("at app.py:7 in work   growing-global"), "{}", checked.whole());
    assert!(checked.out.contains("path    app.SHOP.seen (list, 128 entries) → bytes"), "{}", checked.whole());
    assert!(checked.out.contains("look    leakgate view owners work"), "{}", checked.whole());
    let markdown = project.read(".leakgate/report.md");
    assert!(markdown.contains("**Held by**: `app.SHOP.seen (list, 128 entries)` → `bytes`"), "{markdown}");
    assert!(markdown.contains("rule `growing-global`"), "{markdown}");
    let junit = project.read(".leakgate/report.xml");
    assert!(junit.contains("kept by: `app.SHOP.seen` (list) keeps 1 more entry"), "{junit}");
    assert!(junit.contains("\npattern growing-global\n"), "{junit}");
    assert!(junit.contains("\n    > 7 |     SHOP.seen.append(row)\n"), "{junit}");
    let view = project.run(&["view", "owners", "work"]);
    assert_eq!(view.code, Some(0), "{}", view.whole());
    assert!(view.out.contains("app.SHOP.seen (list): 129 entries, +9"), "{}", view.whole());
}

#[test]
fn what_explains_a_leak_is_in_no_figure() {
    let (_, with) = checked(&scenario(""), LIST);
    let (_, without) = checked(&scenario(", confirm: false"), LIST);
    // The resident set is the kernel's, and never the same twice.
    let figures = |work: &Value| {
        let all = work["figures"].as_array().unwrap().iter().filter(|figure| figure["name"] != "rss");
        all.cloned().collect::<Vec<Value>>()
    };
    assert_eq!(figures(&with), figures(&without));
    assert_eq!(without["findings"][0]["owners"], json!([]));
    assert_eq!(without["findings"][0]["series"], with["findings"][0]["series"]);
}

#[test]
fn an_allowance_may_ask_for_the_owner_or_the_pattern() {
    for selector in ["owner: app.SHOP.seen", "owner: \"app.SHOP.*\"", "rule: growing-global"] {
        let allow = format!("{}allow: [{{ {selector}, reason: SHOP-412 }}]\n", scenario(""));
        let (code, work) = checked(&allow, LIST);
        assert_eq!((code, work["verdict"].as_str()), (Some(0), Some("pass")), "{selector}: {work:#}");
        assert_eq!(work["findings"][0]["standing"]["is"], "allowed");
    }
    for selector in ["owner: app.OTHER", "rule: unbounded-cache"] {
        let allow = format!("{}allow: [{{ {selector}, reason: SHOP-412 }}]\n", scenario(""));
        assert_eq!(checked(&allow, LIST).0, Some(1), "{selector}");
    }
}

#[test]
fn a_rule_that_only_warns_does_not_fail_and_one_that_is_off_leaves_the_leak() {
    let (code, work) = checked(&format!("{}rules: {{ growing-global: warn }}\n", scenario("")), LIST);
    assert_eq!((code, work["verdict"].as_str()), (Some(0), Some("pass")), "{work:#}");
    assert_eq!(work["findings"][0]["severity"], "warning");
    let (code, work) = checked(&format!("{}rules: {{ growing-global: off }}\n", scenario("")), LIST);
    assert_eq!(code, Some(1), "{work:#}");
    let owner = &work["findings"][0]["owners"][0];
    assert_eq!((&owner["pattern"], &owner["name"]), (&Value::Null, &json!("app.SHOP.seen")));
}

#[test]
fn a_cycle_fails_where_the_rule_says_so_and_its_way_around_is_told() {
    let app = "\
class Order: pass
class Bill: pass
def work():
    order, bill = Order(), Bill()
    order.bill, bill.order = bill, order
";
    let (code, work) = checked(&scenario(""), app);
    assert_eq!((code, work["verdict"].as_str()), (Some(0), Some("pass")), "{work:#}");
    let cycles =
        work["figures"].as_array().unwrap().iter().find(|figure| figure["name"] == "cycles").unwrap();
    assert!(cycles["measured"].as_i64().unwrap() >= 2, "{cycles}");
    let (code, work) = checked(&format!("{}rules: {{ reference-cycle: error }}\n", scenario("")), app);
    assert_eq!((code, work["verdict"].as_str()), (Some(1), Some("fail")), "{work:#}");
    let finding = &work["findings"][0];
    assert_eq!(finding["rule"], "reference-cycle");
    assert_eq!(finding["owners"][0]["name"], "app.Order.bill → app.Bill.order → app.Order");
    assert_eq!(finding["place"]["line"], 4);
    // Said to be shown, it is shown; unsaid, a passing scenario costs no second process.
    let (code, work) = checked(&format!("{}rules: {{ reference-cycle: warn }}\n", scenario("")), app);
    assert_eq!((code, work["verdict"].as_str()), (Some(0), Some("pass")), "{work:#}");
    let finding = &work["findings"][0];
    assert_eq!((&finding["rule"], &finding["severity"]), (&json!("reference-cycle"), &json!("warning")));
    assert_eq!(finding["place"]["line"], 4);
}

#[test]
fn a_cycle_through_an_exception_its_traceback_and_a_frame_is_told_with_the_variable() {
    let app = "\
def failing(): raise ValueError('no')
def work():
    try: failing()
    except ValueError as error: kept = error
";
    for python in each_python() {
        let (code, work) =
            checked(&format!("{python}rules: {{ reference-cycle: error }}\n{}", scenario("")), app);
        assert_eq!((code, work["verdict"].as_str()), (Some(1), Some("fail")), "{work:#}");
        let name = work["findings"][0]["owners"][0]["name"].as_str().unwrap();
        // Once around, from wherever it begins.
        let (once, _) = name.rsplit_once(" → ").unwrap();
        let ring = "ValueError.__traceback__ → traceback.tb_frame → frame.kept";
        assert!(format!("{once} → {once}").contains(ring), "{name}");
    }
}

#[test]
fn a_program_that_has_turned_the_collector_off_is_told_what_it_leaves_to_it() {
    let app = "\
import gc
gc.disable()
def cyclic():
    first, second = [], []
    first.append(second)
    second.append(first)
def straight(): [].append([])
def careful():
    gc.enable()
    cyclic()
";
    let calls = "warmup: 5, iterations: 20";
    let config = ["cyclic", "straight", "careful"]
        .map(|name| format!("  {name}: {{ call: \"app:{name}\", {calls} }}\n"))
        .concat();
    let project = Project::new(&format!("scenarios:\n{config}"), app);
    let checked = project.check();
    assert_eq!(checked.code, Some(0), "{}", checked.whole());
    let notes = |name: &str| project.scenario(name)["notes"].clone();
    assert_eq!(
        notes("cyclic"),
        json!([
            "the program has turned the garbage collector off (`gc.disable()`), and 25 calls left 50 objects in reference \
             cycles: leakgate collects between iterations; without it nothing frees them unless the program calls \
             `gc.collect()` (`reference-cycle: warn` under `rules` shows the cycles)"
        ])
    );
    assert_eq!((notes("straight"), notes("careful")), (json!([]), json!([])));
}

#[test]
fn what_is_registered_with_the_interpreter_has_the_name_of_its_function() {
    let app = "\
import codecs, logging, os, signal, threading
def search():
    codecs.register(lambda name: None)
def errors(count=[0]):
    count[0] += 1
    codecs.register_error('mine-%d' % count[0], lambda error: ('', error.end))
def fork():
    os.register_at_fork(after_in_child=lambda: None)
def fork_before():
    os.register_at_fork(before=lambda: None)
def handler():
    before = signal.getsignal(signal.SIGUSR1)
    def handle(*arguments): before(*arguments)
    signal.signal(signal.SIGUSR1, handle)
";
    let expected = [
        ("search", "`codecs.register()` (list) keeps 1 more entry, ", "app.py:3"),
        ("errors", "`codecs.register_error()` (dict) keeps 1 more entry, ", "app.py:6"),
        ("fork", "`os.register_at_fork(after_in_child=…)` (list) keeps 1 more entry, ", "app.py:8"),
        ("fork_before", "`os.register_at_fork(before=…)` (list) keeps 1 more entry, ", "app.py:10"),
        ("handler", "`signal.getsignal(signal.SIGUSR1)` (function) keeps ", "app.py:13"),
    ];
    for python in each_python() {
        let scenarios: String = expected
            .iter()
            .map(|(name, ..)| format!("  {name}: {{ call: \"app:{name}\", {CALLS} }}\n"))
            .collect();
        let project = Project::new(&format!("{python}scenarios:\n{scenarios}"), app);
        assert_eq!(project.check().code, Some(1));
        for (name, sentence, place) in &expected {
            let finding = project.scenario(name)["findings"][0].clone();
            let owner = &finding["owners"][0];
            assert!(owner["sentence"].as_str().unwrap().starts_with(sentence), "{python}{finding:#}");
            assert_eq!(owner["pattern"], "growing-global", "{python}{finding:#}");
            let at = format!("{}:{}", owner["place"]["file"].as_str().unwrap(), owner["place"]["line"]);
            assert!(at.ends_with(place), "{python}{finding:#}");
        }
    }
}

#[test]
fn new_keys_are_shown_escaped_and_cut_unless_values_are_hidden() {
    let app = "\
import functools
PRICES = {}
@functools.lru_cache(maxsize=None)
def price(sku): return bytes(967)
def work():
    key = '\\x1b[31m%03d' % len(PRICES) + 'x' * 60
    PRICES[key] = bytes(967)
def cached(count=[0]):
    count[0] += 1
    price('sku-%03d' % count[0])
";
    for python in each_python() {
        let config = format!(
            "{python}scenarios:\n  work: {{ call: \"app:work\", {CALLS} }}\n  cached: {{ call: \"app:cached\", {CALLS} }}\n"
        );
        let project = Project::new(&config, app);
        assert_eq!(project.check().code, Some(1));
        let facts = |name: &str| project.scenario(name)["findings"][0]["owners"][0]["facts"].clone();
        let shown = |number: u32| format!("`\\x1b[31m{number}{}…{}`", "x".repeat(13), "x".repeat(16));
        let keys = format!("new keys: {}, {}, {}, …", shown(120), shown(121), shown(122));
        assert_eq!(facts("work"), json!([keys]));
        assert_eq!(facts("cached"), json!(["new keys: `sku-121`, `sku-122`, `sku-123`, …"]));
        assert!(has_values(&project), "the captures have keys");
        project.run(&["check", "--no-values"]);
        assert_eq!((facts("work"), facts("cached")), (json!([]), json!([])));
        assert!(!has_values(&project), "no capture has a key");
        let owners = project.run(&["view", "owners", "work"]).whole();
        assert!(owners.contains("app.PRICES (dict)"), "{owners}");
        let hidden = config.replace(CALLS, &format!("{CALLS}, values: false"));
        project.write("leakgate.yaml", &format!("version: 1\n{hidden}"));
        project.check();
        assert_eq!((facts("work"), facts("cached")), (json!([]), json!([])));
    }
}

/// Whether a snapshot has a key of the program's in it.
fn has_values(project: &Project) -> bool {
    let captures = std::fs::read_dir(project.path().join(".leakgate/captures")).unwrap();
    let files = captures.flat_map(|capture| std::fs::read_dir(capture.unwrap().path()).unwrap());
    let snapshots: Vec<Vec<u8>> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "lgh"))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!snapshots.is_empty());
    snapshots.iter().any(|bytes| [&b"xxxxxxxx"[..], b"sku-12"].iter().any(|key| has(bytes, key)))
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_copy_of_the_process_takes_the_snapshot_and_finds_the_same() {
    for python in each_python() {
        let (code, work) = checked(&format!("{python}{}", scenario(", snapshot: forked")), LIST);
        assert_eq!(code, Some(1), "{work:#}");
        let owner = &work["findings"][0]["owners"][0];
        assert_eq!(owner["name"], "app.SHOP.seen", "{work:#}");
        assert_eq!(owner["path"], json!(["app.SHOP.seen (list, 128 entries)", "bytes"]));
        assert_eq!(
            owner["sentence"],
            "`app.SHOP.seen` (list) keeps 1 more entry, 1000 B, after every iteration"
        );
    }
}

/// A type whose function that visits its references is no function. The collector leaves alone what is frozen.
const BROKEN: &str = "\
import ctypes, gc
KEPT = []
class Broken: pass
BROKEN = Broken()
gc.collect()
gc.freeze()
TRAVERSE = 184
ctypes.c_void_p.from_address(id(Broken) + TRAVERSE).value = 1
def work(): KEPT.append(bytes(967))
";

#[test]
fn a_type_that_breaks_ends_only_the_copy_and_the_report_says_so() {
    for python in each_python() {
        let (code, work) = checked(&format!("{python}{}", scenario(", snapshot: forked")), BROKEN);
        assert_eq!((code, work["verdict"].as_str()), (Some(1), Some("fail")), "{work:#}");
        let finding = &work["findings"][0];
        let evidence = finding["evidence"].as_array().unwrap();
        let expected = "who keeps it is not known: the copy of the process that was to take a snapshot was ended by \
                        SIGSEGV: a type of an extension breaks where it is asked for its references";
        assert!(evidence.iter().any(|line| line == expected), "{finding:#}");
        assert_eq!(finding["owners"], json!([]));
        // Nothing is in the way of the next check.
        let again = Project::new(&format!("{python}{}", scenario(", snapshot: forked")), BROKEN);
        for _ in 0..2 {
            assert_eq!(again.check().code, Some(1));
        }
        let report = again.read(".leakgate/report.md");
        assert!(!report.contains("could not be"), "{report}");
        // In the process itself it is its end.
        let (code, work) = checked(&format!("{python}{}", scenario("")), BROKEN);
        assert_eq!((code, work["verdict"].as_str()), (Some(3), Some("error")), "{work:#}");
        let details = work["error"]["details"].as_str().unwrap().replace('\n', " ");
        assert!(details.contains("`snapshot: forked` looks at the heap in a copy"), "{details}");
    }
}

#[test]
fn a_thread_is_known_by_where_it_was_started_whoever_made_its_object() {
    // No line of the project's starts the server's threads: `socketserver` does, on a thread of its own.
    let app = "\
import _thread, socket, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        SERVED.release()
        threading.Event().wait()
SERVED = threading.Semaphore(0)
SERVER = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
def served():
    with socket.create_connection(SERVER.server_address) as client:
        client.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
        SERVED.acquire()
def bare():
    lock = _thread.allocate_lock()
    lock.acquire()
    _thread.start_new_thread(lock.acquire, ())
";
    let calls = "warmup: 2, iterations: 8";
    let scenarios =
        ["served", "bare"].map(|name| format!("  {name}: {{ call: \"app:{name}\", {calls} }}\n")).concat();
    for python in each_python() {
        let project = Project::new(&format!("{python}scenarios:\n{scenarios}"), app);
        assert_eq!(project.check().code, Some(1));
        let first = |name: &str| project.scenario(name)["findings"][0].clone();
        let served = first("served");
        let place = &served["owners"][0]["place"];
        assert!(place["file"].as_str().unwrap().ends_with("/socketserver.py"), "{served:#}");
        assert_eq!(
            place["function"].as_str().unwrap().rsplit('.').next(),
            Some("process_request"),
            "{served:#}"
        );
        assert_eq!(served["owners"].as_array().unwrap().len(), 1, "{served:#}");
        let bare = first("bare");
        assert_eq!(
            bare["title"], "1 more thread is alive after every iteration, and no Python object stands for it",
            "{bare:#}"
        );
        assert_eq!(bare["owners"][0]["pattern"], "unjoined-thread");
        assert_eq!((&bare["place"]["file"], &bare["place"]["line"]), (&json!("app.py"), &json!(17)));
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_is_why_no_owner_is_named() {
    let spoil = "\
import glob
def spoil():
    for path in glob.glob('.leakgate/captures/work~2/heap-*-2.lgh'):
        open(path, 'r+b').truncate(4000)
";
    let app = format!("{LIST}{spoil}");
    let (code, work) = checked(&scenario(", teardown: \"app:spoil\""), &app);
    assert_eq!(code, Some(1), "{work:#}");
    let finding = &work["findings"][0];
    let evidence = finding["evidence"].as_array().unwrap();
    let why =
        evidence.iter().filter_map(Value::as_str).find(|line| line.starts_with("who keeps it is not known"));
    let why = why.unwrap_or_else(|| panic!("it is said why: {finding:#}"));
    assert!(why.contains("heap-") && why.contains("failed to read"), "{why}");
    assert_eq!(finding["owners"], json!([]));
}

#[test]
fn no_code_of_the_program_runs_for_a_snapshot() {
    let app = "\
class Lies:
    def __init__(self): self.rows = bytes(967)
    def refuse(self, *rest): open('called', 'w').close(); raise ValueError('never')
    __repr__ = __str__ = __len__ = __eq__ = __hash__ = __bool__ = __iter__ = __sizeof__ = refuse
    def __getattribute__(self, name): open('called', 'w').close(); raise ValueError(name)
    __class__ = property(lambda self: 1 / 0)
KEPT = []
def work(): KEPT.append(Lies())
";
    let project = Project::new(&scenario(""), app);
    assert_eq!(project.check().code, Some(1));
    let owner = &project.scenario("work")["findings"][0]["owners"][0];
    assert_eq!(owner["path"][1], "app.Lies");
    assert!(!project.has("called"));
}

/// Fills a dictionary of a module; the variable that holds most of what is left is not the one that is filled at the end.
const HELD: &str = "\
class Model:
    def __init__(self):
        self.layers = {number: bytes(999_967) for number in range(8)}
MODEL = Model()
def work():
    return [bytes(99_967) for number in range(10)]
if __name__ == '__main__':
    work()
";

#[test]
fn a_retained_budget_names_the_variables_that_hold_most() {
    let config = "scenarios:\n  work: { run: [python, app.py], budgets: { retained: 4 MiB, peak: 6 MiB } }\n";
    let project = Project::new(config, HELD);
    assert_eq!(project.check().code, Some(1));
    let work = project.scenario("work");
    let find = |rule: &str| {
        let all = work["findings"].as_array().unwrap();
        all.iter().find(|finding| finding["rule"] == rule).unwrap()
    };
    for (rule, when) in [("budget-retained", ""), ("budget-peak", " that are still alive after the work")] {
        let owners = find(rule)["owners"].as_array().unwrap();
        // 8 objects of 1,000,000 bytes, the numbers are the interpreter's own.
        assert_eq!(owners.len(), 1, "{work:#}");
        assert_eq!(owners[0]["name"], "__main__.MODEL.layers");
        let sentence = owners[0]["sentence"].as_str().unwrap();
        assert!(
            sentence.starts_with("`__main__.MODEL.layers` (dict) holds 7.6 MiB in 9 objects"),
            "{sentence}"
        );
        assert!(sentence.ends_with(&format!("objects{when}")), "{sentence}");
        assert_eq!(owners[0]["path"], json!(["__main__.MODEL.layers (dict, 8 entries)", "8 × bytes"]));
        assert_eq!(owners[0]["place"]["line"], 3);
    }
    let view = project.run(&["view", "owners", "work", "--json"]);
    let view: Value = serde_json::from_str(&view.out).unwrap();
    let first = &view["variables"][0];
    assert_eq!((&first["path"], &first["length"]), (&json!("__main__.MODEL.layers"), &json!(8)));
    // The dictionary and its table beside the 8,000,000 bytes.
    let bytes = first["retained"].as_u64().unwrap();
    assert!((8_000_000..8_002_000).contains(&bytes), "{view:#}");
}

#[test]
fn what_a_function_returned_is_named_where_it_is_kept() {
    let config = "scenarios:\n  work: { call: \"app:work\", iterations: 2, warmup: 0, result: keep, \
                  budgets: { retained: 100 KiB } }\n";
    let (code, work) = checked(config, HELD);
    assert_eq!(code, Some(1), "{work:#}");
    let owners = work["findings"][0]["owners"].as_array().unwrap();
    let owner = owners.iter().find(|owner| owner["name"] == "the result of the function").unwrap();
    let sentence = "the result of the function (list) holds 976.7 KiB in 11 objects";
    assert_eq!(owner["sentence"], sentence, "{work:#}");
    assert_eq!(owner["place"]["line"], 6);
}

#[test]
fn a_retained_budget_names_what_holds_most_not_what_grows_a_little() {
    let app = "\
MODEL = [bytes(999_967) for number in range(8)]
SEEN = []
def work(): SEEN.append(object())
";
    let config = format!(
        "scenarios:\n  work: {{ call: \"app:work\", {CALLS}, budgets: {{ retained: 4 MiB, growth: 1 KiB }} }}\n"
    );
    let (code, work) = checked(&config, app);
    assert_eq!(code, Some(1), "{work:#}");
    let all = work["findings"].as_array().unwrap();
    let retained = all.iter().find(|finding| finding["rule"] == "budget-retained").unwrap();
    assert_eq!(retained["owners"][0]["name"], "app.MODEL", "{retained:#}");
    let leak = all.iter().find(|finding| finding["rule"] == "growth").unwrap();
    assert_eq!(leak["owners"][0]["name"], "app.SEEN", "{leak:#}");
}

#[test]
fn keys_on_the_way_to_an_owner_are_hidden_where_values_are() {
    let app = "\
KEY = '@'.join(['alice', 'example.com'])
USERS = {KEY: []}
def work(): USERS[KEY].append(object())
";
    for (values, name) in [("true", "app.USERS['alice@example.com']"), ("false", "app.USERS[*]")] {
        let (code, work) = checked(&scenario(&format!(", values: {values}")), app);
        assert_eq!(code, Some(1), "{work:#}");
        assert_eq!(work["findings"][0]["owners"][0]["name"], name, "{work:#}");
        assert_eq!(work.to_string().contains("alice@example"), values == "true", "{work:#}");
    }
}

#[test]
fn a_connection_to_a_database_is_told_once() {
    let app = "\
import sqlite3
KEPT = []
def work(): KEPT.append(sqlite3.connect('shop.db'))
";
    let config =
        "scenarios:\n  work: { call: \"app:work\", warmup: 8, iterations: 24, budgets: { fds: 0 } }\n";
    let (code, work) = checked(config, app);
    assert_eq!(code, Some(1), "{work:#}");
    let all = work["findings"].as_array().unwrap();
    let open = all.iter().find(|finding| finding["rule"].as_str().unwrap().ends_with("fds")).unwrap();
    let owners = open["owners"].as_array().unwrap();
    assert_eq!(owners.len(), 1, "{open:#}");
    assert_eq!(owners[0]["pattern"], "unclosed-connection");
}
