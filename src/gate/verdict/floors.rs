//! One series of figures, judged by the floors of its windows.

/// Windows that the judged iterations are split into.
pub const WINDOWS: usize = 8;
/// Steps between windows that must rise in a leak, of the seven that there are.
const LEAST_RISES: usize = 6;
/// So many times its own error must the average step between the floors of a series be that falls at times. What takes
/// random sizes again and again wanders: of such series whose floors happen to rise, one in forty has as even steps.
const EVENNESS: i128 = 10;
/// Steps that fall in a series that only fluctuates. Of eight floors in random order, fewer fall once in 160 times.
const FALLS_OF_NOISE: usize = 2;

/// Steps between the windows.
const STEPS: i128 = WINDOWS as i128 - 1;

/// How sure it is that growth slows down, by Student's t of the slope of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sureness {
    /// t above 3.4, and the last step three quarters of the first: of things that are kept at random, by a steady rate, fewer
    /// than one in 300 look so.
    Certain,
    /// t above 1, and the last step nine tenths of the first: of such things one in six looks so.
    Likely,
}

/// What the floors of a series say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// It does not go up, or did and has stopped, or goes up and down.
    Steady,
    /// More iterations are needed to tell.
    Open,
    /// It goes up, window after window, and never comes back.
    Rising,
}

/// The lowest value of a series in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floors {
    /// The floors.
    pub lowest: [i64; WINDOWS],
    /// Whether no value of the series, floor or not, is lower than the one before.
    pub never_falls: bool,
}

/// Which window the judged iteration `index` of `count` belongs to; `count` is at least [`WINDOWS`].
pub fn window(index: usize, count: usize) -> usize {
    // The inverse of `window * count / WINDOWS`, where a window begins.
    ((index * WINDOWS + WINDOWS - 1) / count).min(WINDOWS - 1)
}

impl Floors {
    /// The floors of a series; `None` for one that is shorter than the windows are many.
    pub fn of(series: &[i64]) -> Option<Floors> {
        if series.len() < WINDOWS {
            return None;
        }
        let mut floors = [i64::MAX; WINDOWS];
        for (index, value) in series.iter().enumerate() {
            let floor = &mut floors[window(index, series.len())];
            *floor = (*floor).min(*value);
        }
        Some(Floors { lowest: floors, never_falls: series.is_sorted() })
    }

    /// What the last window has above the first.
    pub fn growth(&self) -> i64 {
        self.lowest[WINDOWS - 1].saturating_sub(self.lowest[0])
    }

    /// What they say about memory, of which growth up to `noise` over all windows is none. Where the series falls at
    /// times its floors must rise evenly, too.
    pub fn direction(&self, noise: i64) -> Direction {
        match self.direction_of_floors(noise) {
            Direction::Rising if !self.never_falls && !self.is_even() => Direction::Open,
            direction => direction,
        }
    }

    /// What they say about things that are few, such as descriptors: a step is one or none, and never even. One that was
    /// met at a moment when it was open is none that stays.
    pub fn direction_of_count(&self) -> Direction {
        let later = &self.lowest[WINDOWS / 2..];
        let has_come_back = later.iter().any(|floor| *floor <= self.lowest[0]);
        match self.direction_of_floors(0) {
            Direction::Open if has_come_back || later[WINDOWS / 2 - 1] <= later[0] => Direction::Steady,
            direction => direction,
        }
    }

    fn direction_of_floors(&self, noise: i64) -> Direction {
        let (growth, rises, falls) = (self.growth(), self.rises(), self.falls());
        let recent = self.lowest[WINDOWS - 1].saturating_sub(self.lowest[WINDOWS / 2]);
        if growth <= noise {
            return Direction::Steady;
        }
        if falls == 0 && rises >= LEAST_RISES && recent >= growth / 4 {
            return Direction::Rising;
        }
        if falls >= FALLS_OF_NOISE || rises <= 1 || (recent == 0 && falls == 0) {
            return Direction::Steady;
        }
        Direction::Open
    }

    /// What each window adds to the one before.
    fn steps(&self) -> impl Iterator<Item = i128> {
        self.lowest.windows(2).map(|pair| i128::from(pair[1]) - i128::from(pair[0]))
    }

    /// How much the later steps are larger than the earlier ones: each is weighed by its place from the middle.
    fn tilt(&self) -> i128 {
        self.steps().zip(-(STEPS - 1) / 2..).map(|(step, place)| place * step).sum()
    }

    /// Whether each step tends to be smaller than the one before, and the last ones are much smaller than the first, as
    /// where something fills. Steps are fitted by a straight line: its slope is measured by its own error, that of counts
    /// that come by chance (whose variance is their mean) at the least.
    pub fn slows(&self, sure: Sureness) -> bool {
        let sum: i128 = self.steps().sum();
        let squares = self.steps().fold(0i128, |all, step| all.saturating_add(step.saturating_mul(step)));
        let tilt = self.tilt();
        // With seven steps the slope is tilt / 28. The last step of the line is to be so much of the first at the most.
        let (squared_t, (part, whole)) = match sure {
            Sureness::Certain => (12, (3, 4)),
            Sureness::Likely => (1, (9, 10)),
        };
        if sum <= 0 || 4 * sum * (whole - part) > -3 * tilt * (whole + part) {
            return false;
        }
        // All multiplied by 980, the least common multiple of what is divided by: 7 steps, 28, 5 degrees of freedom.
        let line = sum
            .saturating_mul(sum)
            .saturating_mul(28)
            .saturating_add(tilt.saturating_mul(tilt).saturating_mul(7));
        let around = squares.saturating_mul(196).saturating_sub(line);
        let variance = around.max(sum.saturating_mul(140));
        tilt.saturating_mul(tilt).saturating_mul(980) >= variance.saturating_mul(28 * squared_t)
    }

    /// Whether it may slow down as another series does: it has too few to tell that it does not. Of what comes by chance, and as the
    /// other one, the tilt of the steps differs by four times the root of their sum once in forty times.
    pub fn may_slow_as(&self, other: &Floors) -> bool {
        let (sum, whole) = (i128::from(self.growth()), i128::from(other.growth()));
        let apart = (self.tilt().saturating_mul(whole)).saturating_sub(sum.saturating_mul(other.tilt()));
        let most = whole.saturating_mul(whole).saturating_mul(16).saturating_mul(sum);
        sum > 0 && (apart <= 0 || apart.saturating_mul(apart) <= most)
    }

    /// Where it would end if it went on to slow down as it did, from what its first and its last three steps gained.
    pub fn would_end_at(&self) -> i64 {
        let gained = |from: usize| self.lowest[from + 3].saturating_sub(self.lowest[from]).max(0) as f64;
        let (early, late) = (gained(0), gained(WINDOWS - 4));
        if late >= early {
            return i64::MAX;
        }
        // The two are four steps apart; what is still to come is a geometric series, three steps a term.
        let each = (late / early).sqrt().sqrt();
        let three = each * each * each;
        self.lowest[WINDOWS - 1].saturating_add((late * three / (1.0 - three)).round() as i64)
    }

    /// What is above the floors of others, window by window.
    pub fn without<'a>(&self, others: impl Iterator<Item = &'a Floors>) -> Floors {
        let mut rest = *self;
        for other in others {
            rest.lowest
                .iter_mut()
                .zip(other.lowest)
                .for_each(|(rest, other)| *rest = rest.saturating_sub(other));
        }
        rest
    }

    /// How far the growth of such a series may be from that of another run: four standard errors of the sum of its steps, by the
    /// median of how far they are from their own median. The one step in which a table got larger is no part of it.
    pub fn spread(&self) -> u64 {
        let mut steps: Vec<i64> =
            self.lowest.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        let usual = median(&mut steps);
        let mut far: Vec<i64> =
            steps.iter().map(|step| i64::try_from(step.abs_diff(usual)).unwrap_or(i64::MAX)).collect();
        // 4 · 1.48, of which the median of normal distances is the standard deviation, · √7 steps.
        median(&mut far).unsigned_abs().saturating_mul(16)
    }

    /// The floors of two series together.
    pub fn with(&self, other: &Floors) -> Floors {
        let mut both = *self;
        both.lowest.iter_mut().zip(other.lowest).for_each(|(both, other)| *both = both.saturating_add(other));
        both.never_falls &= other.never_falls;
        both
    }

    /// Whether it goes up and down, and only that.
    pub fn fluctuate(&self) -> bool {
        self.falls() >= FALLS_OF_NOISE
    }

    /// Whether it goes down as a leak goes up: what it loses is what another one gains.
    pub fn is_falling(&self) -> bool {
        self.rises() == 0 && self.falls() >= LEAST_RISES
    }

    /// Whether it goes down and never up.
    pub fn only_falls(&self) -> bool {
        self.rises() == 0 && self.growth() < 0
    }

    /// Whether the steps between floors are so even that they are no chance: Student's t of their average.
    fn is_even(&self) -> bool {
        let steps = STEPS;
        let step = |pair: &[i64]| i128::from(pair[1]) - i128::from(pair[0]);
        let (sum, squares) = self.lowest.windows(2).map(step).fold((0i128, 0i128), |(sum, squares), step| {
            (sum + step, squares.saturating_add(step.saturating_mul(step)))
        });
        let square = sum.saturating_mul(sum);
        // t² = steps · average² / variance, multiplied by what it is divided by.
        let variance = squares.saturating_mul(steps).saturating_sub(square);
        square.saturating_mul(steps - 1) >= variance.saturating_mul(EVENNESS * EVENNESS)
    }

    fn rises(&self) -> usize {
        self.lowest.windows(2).filter(|pair| pair[1] > pair[0]).count()
    }

    fn falls(&self) -> usize {
        self.lowest.windows(2).filter(|pair| pair[1] < pair[0]).count()
    }
}

/// The one in the middle; there is an odd number of steps.
fn median(numbers: &mut [i64]) -> i64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(series: impl IntoIterator<Item = i64>) -> Direction {
        let series: Vec<i64> = series.into_iter().collect();
        Floors::of(&series).unwrap().direction(0)
    }

    #[test]
    fn every_iteration_is_in_the_window_that_its_place_says() {
        for count in [8, 9, 15, 20, 100, 801] {
            let mut sizes = [0; WINDOWS];
            let windows: Vec<usize> = (0..count).map(|index| window(index, count)).collect();
            windows.iter().for_each(|window| sizes[*window] += 1);
            assert!(windows.is_sorted(), "{count}: {windows:?}");
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{count}: {sizes:?}");
        }
    }

    #[test]
    fn what_is_kept_by_every_or_every_tenth_iteration_rises() {
        assert_eq!(direction((0..16).map(|i| 8 * i)), Direction::Rising);
        assert_eq!(direction((0..80).map(|i| i / 10)), Direction::Rising);
        assert_eq!(direction((0..800).map(|i| i / 100)), Direction::Rising);
    }

    #[test]
    fn noise_above_a_leak_does_not_hide_it() {
        let noise = |i: i64| (i * 7919) % 1000;
        assert_eq!(direction((0..400).map(|i| 40 * i + noise(i))), Direction::Rising);
    }

    #[test]
    fn floors_that_rise_by_chance_are_open_and_a_series_that_never_falls_need_not_be_even() {
        let uneven = [0, 1, 900, 901, 1_000, 2_700, 2_710, 4_000];
        assert_eq!(direction(uneven), Direction::Rising);
        let falling_between = uneven.into_iter().flat_map(|floor| [floor + 5_000, floor]);
        assert_eq!(direction(falling_between.clone()), Direction::Open);
        let floors = Floors::of(&falling_between.collect::<Vec<_>>()).unwrap();
        assert_eq!(floors.direction_of_count(), Direction::Rising);
        assert_eq!(direction((0..16).map(|i| 100 * i + i % 2 * 5_000)), Direction::Rising);
    }

    #[test]
    fn a_count_that_was_higher_at_some_moments_is_steady() {
        let of = |floors: [i64; WINDOWS]| Floors::of(&floors).unwrap();
        for floors in [[3, 3, 4, 3, 3, 3, 3, 4], [3, 4, 3, 4, 4, 4, 4, 4]] {
            assert_eq!(of(floors).direction_of_count(), Direction::Steady, "{floors:?}");
            assert_eq!(of(floors).direction(0), Direction::Open, "{floors:?}");
        }
        assert_eq!(of([3, 3, 3, 4, 4, 4, 5, 5]).direction_of_count(), Direction::Open);
        assert_eq!(of([3, 4, 5, 6, 7, 7, 8, 9]).direction_of_count(), Direction::Rising);
    }

    #[test]
    fn what_stops_steps_once_or_fluctuates_is_steady() {
        assert_eq!(direction([7; 8]), Direction::Steady);
        assert_eq!(direction((0..80).map(|i| i64::min(i, 30))), Direction::Steady);
        assert_eq!(direction((0..80).map(|i| i64::from(i > 70) * 4096)), Direction::Steady);
        assert_eq!(direction((0..80).map(|i| i % 25)), Direction::Steady);
        assert_eq!(direction((0..80).map(|i| (i * 7919) % 1000)), Direction::Steady);
        assert_eq!(direction((0..80).map(|i| -i)), Direction::Steady);
    }

    #[test]
    fn a_few_steps_are_open() {
        assert_eq!(direction((0..80).map(|i| i / 25)), Direction::Open);
        assert_eq!(direction((0..80).map(|i| i / 20)), Direction::Open);
    }

    #[test]
    fn growth_within_the_noise_is_none() {
        let floors = Floors::of(&(0..80).collect::<Vec<_>>()).unwrap();
        assert_eq!((floors.growth(), floors.direction(70)), (70, Direction::Steady));
        assert_eq!(floors.direction(69), Direction::Rising);
    }

    #[test]
    fn the_spread_of_a_series_is_that_of_its_steps_but_for_single_ones() {
        let of = |steps: [i64; WINDOWS - 1]| {
            let mut lowest = [0; WINDOWS];
            steps.iter().enumerate().for_each(|(index, step)| lowest[index + 1] = lowest[index] + step);
            Floors { lowest, never_falls: true }
        };
        assert_eq!(of([100; 7]).spread(), 0);
        assert_eq!(of([100, 100, 100, 36_964, 100, 100, 100]).spread(), 0);
        assert_eq!(of([100, 120, 90, 110, 80, 100, 115]).spread(), 160);
        let both = of([100; 7]).with(&of([1, 2, 3, 4, 5, 6, 7]));
        assert_eq!((both.growth(), both.without([of([100; 7])].iter()).growth()), (728, 28));
    }

    #[test]
    fn a_series_that_is_too_short_has_no_floors() {
        assert_eq!(Floors::of(&[1; 7]), None);
        let falling = Floors::of(&[7, 6, 5, 4, 3, 2, 1, 0]).unwrap();
        assert!(falling.is_falling() && falling.only_falls());
        assert!(!Floors::of(&[7, 6, 5, 4, 3, 4, 1, 0]).unwrap().only_falls());
    }
}
