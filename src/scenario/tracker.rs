//! The tracker, as `build.rs` built it.

/// The preloaded library.
pub const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libleakgate.so"));
