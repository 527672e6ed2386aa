//! The heap snapshot's format: what is written is what is read, and nothing in a file makes the reader panic.

#![cfg(feature = "read")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use leakgate_capture::heap::read::{self, HeapRoot};
use leakgate_capture::heap::{
    FLAG_BLOCK, FLAG_DESCRIPTOR, FLAG_LENGTH, FLAG_OWNED, HEAD_LEN, HEAP_MAGIC, HEAP_VERSION, Known, Label,
    NAME_OBJECT, NAME_TYPE, NodeKind, ROOT_FRAME, ROOT_LOCAL, ROOT_MODULES, TEXT_CUT, fold, unfold,
};
use leakgate_capture::read::ReadError;

fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut number in numbers.iter().copied() {
        while number >= 128 {
            bytes.push(number as u8 | 128);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    bytes
}

fn reference(label: Label, own: i64, to: i64) -> [u64; 2] {
    [label.encode() + 1, fold(to - own)]
}

/// Two objects: a dictionary at 0x1000 that refers to a string at 0x800 as key and value, and that string.
fn sample() -> Vec<u8> {
    let mut nodes = numbers(&[
        FLAG_BLOCK | FLAG_OWNED | FLAG_LENGTH,
        NodeKind::Dictionary as u64,
        fold(0x200),
        1,
        3,
        64,
        7,
        300,
        9,
        1,
    ]);
    nodes.extend(numbers(&reference(Label::DictionaryKey, 0, 1)));
    nodes.extend(numbers(&reference(Label::Key(1), 0, 1)));
    nodes.extend(numbers(&[0]));
    nodes.extend(numbers(&[FLAG_DESCRIPTOR, NodeKind::Descriptor as u64, fold(0x100 - 0x200), 1, 2, 5, 0]));
    let mut texts = numbers(&[1, 5 | TEXT_CUT]);
    texts.extend(b"price");
    let mut names = numbers(&[1, NAME_TYPE, 3]);
    names.extend(b"str");
    names.extend(numbers(&[0, NAME_OBJECT, 1]));
    let roots = numbers(&[ROOT_MODULES, 0, ROOT_FRAME, 4, 1, 1, 17, 1, ROOT_LOCAL, 0, 2]);
    file((2, 2), [nodes, texts, names, roots])
}

fn file((nodes, edges): (u64, u64), streams: [Vec<u8>; 4]) -> Vec<u8> {
    let mut bytes = HEAP_MAGIC.to_vec();
    for small in [HEAP_VERSION, 42, 1, 2, 9, 0x030b_0700, 0, 0] {
        bytes.extend(small.to_le_bytes());
    }
    let lengths = streams.iter().map(|stream| stream.len() as u64);
    for large in [nodes, edges, 0].into_iter().chain(lengths).chain([1_000, 2_000]) {
        bytes.extend(large.to_le_bytes());
    }
    bytes.resize(HEAD_LEN, 0);
    streams.iter().for_each(|stream| bytes.extend(stream));
    bytes
}

#[test]
fn what_is_written_is_read() {
    let file = read::file(&sample()).unwrap();
    let head = &file.head;
    assert_eq!((head.pid, head.sequence, head.number, head.checkpoint), (42, 1, 2, 9));
    assert_eq!((head.nodes, head.edges, head.took_ns, head.memory), (2, 2, 1_000, 2_000));
    assert_eq!(
        (file.addresses, file.kinds),
        (vec![0x1000, 0x800], vec![NodeKind::Dictionary, NodeKind::Descriptor])
    );
    assert_eq!((file.types, file.references, file.bytes), (vec![1, 1], vec![3, 2], vec![364, 0]));
    assert_eq!((file.sites, file.filled, file.lengths), (vec![7, 0], vec![9, 0], vec![1, u64::MAX]));
    assert_eq!(file.descriptors, [(1, 5)]);
    assert_eq!((file.starts, file.to), (vec![0, 2, 2], vec![1, 1]));
    assert_eq!(file.labels, [Label::DictionaryKey, Label::Key(1)]);
    assert_eq!(file.texts, [(1, b"price".to_vec(), true)]);
    assert_eq!(file.type_names, [(1, b"str".to_vec())]);
    assert_eq!(file.names, [(0, NAME_OBJECT as u8, 1)]);
    let frame = HeapRoot::Frame { thread: 4, function: 1, file: 1, line: 17, is_own: true };
    assert_eq!(file.roots, [HeapRoot::Modules(0), frame, HeapRoot::Local { node: 0, name: Some(1) }]);
}

#[test]
fn every_label_is_read_as_it_was_written() {
    let largest = (1 << 28) - 1;
    let mut labels = vec![Label::None, Label::DictionaryKey, Label::Element];
    for number in [0, 1, largest] {
        labels.extend([Label::Attribute(number), Label::Key(number), Label::Item(number)]);
        labels.extend([Label::KeyObject(number), Label::Variable(number)]);
    }
    labels.extend(Known::ALL.iter().map(|known| Label::Known(*known)));
    for label in labels {
        assert_eq!(Label::decode(label.encode()), Some(label));
    }
    for number in [0, 1, -1, i64::MAX, i64::MIN] {
        assert_eq!(unfold(fold(number)), number);
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let whole = sample();
    for length in 0..whole.len() {
        assert!(read::file(&whole[..length]).is_err(), "{length} bytes");
    }
    let mut other = whole.clone();
    other[8] = 9;
    assert_eq!(read::file(&other).unwrap_err(), ReadError::Version(9));
}

#[test]
fn no_change_of_a_byte_makes_the_reader_panic_or_name_what_is_not_there() {
    let whole = sample();
    for at in 0..whole.len() {
        for value in [0, 1, 2, 127, 128, 255] {
            let mut changed = whole.clone();
            changed[at] = value;
            let Ok(file) = read::file(&changed) else { continue };
            let nodes = file.addresses.len() as u32;
            assert_eq!(
                (file.starts.len() as u32, file.starts[nodes as usize] as usize),
                (nodes + 1, file.to.len())
            );
            assert!(file.to.iter().chain(&file.types).all(|node| *node < nodes), "byte {at} is {value}");
        }
    }
}

#[test]
fn a_file_that_counts_more_than_it_holds_takes_no_memory_for_it() {
    let mut changed = sample();
    // The number of objects: more than the file has room for.
    changed[40..48].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert!(read::file(&changed).is_err());
}
