//! The verdict on growth, through the program: what leaks, what does not, what is not certain.

use crate::project::Project;
use crate::pythons::each_python;

fn checked(app: &str, scenario: &str) -> (Option<i32>, serde_json::Value) {
    let project = Project::new(&format!("scenarios:\n  work: {{ {scenario} }}\n"), app);
    let code = project.check().code;
    (code, project.scenario("work"))
}

fn title(scenario: &serde_json::Value) -> &str {
    scenario["findings"][0]["title"].as_str().unwrap_or_default()
}

#[test]
fn one_entry_every_tenth_call_is_a_leak_with_its_rate_and_without_any_budget() {
    let app = "\
KEPT = []
def work(count=[0]):
    count[0] += 1
    if count[0] % 10 == 0: KEPT.append(None)
";
    let (code, scenario) = checked(app, "call: \"app:work\", warmup: 80, iterations: 80");
    assert_eq!((code, scenario["verdict"].as_str()), (Some(1), Some("fail")), "{scenario:#}");
    assert_eq!(title(&scenario), "`app.KEPT` (list) keeps 1 more entry every 10 iterations", "{scenario:#}");
    let evidence = scenario["findings"][0]["evidence"].to_string();
    assert!(evidence.contains("a list made at app.py:1 in <module> went from "), "{evidence}");
    // The sentence has the rate already.
    assert!(!evidence.contains("over all judged iterations"), "{evidence}");
    let growth = &scenario["growth"];
    assert_eq!((growth["warmup"].as_u64(), growth["iterations"].as_u64()), (Some(80), Some(80)));
}

#[test]
fn what_fills_and_stops_and_what_comes_and_goes_is_no_leak() {
    let app = "\
import collections
RECENT, ROWS = collections.deque(maxlen=30), []
def work():
    RECENT.append(bytes(1000))
    ROWS.append(bytes(1000))
    if len(ROWS) == 7: ROWS.clear()
";
    let (code, scenario) = checked(app, "call: \"app:work\", max_iterations: 400");
    assert_eq!((code, scenario["verdict"].as_str()), (Some(0), Some("pass")), "{scenario:#}");
    assert_eq!(scenario["growth"]["verdict"], "no-leak");
}

#[test]
fn the_headline_has_the_rate_of_the_judged_iterations() {
    let app = "\
KEPT = []
def work(count=[0]):
    count[0] += 1
    if count[0] % 10 == 0: KEPT.append(object())
";
    let (code, scenario) = checked(app, "call: \"app:work\", warmup: 200, iterations: 200");
    assert_eq!(code, Some(1), "{scenario:#}");
    let rate = &scenario["findings"][0]["rate"];
    let each = rate["total"].as_f64().unwrap() / rate["iterations"].as_f64().unwrap();
    let said = format!("`app.KEPT` (list) keeps 1 more entry every 10 iterations, {each} B an iteration");
    assert_eq!(title(&scenario), said);
}

#[test]
fn a_sawtooth_has_the_growth_of_its_floor() {
    let app = "\
ROWS = []
def work():
    ROWS.append(bytes(1000))
    if len(ROWS) == 37: ROWS.clear()
";
    let budget = "call: \"app:work\", warmup: 40, iterations: 80, budgets: { growth: 0 }";
    let (code, scenario) = checked(app, budget);
    assert_eq!((code, scenario["verdict"].as_str()), (Some(0), Some("pass")), "{scenario:#}");
    let growth = &scenario["budgets"][0];
    assert_eq!(
        (growth["name"].as_str(), growth["measured"].as_i64()),
        (Some("growth"), Some(0)),
        "{growth:#}"
    );
}

#[test]
fn random_sizes_in_so_many_slots_are_no_leak() {
    let app = "\
import random
SIZES = random.Random(4)
SLOTS = [bytes(SIZES.randrange(100, 10_000)) for _ in range(50)]
def work(): SLOTS[SIZES.randrange(50)] = bytes(SIZES.randrange(100, 10_000))
";
    let (code, scenario) = checked(app, "call: \"app:work\", warmup: 40, iterations: 80");
    assert_eq!(code, Some(0), "{scenario:#}");
    let series = &scenario["growth"];
    assert_ne!(series["verdict"], "leak", "{scenario:#}");
}

#[test]
fn what_came_once_is_told_with_its_line_and_is_no_leak() {
    let app = "\
KEPT, TABLE = [], []
def work(leaks=False, count=[0]):
    count[0] += 1
    if count[0] == 55: TABLE.append(bytes(100_000))
    if leaks: KEPT.append(bytes(1000))
";
    let (code, scenario) = checked(app, "call: \"app:work\", warmup: 40, iterations: 40");
    assert_eq!((code, scenario["verdict"].as_str()), (Some(0), Some("pass")), "{scenario:#}");
    let once = &scenario["growth"]["once"];
    // The object's header and end, and the list that holds it.
    assert_eq!((once[0]["iteration"].as_u64(), once[0]["bytes"].as_u64()), (Some(55), Some(100_033 + 32)));
    assert_eq!(once[0]["place"]["line"].as_u64(), Some(4));
    assert_eq!(
        scenario["notes"][0],
        "one-time growth, which is no leak: 97.7 KiB in iteration 55 at app.py:4 in work"
    );

    let (_, scenario) =
        checked(app, "call: \"app:work\", with: { leaks: true }, warmup: 40, iterations: 40, confirm: false");
    let evidence = scenario["findings"][0]["evidence"].as_array().unwrap();
    let besides = "one-time growth besides: 97.7 KiB in iteration 55 at app.py:4 in work";
    assert!(evidence.iter().any(|sentence| sentence == besides), "{evidence:#?}");
}

#[test]
fn the_rate_of_a_leak_below_a_sawtooth_is_that_of_its_lowest_points() {
    let app = "\
ROWS, KEPT = [], []
def work():
    ROWS.append(bytes(10_000))
    KEPT.append(bytes(67))
    if len(ROWS) == 7: ROWS.clear()
";
    let (code, scenario) = checked(app, "call: \"app:work\", warmup: 112, iterations: 112, confirm: false");
    assert_eq!(code, Some(1), "{scenario:#}");
    let rate = &scenario["findings"][0]["rate"];
    let each = rate["total"].as_f64().unwrap() / rate["iterations"].as_f64().unwrap();
    // 100 bytes an object and 8 in a list, which grows in steps.
    assert!((100.0..=118.0).contains(&each), "{rate}");
}

/// Leaks in the first process only.
const ONCE: &str = "\
import os
KEPT = []
def work():
    if not os.path.exists('done'): KEPT.append(bytes(1000))
def end(): open('done', 'w').close()
";

#[test]
fn what_a_second_process_does_not_show_is_unstable_and_fails_where_it_is_strict() {
    let once = "call: \"app:work\", teardown: \"app:end\", iterations: 40";
    let (code, scenario) = checked(ONCE, once);
    assert_eq!((code, scenario["verdict"].as_str()), (Some(0), Some("unstable")), "{scenario:#}");
    let finding = &scenario["findings"][0];
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["series_again"].as_array().map(Vec::len), Some(8), "{finding:#}");
    let (code, scenario) = checked(ONCE, &format!("{once}, strict: true"));
    assert_eq!((code, scenario["verdict"].as_str()), (Some(1), Some("fail")), "{scenario:#}");
    let (code, scenario) = checked(ONCE, &format!("{once}, confirm: false"));
    assert_eq!((code, scenario["verdict"].as_str()), (Some(1), Some("fail")), "{scenario:#}");
}

#[test]
fn what_between_empties_is_not_kept() {
    let app = "\
KEPT = []
def work(): KEPT.append(bytes(1000))
def rest(): KEPT.clear()
";
    let (code, scenario) = checked(app, "call: \"app:work\", iterations: 20, between: \"app:rest\"");
    assert_eq!(code, Some(0), "{scenario:#}");
    let (code, scenario) = checked(app, "call: \"app:work\", iterations: 20");
    assert_eq!(code, Some(1), "{scenario:#}");
}

#[test]
fn a_method_of_a_test_class_gets_a_new_object_with_what_comes_before_and_after_it() {
    let app = "\
import unittest
LOG = open('log.txt', 'w', buffering=1)
class TestPlain:
    def setup_method(self): self.said = 'before'
    def test(self): LOG.write(self.said + ' test\\n')
    def teardown_method(self, method): LOG.write('after ' + method.__name__ + '\\n')
class TestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls): LOG.write('class set up\\n'); cls.addClassCleanup(LOG.write, 'class cleaned\\n')
    @classmethod
    def tearDownClass(cls): LOG.write('class torn down\\n')
    def setUp(self): self.said = 'set up'
    def test(self): LOG.write(self.said + ' test\\n')
    def tearDown(self): LOG.write('torn down\\n')
";
    let log = |method: &str| {
        let config = format!("scenarios:\n  work: {{ call: \"app:{method}\", warmup: 1, iterations: 1 }}\n");
        let project = Project::new(&config, app);
        assert_eq!(project.check().code, Some(0), "{method}");
        project.read("log.txt")
    };
    assert_eq!(log("TestPlain.test"), "before test\nafter test\n".repeat(2));
    let tests = "set up test\ntorn down\n".repeat(2);
    assert_eq!(log("TestCase.test"), format!("class set up\n{tests}class torn down\nclass cleaned\n"));
}

#[test]
fn an_error_around_the_tests_of_a_class_is_told_as_what_it_is() {
    let app = "\
import unittest
class Up(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise RuntimeError('no database')
    def test(self): pass
class Down(unittest.TestCase):
    @classmethod
    def tearDownClass(cls): raise RuntimeError('no database')
    def test(self): pass
class Cleanup(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.addClassCleanup(lambda: [][0])
    def test(self): pass
";
    let title = |class: &str| {
        let (code, scenario) = checked(app, &format!("call: \"app:{class}.test\", iterations: 2"));
        assert_eq!(code, Some(3), "{scenario:#}");
        scenario["error"]["title"].as_str().unwrap().to_owned()
    };
    assert_eq!(title("Up"), "the setUpClass function raised RuntimeError: no database");
    assert_eq!(title("Down"), "the tearDownClass function raised RuntimeError: no database");
    assert_eq!(title("Cleanup"), "the tearDownClass function raised IndexError: list index out of range");
}

#[test]
fn too_few_calls_for_a_verdict_are_told_and_undecided_where_the_number_was_not_said() {
    let app = "KEPT = []\ndef work(): KEPT.append(bytes(1000))\n";
    let scenario = |how: &str| format!("scenarios:\n  work: {{ call: \"app:work\", {how} }}\n");
    let auto = Project::new(&scenario("max_iterations: 10"), app);
    assert_eq!(auto.check().code, Some(0));
    let work = auto.scenario("work");
    assert_eq!((&work["verdict"], &work["growth"]["verdict"]), (&"undecided".into(), &"undecided".into()));
    let title =
        "undecided whether memory leaks: the function was called 10 times, at least 16 calls are needed";
    assert_eq!(work["findings"][0]["title"], title);
    assert_eq!(Project::new(&scenario("max_iterations: 10, strict: true"), app).check().code, Some(1));
    let fixed = Project::new(&scenario("warmup: 1, iterations: 7"), app);
    assert_eq!(fixed.check().code, Some(0));
    let notes = fixed.scenario("work")["notes"].to_string();
    assert!(
        notes.contains("whether memory leaks was not judged: 7 judged iterations, at least 8 are needed"),
        "{notes}"
    );
    let once = Project::new(&scenario("iterations: 1"), app);
    assert_eq!(once.check().code, Some(0));
    assert!(!once.scenario("work")["notes"].to_string().contains("not judged"));
}

/// Caches that say their bound: an instance with its own attributes, one whose class says it, one with slots, a
/// dictionary itself; and a list beside a number that has nothing to do with it.
const BOUNDED: &str = "\
import collections
class Cache:
    def __init__(self, most):
        self._maxsize = most
        self.data = {}
    def put(self, key):
        if len(self.data) >= self._maxsize: self.data.pop(next(iter(self.data)))
        self.data[key] = float(key)
class Constant(Cache):
    max_entries = 5000
    def __init__(self): self.data = {}
    @property
    def _maxsize(self): return self.max_entries
class Slots(Cache):
    __slots__ = '_maxsize', 'data'
class Itself(dict):
    capacity = 5000
    def put(self, key):
        if len(self) >= self.capacity: self.pop(next(iter(self)))
        self[key] = float(key)
class Log:
    def __init__(self): self.max_size, self.lines = 1, []
    def put(self, key): self.lines.append(float(key))
INSTANCE, CONSTANT, SLOTS, ITSELF, LOG = Cache(5000), Constant(), Slots(5000), Itself(), Log()
RECENT = collections.deque(maxlen=5000)
def work(of, count=[0]):
    count[0] += 1
    of.put(count[0] + 1000)
def instance(): work(INSTANCE)
def constant(): work(CONSTANT)
def slots(): work(SLOTS)
def itself(): work(ITSELF)
def log(): work(LOG)
def recent(count=[0]):
    count[0] += 1
    RECENT.append(float(count[0] + 1000))
";

#[test]
fn a_cache_that_says_its_bound_is_no_leak_before_it_exceeds_it() {
    let names = ["instance", "constant", "slots", "itself", "log", "recent"];
    for python in each_python() {
        let scenarios: String = names
            .map(|name| format!("  {name}: {{ call: \"app:{name}\", warmup: 40, iterations: 200 }}\n"))
            .concat();
        let project = Project::new(&format!("{python}scenarios:\n{scenarios}"), BOUNDED);
        let checked = project.check();
        assert_eq!(checked.code, Some(1), "{python}{}", checked.whole());
        for name in ["instance", "constant", "slots", "itself"] {
            let scenario = project.scenario(name);
            assert_eq!(scenario["growth"]["verdict"], "undecided", "{python}{name}: {scenario:#}");
            let said = "has 240 entries, and an attribute of what holds it says that it has at most 5,000, full after \
                        about 4,760 more iterations";
            assert!(title(&scenario).ends_with(said), "{python}{name}: {}", title(&scenario));
        }
        assert_eq!(project.scenario("log")["growth"]["verdict"], "leak", "{python}");
        let recent = project.scenario("recent");
        assert_eq!(recent["growth"]["verdict"], "no-leak", "{python}{recent:#}");
        let said = "is filling, which is no leak: 240 of at most 5,000 entries, full after about 4,760 more iterations";
        assert!(recent["notes"][0].as_str().unwrap().ends_with(said), "{python}{recent:#}");
    }
}
