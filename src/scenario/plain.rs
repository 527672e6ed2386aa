//! The output of programs as text that is safe to show.

use std::sync::LazyLock;

use regex::Regex;

/// Terminal sequences: CSI (colours, cursor), OSC and its like up to their end, and two-character escapes.
static SEQUENCES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
        .expect("a valid expression")
});

/// Text without terminal sequences and control characters but line feeds and tabs.
pub fn plain(text: &str) -> String {
    let text = SEQUENCES.replace_all(text, "");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}
