//! A damaged capture: an error or a profile, never a panic, and never without end.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use leakgate::profile::load::{self, LoadError};
use leakgate_capture::read::{self, ReadError};

use crate::harness::{Recording, folder};
use crate::python;

const PROGRAM: &str = "\
import threading
kept = []
def work(depth):
    kept.append(bytes(1000))
    if depth: work(depth - 1)
work(20)
thread = threading.Thread(target=work, args=(5,)); thread.start(); thread.join()
";

/// A small real capture with all kinds of records, and its only file.
fn sample() -> (Recording, Vec<u8>) {
    let recording = python::newest().run(&["-S", "-c", PROGRAM]).record().ended_well();
    let files = recording.files();
    assert_eq!(files.len(), 1);
    let bytes = fs::read(&files[0]).unwrap();
    (recording, bytes)
}

/// Reads a file within a time that no reader needs which comes to an end.
fn read(bytes: &[u8]) -> Result<read::File, ReadError> {
    let start = Instant::now();
    let result = read::file(bytes);
    assert!(start.elapsed() < Duration::from_secs(20), "{result:?}");
    result
}

/// Loads a capture of one file, without the seal that would tell the damage.
fn load(folder: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    fs::write(folder.join("process-1-0.lgp"), bytes).unwrap();
    load::capture(folder).map(drop)
}

/// A generator of numbers that are the same each time (xorshift).
fn numbers() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(0x9e37_79b9_7f4a_7c15u64), |last| {
        let mut next = *last;
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        Some(next)
    })
    .skip(1)
}

#[test]
fn a_truncated_capture_is_an_error_at_every_length() {
    let (_recording, bytes) = sample();
    let chunks = u32::from_le_bytes(bytes[80..84].try_into().unwrap()) as usize;
    let used = chunks * leakgate_capture::CHUNK;
    let odd = [1, 7, 8, 11, 12, 79, 83, 143, 4095, 4097, 65_535, 65_537, used - 1];
    for length in (0..used).step_by(4096).chain(odd) {
        match read(&bytes[..length]) {
            Err(ReadError::NotStarted) => assert_eq!(length, 0),
            Err(ReadError::NotACapture) => assert!(length < 12, "{length}"),
            Err(ReadError::Truncated { found, .. }) => assert_eq!(found, length as u64),
            other => panic!("{length} bytes of {used}: {:?}", other.map(drop)),
        }
    }
    // What is behind the chunks in use was reserved ahead, and means nothing.
    read(&bytes[..used]).unwrap();
}

/// Places whose bytes mean something: the header, and all that is not zero.
fn places(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|at| *at < 144 || bytes[*at] != 0).collect()
}

#[test]
fn two_thousand_changed_bytes_are_read_or_refused() {
    let (_recording, mut bytes) = sample();
    let places = places(&bytes);
    let (mut read_well, mut refused) = (0, 0);
    let mut random = numbers();
    for _ in 0..2000 {
        let at = places[random.next().unwrap() as usize % places.len()];
        let flip = (random.next().unwrap() % 255 + 1) as u8;
        bytes[at] ^= flip;
        match read(&bytes) {
            Ok(_) => read_well += 1,
            Err(_) => refused += 1,
        }
        bytes[at] ^= flip;
    }
    assert!(read_well > 100 && refused > 100, "{read_well} read, {refused} refused");
    read(&bytes).unwrap();
}

#[test]
fn figures_that_cannot_be_are_read_or_refused() {
    let (_recording, bytes) = sample();
    let extremes =
        [0u64, 1, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, i64::MIN as u64, u64::MAX, 1 << 24, 1 << 40];
    for at in (8..184).step_by(4) {
        for extreme in extremes {
            let mut changed = bytes.clone();
            changed[at..at + 8].copy_from_slice(&extreme.to_le_bytes());
            let _ = read(&changed);
        }
    }
}

#[test]
fn a_whole_capture_with_changed_bytes_is_loaded_or_refused() {
    let (_recording, mut bytes) = sample();
    let folder = folder();
    load(folder.path(), &bytes).unwrap();
    let places = places(&bytes);
    let mut random = numbers();
    for _ in 0..150 {
        let at = places[random.next().unwrap() as usize % places.len()];
        // The highest bit of a byte: of the bytes that mean something, this changes figures the most.
        bytes[at] ^= 0x80;
        let _ = load(folder.path(), &bytes);
        bytes[at] ^= 0x80;
    }
    // Each counter of a site at its ends: sums must not overflow.
    let file = read(&bytes).unwrap();
    let sites = site_offsets(&bytes, file.sites.len());
    for extreme in [i64::MAX, i64::MIN, -1] {
        for field in (0..48).step_by(8) {
            let mut changed = bytes.clone();
            for at in &sites {
                changed[at + field..at + field + 8].copy_from_slice(&extreme.to_le_bytes());
            }
            load(folder.path(), &changed).unwrap();
        }
    }
}

/// Where the records of sites are: the chunks whose entry in the directory names section 1.
fn site_offsets(bytes: &[u8], count: usize) -> Vec<usize> {
    let chunk = leakgate_capture::CHUNK;
    let entry = |n: usize| u32::from_le_bytes(bytes[chunk + n * 4..chunk + n * 4 + 4].try_into().unwrap());
    let of_sites = (2..bytes.len() / chunk).filter(|n| entry(*n) >> 24 == 1);
    of_sites.flat_map(|n| (0..chunk / 64).map(move |record| n * chunk + record * 64)).take(count).collect()
}

#[test]
fn a_capture_that_was_changed_after_it_was_sealed_is_refused() {
    let (recording, bytes) = sample();
    let path = &recording.files()[0];
    load::capture(&recording.path()).unwrap();
    let places = places(&bytes);
    for number in numbers().take(20) {
        let mut changed = bytes.clone();
        changed[places[number as usize % places.len()]] ^= 1;
        fs::write(path, &changed).unwrap();
        let error = load::capture(&recording.path()).unwrap_err();
        assert!(error.to_string().contains("its checksum differs"), "{error}");
    }
    fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(load::capture(&recording.path()).unwrap_err().to_string().contains("bytes instead of"));
    fs::remove_file(path).unwrap();
    load::capture(&recording.path()).unwrap_err();
}

#[test]
fn a_description_of_another_version_is_refused() {
    let (recording, bytes) = sample();
    let folder = folder();
    let description = fs::read_to_string(recording.path().join("run.json")).unwrap();
    let with_version = |version: u32| {
        let other = description.replace("\"version\": 1", &format!("\"version\": {version}"));
        assert_eq!(other == description, version == 1);
        fs::write(folder.path().join("run.json"), other).unwrap();
        load(folder.path(), &bytes)
    };
    with_version(1).unwrap();
    let error = with_version(2).unwrap_err().to_string();
    assert!(error.contains("run.json` is version 2; this leakgate reads version 1"), "{error}");
}

#[test]
fn a_module_that_is_no_file_is_not_read() {
    let (_recording, mut bytes) = sample();
    let folder = folder();
    // Opening it would wait for a writer, which never comes.
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (old, new) = (module_path(&bytes), pipe.to_str().unwrap().as_bytes());
    assert!(new.len() <= old.len(), "the pipe's path does not fit into the place of {old}");
    let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
    bytes[at - 4..at].copy_from_slice(&(new.len() as u32).to_le_bytes());
    bytes[at..at + new.len()].copy_from_slice(new);
    let (done, wait) = std::sync::mpsc::channel();
    let path = folder.path().to_owned();
    std::thread::spawn(move || done.send(load(&path, &bytes)));
    wait.recv_timeout(Duration::from_secs(60)).expect("the loader waits for a pipe").unwrap();
}

/// The module of the first native frame.
fn module_path(bytes: &[u8]) -> String {
    let file = read(bytes).unwrap();
    let native = file.frames.iter().find(|frame| frame.kind == leakgate_capture::FRAME_NATIVE).unwrap();
    let module =
        file.modules.iter().find(|module| (module.start..module.end).contains(&native.address)).unwrap();
    file.string(module.path).into_owned()
}

#[test]
fn of_a_capture_with_one_damaged_process_the_others_are_shown() {
    const TWO: &str = "\
import subprocess, sys
subprocess.run([sys.executable, '-S', '-c', 'kept = bytes(1 << 20)'], check=True)
kept = bytes(4 << 20)
";
    let recording = python::newest().run(&["-S", "-c", TWO]).record().ended_well();
    let path = recording.path();
    let [parent, child] = &recording.capture.processes[..] else { panic!("two processes") };
    let file_of = |pid: u32| path.join(format!("process-{pid}-0.lgp"));
    let (parent, child) = (parent.process.pid, child.process.pid);
    let view = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        let output = command.arg("view").args(words).arg(&path).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let whole = fs::read(file_of(child)).unwrap();
    let mut damaged = whole.clone();
    damaged[leakgate_capture::CHUNK * 2] ^= 1;
    fs::write(file_of(child), damaged).unwrap();
    let told = format!(
        "`{}` was changed or damaged after it was recorded (its checksum differs): this process is left out",
        file_of(child).display()
    );
    for kind in ["summary", "table", "tree", "stats"] {
        let (code, stdout, stderr) = view(&[kind]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{kind}: {stdout}");
        assert!(stdout.contains(&format!("(pid {parent}")), "{kind}: {stdout}");
        assert!(stdout.contains(&format!("note: {told}")), "{kind}: {stdout}");
    }
    let (code, _, stderr) = view(&["summary", "--process", &child.to_string()]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains(&format!("no process {child} in this capture; there are: {parent}")), "{stderr}");
    let picture = path.with_extension("svg");
    let (code, _, stderr) = view(&["flamegraph", "-o", picture.to_str().unwrap()]);
    assert_eq!((code, stderr), (Some(0), format!("leakgate: note       {told}\n")));
    // What is judged must be whole.
    assert!(load::capture(&path).unwrap_err().to_string().contains("its checksum differs"));
    // Where nothing is left, it is an error.
    fs::write(file_of(parent), &whole).unwrap();
    let (code, stdout, stderr) = view(&["summary"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("was changed or damaged after it was recorded"), "{stderr}");
}

#[test]
fn empty_pages_of_a_finished_capture_take_no_space() {
    const PAGE: usize = 4096;
    let (recording, bytes) = sample();
    let empty = bytes.chunks_exact(PAGE).filter(|page| page.iter().all(|byte| *byte == 0)).count();
    assert!(empty * 4 > bytes.len() / PAGE, "{empty} pages of {} are empty", bytes.len() / PAGE);
    let taken = fs::metadata(&recording.files()[0]).unwrap().blocks() as usize * 512;
    // The file system has a page or two of its own for where the holes are.
    assert!(
        taken <= bytes.len() - empty * PAGE + 4 * PAGE,
        "{taken} of {} bytes, {empty} empty pages",
        bytes.len()
    );
}
