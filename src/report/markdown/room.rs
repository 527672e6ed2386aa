//! How long a report may be, and in what that is counted.

/// Characters that GitHub takes in one comment. Some are left for what is added when a comment is brought up to date.
const COMMENT: usize = 65_536 - 64;
/// A code unit of UTF-16 is at most this many bytes of UTF-8.
const BYTES: usize = 3;

/// Room for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Room {
    /// A comment's. GitHub counts characters, whichever; code units of UTF-16 are never fewer, and fewer than bytes.
    Comment,
    /// What is left of a job's summary, in bytes.
    Summary(usize),
}

impl Room {
    pub(super) fn size(self, text: &str) -> usize {
        match self {
            Room::Comment => text.encode_utf16().count(),
            Room::Summary(_) => text.len(),
        }
    }

    fn most(self) -> usize {
        match self {
            Room::Comment => COMMENT,
            Room::Summary(bytes) => bytes,
        }
    }

    /// Whether a text fits.
    pub(super) fn has(self, text: &str) -> bool {
        self.size(text) <= self.most()
    }

    /// What a text leaves.
    pub(super) fn left(self, text: &str) -> usize {
        self.most().saturating_sub(self.size(text))
    }

    /// Whether a text of so many bytes cannot fit, however it is counted.
    pub(super) fn is_far_below(self, bytes: usize) -> bool {
        bytes / BYTES > self.most()
    }

    /// What the reader calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Room::Comment => "a comment",
            Room::Summary(_) => "the job's summary",
        }
    }

    /// As much of a text as fits: better than one that is refused.
    pub(super) fn cut(self, text: &str) -> String {
        let mut left = self.most();
        let fits = |c: &char| {
            let rest = left.checked_sub(self.size(c.encode_utf8(&mut [0; 4])));
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        text.chars().take_while(fits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_the_room_ends_in_whole_characters() {
        assert_eq!(Room::Summary(4).cut("a€€"), "a€");
        let text = "😀".repeat(COMMENT);
        assert_eq!(Room::Comment.cut(&text).chars().count(), COMMENT / 2);
        assert!(Room::Comment.has(&"€".repeat(COMMENT)) && !Room::Comment.has(&"€".repeat(COMMENT + 1)));
    }
}
