//! The capture format.
