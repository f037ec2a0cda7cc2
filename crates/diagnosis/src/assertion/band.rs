//! What a KPI usually is, learned as its values come by.
//!
//! A band keeps a fixed amount of memory whatever it has seen, asks for no history while it runs
//! and is never stored: it is learned again from history, at once. Two models of the usual run
//! side by side, the level of the last day and the hour of the week; the one that has been nearer
//! is used. How far a value may lie from it follows from how far values *stayed* away from it in
//! the past (see [`calibration`]), not from a variance: tails of real KPIs are heavy, and noise
//! that comes and goes is nobody's concern. See docs/decisions/bands.md.

mod calibration;
mod period;
mod profile;
mod reading;
mod recent;
mod window;

use std::time::Duration;

use model::Timestamp;

use self::calibration::Calibration;
use self::profile::{Profile, Usual};
pub use self::reading::{Abstention, BandOptions, Expectation, Model, Noise, Outside, Side};
use self::recent::Recent;
use self::window::{Point, Window};

/// Larger numbers are taken for this one, so that sums of them stay finite.
const VALUE_MAX: f64 = 1e30;

/// A day of history makes the level of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// With less than a day of history nobody knows whether it is always like this at this hour, and
/// with less than eight days whether weekends differ: a change must be so many times the smallest
/// effect.
const DAY_UNKNOWN_FACTOR: f64 = 2.5;
const WEEK_UNKNOWN_FACTOR: f64 = 1.5;

/// The seasonal model must be this much nearer than the flat one, or it only adds its own noise.
const SEASONAL_GAIN: f64 = 0.8;

const MODELS: [Model; 3] = [Model::Day, Model::HourOfDay, Model::HourOfWeek];

/// The slow judgement averages this many buckets: half an hour of minutes.
const SLOW_BUCKETS: usize = 30;

/// An outside ends when values are back within this share of the way to the bound.
const BACK_WITHIN: f64 = 0.8;

/// Fewer events than this in half an hour are too few for a mean: their noise is a third of it.
const EVENTS_MIN: f64 = 10.0;

/// See the module.
#[derive(Clone, Debug)]
pub struct Band {
    options: BandOptions,
    bucket_ms: i64,
    open: Option<Open>,
    last_ms: Option<i64>,
    /// The usual distance of values, milliseconds; a bucket is closed when no more can come.
    step_ms: i64,
    first_ms: Option<i64>,
    window: Window,
    recent: Recent,
    profile: Profile,
    /// By [`Model::place`].
    calibrations: [Calibration; 3],
    /// The model that has been nearest, if that is a seasonal one.
    seasonal: Option<Model>,
    period: Option<Duration>,
    outside: Option<Outside>,
}

/// How the last buckets stand to the band: above, below. 1 is the bound.
#[derive(Clone, Copy, Debug)]
struct Standing {
    expectation: Expectation,
    /// All of the hold reach this far, or the mean of the slow window does.
    reach: [f64; 2],
    slow: [f64; 2],
    /// One of the hold reaches this far.
    worst: [f64; 2],
    deviation: f64,
}

impl Standing {
    fn is_back(&self, side: Side) -> bool {
        let place = match side {
            Side::Above => 0,
            Side::Below => 1,
        };
        self.worst[place] < BACK_WITHIN && self.slow[place] < BACK_WITHIN
    }
}

/// The bucket that values still go to.
#[derive(Clone, Copy, Debug)]
struct Open {
    index: i64,
    sum: f64,
    n: u32,
}

impl Band {
    pub fn new(options: BandOptions) -> Self {
        let bucket_ms = i64::try_from(options.bucket.as_millis()).unwrap_or(i64::MAX);
        let bucket_ms = bucket_ms.clamp(1, DAY_MS);
        let hold_ms = i64::try_from(options.hold.as_millis()).unwrap_or(DAY_MS);
        let hold = usize::try_from(hold_ms / bucket_ms).unwrap_or(usize::MAX);
        Self {
            options,
            bucket_ms,
            open: None,
            last_ms: None,
            step_ms: bucket_ms,
            first_ms: None,
            window: Window::new(hold.clamp(2, SLOW_BUCKETS / 2), SLOW_BUCKETS),
            recent: Recent::new(bucket_ms),
            profile: Profile::default(),
            calibrations: std::array::from_fn(|_| Calibration::new(bucket_ms)),
            seasonal: None,
            period: None,
            outside: None,
        }
    }

    /// Takes history, in order.
    pub fn learn(&mut self, samples: &[(Timestamp, f64)]) {
        for &(at, value) in samples {
            self.observe(at, value);
        }
    }

    /// Takes a value. One that is no number, or not later than the one before, is nothing.
    pub fn observe(&mut self, at: Timestamp, value: f64) {
        let ms = at.as_millis();
        if !value.is_finite() || self.last_ms.is_some_and(|last| ms <= last) {
            return;
        }
        let value = value.clamp(-VALUE_MAX, VALUE_MAX);
        if let Some(last) = self.last_ms {
            // Follows the shortest distance at once and a longer one slowly: gaps are no step.
            let gap = ms.saturating_sub(last);
            let grown = self.step_ms.saturating_add((self.step_ms / 8).max(1));
            self.step_ms = gap.min(grown);
        }
        self.last_ms = Some(ms);
        self.first_ms.get_or_insert(ms);
        let index = ms.div_euclid(self.bucket_ms);
        match &mut self.open {
            Some(open) if open.index == index => {
                open.sum += value;
                open.n += 1;
            }
            _ => {
                self.close();
                self.open = Some(Open {
                    index,
                    sum: value,
                    n: 1,
                });
            }
        }
        // Values come a little late or early.
        let next = ms
            .saturating_add(self.step_ms)
            .saturating_add(self.step_ms / 8);
        if next.div_euclid(self.bucket_ms) > index {
            self.close();
        }
    }

    /// What is usual at `at`, or why nobody can say.
    pub fn expect(&self, at: Timestamp) -> Result<Expectation, Abstention> {
        self.abstention(at)?;
        let young = Abstention::Young {
            seen: self.seen(at),
            needed: self.options.history_min,
        };
        let (usual, calibration, model) = self.model(at).ok_or(young)?;
        let expected = usual.expected;
        let upper = calibration.bound(Side::Above, false).ok_or(young)?;
        let lower = calibration.bound(Side::Below, false).ok_or(young)?;
        let unit = self.unit(expected);
        let least = self.effect_min(expected, model);
        let above = (upper * unit).max(least);
        let below = (lower * unit).max(least);
        if above > 20.0 * self.reference(expected) {
            return Err(Abstention::Erratic);
        }
        let is_positive = self.recent.least() >= 0.0;
        let lower = usual.least - below;
        Ok(Expectation {
            expected,
            lower: if is_positive { lower.max(0.0) } else { lower },
            upper: usual.most + above,
            scale: calibration.spread() * unit,
            model,
        })
    }

    /// Values that have stayed outside the band until the last one.
    pub fn outside(&self) -> Option<Outside> {
        self.outside
    }

    /// What it is at `at` without any band: also of a series that is too erratic for one.
    pub fn usual(&self, at: Timestamp) -> Option<f64> {
        self.model(at).map(|(usual, _, _)| usual.expected)
    }

    /// The least that it is at this time of day, of what is known of yesterday, of the weeks
    /// before and of the last hour if there is nothing else.
    pub fn usual_least(&self, at: Timestamp) -> Option<f64> {
        let seasonal = self.profile.least(at);
        seasonal.or_else(|| self.recent.level())
    }

    /// How long values have been seen.
    pub fn seen(&self, at: Timestamp) -> Duration {
        self.first_ms
            .map_or(Duration::ZERO, |ms| at.since(Timestamp::from_millis(ms)))
    }

    fn abstention(&self, at: Timestamp) -> Result<(), Abstention> {
        let seen = self.seen(at);
        let needed = self.options.history_min;
        if seen < needed {
            return Err(Abstention::Young { seen, needed });
        }
        if self.recent.is_mostly_zero() {
            return Err(Abstention::Erratic);
        }
        let half_hour = self.bucket_ms as f64 * SLOW_BUCKETS as f64 / 1000.0;
        let events = self.usual(at).unwrap_or(0.0) * half_hour;
        if self.options.noise == Noise::Counted && events < EVENTS_MIN {
            return Err(Abstention::TooFewEvents);
        }
        if let Some(period) = self.period {
            return Err(Abstention::Periodic(period));
        }
        Ok(())
    }

    /// The expected value and how well the model that says it is known.
    fn model(&self, at: Timestamp) -> Option<(Usual, &Calibration, Model)> {
        let seasonal = self.seasonal.and_then(|model| {
            let expected = self.usual_by(model, at)?;
            Some((expected, model))
        });
        let flat = || {
            let is_day = self.recent.is_a_day();
            let model = if is_day { Model::Day } else { Model::Hour };
            Some((Usual::flat(self.recent.level()?), model))
        };
        let (usual, model) = seasonal.or_else(flat)?;
        Some((usual, &self.calibrations[model.place()], model))
    }

    fn usual_by(&self, model: Model, at: Timestamp) -> Option<Usual> {
        match model {
            Model::Hour | Model::Day => self.recent.level().map(Usual::flat),
            Model::HourOfDay => self.profile.by_day(at),
            Model::HourOfWeek => self.profile.by_week(at),
        }
    }

    /// What a change is measured against: the expected value, but never next to nothing.
    fn reference(&self, expected: f64) -> f64 {
        expected
            .abs()
            .max(0.1 * self.recent.peak())
            .max(self.options.floor)
    }

    /// The unit of a residual at this level, so that residuals of all hours are alike.
    fn unit(&self, expected: f64) -> f64 {
        let reference = self.reference(expected);
        match self.options.noise {
            Noise::Relative => reference,
            Noise::Counted => {
                let seconds = self.bucket_ms as f64 / 1000.0;
                (0.01 * reference * reference + reference / seconds).sqrt()
            }
        }
    }

    fn effect_min(&self, expected: f64, model: Model) -> f64 {
        let seen_ms = self.last_ms.unwrap_or(0) - self.first_ms.unwrap_or(0);
        let factor = match model {
            Model::Hour => DAY_UNKNOWN_FACTOR,
            _ if seen_ms < 8 * DAY_MS => WEEK_UNKNOWN_FACTOR,
            Model::Day | Model::HourOfDay | Model::HourOfWeek => 1.0,
        };
        let least = self.options.effect_min * factor * self.reference(expected);
        least.max(self.options.floor)
    }

    /// Judges the open bucket and learns from it.
    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let value = open.sum / f64::from(open.n);
        let start = open.index.saturating_mul(self.bucket_ms);
        let at = Timestamp::from_millis(start.saturating_add(self.bucket_ms / 2));
        let residual = |usual: Usual| {
            let unit = self.unit(usual.expected);
            (unit > 0.0).then(|| usual.distance(value) / unit)
        };
        let point = Point {
            index: open.index,
            value,
            residuals: MODELS.map(|model| self.usual_by(model, at).and_then(residual)),
        };
        let learnt = self.window.push(point);
        self.judge(at);
        let is_outside = self.outside.is_some();
        for (place, calibration) in self.calibrations.iter_mut().enumerate() {
            let sustained = self
                .window
                .sustained(|point| point.residuals[place], calibration.far());
            calibration.record(open.index, sustained, point.residuals[place], is_outside);
        }
        if let Some(learnt) = learnt {
            self.take(learnt, is_outside);
        }
        if self.has_stayed(at) {
            self.accept();
        }
    }

    /// A value becomes part of the past once it is the hold old; it counts for what is usual when
    /// nothing came of it.
    fn take(&mut self, learnt: Point, is_outside: bool) {
        let at = Timestamp::from_millis(learnt.index.saturating_mul(self.bucket_ms));
        if !self.recent.push(learnt.index, learnt.value, is_outside) {
            return;
        }
        let (level, with_outside) = self.recent.last_hour();
        if self.profile.push(at, level, with_outside) {
            self.seasonal = self.nearest_season();
            self.period = period::find(self.recent.entries(), self.recent.entry());
        }
    }

    /// The seasonal model that is known for long enough and has been nearest, if that pays.
    fn nearest_season(&self) -> Option<Model> {
        let flat = &self.calibrations[0];
        let mut nearest = (SEASONAL_GAIN * flat.spread(), None);
        for (model, known_ms) in [(Model::HourOfDay, DAY_MS), (Model::HourOfWeek, 3 * DAY_MS)] {
            let calibration = &self.calibrations[model.place()];
            let is_known = calibration.len_ms() >= known_ms;
            // A sawtooth that happens to fit the day fits well, until it fits no more.
            let is_safer = calibration.width() < flat.width();
            if is_known && is_safer && calibration.spread() < nearest.0 {
                nearest = (calibration.spread(), Some(model));
            }
        }
        nearest.1
    }

    fn judge(&mut self, at: Timestamp) {
        if self.expect(at).is_err() {
            self.outside = None;
            return;
        }
        // After a gap it is as it was until there is enough to judge by.
        let Some(standing) = self.standing(at) else {
            return;
        };
        let value = self.window.mean();
        match &mut self.outside {
            None => {
                let [above, below] = standing.reach;
                let side = if above >= below {
                    Side::Above
                } else {
                    Side::Below
                };
                if above.max(below) < 1.0 {
                    return;
                }
                let expectation = standing.expectation;
                self.outside = Some(Outside {
                    side,
                    since: at,
                    expected: expectation.expected,
                    limit: match side {
                        Side::Above => expectation.upper,
                        Side::Below => expectation.lower,
                    },
                    value,
                    deviation: standing.deviation,
                });
            }
            Some(outside) if standing.is_back(outside.side) => self.outside = None,
            Some(outside) => {
                outside.value = value;
                outside.deviation = standing.deviation;
            }
        }
    }

    /// How the last buckets stand to the band; `None` when there is no band.
    fn standing(&self, at: Timestamp) -> Option<Standing> {
        let expectation = self.expect(at).ok()?;
        let (usual, calibration, model) = self.model(at)?;
        let expected = usual.expected;
        let residual = |point: &Point| point.residuals[model.place()];
        let unit = Some(self.unit(expected)).filter(|unit| *unit > 0.0)?;
        let least = self.effect_min(expected, model) / unit;
        let sustained = self.window.sustained(residual, calibration.far());
        let reach = |side: Side, slow: bool| {
            let bound = calibration.bound(side, slow).unwrap_or(f64::INFINITY);
            sustained.of(side, slow).unwrap_or(0.0) / bound.max(least)
        };
        let bound = |side| calibration.bound(side, false).unwrap_or(0.0).max(least);
        let (nearest, farthest) = self.window.nearest(residual)?;
        let slow = [reach(Side::Above, true), reach(Side::Below, true)];
        Some(Standing {
            expectation,
            reach: [
                reach(Side::Above, false).max(slow[0]),
                reach(Side::Below, false).max(slow[1]),
            ],
            slow,
            worst: [farthest / bound(Side::Above), -nearest / bound(Side::Below)],
            deviation: self.window.mean_of(residual) / calibration.spread().max(1e-9),
        })
    }

    /// Whether it has been outside for as long as it takes to call that the new usual: a day, or
    /// as long as it was watched before if that is less, but an hour at least.
    fn has_stayed(&self, at: Timestamp) -> bool {
        let Some(outside) = self.outside else {
            return false;
        };
        let before = self.seen(outside.since).as_millis();
        let hour = 60 * i128::from(self.bucket_ms);
        let before = i128::try_from(before).unwrap_or(i128::MAX);
        let needed = before.clamp(hour, i128::from(DAY_MS).max(hour));
        i128::try_from(at.since(outside.since).as_millis()).unwrap_or(0) >= needed
    }

    /// Takes what it is now for usual. The seasonal models must prove themselves again.
    fn accept(&mut self) {
        self.outside = None;
        let hours = self.recent.accept();
        self.profile.fill(&hours);
        self.seasonal = None;
        for calibration in &mut self.calibrations[1..] {
            *calibration = Calibration::new(self.bucket_ms);
        }
        self.window.clear();
    }
}

#[cfg(test)]
mod tests;
