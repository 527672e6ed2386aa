//! What is known of the keys of a cache, or of a dictionary that gets longer.

use super::Values;
use crate::heap::Owner;
use crate::heap::model::NodeKind;

/// Keys that are told, and the characters of each.
const MOST: usize = 3;
const LONGEST: usize = 40;

/// Examples of its new keys, in a sentence; they are escaped already.
pub(super) fn facts(owner: &Owner, values: Values) -> Vec<String> {
    let has_keys = matches!(owner.kind, NodeKind::Dictionary | NodeKind::OrderedDictionary | NodeKind::Cache);
    if !has_keys || owner.keys.is_empty() || values == Values::Hidden {
        return Vec::new();
    }
    let mut keys: Vec<String> = owner.keys.iter().take(MOST).map(|key| format!("`{}`", short(key))).collect();
    if owner.entries > keys.len() as i64 {
        keys.push("…".to_owned());
    }
    vec![format!("new keys: {}", keys.join(", "))]
}

fn short(key: &str) -> String {
    match key.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_key_loses_its_end_between_two_characters() {
        assert_eq!(short("sku-1"), "sku-1");
        let long = "é".repeat(41);
        assert_eq!(short(&long), format!("{}…", "é".repeat(40)));
    }
}
