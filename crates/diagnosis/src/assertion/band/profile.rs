//! What it was at this hour of the week, up to four weeks back.

use model::Timestamp;

const HOUR_MS: i64 = 3600 * 1000;
const WEEK_HOURS: i64 = 168;
const WEEKS: usize = 4;

/// Levels this near to each other are the same thing again.
const ALIKE: f32 = 0.3;

/// What is usual at a moment by one model: somewhere between two bounds, most likely `expected`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usual {
    pub(super) expected: f64,
    /// The levels of the two nearest hours: a step between them may come at any moment.
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Usual {
    pub(super) fn flat(level: f64) -> Self {
        Self {
            expected: level,
            least: level,
            most: level,
        }
    }

    /// How far a value lies outside.
    pub(super) fn distance(&self, value: f64) -> f64 {
        (value - self.most).max(0.0) - (self.least - value).max(0.0)
    }
}

/// One level per hour of the week and week; allocated when the first hour is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    /// By hour of the week; newest first; not a number where nothing is known.
    slots: Vec<[f32; WEEKS]>,
    /// By hour of the week, the newest level that was outside the band: it counts once it comes
    /// again, as every night does.
    odd: Vec<f32>,
    /// Hours since the epoch of the newest.
    newest: Option<i64>,
}

impl Profile {
    /// Takes the level of the hour that ended before `at`, or the one that it had outside the
    /// band; whether it was a new hour.
    pub(super) fn push(&mut self, at: Timestamp, level: Option<f64>, odd: Option<f64>) -> bool {
        let hour = at.as_millis().div_euclid(HOUR_MS) - 1;
        let newest = *self.newest.get_or_insert(hour);
        if hour <= newest {
            return false;
        }
        if self.slots.is_empty() {
            self.slots = vec![[f32::NAN; WEEKS]; WEEK_HOURS as usize];
            self.odd = vec![f32::NAN; WEEK_HOURS as usize];
        }
        // What was not measured in between is not known; after four weeks nothing is.
        let first = (newest + 1).max(hour - WEEK_HOURS * WEEKS as i64);
        for missed in first..=hour {
            let level = level.filter(|_| missed == hour);
            let slot = &mut self.slots[missed.rem_euclid(WEEK_HOURS) as usize];
            slot.rotate_right(1);
            slot[0] = level.map_or(f32::NAN, |level| level as f32);
        }
        self.newest = Some(hour);
        if let (None, Some(odd)) = (level, odd) {
            self.push_odd(hour, odd as f32);
        }
        true
    }

    fn push_odd(&mut self, hour: i64, level: f32) {
        let place = |hour: i64| hour.rem_euclid(WEEK_HOURS) as usize;
        let is_same = |before: f32| {
            let apart = (before - level).abs();
            apart <= ALIKE * before.abs().max(level.abs())
        };
        for before in [hour - 24, hour - WEEK_HOURS] {
            let was = self.odd[place(before)];
            if !was.is_nan() && is_same(was) {
                self.slots[place(hour)][0] = level;
                if before != hour - WEEK_HOURS && self.slots[place(before)][0].is_nan() {
                    self.slots[place(before)][0] = was;
                }
            }
        }
        self.odd[place(hour)] = level;
    }

    /// Fills what was left out of the hours that ended before now, the newest first.
    pub(super) fn fill(&mut self, hours: &[Option<f64>]) {
        let Some(newest) = self.newest else {
            return;
        };
        for (hour, level) in (0..).map(|ago| newest - ago).zip(hours) {
            let Some(slot) = self.slots.get_mut(hour.rem_euclid(WEEK_HOURS) as usize) else {
                return;
            };
            if let Some(level) = level.filter(|_| slot[0].is_nan()) {
                slot[0] = level as f32;
            }
        }
    }

    /// What it was at this hour of the three days before.
    pub(super) fn by_day(&self, at: Timestamp) -> Option<Usual> {
        between_hours(at, |hour| {
            let days = [1, 2, 3].map(|day| self.weeks(hour - 24 * day)[0]);
            median(days)
        })
    }

    /// What it was at this hour of the weeks before.
    pub(super) fn by_week(&self, at: Timestamp) -> Option<Usual> {
        between_hours(at, |hour| median(self.weeks(hour)))
    }

    /// The lesser of what it was at this time yesterday and in the weeks before.
    pub(super) fn least(&self, at: Timestamp) -> Option<f64> {
        let yesterday = between_hours(at, |hour| median([self.weeks(hour - 24)[0]]));
        let known = [self.by_week(at), yesterday].into_iter().flatten();
        known.map(|usual| usual.least).min_by(f64::total_cmp)
    }

    /// What is known of this hour in weeks before. The hour itself is not over yet.
    fn weeks(&self, hour: i64) -> [f32; WEEKS] {
        let slot = self.slots.get(hour.rem_euclid(WEEK_HOURS) as usize);
        slot.copied().unwrap_or([f32::NAN; WEEKS])
    }
}

/// Between the levels of the two hours whose middles are nearest.
fn between_hours(at: Timestamp, level: impl Fn(i64) -> Option<f64>) -> Option<Usual> {
    let since_middle = at.as_millis().saturating_sub(HOUR_MS / 2);
    let hour = since_middle.div_euclid(HOUR_MS);
    let part = since_middle.rem_euclid(HOUR_MS) as f64 / HOUR_MS as f64;
    match (level(hour), level(hour + 1)) {
        (Some(before), Some(after)) => Some(Usual {
            expected: before * (1.0 - part) + after * part,
            least: before.min(after),
            most: before.max(after),
        }),
        (one, other) => one.or(other).map(Usual::flat),
    }
}

/// Of those that are known.
fn median<const N: usize>(mut levels: [f32; N]) -> Option<f64> {
    levels.sort_unstable_by(f32::total_cmp);
    let n = levels.iter().filter(|level| !level.is_nan()).count();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(f64::from(levels[n / 2])),
        _ => Some(f64::midpoint(
            f64::from(levels[n / 2 - 1]),
            f64::from(levels[n / 2]),
        )),
    }
}
