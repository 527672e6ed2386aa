//! Whether examples of what a program keeps may be told.

/// Whether examples of what a program keeps may be told: keys of its dictionaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// They may.
    Shown,
    /// Only what names things in the code.
    Hidden,
}
