//! What is known of the keys of a cache, or of a dictionary that gets longer.

use super::Values;
use crate::heap::model::NodeKind;

/// Keys that are told, and the characters of each.
const MOST: usize = 3;
const LONGEST: usize = 40;
/// Of these, those of its end.
const END: usize = 16;

/// Examples of its new keys, in a sentence; they are escaped already.
pub(super) fn facts(kind: NodeKind, keys: &[String], entries: i64, values: Values) -> Vec<String> {
    let has_keys = matches!(kind, NodeKind::Dictionary | NodeKind::OrderedDictionary | NodeKind::Cache);
    if !has_keys || keys.is_empty() || values == Values::Hidden {
        return Vec::new();
    }
    let mut keys: Vec<String> = keys.iter().take(MOST).map(|key| format!("`{}`", short(key))).collect();
    if entries > keys.len() as i64 {
        keys.push("…".to_owned());
    }
    vec![format!("new keys: {}", keys.join(", "))]
}

/// That the cache of a method keeps the objects alive that it was called on: their keys begin with them.
pub(super) fn instances(kind: NodeKind, path: &str, keys: &[String]) -> Option<String> {
    let (class, _) = path.rsplit_once('.').filter(|_| kind == NodeKind::Cache)?;
    let holds_self = |key: &String| key.starts_with(&format!("(<{class}>"));
    keys.iter().any(holds_self).then(|| {
        format!("its keys hold `self`: the cache keeps every `{class}` alive that the method was called on")
    })
}

/// Keys often differ in their ends only.
fn short(key: &str) -> String {
    let count = key.chars().count();
    if count <= LONGEST {
        return key.to_owned();
    }
    let at = |number: usize| key.char_indices().nth(number).map_or(key.len(), |(at, _)| at);
    format!("{}…{}", &key[..at(LONGEST - END)], &key[at(count - END)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_of_a_method_keeps_what_it_was_called_on() {
        let said = |path: &str, key: &str| instances(NodeKind::Cache, path, &[key.to_owned()]);
        let told =
            "its keys hold `self`: the cache keeps every `app.Shop` alive that the method was called on";
        assert_eq!(said("app.Shop.price", "(<app.Shop>, 'eu')").as_deref(), Some(told));
        assert_eq!(said("app.price", "(<app.Shop>, 'eu')"), None);
        assert_eq!(said("app.Shop.price", "('eu', 5)"), None);
    }

    #[test]
    fn a_long_key_loses_its_middle_between_characters() {
        assert_eq!(short("sku-1"), "sku-1");
        let long = "é".repeat(30) + &"ü".repeat(11);
        assert_eq!(short(&long), format!("{}…{}{}", "é".repeat(24), "é".repeat(5), "ü".repeat(11)));
    }
}
