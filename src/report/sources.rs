//! What a report may know of the files that findings name; where nothing is known, nothing is said.

/// A change under review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What its forge calls it: `pull request`.
    pub noun: &'static str,
    /// The branch that it is to be merged into; empty where that is not known.
    pub target: String,
}

/// The files that findings name, by their paths as findings have them.
///
/// A function that gives their texts is one that knows nothing else.
pub trait Sources {
    /// The text; `None` where it cannot be shown.
    fn text(&self, file: &str) -> Option<String>;

    /// Lines of it, as many as are wanted from `first` on; fewer where the text is shorter.
    fn lines(&self, file: &str, first: u32, wanted: usize) -> Option<Vec<String>> {
        self.text(file).map(|text| lines_of(&text, first, wanted))
    }

    /// The path from the top of the repository, with `/`; `None` where the file is outside of it.
    fn path(&self, file: &str) -> Option<String> {
        let plain = file.strip_prefix("./").unwrap_or(file);
        let is_inside =
            !plain.is_empty() && !plain.starts_with('/') && !plain.split('/').any(|part| part == "..");
        is_inside.then(|| plain.to_owned())
    }

    /// Whether the change under review added or changed this line; `None` where that is not known.
    fn is_changed(&self, _file: &str, _line: u32) -> Option<bool> {
        None
    }

    /// The change under review, where this is about one.
    fn review(&self) -> Option<Review> {
        None
    }

    /// Where a reader can look at the line in a browser.
    fn link(&self, _file: &str, _line: u32) -> Option<String> {
        None
    }
}

impl<F: Fn(&str) -> Option<String>> Sources for F {
    fn text(&self, file: &str) -> Option<String> {
        self(file)
    }
}

/// Lines of a text, as many as are wanted from `first` on.
pub fn lines_of(text: &str, first: u32, wanted: usize) -> Vec<String> {
    text.lines().skip(first.saturating_sub(1) as usize).take(wanted).map(str::to_owned).collect()
}

/// A path in an address: what is not plain there, and might end a link of Markdown, is written in percents.
pub fn encoded(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let part = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.bytes().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_inside_of_the_repository_or_none() {
        let nothing = |_: &str| None::<String>;
        assert_eq!(nothing.path("./shop/a.py").as_deref(), Some("shop/a.py"));
        for outside in ["/usr/lib/a.py", "../a.py", "shop/../../a.py", ""] {
            assert_eq!(nothing.path(outside), None, "{outside}");
        }
    }
}
