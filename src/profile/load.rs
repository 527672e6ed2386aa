//! Fills the model from a capture folder.
