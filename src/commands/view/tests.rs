//! Which capture is meant, and what is printed or written of it.

use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime};

use clap::Parser;
use insta::assert_snapshot;
use tempfile::TempDir;

use super::*;
use crate::profile::sample;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    view: ViewArgs,
}

fn parsed(line: &str) -> Kind {
    Line::try_parse_from(["view"].into_iter().chain(line.split(' '))).unwrap().view.view
}

fn shown_in(folder: &Path, line: &str) -> anyhow::Result<String> {
    let mut out = Vec::new();
    show(&sample::capture(), &parsed(line), &Screen::pipe(folder.into()), &mut out)?;
    Ok(String::from_utf8(out)?)
}

/// A capture folder whose only file was changed that many seconds after the epoch.
fn capture(folder: &TempDir, name: &str, seconds: u64) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(&path).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let file = File::create(path.join("1.capture")).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
    File::open(&path).unwrap().set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).unwrap();
    path
}

#[test]
fn the_newest_capture_is_shown_where_none_is_named() {
    let folder = TempDir::new().unwrap();
    capture(&folder, ".leakgate/captures/quote", 100);
    let newest = capture(&folder, "out.leakgate", 300);
    capture(&folder, ".leakgate/captures/import-app", 200);
    capture(&folder, "not-a-capture", 400);
    assert_eq!(find(None, folder.path()).unwrap(), newest);
    let newer = capture(&folder, ".leakgate/captures/quote", 500);
    assert_eq!(find(None, folder.path()).unwrap(), newer);
}

#[test]
fn a_bare_name_is_a_scenario_before_it_is_a_folder() {
    let folder = TempDir::new().unwrap();
    let beside = capture(&folder, "quote", 1);
    assert_eq!(find(Some(Path::new("quote")), folder.path()).unwrap(), beside);
    let scenario = capture(&folder, ".leakgate/captures/quote", 1);
    assert_eq!(find(Some(Path::new("quote")), folder.path()).unwrap(), scenario);
    assert_eq!(find(Some(Path::new("./quote")), folder.path()).unwrap(), folder.path().join("./quote"));
    assert_eq!(find(Some(&beside), Path::new("/")).unwrap(), beside);
}

#[test]
fn an_unknown_name_lists_what_there_is() {
    let folder = TempDir::new().unwrap();
    let named = Some(Path::new("qoute"));
    assert_snapshot!(find(named, folder.path()).unwrap_err(), @"no capture `qoute`; there are none here");
    capture(&folder, ".leakgate/captures/quote", 1);
    capture(&folder, "b.leakgate", 1);
    capture(&folder, "a.leakgate", 1);
    assert_snapshot!(find(named, folder.path()).unwrap_err(), @"no capture `qoute`; there are: .leakgate/captures/quote, a.leakgate, b.leakgate");
}

#[test]
fn no_capture_at_all_says_how_to_make_one() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join(".leakgate")).unwrap();
    assert_snapshot!(find(None, folder.path()).unwrap_err(), @"no capture here; record one with `leakgate run` or `leakgate check`, or name its folder");
}

#[test]
fn options_reach_the_view() {
    let text = shown_in(Path::new("/srv/app"), "summary --at end --limit 1 --threads").unwrap();
    assert_snapshot!(text, @r"
    python main.py '--evil=</title>\x1b[31m' (pid 4242, CPython 3.11.7)
    2.5 MiB in 9,613 blocks live at the end

        own  share    total  share  blocks  function               at  thread
    1.1 MiB  42.7%  1.1 MiB  42.7%      17  _fast.so (no symbols)      main
    1.4 MiB  57.3%                   9,596  +18 more

    not counted: file mappings 300.0 MiB in 1 block, reserved 1.0 GiB in 1 block
    note: stacks deeper than 65,536 frames are cut
    note: 3 events could not be recorded: the figures are a lower bound
    ");
    let json = shown_in(Path::new("/srv/app"), "stats --json").unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["version"], &json["view"], &json["at"]), (&1.into(), &"stats".into(), &"peak".into()));
    assert_eq!(json["live"]["bytes"], 16_325_240);
}

#[test]
fn a_process_is_chosen_by_its_id_and_the_others_are_named() {
    let mut capture = sample::capture();
    let mut child = sample::profile();
    child.process.pid = 4300;
    capture.processes.push(child);
    let mut out = Vec::new();
    show(&capture, &parsed("tree --process 4300"), &Screen::pipe("/".into()), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("(pid 4300,") && text.contains("\n2 processes\n"), "{text}");
    let error = show(&capture, &parsed("tree --process 7"), &Screen::pipe("/".into()), &mut Vec::new());
    assert_snapshot!(error.unwrap_err(), @"no process 7 in this capture; there are: 4242, 4300");
    let empty = Capture { dir: "x.leakgate".into(), ..Capture::default() };
    let error = show(&empty, &parsed("tree"), &Screen::pipe("/".into()), &mut Vec::new());
    assert_snapshot!(error.unwrap_err(), @"x.leakgate: this capture holds no process");
}

#[test]
fn the_flame_graph_is_written_beside_the_current_folder_and_never_over_a_file() {
    let folder = TempDir::new().unwrap();
    assert_eq!(shown_in(folder.path(), "flamegraph").unwrap(), "quote.svg\n");
    let first = fs::read_to_string(folder.path().join("quote.svg")).unwrap();
    assert!(first.starts_with("<?xml"));
    let error = shown_in(folder.path(), "flamegraph --at end").unwrap_err();
    assert_snapshot!(error, @"quote.svg: exists already; `--force` overwrites it, `-o FILE` names another");
    assert_eq!(fs::read_to_string(folder.path().join("quote.svg")).unwrap(), first);
    assert_eq!(shown_in(folder.path(), "flamegraph --at end --force").unwrap(), "quote.svg\n");
    let second = fs::read_to_string(folder.path().join("quote.svg")).unwrap();
    assert!(second.contains("live at the end") && second.ends_with("</svg>"));
}

#[test]
fn the_flame_graph_s_json_says_what_was_written_where() {
    let folder = TempDir::new().unwrap();
    let json = shown_in(folder.path(), "flamegraph --json -o graph.svg").unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["view"], &json["file"], &json["frames"]),
        (&"flamegraph".into(), &"graph.svg".into(), &18.into())
    );
    assert!(folder.path().join("graph.svg").is_file());
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let error = shown_in(Path::new("/srv/app"), "flamegraph -o no/such/folder.svg").unwrap_err();
    assert_snapshot!(format!("{error:#}"), @"failed to write no/such/folder.svg: No such file or directory (os error 2)");
}

#[test]
fn a_limit_of_nothing_is_refused() {
    assert!(Line::try_parse_from(["view", "tree", "--limit", "0"]).is_err());
}

#[test]
fn of_the_programs_that_one_process_was_the_largest_is_shown() {
    let mut capture = sample::capture();
    let process = capture.processes[0].clone();
    let mut wrapper = process.clone();
    wrapper.totals.peak.bytes = 1;
    capture.processes.insert(0, wrapper);
    let shown =
        super::process(&capture, Some(super::Chosen { pid: process.process.pid, program: None })).unwrap();
    assert_eq!(shown.totals.peak, process.totals.peak);
    assert_eq!(recorded(&capture).iter().filter(|pid| **pid == process.process.pid).count(), 1);
}
