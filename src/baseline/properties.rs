//! What holds for every lock: reading what was printed gives it back, an update changes what it names and nothing else, and
//! no text makes the reader fail.

use std::collections::{BTreeMap, BTreeSet};

use super::model::figure_names;
use super::*;
use crate::finding::{PartKind, Rate, RateUnit};

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Small, large, negative and extreme numbers.
    fn number(&mut self) -> i64 {
        match self.below(5) {
            0 => 0,
            1 => self.below(1_000) as i64,
            2 => -(self.below(1 << 40) as i64),
            3 => *self.pick(&[i64::MIN, i64::MAX, -1, 1_023, 1_024]),
            _ => self.next() as i64,
        }
    }

    fn digest(&mut self) -> String {
        format!("{:012x}", self.next() >> 16)
    }

    fn section(&mut self, digests: &[String]) -> Section {
        let names: Vec<_> = figure_names().collect();
        let packages = (self.below(3) > 0).then(|| self.pick(digests).clone());
        let mut section = Section { packages, ..Section::default() };
        for _ in 0..self.below(6) {
            let (name, unit) = self.pick(&names).clone();
            section.figures.insert(name, AcceptedFigure { value: self.number(), unit });
        }
        for _ in 0..self.below(4) {
            let level = match self.below(3) {
                0 => Level::Present,
                1 => Level::Figure(AcceptedFigure { value: self.number(), unit: self.pick(&names).1 }),
                _ => Level::Rate(Rate {
                    total: self.number().max(0),
                    iterations: self.next().max(1),
                    unit: *self.pick(&RateUnit::ALL),
                }),
            };
            let rule = (*self.pick(&["growth", "budget-peak", "growth-fds"])).to_owned();
            let about = (*self.pick(&["", "7.9 KiB an iteration, é ≥ = [x] in f", "a # b"])).to_owned();
            let identity = Identity { scheme: self.below(3) as u32, value: self.digest() };
            let parts =
                (0..self.below(3)).map(|_| self.part()).collect::<BTreeSet<_>>().into_iter().collect();
            section.findings.insert(identity, Accepted { rule, level, about, parts });
        }
        section
    }

    fn part(&mut self) -> AcceptedPart {
        AcceptedPart {
            kind: *self.pick(&PartKind::ALL),
            identity: self.digest(),
            rate: Rate {
                total: self.number(),
                iterations: self.next().max(1),
                unit: *self.pick(&RateUnit::ALL),
            },
            about: (*self.pick(&["", "app.py in keep", "list made in é # b in <module>"])).to_owned(),
        }
    }

    fn key(&mut self) -> Key {
        let environments = ["cpython-3.11-x86_64-glibc", "cpython-3.13-x86_64-glibc", "native-aarch64-glibc"];
        Key {
            scenario: (*self.pick(&["quote", "import-app", "packages", "a.b_c", "end"])).to_owned(),
            environment: self.pick(&environments).parse().expect("an environment"),
        }
    }

    fn lock(&mut self) -> Lock {
        let mut lock = Lock::default();
        for _ in 0..=self.below(3) {
            let package = |n: u64| Package { name: format!("name-{n}"), version: format!("1.{n}+local!2") };
            lock.packages.insert(self.digest(), (0..self.below(4)).map(package).collect());
        }
        let digests: Vec<String> = lock.packages.keys().cloned().collect();
        for _ in 0..self.below(8) {
            let key = self.key();
            lock.sections.insert(key, self.section(&digests));
        }
        let used: BTreeSet<_> =
            lock.sections.values().filter_map(|section| section.packages.clone()).collect();
        lock.packages.retain(|digest, _| used.contains(digest));
        lock
    }
}

#[test]
fn what_was_printed_is_read_as_it_was() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2_000 {
        let lock = random.lock();
        let parsed = parse(&print(&lock));
        assert_eq!(parsed.problems, []);
        assert_eq!(parsed.lock, lock);
    }
}

#[test]
fn a_lock_that_is_made_section_by_section_is_the_one_that_is_printed_at_once() {
    let mut random = Random(7);
    for _ in 0..500 {
        let lock = random.lock();
        let mut updates: Vec<Update> = lock
            .sections
            .iter()
            .map(|(key, section)| Update { key: key.clone(), section: section.clone() })
            .collect();
        updates.sort_by_cached_key(|_| random.next());
        let text = updates
            .iter()
            .fold(String::new(), |text, one| update(&text, std::slice::from_ref(one), &lock.packages));
        let expected = if lock.sections.is_empty() { String::new() } else { print(&lock) };
        assert_eq!(text, expected);
    }
}

#[test]
fn an_update_changes_what_it_names_and_leaves_all_else_byte_for_byte() {
    let mut random = Random(99);
    for _ in 0..500 {
        let lock = random.lock();
        let text = print(&lock).replace("\n[", "\n# a remark of somebody\n[");
        let digest = random.digest();
        let list = vec![Package { name: "new".into(), version: "1".into() }];
        let new = Update { key: random.key(), section: random.section(std::slice::from_ref(&digest)) };
        let packages = BTreeMap::from([(digest.clone(), list.clone())]);
        let updated = update(&text, std::slice::from_ref(&new), &packages);
        let mut expected = lock.clone();
        expected.sections.insert(new.key.clone(), new.section.clone());
        expected.packages.insert(digest, list);
        let used: BTreeSet<_> =
            expected.sections.values().filter_map(|section| section.packages.clone()).collect();
        expected.packages.retain(|digest, _| used.contains(digest));
        assert_eq!(parse(&updated), Parsed { lock: expected, ..Parsed::default() });
        let layout = layout::layout(&text);
        for chunk in layout.chunks.iter().filter(|chunk| chunk.heading() != format!("[{}]", new.key)) {
            let digest = chunk.heading().strip_prefix("[packages ").and_then(|rest| rest.strip_suffix(']'));
            if digest.is_none_or(|digest| used.contains(digest)) {
                assert!(updated.contains(chunk.text), "{}\n---\n{updated}", chunk.text);
            }
        }
    }
}

#[test]
fn every_lock_that_is_cut_off_says_so_and_none_makes_the_reader_fail() {
    let mut random = Random(3);
    for _ in 0..100 {
        let text = print(&random.lock());
        // The last byte is a line break.
        for end in (0..text.len() - 1).filter(|end| text.is_char_boundary(*end)) {
            let parsed = parse(&text[..end]);
            assert!(!parsed.problems.is_empty(), "{:?}", &text[..end]);
        }
    }
}

#[test]
fn lines_in_any_order_never_make_the_reader_fail_and_problems_are_at_lines_that_exist() {
    let mut random = Random(5);
    let odd = [
        "<<<<<<< ours",
        "=======",
        ">>>>>>> theirs",
        "end",
        "[",
        "[]",
        "[ on ]",
        "= 5 B",
        "peak = ",
        "accepted",
        "\u{0}",
        "#",
    ];
    for _ in 0..500 {
        let text = print(&random.lock());
        let mut lines: Vec<&str> = text.lines().chain(odd).collect();
        lines.sort_by_cached_key(|_| random.next());
        lines.insert(0, "leakgate-lock 1");
        for problem in parse(&lines.join("\n")).problems {
            assert!((1..=lines.len() + 1).contains(&problem.line), "{problem:?}");
        }
    }
}
