//! The text of `smaps`, line by line.

use super::Process;

/// A mapping, without its name: that stands in the buffer for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mapping {
    pub start: u64,
    pub end: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Whether a file is behind it (it has an inode).
    pub has_file: bool,
    pub is_writable: bool,
    /// Bytes of the name.
    pub name: usize,
    /// Resident bytes.
    pub resident: u64,
    /// Whether it is kept out of core dumps and without reserve, as the tracker's own memory is.
    pub is_marked: bool,
}

/// Reads `smaps`, mapping by mapping.
pub(super) struct Reader<'a> {
    text: &'a mut [u8],
    start: usize,
    filled: usize,
    /// A head line that was met while the mapping before it was read.
    next: Option<Mapping>,
    next_name: &'a mut [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a mut [u8], name: &'a mut [u8]) -> Self {
        Reader { text, start: 0, filled: 0, next: None, next_name: name }
    }

    /// The next mapping, its name in `name`. `Some(None)`: there is none. `None`: it cannot be read.
    pub(super) fn next<P: Process>(&mut self, process: &mut P, name: &mut [u8]) -> Option<Option<Mapping>> {
        let mut mapping = self.next.take();
        if let Some(mapping) = &mapping {
            name.get_mut(..mapping.name)?.copy_from_slice(self.next_name.get(..mapping.name)?);
        }
        while let Some((from, to)) = self.line(process)? {
            let line = self.text.get(from..to)?;
            match head(line) {
                Some((found, text)) if mapping.is_some() => {
                    self.next = Some(keep_name(found, text, self.next_name));
                    return Some(mapping);
                }
                Some((found, text)) => mapping = Some(keep_name(found, text, name)),
                None => {
                    if let Some(mapping) = &mut mapping {
                        detail(line, mapping);
                    }
                }
            }
        }
        Some(mapping)
    }

    /// Where the next line stands. `Some(None)` at the end.
    fn line<P: Process>(&mut self, process: &mut P) -> Option<Option<(usize, usize)>> {
        loop {
            let rest = self.text.get(self.start..self.filled)?;
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let from = self.start;
                self.start += length + 1;
                return Some(Some((from, from + length)));
            }
            self.text.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
            let read = process.smaps(self.text.get_mut(self.filled..)?)?;
            if read == 0 {
                return Some(None);
            }
            self.filled += read;
        }
    }
}

fn keep_name(mapping: Mapping, text: &[u8], into: &mut [u8]) -> Mapping {
    let length = text.len().min(into.len());
    into[..length].copy_from_slice(&text[..length]);
    Mapping { name: length, ..mapping }
}

/// `start-end perms offset device inode   name`; `None` for any other line.
fn head(line: &[u8]) -> Option<(Mapping, &[u8])> {
    let mut fields = line.splitn(6, |byte| *byte == b' ');
    let range = fields.next()?;
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let (start, end) = (hexadecimal(range.get(..dash)?)?, hexadecimal(range.get(dash + 1..)?)?);
    let permissions = fields.next()?;
    let offset = hexadecimal(fields.next()?)?;
    let inode = fields.nth(1)?;
    let name = fields.next().map_or(&b""[..], <[u8]>::trim_ascii);
    let mapping = Mapping {
        start,
        end,
        offset,
        has_file: inode != b"0",
        is_writable: permissions.get(1) == Some(&b'w'),
        ..Mapping::default()
    };
    Some((mapping, name))
}

fn detail(line: &[u8], mapping: &mut Mapping) {
    if let Some(rest) = line.strip_prefix(b"Rss:") {
        mapping.resident = number(rest) * 1024;
    } else if let Some(flags) = line.strip_prefix(b"VmFlags:") {
        let has = |flag: &[u8]| flags.split(|byte| *byte == b' ').any(|there| there == flag);
        mapping.is_marked = has(b"dd") && has(b"nr");
    }
}

fn number(text: &[u8]) -> u64 {
    let digits = text.iter().skip_while(|byte| **byte == b' ').take_while(|byte| byte.is_ascii_digit());
    digits.fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits
        .iter()
        .try_fold(0u64, |number, digit| Some(number << 4 | u64::from((*digit as char).to_digit(16)?)))
}
