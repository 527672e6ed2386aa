//! The reports: each format whole, on one canonical outcome; hostile text; and the documentation's samples.

#[path = "reports/machine.rs"]
mod machine;
#[path = "reports/outcomes.rs"]
mod outcomes;
#[path = "reports/read.rs"]
mod read;
#[path = "reports/rendered.rs"]
mod rendered;

use leakgate::outcome::{Outcome, ScenarioError, Verdict};
use leakgate::report::{Color, DEFAULT_COMMENT, Format, Options, render};
use outcomes::{HOSTILE, canonical, compared, hostile, passing, sample, source};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn shown(format: Format, outcome: &Outcome) -> String {
    render(
        format,
        outcome,
        &Options { width: 110, color: Color::Plain, source: &source, comment: DEFAULT_COMMENT },
    )
}

/// The report with leakgate's own version taken out.
fn scrubbed(format: Format, outcome: &Outcome) -> String {
    shown(format, outcome)
        .replace(&format!("leakgate {VERSION} "), "leakgate VERSION ")
        .replace(&format!("\"leakgate\": \"{VERSION}\""), "\"leakgate\": \"VERSION\"")
        .replace(&format!("\"semanticVersion\": \"{VERSION}\""), "\"semanticVersion\": \"VERSION\"")
}

fn snapshot(name: &str, report: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("reports/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, report));
}

#[test]
fn the_canonical_outcome_at_the_terminal() {
    snapshot("canonical.text", &scrubbed(Format::Terminal, &canonical()));
}

#[test]
fn the_canonical_outcome_as_markdown() {
    snapshot("canonical.markdown", &scrubbed(Format::Markdown, &canonical()));
}

#[test]
fn the_canonical_outcome_as_junit() {
    snapshot("canonical.junit", &scrubbed(Format::Junit, &canonical()));
}

#[test]
fn the_canonical_outcome_as_json() {
    snapshot("canonical.json", &scrubbed(Format::Json, &canonical()));
}

#[test]
fn a_passing_outcome_in_every_format() {
    for format in Format::ALL {
        snapshot(&format!("passing.{}", format.name()), &scrubbed(format, &passing()));
    }
}

#[test]
fn an_outcome_that_was_compared_with_a_baseline_in_every_format() {
    for format in Format::ALL {
        snapshot(&format!("compared.{}", format.name()), &scrubbed(format, &compared()));
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let options = Options { width: 110, color: Color::Ansi, source: &source, comment: DEFAULT_COMMENT };
    let coloured = render(Format::Terminal, &canonical(), &options);
    assert!(coloured.contains("\u{1b}[1;31mFAIL"));
    let sequences = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    let plain: Vec<String> =
        sequences.replace_all(&coloured, "").lines().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(plain.join("\n") + "\n", shown(Format::Terminal, &canonical()));
}

#[test]
fn a_narrow_terminal_is_never_written_past_its_edge() {
    let options = Options { width: 70, color: Color::Plain, source: &source, comment: DEFAULT_COMMENT };
    let report = render(Format::Terminal, &canonical(), &options);
    let too_long: Vec<&str> =
        report.lines().filter(|line| line.chars().count() > 70 && !line.starts_with("  again")).collect();
    assert_eq!(too_long, Vec::<&str>::new());
}

#[test]
fn nothing_run_is_never_a_pass() {
    let nothing = outcomes::outcome(vec![]);
    assert_eq!(nothing.verdict(), Verdict::Error);
    assert!(
        shown(Format::Terminal, &nothing)
            .ends_with("no scenario was run in 13.2 s · reports in .leakgate/\n")
    );
    assert!(shown(Format::Markdown, &nothing).contains("### ❌ leakgate: no scenario was run"));
    assert!(shown(Format::Json, &nothing).contains("\"verdict\": \"error\""));
}

#[test]
fn an_error_decides_the_verdict_and_hides_no_failure() {
    let mut outcome = canonical();
    assert_eq!(outcome.verdict(), Verdict::Error);
    outcome.scenarios.retain(|scenario| scenario.verdict != Verdict::Error);
    assert_eq!(outcome.verdict(), Verdict::Fail);
    outcome.scenarios.retain(|scenario| scenario.verdict == Verdict::Pass);
    assert_eq!(outcome.verdict(), Verdict::Pass);
}

#[test]
fn hostile_text_is_harmless_in_every_format() {
    for format in Format::ALL {
        snapshot(&format!("hostile.{}", format.name()), &scrubbed(format, &hostile()));
    }
}

#[test]
fn no_report_lets_control_or_invisible_characters_through() {
    for format in Format::ALL {
        let report = shown(format, &hostile());
        let bad: Vec<char> = report
            .chars()
            .filter(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'))
            .collect();
        assert_eq!(bad, Vec::<char>::new(), "{}", format.name());
    }
}

#[test]
fn junit_is_well_formed_and_its_counts_are_those_of_its_cases() {
    for outcome in [canonical(), passing(), hostile()] {
        let seen = parsed(&shown(Format::Junit, &outcome));
        assert_eq!(seen.tests, seen.cases.len());
        assert_eq!(seen.failures, seen.failed);
        assert_eq!(seen.errors, seen.errored);
    }
}

#[test]
fn junit_has_a_case_for_every_budget_with_a_name_that_holds_no_figure() {
    let seen = parsed(&shown(Format::Junit, &canonical()));
    let names: Vec<&str> = seen.cases.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "leakgate.import-app peak",
            "leakgate.quote peak_added",
            "leakgate.quote growth",
            "leakgate.quote fds",
            "leakgate.report peak",
            "leakgate.report fds",
            "leakgate.report threads",
            "leakgate.load-model completes",
            "leakgate.load-model retained",
            "leakgate.warm-cache retained",
            "leakgate.warm-cache growth",
            "leakgate.replay memory-limit",
            "leakgate.replay retained",
        ]
    );
    assert_eq!((seen.failures, seen.errors), (4, 1));
    let passing = parsed(&shown(Format::Junit, &passing()));
    assert_eq!(passing.cases, ["leakgate.import-app peak", "leakgate.smoke completes"]);
}

/// What an XML parser sees of a JUnit report.
#[derive(Default)]
struct Seen {
    tests: usize,
    failures: usize,
    errors: usize,
    cases: Vec<String>,
    failed: usize,
    errored: usize,
}

fn parsed(xml: &str) -> Seen {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_comments = true;
    let mut seen = Seen::default();
    loop {
        let event = reader.read_event().expect("well-formed XML");
        let (Event::Start(element) | Event::Empty(element)) = &event else {
            match event {
                Event::Eof => return seen,
                _ => continue,
            }
        };
        let attribute = |name: &str| {
            let attribute =
                element.try_get_attribute(name).expect("well-formed attributes").expect("the attribute");
            attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .expect("known entities")
                .into_owned()
        };
        match element.name().as_ref() {
            b"testsuite" => {
                seen.tests = attribute("tests").parse().expect("a count");
                seen.failures = attribute("failures").parse().expect("a count");
                seen.errors = attribute("errors").parse().expect("a count");
            }
            b"testcase" => seen.cases.push(format!("{} {}", attribute("classname"), attribute("name"))),
            b"failure" => seen.failed += 1,
            b"error" => seen.errored += 1,
            _ => {}
        }
    }
}

#[test]
fn json_gives_every_byte_exactly() {
    let json: serde_json::Value = serde_json::from_str(&shown(Format::Json, &canonical())).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(
        json["counts"],
        serde_json::json!({"passed": 2, "warned": 1, "skipped": 0, "undecided": 0, "unstable": 0, "failed": 3, "errors": 1})
    );
    let growth = &json["scenarios"][1]["findings"][0];
    assert_eq!(growth["series"][20], 23_488_102);
    assert_eq!(growth["holders"][0]["bytes"], 161_120);
    assert_eq!(growth["fingerprint"], serde_json::json!({"scheme": 1, "value": "7f3a9c01d2e4"}));
    assert_eq!(json["scenarios"][2]["budgets"][0]["measured"], 100_873_011);
    assert!(serde_json::from_str::<serde_json::Value>(&shown(Format::Json, &hostile())).is_ok());
}

/// So many copies of the canonical scenarios, each with a name of its own.
fn many(count: usize) -> Outcome {
    let mut outcome = canonical();
    let all = std::mem::take(&mut outcome.scenarios);
    for (index, mut scenario) in all.into_iter().cycle().take(count).enumerate() {
        scenario.name = format!("{}-{index}", scenario.name);
        outcome.scenarios.push(scenario);
    }
    outcome
}

#[test]
fn markdown_stays_within_a_comment_and_says_what_it_left_out() {
    let mut mostly_passing = many(12);
    mostly_passing.scenarios.extend(vec![passing().scenarios[0].clone(); 1_000]);
    let sizes = [many(12), mostly_passing, many(120), many(500), many(3_000)].map(|outcome| {
        let report = shown(Format::Markdown, &outcome);
        assert!(report.chars().count() <= 65_536, "{} characters", report.chars().count());
        assert!(report.starts_with("<!-- leakgate:default -->\n### ❌ leakgate: "));
        assert!(report.matches("```").count().is_multiple_of(2), "every fence is closed");
        assert_eq!(report.matches("<details>").count(), report.matches("</details>").count());
        report.lines().find(|line| line.starts_with("*Shortened")).unwrap_or("whole").to_owned()
    });
    let everything = "Everything is in `.leakgate/result.json`.*";
    assert_eq!(
        sizes,
        [
            "whole".to_owned(),
            format!("*Shortened to fit into a comment: scenarios that passed are left out. {everything}"),
            format!(
                "*Shortened to fit into a comment: scenarios that passed and some of the details are left out. {everything}"
            ),
            format!(
                "*Shortened to fit into a comment: only a line for each scenario is shown, for as many as fit. {everything}"
            ),
            format!(
                "*Shortened to fit into a comment: only a line for each scenario is shown, for as many as fit. {everything}"
            ),
        ]
    );
}

#[test]
fn five_hundred_hostile_failures_with_long_texts_stay_within_a_comment() {
    let mut outcome = hostile();
    let mut failing = outcome.scenarios[0].clone();
    let long = HOSTILE.repeat(20);
    failing.name = long.clone();
    failing.findings[0].title = long.clone();
    failing.findings[0].help = long.clone();
    failing.error = Some(ScenarioError { title: long.clone(), details: format!("{long}\n").repeat(40) });
    outcome.scenarios = vec![failing; 500];
    let report = shown(Format::Markdown, &outcome);
    assert!(report.encode_utf16().count() <= 65_536);
    assert!(report.trim_end().ends_with("result.json`.*") || report.trim_end().ends_with("*"));
    assert!(report.contains(" scenarios more\n"));
}

#[test]
fn a_terminal_report_shows_a_screen_at_most_for_each_failure() {
    let mut outcome = canonical();
    let finding = outcome.scenarios[1].findings[0].clone();
    outcome.scenarios[1].findings = vec![finding; 30];
    outcome.scenarios = vec![outcome.scenarios[1].clone()];
    let report = shown(Format::Terminal, &outcome);
    assert!(report.contains("+26 more, in result.json"));
    assert!(report.lines().count() <= 45, "{} lines", report.lines().count());
}

#[test]
fn formats_are_found_by_the_names_that_they_have() {
    for format in Format::ALL {
        assert_eq!(Format::named(format.name()), Some(format));
    }
    assert_eq!(Format::named("xml"), None);
}

/// `docs/reports.md` shows what the program prints: its samples are between a comment with the format's name and the end
/// of the block. `LEAKGATE_WRITE_DOCS=1 cargo test --test reports` writes them anew.
#[test]
fn the_documentation_shows_what_the_reports_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reports.md");
    let mut page = std::fs::read_to_string(path).unwrap();
    for format in Format::ALL {
        let (head, rest) = page
            .split_once(&format!("<!-- sample: {} -->\n", format.name()))
            .expect("a sample of every format");
        let (_, tail) = rest.split_once("<!-- end -->").expect("an end of the sample");
        let sample = documented(format);
        let marker = format!("<!-- sample: {} -->\n", format.name());
        page = format!("{head}{marker}{sample}<!-- end -->{tail}");
        let row = format!(
            "| `{}` | {} |",
            format.name(),
            format.file_name().map_or("–".into(), |file| format!("`{file}`"))
        );
        assert!(page.contains(&row), "docs/reports.md lists {row}");
    }
    if std::env::var_os("LEAKGATE_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page);
}

/// The bill that the documentation shows is the canonical outcome's.
#[test]
fn the_documentation_shows_the_bill_of_a_report() {
    let page = include_str!("../docs/reports.md");
    let (_, rest) = page.split_once("<!-- bill: text -->\n```text\n").expect("a bill");
    let (bill, _) = rest.split_once("```\n<!-- end of bill -->").expect("an end of the bill");
    assert!(
        bill.contains("Python objects") && shown(Format::Terminal, &canonical()).contains(bill),
        "{bill}"
    );
}

/// A sample as the documentation has it: in a fence, with XML broken into lines.
fn documented(format: Format) -> String {
    let report = scrubbed(format, &sample()).replace("leakgate VERSION", "leakgate 0.1");
    let report = report.replace("\"VERSION\"", "\"0.1\"");
    let report = if format == Format::Junit { report.replace("><", ">\n<") } else { report };
    let language = match format {
        Format::Junit => "xml",
        Format::Sarif | Format::Gitlab => "json",
        Format::Github | Format::Prometheus => "text",
        format => format.name(),
    };
    format!("````{language}\n{report}````\n")
}
