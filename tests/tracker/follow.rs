//! A file is read while its process writes it: each call gives what is new, and all of them together what the whole says.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use leakgate::profile::follow::{Follower, News};
use leakgate::profile::load;

use crate::harness::folder;
use crate::python::{self, Python};

/// One iteration for each line that it reads.
const PROGRAM: &str = "\
import os, sys
tracker = sys.modules['_leakgate']
kept = [[], [0]]
print(os.getpid(), flush=True)
for index, line in enumerate(sys.stdin):
    kept[0].append(bytes(1000))
    if index == 9: kept[1] = None
    elif index < 9: kept[1].append(index)
    tracker.checkpoint(1, index + 1)
    if index % 4 == 3: tracker.containers()
    print(index, flush=True)
";

struct Running {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn of(python: &Python, capture: &Path) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        command.args(["run", "-q", "-o"]).arg(capture).arg("--").arg(&python.path).args(["-c", PROGRAM]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Running { child, input, output: BufReader::new(output).lines() }
    }

    fn line(&mut self) -> String {
        self.output.next().unwrap().unwrap()
    }

    fn iterate(&mut self) {
        self.input.write_all(b"\n").unwrap();
        self.line();
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

fn lengths(news: &News, type_name_of: u32) -> Vec<(usize, u64)> {
    let meant = news.lengths.iter().filter(|(id, ..)| *id == type_name_of);
    meant.map(|(_, at, length)| (*at, *length)).collect()
}

#[test]
fn each_call_gives_what_is_new_and_all_of_them_what_the_whole_file_says() {
    for python in python::all() {
        let folder = folder();
        let capture = folder.path().join("capture");
        let mut running = Running::of(&python, &capture);
        let pid: u32 = running.line().parse().unwrap();
        let file = File::open(capture.join(format!("process-{pid}-0.lgp"))).unwrap();
        let mut follower = Follower::default();
        let mut grown = Vec::new();
        for index in 0..12 {
            running.iterate();
            let news = follower.read(&file).unwrap();
            let iterations: Vec<u32> =
                news.checkpoints.iter().map(|checkpoint| checkpoint.iteration).collect();
            assert_eq!(iterations, [index + 1], "{python}");
            assert!(!news.checkpoints[0].changes.is_empty(), "{python}");
            if index == 7 {
                grown = news.containers.iter().map(|(id, _)| *id).collect();
                assert_eq!(grown.len(), 2, "{python}: {news:?}");
                assert_eq!(lengths(&news, grown[0]).len(), 2, "{python}: {news:?}");
            }
            if index == 8 {
                assert_eq!(news.lengths.len(), 2, "{python}: {news:?}");
            }
            if index == 9 {
                let gone: Vec<Option<usize>> = news.containers.iter().map(|(_, each)| each.gone_at).collect();
                assert_eq!((gone, news.lengths.len()), (vec![Some(9)], 1), "{python}: {news:?}");
            }
        }
        let nothing = follower.read(&file).unwrap();
        assert_eq!(
            (nothing.checkpoints.len(), nothing.containers.len(), nothing.lengths.len()),
            (0, 0, 0),
            "{python}"
        );
        let whole = load::capture(&capture).unwrap();
        let whole = whole.processes.iter().find(|profile| profile.process.pid == pid).unwrap();
        let history = follower.history();
        let sites: Vec<_> = whole.sites.iter().map(|site| (site.stack, site.allocator)).collect();
        assert_eq!(history.checkpoints, whole.checkpoints, "{python}");
        assert_eq!((&history.sites, &history.containers), (&sites, &whole.containers), "{python}");
        assert_eq!(whole.containers.len(), grown.len(), "{python}");
        running.end();
    }
}
