//! `result.json` read back: what was written comes back, and what is no whole result is refused with the reason.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use leakgate::finding::{Counted, Figure, Place, Rate, RateUnit, Standing};
use leakgate::gate::steps::{Step, Steps};
use leakgate::gate::verdict::Outcome as Growth;
use leakgate::outcome::{GrowthReport, Outcome, Partition, Verdict};
use leakgate::profile::{BillMoment, LineKind};
use leakgate::report::{Format, ReadError, read_json};

use super::outcomes::{canonical, compared, hostile, outcome, passing, sample};
use super::shown;

/// Every word that the format knows, in one outcome.
fn every_word() -> Outcome {
    let mut all = canonical();
    all.partition = Some(Partition { index: 2, of: 4, scenarios: 40 });
    let standings = [
        Standing::Accepted,
        Standing::Allowed { reason: "SHOP-412".into(), expires: Some("2027-03-31".into()) },
        Standing::Allowed { reason: "SHOP-413".into(), expires: None },
        Standing::Known { package: "sentry-sdk 1.40.0".into(), reference: "its issue 17".into() },
        Standing::New,
    ];
    let units =
        [RateUnit::Bytes, RateUnit::Blocks, RateUnit::Entries, RateUnit::Descriptors, RateUnit::Threads];
    let template = all.scenarios[2].findings[0].clone();
    let findings = standings.into_iter().zip(units).map(|(standing, unit)| {
        let rate = Some(Rate { total: -7, iterations: 20, unit });
        let counted = Some(Counted { unit: RateUnit::Children, values: vec![1, 2, u64::MAX] });
        let figure = template.figure.clone().map(|figure| Figure { exact: rate, ..figure });
        let series_again = vec![3, 2, u64::MAX];
        leakgate::finding::Finding { standing, rate, series_again, counted, figure, ..template.clone() }
    });
    all.scenarios[2].findings = findings.collect();
    for (index, moment) in BillMoment::ALL.into_iter().enumerate().take(5) {
        let bill = all.scenarios[2].findings[index].bill.as_mut().expect("a bill");
        bill.moment = moment;
        bill.sampled = None;
        bill.counted = bill.resident + 1;
        for (line, kind) in bill.lines.iter_mut().zip(LineKind::ALL) {
            line.kind = kind;
        }
    }
    let verdicts = [Verdict::Undecided, Verdict::Unstable, Verdict::Skipped].into_iter().cycle();
    let growths = [Growth::NoLeak, Growth::Undecided, Growth::Leak].into_iter();
    for ((scenario, outcome), verdict) in all.scenarios.iter_mut().zip(growths).zip(verdicts) {
        scenario.verdict = verdict;
        scenario.skipped = (verdict == Verdict::Skipped).then(|| "no database".to_owned());
        scenario.growth =
            Some(GrowthReport { outcome, warmup: 80, iterations: 80, floors: vec![1, 2, 3], steps: steps() });
    }
    all
}

fn steps() -> Steps {
    let place = Place { file: "app.py".into(), line: 12, function: "load".into() };
    let step = |iteration, place| Step { iteration, bytes: 4_096, place };
    Steps { startup: 70_000, once: vec![step(90, Some(place)), step(117, None)] }
}

fn written(outcome: &Outcome) -> String {
    shown(Format::Json, outcome)
}

/// The JSON with one value changed.
fn changed(pointer: &str, value: serde_json::Value) -> Vec<u8> {
    let mut json: serde_json::Value = serde_json::from_str(&written(&every_word())).unwrap();
    *json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    serde_json::to_vec_pretty(&json).unwrap()
}

fn refused(bytes: &[u8]) -> String {
    read_json(bytes).expect_err("no result").to_string()
}

#[test]
fn what_was_written_comes_back_exactly() {
    for mut outcome in [canonical(), compared(), passing(), sample(), every_word(), outcome(vec![])] {
        for error in outcome.scenarios.iter_mut().filter_map(|scenario| scenario.error.as_mut()) {
            // The end of a traceback's last line is not written.
            error.details.truncate(error.details.trim_end().len());
        }
        assert_eq!(read_json(written(&outcome).as_bytes()), Ok(outcome));
    }
}

#[test]
fn an_empty_part_passes_and_nothing_run_does_not() {
    let mut part = outcome(vec![]);
    assert_eq!(part.verdict(), Verdict::Error);
    part.partition = Some(Partition { index: 3, of: 4, scenarios: 2 });
    assert_eq!(part.verdict(), Verdict::Pass);
    assert_eq!(read_json(written(&part).as_bytes()), Ok(part));
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_refused_and_never_panics() {
    let whole = written(&sample());
    let whole = whole.trim_end();
    for end in 0..whole.len() {
        let error = read_json(&whole.as_bytes()[..end]).expect_err("not whole");
        // In the middle of a character or a word it may look like something else.
        assert!(!matches!(error, ReadError::Wrong(_) | ReadError::Contradiction(_)), "{end}: {error}");
    }
    let half = &whole.as_bytes()[..whole.len() / 2];
    assert!(matches!(read_json(half), Err(ReadError::CutOff { .. })));
}

#[test]
fn what_is_no_result_says_why() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"<testsuites/>", "it is not JSON: expected value at line 1 column 1"),
        (b"\xff\xfe", "it is not JSON: expected value at line 1 column 1"),
        (b"[1, 2]", "it is not a result of `leakgate check`: it has no number `version` at its top"),
        (
            b"{\"results\": []}",
            "it is not a result of `leakgate check`: it has no number `version` at its top",
        ),
        (
            b"{\"version\": 2, \"leakgate\": \"9.9\\u001b[31m\"}",
            "its format has version 2 (written by leakgate 9.9), and this leakgate reads version 1; use the same leakgate for all",
        ),
        (b"{\"version\": 1}", "missing field `leakgate` at line 1 column 14"),
    ];
    for (bytes, reason) in cases {
        assert_eq!(refused(bytes), reason);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(refused(deep.as_bytes()).starts_with("it is not"), "a deep file does not end the program");
}

#[test]
fn a_wrong_value_is_refused_with_its_place() {
    let cases = [
        ("/started_ms", serde_json::json!("now"), "invalid type: string \"now\", expected u64 at line 1"),
        ("/started_ms", serde_json::json!(-1), "invalid value: integer `-1`, expected u64"),
        ("/verdict", serde_json::json!("fine"), "unknown variant `fine`, expected one of `pass`"),
        ("/verdict", serde_json::json!("pass"), "it contradicts itself: its `verdict` is `pass`, and that"),
        ("/scenarios/0/name", serde_json::json!("../x"), "`../x` cannot be the name of a scenario"),
        ("/scenarios/0/name", serde_json::json!("quote"), "it contradicts itself: scenario `quote` is there"),
        ("/scenarios/2/findings/0/fingerprint/value", serde_json::json!("zz"), "`zz` is no `fingerprint`"),
        ("/scenarios/2/findings/0/fingerprint/scheme", serde_json::json!(9), "fingerprints of scheme 9 do"),
        ("/scenarios/2/findings/0/rate/iterations", serde_json::json!(0), "a finding's `rate` is of 0"),
        ("/scenarios/2/findings/0/standing/is", serde_json::json!("known"), "a finding's `standing` does"),
        ("/scenarios/2/findings/0/bill/at", serde_json::json!("noon"), "unknown word `noon`; expected one"),
        ("/partition/index", serde_json::json!(5), "it contradicts itself: part 5 of 4 cannot have 6 of 40"),
        ("/config_digest", serde_json::json!("?"), "`?` is no `config_digest`; expected 16 hexadecimal"),
    ];
    for (pointer, value, reason) in cases {
        let message = refused(&changed(pointer, value));
        assert!(message.starts_with(reason), "{pointer}: {message}");
    }
}

#[test]
fn text_of_a_file_is_cleaned_and_bounded_as_a_programs_is() {
    let title = serde_json::json!(format!("a\u{1b}[31mb\u{202e}{}", "c".repeat(10_000)));
    let read = read_json(&changed("/scenarios/2/findings/0/title", title)).unwrap();
    let title = &read.scenarios[2].findings[0].title;
    assert!(title.starts_with("abccc") && title.chars().count() == 400, "{title}");
    let huge = changed("/scenarios/0/name", serde_json::json!("\u{1b}[2J".repeat(100_000)));
    assert!(refused(&huge).len() < 200);
    assert!(refused(written(&hostile()).as_bytes()).contains("cannot be the name of a scenario"));
}
