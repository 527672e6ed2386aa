//! Annotations for GitHub: workflow commands, which its runner shows on the lines of the pull request.
//!
//! A job step shows ten of a kind and drops the rest without a word: the tenth says how many there are.

use super::problems::{Problem, Weight, problems};
use super::{Options, clean};
use crate::outcome::Outcome;
use crate::units::grouped;

/// Most annotations of a kind.
const MOST: usize = 10;

/// The whole report: a command a line, errors first; nothing where nothing is wrong.
pub(super) fn render(outcome: &Outcome, options: &Options) -> String {
    let all = problems(outcome, options);
    let kind = |weight, word| commands(all.iter().filter(|problem| problem.weight == weight).collect(), word);
    format!("{}{}", kind(Weight::Fails, "error"), kind(Weight::Warns, "warning"))
}

fn commands(problems: Vec<&Problem<'_>>, word: &str) -> String {
    let left_out = problems.len().saturating_sub(MOST);
    let shown = problems.iter().take(MOST).enumerate().map(|(index, problem)| {
        let more = if index + 1 == MOST { left_out } else { 0 };
        command(problem, word, more)
    });
    shown.collect()
}

/// `::error file=shop/quotes.py,line=14,title=leakgate quote (growth)::quote: memory grows …`
fn command(problem: &Problem<'_>, word: &str, more: usize) -> String {
    let name = problem.scenario.map(|scenario| clean::line(&scenario.name, clean::NAME)).unwrap_or_default();
    let title = format!("leakgate {name} ({})", problem.rule).replace("  ", " ");
    let mut text = problem.title.clone();
    if let Some(finding) = problem.finding {
        let help = clean::line(&finding.help, clean::ADVICE);
        if !help.is_empty() {
            text.push_str(&format!("\nfix: {help}"));
        }
    }
    if more > 0 {
        text.push_str(&format!("\nand {} more, in the report", grouped(more as u64)));
    }
    format!(
        "::{word} file={},line={},title={}::{}\n",
        property(&problem.file),
        problem.line,
        property(&title),
        data(&text)
    )
}

/// The message of a command: what would end it or its line is written in percents.
pub(crate) fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
pub(crate) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
