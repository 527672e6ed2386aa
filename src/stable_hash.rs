//! Hashes that are the same for all time, where the standard library's may change with any release.

/// FNV-1a, 64 bits.
#[derive(Debug, Clone, Copy)]
pub struct Fnv(pub u64);

impl Fnv {
    /// Of nothing.
    pub fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Adds a field and its end, so that `ab, c` and `a, bc` differ.
    pub fn field(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0xff]);
    }
}

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv::new()
    }
}

/// Sixteen hexadecimal digits that tell one text from another. No protection against who wants them to be the same.
pub fn digest(text: &str) -> String {
    let mut hash = Fnv::new();
    hash.bytes(text.as_bytes());
    format!("{:016x}", hash.0)
}

/// A number whose every bit depends on the whole text: the lowest bits of FNV-1a alone depend on the lowest bits of
/// the text's bytes only. The last step is that of SplitMix64.
pub fn spread(text: &str) -> u64 {
    let mut hash = Fnv::new();
    hash.bytes(text.as_bytes());
    let mixed = (hash.0 ^ (hash.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_fnv_1a() {
        assert_eq!(digest("foobar"), "85944171f73967e8");
        assert_eq!(digest(""), "cbf29ce484222325");
    }

    #[test]
    fn names_that_differ_in_a_digit_are_spread_over_all_remainders() {
        for parts in [2, 3, 4, 7] {
            let mut counts = vec![0; parts as usize];
            (0..1_000).for_each(|index| counts[(spread(&format!("s{index:04}")) % parts) as usize] += 1);
            let fair = 1_000 / parts as i32;
            assert!(counts.iter().all(|count| (count - fair).abs() < fair / 4), "{counts:?}");
        }
    }
}
