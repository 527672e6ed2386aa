//! A series in one line of text: `▁▂▃▄▅▆▇█`.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Longest sparkline; a longer series is shown by the lowest figure of each of so many windows.
const WIDEST: usize = 32;

/// The series as bars between its smallest and largest figure.
pub(super) fn sparkline(series: &[u64]) -> String {
    let points = floors(series);
    let (Some(low), Some(high)) = (points.iter().min(), points.iter().max()) else { return String::new() };
    let range = u128::from(high - low);
    let bar = |point: &u64| {
        let above = u128::from(point - low);
        let step = (above * (BARS.len() as u128 - 1) + range / 2).checked_div(range).unwrap_or(0);
        BARS[step as usize]
    };
    points.iter().map(bar).collect()
}

/// At most `WIDEST` figures: each the minimum of its window, since what a leak raises is the floor.
fn floors(series: &[u64]) -> Vec<u64> {
    let windows = series.len().min(WIDEST);
    let bound = |window: usize| window * series.len() / windows;
    (0..windows).filter_map(|window| series[bound(window)..bound(window + 1)].iter().min().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_in_eight_steps_uses_every_bar() {
        assert_eq!(sparkline(&[10, 20, 30, 40, 50, 60, 70, 80]), "▁▂▃▄▅▆▇█");
    }

    #[test]
    fn flat_empty_and_extreme_series_are_shown_too() {
        assert_eq!(sparkline(&[5, 5, 5]), "▁▁▁");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[0, u64::MAX]), "▁█");
    }

    #[test]
    fn long_series_are_shown_by_the_floors_of_32_windows() {
        let spikes: Vec<u64> =
            (0..640).map(|index| if index % 2 == 0 { index / 20 } else { 10_000 }).collect();
        let shown = sparkline(&spikes);
        assert_eq!(shown.chars().count(), 32);
        assert!(shown.starts_with('▁') && shown.ends_with('█'));
    }
}
