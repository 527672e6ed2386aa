//! An owner before the rules have named it, and what is said of it where no rule does.

use crate::finding::Place;
use crate::rules::{HeldBy, Kind};

/// An owner before it has a name.
pub(super) struct Draft {
    pub name: String,
    pub held_by: Option<HeldBy>,
    pub is_open: bool,
    /// The pool whose threads they are.
    pub pool: Option<&'static str>,
    pub types: Vec<String>,
    pub gains: String,
    pub path: Vec<String>,
    pub place: Option<Place>,
    pub facts: Vec<String>,
}

impl Draft {
    /// The owner as a message of that kind of rule says it.
    pub(super) fn shown(&self, kind: Kind) -> String {
        let made = |what: &str| match &self.place {
            Some(place) => format!("{what} at {place}"),
            None => format!("{what} at a place that is not known"),
        };
        match kind {
            Kind::Growth => self.name.clone(),
            Kind::Resource => format!("kept by `{}`, {}", self.name, made("opened")),
            Kind::Thread => match self.pool {
                Some(pool) => format!("of a `{pool}` that is never shut down, {}", made("started")),
                None => made("started"),
            },
            Kind::Lost => made("made"),
            Kind::Cycle => made("made"),
        }
    }

    /// Of garbage that stays.
    pub(super) fn stuck(&self) -> String {
        format!(
            "{} in reference cycles that the collector does not free, {}",
            self.gains,
            self.shown(Kind::Cycle)
        )
    }

    pub(super) fn sentence(&self) -> String {
        match self.gains.strip_prefix("keeps ") {
            Some(_) => format!("`{}` ({}) {}", self.name, self.types[0], self.gains),
            // A variable keeps one object, and every running function has its own.
            None => format!("{}, by `{}`", self.gains, self.name),
        }
    }
}
