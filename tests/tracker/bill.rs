//! The bill: lines that add up to what is resident, of amounts known by construction.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use leakgate::profile::load;
use leakgate::profile::{Bill, BillMoment, LineKind, Profile};
use leakgate_capture::NOTE_NO_BILL;
use leakgate_capture::read;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::harness::{Program, Recording, folder};
use crate::python;

const MIB: u64 = 1 << 20;
const PAGE: u64 = 4096;
/// What glibc puts before a block that it maps.
const HEADER: u64 = 16;

/// The bill of a moment, which adds up: its lines to what is resident, and that to the kernel's own count.
pub(crate) fn bill(profile: &Profile, moment: BillMoment) -> &Bill {
    let bill = profile.bill(&[moment]).unwrap_or_else(|| panic!("no bill {moment:?}: {:?}", profile.notes));
    let sum: u64 = bill.lines.iter().map(|line| line.bytes).sum();
    assert_eq!(sum, bill.resident, "{bill:#?}");
    let off = bill.resident.abs_diff(bill.counted);
    // The kernel counts in batches of up to 64 pages on each processor.
    assert!(off <= (bill.counted / 50).max(128 * PAGE), "{} of {}: {bill:#?}", bill.resident, bill.counted);
    bill
}

/// The bytes of lines of a kind.
pub(crate) fn line(bill: &Bill, kind: LineKind) -> u64 {
    bill.lines.iter().filter(|line| line.kind == kind).map(|line| line.bytes).sum()
}

fn end(recording: &Recording) -> &Bill {
    bill(recording.first(), BillMoment::End)
}

#[test]
fn what_is_not_touched_is_not_in_the_lines() {
    let recording = Program::of("bill").record(&["touched"]);
    let bill = end(&recording);
    assert_eq!(line(bill, LineKind::Anonymous), 8 * MIB, "{bill:#?}");
    // The first page begins with the allocator's header.
    assert_eq!(line(bill, LineKind::Heap), 16 * MIB - HEADER, "{bill:#?}");
    assert_eq!(bill.not_resident, 48 * MIB + HEADER, "{bill:#?}");
}

#[test]
fn free_memory_between_live_blocks_is_held() {
    let recording = Program::of("bill").record(&["held"]);
    let bill = end(&recording);
    let (heap, held) = (line(bill, LineKind::Heap), line(bill, LineKind::Held));
    assert!((10_000_000..10_020_000).contains(&heap), "{bill:#?}");
    // Ten thousand free blocks of 1,008 bytes with their headers, and the headers of the others.
    assert!((10_080_000..10_500_000).contains(&held), "{bill:#?}");
    assert_eq!(bill.not_resident, 0, "{bill:#?}");
}

#[test]
fn of_a_file_the_touched_pages_are_counted_under_its_name() {
    let folder = folder();
    let path = folder.path().join("a file with spaces");
    let recording = Program::of("bill").record(&["file", path.to_str().unwrap()]);
    let bill = end(&recording);
    let lines: Vec<_> = bill.lines.iter().filter(|line| line.name.ends_with("a file with spaces")).collect();
    assert_eq!(lines.len(), 1, "{bill:#?}");
    assert_eq!((lines[0].kind, lines[0].bytes), (LineKind::File, 300 * PAGE), "{bill:#?}");
}

#[test]
fn the_stacks_of_all_running_threads_are_one_line() {
    let recording = Program::of("bill").record(&["stacks"]);
    let bill = end(&recording);
    let stacks = line(bill, LineKind::Stacks);
    assert!((4 * MIB..4 * MIB + 100 * PAGE).contains(&stacks), "{bill:#?}");
    assert!(line(bill, LineKind::Unknown) < 64 * PAGE, "{bill:#?}");
}

#[test]
fn memory_that_nobody_told_of_cannot_be_attributed() {
    let recording = Program::of("bill").record(&["raw"]);
    let bill = end(&recording);
    let unknown = line(bill, LineKind::Unknown);
    assert!((24 * MIB..24 * MIB + 32 * PAGE).contains(&unknown), "{bill:#?}");
}

#[test]
fn pages_of_zeros_that_were_only_read_are_not_resident() {
    let recording = Program::of("bill").record(&["zeros"]);
    let bill = end(&recording);
    assert!((32 * MIB - 4 * PAGE..=32 * MIB).contains(&bill.not_resident), "{bill:#?}");
    assert!(line(bill, LineKind::Heap) < 16 * PAGE, "{bill:#?}");
}

#[test]
fn a_block_in_several_mappings_is_one_block() {
    let recording = Program::of("bill").record(&["advised"]);
    let bill = end(&recording);
    assert_eq!(line(bill, LineKind::Heap), 4 * MIB - HEADER, "{bill:#?}");
    assert_eq!(bill.not_resident, 12 * MIB + HEADER, "{bill:#?}");
}

#[test]
fn a_python_process_has_its_objects_and_its_libraries_in_lines() {
    const KEEPS: &str = "kept = [bytes(1000) for _ in range(20_000)]\nlarge = bytearray(b'x') * (32 << 20)\n";
    for python in python::all() {
        let recording = python.run(&["-c", KEEPS]).record().ended_well();
        let bill = end(&recording);
        let kinds = [LineKind::Objects, LineKind::PythonMemory, LineKind::Heap];
        let live: u64 = kinds.into_iter().map(|kind| line(bill, kind)).sum();
        assert!(live > 20_000 * 1033 + 32 * MIB, "{python}: {bill:#?}");
        // Blocks of more than 512 bytes come from `malloc`, with a header each; the rest is the allocators' own.
        assert!(line(bill, LineKind::Held) < bill.resident / 10, "{python}: {bill:#?}");
        assert!(line(bill, LineKind::Unknown) < bill.resident / 50, "{python}: {bill:#?}");
        assert!(bill.lines.iter().any(|line| line.name.ends_with("libc.so.6")), "{python}: {bill:#?}");
    }
}

/// A run of the program that holds 48 MiB until its input ends, once a sample of that was written.
struct Sampled {
    child: Child,
    capture: PathBuf,
    _kept: (Program, TempDir),
}

impl Sampled {
    fn start() -> Sampled {
        let (program, folder) = (Program::of("bill"), folder());
        let capture = folder.path().join("capture");
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        command.args(["run", "-q", "-o"]).arg(&capture).arg("--").arg(program.path()).arg("waiting");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        while !is_sampled(&capture) {
            assert!(Instant::now() < deadline, "no sample of the peak");
            std::thread::sleep(Duration::from_millis(20));
        }
        Sampled { child, capture, _kept: (program, folder) }
    }

    fn profile(&self) -> Profile {
        load::capture(&self.capture).unwrap().processes.remove(0)
    }
}

/// The block of 48 MiB is all but a little of the heap; the sample may have come while its last pages were touched.
fn is_the_block(bill: &Bill) {
    let live = line(bill, LineKind::Heap) + bill.not_resident;
    assert!((48 * MIB..48 * MIB + 32 * PAGE).contains(&live), "{bill:#?}");
    assert!(bill.not_resident < 4 * MIB, "{bill:#?}");
}

fn is_sampled(capture: &Path) -> bool {
    let text = fs::read_to_string(capture.join("resident.json")).unwrap_or_default();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let samples = file["samples"].as_array().cloned().unwrap_or_default();
    samples.iter().any(|kept| kept["kept_for"] == "peak" && kept["resident"].as_u64() > Some(48 * MIB))
}

#[test]
fn the_peak_is_sampled_from_outside_while_the_process_runs() {
    let mut sampled = Sampled::start();
    drop(sampled.child.stdin.take());
    assert!(sampled.child.wait().unwrap().success());
    let profile = sampled.profile();
    for moment in [BillMoment::Peak, BillMoment::Largest] {
        let bill = bill(&profile, moment);
        is_the_block(bill);
        assert!(bill.sampled.is_some());
    }
    assert!(line(bill(&profile, BillMoment::End), LineKind::Heap) < MIB);
    assert!(profile.bill(&[BillMoment::Last]).is_none(), "the end is known");
}

#[test]
fn a_process_that_is_killed_has_the_last_sample() {
    let mut sampled = Sampled::start();
    let pid = i32::try_from(sampled.profile().process.pid).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    assert_eq!(sampled.child.wait().unwrap().signal(), Some(Signal::SIGKILL as i32));
    let profile = sampled.profile();
    let last = bill(&profile, BillMoment::Last);
    is_the_block(last);
    assert!(
        last.sampled.as_deref().is_some_and(|text| text.ends_with("before the end was seen")),
        "{last:#?}"
    );
    assert!(profile.bill(&[BillMoment::End]).is_none());
}

/// Four workers that live 0.3 s, and end by `_exit`, by it from a signal handler, by exiting, and by a signal: the last once
/// it was seen from outside.
const WORKERS: &str = r#"
import os, signal, sys, time
kept = []
mapped = [line.split()[-1] for line in open('/proc/self/maps') if line.rstrip().endswith('.lgp')]
SAMPLES = os.path.join(os.path.dirname(mapped[0]), 'resident.json')
def wait_for_sample():
    name = 'process-%d-' % os.getpid()
    while not os.path.exists(SAMPLES) or name not in open(SAMPLES).read(): time.sleep(0.01)
def work(number):
    kept.extend(bytes(1000) for _ in range(2000))
    time.sleep(0.3)
    if number == 1: signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
    if number == 2: sys.exit(2)
    if number == 3: wait_for_sample()
    if number % 2: os.kill(os.getpid(), signal.SIGTERM)
    os._exit(0)
children = []
for number in range(4):
    children.append(os.fork())
    if children[-1] == 0: work(number)
print([os.waitpid(child, 0)[1] for child in children])
"#;

#[test]
fn a_worker_that_lives_a_moment_has_its_bill_however_it_ends() {
    for python in python::all() {
        let recording = python.run(&["-S", "-c", WORKERS]).record().ended_well();
        assert_eq!(recording.stdout(), "[0, 256, 512, 15]\n", "{python}");
        let workers = &recording.capture.processes[1..];
        assert_eq!(workers.len(), 4, "{python}");
        let has =
            |moment| workers.iter().filter(|worker| worker.bill(&[moment]).is_some()).collect::<Vec<_>>();
        // One that a signal ends cannot look at itself: it has what was seen of it from outside.
        let (at_end, killed) = (has(BillMoment::End), has(BillMoment::Last));
        assert_eq!((at_end.len(), killed.len()), (3, 1), "{python}");
        bill(killed[0], BillMoment::Last);
        for worker in at_end {
            assert!(line(bill(worker, BillMoment::End), LineKind::Objects) >= 2_000_000, "{python}");
        }
    }
}

#[test]
fn where_the_process_may_not_look_at_itself_the_capture_says_so() {
    // A process that may not be dumped may not open its own files in /proc, unless it is the superuser's.
    const HIDES: &str = "import ctypes, os\n\
        os.setuid(65534) if os.getuid() == 0 else None\n\
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n\
        try:\n    open('/proc/self/pagemap')\n    print('open')\n\
        except PermissionError:\n    print('closed')\n";
    let recording = python::newest().run(&["-c", HIDES]).record().ended_well();
    assert_eq!(recording.stdout().trim(), "closed");
    assert!(recording.first().bill(&[BillMoment::End]).is_none());
    let bytes = fs::read(&recording.files()[0]).unwrap();
    assert_ne!(read::file(&bytes).unwrap().head.notes & NOTE_NO_BILL, 0);
}
