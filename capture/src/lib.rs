//! The capture format.

/// Live figures (stand-in, to be dropped).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Live {
    /// Live bytes now.
    pub live_bytes: u64,
    /// Most live bytes so far.
    pub peak_bytes: u64,
    /// The tracker's own bytes.
    pub tracker_bytes: u64,
}

/// Reads the live figures (stand-in, to be dropped).
pub fn live(header: &[u8]) -> Option<Live> {
    let word = |offset: usize| Some(u64::from_le_bytes(header.get(offset..offset + 8)?.try_into().ok()?));
    if header.get(..8)? != b"LEAKGATE" {
        return None;
    }
    Some(Live { live_bytes: word(16)?, peak_bytes: word(24)?, tracker_bytes: word(32)? })
}
