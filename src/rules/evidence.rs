//! What a heap, or the system, shows of one leak: the input of the rules.

use serde::Deserialize;

/// What kind of evidence there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something in Python holds more and more objects.
    Growth,
    /// Objects in reference cycles, which only the collector frees.
    Cycle,
    /// Threads that are never over.
    Thread,
    /// Files, sockets, connections that stay open.
    Resource,
    /// Objects or blocks that nothing in Python refers to.
    Lost,
}

impl Kind {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Growth => "growth",
            Kind::Cycle => "cycle",
            Kind::Thread => "thread",
            Kind::Resource => "resource",
            Kind::Lost => "lost",
        }
    }
}

/// What the path to an owner begins with or goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldBy {
    /// A variable of a module.
    Module,
    /// An attribute of a class.
    Class,
    /// A variable of an outer function.
    Closure,
    /// The default value of an argument.
    DefaultArgument,
    /// A context variable.
    ContextVariable,
    /// Values that belong to a thread.
    Thread,
    /// A list of the standard library's own, such as the handlers of logging.
    Registry,
    /// A local variable of a running function.
    Local,
    /// Something written in C.
    Native,
}

impl HeldBy {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            HeldBy::Module => "module",
            HeldBy::Class => "class",
            HeldBy::Closure => "closure",
            HeldBy::DefaultArgument => "default-argument",
            HeldBy::ContextVariable => "context-variable",
            HeldBy::Thread => "thread",
            HeldBy::Registry => "registry",
            HeldBy::Local => "local",
            HeldBy::Native => "native",
        }
    }
}

/// What is known of one leak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What kind of evidence it is.
    pub kind: Kind,
    /// Who holds it: `shop.quotes._SEEN`.
    pub owner: String,
    /// What the path to the owner begins with.
    pub held_by: Option<HeldBy>,
    /// The owner's type, or those of the objects that grow in number: the first is shown.
    pub types: Vec<String>,
    /// How much, as a sentence goes on: `keeps 1 more list, 7.9 KiB, after every iteration`.
    pub gains: String,
}
