//! The identity of a finding: the same while lines move, another when rule, scenario or culprit change.

use crate::stable_hash::Fnv;

/// Number of this way of making fingerprints; reports carry it, so that a later way can still match the older one.
pub const SCHEME: u32 = 1;

/// Functions that CPython inlines from version 3.12 on: they may not tell two interpreters' findings apart.
const INLINED: [&str; 3] = ["<listcomp>", "<dictcomp>", "<setcomp>"];

/// Twelve hexadecimal digits of rule, scenario and the culprit stack's functions, innermost first.
///
/// Of a qualified name only the last part counts: before CPython 3.11 a code object knows no more.
pub fn fingerprint(rule: &str, scenario: &str, functions: &[String]) -> String {
    let mut hash = Fnv::new();
    hash.field(rule);
    hash.field(scenario);
    for function in functions {
        let name = function.rsplit('.').next().unwrap_or(function);
        if !INLINED.contains(&name) {
            hash.field(name);
        }
    }
    // 48 bits; the upper 16 are folded in, so that no bit of the hash is lost.
    format!("{:012x}", (hash.0 >> 48) ^ (hash.0 & 0xffff_ffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(functions: &[&str]) -> String {
        fingerprint("budget-growth", "quote", &functions.iter().map(|f| f.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn a_fingerprint_is_pinned_for_all_time() {
        assert_eq!(of(&["remember", "quote"]), "ddf989b5638c");
    }

    #[test]
    fn rule_scenario_and_functions_each_change_it() {
        let base = of(&["remember", "quote"]);
        assert_ne!(base, of(&["forget", "quote"]));
        assert_ne!(base, of(&["rememberquote"]));
        assert_ne!(base, fingerprint("budget-peak", "quote", &["remember".into(), "quote".into()]));
        assert_ne!(base, fingerprint("budget-growth", "quot", &["eremember".into(), "quote".into()]));
    }

    #[test]
    fn interpreters_that_name_functions_differently_agree() {
        assert_eq!(of(&["Shop.remember", "quote.<locals>.<listcomp>", "quote"]), of(&["remember", "quote"]));
    }
}
