//! Rates as people count: `1 more entry after every iteration`, `2 more entries every 3 iterations`.

use crate::finding::Rate;
use crate::units::grouped;

/// Iterations that a short sentence may count by.
const LARGEST_STEP: u64 = 12;
/// Fewer iterations do not tell two such sentences apart.
const ENOUGH: u64 = LARGEST_STEP * LARGEST_STEP;

/// How many more there are, and after what.
struct Pace {
    count: u64,
    when: String,
}

/// `1 more entry`, `3 more entries`, `2 more threads are alive`: how many come at a time.
pub(super) fn more(total: i64, iterations: u64, noun: &str) -> String {
    let count = pace(total.unsigned_abs(), iterations).count;
    if count <= 1 {
        return format!("1 more {noun}");
    }
    let (noun, verb) = noun.find(" is").map_or((noun, ""), |at| (&noun[..at], &noun[at + 1..]));
    let plural = match noun.strip_suffix('y') {
        // A name stays what it is.
        _ if noun.ends_with('`') => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with('s') => format!("{noun}es"),
        None => format!("{noun}s"),
    };
    let verb = if verb.starts_with("is") { verb.replacen("is", "are", 1) } else { verb.to_owned() };
    format!("{} more {plural} {verb}", grouped(count)).trim_end().to_owned()
}

/// After what they come: `after every iteration`, `every 10 iterations`, `in 1,034 iterations`.
pub(super) fn when(rate: Rate) -> String {
    pace(rate.total.unsigned_abs(), rate.iterations).when
}

fn pace(total: u64, iterations: u64) -> Pace {
    if total == 0 || iterations == 0 {
        return Pace { count: 0, when: "not evenly".to_owned() };
    }
    if total.is_multiple_of(iterations) {
        return Pace { count: total / iterations, when: "after every iteration".to_owned() };
    }
    one_every(total, iterations)
        .or_else(|| some_every(total, iterations))
        .unwrap_or_else(|| Pace { count: total, when: format!("in {} iterations", grouped(iterations)) })
}

/// One after so many iterations, if that gives as many.
fn one_every(total: u64, iterations: u64) -> Option<Pace> {
    let every = (iterations + total / 2) / total;
    let gives = |every: u64| every > 1 && is_about(total, iterations, (1, every));
    // Where the next number gives as many, it is not known which of them it is.
    let is_exact = total * every == iterations;
    let about = if !is_exact && (gives(every - 1) || gives(every + 1)) { "about " } else { "" };
    gives(every).then(|| Pace { count: 1, when: format!("{about}every {} iterations", grouped(every)) })
}

/// A few after a few iterations: the shortest such sentence that is true.
fn some_every(total: u64, iterations: u64) -> Option<Pace> {
    let step = (2..=LARGEST_STEP).find_map(|every| {
        let (made, of) = (u128::from(total) * u128::from(every), u128::from(iterations));
        let count = u64::try_from((2 * made + of) / (2 * of)).ok()?;
        let is_exact = made == u128::from(count) * of;
        let fits = is_exact || iterations >= ENOUGH && is_about(total, iterations, (count, every));
        (count > 1 && fits).then_some((count, every))
    });
    step.map(|(count, every)| Pace { count, when: format!("every {every} iterations") })
}

/// Whether `count` more after `every` iterations make `total` in all, but for one that is due or just came.
fn is_about(total: u64, iterations: u64, (count, every): (u64, u64)) -> bool {
    let due = u128::from(iterations) * u128::from(count);
    let every = u128::from(every);
    (due / every..=due.div_ceil(every)).contains(&u128::from(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::RateUnit;

    fn said(total: i64, iterations: u64) -> String {
        let rate = Rate { total, iterations, unit: RateUnit::Entries };
        format!("{} {}", more(total, iterations, "entry"), when(rate))
    }

    #[test]
    fn a_rate_is_said_as_people_count() {
        assert_eq!(said(80, 80), "1 more entry after every iteration");
        assert_eq!(said(240, 80), "3 more entries after every iteration");
        assert_eq!(said(256, 2_560), "1 more entry every 10 iterations");
        assert_eq!(said(103, 1_034), "1 more entry every 10 iterations");
        assert_eq!(said(25, 2_560), "1 more entry about every 102 iterations");
        assert_eq!(more(160, 80, "thread is alive"), "2 more threads are alive");
        assert_eq!(more(160, 80, "`app.Row` is kept"), "2 more `app.Row` are kept");
        assert_eq!(more(160, 80, "file descriptor is open"), "2 more file descriptors are open");
        assert_eq!(more(160, 80, "child process is left"), "2 more child processes are left");
    }

    #[test]
    fn rates_between_whole_numbers_are_fractions_and_others_are_said_as_they_were_counted() {
        assert_eq!(said(768, 512), "3 more entries every 2 iterations");
        assert_eq!(said(30, 20), "3 more entries every 2 iterations");
        assert_eq!(said(384, 512), "3 more entries every 4 iterations");
        assert_eq!(said(1_707, 2_560), "2 more entries every 3 iterations");
        assert_eq!(said(2_304, 2_560), "9 more entries every 10 iterations");
        assert_eq!(said(300, 1_034), "300 more entries in 1,034 iterations");
        assert_eq!(said(31, 20), "31 more entries in 20 iterations");
        assert_eq!(said(1, 2), "1 more entry every 2 iterations");
        assert_eq!(said(0, 0), "1 more entry not evenly");
    }
}
