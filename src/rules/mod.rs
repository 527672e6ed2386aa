//! The leak patterns: data in `rules/*.toml`, and users' own. A rule says what evidence it looks at, which of it it is
//! about, and what to tell the reader. Decides, and only decides.
//!
//! `parse` reads a rule's file; `evidence` is what a heap shows of one leak; `RuleSet` finds the rule that names it.

mod evidence;
mod parse;

pub use evidence::{Evidence, HeldBy, Kind};
pub use parse::{Code, Rule, RuleError, Severity, parse};

/// The files that the program carries: name and text.
pub const FILES: &[(&str, &str)] = &[
    ("growing-global.toml", include_str!("../../rules/growing-global.toml")),
    ("lost-object.toml", include_str!("../../rules/lost-object.toml")),
    ("reference-cycle.toml", include_str!("../../rules/reference-cycle.toml")),
    ("unbounded-cache.toml", include_str!("../../rules/unbounded-cache.toml")),
    ("unclosed-connection.toml", include_str!("../../rules/unclosed-connection.toml")),
    ("unjoined-thread.toml", include_str!("../../rules/unjoined-thread.toml")),
];

/// The rules that hold, the first that fits names a leak.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

/// What a rule says of a leak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The rule's id.
    pub rule: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The sentence that a person reads first, without a full stop.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

impl RuleSet {
    /// The rules that the program carries.
    pub fn carried() -> RuleSet {
        // A test reads each file: what is wrong with one does not reach a user.
        let rules = FILES.iter().filter_map(|(file, text)| parse(file, text).ok()).collect();
        RuleSet::of(rules)
    }

    /// These rules, in the order in which they are asked: users' own first, those that ask for more before those that ask
    /// for less.
    fn of(mut rules: Vec<Rule>) -> RuleSet {
        rules.sort_by_key(|rule| (!rule.is_users_own, std::cmp::Reverse(rule.asks_for())));
        RuleSet { rules }
    }

    /// With a user's own, which may not have the id of another.
    ///
    /// # Errors
    /// With the rule that has it already.
    pub fn with(self, mut rule: Rule) -> Result<RuleSet, RuleError> {
        if let Some(other) = self.get(&rule.id) {
            return Err(RuleError::Twice { id: rule.id, file: other.file.clone() });
        }
        rule.is_users_own = true;
        rule.is_asked_for = rule.severity != Severity::Off;
        let mut rules = self.rules;
        rules.push(rule);
        Ok(RuleSet::of(rules))
    }

    /// All rules, by id.
    pub fn by_id(&self) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        rules
    }

    /// The rule with this id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Sets how much a rule weighs, as the user wants it.
    pub fn set(&mut self, id: &str, severity: Severity) {
        for rule in self.rules.iter_mut().filter(|rule| rule.id == id) {
            rule.severity = severity;
            rule.is_asked_for = severity != Severity::Off;
        }
    }

    /// What the first rule that fits says; `None`: none does.
    pub fn name(&self, evidence: &Evidence) -> Option<Named> {
        let on = self.rules.iter().filter(|rule| rule.severity != Severity::Off);
        on.filter(|rule| rule.fits(evidence)).map(|rule| rule.say(evidence)).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(kind: Kind, owner: &str, type_name: &str, held_by: HeldBy) -> Evidence {
        Evidence {
            kind,
            owner: owner.to_owned(),
            held_by: Some(held_by),
            types: vec![type_name.to_owned()],
            gains: "keeps 1 more entry after every iteration".to_owned(),
        }
    }

    #[test]
    fn every_carried_file_is_a_rule_with_its_name_and_with_samples() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml"))
            .collect();
        found.sort();
        assert_eq!(found, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (file, text) in FILES {
            let rule = parse(file, text).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(format!("{}.toml", rule.id), *file);
            assert!(!rule.hits.is_empty() && !rule.misses.is_empty(), "{file}");
        }
    }

    #[test]
    fn the_rule_that_asks_for_more_names_a_leak() {
        let rules = RuleSet::carried();
        let named = |owner: &str, type_name: &str| {
            rules.name(&evidence(Kind::Growth, owner, type_name, HeldBy::Module)).unwrap().rule
        };
        assert_eq!(named("shop.SEEN", "list"), "growing-global");
        assert_eq!(named("shop._price_cache", "dict"), "unbounded-cache");
        assert_eq!(named("shop.price", "functools._lru_cache_wrapper"), "unbounded-cache");
        assert_eq!(named("shop.POOL", "cachetools.Cache"), "unbounded-cache");
        assert_eq!(named("shop.MEMORANDA_", "list"), "growing-global");
        // A module's name says nothing of what is in it.
        assert_eq!(named("shop.cache.PENDING", "list"), "growing-global");
        assert_eq!(named("shop.PriceCache.entries", "dict"), "unbounded-cache");
        assert_eq!(named("shop._cache.entries", "dict"), "unbounded-cache");
        assert_eq!(named("shop.lookup_errors", "list"), "growing-global");
        assert_eq!(named("shop.LOOKUP", "dict"), "unbounded-cache");
    }

    #[test]
    fn what_no_rule_is_about_has_no_name() {
        let local = evidence(Kind::Growth, "rows", "list", HeldBy::Local);
        assert_eq!(RuleSet::carried().name(&local), None);
    }

    #[test]
    fn a_message_says_owner_type_and_gain() {
        let named = RuleSet::carried().name(&evidence(Kind::Growth, "shop.SEEN", "list", HeldBy::Module));
        assert_eq!(named.unwrap().message, "`shop.SEEN` (list) keeps 1 more entry after every iteration");
    }

    #[test]
    fn a_rule_that_is_off_leaves_a_leak_to_the_next() {
        let mut rules = RuleSet::carried();
        let cache = evidence(Kind::Growth, "shop._cache", "dict", HeldBy::Module);
        rules.set("unbounded-cache", Severity::Off);
        assert_eq!(rules.name(&cache).unwrap().rule, "growing-global");
        rules.set("growing-global", Severity::Warn);
        assert_eq!(rules.name(&cache).unwrap().severity, Severity::Warn);
    }

    #[test]
    fn a_users_own_rule_comes_first_and_may_not_repeat_an_id() {
        let own = "id = 'our-sessions'\ntitle = 't'\nseverity = 'error'\nevidence = 'growth'\nmessage = 'm'\nfix = 'f'\n";
        let rules = RuleSet::carried().with(parse("own.toml", own).unwrap()).unwrap();
        let named = rules.name(&evidence(Kind::Growth, "shop._cache", "dict", HeldBy::Module));
        assert_eq!(named.unwrap().rule, "our-sessions");
        let again = own.replace("our-sessions", "growing-global");
        let error = rules.with(parse("again.toml", &again).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "there is a rule `growing-global` already, in growing-global.toml");
    }
}
