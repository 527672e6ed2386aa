//! For how long an API that was asked too often wants to be left alone.

use std::time::{SystemTime, UNIX_EPOCH};

use ureq::http::HeaderMap;

use crate::date::Date;

/// Seconds: of `Retry-After`, or up to the reset of a limit that is used up, as GitHub and as GitLab tell it.
pub(super) fn of(headers: &HeaderMap) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(after) = text("retry-after") {
        // Less than nothing is over.
        let past = after.strip_prefix('-').and_then(seconds).map(|_| 0);
        return seconds(after).or(past).or_else(|| moment(after).map(|moment| moment.saturating_sub(now)));
    }
    let number = |name: String| text(&name).and_then(seconds);
    let used_up = |kind: &&str| number(format!("{kind}-remaining")) == Some(0);
    let kinds = ["x-ratelimit", "ratelimit"].into_iter().filter(used_up);
    let reset = kinds.filter_map(|kind| number(format!("{kind}-reset"))).next()?;
    Some(reset.saturating_sub(now))
}

/// A number; one that is too long for a number is as large as one can be.
fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Seconds since the Unix epoch of `Wed, 21 Oct 2015 07:28:00 GMT`.
fn moment(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let date: Date = format!("{year}-{month:02}-{day}").parse().ok()?;
    let parts: Vec<u64> = time.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hours, minutes, seconds] = parts[..] else { return None };
    let is_time = hours < 24 && minutes < 60 && seconds <= 60;
    is_time.then(|| date.days() * 86_400 + hours * 3_600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(name: &'static str, value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        of(&headers)
    }

    #[test]
    fn a_date_is_read_as_the_moment_that_it_is() {
        assert_eq!(moment("Wed, 21 Oct 2015 07:28:00 GMT"), Some(1_445_412_480));
        assert_eq!(moment("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for text in ["", "Wed, 21 Oct 2015", "Wed, 31 Feb 2015 07:28:00 GMT", "a, 1 Oct 2015 25:00:00 GMT"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_that_has_passed_is_no_wait_and_an_absurd_one_the_longest() {
        assert_eq!(after("retry-after", "7"), Some(7));
        assert_eq!(after("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        assert_eq!(after("retry-after", &"9".repeat(30)), Some(u64::MAX));
        assert_eq!(after("retry-after", "-5"), Some(0));
        assert_eq!(after("retry-after", "soon"), None);
        assert_eq!(after("ratelimit-reset", "12"), None);
    }
}
