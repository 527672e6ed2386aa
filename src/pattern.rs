//! Patterns as they are typed: a glob, or a regular expression between slashes.

use regex::{Regex, RegexBuilder};

/// Longest pattern.
const LONGEST: usize = 1_000;
/// Most memory that a compiled expression may take, in bytes.
const LARGEST: usize = 1 << 20;

/// What a text is compared with.
#[derive(Debug, Clone)]
pub struct Pattern {
    typed: String,
    regex: Regex,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Compared with the whole text.
    Glob,
    /// Searched in the text.
    Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.typed == other.typed
    }
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing was typed.
    #[error(
        "the pattern is empty; expected a text, a glob such as `shop.*`, or a regular expression between slashes"
    )]
    Empty,
    /// More was typed than is read.
    #[error("the pattern is longer than 1,000 characters")]
    TooLong,
    /// What is between the slashes cannot be compiled; the library's own words.
    #[error("this is no regular expression: {0}")]
    Regex(String),
}

impl Pattern {
    /// Reads `shop.quotes.*` or `/shop\.(quotes|orders)/`.
    ///
    /// In a glob `*` stands for any characters but `/`, `**` for any at all, `?` for one that is no `/`.
    ///
    /// # Errors
    /// When it is empty, too long, or no valid regular expression.
    pub fn parse(typed: &str) -> Result<Pattern, PatternError> {
        if typed.is_empty() {
            return Err(PatternError::Empty);
        }
        if typed.chars().count() > LONGEST {
            return Err(PatternError::TooLong);
        }
        let inside = typed.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let (kind, source) = match inside.filter(|inside| !inside.is_empty()) {
            Some(inside) => (Kind::Regex, inside.to_owned()),
            None => (Kind::Glob, expression_of(typed)),
        };
        let regex = RegexBuilder::new(&source).size_limit(LARGEST).build();
        let regex = regex.map_err(|error| PatternError::Regex(last_line(&error)))?;
        Ok(Pattern { typed: typed.to_owned(), regex, kind })
    }

    /// As it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Whether a glob is the whole text, or a regular expression is found in it.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// As [`Pattern::matches`], of a path or of its end from any folder on: `shop/*.py` is also
    /// `/home/me/shop/quotes.py`.
    pub fn matches_path(&self, path: &str) -> bool {
        let mut ends = path.match_indices('/').map(|(slash, _)| &path[slash + 1..]);
        self.matches(path) || self.kind == Kind::Glob && ends.any(|end| self.matches(end))
    }
}

/// The glob as a regular expression of the whole text.
fn expression_of(glob: &str) -> String {
    let mut expression = String::from(r"(?s)\A");
    let mut letters = glob.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.next_if_eq(&'*').is_some() => expression.push_str(".*"),
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            letter => expression.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push_str(r"\z");
    expression
}

/// The library draws the expression with a mark, and says in the last line what is wrong.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(typed: &str) -> Pattern {
        Pattern::parse(typed).expect(typed)
    }

    #[test]
    fn a_glob_is_the_whole_text_and_takes_nothing_else_for_special() {
        let cases = [
            ("sentry_sdk.hub.*", "sentry_sdk.hub.Hub._stack", true),
            ("sentry_sdk.hub.*", "sentry_sdk_hub.x", false),
            ("a[0]", "a[0]", true),
            ("a[0]", "a0", false),
            ("quote", "quote-2", false),
            ("quo?e", "quote", true),
            ("shop/*.py", "shop/a/b.py", false),
            ("shop/**.py", "shop/a/b.py", true),
            ("é*", "été", true),
        ];
        for (typed, text, matches) in cases {
            assert_eq!(pattern(typed).matches(text), matches, "{typed} {text}");
        }
    }

    #[test]
    fn a_path_may_begin_anywhere_and_not_within_a_name() {
        assert!(pattern("shop/quotes.py").matches_path("/home/me/shop/quotes.py"));
        assert!(pattern("quotes.py").matches_path("quotes.py"));
        assert!(!pattern("shop/quotes.py").matches_path("/home/me/workshop/quotes.py"));
        assert!(pattern("/home/*/shop/quotes.py").matches_path("/home/me/shop/quotes.py"));
    }

    #[test]
    fn an_expression_between_slashes_is_searched() {
        assert!(pattern("/quotes?\\.py$/").matches_path("shop/quote.py"));
        assert!(!pattern("/^quotes/").matches_path("shop/quotes.py"));
        assert!(pattern("/").matches("/"), "a lone slash is a glob");
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let error = |typed: &str| Pattern::parse(typed).expect_err(typed).to_string();
        assert_eq!(error("/(/"), "this is no regular expression: unclosed group");
        assert!(error("").starts_with("the pattern is empty"));
        assert!(error("/(a{1000}){1000}/").contains("size limit"), "{}", error("/(a{1000}){1000}/"));
        assert!(error(&"é".repeat(1_001)).contains("longer"));
    }
}
