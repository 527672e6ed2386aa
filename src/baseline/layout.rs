//! The text of a lock, cut into sections: what is read, and what an update leaves byte for byte.

/// The last line of a lock: without it the file was cut off.
pub(super) const END: &str = "end";

/// A lock's text in its parts; together they are the whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout<'a> {
    /// Before the first section.
    pub(super) head: &'a str,
    /// The sections.
    pub(super) chunks: Vec<Chunk<'a>>,
    /// From the last line on; empty where there is none.
    pub(super) tail: &'a str,
    /// Line of the tail, from 1.
    pub(super) tail_line: usize,
}

/// A section's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// Its lines, the heading first.
    pub(super) text: &'a str,
    /// Line of the heading, from 1.
    pub(super) line: usize,
}

impl<'a> Chunk<'a> {
    /// The heading as it is written.
    pub(super) fn heading(&self) -> &'a str {
        self.text.lines().next().unwrap_or_default().trim()
    }
}

/// Cuts a text into its parts.
pub(super) fn layout(text: &str) -> Layout<'_> {
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let (mut at, mut end) = (0, None);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_end() == END {
            end = Some((at, index + 1));
            break;
        }
        if line.starts_with('[') {
            starts.push((at, index + 1));
        }
        at += line.len();
    }
    let (stop, tail_line) = end.unwrap_or((text.len(), text.lines().count() + 1));
    let chunk = |(index, (start, line)): (usize, &(usize, usize))| {
        let next = starts.get(index + 1).map_or(stop, |(next, _)| *next);
        Chunk { text: &text[*start..next], line: *line }
    };
    Layout {
        head: &text[..starts.first().map_or(stop, |(start, _)| *start)],
        chunks: starts.iter().enumerate().map(chunk).collect(),
        tail: &text[stop..],
        tail_line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_text_are_the_whole_text() {
        for text in [
            "",
            "x",
            "[a]\n",
            "# c\n[a]\nb\n\n[c]\nend\nmore\n",
            "end",
            "[a]\r\nb\r\nend\r\n",
            "\n\n[",
            "[a]\n end\n",
        ] {
            let layout = layout(text);
            let chunks: String = layout.chunks.iter().map(|chunk| chunk.text).collect();
            assert_eq!(format!("{}{chunks}{}", layout.head, layout.tail), text);
        }
    }

    #[test]
    fn sections_and_the_end_know_their_lines() {
        let layout = layout("# c\n[a]\nb\n[c]\nend\n");
        let lines: Vec<(&str, usize)> =
            layout.chunks.iter().map(|chunk| (chunk.heading(), chunk.line)).collect();
        assert_eq!((lines, layout.tail_line), (vec![("[a]", 2), ("[c]", 4)], 5));
    }
}
