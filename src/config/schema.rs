//! What can be typed: one table of keys. Validation, its messages, the JSON Schema and `docs/configuration.md`
//! are made from it or tested against it.

use super::model::BudgetKey;

/// A mapping of the file that has keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The file itself.
    Top,
    /// Below `defaults`.
    Defaults,
    /// A scenario.
    Scenario,
    /// Below `budgets`.
    Budgets,
    /// A budget written as a mapping.
    Limit,
    /// An entry of `allow`.
    Allowance,
}

impl Section {
    /// All sections, from the outside in.
    pub const ALL: [Section; 6] = [
        Section::Top,
        Section::Defaults,
        Section::Scenario,
        Section::Budgets,
        Section::Limit,
        Section::Allowance,
    ];

    /// The keys of this section, in the order in which documentation lists them.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.sections.contains(&self))
    }

    /// Keys of later versions: known to the design, refused here with a message of their own.
    pub fn later_keys(self) -> &'static [&'static str] {
        LATER_KEYS.iter().find(|(section, _)| *section == self).map_or(&[], |(_, names)| names)
    }

    /// Where a key of this section goes, for messages.
    pub(super) fn place(self) -> &'static str {
        match self {
            Section::Top => "at the top of the file",
            Section::Defaults => "under `defaults`",
            Section::Scenario => "directly in a scenario",
            Section::Budgets => "under `budgets`",
            Section::Limit => "in a budget, as in `peak: { max: 80 MiB, warn: 60 MiB }`",
            Section::Allowance => "in an entry of `allow`",
        }
    }
}

/// One key with all that is said about it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Where it may stand.
    pub sections: &'static [Section],
    /// The key as typed.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Which scenarios it is for.
    pub scope: Scope,
    /// What holds without it.
    pub default: &'static str,
    /// What it means, in one or two sentences.
    pub meaning: &'static str,
    /// A value as it would be typed, on one line.
    pub example: &'static str,
}

/// Which scenarios a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Any,
    /// Those with `run`.
    Run,
    /// Those with `call`.
    Call,
    /// Those with `call`, and those with `run` and `checkpoints`.
    Iterations,
}

/// The kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The number 1.
    Version,
    /// `auto` or a path.
    Python,
    /// The mapping of defaults.
    Defaults,
    /// The mapping from names to scenarios.
    Scenarios,
    /// A list of words, or a text that is split into words.
    Command,
    /// `module:function`.
    Target,
    /// Any mapping.
    Arguments,
    /// `keep` or `drop`.
    ResultPolicy,
    /// A path of a folder.
    Folder,
    /// Names with texts.
    Environment,
    /// A number with a unit of time.
    Duration,
    /// `auto` or a size.
    MemoryLimit,
    /// `auto`, or a whole number from this on, at most a million.
    Iterations {
        /// The smallest number that is accepted.
        least: u32,
    },
    /// A whole number, at least 1, at most a million.
    MostIterations,
    /// `auto`, or a whole number, at least 1.
    Jobs,
    /// `new`, `any` or `never`.
    FailOn,
    /// A share, an amount, or both: `5 % and 16 MiB`.
    Increase,
    /// A list of numbers from 0 to 255.
    ExitCodes,
    /// What an iteration of a command is.
    Checkpoints,
    /// The mapping of budgets.
    Budgets,
    /// `in-process` or `forked`.
    HeapSnapshot,
    /// `true` or `false`.
    Flag,
    /// `each` or `tree`.
    Of,
    /// A size, or a mapping with `max`, `warn`, `increase` and `of`.
    ProcessBudget,
    /// A size, or a mapping with `max`, `warn` and `increase`.
    SizeBudget,
    /// A count, or a mapping with `max`, `warn` and `increase`.
    CountBudget,
    /// A size in a size budget, a count in a count budget.
    Amount,
    /// A list of allowances.
    Allow,
    /// A glob, or a regular expression between slashes.
    Pattern,
    /// 4 to 12 hexadecimal digits.
    Fingerprint,
    /// A rate, a size or a count.
    Ceiling,
    /// Any text that is not empty.
    Text,
    /// The mapping of rules.
    Rules,
    /// A day.
    Date,
}

impl Kind {
    /// The kind in words, as documentation and messages print it.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Version => "the number 1",
            Kind::Python => "`auto` or a path",
            Kind::Defaults => "a mapping",
            Kind::Scenarios => "a mapping from names to scenarios",
            Kind::Command => "a list of words, or a text",
            Kind::Target => "`module:function`",
            Kind::Arguments => "a mapping of arguments",
            Kind::ResultPolicy => "`keep` or `drop`",
            Kind::Folder => "a path",
            Kind::Environment => "a mapping from names to texts",
            Kind::Duration => "a duration",
            Kind::MemoryLimit => "`auto` or a size",
            Kind::Iterations { least: 0 } => "`auto` or a whole number",
            Kind::Iterations { .. } => "`auto` or a whole number, at least 1",
            Kind::MostIterations => "a whole number, at least 1",
            Kind::Jobs => "`auto` or a whole number, at least 1",
            Kind::FailOn => "`new`, `any` or `never`",
            Kind::Increase => "a share, an amount, or both: `5 % and 16 MiB`",
            Kind::ExitCodes => "a list of numbers from 0 to 255",
            Kind::Checkpoints => "`program`, `every` with a duration or a size, or `{ processes: N }`",
            Kind::Budgets => "a mapping of budgets",
            Kind::HeapSnapshot => "`in-process` or `forked`",
            Kind::Flag => "`true` or `false`",
            Kind::Of => "`each` or `tree`",
            Kind::ProcessBudget => "a size, or `{ max, warn, increase, of }`",
            Kind::SizeBudget => "a size, or `{ max, warn, increase }`",
            Kind::CountBudget => "a count, or `{ max, warn, increase }`",
            Kind::Amount => "a size or a count",
            Kind::Allow => "a list of allowances",
            Kind::Pattern => "a glob, or `/a regular expression/`",
            Kind::Fingerprint => "4 to 12 hexadecimal digits",
            Kind::Ceiling => "an amount per iteration, a size or a count",
            Kind::Text => "a text",
            Kind::Rules => "a mapping from rules to levels",
            Kind::Date => "a day",
        }
    }
}

const TOP: &[Section] = &[Section::Top];
const SCENARIO: &[Section] = &[Section::Scenario];
const SHARED: &[Section] = &[Section::Scenario, Section::Defaults];
const BUDGETS: &[Section] = &[Section::Budgets];
const LIMIT: &[Section] = &[Section::Limit];
const DEFAULTS: &[Section] = &[Section::Defaults];
const ALLOWANCE: &[Section] = &[Section::Allowance];

/// Most iterations that a scenario may ask for.
pub const MOST_ITERATIONS: u32 = 1_000_000;

/// All keys of this version.
pub const KEYS: &[Key] = &[
    Key {
        sections: TOP,
        name: "version",
        kind: Kind::Version,
        scope: Scope::Any,
        default: "required",
        meaning: "The version of this format.",
        example: "1",
    },
    Key {
        sections: TOP,
        name: "python",
        kind: Kind::Python,
        scope: Scope::Any,
        default: "`auto`",
        meaning: "The Python that scenarios use. `auto` finds the project's; a path with a `/` starts at the file's folder, \
                  a bare name is searched in `PATH`.",
        example: "auto",
    },
    Key {
        sections: TOP,
        name: "fail_on",
        kind: Kind::FailOn,
        scope: Scope::Any,
        default: "`new`",
        meaning: "Which findings fail the gate. `new`: those that are not accepted in `leakgate.lock`; `any`: those too; \
                  `never`: none, the report tells them all the same.",
        example: "new",
    },
    Key {
        sections: TOP,
        name: "defaults",
        kind: Kind::Defaults,
        scope: Scope::Any,
        default: "none",
        meaning: "What holds for every scenario that does not say otherwise. `env` and `budgets` are merged key by key.",
        example: "{ timeout: 2 min }",
    },
    Key {
        sections: TOP,
        name: "scenarios",
        kind: Kind::Scenarios,
        scope: Scope::Any,
        default: "required",
        meaning: "The scenarios. A name has letters, digits, `-`, `_` and `.`, begins with a letter or a digit, is at \
                  most 100 long and has no two dots in a row.",
        example: "{ import-app: { run: python -c 'import shop' } }",
    },
    Key {
        sections: TOP,
        name: "allow",
        kind: Kind::Allow,
        scope: Scope::Any,
        default: "none",
        meaning: "Findings that are known and do not fail the gate, each with a reason.",
        example: "[{ rule: growth, scenario: api, reason: fixed in the next release }]",
    },
    Key {
        sections: TOP,
        name: "rules",
        kind: Kind::Rules,
        scope: Scope::Any,
        default: "all carried rules, each as it says itself",
        meaning: "How much a rule weighs, `error`, `warn` or `off` (`leakgate rules list` shows them), and under `include` \
                  files of rules of the project's own.",
        example: "{ include: [ci/leak-rules/*.toml], reference-cycle: warn }",
    },
    Key {
        sections: SCENARIO,
        name: "run",
        kind: Kind::Command,
        scope: Scope::Run,
        default: "this or `call`",
        meaning: "A command. A list is executed as it is; a text is split into words as a shell would, without a shell.",
        example: "[python, -c, \"import shop.main\"]",
    },
    Key {
        sections: SCENARIO,
        name: "until",
        kind: Kind::Duration,
        scope: Scope::Run,
        default: "its own end",
        meaning: "For a program that never ends by itself: ended with SIGTERM after this time and judged as it stood. \
                  Must be shorter than `timeout`.",
        example: "10 s",
    },
    Key {
        sections: SCENARIO,
        name: "exit_codes",
        kind: Kind::ExitCodes,
        scope: Scope::Run,
        default: "`[0]`",
        meaning: "The exit codes that are no error.",
        example: "[0, 3]",
    },
    Key {
        sections: SCENARIO,
        name: "checkpoints",
        kind: Kind::Checkpoints,
        scope: Scope::Run,
        default: "it has no iterations",
        meaning: "What an iteration of the command is. `program`: it calls `leakgate_memory.checkpoint()` itself; `every 1 s`, \
                  `every 16 MiB`: so much time, so many bytes allocated; `{ processes: 5 }`: it is run so often, anew each \
                  time. [More on it](growth.md#scripts).",
        example: "every 16 MiB",
    },
    Key {
        sections: SCENARIO,
        name: "call",
        kind: Kind::Target,
        scope: Scope::Call,
        default: "this or `run`",
        meaning: "A Python function, called once per iteration. The function may be dotted: `shop.quotes:Quote.total`.",
        example: "shop.quotes:quote",
    },
    Key {
        sections: SCENARIO,
        name: "with",
        kind: Kind::Arguments,
        scope: Scope::Call,
        default: "none",
        meaning: "Keyword arguments of every call: texts, numbers, booleans, `null`, lists and mappings.",
        example: "{ sku: A-1, amount: 3 }",
    },
    Key {
        sections: SCENARIO,
        name: "setup",
        kind: Kind::Target,
        scope: Scope::Call,
        default: "none",
        meaning: "A function called once before the first iteration.",
        example: "tests.perf:warm_database",
    },
    Key {
        sections: SCENARIO,
        name: "teardown",
        kind: Kind::Target,
        scope: Scope::Call,
        default: "none",
        meaning: "A function called once after the last iteration.",
        example: "tests.perf:close_database",
    },
    Key {
        sections: SCENARIO,
        name: "between",
        kind: Kind::Target,
        scope: Scope::Call,
        default: "none",
        meaning: "A function called after every iteration, before its memory is judged: empty what is meant to be emptied.",
        example: "tests.perf:clear_sessions",
    },
    Key {
        sections: SCENARIO,
        name: "result",
        kind: Kind::ResultPolicy,
        scope: Scope::Call,
        default: "`drop`",
        meaning: "What becomes of the returned object. `keep`: `retained` is measured while it lives, then it is dropped \
                  and `left` is measured.",
        example: "keep",
    },
    Key {
        sections: SHARED,
        name: "warmup",
        kind: Kind::Iterations { least: 0 },
        scope: Scope::Call,
        default: "`auto`",
        meaning: "Iterations that are run first and not judged. `auto`: the first half of all that are run; with a number \
                  of `iterations`, 5. With `iterations: auto`, a number is the least.",
        example: "5",
    },
    Key {
        sections: SHARED,
        name: "iterations",
        kind: Kind::Iterations { least: 1 },
        scope: Scope::Call,
        default: "`auto`",
        meaning: "Iterations that are judged. `auto`: as many as it takes to tell whether memory grows, within `time` and \
                  `max_iterations`.",
        example: "20",
    },
    Key {
        sections: SHARED,
        name: "max_iterations",
        kind: Kind::MostIterations,
        scope: Scope::Call,
        default: "10240",
        meaning: "With `iterations: auto`, the most that are run, warm-up included.",
        example: "1000",
    },
    Key {
        sections: SHARED,
        name: "time",
        kind: Kind::Duration,
        scope: Scope::Call,
        default: "`60 s`",
        meaning: "With `iterations: auto`, the longest time for all iterations; what is not decided then is reported as \
                  undecided.",
        example: "20 s",
    },
    Key {
        sections: SHARED,
        name: "confirm",
        kind: Kind::Flag,
        scope: Scope::Any,
        default: "`true`",
        meaning: "Whether a scenario that fails is run again in a fresh process. If that does not fail in the same way, the \
                  verdict is `unstable`.",
        example: "false",
    },
    Key {
        sections: SHARED,
        name: "snapshot",
        kind: Kind::HeapSnapshot,
        scope: Scope::Call,
        default: "`in-process`",
        meaning: "Where the snapshots of the heap are taken that explain a leak: in the process, or in a forked copy of it, \
                  so that a broken type of an extension cannot end the scenario. With `forked` the lengths of containers \
                  are not watched.",
        example: "forked",
    },
    Key {
        sections: SHARED,
        name: "values",
        kind: Kind::Flag,
        scope: Scope::Any,
        default: "`true`",
        meaning: "Whether reports may show examples of what is kept: keys of a cache.",
        example: "false",
    },
    Key {
        sections: SCENARIO,
        name: "exclusive",
        kind: Kind::Flag,
        scope: Scope::Any,
        default: "`false`",
        meaning: "Whether no other scenario may run at the same time.",
        example: "true",
    },
    Key {
        sections: DEFAULTS,
        name: "jobs",
        kind: Kind::Jobs,
        scope: Scope::Any,
        default: "`auto`",
        meaning: "How many scenarios run at the same time. `auto`: half of the processor cores, at least 1.",
        example: "2",
    },
    Key {
        sections: SCENARIO,
        name: "cwd",
        kind: Kind::Folder,
        scope: Scope::Any,
        default: "the file's folder",
        meaning: "The folder to run in, from the file's folder on. It must exist and lie inside the project: the nearest \
                  folder above the file that has a `.git`, else the file's own.",
        example: "services/shop",
    },
    Key {
        sections: SHARED,
        name: "env",
        kind: Kind::Environment,
        scope: Scope::Any,
        default: "none",
        meaning: "Variables added to the environment. Numbers and booleans are passed as they are typed.",
        example: "{ SHOP_MODE: test, WORKERS: 2 }",
    },
    Key {
        sections: SHARED,
        name: "timeout",
        kind: Kind::Duration,
        scope: Scope::Any,
        default: "`5 min`",
        meaning: "A scenario that takes longer is ended, which is an error.",
        example: "90 s",
    },
    Key {
        sections: SHARED,
        name: "memory_limit",
        kind: Kind::MemoryLimit,
        scope: Scope::Any,
        default: "`auto`",
        meaning: "A scenario that uses more is ended with a finding that says who held it. `auto`: 80 % of the \
                  container's limit or of the free memory.",
        example: "2 GiB",
    },
    Key {
        sections: SHARED,
        name: "follow",
        kind: Kind::Flag,
        scope: Scope::Any,
        default: "`true`",
        meaning: "Whether the processes that it starts are recorded too. `false`: only the one that is started, which the \
                  report says.",
        example: "false",
    },
    Key {
        sections: SHARED,
        name: "strict",
        kind: Kind::Flag,
        scope: Scope::Any,
        default: "`false`",
        meaning: "Whether what is only told otherwise makes the check fail: an `undecided` or `unstable` scenario (a \
                  failure), a process that ran without the tracker and so is in no figure (an error).",
        example: "true",
    },
    Key {
        sections: SHARED,
        name: "scope",
        kind: Kind::Of,
        scope: Scope::Any,
        default: "`each`",
        meaning: "What `of` is for `peak`, `retained` and `rss` where the budget does not say it.",
        example: "tree",
    },
    Key {
        sections: SHARED,
        name: "budgets",
        kind: Kind::Budgets,
        scope: Scope::Any,
        default: "none",
        meaning: "What the scenario may cost.",
        example: "{ peak: 80 MiB, retained: 24 MiB }",
    },
    budget(BudgetKey::Peak, "Most live bytes at any moment since the start.", "80 MiB"),
    budget(BudgetKey::PeakAdded, "Most live bytes above the start of an iteration.", "4 MiB"),
    budget(
        BudgetKey::Retained,
        "Live bytes after the work and a garbage collection; for `run`, before the interpreter is torn down.",
        "24 MiB",
    ),
    budget(
        BudgetKey::Left,
        "Live bytes after the result was dropped, above those at the end of warm-up.",
        "8 MiB",
    ),
    budget(BudgetKey::Rss, "Largest resident set, the tracker's own memory not counted.", "1.3 GiB"),
    budget(BudgetKey::Growth, "Retained bytes added per iteration, once warm.", "64 B"),
    budget(
        BudgetKey::Blocks,
        "Live blocks: at the end for `run`; where there are iterations, added over those that are judged.",
        "100",
    ),
    budget(
        BudgetKey::Fds,
        "File descriptors open after the last iteration that were not open at the end of warm-up.",
        "0",
    ),
    budget(
        BudgetKey::Threads,
        "Threads alive after the last iteration that were not alive at the end of warm-up.",
        "0",
    ),
    Key {
        sections: LIMIT,
        name: "max",
        kind: Kind::Amount,
        scope: Scope::Any,
        default: "none",
        meaning: "Above this the scenario fails; exactly at it, it passes.",
        example: "1.6 GiB",
    },
    Key {
        sections: LIMIT,
        name: "warn",
        kind: Kind::Amount,
        scope: Scope::Any,
        default: "none",
        meaning: "Above this the report warns. At most `max`.",
        example: "1.4 GiB",
    },
    Key {
        sections: LIMIT,
        name: "increase",
        kind: Kind::Increase,
        scope: Scope::Any,
        default: "none",
        meaning: "How much more than in `leakgate.lock` it may be: a share, an amount, or both, which then must both be \
                  exceeded for the scenario to fail.",
        example: "5 % and 16 MiB",
    },
    Key {
        sections: LIMIT,
        name: "of",
        kind: Kind::Of,
        scope: Scope::Any,
        default: "the scenario's `scope`",
        meaning: "Of which processes: `each` must hold the budget by itself, or the whole `tree` together. Only of `peak`, \
                  `retained` and `rss`; all others are of one process.",
        example: "tree",
    },
    allowance("rule", Kind::Pattern, "any", "The finding's rule, as reports print it.", "growth"),
    allowance(
        "owner",
        Kind::Pattern,
        "any",
        "The owner that keeps what grows, as reports name it. All owners of a finding must be meant.",
        "\"sentry_sdk.hub.*\"",
    ),
    allowance(
        "site",
        Kind::Pattern,
        "any",
        "A place that most of the memory came through: a file, or `file:function`. A glob may leave out folders at the \
         beginning.",
        "\"shop/quotes.py:remember\"",
    ),
    allowance(
        "package",
        Kind::Pattern,
        "any",
        "The installed package that most of the memory was allocated in, and whose containers grow, where any do.",
        "sentry-sdk",
    ),
    allowance(
        "fingerprint",
        Kind::Fingerprint,
        "any",
        "The finding's fingerprint, or its first digits.",
        "7f3a9c01d2e4",
    ),
    allowance(
        "parts",
        Kind::Text,
        "all of the finding",
        "Of which parts of a leak the entry is, by their identities, with spaces between: what leaks beside them is a \
         finding of its own. `leakgate allow` writes it.",
        "7f3a9c01d2e4 0b1d2e7f3a9c",
    ),
    allowance("scenario", Kind::Pattern, "any", "The scenario's name.", "api"),
    allowance(
        "at_most",
        Kind::Ceiling,
        "no ceiling",
        "The most that is covered: a finding with more fails again. In the unit of the finding: `64 B/iteration`, \
         `1 entry/iteration`, `2 blocks/10 iterations`, also `descriptors` and `threads`; for a budget `16 MiB` or `3`.",
        "64 B/iteration",
    ),
    allowance("reason", Kind::Text, "required", "Why it is allowed.", "\"SHOP-412, fixed in the next SDK\""),
    allowance(
        "expires",
        Kind::Date,
        "never",
        "The last day on which it holds, in UTC. After it the finding fails again.",
        "2027-03-31",
    ),
];

/// A key of an entry of `allow`.
const fn allowance(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key { sections: ALLOWANCE, name, kind, scope: Scope::Any, default, meaning, example }
}

/// A budget's key: its name, kind and scope come from `BudgetKey`.
const fn budget(key: BudgetKey, meaning: &'static str, example: &'static str) -> Key {
    Key {
        sections: BUDGETS,
        name: key.name(),
        kind: match (key.has_tree(), key.is_bytes()) {
            (true, _) => Kind::ProcessBudget,
            (_, true) => Kind::SizeBudget,
            (_, false) => Kind::CountBudget,
        },
        scope: match key {
            BudgetKey::Left => Scope::Call,
            _ if key.needs_iterations() => Scope::Iterations,
            _ => Scope::Any,
        },
        default: "not judged",
        meaning,
        example,
    }
}

/// Keys that later versions have.
const LATER_KEYS: &[(Section, &[&str])] = &[(
    Section::Scenario,
    &["serve", "pytest", "drive", "ready", "measure", "suspect", "repeat_for", "tests"],
)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_section_has_a_key_twice_or_both_now_and_later() {
        for section in Section::ALL {
            let mut names: Vec<&str> = section.keys().map(|key| key.name).collect();
            names.extend(section.later_keys());
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "in {section:?}");
        }
    }

    #[test]
    fn every_budget_is_in_the_table() {
        let names: Vec<&str> = Section::Budgets.keys().map(|key| key.name).collect();
        assert_eq!(names, BudgetKey::ALL.map(BudgetKey::name));
    }
}
