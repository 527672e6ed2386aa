//! Budgets as they are typed: a value, or `{ max, warn }`; and what contradicts what.

use super::fields::Fields;
use super::model::{Budget, BudgetKey, Checkpoints, Increase, Of};
use super::problem::{Problems, quotable};
use super::schema::Section;
use super::tree::{Entry, Node, Value};
use super::values;
use crate::units::{self, Bytes};

/// Which scenarios the budgets are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// One scenario with `run`, and what an iteration of it is.
    Run(Option<Checkpoints>),
    /// One scenario with `call`, one that is not known, or all of them.
    Others,
}

/// A limit and where it stands.
type Amount<'n> = Option<(u64, &'n Node)>;

/// A budget as it was typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed {
    key: BudgetKey,
    max: Option<u64>,
    warn: Option<u64>,
    increase: Option<Increase>,
    of: Option<Of>,
    line: u32,
}

impl Typed {
    /// Which figure.
    pub(super) fn key(&self) -> BudgetKey {
        self.key
    }

    /// The budget; `scope` is what holds where it does not say of which processes it is.
    pub(super) fn within(self, scope: Of) -> Budget {
        let of = if self.key.has_tree() { self.of.unwrap_or(scope) } else { Of::Each };
        let Typed { key, max, warn, increase, line, .. } = self;
        Budget { key, max, warn, increase, of, line }
    }
}

/// The budgets of a mapping; those that are well formed.
pub(super) fn read(problems: &mut Problems<'_>, entry: &Entry, audience: Audience) -> Vec<Typed> {
    let Some(fields) = Fields::read(problems, &entry.value, Section::Budgets, "`budgets`") else {
        return Vec::new();
    };
    let mut budgets = Vec::new();
    for entry in fields.each() {
        let Some(key) = BudgetKey::ALL.into_iter().find(|key| key.name() == entry.key) else { continue };
        if let Audience::Run(checkpoints) = audience
            && !key.is_of_command(checkpoints)
        {
            report_not_of_command(problems, entry, checkpoints);
            continue;
        }
        budgets.extend(budget(problems, key, entry));
    }
    report_above_peak(problems, &fields, &budgets);
    budgets
}

fn report_not_of_command(problems: &mut Problems<'_>, entry: &Entry, checkpoints: Option<Checkpoints>) {
    let name = &entry.key;
    let (message, help) = match checkpoints {
        None => (
            format!("`{name}` is measured over iterations, and this scenario with `run` has none"),
            "use `peak` or `retained`, say by `checkpoints` what an iteration is, or `call` a function of the program",
        ),
        Some(Checkpoints::Processes(_)) => (
            format!(
                "`{name}` is measured over iterations of one process; with `processes` each run has a process of its own"
            ),
            "use `peak` or `retained`: every run must hold them",
        ),
        Some(_) => (
            format!("`{name}` cannot be measured with these `checkpoints`"),
            "use `peak`, `retained` or `growth`, or `call` a function of the program",
        ),
    };
    problems.add(&entry.key_span, message).help(help);
}

fn budget(problems: &mut Problems<'_>, key: BudgetKey, entry: &Entry) -> Option<Typed> {
    let line = problems.line_at(entry.key_span.start);
    if !matches!(entry.value.value, Value::Map(_)) {
        let max = amount(problems, key, &format!("`{}`", key.name()), &entry.value)?;
        return Some(Typed { key, max: Some(max), warn: None, increase: None, of: None, line });
    }
    let label = format!("`{}`", key.name());
    let fields = Fields::read(problems, &entry.value, Section::Limit, &label)?;
    let mut limit = |name: &str| -> Amount<'_> {
        let entry = fields.get(name)?;
        let label = format!("`{name}` of `{}`", key.name());
        amount(problems, key, &label, &entry.value).map(|amount| (amount, &entry.value))
    };
    let (max, warn) = (limit("max"), limit("warn"));
    if ["max", "warn", "increase"].iter().all(|name| fields.get(name).is_none()) {
        let message = format!("{label} sets no limit; expected at least one of `max`, `warn` and `increase`");
        problems.add(&entry.key_span, message);
        return None;
    }
    report_warn_above_max(problems, key, max, warn);
    let of = fields.get("of").and_then(|entry| of(problems, key, entry));
    let increase = fields.get("increase").and_then(|entry| increase(problems, key, entry));
    let (max, warn) = (max.map(|(max, _)| max), warn.map(|(warn, _)| warn));
    let is_set = max.is_some() || warn.is_some() || increase.is_some();
    is_set.then_some(Typed { key, max, warn, increase, of, line })
}

/// `5 %`, `16 MiB` or `5 % and 16 MiB`; the amount of a count has no unit.
fn increase(problems: &mut Problems<'_>, key: BudgetKey, entry: &Entry) -> Option<Increase> {
    let label = format!("`increase` of `{}`", key.name());
    let expected = if key.is_bytes() { "such as 5 % and 16 MiB" } else { "such as 5 % and 10" };
    let text =
        values::text(problems, &label, &entry.value, &format!("a share, an amount or both, {expected}"))?;
    let mut increase = Increase { share: None, amount: None };
    for part in text.split(" and ").map(str::trim) {
        let is_read = match part.strip_suffix('%').map(str::trim_end) {
            Some(share) => {
                percent(share).filter(|_| increase.share.is_none()).map(|share| increase.share = Some(share))
            }
            None => amount_of(key, part)
                .filter(|_| increase.amount.is_none())
                .map(|amount| increase.amount = Some(amount)),
        };
        if is_read.is_none() {
            let message = format!(
                "{label}: `{}` is no increase; expected a share, an amount or both, {expected}",
                quotable(&text)
            );
            problems.add(&entry.value.span, message);
            return None;
        }
    }
    Some(increase)
}

/// Hundredths of a percent, at most 10,000 %.
fn percent(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let hundredths =
        whole.parse::<u32>().ok()?.checked_mul(100)? + format!("{part:0<2}").parse::<u32>().ok()?;
    (hundredths <= 1_000_000).then_some(hundredths)
}

fn amount_of(key: BudgetKey, text: &str) -> Option<u64> {
    let amount = if key.is_bytes() { text.parse::<Bytes>().ok()?.0 } else { text.parse().ok()? };
    (amount <= values::LARGEST_COUNT).then_some(amount)
}

fn of(problems: &mut Problems<'_>, key: BudgetKey, entry: &Entry) -> Option<Of> {
    if !key.has_tree() {
        let with: Vec<&str> =
            BudgetKey::ALL.into_iter().filter(|key| key.has_tree()).map(BudgetKey::name).collect();
        let message = format!(
            "`{}` is always of one process, so it has no `of`; only {} have",
            key.name(),
            with.join(", ")
        );
        problems.add(&entry.key_span, message);
        return None;
    }
    scope(problems, entry)
}

/// `each` or `tree`.
pub(super) fn scope(problems: &mut Problems<'_>, entry: &Entry) -> Option<Of> {
    let label = values::label(&entry.key);
    let text = values::text(problems, &label, &entry.value, "`each` or `tree`")?;
    let known = Of::ALL.into_iter().find(|of| of.name() == text);
    if known.is_none() {
        let message = format!("{label} is `{}`; expected `each` or `tree`", quotable(&text));
        problems.add(&entry.value.span, message);
    }
    known
}

fn amount(problems: &mut Problems<'_>, key: BudgetKey, label: &str, node: &Node) -> Option<u64> {
    if key.is_bytes() {
        values::size(problems, label, node, "a size such as 80 MiB")
    } else {
        values::count(problems, label, node, 0..=values::LARGEST_COUNT)
    }
}

fn report_warn_above_max(problems: &mut Problems<'_>, key: BudgetKey, max: Amount<'_>, warn: Amount<'_>) {
    let (Some((max, max_node)), Some((warn, warn_node))) = (max, warn) else { return };
    if warn > max {
        let message = format!(
            "`warn` ({}) is above `max` ({}): it would never be reached before the scenario fails",
            shown(key, warn),
            shown(key, max)
        );
        problems.add(&warn_node.span, message).also(&max_node.span, "the limit");
    }
}

/// What is retained, or added by an iteration, was live at some moment: it cannot be above the peak.
fn report_above_peak(problems: &mut Problems<'_>, fields: &Fields<'_>, budgets: &[Typed]) {
    let typed = |key: BudgetKey| budgets.iter().find(|budget| budget.key == key);
    let Some((peak, of)) = typed(BudgetKey::Peak).and_then(|budget| Some((budget.max?, budget.of))) else {
        return;
    };
    // All processes together may keep more than one has at its peak.
    let max_of = |key: BudgetKey| typed(key).filter(|budget| budget.of == of).and_then(|budget| budget.max);
    for key in [BudgetKey::Retained, BudgetKey::PeakAdded] {
        let (Some(max), Some(entry)) = (max_of(key), fields.get(key.name())) else { continue };
        if max <= peak {
            continue;
        }
        let message = format!(
            "`{}` ({}) is above `peak` ({}), which it never exceeds: this budget has no effect",
            key.name(),
            shown(key, max),
            shown(BudgetKey::Peak, peak)
        );
        let problem = problems.add(&entry.key_span, message);
        fields.get("peak").map(|peak| problem.also(&peak.key_span, "the peak"));
    }
}

fn shown(key: BudgetKey, amount: u64) -> String {
    if key.is_bytes() { Bytes(amount).to_string() } else { units::grouped(amount) }
}
